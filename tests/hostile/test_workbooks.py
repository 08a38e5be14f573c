"""Workbooks made to break a reader: bounded memory and time, a message, never a crash."""

import io
import subprocess
import sys
import time
import zipfile

import pytest
import xlsxwriter
import xlwt

from circle15.errors import InputError
from circle15.read import workbooks
from circle15.read.institutions import read_institutions
from circle15.words import LANGS, word_error

HEAD = b'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
TAIL = b"</sheetData></worksheet>"
ROWS = (
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c><c r="B1" t="inlineStr"><is><t>name</t></is></c>'
    b'<c r="C1" t="inlineStr"><is><t>lon</t></is></c><c r="D1" t="inlineStr"><is><t>lat</t></is></c></row>'
    b'<row r="2"><c r="A2" t="inlineStr"><is><t>P1</t></is></c><c r="B2" t="inlineStr"><is><t>a</t></is></c>'
    b'<c r="C2"><v>105</v></c><c r="D2"><v>37</v></c></row>'
)


def package(path, *, sheet=HEAD + ROWS + TAIL, shared=None, more=None, compress=zipfile.ZIP_DEFLATED):
    """A workbook with one sheet of given XML."""
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held)
    book.add_worksheet("药店").write(0, 0, "x")
    book.close()
    with zipfile.ZipFile(held) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    parts["xl/worksheets/sheet1.xml"] = sheet
    if shared is not None:
        parts["xl/sharedStrings.xml"] = shared
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, data in {**parts, **(more or {})}.items():
            archive.writestr(name, data)
    return path


def read(path):
    return read_institutions(path, datum="wgs84").table


def refused(path, *, seconds=5.0):
    """Ids of the problems of a file that is refused quickly, in words."""
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        read(path)
    assert time.monotonic() - start < seconds
    for lang in LANGS:
        assert word_error(caught.value, lang)
    return [p.id for p in caught.value.problems]


def test_the_plain_package_reads(tmp_path):
    assert read(package(tmp_path / "a.xlsx"))["name"].tolist() == ["a"]


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_UNPACKED_BYTES", 30_000_000)
    zeros = b" " * (workbooks.MAX_UNPACKED_BYTES + 1)
    path = package(tmp_path / "a.xlsx", more={"xl/worksheets/sheet2.xml": zeros})
    assert path.stat().st_size < 1_000_000
    assert refused(path) == ["workbook_unpacked"]


def test_a_bomb_among_pictures_is_left_packed(tmp_path, monkeypatch):
    monkeypatch.setattr(workbooks, "MAX_UNPACKED_BYTES", 30_000_000)
    path = package(tmp_path / "a.xlsx", more={"xl/media/image1.png": b" " * (workbooks.MAX_UNPACKED_BYTES + 1)})
    assert len(read(path)) == 1


def test_a_part_that_declares_less_than_it_holds_is_cut_there(tmp_path):
    path = package(tmp_path / "a.xlsx", sheet=HEAD + ROWS + b" " * 50_000_000 + TAIL)
    data = bytearray(path.read_bytes())
    size = len(HEAD + ROWS + TAIL) + 50_000_000
    false = (1000).to_bytes(4, "little")
    path.write_bytes(bytes(data).replace(size.to_bytes(4, "little"), false))
    assert refused(path) == ["file_unreadable"]


def test_thousands_of_parts_are_refused(tmp_path):
    more = {f"xl/worksheets/s{i}.xml": b"" for i in range(workbooks.MAX_PARTS)}
    assert refused(package(tmp_path / "a.xlsx", more=more, compress=zipfile.ZIP_STORED)) == ["workbook_parts"]


ENTITIES = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (ord("b") + i, b"&%c;" % (ord("a") + i) * 10) for i in range(9))
    + b"]>"
)


@pytest.mark.parametrize("place", ["sheet", "shared"])
def test_an_entity_bomb_never_unfolds(tmp_path, place):
    text = HEAD.replace(b"<worksheet", ENTITIES + b"<worksheet") + ROWS.replace(b">a<", b">&j;<") + TAIL
    shared = (
        b'<?xml version="1.0"?>'
        + ENTITIES
        + b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&j;</t></si></sst>'
    )
    path = package(tmp_path / "a.xlsx", **({"sheet": text} if place == "sheet" else {"shared": shared}))
    assert refused(path) == ["file_unreadable"]


@pytest.mark.parametrize(
    "cell",
    [
        b'<c r="XFD1048576"><v>1</v></c>', b"<c r='XFD1048576'><v>1</v></c>", b'<c  r = "XFD1048576" ><v>1</v></c>',
        b'<c s="1" r="XFD1048576"><v>1</v></c>', b'<x:c r="XFD1048576"><x:v>1</x:v></x:c>',
        b'<c r="ZZZZ9999999"><v>1</v></c>', b'<c\nr="XFD1048576"><v>1</v></c>',
    ],
)  # fmt: skip
def test_one_cell_at_the_far_corner_is_refused_before_memory_is_asked_for(tmp_path, cell):
    head = HEAD.replace(
        b"<worksheet", b'<worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    )
    path = package(tmp_path / "a.xlsx", sheet=head + ROWS + b'<row r="3">' + cell + b"</row>" + TAIL)
    assert refused(path) in (["sheet_too_large"], ["file_unreadable"])


def test_formats_out_to_the_far_corner_are_passed_over(tmp_path):
    far = b'<row r="1048576"><c r="XFD1048576" s="0"/></row>'
    assert len(read(package(tmp_path / "a.xlsx", sheet=HEAD + ROWS + far + TAIL))) == 1


def test_cells_that_do_not_say_where_they_stand_are_counted(tmp_path):
    bare = b"<row>" + b"<c><v>1</v></c>" * 20_000 + b"</row>" + b"<row><c><v>1</v></c></row>" * 3000
    assert refused(package(tmp_path / "a.xlsx", sheet=HEAD + ROWS + bare + TAIL)) == ["sheet_too_large"]


def test_a_sheet_of_a_million_rows_is_a_message(tmp_path):
    rows = b"".join(b'<row r="%d"><c r="N%d"><v>1</v></c></row>' % (i, i) for i in range(1, 1_048_577))
    path = package(tmp_path / "a.xlsx", sheet=HEAD + rows + TAIL, compress=zipfile.ZIP_STORED)
    assert refused(path, seconds=20) == ["sheet_too_large"]


def test_one_long_shared_string_in_every_cell_is_refused(tmp_path):
    shared = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>'
        + b"x" * 10_000_000
        + b"</t></si></sst>"
    )
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (i, i) for i in range(1, 2000))
    assert refused(package(tmp_path / "a.xlsx", sheet=HEAD + cells + TAIL, shared=shared)) == ["workbook_text"]


def test_a_cell_of_ten_megabytes_is_a_name_of_ten_megabytes_or_a_message(tmp_path):
    long = b"x" * 10_000_000
    table = read(package(tmp_path / "a.xlsx", sheet=HEAD + ROWS.replace(b"<t>a</t>", b"<t>" + long + b"</t>") + TAIL))
    assert len(table["name"].iloc[0]) == 10_000_000
    (tmp_path / "a.csv").write_bytes(b"id,name,lon,lat\nP1," + long + b",105,37\n")
    assert refused(tmp_path / "a.csv") == ["cell_too_long"]


@pytest.mark.parametrize("half", [b"&#xD800;", b"\xed\xa0\x80", b"_xD800_"])
def test_half_a_character_in_a_cell_is_a_message_or_a_name_as_it_stands(tmp_path, half):
    path = package(tmp_path / "a.xlsx", sheet=HEAD + ROWS.replace(b"<t>a</t>", b"<t>" + half + b"</t>") + TAIL)
    if half.startswith(b"_"):
        assert read(path)["name"].tolist() == ["_xD800_"]
    else:
        assert refused(path) == ["file_unreadable"]


def test_a_password_is_said(tmp_path):
    path = package(tmp_path / "a.xlsx")
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:  # the mark of encryption in every entry of the directory
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(bytes(data))
    assert refused(path) == ["file_password"]


def old_book(path, rows):
    book = xlwt.Workbook(encoding="utf-8")
    page = book.add_sheet("药店")
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            page.write(i, j, cell)
    book.save(str(path))
    return path


def test_an_old_workbook_that_claims_billions_of_cells_ends_in_a_message(tmp_path):
    path = old_book(tmp_path / "a.xls", [["id", "name", "lon", "lat"], ["P1", "a", 105.123456, 37.123456]])
    data = path.read_bytes()
    last = data.find(bytes.fromhex("03020e00"), data.find(bytes.fromhex("03020e00")) + 4)  # the second NUMBER record
    path.write_bytes(data[: last + 4] + b"\xff\xff\xff\xff" + data[last + 8 :])
    assert refused(path, seconds=20) == ["file_damaged"]


def test_the_memory_of_a_reading_is_bounded(tmp_path):
    """A tenth of the largest sheet that opens, in a process of its own: libraries and table within 600 MB."""
    rows = "".join(f"P{i},a{i},105.1,37.5,x,x,x,x,x,x,x,x,x,x\n" for i in range(57_000))
    (tmp_path / "药店.csv").write_text("id,name,lon,lat,a,b,c,d,e,f,g,h,i,j\n" + rows, encoding="utf-8")
    code = (
        "import re, sys; from pathlib import Path; from circle15.read.institutions import read_institutions;"
        "t = read_institutions(sys.argv[1], datum='wgs84').table; assert len(t) == 57_000;"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "药店.csv")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 600

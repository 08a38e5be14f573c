"""What is fuzzed 模糊测试: each target takes bytes and may only end in a table or in worded problems.

Used by `fuzz.py` (coverage-guided, atheris) and by the short test in the suite.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import json
import os
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import xlsxwriter
import xlwt

from circle15.errors import Circle15Error, Problem
from circle15.policy.plan import load_plan
from circle15.read.branches import codes
from circle15.read.city import load_city
from circle15.read.coordinates import read_axis
from circle15.read.dates import dates, days_from_1904
from circle15.read.faults import Faults, word_assumption
from circle15.read.files import Reading
from circle15.read.institutions import read_institutions
from circle15.read.ledgers import read_events, read_indicators
from circle15.read.packed import unpacked
from circle15.read.pairs import pair_of
from circle15.read.places import read_places
from circle15.read.points import read_positions
from circle15.read.population import read_population
from circle15.read.sites import read_sites
from circle15.read.tables import read_tables
from circle15.read.values import Column, numbers, texts
from circle15.schema import Assumption
from circle15.words import LANGS, word_problem

warnings.filterwarnings("error", module=r"circle15\.")  # what numbers do to numpy must not reach a user either

DAY = dt.date(2026, 4, 30)
HEADER = "医保编码,机构名称,机构类型,地址,等级,床位数,双通道,定点起始日期,定点终止日期,经度,纬度,有效标志,联系电话"
ROWS = (
    "P64050200001,甲药房,零售药店,甲街1号,,,是,2020-01-01,长期,105.02,37.51,1,13900000001",
    "H64050200002,乙医院,综合医院,乙街2号,三级甲等,1.2万张,否,20200101,2027年12月,105°11′24″,37.52,1,",
    "H64050200002,乙医院东院区,医院,丙街3号,二级,１２,/,45930,,105.2,37.5,正常,",
)


@functools.cache
def folder() -> Path:
    """A folder in memory where there is one."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - files of one byte string each
    return Path(tempfile.mkdtemp(prefix="circle15-fuzz-", dir=base))


def written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


def worded(read: Callable[[], object]) -> None:
    """Run a reading; whatever it tells must be a sentence in both languages."""
    try:
        found = read()
    except Circle15Error as raised:
        said(raised.problems, ())
        return
    if isinstance(found, Reading):
        said(found.warnings, found.assumptions)


_SAID: set[tuple[object, ...]] = set()


def said(problems: Sequence[Problem], assumptions: Sequence[Assumption]) -> None:
    """Word the first of each, and every one whose sentence, slots or place have not been worded before.

    A sentence is its template and its slots; what stands in them goes through the same `safe` whichever it is.
    """
    for told, key_of, say in (
        (problems, lambda p: (p.id, p.row is None, p.column is None, *p.params), word_problem),
        (assumptions, lambda a: (a.what, *a.params), word_assumption),
    ):
        for i, one in enumerate(told):
            key = key_of(one)
            if i == 0 or key not in _SAID:
                _SAID.add(key)
                assert all(say(one, lang).strip() for lang in LANGS)


def cells_of(data: bytes) -> list[object]:
    """Cells of every kind that a reader hands on: text, numbers, dates, yes and no, nothing."""
    cells: list[object] = []
    for piece in data.split(b"\n")[:50]:
        kind, rest = piece[:1], piece[1:]
        if kind == b"f":
            cells.append(struct.unpack("d", (rest + bytes(8))[:8])[0])
        elif kind == b"d":
            cells.append(dt.datetime(1900, 1, 1) + dt.timedelta(minutes=int.from_bytes(rest[:4], "little") % 10**9))  # noqa: DTZ001 - days have no zone
        elif kind in {b"t", b"b", b"n"}:
            cells.append({b"t": dt.timedelta(days=1), b"b": True, b"n": None}[kind])
        else:
            cells.append(piece.decode("utf-8", "replace"))
    return cells


def values(data: bytes) -> None:
    column = Column(cells_of(data), range(1, 51), "x", "s")
    faults = Faults("a.xlsx")
    numbers(column, faults, minimum=0.0)
    texts(column, faults)
    codes(column, faults)
    unpacked(read_axis(column.cells))
    positions = read_positions(column, column, faults, datum="gcj02", near=(104.0, 36.0, 106.0, 38.0))
    assert len(positions.lon) == len(column.cells)
    for cell in column.cells:
        pair_of(cell)
    said(faults.problems, faults.assumed)


def days(data: bytes) -> None:
    column = Column(cells_of(data), range(1, 51), "x", "s")
    faults = Faults("a.xlsx")
    dates(column, faults)
    dates(column, faults, ends=True)
    days_from_1904(column, faults)
    said(faults.problems, faults.assumed)


def register_csv(data: bytes) -> None:
    path = written("a.csv", data)
    worded(lambda: read_institutions(path, datum="gcj02", as_of=DAY))


def other_csv(data: bytes) -> None:
    path = written("b.csv", data[1:])
    which = data[0] % 4 if data else 0
    readers = (read_sites, read_indicators, read_events, functools.partial(read_population, datum="wgs84"))
    worded(lambda: readers[which](path))


def sheet_xml(data: bytes) -> None:
    """Sheet, shared strings and workbook parts of a package that is sound otherwise."""
    parts = template()
    names = ("xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml")
    for name, part in zip(names, data.split(b"\x00\x00"), strict=False):
        parts[name] = part
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part)
    path = written("a.xlsx", packed.getvalue())
    worded(lambda: read_institutions(path, datum="gcj02", as_of=DAY))


def package(data: bytes) -> None:
    path = written("b.xlsx", b"PK\x03\x04" + data)
    worded(lambda: read_institutions(path, datum="gcj02"))


def old_sheet(data: bytes) -> None:
    """An .xls, read by a process of its own: slow, a few runs only."""
    path = written("a.xls", b"\xd0\xcf\x11\xe0" + data)
    worded(lambda: read_institutions(path, datum="gcj02"))


def geojson(data: bytes) -> None:
    path = written("a.geojson", data)
    worded(lambda: read_institutions(path, datum="gcj02", service="pharmacy"))
    worded(lambda: read_places(path, level="district", datum="wgs84"))


def city(data: bytes) -> None:
    path = written("city.toml", data)
    worded(lambda: load_city(path))


def plan(data: bytes) -> None:
    path = written("plan.toml", data)
    written("plan.txt", PLAN_TEXT.encode())
    worded(lambda: load_plan(path))


def overlay(data: bytes) -> None:
    path = written("overlay.toml", data)
    worded(lambda: load_plan("zhongwei", overlay=path))


def rows(data: bytes) -> None:
    path = written("c.csv", data)
    for kind in ("institution", "event"):
        worded(lambda kind=kind: read_tables(path, Faults("c.csv"), kind=kind))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "values": values, "days": days, "rows": rows, "register_csv": register_csv, "other_csv": other_csv,
    "sheet_xml": sheet_xml, "package": package, "old_sheet": old_sheet, "geojson": geojson, "city": city, "plan": plan,
    "overlay": overlay,
}  # fmt: skip

PLAN_TEXT = "每个服务圈内定点零售药店不超过3家。"
PLAN = """\
schema = 1
[plan]
id = "toy"
title = "玩具市规划"
city = "玩具市"
text = "plan.txt"
[circle]
radius_m = 800
[[rule]]
kind = "circle_cap"
id = "cap"
title = "圈内上限"
services = ["pharmacy"]
max = 3
force = "must"
clause = "一"
quote = "不超过3家"
"""
CITY = """\
[city]
name = "手绘市"
plan = "zhongwei"
as_of = 2026-04-30
[institutions]
file = "register.csv"
datum = "wgs84"
columns = { name = "机构" }
[[places]]
file = "places.geojson"
level = "district"
datum = "wgs84"
[population]
file = "population.tif"
"""
OVERLAY = """\
plan = "zhongwei"
[[mark]]
place = "640502"
settings = ["subdistrict"]
"""


@functools.cache
def _template() -> dict[str, bytes]:
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held)
    page = book.add_worksheet("药店")
    page.merge_range("A1:M1", "中卫市名册")
    for i, line in enumerate((HEADER, *ROWS), start=1):
        page.write_row(i, 0, line.split(","))
    page.write_number("J3", 105.02)
    page.write_number("H3", 45930)
    book.close()
    with zipfile.ZipFile(held) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


def template() -> dict[str, bytes]:
    """Parts of a small sound workbook."""
    return dict(_template())


def _zipped(parts: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return held.getvalue()[4:]


def _old_book() -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    page = book.add_sheet("药店")
    for i, line in enumerate((HEADER, *ROWS)):
        for j, cell in enumerate(line.split(",")):
            page.write(i, j, cell)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()[4:]


def _features() -> bytes:
    point = {"type": "Point", "coordinates": [105, 37]}
    area = {"type": "Polygon", "coordinates": [[[105, 37], [106, 37], [106, 38], [105, 37]]]}
    features = [
        {"type": "Feature", "properties": {"id": "P1", "name": "甲", "床位数": "12张"}, "geometry": point},
        {"type": "Feature", "properties": {"编码": "640502", "名称": "区"}, "geometry": area},
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def _written() -> dict[str, list[bytes]]:
    text = "\n".join(("中卫市名册", HEADER, *ROWS, "合计,3家", "注：演示", ""))
    words = "2025年9月30日\n20250930\n１２张\n1.2万\n长期\n105°11′24″\n甲 乙\n6.4E+17\nP6405".encode()
    kinds = b"f" + struct.pack("d", 45930.5) + b"\nf" + struct.pack("d", 1e300) + b"\nd\x01\x02\x03\x04\nt\nb\nn"
    parts = template()
    sheet = b"\x00\x00".join(parts[f"xl/{n}.xml"] for n in ("worksheets/sheet1", "sharedStrings", "workbook"))
    others = (
        text, "\x01区划代码,指标,期间,数值\n640502,bed_use,2026-04,65%\n",
        "\x02日期,事项,服务类型,区划代码,床位\n2026-04-30,退出,药店,640502,3\n", "\x03经度,纬度,人口\n105,37,12\n",
    )  # fmt: skip
    both = [text.encode(), text.encode("gb18030")]
    return {
        "values": [words, kinds], "days": [words, kinds], "register_csv": both, "rows": both,
        "other_csv": [o.encode() for o in others], "sheet_xml": [sheet], "package": [_zipped(parts)],
        "old_sheet": [_old_book()], "geojson": [_features()], "city": [CITY.encode()], "plan": [PLAN.encode()],
        "overlay": [OVERLAY.encode()],
    }  # fmt: skip


def seeds(name: str) -> Iterator[bytes]:
    """Inputs to start from, and those that once broke something."""
    yield from _written()[name]
    for path in sorted((Path(__file__).parent / "found").glob(f"{name}-*")):
        yield path.read_bytes()

"""Coordinates in one column, degrees-minutes-seconds in one number, workbooks that count days from 1904."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import xlsxwriter
import xlwt

from circle15.errors import InputError
from circle15.read.coordinates import DMS, UNREAD, read_axis
from circle15.read.dates import days_from_1904
from circle15.read.faults import Faults, word_assumption
from circle15.read.institutions import read_institutions
from circle15.read.ledgers import read_events
from circle15.read.packed import BY_CHANCE, chance_of_packed, unpacked
from circle15.read.pairs import pair_of
from circle15.read.points import read_positions
from circle15.read.population import read_population
from circle15.read.sites import read_sites
from circle15.read.values import Column
from circle15.words import LANGS, word_problem


@pytest.mark.parametrize(
    ("cell", "pair"),
    [
        ("105.18,37.51", ("105.18", "37.51")),
        ("105.18，37.51", ("105.18", "37.51")),
        ("（105.18；37.51）", ("105.18", "37.51")),
        ("105.18、37.51", ("105.18", "37.51")),
        ("105.18 37.51", ("105.18", "37.51")),
        ("105.18\n37.51", ("105.18", "37.51")),
        ("POINT (105.18 37.51)", ("105.18", "37.51")),
        ("[105.18, 37.51]", ("105.18", "37.51")),
        ("经度：105.18，纬度：37.51", ("105.18", "37.51")),
        ("lng=105.18, lat=37.51", ("105.18", "37.51")),
        ("东经105°11′24″，北纬37°31′", ("E105°11'24\"", "N37°31'")),
        ("E105°11′24″N37°31′0″", ("E105°11'24\"", "N37°31'0\"")),
        ("北纬37.51东经105.18", ("N37.51", "E105.18")),
        ("105.18E 37.51N", ("105.18E", "37.51N")),
        ("105 11 24 37 31 00", ("105 11 24", "37 31 00")),
        ("105.18", ("105.18", None)),
        ("105.18,", ("105.18,", None)),
        ("105.18,37.51,1200", ("105.18,37.51,1200", None)),
        ("鼓楼南街 12 号", ("鼓楼南街 12 号", None)),
        ("", ("", None)),
        (105.18, (105.18, None)),
        (None, (None, None)),
    ],
)
def test_two_coordinates_in_one_cell(cell, pair):
    assert pair_of(cell) == pair


def register(path, lines):
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_column_of_pairs_reads_like_two_columns(tmp_path):
    lines = ("医保编码,机构名称,经纬度", 'P1,甲药店,"105.18,37.51"', "P2,乙药店,105.2；37.5", 'P3,丙药店,"37.5,105.1"')
    reading = read_institutions(register(tmp_path / "药店.csv", lines), datum="wgs84")
    assert reading.table.geometry.x.tolist() == [105.18, 105.2, 105.1]
    assert reading.table.geometry.y.tolist() == [37.51, 37.5, 37.5]
    told = {a.what: a for a in reading.assumptions}
    assert (told["pair_split"].count, told["pair_split"].row, told["pair_split"].column) == (3, 2, "经纬度")
    assert told["swapped_axes"].count == 1
    assert [(p.id, p.row) for p in reading.warnings if p.id.startswith("coordinate")] == [("coordinate_swapped", 4)]
    assert all("105.18" in word_assumption(told["pair_split"], lang) for lang in LANGS)


def test_a_cell_that_is_no_pair_names_its_row(tmp_path):
    lines = (
        "医保编码,机构名称,坐标",
        'P1,甲药店,"105.18,37.51"',
        "P2,乙药店,鼓楼南街",
        "P3,丙药店,",
        "P4,丁药店,105.2",
    )
    with pytest.raises(InputError) as caught:
        read_institutions(register(tmp_path / "药店.csv", lines), datum="wgs84")
    found = {(p.id, p.row) for p in caught.value.problems}
    assert found == {("coordinate_unclear", 3), ("coordinate_missing", 3), ("coordinate_missing", 4), ("coordinate_missing", 5)}  # fmt: skip


def test_a_column_called_location_that_holds_addresses_is_no_column_of_pairs(tmp_path):
    lines = ("id,name,location", "P1,甲药店,鼓楼南街 12 号", "P2,乙药店,鼓楼北街")
    with pytest.raises(InputError) as caught:
        read_institutions(register(tmp_path / "药店.csv", lines), datum="wgs84")
    assert {p.id for p in caught.value.problems} == {"column_missing"}


def test_a_column_of_pairs_may_be_named_by_the_user_and_stands_behind_two_columns(tmp_path):
    lines = ("id,name,打卡,lon,lat", 'P1,甲药店,"105.18,37.51",1,2')
    path = register(tmp_path / "药店.csv", lines)
    assert read_institutions(path, datum="wgs84", columns={"lonlat": "打卡"}).table.geometry.x.tolist() == [1.0]
    path = register(tmp_path / "药店.csv", [line.rsplit(",", 2)[0] for line in lines])
    assert read_institutions(path, datum="wgs84", columns={"lonlat": "打卡"}).table.geometry.x.tolist() == [105.18]


def test_pairs_in_tables_of_sites_and_of_residents(tmp_path):
    sites = register(tmp_path / "s.csv", ("名称,服务类型,坐标,坐标系", '甲,药店,"105.18,37.51",gcj02'))
    ((site,), _, _) = read_sites(sites)
    assert (site.lon, site.lat, site.datum) == (105.18, 37.51, "gcj02")
    people = register(tmp_path / "p.csv", ("坐标,人口", '"105.18,37.51",12'))
    cells = read_population(people, datum="wgs84").table.cells
    assert (cells.geometry.x[0], cells.geometry.y[0], cells["residents"][0]) == (105.18, 37.51, 12)


def test_packed_degrees_are_read_where_they_are_declared():
    axis = unpacked(read_axis([105.1108, "105.110812", -37.3, "37.3060", 105.9, "105°11′08″", 500100.0, None]))
    assert axis.values[:4] == pytest.approx([105 + 11 / 60 + 8 / 3600, 105 + 11 / 60 + 8.12 / 3600, -37.5, np.nan], nan_ok=True)  # fmt: skip
    assert axis.form.tolist()[:6] == [DMS, DMS, DMS, UNREAD, UNREAD, DMS]
    assert axis.values[5:7].tolist() == [pytest.approx(105.18555555555555), 500100.0]
    assert axis.step[:3] * 3600 == pytest.approx([1, 0.01, 60 * 10])


def test_every_whole_second_survives_packing():
    seconds = np.arange(0, 3600 * 2)
    packed = [float(f"{105 + s // 3600}.{s // 60 % 60:02d}{s % 60:02d}") for s in seconds.tolist()]
    assert unpacked(read_axis(packed)).values == pytest.approx(105 + seconds / 3600, abs=1e-9)


def test_a_column_that_looks_packed_is_named_and_read_as_it_stands():
    chance = np.random.default_rng(5)
    minutes, seconds = chance.integers(0, 60, (2, 40)), chance.integers(0, 60, (2, 40))
    packed = [[float(f"{d}.{m:02d}{s:02d}") for m, s in zip(*both, strict=True)]
              for d, both in ((105, (minutes[0], seconds[0])), (37, (minutes[1], seconds[1])))]  # fmt: skip
    for cells, warned in ((packed, True), (chance.uniform((105, 37), (106, 38), (40, 2)).round(4).T.tolist(), False)):
        faults, rows = Faults("a.csv"), range(2, 42)
        found = read_positions(Column(cells[0], rows, "经度"), Column(cells[1], rows, "纬度"), faults, datum="wgs84")
        assert found.lon.tolist() == cells[0]
        assert [p.id for p in faults.problems] == ["coordinates_packed"] * warned
        assert all(word_problem(p, lang) for p in faults.problems for lang in LANGS)
    assert chance_of_packed(read_axis([105.1108] * 40)) > BY_CHANCE  # one number, however often, says little
    assert chance_of_packed(read_axis([105.11, 37.0, 105.5])) == 1.0  # no seconds are written


def test_the_city_file_declares_packed_degrees(tmp_path):
    path = register(tmp_path / "药店.csv", ("id,name,lon,lat", "P1,甲,105.1108,37.3036", "P2,乙,105.1160,37.3036"))
    with pytest.raises(InputError) as caught:
        read_institutions(path, datum="wgs84", packed_dms=True)
    assert [(p.id, p.row, p.value) for p in caught.value.problems] == [("coordinate_unclear", 3, "105.1160")]
    reading = read_institutions(path, datum="wgs84", packed_dms=True, skip_faulty_rows=True)
    assert reading.table.geometry.x.tolist() == pytest.approx([105.18555555555555])
    assert [(c.what, c.before) for c in reading.corrections] == [("degrees_minutes", "105.1108"), ("degrees_minutes", "37.3036")]  # fmt: skip


DAY, FROM_1904 = dt.datetime(2025, 9, 30), 44468  # noqa: DTZ001 - days have no zone


def book_1904(path, rows):
    """A workbook that counts days from 1904; datetimes get a date format, numbers none."""
    if path.suffix == ".xls":
        old = xlwt.Workbook(encoding="utf-8")
        old.dates_1904 = True
        sheet, form = old.add_sheet("药店"), xlwt.easyxf(num_format_str="yyyy-mm-dd")
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                sheet.write(i, j, cell, *([form] if isinstance(cell, dt.datetime) else []))
        old.save(str(path))
        return path
    with xlsxwriter.Workbook(path, {"date_1904": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet("药店")
        for i, row in enumerate(rows):
            sheet.write_row(i, 0, row)
    return path


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls"])
def test_days_from_1904(tmp_path, name):
    head = ("医保编码", "机构名称", "经度", "纬度", "定点起始日期", "定点终止日期")
    rows = (head, ("P1", "甲", 105.1, 37.5, DAY, 45930), ("P2", "乙", 105.2, 37.5, FROM_1904, "44468"), ("P3", "丙", 105.3, 37.5, 20250930, "长期"))  # fmt: skip
    reading = read_institutions(book_1904(tmp_path / name, rows), datum="wgs84")
    assert reading.table["valid_from"].tolist() == [DAY] * 3
    assert reading.table["valid_to"].dt.strftime("%Y-%m-%d").tolist()[:2] == ["2029-10-01", "2025-09-30"]
    told = [a for a in reading.assumptions if a.what == "date_1904"]
    assert [(a.column, a.count, a.row) for a in told] == [("定点起始日期", 1, 3), ("定点终止日期", 2, 2)]
    assert all("2025-09-30" in word_assumption(told[0], lang) for lang in LANGS)


def test_a_day_number_with_a_control_character_behind_it():
    faults = Faults("a.xlsx")
    assert days_from_1904(Column(["44468\x1e", "x"], [2, 3], "日期"), faults) == [DAY, "x"]
    assert faults.assumed[0].params["before"] == "44468"


def test_a_ledger_from_1904(tmp_path):
    rows = (("日期", "事项", "服务类型", "区划代码"), (FROM_1904, "退出", "药店", "640502"))
    assert read_events(book_1904(tmp_path / "a.xlsx", rows)).table["date"].tolist() == [DAY]

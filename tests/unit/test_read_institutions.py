"""Registers drawn by hand, in every format, and each fault with the place where it stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xlsxwriter
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPoint, Point

from circle15.errors import InputError, UsageError
from circle15.project.datum import from_wgs84
from circle15.read.faults import word_assumption
from circle15.read.institutions import read_institutions
from circle15.schema import INSTITUTION_COLUMNS, standing_on
from circle15.words import LANGS, word_problem

HEADER = ["医保编码", "机构名称", "机构类型", "经度", "纬度", "等级", "床位数", "双通道", "地址"]
ROWS = [
    ["P64050200001", "甲药店", "零售药店", 105.190123, 37.510123, "", "", "是", "鼓楼东街1号"],
    ["H64050200002", "乙医院", "医院", 105.200123, 37.520123, "三级甲等", 300, "否", "鼓楼西街2号"],
    ["H64050200003", "丙诊所", "诊所", 105.210123, 37.530123, "未定级", "", "", ""],
]


def write_xlsx(path: Path, sheets: dict[str, list[list[object]]], *, hidden: tuple[str, ...] = ()) -> Path:
    book = xlsxwriter.Workbook(str(path))
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                if isinstance(cell, dt.date):
                    sheet.write_datetime(i, j, dt.datetime(cell.year, cell.month, cell.day), day)  # noqa: DTZ001
                elif cell != "":
                    sheet.write(i, j, cell)
    book.close()
    return path


def write_csv(path: Path, rows: list[list[object]], encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(",".join(str(c) for c in row) + "\r\n" for row in rows).encode(encoding))
    return path


def write_xls(path: Path, rows: list[list[object]]) -> Path:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("药店")
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            sheet.write(i, j, cell)
    book.save(str(path))
    return path


def as_frame(rows: list[list[object]]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(rows, columns=HEADER).astype(str)
    points = gpd.points_from_xy([r[3] for r in rows], [r[4] for r in rows])
    return gpd.GeoDataFrame(frame.drop(columns=["经度", "纬度"]), geometry=points, crs="EPSG:4326")


def write_vector(path: Path, rows: list[list[object]]) -> Path:
    frame = as_frame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".shp":
        frame.rename(columns={"医保编码": "id", "机构名称": "name", "机构类型": "service"}).to_file(
            path, encoding="utf-8"
        )
    else:
        frame.to_file(path)
    return path


def problems_of(read: Callable[[], object]) -> list[tuple[str, int | None, str | None, str | None]]:
    with pytest.raises(InputError) as caught:
        read()
    for problem in caught.value.problems:
        for lang in LANGS:
            assert word_problem(problem, lang)
    return [(p.id, p.row, p.column, p.value) for p in caught.value.problems]


def warned(reading: object) -> set[str]:
    return {p.id for p in reading.warnings}  # type: ignore[attr-defined]


WRITERS: dict[str, Callable[[Path], Path]] = {
    "a.xlsx": lambda p: write_xlsx(p, {"机构": [HEADER, *ROWS]}),
    "a.xls": lambda p: write_xls(p, [HEADER, *ROWS]),
    "utf8.csv": lambda p: write_csv(p, [HEADER, *ROWS]),
    "bom.csv": lambda p: write_csv(p, [HEADER, *ROWS], "utf-8-sig"),
    "gb.csv": lambda p: write_csv(p, [HEADER, *ROWS], "gb18030"),
    "a.geojson": lambda p: write_vector(p, ROWS),
    "a.gpkg": lambda p: write_vector(p, ROWS),
    "a.parquet": lambda p: write_vector(p, ROWS),
    "a.shp": lambda p: write_vector(p, ROWS),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name)
    before = path.read_bytes()
    table = read_institutions(path, datum="wgs84").table
    assert list(table.columns) == [*INSTITUTION_COLUMNS, "geometry"]
    assert {c: str(t) for c, t in table.dtypes.items() if c != "geometry"} == dict(INSTITUTION_COLUMNS)
    assert table.crs.to_epsg() == 4326
    assert list(table.index) == [0, 1, 2]
    assert list(table["id"]) == [r[0] for r in ROWS]
    assert list(table["name"]) == ["甲药店", "乙医院", "丙诊所"]
    assert list(table["service"]) == ["pharmacy", "inpatient", "outpatient"]
    np.testing.assert_allclose(table.geometry.x, [105.190123, 105.200123, 105.210123], atol=1e-12)
    np.testing.assert_allclose(table.geometry.y, [37.510123, 37.520123, 37.530123], atol=1e-12)
    assert path.read_bytes() == before


def test_words_numbers_and_rows_of_a_worksheet(tmp_path: Path) -> None:
    table = read_institutions(write_xlsx(tmp_path / "a.xlsx", {"机构": [HEADER, *ROWS]}), datum="wgs84").table
    assert list(table["level"]) == ["", "tertiary", "ungraded"]
    assert list(table["tags"]) == ["dual_channel", "", ""]
    assert table["beds"].tolist()[1] == 300
    assert np.isnan(table["beds"].iloc[0])
    assert list(table["source_row"]) == [2, 3, 4]
    assert set(table["position_accuracy_m"]) == {10.0}


def test_title_rows_notes_and_blank_rows_keep_excel_row_numbers(tmp_path: Path) -> None:
    rows = [["中卫市定点机构名册"], [], HEADER, ROWS[0], [], ROWS[1], ["合计 2 家"]]
    reading = read_institutions(write_xlsx(tmp_path / "a.xlsx", {"机构": rows}), datum="wgs84")
    assert list(reading.table["source_row"]) == [4, 6]
    assert [(p.id, p.row) for p in reading.warnings] == [("read.total_rows", 7)]
    assert [(a.what, a.row) for a in reading.assumptions][:2] == [("title_rows", 1), ("total_rows", 7)]


def test_a_row_without_coordinates_is_a_fault_not_a_note(tmp_path: Path) -> None:
    rows = [HEADER, ROWS[0], ["合计"], ["", "有名无点"], ROWS[1], ["P64050200009"]]
    found = problems_of(lambda: read_institutions(write_xlsx(tmp_path / "a.xlsx", {"药店": rows}), datum="wgs84"))
    assert [row for problem, row, _, _ in found if problem == "coordinate_missing"] == [4, 6]


def test_sheet_names_tell_the_service_and_hidden_sheets_are_left_out(tmp_path: Path) -> None:
    header = ["医保编码", "机构名称", "经度", "纬度"]
    sheets = {
        "定点零售药店": [header, ["P64050200001", "甲", 105.1, 37.5]],
        "门诊机构": [header, ["H64050200001", "乙", 105.2, 37.5]],
        "说明": [["填报说明", "版本"], ["甲", "乙"]],
        "补充": [["机构名称", "地址"], ["丙", "丙街1号"]],
        "旧药店": [header, ["P64050200009", "旧", 105.1, 37.5]],
    }
    path = write_xlsx(tmp_path / "a.xlsx", sheets, hidden=("旧药店",))
    reading = read_institutions(path, datum="wgs84")
    assert list(reading.table["service"]) == ["pharmacy", "outpatient"]
    skipped = [p.sheet for p in reading.warnings if p.id == "sheet_skipped"]
    assert (warned(reading), skipped) == ({"sheet_hidden", "sheet_skipped"}, ["补充"])
    assert {a.sheet for a in reading.assumptions if a.what == "sheet_skipped"} == {"说明", "补充"}
    assert list(read_institutions(path, datum="wgs84", sheet="旧药店").table["id"]) == ["P64050200009"]
    assert problems_of(lambda: read_institutions(path, datum="wgs84", sheet="无"))[0][0] == "sheet_missing"


def test_national_platform_names(tmp_path: Path) -> None:
    rows = [
        ["FIXMEDINS_CODE", "FIXMEDINS_NAME", "MEDINSLV", "ADDR", "LNT", "LAT", "APRV_BED_CNT", "BEGNTIME", "VALI_FLAG"],
        ["H64050200001", "甲", "03", "街", "105.1", "37.5", "12", "2020-01-01 00:00:00", "1"],
        ["H64050200002", "乙", "02", "街", "105.2", "37.5", "", "2020-01-01", "0"],
    ]
    path = write_csv(tmp_path / "a.csv", rows)
    assert warned(read_institutions(path, datum="wgs84", service="inpatient")) == {
        "institutions_invalid",
        "read.level_code",
    }
    levels = {"03": "tertiary", "02": "secondary"}
    reading = read_institutions(path, datum="wgs84", service="inpatient", levels=levels)
    assert list(reading.table["id"]) == ["H64050200001"]
    assert reading.table.loc[0, "level"] == "tertiary"
    assert reading.table.loc[0, "beds"] == 12
    assert reading.table.loc[0, "valid_from"] == pd.Timestamp("2020-01-01")
    assert warned(reading) == {"institutions_invalid"}


@pytest.mark.parametrize("datum", ["gcj02", "bd09", "cgcs2000"])
def test_coordinates_come_out_in_wgs84_whatever_datum_they_came_in(tmp_path: Path, datum: str) -> None:
    lon, lat = from_wgs84([105.19], [37.51], datum)
    rows = [["编码", "名称", "类型", "经度", "纬度"], ["P1", "甲", "药店", repr(float(lon[0])), repr(float(lat[0]))]]
    reading = read_institutions(write_csv(tmp_path / "a.csv", rows), datum=datum)  # type: ignore[arg-type]
    assert reading.table.geometry.iloc[0].distance(Point(105.19, 37.51)) < 1e-10
    assert reading.source.datum == datum
    assert len(reading.source.sha256) == 64


def test_projected_tables_and_layers_are_transformed(tmp_path: Path) -> None:
    point = gpd.GeoSeries([Point(114.05, 22.55)], crs=4326).to_crs(4547).iloc[0]
    rows = [["编码", "名称", "类型", "x", "y"], ["P1", "甲", "药店", point.x, point.y]]
    table = read_institutions(write_csv(tmp_path / "a.csv", rows), datum="cgcs2000", crs="EPSG:4547").table
    assert table.geometry.iloc[0].distance(Point(114.05, 22.55)) < 1e-8
    path = tmp_path / "a.gpkg"
    as_frame([["P1", "甲", "药店", 114.05, 22.55, "", "", "", ""]]).to_crs(4547).to_file(path)
    reading = read_institutions(path, datum="cgcs2000")
    assert reading.table.geometry.iloc[0].distance(Point(114.05, 22.55)) < 1e-8
    assert reading.source.options["crs"] == "EPSG:4547"


def test_validity_includes_both_days(tmp_path: Path) -> None:
    rows = [
        ["编码", "名称", "类型", "经度", "纬度", "定点起始日期", "定点终止日期"],
        ["P1", "甲", "药店", 105.1, 37.5, dt.date(2026, 1, 2), "2026-12-31"],
        ["P2", "乙", "药店", 105.1, 37.5, "2026年1月3日", "20261231"],
        ["P3", "丙", "药店", 105.1, 37.5, "", "2026/1/1"],
        ["P4", "丁", "药店", 105.1, 37.5, "", "2026.1.2"],
    ]
    path = write_xlsx(tmp_path / "a.xlsx", {"s": rows})
    reading = read_institutions(path, datum="wgs84", as_of=dt.date(2026, 1, 2))
    assert list(standing_on(reading.table, dt.date(2026, 1, 2))["id"]) == ["P1", "P4"]
    assert [c.kept for c in reading.counts] == [2]
    assert [p.params["count"] for p in reading.warnings] == [2]
    assert len(read_institutions(path, datum="wgs84").table) == 4


def test_explicit_columns_and_services(tmp_path: Path) -> None:
    rows = [["甲列", "乙列", "丙列", "lng", "lat"], ["k1", "名", "clinic", 7.42, 43.7], ["k2", "名", "vet", 7.42, 43.7]]
    path = write_csv(tmp_path / "a.csv", rows)
    columns = {"id": "甲列", "name": "乙列", "service": "丙列"}
    reading = read_institutions(path, datum="wgs84", columns=columns, services={"clinic": "inpatient", "vet": None})
    assert list(reading.table["id"]) == ["k1"]
    assert list(reading.table["service"]) == ["inpatient"]
    assert [(p.id, p.value, p.params["count"]) for p in reading.warnings] == [("service_dropped", "vet", 1)]
    assert problems_of(lambda: read_institutions(path, datum="wgs84", columns=columns)) == [
        ("service_unknown", 3, "丙列", "vet")
    ]


def test_all_faults_of_a_register_come_at_once_with_their_place(tmp_path: Path) -> None:
    rows = [
        HEADER,
        ["P1", "甲", "药店", "abc", 37.5, "", "", "", ""],
        ["P1", "乙", "药店", 37.5, 105.1, "", "", "", ""],
        ["", "丙", "药店", 105.1, 37.5, "", "", "", ""],
        ["P4", "丁", "兽医", 105.1, 37.5, "", -3, "", ""],
        ["P5", "戊", "药店", "", "", "", "", "", ""],
        ["P6", "己", "药店", 500123.5, 4150000.1, "", "", "", ""],
        ["P7", "庚", "药店", 195.0, 37.5, "", "", "", ""],
        ["P8", "辛", "药店", 105.1, -91, "", "十张", "也许", ""],
        ["P9", "壬", "药店", "nan", "inf", "", "", "", ""],
    ]
    found = problems_of(lambda: read_institutions(write_xlsx(tmp_path / "a.xlsx", {"药店": rows}), datum="wgs84"))
    assert set(found) == {
        ("coordinate_unclear", 2, "经度", "abc"),
        ("id_duplicate", 3, None, "P1"),
        ("value_missing", 4, "医保编码", None),
        ("service_unknown", 5, "机构类型", "兽医"),
        ("number_negative", 5, "床位数", "-3.0"),
        ("coordinate_missing", 6, None, None),
        ("coordinate_metres", 7, "经度", "500123.5"),
        ("lon_range", 8, "经度", "195"),
        ("lat_range", 9, "纬度", "-91"),
        ("number_text", 9, "床位数", "十张"),
        ("flag_unknown", 9, "双通道", "也许"),
        ("number_not_finite", 10, "经度", "nan"),
        ("number_not_finite", 10, "纬度", "inf"),
    }


def test_one_problem_reads_as_one_line_of_place_value_fault_and_remedy(tmp_path: Path) -> None:
    rows = [HEADER, ["P1", "甲", "药店", "abc", 37.5, "", "", "", ""]]
    with pytest.raises(InputError) as caught:
        read_institutions(write_xlsx(tmp_path / "register.xlsx", {"药店": rows}), datum="wgs84")
    assert word_problem(caught.value.problems[0], "zh") == (
        "register.xlsx，工作表“药店”，第 2 行，列“经度”，值“abc”：无法识别为坐标。请写成十进制度（如 105.196698），或度分秒（如 105°11′48.1″）；"
        "经纬度写在一格时用逗号隔开（如 105.196698,37.513274）。"
    )


def test_full_width_digits_and_mapped_faults(tmp_path: Path) -> None:
    rows = [HEADER, ["P1", "甲", "药店", "１０５．５", " 37.5 ", "", "", "", ""]]
    path = write_csv(tmp_path / "a.csv", rows)
    assert read_institutions(path, datum="wgs84").table.geometry.iloc[0].equals(Point(105.5, 37.5))
    found = problems_of(lambda: read_institutions(path, datum="wgs84", columns={"id": "无此列", "colour": "地址"}))
    assert [(i, v) for i, _, _, v in found] == [("column_mapped_missing", None), ("column_target", "colour")]


def test_missing_columns_name_what_was_found_and_what_is_accepted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [["名称", "位置"], ["甲", "乙"]])
    with pytest.raises(InputError) as caught:
        read_institutions(path, datum="wgs84")
    assert [p.id for p in caught.value.problems] == ["column_missing", "column_missing", "column_missing_service"]
    said = word_problem(caught.value.problems[0], "zh")
    assert "位置" in said
    assert "经度" in said


def test_made_ids_follow_the_row_and_are_warned_of(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [["name", "lon", "lat"], ["甲", 105, 37], ["", 105, 37]])
    reading = read_institutions(path, datum="wgs84", service="pharmacy")
    assert list(reading.table["id"]) == ["R000002", "R000003"]
    assert warned(reading) == {"ids_made", "name_missing"}


def test_points_only_and_one_point_each(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    geometry = [MultiPoint([(105, 37)]), MultiPoint([(105, 37), (106, 37)]), LineString([(0, 0), (1, 1)]), None]
    frame = gpd.GeoDataFrame({"id": list("abcd"), "name": list("abcd")}, geometry=geometry, crs=4326)
    frame.to_file(path)
    found = problems_of(lambda: read_institutions(path, datum="wgs84", service="pharmacy"))
    assert [(i, row) for i, row, _, _ in found] == [
        ("geometry_missing", 4), ("geometry_multipoint", 2), ("geometry_not_point", 3),
    ]  # fmt: skip
    frame.iloc[:1].to_file(tmp_path / "b.gpkg")
    table = read_institutions(tmp_path / "b.gpkg", datum="wgs84", service="pharmacy").table
    assert table.geometry.iloc[0].geom_type == "Point"


def test_a_layer_without_crs_or_with_metres_called_degrees_is_refused(tmp_path: Path) -> None:
    bare = gpd.GeoDataFrame({"id": ["a"], "name": ["a"]}, geometry=[Point(500000, 4000000)])
    with pytest.warns(UserWarning, match="crs"):
        bare.to_file(tmp_path / "a.shp")
    read = lambda crs: read_institutions(tmp_path / "a.shp", datum="wgs84", service="pharmacy", crs=crs)  # noqa: E731
    assert [p[0] for p in problems_of(lambda: read(None))] == ["no_crs"]
    assert [p[0] for p in problems_of(lambda: read("EPSG:4326"))] == ["coordinates_projected"]
    assert [p[0] for p in problems_of(lambda: read("EPSG:nonsense"))] == ["crs_unknown"]
    assert len(read("EPSG:4547").table) == 1


def test_degrees_called_metres_are_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"id": ["a"], "name": ["a"]}, geometry=[Point(105.1, 37.5)])
    with pytest.warns(UserWarning, match="crs"):
        frame.to_file(tmp_path / "a.shp")
    read = lambda: read_institutions(tmp_path / "a.shp", datum="wgs84", service="pharmacy", crs="EPSG:4547")  # noqa: E731
    assert [p[0] for p in problems_of(read)] == ["coordinates_degrees"]


def test_unknown_options_are_wrong_use(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [HEADER, *ROWS])
    with pytest.raises(UsageError) as caught:
        read_institutions(path, datum="gps", service="shop", services={"x": "vet"})  # type: ignore[arg-type]
    assert [p.id for p in caught.value.problems] == ["unknown_datum", "service_option", "service_option"]


def test_many_faults_are_cut_to_a_count(tmp_path: Path) -> None:
    rows = [HEADER, *([f"P{i}", "甲", "药店", "x", 37.5, "", "", "", ""] for i in range(500))]
    found = problems_of(lambda: read_institutions(write_csv(tmp_path / "a.csv", rows), datum="wgs84"))
    assert len(found) == 201
    assert found[-1][0] == "problems_more"


@settings(max_examples=30)
@given(
    places=st.lists(
        st.tuples(st.floats(73.5, 135), st.floats(18, 53), st.text(st.characters(categories=["L", "N"]), max_size=9)),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_csv_round_trip_keeps_every_record(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[float, float, str]]
) -> None:
    rows: list[list[object]] = [["id", "name", "lon", "lat"]]
    rows += [[f"i{i}", name, repr(lon), repr(lat)] for i, (lon, lat, name) in enumerate(places)]
    path = write_csv(tmp_path_factory.mktemp("r") / "a.csv", rows)
    table = read_institutions(path, datum="wgs84", service="pharmacy").table
    assert list(table["name"]) == [name.strip() for _, _, name in places]
    assert list(table.geometry.x) == [lon for lon, _, _ in places]
    assert list(table.geometry.y) == [lat for _, lat, _ in places]


def test_assumptions_are_records_with_their_sentence(tmp_path: Path) -> None:
    header = ["机构名称", "经度", "纬度"]
    sheets = {"药店": [header, ["甲", 105.1, 37.5]], "旧": [header, ["乙", 105.2, 37.5]]}
    reading = read_institutions(write_xlsx(tmp_path / "a.xlsx", sheets, hidden=("旧",)), datum="wgs84")
    assert [(a.what, a.sheet, a.count) for a in reading.assumptions][:2] == [
        ("sheet_hidden", "旧", 1),
        ("ids_made", "药店", 1),
    ]
    assert word_assumption(reading.assumptions[1], "zh") == "没有编码列，按行号为 1 行编了内部编号。"

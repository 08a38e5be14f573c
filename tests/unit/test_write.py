"""Files are whole, safe to open, and the same bytes for the same input."""

import errno
import os
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
from shapely.geometry import Point, box

from circle15.errors import OutputError
from circle15.words import word_error
from circle15.write import files
from circle15.write.files import page_names, safe_file_name, write_text, write_whole
from circle15.write.gis import write_layer
from circle15.write.run_record import to_json
from circle15.write.tables import GAPS, SITES, shown
from circle15.write.workbook import Sheet, write_csv, write_workbook

HOSTILE = [
    '=HYPERLINK("http://x","y")', "+1+1", "-2", "@SUM(A1)", "\t=1", "＝1", "<script>alert(1)</script>", "a\x00b",
    "\u202egnp.exe", "\ud800", "../../etc/passwd", "x" * 40_000, "{name}", "中卫\n药房",
]  # fmt: skip


def gaps():
    return gpd.GeoDataFrame(
        {
            "rank": [1], "gap_id": ["G001"], "service": ["pharmacy"], "district_name": ["沙坡头区"], "township_name": ["=1+1"],
            "residents": [1234.5], "area_km2": [0.8], "density_per_km2": [1543.1], "nearest_id": ["P64050200001"],
            "nearest_name": ["@药房"], "nearest_m": [1801.25], "candidate_lon": [105.1], "candidate_lat": [37.5],
            "candidate_new_residents": [900.2],
        },
        geometry=[box(105.0, 37.0, 105.01, 37.01)],
        crs="EPSG:4326",
    )  # fmt: skip


def write_gap_book(path, lang="zh", table=None):
    table = gaps().drop(columns="geometry") if table is None else table
    return write_workbook(
        path, [Sheet("空白", "说明", table, GAPS)], lang=lang, title="题", marks="内部使用 · 模拟数据"
    )


def test_gap_workbook_has_frozen_header_filters_and_chinese_headings(tmp_path):
    sheet = openpyxl.load_workbook(write_gap_book(tmp_path / "g.xlsx")).active
    assert sheet.freeze_panes == "C4"
    assert sheet.auto_filter.ref == "A3:M4"
    assert [c.value for c in sheet[3]][:3] == ["排名", "编号", "服务类型"]
    assert sheet["C4"].value == "零售药店"
    assert sheet["A1"].value == "空白　内部使用 · 模拟数据"
    assert sheet["F4"].value == 1234.5
    assert sheet["F4"].number_format == "#,##0"


def test_hostile_names_never_become_formulas_or_links(tmp_path):
    table = pd.concat([gaps().drop(columns="geometry")] * len(HOSTILE), ignore_index=True).assign(
        nearest_name=pd.Series(HOSTILE, dtype=object)
    )
    path = write_gap_book(tmp_path / "g.xlsx", table=table)
    sheet = openpyxl.load_workbook(path).active
    assert {c.data_type for row in sheet.iter_rows() for c in row} <= {"s", "n"}
    assert sheet["I4"].value == HOSTILE[0]
    with zipfile.ZipFile(path) as book:
        assert not [n for n in book.namelist() if "rels" in n and b"http://x" in book.read(n)]


def test_csv_guards_formulas_and_starts_with_a_bom(tmp_path):
    table = pd.concat([gaps()] * len(HOSTILE), ignore_index=True).assign(nearest_name=pd.Series(HOSTILE, dtype=object))
    raw = write_csv(tmp_path / "g.csv", table, GAPS, lang="zh").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    read = pd.read_csv(tmp_path / "g.csv", dtype=str)
    names = read["最近机构"].tolist()
    assert not [n for n in names if n[0] in "=+-@\t\r＝"]
    assert read["常住人口（人）"][0] == "1234"  # 1234.5 rounds half to even


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson"])
def test_layers_round_trip_with_the_same_bytes(tmp_path, suffix):
    one = write_layer(tmp_path / f"a{suffix}", gaps(), layer="gaps").read_bytes()
    two = write_layer(tmp_path / f"b{suffix}", gaps(), layer="gaps").read_bytes()
    assert one == two
    back = gpd.read_file(tmp_path / f"a{suffix}")
    assert back["nearest_name"].tolist() == ["@药房"]
    assert back.geometry[0].equals(box(105.0, 37.0, 105.01, 37.01))
    assert back.crs.to_epsg() == 4326


def test_workbook_bytes_repeat(tmp_path):
    assert write_gap_book(tmp_path / "a.xlsx").read_bytes() == write_gap_book(tmp_path / "b.xlsx").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path):
    target = write_text(tmp_path / "a.txt", "old")

    def burst(path):
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError) as caught:
        write_whole(target, burst)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert "磁盘已满" in word_error(caught.value, "zh")
    assert "disk is full" in word_error(caught.value, "en")


def test_a_real_full_disk_is_said_in_words(tmp_path, monkeypatch):
    """/dev/full is the kernel's own full disk: every write to it fails with ENOSPC."""

    def put(_path, data):
        with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123
            full.write(data)

    monkeypatch.setattr(files, "_put", put)
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "a.txt", "text")
    assert caught.value.problems[0].id == "output.disk_full"
    assert list(tmp_path.iterdir()) == []


def test_writing_below_a_file_is_said_in_words(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "file" / "a.txt", "text")
    assert caught.value.problems[0].id == "output.not_a_folder"


def test_writing_onto_a_folder_is_said_in_words(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "a.txt", "text")
    assert caught.value.problems[0].id == "output.is_a_folder"


@pytest.mark.parametrize("name", [*HOSTILE, "", ".", "..", "a/b", "CON"])
def test_file_names_never_leave_their_folder(name, tmp_path):
    safe = safe_file_name(name.encode("utf-8", "replace").decode(), fallback="city")
    assert safe
    assert (tmp_path / f"{safe}.html").resolve().parent == tmp_path.resolve()


def test_unknown_codes_are_shown_as_they_are():
    table = pd.DataFrame({"service": ["pharmacy", "spa"], "over_cap": [True, np.nan]})
    _, body = shown(table, SITES, "zh")
    assert body["service"].tolist() == ["零售药店", "spa"]
    assert body["over_cap"].tolist() == ["是", "否"]


def test_json_has_no_nan_and_sorted_keys():
    text = to_json({"b": float("nan"), "a": {"z": np.float64(1.5), "名": np.int64(3)}, "c": {3, 1}})
    assert text.index('"a"') < text.index('"b"') < text.index('"c"')
    assert '"b": null' in text
    assert '"名": 3' in text


def test_point_layers_keep_chinese_columns(tmp_path):
    table = gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[Point(105, 37)], crs="EPSG:4326")
    assert gpd.read_file(write_layer(tmp_path / "a.gpkg", table, layer="sites"))["名称"].tolist() == ["甲"]


def test_pages_of_places_with_like_names_do_not_overwrite_each_other():
    places = pd.DataFrame({"id": ["1", "2", "3", "4", "5"], "name": ["a/b", "a:b", "A_B", "index", "甲区"]})
    names = page_names("city", places)
    assert len({n.casefold() for n in names.values()}) == 5
    assert "city_index.html" not in names.values()
    assert names["5"] == "city_甲区.html"

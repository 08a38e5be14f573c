"""Outlines drawn by hand: levels, parents, overlaps and outlines that are not valid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, Polygon, box
from told import told

from circle15.errors import InputError
from circle15.project.datum import from_wgs84
from circle15.read.places import read_places
from circle15.schema import PLACE_COLUMNS

BOWTIE = Polygon([(105, 37), (105.1, 37.1), (105.1, 37), (105, 37.1)])


def write(path: Path, rows: list[tuple[str, str, str, Polygon]], **columns: list[object]) -> Path:
    frame = gpd.GeoDataFrame(
        {"代码": [r[0] for r in rows], "名称": [r[1] for r in rows], "级别": [r[2] for r in rows], **columns},
        geometry=[r[3] for r in rows], crs=4326,
    )  # fmt: skip
    frame.to_file(path)
    return path


def faults(path: Path, **options: object) -> list[tuple[str, str | None]]:
    with pytest.raises(InputError) as caught:
        read_places(path, datum="wgs84", **options)  # type: ignore[arg-type]
    return [(p.id, p.value) for p in caught.value.problems]


CITY = [
    ("640500", "中卫市", "市", box(105, 37, 105.4, 37.2)),
    ("640502", "沙坡头区", "市辖区", box(105, 37, 105.2, 37.2)),
    ("640521", "中宁县", "县", box(105.2, 37, 105.4, 37.2)),
    ("640502001", "文昌街道", "街道", box(105, 37, 105.1, 37.1)),
    ("640521100", "宁安镇", "镇", box(105.2, 37, 105.3, 37.1)),
    ("X1", "无码社区", "社区", box(105.21, 37.01, 105.22, 37.02)),
]


def test_levels_settings_and_parents(tmp_path: Path) -> None:
    reading = read_places(write(tmp_path / "a.gpkg", CITY, 常住人口=["1", "2", "", "３", None, "5"]), datum="wgs84")
    table = reading.table
    assert list(table.columns) == [*PLACE_COLUMNS, "geometry"]
    assert {c: str(t) for c, t in table.dtypes.items() if c != "geometry"} == dict(PLACE_COLUMNS)
    assert list(table["level"]) == ["city", "district", "district", "township", "township", "community"]
    assert list(table["parent"]) == ["", "640500", "640500", "640502", "640521", "640521100"]
    assert list(table["settings"]) == ["", "", "", "subdistrict", "", ""]
    np.testing.assert_array_equal(table["residents"], [1, 2, np.nan, 3, np.nan, 5])


def test_a_file_a_level_and_gcj02(tmp_path: Path) -> None:
    square = box(105, 37, 105.2, 37.2)
    lon, lat = from_wgs84(*np.array(square.exterior.coords).T, "gcj02")
    moved = Polygon(np.column_stack([lon, lat]))
    paths = {
        "district": write(tmp_path / "d.gpkg", [("640502", "区", "", moved)]),
        "township": write(tmp_path / "t.gpkg", [("640502001", "甲街道", "", moved)]),
    }
    reading = read_places(paths, datum="gcj02")  # type: ignore[arg-type]
    assert list(reading.table["level"]) == ["district", "township"]
    assert [s.datum for s in reading.sources] == ["gcj02", "gcj02"]
    assert reading.table.geometry.iloc[0].symmetric_difference(square).area < 1e-10


def test_plain_wgs84_needs_its_datum_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", CITY)
    with pytest.raises(InputError, check=told("datum_unstated")):
        read_places(path)
    assert len(read_places(path, crs="EPSG:4326").table) == 6
    projected = gpd.read_file(path).to_crs(4547)
    projected.to_file(tmp_path / "b.gpkg")
    assert read_places(tmp_path / "b.gpkg").source.options["crs"] == "EPSG:4547"


def test_overlapping_districts_are_named(tmp_path: Path) -> None:
    rows = [("1", "甲区", "区", box(105, 37, 105.2, 37.2)), ("2", "乙区", "区", box(105.18, 37, 105.4, 37.2))]
    with pytest.raises(InputError) as caught:
        read_places(write(tmp_path / "a.gpkg", rows), datum="wgs84")
    (problem,) = caught.value.problems
    assert problem.id == "place_overlap"
    assert (problem.params["a"], problem.params["b"]) == ("甲区", "乙区")
    assert float(str(problem.params["percent"])) == pytest.approx(10, abs=0.1)


def test_slivers_of_simplified_borders_only_warn(tmp_path: Path) -> None:
    #  0.0002° is 18 m wide, 22 km long: 0.39 km² but 0.1 % of the smaller
    rows = [("1", "甲区", "区", box(105, 37, 105.2, 37.2)), ("2", "乙区", "区", box(105.1998, 37, 105.4, 37.2))]
    reading = read_places(write(tmp_path / "a.gpkg", rows), datum="wgs84")
    assert [p.id for p in reading.warnings] == ["place_slivers"]


def test_a_compact_small_overlap_is_no_sliver(tmp_path: Path) -> None:
    #  an enclave of 0.6 km² claimed twice is only 0.1 % of either district
    enclave = box(105.205, 37.1, 105.212, 37.11)
    rows = [
        ("1", "甲区", "区", box(105, 37, 105.2, 37.2).union(enclave)),
        ("2", "乙区", "区", box(105.2, 37, 105.4, 37.2)),
    ]
    assert [p for p, _ in faults(write(tmp_path / "a.gpkg", rows))] == ["place_overlap"]


def test_different_levels_may_cover_each_other(tmp_path: Path) -> None:
    rows = [("640502", "区", "区", box(105, 37, 105.2, 37.2)), ("640502001", "镇", "镇", box(105, 37, 105.2, 37.2))]
    assert read_places(write(tmp_path / "a.gpkg", rows), datum="wgs84").warnings == ()


def test_invalid_outlines_are_named_or_mended(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [("1", "甲区", "区", BOWTIE)])
    assert faults(path) == [("place_invalid", "甲区")]
    reading = read_places(path, datum="wgs84", repair=True)
    assert [p.id for p in reading.warnings] == ["place_repaired"]
    assert reading.table.geometry.is_valid.all()
    assert reading.table.geometry.iloc[0].area == pytest.approx(0.005)


def test_every_fault_of_a_file_at_once(tmp_path: Path) -> None:
    rows = [
        ("1", "甲", "区", BOWTIE),
        ("2", "乙", "大区", box(106, 37, 106.1, 37.1)),
        ("", "丙", "区", box(107, 37, 107.1, 37.1)),
        ("4", "丁", "区", box(108, 37, 108.1, 37.1)),
    ]
    path = write(tmp_path / "a.gpkg", rows, 人口=["1", "2", "3", "-4"], 特征=["", "", "", "怪"])
    assert set(faults(path)) == {
        ("place_invalid", "甲"), ("place_level_unknown", "大区"), ("value_missing", "丙"), ("number_negative", "-4"),
        ("setting_unknown", "怪"),
    }  # fmt: skip


def test_doubled_ids_wrong_parents_points_and_missing_columns(tmp_path: Path) -> None:
    square, other = box(105, 37, 105.1, 37.1), box(106, 37, 106.1, 37.1)
    path = write(tmp_path / "a.gpkg", [("1", "甲", "区", square), ("1", "乙", "区", other)])
    assert faults(path) == [("place_id_duplicate", "1")]
    rows = [("640502", "甲", "区", square), ("9", "乙", "镇", other)]
    path = write(tmp_path / "b.gpkg", rows, 上级=["", "77"])
    assert faults(path) == [("place_parent_unknown", "77")]
    frame = gpd.GeoDataFrame({"名称": ["甲"], "x": ["y"]}, geometry=[Point(105, 37)], crs=4326)
    frame.to_file(tmp_path / "c.gpkg")
    assert [p for p, _ in faults(tmp_path / "c.gpkg")] == ["place_level_missing", "geometry_not_polygon"]


def test_a_layer_without_crs_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[box(0, 0, 1, 1)]).to_file(tmp_path / "a.shp", encoding="utf-8")
    assert [p for p, _ in faults(tmp_path / "a.shp", level="district")] == ["no_crs"]

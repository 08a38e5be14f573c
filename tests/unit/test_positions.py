"""Doubtful positions of a register, each kind drawn by hand: two districts of 0.1° side by side, one township each."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Point, box

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.read.addresses import PlaceNames, house_of
from circle15.read.datum_evidence import better_datum, datum_evidence
from circle15.read.positions import BUILDING_M, FALLBACK_M, MISPLACED_M, MOST_M, ROAD_M, examine
from circle15.schema import CRS, Streets

WEST, EAST = box(105.0, 37.0, 105.1, 37.1), box(105.1, 37.0, 105.2, 37.1)


def places():
    rows = [
        ("640500", "中卫市", "city", "", box(105.0, 37.0, 105.2, 37.1)),
        ("640502", "西城区", "district", "640500", WEST),
        ("640521", "东宁县", "district", "640500", EAST),
        ("640502001", "鼓楼街道", "township", "640502", WEST),
        ("640521100", "安宁镇", "township", "640521", EAST),
    ]
    ids, names, levels, parents, outlines = zip(*rows, strict=True)
    return gpd.GeoDataFrame(
        {"id": ids, "name": names, "level": levels, "parent": parents}, geometry=list(outlines), crs=CRS
    )


def register(*rows):
    """Rows of (id, name, address, place_told, lon, lat)."""
    return gpd.GeoDataFrame(
        {
            "id": [r[0] for r in rows], "name": [r[1] for r in rows], "address": [r[2] for r in rows],
            "place_told": [r[3] for r in rows], "service": "pharmacy", "position_accuracy_m": 10.0,
            "position_reason": "assumed", "source_row": range(2, len(rows) + 2),
        },
        geometry=[Point(r[4], r[5]) for r in rows], crs=CRS,
    )  # fmt: skip


def kinds(table):
    found = examine(table, places()).suspects
    return [(int(at), kind) for at, kind in zip(found["at"], found["kind"], strict=True)]


@pytest.mark.parametrize(
    ("address", "house"),
    [
        ("长虹路203号", ("长虹路", "长虹路203")),
        ("长虹路 203 号 2号楼1层（原邮局）", ("长虹路", "长虹路203")),
        ("解放3路12号", ("解放3路", "解放3路12")),
        ("万达广场2层A12", ("万达广场", "万达广场")),
        ("长虹路２０３号", ("长虹路", "长虹路203")),
        (
            "서울특별시 성북구 아리랑로 3-0, 5층 (동소문동6가, 기업은행)",
            ("서울특별시성북구아리랑로", "서울특별시성북구아리랑로3"),
        ),
        ("河湾村三组", ("河湾村三组", "河湾村三组")),
        ("（待补）", ("", "")),
    ],
)
def test_house_of_an_address(address, house):
    assert house_of(address) == house


def test_places_named_by_code_word_and_address():
    names = PlaceNames(places())
    assert names.of_codes(["P64050200001", "H64052100001", "P99999900001", "x"]).tolist() == [1, 2, -1, -1]
    assert names.of_words(["鼓楼街道", "640521", "640521100", "宁夏东宁县", "", "别处"]).tolist() == [
        3,
        2,
        4,
        2,
        -1,
        -1,
    ]
    said = ["西城区鼓楼街道长虹路1号", "东宁县安宁镇", "长虹路1号", "鼓楼街道与安宁镇交界", "中卫市西城区东街"]
    assert names.in_addresses(said).tolist() == [3, 4, -1, -1, 1]


def test_rows_in_the_wrong_place_are_named_with_how_far():
    table = register(
        ("P64050200001", "甲", "", "", 105.15, 37.05),  # code says west
        ("P1", "乙", "", "安宁镇", 105.0995, 37.05),  # 44 m west of the border
        ("P2", "丙", "东宁县安宁镇1号", "", 105.05, 37.05),
        ("P3", "丁", "", "", 105.2045, 37.05),  # 400 m outside
        ("P64050200005", "戊", "西城区鼓楼街道", "鼓楼街道", 105.06, 37.06),
    )
    examined = examine(table, places())
    found = examined.suspects.set_index("kind")
    assert found["at"].to_dict() == {"division": 0, "unit": 1, "address": 2, "outside": 3}
    assert found.loc["unit", "metres"] == pytest.approx(44.5, abs=0.5)
    assert found.loc["outside", "metres"] == pytest.approx(400.4, abs=1)
    assert (found.loc["division", "told"], found.loc["division", "lies"]) == ("西城区", "东宁县")
    assert examined.accuracy_m.tolist() == pytest.approx([MISPLACED_M, 44.5, MISPLACED_M, 400.4, 10.0], abs=1)
    assert examined.reason.tolist() == ["division", "unit", "address", "outside", "assumed"]


def test_a_shared_building_is_told_from_a_geocoder():
    at = (105.050123, 37.050123)
    table = register(
        ("P1", "甲", "长虹路203号1层", "", *at), ("P2", "乙", "长虹路203号2号楼", "", *at),
        ("P3", "丙", "长虹路203号", "", *at), ("P4", "丁", "长虹路88号", "", *at),  # strayed
        ("P5", "戊", "解放路1号", "", 105.02, 37.02), ("P6", "己", "解放路9号", "", 105.02, 37.02),  # one road
        ("P7", "庚", "解放路1号", "", 105.03, 37.02), ("P8", "辛", "南街9号", "", 105.03, 37.02),  # a pair
        ("P9", "壬", "甲路1号", "", 105.15, 37.05), ("PA", "癸", "乙路2号", "", 105.15, 37.05),
        ("PB", "子", "", "", 105.15, 37.05),  # a stack
    )  # fmt: skip
    assert kinds(table) == [
        (0, "building"), (1, "building"), (2, "building"), (3, "strayed"), (4, "road"), (5, "road"), (6, "pair"),
        (7, "pair"), (8, "stack"), (9, "stack"), (10, "stack"),
    ]  # fmt: skip
    examined = examine(table, places())
    assert set(examined.accuracy_m[:3]) == {BUILDING_M}
    assert set(examined.accuracy_m[3:6]) == {ROAD_M}
    assert set(examined.accuracy_m[6:]) == {MOST_M}  # the townships are larger than that
    assert (examined.shared.rows, examined.shared.points, examined.shared.building) == (11, 4, 3)
    assert examined.suspects.loc[examined.suspects["kind"] == "stack", "lies"].unique().tolist() == ["安宁镇"]
    assert FALLBACK_M < MOST_M
    held = examined.applied_to(table)
    assert held["position_reason"].tolist()[3:5] == ["strayed", "road"]
    assert table["position_accuracy_m"].tolist() == [10.0] * 11


def test_rows_written_twice():
    at, far = (105.05, 37.05), (105.06, 37.06)
    table = register(
        ("P1", "甲", "长虹路1号", "", *at), ("P2", "甲", "长虹路1号", "", *at),
        ("P3", "甲", "长虹路1号", "", *far),
        ("P4", "乙", "", "", 105.01, 37.01), ("P5", "乙", "", "", 105.01, 37.01), ("P6", "乙", "", "", *far),
    )  # fmt: skip
    found = kinds(table)
    assert [k for k in found if k[1] == "duplicate"] == [(0, "duplicate"), (1, "duplicate"), (3, "duplicate"), (4, "duplicate")]  # fmt: skip
    assert [k for k in found if k[1] == "same_name"] == [(0, "same_name"), (1, "same_name"), (2, "same_name")]
    assert kinds(table.iloc[:0]) == []


def shifted(datum, *, n=40, code="P640502"):
    """A register of the west that was written in `datum`: every third row near the border to the east."""
    rng = np.random.default_rng(3)
    lon = np.where(np.arange(n) % 3 == 0, 105.0975, rng.uniform(105.03, 105.09, n))
    x, y = from_wgs84(lon, rng.uniform(37.02, 37.08, n), datum)
    return x, y, [(f"{code}{i:05d}", f"店{i}", "", "") for i in range(n)]


@pytest.mark.parametrize("written", ["wgs84", "gcj02", "bd09"])
def test_the_datum_that_fits_better_is_named_never_taken(written):
    x, y, rows = shifted(written)
    for declared in ("wgs84", "cgcs2000", "gcj02", "bd09"):
        lon, lat = to_wgs84(x, y, declared)
        table = register(*[(*r, a, b) for r, a, b in zip(rows, lon, lat, strict=True)])
        evidence = datum_evidence(table, places(), declared)
        best = better_datum(evidence)
        if declared in {written, "cgcs2000" if written == "wgs84" else ""}:
            assert best is None
        elif best is not None:
            assert best["for_it"] > best["against_it"]
        shares = evidence[evidence["basis"] == "code"].set_index("datum")["share"]
        assert shares[written] == 1.0
    lon, lat = to_wgs84(x, y, "wgs84")
    table = register(*[(*r, a, b) for r, a, b in zip(rows, lon, lat, strict=True)])
    best = better_datum(datum_evidence(table, places(), "wgs84"))
    assert (None if best is None else best["datum"]) == {"wgs84": None, "gcj02": "gcj02", "bd09": "bd09"}[written]


def test_few_rows_by_chance_name_no_datum():
    lon, lat = to_wgs84(*shifted("gcj02", n=4)[:2], "wgs84")
    table = register(*[(f"P640502{i:05d}", "", "", "", a, b) for i, (a, b) in enumerate(zip(lon, lat, strict=True))])
    evidence = datum_evidence(table, places(), "wgs84")
    assert better_datum(evidence) is None
    assert evidence["chance"].min() > 0.01


def test_streets_are_evidence_too():
    lines = [(105.0, 37.0 + 0.005 * i, 105.1, 37.0 + 0.005 * i) for i in range(1, 20)]
    xy = np.array([[(a, b), (c, d)] for a, b, c, d in lines])
    m = len(lines)
    flat = xy.reshape(-1, 2)
    streets = Streets(
        lon=flat[:, 0].copy(), lat=flat[:, 1].copy(), u=np.arange(0, 2 * m, 2), v=np.arange(1, 2 * m, 2),
        length_m=np.full(m, 8870.0), shape_lon=flat[:, 0].copy(), shape_lat=flat[:, 1].copy(), shape_m=np.zeros(2 * m),
        shape_start=np.arange(0, 2 * m + 1, 2), start=np.zeros(2 * m + 1, dtype=np.int64),
        other=np.zeros(0, dtype=np.int64), edge=np.zeros(0, dtype=np.int64), elevation_m=np.full(2 * m, np.nan),
    )  # fmt: skip
    rng = np.random.default_rng(5)
    lat = 37.0 + 0.005 * rng.integers(1, 20, 60) + 0.0002
    x, y = from_wgs84(rng.uniform(105.01, 105.09, 60), lat, "gcj02")
    table = register(*[(f"R{i}", "", "", "", a, b) for i, (a, b) in enumerate(zip(x, y, strict=True))])
    evidence = datum_evidence(table, places(), "wgs84", streets=streets).set_index(["basis", "datum"])
    assert evidence.loc[("streets", "gcj02"), "median_m"] == pytest.approx(22.2, abs=0.5)
    assert evidence.loc[("streets", "wgs84"), "median_m"] > 60
    best = better_datum(evidence.reset_index())
    assert best is not None
    assert (best["basis"], best["datum"]) == ("streets", "gcj02")

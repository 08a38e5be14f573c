"""Streets on foot as a layer of the map pages: packing, clipping, and pages without streets as they were."""

from __future__ import annotations

from dataclasses import replace

import drawn_city
import geopandas as gpd
import numpy as np
import pytest
import shapely
from drawn_city import DISTRICT
from hypothesis import given, settings
from hypothesis import strategies as st
from page_payload import values_of
from shapely.geometry import LineString

from circle15.draw.index import draw_index
from circle15.draw.map import draw_city, draw_district
from circle15.draw.pack import array_bytes
from circle15.draw.payload import find_district
from circle15.draw.streets import line_arrays, pack_streets
from circle15.schema import CRS
from circle15.walk import streets_on_foot, with_coverage_on_foot

SERVICES = ("inpatient", "pharmacy")


@pytest.fixture(scope="module")
def assessment():
    return drawn_city.make_assessment(institutions=30, cells_across=12)


def arrays_of(raw: bytes) -> list[list[int]]:
    at, arrays = 0, []
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        planes = np.frombuffer(raw, np.uint8, 4 * size, at + 4).reshape(4, size).T
        arrays.append(np.ascontiguousarray(planes).view("<i4").ravel().tolist())
        at += 4 + 4 * size
    return arrays


def lines_of(arrays: list[list[int]]) -> list[list[list[tuple[int, int]]]]:
    """Slow twin of the page's reader, in hundred-thousandths of a degree."""
    counts, sizes, dx0, dy0, dx, dy = map(list, arrays)
    groups, x0, y0 = [], 0, 0
    for count in counts:
        group = []
        for _ in range(count):
            x0, y0 = x0 + dx0.pop(0), y0 + dy0.pop(0)
            line = [(x0, y0)]
            for _ in range(sizes.pop(0) - 1):
                line.append((line[-1][0] + dx.pop(0), line[-1][1] + dy.pop(0)))
            group.append(line)
        groups.append(group)
    assert [sizes, dx0, dy0, dx, dy] == [[]] * 5
    return groups


_WHOLE = st.tuples(st.integers(-18_000_000, 18_000_000), st.integers(-9_000_000, 9_000_000))


@given(st.lists(st.lists(st.lists(_WHOLE, min_size=2, max_size=5), max_size=4), min_size=1, max_size=3))
@settings(max_examples=80)
def test_lines_come_back_group_by_group(groups):
    shapes = [np.array([LineString(np.array(g) / 1e5) for g in group], dtype=object) for group in groups]
    once = [[[p for n, p in enumerate(line) if not n or p != line[n - 1]] for line in group] for group in groups]
    told = lines_of(arrays_of(array_bytes(line_arrays(shapes))))
    assert told == [[line for line in group if len(line) > 1] for group in once]


def streets() -> gpd.GeoDataFrame:
    """A street across the western border of the district, one far east of it, one of another service."""
    west, south = drawn_city.WEST, drawn_city.SOUTH
    lines = [
        LineString([(west - 0.2, south + 0.05), (west + 0.05, south + 0.05)]),
        LineString([(west + 0.05, south + 0.05), (west + 0.05, south + 0.08)]),
        LineString([(west + 0.28, south), (west + 0.29, south)]),
        LineString([(west + 0.01, south + 0.01), (west + 0.02, south + 0.01)]),
    ]
    return gpd.GeoDataFrame({"service": ["pharmacy"] * 3 + ["ltc_home"]}, geometry=lines, crs=CRS)


def test_streets_are_cut_to_the_ground_of_the_page_and_put_together(assessment):
    area = find_district(assessment, DISTRICT)
    values, blocks = pack_streets(streets(), area, SERVICES)
    assert values == {"streets": ["pharmacy"]}
    ((line,),) = lines_of(arrays_of(blocks["streets"]))
    drawn = LineString(np.array(line) / 1e5)
    west, south = drawn_city.WEST, drawn_city.SOUTH
    edge = area.around.bounds[0]
    assert west - 0.03 < edge < west
    true = LineString([(edge, south + 0.05), (west + 0.05, south + 0.05), (west + 0.05, south + 0.08)])
    assert drawn.hausdorff_distance(true) < 2e-5


def test_streets_that_only_touch_the_ground_or_lie_beyond_make_no_layer(assessment):
    area = find_district(assessment, DISTRICT)
    away = gpd.GeoDataFrame({"service": ["pharmacy"]}, geometry=[LineString([(0, 0), (1, 1)])], crs=CRS)
    west, south, _, north = area.around.bounds
    touching = away.set_geometry([LineString([(west - 1, south), (west, (south + north) / 2)])], crs=CRS)
    for lines in (None, away, away[:0], touching):
        assert pack_streets(lines, area, SERVICES) == ({}, {})


def test_pages_hold_the_layer_only_where_there_are_streets(assessment):
    plain = draw_district(assessment, DISTRICT)
    assert "streets" not in values_of(plain)
    assert draw_district(assessment, DISTRICT, streets=streets()[:0]) == plain
    page = draw_district(assessment, DISTRICT, streets=streets())
    assert values_of(page)["streets"] == ["pharmacy", "ltc_home"]
    assert page == draw_district(assessment, DISTRICT, streets=streets())
    assert values_of(draw_city(assessment, streets=streets()))["streets"] == ["pharmacy", "ltc_home"]


def test_coverage_on_foot_stands_beside_the_straight_one(assessment):
    table = assessment.coverage
    walked = table.assign(covered_walking=table["covered"] / 2, share_walking=table["share"] / 2)
    both = replace(assessment, coverage=walked)
    pages = (draw_district(a, DISTRICT) for a in (assessment, both))
    plain, told = (values_of(page) for page in pages)
    straight, on_foot = plain["summary"]["pharmacy"], told["summary"]["pharmacy"]
    assert on_foot["share_walking"] == pytest.approx(on_foot["share"] / 2, abs=1e-5)
    assert on_foot["covered_walking"] == pytest.approx(on_foot["covered"] / 2, abs=1)
    assert straight == {k: v for k, v in on_foot.items() if k not in {"covered_walking", "share_walking"}}
    for bare, row in zip(plain["shares"]["pharmacy"], told["shares"]["pharmacy"], strict=True):
        assert (row[:3], row[3]) == (bare, pytest.approx(row[1] / 2, abs=1e-4))
    # districts added up where the whole has no row of its own
    places = assessment.city.places
    districts = walked["place_id"].isin(places.loc[places["level"] == "district", "id"])
    parts = values_of(draw_index(replace(both, coverage=walked[districts]), pages={}))
    rows, total = parts["rows"]["pharmacy"], parts["total"]["pharmacy"]
    assert total["covered_walking"] == pytest.approx(sum(r["covered_walking"] for r in rows), abs=len(rows))
    assert total["share_walking"] == pytest.approx(total["covered_walking"] / total["residents"], abs=1e-4)
    assert with_coverage_on_foot(assessment) is assessment  # no streets


def test_a_city_s_worth_of_streets_stays_small(assessment):
    """Six thousand pieces of streets, as in a county town, add less than 60 kB to a page."""
    rng = np.random.default_rng(5)
    x, y = drawn_city.WEST + 0.002 * np.arange(70), drawn_city.SOUTH + 0.002 * np.arange(45)
    nodes = np.stack(np.meshgrid(x, y), axis=2) + rng.normal(0, 2e-4, (45, 70, 2))
    ends = [*zip(nodes[:, :-1].reshape(-1, 2), nodes[:, 1:].reshape(-1, 2), strict=True)]
    ends += [*zip(nodes[:-1].reshape(-1, 2), nodes[1:].reshape(-1, 2), strict=True)]
    lines = gpd.GeoDataFrame(
        {"service": "pharmacy"}, index=range(len(ends)), geometry=shapely.linestrings(ends), crs=CRS
    )
    assert len(lines) > 6000
    more = len(draw_district(assessment, DISTRICT, streets=lines)) - len(draw_district(assessment, DISTRICT))
    assert 5_000 < more < 60_000


def test_a_city_without_streets_has_none_on_foot(assessment):
    assert assessment.city.streets is None
    assert streets_on_foot(assessment.city, services=SERVICES, radius_m=800.0) is None

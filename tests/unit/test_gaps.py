"""Gaps of hand-drawn cities.

.  .  a  a  .  .  .     cells of 0.001° (88 m x 111 m), the pharmacy far in the west;
.  .  a  .  b  .  c     a: one patch (edges), b touches a by a corner only when it stands
.  .  .  .  .  .  c     right below it, c is a patch of its own
"""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from circle15.measure.gap_patches import COLUMNS
from circle15.measure.gaps import find_gaps
from circle15.project.metric import distances_m
from circle15.schema import Population, PopulationBlocks

GEOD = Geod(ellps="WGS84")
STEP = 0.001
FAR = (104.0, 37.5)


def cell(column, row):
    west, south = round(105 + column * STEP, 9), round(37.5 + row * STEP, 9)
    return shapely.box(west, south, round(west + STEP, 9), round(south + STEP, 9))


def population(spots, residents, kind="grid"):
    shapes = [cell(*s) if isinstance(s, tuple) else s for s in spots]
    table = gpd.GeoDataFrame({"residents": np.asarray(residents, float)}, geometry=shapes, crs="EPSG:4326")
    return Population(table, None, kind, 100.0)


def pharmacies(*points):
    names = [f"P{i}" for i in range(len(points))]
    return gpd.GeoDataFrame(
        {"id": names, "name": [f"{n}店" for n in names], "service": "pharmacy"},
        geometry=[shapely.Point(p) for p in points],
        crs="EPSG:4326",
    )


def places(*rows):
    frame = gpd.pd.DataFrame([r[:2] for r in rows], columns=["id", "level"])
    frame["name"] = "名" + frame["id"].astype(str)
    return gpd.GeoDataFrame(frame, geometry=[r[2] for r in rows], crs="EPSG:4326")


EVERYWHERE = places()


def find(people, register=None, ground=EVERYWHERE, **options):
    register = pharmacies(FAR) if register is None else register
    return find_gaps(people, register, ground, **({"radius_m": 800, "service": "pharmacy"} | options))


def test_cells_that_touch_by_edge_or_corner_are_one_patch():
    gaps = find(population([(2, 3), (3, 3), (2, 2), (4, 2), (9, 3), (9, 2)], [100, 50, 50, 70, 120, 30]))
    assert gaps.residents.tolist() == pytest.approx([270, 150])
    assert gaps.cells.tolist() == [4, 2]
    assert gaps.gap_id.tolist() == ["G001", "G002"]
    assert gaps["rank"].tolist() == [1, 2]


def test_a_row_apart_is_another_patch():
    assert len(find(population([(0, 0), (2, 0)], [200, 150]))) == 2


def test_corners_that_differ_in_the_last_digits_still_touch():
    shaken = shapely.affinity.translate(cell(1, 0), 3e-10, -2e-10)
    gaps = find(population([cell(0, 0), shaken], [90, 90]))
    assert len(gaps) == 1
    assert gaps.geometry.iloc[0].geom_type == "Polygon"
    assert gaps.geometry.is_valid.all()


def test_small_patches_are_left_out_and_the_bound_counts():
    people = population([(0, 0), (5, 0), (9, 9)], [99.9, 100, 400])
    assert find(people).residents.tolist() == [400, 100]
    assert find(people, min_residents=300).residents.tolist() == [400]
    assert len(find(people, min_residents=0)) == 3


def test_covered_cells_are_no_gap():
    assert find(population([(0, 0)], [500]), pharmacies((105.0005, 37.5005))).empty


def test_a_cut_cell_counts_with_its_uncovered_residents():
    centre = cell(0, 0).centroid
    lon, lat, _ = GEOD.fwd(centre.x, centre.y, 270, 800)
    gaps = find(population([(0, 0)], [1000]), pharmacies((lon, lat)))
    assert 400 < gaps.residents.iloc[0] < 600
    assert gaps.candidate_new_residents.iloc[0] == pytest.approx(gaps.residents.iloc[0])
    assert gaps.density_per_km2.iloc[0] == pytest.approx(1000 / (gaps.area_km2.iloc[0] * 1000 / gaps.residents.iloc[0]))


def test_the_candidate_covers_most_and_also_beyond_its_patch():
    # a row with most of its people at the east end, and a crowd across seven empty columns, 706 m from there
    spots = [(i, 0) for i in range(20)] + [(27, 0)]
    gaps = find(population(spots, [1.0] * 19 + [300.0, 180.0]))
    assert gaps.residents.tolist() == [319, 180]
    assert gaps.candidate_new_residents.iloc[0] > 480
    reach = distances_m([gaps.candidate_lon.iloc[0]], [37.5005], [105.0275], [37.5005])[0]
    assert reach < 800


def brute_best(people, register, radius_m=800):
    """Every cell's centre tried as a new pharmacy, by coverage before and after."""
    from circle15.measure.coverage import measure_coverage

    world = places(("W", "city", shapely.box(100, 30, 110, 45)))
    world["parent"] = ""

    def covered(table):
        return measure_coverage(people, table, world, radius_m=radius_m, services=["pharmacy"]).covered.iloc[0]

    before = covered(register)
    centres = shapely.centroid(people.cells.geometry.array)
    gains = []
    for n, point in enumerate(centres):
        more = gpd.pd.concat([register, pharmacies((point.x, point.y)).assign(id=f"N{n}")], ignore_index=True)
        gains.append(covered(more) - before)
    return np.array(gains), centres


def test_the_candidate_is_the_best_of_all_tried_one_by_one():
    rng = np.random.default_rng(2)
    spots = [(i, j) for i in range(26) for j in range(3)]
    people = population(spots, rng.integers(1, 60, len(spots)))
    register = pharmacies((105.0333, 37.502), (104.993, 37.5008), (104.9925, 37.503))
    gaps = find(people, register, min_residents=1)
    gains, centres = brute_best(people, register)
    assert len(gaps) == 1
    assert gaps.candidate_new_residents.iloc[0] == pytest.approx(gains.max(), rel=1e-9)
    assert (gains > gains.max() - 1e-3).sum() == 1
    best = centres[int(gains.argmax())]
    assert (gaps.candidate_lon.iloc[0], gaps.candidate_lat.iloc[0]) == pytest.approx((best.x, best.y))


def test_equal_candidates_are_settled_west_then_south():
    gaps = find(population([(0, 0), (1, 0), (0, 1), (1, 1)], [50] * 4))
    assert (gaps.candidate_lon.iloc[0], gaps.candidate_lat.iloc[0]) == pytest.approx((105.0005, 37.5005))


def test_equal_patches_are_ranked_from_the_west():
    gaps = find(population([(40, 0), (0, 0), (20, 0)], [200] * 3))
    assert gaps.candidate_lon.tolist() == sorted(gaps.candidate_lon)


def test_the_order_of_cells_does_not_matter():
    rng = np.random.default_rng(9)
    spots = [(i, j) for i in range(12) for j in range(12) if rng.random() < 0.4]
    people = rng.integers(1, 90, len(spots)).astype(float)
    mixed = rng.permutation(len(spots))
    one = find(population(spots, people), min_residents=50)
    other = find(population([spots[i] for i in mixed], people[mixed]), min_residents=50)
    assert one.drop(columns="geometry").round(6).equals(other.drop(columns="geometry").round(6))
    assert shapely.equals(one.geometry.array, other.geometry.array).all()


def test_blocks_do_not_cut_patches():
    spots = [(i, 0) for i in range(10)]
    whole = population(spots, [30] * 10)
    blocks = PopulationBlocks([population(spots[:5], [30] * 5), population(spots[5:], [30] * 5)], cell_m=100)
    one, other = find(whole), find(blocks)
    assert one.drop(columns="geometry").equals(other.drop(columns="geometry"))
    assert other.cells.tolist() == [10]


def test_place_and_nearest_institution_are_told():
    half = shapely.box(105, 37.5, 105.002, 37.51)
    rest = shapely.box(105.002, 37.5, 105.01, 37.51)
    ground = places(("D", "district", shapely.union(half, rest)), ("T1", "township", half), ("T2", "township", rest))
    gaps = find(population([(i, 0) for i in range(5)], [50] * 5), pharmacies(FAR, (105.1, 37.5)), ground)
    row = gaps.iloc[0]
    assert (row.district_id, row.township_id, row.township_name) == ("D", "T2", "名T2")
    assert (row.nearest_id, row.nearest_name) == ("P1", "P1店")
    away = distances_m([row.candidate_lon], [row.candidate_lat], [105.1], [37.5])[0]
    assert row.nearest_m == pytest.approx(away)


def test_only_cells_in_a_district_are_looked_at():
    ground = places(("D", "district", shapely.box(105, 37.5, 105.002, 37.51)))
    people = population([(0, 0), (1, 0), (2, 0), (8, 0)], [100, 100, 100, 900])
    assert find(people, ground=ground).residents.tolist() == [200]
    township_only = places(("T", "township", shapely.box(0, 0, 1, 1)))
    found = find(people, ground=township_only)
    assert found.residents.tolist() == [900, 300]
    assert found.township_id.tolist() == ["", ""]


def test_no_institution_of_the_service_at_all():
    gaps = find(population([(0, 0)], [500]), pharmacies())
    assert gaps.nearest_id.tolist() == [""]
    assert gaps.nearest_m.isna().all()


def test_no_gap_is_an_empty_table_of_the_same_columns():
    for people in (population([], []), population([(0, 0)], [3])):
        gaps = find(people)
        assert list(gaps.columns) == [*COLUMNS, "geometry"]
        assert gaps.empty
        assert gaps.crs == "EPSG:4326"
        full = find(population([(0, 0)], [500]))
        assert gaps.dtypes.drop("geometry").equals(full.dtypes.drop("geometry"))


def test_points_stand_together_up_to_a_hundred_metres():
    lon, lat = 105.0, 37.5
    near, _, _ = GEOD.fwd(lon, lat, 90, 99.9)
    far, _, _ = GEOD.fwd(near, lat, 90, 100.2)
    points = [shapely.Point(lon, lat), shapely.Point(near, lat), shapely.Point(far, lat)]
    gaps = find(population(points, [80, 80, 150], "point"))
    assert gaps.residents.tolist() == [160, 150]
    assert gaps.area_km2.tolist() == pytest.approx([2 * np.pi * 0.05**2, np.pi * 0.05**2], rel=0.01)


def test_wide_areas_are_gaps_only_where_no_circle_reaches():
    area = shapely.box(105.0, 37.5, 105.08, 37.51)
    gaps = find(population([area], [8000], "area"), pharmacies((105.005, 37.505), (105.04, 37.505)))
    # the second circle bars the strip's middle, so the rest falls into two patches
    assert len(gaps) == 2
    assert (gaps.cells == 1).all()
    assert gaps.area_km2.sum() < 7.9 * 0.72
    assert gaps.within(area.buffer(1e-8)).all()
    assert gaps.candidate_new_residents.max() < 8000 / 7.85 * 2.02


def test_the_outline_is_the_patch():
    gaps = find(population([(0, 0), (1, 0), (2, 1)], [100] * 3))
    outline = gaps.geometry.iloc[0]
    expected = shapely.union_all([cell(0, 0), cell(1, 0), cell(2, 1)])
    assert outline.symmetric_difference(expected).area < 1e-15
    assert gaps.area_km2.iloc[0] == pytest.approx(3 * 0.0884 * 0.111, rel=2e-3)


def test_inputs_are_left_as_they_were():
    people, register = population([(0, 0)], [500]), pharmacies(FAR)
    before = people.cells.copy(), register.copy()
    find(people, register)
    assert people.cells.equals(before[0])
    assert register.equals(before[1])

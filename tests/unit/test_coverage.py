"""Coverage of hand-drawn cities."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from circle15.measure.coverage import measure_coverage
from circle15.schema import Population, PopulationBlocks

GEOD = Geod(ellps="WGS84")


def places(*outlines, levels=None):
    n = len(outlines)
    return gpd.GeoDataFrame(
        {"id": [f"A{i}" for i in range(n)], "name": "", "level": levels or ["township"] * n, "parent": ""},
        geometry=list(outlines),
        crs="EPSG:4326",
    )


def pharmacies(*points, service="pharmacy"):
    n = len(points)
    return gpd.GeoDataFrame(
        {"id": [f"P{i}" for i in range(n)], "service": [service] * n},
        geometry=[shapely.Point(p) for p in points],
        crs="EPSG:4326",
    )


def population(cells, residents, kind="grid"):
    table = gpd.GeoDataFrame({"residents": np.asarray(residents, float)}, geometry=list(cells), crs="EPSG:4326")
    return Population(table, None, kind, 100.0)


def grid(west=105.0, south=37.5, columns=40, rows=30, step=0.001):
    x, y = np.meshgrid(west + np.arange(columns) * step, south + np.arange(rows) * step)
    return shapely.box(x.ravel(), y.ravel(), x.ravel() + step, y.ravel() + step)


def measure(people, register, ground, **options):
    return measure_coverage(people, register, ground, **({"radius_m": 800, "services": ["pharmacy"]} | options))


def test_everyone_under_one_circle():
    table = measure(population(grid(columns=3, rows=3), [10] * 9), pharmacies((105.001, 37.501)), places(*grid(step=1)))
    row = table.iloc[0]
    assert (row.residents, row.covered, row.share, row.depth_1, row.institutions) == (90, 90, 1, 90, 1)


def test_nobody_is_covered_without_institutions():
    row = measure(population(grid(), [1] * 1200), pharmacies(), places(shapely.box(105, 37.5, 105.04, 37.53))).iloc[0]
    assert row.residents == pytest.approx(1200)
    assert (row.covered, row.share, row.institutions) == (0, 0, 0)
    assert row.depth_0 == pytest.approx(1200)


def test_a_place_without_residents_has_no_share():
    table = measure(population(grid(), [1] * 1200), pharmacies((105, 37.5)), places(shapely.box(110, 37, 111, 38)))
    assert table.residents.tolist() == [0]
    assert np.isnan(table.share.iloc[0])


def test_the_border_cuts_cells_and_circles_reach_across_it():
    # one wide cell, its western quarter in A0; the pharmacy stands in A1 and covers all of it
    cell = shapely.box(105.0075, 37.504, 105.0175, 37.505)
    ground = places(shapely.box(105, 37.5, 105.01, 37.51), shapely.box(105.01, 37.5, 105.02, 37.51))
    table = measure(population([cell], [400]), pharmacies((105.0125, 37.5045)), ground)
    assert table.residents.tolist() == pytest.approx([100, 300], rel=1e-6)
    assert table.covered.tolist() == pytest.approx([100, 300], rel=1e-6)
    assert table.institutions.tolist() == [0, 1]


def test_the_covered_part_of_a_cut_cell_is_its_own():
    # the circle covers the east end of the cell only, so none of the western piece's people
    cell = shapely.box(105.0, 37.504, 105.02, 37.505)
    ground = places(shapely.box(105, 37.5, 105.01, 37.51), shapely.box(105.01, 37.5, 105.02, 37.51))
    row = measure(population([cell], [400]), pharmacies((105.0201, 37.5045)), ground)
    assert row.covered.iloc[0] == 0
    assert row.covered.iloc[1] == pytest.approx(400 * 0.0089 / 0.02, rel=0.02)


def test_depths_count_circles():
    points = [(105.001, 37.501)] * 2 + [(105.0012, 37.501)] * 2 + [(106, 37.5)]
    row = measure(population(grid(columns=2, rows=2), [5] * 4), pharmacies(*points), places(*grid(step=1))).iloc[0]
    assert row.depth_3 == 20
    assert (row.depth_0, row.depth_1, row.depth_2) == (0, 0, 0)


def test_depths_add_up_to_the_residents():
    rng = np.random.default_rng(4)
    register = pharmacies(*zip(105 + rng.random(9) * 0.04, 37.5 + rng.random(9) * 0.03, strict=True))
    ground = places(shapely.box(105, 37.5, 105.0213, 37.53), shapely.box(105.0213, 37.5, 105.04, 37.53))
    table = measure(population(grid(), rng.random(1200)), register, ground)
    depths = table[["depth_0", "depth_1", "depth_2", "depth_3"]]
    assert (depths.to_numpy() >= -1e-9).all()
    assert depths.sum(axis=1).to_numpy() == pytest.approx(table.residents.to_numpy())
    assert table.covered.to_numpy() == pytest.approx((table.residents - table.depth_0).to_numpy())


def test_services_are_measured_apart_and_rows_follow_the_places():
    register = pharmacies((105.001, 37.501))
    register.loc[1] = ["H1", "inpatient", shapely.Point(106, 37.5)]
    ground = places(shapely.box(105, 37.5, 105.04, 37.53), shapely.box(104, 37, 107, 38), levels=["township", "city"])
    table = measure(population(grid(), [1] * 1200), register, ground, services=["inpatient", "pharmacy"])
    assert table.place_id.tolist() == ["A0", "A0", "A1", "A1"]
    assert table.service.tolist() == ["inpatient", "pharmacy"] * 2
    assert table.institutions.tolist() == [0, 1, 1, 1]
    assert table.covered.iloc[0] == 0
    assert table.covered.iloc[1] == pytest.approx(table.covered.iloc[3])


def test_no_services_no_rows():
    table = measure(population(grid(), [1] * 1200), pharmacies(), places(shapely.box(105, 37, 106, 38)), services=[])
    assert table.empty
    assert "depth_3" in table.columns


@pytest.mark.parametrize(("metres", "covered"), [(799.999, 8.0), (800.0, 8.0), (800.001, 0.0)])
def test_points_are_covered_by_geodesic_distance(metres, covered):
    lon, lat, _ = GEOD.fwd(105.01, 37.51, 77, metres)
    table = measure(
        population([shapely.Point(lon, lat)], [8.0], "point"),
        pharmacies((105.01, 37.51)),
        places(shapely.box(105, 37, 106, 38)),
    )
    assert table.covered.tolist() == [covered]


def test_wide_areas_are_measured_in_parts():
    area = shapely.box(105.0, 37.5, 105.08, 37.57)
    fine = population(grid(columns=80, rows=70), [1.0] * 5600)
    register, ground = pharmacies((105.03, 37.52), (105.034, 37.53)), places(shapely.box(104, 37, 106, 38))
    whole = measure(population([area], [5600.0], "area"), register, ground)
    # the fine grid holds equal people on cells that narrow to the north, so the two differ by their areas
    assert whole.covered.iloc[0] == pytest.approx(measure(fine, register, ground).covered.iloc[0], rel=1e-3)


def test_blocks_give_the_same_as_the_whole():
    rng = np.random.default_rng(8)
    cells, people = grid(), rng.random(1200)
    register = pharmacies((105.01, 37.51), (105.012, 37.52))
    ground = places(shapely.box(105.0005, 37.5005, 105.03, 37.52))
    blocks = PopulationBlocks(
        [population(cells[:500], people[:500]), population(cells[500:], people[500:])], cell_m=100
    )
    whole, parts = (measure(p, register, ground) for p in (population(cells, people), blocks))
    for column in ("residents", "covered", "depth_2"):
        assert parts[column].to_numpy() == pytest.approx(whole[column].to_numpy(), rel=1e-12)


def test_inputs_are_left_as_they_were():
    people, register, ground = population(grid(), [1] * 1200), pharmacies((105, 37.5)), places(*grid(step=1)[:1])
    before = people.cells.copy(), register.copy(), ground.copy()
    measure(people, register, ground)
    for now, then in zip((people.cells, register, ground), before, strict=True):
        assert now.equals(then)


def test_an_institution_without_a_position_covers_nothing():
    register = pharmacies((105.01, 37.51))
    register.loc[1] = ["P1", "pharmacy", None]
    row = measure(population(grid(), [1] * 1200), register, places(shapely.box(105, 37, 106, 38))).iloc[0]
    assert row.institutions == 1
    assert row.depth_2 == 0


def test_nobody_and_nowhere():
    register, world = pharmacies((105.01, 37.51)), places(shapely.box(105, 37, 106, 38))
    row = measure(population([], []), register, world).iloc[0]
    assert (row.residents, row.covered, row.institutions) == (0, 0, 1)
    assert measure(population(grid(), [1] * 1200), register, world.iloc[:0]).empty


def test_three_hundred_pharmacies_over_one_wide_area():
    rng = np.random.default_rng(3)
    register = pharmacies(*zip(105 + rng.random(300) * 0.03, 37.5 + rng.random(300) * 0.03, strict=True))
    area = shapely.box(105, 37.5, 105.03, 37.53)
    row = measure(population([area], [9000], "area"), register, places(area)).iloc[0]
    assert row.depth_3 > 8900
    assert row[["depth_0", "depth_1", "depth_2", "depth_3"]].sum() == pytest.approx(9000)

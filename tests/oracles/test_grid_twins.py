"""What is measured on a grid's numbers against the same cells as geometries: same numbers, any grid, any borders."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import DEGREES, GRIDS, PLANE, Numbers, assert_same, landscape, quads

from circle15.measure import grid as on_grid
from circle15.measure import grid_places
from circle15.measure.cells import depth_fractions, disc_fractions, pack_geometries
from circle15.measure.circles import measure_circles
from circle15.measure.coverage import measure_coverage
from circle15.measure.grid_ground import ground_of
from circle15.measure.grid_kernels import residents_in
from circle15.measure.position import points_within_error
from circle15.measure.totals import measure_totals
from circle15.read.people import check_people
from circle15.schema import CRS, SERVICES, City, GridCells
from circle15.siting.demand import demand_points

# a border is straight in degrees; in the plane a piece of it of 100 m strays by 0.1 mm, which is people per million
PEOPLE = 1e-6


@pytest.mark.parametrize("name", GRIDS)
def test_coverage_of_geometries_says_the_same(name):
    people, register, places = landscape(GRIDS[name], seed=1)
    options = {"radius_m": 800.0, "services": ["pharmacy", "outpatient"]}
    fast = measure_coverage(people, register, places, **options)
    slow = measure_coverage(replace(people, grid=None), register, places, **options)
    assert (slow["covered"] > 0).any()
    assert_same(fast, slow, rtol=PEOPLE, atol=PEOPLE)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("radius_m", [60.0, 800.0, 2500.0])
def test_circles_over_geometries_say_the_same(name, radius_m):
    people, register, _ = landscape(GRIDS[name], seed=2, gone=0.02)
    fast = measure_circles(register, register, people, radius_m=radius_m)
    slow = measure_circles(register, register, replace(people, grid=None), radius_m=radius_m)
    assert (slow["residents_within"] > 0).any()
    # the twin's land is cut into parts of 2 km, whose frame bends by some tenths of a millimetre
    assert_same(fast, slow, rtol=3e-5, atol=1e-6)
    assert fast["residents_within"].to_numpy() == pytest.approx(slow["residents_within"].to_numpy(), rel=1e-8, abs=1e-7)


@pytest.mark.parametrize("name", ["degrees", "plane"])
def test_totals_of_geometries_say_the_same(name):
    people, register, places = landscape(GRIDS[name], seed=3)
    fast = measure_totals(places, people, register, services=SERVICES)
    slow = measure_totals(places, replace(people, grid=None), register, services=SERVICES)
    # ground without data is cut off along straight lines in degrees, while an area's long edges are geodesics
    assert_same(fast, slow, rtol=3e-5, atol=PEOPLE)
    assert fast["residents"].to_numpy() == pytest.approx(slow["residents"].to_numpy(), rel=PEOPLE, abs=PEOPLE)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(GRIDS)), radius_m=st.floats(30, 3000))
def test_every_cell_under_every_circle(seed, name, radius_m):
    """Depth cell by cell and residents circle by circle, against the kernels for cells of any shape."""
    lattice = GRIDS[name]
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(1, 30)), int(rng.integers(1, 30))
    values = rng.uniform(0.5, 9, (rows, columns))
    values[rng.random(values.shape) < 0.05] = np.nan
    n = int(rng.integers(1, 12))
    lon, lat = lattice.degrees(rng.uniform(-5, columns + 5, n), rng.uniform(-5, rows + 5, n))
    lon[n // 2 :], lat[n // 2 :] = lon[0], lat[0]  # some stand in one place
    block = on_grid.Block(values, lattice)
    cover = block.cover(on_grid.centres_on(lon, lat, lattice), radius_m=radius_m)
    shares = (cover.base.ravel()[:, None] > np.arange(3)).astype(float)
    shares[cover.cells] = cover.shares
    cells = pack_geometries(quads(lattice, rows, columns), widest_m=np.inf)
    known = ~np.isnan(values.ravel())
    twin = depth_fractions(cells, lon, lat, radius_m=radius_m, depths=3)
    np.testing.assert_allclose(shares[known], twin[known], atol=1e-9)
    held, ground = np.zeros(n), np.zeros(n)
    held[cover.disc], ground[cover.disc] = cover.residents, cover.ground_m2
    every = np.repeat(np.arange(rows * columns), n)
    share = disc_fractions(cells, every, np.tile(lon, rows * columns), np.tile(lat, rows * columns), radius_m=radius_m)
    of_cell = np.column_stack([np.nan_to_num(values.ravel()), known * cells.area_m2])
    sums = (share.reshape(-1, n, 1) * of_cell[:, None, :]).sum(axis=0)
    np.testing.assert_allclose(held, sums[:, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ground, sums[:, 1], rtol=1e-8, atol=1e-5)


def test_residents_are_added_up_as_numpy_does():
    rng = np.random.default_rng(4)
    values = rng.gamma(0.3, 8, (37, 53))
    values[rng.random(values.shape) < 0.2] = np.nan
    assert residents_in(values) == pytest.approx(np.nansum(values), rel=1e-12)
    assert residents_in(values[:0]) == 0


@pytest.mark.parametrize("name", GRIDS)
def test_blocks_add_up_to_the_whole(name):
    """However a grid is cut, circles, people and missing ground are the same."""
    people, register, places = landscape(GRIDS[name], seed=4)
    lattice, values = GRIDS[name], people.grid.values
    lon, lat = (np.array(register.geometry.map(lambda p, k=k: p.coords[0][k])) for k in (0, 1))
    centres, outlines = on_grid.centres_on(lon, lat, lattice), grid_places.outlines_on(places, lattice)

    def measured(blocks):
        held, shares, gone = np.zeros((len(lon), 2)), 0.0, 0.0
        for block in blocks:
            cover = block.cover(centres, radius_m=800.0)
            held[cover.disc] += np.column_stack([cover.residents, cover.ground_m2])
            shares = shares + grid_places.people_in(block, outlines, [cover], [centres], radius_m=800.0)
            gone = gone + grid_places.missing_m2(block, outlines)
        return held, shares, gone

    whole = measured([on_grid.Block(values, lattice)])
    cut = [
        on_grid.Block(values[r : r + 17].copy()[:, c : c + 23].copy(), lattice, r, c)
        for r in range(0, 50, 17)
        for c in range(0, 60, 23)
    ]
    for fast, slow in zip(measured(cut), whole, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-8, atol=1e-6)


def test_ground_without_data_is_told_place_by_place():
    people, _, places = landscape(PLANE, seed=5, gone=0.2)
    block = on_grid.block_of(people.grid)
    gone = grid_places.missing_m2(block, grid_places.outlines_on(places, PLANE))
    nodata = quads(PLANE, 50, 60)[np.isnan(people.grid.values.ravel())]
    to_plane = gpd.GeoSeries(nodata, crs=CRS).to_crs("EPSG:4544")
    outline = places.to_crs("EPSG:4544").geometry
    expected = [to_plane.intersection(place).area.sum() for place in outline]
    # the plane's scale is off by up to 5e-5 away from its meridian
    assert gone == pytest.approx(expected, rel=2e-4)


def test_places_that_overlap_count_their_people_each():
    values = np.full((10, 10), 4.0)
    grid = GridCells(values, DEGREES.transform)
    lon, lat = DEGREES.degrees(np.array([0.0, 6.0, 3.0, 10.0]), np.array([0.0, 10.0, 0.0, 10.0]))
    boxes = [shapely.box(lon[0], lat[1], lon[1], lat[0]), shapely.box(lon[2], lat[3], lon[3], lat[2])]
    places = gpd.GeoDataFrame({"id": ["A", "B"], "level": "district"}, geometry=boxes, crs=CRS)
    assert ground_of(grid, places)[0] == pytest.approx([240.0, 280.0])


def test_series_of_corners_is_what_proj_says():
    lon, lat = PLANE.corners(900, 1100)
    column, row = np.meshgrid(np.arange(1101.0), np.arange(901.0))
    true_lon, true_lat = PLANE.degrees(column, row)
    assert np.abs(lon - true_lon).max() < 1e-11
    assert np.abs(lat - true_lat).max() < 1e-11


@pytest.mark.parametrize("name", GRIDS)
def test_demand_of_geometries_says_the_same(name):
    """Points with residents, whole cells and those laid out in parts where circles cut them."""
    people, register, _ = landscape(GRIDS[name], seed=6, discs=9)
    lon, lat = register.geometry.x.to_numpy(), register.geometry.y.to_numpy()
    for options in ({}, {"part_m": 45.0}, {"part_m": 25.0, "edges": (lon, lat, 800.0)}):
        fast = demand_points(Numbers(people.grid), **options)
        slow = demand_points(replace(people, grid=None), **options)
        assert len(fast) == len(slow) >= len(people.cells)
        assert (fast.cell == slow.cell).all()
        assert fast.residents.tolist() == slow.residents.tolist()
        assert np.abs(np.array([fast.lon - slow.lon, fast.lat - slow.lat])).max() < 1e-10


@pytest.mark.parametrize("name", ["degrees", "slanted"])
def test_a_check_of_people_says_the_same(name):
    people, register, places = landscape(GRIDS[name], seed=8)
    places = places.assign(level=["city", "township", "township"], residents=[9000.0, 10.0, np.nan])
    fast = check_people(City(register, Numbers(people.grid), places))
    slow = check_people(City(register, replace(people, grid=None), places))
    assert fast.outside_cells == slow.outside_cells > 0
    assert fast.between_cells == slow.between_cells > 0
    assert (fast.outside_residents, fast.between_residents) == (slow.outside_residents, slow.between_residents)
    assert_same(fast.totals, slow.totals, rtol=1e-12)
    assert fast.problems == slow.problems
    assert fast.outside["residents"].tolist() == slow.outside["residents"].tolist()
    assert fast.outside.geometry.geom_equals_exact(slow.outside.geometry, 1e-10).all()


@pytest.mark.parametrize("name", ["degrees", "slanted", "coarse"])
def test_other_cells_within_the_error_of_a_position_are_the_same(name):
    people, register, places = landscape(GRIDS[name], seed=9, discs=25)
    sites = register.assign(position_accuracy_m=np.resize([0.0, 15.0, 90.0, 400.0], len(register)))
    sites = sites.set_geometry(sites.geometry.where(sites.index != 3, shapely.Point()))
    fast = points_within_error(sites, places, cells=Numbers(people.grid))
    slow = points_within_error(sites, places, cells=replace(people, grid=None))
    assert len(slow) > 5
    assert fast["id"].tolist() == slow["id"].tolist()
    assert fast["moved_m"].to_numpy() == pytest.approx(slow["moved_m"].to_numpy(), abs=1e-4)
    assert fast.geometry.geom_equals_exact(slow.geometry, 1e-9).all()

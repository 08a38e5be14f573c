"""Circles about sites: neighbours, residents and land in cases that can be worked out by hand."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from five_cities import CENTRES
from pyproj import Geod

from circle15.measure.circles import measure_circles, neighbours_within, residents_within
from circle15.measure.ground import Ground
from circle15.project.metric import areas_m2, circle_outline
from circle15.schema import CRS, GridCells, Population, PopulationBlocks

GEOD = Geod(ellps="WGS84")
R = 800.0
CIRCLE_KM2 = np.pi * 0.64
LON, LAT = 105.197, 37.5


def away(azimuth, metres, lon=LON, lat=LAT):
    x, y, _ = GEOD.fwd(lon, lat, azimuth, metres)
    return x, y


def table(points, *, service="pharmacy", ids=None, index=None):
    n = len(points)
    columns = {
        "id": ids or [f"P{k:03}" for k in range(n)],
        "name": [f"N{k}" for k in range(n)],
        "service": [service] * n if isinstance(service, str) else service,
        "position_accuracy_m": [10.0] * n,
    }
    geometry = [None if p is None else shapely.Point(p) for p in points]
    return gpd.GeoDataFrame(columns, geometry=geometry, crs="EPSG:4326", index=index)


def grid(*, lon=LON, lat=LAT, half=15, step=0.001, people=30.0):
    steps = np.arange(-half, half) * step
    x, y = (v.ravel() for v in np.meshgrid(lon + steps, lat + steps))
    cells = gpd.GeoDataFrame(
        {"residents": np.full(len(x), people)}, geometry=shapely.box(x, y, x + step, y + step), crs="EPSG:4326"
    )
    return Population(cells, shapely.box(*cells.total_bounds), "grid", 100.0)


def people_at(points, residents):
    cells = gpd.GeoDataFrame({"residents": residents}, geometry=[shapely.Point(p) for p in points], crs="EPSG:4326")
    return Population(cells, None, "point", float("nan"))


NOBODY = people_at([(0.0, 0.0)], [1.0])
NO_PLACES = gpd.GeoDataFrame({"id": [], "name": [], "level": [], "settings": []}, geometry=[], crs=CRS)


# ---- neighbours


def test_neighbours_are_the_others_of_the_same_service_by_distance():
    #   P0 site . P1 at 300 m . P2 at 100 m . a clinic at 50 m . P4 at 900 m
    points = [(LON, LAT), away(90, 300), away(0, 100), away(10, 50), away(180, 900)]
    register = table(points, service=["pharmacy", "pharmacy", "pharmacy", "outpatient", "pharmacy"])
    found = neighbours_within(register.iloc[:1], register, radius_m=R)
    assert list(found.columns) == ["site_id", "id", "name", "institution", "distance_m", "position_accuracy_m"]
    assert found["id"].tolist() == ["P002", "P001"]
    assert found["name"].tolist() == ["N2", "N1"]
    assert found["site_id"].tolist() == ["P000", "P000"]
    assert np.allclose(found["distance_m"], [100.0, 300.0], atol=1e-6)
    assert isinstance(found.index, pd.RangeIndex)


def test_margin_looks_beyond_the_circle():
    register = table([(LON, LAT), away(90, 795), away(90, 815)])
    assert neighbours_within(register.iloc[:1], register, radius_m=R, margin_m=20.0)["id"].tolist() == ["P001", "P002"]
    assert neighbours_within(register.iloc[:1], register, radius_m=R)["id"].tolist() == ["P001"]


def test_neighbours_follow_the_order_of_the_sites_whatever_their_service():
    points = [(LON, LAT), away(0, 10), away(0, 20), away(0, 30)]
    register = table(points, service=["pharmacy", "inpatient", "pharmacy", "inpatient"])
    sites = register.iloc[[3, 2, 1, 0]]
    assert neighbours_within(sites, register, radius_m=R)["site_id"].tolist() == ["P003", "P002", "P001", "P000"]


def test_a_double_on_the_same_spot_is_another():
    register = table([(LON, LAT), (LON, LAT)])
    found = neighbours_within(register, register, radius_m=R)
    assert found[["site_id", "id"]].to_numpy().tolist() == [["P000", "P001"], ["P001", "P000"]]
    assert found["distance_m"].tolist() == [0.0, 0.0]


def test_a_proposed_site_on_top_of_an_institution_counts_it():
    found = neighbours_within(table([(LON, LAT)], ids=["new"]), table([(LON, LAT)]), radius_m=R)
    assert found["id"].tolist() == ["P000"]


def test_no_institutions_no_neighbours():
    assert len(neighbours_within(table([(LON, LAT)]), table([]), radius_m=R)) == 0
    assert len(neighbours_within(table([]), table([(LON, LAT)]), radius_m=R)) == 0


@pytest.mark.parametrize("city", CENTRES)
@pytest.mark.parametrize(("metres", "others"), [(799.999, 1), (800.0, 1), (800.001, 0), (801.0, 0)])
def test_bound_of_the_circle_in_all_five_cities(city, metres, others):
    lon, lat = CENTRES[city]
    for azimuth in (0.0, 61.0, 90.0, 200.0):
        register = table([(lon, lat), away(azimuth, metres, lon, lat)])
        measures = measure_circles(register, register, people_at([register.geometry[1].coords[0]], [7.0]), radius_m=R)
        assert measures["others_within"].tolist() == [others, others]
        assert measures["residents_within"].tolist() == [7.0 * others, 7.0]
        assert measures["nearest_other_m"].iloc[0] == pytest.approx(metres, abs=1e-6)


# ---- measures


def test_uniform_grid_gives_its_density_times_the_circle():
    population = grid()
    per_m2 = 30.0 / areas_m2(population.cells.geometry)
    measures = measure_circles(table([(LON, LAT), away(33, 120)]), table([]), population, radius_m=R)
    # cells narrow to the north, by 0.001 % over the 100 m between the sites
    assert measures["residents_within"].to_numpy() == pytest.approx(per_m2.mean() * np.pi * R**2, rel=2e-5)
    assert measures["density_circle_per_km2"].to_numpy() == pytest.approx(per_m2.mean() * 1e6, rel=2e-5)
    assert (measures["circle_land_km2"] == CIRCLE_KM2).all()


def test_residents_do_not_jump_when_the_site_crosses_a_cell_border():
    population = grid()
    points = [(LON + d, LAT + d) for d in (-1e-9, 0.0, 1e-9)]
    found = measure_circles(table(points), table([]), population, radius_m=R)["residents_within"]
    assert np.ptp(found) < 1e-3


def test_half_circle_on_land():
    land = shapely.box(LON, LAT - 0.1, LON + 0.1, LAT + 0.1)
    population = Population(grid().cells, land, "grid", 100.0)
    measures = measure_circles(table([(LON, LAT)]), table([]), population, radius_m=R)
    assert measures["circle_land_km2"].iloc[0] == pytest.approx(CIRCLE_KM2 / 2, rel=1e-6)
    assert measures["circle_km2"].iloc[0] == CIRCLE_KM2


@pytest.mark.parametrize("apart_m", [0.0, 200.0, 800.0, 1599.0, 1601.0])
def test_lens_of_two_circles(apart_m):
    # land is the circle about another point: what is left of this one is the lens of two equal circles
    points = 4096
    land = circle_outline(*away(40, apart_m), R, points)
    population = Population(NOBODY.cells, land, "area", 1000.0)
    measures = measure_circles(table([(LON, LAT)]), table([]), population, radius_m=R)
    half = min(apart_m / (2 * R), 1.0)
    lens_m2 = 2 * R**2 * np.arccos(half) - apart_m * R * np.sqrt(1 - half**2)
    # a polygon of 4096 sides falls short by 4e-7
    assert measures["circle_land_km2"].iloc[0] * 1e6 == pytest.approx(lens_m2, rel=1e-6, abs=1.0)


def test_land_with_a_lake_in_the_circle():
    hole = shapely.box(LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001)
    land = shapely.box(LON - 0.1, LAT - 0.1, LON + 0.1, LAT + 0.1) - hole
    measures = measure_circles(
        table([(LON, LAT)]), table([]), Population(NOBODY.cells, land, "grid", 100.0), radius_m=R
    )
    lake_km2 = areas_m2([hole])[0] / 1e6
    assert measures["circle_land_km2"].iloc[0] == pytest.approx(CIRCLE_KM2 - lake_km2, rel=1e-6)


def test_no_land_gives_no_density():
    population = Population(grid().cells, shapely.box(0, 0, 1, 1), "grid", 100.0)
    measures = measure_circles(table([(LON, LAT)]), table([]), population, radius_m=R)
    assert measures["circle_land_km2"].iloc[0] == 0.0
    assert np.isnan(measures["density_circle_per_km2"].iloc[0])


@pytest.mark.parametrize(("deep_m", "known"), [(0.05, False), (0.5, True)])
def test_a_sliver_of_ground_gives_no_density(deep_m, known):
    """A circle that all but misses the ground with data: below a millionth of it rounding would tell the density."""
    west, south = away(90, R - deep_m)[0], LAT - 0.05
    values = np.full((100, 30), 40.0)
    by_number = GridCells(values, (0.001, 0, west, 0, -0.001, south + 0.1))
    ground = grid(lon=west + 0.015, lat=south + 0.05, half=15)
    here, people = (np.array([LON]), np.array([LAT])), (replace(ground, grid=by_number), ground)
    for population in people:
        site = measure_circles(table([(LON, LAT)]), table([]), population, radius_m=R).iloc[0]
        asked = Ground(population, NO_PLACES).circles(*here, radius_m=R)
        assert (site["circle_land_km2"] > 0) == (asked["circle_land_km2"][0] > 0) == known
        assert np.isfinite(site["density_circle_per_km2"]) == np.isfinite(asked["density_circle_per_km2"][0]) == known


def test_unknown_land_is_the_whole_circle():
    measures = measure_circles(table([(LON, LAT)]), table([]), people_at([(LON, LAT)], [100.0]), radius_m=R)
    assert measures["circle_land_km2"].iloc[0] == CIRCLE_KM2
    assert measures["density_circle_per_km2"].iloc[0] == pytest.approx(100.0 / CIRCLE_KM2)


def test_one_vast_area_counts_by_its_share():
    vast = shapely.box(LON - 0.3, LAT - 0.2, LON + 0.3, LAT + 0.2)
    cells = gpd.GeoDataFrame({"residents": [1e6]}, geometry=[vast], crs="EPSG:4326")
    measures = measure_circles(table([(LON, LAT)]), table([]), Population(cells, vast, "area", 5e4), radius_m=R)
    # the frame of straight parallels and the ellipsoid's differ in the area of 2,000 km² by 1e-5
    assert measures["residents_within"].iloc[0] == pytest.approx(1e12 * CIRCLE_KM2 / areas_m2([vast])[0], rel=2e-5)


def test_whole_city_within_a_wide_circle():
    population = grid()
    found = measure_circles(table([(LON, LAT)]), table([]), population, radius_m=20_000.0)
    assert found["residents_within"].iloc[0] == pytest.approx(population.cells["residents"].sum(), rel=1e-12)
    assert found["circle_land_km2"].iloc[0] == pytest.approx(areas_m2([population.land])[0] / 1e6, rel=1e-5)


def test_blocks_give_the_same_numbers_as_the_whole():
    whole = grid()
    west = whole.cells.bounds["maxx"].to_numpy() < LON + 0.0005
    x0, y0, x1, y1 = whole.land.bounds
    halves = [
        Population(whole.cells[west], shapely.box(x0, y0, LON, y1), "grid", 100.0),
        Population(whole.cells[~west], shapely.box(LON, y0, x1, y1), "grid", 100.0),
    ]
    sites = table([(LON, LAT), away(90, 700), away(270, 1200)])
    one = measure_circles(sites, sites, whole, radius_m=R)
    two = measure_circles(sites, sites, PopulationBlocks(halves, cell_m=100.0), radius_m=R)
    pd.testing.assert_frame_equal(one, two, rtol=1e-8)


def test_index_in_is_index_out_and_inputs_stay():
    sites = table([(LON, LAT), away(0, 500)], index=["b", "a"])
    institutions, population = table([(LON, LAT)]), grid(half=3)
    before = sites.copy(), institutions.copy(), population.cells.copy()
    measures = measure_circles(sites, institutions, population, radius_m=R)
    assert list(measures.index) == ["b", "a"]
    assert measures["others_within"].dtype == np.int64
    for table_now, table_then in zip((sites, institutions, population.cells), before, strict=True):
        pd.testing.assert_frame_equal(table_now, table_then)


@pytest.mark.parametrize("nowhere", [None, shapely.Point()])
def test_a_site_without_a_position_has_no_measures(nowhere):
    sites = table([None, (LON, LAT)])
    sites.geometry = [nowhere, shapely.Point(LON, LAT)]
    measures = measure_circles(sites, table([(LON, LAT)], ids=["x"]), grid(half=3), radius_m=R)
    assert measures.iloc[0].drop("others_within").isna().all()
    assert measures["others_within"].tolist() == [0, 1]
    assert measures.iloc[1].notna().all()


def test_no_sites_and_no_cells():
    assert len(measure_circles(table([]), table([]), grid(half=2), radius_m=R)) == 0
    desert = Population(grid(half=1).cells.iloc[:0], None, "point", float("nan"))
    measures = measure_circles(table([(LON, LAT)]), table([]), desert, radius_m=R)
    assert measures["residents_within"].tolist() == [0.0]
    assert measures["nearest_other_m"].isna().all()


def test_nearest_other_may_lie_beyond_the_circle_and_be_of_the_same_service_only():
    register = table([(LON, LAT), away(0, 5000), away(0, 10)], service=["pharmacy", "pharmacy", "inpatient"])
    measures = measure_circles(register, register, NOBODY, radius_m=R)
    assert measures["others_within"].tolist() == [0, 0, 0]
    assert np.allclose(measures["nearest_other_m"], [5000.0, 5000.0, np.nan], equal_nan=True, atol=1e-6)


def test_residents_within_far_from_all_cells_are_none():
    assert residents_within(np.array([10.0, np.nan]), np.array([10.0, 10.0]), grid(half=2), radius_m=R).tolist() == [
        0,
        0,
    ]

"""Known figures of real cities; the data are not part of the project and the tests skip where they are absent."""

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.measure.circles import measure_circles, neighbours_within
from circle15.measure.density import measure_density
from circle15.project.datum import geometry_to_wgs84
from circle15.project.metric import distances_m, nearest
from circle15.schema import Population

SHARED = Path(os.environ.get("CIRCLE15_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
R = 800.0


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data file {name} is not on this machine")
    return gpd.read_file(path)


def pharmacies_of(name):
    found = shared(name)
    found = found[found["amenity"] == "pharmacy"].reset_index(drop=True).to_crs("EPSG:4326")
    columns = {
        "id": [f"P{k:03}" for k in range(len(found))],
        "name": found["name"].fillna("").astype(str),
        "service": "pharmacy",
        "position_accuracy_m": 10.0,
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.centroid(np.asarray(found.geometry.array)), crs="EPSG:4326")


def monaco():
    cells = shared("monaco/monaco_population_100m_MODELLED.geojson").rename(columns={"population": "residents"})
    land = cells.geometry.union_all()
    cells = cells[cells["residents"] > 0].reset_index(drop=True)
    return Population(cells[["residents", "geometry"]], land, "grid", 100.0)


def test_las_palmas_pharmacies_within_800_m():
    register = pharmacies_of("las_palmas/las_palmas_institutions.geojson")
    nobody = Population(register.assign(residents=1.0)[["residents", "geometry"]], None, "point", float("nan"))
    measures = measure_circles(register, register, nobody, radius_m=R)
    others = measures["others_within"]
    assert len(register) == 82
    assert (others.median(), others.max(), (others == 0).sum()) == (7, 19, 10)
    assert len(neighbours_within(register, register, radius_m=R)) == others.sum()
    assert (measures["nearest_other_m"][others == 0] > R).all()
    assert (measures["nearest_other_m"][others > 0] <= R).all()


def test_monaco_share_of_residents_in_dense_cells():
    population = monaco()
    centres = gpd.GeoDataFrame(geometry=shapely.centroid(np.asarray(population.cells.geometry.array)), crs="EPSG:4326")
    none = gpd.GeoDataFrame({"id": [], "name": [], "level": [], "residents": []}, geometry=[], crs="EPSG:4326")
    density = measure_density(centres, population, none)["density_cell_per_km2"]
    residents = population.cells["residents"]
    assert residents.sum() == pytest.approx(38_058, abs=1)
    # the squares of 100 m are UTM ones, on the ground 1.0004 ha: one cell of exactly 30 residents has 2998.8/km²
    assert 100 * residents[density >= 3000].sum() / residents.sum() == pytest.approx(98.4015, abs=1e-4)
    assert 100 * residents[density * 1.0005 >= 3000].sum() / residents.sum() == pytest.approx(98.4803, abs=1e-4)


def test_monaco_circles_hold_no_more_than_monaco():
    population, register = monaco(), pharmacies_of("monaco/monaco_institutions.geojson")
    measures = measure_circles(register, register, population, radius_m=R)
    assert len(register) == 12
    assert measures["residents_within"].between(1_000, population.cells["residents"].sum()).all()
    assert (measures["circle_land_km2"] < measures["circle_km2"]).all()
    assert (measures["density_circle_per_km2"] >= 3000).all()


def median_apart_m(detailed, simplified):
    """Median distance of the simplified outline's vertices from the detailed outline, which is followed every 10 m."""
    x, y = shapely.get_coordinates(simplified).T
    line_x, line_y = shapely.get_coordinates(shapely.segmentize(detailed.boundary, 0.0001)).T
    return float(np.median(nearest(x, y, line_x, line_y)[1]))


def test_gcj02_outlines_lie_on_the_cgcs2000_ones():
    given = shared("china_boundaries/districts_gcj02.geojson").set_index("adcode").geometry
    reference = shared("china_boundaries/districts_cgcs2000.geojson").set_index("adcode").geometry
    given = given[given.index.str.startswith(("2312", "2101"))]
    moved = geometry_to_wgs84(given, "gcj02")
    before = np.array([median_apart_m(given[code], reference[code]) for code in given.index])
    after = np.array([median_apart_m(moved[code], reference[code]) for code in given.index])
    assert len(given) == 23
    assert before.min() > 250
    # all of Suihua and Shenyang but Kangping (210123), which the two files draw differently
    assert given.index[(after < 1) | (after > 40)].tolist() == ["210123"]


def test_gcj02_outlines_are_off_by_hundreds_of_metres():
    given = shared("china_boundaries/districts_gcj02.geojson").geometry
    moved = geometry_to_wgs84(given, "gcj02")
    metres = distances_m(*shapely.get_coordinates(given).T, *shapely.get_coordinates(moved).T)
    assert 200.0 < np.median(metres) < 800.0

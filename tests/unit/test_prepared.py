"""A city held ready gives the numbers that the slow measures give."""

import subprocess
import sys
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import box

from circle15.measure import grid_ground
from circle15.measure.circles import lonlat, measure_circles
from circle15.measure.density import measure_density
from circle15.measure.grid import circles_on
from circle15.measure.ground import Ground
from circle15.policy.cards import Where
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.project.metric import PointTree, nearest, pairs_within
from circle15.read.city import load_city, read_city
from circle15.schema import CRS, GridCells, Outcome, Population


@pytest.fixture(scope="module")
def ready(lasting_toy_city):
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    return Prepared(load_plan(files.plan), city)


def sites_at(lon, lat, service="pharmacy"):
    points = gpd.points_from_xy(lon, lat)
    ids = [f"S{i}" for i in range(len(lon))]
    return gpd.GeoDataFrame({"id": ids, "service": service}, geometry=points, crs=CRS)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(104.98, 105.14), st.floats(37.48, 37.55)), min_size=1, max_size=8))
def test_it_measures_what_the_slow_way_measures(ready, places):
    lon, lat = np.array(places).T
    sites, city = sites_at(lon, lat), ready.city
    radius_m = ready.plan.circle.radius_m
    slow = measure_circles(sites, city.institutions, city.population, radius_m=radius_m)
    slow = pd.concat([slow, measure_density(sites, city.population, city.places)], axis=1)
    fast = ready.measure(sites)
    for column in slow.columns:
        pd.testing.assert_series_equal(fast[column], slow[column], rtol=1e-12, check_dtype=False)


def test_institutions_are_not_their_own_neighbours(ready):
    city = ready.city
    slow = measure_circles(city.institutions, city.institutions, city.population, radius_m=800.0)
    assert ready.own_measures["others_within"].tolist() == slow["others_within"].tolist()
    np.testing.assert_allclose(ready.own_measures["nearest_other_m"], slow["nearest_other_m"])


@pytest.mark.parametrize("kind", ["area", "point"])
def test_areas_and_points_are_ground_too(ready, kind):
    cells = ready.city.population.cells.copy()
    if kind == "point":
        cells["geometry"] = cells.geometry.representative_point()
    land = None if kind == "point" else box(105.0, 37.5, 105.06, 37.53)
    population = Population(cells.reset_index(drop=True), land, kind, 200.0)
    sites = sites_at([105.02, 105.055, 105.3], [37.515, 37.52, 37.6])
    ground = Ground(population, ready.city.places)
    slow = measure_circles(sites, ready.city.institutions, population, radius_m=800.0)
    for column, values in ground.circles(*lonlat(sites), radius_m=800.0).items():
        np.testing.assert_allclose(values, slow[column], rtol=1e-12)
    density = ground.density(np.asarray(sites.geometry.array, dtype=object))
    for column, values in measure_density(sites, population, ready.city.places).items():
        pd.testing.assert_series_equal(pd.Series(density[column], name=column), values, check_dtype=False)


def test_a_tree_asked_twice_answers_as_the_functions_do():
    rng = np.random.default_rng(5)
    lon, lat = 105 + rng.random(300) * 0.05, 37.5 + rng.random(300) * 0.05
    tree = PointTree(lon, lat)
    for found, wanted in zip(tree.within(lon, lat, 800.0), pairs_within(lon, lat, lon, lat, 800.0), strict=True):
        np.testing.assert_array_equal(found, wanted)
    skip = np.arange(300)
    for found, wanted in zip(tree.nearest(lon, lat, skip=skip), nearest(lon, lat, lon, lat, skip=skip), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert [len(part) for part in PointTree([], []).within(lon, lat, 800.0)] == [0, 0, 0]


@pytest.mark.parametrize("system", ["", "EPSG:4544"])
@pytest.mark.parametrize("few", [0, 100])
def test_a_window_of_a_grid_holds_what_the_whole_grid_holds(ready, monkeypatch, system, few):
    monkeypatch.setattr(grid_ground, "FEW", few)
    rng = np.random.default_rng(3)
    values = rng.integers(0, 60, (60, 80)).astype(float)
    values[:20, :10] = np.nan
    transform = (0.001, 0.0, 105.0, 0.0, -0.001, 37.55)
    if system:
        x, y = Transformer.from_crs(CRS, system, always_xy=True).transform(105.0, 37.55)
        transform = (100.0, 0.0, x, 0.0, -100.0, y)
    grid = GridCells(values, transform, system)
    population = Population(ready.city.population.cells, None, "grid", 100.0, grid)
    lon, lat = rng.uniform(104.98, 105.1, 60), rng.uniform(37.47, 37.57, 60)
    lon[0], lat[1] = np.nan, 50.0
    residents, ground_m2 = circles_on(grid, lon, lat, radius_m=800.0)
    found = Ground(population, ready.city.places).circles(lon, lat, radius_m=800.0)
    np.testing.assert_allclose(found["residents_within"][1:], residents[1:], rtol=1e-9)
    np.testing.assert_allclose(found["circle_land_km2"][1:], np.minimum(ground_m2[1:] / 1e6, 0.64 * np.pi), rtol=1e-8)
    assert np.isnan(found["residents_within"][0])
    assert found["residents_within"][1] == 0


def test_many_sites_in_parts_are_measured_as_all_at_once(ready, monkeypatch):
    """Threads take parts that lie together; rows come back in the order that was asked for."""
    rng = np.random.default_rng(8)
    grid = GridCells(rng.integers(0, 60, (60, 120)).astype(float), (0.001, 0.0, 105.0, 0.0, -0.001, 37.55))
    population = Population(ready.city.population.cells, None, "grid", 100.0, grid)
    sites = sites_at(rng.uniform(104.99, 105.13, 90), rng.uniform(37.48, 37.56, 90))
    sites.index = rng.permutation(90)
    sites.loc[sites.index[4], "geometry"] = None
    sites.loc[sites.index[7:30], "service"] = "outpatient"
    whole = Prepared(ready.plan, replace(ready.city, population=population))
    together = whole.measure(sites)
    monkeypatch.setattr("circle15.measure.ground._PART_SITES", 12)
    monkeypatch.setattr(grid_ground, "_BOX", 20)
    assert len(whole._ground.parts(*lonlat(sites))) > 8
    pd.testing.assert_frame_equal(
        whole.measure(sites), together, rtol=1e-8
    )  # whether ground is known whole or cell by cell


def test_a_cap_for_every_so_many_residents_is_doubted_where_a_few_residents_more_or_less_decide(ready):
    rule = ready.plan.rule("pharmacy.circle.dense")
    site = {"lon": 105.03, "lat": 37.515, "datum": "wgs84", "service": "pharmacy"}

    def judged(max_rate, per, **more):
        rate = rule.model_copy(update={"max": None, "max_rate": max_rate, "rate_per": per, "where": Where()})
        plan = ready.plan.model_copy(update={"rules": (rate,)})
        (one,) = (f for f in Prepared(plan, ready.city).judge(**site, **more).findings if f.rule_id == rule.id)
        return one

    (residents,) = ready.measure(sites_at([105.03], [37.515]))["residents_within"]
    many = judged(1e6, 1.0, position_accuracy_m=0.0).observed
    at_the_brim = residents * (1 - 1e-9)
    assert judged(many, at_the_brim, position_accuracy_m=0.0).outcome is Outcome.MET
    assert judged(many, at_the_brim, position_accuracy_m=10.0).outcome is Outcome.REVIEW
    assert judged(many, residents / 2, position_accuracy_m=10.0).outcome is Outcome.MET


OUTLINES_ASKED_BY_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import geopandas as gpd, numpy as np, shapely
from circle15.measure.ground import _Outlines

turn = np.linspace(0.0, 2.0 * np.pi, 4000, endpoint=False)
far = 0.5 + 0.05 * np.sin(37.0 * turn)
stars = [shapely.Polygon(np.c_[x + far * np.cos(turn), y + far * np.sin(turn)]) for x in range(6) for y in range(6)]
points = shapely.points(*np.random.default_rng(1).uniform(0.0, 6.0, (2, 4000)))
for _ in range(ROUNDS):
    fresh = shapely.from_wkb(shapely.to_wkb(stars))
    words = {"id": [str(n) for n in range(36)], "name": "", "settings": ""}
    outlines = _Outlines(gpd.GeoDataFrame(words, geometry=fresh, crs=4326))
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(outlines.holding, [points] * 4))
    assert all(np.array_equal(told[0], other) for other in told)
"""


def test_outlines_may_be_asked_by_threads_at_once():
    asked = OUTLINES_ASKED_BY_THREADS.replace("ROUNDS", "40")
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-800:]

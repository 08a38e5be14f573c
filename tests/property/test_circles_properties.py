"""Properties of the circle measures that hold for any town."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circle15.measure.circles import measure_circles, neighbours_within, sites_of
from circle15.measure.others import Others
from circle15.project.metric import distances_m
from circle15.schema import Population, PopulationBlocks, institution_codes

LON, LAT = 126.969, 46.654
STEP = 0.002
X = LON + STEP * np.tile(np.arange(10), 10)
Y = LAT + STEP * np.repeat(np.arange(10), 10)
BOXES = shapely.box(X, Y, X + STEP, Y + STEP)
LAND = shapely.box(LON, LAT, LON + 10 * STEP, LAT + 10 * STEP)

# sites on a raster of 20 m to 30 m, so that doubles and cell corners occur
spots = hnp.arrays(np.int64, (8, 2), elements=st.integers(-20, 90))
people = hnp.arrays(np.float64, 100, elements=st.floats(0.1, 1000))
kinds = st.lists(st.sampled_from(["pharmacy", "inpatient"]), min_size=8, max_size=8)
campuses = st.just([""] * 8) | st.lists(st.sampled_from(["", "P0", "P1", "P5", "X"]), min_size=8, max_size=8)


def degrees(place):
    return LON + place[0] * 0.00025, LAT + place[1] * 0.00025


def register(places, services):
    points = shapely.points(*degrees(places.T))
    ids = [f"P{k}" for k in range(len(places))]
    columns = {"id": ids, "name": ids, "service": services, "position_accuracy_m": 10.0}
    return gpd.GeoDataFrame(columns, geometry=points, crs=4326)


def town(residents):
    return Population(gpd.GeoDataFrame({"residents": residents}, geometry=BOXES, crs=4326), LAND, "grid", 200.0)


@given(places=spots, services=kinds, residents=people)
@settings(max_examples=25)
def test_measures_are_bounded_and_grow_with_the_radius(places, services, residents):
    sites, population = register(places, services), town(residents)
    small, large = (measure_circles(sites, sites, population, radius_m=r) for r in (400.0, 800.0))
    for column in ("others_within", "residents_within", "circle_land_km2"):
        assert (small[column] <= large[column] + 1e-9).all()
        assert (small[column] >= 0).all()
    assert (large["residents_within"] <= residents.sum() * (1 + 1e-12)).all()
    assert (large["circle_land_km2"] <= large["circle_km2"]).all()
    assert (large["others_within"] < pd.Series(services).map(pd.Series(services).value_counts())).all()
    assert ((large["others_within"] > 0) == (large["nearest_other_m"] <= 800.0 + 1e-6)).all()


@given(places=spots, services=kinds, asked=spots, codes=st.tuples(*[campuses] * 3))
@settings(max_examples=40)
def test_others_are_counted_as_by_hand(places, services, asked, codes):
    """With and without campuses; sites that are in the register, or are not and still belong to one that is."""
    ids, mine, held = codes
    stands = register(places, services).assign(institution=held)
    sites = register(asked, services).assign(id=[i or f"N{k}" for k, i in enumerate(ids)], institution=mine)
    count, nearest_m = Others(sites_of(stands)).counts(sites_of(sites), 800.0)
    own = list(zip(sites["id"], institution_codes(sites), services, asked, strict=True))
    there = list(zip(stands["id"], institution_codes(stands), services, places, strict=True))
    for k, (site, code, service, at) in enumerate(own):
        strange = [(w, p) for i, w, s, p in there if s == service and i != site and w != code]
        away = {(w, n): float(distances_m(*degrees(at), *degrees(p))) for n, (w, p) in enumerate(strange)}
        assert count[k] == len({w for (w, _), metres in away.items() if metres <= 800.0 + 1e-6})
        assert nearest_m[k] == pytest.approx(min(away.values(), default=np.nan), nan_ok=True)


@given(places=spots, services=kinds)
@settings(max_examples=25)
def test_being_a_neighbour_is_mutual(places, services):
    sites = register(places, services)
    found = neighbours_within(sites, sites, radius_m=800.0)
    pairs = set(zip(found["site_id"], found["id"], strict=True))
    assert pairs == {(b, a) for a, b in pairs}
    assert all(a != b for a, b in pairs)
    assert len(pairs) == len(found)


@given(places=spots, residents=people, cut=st.integers(1, 99), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_residents_add_up_over_any_split_and_order_of_the_cells(places, residents, cut, seed):
    sites, whole = register(places, ["pharmacy"] * 8), town(residents)
    order = np.random.default_rng(seed).permutation(100)
    pieces = [Population(whole.cells.iloc[o], None, "grid", 200.0) for o in (order[:cut], order[cut:])]
    one = measure_circles(sites, sites, whole, radius_m=800.0)["residents_within"]
    two = measure_circles(sites, sites, PopulationBlocks(pieces, cell_m=200.0), radius_m=800.0)["residents_within"]
    assert two.to_numpy() == pytest.approx(one.to_numpy(), rel=1e-12)


@given(places=spots, services=kinds, residents=people)
@settings(max_examples=15)
def test_a_site_is_measured_alike_alone_and_in_the_register(places, services, residents):
    sites, population = register(places, services), town(residents)
    together = measure_circles(sites, sites, population, radius_m=800.0)
    alone = measure_circles(sites.iloc[[5]], sites, population, radius_m=800.0)
    pd.testing.assert_frame_equal(alone, together.iloc[[5]], rtol=1e-12)

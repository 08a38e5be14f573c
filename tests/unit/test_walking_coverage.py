"""Coverage, gaps, detours and floating catchments on foot, on the village of streets_drawn."""

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box
from streets_drawn import step, village

from circle15.measure.two_step import ZONES, two_step
from circle15.measure.walking import WalkNetwork
from circle15.measure.walking_circles import OnFoot
from circle15.measure.walking_coverage import measure_walking_coverage
from circle15.measure.walking_gaps import find_walking_gaps
from circle15.measure.walking_reach import reached_streets
from circle15.schema import Pace, Population

NEAR = pytest.approx
(STREETS, _), AT = village()


def people(**residents):
    cells = gpd.GeoDataFrame(
        {"residents": list(residents.values())}, geometry=[Point(AT[n]) for n in residents], crs="EPSG:4326"
    )
    return Population(cells, None, "point", math.nan)


def institutions(*names, service="pharmacy", beds=math.nan):
    return gpd.GeoDataFrame(
        {"id": list(names), "name": list(names), "service": service, "beds": beds},
        geometry=[Point(AT[n]) for n in names], crs="EPSG:4326",
    )  # fmt: skip


def districts():
    """West and east of the middle of the bridge."""
    middle = (AT["B"][0] + AT["C"][0]) / 2
    lon, lat = AT["A"]
    shapes = [box(lon - 0.01, lat - 0.03, middle, lat + 0.01), box(middle, lat - 0.03, lon + 0.05, lat + 0.01)]
    return gpd.GeoDataFrame(
        {"id": ["W", "E"], "name": ["西", "东"], "level": "district", "parent": "K"}, geometry=shapes, crs="EPSG:4326"
    )


def covered(population, sites, **more):
    table = measure_walking_coverage(
        population, sites, districts(), OnFoot(STREETS), services=["pharmacy"], **{"radius_m": 500.0} | more
    )
    return table.set_index("place_id")


def test_who_walks_no_more_than_the_limit_is_covered():
    # the pharmacy stands at F: A 300 m, B 200, C 500, G 700, D 600; I is on the island, 2 km from any street
    table = covered(people(A=10, B=20, C=40, G=80, D=160, I=320), institutions("F"))
    assert table["residents"].to_dict() == {"W": 350, "E": 280}
    assert table["off_streets"].to_dict() == {"W": 320, "E": 0}
    assert table["covered_walking"].to_dict() == {"W": 30, "E": 40}
    assert table["share_walking"].to_dict() == NEAR({"W": 30 / 350, "E": 40 / 280})
    assert table["covered_minutes"].to_dict() == {"W": 30, "E": 280}  # 1,080 m
    assert table["mean_walking_m"]["W"] == NEAR((300 * 10 + 200 * 20) / 30, abs=1e-4)


def test_the_detour_is_walked_over_straight_metres():
    table = covered(people(A=10, G=80), institutions("F"))
    assert table["detour"]["W"] == NEAR(300 / math.hypot(100, 200), abs=1e-3)
    assert table["detour"]["E"] == NEAR(700 / 300, abs=1e-3)


def test_response_is_the_time_that_nearly_all_are_within():
    table = covered(people(A=95, B=4, C=1), institutions("B"))
    assert table["response_minutes"]["W"] == NEAR(100 / 72, abs=1e-6)
    assert table["response_minutes"]["E"] == NEAR(300 / 72, abs=1e-6)
    assert table["response_straight"]["E"] == NEAR(300 / 72, abs=1e-6)
    round_about = covered(people(A=10, G=80), institutions("F"))
    assert round_about["response_straight"]["E"] == NEAR(300 / 72, abs=1e-3)
    assert round_about["response_minutes"]["E"] == NEAR(700 / 72, abs=1e-4)
    lost = covered(people(A=90, I=10), institutions("B"))
    assert math.isinf(lost["response_minutes"]["W"])  # a tenth lives on no street


def test_without_any_institution_nobody_is_covered():
    table = covered(people(A=10, C=5), institutions("F", service="outpatient"))
    assert table["covered_walking"].tolist() == [0, 0]
    assert np.isinf(table["response_minutes"]).all()
    assert table["detour"].isna().all()
    assert table["access_per_10k"].tolist() == [0, 0]


def test_gaps_are_those_who_walk_too_far():
    sites = institutions("F")
    found = find_walking_gaps(
        people(A=10, C=40, G=80, D=160, I=320), sites, districts(), WalkNetwork(STREETS), limit_m=500.0,
        service="pharmacy", min_residents=50.0,
    )  # fmt: skip
    # G and D lie 224 m apart: two patches of points; the island is not measured, C is reached
    assert found["residents"].tolist() == [160, 80]
    assert found["district_id"].tolist() == ["E", "E"]
    assert found["nearest_walking_m"].tolist() == NEAR([600, 700], abs=1e-4)
    assert found["candidate_new_residents"].tolist() == [240, 240]  # from D to G it is 300 m
    assert found["nearest_m"].tolist() == NEAR([math.hypot(400, 200), 300], abs=0.1)


def test_reached_streets_end_where_the_limit_ends():
    network = WalkNetwork(STREETS)
    lines = reached_streets(network, network.spots(*np.array([AT["C"]]).T), 250.0)
    assert lines["length_m"].sum() == NEAR(250 + 100 + 150 + 200, abs=0.05)  # to B, to D and beyond, to G
    assert lines["walking_m"].max() == NEAR(100, abs=1e-6)
    door = step(AT["D"], 90, 500)
    inside = reached_streets(network, network.spots([door[0]], [door[1]]), 100.0)
    assert inside["length_m"].tolist() == NEAR([200], abs=0.05)
    assert len(reached_streets(network, network.spots([0.0], [0.0]), 100.0)) == 0


def test_a_slower_pace_reaches_less_in_the_same_time():
    population = people(A=10, B=20, C=40, G=80, D=160)
    table = measure_walking_coverage(
        population,
        institutions("F"),
        districts(),
        OnFoot(STREETS, pace=Pace(0.5)),
        services=["pharmacy"],
        radius_m=500.0,
    ).set_index("place_id")
    assert table["covered_minutes"].to_dict() == {"W": 30, "E": 0}  # 450 m
    assert table["covered_walking"].to_dict() == {"W": 30, "E": 40}


# ── floating catchments ───────────────────────────────────────

# three tracts of the access package's hospital example: people 100, 50, 10; doctors 15, 20, 100
COST = np.array([[1, 40, 20], [40, 1, 20], [20, 20, 1]], dtype=float)
PEOPLE, DOCTORS = np.array([100.0, 50, 10]), np.array([15.0, 20, 100])


def test_two_step_on_paper():
    home, site = (n.ravel() for n in np.indices((3, 3)))
    found = two_step(home, site, COST.ravel(), residents=PEOPLE, supply=DOCTORS, catchment=20.0)
    one, two, three = 15 / 110, 20 / 60, 100 / 160
    assert found.tolist() == NEAR([one + three, two + three, one + two + three])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_two_step_equals_the_access_package(seed):
    fca = pytest.importorskip("access.fca")
    rng = np.random.default_rng(seed)
    n = 8
    cost, people_, doctors = rng.integers(1, 31, (n, n)).astype(float), rng.integers(1, 99, n), rng.integers(0, 9, n)
    home, site = (i.ravel() for i in np.indices((n, n)))
    table = pd.DataFrame({"origin": home, "dest": site, "cost": cost.ravel()})
    geoid = pd.Index(range(n), name="geoid")
    demand = pd.DataFrame({"pop": people_.astype(float)}, index=geoid)
    supply = pd.DataFrame({"doc": doctors.astype(float)}, index=geoid)

    def zoned(cost):
        return 1.0 if cost <= 10 else 0.68 if cost <= 20 else 0.22

    for weight, zones in ((None, ((1.0, 1.0),)), (zoned, ZONES)):
        peer = fca.two_stage_fca(demand, supply, table, 30.0, demand_name="pop", supply_name="doc", weight_fn=weight)
        own = two_step(home, site, cost.ravel(), residents=people_.astype(float), supply=doctors.astype(float),
                       catchment=30.0, zones=zones)  # fmt: skip
        np.testing.assert_allclose(own, peer.reindex(range(n)).fillna(0.0).to_numpy(), rtol=1e-12)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_supply_that_can_be_reached_is_shared_out_whole(seed):
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 40, (9, 5))
    home, site = (i.ravel() for i in np.indices(cost.shape))
    residents, supply = rng.uniform(1, 9, 9), rng.uniform(0, 5, 5)
    for zones in (((1.0, 1.0),), ZONES):
        found = two_step(home, site, cost.ravel(), residents=residents, supply=supply, catchment=15.0, zones=zones)
        assert (found * residents).sum() == NEAR(supply[(cost <= 15).any(axis=0)].sum())

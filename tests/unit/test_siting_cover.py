"""Classic questions of siting: by hand, by brute force, and against the published San Francisco answers."""

import itertools
from importlib.metadata import PackageNotFoundError, files

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

from circle15.errors import UsageError
from circle15.project.metric import distances_m
from circle15.schema import Population
from circle15.siting.cover import covered_by, least_sites, max_cover, p_centre, p_median
from circle15.siting.demand import demand_points, merged, reach_of_pairs, reach_straight
from circle15.siting.limits import Row, broken, cliques, free_limits
from circle15.siting.settle import colliding, feasible, settle


@pytest.fixture(scope="module")
def san_francisco():
    """205 tracts, 16 stores, walked distances (spopt's own test data, read from its wheel, never copied)."""
    try:
        held = {f.name: f.locate() for f in files("spopt") or ()}
    except PackageNotFoundError:
        pytest.skip("spopt is not installed")
    name = "SF_network_distance_candidateStore_16_censusTract_205_new.csv"
    if name not in held:
        pytest.skip("this spopt comes without its San Francisco data")
    table = pd.read_csv(held[name], dtype={"DestinationName": "str", "name": "str"})
    tracts = sorted(table["DestinationName"].unique())
    stores = sorted(table["name"].unique(), key=lambda s: int(s.removeprefix("Store_")))
    people = table.drop_duplicates("DestinationName").set_index("DestinationName")["demand"].reindex(tracts)
    reach = reach_of_pairs(
        table["name"].map(stores.index).to_numpy(),
        table["DestinationName"].map(tracts.index).to_numpy(),
        table["distance"].to_numpy(),
        sites=16,
        points=205,
    )
    return reach, people.to_numpy(float)


class TestSanFrancisco:
    def test_fewest_stores_that_reach_every_tract_within_5_km(self, san_francisco):
        reach, people = san_francisco
        assert least_sites(reach.within(5000), people, free_limits(16)).objective == pytest.approx(8)

    def test_four_stores_that_reach_most_people_within_5_km(self, san_francisco):
        reach, people = san_francisco
        near = reach.within(5000)
        found = max_cover(near, people, free_limits(16, number=4))
        assert found.objective == pytest.approx(875_247)
        assert found.gap <= 1e-6
        assert covered_by(near, people, found.chosen) == pytest.approx(875_247)

    @pytest.mark.parametrize(("number", "people_reached"), [(1, 21_391), (2, 39_820), (3, 54_235), (4, 67_951)])
    def test_stores_within_800_m(self, san_francisco, number, people_reached):
        reach, people = san_francisco
        found = max_cover(reach.within(800), people, free_limits(16, number=number))
        assert found.objective == pytest.approx(people_reached)

    def test_four_stores_nearest_to_the_people(self, san_francisco):
        reach, people = san_francisco
        found = p_median(reach, people, free_limits(16, number=4))
        assert found.objective == pytest.approx(2_848_268_129.7145, abs=1e-3)
        assert found.chosen.sum() == 4

    def test_four_stores_with_the_least_longest_way(self, san_francisco):
        reach, people = san_francisco
        assert p_centre(reach, people, free_limits(16), number=4).objective == pytest.approx(7403.063811, abs=1e-6)


# Four sites on a line and six points with people; a star says that a site reaches the point.
#            p0   p1   p2   p3   p4   p5
#   people  100   40   40   30   30    5
#   s0        *    *
#   s1             *    *
#   s2                  *    *    *
#   s3                            *    *
LINE = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (2, 4), (3, 4), (3, 5)]
PEOPLE = np.array([100.0, 40, 40, 30, 30, 5])


def line():
    site, point = np.array(LINE).T
    return reach_of_pairs(site, point, np.full(len(LINE), 100.0), sites=4, points=6)


class TestByHand:
    def test_two_sites_cover_most(self):
        found = max_cover(line(), PEOPLE, free_limits(4, number=2))
        assert np.flatnonzero(found.chosen).tolist() == [0, 2]
        assert found.objective == pytest.approx(240)
        assert found.bound == pytest.approx(240)

    def test_required_and_forbidden_sites(self):
        limits = free_limits(4, required=np.array([3]), forbidden=np.array([2]), number=2)
        found = max_cover(line(), PEOPLE, limits)
        assert np.flatnonzero(found.chosen).tolist() == [0, 3]

    def test_all_points_need_three_sites_and_95_percent_needs_two(self):
        assert least_sites(line(), PEOPLE, free_limits(4)).objective == pytest.approx(3)
        assert least_sites(line(), PEOPLE, free_limits(4), share=0.95).objective == pytest.approx(2)

    def test_what_cannot_be_reached_is_infeasible(self):
        found = least_sites(line(), PEOPLE, free_limits(4, number=1))
        assert not found.found
        assert found.status == "infeasible"

    def test_a_circle_that_holds_one_keeps_neighbours_out(self):
        limits = free_limits(4)
        start, near = np.array([0, 1, 2, 2, 2]), np.array([1, 0], dtype=np.int32)
        tight = limits.__class__(
            **{**limits.__dict__, "most": np.array([1.0, 1, 9, 9]), "near_start": start, "near": near}
        )
        found = max_cover(line(), PEOPLE, tight)
        assert found.chosen.tolist() == [True, False, True, True]
        assert [c.tolist() for c, _ in cliques(tight)] == [[0, 1]]

    def test_search_says_how_far_it_may_be_from_the_best(self):
        found = max_cover(line(), PEOPLE, free_limits(4, number=2), method="search")
        assert found.status == "search"
        assert found.bound >= found.objective == pytest.approx(240)

    def test_pairs_that_cannot_be_are_refused(self):
        for site, metres in ((5, 1.0), (0, -1.0), (0, np.nan)):
            with pytest.raises(UsageError):
                reach_of_pairs(np.array([site]), np.array([0]), np.array([metres]), sites=4, points=6)
        with pytest.raises(UsageError):
            reach_of_pairs(np.array([0, 0]), np.array([1, 1]), np.array([1.0, 2.0]), sites=4, points=6)


class TestCollisions:
    def test_a_minimum_and_a_maximum_that_collide_are_named_and_one_gives_way(self):
        both = np.array([0, 1])
        limits = free_limits(4, forbidden=np.array([3])).with_rows(
            Row(("town", "A", "min"), both, np.ones(2), low=2.0),
            Row(("town", "A", "max"), both, np.ones(2), high=1.0),
            Row(("town", "B", "max"), np.array([2]), np.ones(1), high=1.0),
        )
        assert not feasible(limits)
        assert set(colliding(limits)) == {("town", "A", "min"), ("town", "A", "max")}
        eased = settle(limits)
        assert sum(eased.given_up.values()) == pytest.approx(1)
        assert feasible(eased.limits)

    def test_limits_that_hold_give_nothing_up(self):
        limits = free_limits(4, number=2)
        assert settle(limits).given_up == {}
        assert colliding(limits) == ()

    def test_required_neighbours_in_a_circle_for_one_collide(self):
        start, near = np.array([0, 1, 2]), np.array([1, 0], dtype=np.int32)
        limits = free_limits(2, required=np.array([0, 1]))
        tight = limits.__class__(**{**limits.__dict__, "most": np.array([1.0, 5.0]), "near_start": start, "near": near})
        assert set(colliding(tight)) == {("required", "0"), ("required", "1"), ("circle", "0")}
        assert settle(tight).given_up == {("circle", "0"): 1.0}


class TestDemand:
    def grid(self, n=4, residents=16.0):
        cells = [
            box(105 + i * 0.001, 37 + j * 0.001, 105.001 + i * 0.001, 37.001 + j * 0.001)
            for i in range(n)
            for j in range(n)
        ]
        table = gpd.GeoDataFrame({"residents": [residents] * n * n}, geometry=cells, crs="EPSG:4326")
        return Population(table, None, "grid", 100.0)

    def test_a_cell_that_no_edge_crosses_is_one_point_and_residents_add_up(self):
        whole = demand_points(self.grid(), part_m=25.0)
        crossed = demand_points(self.grid(), part_m=25.0, edges=(np.array([105.0005]), np.array([37.0005]), 60.0))
        assert len(whole) > len(crossed) > 16
        for found in (whole, crossed):
            assert found.residents.sum() == pytest.approx(16 * 16)
            assert np.allclose(np.bincount(found.cell, found.residents), 16)
        assert len(demand_points(self.grid())) == 16

    def test_points_of_a_bent_cell_lie_inside_it(self):
        bent = Point(105.01, 37.01).buffer(0.002).difference(Point(105.0105, 37.01).buffer(0.0018))
        table = gpd.GeoDataFrame({"residents": [50.0]}, geometry=[bent], crs="EPSG:4326")
        found = demand_points(Population(table, None, "area", 200.0), part_m=40.0)
        assert len(found) > 1
        assert found.residents.sum() == pytest.approx(50)
        assert all(bent.covers(Point(x, y)) for x, y in zip(found.lon, found.lat, strict=True))

    def test_a_point_at_the_radius_is_in_reach(self):
        lon, lat = np.array([105.0]), np.array([37.0])
        other = np.array([105.009])
        metres = float(distances_m(105.0, 37.0, 105.009, 37.0))
        assert reach_straight(lon, lat, other, lat, radius_m=metres).point.tolist() == [0]
        assert reach_straight(lon, lat, other, lat, radius_m=metres - 1e-4).point.tolist() == []

    def test_reach_equals_every_pair_measured(self):
        rng = np.random.default_rng(3)
        lon, lat = 105 + rng.random(60) / 20, 37 + rng.random(60) / 20
        lon[7] = np.nan
        points = 105 + rng.random(500) / 20, 37 + rng.random(500) / 20
        found = reach_straight(lon, lat, *points, radius_m=800.0)
        away = distances_m(lon[:, None], lat[:, None], points[0][None], points[1][None])
        assert set(zip(found.site.tolist(), found.point.tolist(), strict=True)) == {
            (int(i), int(j)) for i, j in zip(*np.nonzero(away <= 800.0 + 1e-6), strict=True)
        }
        assert np.allclose(found.distance_m, away[found.site, found.point], atol=0.01)

    def test_merging_changes_no_choice(self):
        rng = np.random.default_rng(4)
        pairs = np.unique(rng.integers(0, [6, 80], size=(150, 2)), axis=0)
        reach = reach_of_pairs(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), sites=6, points=80)
        people = rng.random(80)
        small, weight = merged(reach, people)
        assert small.points < 80
        for picked in itertools.product([False, True], repeat=6):
            chosen = np.array(picked)
            assert covered_by(small, weight, chosen) == pytest.approx(covered_by(reach, people, chosen))


def test_broken_names_what_does_not_hold():
    limits = free_limits(3, required=np.array([0]), forbidden=np.array([1]), number=1)
    assert set(broken(limits, np.array([False, True, True]))) == {("required", "0"), ("forbidden", "1"), ("number",)}
    assert broken(limits, np.array([True, False, False])) == []

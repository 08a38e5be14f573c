"""Ways on foot over networks that can be done on paper."""

import numpy as np
import pytest
from streets_drawn import HOME, draw, step, village

from circle15.measure.walking import WalkNetwork, tobler_factor
from circle15.project.metric import distances_m
from circle15.schema import MAX_SNAP_M, Pace

NEAR = pytest.approx
# a street is straight in degrees between two vertices; over 1 km that lies 15 mm beside the geodesic


@pytest.fixture(scope="module")
def town():
    (streets, islands), nodes = village()
    return WalkNetwork(streets), nodes, islands


def walk(network, *points, limit_m=np.inf):
    """Metres on foot from the first point to each of the others."""
    a = network.spots([points[0][0]], [points[0][1]])
    b = network.spots(*np.array(points[1:]).T)
    j = np.arange(len(points) - 1)
    return network.walked_m(a, b, np.zeros_like(j), j, limit_m=limit_m)


def test_a_bridge_is_the_only_way_across(town):
    network, at, _ = town
    # F and G look at each other over 300 m of water; on foot it is 200 + 300 + 200
    assert float(distances_m(*at["F"], *at["G"])) == NEAR(300, abs=0.1)
    assert walk(network, at["F"], at["G"], at["C"], at["A"]).tolist() == NEAR([700, 500, 300], abs=1e-6)


def test_a_dead_end_is_walked_in_and_out(town):
    network, at, _ = town
    assert walk(network, at["E"], at["G"], at["D"]).tolist() == NEAR([1300, 1000], abs=1e-6)


def test_an_island_is_left_out_and_told(town):
    network, at, islands = town
    assert (islands.parts, islands.km, islands.whole_km) == (1, NEAR(0.1), NEAR(2.0))
    # the island's own place is 1.8 km from the next street that is left: on no street, so its distance is unknown
    assert np.isnan(walk(network, at["A"], at["I"])).all()


def test_a_site_between_two_nodes_counts_from_where_it_stands(town):
    network, at, _ = town
    # a third along the long dead end, 40 m beside it
    door = step(at["D"], 90, 300)
    house = step(door, 0, 40)
    spot = network.spots([house[0]], [house[1]])
    assert spot.snap_m[0] == NEAR(40, abs=0.05)
    assert spot.from_u_m[0] == NEAR(300, abs=0.05)
    assert spot.from_u_m[0] + spot.from_v_m[0] == NEAR(1000, abs=1e-6)
    assert walk(network, house, at["D"], at["E"], at["G"]).tolist() == NEAR([340, 740, 640], abs=0.05)


def test_two_sites_on_one_edge_do_not_go_round_by_its_ends(town):
    network, at, _ = town
    first, second = (step(step(at["D"], 90, m), 180, 10) for m in (400, 650))
    assert walk(network, first, second)[0] == NEAR(270, abs=0.05)
    a, b = (network.spots([p[0]], [p[1]]) for p in (first, second))
    assert network.nearest(a, b)[1][0] == NEAR(270, abs=0.05)


def test_a_loop_is_left_by_its_nearer_side():
    a = HOME
    square = [step(a, 0, 100), step(step(a, 0, 100), 90, 100), step(a, 90, 100)]
    (streets, _) = draw({"A": a, "B": step(a, 270, 50)}, [("A", *square, "A"), ("A", "B")])[0], None
    network = WalkNetwork(streets)
    assert walk(network, a, square[0], square[1], square[2]).tolist() == NEAR([100, 200, 100], abs=0.01)
    # from one side to the other it is shorter through A than round the far corner, and the other way further out
    left, right = step(a, 0, 90), step(a, 90, 90)
    assert walk(network, left, right)[0] == NEAR(180, abs=0.01)
    high_left, high_right = step(square[0], 90, 10), step(square[2], 0, 90)
    assert walk(network, high_left, high_right)[0] == NEAR(100, abs=0.05)


def test_parallel_streets_take_the_shorter():
    a, b = HOME, step(HOME, 90, 200)
    (streets, _) = draw({"A": a, "B": b}, [("A", step(step(a, 90, 100), 0, 100), "B"), ("A", "B")])
    assert len(streets.u) == 2
    assert walk(WalkNetwork(streets), a, b)[0] == NEAR(200, abs=1e-6)


def test_a_street_told_in_both_directions_stands_once():
    a, b = HOME, step(HOME, 90, 200)
    via = step(step(a, 90, 100), 0, 20)
    (streets, _) = draw({"A": a, "B": b}, [("A", via, "B"), ("B", via, "A")])
    assert len(streets.u) == 1
    assert streets.other.tolist() == [1, 0]


def test_the_limit_belongs_to_the_reach(town):
    network, at, _ = town
    assert walk(network, at["A"], at["B"], limit_m=100.0)[0] == NEAR(100, abs=1e-6)
    assert np.isinf(walk(network, at["A"], at["B"], limit_m=99.9)[0])
    counts = network.node_counts(network.spots([at["A"][0]], [at["A"][1]]), 400.0)
    reached = {n for n in "ABCDEFG" if counts[index(network, at[n])]}
    assert reached == {"A", "B", "C", "F"}


def index(network, point):
    s = network.streets
    return int(np.argmin(np.hypot(s.lon - point[0], s.lat - point[1])))


def test_snapping_has_a_limit_and_its_metres_count(town):
    network, at, _ = town
    for beside, found in ((MAX_SNAP_M - 0.5, True), (MAX_SNAP_M + 0.5, False)):
        away = step(step(at["D"], 90, 500), 0, beside)
        spot = network.spots([away[0]], [away[1]])
        assert spot.found[0] == found
        assert spot.snap_m[0] == NEAR(beside, abs=0.05) if found else np.isnan(spot.snap_m[0])
    assert not network.spots([np.nan, 200.0], [37.5, np.nan]).found.any()


def test_nearest_names_the_first_of_equals_and_minus_one_off_the_streets(town):
    network, at, _ = town
    b = network.spots(*np.array([at["C"], at["C"], at["F"]]).T)
    a = network.spots(*np.array([at["G"], at["A"], at["I"]]).T)
    best, metres = network.nearest(a, b)
    assert best.tolist() == [0, 2, -1]
    assert metres[:2].tolist() == NEAR([200, 300], abs=1e-6)
    assert np.isnan(metres[2])


def test_pairs_come_sorted_by_distance_and_within_the_limit(town):
    network, at, _ = town
    every = network.spots(*np.array([at[n] for n in "ABCDEFG"]).T)
    i, j, metres = network.within(every, every, 400.0)
    assert (np.diff(i) >= 0).all()
    found = {(a, b): m for a, b, m in zip(i.tolist(), j.tolist(), metres.tolist(), strict=True)}
    assert found[0, 2] == NEAR(400, abs=1e-6)
    assert (0, 3) not in found
    assert {(b, a) for a, b in found} == set(found)


def test_minutes_follow_from_speed_and_slope():
    assert Pace().minutes(np.array([1080.0]))[0] == NEAR(15.0)
    # Tobler: 10 % up is 6 exp(-0.525) = 3.549 km/h, 10 % down 6 exp(-0.175) = 5.037 km/h, flat 5.037 km/h
    assert float(tobler_factor(np.array([0.1]))[0]) == NEAR((5.037 / 3.549 + 1.0) / 2, abs=1e-3)
    assert float(tobler_factor(np.zeros(1))[0]) == 1.0
    a, b = HOME, step(HOME, 90, 100)
    (streets, _) = draw({"A": a, "B": b}, [("A", "B")], heights={"A": 0.0, "B": 10.0})
    steep = WalkNetwork(streets, pace=Pace(slope="tobler"))
    assert walk(steep, a, b)[0] == NEAR(100 * (5.0368 / 3.5493 + 1) / 2, abs=0.01)
    assert walk(WalkNetwork(streets), a, b)[0] == NEAR(100, abs=1e-6)


def test_an_empty_network_reaches_nothing():
    (streets, _) = draw({}, [])
    network = WalkNetwork(streets)
    a = network.spots([105.0], [37.5])
    assert not a.found[0]
    assert network.within(a, a, 800.0)[0].size == 0
    assert network.nearest(a, a)[0].tolist() == [-1]

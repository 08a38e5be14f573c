"""What must hold for any cell and any discs."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circle15.measure import kernels

R = 800.0
coordinate = st.floats(-900, 900, allow_nan=False).map(lambda v: round(v, 3))
centre = st.tuples(coordinate, coordinate)
centres = st.lists(centre, min_size=1, max_size=9)


@st.composite
def star(draw):
    """A ring around the origin, counter-clockwise, convex or not."""
    n = draw(st.integers(3, 9))
    reach = draw(st.lists(st.floats(5, 700), min_size=n, max_size=n))
    turn = draw(st.floats(0, 1))
    angles = (np.arange(n) + turn) * 2 * math.pi / n
    return np.column_stack([reach * np.cos(angles), reach * np.sin(angles)])


def one(ring):
    return ring, np.array([0, len(ring)]), np.array([0, 1])


def area(ring):
    x, y = ring.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def discs(cells, places):
    xy = np.array(places, dtype=float)
    return kernels.disc_areas(cells, np.zeros(len(xy)), xy[:, 0], xy[:, 1], radius_m=R)


def depths(cells, places, levels):
    xy = np.array(places, dtype=float)
    start = np.array([0, len(xy)])
    return kernels.depth_areas(cells, np.array([0]), start, xy[:, 0], xy[:, 1], radius_m=R, depths=levels)[0]


@settings(max_examples=300)
@given(star(), centres)
def test_the_depths_add_up_to_the_discs(ring, places):
    # every point under d discs is counted at d depths and in d discs
    found = depths(one(ring), places, len(places) + 1)
    assert math.isclose(found.sum(), discs(one(ring), places).sum(), rel_tol=1e-9, abs_tol=1e-5)
    assert found[-1] <= 1e-5


@settings(max_examples=200)
@given(star(), centres)
def test_depths_never_rise_and_stay_within_the_cell(ring, places):
    found = depths(one(ring), places, len(places))
    assert (np.diff(found) <= 1e-5).all()
    assert found.min() >= 0
    assert found.max() <= area(ring) * (1 + 1e-12)
    assert found[0] >= discs(one(ring), places).max() - 1e-5


@settings(max_examples=200)
@given(star(), centres, centre)
def test_one_disc_more_never_uncovers(ring, places, more):
    before = depths(one(ring), places, 3)
    after = depths(one(ring), [*places, more], 3)
    assert (after >= before - 1e-5).all()


@settings(max_examples=200)
@given(star(), centres, st.integers(1, 8))
def test_a_cell_cut_in_two_has_the_areas_of_both_parts(ring, places, corner):
    # the origin sees every corner, so fans from it cut the cell cleanly
    k = corner % len(ring) or 1
    first = np.vstack([[0.0, 0.0], ring[: k + 1]])
    second = np.vstack([[0.0, 0.0], ring[k:], ring[:1]])
    whole = depths(one(ring), places, 3)
    assert np.allclose(depths(one(first), places, 3) + depths(one(second), places, 3), whole, rtol=1e-9, atol=1e-5)


@settings(max_examples=100)
@given(star(), centres, centre)
def test_moving_everything_changes_nothing(ring, places, by):
    moved = [(x + by[0], y + by[1]) for x, y in places]
    there = depths(one(ring + np.array(by)), moved, 3)
    assert np.allclose(there, depths(one(ring), places, 3), rtol=1e-9, atol=1e-5)


@settings(max_examples=100)
@given(star(), centres, st.randoms())
def test_the_order_of_discs_does_not_matter(ring, places, random):
    mixed = places.copy()
    random.shuffle(mixed)
    assert np.allclose(depths(one(ring), mixed, 4), depths(one(ring), places, 4), rtol=1e-9, atol=1e-5)


@settings(max_examples=100)
@given(star(), centre)
def test_a_disc_twice_is_a_disc_at_two_depths(ring, place):
    single = discs(one(ring), [place])[0]
    assert np.allclose(depths(one(ring), [place, place], 3), [single, single, 0], rtol=1e-12, atol=1e-9)


lattice = st.tuples(st.integers(-20, 20), st.integers(-20, 20)).map(lambda p: (80.0 * p[0], 80.0 * p[1]))


@settings(max_examples=150)
@given(st.lists(lattice, min_size=2, max_size=12), st.integers(1, 20), st.integers(1, 20))
def test_touching_and_meeting_circles_on_a_lattice(places, columns, rows):
    # 800 = 10 x 80 and 480² + 640² = 800²: circles pass through corners, touch sides and meet in threes
    side, up = 80.0 * columns, 80.0 * rows
    ring = np.array([[0.0, 0.0], [side, 0.0], [side, up], [0.0, up]])
    found = depths(one(ring), places, len(places) + 1)
    assert math.isclose(found.sum(), discs(one(ring), places).sum(), rel_tol=1e-10, abs_tol=1e-5)
    assert found[-1] <= 1e-5
    assert (np.diff(found) <= 1e-5).all()

"""Cells at a circle's rim measured together are what they are one by one."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circle15.measure import rim_kernels as rim
from circle15.measure.grid import Block, centres_on
from circle15.project.lattice import Lattice

R = 800.0


def both(corners):
    """Shares (n,) of cells (n, 4, 2), corners about the circle's middle: together and one by one."""
    told = np.zeros((rim.SLOTS, rim.TOGETHER))
    n = len(corners)
    x, y = corners[:, :, 0], corners[:, :, 1]
    told[rim.AREA, :n] = 0.5 * (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)
    told[rim.CORNERS : rim.CORNERS + 8, :n] = corners.reshape(n, 8).T
    found = []
    for small in (True, False):
        rim.measure_rim(told.ravel(), n, R, False, small)
        found.append(told[rim.SHARE, :n].copy())
    return found


def squares(places, side):
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side / 2
    return np.array(places, dtype=float)[:, None, :] + half


@settings(max_examples=100)
@example(away=[(math.pi / 4, 65.0)], side=93.0, slant=0.0)
@given(
    away=st.lists(st.tuples(st.floats(0, 2 * math.pi), st.floats(-110, 110)), min_size=1, max_size=rim.TOGETHER),
    side=st.floats(1, 2 * R * rim.SMALL / math.sqrt(2)),
    slant=st.floats(-0.3, 0.3),
)
def test_small_cells_anywhere_about_the_rim(away, side, slant):
    places = [((R + d) * math.cos(turn), (R + d) * math.sin(turn)) for turn, d in away]
    sheared = squares(places, side * 0.75)
    sheared[:, :2, 0] += slant * side / 4
    together, one_by_one = both(sheared)
    np.testing.assert_allclose(together, one_by_one, atol=1e-11)


def test_sides_that_touch_and_corners_that_lie_on_the_circle():
    side = 80.0
    touching = squares([(R + side / 2, 0), (0, -R - side / 2), (R - side / 2, 0)], side)
    # 480² + 640² = 800²: the circle passes through a corner, from within and from without
    through = squares([(480 + side / 2, 640 + side / 2), (480 - side / 2, 640 - side / 2)], side)
    together, one_by_one = both(np.concatenate([touching, through]))
    assert together[[0, 1, 3]].tolist() == [0.0, 0.0, 0.0]
    assert together[4] == 1.0
    assert 0.9 < together[2] < 1.0
    assert together == pytest.approx(one_by_one, abs=1e-12)


@pytest.mark.parametrize("degrees", [True, False])
def test_a_rim_of_more_cells_than_are_measured_at_once(degrees):
    """Cells of 10 m: a circle that lies on the grid holds the area of a circle, and people as dense as they are."""
    lattice = Lattice((1e-4, 0, 105, 0, -1e-4, 36)) if degrees else Lattice((10, 0, 5e5, 0, -10, 3.98e6), "EPSG:4507")
    values = np.full((200, 200), 2.0)
    values[:3] = np.nan  # beyond the circle; ground is measured cell by cell where a block has gaps
    block = Block(values, lattice)
    lon, lat = lattice.degrees(np.array([100.3]), np.array([99.6]))
    cover = block.cover(centres_on(lon, lat, lattice), radius_m=R, depths=1)
    assert len(cover.cells) > 2 * rim.TOGETHER
    assert cover.ground_m2 == pytest.approx(math.pi * R * R, rel=1e-6)
    assert cover.residents == pytest.approx(2.0 * math.pi * R * R / block.cell_areas_m2[100, 100], rel=1e-3)

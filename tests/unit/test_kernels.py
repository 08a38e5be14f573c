"""Areas under discs against formulas that can be done by hand."""

import math
import subprocess
import sys

import numpy as np
import pytest

from circle15.measure import kernels
from circle15.measure.compiled import run

R = 800.0
DISC = math.pi * R * R


def rings(*cells):
    """Each cell a list of rings, each ring a list of corners."""
    flat = [np.array(ring, dtype=float) for cell in cells for ring in cell]
    ring_start = np.cumsum([0] + [len(r) for r in flat])
    cell_start = np.cumsum([0] + [len(cell) for cell in cells])
    return np.vstack(flat), ring_start, cell_start


def square(x, y, side):
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def disc(cells, x, y, radius=R):
    return float(kernels.disc_areas(cells, np.array([0]), np.array([x]), np.array([y]), radius_m=radius)[0])


def depth(cells, centres, depths, radius=R):
    xy = np.array(centres, dtype=float).reshape(-1, 2)
    start = np.array([0, len(xy)])
    return kernels.depth_areas(cells, np.array([0]), start, xy[:, 0], xy[:, 1], radius_m=radius, depths=depths)[0]


def lens(d, r=R):
    return 2 * r * r * math.acos(d / (2 * r)) - d / 2 * math.sqrt(4 * r * r - d * d)


FIELD = rings([square(-5000, -5000, 10000)])
SMALL = rings([square(-50, -50, 100)])


def test_a_disc_inside_a_cell_has_its_own_area():
    assert disc(FIELD, 12.5, -700.25) == pytest.approx(DISC, rel=1e-13)


def test_a_cell_inside_a_disc_has_its_own_area():
    assert disc(SMALL, 300, 200) == pytest.approx(10_000, rel=1e-13)


def test_a_disc_far_away_covers_nothing():
    assert disc(SMALL, 900, 0) == 0.0


def test_half_a_disc_and_a_quarter():
    assert disc(rings([square(0, -2000, 4000)]), 0, 0) == pytest.approx(DISC / 2, rel=1e-13)
    assert disc(rings([square(0, 0, 4000)]), 0, 0) == pytest.approx(DISC / 4, rel=1e-13)


def test_a_circle_that_only_touches_adds_nothing():
    # the circle about (850, 0) touches the right side of the small cell in (50, 0)
    assert disc(SMALL, 850, 0) == pytest.approx(0, abs=1e-9)
    assert depth(SMALL, [(850, 0), (-850, 0)], 2) == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.parametrize("reach", [-R, R])
def test_a_circle_that_touches_the_side_of_a_cell_from_inside_is_whole(reach):
    touching = rings([square(-R, -R, 2 * R)])
    assert disc(touching, 0, 0) == pytest.approx(DISC, rel=1e-12)
    both = depth(touching, [(0, 0), (reach, 0)], 2)
    assert both == pytest.approx([1.5 * DISC - lens(R), lens(R)], rel=1e-12)


def test_a_circle_through_the_corners_of_a_cell_holds_it():
    side = R * math.sqrt(2)
    cell = rings([square(-side / 2, -side / 2, side)])
    assert disc(cell, 0, 0) == pytest.approx(side * side, rel=1e-12)
    assert depth(cell, [(0, 0), (0, 2 * R)], 2) == pytest.approx([side * side, 0], rel=1e-12, abs=1e-6)


def test_circles_through_a_shared_corner():
    # each circle passes exactly through a corner of the cell and through the other's centre line
    cell = rings([square(0, 0, 100)])
    found = depth(cell, [(-R, 0), (0, -R), (100 + R, 100)], 3)
    single = [disc(cell, -R, 0), disc(cell, 0, -R), disc(cell, 100 + R, 100)]
    assert found.sum() == pytest.approx(sum(single), abs=1e-6)


def test_a_hole_is_left_out():
    hole = square(-10, -10, 20)[::-1]
    cell = rings([square(-50, -50, 100), hole])
    assert disc(cell, 0, 0) == pytest.approx(10_000 - 400, rel=1e-13)
    ring_in_field = rings([square(-5000, -5000, 10000), square(-100, -100, 200)[::-1]])
    assert disc(ring_in_field, 0, 0) == pytest.approx(DISC - 40_000, rel=1e-13)
    found = depth(ring_in_field, [(0, 0), (0, 0), (3000, 0)], 3)
    assert found == pytest.approx([2 * DISC - 40_000, DISC - 40_000, 0], rel=1e-12, abs=1e-6)


@pytest.mark.parametrize("d", [1e-3, 1.0, 500.0, 800.0, 1599.0, 1599.999])
def test_the_lens_of_two_circles(d):
    found = depth(FIELD, [(-d / 2, 3), (d / 2, 3)], 3)
    assert found == pytest.approx([2 * DISC - lens(d), lens(d), 0], rel=1e-9, abs=1e-4)


def test_two_circles_that_touch_share_nothing():
    assert depth(FIELD, [(-R, 0), (R, 0)], 2) == pytest.approx([2 * DISC, 0], rel=1e-12, abs=1e-4)


def test_three_circles_each_through_the_others_centres():
    # Reuleaux triangle in the middle: (π − √3)/2 · R²
    centres = [(0, 0), (R, 0), (R / 2, R * math.sqrt(3) / 2)]
    middle = (math.pi - math.sqrt(3)) / 2 * R * R
    pairs = 3 * lens(R) - 2 * middle
    found = depth(FIELD, centres, 4)
    assert found == pytest.approx([3 * DISC - 3 * lens(R) + middle, pairs, middle, 0], rel=1e-11, abs=1e-4)


def test_equal_centres_count_each():
    assert depth(FIELD, [(1, 2)] * 3, 4) == pytest.approx([DISC, DISC, DISC, 0], rel=1e-12)
    found = depth(FIELD, [(0, 0), (500, 0), (0, 0)], 3)
    assert found == pytest.approx([2 * DISC - lens(500), DISC, lens(500)], rel=1e-12)


def test_nearly_equal_centres_do_not_break_the_walk():
    for step in (1e-15, 1e-12, 1e-9, 9e-7, 2e-6, 1e-4):
        found = depth(SMALL, [(800, 0), (800 + step, 0), (800, step)], 3)
        assert found == pytest.approx([disc(SMALL, 800, 0)] * 3, abs=0.02 + 200 * step), step


def test_discs_over_the_whole_cell_lift_the_depth_of_those_that_cut_it():
    found = depth(SMALL, [(0, 0), (10, 0), (800, 0), (-800, 0)], 4)
    cut = disc(SMALL, 800, 0)
    assert found == pytest.approx([10_000, 10_000, 2 * cut, 0], rel=1e-12, abs=1e-6)


def test_depths_beyond_those_asked_are_not_needed():
    centres = [(800 + 7 * i, 3 * i) for i in range(-6, 7)]
    assert depth(SMALL, centres, 2) == pytest.approx(depth(SMALL, centres, 13)[:2], rel=1e-12)


def test_a_uniform_grid_adds_up_to_the_disc():
    side = 100.0
    cells = rings(*[[square(i * side + 3.7, j * side - 9.1, side)] for i in range(-10, 10) for j in range(-10, 10)])
    n = len(cells[2]) - 1
    parts = kernels.disc_areas(cells, np.arange(n), np.full(n, 11.0), np.full(n, 5.0), radius_m=R)
    assert parts.sum() == pytest.approx(DISC, rel=1e-12)
    start = np.arange(n + 1) * 2
    parts = kernels.depth_areas(
        cells, np.arange(n), start, np.tile([-100.0, 100.0], n), np.zeros(2 * n), radius_m=R, depths=2
    )
    assert parts.sum(axis=0) == pytest.approx([2 * DISC - lens(200), lens(200)], rel=1e-9)


def test_no_pairs_no_cells_no_rings():
    empty = np.empty(0)
    assert kernels.disc_areas(FIELD, empty, empty, empty, radius_m=R).shape == (0,)
    point = (np.empty((0, 2)), np.array([0]), np.array([0, 0]))
    assert disc(point, 0, 0) == 0
    assert depth(point, [(0, 0)], 2).tolist() == [0, 0]
    assert depth(FIELD, [], 2).tolist() == [0, 0]


def test_a_ring_with_repeated_corners_is_the_same_ring():
    doubled = [corner for corner in square(-50, -50, 100) for _ in range(2)]
    assert disc(rings([doubled]), 800, 0) == pytest.approx(disc(SMALL, 800, 0), rel=1e-12)
    assert depth(rings([doubled]), [(800, 0), (0, 790)], 2) == pytest.approx(depth(SMALL, [(800, 0), (0, 790)], 2))


def test_it_runs_where_no_machine_code_can_be_kept():
    code = (
        "import numpy as np; from circle15.measure import kernels as k;"
        "cell = (np.array([[0, 0], [9, 0], [9, 9.0]]), np.array([0, 3]), np.array([0, 1]));"
        "print(k.disc_areas(cell, np.array([0]), [0.0], [0.0], radius_m=800.0)[0])"
    )
    env = {"NUMBA_CACHE_DIR": "/proc/nowhere", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(40.5)


def test_a_full_disk_does_not_stop_the_measuring():
    class Full:
        @staticmethod
        def py_func(out):
            out[0] = 7.0

        def __call__(self, _out):
            raise OSError(28, "No space left on device")

    out = np.zeros(1)
    run(Full(), out)
    assert out[0] == 7.0

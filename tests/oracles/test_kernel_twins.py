"""The kernels against two slow twins: shapely overlays of fine polygons, and scan lines in plain numpy."""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely

from circle15.measure import kernels

R = 800.0
CORNERS = 8192
# a polygon of n corners lacks 2π²/3n² of its disc: 1e-7 here
SHAPELY_M2 = 1.2e-7 * math.pi * R * R


def fine_disc(x, y):
    angles = np.arange(CORNERS) * 2 * math.pi / CORNERS
    return shapely.Polygon(np.column_stack([x + R * np.cos(angles), y + R * np.sin(angles)]))


def random_cell(rng):
    n = int(rng.integers(3, 9))
    angles = (np.arange(n) + rng.random()) * 2 * math.pi / n
    reach = rng.uniform(30, 600, n)
    outer = np.column_stack([reach * np.cos(angles), reach * np.sin(angles)])
    hole = 0.4 * outer[::-1] if rng.random() < 0.4 else np.empty((0, 2))
    rings = [r for r in (outer, hole) if len(r)]
    starts = np.cumsum([0] + [len(r) for r in rings])
    polygon = shapely.Polygon(outer, [hole] if len(hole) else [])
    return (np.vstack(rings), starts, np.array([0, len(rings)])), polygon


def depth(cells, centres, levels):
    start = np.array([0, len(centres)])
    return kernels.depth_areas(cells, [0], start, centres[:, 0], centres[:, 1], radius_m=R, depths=levels)[0]


def by_overlay(polygon, centres, levels):
    """Areas at each depth by adding one fine disc after another."""
    layers = [shapely.Polygon()] * levels
    for x, y in centres:
        rest = shapely.intersection(polygon, fine_disc(x, y))
        for k in range(levels):
            layers[k], rest = shapely.union(layers[k], rest), shapely.intersection(layers[k], rest)
    return shapely.area(layers)


def by_scan_lines(cell, centres, levels, lines=20_000):
    """Areas at each depth by exact lengths on horizontal lines."""
    xy, ring_start, _ = cell
    low, high = xy[:, 1].min(), xy[:, 1].max()
    y = low + (np.arange(lines) + 0.5) * (high - low) / lines
    half = np.sqrt(np.maximum(R * R - (y[:, None] - centres[:, 1]) ** 2, 0))
    cuts = [centres[:, 0] - half, centres[:, 0] + half]
    for a, b in pairwise(ring_start):
        p, q = xy[a:b], np.roll(xy[a:b], -1, axis=0)
        crosses = (p[:, 1] > y[:, None]) != (q[:, 1] > y[:, None])
        slope = (q[:, 0] - p[:, 0]) / np.where(q[:, 1] == p[:, 1], 1, q[:, 1] - p[:, 1])
        cuts.append(np.where(crosses, p[:, 0] + (y[:, None] - p[:, 1]) * slope, np.inf))
    edges = np.sort(np.where(np.isfinite(cuts[2]), cuts[2], np.inf), axis=1)
    for more in cuts[3:]:
        edges = np.sort(np.hstack([edges, more]), axis=1)
    marks = np.sort(np.hstack([cuts[0], cuts[1], edges]), axis=1)
    left, right = marks[:, :-1], np.where(np.isfinite(marks[:, 1:]), marks[:, 1:], marks[:, :-1])
    left, right = np.where(np.isfinite(left), left, 0), np.where(np.isfinite(left), right, 0)
    middle = (left + right) / 2
    inside = (edges[:, None, :] < middle[:, :, None]).sum(axis=2) % 2 == 1
    deep = (np.abs(middle[:, :, None] - centres[None, None, :, 0]) < half[:, None, :]).sum(axis=2)
    step = (high - low) / lines
    return np.array([((right - left) * (inside & (deep > k))).sum() * step for k in range(levels)])


@pytest.mark.parametrize("seed", range(12))
def test_fine_polygons_say_the_same(seed):
    rng = np.random.default_rng(seed)
    cell, polygon = random_cell(rng)
    centres = rng.uniform(-1100, 1100, (int(rng.integers(1, 7)), 2))
    found = depth(cell, centres, 4)
    assert found == pytest.approx(by_overlay(polygon, centres, 4), abs=SHAPELY_M2 * len(centres))
    single = kernels.disc_areas(cell, np.zeros(len(centres)), centres[:, 0], centres[:, 1], radius_m=R)
    overlays = [shapely.intersection(polygon, fine_disc(x, y)).area for x, y in centres]
    assert single == pytest.approx(overlays, abs=SHAPELY_M2)


@pytest.mark.parametrize("seed", range(20, 30))
def test_scan_lines_say_the_same(seed):
    rng = np.random.default_rng(seed)
    cell, _ = random_cell(rng)
    centres = rng.uniform(-1000, 1000, (int(rng.integers(1, 9)), 2))
    assert depth(cell, centres, 4) == pytest.approx(by_scan_lines(cell, centres, 4), rel=1e-5, abs=1.0)


def test_the_twin_would_notice_a_wrong_radius():
    corners = np.array([[-300.0, -300.0], [300.0, -300.0], [300.0, 300.0], [-300.0, 300.0]])
    cell, polygon = (corners, np.array([0, 4]), np.array([0, 1])), shapely.Polygon(corners)
    centres = np.array([[900.0, 0.0], [-900.0, 100.0]])
    off = kernels.depth_areas(cell, [0], [0, 2], centres[:, 0], centres[:, 1], radius_m=R + 0.01, depths=1)[0]
    assert abs(off[0] - by_overlay(polygon, centres, 1)[0]) > SHAPELY_M2 * 2

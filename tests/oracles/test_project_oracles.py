"""Slow twins of datum conversion and neighbour search, written point by point with `math` alone."""

import math

import numpy as np
import pytest
from pyproj import Geod

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.project.metric import nearest, pairs_within

GEOD = Geod(ellps="WGS84")


def gcj02(lon, lat):
    """Shift one point, term by term as the public implementations print it."""
    x, y = lon - 105.0, lat - 35.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    rad = lat / 180.0 * math.pi
    a, ee = 6378245.0, 0.00669342162296594323
    magic = 1 - ee * math.sin(rad) ** 2
    north = (north * 180.0) / ((a * (1 - ee)) / (magic * math.sqrt(magic)) * math.pi)
    east = (east * 180.0) / (a / math.sqrt(magic) * math.cos(rad) * math.pi)
    return lon + east, lat + north


def bisected_origin(lon, lat):
    """Origin of a GCJ-02 position by halving a square in turn along each axis, no fixed point."""
    w_lon, w_lat = lon, lat
    for _ in range(12):
        w_lon = halved(lambda x, at=w_lat: gcj02(x, at)[0] - lon, w_lon - 0.02, w_lon + 0.02)
        w_lat = halved(lambda y, at=w_lon: gcj02(at, y)[1] - lat, w_lat - 0.02, w_lat + 0.02)
    return w_lon, w_lat


def halved(rising, low, high):
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


@pytest.fixture
def points():
    rng = np.random.default_rng(15)
    return rng.uniform(73, 135, 200), rng.uniform(3, 53, 200)


def test_gcj02_forward_equals_its_twin(points):
    lon, lat = points
    slow = np.array([gcj02(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)])
    fast = np.column_stack(from_wgs84(lon, lat, "gcj02"))
    assert np.abs(slow - fast).max() < 1e-13 * 200


def test_gcj02_inverse_equals_bisection(points):
    lon, lat = (p[:25] for p in points)
    slow = np.array([bisected_origin(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)])
    fast = np.column_stack(to_wgs84(lon, lat, "gcj02"))
    _, _, metres = GEOD.inv(*slow.T, *fast.T)
    assert metres.max() < 1e-6


@pytest.mark.parametrize("radius_m", [120.0, 800.0, 30_000.0])
def test_pairs_and_nearest_equal_a_loop_over_all_pairs(radius_m):
    rng = np.random.default_rng(8)
    # one decimal less than random, so that some points fall on one spot
    a, b = (np.round(rng.uniform((105.1, 37.4), (105.2, 37.5), (60, 2)), 3) for _ in range(2))
    table = np.array([[GEOD.inv(*p, *q)[2] for q in b.tolist()] for p in a.tolist()])
    expected = [
        (i, j)
        for i in range(len(a))
        for j in sorted(range(len(b)), key=lambda j, i=i: (table[i, j], j))
        if table[i, j] <= radius_m + 1e-6
    ]
    i, j, metres = pairs_within(*a.T, *b.T, radius_m)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == expected
    assert (metres == table[i, j]).all()
    found, away = nearest(*a.T, *b.T)
    assert (found == table.argmin(axis=1)).all()
    assert (away == table.min(axis=1)).all()

"""Properties of datum conversion and distances that hold for any points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.project.metric import candidate_pairs, distances_m, local_xy, nearest, pairs_within

INVERSE_ERROR_M = 1e-6
world_lon = hnp.arrays(np.float64, 20, elements=st.floats(-180, 180))
world_lat = hnp.arrays(np.float64, 20, elements=st.floats(-85, 85))
# a quarter of a degree inside the rectangle, where every position has exactly one origin
china_lon = hnp.arrays(np.float64, 20, elements=st.floats(72.25, 137.5))
china_lat = hnp.arrays(np.float64, 20, elements=st.floats(1.0, 55.5))
# a town of 3 km, with points on shared spots
town = hnp.arrays(np.float64, (12, 2), elements=st.integers(0, 30).map(lambda n: n / 1000))


@pytest.mark.parametrize("datum", ["wgs84", "cgcs2000", "gcj02", "bd09"])
@given(lon=china_lon, lat=china_lat)
@settings(max_examples=60)
def test_there_and_back_and_back_and_there(datum, lon, lat):
    assert distances_m(lon, lat, *to_wgs84(*from_wgs84(lon, lat, datum), datum)).max() < INVERSE_ERROR_M
    assert distances_m(lon, lat, *from_wgs84(*to_wgs84(lon, lat, datum), datum)).max() < INVERSE_ERROR_M


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
@given(lon=world_lon, lat=world_lat)
@settings(max_examples=60)
def test_every_place_on_earth_comes_back_from_its_own_conversion(datum, lon, lat):
    x, y = from_wgs84(lon, lat, datum)
    x2, y2 = from_wgs84(*to_wgs84(x, y, datum), datum)
    # on the rim of the rectangle a position may have two origins or none, as the docstring of to_wgs84 says
    rim = (np.abs(lon[:, None] - (72.004, 137.8347)) < 0.05).any(axis=1)
    rim |= (np.abs(lat[:, None] - (0.8293, 55.8271)) < 0.05).any(axis=1)
    assert distances_m(x, y, x2, y2)[~rim].max(initial=0.0) < INVERSE_ERROR_M


@given(lon=china_lon, lat=china_lat)
@settings(max_examples=40)
def test_the_offset_is_below_a_kilometre_and_a_half(lon, lat):
    assert distances_m(lon, lat, *from_wgs84(lon, lat, "gcj02")).max() < 1500.0


@given(lon=china_lon, lat=china_lat)
@settings(max_examples=20)
def test_one_point_alone_and_in_a_crowd_agree(lon, lat):
    together = to_wgs84(lon, lat, "gcj02")
    alone = to_wgs84(lon[3], lat[3], "gcj02")
    assert distances_m(together[0][3], together[1][3], *alone) < INVERSE_ERROR_M


@given(a=town, b=town, radius_m=st.sampled_from([0.0, 50.0, 400.0, 800.0, 5000.0]))
@settings(max_examples=60)
def test_pairs_are_mutual_and_within_and_among_the_candidates(a, b, radius_m):
    lon_a, lat_a, lon_b, lat_b = 105 + a[:, 0], 37 + a[:, 1], 105 + b[:, 0], 37 + b[:, 1]
    i, j, metres = pairs_within(lon_a, lat_a, lon_b, lat_b, radius_m)
    back_j, back_i, _ = pairs_within(lon_b, lat_b, lon_a, lat_a, radius_m)
    pairs = set(zip(i.tolist(), j.tolist(), strict=True))
    assert pairs == set(zip(back_i.tolist(), back_j.tolist(), strict=True))
    near_i, near_j = candidate_pairs(lon_a, lat_a, lon_b, lat_b, radius_m)
    assert pairs <= set(zip(near_i.tolist(), near_j.tolist(), strict=True))
    assert (metres <= radius_m + 1e-6).all()
    assert (np.lexsort((j, metres, i)) == np.arange(len(i))).all()


@given(a=town, b=town)
@settings(max_examples=60)
def test_nobody_is_nearer_than_the_nearest(a, b):
    lon_a, lat_a, lon_b, lat_b = 105 + a[:, 0], 37 + a[:, 1], 105 + b[:, 0], 37 + b[:, 1]
    j, metres = nearest(lon_a, lat_a, lon_b, lat_b)
    table = distances_m(lon_a[:, None], lat_a[:, None], lon_b, lat_b)
    assert (metres == table.min(axis=1)).all()
    assert (j == table.argmin(axis=1)).all()


@given(lon=st.floats(73, 135), lat=st.floats(18, 54), east=st.floats(-0.007, 0.007), north=st.floats(-0.007, 0.007))
@settings(max_examples=80)
def test_local_metres_are_antisymmetric_and_geodesic(lon, lat, east, north):
    x, y = local_xy(lon + east, lat + north, lon, lat)
    back_x, back_y = local_xy(lon, lat, lon + east, lat + north)
    assert (x, y) == (-back_x, -back_y)
    assert np.hypot(x, y) == pytest.approx(float(distances_m(lon, lat, lon + east, lat + north)), abs=1e-5)

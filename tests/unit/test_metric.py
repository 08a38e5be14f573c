"""Distances, neighbours and areas by hand-checkable cases."""

import numpy as np
import pytest
import shapely
from five_cities import CENTRES
from pyproj import Geod

from circle15.project.metric import (
    areas_m2,
    candidate_pairs,
    circle_outline,
    distances_m,
    local_xy,
    nearest,
    pairs_within,
)

GEOD = Geod(ellps="WGS84")


def test_a_degree_of_meridian_at_the_equator():
    assert distances_m(0.0, 0.0, 0.0, 1.0) == pytest.approx(110574.3886, abs=1e-3)


def test_a_degree_of_the_equator():
    assert distances_m(0.0, 0.0, 1.0, 0.0) == pytest.approx(6378137.0 * np.pi / 180.0, abs=1e-6)


def test_distances_broadcast_and_keep_nan():
    out = distances_m([[0.0], [np.nan]], 0.0, [0.0, 1.0, 2.0], 0.0)
    assert out.shape == (2, 3)
    assert out[0, 0] == 0.0
    assert np.isnan(out[1]).all()
    assert distances_m([], [], [], []).shape == (0,)


@pytest.mark.parametrize("city", CENTRES)
@pytest.mark.parametrize("azimuth", [0.0, 37.0, 90.0, 180.0, 233.0])
@pytest.mark.parametrize(("away_m", "inside"), [(799.999, True), (800.0, True), (800.001, False), (801.0, False)])
def test_bound_of_800_m_in_all_five_cities(city, azimuth, away_m, inside):
    lon, lat = CENTRES[city]
    x, y, _ = GEOD.fwd(lon, lat, azimuth, away_m)
    _, j, metres = pairs_within([lon], [lat], [x], [y], 800.0)
    assert (len(j) == 1) is inside
    if inside:
        assert metres[0] == pytest.approx(away_m, abs=1e-6)


def test_pairs_are_sorted_by_point_distance_and_place():
    #  a0 at .000, a1 at .0021; b1 at .001, b2 and b3 on one spot at .002, b0 at .003
    lon_b, lat_b = [105.003, 105.001, 105.002, 105.002], [37.0] * 4
    i, j, metres = pairs_within([105.0, 105.0021], [37.0, 37.0], lon_b, lat_b, 1000.0)
    assert list(zip(i, j, strict=True)) == [(0, 1), (0, 2), (0, 3), (0, 0), (1, 2), (1, 3), (1, 0), (1, 1)]
    assert (np.diff(metres[:4]) >= 0).all()


@pytest.mark.parametrize("radius_m", [-1.0, np.nan])
def test_no_radius_finds_nothing(radius_m):
    assert len(pairs_within([105.0], [37.0], [105.0], [37.0], radius_m)[0]) == 0


def test_radius_zero_finds_the_same_spot():
    assert len(pairs_within([105.0], [37.0], [105.0, 105.0001], [37.0, 37.0], 0.0)[0]) == 1


def test_empty_and_nan_points_are_in_no_pair():
    assert len(pairs_within([], [], [105.0], [37.0], 800.0)[0]) == 0
    i, j, _ = pairs_within([np.nan, 105.0], [37.0, 37.0], [105.0, 105.0], [np.nan, 37.0], 800.0)
    assert (list(i), list(j)) == ([1], [1])


def test_pairs_across_the_antimeridian():
    i, _, metres = pairs_within([179.9999], [0.0], [-179.9999], [0.0], 800.0)
    assert len(i) == 1
    assert metres[0] == pytest.approx(22.26, abs=0.01)


def test_candidates_hold_all_pairs_and_are_sorted():
    lon, lat = [105.0, 105.005, 105.2], [37.0, 37.0, 37.0]
    i, j = candidate_pairs(lon, lat, lon, lat, 800.0)
    assert list(zip(i, j, strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]


def test_nearest_by_hand():
    j, metres = nearest([105.0, np.nan], [37.0, 37.0], [105.02, 105.01, np.nan], [37.0, 37.0, 37.0])
    assert list(j) == [1, -1]
    assert metres[0] == distances_m(105.0, 37.0, 105.01, 37.0)
    assert metres[1] == np.inf


def test_nearest_skips_itself_but_not_its_double():
    lon, lat = [105.0, 105.0, 105.01], [37.0, 37.0, 37.0]
    j, metres = nearest(lon, lat, lon, lat, skip=[0, 1, 2])
    assert list(j) == [1, 0, 0]
    assert list(metres[:2]) == [0.0, 0.0]


def test_nearest_of_none():
    for lon_b, lat_b, skip in ([], [], None), ([105.0], [37.0], [0]), ([np.nan], [37.0], None):
        j, metres = nearest([105.0], [37.0], lon_b, lat_b, skip=skip)
        assert list(j) == [-1]
        assert list(metres) == [np.inf]
    assert len(nearest([], [], [105.0], [37.0])[0]) == 0


def test_circle_outline_lies_on_the_circle():
    circle = circle_outline(105.0, 37.0, 800.0, 64)
    x, y = shapely.get_coordinates(circle).T
    assert len(x) == 65
    assert np.allclose(distances_m(105.0, 37.0, x, y), 800.0, atol=1e-6)
    assert circle.exterior.is_ccw
    # area of a regular 64-gon
    assert areas_m2([circle])[0] == pytest.approx(32 * 800.0**2 * np.sin(2 * np.pi / 64), rel=1e-6)


def test_areas_leave_holes_out_whatever_the_orientation():
    # closed form between parallels: a**2 * (q(north) - q(south)) / 2 * width, edges are geodesics, hence 1e-6
    outer, hole = shapely.box(105.0, 37.0, 105.01, 37.01), shapely.box(105.004, 37.004, 105.006, 37.006)
    ring = outer.exterior.coords
    for shell in (ring, ring[::-1]):
        for inner in (hole.exterior.coords, hole.exterior.coords[::-1]):
            with_hole = shapely.Polygon(shell, [inner])
            assert areas_m2([with_hole])[0] == pytest.approx(areas_m2([outer])[0] * 0.96, rel=1e-5)
    both = shapely.MultiPolygon([hole, shapely.box(106.0, 37.0, 106.01, 37.01)])
    assert areas_m2([shapely.GeometryCollection([both, shapely.Point(0, 0)])])[0] == areas_m2([both])[0]
    assert areas_m2([both])[0] == pytest.approx(areas_m2([outer])[0] * 1.04, rel=1e-5)


def test_area_of_a_quadrangle_in_closed_form():
    south, north, width = np.radians(37.0), np.radians(37.001), np.radians(0.001)
    e = np.sqrt(GEOD.es)

    def q(phi):
        s = np.sin(phi)
        return (1 - e**2) * (s / (1 - (e * s) ** 2) + np.arctanh(e * s) / e)

    exact = 6378137.0**2 / 2 * (q(north) - q(south)) * width
    assert areas_m2([shapely.box(105.0, 37.0, 105.001, 37.001)])[0] == pytest.approx(exact, rel=1e-6)


def test_what_has_no_area_has_area_zero():
    nothing = [None, shapely.Point(105, 37), shapely.Point(), shapely.Polygon(), shapely.LineString([(0, 0), (1, 1)])]
    assert list(areas_m2(nothing)) == [0.0] * 5
    assert areas_m2([]).shape == (0,)


@pytest.mark.parametrize("city", CENTRES)
def test_local_metres_keep_distance_to_two_micrometres(city):
    lon, lat = CENTRES[city]
    azimuth = np.linspace(0.0, 360.0, 73)
    x, y, _ = GEOD.fwd(np.full(73, lon), np.full(73, lat), azimuth, np.full(73, 800.0))
    assert np.allclose(np.hypot(*local_xy(x, y, lon, lat)), 800.0, rtol=0, atol=2e-6)


def test_local_metres_by_compass():
    east, north = local_xy([105.001, 105.0], [37.0, 37.001], 105.0, 37.0)
    assert east[0] == pytest.approx(float(distances_m(105.0, 37.0, 105.001, 37.0)), abs=1e-6)
    assert north[1] == pytest.approx(float(distances_m(105.0, 37.0, 105.0, 37.001)), abs=1e-6)
    assert (east[1], north[0]) == (0.0, 0.0)
    assert local_xy(-179.9995, 0.0, 179.9995, 0.0)[0] == pytest.approx(111.32, abs=0.01)


def test_local_metres_far_away():
    x, y, _ = GEOD.fwd(np.full(8, 105.0), np.full(8, 46.0), np.arange(8) * 45.0, np.full(8, 60_000.0))
    assert np.allclose(np.hypot(*local_xy(x, y, 105.0, 46.0)), 60_000.0, rtol=0, atol=1.0)

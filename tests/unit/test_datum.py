"""Datum conversion against published values, by hand and with hostile input."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.errors import UsageError
from circle15.project.datum import from_wgs84, geometry_to_wgs84, to_wgs84
from circle15.project.metric import distances_m

TIANANMEN = (116.404, 39.915)


def test_published_gcj02_value():
    # example of coordtransform's README
    assert np.allclose(from_wgs84(*TIANANMEN, "gcj02"), (116.41024449916938, 39.91640428150164), rtol=0, atol=1e-13)


def test_published_bd09_value():
    # the same README: GCJ-02 (116.404, 39.915) is BD-09 (116.41036949371029, 39.92133699351021)
    wgs = to_wgs84(*TIANANMEN, "gcj02")
    assert np.allclose(from_wgs84(*wgs, "bd09"), (116.41036949371029, 39.92133699351021), rtol=0, atol=1e-12)


@pytest.mark.parametrize("datum", ["wgs84", "cgcs2000"])
def test_one_ellipsoid_is_passed_through(datum):
    assert to_wgs84(*TIANANMEN, datum) == TIANANMEN
    assert from_wgs84(*TIANANMEN, datum) == TIANANMEN


def test_offset_is_hundreds_of_metres_in_zhongwei():
    lon, lat = from_wgs84(105.19, 37.5, "gcj02")
    assert 100.0 < distances_m(105.19, 37.5, lon, lat) < 800.0


@pytest.mark.parametrize("point", [(-15.43, 28.12), (7.42, 43.73), (72.0, 30.0), (137.84, 30.0), (105.0, 55.83)])
def test_no_gcj02_offset_outside_the_rectangle(point):
    assert from_wgs84(*point, "gcj02") == point


def test_rectangle_covers_hong_kong_macau_and_taiwan():
    lon, lat = np.array([114.17, 113.54, 121.56]), np.array([22.32, 22.19, 25.03])
    assert (distances_m(lon, lat, *from_wgs84(lon, lat, "gcj02")) > 100.0).all()


def test_gcj02_far_outside_comes_back_unchanged():
    assert to_wgs84(-15.43, 28.12, "gcj02") == (-15.43, 28.12)


def test_a_gap_on_the_western_rim_is_left_where_it_is():
    # the offset is 500 m eastward there, so nothing maps onto the rim itself
    assert to_wgs84(72.005, 35.0, "gcj02") == (72.005, 35.0)


def test_meridian_105_where_the_formula_has_a_kink():
    lon, lat = np.full(5, 105.0) + np.array([-1e-12, -1e-14, 0, 1e-14, 1e-9]), np.full(5, 35.0)
    for datum in ("gcj02", "bd09"):
        assert distances_m(lon, lat, *to_wgs84(*from_wgs84(lon, lat, datum), datum)).max() < 1e-6


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_nan_and_infinity_stay_what_they_are(datum):
    lon, lat = to_wgs84([np.nan, 105.0, np.inf], [37.0, np.nan, 37.0], datum)
    assert np.isnan([lon[0], lat[1]]).all()
    assert lon[2] == np.inf
    assert np.isnan(from_wgs84(np.nan, np.nan, datum)).all()


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_shapes_and_inputs_are_kept(datum):
    lon, lat = np.array([[104.0, 105.0], [106.0, 107.0]]), np.array([37.0, 38.0])
    before = lon.copy(), lat.copy()
    out = to_wgs84(lon, lat, datum)
    assert out[0].shape == out[1].shape == (2, 2)
    assert (lon == before[0]).all()
    assert (lat == before[1]).all()
    out[0][0, 0] = 0.0
    assert lon[0, 0] == 104.0
    assert to_wgs84([], [], datum)[0].shape == (0,)
    assert to_wgs84(104, 37, datum)[0].dtype == np.float64


@pytest.mark.parametrize("convert", [to_wgs84, from_wgs84])
def test_unknown_datum_is_refused(convert):
    with pytest.raises(UsageError) as caught:
        convert(105.0, 37.0, "beijing54")
    assert caught.value.problems[0].id == "unknown_datum"
    assert caught.value.problems[0].value == "beijing54"


def test_geometries_move_vertex_by_vertex():
    ring = shapely.box(105.0, 37.0, 105.1, 37.1)
    series = gpd.GeoSeries([ring, None, shapely.Point()], index=["a", "b", "c"], name="shape", crs="EPSG:4490")
    out = geometry_to_wgs84(series, "gcj02")
    assert list(out.index) == ["a", "b", "c"]
    assert out.name == "shape"
    assert out.crs == "EPSG:4326"
    assert out["b"] is None
    assert out["c"].is_empty
    expected = np.column_stack(to_wgs84(*shapely.get_coordinates(ring).T, "gcj02"))
    assert (shapely.get_coordinates(out["a"]) == expected).all()
    assert series["a"].equals(ring)


def test_plain_arrays_of_geometries_are_taken_too():
    out = geometry_to_wgs84(np.array([shapely.Point(105.0, 37.0)]), "bd09")
    assert isinstance(out, np.ndarray)
    assert (shapely.get_coordinates(out) == np.column_stack(to_wgs84([105.0], [37.0], "bd09"))).all()

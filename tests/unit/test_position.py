"""Position error drawn by hand: borders and thresholds within it are never decided silently."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point, box

from circle15.measure.circles import lonlat, measure_circles, residents_within
from circle15.measure.position import circle_bounds, points_within_error
from circle15.project.metric import distances_m, moved_to
from circle15.schema import Population

LON, LAT = 105.0, 37.0


def east(metres, north=0.0):
    """A point so many metres east (then north) of (105, 37)."""
    x, y = moved_to(LON, LAT, 90.0, metres)
    x, y = moved_to(x, y, 0.0, north)
    return float(x), float(y)


BORDER = LON  # towns share the meridian of 105° E
PLACES = gpd.GeoDataFrame(
    {"id": ["W", "E", "D"], "name": ["西镇", "东镇", "某区"], "level": ["township", "township", "district"]},
    geometry=[box(104.9, 36.9, BORDER, 37.1), box(BORDER, 36.9, 105.1, 37.1), box(104.9, 36.9, 105.1, 37.1)],
    crs=4326,
)


def sites(*xy, accuracy_m=10.0):
    return gpd.GeoDataFrame(
        {"id": [f"s{k}" for k in range(len(xy))], "service": "pharmacy", "position_accuracy_m": accuracy_m},
        geometry=[Point(*p) for p in xy], crs=4326,
    )  # fmt: skip


#      西镇  |  东镇           a site 7 m west of the border, errors of 6.9, 7 and 10 m
#        x→7m|
@pytest.mark.parametrize(("accuracy_m", "found"), [(0.0, 0), (6.9, 0), (7.0, 1), (7.000001, 1), (10.0, 1)])
def test_a_border_within_the_error_gives_the_other_side(accuracy_m, found):
    around = points_within_error(sites(east(-7.0), accuracy_m=accuracy_m), PLACES)
    assert len(around) == found
    if found:
        assert around["moved_m"][0] == pytest.approx(7.0, abs=1e-5)
        assert PLACES.geometry[1].covers(around.geometry[0])


def test_only_sites_near_a_border_get_points():
    around = points_within_error(sites(east(-500.0), east(4.0), east(-11.0), east(9.0)), PLACES)
    assert around["id"].tolist() == ["s1", "s3"]
    assert around["moved_m"].tolist() == pytest.approx([4.0, 9.0], abs=1e-5)
    assert [PLACES.geometry[0].covers(p) for p in around.geometry] == [True, True]


def test_a_site_on_the_border_lies_in_the_first_and_may_lie_in_the_second():
    around = points_within_error(sites((LON, LAT)), PLACES)
    assert around["moved_m"].tolist() == [0.0]
    assert PLACES.geometry[1].covers(around.geometry[0])


def test_ground_outside_all_places_counts_and_noise_between_them_does_not():
    edge = points_within_error(sites((104.9, 37.0)), PLACES)  # on the outer border, of township and district
    assert len(edge) == 2
    assert not any(PLACES.geometry[2].contains(p) for p in edge.geometry)
    x, _ = east(0.8)  # a gap of 0.8 m between the outlines of two towns
    gapped = PLACES.assign(geometry=[PLACES.geometry[0], box(x, 36.9, 105.1, 37.1), PLACES.geometry[2]])
    around = points_within_error(sites(east(-5.0)), gapped)
    assert around["moved_m"].tolist() == pytest.approx([5.8], abs=1e-5)


def test_an_enclave_inside_the_circle_of_error_is_found():
    x0, y0 = east(20.0, 20.0)
    x1, y1 = east(25.0, 25.0)
    hole = box(x0, y0, x1, y1)
    towns = gpd.GeoDataFrame(
        {"id": ["A", "B"], "name": "", "level": "township"},
        geometry=[box(104.9, 36.9, 105.1, 37.1).difference(hole), hole], crs=4326,
    )  # fmt: skip
    around = points_within_error(sites((LON, LAT), accuracy_m=100.0), towns)
    assert around["moved_m"].tolist() == pytest.approx([np.hypot(20, 20)], abs=1e-3)


def test_rings_and_cells():
    two = sites(east(-300.0), east(-300.0))
    around = points_within_error(two, PLACES, ring=np.array([False, True]))
    assert (around["id"] == "s1").all()
    assert around["moved_m"].to_numpy() == pytest.approx(np.repeat([5.0, 10.0], [8, 16]), abs=1e-6)
    cells = Population(
        gpd.GeoDataFrame({"residents": [1.0, 2.0]}, geometry=[box(104.99, 36.99, LON, 37.01), box(LON, 36.99, 105.01, 37.01)], crs=4326),
        None, "grid", 100.0,
    )  # fmt: skip
    whole = PLACES[PLACES["level"] == "district"]
    assert points_within_error(sites(east(-7.0)), whole, cells=cells)["moved_m"].tolist() == pytest.approx(
        [7.0], abs=1e-5
    )
    assert points_within_error(sites(east(-7.0)), whole).empty


@given(st.floats(-60, 60), st.floats(0, 50), st.integers(0, 359), st.floats(0, 1))
def test_whatever_lies_within_the_error_is_represented(x_m, accuracy_m, azimuth, share):
    site = sites(east(x_m), accuracy_m=accuracy_m)
    lon, lat = moved_to(site.geometry.x[0], site.geometry.y[0], float(azimuth), share * accuracy_m)
    true = Point(float(lon), float(lat))
    holds = PLACES.geometry[:2].covers(true) & ~PLACES.geometry[:2].covers(site.geometry[0])
    found = points_within_error(site, PLACES)
    if holds.any():
        assert len(found) == 1
        assert found["moved_m"][0] <= distances_m(site.geometry.x[0], site.geometry.y[0], lon, lat) + 1e-6
    assert (found["moved_m"] <= accuracy_m + 1e-6).all()


def test_the_density_of_every_moved_circle_lies_within_the_bounds():
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.arange(104.985, 105.015, 0.001), np.arange(36.985, 37.015, 0.001))
    outlines = shapely.box(x.ravel(), y.ravel(), x.ravel() + 0.001, y.ravel() + 0.001)
    table = gpd.GeoDataFrame({"residents": rng.gamma(0.5, 100.0, len(outlines))}, geometry=outlines, crs=4326)
    people = Population(table, shapely.union_all(outlines), "grid", 100.0)
    site = sites((LON, LAT), accuracy_m=60.0)
    here = measure_circles(site, site, people, radius_m=800.0)
    bounds = circle_bounds(
        np.array([60.0]), here["circle_land_km2"].to_numpy(),
        lambda at, r: residents_within(*lonlat(site.iloc[at]), people, radius_m=r), radius_m=800.0,
    )  # fmt: skip
    moved = points_within_error(site, PLACES, ring=np.array([True]))
    there = measure_circles(moved, site, people, radius_m=800.0)
    for found, name in ((there["density_circle_per_km2"], "density"), (there["residents_within"], "residents")):
        assert bounds[f"{name}_low"][0] < found.min() < found.max() < bounds[f"{name}_high"][0]

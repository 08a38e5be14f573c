"""Packing of cells, their local frame, and the shares of them inside circles."""

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Geod

from circle15.measure import cells as c
from circle15.measure.pieces import locate, meet_places, split_wide
from circle15.project.metric import areas_m2, distances_m

GEOD = Geod(ellps="WGS84")
LON, LAT = 105.19, 37.51


def frame(geometries, residents=None):
    people = [1.0] * len(geometries) if residents is None else residents
    return gpd.GeoDataFrame({"residents": people}, geometry=list(geometries), crs="EPSG:4326")


def at(east_m, north_m, lon=LON, lat=LAT):
    lon2, lat2, _ = GEOD.fwd(lon, lat, math.degrees(math.atan2(east_m, north_m)), math.hypot(east_m, north_m))
    return lon2, lat2


def square(east_m=0.0, north_m=0.0, side_m=100.0):
    corners = [(0, 0), (side_m, 0), (side_m, side_m), (0, side_m)]
    return shapely.Polygon([at(east_m + x, north_m + y) for x, y in corners])


def test_a_square_is_packed_about_its_middle():
    packed = c.pack_cells(frame([square()], [7.0]))
    assert len(packed) == 1
    assert packed.area_m2 == pytest.approx([10_000], rel=1e-7)
    assert packed.reach_m == pytest.approx([math.hypot(50, 50)], rel=1e-3)
    assert packed.xy.shape == (4, 2)
    assert packed.ring_start.tolist() == [0, 4]
    assert packed.cell_start.tolist() == [0, 1]
    assert packed.residents.tolist() == [7.0]


def test_rings_are_turned_the_right_way():
    hole = list(square(40, 40, 20).exterior.coords)
    backwards = shapely.Polygon(list(square().exterior.coords)[::-1], [hole])
    packed = c.pack_cells(frame([backwards]))
    assert packed.area_m2 == pytest.approx([10_000 - 400], rel=1e-6)


def test_multipolygons_points_collections_and_nothing():
    two = shapely.MultiPolygon([square(), square(300)])
    mixed = shapely.GeometryCollection([square(), shapely.Point(LON, LAT), shapely.LineString([at(0, 0), at(9, 9)])])
    packed = c.pack_cells(frame([two, shapely.Point(LON, LAT), mixed, shapely.Polygon()], [4.0, 3.0, 2.0, 1.0]))
    assert packed.area_m2 == pytest.approx([20_000, 0, 10_000, 0], rel=1e-6)
    assert packed.residents.tolist() == [4, 3, 2, 1]
    assert np.isnan(packed.lon).tolist() == [False, False, False, True]
    lon, lat = np.full(4, LON), np.full(4, LAT)
    assert c.disc_fractions(packed, np.arange(4), lon, lat, radius_m=5000).tolist() == [1, 1, 1, 0]


def test_no_cells():
    packed = c.pack_cells(frame([]))
    assert len(packed) == 0
    assert c.depth_fractions(packed, np.array([LON]), np.array([LAT]), radius_m=800, depths=3).shape == (0, 3)


@pytest.mark.parametrize("lat", [0.0, 22.5, 37.5, 43.7, 53.5])
@pytest.mark.parametrize(("reach_m", "bound_m"), [(71, 3e-6), (1414, 1e-4)])
def test_the_frame_errs_by_micrometres(lat, reach_m, bound_m):
    rng = np.random.default_rng(1)
    n = 5000
    lon0, lat0 = np.full(n, LON), np.full(n, lat)
    x1, y1, _ = GEOD.fwd(lon0, lat0, rng.uniform(0, 360, n), rng.uniform(0, reach_m, n))
    x2, y2, _ = GEOD.fwd(lon0, lat0, rng.uniform(0, 360, n), 800 + rng.uniform(-reach_m, reach_m, n))
    a, b = c.frame_xy(x1, y1, lon0, lat0), c.frame_xy(x2, y2, lon0, lat0)
    assert np.abs(np.hypot(a[0] - b[0], a[1] - b[1]) - distances_m(x1, y1, x2, y2)).max() < bound_m


def test_wide_cells_are_cut_into_parts_that_keep_ground_and_people():
    wide = square(0, 0, 9000)
    packed = c.pack_cells(frame([square(), wide], [5.0, 900.0]))
    assert set(packed.row) == {0, 1}
    assert packed.reach_m.max() < 2000 / math.sqrt(2) * 1.01
    assert c.row_areas_m2(packed, 2) == pytest.approx([10_000, 81e6], rel=1e-5)
    assert np.bincount(packed.row, packed.residents) == pytest.approx([5, 900], rel=1e-12)
    density = packed.residents[1:] / packed.area_m2[1:]
    assert density == pytest.approx(np.full(len(density), 900 / 81e6), rel=1e-5)


def test_parts_of_a_bent_area_are_its_own_ground():
    bent = square(0, 0, 6000).difference(square(1000, 1000, 6000))
    parts, row = split_wide(np.array([bent]), widest_m=1500)
    assert not row.any()
    assert shapely.area(parts).sum() == pytest.approx(bent.area, rel=1e-9)
    assert shapely.union_all(parts).symmetric_difference(bent).area < 1e-12


def test_a_circle_over_wide_cells_has_its_full_area():
    packed = c.pack_cells(frame([square(-4000, -4000, 4000), square(0, -4000, 4000), square(-4000, 0, 8000)]))
    n = len(packed)
    lon, lat = at(120, -333)
    share = c.disc_fractions(packed, np.arange(n), np.full(n, lon), np.full(n, lat), radius_m=800)
    # the three squares' sides are drawn apart by their own bending, some 20 m² along the border
    assert (share * packed.area_m2).sum() == pytest.approx(math.pi * 800**2, rel=2e-3)


def test_a_grid_in_degrees_adds_up_to_the_circle():
    steps = np.arange(-15, 15)
    x, y = (v.ravel() for v in np.meshgrid(LON + steps * 0.001, LAT + steps * 0.001))
    packed = c.pack_cells(frame(shapely.box(x, y, x + 0.001, y + 0.001)))
    n = len(packed)
    share = c.disc_fractions(packed, np.arange(n), np.full(n, LON), np.full(n, LAT), radius_m=800)
    # a circle of 800 m on the globe lacks 2e-9 of πR²
    assert (share * packed.area_m2).sum() == pytest.approx(math.pi * 800**2, rel=5e-9)


@pytest.mark.parametrize(("metres", "inside"), [(799.999, 1), (800.0, 1), (800.0000005, 1), (800.001, 0)])
def test_points_are_decided_by_the_geodesic_bound_included(metres, inside):
    for azimuth in (0, 33, 90, 200):
        lon, lat, _ = GEOD.fwd(LON, LAT, azimuth, metres)
        packed = c.pack_cells(frame([shapely.Point(lon, lat)]))
        share = c.disc_fractions(packed, np.array([0]), np.array([LON]), np.array([LAT]), radius_m=800)
        assert share.tolist() == [inside]
        depth = c.depth_fractions(packed, np.array([LON, LON]), np.array([LAT, LAT]), radius_m=800, depths=3)
        assert depth.tolist() == [[inside, inside, 0]]


def test_depth_shares_and_single_shares_agree():
    rng = np.random.default_rng(5)
    cells = [square(x, y) for x in range(-1000, 1000, 100) for y in range(-500, 500, 100)]
    packed = c.pack_cells(frame(cells))
    lon, lat = np.array([at(*p) for p in rng.uniform(-1500, 1500, (9, 2))]).T
    depth = c.depth_fractions(packed, lon, lat, radius_m=800, depths=9)
    cell, disc = c.candidate_pairs(packed, lon, lat, radius_m=800)
    single = c.disc_fractions(packed, cell, lon[disc], lat[disc], radius_m=800)
    assert depth.sum(axis=1) == pytest.approx(np.bincount(cell, single, minlength=len(packed)), abs=1e-9)


def test_candidate_pairs_miss_none():
    rng = np.random.default_rng(6)
    packed = c.pack_cells(frame([square(*p) for p in rng.uniform(-3000, 3000, (60, 2))]))
    lon, lat = np.array([at(*p) for p in rng.uniform(-3000, 3000, (40, 2))]).T
    every = np.repeat(np.arange(60), 40), np.tile(np.arange(40), 60)
    share = c.disc_fractions(packed, every[0], lon[every[1]], lat[every[1]], radius_m=800)
    pairs = set(zip(*(p.tolist() for p in c.candidate_pairs(packed, lon, lat, radius_m=800)), strict=True))
    needed = {(i, j) for i, j, s in zip(*every, share, strict=True) if s > 0}
    assert needed
    assert needed <= pairs


def places(*outlines, level="township"):
    ids = [f"T{n}" for n in range(len(outlines))]
    return gpd.GeoDataFrame({"id": ids, "level": level}, geometry=list(outlines), crs="EPSG:4326")


def test_a_cell_astride_a_border_gives_each_side_its_piece():
    left, right = shapely.box(105, 37, 105.01, 37.01), shapely.box(105.01, 37, 105.02, 37.01)
    cell = shapely.box(105.0075, 37.004, 105.0175, 37.005)
    inner = shapely.box(105.001, 37.001, 105.002, 37.002)
    pieces = meet_places(np.array([cell, inner, shapely.box(1, 1, 2, 2)]), places(left, right))
    assert pieces.cell.tolist() == [0, 0, 1]
    assert pieces.place.tolist() == [0, 1, 0]
    assert pieces.whole.tolist() == [False, False, True]
    shares = areas_m2(pieces.geometry[:2]) / areas_m2([cell])
    assert shares == pytest.approx([0.25, 0.75], rel=1e-6)


def test_a_cell_that_only_touches_a_place_is_not_in_it():
    left, right = shapely.box(105, 37, 105.01, 37.01), shapely.box(105.01, 37, 105.02, 37.01)
    pieces = meet_places(np.array([shapely.box(105.01, 37, 105.011, 37.001)]), places(left, right))
    assert pieces.place.tolist() == [1]


def test_a_point_on_a_border_is_in_one_place_of_each_level():
    left, right = shapely.box(105, 37, 105.01, 37.01), shapely.box(105.01, 37, 105.02, 37.01)
    table = places(left, right, shapely.box(105, 37, 105.02, 37.01))
    table["level"] = ["township", "township", "district"]
    points = shapely.points([105.01, 105.001, 106], [37.005, 37.001, 38])
    pieces = meet_places(points, table)
    found = list(zip(pieces.cell.tolist(), pieces.place.tolist(), strict=True))
    assert found == [(0, 0), (0, 2), (1, 0), (1, 2)]


def test_locate_takes_the_first_by_id():
    left, right = shapely.box(105, 37, 105.01, 37.01), shapely.box(105.01, 37, 105.02, 37.01)
    table = places(right, left)
    assert locate(np.array([105.01, 105.001, 99.0]), np.array([37.005, 37.001, 37.0]), table).tolist() == [0, 1, -1]
    assert locate(np.array([105.01]), np.array([37.005]), table.iloc[:0]).tolist() == [-1]

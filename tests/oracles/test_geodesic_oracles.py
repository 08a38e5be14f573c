"""What grids come to against polygons of many corners, laid out by geodesic distance and direction from PROJ.

Nothing of the product's own geometry is asked: a circle is a polygon of the circle's area about its middle, cells are
quadrilaterals about the same point, areas and overlaps are shapely's.
"""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from landscapes import Numbers
from pyproj import Geod
from scipy import ndimage

from circle15.measure.gaps import find_gaps
from circle15.measure.grid import Block, centres_on
from circle15.measure.grid_ground import circles_in
from circle15.project.lattice import Lattice
from circle15.schema import CRS, GridCells

GEOD = Geod(ellps="WGS84")
CORNERS = 4096
ALBERS = "+proj=aea +lat_1=25 +lat_2=47 +lat_0=0 +lon_0=105 +datum=WGS84"
GRIDS = {
    "tropics 0.2 m": (Lattice((2e-6, 0, 109, 0, -2e-6, 3.2)), 1.0),
    "south up": (Lattice((1 / 1200, 0, 105, 0, 1 / 1200, 53.5)), 800.0),
    "kilometres": (Lattice((1 / 120, 0, 124, 0, -1 / 120, 41.8)), 20_000.0),
    "turned": (Lattice((80, 60, 434_000, 60, -80, 4_183_500), "EPSG:4544"), 1500.0),
    "sheared": (Lattice((30, 15, 434_000, 3, -27, 4_183_500), "EPSG:4544"), 130.0),
    "albers": (Lattice((250, 0, -2e6, 0, -250, 5.2e6), ALBERS), 800.0),
}


def about(lon, lat, lon0, lat0):
    """Metres east and north of a point, by geodesic distance and direction."""
    shape = np.shape(lon)
    azimuth, _, metres = GEOD.inv(np.full(shape, lon0), np.full(shape, lat0), lon, lat)
    return metres * np.sin(np.radians(azimuth)), metres * np.cos(np.radians(azimuth))


def circle(radius_m, x=0.0, y=0.0):
    turn = 2 * np.pi / CORNERS
    at, wide = np.arange(CORNERS) * turn, radius_m * np.sqrt(turn / np.sin(turn))
    return shapely.Polygon(np.column_stack([x + wide * np.cos(at), y + wide * np.sin(at)]))


def cells_about(corners, lon0, lat0):
    x, y = about(*(np.asarray(v) for v in corners), lon0, lat0)
    ring = [(slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None)),
            (slice(1, None), slice(1, None)), (slice(1, None), slice(None, -1))]  # fmt: skip
    return shapely.polygons(np.stack([np.stack([x[at].ravel(), y[at].ravel()], 1) for at in ring], 1))


def overlaps(cells, ground):
    """Areas of cells on some ground; only those astride its rim are cut."""
    shapely.prepare(ground)
    area = np.where(shapely.covers(ground, cells), shapely.area(cells), 0.0)
    astride = shapely.intersects(ground, cells) & (area == 0)
    area[astride] = shapely.area(shapely.intersection(cells[astride], ground))
    return area


def nasty(name, seed=0, side=24):
    """Residents with NaN, zero and negative cells, and centres on corners, edges, each other and off the grid."""
    (lattice, radius_m), rng = GRIDS[name], np.random.default_rng(seed)
    values = rng.uniform(0, 10.0 ** rng.integers(-9, 10), (side, side))
    values[rng.random(values.shape) < 0.2] = 0.0
    values[rng.random(values.shape) < 0.1] = np.nan
    values[rng.random(values.shape) < 0.03] *= -1
    column, row = rng.uniform(-3, side + 3, (2, 8))
    column[:3], row[:3] = (9, 12.5, column[3]), (11, 7, row[3])
    lon, lat = (np.array(v) for v in lattice.degrees(column, row))
    corner = lattice.degrees(np.array([10.0]), np.array([6.0]))
    lon[4], lat[4], _ = GEOD.fwd(corner[0][0], corner[1][0], 90, radius_m)  # the circle ends in a corner
    return lattice, values, lon, lat, radius_m


@pytest.mark.parametrize("name", GRIDS)
def test_residents_and_ground_of_circles(name):
    lattice, values, lon, lat, radius_m = nasty(name)
    found = circles_in(GridCells(values, lattice.transform, lattice.system), lon, lat, radius_m=radius_m)
    disc, corners = circle(radius_m), lattice.corners(*values.shape)
    known, people = ~np.isnan(values.ravel()), np.nan_to_num(values.ravel()).clip(0)
    for n, (x, y) in enumerate(zip(lon, lat, strict=True)):
        cells = cells_about(corners, x, y)
        held = overlaps(cells, disc)
        told = (people * held / shapely.area(cells)).sum(), held[known].sum()
        assert [found[0][n], found[1][n]] == pytest.approx(told, rel=5e-6, abs=1e-5 * people.max()), n


def depth_shares(cell, discs):
    """Shares of a cell under exactly 0, 1, 2 and at least 3 circles, by cutting it up."""
    parts = [(cell, 0)]
    for disc in discs:
        cut = [(part.intersection(disc), depth + 1) for part, depth in parts]
        parts = [(p, d) for p, d in cut + [(part.difference(disc), depth) for part, depth in parts] if p.area > 0]
    return np.bincount([min(d, 3) for _, d in parts], [p.area for p, _ in parts], 4) / cell.area


@pytest.mark.parametrize("name", GRIDS)
def test_depth_of_cover_cell_by_cell(name):
    lattice, values, lon, lat, radius_m = nasty(name, seed=1, side=9)
    cover = Block(values, lattice).cover(centres_on(lon, lat, lattice), radius_m=radius_m)
    at_least = (cover.base.ravel()[:, None] > np.arange(3)).astype(float)
    at_least[cover.cells] = cover.shares
    corners = lattice.corners(*values.shape)
    for cell in np.flatnonzero(values.ravel() > 0)[::3]:
        row, column = divmod(int(cell), values.shape[1])
        middle = [float(v[row : row + 2, column : column + 2].mean()) for v in corners]
        own = cells_about([np.asarray(v)[row : row + 2, column : column + 2] for v in corners], *middle)[0]
        shares = depth_shares(own, [circle(radius_m, *at) for at in zip(*about(lon, lat, *middle), strict=True)])
        # a polygon's edge strays from its circle by R·(π/4096)²/2; the frame by 2 cm at 20 km
        off = 4 * (radius_m * 3e-7 + radius_m**3 * 1e-14) / np.sqrt(own.area)
        assert at_least[cell] == pytest.approx(1 - np.cumsum(shares)[:3], abs=off + 1e-9)


@pytest.mark.parametrize("name", ["south up", "turned"])
def test_gaps_hold_all_whom_nobody_covers(name):
    """Patches, their people and ground, and whom a new site gains, all worked out cell by cell."""
    lattice, values, lon, lat, radius_m = nasty(name, seed=3, side=30)
    radius_m /= 2
    values = np.abs(values) / np.nanmax(values) * 50
    register = gpd.GeoDataFrame(
        {"id": [f"P{n}" for n in range(len(lon))], "name": "", "service": "pharmacy"},
        geometry=shapely.points(lon, lat), crs=CRS,
    )  # fmt: skip
    nowhere = gpd.GeoDataFrame({"id": [], "name": [], "level": []}, geometry=[], crs=CRS)
    grid = Numbers(GridCells(np.where(values > 0, values, 0.0), lattice.transform, lattice.system))
    gaps = find_gaps(grid, register, nowhere, radius_m=radius_m, service="pharmacy", min_residents=0.0)
    # one frame for all: at 3 km it strays by less than a millimetre
    middle = [float(v[0]) for v in lattice.degrees(np.array([15.0]), np.array([15.0]))]
    cells = cells_about(lattice.corners(*values.shape), *middle)
    old = shapely.union_all([circle(radius_m, *at) for at in zip(*about(lon, lat, *middle), strict=True)])
    area, people = shapely.area(cells), np.nan_to_num(values.ravel())
    share = (1 - overlaps(cells, old) / area) * (people > 0)
    patch, count = ndimage.label((share > 1e-6).reshape(values.shape), np.ones((3, 3)))
    told = ndimage.sum((people * share).reshape(values.shape), patch, np.arange(1, count + 1))
    ground = ndimage.sum((area * share).reshape(values.shape), patch, np.arange(1, count + 1))
    assert gaps["residents"].tolist() == pytest.approx(sorted(told, reverse=True), rel=1e-5)
    assert sorted(gaps["area_km2"]) == pytest.approx(sorted(ground / 1e6), rel=1e-5)
    best = gaps.iloc[0]
    new = circle(radius_m, *about(best["candidate_lon"], best["candidate_lat"], *middle))
    gained = people / area * overlaps(cells, new.difference(old))
    assert best["candidate_new_residents"] == pytest.approx(gained.sum(), rel=1e-5)

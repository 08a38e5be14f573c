"""Residents of the simulated city on a 100 m grid 人口格网: built-up seats, town cores, villages, empty desert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_origin
from scipy.ndimage import distance_transform_edt

from sample_city.ground import PLANE, TO_DEGREES

if TYPE_CHECKING:
    from pathlib import Path

    from affine import Affine
    from numpy.typing import NDArray

    from sample_city.ground import Ground

    Floats = NDArray[np.float64]
    Labels = NDArray[np.int64]

CELL_M = 100.0
COARSE = 5  # fine cells in a coarse one, over which villages are drawn
BELT_M = 2_000.0
NODATA = -9999.0
OUTSIDE, FAR = -1, -2  # labels of the belt of neighbours and of the ground beyond it
CORE_SHARE = {"street": 1.0, "town": 0.5, "rural": 0.16}
CORE_DENSITY = {"town": 4200.0, "rural": 2200.0}
HAMLET_RESIDENTS = 300.0
BELT_RESIDENTS_PER_KM2 = 9.0
RIVER_HALF_M = 220.0
BLOCKS = np.array([0.0, 0.18, 0.7, 1.0, 1.3, 2.6])  # park, shops, low, middle, dense, towers
BLOCK_ODDS = np.array([0.09, 0.14, 0.22, 0.27, 0.18, 0.10])


@dataclass(frozen=True)
class Grid:
    """Residents (rows, columns), the township of each cell, and the affine transform in EPSG:4544."""

    residents: Floats
    label: Labels
    transform: Affine

    def centres(self, rows: Labels, columns: Labels) -> Floats:
        """Plane coordinates (n, 2) of cell centres."""
        x = self.transform.c + (columns + 0.5) * CELL_M
        y = self.transform.f - (rows + 0.5) * CELL_M
        return np.column_stack([x, y])

    def cell(self, xy: Floats) -> tuple[Labels, Labels]:
        """Row and column of plane points (n, 2)."""
        rows = np.floor((self.transform.f - xy[:, 1]) / CELL_M).astype(int)
        return rows, np.floor((xy[:, 0] - self.transform.c) / CELL_M).astype(int)


def settle(ground: Ground, rng: np.random.Generator) -> Grid:
    """Draw the grid; each township holds its official residents to 0.01 by cell centre."""
    grid = _empty_grid(ground)
    river = _near(ground.river, grid, half_m=RIVER_HALF_M)
    people = grid.residents
    for k in range(len(ground.seats)):
        _draw_seat(people, grid, ground, k, rng)
    for k in np.flatnonzero(ground.townships["kind"] != "street"):
        _draw_core(people, grid, ground, int(k), rng)
    _draw_villages(people, grid, ground, rng)
    people[river | (grid.label == FAR)] = 0.0
    _fit(people, grid, ground)
    return grid


def write_population(grid: Grid, path: Path, *, mark: str) -> None:
    """The grid as a tiled GeoTIFF, float32, nodata beyond the belt around the city."""
    values = np.where(grid.label == FAR, NODATA, grid.residents).astype("float32")
    rows, columns = values.shape
    shape = {"width": columns, "height": rows, "count": 1, "dtype": "float32", "nodata": NODATA}
    layout = {"compress": "deflate", "predictor": 3, "tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(path, "w", driver="GTiff", crs=PLANE, transform=grid.transform, **shape, **layout) as out:
        out.write(values, 1)
        out.update_tags(TIFFTAG_IMAGEDESCRIPTION=mark)


def _empty_grid(ground: Ground) -> Grid:
    plane = ground.townships.to_crs(PLANE).geometry
    city = shapely.union_all(plane)
    step = CELL_M * COARSE
    west, south, east, north = shapely.bounds(city.buffer(BELT_M + step))
    left, top = np.floor(west / step) * step, np.ceil(north / step) * step
    rows, columns = int(np.ceil((top - south) / step)) * COARSE, int(np.ceil((east - left) / step)) * COARSE
    transform = from_origin(left, top, CELL_M, CELL_M)
    shapes = [(city.buffer(BELT_M), OUTSIDE), *((s, k) for k, s in enumerate(plane))]
    label = rasterize(shapes, (rows, columns), fill=FAR, transform=transform, dtype="int32").astype(np.int64)
    return Grid(np.zeros((rows, columns)), label, transform)


def _near(line: Any, grid: Grid, *, half_m: float) -> NDArray[np.bool_]:  # noqa: ANN401 -- any geometry
    mask = rasterize([(line.buffer(half_m), 1)], grid.label.shape, transform=grid.transform, dtype="uint8")
    return mask.astype(bool)


def _window(grid: Grid, centre: Floats, reach_m: float) -> tuple[slice, slice, Floats, Floats]:
    """Slices of the grid about a point and the cell centres' metres east and north of it."""
    row, column = (int(v[0]) for v in grid.cell(centre[None, :]))
    n = int(reach_m / CELL_M)
    rows = slice(max(row - n, 0), min(row + n + 1, grid.label.shape[0]))
    columns = slice(max(column - n, 0), min(column + n + 1, grid.label.shape[1]))
    j, i = np.meshgrid(np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop))
    xy = grid.centres(i.ravel(), j.ravel()) - centre
    return rows, columns, xy[:, 0].reshape(i.shape), xy[:, 1].reshape(i.shape)


def _streets_and_blocks(east: Floats, north: Floats, turn_deg: float, rng: np.random.Generator) -> Floats:
    """Housing in each cell relative to the mean: blocks of about 300 by 240 m between turned streets."""
    turn = np.deg2rad(turn_deg)
    u = east * np.cos(turn) + north * np.sin(turn) + 40_000
    v = -east * np.sin(turn) + north * np.cos(turn) + 40_000
    use = rng.choice(BLOCKS, p=BLOCK_ODDS, size=(400, 400))
    block = use[(u // 310).astype(int) % 400, (v // 245).astype(int) % 400]
    return block * rng.lognormal(-0.04, 0.3, east.shape)


def _draw_seat(people: Floats, grid: Grid, ground: Ground, k: int, rng: np.random.Generator) -> None:
    """A county seat: its subdistricts filled by blocks that thin out towards fields."""
    turn = (8.0, -14.0, 21.0)[k]
    rows, columns, east, north = _window(grid, ground.seats[k], 12_000)
    label = grid.label[rows, columns]
    code = ground.districts["code"].iloc[k]
    streets = np.flatnonzero((ground.townships["kind"] == "street") & (ground.townships["parent"] == code))
    blocks = _streets_and_blocks(east, north, turn, rng)
    away = np.hypot(east, north)
    built = rng.random(away.shape) < 1 / (1 + np.exp((away - 3_600) / 350))
    for street in streets:
        own = label == street
        x, y = ground.centres[street] - ground.seats[k]
        near = np.exp(-(((east - x) ** 2 + (north - y) ** 2) / 2_600**2))
        amount = np.where(own & built, blocks * (0.15 + near), 0.0)
        people[rows, columns] += amount * ground.townships["residents"].iloc[street] / amount.sum()


def _draw_core(people: Floats, grid: Grid, ground: Ground, k: int, rng: np.random.Generator) -> None:
    """The built-up middle of a town."""
    town = ground.townships.iloc[k]
    share, density = CORE_SHARE[town["kind"]], CORE_DENSITY[town["kind"]]
    radius = 1_000 * np.sqrt(town["residents"] * share / density / np.pi)
    rows, columns, east, north = _window(grid, ground.centres[k], 4 * radius + 300)
    stretch, turn = rng.uniform(1.2, 2.0), rng.uniform(0, np.pi)
    u = (east * np.cos(turn) + north * np.sin(turn)) / stretch
    v = (-east * np.sin(turn) + north * np.cos(turn)) * stretch
    amount = _streets_and_blocks(east, north, float(np.rad2deg(turn)), rng) * np.exp(-(u**2 + v**2) / radius**2)
    amount[(grid.label[rows, columns] != k) | (amount < 0.06)] = 0.0
    people[rows, columns] += amount * town["residents"] * share / amount.sum()


def _draw_villages(people: Floats, grid: Grid, ground: Ground, rng: np.random.Generator) -> None:
    """Villages of each township and of the belt, where road, river plain or stream makes living likely."""
    likely = _likelihood(grid, ground)
    label = grid.label[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE]
    towns = ground.townships
    rest = towns["residents"] * (1 - towns["kind"].map(CORE_SHARE))
    for k in [*np.flatnonzero(rest > 0), OUTSIDE]:
        room = np.flatnonzero((label == k).ravel() & (likely.ravel() > 0))
        total = float(rest.iloc[k]) if k >= 0 else len(room) * 0.25 * BELT_RESIDENTS_PER_KM2
        number = min(max(int(total / HAMLET_RESIDENTS), 5), len(room))
        odds = likely.ravel()[room]
        if number > np.count_nonzero(odds):
            number = int(np.count_nonzero(odds))
        chosen = rng.choice(room, size=number, replace=False, p=odds / odds.sum())
        sizes = rng.lognormal(0.0, 0.7, number)
        _draw_hamlets(people, grid, chosen, label.shape[1], sizes * total / sizes.sum(), rng, k)


def _likelihood(grid: Grid, ground: Ground) -> Floats:
    """How readily a village stands in each coarse cell: close to a road, stream or the river's plain."""
    transform = grid.transform * grid.transform.scale(COARSE)
    shape = (grid.label.shape[0] // COARSE, grid.label.shape[1] // COARSE)

    def away_km(line: Any) -> Floats:  # noqa: ANN401 -- any geometry
        drawn = rasterize([(line, 1)], shape, transform=transform, all_touched=True, dtype="uint8")
        return np.asarray(distance_transform_edt(drawn == 0)) * COARSE * CELL_M / 1_000

    river, stream, road = (away_km(line) for line in (ground.river, ground.stream, ground.roads))
    row = np.arange(shape[0])[:, None]
    x = transform.c + (np.arange(shape[1])[None, :] + 0.5) * transform.a
    y = transform.f + (row + 0.5) * transform.e
    valleys = np.sin(x / 2_300 + np.sin(y / 3_100)) * np.sin(y / 2_700 + np.sin(x / 4_100))
    hills = np.where((y < HILLS_NORTH_M) & (valleys > 0.35), 0.35, 0.004)
    likely = hills + 1.3 * np.exp(-((river / 3.2) ** 2)) + 0.9 * np.exp(-((stream / 2.2) ** 2)) + np.exp(-road / 0.6)
    desert = (y > DESERT_SOUTH_M) & (x < DESERT_EAST_M) & (river > 6.5)
    return np.where(desert, np.where(road < 0.8, 0.02, 0.0), likely)


HILLS_NORTH_M, DESERT_SOUTH_M, DESERT_EAST_M = 4_090_000.0, 4_145_000.0, 538_000.0


def _draw_hamlets(
    people: Floats, grid: Grid, chosen: Labels, width: int, sizes: Floats, rng: np.random.Generator, own: int
) -> None:
    """Add villages in the chosen coarse cells: long patches of farmsteads, clipped to the township."""
    n = len(chosen)
    row = (chosen // width) * COARSE + rng.integers(0, COARSE, n)
    column = (chosen % width) * COARSE + rng.integers(0, COARSE, n)
    step = np.arange(-6, 7)
    dx, dy = (a.ravel() * CELL_M for a in np.meshgrid(step, step))
    turn = rng.uniform(0, np.pi, n)[:, None]
    scale = np.sqrt(sizes / HAMLET_RESIDENTS)[:, None].clip(0.5, 1.6)
    u = (dx * np.cos(turn) + dy * np.sin(turn)) / (rng.uniform(170, 330, n)[:, None] * scale)
    v = (-dx * np.sin(turn) + dy * np.cos(turn)) / (rng.uniform(80, 140, n)[:, None] * scale)
    amount = np.exp(-(u**2 + v**2)) * rng.lognormal(0.0, 0.45, u.shape)
    amount[amount < 0.3] = 0.0
    i = (row[:, None] + (dy / CELL_M).astype(int)).clip(0, grid.label.shape[0] - 1)
    j = (column[:, None] + (dx / CELL_M).astype(int)).clip(0, grid.label.shape[1] - 1)
    amount[grid.label[i, j] != own] = 0.0
    whole = amount.sum(axis=1, keepdims=True)
    amount = np.divide(amount * sizes[:, None], whole, out=np.zeros_like(amount), where=whole > 0)
    np.add.at(people, (i.ravel(), j.ravel()), amount.ravel())


def _fit(people: Floats, grid: Grid, ground: Ground) -> None:
    """Scale each township to its official residents; which township a cell is in is decided in degrees."""
    rows, columns = np.nonzero(people)
    lon, lat = TO_DEGREES.transform(*grid.centres(rows, columns).T)
    cell, home = shapely.STRtree(ground.townships.geometry.to_numpy()).query(shapely.points(lon, lat), "intersects")
    exact = np.full(len(rows), OUTSIDE)
    exact[cell[::-1]] = home[::-1]
    grid.label[rows, columns] = exact
    values = people[rows, columns]
    for k, official in enumerate(ground.townships["residents"]):
        own = np.flatnonzero(exact == k)
        fitted = np.round(values[own] * official / values[own].sum(), 2)
        fitted[np.argmax(fitted)] += official - fitted.sum()
        values[own] = fitted
    people[rows, columns] = np.round(values, 2)

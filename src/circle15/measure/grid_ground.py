"""Circles, cells and places of a regular grid, asked part by part 格网取数: the grid may lie in memory or on disk.

Only the windows that a question touches are read; what covers the ground (places) goes over it block by block.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.cells import frame_xy
from circle15.measure.grid import Block, block_of, centres_on, circles_on
from circle15.measure.grid_places import lay_levels, missing_m2, outlines_on, people_in
from circle15.measure.stamp_kernels import stamp
from circle15.project.lattice import Lattice
from circle15.project.metric import areas_m2
from circle15.quantities import LEAST_M_PER_DEGREE, M2_PER_KM2
from circle15.schema import GridCells

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.measure.grid_places import Outlines
    from circle15.quantities import Floats, Ints

FEW = 32
"""Up to this many circles are measured each in a window of its own (close ones in one), more of them by squares."""
_CLOSE = 32  # columns or rows
SIDE = 2048
_BOX = 1024
_ABREAST = 4
_SPARE = 1.05
_SLANTED = 1.5  # cells of a slanted grid may be nearer across than along
_ROOM = 3
_POLE = 89.99
_BENT, _STRAIGHT = 1e-3, 1e-9  # share of a cell: nearer to its border the outline of the cell decides
_SLIVER = 1e-6
_FAR = 2.0**30  # rows or columns; what lies farther off, or nowhere, is near no cell


def lattice_of(grid: GridCells) -> Lattice:
    """Where the cells stand."""
    return Lattice(grid.transform, grid.system)


def blocks_of(grid: GridCells) -> Iterator[Block]:
    """The grid as blocks, row by row; one that lies in memory is one block."""
    lattice = lattice_of(grid)
    if isinstance(grid.values, np.ndarray):
        yield Block(grid.values, lattice)
        return
    rows, columns = grid.values.shape
    for row in range(0, rows, SIDE):
        for column in range(0, columns, SIDE):
            yield Block(grid.values[row : row + SIDE, column : column + SIDE], lattice, row, column)


# ── circles ───────────────────────────────────────────────────


def circles_in(grid: GridCells, lon: Floats, lat: Floats, *, radius_m: float) -> tuple[Floats, Floats]:
    """Residents and m² of ground (n,) within `radius_m` of points in degrees, as `grid.circles_on` has them.

    Bound included; 0 at NaN and beyond the grid.
    """
    residents, ground_m2 = np.zeros(len(lon)), np.zeros(len(lon))
    column, row = lattice_of(grid).grid_xy(lon, lat)
    for which in _together(column, row):
        x, y = column[which], row[which]
        corner, window = window_of(grid, (y.min(), y.max()), (x.min(), x.max()), radius_m)
        if window is None:
            continue
        if len(which) == 1:
            at = (lon[which], lat[which], x - corner[1], y - corner[0])
            whole = np.array(grid.values.shape) - corner - np.array(window.values.shape)
            cut = min(*corner, *whole) == 0
            residents[which], ground_m2[which] = _one_circle(window, at, radius_m, cut=bool(cut))
        else:
            residents[which], ground_m2[which] = circles_on(window, lon[which], lat[which], radius_m=radius_m)
    return residents, ground_m2


def _together(column: Floats, row: Floats) -> list[Ints]:
    """Points (positions) that are measured together: a few each by itself or all at once, many by squares."""
    placed = np.flatnonzero(np.isfinite(column) & np.isfinite(row))
    spread = max(np.ptp(v[placed]) for v in (column, row)) if len(placed) else 0.0
    if 1 < len(placed) <= FEW and spread <= _CLOSE:
        return [placed]
    if len(placed) <= FEW:
        return [placed[k : k + 1] for k in range(len(placed))]
    square = _square(np.floor(row[placed]).astype(np.int64), np.floor(column[placed]).astype(np.int64))
    order = np.argsort(square, kind="stable")
    return np.split(placed[order], np.flatnonzero(np.diff(square[order])) + 1)


def squares_of(grid: GridCells, lon: Floats, lat: Floats) -> Ints:
    """Number (n,) of the square of cells in which circles about points in degrees are measured together; -1 at NaN."""
    column, row = lattice_of(grid).grid_xy(lon, lat)
    placed = np.isfinite(column) & np.isfinite(row)
    out = np.full(len(lon), -1, dtype=np.int64)
    out[placed] = _square(np.floor(row[placed]).astype(np.int64), np.floor(column[placed]).astype(np.int64))
    return out


def _square(row: Ints, column: Ints) -> Ints:
    """Number of the square of cells; squares that lie together come one after the other, so that tiles stay at hand."""
    r, c = row // _BOX, column // _BOX
    district = (r // _ABREAST) * (1 << 20) + c // _ABREAST
    return np.asarray((district * _ABREAST + r % _ABREAST) * _ABREAST + c % _ABREAST)


def _one_circle(
    window: GridCells, at: tuple[Floats, Floats, Floats, Floats], radius_m: float, *, cut: bool
) -> tuple[float, float]:
    """Residents and m² of ground of one circle (longitude, latitude, column and row of its middle) in its window.

    `cut` tells that the grid's own edge may cut the circle.
    """
    block = block_of(window)
    base = np.zeros(block.values.shape, dtype=np.uint8)
    known = not (cut or block.unknown)
    sums, _ = stamp(
        block.values,
        block.corners,
        at,
        radius_m=radius_m,
        depths=0,
        straight=block.lattice.straight,
        ground=not known,
        base=base,
    )
    return float(sums[0, 0]), np.pi * radius_m**2 if known else float(sums[0, 1])


def window_of(
    grid: GridCells, rows: tuple[float, float], columns: tuple[float, float], radius_m: float
) -> tuple[tuple[int, int], GridCells | None]:
    """The part of a grid that circles about points between these rows and columns may reach (None: nothing of it).

    With it the row and column of its corner.
    """
    lattice = lattice_of(grid)
    high, wide = grid.values.shape
    x, y = reach_between(lattice, rows, columns, radius_m)
    if not (np.isfinite(x) and np.isfinite(y)):
        return (0, 0), GridCells(grid.values[:, :], grid.transform, grid.system)
    left, right = max(int(np.floor(columns[0] - x)), 0), min(int(np.ceil(columns[1] + x)), wide)
    top, low = max(int(np.floor(rows[0] - y)), 0), min(int(np.ceil(rows[1] + y)), high)
    if left >= right or top >= low:
        return (top, left), None
    values = grid.values[top:low, left:right]
    return (top, left), GridCells(values, lattice.moved(top, left).transform, grid.system)


def reach_between(
    lattice: Lattice, rows: tuple[float, float], columns: tuple[float, float], radius_m: float
) -> tuple[float, float]:
    """How many columns and rows circles between these rows and columns may reach."""
    if lattice.straight:
        a, _, _, _, e, f = lattice.transform
        narrow = math.cos(math.radians(min(max(abs(f + e * row) for row in rows), _POLE)))
        across_m, down_m = abs(a) * LEAST_M_PER_DEGREE * narrow, abs(e) * LEAST_M_PER_DEGREE
        return radius_m * _SPARE / across_m + _ROOM, radius_m * _SPARE / down_m + _ROOM
    r, c = (v.ravel() for v in np.meshgrid(np.array(rows), np.array(columns)))
    lon, lat = lattice.degrees(np.concatenate([c, c + 1.0, c]), np.concatenate([r, r, r + 1.0]))
    here, across, down = ((lon[k : k + 4], lat[k : k + 4]) for k in (0, 4, 8))
    wide, high = (np.hypot(*frame_xy(*there, *here)).min() for there in (across, down))
    return _SLANTED * (radius_m * _SPARE / wide + _ROOM), _SLANTED * (radius_m * _SPARE / high + _ROOM)


# ── cells ─────────────────────────────────────────────────────


def cell_densities(grid: GridCells, lon: Floats, lat: Floats) -> Floats:
    """Residents per km² (n,) of the cell that holds each point, the first in order of rows where several do.

    0 where the cell has nobody; NaN without data, beyond the grid and at NaN.
    """
    lattice = lattice_of(grid)
    out = np.full(len(lon), np.nan)
    column, row = lattice.grid_xy(lon, lat)
    rows, columns = grid.values.shape
    edge = _edge(lattice)
    inside = np.flatnonzero((column > -edge) & (column < columns + edge) & (row > -edge) & (row < rows + edge))
    for which, cell in _holding(grid, (lon, lat), (column, row), inside):
        people = _values_at(grid, *cell)
        held = people >= 0
        out[which[held]] = people[held] / cell_areas_m2(lattice, *(v[held] for v in cell)) * M2_PER_KM2
    return out


def _holding(
    grid: GridCells, points: tuple[Floats, Floats], at: tuple[Floats, Floats], inside: Ints
) -> Iterator[tuple[Ints, tuple[Ints, Ints]]]:
    """Points (positions) with row and column of their cell.

    Beside a border it is the first populated one that holds the point, else the first with data.
    """
    lattice = lattice_of(grid)
    edge = _edge(lattice)
    column, row = at
    near = np.abs(column - np.rint(column)) < edge
    near |= np.abs(row - np.rint(row)) < edge
    clear = inside[~near[inside]]
    yield clear, (np.floor(row[clear]).astype(np.int64), np.floor(column[clear]).astype(np.int64))
    rows, columns = grid.values.shape
    for n in inside[near[inside]]:
        r, c = (np.unique(np.floor(v[n] + np.array([-edge, edge])).astype(np.int64)) for v in (row, column))
        r, c = r[(r >= 0) & (r < rows)], c[(c >= 0) & (c < columns)]
        beside = tuple(v.ravel() for v in np.meshgrid(r, c, indexing="ij"))
        people = _values_at(grid, *beside)
        order = np.concatenate([np.flatnonzero(people > 0), np.flatnonzero(people == 0)])
        candidates = tuple(v[order] for v in beside)
        point = shapely.Point(points[0][n], points[1][n])
        holds = np.flatnonzero(shapely.intersects(lattice.quads(*candidates), point))[:1]
        yield np.repeat(n, len(holds)), (candidates[0][holds], candidates[1][holds])


def cells_about(grid: GridCells, lon: Floats, lat: Floats, reach_m: Floats) -> NDArray[np.object_]:
    """Populated cells, as polygons in order of rows, of which any part lies within `reach_m` (n,) of points in degrees.

    Some that lie a few cells farther off are among them; nothing is near points at NaN.
    """
    lattice = lattice_of(grid)
    rows, columns = grid.values.shape
    column, row = lattice.grid_xy(lon, lat)
    placed = (reach_m > 0) & (np.abs(row) < _FAR) & (np.abs(column) < _FAR)
    wide_m = np.exp2(np.ceil(np.log2(np.maximum(reach_m, 1.0))))  # points of like reach are looked at together
    found = [np.empty(0, dtype=np.int64)]
    for radius_m in np.unique(wide_m[placed]):
        some = np.flatnonzero(placed & (wide_m == radius_m))
        r, c = (np.floor(v[some]).astype(np.int64) for v in (row, column))
        inside = [(float(v.min()), float(v.max())) for v in (np.clip(r, 0, rows), np.clip(c, 0, columns))]
        x, y = (int(np.ceil(v)) for v in reach_between(lattice, inside[0], inside[1], float(radius_m)))
        down, right = (v.ravel() for v in np.mgrid[-y : y + 1, -x : x + 1])
        r, c = (r[:, None] + down).ravel(), (c[:, None] + right).ravel()
        on = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
        found.append(np.unique(r[on] * columns + c[on]))
    at = np.divmod(np.unique(np.concatenate(found)), columns)
    held = _values_at(grid, *at) > 0
    return lattice.quads(at[0][held], at[1][held])


def _edge(lattice: Lattice) -> float:
    return _STRAIGHT if lattice.straight else _BENT


def _values_at(grid: GridCells, row: Ints, column: Ints) -> Floats:
    """Residents of cells (k,)."""
    values = grid.values
    if isinstance(values, np.ndarray):
        return np.asarray(values[row, column], dtype=np.float64)
    out = np.empty(len(row))
    square = _square(row, column)
    for one in np.unique(square):
        some = np.flatnonzero(square == one)
        top, left = int(row[some].min()), int(column[some].min())
        part = values[top : int(row[some].max()) + 1, left : int(column[some].max()) + 1]
        out[some] = part[row[some] - top, column[some] - left]
    return out


def cell_areas_m2(lattice: Lattice, row: Ints, column: Ints) -> Floats:
    """Square metres of cells (k,), right to 1e-9 of themselves."""
    down, right = np.array([[1], [1], [0], [0]]), np.array([[0], [1], [1], [0]])
    lon, lat = lattice.degrees((column + right).astype(np.float64), (row + down).astype(np.float64))
    x, y = frame_xy(lon, lat, lon.sum(axis=0) / 4, lat.sum(axis=0) / 4)
    twice = (x[[3, 0, 1, 2]] * y - x * y[[3, 0, 1, 2]]).sum(axis=0)
    return np.asarray(np.abs(twice) / 2, dtype=np.float64)


# ── places ────────────────────────────────────────────────────


def ground_of(grid: GridCells, places: gpd.GeoDataFrame) -> tuple[Floats, Floats]:
    """Residents (places,) of each place, and its square metres that the grid has data for.

    Cells astride a border count by the exact share of their area.
    """
    outlines = outlines_on(places, lattice_of(grid))
    nobody = centres_on(np.empty(0), np.empty(0), lattice_of(grid))
    residents, missing = np.zeros(len(places)), np.zeros(len(places))
    for block in blocks_of(grid):
        levels = lay_levels(block, outlines)
        cover = block.cover(nobody, radius_m=1.0, ground=False)
        people = people_in(block, outlines, [cover], [nobody], radius_m=1.0, levels=levels)
        residents += people[:, 0].sum(axis=1)
        missing += missing_m2(block, outlines, levels=levels)
    area = areas_m2(outlines.geometry)
    return residents, known_ground(area, missing + beyond_m2(lattice_of(grid), grid.values.shape, outlines))


def known_ground(area_m2: Floats, missing: Floats) -> Floats:
    """What is left of areas without the ground that has no data; rounding leaves no sliver."""
    return without_slivers(area_m2 - missing, area_m2)


def without_slivers(land: Floats, whole: Floats | float) -> Floats:
    """Ground as far as it is part of the whole, both in one unit; 0 where it is too little to be told from rounding."""
    return np.where(land < _SLIVER * whole, 0.0, np.minimum(land, whole))


def beyond_m2(lattice: Lattice, shape: tuple[int, ...], outlines: Outlines) -> Floats:
    """Ground (places,) that lies beyond a grid of so many rows and columns."""
    rows, columns = shape
    left, top, right, low = outlines.bounds.T
    out = np.zeros(len(outlines))
    beyond = np.flatnonzero((left < 0) | (top < 0) | (right > columns) | (low > rows))
    if len(beyond):
        x, y = np.linspace(0, columns, 257), np.linspace(0, rows, 257)
        column = np.concatenate([x, np.full(257, columns), x[::-1], np.zeros(257)])
        row = np.concatenate([np.zeros(257), y, np.full(257, rows), y[::-1]])
        edge = shapely.Polygon(np.column_stack(lattice.degrees(column, row)))
        out[beyond] = areas_m2(shapely.difference(outlines.geometry[beyond], edge))
    return out

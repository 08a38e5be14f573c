"""Circles stamped on a regular grid 服务圈落格: arrays in, arrays out, compiled.

Cells are the quadrilaterals between the corners `lon`, `lat` (rows + 1, columns + 1), degrees; `quad_kernels` measures
one. Cells surely inside or outside a circle are told by a flat picture of the grid about its centre; only those in
between, at the rim, are measured, many at a time (`rim_kernels`).

`values` (rows, columns) holds residents; NaN is ground without data.
"""

from __future__ import annotations

import math

import numpy as np

from circle15.measure.compiled import inner, is_ready, kernel
from circle15.measure.kernels import _longer
from circle15.measure.quad_kernels import _DEG, _frame, _middle, _parallel, _quad, _series, _turned
from circle15.measure.rim_kernels import (
    AREA,
    CORNERS,
    EAST,
    HIGH_X,
    HIGH_Y,
    LOW_X,
    LOW_Y,
    NORTH,
    PEOPLE,
    SHARE,
    SLOTS,
    SMALL,
    TOGETHER,
    TURN,
    WIDE,
    measure_rim,
)
from circle15.quantities import EARTH_A_M, Floats

Pairs = tuple[np.ndarray, np.ndarray, Floats]


@inner
def _span(b: float, c: float, middle: float) -> tuple[int, int]:
    """Whole columns between the roots of t² + 2·b·t + c about a column; (0, −1) where there are none."""
    root = b * b - c
    if root < 0.0:
        return 0, -1
    root = math.sqrt(root)
    return math.ceil(middle - b - root), math.floor(middle - b + root)


@inner
def _picture(
    series: tuple[float, float, float, float, float, float, float, float, float],
    lattice: tuple[Floats, Floats],
    at: tuple[float, float],
    cell: tuple[int, int],
) -> tuple[float, float, float, float]:
    """The grid about a point as a flat picture: metres east and north of one column's step and of one row's."""
    lon, lat = lattice
    r, c = cell
    ox, oy = _frame(series, at[1], (lon[r, c], lat[r, c]), at)
    cx, cy = _frame(series, at[1], (lon[r, c + 1], lat[r, c + 1]), at)
    dx, dy = _frame(series, at[1], (lon[r + 1, c], lat[r + 1, c]), at)
    return cx - ox, cy - oy, dx - ox, dy - oy


@inner
def _alike(lattice: tuple[Floats, Floats], rows: int, columns: int) -> Floats:
    """What all cells of a row of a straight grid have in common (rows, 5): LOW_X to HIGH_Y, and area."""
    lon, lat = lattice
    found = np.empty((rows, 5))
    # over the whole row, for degrees are rounded
    east = 0.5 * _DEG * abs(lon[0, columns] - lon[0, 0]) / columns
    for r in range(rows):
        about = 0.5 * (lat[r, 0] + lat[r + 1, 0])
        series = _series(about)
        low, high = min(lat[r, 0], lat[r + 1, 0]), max(lat[r, 0], lat[r + 1, 0])
        low_x, low_y = _turned(_parallel(series, about, low, about), east)
        high_x, high_y = _turned(_parallel(series, about, high, about), east)
        found[r, 0], found[r, 1], found[r, 2], found[r, 3] = low_x, low_y, high_x, high_y
        found[r, 4] = (low_x + high_x) * (high_y - low_y)
    return found


@inner
def _gather_alike(
    values: Floats,
    row: tuple[Floats, Floats, tuple[float, float, float], float],
    run: tuple[int, int],
    first: int,
    ground: bool,
    rim: Floats,
    cells: np.ndarray,
    count: int,
) -> int:
    """Add a run of columns of a straight grid's row to the cells at the rim.

    `row` holds the middles of columns in radians, a row of `_alike`, what `_parallel` tells, and the circle's longitude
    in radians.
    """
    middle, like, parallel, at_lon = row
    low, low_y, high, high_y = like[0], like[1], like[2], like[3]
    for c in range(run[0], run[1]):
        v = values[c]
        rim[LOW_X * TOGETHER + count], rim[LOW_Y * TOGETHER + count] = low, low_y
        rim[HIGH_X * TOGETHER + count], rim[HIGH_Y * TOGETHER + count] = high, high_y
        rim[WIDE * TOGETHER + count], rim[NORTH * TOGETHER + count] = parallel[0], parallel[1]
        rim[TURN * TOGETHER + count], rim[EAST * TOGETHER + count] = parallel[2], at_lon - middle[c]
        rim[PEOPLE * TOGETHER + count], cells[count] = max(0.0, v), first + c
        # no branch: whether a cell has residents is hard to foretell
        count += (v > 0.0) | (ground & (not math.isnan(v)))
    return count


@inner
def _gather(
    values: Floats,
    lattice: tuple[Floats, Floats],
    series: tuple[float, float, float, float, float, float, float, float, float],
    at: tuple[float, float],
    r: int,
    run: tuple[int, int],
    first: int,
    ground: bool,
    rim: Floats,
    cells: np.ndarray,
    count: int,
) -> int:
    """Add a run of columns of a row of any grid to the cells at the rim."""
    quad = np.empty((4, 2))
    for c in range(run[0], run[1]):
        v = values[c]
        if v > 0.0 or (ground and not math.isnan(v)):
            rim[AREA * TOGETHER + count] = _quad(series, at[1], lattice, (r, c), quad)[0]
            rim[PEOPLE * TOGETHER + count] = max(0.0, v)
            middle = _frame(series, at[1], at, _middle(lattice[0], lattice[1], r, c))
            for k in range(8):
                rim[(CORNERS + k) * TOGETHER + count] = quad[k // 2, k % 2] - middle[k % 2]
            cells[count] = first + c
            count += 1
    return count


@inner
def _settle(
    rim: Floats, cells: np.ndarray, count: int, n: int, depths: int, base: np.ndarray, pairs: Pairs, filled: int
) -> tuple[float, float, Pairs, int]:
    """Count what circle `n` holds of the cells at its rim: residents, m², and the pairs with those told before."""
    total = land = 0.0
    pair_cell, pair_disc, pair_share = pairs
    for i in range(count):
        share = rim[SHARE * TOGETHER + i]
        total += share * rim[PEOPLE * TOGETHER + i]
        land += share * rim[AREA * TOGETHER + i]
    for i in range(count if depths else 0):
        share, cell = rim[SHARE * TOGETHER + i], cells[i]
        if share <= 0.0 or rim[PEOPLE * TOGETHER + i] <= 0.0 or base[cell] >= depths:
            continue
        if share >= 1.0:
            base[cell] += 1
            continue
        if filled == len(pair_cell):
            pair_cell, pair_disc = _longer(pair_cell, 2 * filled), _longer(pair_disc, 2 * filled)
            pair_share = _longer(pair_share, 2 * filled)
        pair_cell[filled], pair_disc[filled], pair_share[filled] = cell, n, share
        filled += 1
    return total, land, (pair_cell, pair_disc, pair_share), filled


@inner
def _within(values: Floats, under: np.ndarray, depths: int) -> float:
    """Residents of cells that a circle holds whole, one more circle over each."""
    total = 0.0
    for v in values:
        total += max(0.0, v)
    if depths:
        for i in range(len(under)):
            under[i] += np.uint8(under[i] < depths)
    return total


@inner
def _known(values: Floats) -> int:
    """Cells with data."""
    count = 0
    for v in values:
        count += not math.isnan(v)
    return count


@kernel
def _stamp(
    values: Floats,
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats, Floats, Floats],
    radius: float,
    depths: int,
    straight: bool,
    ground: bool,
    base: np.ndarray,
    sums: Floats,
) -> Pairs:
    """See `stamp`."""
    lon, lat = lattice
    rows, columns = values.shape
    at_lon, at_lat, at_column, at_row = discs
    like = _alike(lattice, rows if straight else 0, columns)
    middle = (lon[0, :-1] + lon[0, 1:]) * (0.5 * _DEG)
    flat, quad = base.ravel(), np.empty((4, 2))
    rim, cells, count = np.empty(SLOTS * TOGETHER), np.empty(TOGETHER, np.int32), 0
    pairs, filled = (np.empty(256, np.int32), np.empty(256, np.int32), np.empty(256)), 0
    for n in range(len(at_lon)):
        at = (at_lon[n], at_lat[n])
        series = _series(at[1])
        column, row = at_column[n], at_row[n]
        near = int(min(max(row, 0.0), rows - 1.0)), int(min(max(column, 0.0), columns - 1.0))
        cx, cy, dx, dy = _picture(series, lattice, at, near)
        half = 0.5 * math.sqrt(max((cx + dx) ** 2 + (cy + dy) ** 2, (cx - dx) ** 2 + (cy - dy) ** 2))
        slack = 0.01 * half + 4.0 * radius * (radius + half) / EARTH_A_M
        small = half <= SMALL * radius
        outer, inner = radius + half + slack, radius - half - slack
        a = 1.0 / (cx * cx + cy * cy)
        high = outer / (math.sqrt(a) * abs(cx * dy - cy * dx))
        total = land = 0.0
        top, low = max(math.ceil(row - 0.5 - high), 0), min(math.floor(row - 0.5 + high), rows - 1)
        for r in range(top, low + 1):
            step = r + 0.5 - row
            b, off2 = step * (cx * dx + cy * dy) * a, step * step * (dx * dx + dy * dy)
            lo, hi = _span(b, (off2 - outer * outer) * a, column - 0.5)
            lo, hi = max(lo, 0), min(hi, columns - 1)
            if hi < lo:
                continue
            in_lo, in_hi = 0, -1
            if inner > 0.0:
                in_lo, in_hi = _span(b, (off2 - inner * inner) * a, column - 0.5)
                in_lo, in_hi = max(in_lo, lo), min(in_hi, hi)
            if in_hi < in_lo:
                in_lo, in_hi = lo, lo - 1
            else:
                total += _within(values[r, in_lo : in_hi + 1], base[r, in_lo : in_hi + 1], depths)
                if ground and straight:
                    land += _known(values[r, in_lo : in_hi + 1]) * like[r, 4]
                elif ground:
                    for c in range(in_lo, in_hi + 1):
                        if not math.isnan(values[r, c]):
                            land += _quad(series, at[1], lattice, (r, c), quad)[0]
            parallel = _parallel(series, at[1], at[1], 0.5 * (lat[r, 0] + lat[r + 1, 0]))
            for start, end in ((lo, in_lo), (in_hi + 1, hi + 1)):
                c = start
                while c < end:
                    if count == TOGETHER:
                        measure_rim(rim, count, radius, straight, small)
                        more, ground_m2, pairs, filled = _settle(rim, cells, count, n, depths, flat, pairs, filled)
                        total, land, count = total + more, land + ground_m2, 0
                    run = c, min(end, c + TOGETHER - count)
                    if straight:
                        row_of = middle, like[r], parallel, at[0] * _DEG
                        count = _gather_alike(values[r], row_of, run, r * columns, ground, rim, cells, count)
                    else:
                        count = _gather(values[r], lattice, series, at, r, run, r * columns, ground, rim, cells, count)
                    c = run[1]
        measure_rim(rim, count, radius, straight, small)
        more, ground_m2, pairs, filled = _settle(rim, cells, count, n, depths, flat, pairs, filled)
        sums[n, 0], sums[n, 1], count = total + more, land + ground_m2, 0
    return pairs[0][:filled], pairs[1][:filled], pairs[2][:filled]


def is_compiled() -> bool:
    """Whether the costliest of all kernels need not be compiled any more."""
    return is_ready(_stamp)


def stamp(
    values: Floats,
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats, Floats, Floats],
    *,
    radius_m: float,
    depths: int,
    straight: bool,
    ground: bool,
    base: np.ndarray,
) -> tuple[Floats, tuple[np.ndarray, np.ndarray, Floats]]:
    """Lay circles on a block of cells.

    Parameters
    ----------
    values
        (rows, columns) residents, float32 or float64; NaN is no ground.
    lattice
        Corner longitudes and latitudes (rows + 1, columns + 1).
    discs
        Longitudes, latitudes, columns and rows (n,) of the centres; they may lie outside the block.
    radius_m
        Radius; the circles' edges belong to them.
    depths
        Whole covers are counted up to this.
    straight
        All cells of a row are alike.
    ground
        Measure ground too.
    base
        (rows, columns) uint8, changed in place: circles that hold the whole cell, `depths` where more.

    Returns
    -------
    sums (n, 2): residents of the block in each circle, and m² of its ground (0 where not asked); and the pairs of a
    populated cell and a circle that cuts it: cell (row · columns + column), circle, share of the cell.
    """
    sums = np.zeros((len(discs[0]), 2))
    pairs = _stamp(values, lattice, discs, float(radius_m), depths, straight, ground, base, sums)
    return sums, pairs

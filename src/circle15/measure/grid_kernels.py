"""Circles stamped on a regular grid 服务圈落格: arrays in, arrays out, compiled.

Cells are the quadrilaterals between the corners `lon`, `lat` (rows + 1, columns + 1), degrees; `quad_kernels` measures
one. Cells surely inside or outside a circle are told by a flat picture of the grid about its centre; only those in
between are measured.

`values` (rows, columns) holds residents; NaN is ground without data.
"""

from __future__ import annotations

import math

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.measure.kernels import Floats, Ints, _depth_cell
from circle15.measure.quad_kernels import (
    _DEG,
    _SMALL_CELL,
    EARTH_A_M,
    _depth_quad,
    _frame,
    _middle,
    _parallel,
    _quad,
    _series,
    _share,
    _turned,
)  # fmt: skip


@inner
def _span(a: float, b: float, c: float, middle: float) -> tuple[int, int]:
    """Whole columns between the roots of a·t² + 2·b·t + c about a column; (0, −1) where there are none."""
    root = b * b - a * c
    if root < 0.0:
        return 0, -1
    root = math.sqrt(root)
    return math.ceil(middle + (-b - root) / a), math.floor(middle + (-b + root) / a)


@inner
def _picture(
    series: tuple[float, float, float, float, float, float, float, float, float],
    lattice: tuple[Floats, Floats],
    at: tuple[float, float],
    where: tuple[float, float],
    radius: float,
    shape: tuple[int, int],
) -> tuple[tuple[float, float, float], tuple[float, float], int, int]:
    """The grid about a circle (centre in degrees, in column and row) as a flat picture, and the rows it may reach.

    Products of the steps of one column and of one row in metres (column², column · row, row²); distances of a cell's
    middle from which on it is surely outside, and up to which it is surely inside; first and last row.
    """
    lon, lat = lattice
    column, row = where
    rows, columns = shape
    r, c = int(min(max(row, 0.0), rows - 1.0)), int(min(max(column, 0.0), columns - 1.0))
    ox, oy = _frame(series, at[1], (lon[r, c], lat[r, c]), at)
    cx, cy = _frame(series, at[1], (lon[r, c + 1], lat[r, c + 1]), at)
    dx, dy = _frame(series, at[1], (lon[r + 1, c], lat[r + 1, c]), at)
    cx, cy, dx, dy = cx - ox, cy - oy, dx - ox, dy - oy
    half = 0.5 * max(math.hypot(cx + dx, cy + dy), math.hypot(cx - dx, cy - dy))
    slack = 0.01 * half + 4.0 * radius * (radius + half) / EARTH_A_M
    outer = radius + half + slack
    a = cx * cx + cy * cy
    high = outer * math.sqrt(a) / abs(cx * dy - cy * dx)
    first, last = max(math.ceil(row - 0.5 - high), 0), min(math.floor(row - 0.5 + high), rows - 1)
    return (a, cx * dx + cy * dy, dx * dx + dy * dy), (outer, radius - half - slack), first, last


@inner
def _reached(
    picture: tuple[float, float, float], radii: tuple[float, float], where: tuple[float, float], r: int, columns: int
) -> tuple[int, int, int, int]:
    """Columns of a row that a circle may reach, and among them those surely inside; first and last of each."""
    a, across, down = picture
    outer, inner = radii
    column, row = where
    step = r + 0.5 - row
    b, off2 = step * across, step * step * down
    lo, hi = _span(a, b, off2 - outer * outer, column - 0.5)
    lo, hi = max(lo, 0), min(hi, columns - 1)
    in_lo, in_hi = 0, -1
    if inner > 0.0 and hi >= lo:
        in_lo, in_hi = _span(a, b, off2 - inner * inner, column - 0.5)
        in_lo, in_hi = max(in_lo, lo), min(in_hi, hi)
    return lo, hi, in_lo, in_hi


@inner
def _longer(values: np.ndarray) -> np.ndarray:
    more = np.empty(2 * len(values), values.dtype)
    more[: len(values)] = values
    return more


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
) -> tuple[np.ndarray, np.ndarray, Floats]:
    """See `stamp`."""
    lon, lat = lattice
    columns = values.shape[1]
    at_lon, at_lat, at_column, at_row = discs
    rings = np.array([0, 4])
    quad = np.empty((4, 2))
    pair_cell, pair_disc, pair_share = np.empty(256, np.int32), np.empty(256, np.int32), np.empty(256)
    pairs = 0
    for n in range(len(at_lon)):
        at = (at_lon[n], at_lat[n])
        series = _series(at[1])
        column, row = at_column[n], at_row[n]
        picture, radii, first, last = _picture(series, lattice, at, (column, row), radius, values.shape)
        total = land = 0.0
        for r in range(first, last + 1):
            lo, hi, in_lo, in_hi = _reached(picture, radii, (column, row), r, columns)
            if in_hi >= in_lo:
                for v in values[r, in_lo : in_hi + 1]:
                    if v > 0.0:
                        total += v
                under = base[r, in_lo : in_hi + 1]
                for i in range(len(under)):
                    under[i] += np.uint8(under[i] < depths)
                if ground:
                    for c in range(in_lo, in_hi + 1):
                        if not math.isnan(values[r, c]):
                            land += _quad(series, at[1], lattice, (r, c), quad)[0]
            size, parallel = (0.0, 0.0), (0.0, 0.0, 0.0)
            fresh = True
            for c in range(lo, hi + 1):
                if in_lo <= c <= in_hi:
                    continue
                v = values[r, c]
                if not (v > 0.0 or (ground and not math.isnan(v))):
                    continue
                if not straight:
                    size = _quad(series, at[1], lattice, (r, c), quad)
                    where = _frame(series, at[1], at, _middle(lon, lat, r, c))
                else:
                    if fresh:
                        size = _quad(series, at[1], lattice, (r, c), quad)
                        parallel = _parallel(series, at[1], at[1], 0.5 * (lat[r, c] + lat[r + 1, c]))
                        fresh = False
                    where = _turned(parallel, (at[0] - 0.5 * (lon[r, c] + lon[r, c + 1])) * _DEG)
                share = _share(quad, rings, where, size, radius)
                if share <= 0.0:
                    continue
                land += share * size[0]
                if not v > 0.0:
                    continue
                total += share * v
                if base[r, c] >= depths:
                    continue
                if share >= 1.0:
                    base[r, c] += 1
                    continue
                if pairs == len(pair_cell):
                    pair_cell, pair_disc, pair_share = _longer(pair_cell), _longer(pair_disc), _longer(pair_share)
                pair_cell[pairs], pair_disc[pairs], pair_share[pairs] = r * columns + c, n, share
                pairs += 1
        sums[n, 0] = total
        sums[n, 1] = land
    return pair_cell[:pairs], pair_disc[:pairs], pair_share[:pairs]


@kernel
def _deepen(
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats],
    pairs: tuple[np.ndarray, np.ndarray, Floats],
    radius: float,
    depths: int,
    base: np.ndarray,
    slot: np.ndarray,
) -> tuple[np.ndarray, Floats, Ints, np.ndarray]:
    """See `deepen`."""
    lon, lat = lattice
    pair_cell, pair_disc, pair_share = pairs
    columns = base.shape[1]
    before = np.empty(len(pair_cell), np.int32)
    last, cells, count = np.empty(len(pair_cell), np.int32), np.empty(len(pair_cell), np.int32), 0
    total = 0
    for p in range(len(pair_cell)):
        r, c = pair_cell[p] // columns, pair_cell[p] % columns
        if base[r, c] >= depths:
            continue
        m = slot[r, c]
        if m < 0:
            m = count
            slot[r, c] = m
            cells[m] = pair_cell[p]
            last[m] = -1
            count += 1
        before[p] = last[m]
        last[m] = p
        total += 1
    shares = np.zeros((count, depths))
    start = np.zeros(count + 1, np.int64)
    found = np.empty(total, np.int32)
    quad, rings, centres = np.empty((4, 2)), np.array([0, 4]), np.empty((64, 3))
    scratch = np.empty(1024)
    filled = 0
    for m in range(count):
        r, c = cells[m] // columns, cells[m] % columns
        whole = int(base[r, c])
        for k in range(whole):
            shares[m, k] = 1.0
        p, k = last[m], 0
        while p >= 0:
            found[filled + k] = pair_disc[p]
            k += 1
            p = before[p]
        if k == 1:
            shares[m, whole] = pair_share[last[m]]
        else:
            if k > len(centres):
                centres, scratch = np.empty((2 * k, 3)), np.empty(8 * k + 64)
            middle = _middle(lon, lat, r, c)
            series = _series(middle[1])
            area, reach = _quad(series, middle[1], lattice, (r, c), quad)
            for i in range(k):
                n = found[filled + i]
                centres[i, 0], centres[i, 1] = _frame(series, middle[1], (discs[0][n], discs[1][n]), middle)
            if 2.0 * reach <= _SMALL_CELL * radius:
                _depth_quad(quad, rings, centres[:k], (radius, reach, area), scratch, shares[m, whole:])
            else:
                _depth_cell(quad, rings, centres[:k], radius, shares[m, whole:])
            for i in range(whole, depths):
                shares[m, i] = min(shares[m, i] / area, 1.0)
        filled += k
        start[m + 1] = filled
    return cells[:count], shares, start, found


@kernel
def _add_up(
    values: Floats,
    label: np.ndarray,
    base: np.ndarray,
    slot: np.ndarray,
    shares: Floats,
    people: Floats,
) -> None:
    """See `add_up`."""
    depths = shares.shape[1]
    rows, columns = values.shape
    for r in range(rows):
        for c in range(columns):
            v = values[r, c]
            place = label[r, c]
            if v > 0.0 and place >= 0:
                m = slot[r, c]
                if m < 0:
                    people[place, base[r, c]] += v
                else:
                    above = 1.0
                    for k in range(depths):
                        people[place, k] += v * (above - shares[m, k])
                        above = shares[m, k]
                    people[place, depths] += v * above


@kernel
def _clean(values: Floats, nodata: float) -> tuple[int, int, int, int]:
    """See `clean`."""
    populated = without = negative = infinite = 0
    rows, columns = values.shape
    for r in range(rows):
        for c in range(columns):
            v = values[r, c]
            if v == nodata or math.isnan(v):
                values[r, c] = math.nan
                without += 1
            elif v > 0.0:
                populated += 1
                if math.isinf(v):
                    infinite += 1
            elif v < 0.0:
                negative += 1
    return populated, without, negative, infinite


def clean(values: Floats, *, nodata: float) -> tuple[int, int, int, int]:
    """Set cells of the value `nodata` to NaN, in place.

    Returns
    -------
    Number of cells with residents, without data, negative, infinite.
    """
    populated, without, negative, infinite = _clean(values, nodata)
    return int(populated), int(without), int(negative), int(infinite)


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


def deepen(
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats],
    pairs: tuple[np.ndarray, np.ndarray, Floats],
    *,
    radius_m: float,
    depths: int,
    base: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, Floats, Ints, np.ndarray]:
    """Shares of the cells that circles cut, under at least 1, 2, … `depths` circles.

    Parameters
    ----------
    lattice, pairs, base
        As for and from `stamp`; cells under `depths` whole circles are left out.
    discs
        Longitudes and latitudes (n,) of the centres.

    Returns
    -------
    slot (rows, columns) int32: row of the cell in what follows, -1 for cells not cut; cells (m,): their numbers;
    shares (m, depths); and the circles that cut each: start (m + 1,), circle.
    """
    # without depths nobody asks for a cell's row, and the memory stays untouched
    slot = np.full(base.shape, -1, dtype=np.int32) if depths else np.zeros(base.shape, dtype=np.int32)
    cells, shares, start, found = _deepen(lattice, discs, pairs, float(radius_m), depths, base, slot)
    return slot, cells, shares, start, found


def add_up(
    values: Floats,
    label: np.ndarray,
    base: np.ndarray,
    slot: np.ndarray,
    shares: Floats,
    people: Floats,
) -> None:
    """Add the residents of cells to people[label, depth] (exactly 0, 1, … and at least the last); below 0: no place."""
    _add_up(values, label, base, slot, shares, people)

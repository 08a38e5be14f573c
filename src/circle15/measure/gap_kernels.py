"""Patches of uncovered residents on a block of a grid 空白成片: arrays in, arrays out, compiled.

Cells that touch by an edge or a corner belong together. Each row is read as runs of cells; runs that touch runs of the
row above are joined.
"""

from __future__ import annotations

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.measure.kernels import _longer
from circle15.quantities import Floats, Ints

LEAST_SHARE = 1e-6
"""A thinner sliver is rounding of an outline and must not tie two patches together."""


@inner
def _bare_row(
    values: Floats, holder: np.ndarray, base: np.ndarray, slot: np.ndarray, shares: Floats, r: int, bare: Floats
) -> None:
    """Share of each cell of a row that counts as gap: 0 where nobody lives, outside the places, under circles."""
    for c in range(values.shape[1]):  # no branches: compiled to many cells a step
        bare[c] = 1.0 if (values[r, c] > 0.0) & (base[r, c] == 0) & (holder[r, c] >= 0) else 0.0
    for c in range(values.shape[1]):
        if slot[r, c] >= 0 and bare[c] > 0.0:
            share = 1.0 - shares[slot[r, c], 0]
            bare[c] = share if share > LEAST_SHARE else 0.0


@inner
def _next(bare: Floats, c: int) -> int:
    """First cell from c on that counts."""
    while c < len(bare) and bare[c] == 0.0:
        c += 1
    return c


@inner
def _numbered(parent: np.ndarray, runs: int) -> tuple[np.ndarray, int]:
    """Number of the patch of each run, patches in order of their first run."""
    number, found = np.empty(runs, np.int32), 0
    for n in range(runs):
        if parent[n] == n:
            number[n] = found
            found += 1
        else:  # a parent always comes first
            number[n] = number[parent[n]]
    return number, found


@kernel
def _patches(
    values: Floats,
    area: Floats,
    holder: np.ndarray,
    cover: tuple[np.ndarray, np.ndarray, Floats],
) -> tuple[Floats, Ints, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """See `patches`."""
    rows, columns = values.shape
    base, slot, shares = cover
    bare = np.zeros(columns)  # share of each cell of the row that counts as gap
    parent, seat = np.empty(1024, np.int32), np.empty(1024, np.int32)
    people, ground, cells, most = np.empty(1024), np.empty(1024), np.empty(1024), np.empty(1024)
    runs = 0
    # first and last column and number of the runs of the row above and of this one
    before, now = np.empty((columns + 1, 3), np.int32), np.empty((columns + 1, 3), np.int32)
    count_before = 0
    top, bottom = np.full(columns, -1, np.int64), np.full(columns, -1, np.int64)
    left, right = np.full(rows, -1, np.int64), np.full(rows, -1, np.int64)
    for r in range(rows):
        _bare_row(values, holder, base, slot, shares, r, bare)
        count, p, c = 0, 0, _next(bare, 0)
        while c < columns:
            if runs == len(parent):
                room = 2 * len(parent)
                parent, seat = _longer(parent, room), _longer(seat, room)
                people, ground = _longer(people, room), _longer(ground, room)
                cells, most = _longer(cells, room), _longer(most, room)
            n, first = runs, c
            runs += 1
            total = size = best = 0.0
            where = c
            while c < columns and bare[c] > 0.0:
                some = bare[c] * values[r, c]
                total += some
                size += bare[c] * area[r, c]
                if some > best:
                    best, where = some, c
                c += 1
            parent[n], seat[n] = n, r * columns + where
            people[n], ground[n], cells[n], most[n] = total, size, c - first, best
            if r == 0:
                top[first:c] = n
            if r == rows - 1:
                bottom[first:c] = n
            if first == 0:
                left[r] = n
            if c == columns:
                right[r] = n
            now[count, 0], now[count, 1], now[count, 2] = first, c - 1, n
            count += 1
            while p < count_before and before[p, 1] < first - 1:
                p += 1
            q, b = p, n
            while q < count_before and before[q, 0] <= c:
                a = before[q, 2]
                while parent[a] != a:
                    parent[a] = parent[parent[a]]
                    a = parent[a]
                if a < b:
                    parent[b] = a
                    b = a
                elif b < a:
                    parent[a] = b
                q += 1
            c = _next(bare, c)
        before, now = now, before
        count_before = count
    number, found = _numbered(parent, runs)
    sums, seats = np.zeros((found, 4)), np.empty(found, np.int64)
    for n in range(runs):
        k = number[n]
        sums[k, 0] += people[n]
        sums[k, 1] += ground[n]
        sums[k, 2] += cells[n]
        if most[n] > sums[k, 3]:
            sums[k, 3], seats[k] = most[n], seat[n]
    for side in (top, bottom, left, right):
        for i in range(len(side)):
            if side[i] >= 0:
                side[i] = number[side[i]]
    return sums, seats, top, bottom, left, right


def patches(
    values: Floats,
    area_m2: Floats,
    holder: np.ndarray,
    *,
    base: np.ndarray,
    slot: np.ndarray,
    shares: Floats,
) -> tuple[Floats, Ints, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Join the cells that circles leave uncovered in whole or in part.

    Parameters
    ----------
    values, area_m2
        (rows, columns) residents and m² of the cells.
    holder
        (rows, columns) place that holds a cell's centre; cells below 0 are not looked at.
    base, slot, shares
        As `grid_kernels.deepen` gives them.

    Returns
    -------
    patches (k, 4): uncovered residents, uncovered m², cells, uncovered residents of the fullest cell; that cell's
    number (k,); and the patch along the first row, last row, first column, last column (-1: none).
    """
    sums, seat, *sides = _patches(values, area_m2, holder, (base, slot, shares))
    top, bottom, left, right = sides
    return sums, seat, (top, bottom, left, right)

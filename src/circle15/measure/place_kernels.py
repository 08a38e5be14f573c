"""Places laid on a regular grid 区域落格: which cells lie in a place, and the exact share of those astride its border.

Outlines come in columns and rows of the grid. Each edge adds what it cuts off of the cells it passes and of all cells
to their right; sums along a row are then the shares, signed by the outline's direction (as in font rendering).
"""

from __future__ import annotations

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.measure.kernels import _longer
from circle15.quantities import Floats, Ints

NOWHERE, ASTRIDE = -1, -2
_LEAST = 1e-9


@inner
def _room(values: np.ndarray, count: int) -> np.ndarray:
    """The array itself, or a longer copy where `count` and a few more do not fit."""
    if count + 4 <= len(values):
        return values
    return _longer(values, 2 * len(values) + count)


@inner
def _squeezed(t: float, change: float) -> float:
    """Share of a cell's area above the height t of it, where its width changes by `change` from top to bottom."""
    return t + 0.5 * change * (t * t - t)


@inner
def _edge_events(
    edge: tuple[float, float, float, float],
    shape: tuple[int, int],
    change: Floats,
    store: tuple[np.ndarray, np.ndarray, Floats],
    count: int,
) -> tuple[tuple[np.ndarray, np.ndarray, Floats], int]:
    """Cut one edge (x0, y0, x1, y1) at rows and columns and note what each piece adds from a column on."""
    rows, columns = shape
    x0, y0, x1, y1 = edge
    sign = 1.0
    if y1 < y0:
        x0, y0, x1, y1, sign = x1, y1, x0, y0, -1.0
    if y0 == y1 or y1 <= 0.0 or y0 >= rows:
        return store, count
    at_row, at_column, amount = store
    slope = (x1 - x0) / (y1 - y0)
    for r in range(max(int(np.floor(y0)), 0), min(int(np.ceil(y1)), rows)):
        ya, yb = max(y0, float(r)), min(y1, r + 1.0)
        if yb <= ya:
            continue
        rise = sign * (_squeezed(yb - r, change[r]) - _squeezed(ya - r, change[r]))
        xa, xb = x0 + (ya - y0) * slope, x0 + (yb - y0) * slope
        left, right = min(xa, xb), max(xa, xb)
        if left >= columns:
            continue
        wide = right - left
        if left < 0.0:
            share = 1.0 if right <= 0.0 else -left / wide
            at_row, at_column, amount = _room(at_row, count), _room(at_column, count), _room(amount, count)
            at_row[count], at_column[count], amount[count] = r, 0, rise * share
            count += 1
            if right <= 0.0:
                continue
        for c in range(max(int(np.floor(left)), 0), min(int(np.floor(right)), columns - 1) + 1):
            a, b = max(left, float(c)), min(right, c + 1.0)
            if wide > 0.0 and b <= a:
                continue
            part = rise if wide == 0.0 else rise * (b - a) / wide
            beyond = 0.5 * (a + b) - c
            at_row, at_column, amount = _room(at_row, count), _room(at_column, count), _room(amount, count)
            at_row[count], at_column[count], amount[count] = r, c, part * (1.0 - beyond)
            at_row[count + 1], at_column[count + 1], amount[count + 1] = r, c + 1, part * beyond
            count += 2
    return (at_row, at_column, amount), count


@inner
def _order(some: Ints, column: np.ndarray) -> None:
    """Put event numbers in order of their columns (Shell's sort: short rows, nearly in order)."""
    gap = len(some) // 2
    while gap > 0:
        for i in range(gap, len(some)):
            held = some[i]
            j = i
            while j >= gap and column[some[j - gap]] > column[held]:
                some[j] = some[j - gap]
                j -= gap
            some[j] = held
        gap //= 2


@inner
def _by_row(row: np.ndarray, count: int, rows: int) -> tuple[Ints, Ints]:
    """Event numbers row by row, and where each row begins."""
    start = np.zeros(rows + 2, np.int64)
    for i in range(count):
        start[row[i] + 2] += 1
    for r in range(rows + 1):
        start[r + 1] += start[r]
    order = np.empty(count, np.int64)
    for i in range(count):
        order[start[row[i] + 1]] = i
        start[row[i] + 1] += 1
    return order, start


@inner
def _mark(
    label: np.ndarray,
    at: tuple[int, int],
    place: int,
    share: float,
    store: tuple[np.ndarray, np.ndarray, Floats],
    count: int,
) -> tuple[tuple[np.ndarray, np.ndarray, Floats], int]:
    """Give a cell to a place; cells in part, or in two places of one level, go to the list."""
    r, c = at
    before = label[r, c]
    if share > 1.0 - _LEAST and before == NOWHERE:
        label[r, c] = place
        return store, count
    cell, owner, part = _room(store[0], count), _room(store[1], count), _room(store[2], count)
    number = r * label.shape[1] + c
    if before >= 0:
        cell[count], owner[count], part[count] = number, before, 1.0
        count += 1
    cell[count], owner[count], part[count] = number, place, min(share, 1.0)
    label[r, c] = ASTRIDE
    return (cell, owner, part), count + 1


@inner
def _free(cells: np.ndarray) -> bool:
    """Whether no place holds any of the cells yet."""
    free = True
    for label in cells:
        free &= label == NOWHERE
    return free


@kernel
def _lay(
    xy: Floats,
    ring_start: Ints,
    place_start: Ints,
    places: Ints,
    origin: tuple[float, float],
    change: Floats,
    label: np.ndarray,
    touched: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, Floats]:
    """See `lay`."""
    rows, columns = label.shape
    store = (np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64))
    listed = 0
    events = (np.empty(256, np.int32), np.empty(256, np.int32), np.empty(256))
    for n, place in enumerate(places):
        count = 0
        for ring in range(place_start[place], place_start[place + 1]):
            first, last = ring_start[ring], ring_start[ring + 1]
            p = last - 1
            for v in range(first, last):
                edge = (xy[p, 0] - origin[0], xy[p, 1] - origin[1], xy[v, 0] - origin[0], xy[v, 1] - origin[1])
                p = v
                events, count = _edge_events(edge, (rows, columns), change, events, count)
        by_row, start = _by_row(events[0], count, rows)
        for r in range(rows):
            some = by_row[start[r] : start[r + 1]]
            _order(some, events[1])
            cover, i = 0.0, 0
            while i < len(some):
                c = events[1][some[i]]
                while i < len(some) and events[1][some[i]] == c:
                    cover += events[2][some[i]]
                    i += 1
                share = abs(cover)
                if share < _LEAST:
                    continue
                until = min(events[1][some[i]], columns) if i < len(some) else columns
                touched[n] |= until > c
                if share > 1.0 - _LEAST and _free(label[r, c:until]):
                    label[r, c:until] = place
                    continue
                for k in range(c, until):
                    store, listed = _mark(label, (r, k), place, share, store, listed)
    return store[0][:listed], store[1][:listed], store[2][:listed]


@kernel
def _missing(
    values: Floats,
    area: Floats,
    label: np.ndarray,
    listed: tuple[np.ndarray, np.ndarray, Floats],
    out: Floats,
) -> None:
    """See `missing`."""
    rows, columns = values.shape
    for r in range(rows):
        for c in range(columns):
            if np.isnan(values[r, c]) and label[r, c] >= 0:
                out[label[r, c]] += area[r, c]
    cell, owner, part = listed
    for i in range(len(cell)):
        r, c = cell[i] // columns, cell[i] % columns
        if np.isnan(values[r, c]):
            out[owner[i]] += part[i] * area[r, c]


def lay(
    outlines: tuple[Floats, Ints, Ints],
    places: Ints,
    *,
    origin: tuple[float, float],
    change: Floats,
    shape: tuple[int, int],
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, Floats], Ints]:
    """Lay places of one level on a block of cells.

    Parameters
    ----------
    outlines
        Vertices (m, 2) as column and row of the whole grid, rings not closed, exteriors and holes in opposite
        directions; first vertex of each ring; first ring of each place.
    places
        Numbers of the places to lay.
    origin
        Column and row of the block's corner.
    change
        (rows,) by how much of itself a cell's width grows from the top to the bottom of its row.
    shape
        Rows and columns of the block.

    Returns
    -------
    label (rows, columns) int32: place that holds the whole cell, NOWHERE, or ASTRIDE for cells in the list; the
    list: cell (row · columns + column), place, share of the cell's area in it; and those of `places` that touch the
    block.
    """
    label = np.full(shape, NOWHERE, dtype=np.int32)
    touched = np.zeros(len(places), dtype=np.bool_)
    listed = _lay(*outlines, places, origin, change, label, touched)
    return label, listed, places[touched]


def missing(
    values: Floats,
    area_m2: Floats,
    label: np.ndarray,
    listed: tuple[np.ndarray, np.ndarray, Floats],
    out: Floats,
) -> None:
    """Add the m² of cells without data (NaN) in each place to `out`; label and list as from `lay`."""
    _missing(values, area_m2, label, listed, out)

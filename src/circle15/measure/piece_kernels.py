"""Pieces that places cut off of cells 边界格: arrays in, arrays out, compiled.

An outline is cut down step by step (block, rows, cell) by moving what lies beyond a line onto it: runs along the line
shrink to their ends, areas inside stay what they are, and what is left runs to and fro and bounds nothing.

Outlines come in columns and rows of the whole grid, as `place_kernels.lay` takes them; pieces in order of their places,
and of their cells within a place.
"""

from __future__ import annotations

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.measure.kernels import _cell_area, _depth_cell, _inside_cell
from circle15.measure.quad_kernels import _frame, _middle, _series
from circle15.quantities import Floats, Ints

_STRIP = 32  # rows cut out of the block at a time
_ON_BORDER = 1e-9  # cells


@inner
def _room(values: Floats, count: int) -> Floats:
    """The array itself, or a longer copy where `count` rows do not fit."""
    if count <= len(values):
        return values
    more = np.empty((2 * count, 2))
    for i in range(len(values)):
        more[i, 0], more[i, 1] = values[i, 0], values[i, 1]
    return more


@inner
def _put(into: Floats, ring: tuple[int, int], axis: int, at: tuple[float, float], line: float) -> int:
    """Add a vertex to a ring (first, next free row); of three in a row on the line the one between goes."""
    first, n = ring
    if n - first > 1 and into[n - 1, axis] == at[axis] == into[n - 2, axis] == line:
        n -= 1
    into[n, 0], into[n, 1] = at
    return n + 1


@inner
def _beyond(polygon: tuple[Floats, Ints], axis: int, line: float, side: float, into: Floats) -> tuple[Floats, Ints]:
    """Move what lies beyond a line (side 1: above it, -1: below) of column or row (axis) onto it."""
    xy, rings = polygon
    into = _room(into, 2 * rings[-1] + 4)
    found = np.empty_like(rings)
    found[0] = n = 0
    for ring in range(len(rings) - 1):
        first, last = rings[ring], rings[ring + 1]
        start, inside = n, False
        for v in range(first, last):
            p = v - 1 if v > first else last - 1
            a, b = (xy[p, axis] - line) * side, (xy[v, axis] - line) * side
            if (a > 0.0) != (b > 0.0) and a != 0.0 and b != 0.0:
                t = a / (a - b)
                other = xy[p, 1 - axis] + t * (xy[v, 1 - axis] - xy[p, 1 - axis])
                n = _put(into, (start, n), axis, (line, other) if axis == 0 else (other, line), line)
            at = (xy[v, 0], xy[v, 1])
            inside |= b < 0.0
            if b > 0.0:
                at = (line, at[1]) if axis == 0 else (at[0], line)
            n = _put(into, (start, n), axis, at, line)
        if not inside:
            n = start
        found[ring + 1] = n
    return into, found


@inner
def _between(
    polygon: tuple[Floats, Ints], axis: int, low: float, high: float, into: Floats, spare: Floats
) -> tuple[Floats, Ints, Floats]:
    """What of a polygon lies between two lines, with the spare array that may have grown."""
    spare, rings = _beyond(polygon, axis, low, -1.0, spare)
    into, rings = _beyond((spare, rings), axis, high, 1.0, into)
    return into, rings, spare


@inner
def _whole(
    outlines: tuple[Floats, Ints, Ints], place: int, origin: tuple[float, float], shape: tuple[int, int]
) -> tuple[Floats, Ints]:
    """A place's outline, as far as the block reaches, counted from the block's corner."""
    xy, ring_start, place_start = outlines
    rings = ring_start[place_start[place] : place_start[place + 1] + 1].copy()
    some = xy[rings[0] : rings[-1]] - np.array(origin)
    rings -= rings[0]
    into, spare = np.empty((64, 2)), np.empty((64, 2))
    rows, columns = shape
    into, rings, spare = _between((some, rings), 1, 0.0, float(rows), into, spare)
    across = np.empty((64, 2))
    across, rings, spare = _between((into, rings), 0, 0.0, float(columns), across, spare)
    return across, rings


@inner
def _on_edge(xy: Floats, rings: Ints, x: float, y: float) -> bool:
    for ring in range(len(rings) - 1):
        first, last = rings[ring], rings[ring + 1]
        for v in range(first, last):
            p = v - 1 if v > first else last - 1
            ax, ay = xy[p, 0] - x, xy[p, 1] - y
            ux, uy = xy[v, 0] - xy[p, 0], xy[v, 1] - xy[p, 1]
            length2 = ux * ux + uy * uy
            t = 0.0 if length2 == 0.0 else min(1.0, max(0.0, -(ax * ux + ay * uy) / length2))
            if (ax + t * ux) ** 2 + (ay + t * uy) ** 2 <= _ON_BORDER * _ON_BORDER:
                return True
    return False


@kernel
def _held(
    outlines: tuple[Floats, Ints, Ints],
    pieces: tuple[np.ndarray, np.ndarray],
    origin: tuple[float, float],
    shape: tuple[int, int],
    out: np.ndarray,
) -> None:
    """See `centres_held`."""
    cell, owner = pieces
    columns = shape[1]
    strip, line, spare = np.empty((64, 2)), np.empty((64, 2)), np.empty((64, 2))
    place, top, row = -1, -1, -1
    whole = strip, np.zeros(1, np.int64)
    of_strip = of_row = whole
    for i in range(len(cell)):
        r, c = cell[i] // columns, cell[i] % columns
        if owner[i] != place:
            place, top, row = owner[i], -1, -1
            whole = _whole(outlines, place, origin, shape)
        if r // _STRIP != top:
            top, row = r // _STRIP, -1
            strip, rings, spare = _between(whole, 1, float(top * _STRIP), float((top + 1) * _STRIP), strip, spare)
            of_strip = strip, rings
        if r != row:
            row = r
            line, rings, spare = _between(of_strip, 1, float(r), r + 1.0, line, spare)
            of_row = line, rings
        x, y = c + 0.5, r + 0.5
        out[i] = _inside_cell(of_row[0], of_row[1], x, y) or _on_edge(of_row[0], of_row[1], x, y)


@kernel
def _piece_depths(
    outlines: tuple[Floats, Ints, Ints],
    pieces: tuple[np.ndarray, np.ndarray, Ints],
    origin: tuple[float, float],
    lattice: tuple[Floats, Floats],
    discs: tuple[Ints, Ints, Floats, Floats],
    radius: float,
    areas: Floats,
    area: Floats,
) -> None:
    """See `piece_depths`."""
    lon, lat = lattice
    cell, owner, slot = pieces
    start, found, at_lon, at_lat = discs
    shape = (lon.shape[0] - 1, lon.shape[1] - 1)
    strip, line, box, spare = np.empty((64, 2)), np.empty((64, 2)), np.empty((64, 2)), np.empty((64, 2))
    place, top, row = -1, -1, -1
    whole = strip, np.zeros(1, np.int64)
    of_strip = of_row = whole
    for i in range(len(cell)):
        r, c = cell[i] // shape[1], cell[i] % shape[1]
        if owner[i] != place:
            place, top, row = owner[i], -1, -1
            whole = _whole(outlines, place, origin, shape)
        if r // _STRIP != top:
            top, row = r // _STRIP, -1
            strip, rings, spare = _between(whole, 1, float(top * _STRIP), float((top + 1) * _STRIP), strip, spare)
            of_strip = strip, rings
        if r != row:
            row = r
            line, rings, spare = _between(of_strip, 1, float(r), r + 1.0, line, spare)
            of_row = line, rings
        box, rings, spare = _between(of_row, 0, float(c), c + 1.0, box, spare)
        # from columns and rows to metres about the middle of the cell
        middle = _middle(lon, lat, r, c)
        series = _series(middle[1])
        for v in range(rings[-1]):
            x, y = box[v, 0] - c, box[v, 1] - r
            east = (1 - y) * ((1 - x) * lon[r, c] + x * lon[r, c + 1])
            east += y * ((1 - x) * lon[r + 1, c] + x * lon[r + 1, c + 1])
            north = (1 - y) * ((1 - x) * lat[r, c] + x * lat[r, c + 1])
            north += y * ((1 - x) * lat[r + 1, c] + x * lat[r + 1, c + 1])
            box[v, 0], box[v, 1] = _frame(series, middle[1], (east, north), middle)
        first, last = start[slot[i]], start[slot[i] + 1]
        centres = np.empty((last - first, 2))
        for k in range(first, last):
            n = found[k]
            centres[k - first, 0], centres[k - first, 1] = _frame(series, middle[1], (at_lon[n], at_lat[n]), middle)
        area[i] = _cell_area(box, rings)
        _depth_cell(box, rings, centres, radius, areas[i])


def piece_depths(
    outlines: tuple[Floats, Ints, Ints],
    pieces: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    origin: tuple[float, float],
    lattice: tuple[Floats, Floats],
    discs: tuple[Ints, Ints, Floats, Floats],
    radius_m: float,
    depths: int,
) -> tuple[Floats, Floats]:
    """Area under at least 1, 2, … `depths` circles of the pieces that places cut off of cells.

    Parameters
    ----------
    pieces
        Cell (row · columns + column), place and slot (k,), places together.
    origin
        Column and row of the block's corner.
    lattice
        Corner longitudes and latitudes (rows + 1, columns + 1).
    discs
        First circle of each slot, circles, and longitudes and latitudes of the centres.

    Returns
    -------
    m² under circles (k, depths), and of the pieces (k,).
    """
    cell, owner, slot = pieces
    areas, area = np.zeros((len(cell), depths)), np.zeros(len(cell))
    named = (cell, owner, slot.astype(np.int64))
    _piece_depths(outlines, named, origin, lattice, discs, float(radius_m), areas, area)
    return areas, area


def centres_held(
    outlines: tuple[Floats, Ints, Ints],
    pieces: tuple[np.ndarray, np.ndarray],
    *,
    origin: tuple[float, float],
    shape: tuple[int, int],
) -> np.ndarray:
    """Whether the middle of each cell (k,) lies in its place, border included; cells and places together by place."""
    out = np.zeros(len(pieces[0]), dtype=np.bool_)
    _held(outlines, pieces, origin, shape, out)
    return out

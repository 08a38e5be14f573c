"""Exact areas of cells under discs: arrays in, arrays out, compiled.

`Rings` holds cells in local metres about their reference points: (xy, ring_start, cell_start), where ring r has the
vertices `xy[ring_start[r]:ring_start[r + 1]]` (not closed) and cell c the rings `cell_start[c]` to `cell_start[c + 1]`;
exteriors run counter-clockwise, holes clockwise. A disc is its centre (dx, dy) in the same frame and the radius.
Inside this module one cell is `xy` and `rings`, its own run of `ring_start`.

Both kernels follow from Green's theorem, area = ½∮(x dy − y dx): `disc_areas` sums signed triangles and sectors seen
from the disc's centre, `depth_areas` walks the pieces of edges and arcs that bound the ground under at least k discs.
"""

from __future__ import annotations

import math

import numpy as np

from circle15.measure.compiled import inner, kernel, run
from circle15.quantities import Floats, Ints

Rings = tuple[Floats, Ints, Ints]

NONE, PART, WHOLE = 0, 1, 2
# Centres closer than this are one place: below it, which circle lies outside is rounding noise.
SAME_CENTRE_M = 1e-6
# A chord with a shorter half is a touch, not a cut: it bounds less than 1e-15 m², and its side is rounding noise. Edges
# and arcs are split at it all the same, or the middle of a piece could lie right on it.
TOUCH_M = 1e-4
# Cuts this far beyond an edge's end still split it: a circle through a corner must not slip between two edges.
CORNER_M = 1e-9


@inner
def _sort(values: Floats, count: int) -> None:
    """Put the first few values in order; they are few, and a library's sort takes seconds to compile."""
    for i in range(1, count):
        v = values[i]
        j = i - 1
        while j >= 0 and values[j] > v:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = v


@inner
def _longer(values: np.ndarray, length: int) -> np.ndarray:
    """The same values with room behind them; one by one, as numba compiles a slice's faults for a second."""
    more = np.empty(length, values.dtype)
    for i in range(len(values)):
        more[i] = values[i]
    return more


@inner
def _angle(ax: float, ay: float, bx: float, by: float) -> float:
    return math.atan2(ax * by - ay * bx, ax * bx + ay * by)


@inner
def _wedge(ax: float, ay: float, bx: float, by: float, r2: float) -> float:
    """Signed area of the triangle (0, a, b) inside the disc of squared radius r2 about 0."""
    cross = ax * by - ay * bx
    if ax * ax + ay * ay <= r2 and bx * bx + by * by <= r2:
        return 0.5 * cross
    ux, uy = bx - ax, by - ay
    length2 = ux * ux + uy * uy
    if length2 == 0.0:
        return 0.0
    half2 = r2 - cross * cross / length2
    if half2 <= 0.0:
        return 0.5 * r2 * _angle(ax, ay, bx, by)
    middle, half = -(ax * ux + ay * uy) / length2, math.sqrt(half2 / length2)
    t1, t2 = middle - half, middle + half
    if t1 >= 1.0 or t2 <= 0.0:
        return 0.5 * r2 * _angle(ax, ay, bx, by)
    t1, t2 = max(t1, 0.0), min(t2, 1.0)
    before = _angle(ax, ay, ax + t1 * ux, ay + t1 * uy) if t1 > 0.0 else 0.0
    after = _angle(ax + t2 * ux, ay + t2 * uy, bx, by) if t2 < 1.0 else 0.0
    return 0.5 * (cross * (t2 - t1) + r2 * (before + after))


@inner
def _disc_area(xy: Floats, rings: Ints, cx: float, cy: float, radius: float) -> float:
    r2 = radius * radius
    area = 0.0
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        ax, ay = xy[last - 1, 0] - cx, xy[last - 1, 1] - cy
        for v in range(first, last):
            bx, by = xy[v, 0] - cx, xy[v, 1] - cy
            area += _wedge(ax, ay, bx, by, r2)
            ax, ay = bx, by
    return max(area, 0.0)


@inner
def _cell_area(xy: Floats, rings: Ints) -> float:
    area = 0.0
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        p = last - 1
        for v in range(first, last):
            area += 0.5 * (xy[p, 0] * xy[v, 1] - xy[p, 1] * xy[v, 0])
            p = v
    return area


@inner
def _inside_cell(xy: Floats, rings: Ints, x: float, y: float) -> bool:
    """Even-odd test over all rings."""
    inside = False
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        p = last - 1
        for v in range(first, last):
            ay, by = xy[p, 1], xy[v, 1]
            if (ay > y) != (by > y) and x < xy[p, 0] + (y - ay) / (by - ay) * (xy[v, 0] - xy[p, 0]):
                inside = not inside
            p = v
    return inside


@inner
def _relation(xy: Floats, rings: Ints, cx: float, cy: float, radius: float) -> int:
    """Tell whether the disc covers the WHOLE cell, PART of it or NONE."""
    r2 = radius * radius
    nearest2, farthest2 = np.inf, 0.0
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        ax, ay = xy[last - 1, 0] - cx, xy[last - 1, 1] - cy
        for v in range(first, last):
            bx, by = xy[v, 0] - cx, xy[v, 1] - cy
            ux, uy = bx - ax, by - ay
            length2 = ux * ux + uy * uy
            t = 0.0 if length2 == 0.0 else min(1.0, max(0.0, -(ax * ux + ay * uy) / length2))
            px, py = ax + t * ux, ay + t * uy
            nearest2 = min(nearest2, px * px + py * py)
            farthest2 = max(farthest2, bx * bx + by * by)
            ax, ay = bx, by
    if farthest2 <= r2:
        return WHOLE
    return PART if nearest2 < r2 or _inside_cell(xy, rings, cx, cy) else NONE


@inner
def _cuts(ax: float, ay: float, bx: float, by: float, radius: float) -> tuple[float, float]:
    """Places 0..1 where the edge from a to b cuts the circle about 0; −1 where it does not."""
    ux, uy = bx - ax, by - ay
    length2 = ux * ux + uy * uy
    if length2 == 0.0:
        return -1.0, -1.0
    cross = ax * by - ay * bx
    half2 = radius * radius - cross * cross / length2
    if half2 < -TOUCH_M * TOUCH_M:
        return -1.0, -1.0
    half = math.sqrt(half2 / length2) if half2 > TOUCH_M * TOUCH_M else 0.0
    middle = -(ax * ux + ay * uy) / length2
    slack = CORNER_M / math.sqrt(length2)
    t1, t2 = middle - half, middle + half
    t1 = min(max(t1, 0.0), 1.0) if -slack <= t1 <= 1.0 + slack else -1.0
    t2 = min(max(t2, 0.0), 1.0) if -slack <= t2 <= 1.0 + slack else -1.0
    return t1, t2


@inner
def _depth_at(discs: Floats, skip: int, at: tuple[float, float], radius: float, enough: float) -> int:
    """Discs over a point, those of group `skip` left out; counting stops at `enough`."""
    depth = 0.0
    r2 = radius * radius
    for g in range(discs.shape[0]):
        if g != skip:
            ux, uy = at[0] - discs[g, 0], at[1] - discs[g, 1]
            if ux * ux + uy * uy <= r2:
                depth += discs[g, 2]
                if depth >= enough:
                    break
    return int(depth)


@inner
def _walk_edges(xy: Floats, rings: Ints, discs: Floats, radius: float, sums: Floats) -> None:
    """Add the edge pieces that bound the ground under at least k + 1 discs to `sums[k]`."""
    levels = sums.shape[0]
    places = np.empty(2 * discs.shape[0] + 2)
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        p = last - 1
        for v in range(first, last):
            ax, ay, bx, by = xy[p, 0], xy[p, 1], xy[v, 0], xy[v, 1]
            p = v
            places[0], places[1] = 0.0, 1.0
            count = 2
            for g in range(discs.shape[0]):
                cx, cy = discs[g, 0], discs[g, 1]
                for t in _cuts(ax - cx, ay - cy, bx - cx, by - cy, radius):
                    if t >= 0.0:
                        places[count] = t
                        count += 1
            _sort(places, count)
            half_cross = 0.5 * (ax * by - ay * bx)
            for i in range(count - 1):
                step = places[i + 1] - places[i]
                if step > 0.0:
                    t = 0.5 * (places[i] + places[i + 1])
                    depth = _depth_at(discs, -1, (ax + t * (bx - ax), ay + t * (by - ay)), radius, levels)
                    sums[: min(depth, levels)] += half_cross * step


@inner
def _angles_cut(xy: Floats, rings: Ints, discs: Floats, own: int, radius: float) -> Floats:
    """Angles at which the circle `own` is cut by edges and by other circles, rising; −π for a circle never cut."""
    into = np.empty(2 * (rings[-1] - rings[0] + discs.shape[0]) + 1)
    cx, cy = discs[own, 0], discs[own, 1]
    count = 0
    for ring in range(rings.shape[0] - 1):
        first, last = rings[ring], rings[ring + 1]
        ax, ay = xy[last - 1, 0] - cx, xy[last - 1, 1] - cy
        for v in range(first, last):
            bx, by = xy[v, 0] - cx, xy[v, 1] - cy
            for t in _cuts(ax, ay, bx, by, radius):
                if t >= 0.0:
                    into[count] = math.atan2(ay + t * (by - ay), ax + t * (bx - ax))
                    count += 1
            ax, ay = bx, by
    for g in range(discs.shape[0]):
        ux, uy = discs[g, 0] - cx, discs[g, 1] - cy
        half2 = radius * radius - 0.25 * (ux * ux + uy * uy)
        if g != own and half2 > -TOUCH_M * TOUCH_M:
            half = math.sqrt(half2 / (ux * ux + uy * uy)) if half2 > TOUCH_M * TOUCH_M else 0.0
            into[count] = math.atan2(0.5 * uy + half * ux, 0.5 * ux - half * uy)
            into[count + 1] = math.atan2(0.5 * uy - half * ux, 0.5 * ux + half * uy)
            count += 2
    if count == 0:
        into[0], count = -math.pi, 1
    _sort(into, count)
    return into[:count]


@inner
def _walk_arcs(xy: Floats, rings: Ints, discs: Floats, radius: float, sums: Floats) -> None:
    """Add the arcs inside the cell that bound the ground under at least k + 1 discs to `sums[k]`."""
    levels = sums.shape[0]
    for own in range(discs.shape[0]):
        cx, cy, times = discs[own, 0], discs[own, 1], int(discs[own, 2])
        angles = _angles_cut(xy, rings, discs, own, radius)
        for i in range(angles.shape[0]):
            a = angles[i]
            b = angles[i + 1] if i + 1 < angles.shape[0] else angles[0] + 2.0 * math.pi
            x, y = cx + radius * math.cos(0.5 * (a + b)), cy + radius * math.sin(0.5 * (a + b))
            if b <= a or not _inside_cell(xy, rings, x, y):
                continue
            others = _depth_at(discs, own, (x, y), radius, levels)
            arc = radius * (b - a) + cx * (math.sin(b) - math.sin(a)) - cy * (math.cos(b) - math.cos(a))
            sums[min(others, levels) : min(others + times, levels)] += 0.5 * radius * arc


@inner
def _group(xy: Floats, rings: Ints, centres: Floats, radius: float) -> tuple[int, Floats]:
    """Count the discs over the whole cell; list those over part of it, a row (x, y, times) for each centre."""
    store = np.empty((centres.shape[0], 3))
    whole = groups = 0
    for i in range(centres.shape[0]):
        x, y = centres[i, 0], centres[i, 1]
        relation = _relation(xy, rings, x, y, radius)
        if relation == WHOLE:
            whole += 1
        elif relation == PART:
            g = 0
            while g < groups and math.hypot(store[g, 0] - x, store[g, 1] - y) > SAME_CENTRE_M:
                g += 1
            if g == groups:
                store[g, 0], store[g, 1], store[g, 2] = x, y, 0.0
                groups += 1
            store[g, 2] += 1.0
    return whole, store[:groups]


@inner
def _depth_cell(xy: Floats, rings: Ints, centres: Floats, radius: float, out: Floats) -> None:
    whole, discs = _group(xy, rings, centres, radius)
    levels = out.shape[0]
    area = _cell_area(xy, rings)
    out[: min(whole, levels)] = area
    if discs.shape[0] == 0 or whole >= levels:
        return
    sums = np.zeros(levels - whole)
    if discs.shape[0] == 1:
        times = min(int(discs[0, 2]), levels - whole)
        sums[:times] = _disc_area(xy, rings, discs[0, 0], discs[0, 1], radius)
    else:
        _walk_edges(xy, rings, discs, radius, sums)
        _walk_arcs(xy, rings, discs, radius, sums)
    for k in range(levels - whole):
        out[whole + k] = min(max(sums[k], 0.0), area)


@kernel
def _disc_areas(cells: Rings, cell: Ints, centres: Floats, radius: float, out: Floats) -> None:
    xy, ring_start, cell_start = cells
    for i in range(cell.shape[0]):
        rings = ring_start[cell_start[cell[i]] : cell_start[cell[i] + 1] + 1]
        out[i] = _disc_area(xy, rings, centres[i, 0], centres[i, 1], radius)


@kernel
def _depth_areas(cells: Rings, asked: tuple[Ints, Ints], centres: Floats, radius: float, out: Floats) -> None:
    xy, ring_start, cell_start = cells
    cell, pair_start = asked
    for i in range(cell.shape[0]):
        rings = ring_start[cell_start[cell[i]] : cell_start[cell[i] + 1] + 1]
        if rings.shape[0] > 1 and pair_start[i + 1] > pair_start[i]:
            _depth_cell(xy, rings, centres[pair_start[i] : pair_start[i + 1]], radius, out[i])


def disc_areas(cells: Rings, pair_cell: Ints, pair_dx: Floats, pair_dy: Floats, *, radius_m: float) -> Floats:
    """Area of a cell inside a disc, pair by pair.

    Parameters
    ----------
    cells
        Rings of n cells (`CellArrays.rings`).
    pair_cell
        (p,) number of the cell.
    pair_dx, pair_dy
        (p,) centre of the disc in metres about the cell's reference point.
    radius_m
        Radius of every disc.

    Returns
    -------
    (p,) m²; exact but for rounding (below 1e-9 m² for 100 m cells). Cells without rings (points) give 0.
    """
    out = np.zeros(len(pair_cell))
    run(_disc_areas, _rings(cells), _ints(pair_cell), _centres(pair_dx, pair_dy), float(radius_m), out)
    return out


def depth_areas(
    cells: Rings, cell: Ints, pair_start: Ints, pair_dx: Floats, pair_dy: Floats, *, radius_m: float, depths: int
) -> Floats:
    """Area of cells under at least 1, 2, … `depths` discs.

    Parameters
    ----------
    cells
        Rings of n cells (`CellArrays.rings`).
    cell
        (q,) number of the cell asked about; a cell may be asked about with several sets of discs.
    pair_start
        (q + 1,) the discs of question i are `pair_start[i]` to `pair_start[i + 1]`; discs too far away do no harm.
    pair_dx, pair_dy
        (p,) centres in metres about the cell's reference point. Equal centres count each.
    radius_m
        Radius of every disc.
    depths
        Number of columns.

    Returns
    -------
    (q, depths) m²: column k holds the area under at least k + 1 discs, exact to 1e-9 of the cell's area also where
    circles touch, meet in threes or all but coincide. Cells without rings (points) give 0.
    """
    out = np.zeros((len(cell), depths))
    asked = (_ints(cell), _ints(pair_start))
    run(_depth_areas, _rings(cells), asked, _centres(pair_dx, pair_dy), float(radius_m), out)
    return out


def _rings(cells: Rings) -> Rings:
    xy, ring_start, cell_start = cells
    return np.ascontiguousarray(xy, dtype=np.float64), _ints(ring_start), _ints(cell_start)


def _centres(dx: Floats, dy: Floats) -> Floats:
    return np.ascontiguousarray(np.column_stack((dx, dy)), dtype=np.float64)


def _ints(values: Ints) -> Ints:
    return np.ascontiguousarray(values, dtype=np.int64)

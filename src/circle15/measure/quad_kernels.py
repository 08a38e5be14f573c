"""One cell of a regular grid under circles, small beside them 单格被圈: arrays in, numbers out, compiled.

A cell is measured in its own frame, as in `cells`: metres about the centre of its bounding box, distance and direction
from there geodesic. What `project.metric.local_xy` reckons with sines is here a Taylor series about a latitude nearby,
which is right to 1e-10 m up to 5 km. `kernels` holds the same areas for cells of any shape.
"""

from __future__ import annotations

import math

from circle15.measure.compiled import inner
from circle15.measure.kernels import (
    NONE,
    PART,
    SAME_CENTRE_M,
    TOUCH_M,
    WHOLE,
    _cuts,
    _disc_area,
    _inside_cell,
    _relation,
    _sort,
)
from circle15.quantities import EARTH_A_M, EARTH_E2, Floats, Ints

_DEG = math.pi / 180.0
# a cell's diagonal over the radius up to which the circle inside the cell is one arc after another
_SMALL_CELL = 0.9
_SHORT_ARC = 0.15


@inner
def _series(lat: float) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Radius of the parallel, of the meridian, and sine, as series about a latitude."""
    s, c = math.sin(lat * _DEG), math.cos(lat * _DEG)
    w2 = 1.0 - EARTH_E2 * s * s
    meridian = EARTH_A_M * (1.0 - EARTH_E2) / (w2 * math.sqrt(w2))
    g = 3.0 * EARTH_E2 * s * c / w2
    g1 = 3.0 * EARTH_E2 * ((c * c - s * s) / w2 + 2.0 * EARTH_E2 * s * s * c * c / (w2 * w2))
    m1, m2 = meridian * g, meridian * (g * g + g1)
    p0 = EARTH_A_M / math.sqrt(w2) * c
    p1, p2 = -meridian * s, -(m1 * s + meridian * c)
    p3 = -(m2 * s + 2.0 * m1 * c - meridian * s)
    return p0, p1, p2 / 2.0, p3 / 6.0, meridian, m1, m2 / 2.0, s, c


@inner
def _parallel(
    series: tuple[float, float, float, float, float, float, float, float, float], about: float, at: float, of: float
) -> tuple[float, float, float]:
    """What a frame owes to the two latitudes alone: metres a radian east, metres north, half the turn a radian east."""
    p0, p1, p2, p3, m0, m1, m2, s, c = series
    d = (0.5 * (at + of) - about) * _DEG
    north = (m0 + d * (m1 + d * m2)) * ((at - of) * _DEG)
    return p0 + d * (p1 + d * (p2 + d * p3)), north, 0.5 * (s + d * (c - 0.5 * d * s))


@inner
def _turned(parallel: tuple[float, float, float], east: float) -> tuple[float, float]:
    """Metres east and north of a point that lies so many radians to the east."""
    wide, y, turn = parallel
    x, h = wide * east, turn * east
    h2 = h * h
    sine, cosine = h * (1.0 - h2 / 6.0 * (1.0 - h2 / 20.0)), 1.0 - h2 / 2.0 * (1.0 - h2 / 12.0)
    return x * cosine - y * sine, y * cosine + x * sine


@inner
def _frame(
    series: tuple[float, float, float, float, float, float, float, float, float],
    about: float,
    at: tuple[float, float],
    of: tuple[float, float],
) -> tuple[float, float]:
    """Metres east and north of the point `at` in the frame of `of` (degrees); `cells.frame_xy` by the series."""
    return _turned(_parallel(series, about, at[1], of[1]), (at[0] - of[0]) * _DEG)


@inner
def _middle(lon: Floats, lat: Floats, r: int, c: int) -> tuple[float, float]:
    """Centre of the bounding box of a cell, degrees."""
    a, b, d, e = lon[r, c], lon[r, c + 1], lon[r + 1, c], lon[r + 1, c + 1]
    x = 0.5 * (min(min(a, b), min(d, e)) + max(max(a, b), max(d, e)))
    a, b, d, e = lat[r, c], lat[r, c + 1], lat[r + 1, c], lat[r + 1, c + 1]
    return x, 0.5 * (min(min(a, b), min(d, e)) + max(max(a, b), max(d, e)))


@inner
def _quad(
    series: tuple[float, float, float, float, float, float, float, float, float],
    about: float,
    lattice: tuple[Floats, Floats],
    cell: tuple[int, int],
    out: Floats,
) -> tuple[float, float]:
    """Corners (4, 2) of a cell in its frame, counter-clockwise; area and distance of the farthest corner."""
    lon, lat = lattice
    r, c = cell
    of = _middle(lon, lat, r, c)
    out[0, 0], out[0, 1] = _frame(series, about, (lon[r + 1, c], lat[r + 1, c]), of)
    out[1, 0], out[1, 1] = _frame(series, about, (lon[r + 1, c + 1], lat[r + 1, c + 1]), of)
    out[2, 0], out[2, 1] = _frame(series, about, (lon[r, c + 1], lat[r, c + 1]), of)
    out[3, 0], out[3, 1] = _frame(series, about, (lon[r, c], lat[r, c]), of)
    area = 0.5 * ((out[2, 0] - out[0, 0]) * (out[3, 1] - out[1, 1]) - (out[3, 0] - out[1, 0]) * (out[2, 1] - out[0, 1]))
    if area < 0.0:  # rows run northwards or columns westwards
        for k in range(2):
            out[1, k], out[3, k] = out[3, k], out[1, k]
    reach2 = 0.0
    for k in range(4):
        reach2 = max(reach2, out[k, 0] * out[k, 0] + out[k, 1] * out[k, 1])
    return abs(area), math.sqrt(reach2)


@inner
def _arc(px: float, py: float, qx: float, qy: float, radius: float) -> float:
    """Area between the lines from 0 to p and to q and the short arc from p to q."""
    chord = 0.5 * (px * qy - py * qx)
    t = 0.25 * ((px - qx) * (px - qx) + (py - qy) * (py - qy)) / (radius * radius)
    s = math.sqrt(t)
    if s > _SHORT_ARC:
        s = min(s, 1.0)
        return chord + radius * radius * (math.asin(s) - s * math.sqrt(1.0 - s * s))
    tail = t * (3.0 / 56.0 + t * (5.0 / 144.0 + t * (35.0 / 1408.0 + t * 63.0 / 3328.0)))
    return chord + 2.0 * radius * radius * s * t * (1.0 / 3.0 + t * (1.0 / 10.0 + tail))


@inner
def _quad_area(quad: Floats, dx: float, dy: float, radius: float) -> float:
    """Area of a quadrilateral smaller than the circle inside the circle about (dx, dy)."""
    r2 = radius * radius
    twice = arcs = 0.0
    out_x = out_y = in_x = in_y = 0.0
    waiting = late = False
    ax, ay = quad[3, 0] - dx, quad[3, 1] - dy
    a_in = ax * ax + ay * ay <= r2
    for k in range(4):
        bx, by = quad[k, 0] - dx, quad[k, 1] - dy
        b_in = bx * bx + by * by <= r2
        cross = ax * by - ay * bx
        if a_in and b_in:
            twice += cross
        else:
            ux, uy = bx - ax, by - ay
            length2, towards = ux * ux + uy * uy, -(ax * ux + ay * uy)
            half2 = r2 * length2 - cross * cross
            # between two corners outside the circle the edge dips into it where its nearest point does
            if a_in or b_in or (half2 > 0.0 and 0.0 < towards < length2):
                half = math.sqrt(half2) if half2 > 0.0 else 0.0
                t1 = 0.0 if a_in else min(max((towards - half) / length2, 0.0), 1.0)
                t2 = 1.0 if b_in else min(max((towards + half) / length2, 0.0), 1.0)
                if not a_in:
                    px, py = ax + t1 * ux, ay + t1 * uy
                    if waiting:
                        arcs += _arc(out_x, out_y, px, py, radius)
                        waiting = False
                    else:
                        in_x, in_y, late = px, py, True
                if not b_in:
                    out_x, out_y, waiting = ax + t2 * ux, ay + t2 * uy, True
                twice += cross * (t2 - t1)
        ax, ay, a_in = bx, by, b_in
    if waiting and late:
        arcs += _arc(out_x, out_y, in_x, in_y, radius)
    return max(0.5 * twice + arcs, 0.0)


@inner
def _share(quad: Floats, rings: Ints, at: tuple[float, float], size: tuple[float, float], radius: float) -> float:
    """Share of a cell (area, reach) inside the circle about `at` in its frame."""
    area, reach = size
    away2 = at[0] * at[0] + at[1] * at[1]
    if reach <= radius and away2 <= (radius - reach) * (radius - reach):
        return 1.0
    if away2 >= (radius + reach) * (radius + reach):
        return 0.0
    if 2.0 * reach <= _SMALL_CELL * radius:
        return min(_quad_area(quad, at[0], at[1], radius) / area, 1.0)
    return min(_disc_area(quad, rings, at[0], at[1], radius) / area, 1.0)


@inner
def _deep(discs: Floats, groups: int, skip: int, at: tuple[float, float], r2: float) -> int:
    """Circles over a point, those of group `skip` left out."""
    depth = 0.0
    for g in range(groups):
        if g != skip:
            ux, uy = at[0] - discs[g, 0], at[1] - discs[g, 1]
            if ux * ux + uy * uy <= r2:
                depth += discs[g, 2]
    return int(depth)


@inner
def _sides(quad: Floats, discs: Floats, groups: int, radius: float, scratch: Floats, out: Floats) -> None:
    """Add the pieces of the cell's sides that bound the ground under at least k + 1 circles to `out[k]`."""
    for v in range(4):
        ax, ay, bx, by = quad[v - 1, 0], quad[v - 1, 1], quad[v, 0], quad[v, 1]
        scratch[0], scratch[1], count = 0.0, 1.0, 2
        for g in range(groups):
            cx, cy = discs[g, 0], discs[g, 1]
            for t in _cuts(ax - cx, ay - cy, bx - cx, by - cy, radius):
                if 0.0 < t < 1.0:
                    scratch[count] = t
                    count += 1
        _sort(scratch, count)
        half_cross = 0.5 * (ax * by - ay * bx)
        for i in range(count - 1):
            step = scratch[i + 1] - scratch[i]
            if step > 0.0:
                t = 0.5 * (scratch[i] + scratch[i + 1])
                depth = _deep(discs, groups, -1, (ax + t * (bx - ax), ay + t * (by - ay)), radius * radius)
                for k in range(min(depth, len(out))):
                    out[k] += half_cross * step


@inner
def _crossings(quad: Floats, discs: Floats, groups: int, own: int, size: tuple[float, float], into: Floats) -> int:
    """Where sides and other circles cut the circle `own`: metres beside the line from its centre to the cell's, rising.

    Near the cell, small beside the circle, these rise with the angle.
    """
    radius, reach = size
    cx, cy = discs[own, 0], discs[own, 1]
    away = math.sqrt(cx * cx + cy * cy)
    across_x, across_y = cy / away, -cx / away
    count = 0
    for v in range(4):
        ax, ay = quad[v - 1, 0] - cx, quad[v - 1, 1] - cy
        ux, uy = quad[v, 0] - cx - ax, quad[v, 1] - cy - ay
        for t in _cuts(ax, ay, ax + ux, ay + uy, radius):
            if t >= 0.0:
                into[count] = (ax + t * ux) * across_x + (ay + t * uy) * across_y
                count += 1
    for g in range(groups):
        ux, uy = discs[g, 0] - cx, discs[g, 1] - cy
        length2 = ux * ux + uy * uy
        half2 = radius * radius - 0.25 * length2
        if g == own or half2 <= -TOUCH_M * TOUCH_M:
            continue
        half = math.sqrt(half2 / length2) if half2 > TOUCH_M * TOUCH_M else 0.0
        for side in (-half, half):
            x, y = 0.5 * ux - side * uy, 0.5 * uy + side * ux
            if math.hypot(x + cx, y + cy) <= reach + 1.0:  # a cut away from the cell splits no arc inside it
                into[count] = x * across_x + y * across_y
                count += 1
    _sort(into, count)
    return count


@inner
def _on_circle(centre: tuple[float, float], beside: float, radius: float) -> tuple[float, float]:
    """Point of a circle, from its centre, so far beside the line from there to 0 (counter-clockwise)."""
    along = math.sqrt(radius * radius - beside * beside)
    away = math.sqrt(centre[0] * centre[0] + centre[1] * centre[1])
    return (centre[1] * beside - centre[0] * along) / away, (-centre[0] * beside - centre[1] * along) / away


@inner
def _bows(
    quad: Floats, rings: Ints, discs: Floats, groups: int, size: tuple[float, float], scratch: Floats, out: Floats
) -> None:
    """Add the arcs inside the cell that bound the ground under at least k + 1 circles to `out[k]`."""
    radius = size[0]
    levels = len(out)
    for own in range(groups):
        cx, cy, times = discs[own, 0], discs[own, 1], int(discs[own, 2])
        count = _crossings(quad, discs, groups, own, size, scratch)
        if count == 0:
            continue
        qx, qy = _on_circle((cx, cy), scratch[0], radius)
        for i in range(count - 1):
            px, py = qx, qy
            qx, qy = _on_circle((cx, cy), scratch[i + 1], radius)
            if scratch[i + 1] <= scratch[i]:
                continue
            middle = radius / math.hypot(px + qx, py + qy)
            x, y = cx + (px + qx) * middle, cy + (py + qy) * middle
            if not _inside_cell(quad, rings, x, y):
                continue
            others = _deep(discs, groups, own, (x, y), radius * radius)
            bow = _arc(px, py, qx, qy, radius) + 0.5 * (cx * (qy - py) - cy * (qx - px))
            for k in range(min(others, levels), min(others + times, levels)):
                out[k] += bow


@inner
def _relation_quad(quad: Floats, rings: Ints, x: float, y: float, radius: float) -> int:
    """As `_relation`; corners on both sides of the circle tell at once."""
    held = 0
    for v in range(4):
        dx, dy = quad[v, 0] - x, quad[v, 1] - y
        held += dx * dx + dy * dy < radius * radius
    return PART if 0 < held < 4 else _relation(quad, rings, x, y, radius)  # noqa: PLR2004 - corners


@inner
def _depth_quad(
    quad: Floats, rings: Ints, centres: Floats, size: tuple[float, float, float], scratch: Floats, out: Floats
) -> None:
    """Area of a cell (radius, reach, area) small beside the circles under at least 1, 2, … of them.

    `centres` (k, 3) is overwritten: its first rows come to hold the circles that cut the cell, centres told apart.
    """
    radius, reach, area = size
    levels = len(out)
    whole = groups = 0
    for i in range(len(centres)):
        x, y = centres[i, 0], centres[i, 1]
        relation = _relation_quad(quad, rings, x, y, radius)
        if relation == WHOLE:
            whole += 1
        elif relation != NONE:
            g = 0
            while g < groups and math.hypot(centres[g, 0] - x, centres[g, 1] - y) > SAME_CENTRE_M:
                g += 1
            if g == groups:
                centres[g, 0], centres[g, 1], centres[g, 2] = x, y, 0.0
                groups += 1
            centres[g, 2] += 1.0
    out[: min(whole, levels)] = area
    if groups == 0 or whole >= levels:
        return
    rest = out[whole:]
    if groups == 1:
        rest[: min(int(centres[0, 2]), len(rest))] = _quad_area(quad, centres[0, 0], centres[0, 1], radius)
    else:
        _sides(quad, centres, groups, radius, scratch, rest)
        _bows(quad, rings, centres, groups, (radius, reach), scratch, rest)
    for k in range(len(rest)):
        rest[k] = min(max(rest[k], 0.0), area)

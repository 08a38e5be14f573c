"""Cells at the rim of one circle, measured together 圈边格: arrays in, arrays out, compiled.

A cell small beside the circle is measured by one formula without branches, so that the machine's vector instructions
take several cells at a time. Four sides bound it; of each the part inside the circle counts. Seen from the circle's
middle, those parts turn by as much as the arcs between them turn back, so the arcs need no ends of their own:

    2 · area = Σ cross(p, q) − r² · Σ angle(p, q)      over the parts p → q of the sides inside the circle.

`quad_kernels` measures one cell of any size, with branches.
"""

from __future__ import annotations

import math

import numpy as np

from circle15.measure.compiled import inner
from circle15.measure.quad_kernels import _share, _turned
from circle15.quantities import Floats

TOGETHER = 128
"""Cells that are measured in one run."""
SMALL = 0.14
"""Half a diagonal over the radius: up to this a cell is small."""
# what is told of a cell, each TOGETHER numbers apart; corners about the circle's middle, x and y, counter-clockwise
SHARE, PEOPLE, AREA, CORNERS = 0, 1, 2, 3
# of one in a straight grid instead of corners: half widths of its lower and upper side, how far north of its middle
# these lie, what `quad_kernels._parallel` tells, and how far east of its middle the circle's is, in radians
LOW_X, LOW_Y, HIGH_X, HIGH_Y, WIDE, NORTH, TURN, EAST = 11, 12, 13, 14, 15, 16, 17, 18
SLOTS = 19


@inner
def _part(ax: float, ay: float, bx: float, by: float, r2: float) -> tuple[float, float]:
    """Cross and dot product of the ends of a side's part inside the circle about 0; cross is 0 where none is."""
    ux, uy = bx - ax, by - ay
    length2, towards, cross = ux * ux + uy * uy, -(ax * ux + ay * uy), ax * by - ay * bx
    half2 = r2 * length2 - cross * cross
    half = math.sqrt(max(0.0, half2))
    whole = 1.0 / length2
    t1, t2 = (towards - half) * whole, (towards + half) * whole
    t1 = max(0.0, t1)
    t1 = min(1.0, t1)
    t2 = max(0.0, t2)
    t2 = min(1.0, t2)
    return cross * (t2 - t1), (ax + t1 * ux) * (ax + t2 * ux) + (ay + t1 * uy) * (ay + t2 * uy)


@inner
def _atan(x: float) -> float:
    """Arc tangent up to 1/3."""
    y = x * x
    odd = 1 / 23 - y * (1 / 25 - y * (1 / 27 - y * (1 / 29 - y / 31)))
    odd = 1 / 13 - y * (1 / 15 - y * (1 / 17 - y * (1 / 19 - y * (1 / 21 - y * odd))))
    return x * (1.0 - y * (1 / 3 - y * (1 / 5 - y * (1 / 7 - y * (1 / 9 - y * (1 / 11 - y * odd))))))


@inner
def _place_alike(rim: Floats, count: int) -> None:
    """Write the corners and areas of cells of a straight grid."""
    for i in range(count):
        parallel = rim[WIDE * TOGETHER + i], rim[NORTH * TOGETHER + i], rim[TURN * TOGETHER + i]
        x, y = _turned(parallel, rim[EAST * TOGETHER + i])
        low, high = rim[LOW_X * TOGETHER + i], rim[HIGH_X * TOGETHER + i]
        low_y, high_y = rim[LOW_Y * TOGETHER + i], rim[HIGH_Y * TOGETHER + i]
        rim[AREA * TOGETHER + i] = (low + high) * (high_y - low_y)
        low_y, high_y = low_y - y, high_y - y
        rim[CORNERS * TOGETHER + i], rim[(CORNERS + 1) * TOGETHER + i] = -low - x, low_y
        rim[(CORNERS + 2) * TOGETHER + i], rim[(CORNERS + 3) * TOGETHER + i] = low - x, low_y
        rim[(CORNERS + 4) * TOGETHER + i], rim[(CORNERS + 5) * TOGETHER + i] = high - x, high_y
        rim[(CORNERS + 6) * TOGETHER + i], rim[(CORNERS + 7) * TOGETHER + i] = -high - x, high_y


@inner
def _shares_of_small(rim: Floats, count: int, radius: float) -> None:
    """Write the shares inside a circle of cells that are all small."""
    r2 = radius * radius
    for i in range(count):
        ax, ay = rim[CORNERS * TOGETHER + i], rim[(CORNERS + 1) * TOGETHER + i]
        bx, by = rim[(CORNERS + 2) * TOGETHER + i], rim[(CORNERS + 3) * TOGETHER + i]
        cx, cy = rim[(CORNERS + 4) * TOGETHER + i], rim[(CORNERS + 5) * TOGETHER + i]
        dx, dy = rim[(CORNERS + 6) * TOGETHER + i], rim[(CORNERS + 7) * TOGETHER + i]
        cross_a, dot_a = _part(ax, ay, bx, by, r2)
        cross_b, dot_b = _part(bx, by, cx, cy, r2)
        cross_c, dot_c = _part(cx, cy, dx, dy, r2)
        cross_d, dot_d = _part(dx, dy, ax, ay, r2)
        # (dot, cross) as complex numbers: the angle of their product is the sum of their angles
        dot, cross = dot_a * dot_b - cross_a * cross_b, dot_a * cross_b + cross_a * dot_b
        other, turned = dot_c * dot_d - cross_c * cross_d, dot_c * cross_d + cross_c * dot_d
        dot, cross = dot * other - cross * turned, dot * turned + cross * other
        share = 0.5 * (cross_a + cross_b + cross_c + cross_d - r2 * _atan(cross / dot)) / rim[AREA * TOGETHER + i]
        a2, b2, c2, d2 = ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy, dx * dx + dy * dy
        a2, c2 = max(b2, a2), max(d2, c2)
        share = share if (max(c2, a2)) > r2 else 1.0
        share = min(1.0, share)
        rim[SHARE * TOGETHER + i] = max(0.0, share)


@inner
def _shares_of_any(rim: Floats, count: int, radius: float) -> None:
    """Write the shares of cells of any size inside a circle."""
    quad, rings = np.empty((4, 2)), np.array([0, 4])
    for i in range(count):
        x = y = reach2 = 0.0
        for k in range(4):
            quad[k, 0], quad[k, 1] = rim[(CORNERS + 2 * k) * TOGETHER + i], rim[(CORNERS + 2 * k + 1) * TOGETHER + i]
            x, y = x + 0.25 * quad[k, 0], y + 0.25 * quad[k, 1]
        for k in range(4):
            quad[k, 0], quad[k, 1] = quad[k, 0] - x, quad[k, 1] - y
            reach2 = max(reach2, quad[k, 0] * quad[k, 0] + quad[k, 1] * quad[k, 1])
        size = rim[AREA * TOGETHER + i], math.sqrt(reach2)
        rim[SHARE * TOGETHER + i] = _share(quad, rings, (-x, -y), size, radius)


@inner
def measure_rim(rim: Floats, count: int, radius: float, straight: bool, small: bool) -> None:
    """Write the shares of cells inside a circle.

    Parameters
    ----------
    rim, count
        What is told of each cell (SLOTS · TOGETHER), and how many there are.
    radius
        Of the circle.
    straight
        Cells are told as those of a straight grid; corners and areas are written too.
    small
        All are small.
    """
    if straight:
        _place_alike(rim, count)
    if small:
        _shares_of_small(rim, count, radius)
    else:
        _shares_of_any(rim, count, radius)

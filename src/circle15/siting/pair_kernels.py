"""Pairs of sites and points in reach: arrays in, arrays out, compiled.

Sites and points are put in bins of a grid of degrees, so that only near ones are looked at. Distances are those of
`project.metric.local_xy` (right to 2 µm at 800 m); a pair nearer to the radius than `CLOSE_M` is marked, for the caller
to decide by the geodesic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from circle15.measure.compiled import kernel
from circle15.quantities import EARTH_A_M, EARTH_E2, Floats, Ints, Small

CLOSE_M = 1.0


@kernel
def _metres(lon: float, lat: float, lon0: float, lat0: float) -> float:
    east = lon - lon0
    if abs(east) > 180.0:  # noqa: PLR2004 - degrees
        east -= math.copysign(360.0, east)
    phi = math.radians((lat + lat0) / 2.0)
    sine = math.sin(phi)
    magic = 1.0 - EARTH_E2 * sine * sine
    parallel = EARTH_A_M / math.sqrt(magic) * math.cos(phi)
    meridian = EARTH_A_M * (1.0 - EARTH_E2) / (magic * math.sqrt(magic))
    return math.hypot(parallel * math.radians(east), meridian * math.radians(lat - lat0))


@kernel
def pairs_in_bins(
    site: tuple[Floats, Floats],
    point: tuple[Floats, Floats],
    bins: tuple[Ints, Ints],
    grid: tuple[float, float, float, float, int, int],
    radius_m: float,
    start: Ints,
    into: tuple[Small, NDArray[np.float32]],
) -> None:
    """List the points within `radius_m + CLOSE_M` of each site; with empty `into` only count them into `start[1:]`.

    `bins` holds (bin_start, order): the points of bin b are `order[bin_start[b]:bin_start[b + 1]]`; `grid` holds west,
    south, width and height of a bin in degrees (no less than the reach), columns, rows.
    """
    lon_s, lat_s = site
    lon_p, lat_p = point
    bin_start, order = bins
    west, south, wide, high, columns, rows = grid
    found, metres = into
    fill = len(found) > 0
    for s in range(len(lon_s)):
        at = start[s]
        count = 0
        if not (math.isfinite(lon_s[s]) and math.isfinite(lat_s[s])):
            if not fill:
                start[s + 1] = 0
            continue
        column, row = math.floor((lon_s[s] - west) / wide), math.floor((lat_s[s] - south) / high)
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(column - 1, 0), min(column + 2, columns)):
                for i in range(bin_start[r * columns + c], bin_start[r * columns + c + 1]):
                    p = order[i]
                    d = _metres(lon_p[p], lat_p[p], lon_s[s], lat_s[s])
                    if d <= radius_m + CLOSE_M:
                        if fill:
                            found[at + count] = p
                            metres[at + count] = d
                        count += 1
        if not fill:
            start[s + 1] = count


@kernel
def row_sums(start: Ints, point: Small, value: Ints, out: Ints) -> None:
    """Add to every point the whole numbers of the sites that reach it (wrapping): a fingerprint of its row."""
    for s in range(len(start) - 1):
        for i in range(start[s], start[s + 1]):
            out[point[i]] += value[s]

"""How many points lie within a radius of each 圈内点数: arrays in, arrays out, compiled.

Points are sorted into bands of latitude as high as the radius and by longitude within a band, so that few pairs are
looked at, and each pair once: with what follows in a point's own band, and with the next band. Distances are those of
`project.metric.local_xy`, right to 2 µm at 800 m.
"""

from __future__ import annotations

import math

import numpy as np

from circle15.measure.compiled import kernel
from circle15.measure.quad_kernels import _frame, _series
from circle15.quantities import LEAST_M_PER_DEGREE, Floats, Ints

CLOSE_CALL_M = 1e-3
_ROOM = 4096  # pairs so close: a few for each million points


@kernel
def _count(lon: Floats, lat: Floats, start: Ints, band: Ints, radius: float, close: np.ndarray, count: Ints) -> int:
    """See `count_near`."""
    calls = 0
    high = (radius + 1.0) / LEAST_M_PER_DEGREE
    for i in range(len(lon)):
        at = (lon[i], lat[i])
        series = _series(lat[i])
        wide = high / max(math.cos(math.radians(min(abs(lat[i]) + high, 89.9))), 1e-3)
        for b in range(band[i], min(band[i] + 2, len(start) - 1)):
            lo, hi = max(start[b], i + 1), start[b + 1]
            while b > band[i] and lo < hi:
                middle = (lo + hi) // 2
                if lon[middle] < at[0] - wide:
                    lo = middle + 1
                else:
                    hi = middle
            for j in range(lo, start[b + 1]):
                if lon[j] > at[0] + wide:
                    break
                x, y = _frame(series, at[1], (lon[j], lat[j]), at)
                away = math.sqrt(x * x + y * y)
                if away <= radius - CLOSE_CALL_M:
                    count[i] += 1
                    count[j] += 1
                elif away < radius + CLOSE_CALL_M:
                    if calls < len(close):
                        close[calls, 0], close[calls, 1] = i, j
                    calls += 1
    return calls


def count_near(lon: Floats, lat: Floats, *, radius_m: float) -> tuple[Ints, Ints]:
    """Count the other points within a radius of each.

    Parameters
    ----------
    lon, lat
        (n,) degrees, finite; no pair may straddle ±180°.
    radius_m
        Radius, 2 mm or more.

    Returns
    -------
    count (n,): others that are surely within; and pairs (m, 2), each told once, so near to the radius that a geodesic
    must decide.
    """
    band = np.floor((lat + 90.0) / ((radius_m + 1.0) / LEAST_M_PER_DEGREE)).astype(np.int64)
    band -= band.min(initial=0) if not len(band) else band.min()
    order = np.argsort(band + (lon + 180.0) / 512.0)  # less than a millimetre out of order, with a metre of room
    x, y = (np.ascontiguousarray(v[order], dtype=np.float64) for v in (lon, lat))
    of = np.ascontiguousarray(band[order], dtype=np.int64)
    start = np.searchsorted(of, np.arange((of[-1] if len(of) else 0) + 2)).astype(np.int64)
    count, close = np.zeros(len(lon), np.int64), np.empty((_ROOM, 2), np.int64)
    calls = int(_count(x, y, start, of, float(radius_m), close, count))
    if calls > len(close):
        close, count = np.empty((calls, 2), np.int64), np.zeros(len(lon), np.int64)
        _count(x, y, start, of, float(radius_m), close, count)
    found = np.empty_like(count)
    found[order] = count
    return found, order[close[:calls]]

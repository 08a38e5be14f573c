"""How far rounding may have moved a position 坐标取位误差.

A coordinate written to d decimals stands for every position of its cell: its true place is up to half a diagonal of
that cell away, at 37.5° N 7 m for 4 decimals, 71 m for 3 and 707 m for 2; 20 m for whole seconds of arc. Truncation
would double that: it cannot be told from rounding and is not allowed for.

Excel drops noughts at the end, so that one position in a hundred of a six-decimal register shows five. A coarser
position counts as rounded only where there are at least twice as many as that chance would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from circle15.quantities import M_PER_DEGREE
from circle15.read.coordinates import DMS, MOST_DIGITS, NUMBER, Axis

FloatArray = npt.NDArray[np.float64]

_NEGLIGIBLE_M = 1.0
_USUAL_SHARE = 0.05
_BY_CHANCE = 0.5
_COARSEST_DIGITS = 4


@dataclass(frozen=True)
class Rounding:
    """Metres (n,) by which rounding may have moved each position (0 where below a metre), and the word for it (n,)."""

    metres: FloatArray
    reason: npt.NDArray[np.object_]


def degree_rounding(x: Axis, y: Axis, lon: FloatArray, lat: FloatArray) -> Rounding:
    """Rounding of positions written in degrees; `lon`, `lat` are those degrees (for the width of a cell)."""
    count = len(lon)
    reason = np.full(count, "", dtype=object)
    step = np.fmin(x.step, y.step)
    sexagesimal = (x.form == DMS) & (y.form == DMS)
    decimal = (x.form == NUMBER) & (y.form == NUMBER) & np.isfinite(lon) & np.isfinite(lat) & np.isfinite(step)
    digits = np.full(count, MOST_DIGITS)
    digits[decimal] = np.rint(-np.log10(step[decimal])).astype(np.int64)
    digits[decimal] = _beyond_chance(digits[decimal])
    step = np.where(decimal, 10.0 ** -digits.astype(np.float64), step)
    metres = np.where(sexagesimal | decimal, _half_diagonal_m(step, lat), 0.0)
    metres = np.where(np.isfinite(metres) & (metres >= _NEGLIGIBLE_M), metres, 0.0)
    for d in range(_COARSEST_DIGITS + 1):
        reason[decimal & (digits == d) & (metres > 0)] = f"rounded_{d}"
    reason[decimal & (digits < 0) & (metres > 0)] = "rounded_0"
    reason[sexagesimal & (metres > 0)] = "rounded_seconds"
    reason[sexagesimal & (metres > 0) & (step > 0.99 / 60)] = "rounded_minutes"
    return Rounding(metres, reason)


def metre_rounding(x: Axis, y: Axis) -> Rounding:
    """Rounding of positions written in metres of a projection: to tens or hundreds of metres."""
    digits = np.rint(-np.log10(np.fmin(x.step, y.step)))
    known = np.isfinite(digits)
    digits[known] = _beyond_chance(digits[known].astype(np.int64))
    metres = np.where(known, np.hypot(0.5, 0.5) * 10.0 ** -np.where(known, digits, 0.0), 0.0)
    metres = np.where(metres >= _NEGLIGIBLE_M, metres, 0.0)
    reason = np.where(metres > 0, "rounded_metres", "").astype(object)
    return Rounding(metres, reason)


def _beyond_chance(digits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Digits (n,) with those that dropped noughts explain set to the register's usual digits."""
    if len(digits) == 0:
        return digits
    kinds, counts = np.unique(digits, return_counts=True)
    usual = int(kinds[counts >= _USUAL_SHARE * len(digits)].max())
    held = digits.copy()
    for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True):
        if kind < usual and len(digits) * 100.0 ** (kind - usual) >= _BY_CHANCE * count:
            held[digits == kind] = usual
    return held


def _half_diagonal_m(step_deg: FloatArray, lat: FloatArray) -> FloatArray:
    across = M_PER_DEGREE * np.cos(np.radians(lat))
    return np.asarray(0.5 * step_deg * np.hypot(across, M_PER_DEGREE), dtype=np.float64)

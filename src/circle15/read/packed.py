"""Degrees, minutes and seconds packed into one number 度分秒连写: 105.1108 for 105°11′08″, as some receivers export.

Nothing in such a number says so. It is read that way only where the city file declares it (`packed_dms = true`); where
a column looks like it, that is evidence for a warning, never a decision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from circle15.read.coordinates import DMS, NUMBER, UNREAD, Axis

FloatArray = npt.NDArray[np.float64]

BY_CHANCE = 1e-6
"""A column is named where its digits would all be minutes and seconds by chance less often than this."""
_SIXTY = 0.6
_LARGEST = 180.0
_PARTS = 1e6  # hundredths of a second
_SLACK = 0.01
_TENS_OF_SECONDS = 1e-3
"""The third decimal."""


def unpacked(axis: Axis) -> Axis:
    """Numbers DDD.MMSS[ss] as decimal degrees; minutes or seconds of 60 and more cannot be read."""
    taken = _taken(axis)
    degrees, minutes, seconds = _split(axis.values)
    good = taken & (minutes < 60) & (seconds < 60)  # noqa: PLR2004 - minutes and seconds
    values = np.where(good, np.copysign(degrees + minutes / 60 + seconds / 3600, axis.values), axis.values)
    form = np.where(good, DMS, np.where(taken, UNREAD, axis.form)).astype(np.int8)
    coarse = np.select(
        [axis.step >= 1, axis.step > _TENS_OF_SECONDS], [axis.step, axis.step * 100 / 60], axis.step * 1e4 / 3600
    )
    return Axis(np.where(form == UNREAD, np.nan, values), form, np.where(good, coarse, axis.step), axis.side)


def chance_of_packed(axis: Axis) -> float:
    """How likely decimal degrees would look packed by chance: 0.6 for each distinct pair of digits that are seconds.

    1 where one number cannot be packed. The first two decimals are left out: within one town they hardly differ.
    """
    taken = _taken(axis)
    _, minutes, seconds = _split(axis.values[taken])
    if ((minutes >= 60) | (seconds >= 60)).any():  # noqa: PLR2004 - minutes and seconds
        return 1.0
    told = np.unique(axis.values[taken][axis.step[taken] < _TENS_OF_SECONDS])
    return float(_SIXTY ** len(told))


def _taken(axis: Axis) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((axis.form == NUMBER) & (np.abs(axis.values) <= _LARGEST), dtype=bool)


def _split(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Degrees, minutes and seconds of packed numbers; what binary fractions lack of a digit is put right."""
    with np.errstate(invalid="ignore", over="ignore"):
        parts = np.round(np.abs(values) * _PARTS, 2)
        parts = np.where(np.abs(parts - np.rint(parts)) < _SLACK, np.rint(parts), parts)
        degrees, rest = np.divmod(parts, _PARTS)
        minutes, hundredths = np.divmod(rest, 1e4)
    return degrees, minutes, hundredths / 100

"""How coordinates are written 坐标写法: decimal degrees, degrees-minutes-seconds 度分秒, metres of a projection.

Nothing is judged here: cells become numbers with the step they were written to, and `read/points.py` decides what they
can mean.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from circle15.read.faults import positions_of
from circle15.read.values import is_blank

FloatArray = npt.NDArray[np.float64]

_MARKS = {"degree": "°", "minute": "'", "second": '"', "east": "E", "west": "W", "north": "N", "south": "S"}
_DMS = re.compile(r"""^([EWNS]?)([+-]?)(\d{1,3})°(?:(\d{1,2}(?:\.\d+)?)'(?:(\d{1,2}(?:\.\d+)?)"?)?)?([EWNS]?)$""")
_SPACED = re.compile(r"^([EWNS]?) ?()(\d{1,3})[ :\-](\d{1,2})[ :\-](\d{1,2}(?:\.\d+)?)([EWNS]?)$")
_MARKED = re.compile(r"^([EWNS]?) ?([+-]?\d{1,3}(?:\.\d+)?) ?°? ?([EWNS]?)$")
_PLAIN = "+-.0123456789"
_SIXTY = 60.0
MOST_DIGITS = 7
_SLACK = 1e-6
_LARGEST = 1e9
_FLOAT_DIGITS = 17
BLANK, NUMBER, DMS, UNREAD = 0, 1, 2, 3


@dataclass(frozen=True)
class Axis:
    """One column of coordinates as written.

    Parameters
    ----------
    values
        (n,) numbers; degrees where `form` is DMS; NaN for blank and unread cells.
    form
        (n,) BLANK, NUMBER, DMS or UNREAD.
    step
        (n,) the last place written, in the value's own unit: 0.001 for 105.123, 1/3600 for whole seconds, 100 for
        500100; NaN where there is no number.
    side
        (n,) "E", "W", "N", "S" where a cell says it, else "".
    """

    values: FloatArray
    form: npt.NDArray[np.int8]
    step: FloatArray
    side: npt.NDArray[np.str_]


def read_axis(cells: Sequence[Any]) -> Axis:
    """Read one column of cells; see `Axis`."""
    count = len(cells)
    form, side = np.full(count, NUMBER, dtype=np.int8), np.zeros(count, dtype="<U1")
    if all(type(c) is float for c in cells):
        values = np.array(cells, dtype=np.float64)
        form[np.isnan(values)] = BLANK
        return Axis(values, form, steps_of(values), side)
    values, step = np.full(count, np.nan), np.full(count, np.nan)
    for i, cell in enumerate(cells):
        if is_blank(cell):
            form[i] = BLANK
        elif isinstance(cell, bool):
            form[i] = UNREAD
        elif isinstance(cell, str):
            values[i], step[i], side[i], form[i] = _written(cell)
        else:
            values[i] = _float(cell)
            form[i] = UNREAD if np.isnan(values[i]) else NUMBER
    plain = (form == NUMBER) & np.isnan(step)
    step[plain] = steps_of(values[plain])
    return Axis(values, form, step, side)


def _float(cell: object) -> float:
    try:
        return float(cast("Any", cell))
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _written(text: str) -> tuple[float, float, str, int]:
    """Value, step, side and form of one text; (NaN, NaN, "", UNREAD) where it is no coordinate."""
    spaced = canonical(text) if text.strip(_PLAIN) else text
    marked = spaced.replace(" ", "")
    if "_" not in text:
        try:
            return float(spaced), _text_step(spaced), "", NUMBER
        except ValueError:
            pass
    found = _MARKED.match(spaced)
    if found and not (found[1] and found[3]):
        side = found[1] or found[3]
        value = float(found[2])
        return (-value if side in {"W", "S"} else value), _text_step(found[2]), side, NUMBER
    found = _DMS.match(marked) or _SPACED.match(spaced)
    if found is None or (found[1] and found[6]):
        return np.nan, np.nan, "", UNREAD
    degrees, minutes, seconds = float(found[3]), float(found[4] or 0), float(found[5] or 0)
    if minutes >= _SIXTY or seconds >= _SIXTY or (found[5] and not minutes.is_integer()):
        return np.nan, np.nan, "", UNREAD
    side = found[1] or found[6]
    value = degrees + minutes / 60 + seconds / 3600
    last, unit = (found[5], 3600.0) if found[5] else (found[4], 60.0)
    step = _text_step(last) / unit if last else 1.0
    return (-value if side in {"W", "S"} or found[2] == "-" else value), step, side, DMS


def canonical(text: str) -> str:
    """Text with one spelling for each mark and single blanks."""
    words, letters = _spellings()
    for spelled, mark in words:
        text = text.replace(spelled, mark)
    return " ".join(unicodedata.normalize("NFKC", text.translate(letters)).split())


@cache
def _spellings() -> tuple[tuple[tuple[str, str], ...], dict[int, str]]:
    """Spellings of several letters, the longest first, and those of one."""
    told = tomllib.loads(files("circle15.read").joinpath("coordinates.toml").read_text(encoding="utf-8"))
    pairs = [(spelled, _MARKS[mark]) for mark, all_spelled in told.items() for spelled in all_spelled]
    words = sorted((p for p in pairs if len(p[0]) > 1), key=lambda p: (-len(p[0]), p[0]))
    return tuple(words), {ord(spelled): mark for spelled, mark in pairs if len(spelled) == 1}


def _text_step(text: str) -> float:
    """Last place of a number as written; trailing noughts count as written, because text keeps them."""
    digits = text.partition("e")[0].partition("E")[0].strip("+-")
    whole, _, fraction = digits.partition(".")
    if fraction:
        return float(10.0 ** -min(len(fraction), _FLOAT_DIGITS))
    return float(10.0 ** (len(whole) - len(whole.rstrip("0")))) if whole.strip("0") else 1.0


def steps_of(values: FloatArray) -> FloatArray:
    """Last place of numbers that lost how they were written: the coarsest power of ten that they are multiples of.

    From 100 down to 1e-7; NaN stays NaN. A number that was written with noughts at its end seems coarser than it was:
    `read/rounding.py` allows for that.
    """
    open_ = np.abs(values) < _LARGEST  # NaN and infinities are not below it
    step = np.where(open_, 10.0**-MOST_DIGITS, np.nan)
    for digits in range(-2, MOST_DIGITS):
        at = positions_of(open_)
        if not at:
            break
        scaled = values[at] * 10.0**digits
        whole = np.abs(scaled - np.rint(scaled)) <= _SLACK
        hit = np.asarray(at)[whole]
        step[hit] = 10.0**-digits
        open_[hit] = False
    return step

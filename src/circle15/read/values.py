"""Cells to numbers, dates and words; every cell that does not fit is a fault with its row 数值核对.

Each distinct cell is looked at once; what is converted on the way is noted as an assumption.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from circle15.read.faults import Faults, positions_of
from circle15.read.personal import masked
from circle15.read.words_in import text_list

FloatArray = npt.NDArray[np.float64]
Noted = dict[str, dict[Any, str]]
"""Assumption -> cell as it stood -> what it is read as."""

_HIDING = (0x00AD, 0x061C, 0x180E, *range(0x200B, 0x200D), 0x200E, 0x200F, *range(0x202A, 0x202F))
_UNSEEN = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ") | dict.fromkeys(
    (*_HIDING, *range(0x2060, 0x206A), 0xFEFF)
)
_WIDE = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_SUSPECT = re.compile(
    r"[\s\x00-\x1f\x7f-\xa0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]"
)
_CJK = r"\u3400-\u9fff\uff08\uff09\u3001\uff0c"
_GAP = re.compile(rf"(?<=[{_CJK}])\s+(?=[{_CJK}])")


@dataclass(frozen=True)
class Column:
    """One column of a raw table with what a fault needs to name it: cells, row numbers, sheet, header."""

    cells: Sequence[Any]
    rows: Sequence[int]
    name: str
    sheet: str | None = None


def is_blank(cell: object) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, blanks."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return True
    return cell is pd.NaT or (isinstance(cell, float) and np.isnan(cell))


@cache
def _blank_words() -> frozenset[str]:
    return frozenset(text_list("blanks"))


def means_nothing(cell: object) -> bool:
    """Whether a cell of a number or date holds nothing or a word for nothing: a dash, 无, #N/A."""
    return is_blank(cell) or (isinstance(cell, str) and cell.strip().casefold() in _blank_words())


def seen(text: str) -> str:
    """Text as it is seen: control characters become blanks; invisible marks that reorder or split words go."""
    return text.strip() if text.isprintable() else text.translate(_UNSEEN).strip()


def distinct(cells: Sequence[Any]) -> tuple[list[Any], npt.NDArray[np.intp]]:
    """Distinct cells in order of their first place, and for each cell which of them it is."""
    try:
        index = {cell: i for i, cell in enumerate(dict.fromkeys(cells))}
    except TypeError:  # lists and tables within a vector file's attributes
        cells = [c if isinstance(c, (str, float, int, type(None))) else str(c) for c in cells]
        index = {cell: i for i, cell in enumerate(dict.fromkeys(cells))}
    return list(index), np.fromiter(map(index.__getitem__, cells), dtype=np.intp, count=len(cells))


def texts(column: Column, faults: Faults | None = None) -> list[str]:
    """Cells as text: whole floats lose their ".0", blanks at the ends and unseen characters go, missing is "".

    With `faults`, full-width digits and letters become half-width, spaces between Chinese characters go, and each
    is noted.
    """
    if all_text(column.cells) and not _SUSPECT.search("".join(column.cells)):
        return list(column.cells)
    known, at = distinct(column.cells)
    if faults is None:
        words = [_text(c) for c in known]
    else:
        noted: Noted = {}
        words = [_folded(c, noted) if isinstance(c, str) else _text(c) for c in known]
        tell_changes(column, faults, noted)
    return words if len(words) == len(at) else [words[i] for i in at.tolist()]


def all_text(cells: Sequence[Any]) -> bool:
    """Whether every cell is a text."""
    return set(map(type, cells)) <= {str}


def tell_changes(column: Column, faults: Faults, noted: Noted) -> None:
    """Note what was read as something else: how many cells, the first of them, and each for a corrected copy."""
    if not noted:
        return
    known, at = distinct(column.cells)
    for what, changed in noted.items():
        is_changed = np.array([_is_key(c) and c in changed for c in known], dtype=bool)
        places = positions_of(is_changed[at])
        if not places:
            continue
        shown = {c: (masked(_text(c)), masked(after)) for c, after in changed.items()}
        before, after = shown[column.cells[places[0]]]
        faults.assume(
            what,
            count=len(places),
            sheet=column.sheet,
            row=column.rows[places[0]],
            column=column.name,
            before=before,
            after=after,
        )
        for i in places:
            before, after = shown[column.cells[i]]
            faults.correct(what, sheet=column.sheet, row=column.rows[i], column=column.name, before=before, after=after)


def _is_key(cell: object) -> bool:
    return isinstance(cell, (str, float, int))


def _folded(cell: str, noted: Noted) -> str:
    if not _SUSPECT.search(cell):
        return cell
    text = seen(cell)
    if not cell.isprintable() and cell.translate(_UNSEEN) != cell:
        noted.setdefault("unseen_removed", {})[cell] = text
    narrow = text.translate(_WIDE)
    if narrow != text:
        noted.setdefault("full_width", {})[cell] = narrow
    closed = _GAP.sub("", narrow)
    if closed != narrow:
        noted.setdefault("spaces_inside", {})[cell] = closed
    return closed


def _text(cell: object) -> str:
    if isinstance(cell, str):
        return seen(cell)
    if is_blank(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def numbers(column: Column, faults: Faults, *, minimum: float | None = None) -> FloatArray:
    """Cells as float64, missing as NaN.

    Full-width digits, thousands separators, units (家, 张 …) and 万 are read and noted; a dash or 无 is missing. Other
    text, infinities and values below `minimum` are errors (and come out as NaN).
    """
    cells = column.cells
    found = np.array([c if type(c) is float else np.nan for c in cells], dtype=np.float64)
    noted: Noted = {}
    for i in positions_of(np.isnan(found)):
        if cells[i] is None or (isinstance(cells[i], str) and not cells[i]):
            continue
        found[i] = _number(cells[i], noted)
        if np.isnan(found[i]) and not means_nothing(cells[i]):
            word = "number_not_finite" if _is_nan_word(cells[i]) else "number_text"
            faults.error(word, sheet=column.sheet, row=column.rows[i], column=column.name, value=cells[i])
    tell_changes(column, faults, noted)
    for i in positions_of(np.isinf(found)):
        faults.error("number_not_finite", sheet=column.sheet, row=column.rows[i], column=column.name, value=cells[i])
    found = np.where(np.isinf(found), np.nan, found)
    if minimum is not None:
        with np.errstate(invalid="ignore"):
            low = found < minimum
        for i in positions_of(low):
            faults.error("number_negative", sheet=column.sheet, row=column.rows[i], column=column.name, value=cells[i])
    return found


def _number(cell: object, noted: Noted) -> float:
    if isinstance(cell, bool) or means_nothing(cell):
        return np.nan
    if not isinstance(cell, str):
        return _float(cell)
    text = seen(unicodedata.normalize("NFKC", cell)).removeprefix("'").strip()
    if "_" in text:
        return np.nan
    value = _float(text)
    if np.isnan(value):
        value = _float_of_words(text)
        if not np.isnan(value):
            noted.setdefault("number_suffix", {})[cell] = f"{value:.15g}"
    elif not cell.strip().isascii():
        noted.setdefault("full_width", {})[cell] = f"{value:.15g}"
    return value


def _float(text: Any) -> float:  # noqa: ANN401 - what float() takes
    try:
        return float(text)
    except (TypeError, ValueError, OverflowError):
        return np.nan


@cache
def _number_words() -> re.Pattern[str]:
    units = "|".join(map(re.escape, sorted(text_list("number_units"), key=len, reverse=True)))
    times = "|".join((*text_list("number_ten_thousand"), *text_list("number_hundred_million")))
    digits = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,30})(?:\.[0-9]{1,30})?"
    return re.compile(rf"({digits})\s*({times})?\s*(?:{units})?")


def _float_of_words(text: str) -> float:
    """Read "1,200", "12 张", "1.2 万人"; NaN for anything else."""
    found = _number_words().fullmatch(text)
    if found is None:
        return np.nan
    power = dict.fromkeys(text_list("number_ten_thousand"), 4) | dict.fromkeys(text_list("number_hundred_million"), 8)
    return float(f"{found[1].replace(',', '')}e{power.get(found[2], 0)}")


def _is_nan_word(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().casefold() in {"nan", "+nan", "-nan"}


def by_distinct(column: Column, one: Callable[[Any], np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Apply a function to each distinct cell; datetime64[s] (n,)."""
    known, at = distinct(column.cells)
    return np.array([one(c) for c in known], dtype="datetime64[s]")[at] if known else np.empty(0, "datetime64[s]")

"""Cells to numbers, dates and words; every cell that does not fit is a fault with its row 数值核对."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from circle15.read.faults import Faults, positions_of
from circle15.read.words_in import text_list

FloatArray = npt.NDArray[np.float64]

_DATE_FORMS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y%m%d", "%Y-%m", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M")


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


_UNSEEN = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ") | dict.fromkeys(
    (0x061C, *range(0x200B, 0x200D), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
)


def seen(text: str) -> str:
    """Text as it is seen: control characters become blanks; invisible marks that reorder or split words go."""
    return text.strip() if text.isprintable() else text.translate(_UNSEEN).strip()


def texts(column: Column) -> list[str]:
    """Cells as text: whole floats lose their ".0", blanks at the ends and unseen characters go, missing is ""."""
    return [_text(cell) for cell in column.cells]


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

    Full-width digits are read. Text, infinities and values below `minimum` are errors (and come out as NaN).
    """
    fast = _all_floats(column.cells)
    found = np.array([_number(c) for c in column.cells], dtype=np.float64) if fast is None else fast
    given = np.zeros(len(found), dtype=bool)
    for i in positions_of(np.isnan(found)):
        given[i] = not is_blank(column.cells[i])
    unread = given & np.isnan(found)
    for i in positions_of(unread):
        word = "number_not_finite" if _is_nan_word(column.cells[i]) else "number_text"
        faults.error(word, sheet=column.sheet, row=column.rows[i], column=column.name, value=column.cells[i])
    for i in positions_of(np.isinf(found)):
        faults.error(
            "number_not_finite", sheet=column.sheet, row=column.rows[i], column=column.name, value=column.cells[i]
        )
    found = np.where(np.isinf(found), np.nan, found)
    if minimum is not None:
        with np.errstate(invalid="ignore"):
            low = found < minimum
        for i in positions_of(low):
            faults.error(
                "number_negative", sheet=column.sheet, row=column.rows[i], column=column.name, value=column.cells[i]
            )
    return found


def _all_floats(cells: Sequence[Any]) -> FloatArray | None:
    if all(type(c) is float for c in cells):
        return np.array(cells, dtype=np.float64)
    return None


def _number(cell: object) -> float:
    if isinstance(cell, bool) or is_blank(cell):
        return np.nan
    if isinstance(cell, str):
        cell = unicodedata.normalize("NFKC", cell).strip()
        if "_" in cell:
            return np.nan
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _is_nan_word(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().casefold() in {"nan", "+nan", "-nan"}


def dates(column: Column, faults: Faults) -> npt.NDArray[np.datetime64]:
    """Cells as datetime64[s], missing as NaT; years beyond 9999 and unreadable words are errors."""
    found = np.full(len(column.cells), np.datetime64("NaT"), dtype="datetime64[s]")
    known: dict[str, np.datetime64] = {}
    for i, cell in enumerate(column.cells):
        if is_blank(cell):
            continue
        text = str(cell)
        if text not in known:
            known[text] = _date(cell)
        found[i] = known[text]
        if np.isnat(found[i]):
            faults.error("date_unreadable", sheet=column.sheet, row=column.rows[i], column=column.name, value=cell)
    return found


def _date(cell: object) -> np.datetime64:
    if isinstance(cell, dt.datetime):
        return np.datetime64(cell.replace(tzinfo=None), "s")
    if isinstance(cell, dt.date):
        return np.datetime64(cell, "s")
    text = unicodedata.normalize("NFKC", _text(cell)).replace("/", "-").replace(".", "-").replace("T", " ")
    for mark in text_list("date_marks"):
        text = text.replace(mark, "-")
    for mark in text_list("date_ends"):
        text = text.replace(mark, "")
    for form in _DATE_FORMS:
        try:
            return np.datetime64(dt.datetime.strptime(text.strip(), form), "s")  # noqa: DTZ007 - days have no zone
        except ValueError:
            continue
    return np.datetime64("NaT", "s")

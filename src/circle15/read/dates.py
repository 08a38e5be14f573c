"""Dates in the forms that registers hold 日期: 2025-09-30, 20250930, 2025年9月30日, Excel serials, year and month."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from circle15.read.faults import Faults, positions_of
from circle15.read.values import Column, Noted, by_distinct, is_blank, means_nothing, seen, tell_changes
from circle15.read.words_in import plain, text_list

_ORIGIN = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - days have no zone
_SERIALS = (20_000, 80_000)
"""Excel day numbers taken as dates: 1954 to 2119."""
_FROM_1904 = 1462.0
"""Days between the two origins of Excel, 1900 and 1904."""
_LATEST_YEAR = 9_000
_TIME = r"(?:\s*(\d{1,2})[:\u65f6](\d{1,2})(?:[:\u5206](\d{1,2})(?:\.\d+)?\u79d2?)?)?"
_FORMS = (
    re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_TIME}"),
    re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?"),
    re.compile(r"(\d{4})-(\d{1,2})"),
    re.compile(r"(\d{4})(\d{2})"),
    re.compile(r"(\d{4})"),
)
_NOTHING = np.datetime64("NaT", "s")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?")


def dates(column: Column, faults: Faults, *, ends: bool = False) -> npt.NDArray[np.datetime64]:
    """Cells as datetime64[s], missing as NaT; unreadable words are errors.

    Parameters
    ----------
    ends
        The last days of something: a year or month stands for its last day, 长期 and the year 9999 for no end (NaT).
        Otherwise a year or month stands for its first day.
    """
    noted: Noted = {}
    found = by_distinct(column, lambda cell: _date(cell, noted, ends=ends))
    for i in positions_of(np.isnat(found)):
        cell = column.cells[i]
        if not means_nothing(cell) and not (ends and _is_open(cell)):
            faults.error("date_unreadable", sheet=column.sheet, row=column.rows[i], column=column.name, value=cell)
    tell_changes(column, faults, noted)
    return found


def day_of(cell: object) -> np.datetime64:
    """One cell as a day in any form that registers use; NaT where it is none."""
    return _date(cell, {}, ends=False)


def days_from_1904(column: Column, faults: Faults) -> list[Any]:
    """Cells of a column of dates from a workbook that counts days from 1904: its day numbers become dates, noted."""
    cells = [_day_from_1904(c) for c in column.cells]
    changed = [i for i, (cell, given) in enumerate(zip(cells, column.cells, strict=True)) if cell is not given]
    if changed:
        i = changed[0]
        given = column.cells[i]
        faults.assume(
            "date_1904",
            count=len(changed),
            sheet=column.sheet,
            row=column.rows[i],
            column=column.name,
            before=seen(given) if isinstance(given, str) else f"{given:g}",
            after=cells[i].date().isoformat(),
        )
    return cells


def _day_from_1904(cell: Any) -> Any:  # noqa: ANN401 - any cell
    told = cell
    if isinstance(cell, str):
        told = float(seen(cell)) if re.fullmatch("[0-9]{5}", seen(cell)) else None
    if not isinstance(told, (int, float)) or isinstance(told, bool):
        return cell
    serial = told + _FROM_1904
    return _day(serial) if _SERIALS[0] <= serial < _SERIALS[1] else cell


def _day(serial: float) -> dt.datetime:
    return _ORIGIN + dt.timedelta(days=int(serial), seconds=round((serial - int(serial)) * 86400))


@cache
def _open_words() -> frozenset[str]:
    return frozenset(plain(w) for w in text_list("date_open"))


def _is_open(cell: Any) -> bool:  # noqa: ANN401 - any cell
    if isinstance(cell, (dt.datetime, dt.date)):
        return cell.year > _LATEST_YEAR
    text = plain(str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell))
    return text in _open_words() or text.startswith("9999")


def _date(cell: Any, noted: Noted, *, ends: bool) -> np.datetime64:  # noqa: ANN401 - any cell
    if is_blank(cell) or isinstance(cell, bool):
        return _NOTHING
    if ends and _is_open(cell):
        if isinstance(cell, str):
            noted.setdefault("date_open_end", {})[cell] = ""
        return _NOTHING
    if isinstance(cell, dt.datetime):
        return np.datetime64(cell.replace(tzinfo=None), "s")
    if isinstance(cell, dt.date):
        return np.datetime64(cell, "s")
    if isinstance(cell, (int, float)):
        return _of_number(float(cell), noted, ends=ends)
    return _of_text(cell, noted, ends=ends) if isinstance(cell, str) else _NOTHING


def _of_number(cell: float, noted: Noted, *, ends: bool) -> np.datetime64:
    if _SERIALS[0] <= cell < _SERIALS[1]:
        day = _day(cell)
        noted.setdefault("date_serial", {})[cell] = day.date().isoformat()
        return np.datetime64(day, "s")
    if not cell.is_integer() or not 0 < cell < 1e15:  # noqa: PLR2004 - 14 digits of YYYYMMDDhhmmss
        return _NOTHING
    return _said(cell, *_parsed(str(int(cell)), ends=ends), noted, ends=ends)


def _of_text(cell: str, noted: Noted, *, ends: bool) -> np.datetime64:
    text = _tidied(cell)
    if text.isdecimal() and len(text) == len(str(_SERIALS[0])):
        return _said(cell, _of_number(float(text), {}, ends=ends), False, noted, ends=ends)  # noqa: FBT003 - a day is told
    value, rough = _parsed(text, ends=ends)
    return value if _ISO.fullmatch(cell) else _said(cell, value, rough, noted, ends=ends)


def _said(cell: object, value: np.datetime64, rough: bool, noted: Noted, *, ends: bool) -> np.datetime64:  # noqa: FBT001 - as _parsed returns it
    if not np.isnat(value):
        what = "date_month_end" if rough and ends else "date_form"
        noted.setdefault(what, {})[cell] = str(value.astype("datetime64[D]"))
    return value


def _tidied(cell: str) -> str:
    """One form for all: digits with "-" between year, month and day, and a time after a blank."""
    text = seen(unicodedata.normalize("NFKC", cell)).removeprefix("'").replace("T", " ").removesuffix("Z")
    for mark in text_list("date_marks"):
        text = text.replace(mark, "-")
    for mark in text_list("date_ends"):
        text = text.replace(mark, " ")
    clock = text.find(":")
    day = text if clock < 0 else text[: text.rfind(" ", 0, clock) + 1]
    return (re.sub(r"\s*[-/.]\s*", "-", day) + text[len(day) :]).strip().removesuffix("-")


def _parsed(text: str, *, ends: bool) -> tuple[np.datetime64, bool]:
    """Date of a tidied text and whether it names no day; NaT for what is none."""
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is None:
            continue
        told = [int(g) for g in found.groups() if g is not None]
        rough = len(told) < 3  # noqa: PLR2004 - year, month, day
        try:
            if rough and ends:
                month = told[1] if len(told) > 1 else 12
                told = [told[0], month, calendar.monthrange(told[0], month)[1]]
            day = dt.datetime(*[*told, 1, 1][: max(3, len(told))])  # type: ignore[arg-type]  # noqa: DTZ001 - no zone
        except (ValueError, IndexError):
            return _NOTHING, False
        return np.datetime64(day, "s"), rough
    return _NOTHING, False

"""Tables without coordinates joined to those that have them 按编码合并: levels, dates, departments of the platform.

The national platform keeps an institution in several tables (RTAL_PHAC_B, MEDINS_INFO_B, MEDINS_DEPT_B …); beds and
physicians stand by department and are added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from circle15.read.branches import codes
from circle15.read.faults import Faults, listed
from circle15.read.tables import RawTable
from circle15.read.values import Column, numbers, texts
from circle15.read.vocabulary import column_of
from circle15.read.words_in import match_columns, meaning

_SUMMED = ("beds", "physicians")
_COUNTED = (*_SUMMED, "stations")
_NOT_JOINED = ("id", "lon", "lat", "lonlat", "department", "branch")

Matched = Mapping[str, str]


def join_tables(
    raws: Sequence[RawTable], faults: Faults, *, columns: Mapping[str, str] | None
) -> tuple[list[RawTable], list[RawTable]]:
    """Add columns of tables without coordinates to the tables that have them.

    Returns
    -------
    Tables with coordinates, with the columns that they lacked; tables that served for nothing.
    """
    told = [(raw, match_columns(raw.columns, "institution", columns)) for raw in raws]
    placed = [raw for raw, matched in told if {"lon", "lat"} <= set(matched)]
    others = [(raw, matched) for raw, matched in told if not {"lon", "lat"} <= set(matched)]
    if not placed:
        return [], [raw for raw, _ in others]
    unused = []
    for other, matched in others:
        if "id" not in matched or len(matched) == 1:
            unused.append(other)
            continue
        extra, keys = _extra(other, matched, faults)
        joined = [_joined(raw, other, extra, faults, columns=columns, summed="department" in matched) for raw in placed]
        met = {key for _, found in joined for key in found}
        placed = [raw for raw, _ in joined]
        missing = [k for k in dict.fromkeys(keys) if k and k not in met]
        if missing and "department" not in matched:
            faults.warn("read.unplaced", sheet=other.sheet, count=len(missing), ids=listed(missing))
        if not met:
            unused.append(other)
    return placed, unused


def _extra(
    other: RawTable, matched: Matched, faults: Faults
) -> tuple[dict[str, tuple[str, dict[str, object]]], list[str]]:
    """Schema column -> its header and code -> cell; codes of all rows in force."""
    keys = codes(column_of(other, matched["id"]), faults)
    if "valid" in matched:
        flags = texts(column_of(other, matched["valid"]))
        gone = [meaning("flag", f) == "no" if f else False for f in flags]
        keys = ["" if out and "department" in matched else key for key, out in zip(keys, gone, strict=True)]
    extra: dict[str, tuple[str, dict[str, object]]] = {}
    for target, header in matched.items():
        if target in _NOT_JOINED or ("department" in matched and target not in _SUMMED):
            continue
        column = column_of(other, header)
        cells = _sums(keys, column, faults) if "department" in matched else _first(keys, column)
        extra[target] = (header, cells)
    return extra, keys


def _sums(keys: Sequence[str], column: Column, faults: Faults) -> dict[str, object]:
    total: dict[str, object] = {}
    for key, number in zip(keys, numbers(column, faults, minimum=0.0).tolist(), strict=True):
        if key and not np.isnan(number):
            total[key] = float(total.get(key, 0.0)) + number  # type: ignore[arg-type]
    return total


def _first(keys: Sequence[str], column: Column) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, cell in zip(keys, column.cells, strict=True):
        if key and cell not in (None, ""):
            found.setdefault(key, cell)
    return found


def _joined(
    raw: RawTable,
    other: RawTable,
    extra: Mapping[str, tuple[str, Mapping[str, object]]],
    faults: Faults,
    *,
    columns: Mapping[str, str] | None,
    summed: bool,
) -> tuple[RawTable, set[str]]:
    matched = match_columns(raw.columns, "institution", columns)
    if "id" not in matched:
        return raw, set()
    keys = codes(column_of(raw, matched["id"]), Faults(faults.file))
    first = {k: i for i, k in reversed(list(enumerate(keys)))}
    frame, names, met = raw.frame, [], set[str]()
    for target, (header, cells) in extra.items():
        here = {k for k in keys if k in cells}
        met |= here
        if target in matched or not here:
            continue
        name = header if header not in frame.columns else f"{header}#{other.sheet}"
        frame = frame.copy()
        # numbers are the institution's: they stand once, at the first of its sites
        told = [cells.get(k) if target not in _COUNTED or first[k] == i else None for i, k in enumerate(keys)]
        frame[name] = pd.Series(told, dtype=object)
        names.append(header)
    if names:
        what = "departments_summed" if summed else "tables_joined"
        faults.assume(what, count=len(met), sheet=raw.sheet, names=listed(names, limit=40), other=other.sheet or "")
    return replace(raw, frame=frame), met

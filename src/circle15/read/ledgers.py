"""Tables beside the register: monitored indicators 监测指标 and exits, entries, applications 进退台账.

Both are plain tables (.xlsx, .xls, .csv), one fact a row; every fault is named with sheet, row and column.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from circle15.read.applications import words_form
from circle15.read.dates import dates
from circle15.read.faults import Faults
from circle15.read.files import CSV, EXCEL, Reading, checked_path, source_of
from circle15.read.tables import RawTable, read_tables
from circle15.read.values import Column, is_blank, numbers, texts
from circle15.read.words_in import Kind, accepted, match_columns, meaning, plain, spellings
from circle15.schema import Source

_EVENT_TEXTS = ("place_id", "id", "tags", "legal_entity", "legal_representative", "batch")


def read_indicators(
    path: str | os.PathLike[str], *, titles: Mapping[str, str] | None = None, encoding: str | None = None
) -> Reading[pd.DataFrame]:
    """Read indicators 监测指标: who, which, when, how much.

    Parameters
    ----------
    titles
        Indicator id -> its Chinese title; a row may name either. Names that are neither are kept and warned of.

    Returns
    -------
    Reading
        Columns place_id, institution_id (one of both is told), indicator, period ("2026-04", "2026Q1", "2026" or ""),
        value (shares as 0..1, flags as 0 or 1), source, source_row.

    Raises
    ------
    InputError
        With every fault of the file: missing columns, rows without a subject, values that are no numbers.
    """
    file, faults, raws = _opened(path, "indicator", encoding=encoding)
    known = {plain(word): name for name, title in (titles or {}).items() for word in (name, title)}
    parts = [_indicators(raw, faults, known) for raw in raws if _has(raw, ("indicator", "value"), faults, "indicator")]
    faults.raise_errors()
    return Reading(pd.concat(parts, ignore_index=True), _source("indicators", file), faults.warnings)


def read_events(path: str | os.PathLike[str], *, encoding: str | None = None) -> Reading[pd.DataFrame]:
    """Read exits, entries, relocations and applications 进退台账.

    Returns
    -------
    Reading
        Columns date (datetime64), event (see judge/inputs.py), service, place_id (name or id), id, beds, tags,
        legal_entity, legal_representative, batch, source_row; words "" and numbers NaN where the file says nothing.

    Raises
    ------
    InputError
        With every fault of the file: missing columns, unknown events and services, unreadable dates.
    """
    file, faults, raws = _opened(path, "event", encoding=encoding)
    parts = [_events(raw, faults) for raw in raws if _has(raw, ("date", "event"), faults, "event")]
    faults.raise_errors()
    return Reading(pd.concat(parts, ignore_index=True), _source("events", file), faults.warnings)


def _opened(path: str | os.PathLike[str], kind: Kind, *, encoding: str | None) -> tuple[Path, Faults, list[RawTable]]:
    file = checked_path(path, kinds=(*EXCEL, *CSV))
    faults = Faults(file.name)
    return file, faults, read_tables(file, faults, kind=kind, encoding=encoding)


def _source(role: str, file: Path) -> tuple[Source, ...]:
    return (source_of(role, file, datum="", options={}),)


def _has(raw: RawTable, wanted: tuple[str, ...], faults: Faults, kind: Kind) -> bool:
    matched = match_columns(raw.columns, kind, None)
    missing = [c for c in wanted if c not in matched]
    for column in missing:
        faults.error(
            "ledger.column_missing",
            sheet=raw.sheet,
            column=column,
            known=", ".join(accepted(kind)[column]),
            found=", ".join(raw.columns),
        )
    return not missing


def _column(raw: RawTable, name: str, kind: Kind) -> Column:
    """A schema column of the table; blanks where the file does not have it."""
    header = match_columns(raw.columns, kind, None).get(name)
    cells = [None] * len(raw.rows) if header is None else raw.frame[header].tolist()
    return Column(cells, raw.rows, header or name, raw.sheet)


def _indicators(raw: RawTable, faults: Faults, known: Mapping[str, str]) -> pd.DataFrame:
    words = {c: texts(_column(raw, c, "indicator")) for c in ("place_id", "institution_id", "period", "source")}
    named = texts(_column(raw, "indicator", "indicator"))
    for place, institution, row in zip(words["place_id"], words["institution_id"], raw.rows, strict=True):
        if not place and not institution:
            faults.error("ledger.no_subject", sheet=raw.sheet, row=row)
    for name in dict.fromkeys(n for n in named if known and plain(n) not in known):
        row = raw.rows[named.index(name)]
        faults.warn("ledger.indicator_unknown", sheet=raw.sheet, row=row, value=name, known=", ".join(known.values()))
    told = _column(raw, "value", "indicator")
    cells = [_flag(c) for c in told.cells]
    for cell, row in zip(cells, raw.rows, strict=True):
        if is_blank(cell):
            faults.error("ledger.value_missing", sheet=raw.sheet, row=row, column=told.name)
    values = numbers(Column(cells, told.rows, told.name, told.sheet), faults)
    ids = [known.get(plain(n), n) for n in named]
    return pd.DataFrame({**words, "indicator": ids, "value": values, "source_row": raw.rows})


def _flag(cell: object) -> object:
    """1 or 0 for a word of yes or no, a share for "65%"; anything else as it stands."""
    if not isinstance(cell, str):
        return cell
    flag = meaning("flag", cell)
    if flag is not None:
        return 1.0 if flag in {"yes", "true"} else 0.0
    text = cell.strip().replace("\uff05", "%")
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else cell
    except ValueError:
        return cell


def _events(raw: RawTable, faults: Faults) -> pd.DataFrame:
    table = {c: texts(_column(raw, c, "event")) for c in _EVENT_TEXTS}
    table["tags"] = [words_form("tags", words) for words in table["tags"]]
    told = {c: texts(_column(raw, c, "event")) for c in ("event", "service")}
    when = _column(raw, "date", "event")
    moment = dates(when, faults)
    for at, row in enumerate(raw.rows):
        if is_blank(when.cells[at]):
            faults.error("ledger.date_missing", sheet=raw.sheet, row=row, column=when.name)
        if meaning("event", told["event"][at]) is None:
            faults.error(
                "ledger.event_unknown", sheet=raw.sheet, row=row, value=told["event"][at], known=spellings("event")
            )
        if told["service"][at] and meaning("service", told["service"][at]) is None:
            faults.error(
                "ledger.service_unknown",
                sheet=raw.sheet,
                row=row,
                value=told["service"][at],
                known=spellings("service"),
            )
    events = [meaning("event", w) or "" for w in told["event"]]
    services = [(meaning("service", w) or "") if w else "" for w in told["service"]]
    beds = numbers(_column(raw, "beds", "event"), faults, minimum=0)
    return pd.DataFrame(
        {
            "date": moment,
            "event": events,
            "service": services,
            **table,
            "beds": np.asarray(beds),
            "source_row": raw.rows,
        }
    )

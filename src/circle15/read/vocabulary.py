"""Words of a register normalised 用语归一: services, levels, tags, yes and no; unknown words are listed once each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from circle15.read.faults import Faults
from circle15.read.personal import masked
from circle15.read.tables import RawTable
from circle15.read.values import Column, distinct, texts
from circle15.read.words_in import meaning, meaning_inside, plain, spellings, text_list

FLAGS = ("dual_channel", "medical_aid", "outpatient_pooling")
"""Columns of yes and no that become tags: 双通道、医疗救助、门诊统筹."""
_COMMAS = re.compile("[,;\uff0c\uff1b\u3001]")


@dataclass(frozen=True)
class Told:
    """What the user says of a reading: service of all rows, meanings of words (plain word -> schema word or None)."""

    service: str | None = None
    services: Mapping[str, str | None] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    file_words: str = ""


def column_of(raw: RawTable, name: str) -> Column:
    """One column of a raw table."""
    return Column(raw.frame[name].tolist(), raw.rows, name, raw.sheet)


def hinted_service(raw: RawTable, told: Told) -> str | None:
    """Service that the sheet's name, else its title, else the file's name speaks of."""
    for text in (raw.sheet or "", raw.title, told.file_words):
        found = meaning_inside("service", text) if text else None
        if found is not None:
            return found
    return None


def services_of(raw: RawTable, matched: Mapping[str, str], faults: Faults, told: Told) -> list[str | None]:
    """Service of each row; None where the row is to be dropped; "" where it is a fault."""
    fixed = told.service or hinted_service(raw, told) or ""
    usual = [(meaning_inside("service", s) or fixed) if s else fixed for s in raw.sections] or [fixed] * len(raw.rows)
    if told.service:
        usual = [told.service] * len(raw.rows)
    if "service" not in matched:
        _tell_hinted(raw, usual, faults, told)
        return list(usual)
    column = column_of(raw, matched["service"])
    words, at = distinct(texts(column))
    rows = _rows_of(raw, at, len(words))
    found: list[str | None] = []
    for i, said in enumerate(words):
        found.append(_service(said, rows[i], column, faults, told) if said else "")
    chosen = [found[i] for i in at.tolist()]
    blank = words.index("") if "" in words else -1
    for i in np.flatnonzero(at == blank).tolist():
        chosen[i] = usual[i]
        if not usual[i]:
            faults.error("value_missing", sheet=raw.sheet, row=raw.rows[i], column=column.name)
    return chosen


def _tell_hinted(raw: RawTable, usual: Sequence[str], faults: Faults, told: Told) -> None:
    if told.service is None:
        for service in dict.fromkeys(s for s in usual if s):
            faults.assume("sheet_service", count=usual.count(service), sheet=raw.sheet, service=service)


def _service(said: str, rows: Sequence[int], column: Column, faults: Faults, told: Told) -> str | None:
    key = plain(said)
    if key in told.services:
        known = told.services[key]
        if known is None:
            faults.warn("service_dropped", sheet=column.sheet, column=column.name, value=said, count=len(rows))
            faults.assume("service_dropped", count=len(rows), sheet=column.sheet, column=column.name, value=said)
        return known
    known = meaning("service", said)
    if known is not None:
        return known
    known = None if _is_other(said) else meaning_inside("service", said)
    if known is None:
        known_words = spellings("service")
        for row in rows:
            faults.error(
                "service_unknown", sheet=column.sheet, row=row, column=column.name, value=said, known=known_words
            )
        return ""
    faults.assume(
        "type_read",
        count=len(rows),
        sheet=column.sheet,
        row=rows[0],
        column=column.name,
        value=masked(said),
        service=known,
    )
    return known


def _is_other(said: str) -> bool:
    return any(w in said for w in text_list("no_service"))


def levels_of(raw: RawTable, matched: Mapping[str, str], faults: Faults, told: Told) -> list[str]:
    """Level of each row, "" where it is blank or not known (each unknown word is warned of once)."""
    if "level" not in matched:
        return [""] * len(raw.rows)
    column = column_of(raw, matched["level"])
    words, at = distinct(texts(column))
    rows = _rows_of(raw, at, len(words))
    found = []
    for i, said in enumerate(words):
        known = told.levels.get(plain(said)) or meaning("level", said) if said else ""
        if known is None and not any(w in said for w in text_list("no_level")):
            known = meaning_inside("level", said)
            if known is not None:
                faults.assume(
                    "level_read",
                    count=len(rows[i]),
                    sheet=raw.sheet,
                    row=rows[i][0],
                    column=column.name,
                    value=masked(said),
                    level=known,
                )
        if known is None:
            _tell_level(said, rows[i], column, faults)
        found.append(known or "")
    return [found[i] for i in at.tolist()]


def _tell_level(said: str, rows: Sequence[int], column: Column, faults: Faults) -> None:
    problem = "read.level_code" if said.isascii() and said.isdecimal() else "level_unknown"
    faults.warn(
        problem,
        sheet=column.sheet,
        column=column.name,
        row=rows[0],
        value=said,
        count=len(rows),
        known=spellings("level"),
    )
    faults.assume(
        "level_unknown", count=len(rows), sheet=column.sheet, row=rows[0], column=column.name, value=masked(said)
    )


def tags_of(raw: RawTable, matched: Mapping[str, str], faults: Faults) -> list[str]:
    """Tags of each row, sorted, joined by ";"."""
    held: dict[int, set[str]] = {}
    if "tags" in matched:
        for i, text in enumerate(texts(column_of(raw, matched["tags"]))):
            if text:
                held[i] = {meaning("tag", w) or w.strip() for w in _COMMAS.split(text) if w.strip()}
    for tag in FLAGS:
        if tag in matched:
            for i in np.flatnonzero(flags_of(raw, matched, tag, faults, default=False)).tolist():
                held.setdefault(i, set()).add(tag)
    found = [""] * len(raw.rows)
    for i, own in held.items():
        found[i] = ";".join(sorted(own))
    return found


def flags_of(
    raw: RawTable, matched: Mapping[str, str], name: str, faults: Faults, *, default: bool
) -> npt.NDArray[np.bool_]:
    """Yes or no for each row; blank is the default, a word that is neither is an error.

    A suspended agreement 暂停、中止 still counts (its place is not free) and is warned of.
    """
    if name not in matched:
        return np.full(len(raw.rows), default, dtype=bool)
    column = column_of(raw, matched[name])
    words, at = distinct(texts(column))
    rows = _rows_of(raw, at, len(words))
    found = np.full(len(words), default, dtype=bool)
    for i, said in enumerate(words):
        known = meaning("flag", said) if said else ""
        if known == "suspended" and name != "valid":
            known = None
        if known is None and name in FLAGS and meaning("tag", said) == name:
            known = "yes"
        if known == "suspended":
            faults.warn("read.suspended", sheet=raw.sheet, row=rows[i][0], value=said, count=len(rows[i]))
        if known is None:
            for row in rows[i]:
                faults.error(
                    "flag_unknown", sheet=raw.sheet, row=row, column=column.name, value=said, known=spellings("flag")
                )
        elif known:
            found[i] = known != "no"
    return np.asarray(found[at], dtype=bool)


def _rows_of(raw: RawTable, at: npt.NDArray[np.intp], count: int) -> list[list[int]]:
    """Row numbers of each distinct word."""
    rows: list[list[int]] = [[] for _ in range(count)]
    for row, i in zip(raw.rows, at.tolist(), strict=True):
        rows[i].append(row)
    return rows

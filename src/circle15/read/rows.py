"""Which rows below a header are records 数据行: notes, totals, group headings and repeated headers are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from circle15.read.faults import Faults
from circle15.read.headers import Header, is_blank_cell, numbers_columns, repeats
from circle15.read.personal import masked_note
from circle15.read.words_in import Kind, plain, text_list
from circle15.read.workbooks import Sheet

_SURE: Mapping[Kind, tuple[str, ...]] = {
    "institution": ("lon", "lat", "lonlat"),
    "place": ("name",),
    "population": ("lon", "lat", "lonlat"),
    "indicator": ("value",),
    "event": ("date",),
}
"""Columns that only a record fills; a row that fills none of them is looked at closely."""
_SHOWN = 60
_WIDE = 3
_BEFORE_DIGITS = " \t\u3000'+-.EWNSewns\uff0b\uff0d"
_TOTAL_CELLS, _TOTAL_LENGTH = 3, 30


class Record(NamedTuple):
    """One record: row number as Excel shows it, cells, heading of its group."""

    row: int
    cells: list[Any]
    section: str


def records_of(
    sheet: Sheet, header: Header, faults: Faults, *, kind: Kind, matched: Mapping[str, str]
) -> tuple[list[Record], int]:
    """Records below a header, in order, and the number of rows passed over (each is noted, blank ones aside)."""
    reader = _Rows(sheet, header, kind, matched)
    rows = sheet.rows
    last = reader.last_record()
    found: list[Record] = []
    passed: dict[str, list[int]] = {}
    section = ""
    for at in range(header.last + 1, len(rows)):
        row = rows[at]
        what = "record" if reader.is_sure(row) else reader.kind_of(at, trailing=at > last)
        if what == "record":
            found.append(Record(at + 1, row, section))
        elif what:
            passed.setdefault(what, []).append(at)
            section = _text(row) if what == "section_rows" else section
    _tell(passed, rows, faults, sheet=sheet.name or None)
    return found, sum(map(len, passed.values()))


class _Rows:
    """Tells rows apart by the columns that every record fills."""

    def __init__(self, sheet: Sheet, header: Header, kind: Kind, matched: Mapping[str, str]) -> None:
        self.header = header
        self.rows = sheet.rows
        self.sure = [header.names.index(matched[c]) for c in _SURE[kind] if c in matched]
        self.totals = {plain(w) for w in text_list("totals")}
        below = self.rows[header.last + 1] if header.last + 1 < len(self.rows) else ()
        self.numbered = below if numbers_columns(below) else None
        self.wide = {top for (top, left), (_, right) in sheet.merged if right - left >= _WIDE}

    def is_sure(self, row: Sequence[Any]) -> bool:
        """Whether a row fills a column that only records fill, with something that begins like a number."""
        if row is self.numbered:
            return False
        for i in self.sure:
            if i < len(row):
                cell = row[i]
                if type(cell) is float:
                    return True
                if isinstance(cell, str):
                    if cell and not cell.isspace():
                        return cell.lstrip(_BEFORE_DIGITS)[:1].isdigit()
                elif cell is not None:
                    return True
        return False

    def last_record(self) -> int:
        """Position of the last row that is a record even at the end of a sheet, where notes stand."""
        for at in range(len(self.rows) - 1, self.header.last, -1):
            if self.is_sure(self.rows[at]) or self.kind_of(at, trailing=True) == "record":
                return at
        return self.header.last

    def kind_of(self, at: int, *, trailing: bool) -> str:
        """What a row is that is not surely a record: record, "" (blank), or the assumption it is passed over by."""
        row = self.rows[at]
        filled = [c for c in row if not is_blank_cell(c)]
        if not filled:
            return ""
        if row is self.numbered:
            return "number_row"
        if repeats(row, self.header.names):
            return "header_repeated"
        if self._is_total(filled):
            return "total_rows"
        return self._lone(at, row, filled, trailing=trailing)

    def _lone(self, at: int, row: Sequence[Any], filled: Sequence[Any], *, trailing: bool) -> str:
        """A note at the end, the heading of a group, or a record that is hardly filled in."""
        first = str(filled[0]).strip()
        if trailing and _starts(first, "notes_start"):
            return "note_rows"
        if len(filled) > 1 or is_blank_cell(row[0]) or (first.isascii() and first.isalnum()):
            return "record"
        if trailing and len(row) > 1:
            return "note_rows"
        return "section_rows" if at in self.wide or _starts(first, "section_start") else "record"

    def _is_total(self, filled: Sequence[Any]) -> bool:
        short = [c for c in filled if isinstance(c, str) and len(c) <= _TOTAL_LENGTH]
        words = [plain(c) for c in short[:_TOTAL_CELLS]]
        return any(w in self.totals for w in words) or (bool(words) and _starts(words[0], "totals_start"))


def _starts(text: str, words: str) -> bool:
    return text.casefold().startswith(text_list(words))


def _text(row: Sequence[Any]) -> str:
    return " ".join(str(c).strip().removesuffix(".0") for c in row if not is_blank_cell(c))


def _tell(passed: Mapping[str, list[int]], rows: Sequence[Sequence[Any]], faults: Faults, *, sheet: str | None) -> None:
    for what, places in passed.items():
        text = masked_note(_text(rows[places[0]]))[:_SHOWN]
        faults.assume(what, count=len(places), sheet=sheet, row=places[0] + 1, text=text)
        if what == "note_rows":
            for at in places:
                faults.warn("row_note", sheet=sheet, row=at + 1, value=masked_note(_text(rows[at])))
        else:
            faults.warn(f"read.{what}", sheet=sheet, row=places[0] + 1, value=text, count=len(places))


def fill_merged(sheet: Sheet, records: Sequence[tuple[int, list[Any]]], counted: Sequence[int], faults: Faults) -> None:
    """Cells merged downwards hold for all their records; not in `counted` columns (beds would count twice).

    `records` are (row from 0, cells); cells are filled in place.
    """
    place = dict(records)
    filled: list[int] = []
    for (top, left), (bottom, right) in sheet.merged:
        held = place.get(top)
        if held is None or bottom == top or right != left or left in counted or left >= len(held):
            continue
        if is_blank_cell(held[left]):
            continue
        for at in range(top + 1, min(bottom + 1, len(sheet.rows))):
            below = place.get(at)
            if below is not None and is_blank_cell(below[left]):
                below[left] = held[left]
                filled.append(at + 1)
    faults.assume("merged_filled", count=len(filled), sheet=sheet.name or None, row=min(filled, default=None))

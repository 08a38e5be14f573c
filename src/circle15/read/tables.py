"""Worksheets and CSV files as raw tables 原始表格: cells as they stand, with the row numbers a user sees.

Titles, notes, totals, headings of groups and repeated headers are passed over and said; personal columns never come in.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from circle15.read.dates import days_from_1904
from circle15.read.faults import Faults, fail, listed
from circle15.read.files import EXCEL
from circle15.read.headers import Header, find_header, is_blank_cell
from circle15.read.pairs import split_pairs
from circle15.read.personal import holds_personal, is_personal, masked_note
from circle15.read.rows import fill_merged, records_of
from circle15.read.values import Column
from circle15.read.words_in import Kind, alias_of, match_columns
from circle15.read.workbooks import MAX_CELLS, Sheet, read_book

MAX_CSV_BYTES = 400_000_000
_CSV_SAMPLE = 65536
_PRIVATE_USE = (0xE000, 0xF8FF)
_C1_CONTROLS = (0x80, 0x9F)
_REPLACEMENT = 0xFFFD
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_FILLED = ("beds", "stations", "physicians", "residents", "value")
_DAYS = ("valid_from", "valid_to", "date")
_SHOWN = 80


@dataclass(frozen=True)
class RawTable:
    """One worksheet or CSV file.

    Parameters
    ----------
    sheet
        Worksheet name; None for CSV.
    frame
        Cells as found (object dtype), one column a header; blank rows left out; index 0..n-1.
    rows
        Row number of each record as Excel shows it (header included, from 1).
    title
        Text of the rows above the header, "" where there is none.
    sections
        Heading of the group of rows that each record stands in ("" before the first); empty where there are no groups.
    filled
        Rows of the sheet that are not blank, header and titles included.
    """

    sheet: str | None
    frame: pd.DataFrame
    rows: tuple[int, ...]
    title: str = ""
    sections: tuple[str, ...] = ()
    filled: int = 0

    @property
    def columns(self) -> list[str]:
        """Headers as found."""
        return [str(c) for c in self.frame.columns]


def read_tables(
    path: Path,
    faults: Faults,
    *,
    kind: Kind,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
) -> list[RawTable]:
    """Read every worksheet of an Excel file, or the one table of a CSV file.

    Hidden sheets are left out unless named; title rows above the header are passed over: the header stands where most
    known columns are named (read/headers.py). Raises InputError for a file that cannot be read.
    """
    if path.suffix.lower() in EXCEL:
        book = read_book(path, sheet=sheet)
        for name in book.hidden:
            faults.warn("sheet_hidden", sheet=name)
            faults.assume("sheet_hidden", count=1, sheet=name)
        sheets: Sequence[Sheet] = book.sheets
    else:
        sheets = [Sheet("", _csv_rows(path, faults, encoding=encoding))]
    found = []
    for one in sheets:
        table = _table(one, faults, kind=kind, columns=columns)
        if table is not None:
            found.append(table)
    if not found:
        raise fail(path, "table_empty")
    return found


def decoded(path: Path, data: bytes, *, encoding: str | None) -> tuple[str, str]:
    """Text of a file and its encoding: as given, or UTF-8 (with or without BOM), or GB18030 where every byte fits.

    Bytes that fit GB18030 only by yielding private or control characters are another encoding: InputError, as for an
    encoding that nobody knows or that does not fit.
    """
    if encoding is not None:
        try:
            text = data.decode(codecs.lookup(encoding).name)
        except LookupError as fault:
            raise fail(path, "encoding_name", params={"encoding": encoding}) from fault
        except (UnicodeDecodeError, UnicodeError) as fault:
            raise fail(path, "encoding_wrong", params={"encoding": encoding}) from fault
        if _SURROGATE.search(text):  # some codecs hand on halves of characters, which no file can hold again
            raise fail(path, "encoding_wrong", params={"encoding": encoding})
        return text, encoding
    for guess in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(guess)
        except UnicodeDecodeError:
            continue
        if guess == "utf-8-sig" or not any(_is_odd(c) for c in set(text)):
            return text, guess
    raise fail(path, "encoding_unknown")


def _is_odd(character: str) -> bool:
    code = ord(character)
    ranges = (_PRIVATE_USE, _C1_CONTROLS)
    return code == _REPLACEMENT or any(low <= code <= high for low, high in ranges)


def _csv_rows(path: Path, faults: Faults, *, encoding: str | None) -> list[list[Any]]:
    size = path.stat().st_size
    if size > MAX_CSV_BYTES:
        params = {"size": f"{size / 1e6:.0f}", "limit": f"{MAX_CSV_BYTES / 1e6:.0f}"}
        raise fail(path, "file_too_large", params=params)
    text, used = decoded(path, path.read_bytes(), encoding=encoding)
    if "\x00" in text:
        raise fail(path, "encoding_unknown")
    if used == "gb18030" and encoding is None:
        faults.warn("encoding_gb18030")
        faults.assume("encoding_gb18030", count=1)
    first = text[:_CSV_SAMPLE].split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    found: list[list[Any]] = []
    cells = 0
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in lines:
            cells += len(row)
            if cells > MAX_CELLS:
                raise fail(path, "csv_too_large", params={"row": len(found), "limit": MAX_CELLS})
            found.append(row)
    except csv.Error as fault:
        if "field larger" in str(fault):
            told = {"row": lines.line_num, "limit": csv.field_size_limit()}
            raise fail(path, "cell_too_long", params=told) from fault
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    return found


def _table(sheet: Sheet, faults: Faults, *, kind: Kind, columns: Mapping[str, str] | None) -> RawTable | None:
    header = find_header(sheet.rows, sheet.merged, kind=kind, columns=columns)
    if header is None:
        return None
    name = sheet.name or None
    _note_doubled(header, faults, sheet=name, kind=kind)
    title = _title(sheet, header, faults, name)
    matched = match_columns(header.names, kind, columns)
    records, passed = records_of(sheet, header, faults, kind=kind, matched=matched)
    above = sum(1 for row in sheet.rows[: header.last + 1] if not all(map(is_blank_cell, row)))
    width = len(header.names)
    data = [_fitted(r.cells, width) for r in records]
    counted = [header.names.index(matched[c]) for c in _NOT_FILLED if c in matched]
    fill_merged(sheet, [(r.row - 1, cells) for r, cells in zip(records, data, strict=True)], counted, faults)
    names = header.names
    unique = [n if names.index(n) == i else f"{n}#{i + 1}" for i, n in enumerate(names)]
    frame = pd.DataFrame(data, columns=pd.Index(unique, dtype=object), dtype=object)
    if sheet.hidden_rows:
        faults.assume("rows_hidden", count=sheet.hidden_rows, sheet=name)
        faults.warn("rows_hidden", sheet=name, count=sheet.hidden_rows)
    sections = tuple(r.section for r in records)
    rows = tuple(r.row for r in records)
    frame = _settled(
        without_personal(frame, faults, kind=kind, columns=columns, sheet=name),
        rows,
        sheet,
        faults,
        kind=kind,
        matched=matched,
    )
    return RawTable(name, frame, rows, title, sections if any(sections) else (), above + len(records) + passed)


def _settled(
    frame: pd.DataFrame, rows: tuple[int, ...], sheet: Sheet, faults: Faults, *, kind: Kind, matched: Mapping[str, str]
) -> pd.DataFrame:
    """The table with what only its sheet can tell: days that count from 1904, two coordinates in one column."""
    name = sheet.name or None
    matched = {c: told for c, told in matched.items() if told in frame.columns}
    for told in (matched[c] for c in _DAYS if sheet.from_1904 and c in matched):
        days = days_from_1904(Column(frame[told].tolist(), rows, told, name), faults)
        frame[told] = pd.Series(days, dtype=object)
    if "lonlat" in matched and not {"lon", "lat"} <= set(matched):
        frame = split_pairs(frame, rows, matched["lonlat"], faults, kind=kind, sheet=name)
    return frame


def without_personal(
    frame: pd.DataFrame, faults: Faults, *, kind: Kind, columns: Mapping[str, str] | None, sheet: str | None
) -> pd.DataFrame:
    """Leave out columns of personal or bank data, by name or by what they hold; those a reading needs stay.

    A column that the user maps although its name is personal is an error.
    """
    told = set((columns or {}).values())
    dropped = []
    for name in frame.columns:
        if alias_of(str(name), kind) is not None:
            continue
        if is_personal(str(name)):
            if name in told:
                faults.error("column_personal", sheet=sheet, column=str(name))
            dropped.append(name)
        elif name not in told and holds_personal(frame[name].tolist()):
            dropped.append(name)
    if not dropped:
        return frame
    faults.assume("columns_dropped", count=len(dropped), sheet=sheet, names=listed(dropped, limit=40))
    return frame.drop(columns=dropped)


def _title(sheet: Sheet, header: Header, faults: Faults, name: str | None) -> str:
    above = [
        (i, "".join(str(c).strip() for c in row if not is_blank_cell(c)))
        for i, row in enumerate(sheet.rows[: header.first])
    ]
    above = [(i, text) for i, text in above if text]
    text = masked_note(" ".join(t for _, t in above))
    if above:
        faults.assume("title_rows", count=len(above), sheet=name, row=above[0][0] + 1, text=text[:_SHOWN])
    if header.last > header.first:
        example = next((n for n in header.names if not n.startswith("#")), "")
        faults.assume(
            "header_joined", count=header.last - header.first + 1, sheet=name, row=header.first + 1, example=example
        )
    return text


def _note_doubled(header: Header, faults: Faults, *, sheet: str | None, kind: Kind) -> None:
    used = set(match_columns(header.names, kind, None).values())
    for name in sorted({n for n in header.names if header.names.count(n) > 1} & used):
        faults.error("column_twice", sheet=sheet, row=header.first + 1, column=name)


def _fitted(row: list[Any], width: int) -> list[Any]:
    return row if len(row) == width else [*row[:width], *([""] * (width - len(row)))]

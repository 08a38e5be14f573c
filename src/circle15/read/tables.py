"""Worksheets and CSV files as raw tables: text and numbers as they stand, with the row numbers a user sees 原始表格."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from circle15.read.faults import Faults, fail
from circle15.read.files import EXCEL
from circle15.read.words_in import Kind, match_columns

HEADER_SEARCH_ROWS = 20
_CSV_SAMPLE = 65536
_PRIVATE_USE = (0xE000, 0xF8FF)
_C1_CONTROLS = (0x80, 0x9F)
_REPLACEMENT = 0xFFFD

Cell = object


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
    """

    sheet: str | None
    frame: pd.DataFrame
    rows: tuple[int, ...]

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

    Hidden sheets are left out unless named; title rows above the header are passed over: the header is the row among
    the first HEADER_SEARCH_ROWS that names most known columns. Raises InputError for a file that cannot be read.
    """
    if path.suffix.lower() in EXCEL:
        sheets = _excel_sheets(path, faults, sheet=sheet)
    else:
        sheets = [(None, _csv_rows(path, faults, encoding=encoding))]
    found = []
    for name, rows in sheets:
        table = _table(name, rows, faults, kind=kind, columns=columns)
        if table is not None:
            found.append(table)
    if not found:
        raise fail(path, "table_empty")
    return found


def _excel_sheets(path: Path, faults: Faults, *, sheet: str | None) -> list[tuple[str | None, list[list[Any]]]]:
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = [m.name for m in book.sheets_metadata if m.typ == SheetTypeEnum.WorkSheet]
        hidden = [m.name for m in book.sheets_metadata if m.visible != SheetVisibleEnum.Visible and m.name in names]
        if sheet is not None and sheet not in names:
            raise fail(path, "sheet_missing", params={"sheet": sheet, "found": ", ".join(names)})
        wanted = [sheet] if sheet is not None else [n for n in names if n not in hidden]
        read: list[tuple[str | None, list[list[Any]]]] = [
            (name, book.get_sheet_by_name(name).to_python(skip_empty_area=False)) for name in wanted
        ]
    except PasswordError as fault:
        raise fail(path, "file_password") from fault
    except (CalamineError, OSError, ValueError) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    for name in hidden if sheet is None else []:
        faults.warn("sheet_hidden", sheet=name)
        faults.assume("sheet_hidden", count=1, sheet=name)
    return read


def decoded(path: Path, data: bytes, *, encoding: str | None) -> tuple[str, str]:
    """Text of a file and its encoding: as given, or UTF-8 (with or without BOM), or GB18030 where every byte fits.

    Bytes that fit GB18030 only by yielding private or control characters are refused: they are another encoding.
    """
    if encoding is not None:
        try:
            return data.decode(codecs.lookup(encoding).name), encoding
        except LookupError as fault:
            raise fail(path, "encoding_name", params={"encoding": encoding}) from fault
        except (UnicodeDecodeError, UnicodeError) as fault:
            raise fail(path, "encoding_wrong", params={"encoding": encoding}) from fault
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
    text, used = decoded(path, path.read_bytes(), encoding=encoding)
    if "\x00" in text:
        raise fail(path, "encoding_unknown")
    if used == "gb18030" and encoding is None:
        faults.warn("encoding_gb18030")
    first = text[:_CSV_SAMPLE].split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    try:
        return [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault


def _table(
    sheet: str | None,
    rows: list[list[Any]],
    faults: Faults,
    *,
    kind: Kind,
    columns: Mapping[str, str] | None,
) -> RawTable | None:
    header = _header_row(rows, kind, columns)
    if header is None:
        return None
    names = _headers(rows[header])
    _note_doubled(names, faults, sheet=sheet, row=header + 1, kind=kind)
    width = len(names)
    records = [
        (number, row) for number, row in enumerate(rows[header + 1 :], start=header + 2) if not all(map(_blank, row))
    ]
    while records and width > 1 and _is_note(records[-1][1]):
        number, row = records.pop()
        faults.warn("row_note", sheet=sheet, row=number, value=row[0])
    data = [_fitted(row, width) for _, row in records]
    numbers = [number for number, _ in records]
    unique = [name if names.index(name) == i else f"{name}#{i + 1}" for i, name in enumerate(names)]
    frame = pd.DataFrame(data, columns=pd.Index(unique, dtype=object), dtype=object)
    return RawTable(sheet, frame, tuple(numbers))


def _header_row(rows: Sequence[Sequence[Cell]], kind: Kind, columns: Mapping[str, str] | None) -> int | None:
    best, most = None, -1
    for i, row in enumerate(rows[:HEADER_SEARCH_ROWS]):
        filled = [str(c).strip() for c in row if not _blank(c)]
        score = len(match_columns(filled, kind, columns)) if filled else -1
        if score > most:
            best, most = i, score
    return best


def _headers(row: Sequence[Cell]) -> list[str]:
    names = ["" if _blank(cell) else str(cell).strip() for cell in row]
    while names and not names[-1]:
        names.pop()
    return [name or f"#{i}" for i, name in enumerate(names, start=1)]


def _note_doubled(names: Sequence[str], faults: Faults, *, sheet: str | None, row: int, kind: Kind) -> None:
    used = set(match_columns(names, kind, None).values())
    for name in sorted({n for n in names if names.count(n) > 1} & used):
        faults.error("column_twice", sheet=sheet, row=row, column=name)


def _filled(row: Sequence[Cell]) -> int:
    return sum(1 for cell in row if not _blank(cell))


def _is_note(row: Sequence[Cell]) -> bool:
    """Whether a last row is a note or a total under the table: one cell, the first, and no code."""
    first = str(row[0]).strip()
    return bool(first) and _filled(row) == 1 and not (first.isascii() and first.isalnum())


def _fitted(row: Sequence[Cell], width: int) -> list[Cell]:
    return list(row) if len(row) == width else [*row[:width], *([""] * (width - len(row)))]


def _blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())

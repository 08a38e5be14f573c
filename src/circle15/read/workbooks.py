"""Workbooks opened safely 工作簿安全读取: sizes are measured before anything is parsed.

An .xlsx is a zip of XML. Its parts are unpacked within a bound, the extent and the text of its sheets are bounded from
the bytes, and only those very bytes are handed on. An .xls is read by a process of its own whose memory is limited
(read/xls_reader.py).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from circle15.errors import InputError
from circle15.read.faults import fail, listed

MAX_PARTS = 5_000
MAX_UNPACKED_BYTES = 300_000_000
"""Of all parts of one workbook; 50,000 rows of 14 columns take 34 MB."""
MAX_CELLS = 8_000_000
"""Rows by columns of one sheet, empty cells within included."""
MAX_TEXT_BYTES = 800_000_000
"""Of all cells of one workbook once shared strings stand in every cell that uses them."""
MAX_SHEETS = 500

Corner = tuple[int, int]
Merged = tuple[Corner, Corner]

_NEEDED = re.compile(r"^(\[content_types\]\.xml|_rels/\.rels|xl/[^/]*\.(xml|bin)|xl/(_rels|worksheets)/.*)$")
_OTHER_CELL = tuple(
    (re.compile(rb'<c(?![A-Za-z])(?! r="' + cell + rb'")'), rows, columns)
    for cell, rows, columns in (
        (rb"[AB]?[A-Z][0-9]{1,5}", 99_999, 78),
        (rb"[A-Z]{1,2}[0-9]{1,4}", 9_999, 702),
        (rb"[A-H][0-9]{1,6}", 999_999, 8),
    )
)
"""What is no cell of a usual sheet, and the rows and columns that bound one where nothing of it is found."""
_PREFIXED = re.compile(rb":c[\s/>]")
_INTEGER = re.compile(rb">\s*([0-9]{1,9})\s*<")
_HIDDEN_ROW = re.compile(rb"""<(?:\w+:)?row\b[^<>]*\shidden\s*=\s*["'](?:1|true)["']""")
_ODD = (b"<!--", b"<![CDATA[", b"<!DOCTYPE", b"<!ENTITY")
_FROM_1904 = re.compile(rb"""<(?:\w+:)?workbookPr\b[^<>]*\sdate1904\s*=\s*["'](?:1|true)["']""")
_WORKBOOK, _SHARED = "xl/workbook.xml", "xl/sharedstrings.xml"
_COPY_BYTES = 1 << 20
_CONTENT = {"v", "is", "f", "t"}


@dataclass(frozen=True)
class Sheet:
    """One worksheet: cells from A1 on (blank cells ""), merged ranges as (row, column) from 0, rows that are hidden.

    `from_1904`: day numbers without a date format count from 1904-01-01, as workbooks of old Macs do.
    """

    name: str
    rows: list[list[Any]]
    merged: tuple[Merged, ...] = ()
    hidden_rows: int = 0
    from_1904: bool = False


@dataclass(frozen=True)
class Book:
    """Worksheets that were read, and the names of those that are hidden."""

    sheets: tuple[Sheet, ...]
    hidden: tuple[str, ...]


def read_book(path: Path, *, sheet: str | None = None) -> Book:
    """Read all visible worksheets of an .xlsx or .xls, or the one named (hidden or not).

    Raises
    ------
    InputError
        Not a workbook, a password, no such sheet, or larger than the bounds above.
    """
    if path.suffix.lower() == ".xls":
        from circle15.read.xls_reader import read_xls  # noqa: PLC0415 - starts a process; only old files need it

        return read_xls(path, sheet=sheet)
    parts = _unpacked(path)
    _check_cells(path, parts)
    return read_calamine(
        path, _packed(parts), sheet=sheet, hidden_rows=_hidden_rows(parts), from_1904=_from_1904(parts)
    )


def read_calamine(
    path: Path, data: io.BytesIO, *, sheet: str | None, hidden_rows: int = 0, from_1904: bool = False
) -> Book:
    """Read a workbook that is known to be within the bounds of size. Raises InputError."""
    try:
        book = CalamineWorkbook.from_filelike(data)
        names = [m.name for m in book.sheets_metadata if m.typ == SheetTypeEnum.WorkSheet]
        hidden = tuple(
            m.name for m in book.sheets_metadata if m.visible != SheetVisibleEnum.Visible and m.name in names
        )
        _check_names(path, names, sheet)
        wanted = [sheet] if sheet is not None else [n for n in names if n not in hidden]
        sheets = [
            replace(_sheet(book, name), hidden_rows=hidden_rows if len(names) == 1 else 0, from_1904=from_1904)
            for name in wanted
        ]
    except PasswordError as fault:
        raise fail(path, "file_password") from fault
    except (CalamineError, OSError, ValueError) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":  # how the library's own failures surface; no class to import
            raise
        raise fail(path, "file_unreadable", params={"reason": type(fault).__name__}) from None
    return Book(tuple(sheets), hidden if sheet is None else ())


def _check_names(path: Path, names: Sequence[str], sheet: str | None) -> None:
    if sheet is not None and sheet not in names:
        raise fail(path, "sheet_missing", params={"sheet": sheet, "found": listed(names, limit=40)})
    if len(names) > MAX_SHEETS:
        raise fail(path, "sheets_too_many", params={"count": len(names), "limit": MAX_SHEETS})


def _sheet(book: CalamineWorkbook, name: str) -> Sheet:
    found = book.get_sheet_by_name(name)
    merged = tuple(((a[0], a[1]), (b[0], b[1])) for a, b in found.merged_cell_ranges or ())
    return Sheet(name, found.to_python(skip_empty_area=False), merged)


def _unpacked(path: Path) -> dict[str, bytes]:
    """Parts that hold cells, unpacked within the bound; drawings and pictures stay packed."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.infolist()
            if len(listed) > MAX_PARTS:
                raise fail(path, "workbook_parts", params={"count": len(listed), "limit": MAX_PARTS})
            parts = [i for i in listed if _NEEDED.match(i.filename.replace("\\", "/").lower())]
            if any(i.flag_bits & 1 for i in parts):
                raise fail(path, "file_password")
            told = sum(i.file_size for i in parts)
            if told > MAX_UNPACKED_BYTES:
                raise _too_large(path, told)
            return {i.filename: archive.read(i) for i in parts}  # stops at the size it declares
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, EOFError, NotImplementedError) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault


def _too_large(path: Path, size: int) -> InputError:
    params = {"size": f"{size / 1e6:.0f}", "limit": f"{MAX_UNPACKED_BYTES / 1e6:.0f}"}
    return fail(path, "workbook_unpacked", params=params)


def _packed(parts: Mapping[str, bytes]) -> io.BytesIO:
    """Pack the very bytes that were looked at, uncompressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    packed.seek(0)
    return packed


def _worksheets(parts: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    return [(n, d) for n, d in parts.items() if "/worksheets/" in f"/{n.lower()}" and n.lower().endswith(".xml")]


def _hidden_rows(parts: Mapping[str, bytes]) -> int:
    return sum(len(_HIDDEN_ROW.findall(d)) for _, d in _worksheets(parts) if b"hidden" in d)


def _from_1904(parts: Mapping[str, bytes]) -> bool:
    return any(_FROM_1904.search(d) for n, d in parts.items() if n.lower() == _WORKBOOK)


def _check_cells(path: Path, parts: Mapping[str, bytes]) -> None:
    """Refuse sheets that would not fit into memory once every cell between the first and the last is held."""
    cells = 0
    for name, data in _worksheets(parts):
        rows, columns, count = _usual_extent(data) or _exact_extent(path, data)
        if rows * columns > MAX_CELLS:
            params = {"part": name.rsplit("/", 1)[-1], "rows": rows, "columns": columns, "limit": MAX_CELLS}
            raise fail(path, "sheet_too_large", params=params)
        cells += count
    shared = next((d for n, d in parts.items() if n.lower() == _SHARED), b"")
    if shared and cells * _longest(shared) > MAX_TEXT_BYTES and _text_bytes(shared, parts) > MAX_TEXT_BYTES:
        raise fail(path, "workbook_text", params={"limit": f"{MAX_TEXT_BYTES / 1e6:.0f}"})


def _usual_extent(data: bytes) -> tuple[int, int, int] | None:
    """Bound a sheet whose cells all say where they stand, as Excel, WPS and LibreOffice write them; else None."""
    if b"<!" in data or _PREFIXED.search(data):
        return None
    for other, rows, columns in _OTHER_CELL:
        if not other.search(data):
            return rows, columns, data.count(b"<c")
    return None


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper()[:8]:
        number = number * 26 + letter - 64
    return number


def _exact_extent(path: Path, data: bytes) -> tuple[int, int, int]:
    """Rows, columns and cells that hold something, by a strict parse (formatted empty cells are passed over)."""
    meter = _Meter()
    parser = expat.ParserCreate("utf-8")  # as the reader takes it, whatever the file declares
    parser.StartElementHandler = meter.start
    parser.StartDoctypeDeclHandler = meter.refuse
    try:
        for at in range(0, len(data), _COPY_BYTES):
            parser.Parse(data[at : at + _COPY_BYTES], at + _COPY_BYTES >= len(data))
            if meter.rows * meter.columns > MAX_CELLS:
                break  # too large whatever follows
    except (expat.ExpatError, ValueError, LookupError) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    return meter.rows, meter.columns, meter.count


class _Meter:
    """Follows the cells of a sheet as a reader would place them."""

    def __init__(self) -> None:
        self.rows = self.columns = self.count = 0
        self._row = self._column = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take one element."""
        local = name.rsplit(":", 1)[-1]
        if local == "row":
            told = attributes.get("r", "")
            self._row = int(told) if told.isdecimal() else self._row + 1
            self._column = 0
        elif local == "c":
            found = re.fullmatch(r"([A-Za-z]+)([0-9]{1,9})", attributes.get("r", ""))
            self._column = _column_number(found[1].encode()) if found else self._column + 1
            self._row = int(found[2]) if found else self._row
        elif local in _CONTENT:
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, self._column)
            self.count += 1

    def refuse(self, *_: object) -> None:
        """Refuse entities: no workbook needs them."""
        message = "DOCTYPE"
        raise ValueError(message)


def _longest(shared: bytes) -> int:
    """Length of the longest shared string with its mark-up, bytes; all of it where the XML is not plain."""
    if any(mark in shared for mark in _ODD):
        return len(shared)
    ends = np.array([m.end() for m in re.finditer(rb"</(?:\w+:)?si\s*>", shared)] or [len(shared)])
    return int(np.diff(ends, prepend=0).max())


def _text_bytes(shared: bytes, parts: Mapping[str, bytes]) -> int:
    """Bound the text of all cells: every whole number in a sheet is taken as a reference to a shared string."""
    if any(mark in shared for mark in _ODD):
        return MAX_TEXT_BYTES + 1
    ends = np.array([0, *(m.end() for m in re.finditer(rb"</(?:\w+:)?si\s*>", shared))])
    lengths = np.diff(ends)
    total = 0
    for _, data in _worksheets(parts):
        if any(mark in data for mark in _ODD):
            return MAX_TEXT_BYTES + 1
        used = np.array(_INTEGER.findall(data), dtype="S9").astype(np.int64)
        used = used[used < len(lengths)]
        total += int(lengths[used].sum())
    return total

"""Excel and CSV a planner hands on 工作簿: formatted, header frozen, filters set; names never become formulas."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from circle15.words import Lang, word
from circle15.write.files import write_text, write_whole
from circle15.write.tables import Column, shown

_CREATED = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Excel has no zone; fixed, so that same input gives same bytes
_NUMBER_FORMAT: Mapping[str, str] = {
    "count": "#,##0",
    "number": "#,##0.00",
    "share": "0.00%",
    "metres": "#,##0.0",
    "degrees": "0.000000",
    "date": "yyyy-mm-dd",
}
_EXCEL_ROWS = 1_048_576
_WRAPPED, _LINE_POINTS, _MOST_LINES = 40, 14.5, 25
_EXCEL_TEXT = 32_767
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Sheet:
    """One sheet: title, the line of explanation above the header, table, columns."""

    title: str
    note: str
    table: pd.DataFrame
    columns: Sequence[Column]


def write_workbook(path: Path, sheets: Sequence[Sheet], *, lang: Lang, title: str, marks: str) -> Path:
    """Write sheets to .xlsx; `marks` (内部使用, 模拟数据) stands in every sheet's first line and in the page footer.

    Header in row 3, frozen, with filters; printed landscape on A4, one page wide. Raises OutputError.
    """

    def fill(temporary: Path) -> None:
        book = xlsxwriter.Workbook(
            str(temporary),
            {
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
                "nan_inf_to_errors": False,
            },
        )
        book.set_properties({"title": title, "comments": marks, "created": _CREATED})
        formats = _formats(book)
        for sheet in sheets:
            _fill_sheet(book, sheet, formats, lang=lang, marks=marks)
        try:
            book.close()
        except xlsxwriter.exceptions.FileCreateError as fault:
            raise OSError(getattr(fault.args[0], "errno", None), str(fault)) from fault

    return write_whole(path, fill)


def write_csv(path: Path, table: pd.DataFrame, columns: Sequence[Column], *, lang: Lang) -> Path:
    """Write a table as CSV, UTF-8 with BOM for Excel; texts that Excel would run get a leading quote."""
    present, body = shown(table, columns, lang)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([c.heading(lang) for c in present])
    digits = {"count": 0, "number": 4, "share": 6, "metres": 3, "degrees": 7}
    for row in body.itertuples(index=False, name=None):
        writer.writerow([_csv_value(v, digits.get(c.form)) for v, c in zip(row, present, strict=True)])
    return write_text(path, "\ufeff" + buffer.getvalue())


def _formats(book: xlsxwriter.Workbook) -> dict[str, Any]:
    font = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "top"}
    made = {form: book.add_format({**font, "num_format": code}) for form, code in _NUMBER_FORMAT.items()}
    made["text"] = made["word"] = made["flag"] = book.add_format(font)
    made["wrap"] = book.add_format({**font, "text_wrap": True})
    made["title"] = book.add_format({**font, "bold": True, "font_size": 14})
    made["note"] = book.add_format({**font, "font_color": "#555555"})
    made["header"] = book.add_format(
        {
            **font,
            "bold": True,
            "bg_color": "#0B3D91",
            "font_color": "#FFFFFF",
            "border": 1,
            "border_color": "#FFFFFF",
            "text_wrap": True,
            "align": "center",
            "valign": "vcenter",
        },
    )
    return made


def _fill_sheet(book: xlsxwriter.Workbook, sheet: Sheet, formats: Mapping[str, Any], *, lang: Lang, marks: str) -> None:
    present, body = shown(sheet.table, sheet.columns, lang)
    page = book.add_worksheet(_sheet_name(sheet.title))
    page.hide_gridlines(2)
    page.write_string(0, 0, f"{sheet.title}　{marks}", formats["title"])
    page.write_string(1, 0, sheet.note, formats["note"])
    page.set_row(0, 24)
    page.set_row(2, 34)
    for at, column in enumerate(present):
        page.set_column(at, at, column.width)
        page.write_string(2, at, column.heading(lang), formats["header"])
    rows = body.itertuples(index=False, name=None)
    for line, row in enumerate(rows, start=3):
        if line >= _EXCEL_ROWS - 1:
            page.write_string(1, 0, word("workbook.cut", lang, shown=line - 3, total=len(body)), formats["note"])
            break
        for at, (value, column) in enumerate(zip(row, present, strict=True)):
            _write_cell(page, line, at, value, formats["wrap" if column.width > _WRAPPED else column.form])
        lines = max(_lines(v, c.width) for v, c in zip(row, present, strict=True))
        if lines > 1:  # not every program fits the height of a row to its text by itself
            page.set_row(line, _LINE_POINTS * min(lines, _MOST_LINES))
    page.freeze_panes(3, min(2, len(present)))
    if len(body):
        page.autofilter(2, 0, min(len(body) + 2, _EXCEL_ROWS - 1), len(present) - 1)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(2)
    page.set_footer(f"&L{marks.replace('&', '&&')}&R&P / &N")


def _lines(value: object, width: int) -> int:
    """Lines that a cell of a wrapped column needs; a Chinese character is two wide."""
    if width <= _WRAPPED or not isinstance(value, str):
        return 1
    return sum(
        max(1, math.ceil(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in part) / (width - 1)))
        for part in value.split("\n")
    )


def _write_cell(page: Any, line: int, at: int, value: object, form: Any) -> None:  # noqa: ANN401 - xlsxwriter is untyped
    if value is None or (isinstance(value, float) and not math.isfinite(value)) or value is pd.NaT:
        page.write_blank(line, at, None, form)
    elif isinstance(value, pd.Timestamp | dt.datetime):
        page.write_datetime(line, at, value, form)
    elif isinstance(value, str):
        page.write_string(line, at, _clean(value)[:_EXCEL_TEXT], form)
    else:
        page.write_number(line, at, float(value), form)  # type: ignore[arg-type]


def _clean(value: str) -> str:
    """Characters that XML cannot hold are shown as a replacement mark."""
    return "".join(
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "\ufffd"
        for c in value
    )


def _csv_value(value: object, digits: int | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)) or value is pd.NaT:
        return ""
    if isinstance(value, str):
        text = _clean(value).replace("\x00", "")
        return "'" + text if text.startswith(_FORMULA_STARTS) else text
    if digits is not None:
        return f"{float(value):.{digits}f}"  # type: ignore[arg-type]
    return str(value)


def _sheet_name(title: str) -> str:
    """Excel allows 31 characters in a sheet's name, and no brackets, colons, slashes or wildcards."""
    return "".join(c for c in title if c not in "[]:*?/\\'")[:31] or "Sheet"

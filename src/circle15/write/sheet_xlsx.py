"""The verdict sheet as .xlsx: one page wide on A4, cells merged on a grid of narrow columns, texts never formulas."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from circle15.words import Lang, word
from circle15.write.files import write_whole
from circle15.write.sheet import Block, Grid, Words

_FIXED = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - fixed, so that the same verdict gives the same bytes
_COLUMNS = 56
_COLUMN_WIDTH = 1.0  # 12 pixels: 56 of them fill A4 between its margins
_COLUMN_UNITS = 1.8  # half-width characters of 9 points in one of them
_LINE_POINTS = 12.5
_TALL_POINTS = 28.0
_LARGE = 4 / 3  # the conclusion is set in 12 points
_WIDE_FROM = "\u2e80"
_HEIGHTS = {"title": 30.0, "heading": 24.0, "marks": 16.0}


def write_xlsx(path: Path, blocks: Sequence[Block], *, lang: Lang) -> Path:
    """Write the blocks of a sheet as a workbook of one sheet, with a fixed date. Raises OutputError."""

    def fill(temporary: Path) -> None:
        options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
        book = xlsxwriter.Workbook(str(temporary), options)
        marks = next((b.text for b in blocks if isinstance(b, Words) and b.style == "marks"), "")
        book.set_properties({"title": word("sheet.title", lang), "comments": marks, "created": _FIXED})
        _fill(book, blocks, marks=marks, lang=lang)
        try:
            book.close()
        except xlsxwriter.exceptions.FileCreateError as fault:
            raise OSError(getattr(fault.args[0], "errno", None), str(fault)) from fault

    return write_whole(path, fill)


def _fill(book: Any, blocks: Sequence[Block], *, marks: str, lang: Lang) -> None:  # noqa: ANN401 - xlsxwriter is untyped
    page = book.add_worksheet(word("sheet.title", lang)[:31])
    page.hide_gridlines(2)
    page.set_column(0, _COLUMNS - 1, _COLUMN_WIDTH)
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.7)
    page.set_footer(f"&L{marks.replace('&', '&&')}&R&P / &N")
    formats = _formats(book)
    line = 0
    for block in blocks:
        if isinstance(block, Words):
            form = formats[block.style]
            _put(page, (line, 0), _COLUMNS, block.text, form)
            least = _HEIGHTS.get(block.style, _LINE_POINTS)
            large = _LARGE if block.style == "conclusion" else 1.0
            page.set_row(line, max(least, large * _points([block.text], [int(_COLUMNS / large)])))
            line += 1
        else:
            line = _grid(page, block, line, formats) + 1


def _grid(page: Any, grid: Grid, line: int, formats: Mapping[str, Any]) -> int:  # noqa: ANN401
    spans = _spans(grid.widths)
    rows = [(grid.headings, "head")] if grid.headings else []
    rows += [(row, "strong" if at in grid.strong else "cell") for at, row in enumerate(grid.rows)]
    for values, kind in rows:
        start = 0
        for at, (value, span) in enumerate(zip(values, spans, strict=True)):
            label = not grid.headings and at in {0, 2}
            _put(page, (line, start), span, value, formats["head" if label else kind])
            start += span
        page.set_row(line, max(_TALL_POINTS if grid.tall else 0.0, _points(values, spans)))
        line += 1
    page.set_row(line, 6)
    return line


def _spans(widths: Sequence[int]) -> list[int]:
    """Grid columns of each table column: as the relative widths ask, adding up to the whole page."""
    edges = [round(_COLUMNS * sum(widths[: at + 1]) / sum(widths)) for at in range(len(widths))]
    return [b - a for a, b in zip([0, *edges[:-1]], edges, strict=True)]


def _put(page: Any, at: tuple[int, int], span: int, value: str, form: Any) -> None:  # noqa: ANN401
    line, start = at
    if span > 1:
        page.merge_range(line, start, line, start + span - 1, "", form)
    page.write_string(line, start, value, form)


def _points(values: Sequence[str], spans: Sequence[int]) -> float:
    """Height of a row: merged cells do not grow with their text by themselves."""
    lines = 1
    for value, span in zip(values, spans, strict=True):
        wide = sum(2 if c >= _WIDE_FROM else 1 for c in value)
        lines = max(lines, math.ceil(wide / (span * _COLUMN_UNITS - 1)))
    return min(400.0, lines * _LINE_POINTS + 3)


def _formats(book: Any) -> dict[str, Any]:  # noqa: ANN401
    font = {"font_name": "SimSun", "font_size": 9, "text_wrap": True, "valign": "vcenter"}
    hei = {**font, "font_name": "SimHei"}
    made = {
        "title": {**hei, "bold": True, "font_size": 18, "align": "center"},
        "marks": {**hei, "align": "right"},
        "heading": {**hei, "bold": True, "font_size": 12},
        "conclusion": {**font, "bold": True, "font_size": 12, "valign": "top"},
        "note": {**font, "font_size": 9, "font_color": "#444444", "valign": "top"},
        "head": {**hei, "border": 1, "bg_color": "#E8EDF4", "align": "center"},
        "cell": {**font, "border": 1},
        "strong": {**font, "border": 1, "bold": True, "font_color": "#A61B1B"},
    }
    return {name: book.add_format(form) for name, form in made.items()}

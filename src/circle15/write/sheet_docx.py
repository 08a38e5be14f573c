"""The verdict sheet as .docx: A4, Song for text and Hei for headings, header row repeated, pages numbered."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from circle15.words import Lang, word
from circle15.write.files import write_whole
from circle15.write.sheet import Block, Grid, Words

_FIXED = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - fixed, so that the same verdict gives the same bytes
_ZIP_FIXED = (2026, 1, 1, 0, 0, 0)
_SONG, _HEI, _LATIN = "SimSun", "SimHei", "Times New Roman"
_WIDTH_MM = 174.0
_STYLES = {  # font, size, bold, alignment
    "marks": (_HEI, 10.5, False, WD_ALIGN_PARAGRAPH.RIGHT),
    "title": (_HEI, 18.0, True, WD_ALIGN_PARAGRAPH.CENTER),
    "heading": (_HEI, 12.0, True, WD_ALIGN_PARAGRAPH.LEFT),
    "conclusion": (_SONG, 12.0, True, WD_ALIGN_PARAGRAPH.LEFT),
    "note": (_SONG, 9.0, False, WD_ALIGN_PARAGRAPH.LEFT),
}


def write_docx(path: Path, blocks: Sequence[Block], *, lang: Lang) -> Path:
    """Write the blocks of a sheet as .docx, with fixed dates throughout."""
    document = Document()
    _page(document, blocks, lang)
    for block in blocks:
        if isinstance(block, Words):
            _words(document, block)
        else:
            _grid(document, block)
    _properties(document, lang)
    buffer = io.BytesIO()
    document.save(buffer)
    data = _settled(buffer.getvalue())
    return write_whole(path, lambda temporary: _put(temporary, data))


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _settled(data: bytes) -> bytes:
    """The same package with every time stamp fixed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for info in sorted(given.infolist(), key=lambda i: (i.filename != "[Content_Types].xml", i.filename)):
            settled = zipfile.ZipInfo(info.filename, _ZIP_FIXED)
            settled.compress_type = zipfile.ZIP_DEFLATED
            settled.external_attr = 0o600 << 16
            made.writestr(settled, given.read(info.filename))
    return out.getvalue()


def _properties(document: Any, lang: Lang) -> None:  # noqa: ANN401 - python-docx is untyped
    core = document.core_properties
    core.title, core.author, core.last_modified_by, core.comments = (
        word("sheet.title", lang),
        "circle15",
        "circle15",
        "",
    )
    core.created = core.modified = _FIXED
    core.revision = 1


def _page(document: Any, blocks: Sequence[Block], lang: Lang) -> None:  # noqa: ANN401
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(18)
    section.top_margin, section.bottom_margin = Mm(20), Mm(18)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = _LATIN, Pt(10.5)
    fonts = normal.element.get_or_add_rPr().get_or_add_rFonts()
    fonts.set(qn("w:eastAsia"), _SONG)
    marks = next((b.text for b in blocks if isinstance(b, Words) and b.style == "marks"), "")
    header = section.header.paragraphs[0]
    header.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _run(header, marks, _HEI, 9.0)
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    before, between, after = word("sheet.page", lang, page="\0", pages="\0").split("\0")
    for text, field in ((before, "PAGE"), (between, "NUMPAGES"), (after, "")):
        _run(footer, text, _SONG, 9.0)
        if field:
            _field(footer, field)


def _field(paragraph: Any, name: str) -> None:  # noqa: ANN401
    run = paragraph.add_run()
    run.font.size = Pt(9)
    for kind, text in (("begin", ""), ("", name), ("end", "")):
        if kind:
            part = OxmlElement("w:fldChar")
            part.set(qn("w:fldCharType"), kind)
        else:
            part = OxmlElement("w:instrText")
            part.text = text
        run._r.append(part)  # noqa: SLF001 - python-docx has no call for fields


def _words(document: Any, block: Words) -> None:  # noqa: ANN401
    if block.style == "marks":
        return  # stands in the header of every page
    font, size, bold, alignment = _STYLES[block.style]
    paragraph = document.add_paragraph()
    paragraph.alignment = alignment
    shape = paragraph.paragraph_format
    shape.space_before = Pt(10 if block.style == "heading" else 0)
    shape.space_after = Pt({"title": 8, "heading": 3}.get(block.style, 4))
    shape.keep_with_next = block.style in {"heading", "note"}
    _run(paragraph, block.text, font, size, bold=bold)


def _run(paragraph: Any, text: str, font: str, size: float, *, bold: bool = False, red: bool = False) -> None:  # noqa: ANN401
    run = paragraph.add_run(text)
    run.font.name, run.font.size, run.bold = _LATIN, Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)  # noqa: SLF001 - no public call
    if red:
        run.font.color.rgb = RGBColor(0xA6, 0x1B, 0x1B)


def _grid(document: Any, grid: Grid) -> None:  # noqa: ANN401
    lines = len(grid.rows) + bool(grid.headings)
    table = document.add_table(rows=lines, cols=len(grid.widths), style="Table Grid")
    table.alignment, table.autofit = WD_TABLE_ALIGNMENT.CENTER, False
    _narrow_margins(table)
    whole = sum(grid.widths)
    widths = [Mm(_WIDTH_MM * w / whole) for w in grid.widths]
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    if grid.headings:
        _row(table.rows[0], grid.headings, widths, head=True)
        _mark(table.rows[0], "w:tblHeader")
    for at, values in enumerate(grid.rows):
        row = table.rows[at + bool(grid.headings)]
        labels = () if grid.headings else (0, 2)
        _row(row, values, widths, labels=labels, strong=at in grid.strong)
        _mark(row, "w:cantSplit")
        if grid.tall:
            row.height = Mm(10)
    gap = document.add_paragraph().paragraph_format
    gap.space_after = gap.space_before = Pt(0)
    gap.line_spacing = Pt(5)


def _narrow_margins(table: Any) -> None:  # noqa: ANN401
    """Cells keep 1 mm at each side instead of Word's 1.9 mm, so that clause numbers stay on one line."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("w:left", "w:right"):
        part = OxmlElement(side)
        part.set(qn("w:w"), "57")
        part.set(qn("w:type"), "dxa")
        margins.append(part)
    table._tbl.tblPr.insert_element_before(margins, "w:tblLook")  # noqa: SLF001 - no public call


def _row(
    row: Any,  # noqa: ANN401
    values: Sequence[str],
    widths: Sequence[Any],
    *,
    head: bool = False,
    labels: Sequence[int] = (),
    strong: bool = False,
) -> None:
    for at, (cell, value, width) in enumerate(zip(row.cells, values, widths, strict=True)):
        cell.width = width
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
        paragraph = cell.paragraphs[0]
        paragraph.paragraph_format.space_after = paragraph.paragraph_format.space_before = Pt(1)
        label = head or at in labels
        paragraph.paragraph_format.keep_with_next = head
        _run(paragraph, value, _HEI if label else _SONG, 9.0, bold=strong, red=strong)
        if label:
            _shade(cell)
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _shade(cell: Any) -> None:  # noqa: ANN401
    shade = OxmlElement("w:shd")
    for key, value in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", "E8EDF4")):
        shade.set(qn(key), value)
    # Word asks for this order of the properties of a cell
    after = ("w:noWrap", "w:tcMar", "w:textDirection", "w:tcFitText", "w:vAlign", "w:hideMark")
    cell._tc.get_or_add_tcPr().insert_element_before(shade, *after)  # noqa: SLF001 - no public call


def _mark(row: Any, name: str) -> None:  # noqa: ANN401
    row._tr.get_or_add_trPr().append(OxmlElement(name))  # noqa: SLF001 - no public call

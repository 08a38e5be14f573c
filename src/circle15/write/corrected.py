"""A corrected copy of a register 更正副本: recorded corrections only, values as given beside them; never the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.schema import Correction
from circle15.words import Lang, word
from circle15.write.report import marks_of
from circle15.write.tables import Column, Titled
from circle15.write.workbook import Sheet, write_workbook


@dataclass(frozen=True)
class Given:
    """One sheet as read: its name ("" where the file has but one), cells, row numbers as a user sees them."""

    sheet: str
    frame: pd.DataFrame
    rows: Sequence[int]


def write_corrected(
    path: Path, source: Path, sheets: Sequence[Given], corrections: Sequence[Correction], *, simulated: bool, lang: Lang
) -> Path:
    """Write the sheets of `source` with the corrections made; the value as given stands in a column beside.

    Raises
    ------
    UsageError
        Where `path` is the register itself.
    OutputError
        Where it cannot be written.
    """
    if path.exists() and source.exists() and path.samefile(source):
        raise UsageError(Problem("use.corrected_over_input", value=str(path)))
    made = [_corrected(given, corrections, lang) for given in sheets]
    title = word("check.corrected_title", lang, file=source.name)
    return write_workbook(path, made, lang=lang, title=title, marks=marks_of(simulated=simulated, lang=lang))


def _corrected(given: Given, corrections: Sequence[Correction], lang: Lang) -> Sheet:
    mine = [c for c in corrections if (c.sheet or "") == given.sheet]
    at = {row: i for i, row in enumerate(given.rows)}
    data: dict[str, list[object]] = {"row": list(given.rows)}
    columns: list[Column] = [Column("row", "count", 8)]
    for n, name in enumerate(given.frame.columns):
        cells = [_cell(c) for c in given.frame[name].tolist()]
        changed = {at[c.row]: c for c in mine if c.column == name and c.row in at}
        if changed:
            before = [cells[i] if i in changed else "" for i in range(len(cells))]
            cells = [changed[i].after if i in changed else cell for i, cell in enumerate(cells)]
            data[f"before{n}"] = list(before)
            columns += [Titled(f"c{n}", "text", 16, title=str(name))]
            columns += [Titled(f"before{n}", "text", 16, title=word("check.given_value", lang, column=name))]
        else:
            columns.append(Titled(f"c{n}", "text", 16, title=str(name)))
        data[f"c{n}"] = list(cells)
    note = word("check.note.corrected", lang, n=len({(c.row, c.column) for c in mine}))
    return Sheet(given.sheet or word("check.sheet.corrected", lang), note, pd.DataFrame(data, dtype=object), columns)


def _cell(cell: object) -> object:
    """A cell as the workbook takes it: text, number or date; anything else as text."""
    if cell is None or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124 - NaN
        return ""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, int | float | str):
        return cell
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)

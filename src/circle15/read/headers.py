"""Where a table's header stands 表头: below titles, in one to three rows, across merged cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circle15.read.personal import is_personal
from circle15.read.words_in import Kind, alias_of, match_columns, plain

HEADER_SEARCH_ROWS = 20
MAX_HEADER_ROWS = 3
_LONG = 60
_COLUMNS_COUNTED, _COLUMN_DIGITS = 3, 4

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]


@dataclass(frozen=True)
class Header:
    """Rows `first` … `last` (from 0, both included) and the column names they make."""

    first: int
    last: int
    names: list[str]


def find_header(
    rows: Sequence[Sequence[Any]], merged: Merged, *, kind: Kind, columns: Mapping[str, str] | None
) -> Header | None:
    """Find the rows among the first HEADER_SEARCH_ROWS whose joined names match most known columns.

    More rows are taken only where they name more columns; all their cells must be words. None for an empty sheet.
    """
    best: Header | None = None
    most = (-1, 0)
    for first in range(min(len(rows), HEADER_SEARCH_ROWS)):
        if all(map(is_blank_cell, rows[first])):
            continue
        for last in range(first, min(first + MAX_HEADER_ROWS, len(rows))):
            if last > first and not _may_join(rows[last]):
                break
            names = _names(rows[first : last + 1], merged, first, kind=kind, columns=columns)
            score = (len(match_columns(names, kind, columns)), first - last)
            if score > most:
                best, most = Header(first, last, names), score
    return best


def is_blank_cell(cell: object) -> bool:
    """Whether a cell holds nothing but blanks."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _may_join(row: Sequence[Any]) -> bool:
    """Whether a row may be a further row of a header: short words only, no numbers or dates."""
    filled = [c for c in row if not is_blank_cell(c)]
    return bool(filled) and all(isinstance(c, str) and len(c) <= _LONG and not _is_number(c) for c in filled)


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).replace("-", "", 1).isdecimal()


def _names(
    rows: Sequence[Sequence[Any]], merged: Merged, first: int, *, kind: Kind, columns: Mapping[str, str] | None
) -> list[str]:
    width = max(map(len, rows))
    lines = [["" if is_blank_cell(c) else str(c).strip() for c in row] + [""] * (width - len(row)) for row in rows]
    if len(lines) == 1:
        names = lines[0]
    else:
        _spread(lines, merged, first)
        stacks = [list(dict.fromkeys(line[j] for line in lines if line[j])) for j in range(width)]
        names = [_joined(stack, kind=kind, columns=columns) for stack in stacks]
    while names and not names[-1]:
        names.pop()
    return [name or f"#{i}" for i, name in enumerate(names, start=1)]


def _spread(lines: list[list[str]], merged: Merged, first: int) -> None:
    """Upper cells stand over all columns they are merged across, or over blanks to their right with names below."""
    for (top, left), (bottom, right) in merged:
        at = top - first
        if 0 <= at < len(lines) and bottom - first < len(lines):
            for j in range(left + 1, min(right + 1, len(lines[at]))):
                lines[at][j] = lines[at][j] or lines[at][left]
    for at, line in enumerate(lines[:-1]):
        below = lines[at + 1]
        for j in range(1, len(line)):
            if not line[j] and below[j] and below[j - 1] and below[j - 1] != line[j - 1]:
                line[j] = line[j - 1]


def _joined(stack: Sequence[str], *, kind: Kind, columns: Mapping[str, str] | None) -> str:
    """Name of a column from its cells, top to bottom: the first form that is known, else all of them joined."""
    if len(stack) <= 1:
        return stack[0] if stack else ""
    top, bottom = "".join(stack[:-1]), stack[-1]
    if is_personal(top):
        return top + bottom
    told = set((columns or {}).values())
    forms = (top + bottom, bottom + top, bottom, top)
    for form in forms:
        if form in told or alias_of(form, kind) is not None:
            return form
    return forms[0]


def repeats(row: Sequence[Any], names: Sequence[str]) -> bool:
    """Whether a row says the header again, as lists printed over several pages do."""
    filled = [(plain(str(c)), plain(n)) for c, n in zip(row, names, strict=False) if not is_blank_cell(c)]
    same = sum(cell == name for cell, name in filled)
    return len(filled) > 1 and same * 2 > len(filled)


def numbers_columns(row: Sequence[Any]) -> bool:
    """Whether a row only counts the columns: 1, 2, 3 …, as forms do below their header."""
    filled = [str(c).strip().removesuffix(".0") for c in row if not is_blank_cell(c)]
    digits = [int(c) for c in filled if c.isdecimal() and len(c) < _COLUMN_DIGITS]
    if len(digits) < _COLUMNS_COUNTED or len(digits) < len(filled) - 2:
        return False
    return digits == list(range(digits[0], digits[0] + len(digits)))

"""The audit of a plan as a workbook 规划自检工作簿."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from circle15.policy.audit import FigureVerdict
from circle15.words import Lang, word
from circle15.write.audit import difference_words, one_line, printed_words, reading_words
from circle15.write.tables import Column
from circle15.write.workbook import Sheet, write_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circle15.policy.audit import FigureCheck

_ORDER = (
    FigureVerdict.INCONSISTENT,
    FigureVerdict.CANNOT_BE_CHECKED,
    FigureVerdict.CONSISTENT,
    FigureVerdict.DERIVED,
)
AUDIT: tuple[Column, ...] = (
    Column("audit.verdict", "word", 10, "audit.verdict"),
    Column("audit.finding", "word", 16, "audit.finding"),
    Column("audit.figure_id", "text", 8),
    Column("audit.title", "text", 24),
    Column("audit.clause", "text", 12),
    Column("audit.printed", "text", 16),
    Column("audit.arithmetic", "text", 41),
    Column("audit.difference", "text", 14),
    Column("audit.readings", "text", 48),
    Column("audit.quote", "text", 41),
    Column("audit.notes", "text", 20),
)


def write_audit(path: Path, checks: Sequence[FigureCheck], *, title: str, lang: Lang) -> Path:
    """Write the audit as a workbook, inconsistent figures first."""
    rows = [
        {
            "audit.verdict": str(c.verdict),
            "audit.finding": str(c.finding),
            "audit.figure_id": c.id,
            "audit.title": c.title,
            "audit.clause": c.clause,
            "audit.printed": printed_words(c),
            "audit.arithmetic": c.arithmetic,
            "audit.difference": difference_words(c) if c.verdict is FigureVerdict.INCONSISTENT else "",
            "audit.readings": "\n".join(reading_words(c, lang=lang)),
            "audit.quote": one_line(c.quote),
            "audit.notes": "\n".join([*c.needs, *([c.note] if c.note else [])]),
        }
        for c in sorted(checks, key=lambda c: _ORDER.index(c.verdict))
    ]
    table = pd.DataFrame(rows, columns=[c.name for c in AUDIT])
    sheet = Sheet(word("audit.sheet", lang), word("audit.note", lang), table, AUDIT)
    marks = word("workbook.internal", lang)
    return write_workbook(path, [sheet], lang=lang, title=word("audit.title", lang, title=title), marks=marks)

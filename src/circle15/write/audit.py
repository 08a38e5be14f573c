"""The audit of a plan for people 规划自检单: lines, a workbook, and JSON with stable keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from circle15.policy.arithmetic import listed, places
from circle15.policy.audit import FigureCheck, FigureFinding, FigureVerdict
from circle15.policy.explain import Reading
from circle15.words import Lang, word
from circle15.write.run_record import to_json
from circle15.write.tables import Column
from circle15.write.workbook import Sheet, write_workbook

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


def audit_lines(checks: Sequence[FigureCheck], *, title: str, lang: Lang) -> list[str]:
    """A summary, then every figure with its arithmetic; quotation and other readings below those that do not fit."""
    lines = [_summary(checks, title, lang)]
    for check in checks:
        lines.append(figure_line(check, lang=lang))
        if check.verdict is FigureVerdict.INCONSISTENT:
            lines.append(word("audit.quote_line", lang, quote=_one_line(check.quote)))
        if check.verdict is FigureVerdict.INCONSISTENT or check.finding is FigureFinding.ROUNDING:
            lines += [word("audit.reading_line", lang, reading=r) for r in reading_words(check, lang=lang)]
    return lines


def figure_line(check: FigureCheck, *, lang: Lang) -> str:
    """One figure as a line: `4.84 × 1089.3 = 5272.2, printed 5130, difference 142.2`."""
    tail = check.arithmetic
    if check.printed:
        tail += word("audit.printed", lang, printed=_printed(check)) if tail else _printed(check)
    if check.verdict is FigureVerdict.INCONSISTENT and check.differences:
        tail += word("audit.difference", lang, difference=_differences(check))
    if check.needs:
        needs = word("audit.needs", lang, needs=word("audit.join", lang).join(check.needs))
        tail = f"{tail}; {needs}" if tail else needs
    return word(
        "audit.line",
        lang,
        verdict=word(f"audit.verdict.{check.verdict}", lang),
        id=check.id,
        title=check.title,
        clause=check.clause,
        arithmetic=tail,
    )


def reading_words(check: FigureCheck, *, lang: Lang) -> list[str]:
    """Other readings of a figure, worded."""
    return [_reading(r, lang) for r in check.readings]


def audit_record(checks: Sequence[FigureCheck], *, title: str, lang: Lang) -> str:
    """The audit as JSON.

    Keys: title, counts (by verdict) and figures, each with id, title, clause, quote, unit, verdict, finding, printed,
    computed, differences (numbers as exact decimal text), arithmetic, readings (id, slots, words), needs and note.
    """
    counts = Counter(str(c.verdict) for c in checks)
    return to_json(
        {
            "title": title,
            "counts": {str(v): counts[str(v)] for v in FigureVerdict},
            "figures": [
                {
                    "id": c.id,
                    "title": c.title,
                    "clause": c.clause,
                    "quote": c.quote,
                    "unit": c.unit,
                    "verdict": str(c.verdict),
                    "finding": str(c.finding),
                    "printed": [f"{p:f}" for p in c.printed],
                    "computed": [_exact(v) for v in c.computed],
                    "differences": [_exact(v) for v in c.differences],
                    "arithmetic": c.arithmetic,
                    "readings": [{"id": r.id, "slots": dict(r.slots), "words": _reading(r, lang)} for r in c.readings],
                    "needs": list(c.needs),
                    "note": c.note,
                }
                for c in checks
            ],
        }
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
            "audit.printed": _printed(c),
            "audit.arithmetic": c.arithmetic,
            "audit.difference": _differences(c) if c.verdict is FigureVerdict.INCONSISTENT else "",
            "audit.readings": "\n".join(reading_words(c, lang=lang)),
            "audit.quote": _one_line(c.quote),
            "audit.notes": "\n".join([*c.needs, *([c.note] if c.note else [])]),
        }
        for c in sorted(checks, key=lambda c: _ORDER.index(c.verdict))
    ]
    table = pd.DataFrame(rows, columns=[c.name for c in AUDIT])
    sheet = Sheet(word("audit.sheet", lang), word("audit.note", lang), table, AUDIT)
    marks = word("workbook.internal", lang)
    return write_workbook(path, [sheet], lang=lang, title=word("audit.title", lang, title=title), marks=marks)


def _summary(checks: Sequence[FigureCheck], title: str, lang: Lang) -> str:
    counts = Counter(c.verdict for c in checks)
    return word(
        "audit.summary",
        lang,
        title=title,
        n=len(checks),
        consistent=counts[FigureVerdict.CONSISTENT],
        inconsistent=counts[FigureVerdict.INCONSISTENT],
        cannot=counts[FigureVerdict.CANNOT_BE_CHECKED],
        derived=counts[FigureVerdict.DERIVED],
    )


def _reading(reading: Reading, lang: Lang) -> str:
    slots = dict(reading.slots)
    if reading.id == "roundings":
        names = [word(f"audit.rounding.{r}", lang) for r in slots["fitting"].split(";")]
        slots["fitting"] = word("audit.join", lang).join(names)
    return word(f"audit.reading.{reading.id}", lang, **slots)


def _printed(check: FigureCheck) -> str:
    return " / ".join(f"{p:f}" for p in check.printed)


def _differences(check: FigureCheck) -> str:
    digits = max((places(p) for p in check.printed), default=1) + 1
    return listed([abs(d) for d in check.differences], digits)


def _exact(value: Decimal) -> str:
    return f"{round(value, 10).normalize():f}"


def _one_line(words: str) -> str:
    return " ".join(words.split())

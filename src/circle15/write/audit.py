"""The audit of a plan in words 规划自检单: lines, and JSON with stable keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from circle15.policy.arithmetic import listed, places
from circle15.policy.audit import FigureCheck, FigureFinding, FigureVerdict
from circle15.policy.explain import Reading
from circle15.words import Lang, word
from circle15.write.run_record import to_json


def audit_lines(checks: Sequence[FigureCheck], *, title: str, lang: Lang) -> list[str]:
    """A summary, then every figure with its arithmetic; quotation and other readings below those that do not fit."""
    lines = [_summary(checks, title, lang)]
    for check in checks:
        lines.append(figure_line(check, lang=lang))
        if check.verdict is FigureVerdict.INCONSISTENT:
            lines.append(word("audit.quote_line", lang, quote=one_line(check.quote)))
        if check.verdict is FigureVerdict.INCONSISTENT or check.finding is FigureFinding.ROUNDING:
            lines += [word("audit.reading_line", lang, reading=r) for r in reading_words(check, lang=lang)]
    return lines


def figure_line(check: FigureCheck, *, lang: Lang) -> str:
    """One figure as a line: `4.84 × 1089.3 = 5272.2, printed 5130, difference 142.2`."""
    tail = check.arithmetic
    if check.printed:
        tail += word("audit.printed", lang, printed=printed_words(check)) if tail else printed_words(check)
    if check.verdict is FigureVerdict.INCONSISTENT and check.differences:
        tail += word("audit.difference", lang, difference=difference_words(check))
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


def printed_words(check: FigureCheck) -> str:
    """What the plan prints."""
    return " / ".join(f"{p:f}" for p in check.printed)


def difference_words(check: FigureCheck) -> str:
    """By how much it is off."""
    digits = max((places(p) for p in check.printed), default=1) + 1
    return listed([abs(d) for d in check.differences], digits)


def _exact(value: Decimal) -> str:
    return f"{round(value, 10).normalize():f}"


def one_line(words: str) -> str:
    """A quotation without its line breaks."""
    return " ".join(words.split())

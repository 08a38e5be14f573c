"""The workbook of a plan of sites 方案工作簿: summary, exits, additions, steps, coverage, who loses, what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from circle15.schema import Finding
from circle15.words import Lang, word
from circle15.write.report import source_sheet
from circle15.write.summary import findings_table
from circle15.write.tables import FINDINGS, Column
from circle15.write.workbook import Sheet, write_workbook

PLACE = (Column("district_name", "text", 12), Column("township_name", "text", 14))
SPOT = (Column("lon", "degrees", 12), Column("lat", "degrees", 12))
SUMMARY: tuple[Column, ...] = (Column("siting.line", "text", 120),)
EXITS: tuple[Column, ...] = (
    Column("siting.order", "count", 6),
    Column("siting.step", "count", 6),
    Column("id", "text", 15),
    Column("name", "text", 28),
    *PLACE,
    Column("siting.residents_lost", "count", 13),
    Column("others_within", "count", 13),
    Column("circle_limit", "count", 10),
    Column("siting.rules", "text", 44),
    Column("siting.clauses", "text", 14),
    Column("siting.nearest_name", "text", 28),
    Column("siting.nearest_m", "metres", 13),
    *SPOT,
)
ENTRIES: tuple[Column, ...] = (
    Column("siting.order", "count", 6),
    Column("siting.step", "count", 6),
    Column("siting.site", "text", 10),
    Column("name", "text", 24),
    *PLACE,
    Column("siting.residents_gained", "count", 13),
    Column("siting.conclusion", "word", 14, "judge.conclusion"),
    Column("siting.rules", "text", 44),
    *SPOT,
)
STEPS: tuple[Column, ...] = (
    Column("siting.step", "count", 6),
    Column("siting.exits", "count", 8),
    Column("siting.entries", "count", 8),
    Column("siting.standing", "count", 10),
    Column("residents", "count", 13),
    Column("covered", "count", 13),
    Column("share", "share", 10),
    Column("siting.depth_2", "count", 14),
    Column("siting.broken", "count", 12),
    Column("siting.worse", "count", 12),
)
CHANGE: tuple[Column, ...] = (
    Column("name", "text", 16),
    Column("level", "word", 10, "columns.place_levels"),
    Column("residents", "count", 12),
    Column("siting.institutions_before", "count", 10),
    Column("siting.institutions_after", "count", 10),
    Column("siting.covered_before", "count", 12),
    Column("siting.covered_after", "count", 12),
    Column("siting.change", "count", 12),
    Column("siting.share_before", "share", 10),
    Column("siting.share_after", "share", 10),
    Column("siting.depth_2_before", "count", 14),
    Column("siting.depth_2_after", "count", 14),
)
LOSERS: tuple[Column, ...] = (
    Column("name", "text", 18),
    Column("siting.residents_lost", "count", 13),
    Column("siting.before_m", "metres", 14),
    Column("siting.after_m", "metres", 14),
    Column("siting.farthest_m", "metres", 14),
)
BUYS: tuple[Column, ...] = (
    Column("siting.sites", "count", 10),
    Column("siting.residents_gained", "count", 14),
    Column("siting.by_this_one", "count", 14),
    Column("share", "share", 10),
    Column("siting.gap", "share", 12),
)
TIES: tuple[Column, ...] = (
    Column("siting.stays", "text", 16),
    Column("siting.leaves", "text", 16),
    Column("siting.column", "text", 20),
    Column("siting.stays_value", "number", 12),
    Column("siting.leaves_value", "number", 12),
)
ALTERNATIVES: tuple[Column, ...] = (
    Column("siting.plan", "count", 6),
    Column("siting.exits", "count", 8),
    Column("siting.sites", "count", 8),
    Column("covered", "count", 13),
    Column("siting.differ", "count", 10),
    Column("siting.gap", "share", 12),
    Column("siting.out", "text", 60),
    Column("siting.in", "text", 60),
    Column("siting.ids", "text", 60),
)
DECISIONS: tuple[Column, ...] = (
    Column("siting.order", "count", 6),
    Column("siting.site", "text", 10),
    Column("name", "text", 28),
    Column("service", "word", 10, "columns.services"),
    *PLACE,
    Column("siting.decision", "word", 10, "columns.siting.decisions"),
    Column("siting.residents_gained", "count", 13),
    Column("siting.conclusion", "word", 14, "judge.conclusion"),
    Column("siting.rules", "text", 44),
    Column("siting.alone_conclusion", "word", 14, "judge.conclusion"),
    Column("siting.because_of", "text", 24),
    Column("siting.alike", "text", 24),
    Column("siting.score", "number", 9),
    Column("siting.replaces", "text", 15),
    *SPOT,
)
USED: tuple[Column, ...] = (
    Column("title", "text", 34),
    Column("ground_name", "text", 18),
    Column("limit", "number", 9),
    Column("siting.before", "number", 9),
    Column("siting.after", "number", 9),
    Column("siting.ids", "text", 50),
    Column("clause", "text", 14),
)
LAYOUTS: Mapping[str, tuple[Column, ...]] = {
    "summary": SUMMARY,
    "exits": EXITS,
    "entries": ENTRIES,
    "steps": STEPS,
    "change": CHANGE,
    "straight": CHANGE,
    "losers": LOSERS,
    "buys": BUYS,
    "ties": TIES,
    "alternatives": ALTERNATIVES,
    "decisions": DECISIONS,
    "used": USED,
}


def write_plan_book(
    path: Path,
    tables: Mapping[str, pd.DataFrame],
    *,
    lines: Sequence[str],
    remaining: Sequence[Finding],
    provenance: Mapping[str, object],
    title: str,
    marks: str,
    lang: Lang,
) -> Path:
    """Write a plan: `tables` by the names of LAYOUTS (columns without the prefix `siting.`), empty ones left out.

    `lines` are the summary, `remaining` the findings of the judge on limits that are still broken.
    """
    sheets = [_sheet("summary", pd.DataFrame({"line": list(lines)}), lang)]
    sheets += [_sheet(name, table, lang) for name, table in tables.items() if len(table)]
    if remaining:
        found = findings_table(tuple(remaining), lang=lang)
        sheets.append(
            Sheet(word("plan_book.sheet.remaining", lang), word("plan_book.note.remaining", lang), found, FINDINGS)
        )
    sheets.append(source_sheet(provenance, lang))
    return write_workbook(path, sheets, lang=lang, title=title, marks=marks)


def _sheet(name: str, table: pd.DataFrame, lang: Lang) -> Sheet:
    columns = LAYOUTS[name]
    own = {c.name.removeprefix("siting."): c.name for c in columns if c.name.startswith("siting.")}
    named = table.rename(columns=own if name not in {"entries", "decisions"} else own | {"id": "siting.site"})
    return Sheet(word(f"plan_book.sheet.{name}", lang), word(f"plan_book.note.{name}", lang), named, columns)

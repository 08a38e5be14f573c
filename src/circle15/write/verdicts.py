"""Verdicts on a table of sites 批量研判: JSON with stable keys, and a workbook of verdicts and of every test."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from circle15.schema import Outcome, Verdict
from circle15.words import Lang, catalogue, word
from circle15.write.files import safe_file_name
from circle15.write.report import VERDICT_SCHEMA, verdict_record
from circle15.write.run_record import to_json
from circle15.write.summary import findings_table
from circle15.write.tables import FINDINGS, Column
from circle15.write.workbook import Sheet, write_workbook

VERDICTS: tuple[Column, ...] = (
    Column("verdicts.row", "count", 6),
    Column("name", "text", 28),
    Column("service", "word", 10, "columns.services"),
    Column("district_name", "text", 12),
    Column("township_name", "text", 14),
    Column("verdicts.conclusion", "word", 16, "judge.conclusion"),
    Column("verdicts.decided_by", "text", 50),
    Column("verdicts.breached", "count", 8),
    Column("verdicts.review", "count", 8),
    Column("verdicts.no_data", "count", 8),
    Column("others_within", "count", 12),
    Column("residents_within", "count", 12),
    Column("lon", "degrees", 12),
    Column("lat", "degrees", 12),
)


def verdicts_record(verdicts: Sequence[Verdict], provenance: Mapping[str, object], *, lang: Lang) -> str:
    """Verdicts as JSON: `schema`, `verdicts` (each as `verdict_record` makes it, without its run) and one `run`."""
    each = [json.loads(verdict_record(v, {}, lang=lang)) for v in verdicts]
    for one in each:
        del one["run"]
    return to_json({"schema": VERDICT_SCHEMA, "verdicts": each, "run": provenance})


def verdicts_table(verdicts: Sequence[Verdict], rows: Sequence[int]) -> pd.DataFrame:
    """One row a site: its row in the file, where it lies, the conclusion and the rules that decide it."""
    made = []
    for row, verdict in zip(rows, verdicts, strict=True):
        counts = Counter(f.outcome for f in verdict.findings)
        titles = {f.rule_id: f.title for f in verdict.findings}
        record = {c.name: verdict.measures.get(c.name) for c in VERDICTS}
        record |= {
            "verdicts.row": row,
            "service": verdict.service,
            "verdicts.conclusion": str(verdict.conclusion),
            "verdicts.decided_by": "; ".join(titles[r] for r in verdict.decided_by if r in titles),
            "verdicts.breached": counts[Outcome.BREACHED],
            "verdicts.review": counts[Outcome.REVIEW],
            "verdicts.no_data": counts[Outcome.NO_DATA],
        }
        made.append(record)
    return pd.DataFrame(made, columns=[c.name for c in VERDICTS]).astype(object)


def write_verdicts(path: Path, verdicts: Sequence[Verdict], rows: Sequence[int], *, marks: str, lang: Lang) -> Path:
    """Write a workbook: a sheet of verdicts, and a sheet of every test on every site."""
    tests = [
        findings_table(v.findings, lang=lang).assign(**{"verdicts.row": row, "name": v.measures.get("name", "")})
        for row, v in zip(rows, verdicts, strict=True)
        if v.findings
    ]
    columns = (VERDICTS[0], VERDICTS[1], *(c for c in FINDINGS if c.name != "subject"))
    table = pd.concat(tests, ignore_index=True) if tests else pd.DataFrame(columns=[c.name for c in columns])
    sheets = [
        Sheet(
            word("sheet.batch.verdicts", lang), word("sheet.batch.note", lang), verdicts_table(verdicts, rows), VERDICTS
        ),
        Sheet(word("sheet.batch.tests", lang), word("workbook.note.findings", lang), table, columns),
    ]
    return write_workbook(path, sheets, lang=lang, title=word("sheet.batch.verdicts", lang), marks=marks)


def verdict_line(verdict: Verdict, row: int, *, lang: Lang) -> str:
    """One site as a line: row, name, conclusion and what decides it."""
    titles = {f.rule_id: f.title for f in verdict.findings}
    told = word("sheet.join", lang).join(titles[r] for r in verdict.decided_by if r in titles)
    conclusion = catalogue(lang).get(f"judge.conclusion.{verdict.conclusion}", str(verdict.conclusion))
    name = str(verdict.measures.get("name", ""))
    return word("sheet.batch.line", lang, row=row, name=name, conclusion=conclusion, decided_by=told or "—")


def sheet_path(path: Path, row: int, name: str) -> Path:
    """Where the sheet of one site of a table goes: the row and the name before the suffix."""
    return path.with_name(f"{path.stem}_{row:03d}_{safe_file_name(name, fallback='site')}{path.suffix}")

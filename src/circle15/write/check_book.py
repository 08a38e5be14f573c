"""The report of check-data 数据核对报告: problems, assumptions, counts, residents, datum, doubtful positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.errors import Problem
from circle15.schema import Assumption, Correction, SheetCount
from circle15.words import Lang, catalogue, word, word_slots
from circle15.write.report import marks_of, problem_rows
from circle15.write.tables import PROBLEMS, Column, Titled
from circle15.write.workbook import Sheet, write_workbook

ASSUMPTIONS: tuple[Column, ...] = (
    Column("file", "text", 20),
    Column("sheet", "text", 12),
    Column("row", "count", 8),
    Column("column", "text", 14),
    Column("check.touched", "count", 10),
    Column("check.assumed", "text", 90),
)
CORRECTIONS: tuple[Column, ...] = (
    Column("file", "text", 20),
    Column("sheet", "text", 12),
    Column("row", "count", 8),
    Column("column", "text", 14),
    Column("check.before", "text", 24),
    Column("check.after", "text", 24),
    Column("check.why", "word", 26, "columns.check.reasons"),
)
COUNTS: tuple[Column, ...] = (
    Column("check.item", "text", 44),
    Column("check.before", "count", 14),
    Column("check.after", "count", 14),
    Column("check.remark", "text", 60),
)
PEOPLE: tuple[Column, ...] = (
    Column("name", "text", 18),
    Column("level", "word", 12, "columns.place_levels"),
    Column("check.official", "count", 14),
    Column("check.before", "count", 14),
    Column("check.factor", "number", 10),
    Column("check.grid", "count", 16),
    Column("check.difference", "share", 12),
)
DATUM: tuple[Column, ...] = (
    Column("check.basis", "word", 30, "columns.check.bases"),
    Column("check.datum", "text", 12),
    Column("check.declared", "flag", 8),
    Column("check.compared", "count", 12),
    Column("check.fitting", "count", 12),
    Column("check.share", "share", 12),
    Column("check.median_m", "metres", 16),
    Column("check.for_it", "count", 16),
    Column("check.against_it", "count", 16),
)
DOUBTFUL: tuple[Column, ...] = (
    Column("check.kind", "word", 26, "columns.positions.reason"),
    Column("check.group", "text", 8),
    Column("id", "text", 15),
    Column("name", "text", 28),
    Column("address", "text", 32),
    Column("sheet", "text", 12),
    Column("row", "count", 8),
    Column("check.told", "text", 14),
    Column("check.lies", "text", 14),
    Column("check.off_m", "metres", 14),
    Column("position_accuracy_m", "metres", 12),
    Column("check.reason", "word", 26, "columns.positions.reason"),
    Column("lon", "degrees", 12),
    Column("lat", "degrees", 12),
)


@dataclass(frozen=True)
class CheckContent:
    """What the report is made of; see read/check.py (DataCheck), whose parts these are.

    `counted` are those of `institutions` that stand on the city's day. Both are None and the tables empty where a part
    of the city could not be read.
    """

    problems: Sequence[Problem]
    assumptions: Sequence[Assumption] = ()
    counts: Sequence[SheetCount] = ()
    corrections: Sequence[Correction] = ()
    institutions: gpd.GeoDataFrame | None = None
    counted: gpd.GeoDataFrame | None = None
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)
    suspects: pd.DataFrame = field(default_factory=pd.DataFrame)
    people: pd.DataFrame = field(default_factory=pd.DataFrame)
    outside: tuple[int, float] = (0, 0.0)
    denominators: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_check(path: Path, content: CheckContent, *, city: str, simulated: bool, lang: Lang) -> Path:
    """Write the report that a clerk works through: one sheet each of problems, assumptions and counts, and more.

    Raises OutputError.
    """
    sheets = [
        _sheet("problems", problem_rows(content.problems, lang=lang), PROBLEMS, lang, key="workbook"),
        _sheet("assumptions", assumption_rows(content.assumptions, lang=lang), ASSUMPTIONS, lang),
        _sheet("counts", count_rows(content, lang=lang), COUNTS, lang),
    ]
    if content.corrections:
        sheets.append(_sheet("corrections", correction_rows(content.corrections), CORRECTIONS, lang))
    if len(content.people):
        sheets.append(_sheet("people", content.people.rename(columns=_checked(content.people, PEOPLE)), PEOPLE, lang))
    if len(content.denominators):
        sheets.append(_denominators(content.denominators, lang))
    if len(content.evidence):
        evidence = content.evidence.assign(fitting=content.evidence["fitting"].astype("float64"))
        sheets.append(_sheet("datum", evidence.rename(columns=_checked(evidence, DATUM)), DATUM, lang))
    if content.institutions is not None and len(content.suspects):
        sheets.append(_sheet("doubtful", doubtful_rows(content.institutions, content.suspects), DOUBTFUL, lang))
    title = word("workbook.title.check", lang, city=city)
    return write_workbook(path, sheets, lang=lang, title=title, marks=marks_of(simulated=simulated, lang=lang))


def _denominators(table: pd.DataFrame, lang: Lang) -> Sheet:
    """Denominators by place, under the headings of their own table."""
    given = [c for c in table.columns if c not in {"place_id", "name", "level", "official"}]
    renamed = table.rename(columns={"official": "check.official"} | {c: f"n{i}" for i, c in enumerate(given)})
    columns = [PEOPLE[0], PEOPLE[1], PEOPLE[2], *(Titled(f"n{i}", "count", 14, title=c) for i, c in enumerate(given))]
    return _sheet("denominators", renamed, columns, lang)


def _sheet(name: str, table: pd.DataFrame, columns: Sequence[Column], lang: Lang, *, key: str = "check") -> Sheet:
    return Sheet(word(f"{key}.sheet.{name}", lang), word(f"{key}.note.{name}", lang), table, columns)


def _checked(table: pd.DataFrame, columns: Sequence[Column]) -> dict[str, str]:
    """Names of a table's columns under which their headings stand."""
    headed = {c.name for c in columns}
    return {c: f"check.{c}" for c in table.columns if f"check.{c}" in headed}


def assumption_rows(assumptions: Iterable[Assumption], *, lang: Lang) -> pd.DataFrame:
    """Assumptions with their sentence, in the order they were made."""
    rows = [
        {
            "file": a.file,
            "sheet": a.sheet or "",
            "row": a.row,
            "column": a.column or "",
            "check.touched": a.count,
            "check.assumed": word_slots(f"read.assumption.{a.what}", a.params, lang, count=a.count),
        }
        for a in assumptions
    ]
    return pd.DataFrame(rows, columns=[c.name for c in ASSUMPTIONS]).astype({"row": "float64"})


def correction_rows(corrections: Iterable[Correction]) -> pd.DataFrame:
    """Cells that were read otherwise than they stand."""
    rows = [
        {
            "file": c.file,
            "sheet": c.sheet or "",
            "row": c.row,
            "column": c.column,
            "check.before": c.before,
            "check.after": c.after,
            "check.why": c.what,
        }
        for c in corrections
    ]
    return pd.DataFrame(rows, columns=[c.name for c in CORRECTIONS])


def count_rows(content: CheckContent, *, lang: Lang) -> pd.DataFrame:
    """Numbers before and after reading: rows of each sheet, institutions by service and accuracy, residents."""
    rows: list[tuple[str, float, float, str]] = []

    def say(key: str, **slots: object) -> str:
        return word(f"check.count.{key}", lang, **slots)

    for c in content.counts:
        place = f"{c.file} / {c.sheet}" if c.sheet else c.file
        rows.append((say("rows", place=place), c.filled, c.records, say("rows_remark")))
        rows.append((say("records", place=place), c.records, c.kept, say("records_remark")))
    if content.counted is not None:
        rows += _institution_counts(content.counted, lang)
    by_cell = Counter(c.what for c in content.corrections)
    rows += [(say("corrected"), np.nan, n, _reason(what, lang)) for what, n in by_cell.items()]
    if len(content.people):
        cells, residents = content.outside
        whole = content.people[content.people["level"] == _highest(content.people)]
        before = whole["before"].sum(min_count=1)
        rows.append((say("residents"), float(before), float(whole["grid"].sum()), say("residents_remark")))
        rows.append((say("outside"), np.nan, residents, say("outside_remark", cells=f"{cells:,}")))
    return pd.DataFrame(rows, columns=[c.name for c in COUNTS])


def _reason(what: str, lang: Lang) -> str:
    return catalogue(lang).get(f"columns.check.reasons.{what}", what)


def _highest(people: pd.DataFrame) -> str:
    held = set(people["level"])
    return next(level for level in ("district", "township", "community", "city") if level in held)


def _institution_counts(institutions: gpd.GeoDataFrame, lang: Lang) -> list[tuple[str, float, float, str]]:
    rows = []
    for service, n in institutions["service"].value_counts(sort=False).sort_index().items():
        rows.append((word("check.count.service", lang), np.nan, float(n), word(f"columns.services.{service}", lang)))
    grouped = institutions.groupby("position_reason", sort=True)["position_accuracy_m"]
    for reason, metres in grouped:
        told = catalogue(lang).get(f"columns.positions.reason.{reason}", str(reason))
        remark = word("check.count.accuracy_remark", lang, reason=told, least=_m(metres.min()), most=_m(metres.max()))
        rows.append((word("check.count.accuracy", lang), np.nan, float(len(metres)), remark))
    return rows


def _m(metres: float) -> str:
    return f"{metres:,.0f}"


def doubtful_rows(institutions: gpd.GeoDataFrame, suspects: pd.DataFrame) -> pd.DataFrame:
    """Every finding on a position with its institution, findings that need work before shared buildings."""
    order = suspects.assign(last=suspects["kind"] == "building").sort_values(
        ["last", "kind", "group", "at"], kind="stable"
    )
    at = order["at"].to_numpy()
    own = institutions.iloc[at]
    groups = {g: str(n) for n, g in enumerate(dict.fromkeys(g for g in order["group"].tolist() if g >= 0), start=1)}
    return pd.DataFrame(
        {
            "check.kind": order["kind"].to_numpy(),
            "check.group": [groups.get(g, "") for g in order["group"].tolist()],
            "id": own["id"].to_numpy(),
            "name": own["name"].to_numpy(),
            "address": own["address"].to_numpy(),
            "sheet": own["source_sheet"].to_numpy(),
            "row": own["source_row"].to_numpy(),
            "check.told": order["told"].to_numpy(),
            "check.lies": order["lies"].to_numpy(),
            "check.off_m": order["metres"].to_numpy(),
            "position_accuracy_m": own["position_accuracy_m"].to_numpy(),
            "check.reason": own["position_reason"].to_numpy(),
            "lon": own.geometry.x.to_numpy(),
            "lat": own.geometry.y.to_numpy(),
        }
    )

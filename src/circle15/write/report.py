"""The files that each command hands on 成果文件: which sheets, which layers, under which names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from circle15.errors import Problem
from circle15.schema import Assessment, Neighbour, Verdict
from circle15.words import Lang, word
from circle15.write.files import safe_file_name, write_text
from circle15.write.gis import write_layer
from circle15.write.run_record import to_json, write_run_record
from circle15.write.summary import findings_table, neighbour_words, note_words
from circle15.write.tables import COVERAGE, FINDINGS, GAPS, PROBLEMS, PROPOSALS, SITES, SOURCES, TOTALS
from circle15.write.workbook import Sheet, write_csv, write_workbook

VERDICT_SCHEMA = 1


def write_assessment(assessment: Assessment, folder: Path, *, lang: Lang) -> list[Path]:
    """Workbook of coverage, totals, findings and institutions; institutions also as CSV, GeoPackage and GeoJSON."""
    city = assessment.city
    stem = safe_file_name(city.name, fallback="city")
    slots = {"radius": f"{assessment.radius_m:g}"}
    sites = _with_degrees(assessment.sites)
    sheets = [
        Sheet(_sheet("coverage", lang), word("workbook.note.coverage", lang, **slots), assessment.coverage, COVERAGE),
        Sheet(_sheet("totals", lang), word("workbook.note.totals", lang), assessment.totals, TOTALS),
        Sheet(
            _sheet("findings", lang),
            word("workbook.note.findings", lang),
            findings_table(assessment.findings, lang=lang),
            FINDINGS,
        ),
        Sheet(_sheet("sites", lang), word("workbook.note.sites", lang), sites, SITES),
        _gap_sheet(assessment.gaps, assessment.provenance, radius_m=assessment.radius_m, lang=lang),
        source_sheet(assessment.provenance, lang),
    ]
    if assessment.proposals is not None and len(assessment.proposals):
        note = word("workbook.note.proposals", lang)
        sheets.insert(2, Sheet(_sheet("proposals", lang), note, assessment.proposals, PROPOSALS))
    title = word("workbook.title.assess", lang, city=city.name)
    marks = marks_of(simulated=city.simulated, lang=lang)
    layer = gpd.GeoDataFrame(sites, geometry="geometry", crs=assessment.sites.crs)
    return [
        write_workbook(folder / f"{stem}_assess.xlsx", sheets, lang=lang, title=title, marks=marks),
        write_csv(folder / f"{stem}_institutions.csv", sites, SITES, lang=lang),
        write_layer(folder / f"{stem}_institutions.gpkg", layer, layer="institutions"),
        write_layer(folder / f"{stem}_institutions.geojson", layer, layer="institutions"),
        write_run_record(folder / f"{stem}_assess_run.json", assessment.provenance),
    ]


def write_gaps(
    gaps: gpd.GeoDataFrame,
    provenance: Mapping[str, object],
    folder: Path,
    *,
    city: str,
    simulated: bool,
    service: str,
    radius_m: float,
    lang: Lang,
) -> list[Path]:
    """Gap list as .xlsx, .csv, GeoPackage and GeoJSON (outlines), with the record that replays it."""
    stem = f"{safe_file_name(city, fallback='city')}_gaps_{service}"
    sheets = [_gap_sheet(gaps, provenance, radius_m=radius_m, lang=lang), source_sheet(provenance, lang)]
    title = word("workbook.title.gaps", lang, city=city)
    return [
        write_workbook(
            folder / f"{stem}.xlsx", sheets, lang=lang, title=title, marks=marks_of(simulated=simulated, lang=lang)
        ),
        write_csv(folder / f"{stem}.csv", gaps, GAPS, lang=lang),
        write_layer(folder / f"{stem}.gpkg", gaps, layer="gaps"),
        write_layer(folder / f"{stem}.geojson", gaps, layer="gaps"),
        write_run_record(folder / f"{stem}_run.json", provenance),
    ]


def problem_rows(problems: Iterable[Problem], *, lang: Lang) -> pd.DataFrame:
    """Problems as a table: place, value, what is wrong, what to do; errors before warnings."""
    rows = [
        {
            "severity": p.severity,
            "file": p.file or "",
            "sheet": p.sheet or "",
            "row": p.row,
            "column": p.column or "",
            "value": p.value or "",
            "fault": word(f"problems.{p.id}.fault", lang, **p.params),
            "remedy": word(f"problems.{p.id}.remedy", lang, **p.params),
        }
        for p in sorted(problems, key=lambda p: p.severity != "error")
    ]
    return pd.DataFrame(rows, columns=[c.name for c in PROBLEMS]).astype({"row": "float64"})


def verdict_record(verdict: Verdict, provenance: Mapping[str, object], *, lang: Lang) -> str:
    """A verdict as JSON with every finding, its evidence and what replays it.

    Stable keys (`schema` rises when one changes its meaning or goes): site, service, conclusion, conclusion_words,
    as_of, counted, decided_by (rule ids), measures, findings, collisions and run. A finding has rule_id, catalogue
    (ids of the catalogue that the rule carries), kind, title, outcome, effect, force, clause, quote, ground,
    ground_name, observed, limit, headroom, bound, unit, figures, notes, note (the plan file's own), lifted_by,
    neighbours, borderline and apart.
    """
    return to_json(
        {
            "schema": VERDICT_SCHEMA,
            "site": verdict.site_id,
            "as_of": verdict.as_of,
            "counted": verdict.counted,
            "decided_by": verdict.decided_by,
            "collisions": [
                {"kind": c.kind, "rules": c.rules, "clauses": c.clauses, "quotes": c.quotes, "detail": c.detail}
                for c in verdict.collisions
            ],
            "service": verdict.service,
            "conclusion": str(verdict.conclusion),
            "conclusion_words": word(f"judge.conclusion.{verdict.conclusion}", lang),
            "measures": verdict.measures,
            "findings": [
                {
                    "rule_id": f.rule_id,
                    "catalogue": f.catalogue,
                    "kind": f.kind,
                    "title": f.title,
                    "outcome": str(f.outcome),
                    "effect": f.effect,
                    "note": f.note,
                    "lifted_by": f.lifted_by,
                    "headroom": f.headroom,
                    "force": str(f.force),
                    "clause": f.clause,
                    "quote": f.quote,
                    "ground": f.ground,
                    "ground_name": f.ground_name,
                    "observed": f.observed,
                    "limit": f.limit,
                    "bound": f.bound,
                    "unit": f.unit,
                    "figures": f.evidence.figures,
                    "notes": note_words(f, lang=lang),
                    "neighbours": [_neighbour(n) | {"would_exceed": n.would_exceed} for n in f.evidence.neighbours],
                    "borderline": [_neighbour(n) for n in f.evidence.borderline],
                    "apart": [_neighbour(n) for n in f.evidence.apart],
                    "neighbours_words": neighbour_words(f, lang=lang),
                }
                for f in verdict.findings
            ],
            "run": provenance,
        }
    )


def _neighbour(n: Neighbour) -> dict[str, object]:
    """A neighbour; with its way on foot where streets tell it (`walking_reached` false and null: no way there)."""
    told: dict[str, object] = {"id": n.id, "name": n.name, "distance_m": n.distance_m}
    if n.walking_m is None:
        return told
    way = {
        "walking_m": n.walking_m,
        "walking_minutes": n.walking_minutes,
        "walking_reached": math.isfinite(n.walking_m),
    }
    return told | way


def write_verdict(path: Path, verdict: Verdict, provenance: Mapping[str, object], *, lang: Lang) -> Path:
    """Write a verdict as JSON."""
    return write_text(path, verdict_record(verdict, provenance, lang=lang))


def marks_of(*, simulated: bool, lang: Lang) -> str:
    """The marks that every sheet carries: 内部使用, and 模拟数据 where the city is simulated."""
    marks = [word("workbook.internal", lang)]
    if simulated:
        marks.append(word("workbook.simulated", lang))
    return " · ".join(marks)


def _gap_sheet(gaps: gpd.GeoDataFrame, provenance: Mapping[str, object], *, radius_m: float, lang: Lang) -> Sheet:
    options = provenance.get("options")
    least = options.get("gap_min_residents", 0.0) if isinstance(options, Mapping) else 0.0
    services = word("summary.join", lang).join(
        word(f"columns.services.{s}", lang) for s in dict.fromkeys(gaps["service"])
    )
    note = word("workbook.note.gaps", lang, service=services, radius=f"{radius_m:g}", min_residents=f"{least:g}")
    return Sheet(_sheet("gaps", lang), note, pd.DataFrame(gaps.drop(columns="geometry")), GAPS)


def source_sheet(provenance: Mapping[str, object], lang: Lang) -> Sheet:
    """What replays the run, as a sheet."""
    table = pd.DataFrame(_flat(provenance), columns=["key", "content"])
    return Sheet(_sheet("sources", lang), word("workbook.note.sources", lang), table, SOURCES)


def _flat(node: object, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(node, Mapping):
        return [row for k, v in node.items() for row in _flat(v, f"{prefix}.{k}" if prefix else str(k))]
    if isinstance(node, list | tuple) and node and isinstance(node[0], Mapping):
        return [row for at, v in enumerate(node, start=1) for row in _flat(v, f"{prefix}[{at}]")]
    return [(prefix, str(node))]


def _sheet(key: str, lang: Lang) -> str:
    return word(f"workbook.sheet.{key}", lang)


def _with_degrees(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return sites.assign(lon=sites.geometry.x, lat=sites.geometry.y)

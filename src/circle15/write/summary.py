"""What a planner reads first 摘要: coverage, over-cap circles, empty townships and the worst gaps, as lines."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from circle15.schema import CHECKLIST, Assessment, Conclusion, Finding, Neighbour, Outcome, Verdict
from circle15.words import Lang, catalogue, word

WORST_GAPS = 3
_COUNTED = ("institutions", "beds", "stations", "physicians")


def summary_lines(assessment: Assessment, *, service: str, lang: Lang) -> list[str]:
    """The assessment of one service in a few sentences; figures equal those of the workbook."""
    named = {"service": word(f"columns.services.{service}", lang), "radius": f"{assessment.radius_m:g}"}
    lines = [word("summary.title", lang, city=assessment.city.name, **named)]
    if assessment.city.simulated:
        lines.append(word("summary.simulated", lang))
    lines += _coverage_lines(assessment, service, lang)
    over = assessment.sites[(assessment.sites["service"] == service) & assessment.sites["over_cap"].fillna(value=False)]
    judged = assessment.sites[(assessment.sites["service"] == service) & assessment.sites["circle_limit"].notna()]
    over_cap = "summary.over_cap" if len(judged) else "summary.over_cap_unknown"
    lines.append(word(over_cap, lang, n=len(over), judged=len(judged), **named))
    lines += _empty_townships(assessment, service, lang)
    lines += gap_lines(assessment.gaps[assessment.gaps["service"] == service], lang=lang)
    return lines


def gap_lines(gaps: pd.DataFrame, *, lang: Lang) -> list[str]:
    """How many gaps with how many residents, and the worst of them."""
    if gaps.empty:
        return [word("summary.no_gaps", lang)]
    lines = [word("summary.gaps", lang, n=f"{len(gaps):,}", residents=f"{gaps['residents'].sum():,.0f}")]
    return lines + [_gap_line(gap, lang) for gap in gaps.nsmallest(WORST_GAPS, "rank").to_dict("records")]


def _gap_line(gap: Mapping[Hashable, Any], lang: Lang) -> str:
    return word(
        "summary.gap",
        lang,
        rank=gap["rank"],
        place=_place(gap, lang),
        residents=f"{gap['residents']:,.0f}",
        nearest=_nearest(gap, lang),
        lon=f"{gap['candidate_lon']:.6f}",
        lat=f"{gap['candidate_lat']:.6f}",
        new=f"{gap['candidate_new_residents']:,.0f}",
    )


def _place(row: Mapping[Any, Any], lang: Lang) -> str:
    """District and township of a row, as far as they are known."""
    named = [row[column] for column in ("district_name", "township_name") if row.get(column)]
    return word("summary.within", lang).join(named) or word("summary.nowhere", lang)


def _nearest(gap: Mapping[Hashable, Any], lang: Lang) -> str:
    if pd.isna(gap["nearest_m"]):
        return word("summary.nearest_none", lang)
    named = gap["nearest_name"] or gap["nearest_id"]
    return word("summary.nearest", lang, name=named, metres=f"{gap['nearest_m']:,.0f}")


def verdict_lines(verdict: Verdict, *, lang: Lang) -> list[str]:
    """A verdict as lines: conclusion, measures, then every test with clause, quotation, observed and limit."""
    lines = [word("summary.verdict", lang, conclusion=word(f"judge.conclusion.{verdict.conclusion}", lang))]
    if verdict.conclusion is not Conclusion.ADMIT:
        lines.append(word("summary.decided_by", lang, titles=_deciding(verdict, lang)))
    lines.append(_measures_line(verdict, lang))
    if not any(verdict.measures.get(f"{level}_name") for level in ("city", "district", "township")):
        lines.append(word("summary.outside", lang))
    for finding in verdict.findings:
        if finding.ground != CHECKLIST:
            lines += finding_lines(finding, lang=lang)
    return lines + _card_lines(verdict, lang)


def _card_lines(verdict: Verdict, lang: Lang) -> list[str]:
    """Clauses that people check, by title alone: verdict sheet and JSON hold them in full."""
    cards = [f for f in verdict.findings if f.ground == CHECKLIST]
    named = word("summary.join", lang).join(word("summary.card", lang, title=f.title, clause=f.clause) for f in cards)
    return [word("summary.cards", lang, n=len(cards), list=named)] if cards else []


_DECIMALS = {
    "lon": 6,
    "lat": 6,
    "others_within": 0,
    "residents_within": 0,
    "circle_land_km2": 2,
    "density_circle_per_km2": 1,
    "density_place_per_km2": 1,
    "density_cell_per_km2": 1,
}


def _measures_line(verdict: Verdict, lang: Lang) -> str:
    shown = {k: _rounded(verdict.measures.get(k), decimals) for k, decimals in _DECIMALS.items()}
    return word("summary.measures", lang, place=_place(verdict.measures, lang), **shown)


def _rounded(value: object, decimals: int) -> str:
    if not isinstance(value, int | float) or pd.isna(value):
        return _figure(value)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def finding_lines(finding: Finding, *, lang: Lang) -> list[str]:
    """One test: outcome, title and figures; clause with quotation; neighbours with distances; notes."""
    limit = (
        ""
        if finding.limit is None
        else word(f"summary.limit_{finding.bound or 'max'}", lang, limit=_figure(finding.limit))
    )
    lines = [
        word(
            "summary.finding",
            lang,
            outcome=word(f"judge.outcome.{finding.outcome}", lang),
            title=finding.title,
            ground=finding.ground_name or word(f"judge.ground.{finding.ground}", lang),
            force=word(f"judge.force.{finding.force}", lang),
            figures=observed_words(finding, lang=lang) + limit,
        ),
        word("summary.clause", lang, clause=finding.clause, quote=finding.quote),
    ]
    if finding.evidence.neighbours:
        lines.append(word("summary.neighbours", lang, list=neighbour_words(finding, lang=lang)))
    if finding.evidence.borderline:
        listed = word("summary.join", lang).join(f"{n.name} {n.distance_m:.1f} m" for n in finding.evidence.borderline)
        lines.append(word("summary.borderline", lang, list=listed))
    lines += [word("summary.note", lang, note=n) for n in note_words(finding, lang=lang)]
    return lines


def observed_words(finding: Finding, *, lang: Lang) -> str:
    """What was counted with the proposed site, and what stands today where that is another number; "" for nothing."""
    if finding.observed is None:
        return ""
    unit = word(f"judge.unit.{finding.unit}", lang) if finding.unit else ""
    today, counted = finding.evidence.figures.get("today"), _figure(finding.observed)
    if finding.unit in _COUNTED and isinstance(today, float) and today != finding.observed:
        return word("summary.observed_after", lang, observed=counted, today=_figure(today), unit=unit)
    return word("summary.observed", lang, observed=counted, unit=unit)


def neighbour_words(finding: Finding, *, lang: Lang) -> str:
    """Neighbours with distances; those pushed above their own cap are marked."""
    mark = word("summary.would_exceed", lang)
    return word("summary.join", lang).join(
        word("summary.neighbour", lang, name=n.name or n.id, metres=f"{n.distance_m:,.1f}")
        + way_words(n, lang=lang)
        + (mark if n.would_exceed else "")
        for n in finding.evidence.neighbours
    )


def way_words(neighbour: Neighbour, *, lang: Lang) -> str:
    """The way on foot behind a straight distance; "" where it is not known."""
    if neighbour.walking_m is None:
        return ""
    if neighbour.walking_m == float("inf"):
        return word("summary.no_way", lang)
    return word("summary.walked", lang, metres=f"{neighbour.walking_m:,.0f}")


def note_words(finding: Finding, *, lang: Lang) -> list[str]:
    """Notes of a finding, worded; a note of the plan's own stands as it is."""
    known = catalogue(lang)
    slots = {k: _figure(v) for k, v in finding.evidence.figures.items()}
    return [
        known[f"judge.note.{n}"].format_map(_Slots(slots)) if f"judge.note.{n}" in known else n
        for n in finding.evidence.notes
    ]


class _Slots(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def findings_table(findings: tuple[Finding, ...], *, lang: Lang) -> pd.DataFrame:
    """Findings as rows for a sheet, breaches first, otherwise in their own order."""
    order = {Outcome.BREACHED: 0, Outcome.REVIEW: 1, Outcome.NO_DATA: 2, Outcome.MET: 3}
    rows = [
        {
            "outcome": str(f.outcome),
            "ground": f.ground,
            "ground_name": f.ground_name,
            "title": f.title,
            "observed": f.observed,
            "limit": f.limit,
            "force": str(f.force),
            "clause": f.clause,
            "quote": f.quote,
            "neighbours": neighbour_words(f, lang=lang),
            "notes": "\n".join(note_words(f, lang=lang)),
            "subject": f.subject,
            "rule_id": f.rule_id,
        }
        for f in sorted(findings, key=lambda f: order[f.outcome])
    ]
    table = pd.DataFrame(rows)
    return table.astype({"observed": float, "limit": float}) if rows else table


def _coverage_lines(assessment: Assessment, service: str, lang: Lang) -> list[str]:
    table = assessment.coverage
    rows = table[(table["service"] == service) & table["level"].isin(["city", "district"])]
    return [
        word(
            "summary.coverage",
            lang,
            name=r["name"],
            share="–" if pd.isna(r["share"]) else f"{r['share']:.2%}",
            covered=f"{r['covered']:,.0f}",
            residents=f"{r['residents']:,.0f}",
            uncovered=f"{r['depth_0']:,.0f}",
            n=r["institutions"],
        )
        for r in rows.to_dict("records")
    ]


def _empty_townships(assessment: Assessment, service: str, lang: Lang) -> list[str]:
    """Townships without the service; nothing is said where no township is known."""
    townships = assessment.totals[assessment.totals["level"] == "township"]
    if townships.empty:
        return []
    empty = townships[townships[f"n_{service}"] == 0]["name"].tolist()
    named = word(f"columns.services.{service}", lang)
    if not empty:
        return [word("summary.no_empty_township", lang, service=named)]
    names = word("summary.join", lang).join(empty)
    return [word("summary.empty_townships", lang, n=len(empty), service=named, names=names)]


def _deciding(verdict: Verdict, lang: Lang) -> str:
    wanted = {
        Conclusion.REFUSE: (Outcome.BREACHED,),
        Conclusion.REFUSE_IN_PRINCIPLE: (Outcome.BREACHED,),
        Conclusion.REVIEW: (Outcome.REVIEW, Outcome.NO_DATA),
    }.get(verdict.conclusion, ())
    named = verdict.decided_by
    titles = dict.fromkeys(
        f.title
        for f in verdict.findings
        if (f.rule_id in named if named else f.outcome in wanted and f.observed is not None)
    )
    return word("summary.join", lang).join(titles)


def _figure(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    if isinstance(value, float):
        # a density just below its threshold must not be shown as the threshold
        digits = 0 if value == int(value) else 6 if abs(value) < 1000 else 1  # noqa: PLR2004
        return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"
    return str(value)

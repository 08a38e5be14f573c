"""Headline figures of a place 概况: the numbers that stand beside its map and in the city's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circle15.draw.pack import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from circle15.schema import Assessment, Finding

    Findings = Mapping[tuple[str, str], list[Finding]]

_COUNT_UNITS = {"", "institutions"}
REFERENCE_TARGET = 0.95
"""Share of residents covered that the task of 15-minute circles aims at, where the plan prints none."""


def district_ids(assessment: Assessment) -> list[str]:
    """Ids of the city's districts in the order of its places."""
    places = assessment.city.places
    return [str(v) for v in places.loc[places["level"] == "district", "id"]]


def findings_by_place(assessment: Assessment) -> Findings:
    """Findings by (ground, subject), so that a page asks once for all its places."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for f in assessment.findings:
        found.setdefault((f.ground, f.subject), []).append(f)
    return found


def count_cap(
    findings: Sequence[Finding], service: str, institutions: int, *, level: str = "district"
) -> Finding | None:
    """The finding that caps how many institutions of the service a place may have, if the plan has one.

    The rule named `<service>.<level>` (or with `.max` behind) where there is one, else one that counted all of them.
    """
    mine = [f for f in findings if f.bound == "max" and f.limit is not None and f.rule_id.split(".")[0] == service]
    exact = [f for f in mine if f.rule_id in {f"{service}.{level}", f"{service}.{level}.max"}]
    alike = [f for f in mine if f.observed == institutions and f.unit in _COUNT_UNITS]
    return next(iter([*exact, *alike]), None)


def coverage_targets(assessment: Assessment) -> dict[str, dict[str, Any]]:
    """Share of residents that each service is to cover, by service; `printed` where the plan itself says so."""
    plan = assessment.provenance.get("plan")
    told = plan.get("coverage_targets", {}) if isinstance(plan, dict) else {}
    return {
        s: {"share": told.get(s, {}).get("share", REFERENCE_TARGET), "printed": s in told, **_cited(told.get(s, {}))}
        for s in assessment.services
    }


def _cited(target: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(target.get(k, "")) for k in ("clause", "quote")}


def service_summary(
    assessment: Assessment,
    place_id: str,
    service: str,
    *,
    districts: Sequence[str] | None = None,
    level: str = "district",
    findings: Findings | None = None,
) -> dict[str, Any]:
    """Figures of one place and service.

    Parameters
    ----------
    place_id
        A district, a city, or "" for all the districts given.
    districts
        Districts inside; the place itself where not given.

    Returns
    -------
    dict
        residents, covered, uncovered, share (0..1 or None), covered_walking and share_walking where the coverage tells
        them (streets), depth (people under 0, 1, 2, 3+ circles), institutions,
        cap, headroom and cap_outcome (None where the plan has none), over_cap (circles; None where no cap applies),
        over_share (of the circles with a cap), with_limit (circles that a cap applies to), without (ids of townships
        that have no institution), townships, gaps and gap_residents.
    """
    inside = [place_id] if districts is None else list(districts)
    by_place = findings_by_place(assessment) if findings is None else findings
    cover = _coverage(assessment, place_id, service, inside)
    sites = assessment.sites
    mine = sites[sites["district_id"].isin(inside) & (sites["service"] == service)]
    cap = count_cap(by_place.get((level, place_id), []), service, len(mine), level=level)
    townships = _townships(assessment, inside)
    column = f"n_{service}"
    lacking = townships[townships[column].fillna(0) == 0] if column in townships else townships.iloc[:0]
    gaps = assessment.gaps
    patches = gaps[gaps["district_id"].isin(inside) & (gaps["service"] == service)]
    with_limit = int(mine["circle_limit"].notna().sum()) if "circle_limit" in mine else 0
    over = int(mine["over_cap"].fillna(value=False).astype(bool).sum()) if with_limit else None
    residents, covered = cover.get("residents"), cover.get("covered")
    return {
        "residents": number(residents, 0),
        "covered": number(covered, 0),
        "uncovered": None if residents is None or covered is None else number(float(residents) - float(covered), 0),
        "share": number(cover.get("share"), 5),
        **_on_foot(cover),
        "depth": [number(cover.get(f"depth_{n}"), 0) for n in range(4)],
        "institutions": len(mine),
        "cap": number(cap.limit) if cap else None,
        "headroom": None if cap is None or cap.limit is None else number(cap.limit - len(mine)),
        "cap_outcome": str(cap.outcome) if cap else None,
        "over_cap": over,
        "over_share": number(over / with_limit, 5) if over is not None else None,
        "with_limit": with_limit,
        "without": [str(v) for v in lacking["place_id"]],
        "townships": len(townships),
        "gaps": len(patches),
        "gap_residents": number(patches["residents"].sum(), 0),
    }


def _on_foot(cover: Mapping[str, Any]) -> dict[str, Any]:
    """Residents within the radius on foot and their share; nothing where the coverage does not tell."""
    if "covered_walking" not in cover:
        return {}
    return {
        "covered_walking": number(cover["covered_walking"], 0),
        "share_walking": number(cover["share_walking"], 5),
    }


def quota_rows(service: str, rows: Sequence[Mapping[str, Any]], findings: Findings) -> list[Any]:
    """Cap and count of each place that the plan gives one 名额余量: [place id, count, cap], in the order of places."""
    told: list[Any] = []
    for row in rows:
        count = row["n"].get(service)
        if not row["own"] or count is None:
            continue
        mine = findings.get((str(row["level"]), str(row["id"])), [])
        cap = count_cap(mine, service, int(count), level=str(row["level"]))
        if cap is not None:
            told.append([row["id"], count, number(cap.limit)])
    return told


def _coverage(assessment: Assessment, place_id: str, service: str, districts: Sequence[str]) -> dict[str, Any]:
    """Coverage row of the place; its districts added up where it has none of its own."""
    table = assessment.coverage
    table = table[table["service"] == service]
    rows = table[table["place_id"] == place_id]
    if not rows.empty:
        return {str(k): v for k, v in rows.iloc[0].to_dict().items()}
    parts = table[table["place_id"].isin(districts)]
    if parts.empty:
        return {}
    held = [k for k in ("residents", "covered", "covered_walking", *(f"depth_{n}" for n in range(4))) if k in parts]
    added = {k: float(parts[k].sum()) for k in held}
    shares = {k.replace("covered", "share"): added[k] for k in held if k.startswith("covered")}
    return added | {k: v / added["residents"] if added["residents"] else None for k, v in shares.items()}


def _townships(assessment: Assessment, districts: Sequence[str]) -> pd.DataFrame:
    totals = assessment.totals
    return totals[(totals["level"] == "township") & totals["parent"].isin(districts)]

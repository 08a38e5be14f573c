"""Headline figures of a district 概况: the numbers that stand beside its map and in the city's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from circle15.draw.pack import number

if TYPE_CHECKING:
    import pandas as pd

    from circle15.schema import Assessment, Finding

_COUNT_UNITS = {"", "institutions"}


def district_ids(assessment: Assessment) -> list[str]:
    """Ids of the city's districts in the order of its places."""
    places = assessment.city.places
    return [str(v) for v in places.loc[places["level"] == "district", "id"]]


def place_findings(assessment: Assessment, place_id: str, ground: str) -> list[Finding]:
    """Findings on one district or township."""
    return [f for f in assessment.findings if f.ground == ground and f.subject == place_id]


def count_cap(findings: list[Finding], service: str, institutions: int) -> Finding | None:
    """The finding that caps how many institutions of the service a district may have, if the plan has one.

    The rule named `<service>.district` where there is one, else one that counted all its institutions.
    """
    mine = [f for f in findings if f.bound == "max" and f.limit is not None and f.rule_id.split(".")[0] == service]
    exact = [f for f in mine if f.rule_id == f"{service}.district"]
    alike = [f for f in mine if f.observed == institutions and f.unit in _COUNT_UNITS]
    return next(iter([*exact, *alike]), None)


def service_summary(assessment: Assessment, district_id: str, service: str) -> dict[str, Any]:
    """Figures of one district and service.

    Returns
    -------
    dict
        residents, covered, uncovered, share (0..1 or None), depth (people under 0, 1, 2, 3+ circles), institutions,
        cap and cap_outcome (None where the plan has none), over_cap (circles; None where no cap applies), with_limit
        (circles that a cap applies to), without (ids of townships that have no institution), townships, gaps and
        gap_residents.
    """
    cover = _coverage_row(assessment, district_id, service)
    sites = assessment.sites
    mine = sites[(sites["district_id"] == district_id) & (sites["service"] == service)]
    cap = count_cap(place_findings(assessment, district_id, "district"), service, len(mine))
    townships = _townships(assessment, district_id)
    column = f"n_{service}"
    lacking = townships[townships[column].fillna(0) == 0] if column in townships else townships.iloc[:0]
    gaps = assessment.gaps
    patches = gaps[(gaps["district_id"] == district_id) & (gaps["service"] == service)]
    with_limit = int(mine["circle_limit"].notna().sum()) if "circle_limit" in mine else 0
    residents, covered = cover.get("residents"), cover.get("covered")
    return {
        "residents": number(residents, 0),
        "covered": number(covered, 0),
        "uncovered": None if residents is None or covered is None else number(float(residents) - float(covered), 0),
        "share": number(cover.get("share"), 5),
        "depth": [number(cover.get(f"depth_{n}"), 0) for n in range(4)],
        "institutions": len(mine),
        "cap": number(cap.limit) if cap else None,
        "cap_outcome": str(cap.outcome) if cap else None,
        "over_cap": int(mine["over_cap"].fillna(value=False).astype(bool).sum()) if with_limit else None,
        "with_limit": with_limit,
        "without": [str(v) for v in lacking["place_id"]],
        "townships": len(townships),
        "gaps": len(patches),
        "gap_residents": number(patches["residents"].sum(), 0),
    }


def _coverage_row(assessment: Assessment, place_id: str, service: str) -> dict[str, Any]:
    table = assessment.coverage
    rows = table[(table["place_id"] == place_id) & (table["service"] == service)]
    return {} if rows.empty else {str(k): v for k, v in rows.iloc[0].to_dict().items()}


def _townships(assessment: Assessment, district_id: str) -> pd.DataFrame:
    totals = assessment.totals
    return totals[(totals["level"] == "township") & (totals["parent"] == district_id)]

"""Conclusions 研判结论: every rule tested on a proposed site, and on a city as it stands.

Order: city, district, circle, township, then the cards that people check; no test is left out because another failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.judge.findings import CHECKLIST, checklist_card, finding
from circle15.judge.limits import (
    DENSITY_COLUMNS,
    UNKNOWN,
    Bid,
    area_column,
    circle_caps,
    circle_computable,
    circle_rule_holds,
    judge_area,
    judge_circle,
)
from circle15.policy.cards import Card, Where
from circle15.policy.rules import AreaLimit, CircleLimit, Replace
from circle15.schema import POSITION_ACCURACY_M, Conclusion, Finding, Force, Neighbour, Outcome, Verdict

if TYPE_CHECKING:
    from circle15.policy.plan import Plan

_GROUNDS = ("city", "district", "circle", "township")


def judge_site(
    plan: Plan,
    *,
    site: Mapping[str, Any],
    neighbours: pd.DataFrame,
    neighbour_measures: pd.DataFrame,
    totals: pd.DataFrame,
) -> Verdict:
    """Test a proposed site against every rule for its service.

    Parameters
    ----------
    site
        Its row of measures: id, service, tags, beds, position_accuracy_m, township_id, township_name, district_id,
        district_name, city_id, city_name, township_settings and the three densities.
    neighbours
        Others of the service within the radius and a margin of both position accuracies: id, name, distance_m,
        position_accuracy_m (and site_id, where the table holds more than one site).
    neighbour_measures
        The neighbours' own rows: id, others_within and what else `circle_caps` needs.
    totals
        One row a place, the site not counted (measure/totals.py).

    Returns
    -------
    Verdict
        Counts include the site: the circle its own place in the middle, areas today's total and one more.
    """
    subject, service = str(site.get("id", "")), str(site["service"])
    row = _with_caps(plan, pd.DataFrame([{**site, "id": subject}]), totals)
    near = _near(neighbours, subject, _exceeding(plan, neighbours, neighbour_measures, totals))
    bid = Bid(subject, service, _text(site.get("tags")), _float(site.get("beds"), np.nan))
    rules = [r for r in plan.rules if service in r.services]
    found = [f for r in rules for f in _site_findings(plan, r, row=row, near=near, bid=bid, totals=totals)]
    found.sort(key=_place_in_order)
    measures = {k: v for k, v in site.items() if isinstance(v, (int, float, str)) and not isinstance(v, bool)}
    return Verdict(subject, service, conclude(found), tuple(found), measures)


def judge_city(
    plan: Plan, *, sites: pd.DataFrame, neighbours: pd.DataFrame, totals: pd.DataFrame
) -> tuple[Finding, ...]:
    """Test a city as it stands: the circle of every institution, every township, district and the city.

    `sites` holds institutions and their measures, `neighbours` their others within the radius by site_id. A circle
    rule without a printed number, and every rule that no data here decides, stands once as a card to check.
    """
    served = set(sites["service"].astype(str)) if len(sites) else set()
    rules = [r for r in plan.rules if served & set(r.services)]
    rows = _with_caps(plan, sites, totals)
    near = _grouped(neighbours)
    found: list[Finding] = []
    for rule in rules:
        if isinstance(rule, CircleLimit) and circle_computable(rule) and rule.max is not None:
            found += _circle_findings(plan, rule, rows, near)
        elif isinstance(rule, AreaLimit) and area_column(rule) is not None:
            found += _areas_as_they_stand(rule, totals)
        else:
            found.append(checklist_card(rule, subject="", notes=_why_open(rule)))
    return tuple(sorted(found, key=_place_in_order))


def conclude(findings: Iterable[Finding]) -> Conclusion:
    """What findings on a proposed site add up to; the worst wins.

    A `must` rule that is breached refuses, a `principle` rule refuses in principle; review or missing data on either
    makes review. `reference` rules warn only. A minimum is never a reason to refuse: one more cannot lower a count.
    Cards that people check are listed with every verdict and alone do not turn admit into review, since else no
    verdict could ever be anything but review.
    """
    got = [f for f in findings if f.ground != CHECKLIST and f.force is not Force.REFERENCE]
    breached = {f.force for f in got if f.outcome is Outcome.BREACHED and f.bound != "min"}
    if Force.MUST in breached:
        return Conclusion.REFUSE
    if Force.PRINCIPLE in breached:
        return Conclusion.REFUSE_IN_PRINCIPLE
    if any(f.outcome in {Outcome.REVIEW, Outcome.NO_DATA} for f in got):
        return Conclusion.REVIEW
    return Conclusion.ADMIT


# ── one proposed site ─────────────────────────────────────────


def _site_findings(
    plan: Plan, rule: Card, *, row: pd.DataFrame, near: Sequence[Neighbour], bid: Bid, totals: pd.DataFrame
) -> list[Finding]:
    site = {str(k): v for k, v in row.iloc[0].items()}
    if isinstance(rule, CircleLimit) and circle_computable(rule):
        return _circle_findings(plan, rule, row, {bid.site_id: near})
    if isinstance(rule, AreaLimit) and area_column(rule) is not None:
        return _area_of_site(rule, row=site, bid=bid, totals=totals)
    return [_open_card(rule, row=site, bid=bid)]


def _area_of_site(rule: AreaLimit, *, row: Mapping[str, Any], bid: Bid, totals: pd.DataFrame) -> list[Finding]:
    """Findings over the place of the rule's level that holds the site; NO_DATA where none is known."""
    place_id = _text(row.get(f"{rule.per}_id"))
    known = _places(totals, rule.per)
    if rule.per == "city" and not place_id and _text(row.get("district_id")) and len(known) == 1:
        place_id = str(known[0]["place_id"])
    here = [p for p in known if str(p["place_id"]) == place_id]
    if not here:
        return [_place_unknown(rule, subject=bid.site_id)]
    return [f for p in here if _holds(rule.where, p) for f in judge_area(rule, place=p, bid=bid)]


def _open_card(rule: Card, *, row: Mapping[str, Any], bid: Bid) -> Finding:
    """A card to check; a freeze that names marked subdistricts asks for review where the site lies in one."""
    name = _text(row.get("township_name"))
    if not rule.where.settings:
        return checklist_card(rule, subject=bid.site_id, ground_name=name, notes=_why_open(rule))
    marks = set(_text(row.get("township_settings")).split(";"))
    if marks.isdisjoint(rule.where.settings):
        return checklist_card(rule, subject=bid.site_id, ground_name=name, notes=(*_why_open(rule), "place_not_marked"))
    card = checklist_card(rule, subject=bid.site_id, ground_name=name, notes=(*_why_open(rule), "place_marked"))
    return replace(card, ground="township") if isinstance(rule, Replace) else card


def _exceeding(plan: Plan, neighbours: pd.DataFrame, measures: pd.DataFrame, totals: pd.DataFrame) -> frozenset[str]:
    """Ids of neighbours within the radius whose own circle would rise above its cap with one more."""
    if measures.empty or neighbours.empty:
        return frozenset()
    limit = _with_caps(plan, measures, totals)["circle_limit"]
    above = measures["others_within"].to_numpy(dtype=float) + 2 > limit.to_numpy(dtype=float)
    inside = neighbours.loc[neighbours["distance_m"] <= plan.circle.radius_m + 1e-6, "id"].astype(str)
    return frozenset(measures["id"].astype(str)[above]) & frozenset(inside)


def _near(neighbours: pd.DataFrame, site_id: str, exceeding: frozenset[str]) -> tuple[Neighbour, ...]:
    mine = neighbours
    if "site_id" in neighbours.columns:
        mine = neighbours[neighbours["site_id"].astype(str) == site_id]
    found = [replace(n, would_exceed=n.id in exceeding) for n in _records(mine)]
    return tuple(sorted(found, key=lambda n: (n.distance_m, n.id)))


# ── circles ───────────────────────────────────────────────────


@dataclass(frozen=True)
class _Reading:
    """Density classes of one site, and what to say of them."""

    figures: Mapping[str, float | str]
    notes: tuple[str, ...]


def _circle_findings(
    plan: Plan,
    rule: CircleLimit,
    rows: pd.DataFrame,
    near: Mapping[str, Sequence[Neighbour]],
) -> list[Finding]:
    """Findings of one circle rule on every site that it holds for; NO_DATA where that cannot be told."""
    holds, unknown = circle_rule_holds(rule, rows, rows["density_class"].to_numpy(dtype=object))
    picked = np.flatnonzero(holds | unknown)
    part = rows.iloc[picked]
    readings = _readings(rule, part)
    ids = part["id"].astype(str).tolist()
    names = _column(part, "name", "")
    accuracies_m = _accuracies_m(part)
    radius_m = rule.radius_m or plan.circle.radius_m
    found = []
    for at, (site, name, reading) in enumerate(zip(ids, names, readings, strict=True)):
        one = judge_circle(
            rule, subject=site, neighbours=near.get(site, ()), radius_m=radius_m, accuracy_m=accuracies_m[at],
            ground_name=_text(name), figures=reading.figures, notes=reading.notes,
        )  # fmt: skip
        if unknown[picked[at]]:
            one = replace(one, outcome=Outcome.NO_DATA)
        found.append(one)
    return found


def _readings(rule: CircleLimit, part: pd.DataFrame) -> Iterator[_Reading]:
    if rule.where.place_class is None:
        yield from (_Reading({}, ()) for _ in range(len(part)))
        return
    densities = [_column(part, column, np.nan) for column in DENSITY_COLUMNS.values()]
    classes = [part[f"density_class_{unit}"].tolist() for unit in DENSITY_COLUMNS]
    for at, deciding in enumerate(part["density_class"].tolist()):
        figures: dict[str, float | str] = {}
        for unit, density, given in zip(DENSITY_COLUMNS, densities, classes, strict=True):
            figures[f"density_{unit}_per_km2"] = _float(density[at], np.nan)
            figures[f"density_class_{unit}"] = given[at]
        known = {c[at] for c in classes} - {UNKNOWN}
        notes = ("density_unknown",) if deciding == UNKNOWN else ()
        yield _Reading(figures, (*notes, "density_disagrees") if len(known) > 1 else notes)


def _grouped(neighbours: pd.DataFrame) -> dict[str, list[Neighbour]]:
    """Neighbours of every site, nearest first: dict of site_id to list."""
    found: dict[str, list[Neighbour]] = {}
    if neighbours.empty:
        return found
    ordered = neighbours.sort_values(["site_id", "distance_m", "id"], kind="stable")
    for site, neighbour in zip(ordered["site_id"].astype(str).tolist(), _records(ordered), strict=True):
        found.setdefault(site, []).append(neighbour)
    return found


def _records(neighbours: pd.DataFrame) -> list[Neighbour]:
    ids, names, distances_m = (
        neighbours["id"].tolist(),
        _column(neighbours, "name", ""),
        neighbours["distance_m"].tolist(),
    )
    accuracies_m = _accuracies_m(neighbours)
    return [
        Neighbour(str(i), _text(n), float(d), a)
        for i, n, d, a in zip(ids, names, distances_m, accuracies_m, strict=True)
    ]


# ── places ────────────────────────────────────────────────────


def _areas_as_they_stand(rule: AreaLimit, totals: pd.DataFrame) -> list[Finding]:
    """Findings on every place of the rule's level; NO_DATA once where no place of that level was given."""
    if not _places(totals, rule.per):
        return [_place_unknown(rule, subject="")]
    return [f for place in places_of(totals, rule) for f in judge_area(rule, place=place)]


def _place_unknown(rule: AreaLimit, *, subject: str) -> Finding:
    return finding(
        rule,
        Outcome.NO_DATA,
        subject=subject,
        ground=rule.per,
        ground_name="",
        unit=rule.of if rule.max_rate is None else f"{rule.of}_per_residents",
        bound="min" if rule.min is not None and rule.max is None else "max",
        notes=("place_unknown",),
    )


def places_of(totals: pd.DataFrame, rule: AreaLimit) -> list[dict[str, Any]]:
    """Rows of the places that a rule over areas holds for."""
    return [p for p in _places(totals, rule.per) if _holds(rule.where, p)]


def _places(totals: pd.DataFrame, level: str) -> list[dict[str, Any]]:
    """Rows of one level; where no outline of the city was given, its districts added up stand for it."""
    rows = totals[totals["level"] == level]
    if not rows.empty or level != "city":
        return [{str(k): v for k, v in row.items()} for row in rows.to_dict("records")]
    districts = totals[totals["level"] == "district"]
    if districts.empty:
        return []
    sums = {str(k): v for k, v in districts.select_dtypes("number").sum(skipna=False).items()}
    parent = _text(districts["parent"].iloc[0]) if "parent" in districts else ""
    return [{"place_id": parent, "name": "", "level": "city", "settings": "", "class": "", **sums}]


def _holds(where: Where, place: Mapping[str, Any]) -> bool:
    marks = set(_text(place.get("settings")).split(";"))
    if where.settings and marks.isdisjoint(where.settings):
        return False
    if not marks.isdisjoint(where.not_settings):
        return False
    return where.place_class is None or _text(place.get("class")) == where.place_class


def _with_settings(sites: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """Sites with the marks of their township, taken from the totals where the table does not hold them."""
    if "township_settings" in sites.columns or "township_id" not in sites.columns:
        return sites
    marks = dict(zip(totals["place_id"].astype(str), totals["settings"].fillna("").astype(str), strict=True))
    return sites.assign(township_settings=[marks.get(str(t), "") for t in sites["township_id"].tolist()])


def _with_caps(plan: Plan, sites: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """Sites with the classes and caps of `circle_caps`, computed anew so that plan and table cannot disagree."""
    marked = _with_settings(sites, totals)
    caps = circle_caps(plan, marked)
    return pd.concat([marked.drop(columns=[c for c in caps.columns if c in marked.columns]), caps], axis=1)


# ── small ─────────────────────────────────────────────────────


def _why_open(rule: Card) -> tuple[str, ...]:
    if isinstance(rule, CircleLimit) and rule.max is None and circle_computable(rule):
        return ("limit_not_printed",)
    return ("people_check",)


def _place_in_order(one: Finding) -> int:
    return _GROUNDS.index(one.ground) if one.ground in _GROUNDS else len(_GROUNDS)


def _accuracies_m(table: pd.DataFrame) -> list[float]:
    found = _column(table, "position_accuracy_m", POSITION_ACCURACY_M)
    return [max(0.0, _float(a, POSITION_ACCURACY_M)) for a in found]


def _column(table: pd.DataFrame, name: str, default: object) -> list[Any]:
    return table[name].tolist() if name in table.columns else [default] * len(table)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _float(value: object, default: float) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return default if np.isnan(number) else number

"""Circles of sites 服务圈: which rules hold there, which neighbours count, what a neighbour more would do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.judge.areas import rounded, step_limit
from circle15.judge.columns import Table, columns_of, height, taken, values, words
from circle15.judge.conditions import Site, fits, words_by_place
from circle15.judge.effects import card
from circle15.judge.inputs import number
from circle15.judge.inputs import text as _text
from circle15.judge.limits import (
    DENSITY_COLUMNS,
    UNKNOWN,
    cap_columns,
    circle_caps,
    circle_rule_holds,
    judge_circle,
    plain_circle,
)
from circle15.judge.on_foot import (
    any_walked,
    far_of,
    limit_of,
    neighbour_of,
    other_way,
    residents_column,
    told,
    undecided,
    way,
    with_second_opinion,
)
from circle15.judge.series import State
from circle15.policy.cards import Where
from circle15.policy.rules import CircleLimit
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import POSITION_ACCURACY_M, Finding, Neighbour, Outcome

if TYPE_CHECKING:
    from circle15.policy.plan import Plan


# ── one proposed site ─────────────────────────────────────────


def circle_of_site(rule: CircleLimit, site: Site, row: Table, exceeding: frozenset[str]) -> list[Finding]:
    """The finding of a circle rule on a proposed site; none where the rule does not hold there."""
    if plain_circle(site.plan, rule):
        counted, apart, _ = _counted(rule, site, exceeding)
        found = circle_findings(site.plan, rule, row, {site.bid.site_id: counted})
        return [replace(f, evidence=replace(f.evidence, apart=apart)) for f in found]
    by_density = {c.id for c in site.plan.density_classes}
    given = rule.where.place_class if rule.where.place_class not in by_density else None
    density = circle_rule_holds(rule, row, words(row, "density_class"), tagged=False, classed=given is None)
    where = Where(zones=rule.where.zones, areas=rule.where.areas, place_class=given)
    held = fits(site, tags=rule.tags, where=where, applicant=rule.applicant)
    if held is State.NO:
        return [card(rule, site, "does_not_apply")]
    if not (density[0][0] or density[1][0]):
        return []
    around = _counted(rule, site, exceeding)
    one = _site_circle(rule, site, around, by=rule)
    if any_walked(around[0]):
        other = other_way(rule)
        known = told(other, (*around[0], *around[2]), rule_reach_m(rule, site.plan, rule.radius_m))
        one = with_second_opinion(rule, one, _site_circle(rule, site, around, by=other) if known else None)
    if held is State.UNKNOWN or density[1][0]:
        notes = (*one.evidence.notes, "attribute_missing")
        one = replace(one, outcome=Outcome.NO_DATA, evidence=replace(one.evidence, notes=notes))
    return [one]


_Around = tuple[tuple[Neighbour, ...], tuple[Neighbour, ...], tuple[Neighbour, ...]]


def _site_circle(rule: CircleLimit, site: Site, around: _Around, *, by: CircleLimit) -> Finding:
    """The circle of a site; `by` is the rule itself or the same by the other distance."""
    counted, apart, doubtful = around
    radius_m = rule_reach_m(rule, site.plan, rule.radius_m)
    limit, notes = _most(rule, site)
    if rule.reach == "overlap":
        printed = rule.radius_m is not None or rule.minutes is not None
        notes = (*notes, "circles_overlap" if printed else "radius_not_printed")
    known = told(by, (*counted, *doubtful), radius_m)
    notes = notes if known else (*notes, "walking_missing")
    used = by if known else other_way(by)
    bound_m = rule_reach_m(rule, site.plan, limit_of(used, rule.radius_m or site.plan.circle.radius_m))
    one = judge_circle(
        rule,
        subject=site.bid.site_id,
        neighbours=counted,
        radius_m=bound_m,
        far=far_of(used),
        accuracy_m=number(site.row.get("position_accuracy_m"), POSITION_ACCURACY_M),
        notes=notes,
        doubtful=doubtful,
        apart=apart,
        limit=limit,
        figures={"radius_m": radius_m},
    )
    return one if known and "radius_not_printed" not in notes else undecided(one)


def rule_reach_m(rule: CircleLimit, plan: Plan, radius_m: float | None) -> float:
    """How far (m) the rule counts: twice where circles overlap; slightly less where the bound itself is far enough."""
    far_m = (radius_m or plan.circle.radius_m) * (2 if rule.reach == "overlap" else 1)
    return far_m - 2 * DISTANCE_TOLERANCE_M if rule.at_radius == "outside" else far_m


def _most(rule: CircleLimit, site: Site) -> tuple[int | None, tuple[str, ...]]:
    if not rule.by_residents:
        return rule.max, ()
    limit = limit_by_residents(rule, number(site.row.get(residents_column(rule))))
    return (None, ("count_missing",)) if np.isnan(limit) else (int(limit), ())


def limit_by_residents(rule: CircleLimit, residents: float) -> float:
    """Upper limit of a circle with so many residents; NaN where they are not known or beyond the last step."""
    if rule.max_rate is not None and rule.rate_per is not None:
        return rounded(rule.max_rate * residents / rule.rate_per, rule.rounding)
    return step_limit(rule.max_steps, residents)


def _counted(rule: CircleLimit, site: Site, exceeding: frozenset[str]) -> _Around:
    """Neighbours that count, those of another pooling area, and those of which the type is not known."""
    wanted = rule.counts_services or ((site.bid.service,) if rule.like == "service" else ())
    counted: list[Neighbour] = []
    apart: list[Neighbour] = []
    doubtful: list[Neighbour] = []
    # twice the radius, for circles that overlap; who is farther than that and both position errors counts in no way
    reach_m = np.inf if rule.minutes is not None else 2 * (rule.radius_m or site.plan.circle.radius_m)
    reach_m += number(site.row.get("position_accuracy_m"), POSITION_ACCURACY_M)
    for row in site.near:
        accuracy_m = number(row.get("position_accuracy_m"), POSITION_ACCURACY_M)
        if row["distance_m"] > reach_m + accuracy_m + DISTANCE_TOLERANCE_M:
            continue
        if wanted and row.get("service", wanted[0]) not in wanted:
            continue
        tags = frozenset(_text(row.get("tags")).split(";"))
        if not tags.isdisjoint(rule.excludes) or (rule.like == "tag" and tags.isdisjoint(rule.tags)):
            continue
        one = neighbour_of(row, would_exceed=str(row["id"]) in exceeding)
        if _foreign(row, site):
            apart.append(one)
            continue
        state = _same(rule, row, site)
        if state is not State.NO:
            (counted if state is State.YES else doubtful).append(one)
    for found in (counted, apart, doubtful):
        found.sort(key=lambda n: (n.distance_m, n.id))
    return tuple(counted), tuple(apart), tuple(doubtful)


def _same(rule: CircleLimit, row: Mapping[Any, Any], site: Site) -> State:
    """Whether a neighbour equals the site in every column that makes the type."""
    state = State.YES
    for column in rule.same:
        own, theirs = site.get(column), _text(row.get(column))
        if own is None or not theirs:
            state = State.UNKNOWN
        elif str(own) != theirs:
            return State.NO
    return state


def _foreign(row: Mapping[Any, Any], site: Site) -> bool:
    theirs, own = _text(row.get("pooling_area")), site.get("pooling_area")
    return bool(theirs) and theirs != str(own or site.plan.city)


def exceeding_ids(plan: Plan, measures: pd.DataFrame, totals: pd.DataFrame) -> frozenset[str]:
    """Ids of institutions whose own circle would rise above its cap with one more in it."""
    if measures.empty:
        return frozenset()
    limit = with_caps(plan, measures, totals)["circle_limit"]
    above = measures["others_within"].to_numpy(dtype=float) + 2 > limit.to_numpy(dtype=float)
    return frozenset(measures["id"].astype(str)[above])


# ── circles of many sites ─────────────────────────────────────


@dataclass(frozen=True)
class _Reading:
    """Density classes of one site, and what to say of them."""

    figures: Mapping[str, float | str]
    notes: tuple[str, ...]


def circle_findings(
    plan: Plan,
    rule: CircleLimit,
    rows: Table,
    near: Mapping[str, Sequence[Neighbour]],
) -> list[Finding]:
    """Findings of one circle rule on every site that it holds for; NO_DATA where that cannot be told."""
    holds, unknown = circle_rule_holds(rule, rows, words(rows, "density_class"))
    picked = np.flatnonzero(holds | unknown)
    part = taken(rows, picked)
    readings = _readings(rule, part)
    ids = [str(i) for i in values(part, "id", "")]
    names = values(part, "name", "")
    accuracies_m = _accuracies_m(part)
    radius_m = rule.radius_m or plan.circle.radius_m
    found = []
    for at, (site, name, reading) in enumerate(zip(ids, names, readings, strict=True)):
        one = _circle_finding(
            rule,
            near.get(site, ()),
            radius_m,
            subject=site,
            accuracy_m=accuracies_m[at],
            ground_name=_text(name),
            figures=reading.figures,
            notes=reading.notes,
        )
        if unknown[picked[at]]:
            one = replace(one, outcome=Outcome.NO_DATA)
        found.append(one)
    return found


def _circle_finding(rule: CircleLimit, near: Sequence[Neighbour], radius_m: float, **more: Any) -> Finding:  # noqa: ANN401 - handed on
    """The circle of one site by the rule's distance, and by the other one where ways on foot are known."""

    def by(this: CircleLimit) -> Finding:
        return judge_circle(rule, neighbours=near, radius_m=limit_of(this, radius_m), far=far_of(this), **more)

    other = other_way(rule)
    if not told(rule, near, radius_m):
        return undecided(by(other))
    one = by(rule)
    if not any_walked(near):
        return one
    return with_second_opinion(rule, one, by(other) if told(other, near, radius_m) else None)


def _readings(rule: CircleLimit, part: Table) -> Iterator[_Reading]:
    if rule.where.place_class is None:
        yield from (_Reading({}, ()) for _ in range(height(part)))
        return
    densities = [values(part, column, np.nan) for column in DENSITY_COLUMNS.values()]
    classes = [values(part, f"density_class_{unit}", "") for unit in DENSITY_COLUMNS]
    for at, deciding in enumerate(values(part, "density_class", "")):
        figures: dict[str, float | str] = {}
        for unit, density, given in zip(DENSITY_COLUMNS, densities, classes, strict=True):
            figures[f"density_{unit}_per_km2"] = number(density[at])
            figures[f"density_class_{unit}"] = given[at]
        known = {c[at] for c in classes} - {UNKNOWN}
        notes = ("density_unknown",) if deciding == UNKNOWN else ()
        yield _Reading(figures, (*notes, "density_disagrees") if len(known) > 1 else notes)


def grouped(neighbours: pd.DataFrame) -> dict[str, list[Neighbour]]:
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
        values(neighbours, "name", ""),
        neighbours["distance_m"].tolist(),
    )
    accuracies_m = _accuracies_m(neighbours)
    ways = [_known(neighbours, column) for column in ("walking_m", "walking_minutes")]
    codes = values(neighbours, "institution", "")
    return [
        Neighbour(str(i), _text(n), float(d), a, walking_m=m, walking_minutes=t, institution=_text(c))
        for i, n, d, a, m, t, c in zip(ids, names, distances_m, accuracies_m, *ways, codes, strict=True)
    ]


def _known(table: Table, column: str) -> list[float | None]:
    """Ways of a column, None for NaN and where there is no such column."""
    return [way(v) for v in values(table, column, None)]


def _with_settings(sites: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """Sites with the marks of their township, taken from the totals where the table does not hold them."""
    if "township_settings" in sites.columns or "township_id" not in sites.columns:
        return sites
    marks = words_by_place(totals, "settings")
    return sites.assign(township_settings=[marks.get(str(t), "") for t in sites["township_id"].tolist()])


def rows_with_caps(plan: Plan, rows: Sequence[Mapping[str, Any]], totals: pd.DataFrame) -> list[dict[str, Any]]:
    """Single sites as `with_caps` gives them."""
    marks = words_by_place(totals, "settings")
    told = [
        r if "township_settings" in r else {**r, "township_settings": marks.get(str(r.get("township_id", "")), "")}
        for r in rows
    ]
    caps = {name: column.tolist() for name, column in cap_columns(plan, columns_of(told)).items()}
    return [
        {str(k): v for k, v in row.items()} | {name: column[at] for name, column in caps.items()}
        for at, row in enumerate(told)
    ]


def with_caps(plan: Plan, sites: pd.DataFrame, totals: pd.DataFrame) -> pd.DataFrame:
    """Sites with the classes and caps of `circle_caps`, computed anew so that plan and table cannot disagree."""
    marked = _with_settings(sites, totals)
    caps = circle_caps(plan, marked)
    return pd.concat([marked.drop(columns=[c for c in caps.columns if c in marked.columns]), caps], axis=1)


def _accuracies_m(table: Table) -> list[float]:
    found = values(table, "position_accuracy_m", POSITION_ACCURACY_M)
    return [max(0.0, number(a, POSITION_ACCURACY_M)) for a in found]

"""A city as it stands 现状核对: circles of institutions, totals of places, pauses and exits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from circle15.judge.areas import Bid, area_column, judge_area, known_of
from circle15.judge.circles import circle_findings, circle_of_site, grouped, with_caps
from circle15.judge.columns import columns_of, records, words
from circle15.judge.conditions import Site
from circle15.judge.effects import suspended
from circle15.judge.findings import checklist_card, finding, in_order
from circle15.judge.inputs import Inputs, Scope, first_sites, names_of, number, places, scope_of, standing_in, text
from circle15.judge.limits import bears, plain_circle
from circle15.judge.position import either, grounds
from circle15.judge.series import Series, State, bare_series, both_states, series_of
from circle15.policy.cards import Card, Where
from circle15.policy.rules import AreaLimit, CircleLimit, Exit, Suspend
from circle15.schema import CHECKLIST, LEVELS, Finding, Neighbour, Outcome

if TYPE_CHECKING:
    from circle15.policy.plan import Plan


def judge_city(
    plan: Plan,
    *,
    sites: pd.DataFrame,
    neighbours: pd.DataFrame,
    totals: pd.DataFrame,
    inputs: Inputs | None = None,
    elsewhere: pd.DataFrame | None = None,
    around: Around | None = None,
) -> tuple[Finding, ...]:
    """Test a city as it stands: the circle of every institution, every township, district and the city.

    `sites` holds institutions and their measures, `neighbours` their others within the radius by site_id. With
    `inputs` totals are counted exactly from the register, and pauses of places and exits of institutions are tested.
    `elsewhere` holds measures at points within the position accuracy of institutions (id, moved_m): a circle that comes
    out otherwise there is for a check on site. `around` gives, by id, the institutions of every service as far as any
    rule looks: with it circles of their own radius, type or tag are tested too, and those on foot where both tables
    tell ways (walking_m, walking_minutes).
    A circle rule without a printed number, and every rule that no data here decides, stands once as a card to check.
    """
    served = set(sites["service"].astype(str)) if len(sites) else set()
    rules = [r for r in plan.rules if served & set(r.services)]
    given = inputs or Inputs()
    series = series_of(plan, given)
    rows = with_caps(plan, sites, totals)
    moved = _other_ground(plan, rows, elsewhere, totals)
    standing = _Standing(plan, rows, grouped(neighbours), moved, totals, given, series, "walking_m" in neighbours)
    found: list[Finding] = []
    for rule in rules:
        if isinstance(rule, CircleLimit) and plain_circle(plan, rule) and rule.max is not None:
            found += _plain_circles(rule, standing)
        elif isinstance(rule, CircleLimit) and around is not None and (tested := _own_circles(rule, standing, around)):
            found += tested
        elif isinstance(rule, AreaLimit) and not rule.same and _counted(rule, given):
            found += _areas_as_they_stand(plan, rule, totals, given, series or bare_series(plan, given))
        elif isinstance(rule, Suspend) and series is not None and rule.scope != "radius":
            found += _pauses(plan, rule, totals, given, series)
        elif isinstance(rule, Suspend) and series is not None and given.register is not None:
            found += _pauses_around(plan, rule, given, series)
        elif isinstance(rule, Exit) and series is not None and given.register is not None:
            found += _exits(plan, rule, totals, given, series)
        else:
            found.append(checklist_card(rule, subject="", notes=_why_open(rule)))
    return tuple(sorted(found, key=in_order))


def _counted(rule: AreaLimit, inputs: Inputs) -> bool:
    """Whether totals or the register tell what a rule counts."""
    return area_column(rule) is not None or inputs.register is not None


def _areas_as_they_stand(
    plan: Plan, rule: AreaLimit, totals: pd.DataFrame, inputs: Inputs, series: Series | None
) -> list[Finding]:
    """Findings on every place of the rule's level; NO_DATA once where no place of that level was given."""
    known = places(totals, rule.per, plan)
    if not known:
        return [place_unknown(rule, subject="")]
    found: list[Finding] = []
    for place in known:
        if holds_at(rule.where, place):
            told = known_of(rule, plan=plan, place=place, totals=totals, inputs=inputs, series=series)
            found += judge_area(rule, place=place, known=told)
    return found


# ── circles ───────────────────────────────────────────────────

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Around = Callable[[str], Sequence[Mapping[str, Any]]]
"""Gives, by id, the other institutions of every service around one: columns of the register and distance_m."""


@dataclass(frozen=True)
class _Standing:
    """Institutions with measures and caps, their neighbours, and the other ground on which each may stand."""

    plan: Plan
    rows: pd.DataFrame
    near: Mapping[str, Sequence[Neighbour]]
    elsewhere: Rows
    totals: pd.DataFrame
    inputs: Inputs
    series: Series | None
    on_foot: bool


def _other_ground(plan: Plan, rows: pd.DataFrame, elsewhere: pd.DataFrame | None, totals: pd.DataFrame) -> Rows:
    """Rows of other ground on which another rule may hold, by institution."""
    if elsewhere is None or elsewhere.empty:
        return {}
    moved: dict[str, list[dict[str, Any]]] = {}
    for row in records(with_caps(plan, elsewhere, totals)):
        moved.setdefault(str(row["id"]), []).append(row)
    kept: dict[str, Sequence[Mapping[str, Any]]] = {}
    for own in records(rows[rows["id"].astype(str).isin(moved)]):
        rules = [r for r in plan.circle_rules() if own["service"] in r.services]
        kept[str(own["id"])] = grounds(rules, own, moved[str(own["id"])])
    return {name: other for name, other in kept.items() if other}


def _plain_circles(rule: CircleLimit, city: _Standing) -> list[Finding]:
    """Circles of the plan's radius that hold the institutions of one service."""
    found = circle_findings(city.plan, rule, city.rows, city.near)
    if not city.elsewhere:
        return found
    here = {f.subject: f for f in found}
    for own in records(city.rows[city.rows["id"].astype(str).isin(city.elsewhere)]):
        name = str(own["id"])
        there = [
            (other, next(iter(circle_findings(city.plan, rule, columns_of([other]), city.near)), None))
            for other in city.elsewhere[name]
        ]
        one = either(city.plan, own, here.get(name), there)
        here |= {name: one} if one is not None else {}
    return list(here.values())


def _own_circles(rule: CircleLimit, city: _Standing, around: Around) -> list[Finding]:
    """Circles of another radius, type or tag, or on foot where ways are told, one institution after the other."""
    if (rule.distance == "walking" and not city.on_foot) or (rule.max is None and not rule.by_residents):
        return []
    rows = city.rows
    tagged = bears(words(rows, "tags"), rule.tags)
    served = rows["service"].isin(rule.services).to_numpy(dtype=bool) & tagged
    found = []
    for own in records(rows[served]):
        name = str(own["id"])
        near = around(name)
        there = [(other, _own_circle(rule, city, other, near)) for other in city.elsewhere.get(name, ())]
        one = either(city.plan, own, _own_circle(rule, city, own, near), there)
        found += [one] if one is not None else []
    return found


def _own_circle(
    rule: CircleLimit, city: _Standing, row: Mapping[str, Any], near: Sequence[Mapping[str, Any]]
) -> Finding | None:
    bid = Bid(str(row["id"]), str(row["service"]), text(row.get("tags")), level=text(row.get("level")))
    given = Site(city.plan, row, bid, city.totals, near, city.inputs, city.series, text(row.get("density_class")))
    tested = circle_of_site(rule, given, columns_of([row]), frozenset())
    name = text(row.get("name"))
    return next((replace(f, ground_name=name) for f in tested if f.ground != CHECKLIST), None)


# ── pauses and exits ──────────────────────────────────────────


def _pauses(plan: Plan, rule: Suspend, totals: pd.DataFrame, inputs: Inputs, series: Series) -> Iterator[Finding]:
    """Places that pause; for each hospital level by itself where the plan says so."""
    for place in places(totals, rule.scope, plan):
        for level in LEVELS if rule.same_level else ("",):
            scope = scope_of(plan, place, totals, inputs, services=rule.services, level=level)
            if level and not scope.institutions:
                continue
            one = suspended(rule, series, scope, subject=str(place["place_id"]))
            yield _noted(one, f"level_{level}") if level else one


def _pauses_around(plan: Plan, rule: Suspend, inputs: Inputs, series: Series) -> Iterator[Finding]:
    """Institutions around which new ones pause."""
    register = inputs.register
    if register is None:
        return
    radius_m = rule.radius_m or plan.circle.radius_m
    by_minutes = {} if rule.minutes is None else {"minutes": rule.minutes}
    note = (
        "pauses_around_minutes"
        if by_minutes
        else "pauses_around_walking"
        if rule.distance == "walking"
        else "pauses_around"
    )
    for row in register[register["service"].isin(rule.services)].to_dict("records"):
        own = Scope({"name": text(row.get("name"))}, (), ((names_of(row)[0], number(row.get("beds"))),))
        one = suspended(rule, series, own, subject=str(row["id"]))
        figures = {**one.evidence.figures, "radius_m": radius_m, **by_minutes}
        yield _noted(replace(one, evidence=replace(one.evidence, figures=figures)), note)


def _noted(one: Finding, note: str) -> Finding:
    return replace(one, evidence=replace(one.evidence, notes=(*one.evidence.notes, note)))


def _exits(plan: Plan, rule: Exit, totals: pd.DataFrame, inputs: Inputs, series: Series) -> Iterator[Finding]:
    """Institutions that the indicators say something of: breached where they are to leave, be reviewed or reduced."""
    register = inputs.register
    if register is None:
        return
    for place in places(totals, "city", plan):
        # means and ranks are of one service: pharmacies are not held against hospitals
        areas = {s: scope_of(plan, place, totals, inputs, services=(s,), level="") for s in rule.services}
        held = standing_in(register, place, rule.services)
        for row in first_sites(held).to_dict("records"):
            area = areas[row["service"]]
            tags = set(text(row.get("tags")).split(";"))
            if (rule.tags and tags.isdisjoint(rule.tags)) or not tags.isdisjoint(rule.excludes):
                continue
            yield _exit(rule, series, area, row)


def _exit(rule: Exit, series: Series, area: Scope, row: Mapping[Any, Any]) -> Finding:
    own = Scope(area.place, names_of(row), (), area)
    tested = both_states(series, any_of=rule.any_of, all_of=rule.all_of, scope=_relative(rule, series, own, area))
    outcome = {State.YES: Outcome.BREACHED, State.NO: Outcome.MET, State.UNKNOWN: Outcome.NO_DATA}[tested.state]
    return finding(
        rule,
        outcome,
        subject=str(row["id"]),
        ground="institution",
        ground_name=text(row.get("name")),
        unit="",
        bound="",
        figures=tested.figures,
        notes=tested.notes,
        effect=f"exit_{rule.action}",
    )


def _relative(rule: Exit, series: Series, own: Scope, area: Scope) -> Scope:
    """The institution's own figures; a mean over the area that it is held against is taken over the whole area."""
    bounds = {b for t in (*rule.any_of, *rule.all_of) for b in (t.below, t.above, t.at_most, t.at_least)}
    means = {b: series.value(b, area) for b in bounds if isinstance(b, str)}
    return Scope({**own.place, **means}, own.names, own.institutions, own.city)


def place_unknown(rule: AreaLimit, *, subject: str) -> Finding:
    """NO_DATA: no place of the rule's level is known."""
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


def holds_at(where: Where, place: Mapping[str, Any]) -> bool:
    """Whether a rule over areas holds for a place: its marks and the class that the bureau gave it."""
    marks = set(text(place.get("settings")).split(";"))
    if where.settings and marks.isdisjoint(where.settings):
        return False
    if not marks.isdisjoint(where.not_settings):
        return False
    return where.place_class is None or text(place.get("class")) == where.place_class


def _why_open(rule: Card) -> tuple[str, ...]:
    if isinstance(rule, CircleLimit) and rule.max is None and not rule.by_residents:
        return ("limit_not_printed",)
    return ("people_check",)

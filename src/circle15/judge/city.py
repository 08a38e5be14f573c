"""A city as it stands 现状核对: circles of institutions, totals of places, pauses and exits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from circle15.judge.areas import area_column, judge_area, known_of
from circle15.judge.circles import circle_findings, grouped, with_caps
from circle15.judge.effects import suspended
from circle15.judge.findings import checklist_card, finding, in_order
from circle15.judge.inputs import Inputs, Scope, inside, places, scope_of, text
from circle15.judge.limits import circle_computable
from circle15.judge.on_foot import other_way
from circle15.judge.series import Series, State, both_states, series_of
from circle15.policy.cards import Card, Where
from circle15.policy.rules import AreaLimit, CircleLimit, Exit, Suspend
from circle15.schema import Finding, Outcome

if TYPE_CHECKING:
    from circle15.policy.plan import Plan


def judge_city(
    plan: Plan,
    *,
    sites: pd.DataFrame,
    neighbours: pd.DataFrame,
    totals: pd.DataFrame,
    inputs: Inputs | None = None,
) -> tuple[Finding, ...]:
    """Test a city as it stands: the circle of every institution, every township, district and the city.

    `sites` holds institutions and their measures, `neighbours` their others within the radius by site_id. With
    `inputs` totals are counted exactly from the register, and pauses of places and exits of institutions are tested.
    A circle rule without a printed number, and every rule that no data here decides, stands once as a card to check.
    """
    served = set(sites["service"].astype(str)) if len(sites) else set()
    rules = [r for r in plan.rules if served & set(r.services)]
    rows = with_caps(plan, sites, totals)
    near = grouped(neighbours)
    given = inputs or Inputs()
    series = series_of(plan.indicators, given)
    found: list[Finding] = []
    for rule in rules:
        if isinstance(rule, CircleLimit) and _countable(rule, neighbours) and rule.max is not None:
            found += circle_findings(plan, rule, rows, near)
        elif isinstance(rule, AreaLimit) and (area_column(rule) is not None or given.register is not None):
            found += _areas_as_they_stand(plan, rule, totals, given, series)
        elif isinstance(rule, Suspend) and series is not None and rule.scope != "radius" and not rule.same_level:
            found += _pauses(plan, rule, totals, given, series)
        elif isinstance(rule, Exit) and series is not None and given.register is not None:
            found += _exits(plan, rule, totals, given, series)
        else:
            found.append(checklist_card(rule, subject="", notes=_why_open(rule)))
    return tuple(sorted(found, key=in_order))


def _countable(rule: CircleLimit, neighbours: pd.DataFrame) -> bool:
    """Whether the circles of all institutions can be counted: straight, or on foot where ways are told."""
    if rule.distance == "straight":
        return circle_computable(rule)
    column = "walking_m" if rule.minutes is None else "walking_minutes"
    return column in neighbours.columns and circle_computable(other_way(rule))


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


def _pauses(plan: Plan, rule: Suspend, totals: pd.DataFrame, inputs: Inputs, series: Series) -> Iterator[Finding]:
    for place in places(totals, rule.scope, plan):
        scope = scope_of(plan, place, totals, inputs, services=rule.services, level="")
        yield suspended(rule, series, scope, subject=str(place["place_id"]))


def _exits(plan: Plan, rule: Exit, totals: pd.DataFrame, inputs: Inputs, series: Series) -> Iterator[Finding]:
    """Institutions that the indicators say something of: breached where they are to leave, be reviewed or reduced."""
    register = inputs.register
    if register is None:
        return
    for place in places(totals, "city", plan):
        area = scope_of(plan, place, totals, inputs, services=rule.services, level="")
        held = register[inside(register, place) & register["service"].isin(rule.services)]
        for row in held.to_dict("records"):
            if rule.tags and set(rule.tags).isdisjoint(text(row.get("tags")).split(";")):
                continue
            yield _exit(rule, series, area, row)


def _exit(rule: Exit, series: Series, area: Scope, row: Mapping[Any, Any]) -> Finding:
    own = Scope(area.place, (str(row["id"]),), (), area)
    tested = both_states(series, any_of=rule.any_of, all_of=rule.all_of, scope=_relative(rule, series, own, area))
    outcome = {State.YES: Outcome.BREACHED, State.NO: Outcome.MET, State.UNKNOWN: Outcome.NO_DATA}[tested.state]
    return finding(
        rule, outcome, subject=str(row["id"]), ground="institution", ground_name=text(row.get("name")), unit="",
        bound="", figures=tested.figures, notes=tested.notes, effect=f"exit_{rule.action}",
    )  # fmt: skip


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
    if isinstance(rule, CircleLimit) and rule.max is None and circle_computable(rule):
        return ("limit_not_printed",)
    return ("people_check",)

"""Verdicts 研判: every rule tested on a proposed site; no test is left out because another failed.

Order of the tests: validity, conditions of application, exemptions, pauses, city, groups, districts, structure, freezes
and swaps, circle, township, priority, cases decided one by one, goals, then the cards that people check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from circle15.judge.areas import Bid, area_column, judge_area, known_of
from circle15.judge.circles import circle_of_site, exceeding_ids, rows_with_caps
from circle15.judge.city import holds_at, place_unknown
from circle15.judge.columns import columns_of, records
from circle15.judge.conditions import Site, fits, valid_on
from circle15.judge.effects import TARGET, card, judge_effect
from circle15.judge.findings import in_order
from circle15.judge.inputs import Inputs, number, place_of, text
from circle15.judge.lattice import collide, conclude, deciding_rules, lift
from circle15.judge.position import Elsewhere, grounds, reconcile
from circle15.judge.series import State, series_of
from circle15.policy.cards import Card, Where
from circle15.policy.rules import AreaLimit, CircleLimit, Exempt
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import Collision, Finding, Outcome, Verdict

if TYPE_CHECKING:
    from circle15.policy.plan import Plan


def judge_site(
    plan: Plan,
    *,
    site: Mapping[str, Any],
    neighbours: pd.DataFrame | Sequence[Mapping[str, Any]],
    neighbour_measures: pd.DataFrame | None = None,
    exceeding: frozenset[str] | None = None,
    totals: pd.DataFrame,
    inputs: Inputs | None = None,
    elsewhere: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
) -> Verdict:
    """Test a proposed site against every rule for its service.

    Parameters
    ----------
    site
        Its row of measures: id, service, tags, beds, position_accuracy_m, township_id, township_name, district_id,
        district_name, city_id, city_name, township_settings and the three densities.
    neighbours
        Others of the service within the radius and a margin of both position accuracies: id, name, distance_m,
        position_accuracy_m (and site_id, where the table holds more than one site); a table, or its rows.
    neighbour_measures, exceeding
        The neighbours' own rows (id, others_within and what else `circle_caps` needs); or, where it is known already,
        the ids of institutions whose own circle would rise above its cap with one more (`circles.exceeding_ids`).
    totals
        One row a place, the site not counted (measure/totals.py).
    inputs
        Register, indicators, events, day and attributes, as far as they are known (judge/inputs.py).
    elsewhere
        Rows of measures like `site` at points within its position accuracy, with `id` of the site and `moved_m`, how
        far it lies from that ground; what would come out otherwise there asks for a check on site.

    Returns
    -------
    Verdict
        Counts include the site: the circle its own place in the middle, areas today's total and one more.
    """
    subject, given = str(site.get("id", "")), inputs or Inputs()
    own = text(site.get("institution"))
    near = [r for r in _records(neighbours, subject) if not own or text(r.get("institution")) != own]
    rules = [r for r in plan.rules if site["service"] in r.services]
    if exceeding is None:
        exceeding = frozenset() if neighbour_measures is None else exceeding_ids(plan, neighbour_measures, totals)
    pushed = exceeding & {str(r["id"]) for r in near if r["distance_m"] <= plan.circle.radius_m + DISTANCE_TOLERANCE_M}
    here, *others = rows_with_caps(plan, [{**site, "id": subject}, *_records(elsewhere, subject, "id")], totals)
    around = seen_by_rules(plan, here, near, totals, given)

    def judge(row: Mapping[str, Any]) -> list[Finding]:
        place = replace(around, row=row, density_class=text(row.get("density_class")))
        return [f for r in rules for f in findings_of(r, place, pushed)]

    there = [Elsewhere(row, tuple(judge(row))) for row in grounds(rules, here, others)]
    found, collisions = weigh(plan, here, judge(here), there)
    measures = {k: v for k, v in site.items() if isinstance(v, (int, float, str)) and not isinstance(v, bool)}
    return Verdict(
        subject,
        around.bid.service,
        conclude(found),
        tuple(found),
        measures,
        collisions,
        counted=_counted(plan, found),
        decided_by=deciding_rules(found),
        as_of=given.as_of.isoformat() if given.as_of is not None else "",
    )


def seen_by_rules(
    plan: Plan, row: Mapping[str, Any], near: Sequence[Mapping[str, Any]], totals: pd.DataFrame, inputs: Inputs
) -> Site:
    """A proposed site as the rules look at it: its row of measures with classes and caps, and who is about it."""
    numbers = {k: number(row.get(k)) for k in ("beds", "stations", "physicians")}
    bid = Bid(str(row["id"]), str(row["service"]), text(row.get("tags")), level=text(row.get("level")), **numbers)
    return Site(plan, row, bid, totals, near, inputs, series_of(plan, inputs), text(row.get("density_class")))


def weigh(
    plan: Plan, here: Mapping[str, Any], found: Sequence[Finding], there: Sequence[Elsewhere]
) -> tuple[list[Finding], tuple[Collision, ...]]:
    """Findings where a site stands against those on other ground, lifted, collided and in order; and the collisions."""
    merged = reconcile(plan, here, found, there, conclude=lambda one: conclude(collide(plan, lift(plan, one))[0]))
    marked, collisions = collide(plan, lift(plan, merged))
    return sorted(marked, key=in_order), collisions


def _records(
    table: pd.DataFrame | Sequence[Mapping[str, Any]] | None, subject: str, column: str = "site_id"
) -> list[Mapping[str, Any]]:
    """Rows that belong to the site: those whose `column`, where there is one, names it."""
    if table is None:
        return []
    if isinstance(table, pd.DataFrame):
        table = records(table)
    return [row for row in table if str(row.get(column, subject)) == subject]


def _counted(plan: Plan, findings: list[Finding]) -> bool:
    """Whether the site would use up totals: not where an exemption that holds says so."""
    held = (plan.rule(f.rule_id) for f in findings if f.kind == "exempt" and f.ground == "applicant")
    return all(not isinstance(r, Exempt) or r.counted for r in held)


def findings_of(rule: Card, site: Site, exceeding: frozenset[str] = frozenset()) -> list[Finding]:
    """What one rule finds on a proposed site; `exceeding` are those about it as of `judge_site`."""
    if not valid_on(rule, site.inputs.as_of):
        return [card(rule, site, "card_not_valid_now")]
    if isinstance(rule, CircleLimit):
        return circle_of_site(rule, site, columns_of([site.row]), exceeding)
    if isinstance(rule, AreaLimit):
        return _area_of_site(rule, site)
    return [judge_effect(rule, site)]


def _area_of_site(rule: AreaLimit, site: Site) -> list[Finding]:
    """Findings over the place of the rule's level that holds the site; NO_DATA where none is known."""
    if area_column(rule) is None and site.inputs.register is None:
        return [card(rule, site)]
    if any(site.get(column) is None for column in rule.same):
        return [card(rule, site, "attribute_missing")]
    where = Where(zones=rule.where.zones, areas=rule.where.areas)
    holds = fits(site, where=where, applicant=rule.applicant)
    if holds is State.NO:
        return [card(rule, site, "does_not_apply")]
    place = place_of(site.plan, site.row, site.totals, rule.per)
    if place is None:
        return [place_unknown(rule, subject=site.bid.site_id)]
    if not holds_at(rule.where, place):
        return []
    known = known_of(
        rule,
        plan=site.plan,
        place=place,
        totals=site.totals,
        inputs=site.inputs,
        series=site.figures,
        like={column: site.get(column) for column in rule.same},
        applicant=text(site.row.get("institution")),
    )
    found = judge_area(rule, place=place, bid=site.bid, known=known)
    if holds is State.UNKNOWN:
        found = tuple(_asking(f, "attribute_missing") for f in found)
    as_of = site.inputs.as_of
    goal = rule.by is not None and (as_of is None or as_of < rule.by)
    return [replace(f, effect=TARGET) if goal else f for f in found]


def _asking(one: Finding, note: str) -> Finding:
    """A finding of which it is not known whether its rule holds here."""
    evidence = replace(one.evidence, notes=tuple(dict.fromkeys((*one.evidence.notes, note))))
    return replace(one, outcome=Outcome.NO_DATA, evidence=evidence)

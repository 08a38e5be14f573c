"""The judge has the last word 复核: a plan of sites is judged as a city of its own, not by what planned it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.judge.city import judge_city
from circle15.judge.lattice import conclude, deciding_rules
from circle15.measure.circles import neighbours_within
from circle15.prepared import Prepared
from circle15.schema import CHECKLIST, CRS, City, Conclusion, Finding, Force, Outcome, Verdict
from circle15.siting.standing import Standing

if TYPE_CHECKING:
    from circle15.quantities import Flags
    from circle15.siting.field import Field
    from circle15.siting.schedule import Schedule

REFUSED = frozenset({Conclusion.REFUSE, Conclusion.REFUSE_IN_PRINCIPLE})
LIMITS = frozenset({"circle_limit", "area_limit"})
Spot = tuple[str, str, str]


@dataclass(frozen=True)
class Recheck:
    """What the judge says of the city as planned.

    Parameters
    ----------
    after
        Findings on circles and places of the service as planned.
    today, remaining
        Limits (must and principle) that are broken today, and that are still broken as planned.
    new
        Those among them that are met today, or broken by less.
    unsure
        Circles of the plan that hang on the accuracy of a position 待现场核查.
    verdicts
        What the judge says of each added site, the others of the plan standing.
    """

    after: tuple[Finding, ...]
    today: tuple[Finding, ...]
    remaining: tuple[Finding, ...]
    new: tuple[Finding, ...]
    unsure: tuple[Finding, ...]
    verdicts: Mapping[str, Verdict]

    @property
    def holds(self) -> bool:
        """Whether no limit is broken."""
        return not self.remaining


def planned_city(field: Field, chosen: Flags) -> City:
    """The city with the institutions of the service that are chosen, and the added ones in its register."""
    city = field.ready.city
    others = city.institutions[city.institutions["service"] != field.service]
    columns = list(city.institutions.columns)
    picked = field.sites[chosen]
    standing = picked.assign(**{c: pd.NaT for c in columns if c not in picked.columns and c.startswith("valid_")})
    table = pd.concat([others, standing[[c for c in columns if c in standing.columns]]], ignore_index=True)
    return replace(city, institutions=gpd.GeoDataFrame(table, geometry="geometry", crs=CRS))


def recheck(field: Field, chosen: Flags, *, aside: frozenset[str] = frozenset()) -> Recheck:
    """Judge a choice of sites as a city, and every added one as a proposed site with all others standing."""
    return _rechecked(field, chosen, aside, _verdicts(field, chosen), _findings(field.ready, field))


def rehearse(
    field: Field, plan: Schedule, *, aside: frozenset[str] = frozenset()
) -> tuple[Schedule, Mapping[str, Verdict], frozenset[str]]:
    """Judge every entry in the step that it comes in with, against what stands then.

    Returns
    -------
    The schedule, with entries that are refused in their step put off to the next, and without those that are refused
    to the end; the verdict on each by id, as of the step that it comes in with; the ids of those refused.
    """
    standing = Standing(field.ready, field.sites[field.new])
    yearly = any(c.yearly for c in field.caps.areas)
    verdicts: dict[str, Verdict] = {}
    moved: dict[int, int] = {}
    open_: list[int] = []
    for step in range(1, plan.last + 1):
        if yearly and step > 1:
            standing.pass_year()
        for site in plan.exits[plan.exit_step == step]:
            standing.remove(field.ids[int(site)])
        still: list[int] = []
        for site in (*open_, *(int(s) for s in plan.entries[plan.entry_step == step])):
            verdict = verdicts[field.ids[site]] = standing.judge(field.ids[site])
            if conclusion_of(verdict, aside) in REFUSED:
                still.append(site)
                continue
            moved[site] = step
            standing.admit(field.ids[site])
        open_ = still
    return plan.with_entries(moved), verdicts, frozenset(field.ids[s] for s in open_)


def _rechecked(
    field: Field, chosen: Flags, bar: frozenset[str], verdicts: Mapping[str, Verdict], today: tuple[Finding, ...]
) -> Recheck:
    after = _findings(_planned(field, chosen), field)
    start = {_spot(f): f for f in today}
    broken = _broken(after, bar)
    new = tuple(f for f in broken if _worse(f, start.get(_spot(f))))
    unsure = tuple(f for f in after if _binds(f, bar) and f.outcome is Outcome.REVIEW and f.ground == "circle")
    return Recheck(after, _broken(today, bar), broken, new, unsure, verdicts)


def _binds(one: Finding, bar: frozenset[str]) -> bool:
    return one.force is not Force.REFERENCE and one.rule_id not in bar


def _broken(findings: Sequence[Finding], bar: frozenset[str]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if _binds(f, bar) and f.outcome is Outcome.BREACHED)


def recheck_steps(
    field: Field, plan: Schedule, verdicts: Mapping[str, Verdict], *, aside: frozenset[str] = frozenset()
) -> tuple[Recheck, ...]:
    """What the judge says of the city after every step; the verdicts on entries are those of the rehearsal."""
    today = _findings(field.ready, field)
    return tuple(_rechecked(field, plan.standing(field, n), aside, verdicts, today) for n in range(1, plan.last + 1))


def conclusion_of(verdict: Verdict, aside: Collection[str]) -> Conclusion:
    """What a verdict comes to with some rules set aside."""
    return conclude(f for f in verdict.findings if f.rule_id not in aside)


def rules_against(verdict: Verdict, aside: Collection[str]) -> tuple[str, ...]:
    """Rules that decide a verdict with some set aside."""
    return deciding_rules(f for f in verdict.findings if f.rule_id not in aside)


def _planned(field: Field, chosen: Flags) -> Prepared:
    return Prepared(
        field.plan,
        planned_city(field, chosen),
        indicators=field.ready.inputs.indicators,
        events=field.ready.inputs.events,
        as_of=field.ready.as_of,
    )


def _findings(ready: Prepared, field: Field) -> tuple[Finding, ...]:
    of_service = ready.city.institutions[ready.city.institutions["service"] == field.service]
    sites = ready.own_measures[ready.own_measures["service"] == field.service]
    near = neighbours_within(of_service, of_service, radius_m=field.radius_m, margin_m=2 * ready.worst_accuracy_m)
    found = judge_city(field.plan, sites=sites, neighbours=near, totals=ready.totals, inputs=ready.inputs)
    rules = {r.id for r in field.plan.rules if field.service in r.services}
    return tuple(f for f in found if f.kind in LIMITS and f.rule_id in rules and f.ground != CHECKLIST)


def _spot(one: Finding) -> Spot:
    return one.rule_id, one.subject, one.bound


def _worse(one: Finding, before: Finding | None) -> bool:
    if before is None or before.outcome is not Outcome.BREACHED or one.observed is None or before.observed is None:
        return True
    return one.observed < before.observed if one.bound == "min" else one.observed > before.observed


def _verdicts(field: Field, chosen: Flags) -> dict[str, Verdict]:
    if not (chosen & field.new).any():
        return {}
    standing = Standing(field.ready, field.sites[field.new])
    for at in np.flatnonzero(~chosen & ~field.new):
        standing.remove(field.ids[int(at)])
    added = [field.ids[int(at)] for at in np.flatnonzero(chosen & field.new)]
    for site in added:
        standing.admit(site)
    found = {}
    for site in added:
        standing.remove(site)
        found[site] = standing.judge(site)
        standing.admit(site)
    return found

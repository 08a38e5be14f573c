"""The judge has the last word 复核: a plan of sites is judged as a city of its own, not by what planned it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from circle15.judge.city import judge_city
from circle15.measure.circles import neighbours_within
from circle15.prepared import Prepared
from circle15.schema import CRS, City, Finding, Force, Outcome, Verdict
from circle15.siting.standing import Standing

if TYPE_CHECKING:
    from circle15.siting.field import Field
    from circle15.siting.kernels import Flags

LIMITS = frozenset({"circle_limit", "area_limit"})
Spot = tuple[str, str, str]


@dataclass(frozen=True)
class Recheck:
    """What the judge says of the city as planned.

    Parameters
    ----------
    before, after
        Findings on circles and places of the service, today and as planned.
    remaining
        Limits (must and principle) that are still broken.
    new
        Those among them that are met today, or broken by less.
    unsure
        Circles of the plan that hang on the accuracy of a position 待现场核查.
    verdicts
        What the judge says of each added site, the others of the plan standing.
    """

    before: tuple[Finding, ...]
    after: tuple[Finding, ...]
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
    """Judge a choice of sites as a city, and every added one as a proposed site."""
    today = _findings(field.ready, field)
    start = {_spot(f): f for f in today}
    planned = Prepared(
        field.plan, planned_city(field, chosen), indicators=field.ready.inputs.indicators,
        events=field.ready.inputs.events, as_of=field.ready.as_of,
    )  # fmt: skip
    after = _findings(planned, field)
    binding = [f for f in after if f.force is not Force.REFERENCE and f.rule_id not in aside]
    broken = tuple(f for f in binding if f.outcome is Outcome.BREACHED)
    new = tuple(f for f in broken if _worse(f, start.get(_spot(f))))
    unsure = tuple(f for f in binding if f.outcome is Outcome.REVIEW and f.ground == "circle")
    return Recheck(today, after, broken, new, unsure, _verdicts(field, planned, chosen))


def _findings(ready: Prepared, field: Field) -> tuple[Finding, ...]:
    of_service = ready.city.institutions[ready.city.institutions["service"] == field.service]
    sites = ready.own_measures[ready.own_measures["service"] == field.service]
    near = neighbours_within(of_service, of_service, radius_m=field.radius_m, margin_m=2 * ready.worst_accuracy_m)
    found = judge_city(field.plan, sites=sites, neighbours=near, totals=ready.totals, inputs=ready.inputs)
    rules = {r.id for r in field.plan.rules if field.service in r.services}
    return tuple(f for f in found if f.kind in LIMITS and f.rule_id in rules and f.ground != "checklist")


def _spot(one: Finding) -> Spot:
    return one.rule_id, one.subject, one.bound


def _worse(one: Finding, before: Finding | None) -> bool:
    if before is None or before.outcome is not Outcome.BREACHED or one.observed is None or before.observed is None:
        return True
    return one.observed < before.observed if one.bound == "min" else one.observed > before.observed


def _verdicts(field: Field, planned: Prepared, chosen: Flags) -> dict[str, Verdict]:
    added = field.sites[chosen & field.new]
    if added.empty:
        return {}
    standing = Standing(planned, added.iloc[:0])
    found = {}
    for site in added["id"].astype(str):
        standing.remove(site)
        found[site] = standing.judge(site)
        standing.admit(site)
    return found

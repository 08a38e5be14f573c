"""Caps and minimums of a plan as numbers over sites 规划限额: circles, townships, districts, the city, swaps.

Every limit is taken from the judge itself: the limit of a place from `judge_area`, the limit of a circle from
`circle_caps`. Nothing here reads a number out of a rule. What the judge cannot put a number to (a limit not printed, a
class not filled in) binds nothing here and is handed on in `unsettled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from circle15.judge.areas import Known, judge_area, known_of
from circle15.judge.city import holds_at
from circle15.judge.conditions import valid_on
from circle15.judge.inputs import places, rows_in
from circle15.judge.ledger import swap
from circle15.judge.limits import circle_caps, plain_circle
from circle15.judge.series import series_of
from circle15.policy.rules import AreaLimit, CircleLimit, Replace
from circle15.schema import Finding, Force
from circle15.siting.kernels import Floats, Ints
from circle15.siting.limits import Row

if TYPE_CHECKING:
    from circle15.judge.inputs import Inputs
    from circle15.policy.cards import Card
    from circle15.policy.plan import Plan


@dataclass(frozen=True)
class Cap:
    """One limit of the plan over one place, as a row over sites.

    `limit` is the plan's number, `outside` what counts towards it and is not among the sites; `row` holds what is left.
    `kind` is max, min, or swap (entries against exits 退出置换, where exits count by the plan's ratio).
    """

    rule_id: str
    title: str
    clause: str
    force: Force
    ground: str
    place_id: str
    place_name: str
    kind: Literal["max", "min", "swap"]
    limit: float
    outside: float
    row: Row


@dataclass(frozen=True)
class PlanCaps:
    """All limits of a plan on the sites of one service.

    Parameters
    ----------
    areas
        Limits over places.
    circle_most, circle_rule
        (n,) most institutions in the circle of a site, itself counted (infinite without a limit), and the rule's id.
    unsettled
        Findings of the judge that have no number, and rules over circles or places that are no such limit.
    """

    areas: tuple[Cap, ...]
    circle_most: Floats
    circle_rule: tuple[str, ...]
    unsettled: tuple[str, ...]


def caps_of(
    plan: Plan, sites: pd.DataFrame, *, existing: int, totals: pd.DataFrame, inputs: Inputs, service: str,
    aside: frozenset[str] = frozenset(), leaving: bool,
) -> PlanCaps:  # fmt: skip
    """Read the limits of a plan on a set of sites.

    Parameters
    ----------
    sites
        The service's institutions in the order of the register, then candidates: service, tags, place ids, densities.
    existing
        How many of them stand in the register.
    aside
        Ids of rules that are set aside, as the user said.
    leaving
        Whether existing sites may leave: then goals with a date bind as limits, and swaps count exits.
    """
    rules = [r for r in plan.rules if service in r.services and r.id not in aside and r.force is not Force.REFERENCE]
    binding = [r for r in rules if valid_on(r, inputs.as_of)]
    counting = _Counting(plan, sites, existing, totals, inputs, service, leaving)
    areas: list[Cap] = []
    unsettled: list[str] = []
    for rule in binding:
        if isinstance(rule, AreaLimit):
            areas += _area(rule, counting, unsettled)
        elif isinstance(rule, Replace):
            areas += _swaps(rule, counting, unsettled)
        elif isinstance(rule, CircleLimit) and (rule.max is None or not plain_circle(plan, rule)):
            unsettled.append(rule.id)
    circles = plan.model_copy(update={"rules": tuple(r for r in binding if isinstance(r, CircleLimit))})
    found = circle_caps(circles, sites)
    most = found["circle_limit"].to_numpy(dtype=np.float64)
    return PlanCaps(
        tuple(areas), np.where(np.isnan(most), np.inf, most), tuple(found["circle_rule"].astype(str)),
        tuple(dict.fromkeys(unsettled)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Counting:
    plan: Plan
    sites: pd.DataFrame
    existing: int
    totals: pd.DataFrame
    inputs: Inputs
    service: str
    leaving: bool

    def members(self, rule: Card, place: Mapping[str, Any], of: str) -> tuple[Ints, Floats]:
        """Sites that count towards a rule in a place, and how much."""
        tags = self.sites["tags"].fillna("").astype(str).str.split(";").map(frozenset)
        wanted, never = frozenset(rule.tags), frozenset(getattr(rule, "excludes", ()))
        counts = np.zeros(len(self.sites), dtype=bool)
        counts[rows_in(self.sites, place)] = True
        counts &= np.array([(not wanted or not t.isdisjoint(wanted)) and t.isdisjoint(never) for t in tags], dtype=bool)
        levels = getattr(rule, "levels", ())
        if levels:
            counts = counts & self.sites["level"].fillna("").astype(str).isin(levels).to_numpy(dtype=bool)
        at = np.flatnonzero(counts)
        amount = np.ones(len(at))
        if of != "institutions":
            amount = np.nan_to_num(self.sites[of].to_numpy(dtype=np.float64)[at])
        return at[amount > 0], amount[amount > 0]


def _area(rule: AreaLimit, counting: _Counting, unsettled: list[str]) -> Iterator[Cap]:
    if rule.counts != "all" or rule.share_of is not None or (rule.by is not None and not counting.leaving):
        unsettled.append(rule.id)
        return
    series = series_of(counting.plan, counting.inputs)
    for place in places(counting.totals, rule.per, counting.plan):
        if not holds_at(rule.where, place):
            continue
        known = known_of(
            rule, plan=counting.plan, place=place, totals=counting.totals, inputs=counting.inputs, series=series
        )
        for finding in judge_area(rule, place=place, known=known):
            if finding.limit is None or known is None or np.isnan(known.today):
                unsettled.append(rule.id)
                continue
            yield _cap(rule, place, finding, counting, known)


def _scale(rule: AreaLimit, finding: Finding, base: float) -> float:
    """What a count is multiplied by before the judge holds it against the limit."""
    rate = rule.max_rate is not None and rule.rounding is None and finding.bound == "max"
    return (rule.rate_per or 1.0) / base if rate else 1.0


def _cap(rule: AreaLimit, place: Mapping[str, Any], finding: Finding, counting: _Counting, known: Known) -> Cap:
    at, amount = counting.members(rule, place, rule.of)
    outside = known.today - float(amount[at < counting.existing].sum())
    limit = float(finding.limit or 0.0)
    left = limit / _scale(rule, finding, known.base) - outside
    kind: Literal["max", "min"] = "min" if finding.bound == "min" else "max"
    key = (rule.id, str(place["place_id"]), kind)
    row = Row(key, at, amount, low=left) if kind == "min" else Row(key, at, amount, high=left)
    return _told(rule, place, row, limit=limit, outside=outside)


def _told(rule: AreaLimit | Replace, place: Mapping[str, Any], row: Row, *, limit: float, outside: float) -> Cap:
    kind = cast("Literal['max', 'min', 'swap']", row.key[2])
    where = rule.per, str(place["place_id"]), str(place["name"])
    return Cap(rule.id, rule.title, rule.clause, rule.force, *where, kind, limit, outside, row)


def _swaps(rule: Replace, counting: _Counting, unsettled: list[str]) -> Iterator[Cap]:
    """Entries in a place at most the plan's share of its exits, with what earlier exits left over."""
    if rule.of != "institutions":
        unsettled.append(rule.id)
        return
    if rule.any_of or rule.all_of:
        unsettled.append(rule.id)  # whether its condition holds is for the judge; until then the share binds
    start = rule.valid_from or counting.plan.document.valid_from
    for place in places(counting.totals, rule.per, counting.plan):
        if not holds_at(rule.where, place):
            continue
        at, _ = counting.members(rule, place, "institutions")
        stays, comes = at[at < counting.existing], at[at >= counting.existing]
        if not len(comes):
            continue
        left = 0.0
        if counting.inputs.events is not None:
            book = swap(rule, counting.inputs, place, counting.totals, start=start)
            left = max(0.0, book.exits * rule.ratio - book.entries)
        coef = np.concatenate([np.full(len(stays), rule.ratio), np.ones(len(comes))])
        high = left + rule.ratio * len(stays)
        row = Row((rule.id, str(place["place_id"]), "swap"), np.concatenate([stays, comes]), coef, high=high)
        yield _told(rule, place, row, limit=rule.ratio, outside=0.0)

"""Caps and minimums of a plan as numbers over sites 规划限额: circles, townships, districts, the city, swaps.

Every limit is taken from the judge itself: the limit of a place from `judge_area`, the limit of a circle from
`circle_caps`, whether the condition of a swap holds from the judge's indicators. What the judge cannot put a number to
(a limit not printed, a class not filled in, beds that a candidate does not tell) binds nothing here and is handed on in
`unsettled`. A swap whose condition nobody can tell binds as if it held, and is handed on as not sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from circle15.judge.areas import Known, judge_area, known_of
from circle15.judge.city import holds_at
from circle15.judge.conditions import valid_on
from circle15.judge.inputs import places, rows_in, scope_of
from circle15.judge.ledger import swap
from circle15.judge.limits import circle_caps, plain_circle
from circle15.judge.series import Series, State, bare_series, both_states, series_of
from circle15.policy.rules import AreaLimit, CircleLimit, Replace
from circle15.quantities import Floats
from circle15.schema import Finding, Force
from circle15.siting.limits import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.judge.inputs import Inputs
    from circle15.policy.cards import Counted
    from circle15.policy.plan import Plan


@dataclass(frozen=True)
class Cap:
    """One limit of the plan over one place, as a row over sites.

    `limit` is the plan's number, `outside` what counts towards it and is not among the sites; `row` holds what is left.
    `kind` is max, min, or swap (entries against exits 退出置换): there `limit` is the plan's ratio, `outside` what
    earlier exits leave over, `yearly` says that only exits of the year before pay (当年释放、次年纳入), and `sure` is
    False where it is not known whether the condition of the rule holds.
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
    yearly: bool = False
    sure: bool = True


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
        Rules over circles or places of which the judge has no number, or that candidates of unknown size stand under.
    """

    areas: tuple[Cap, ...]
    circle_most: Floats
    circle_rule: tuple[str, ...]
    unsettled: tuple[str, ...]

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Swaps that bind though it is not known whether their condition holds."""
        return tuple(dict.fromkeys(c.rule_id for c in self.areas if not c.sure))


def caps_of(
    plan: Plan,
    sites: pd.DataFrame,
    *,
    existing: int,
    totals: pd.DataFrame,
    inputs: Inputs,
    service: str,
    aside: frozenset[str] = frozenset(),
    leaving: bool,
) -> PlanCaps:
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
        tuple(areas),
        np.where(np.isnan(most), np.inf, most),
        tuple(found["circle_rule"].astype(str)),
        tuple(dict.fromkeys(unsettled)),
    )


@dataclass(frozen=True)
class _Counting:
    """What sites count towards rules; places and indicators as the judge knows them."""

    plan: Plan
    sites: pd.DataFrame
    existing: int
    totals: pd.DataFrame
    inputs: Inputs
    service: str
    leaving: bool

    @cached_property
    def series(self) -> Series:
        """Indicators as told, or what totals and register give where none were handed in."""
        return series_of(self.plan, self.inputs) or bare_series(self.plan, self.inputs)

    @cached_property
    def tags(self) -> tuple[frozenset[str], ...]:
        """Tags of every site (n,)."""
        return tuple(frozenset(str(t).split(";")) for t in self.sites["tags"].fillna(""))

    @cached_property
    def levels(self) -> NDArray[np.object_]:
        """Level of every site (n,)."""
        return self.sites["level"].fillna("").astype(str).to_numpy(dtype=object)

    def places(self, rule: AreaLimit | Replace) -> Iterator[Mapping[str, Any]]:
        """Places over which a rule holds."""
        return (p for p in places(self.totals, rule.per, self.plan) if holds_at(rule.where, p))

    def amounts(self, rule: AreaLimit | Replace | Counted, place: Mapping[str, Any]) -> Floats:
        """How much each site (n,) counts towards a rule, or below the line of its share; NaN where nobody tells."""
        wanted, every = frozenset(rule.tags), frozenset(getattr(rule, "with_tags", ()))
        never = frozenset(getattr(rule, "excludes", ()))
        fits = [(not wanted or not t.isdisjoint(wanted)) and t >= every and t.isdisjoint(never) for t in self.tags]
        counts = np.array(fits, dtype=bool) & np.isin(np.arange(len(fits)), rows_in(self.sites, place))
        if getattr(rule, "levels", ()):
            counts &= np.isin(self.levels, rule.levels)  # type: ignore[union-attr]
        if getattr(rule, "counts", "all") != "all":
            counts &= np.arange(len(counts)) >= self.existing  # 只计新增
        if self.service not in rule.services:
            counts[:] = False
        each = np.ones(len(counts)) if rule.of == "institutions" else self._told(rule.of)
        return np.asarray(np.where(counts, each, 0.0), dtype=np.float64)

    def _told(self, of: str) -> Floats:
        column = self.sites[of] if of in self.sites.columns else pd.Series(np.nan, index=self.sites.index)
        return np.asarray(column.to_numpy(dtype=np.float64))


def _area(rule: AreaLimit, counting: _Counting, unsettled: list[str]) -> Iterator[Cap]:
    if rule.by is not None and not counting.leaving:
        unsettled.append(rule.id)
        return
    for place in counting.places(rule):
        known = known_of(
            rule,
            plan=counting.plan,
            place=place,
            totals=counting.totals,
            inputs=counting.inputs,
            series=counting.series,
        )
        amount = counting.amounts(rule, place)
        if np.isnan(amount[counting.existing :]).any():
            unsettled.append(rule.id)
        for finding in judge_area(rule, place=place, known=known):
            if finding.limit is None or known is None or np.isnan(known.today):
                unsettled.append(rule.id)
                continue
            yield _cap(rule, place, finding, known, counting=counting, amount=np.nan_to_num(amount))


def _cap(
    rule: AreaLimit, place: Mapping[str, Any], finding: Finding, known: Known, *, counting: _Counting, amount: Floats
) -> Cap:
    """One bound as a row; a share of what also changes (占比) is taken over to the other side: Σ (a − share·b)·x."""
    kind: Literal["max", "min"] = "min" if finding.bound == "min" else "max"
    outside = known.today - float(amount[: counting.existing].sum())
    limit = float(finding.limit or 0.0)
    if rule.share_of is not None:
        below = np.nan_to_num(counting.amounts(rule.share_of, place))
        left = limit * (known.below - float(below[: counting.existing].sum())) - outside
        amount = amount - limit * below
    else:
        left = limit / _scale(rule, finding, known.base) - outside
    at = np.flatnonzero(amount)
    low, high = (left, np.inf) if kind == "min" else (-np.inf, left)
    row = Row((rule.id, str(place["place_id"]), kind), at, amount[at], low=low, high=high)
    return _told(rule, place, row, limit=limit, outside=outside)


def _scale(rule: AreaLimit, finding: Finding, base: float) -> float:
    """What a count is multiplied by before the judge holds it against the limit."""
    rate = rule.max_rate is not None and rule.rounding is None and finding.bound == "max"
    return (rule.rate_per or 1.0) / base if rate else 1.0


def _told(
    rule: AreaLimit | Replace,
    place: Mapping[str, Any],
    row: Row,
    *,
    limit: float,
    outside: float,
    yearly: bool = False,
    sure: bool = True,
) -> Cap:
    kind = cast("Literal['max', 'min', 'swap']", row.key[2])
    where = rule.per, str(place["place_id"]), str(place["name"])
    return Cap(rule.id, rule.title, rule.clause, rule.force, *where, kind, limit, outside, row, yearly, sure)


def _swaps(rule: Replace, counting: _Counting, unsettled: list[str]) -> Iterator[Cap]:
    """Entries in a place at most the plan's share of its exits, with what earlier exits left over."""
    start = rule.valid_from or counting.plan.document.valid_from
    new = np.arange(len(counting.sites)) >= counting.existing
    for place in counting.places(rule):
        amount = counting.amounts(rule, place)
        if not (amount[new] != 0).any():
            continue
        state = _condition(rule, counting, place)
        if state is State.NO:
            continue
        if np.isnan(amount[new]).any():
            unsettled.append(rule.id)
        amount = np.nan_to_num(amount)
        left = 0.0
        if counting.inputs.events is not None:
            book = swap(rule, counting.inputs, place, counting.totals, start=start)
            left = float(np.nan_to_num(max(0.0, book.exits * rule.ratio - book.entries)))
        at = np.flatnonzero(amount)
        coef = np.where(new, 1.0, rule.ratio)[at] * amount[at]
        row = Row((rule.id, str(place["place_id"]), "swap"), at, coef, high=left + float(coef[~new[at]].sum()))
        yearly = rule.window == "previous_year"
        yield _told(rule, place, row, limit=rule.ratio, outside=left, yearly=yearly, sure=state is State.YES)


def _condition(rule: Replace, counting: _Counting, place: Mapping[str, Any]) -> State:
    """Whether what a swap hangs on holds in a place (床位超筹资能力、集聚度差值为正 …)."""
    scope = scope_of(counting.plan, place, counting.totals, counting.inputs, services=rule.services, level="")
    return both_states(counting.series, any_of=rule.any_of, all_of=rule.all_of, scope=scope).state

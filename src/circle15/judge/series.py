"""Triggers over time 触发条件: indicators by place or institution, windows of whole periods, none may be missing."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from circle15.judge.inputs import Inputs, Scope, count_institutions, standing_in, text
from circle15.judge.memo import once
from circle15.policy.formula import names_in, reckon

if TYPE_CHECKING:
    import pandas as pd

    from circle15.policy.cards import Counted, Indicator, Trigger
    from circle15.policy.plan import Plan

_PERIOD = re.compile(r"^\s*(\d{4})(?:\s*-?\s*Q([1-4])|\s*[-/.]\s*(\d{1,2}))?\s*$", re.IGNORECASE)
_PER_YEAR = {"year": 1, "quarter": 4, "month": 12}
_CITY = "city_"
Period = tuple[str, int]
NOW: Period = ("", 0)
"""A figure without a period stands as it is."""


class State(StrEnum):
    """Whether a condition holds 条件是否成立."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Tested:
    """A condition as tested: state, notes and the figures looked at."""

    state: State
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float | str] = field(default_factory=dict)


def parse_period(value: object) -> Period | None:
    """("month", n), ("quarter", n) or ("year", n), n counting on without gaps; NOW for nothing, None for nonsense.

    Written 2026-04, 2026Q1 or 2026.
    """
    words = "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN
    if not words.strip():
        return NOW
    found = _PERIOD.match(words.removesuffix(".0"))
    if found is None:
        return None
    year, quarter, month = (int(g) if g else 0 for g in found.groups())
    if quarter:
        return ("quarter", year * 4 + quarter - 1)
    if month:
        return ("month", year * 12 + month - 1) if month <= _PER_YEAR["month"] else None
    return ("year", year)


def last_whole(kind: str, as_of: dt.date) -> int:
    """Number of the last period of a kind that had ended before a day."""
    part = (as_of.month - 1) * _PER_YEAR[kind] // 12
    return as_of.year * _PER_YEAR[kind] + part - 1


class Series:
    """Indicator table by subject: columns place_id or institution_id (or subject), indicator, period, value."""

    def __init__(
        self,
        table: pd.DataFrame | None,
        indicators: Iterable[Indicator],
        *,
        as_of: dt.date | None,
        register: pd.DataFrame | None = None,
        denominators: pd.DataFrame | None = None,
    ) -> None:
        self.as_of = as_of
        self.register = register
        self.denominators = denominators
        self.known = {i.id: i for i in indicators}
        self._values: dict[tuple[str, str], dict[Period, float]] = {}
        self._beside: set[tuple[str, str]] = set()
        self.overruled: list[tuple[str, str, float, float]] = []  # place, heading, as told, in the table
        if table is not None:
            self._take(table)
        if denominators is not None:
            self._take_denominators(denominators)

    def _take(self, table: pd.DataFrame) -> None:
        subjects = [c for c in ("place_id", "institution_id", "subject") if c in table.columns]
        for row in table.to_dict("records"):
            subject = next((t for c in subjects if (t := text(row[c]))), "")
            period, value = parse_period(row.get("period")), _number(row.get("value"))
            if subject and period is not None and not math.isnan(value):
                self._values.setdefault((subject, str(row["indicator"])), {})[period] = value

    def _take_denominators(self, table: pd.DataFrame) -> None:
        """Numbers of a table of denominators under the id of the indicator that they stand for; told ones stand."""
        titles = {i.title: i.id for i in self.known.values()}
        for row in table.to_dict("records"):
            name = titles.get(str(row["heading"])) or str(row["means"] or row["heading"])
            value = _number(row["value"])
            subjects = str(row["place_id"]), str(row["name"])
            told = self.of(subjects, name)
            if told and self.latest(told) != value:
                self.overruled.append((subjects[1], str(row["heading"]), self.latest(told), value))
            elif not told and not math.isnan(value):
                self._values[subjects[0], name] = {NOW: value}
                self._beside.add((subjects[0], name))

    def from_table(self, subjects: Sequence[str], indicator: str) -> bool:
        """Whether a figure comes from the table of denominators."""
        return any((s, indicator) in self._beside for s in subjects)

    def told_by(self, plan: Plan) -> bool:
        """Whether the indicators are those of a plan."""
        return len(self.known) == len(plan.indicators) and all(self.known.get(i.id) is i for i in plan.indicators)

    def of(self, subjects: Sequence[str], indicator: str) -> Mapping[Period, float]:
        """Values by period of the first of several names of a subject that has any."""
        return next((v for s in subjects if (v := self._values.get((s, indicator)))), {})

    def window(self, values: Mapping[Period, float], kind: str, length: int) -> list[float | None]:
        """The last `length` whole periods, oldest first; None where one is missing."""
        held = [n for k, n in values if k == kind]
        told = self.as_of is not None and kind in _PER_YEAR
        end = last_whole(kind, self.as_of) if told and self.as_of is not None else max(held, default=0)
        return [values.get((kind, n)) for n in range(end - length + 1, end + 1)]

    def latest(self, values: Mapping[Period, float]) -> float:
        """The newest value that stood on the day; NaN where there is none."""
        if NOW in values:
            return values[NOW]
        stood = [
            (n / _PER_YEAR[k], v)
            for (k, n), v in values.items()
            if self.as_of is None or n <= last_whole(k, self.as_of) + 1
        ]
        return max(stood, key=lambda pair: pair[0])[1] if stood else math.nan

    # ── figures of a place ────────────────────────────────────

    def value(self, indicator: str, scope: Scope, *, seen: frozenset[str] = frozenset()) -> float:
        """Newest figure of an area: as told, reckoned by its formula, or the mean over its institutions; else NaN."""
        told = self.latest(self.of(scope.names, indicator))
        record = self.known.get(indicator)
        if not math.isnan(told) or indicator in seen:
            return told
        if record is not None and (record.formula or record.count is not None or record.rank_of is not None):
            return self._reckoned(record, scope, seen | {indicator})
        held = _number(scope.place.get(indicator))
        if not math.isnan(held):
            return held
        if record is not None and record.mean_of is not None:
            return self._mean(record.mean_of, record.weight, scope)
        if record is not None and record.unit == "flag" and scope.city is not None:
            return self.latest(self.of(scope.city.names, indicator))
        return math.nan

    def _reckoned(self, record: Indicator, scope: Scope, seen: frozenset[str]) -> float:
        if record.formula:
            return self._formula(record.formula, scope, seen)
        return self._count(record.count, scope) if record.count is not None else self._rank(record.rank_of or "", scope)

    def _formula(self, formula: str, scope: Scope, seen: frozenset[str]) -> float:
        found = {}
        for name in names_in(formula):
            value = self.value(name, scope, seen=seen)
            if math.isnan(value):
                value = _number(scope.place.get(name))
            if math.isnan(value) and name.startswith(_CITY) and scope.city is not None:
                own = name.removeprefix(_CITY)
                value = self.value(own, scope.city, seen=seen)
                value = _number(scope.city.place.get(own)) if math.isnan(value) else value
            found[name] = value
        return reckon(formula, found)

    def _count(self, counted: Counted, scope: Scope) -> float:
        if self.register is None or "place_id" not in scope.place:
            return math.nan
        held = standing_in(self.register, scope.place, counted.services)
        fits = [
            (not counted.tags or not set(text(tags).split(";")).isdisjoint(counted.tags))
            and (not counted.levels or level in counted.levels)
            for tags, level in zip(held["tags"], held["level"], strict=True)
        ]
        held = held[fits]
        if counted.of == "institutions" or held.empty:
            return float(count_institutions(held))
        return float(held[counted.of].sum(skipna=False)) if counted.of in held.columns else math.nan

    def _rank(self, indicator: str, scope: Scope) -> float:
        """Place from the bottom among the institutions of the same services in the city, as a share of them."""
        if scope.city is None or not scope.names:
            return math.nan
        known = [self.latest(self.of((i,), indicator)) for i, _ in scope.city.institutions]
        own = self.latest(self.of(scope.names, indicator))
        # those not told of could stand below: there is no rank without all of them
        if math.isnan(own) or not known or any(math.isnan(v) for v in known):
            return math.nan
        return (sum(v < own for v in known) + 1) / len(known)

    def _mean(self, indicator: str, weight: str, scope: Scope) -> float:
        figures = [(self.latest(self.of((i,), indicator)), beds) for i, beds in scope.institutions]
        return _weighted(figures, "bed_weighted" if weight == "beds" else "mean")

    # ── conditions ────────────────────────────────────────────

    def test(self, trigger: Trigger, scope: Scope) -> Tested:
        """Whether a trigger holds in an area."""
        bound = {
            k: self.value(b, scope) if isinstance(b, str) else b
            for k in ("below", "above", "at_most", "at_least")
            if (b := getattr(trigger, k)) is not None
        }
        if any(math.isnan(b) for b in bound.values()):
            return Tested(State.UNKNOWN, ("indicator_missing",), {trigger.indicator: "—"})
        own = self.of(scope.names, trigger.indicator)
        told = [(i, beds, v) for i, beds in scope.institutions if (v := self.of((i,), trigger.indicator))]
        if own or not told:
            return self._test_place(trigger, scope, own, bound)
        if trigger.aggregate in {"mean", "bed_weighted"}:
            return self._test_pooled(trigger, scope, bound)
        tests = [self._test_values(trigger, self.of((i,), trigger.indicator), bound) for i, _ in scope.institutions]
        return _gather(tests, every=trigger.aggregate == "all", indicator=trigger.indicator)

    def _test_place(
        self, trigger: Trigger, scope: Scope, own: Mapping[Period, float], bound: Mapping[str, float]
    ) -> Tested:
        if own and trigger.period is not None:
            return self._test_values(trigger, own, bound)
        value = self.value(trigger.indicator, scope)
        if math.isnan(value):
            return Tested(State.UNKNOWN, ("indicator_missing",), {trigger.indicator: "—"})
        state = State.YES if _holds(trigger, value, bound) else State.NO
        return Tested(state, (), {trigger.indicator: value})

    def _test_values(self, trigger: Trigger, values: Mapping[Period, float], bound: Mapping[str, float]) -> Tested:
        if trigger.period is None:
            last = self.latest(values)
            return self._judge_window(trigger, [None if math.isnan(last) else last], bound)
        return self._judge_window(trigger, self.window(values, trigger.period, trigger.periods or 1), bound)

    def _test_pooled(self, trigger: Trigger, scope: Scope, bound: Mapping[str, float]) -> Tested:
        rows = [(self.of((i,), trigger.indicator), beds) for i, beds in scope.institutions]
        length = trigger.periods or 1
        if trigger.period is None:
            pooled = [_weighted([(self.latest(v), b) for v, b in rows], trigger.aggregate)]
        else:
            windows = [(self.window(v, trigger.period, length), b) for v, b in rows]
            pooled = [
                _weighted([(math.nan if (x := w[at]) is None else x, b) for w, b in windows], trigger.aggregate)
                for at in range(length)
            ]
        return self._judge_window(trigger, [None if math.isnan(v) else v for v in pooled], bound)

    def _judge_window(self, trigger: Trigger, window: Sequence[float | None], bound: Mapping[str, float]) -> Tested:
        hits = [None if v is None else _holds(trigger, v, bound) for v in window]
        last = window[-1]
        figures: dict[str, float | str] = {trigger.indicator: "—" if last is None else last}
        # all but one of the periods, the newest among them or the newest not yet told
        early = len(hits) > 1 and hits.count(True) == len(hits) - 1 and (hits[0] is not True or hits[-1] is None)
        notes = ("early_warning",) if early else ()
        if None in hits:
            return Tested(State.UNKNOWN, ("periods_missing", *notes), figures)
        return Tested(State.YES if all(hits) else State.NO, notes, figures)


def series_of(plan: Plan, inputs: Inputs) -> Series | None:
    """The indicators as series; None where no table was handed in."""
    table, register = inputs.indicators, inputs.register
    if table is None:
        return None

    def told() -> Series:
        return Series(table, plan.indicators, as_of=inputs.as_of, register=register, denominators=inputs.denominators)

    found = once(table, ("series", plan.id, inputs.as_of), told)
    # another register, other denominators or another reading of the plan may ask of the same table
    same = found.register is register and found.denominators is inputs.denominators
    return found if same and found.told_by(plan) else told()


def bare_series(plan: Plan, inputs: Inputs) -> Series:
    """What totals, register and denominators alone give: formulas, counts, columns of the totals."""
    return Series(None, plan.indicators, as_of=inputs.as_of, register=inputs.register, denominators=inputs.denominators)


def both_states(series: Series, *, any_of: Sequence[Trigger], all_of: Sequence[Trigger], scope: Scope) -> Tested:
    """Whether any of `any_of` and each of `all_of` hold; an empty list holds."""
    tests = [series.test(t, scope) for t in any_of]
    first = _join(tests, any_of=True) if tests else State.YES
    more = [series.test(t, scope) for t in all_of]
    second = _join(more, any_of=False) if more else State.YES
    state = _join([Tested(first), Tested(second)], any_of=False)
    every = [*tests, *more]
    notes = tuple(dict.fromkeys(n for t in every for n in t.notes if n == "early_warning" or state is State.UNKNOWN))
    return Tested(state, notes, {k: v for t in every for k, v in t.figures.items()})


def _join(tests: Iterable[Tested], *, any_of: bool) -> State:
    states = {t.state for t in tests}
    deciding = State.YES if any_of else State.NO
    if deciding in states:
        return deciding
    if State.UNKNOWN in states:
        return State.UNKNOWN
    return State.NO if any_of else State.YES


def _gather(tests: Sequence[Tested], *, every: bool, indicator: str) -> Tested:
    state = _join(tests, any_of=not every)
    notes = tuple(dict.fromkeys(n for t in tests for n in t.notes if n == "early_warning" or state is State.UNKNOWN))
    figures = [v for t in tests for v in t.figures.values() if isinstance(v, float)]
    return Tested(state, notes, {indicator: min(figures) if figures else "—"})


def _holds(trigger: Trigger, value: float, bound: Mapping[str, float]) -> bool:
    if trigger.is_true is not None and (value != 0) is not trigger.is_true:
        return False
    return (
        ("below" not in bound or value < bound["below"])
        and ("above" not in bound or value > bound["above"])
        and ("at_most" not in bound or value <= bound["at_most"])
        and ("at_least" not in bound or value >= bound["at_least"])
    )


def _weighted(figures: Sequence[tuple[float, float]], how: str) -> float:
    """Mean of (value, beds); NaN where any value or needed weight is missing."""
    if not figures:
        return math.nan
    weights = [b if how == "bed_weighted" else 1.0 for _, b in figures]
    total = sum(weights)
    return sum(v * w for (v, _), w in zip(figures, weights, strict=True)) / total if total > 0 else math.nan


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a table holds
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan

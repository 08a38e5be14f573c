"""Windows over time: whole periods, missing ones refused, early warning, who is looked at."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from circle15.judge.inputs import Scope
from circle15.judge.series import NOW, Series, State, last_whole, parse_period
from circle15.policy.cards import Indicator, Trigger

DAY = dt.date(2026, 5, 20)


def series(*rows, indicators=(), as_of=DAY):
    return Series(pd.DataFrame(rows, columns=["subject", "indicator", "period", "value"]), indicators, as_of=as_of)


def monthly(*values, subject="H1", first=2):
    return [(subject, "use", f"2026-{first + at:02d}", v) for at, v in enumerate(values) if v is not None]


def low(**more):
    return Trigger(indicator="use", below=0.7, **({"periods": 3, "period": "month"} | more))


def scope(*institutions, names=("D",)):
    return Scope({}, names, institutions or (("H1", 100.0),))


@pytest.mark.parametrize(
    ("written", "read"),
    [("2026-04", ("month", 24315)), ("2026Q1", ("quarter", 8104)), ("2026-Q4", ("quarter", 8107)), ("2026", ("year", 2026)),
     (2026, ("year", 2026)), (2026.0, ("year", 2026)), ("", NOW), (None, NOW), ("2026-13", None), ("soon", None)],
)  # fmt: skip
def test_periods_as_people_write_them(written, read):
    assert parse_period(written) == read


def test_last_whole_period():
    assert last_whole("month", DAY) == parse_period("2026-04")[1]
    assert last_whole("quarter", DAY) == parse_period("2026Q1")[1]
    assert last_whole("year", DAY) == 2025


@pytest.mark.parametrize(
    ("values", "state", "early"),
    [
        ((0.6, 0.65, 0.69), State.YES, False),
        ((0.6, 0.65, 0.70), State.NO, False),  # the run is broken by the newest month
        ((0.8, 0.65, 0.69), State.NO, True),  # two of three
        ((0.6, 0.65, None), State.UNKNOWN, True),
        ((0.6, None, 0.6), State.UNKNOWN, False),
        ((None, None, None), State.UNKNOWN, False),
    ],
)
def test_three_months(values, state, early):
    given = series(*monthly(*values), ("H1", "use", "2026-01", 0.1))
    tested = given.test(low(), scope())
    assert tested.state is state
    assert ("early_warning" in tested.notes) is early
    assert ("periods_missing" in tested.notes) is (state is State.UNKNOWN)


@pytest.mark.parametrize(("periods", "state"), [(2, State.YES), (4, State.NO)])
def test_two_and_four_quarters(periods, state):
    rows = [
        ("H1", "use", f"{y}Q{q}", v) for y, q, v in [(2025, 2, 0.9), (2025, 3, 0.6), (2025, 4, 0.6), (2026, 1, 0.5)]
    ]
    assert series(*rows).test(low(periods=periods, period="quarter"), scope()).state is state


def test_two_years_and_the_previous_year():
    rows = [("H1", "use", "2024", 0.45), ("H1", "use", "2025", 0.65), ("H1", "use", "2026", 0.1)]
    assert series(*rows).test(low(periods=2, period="year"), scope()).state is State.YES
    assert series(*rows).test(Trigger(indicator="use", below=0.5, periods=2, period="year"), scope()).state is State.NO
    assert series(*rows).test(low(periods=1, period="year"), scope()).figures == {"use": 0.65}


@pytest.mark.parametrize(
    ("aggregate", "state"), [("any", State.YES), ("all", State.NO), ("mean", State.YES), ("bed_weighted", State.NO)]
)
def test_whose_figure_counts(aggregate, state):
    # 0.5 in 10 beds and 0.8 in 90 beds: mean 0.65, weighted 0.77
    rows = monthly(0.5, 0.5, 0.5) + monthly(0.8, 0.8, 0.8, subject="H2")
    area = scope(("H1", 10.0), ("H2", 90.0))
    assert series(*rows).test(low(aggregate=aggregate), area).state is state


def test_one_institution_without_figures():
    area = scope(("H1", 10.0), ("H2", 90.0))
    assert series(*monthly(0.5, 0.5, 0.5)).test(low(), area).state is State.YES
    for aggregate in ("all", "mean", "bed_weighted"):
        assert series(*monthly(0.5, 0.5, 0.5)).test(low(aggregate=aggregate), area).state is State.UNKNOWN
    assert series(*monthly(0.9, 0.9, 0.9)).test(low(), area).state is State.UNKNOWN


def test_a_figure_told_of_the_area_itself_comes_first():
    rows = monthly(0.9, 0.9, 0.9) + monthly(0.5, 0.5, 0.5, subject="D")
    assert series(*rows).test(low(), scope()).state is State.YES


def test_flags_of_the_whole_city_hold_in_its_districts():
    flag = Indicator(id="deficit", title="x", unit="flag")
    area = Scope({}, ("D",), (), Scope({}, ("K",)))
    trigger = Trigger(indicator="deficit", is_true=True)
    assert series(("K", "deficit", "", 1), indicators=[flag]).test(trigger, area).state is State.YES
    assert series(("K", "deficit", "", 0), indicators=[flag]).test(trigger, area).state is State.NO
    assert series(("X", "deficit", "", 1), indicators=[flag]).test(trigger, area).state is State.UNKNOWN


def test_a_bound_may_be_the_mean_of_the_area():
    mean = Indicator(id="mean_use", title="x", unit="share", mean_of="use")
    rows = [("H1", "use", "2025", 0.5), ("H2", "use", "2025", 0.9)]
    given = series(*rows, indicators=[mean])
    trigger = Trigger(indicator="use", below="mean_use", periods=1, period="year")
    assert given.value("mean_use", scope(("H1", 1.0), ("H2", 1.0))) == pytest.approx(0.7)
    assert given.test(trigger, scope(("H1", 1.0), ("H2", 1.0))).state is State.YES


def test_a_month_after_the_day_is_not_looked_at():
    rows = [*monthly(0.6, 0.6, 0.6), ("H1", "use", "2026-05", 0.9)]
    assert series(*rows).test(low(), scope()).state is State.YES
    assert series(*rows, as_of=None).test(low(), scope()).state is State.NO

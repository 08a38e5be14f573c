"""Printed arithmetic: agglomeration, fundable beds, three values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circle15.policy.formula import (
    Stand,
    agglomeration_gap,
    fundable_beds_per_1000,
    fundable_cost,
    names_in,
    reckon,
    stand,
)
from circle15.policy.plan import load_plan


def test_plain_arithmetic():
    assert reckon("a * (1 - b) / c", {"a": 100.0, "b": 0.1, "c": 0.5}) == pytest.approx(180)
    assert reckon("-a + 2", {"a": 5.0}) == -3
    assert math.isnan(reckon("a / b", {"a": 1.0, "b": 0.0}))
    assert math.isnan(reckon("a + b", {"a": 1.0}))
    assert names_in("b + a * a") == ("a", "b")


@pytest.mark.parametrize(
    "bad",
    ["a ** 2", "__import__('os')", "a.b", "a[0]", "1 if a else 2", "lambda: 1", "'x'", "True", "a b", "", "(" * 300],
)
def test_anything_else_is_refused(bad):
    with pytest.raises(ValueError, match=r".*"):
        reckon(bad, {})


def test_shenyang_fundable_beds_by_hand():
    # income 9,000m, reserve 10 %, reimbursed 60 %: 13,500m; 150,000 a bed, 9m insured: 10 beds per 1,000
    cost = fundable_cost(income=9e9, reserve_rate=0.1, reimbursement_rate=0.6)
    assert cost == pytest.approx(1.35e10)
    assert fundable_beds_per_1000(cost=cost, cost_per_bed=150_000, insured=9e6) == pytest.approx(10)
    assert math.isnan(fundable_cost(income=1, reserve_rate=0, reimbursement_rate=0))
    assert math.isnan(fundable_beds_per_1000(cost=1, cost_per_bed=0, insured=1))


def test_the_plan_prints_the_same_formulas():
    formulas = {i.id: i.formula for i in load_plan("shenyang").indicators if i.formula}
    figures = {
        "fund_income": 9e9,
        "surplus_rate": 0.1,
        "reimbursement_rate": 0.6,
        "cost_per_bed": 150_000.0,
        "insured": 9e6,
    }
    cost = reckon(formulas["fundable_cost"], figures)
    assert reckon(formulas["fundable_beds_per_1000"], figures | {"fundable_cost": cost}) == pytest.approx(10)
    place = {"n_pooled": 30.0, "area_km2": 10.0, "residents": 1000.0}
    city = {"city_n_pooled": 60.0, "city_area_km2": 100.0, "city_residents": 5000.0}
    told = reckon(formulas["agglomeration_gap"], place | city)
    assert told == pytest.approx(
        agglomeration_gap(resources=30, people=1000, area_km2=10, all_resources=60, all_people=5000, all_area_km2=100)
    )


def test_lhasa_2020():
    # Tibet 2020: PAD 9.41, beds HRAD 2.48, printed difference -6.93
    gap = agglomeration_gap(
        resources=2.48, people=9.41, area_km2=1, all_resources=100, all_people=100, all_area_km2=100
    )
    assert round(gap, 2) == -6.93


@given(*[st.floats(0.1, 1e6)] * 4, st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_the_sign_needs_no_area(resources, people, all_resources, all_people, area_km2, other_km2):  # noqa: PLR0917 - one column each
    known = {"resources": resources, "people": people, "all_resources": all_resources, "all_people": all_people}
    one = agglomeration_gap(**known, area_km2=area_km2, all_area_km2=other_km2)
    more, fair = resources * all_people, people * all_resources
    if not math.isclose(more, fair, rel_tol=1e-9):
        assert (one > 0) == (more > fair)


@pytest.mark.parametrize(
    ("actual", "calculated", "target", "tolerance", "wanted"),
    [
        (8.0, 9.0, 10.0, 0.0, Stand.SHORT), (11.0, 9.0, 10.0, 0.0, Stand.SURPLUS), (9.5, 9.0, 10.0, 0.0, Stand.BETWEEN),
        (9.0, 9.0, 10.0, 0.0, Stand.BETWEEN), (8.9, 9.0, 10.0, 0.05, Stand.BETWEEN), (8.0, 9.0, None, 0.0, Stand.SHORT),
        (math.nan, 9.0, 10.0, 0.0, None),
    ],
)  # fmt: skip
def test_three_values(actual, calculated, target, tolerance, wanted):
    assert stand(actual=actual, calculated=calculated, target=target, tolerance=tolerance) is wanted


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [("min(a, b, 9)", 2.0), ("max(a, b)", 5.0), ("floor(b / a)", 2.0), ("ceil(b / a)", 3.0), ("round(b / a)", 3.0),
     ("floor(a)", 2.0), ("max(a, c)", math.nan), ("min(a, a / 0)", math.nan)],
)  # fmt: skip
def test_smaller_greater_and_rounding(formula, wanted):
    assert reckon(formula, {"a": 2.0, "b": 5.0}) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.parametrize("formula", ["min(a)", "floor(a, b)", "min(a, key=b)", "sum(a, b)", "(min)(*a)", "a.min(b)"])
def test_other_calls_are_refused(formula):
    with pytest.raises(ValueError, match=r".+"):
        reckon(formula, {})

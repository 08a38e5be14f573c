"""A city as it stands with indicators: districts that pause, institutions that are to leave or be evaluated again."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest

from circle15.judge.city import judge_city
from circle15.judge.inputs import Inputs
from circle15.policy.plan import load_plan
from circle15.schema import Outcome

DAY = dt.date(2026, 5, 20)


def watch(case, plan, indicators, **more):
    drawn = case(plan, **more)
    for name, beds in (("H1", 100.0), ("H2", 50.0)):
        drawn.institution(service="inpatient", id=name, beds=beds)
    register = pd.DataFrame(drawn.register)
    sites = register.assign(
        others_within=0, density_place_per_km2=math.nan, density_circle_per_km2=math.nan, density_cell_per_km2=math.nan
    )
    told = pd.DataFrame(indicators, columns=["subject", "indicator", "period", "value"])
    nobody = pd.DataFrame(columns=["site_id", "id", "name", "distance_m", "position_accuracy_m"])
    return judge_city(
        plan, sites=sites, neighbours=nobody, totals=drawn.totals(), inputs=Inputs(register, told, None, DAY)
    )


def of(found, rule_id):
    return {f.subject: (f.outcome, f.effect) for f in found if f.rule_id == rule_id}


def test_two_years_below_half_end_an_agreement(case):
    rows = [(h, "bed_occupancy", y, v) for h, y, v in (("H1", "2024", 0.4), ("H1", "2025", 0.49), ("H2", "2025", 0.4))]
    rows += [("H1", "violation", "", 0), ("H2", "violation", "", 0)]
    found = of(watch(case, load_plan("zhongwei"), rows, districts=("沙坡头区", "中宁县")), "inpatient.exit")
    assert found == {"H1": (Outcome.BREACHED, "exit_terminate"), "H2": (Outcome.NO_DATA, "exit_terminate")}


def test_below_the_mean_of_the_region_is_evaluated_again(case):
    rows = [("H1", "bed_occupancy", "2025", 0.6), ("H2", "bed_occupancy", "2025", 0.8)]
    found = of(watch(case, load_plan("suihua"), rows), "inpatient.review")
    assert found == {"H1": (Outcome.BREACHED, "exit_review"), "H2": (Outcome.MET, "exit_review")}


@pytest.mark.parametrize(("deficit", "outcome"), [(1, Outcome.BREACHED), (0, Outcome.MET)])
def test_districts_that_pause(case, deficit, outcome):
    flags = [("D0", i, "", 0) for i in ("fund_deficit_watch", "fund_warning_letter")] + [
        ("D0", "fund_deficit", "", deficit)
    ]
    found = of(watch(case, load_plan("liuzhou"), flags, districts=("柳州市区", "柳江区")), "any.suspend.fund")
    assert found == {"D0": (outcome, "suspend"), "D1": (Outcome.NO_DATA, "suspend")}


def test_surplus_and_falling_volume_are_both_needed_for_renewal(case):
    rows = [
        ("K", "area_surplus", "", 1),
        ("H1", "service_volume_falling", "", 1),
        ("H2", "service_volume_falling", "", 0),
    ]
    found = of(watch(case, load_plan("liuzhou"), rows, districts=("柳州市区", "柳江区")), "renewal.review")
    assert found == {"H1": (Outcome.BREACHED, "exit_review"), "H2": (Outcome.MET, "exit_review")}


def test_group_limits_are_told_for_each_group(case):
    found = watch(case, load_plan("shenyang"), [], districts=("和平区", "康平县"))
    assert {f.outcome for f in found if f.rule_id == "any.suspend.fund"} == {Outcome.NO_DATA}

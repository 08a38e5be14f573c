"""A city as it stands with indicators: districts that pause, institutions that are to leave or be evaluated again."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pandas as pd
import pytest

from circle15.judge.city import judge_city
from circle15.judge.inputs import Inputs
from circle15.policy.plan import load_plan
from circle15.schema import Outcome

DAY = dt.date(2026, 5, 20)
SIXTH = load_plan(Path(__file__).parents[1] / "data" / "sixth_plan" / "sixth.toml")
DENSITIES = [f"density_{unit}_per_km2" for unit in ("place", "circle", "cell")]
NOBODY = pd.DataFrame(columns=["site_id", "id", "name", "distance_m", "position_accuracy_m"])


def watch(case, plan, indicators, **more):
    drawn = case(plan, **more)
    for name, beds in (("H1", 100.0), ("H2", 50.0)):
        drawn.institution(service="inpatient", id=name, beds=beds)
    return judge(drawn, indicators)


def judge(drawn, indicators):
    register = pd.DataFrame(drawn.register)
    sites = register.assign(others_within=0, **dict.fromkeys(DENSITIES, math.nan))
    told = pd.DataFrame(indicators, columns=["subject", "indicator", "period", "value"])
    inputs = Inputs(register, told, None, DAY)
    return judge_city(drawn.plan, sites=sites, neighbours=NOBODY, totals=drawn.totals(), inputs=inputs)


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


# ── pauses around institutions and by level ───────────────────


def test_a_district_pauses_for_one_level(case):
    drawn = case(load_plan("zhongwei"), districts=("沙坡头区", "中宁县"))
    for name, level in (("A", "secondary"), ("B", "primary")):
        drawn.institution(service="inpatient", id=name, beds=10.0, level=level)
    months = ("2026-02", "2026-03", "2026-04")
    rows = [("A", "bed_occupancy", m, 0.6) for m in months] + [("B", "bed_occupancy", m, 0.9) for m in months]
    found = [f for f in judge(drawn, rows) if f.rule_id == "inpatient.suspend.occupancy"]
    assert [(f.subject, f.evidence.notes[-1], f.outcome) for f in found] == [
        ("D0", "level_secondary", Outcome.BREACHED),
        ("D0", "level_primary", Outcome.MET),
    ]


def test_new_ones_pause_around_an_institution_of_low_use(case):
    drawn = case(load_plan("zhongwei"), districts=("沙坡头区", "中宁县"))
    for name in ("A", "B", "C"):
        drawn.institution(service="ltc_facility", id=name, beds=10.0)
    quarters = ("2025Q3", "2025Q4", "2026Q1")
    rows = [("A", "bed_occupancy", q, 0.3) for q in quarters] + [("B", "bed_occupancy", q, 0.9) for q in quarters]
    found = {f.subject: f for f in judge(drawn, rows) if f.rule_id == "ltc_facility.suspend"}
    assert {k: f.outcome for k, f in found.items()} == {"A": Outcome.BREACHED, "B": Outcome.MET, "C": Outcome.NO_DATA}
    assert found["A"].evidence.figures["radius_m"] == 3000
    assert "pauses_around" in found["A"].evidence.notes


# ── circles of their own radius, type or tag ──────────────────


def circles(case, near, *, marks=("", ""), elsewhere=(), plan=SIXTH):
    """Two pharmacies of 甲区 (core: 300 m) with the same neighbours."""
    drawn = case(plan).institution(id="A", tags=marks[0]).institution(id="B", tags=marks[1])
    row = {"others_within": 0, "residents_within": 5000.0, "position_accuracy_m": 0.0, "district_name": "甲区"}
    sites = pd.DataFrame(drawn.register).assign(**row, **dict.fromkeys(DENSITIES, 100.0))
    moved = pd.DataFrame([sites.iloc[0].to_dict() | e for e in elsewhere], columns=[*sites.columns, "moved_m"])
    register = pd.DataFrame(drawn.register)
    given = judge_city(
        plan, sites=sites, neighbours=NOBODY, totals=drawn.totals(), inputs=Inputs(register, as_of=DAY),
        elsewhere=moved, around=lambda _: near,
    )  # fmt: skip
    return {(f.rule_id, f.subject): f for f in given if f.ground == "circle"}


def neighbour(distance_m, **more):
    return {
        "id": "N",
        "name": "",
        "service": "pharmacy",
        "tags": "",
        "distance_m": distance_m,
        "position_accuracy_m": 0.0,
    } | more


def test_spacing_of_existing_institutions_by_zone(case):
    found = circles(case, [neighbour(299.0)])
    assert found["p.spacing.core", "A"].outcome is Outcome.BREACHED
    assert ("p.spacing.outer", "A") not in found
    assert circles(case, [neighbour(300.0)])["p.spacing.core", "A"].outcome is Outcome.MET
    assert circles(case, [neighbour(9.0, service="outpatient")])["p.spacing.core", "A"].outcome is Outcome.MET


def test_a_cap_on_a_flag_holds_for_those_that_bear_it(case):
    found = circles(case, [neighbour(700.0, tags="outpatient_pooled")], marks=("outpatient_pooled", ""))
    assert found["p.pooled", "A"].outcome is Outcome.BREACHED
    assert ("p.pooled", "B") not in found


def test_an_existing_institution_near_the_border_of_zones(case):
    other = {"district_id": "D1", "district_name": "乙县", "moved_m": 3.0}
    found = circles(case, [neighbour(450.0)], elsewhere=[other])
    assert found["p.spacing.core", "A"].outcome is Outcome.MET
    assert found["p.spacing.outer", "A"].outcome is Outcome.REVIEW
    assert found["p.spacing.outer", "A"].evidence.figures["border_m"] == 3.0
    assert ("p.spacing.outer", "B") not in found


def test_an_existing_institution_near_a_density_threshold(case):
    plan = load_plan("zhongwei")
    drawn = case(plan, districts=("沙坡头区", "中宁县")).set("T0", settings="subdistrict").institution(id="A")
    row = {"others_within": 2, "position_accuracy_m": 10.0, "district_name": "沙坡头区"} | dict.fromkeys(
        DENSITIES, 3000.0
    )
    sites = pd.DataFrame(drawn.register).assign(**row)
    near = pd.DataFrame([("A", n, n, d, 0.0) for n, d in (("X", 5.0), ("Y", 6.0))], columns=NOBODY.columns)
    moved = sites.assign(**dict.fromkeys(DENSITIES, 2999.0), moved_m=8.0)
    given = judge_city(plan, sites=sites, neighbours=near, totals=drawn.totals(), elsewhere=moved)
    found = {f.rule_id: f.outcome for f in given if f.ground == "circle"}
    assert found == {"pharmacy.circle.dense": Outcome.MET, "pharmacy.circle.town": Outcome.REVIEW}

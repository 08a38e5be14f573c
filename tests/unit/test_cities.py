"""Cases of the five cities that can be worked out on paper, among them the readings listed as ambiguous."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from circle15.judge.city import judge_city
from circle15.judge.inputs import Inputs
from circle15.policy.plan import load_plan
from circle15.schema import Conclusion, Outcome

ZW = ("沙坡头区", "中宁县", "海原县")
DAY = dt.date(2026, 5, 20)
EXIT = {"event": "exit", "service": "pharmacy", "date": dt.date(2026, 3, 1)}


@pytest.fixture
def zhongwei(case):
    return lambda: case(load_plan("zhongwei"), districts=ZW)


# ── Zhongwei ──────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("exits", "entries", "outcome"),
    [(9, 0, Outcome.BREACHED), (10, 0, Outcome.MET), (19, 1, Outcome.BREACHED), (20, 1, Outcome.MET)],
)
def test_ten_out_one_in_whole_tens_carried_over(zhongwei, pick, exits, entries, outcome):
    drawn = zhongwei().set("T0", settings="saturated_subdistrict;subdistrict")
    events = [EXIT | {"place_id": "镇0"}] * exits + [EXIT | {"place_id": "T0", "event": "entry"}] * entries
    events += [EXIT | {"place_id": "T1", "event": "relocation_out"}] * 30
    given = drawn.judge(events=events, as_of=DAY)
    found = pick(given, "pharmacy.replace")
    assert (found.outcome, found.limit, found.observed) == (outcome, exits // 10, entries + 1)
    assert [c.kind for c in given.collisions] == ["pause_against_swap"]


def test_a_relocation_counts_as_an_exit_of_the_old_street(zhongwei, pick):
    drawn = zhongwei().set("T0", settings="saturated_subdistrict")
    events = [EXIT | {"place_id": "T0", "event": "relocation_out"}] * 10
    assert pick(drawn.judge(events=events, as_of=DAY), "pharmacy.replace").outcome is Outcome.MET


def use(subject, *values, first=2):
    return [(subject, "bed_occupancy", f"2026-{first + i:02d}", v) for i, v in enumerate(values)]


def test_three_low_months_pause_the_same_level_only(zhongwei, pick):
    drawn = zhongwei().institution(service="inpatient", level="secondary", id="H2", beds=50.0)
    drawn.institution(service="inpatient", level="tertiary", id="H3", beds=50.0)
    told = use("H2", 0.6, 0.6, 0.6) + use("H3", 0.9, 0.9, 0.9)
    rule = "inpatient.suspend.occupancy"
    low = drawn.judge(service="inpatient", level="secondary", beds=10.0, indicators=told, as_of=DAY)
    assert (pick(low, rule).outcome, low.conclusion) == (Outcome.BREACHED, Conclusion.REFUSE_IN_PRINCIPLE)
    assert (
        pick(drawn.judge(service="inpatient", level="tertiary", indicators=told, as_of=DAY), rule).outcome
        is Outcome.MET
    )
    assert pick(drawn.judge(service="inpatient", indicators=told, as_of=DAY), rule).outcome is Outcome.NO_DATA
    early = drawn.judge(service="inpatient", level="tertiary", indicators=use("H3", 0.9, 0.6, 0.6), as_of=DAY)
    assert "early_warning" in pick(early, rule).evidence.notes


@pytest.mark.parametrize(
    ("distance_m", "outcome"), [(2900.0, Outcome.BREACHED), (3005.0, Outcome.REVIEW), (3100.0, Outcome.MET)]
)
def test_long_term_care_three_kilometres_around_low_use(zhongwei, pick, distance_m, outcome):
    drawn = zhongwei().neighbour(distance_m, service="ltc_facility", accuracy_m=20.0)
    told = [("N0", "bed_occupancy", "2025Q4", 0.6), ("N0", "bed_occupancy", "2026Q1", 0.6)]
    given = drawn.judge(service="ltc_facility", indicators=told, as_of=DAY, beds=10.0)
    assert pick(given, "ltc_facility.suspend").outcome is outcome


def test_new_beds_all_of_the_nursing_kind(zhongwei, pick):
    judge = zhongwei().judge
    assert (
        pick(judge(service="ltc_facility", nursing_bed_share=1.0), "ltc_facility.beds.nursing").outcome is Outcome.MET
    )
    assert (
        pick(judge(service="ltc_facility", nursing_bed_share=0.9), "ltc_facility.beds.nursing").outcome
        is Outcome.BREACHED
    )
    assert pick(judge(service="ltc_facility"), "ltc_facility.beds.nursing").outcome is Outcome.NO_DATA


@pytest.mark.parametrize(("beneficiaries", "outcome"), [(1000, Outcome.MET), (999, Outcome.BREACHED)])
def test_care_beds_by_beneficiaries_and_200_in_all(zhongwei, pick, beneficiaries, outcome):
    drawn = zhongwei().institution(service="ltc_facility", beds=150.0)
    told = [("K", "ltc_beneficiary", "", beneficiaries)]
    entry = {"event": "entry", "service": "ltc_facility", "place_id": "D1", "date": dt.date(2026, 2, 1), "beds": 150.0}
    given = drawn.judge(service="ltc_facility", beds=50.0, indicators=told, events=[entry], as_of=DAY)
    assert pick(given, "ltc_facility.beds.share").outcome is outcome
    assert pick(given, "ltc_facility.beds.new").outcome is Outcome.MET
    one_more = drawn.judge(service="ltc_facility", beds=51.0, indicators=told, events=[entry], as_of=DAY)
    assert pick(one_more, "ltc_facility.beds.new").outcome is Outcome.BREACHED


def test_village_clinics_are_not_counted(zhongwei, pick):
    drawn = (
        zhongwei()
        .institution(service="outpatient", number=217)
        .institution(service="outpatient", tags="village_clinic", number=50)
    )
    found = pick(drawn.judge(service="outpatient"), "outpatient.city")
    assert (found.observed, found.outcome) == (218, Outcome.MET)
    assert (
        pick(drawn.institution(service="outpatient").judge(service="outpatient"), "outpatient.city").outcome
        is Outcome.BREACHED
    )


def test_primary_care_is_admitted_whatever_the_totals(zhongwei, pick):
    drawn = zhongwei().institution(service="outpatient", number=300)
    given = drawn.judge(service="outpatient", tags="community_health_centre")
    assert given.conclusion is Conclusion.ADMIT_ALL
    assert pick(given, "outpatient.city").outcome is Outcome.BREACHED
    assert pick(given, "outpatient.city").lifted_by == ("exempt.primary_care",)
    assert given.counted


def test_an_in_house_clinic_is_exempt_and_not_counted(zhongwei):
    given = zhongwei().institution(service="outpatient", number=300).judge(service="outpatient", tags="internal_clinic")
    assert (given.conclusion, given.counted) == (Conclusion.ADMIT, False)


@pytest.mark.parametrize(
    ("approvals", "conclusion"),
    [("", Conclusion.REVIEW), ("approval", Conclusion.PRIORITY), ("exempt.key_project", Conclusion.PRIORITY)],
)
def test_a_key_project_needs_consent(zhongwei, approvals, conclusion):
    drawn = zhongwei().institution(service="outpatient", number=300)
    assert drawn.judge(service="outpatient", tags="key_project", approvals=approvals).conclusion is conclusion


def test_resettlement_without_cover_is_decided_case_by_case(zhongwei, pick):
    full = (
        zhongwei()
        .set("T0", **{"settings": "resettlement", "class": "township_small"})
        .institution(number=360, district=1)
    )
    assert full.judge(density=100.0, approvals="assessment").conclusion is Conclusion.CASE_BY_CASE
    assert full.judge(density=100.0).conclusion is Conclusion.REVIEW
    covered = full.neighbour(500.0).judge(density=100.0, approvals="assessment")
    assert pick(covered, "exempt.uncovered").ground == "checklist"


def test_hard_and_soft_wording_are_both_shown(zhongwei):
    plan = load_plan("zhongwei")
    filled = [r.model_copy(update={"max": 1}) if r.id.startswith("outpatient.circle") else r for r in plan.rules]
    drawn = zhongwei().neighbour(100.0, service="outpatient")
    drawn.plan = plan.model_copy(update={"rules": tuple(filled)})
    given = drawn.judge(service="outpatient")
    assert given.conclusion is Conclusion.REFUSE
    (both,) = [c for c in given.collisions if c.kind == "hard_and_soft"]
    assert both.clauses == ("三（二）1", "三（二）3（2）")
    assert {"outpatient.circle.saturated"} == set(given.decided_by)


def test_dialysis_is_frozen_and_decided_case_by_case(zhongwei, pick):
    drawn = zhongwei().institution(service="outpatient", tags="dialysis", stations=20.0)
    given = drawn.judge(service="outpatient", tags="dialysis", stations=5.0, site={"stations": 5.0})
    stations = pick(given, "outpatient.dialysis.stations")
    assert (stations.observed, stations.limit, stations.outcome) == (25, 20, Outcome.BREACHED)
    assert pick(given, "outpatient.dialysis.case").effect == "case_by_case"
    assert "radius_not_printed" in pick(given, "outpatient.dialysis.circle").evidence.notes
    assert given.conclusion is Conclusion.REFUSE_IN_PRINCIPLE


def test_tertiary_public_hospitals_are_warned_of(zhongwei, pick):
    given = zhongwei().judge(service="inpatient", level="tertiary", ownership="public", beds=1.0)
    assert (pick(given, "inpatient.tertiary_public").effect, pick(given, "inpatient.tertiary_public").outcome) == (
        "warn",
        Outcome.REVIEW,
    )


def test_neighbours_of_another_pooling_area_stand_apart(zhongwei, pick):
    drawn = (
        zhongwei().set("T0", settings="subdistrict").neighbour(1.0).neighbour(2.0).neighbour(3.0, pooling_area="吴忠市")
    )
    found = pick(drawn.judge(), "pharmacy.circle.dense")
    assert (found.observed, found.outcome, [n.id for n in found.evidence.apart]) == (3, Outcome.MET, ["N2"])


def test_density_readings_that_disagree_are_said(zhongwei):
    given = zhongwei().set("T0", settings="subdistrict").judge(site={"density_circle_per_km2": 100.0})
    assert "density_disagrees" in [c.kind for c in given.collisions]


# ── Suihua ────────────────────────────────────────────────────


def test_suihua_no_other_of_the_same_service(case, pick):
    drawn = case(load_plan("suihua")).neighbour(799.0, service="outpatient", walking_minutes=16.0)
    given = drawn.judge(service="outpatient", as_of=DAY)
    assert pick(given, "medical.circle").outcome is Outcome.BREACHED
    assert pick(given, "any.circle.walking").outcome is Outcome.MET
    assert pick(drawn.judge(service="inpatient", as_of=DAY), "medical.circle").outcome is Outcome.MET
    bare = case(load_plan("suihua")).neighbour(900.0, service="outpatient").judge(service="outpatient", as_of=DAY)
    assert pick(bare, "any.circle.walking").outcome is Outcome.REVIEW


def test_suihua_two_rates_in_one_sentence_disagree(case, pick):
    drawn = case(load_plan("suihua")).institution(number=40)  # 41 on 200,000: 2.05 for 10,000
    given = drawn.judge(as_of=DAY, indicators=[("K", "insured_residents", "", 100_000)])
    assert pick(given, "pharmacy.city").outcome is Outcome.MET
    assert pick(given, "pharmacy.city.average").outcome is Outcome.BREACHED
    assert pick(given, "pharmacy.city.insured").outcome is Outcome.BREACHED
    assert {c.kind for c in given.collisions} == {"readings_disagree"}


@pytest.mark.parametrize(("city", "outcome", "conclusion"), [
    ("suihua", Outcome.BREACHED, Conclusion.REFUSE), ("shenyang", Outcome.BREACHED, Conclusion.REFUSE_IN_PRINCIPLE),
])  # fmt: skip
def test_the_same_fund_flags_bind_as_each_plan_words_them(case, pick, city, outcome, conclusion):
    flags = [("K", i, "", 0) for i in ("fund_deficit_forecast", "fund_warning_letter")] + [
        ("K", "fund_deficit_last_year", "", 1)
    ]
    given = case(load_plan(city)).judge(indicators=flags, as_of=DAY)
    assert (pick(given, "any.suspend.fund").outcome, given.conclusion) == (outcome, conclusion)


def test_suihua_order_of_specialities(case, pick):
    found = pick(case(load_plan("suihua")).judge(service="inpatient", tags="tcm"), "inpatient.prefer")
    assert (found.effect, found.evidence.figures) == ("priority", {"rank": 2.0})


def test_suihua_expires(case, pick):
    judge = case(load_plan("suihua")).judge
    assert pick(judge(as_of=dt.date(2026, 9, 29)), "plan.validity").outcome is Outcome.MET
    assert pick(judge(as_of=dt.date(2026, 9, 30)), "plan.validity").evidence.notes == ("expired",)


# ── Wuhu ──────────────────────────────────────────────────────


def test_wuhu_beds_by_insured(case, pick):
    drawn = case(load_plan("wuhu")).institution(service="inpatient", beds=5960.0)
    given = drawn.judge(service="inpatient", beds=10.0, indicators=[("K", "insured", "", 1_000_000)])
    assert (pick(given, "inpatient.beds.city").observed, pick(given, "inpatient.beds.city").outcome) == (
        5.97,
        Outcome.MET,
    )


@pytest.mark.parametrize(("deficit", "occupancy", "state", "said"), [
    (1, 0.9, Outcome.BREACHED, True), (0, 0.78, Outcome.BREACHED, True), (1, 0.78, Outcome.BREACHED, False),
    (0, 0.79, Outcome.MET, False),
])  # fmt: skip
def test_wuhu_or_and_the_other_reading(case, pick, deficit, occupancy, state, said):  # noqa: PLR0917 - one column each
    told = [("D0", "fund_deficit", "", deficit), ("D0", "bed_occupancy", "2025", occupancy)]
    found = pick(case(load_plan("wuhu")).judge(service="inpatient", indicators=told, as_of=DAY), "inpatient.suspend")
    assert (found.outcome, "readings_disagree" in found.evidence.notes) == (state, said)


def test_wuhu_doctors_per_1000(case, pick):
    told = [("D0", "physicians", "", 307), ("D0", "insured", "", 100_000)]
    found = pick(case(load_plan("wuhu")).judge(service="outpatient", indicators=told), "outpatient.suspend")
    assert (found.outcome, found.evidence.figures["physicians_per_1000"]) == (Outcome.BREACHED, pytest.approx(3.07))


@pytest.mark.parametrize(("licence", "day", "lifted"), [
    ("2026-06-30", dt.date(2026, 6, 30), True), ("2026-06-30", dt.date(2026, 7, 1), False), ("2026-07-01", dt.date(2026, 6, 30), False),
])  # fmt: skip
def test_wuhu_transition(case, pick, licence, day, lifted):
    drawn = case(load_plan("wuhu")).institution(service="inpatient", beds=9000.0)
    given = drawn.judge(
        service="inpatient",
        beds=1.0,
        indicators=[("K", "insured", "", 1e6)],
        as_of=day,
        licence_date=licence,
        application_date=day.isoformat(),
    )
    assert bool(pick(given, "inpatient.beds.city").lifted_by) is lifted


# ── Shenyang ──────────────────────────────────────────────────

CORE = ("和平区", "康平县")
FUND = [
    ("core", i, "", v)
    for i, v in [
        ("fund_income", 9e9),
        ("surplus_rate", 0.1),
        ("reimbursement_rate", 0.6),
        ("cost_per_bed", 150_000),
        ("insured", 1_000_000),
    ]
]


@pytest.mark.parametrize(
    ("released", "asked", "outcome"), [(100, 50, Outcome.MET), (100, 51, Outcome.BREACHED), (0, 1, Outcome.BREACHED)]
)
def test_shenyang_half_of_the_beds_released(case, pick, released, asked, outcome):
    # fundable: 9e9 x 0.9 / 0.6 = 1.35e10; x 1000 / (150,000 x 1e6) = 90 beds per 1,000; held: 91,000 beds
    drawn = case(load_plan("shenyang"), districts=CORE).institution(service="inpatient", beds=91_000.0)
    events = [
        {
            "date": dt.date(2025, 6, 1),
            "event": "exit",
            "service": "inpatient",
            "place_id": "和平区",
            "beds": float(released),
        }
    ]
    given = drawn.judge(service="inpatient", beds=float(asked), indicators=FUND, events=events, as_of=DAY)
    found = pick(given, "inpatient.over")
    assert (found.outcome, found.limit) == (outcome, released // 2)


def test_shenyang_at_or_below_fundable_no_release_is_needed(case, pick):
    drawn = case(load_plan("shenyang"), districts=CORE).institution(service="inpatient", beds=90_000.0)
    given = drawn.judge(service="inpatient", beds=1.0, indicators=FUND, events=[EXIT], as_of=DAY)
    assert (pick(given, "inpatient.over").outcome, pick(given, "inpatient.over").evidence.notes) == (
        Outcome.MET,
        ("condition_not_met",),
    )


@pytest.mark.parametrize(("here", "over"), [(3, True), (2, False)])
def test_shenyang_agglomeration_decides_the_share(case, pick, here, over):
    # the same residents on both sides: more than half of all outpatient institutions is a surplus
    drawn = case(load_plan("shenyang"), districts=CORE)
    pooled = {"service": "outpatient", "tags": "outpatient_pooled"}
    drawn.institution(number=here, **pooled).institution(district=1, number=2, **pooled)
    drawn.institution(service="outpatient", number=9)  # not pooled: neither counted nor released
    events = [{"date": dt.date(2025, 6, d), "event": "exit", "service": "outpatient", "place_id": "D0", "tags": tag}
              for d, tag in ((1, "outpatient_pooled"), (2, ""), (3, ""))]  # fmt: skip
    given = drawn.judge(service="outpatient", tags="outpatient_pooled", indicators=[], events=events, as_of=DAY)
    rule, other = ("outpatient.over", "outpatient.under") if over else ("outpatient.under", "outpatient.over")
    assert pick(given, rule).limit == (0 if over else 1)
    assert pick(given, other).evidence.notes == ("condition_not_met",)


def test_shenyang_equal_tags_and_zone(case, pick):
    drawn = case(load_plan("shenyang"), districts=CORE)
    asked = {
        "service": "inpatient",
        "tags": "key_project",
        "meets_level_standard": True,
        "meets_facility_standard": "yes",
    }
    sound = [("K", f"fund_{i}", "", 0.0) for i in ("deficit_last_year", "deficit_forecast", "warning_letter")]
    given = drawn.judge(**asked, indicators=FUND + sound)
    assert pick(given, "prefer.key").effect == "priority"
    assert pick(given, "core.tertiary").effect == "warn"
    assert given.conclusion is Conclusion.PRIORITY  # beds stay below what the fund can bear: no release is needed
    # without the fund's figures nobody knows whether a quota binds
    unknown = drawn.judge(**asked)
    assert (unknown.conclusion, unknown.decided_by) == (Conclusion.REVIEW, ("any.suspend.fund", "inpatient.over"))


def test_a_quota_without_records_of_exits_is_not_known(case, pick):
    """More beds than the fund can bear: half of what is released may come in, and nobody has told what was."""
    drawn = case(load_plan("shenyang"), districts=CORE).institution(service="inpatient", beds=91_000.0)
    found = drawn.judge(service="inpatient", beds=50.0, indicators=FUND, as_of=DAY)
    quota = pick(found, "inpatient.over")
    assert (quota.outcome, quota.evidence.notes) == (Outcome.NO_DATA, ("ledger_missing",))
    assert found.conclusion is Conclusion.REVIEW
    assert "inpatient.over" in found.decided_by


# ── Liuzhou ───────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("beds", "occupancy", "planned", "main", "said"),
    [(908, 0.70, 11.51, Outcome.BREACHED, True), (908, 0.80, 11.51, Outcome.MET, True), (754, 0.70, 3.83, Outcome.MET, True),
     (300, 0.80, 3.83, Outcome.MET, False)],
)  # fmt: skip
def test_liuzhou_two_readings_flip_the_verdict(case, pick, beds, occupancy, planned, main, said):  # noqa: PLR0917 - one column each
    drawn = case(load_plan("liuzhou"), districts=("柳州市区", "柳城县")).institution(
        service="inpatient", beds=float(beds)
    )
    told = [("D0", "bed_occupancy", "2025", occupancy), ("D0", "planned_beds_per_1000", "", planned)]
    given = drawn.judge(service="inpatient", beds=1.0, indicators=told, as_of=DAY)
    found = pick(given, "inpatient.suspend.occupancy")
    assert (found.outcome, "readings_disagree" in found.evidence.notes) == (main, said)
    assert any(c.kind == "readings_disagree" for c in given.collisions) is said


def test_liuzhou_three_values(case, pick):
    for actual, outcome, note in (
        (8, Outcome.MET, "stand_short"),
        (12, Outcome.BREACHED, "stand_surplus"),
        (9.5, Outcome.MET, "stand_between"),
    ):
        told = [("D0", i, "", v) for i, v in (("calculated_value", 9), ("target_value", 10), ("actual_value", actual))]
        found = pick(
            case(load_plan("liuzhou"), districts=("柳州市区", "柳江区")).judge(indicators=told), "any.direction"
        )
        assert (found.outcome, note in found.evidence.notes, "tolerance_not_printed" in found.evidence.notes) == (
            outcome,
            True,
            True,
        )


@pytest.mark.parametrize(("left", "outcome"), [("2023-05-21", Outcome.BREACHED), ("2023-05-20", Outcome.MET)])
def test_liuzhou_black_list_binds_the_representative(case, pick, left, outcome):
    events = [{"date": left, "event": "forced_exit", "id": "P1", "legal_representative": "某人"}]
    drawn = case(load_plan("liuzhou"), districts=("柳州市区", "柳江区"))
    assert pick(drawn.judge(events=events, as_of=DAY, legal_representative="某人"), "any.ban").outcome is outcome


@pytest.mark.parametrize(
    ("city", "rule"),
    [
        ("zhongwei", "inpatient.suspend.occupancy"),
        ("suihua", "any.suspend.fund"),
        ("liuzhou", "any.direction"),
        ("shenyang", "any.suspend.fund"),
    ],
)
def test_without_a_table_of_indicators_nothing_passes_that_an_empty_one_would_hold(case, pick, city, rule):
    drawn = case(load_plan(city), districts=("柳州市区", "柳江区"))
    asked = {"service": "inpatient", "beds": 1.0, "level": "secondary", "as_of": DAY, "events": []}
    given, empty = drawn.judge(**asked), drawn.judge(**asked, indicators=[])
    asking = {"suspend", "direction", "replace"}
    assert [f for f in given.findings if f.kind in asking] == [f for f in empty.findings if f.kind in asking]
    found = pick(given, rule)
    assert (found.outcome, "indicator_missing" in found.evidence.notes) == (Outcome.NO_DATA, True)
    assert (given.conclusion, rule in given.decided_by) == (Conclusion.REVIEW, True)


def test_liuzhou_primary_care_keeps_the_circle(case, pick):
    drawn = case(load_plan("liuzhou"), districts=("柳州市区", "柳江区")).institution(service="inpatient", beds=99_999.0)
    sound = [("D0", i, "", 0.0) for i in ("fund_deficit", "fund_deficit_watch", "fund_warning_letter")]
    sound += [("D0", i, "", v) for i, v in (("calculated_value", 9), ("target_value", 10), ("actual_value", 9.5))]
    sound += [("D0", "bed_occupancy", "2025", 0.9)]
    given = drawn.judge(service="inpatient", beds=1.0, tags="community_health_centre", indicators=sound, as_of=DAY)
    assert pick(given, "inpatient.beds.city").lifted_by == ("exempt.primary_care",)
    assert given.conclusion is Conclusion.PRIORITY


# ── what a clause says beside limits ──────────────────────────


def test_shenyang_rank_from_the_bottom_and_what_follows_by_kind(case):
    drawn = case(load_plan("shenyang"), districts=CORE)
    drawn.institution(service="pharmacy", number=20).institution(service="outpatient", tags="village_clinic", id="V")
    rows = [(f"R{k}", "assessment_score", "2025", 70.0 + k) for k in range(20)] + [
        ("V", "assessment_score", "2025", 59.0)
    ]
    register = pd.DataFrame(drawn.register)
    sites = register.assign(others_within=0)
    told = pd.DataFrame(rows, columns=["subject", "indicator", "period", "value"])
    near = pd.DataFrame(columns=["site_id", "id", "name", "distance_m", "position_accuracy_m"])
    found = judge_city(
        drawn.plan, sites=sites, neighbours=near, totals=drawn.totals(), inputs=Inputs(register, told, None, DAY)
    )
    exits = {(f.rule_id, f.subject): f for f in found if f.kind == "exit" and f.outcome is Outcome.BREACHED}
    assert set(exits) == {("exit.bottom", "R0"), ("exit.others", "R0"), ("exit.bottom", "V"), ("exit.public", "V")}
    assert exits["exit.others", "R0"].evidence.figures["assessment_rank_share"] == 0.05
    assert (exits["exit.others", "R0"].effect, exits["exit.public", "V"].effect) == ("exit_terminate", "exit_rectify")


@pytest.mark.parametrize(("day", "outcome"), [("2027-01-01", Outcome.BREACHED), ("2027-02-01", Outcome.MET)])
def test_shenyang_no_agreement_for_a_year_after_a_failed_trial(case, pick, day, outcome):
    events = [{"event": "trial_failed", "date": dt.date(2026, 2, 1), "legal_entity": "甲医院", "id": "H9"}]
    given = case(load_plan("shenyang"), districts=CORE).judge(
        service="inpatient", events=events, as_of=dt.date.fromisoformat(day), legal_entity="甲医院"
    )
    assert pick(given, "trial.end").outcome is outcome


def test_both_readings_of_the_three_kilometres_are_shown(zhongwei, pick):
    # one of two is below 70 %, their mean by beds is not
    drawn = zhongwei()
    for beds in (10.0, 90.0):
        drawn.neighbour(2000.0, service="ltc_facility", beds=beds)
    rows = [(n, "bed_occupancy", q, v) for n, v in (("N0", 0.5), ("N1", 0.9)) for q in ("2025Q4", "2026Q1")]
    found = pick(drawn.judge(service="ltc_facility", beds=1.0, indicators=rows, as_of=DAY), "ltc_facility.suspend")
    assert (found.outcome, "readings_disagree" in found.evidence.notes) == (Outcome.BREACHED, True)
    assert found.evidence.figures["reading_1"].endswith(": no")


def test_primary_care_is_given_medical_aid_without_applying(zhongwei, pick):
    found = pick(zhongwei().judge(service="outpatient", tags="village_clinic"), "primary_care.aid")
    assert (found.outcome, found.evidence.figures["grants"]) == (Outcome.MET, "medical_aid")
    assert pick(zhongwei().judge(service="outpatient"), "primary_care.aid").ground == "checklist"


def test_near_a_dual_channel_hospital_is_shown_until_a_distance_is_filled_in(zhongwei, pick):
    drawn = zhongwei().neighbour(450.0, service="inpatient", tags="dual_channel").neighbour(9.0, service="inpatient")
    found = pick(drawn.judge(tags="dual_channel"), "pharmacy.dual_channel.near")
    assert (found.ground, found.evidence.figures) == ("checklist", {"nearest_m": 450.0})
    assert "radius_not_printed" in found.evidence.notes


def test_a_key_town_without_care_is_filled(zhongwei, pick):
    drawn = zhongwei().set("T0", settings="key_township")
    found = pick(drawn.judge(service="ltc_home"), "ltc.key_township")
    assert (found.outcome, "fills_empty_township" in found.evidence.notes) == (Outcome.MET, True)

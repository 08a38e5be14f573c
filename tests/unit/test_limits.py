"""Limits over circles and areas, each case worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from circle15.judge.areas import Bid, area_column, judge_area
from circle15.judge.findings import exceeds, worst
from circle15.judge.limits import UNKNOWN, bears, circle_caps, judge_circle
from circle15.policy.plan import load_plan
from circle15.schema import Neighbour, Outcome

PLAN = load_plan("zhongwei")
DENSE = PLAN.rule("pharmacy.circle.dense")  # 3, the site included
TOWN = PLAN.rule("pharmacy.circle.town")  # 2, the site included
NAN = math.nan


def near(*distances_m, accuracy_m=10.0):
    return [Neighbour(f"P{i}", f"药店{i}", d, accuracy_m) for i, d in enumerate(distances_m)]


def circle(rule, *distances_m, accuracy_m=10.0, site_accuracy_m=10.0):
    return judge_circle(
        rule,
        subject="S",
        neighbours=near(*distances_m, accuracy_m=accuracy_m),
        radius_m=800,
        accuracy_m=site_accuracy_m,
    )


def site(**values):
    row = {
        "id": "S", "service": "pharmacy", "tags": "", "others_within": 0, "township_id": "T", "township_settings": "",
        "density_place_per_km2": 100.0, "density_circle_per_km2": 100.0, "density_cell_per_km2": 100.0,
    } | values  # fmt: skip
    return pd.DataFrame([row], index=[7])


def cap(**values):
    return circle_caps(PLAN, site(**values)).loc[7]


def densities(place, circle=None, cell=None):
    return {
        "density_place_per_km2": place,
        "density_circle_per_km2": place if circle is None else circle,
        "density_cell_per_km2": place if cell is None else cell,
    }


# ── circle ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("others", "outcome"),
    [(0, Outcome.MET), (1, Outcome.MET), (2, Outcome.MET), (3, Outcome.BREACHED), (9, Outcome.BREACHED)],
)
def test_dense_circle_counts_the_site_as_one_of_three(others, outcome):
    found = circle(DENSE, *[100.0] * others)
    assert (found.outcome, found.observed, found.limit) == (outcome, others + 1, 3)


@pytest.mark.parametrize(("others", "outcome"), [(1, Outcome.MET), (2, Outcome.BREACHED)])
def test_town_circle_counts_the_site_as_one_of_two(others, outcome):
    assert circle(TOWN, *[100.0] * others).outcome is outcome


def test_the_radius_itself_is_inside():
    exact = {"accuracy_m": 0.0, "site_accuracy_m": 0.0}
    assert circle(TOWN, 10.0, 800.001, **exact).observed == 2
    found = circle(TOWN, 10.0, 799.999, **exact)
    assert (found.observed, found.outcome, found.evidence.borderline) == (3, Outcome.BREACHED, ())
    # at the radius itself no accuracy is good enough to leave it: the distance is on the edge
    on_edge = circle(TOWN, 10.0, 800.0, **exact)
    assert on_edge.observed == 3
    assert len(on_edge.evidence.borderline) == 1


@pytest.mark.parametrize("distance_m", [795.0, 805.0, 780.0, 820.0])
def test_borderline_that_decides_is_checked_on_site(distance_m):
    found = circle(TOWN, 100.0, distance_m)
    assert found.outcome is Outcome.REVIEW
    assert "check_on_site" in found.evidence.notes
    assert [n.distance_m for n in found.evidence.borderline] == [distance_m]
    assert found.observed == (3 if distance_m <= 800 else 2)


@pytest.mark.parametrize("distance_m", [779.9, 820.1])
def test_beyond_both_accuracies_is_not_borderline(distance_m):
    found = circle(TOWN, 100.0, distance_m)
    assert found.outcome is (Outcome.BREACHED if distance_m < 800 else Outcome.MET)
    assert found.evidence.borderline == ()


@pytest.mark.parametrize("distance_m", [795.0, 805.0])
def test_borderline_that_does_not_decide_is_only_listed(distance_m):
    for others, outcome in (((), Outcome.MET), ((1.0, 2.0), Outcome.BREACHED)):
        found = circle(TOWN, *others, distance_m)
        assert found.outcome is outcome
        assert len(found.evidence.borderline) == 1
        assert "check_on_site" not in found.evidence.notes


def test_two_borderline_ones_together_decide():
    # sure: site + 1 = 2 met; with both 4; only one inside by distance: dense cap 3
    found = circle(DENSE, 100.0, 795.0, 805.0)
    assert (found.observed, found.outcome) == (3, Outcome.REVIEW)


def test_a_rough_position_widens_the_band():
    assert circle(TOWN, 100.0, 850.0, accuracy_m=40.0).outcome is Outcome.REVIEW
    assert circle(TOWN, 100.0, 850.0, site_accuracy_m=40.0).outcome is Outcome.REVIEW
    assert circle(TOWN, 100.0, 850.0, accuracy_m=39.0).outcome is Outcome.MET


def test_a_number_that_is_not_printed_makes_review_never_a_pass():
    found = circle(PLAN.rule("outpatient.circle"))
    assert (found.outcome, found.limit, found.evidence.notes) == (Outcome.REVIEW, None, ("limit_not_printed",))


def test_rule_that_does_not_count_the_site():
    none_other = DENSE.model_copy(update={"max": 0, "counts_site": False})
    assert circle(none_other).outcome is Outcome.MET
    assert circle(none_other, 400.0).outcome is Outcome.BREACHED


# ── caps and classes ──────────────────────────────────────────


@pytest.mark.parametrize(
    ("density", "settings", "name", "limit"),
    [
        (3000.0, "subdistrict", "dense", 3),
        (2999.999, "subdistrict", "town_sparse", 2),
        (3000.0, "", "dense", 3),
        (2999.999, "", "", None),
        (100.0, "resettlement;town_centre", "town_sparse", 2),
        (100.0, "remote_township", "", None),
        (NAN, "subdistrict", UNKNOWN, None),
    ],
)
def test_class_and_cap(density, settings, name, limit):
    found = cap(township_settings=settings, **densities(density))
    assert found["density_class"] == name
    assert found["circle_limit"] == limit or (limit is None and math.isnan(found["circle_limit"]))
    assert not found["over_cap"]


def test_over_cap_is_above_the_cap_with_the_site_itself():
    town = {"township_settings": "subdistrict"}
    assert not cap(others_within=1, **town)["over_cap"]
    assert cap(others_within=2, **town)["over_cap"]
    assert not cap(others_within=99)["over_cap"]  # open country: no circle rule


def test_three_classes_side_by_side():
    found = cap(township_settings="subdistrict", **densities(2000.0, 3000.0, NAN))
    assert [found[f"density_class_{u}"] for u in ("place", "circle", "cell")] == ["town_sparse", "dense", UNKNOWN]
    assert found["density_class"] == "town_sparse"


def test_the_deciding_density_is_the_plans():
    by_circle = PLAN.model_copy(update={"density": PLAN.density.model_copy(update={"unit": "circle"})})
    found = circle_caps(by_circle, site(township_settings="subdistrict", **densities(2000.0, 3000.0)))
    assert found["circle_limit"].tolist() == [3]


def test_a_site_in_no_place_has_no_class():
    assert cap(township_id="", **densities(9000.0))["density_class"] == UNKNOWN


def test_another_service_has_no_pharmacy_cap():
    found = cap(service="inpatient", **densities(9000.0))
    assert math.isnan(found["circle_limit"])
    assert found["circle_rule"] == ""


def test_caps_keep_the_index_and_the_table():
    sites = site(**densities(4000.0))
    before = sites.copy()
    assert list(circle_caps(PLAN, sites).index) == [7]
    pd.testing.assert_frame_equal(sites, before)
    assert circle_caps(PLAN, sites.iloc[:0]).empty


def test_bears_reads_whole_words():
    settings = np.array(["subdistrict;remote_township", "saturated_subdistrict", ""], dtype=object)
    assert bears(settings, ("subdistrict",)).tolist() == [True, False, False]
    assert bears(settings, ()).tolist() == [True, True, True]


# ── areas ─────────────────────────────────────────────────────

BID = Bid("S", "pharmacy")


def place(**values):
    return {
        "place_id": "1", "name": "沙坡头区", "level": "district", "settings": "", "class": "", "residents": 1000.0,
        "n_pharmacy": 0, "n_dual_channel": 0, "n_outpatient": 0, "beds_inpatient": 0.0,
    } | values  # fmt: skip


def area(rule_id, bid=BID, **values):
    (found,) = judge_area(PLAN.rule(rule_id), place=place(**values), bid=bid)
    return found


@pytest.mark.parametrize(("today", "outcome"), [(134, Outcome.MET), (135, Outcome.BREACHED), (NAN, Outcome.NO_DATA)])
def test_district_cap_counts_the_site(today, outcome):
    found = area("pharmacy.district", n_pharmacy=today)
    assert (found.outcome, found.limit) == (outcome, 135)


def test_district_as_it_stands_may_equal_its_cap():
    assert area("pharmacy.district", bid=None, n_pharmacy=135).outcome is Outcome.MET
    found = area("pharmacy.district", bid=None, n_pharmacy=136)
    assert (found.outcome, found.subject, found.observed) == (Outcome.BREACHED, "1", 136)


def test_city_today_517_against_360():
    found = area("pharmacy.city", bid=None, name="中卫市", level="city", n_pharmacy=517)
    assert (found.outcome, found.observed, found.limit) == (Outcome.BREACHED, 517, 360)


def test_a_district_the_plan_does_not_name_is_no_data():
    found = area("pharmacy.district", name="某区", n_pharmacy=1)
    assert (found.outcome, found.evidence.notes) == (Outcome.NO_DATA, ("area_not_in_plan",))


def test_a_district_may_be_named_by_its_code():
    rule = PLAN.rule("pharmacy.district").model_copy(update={"max_by_area": {"640502": 2.0}})
    assert judge_area(rule, place=place(place_id="640502", name="x"))[0].limit == 2


@pytest.mark.parametrize(
    ("given", "today", "outcome", "notes"),
    [
        ("township_large", 2, Outcome.MET, ()),
        ("township_large", 3, Outcome.BREACHED, ()),
        ("township_medium", 1, Outcome.MET, ()),
        ("township_small", 0, Outcome.MET, ()),
        ("township_small", 1, Outcome.BREACHED, ()),
        ("", 0, Outcome.REVIEW, ("class_missing",)),
        (NAN, 0, Outcome.REVIEW, ("class_missing",)),
        ("large", 0, Outcome.REVIEW, ("class_unknown",)),
    ],
)
def test_township_maximum_by_class(given, today, outcome, notes):
    found = area("pharmacy.township.max", level="township", name="某镇", n_pharmacy=today, **{"class": given})
    assert (found.outcome, found.evidence.notes) == (outcome, notes)


def test_an_empty_township_is_filled():
    found = area("pharmacy.township.min", level="township", n_pharmacy=0)
    assert (found.outcome, found.observed, found.bound, found.evidence.notes) == (
        Outcome.MET, 1, "min", ("fills_empty_township",),
    )  # fmt: skip
    assert area("pharmacy.township.min", level="township", n_pharmacy=1).evidence.notes == ()


def test_an_empty_township_as_it_stands_is_breached():
    assert area("pharmacy.township.min", bid=None, level="township", n_pharmacy=0).outcome is Outcome.BREACHED


def test_dual_channel_counts_only_dual_channel():
    tagged = Bid("S", "pharmacy", "dual_channel;medical_aid")
    assert area("pharmacy.dual_channel.district", bid=tagged, n_dual_channel=2).outcome is Outcome.MET
    assert area("pharmacy.dual_channel.district", bid=tagged, n_dual_channel=3).outcome is Outcome.BREACHED
    plain = area("pharmacy.dual_channel.district", n_dual_channel=8)
    assert (plain.outcome, plain.observed, plain.evidence.notes) == (Outcome.MET, 8, ("site_not_tagged",))


def test_beds_of_the_application_count():
    for beds, outcome in ((98.0, Outcome.MET), (99.0, Outcome.BREACHED), (NAN, Outcome.NO_DATA)):
        bid = Bid("S", "inpatient", "", beds)
        assert area("inpatient.beds.district", bid=bid, beds_inpatient=1800.0).outcome is outcome
    assert area("inpatient.beds.district", bid=Bid("S", "inpatient"), beds_inpatient=1898.0).outcome is Outcome.BREACHED


def test_rate_is_reckoned_on_residents():
    city = {"level": "city", "name": "中卫市", "residents": 1_089_300.0}
    found = area("inpatient.beds.rate", bid=None, beds_inpatient=5272.0, **city)
    assert found.observed == pytest.approx(4.8398, abs=1e-4)
    assert (found.outcome, found.unit) == (Outcome.MET, "beds_per_residents")
    assert area("inpatient.beds.rate", bid=None, beds_inpatient=5273.0, **city).outcome is Outcome.BREACHED
    assert (
        area("inpatient.beds.rate", bid=None, beds_inpatient=1.0, **(city | {"residents": 0.0})).outcome
        is Outcome.NO_DATA
    )


def test_a_total_that_may_hold_uncounted_ones_is_reviewed_not_refused():
    city = {"level": "city", "name": "中卫市"}
    bid = Bid("S", "outpatient")
    assert area("outpatient.city", bid=bid, n_outpatient=217, **city).outcome is Outcome.MET
    assert area("outpatient.city", bid=bid, n_outpatient=218, **city).outcome is Outcome.REVIEW
    clinic = area("outpatient.city", bid=Bid("S", "outpatient", "internal_clinic"), n_outpatient=300, **city)
    assert (clinic.outcome, clinic.evidence.notes) == (Outcome.MET, ("site_not_counted",))


def test_a_missing_column_never_passes():
    row = place()
    del row["n_pharmacy"]
    (found,) = judge_area(PLAN.rule("pharmacy.district"), place=row, bid=BID)
    assert (found.outcome, found.observed) == (Outcome.NO_DATA, None)


def test_what_totals_do_not_tell_is_a_card():
    for rule_id in (
        "outpatient.dialysis.stations",
        "inpatient.aid.district",
        "ltc_facility.beds.share",
        "ltc_facility.beds.new",
    ):
        rule = PLAN.rule(rule_id)
        assert area_column(rule) is None
        (found,) = judge_area(rule, place=place(), bid=BID)
        assert (found.outcome, found.ground, found.quote) == (Outcome.REVIEW, "checklist", rule.quote)


def test_minimum_and_maximum_are_two_findings():
    rule = PLAN.rule("pharmacy.city").model_copy(update={"min": 1.0, "max": 2.0})
    low, high = judge_area(rule, place=place(n_pharmacy=3))
    assert (low.bound, low.outcome, high.bound, high.outcome) == ("min", Outcome.MET, "max", Outcome.BREACHED)


def test_worst():
    assert worst([]) is Outcome.MET
    assert worst([Outcome.MET, Outcome.NO_DATA]) is Outcome.NO_DATA
    assert worst([Outcome.REVIEW, Outcome.NO_DATA]) is Outcome.REVIEW
    assert worst(list(Outcome)) is Outcome.BREACHED


def test_a_rate_that_rounds_above_its_limit_does_not_exceed():
    assert not exceeds(0.1 + 0.2, 0.3)
    assert exceeds(3.0001, 3)

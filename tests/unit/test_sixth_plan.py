"""A sixth, invented plan as data alone: spacings, steps, shares, windows, attributes, batches, named denominators."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from circle15.policy.plan import load_plan
from circle15.schema import Conclusion, Outcome

PLAN = load_plan(Path(__file__).parents[1] / "data" / "sixth_plan" / "sixth.toml")
DAY = dt.date(2026, 7, 10)
GOOD = {"months_open": 3, "pharmacists": 2, "legal_entity": "甲公司", "batch": "2026-07", "floor_m2": 80}
APPLIED = {"date": dt.date(2026, 7, 1), "event": "application", "service": "pharmacy", "batch": "2026-07"}
EVENTS = [APPLIED | {"id": "A0", "legal_entity": "乙公司"}]


@pytest.fixture
def world(case):
    return lambda: case(PLAN).set("T0", residents=20_000.0)


def judge(drawn, **more):
    return drawn.judge(**({"as_of": DAY, "events": EVENTS} | GOOD | more))


@pytest.mark.parametrize(
    ("district", "distance_m", "outcome"),
    [(0, 299.9, Outcome.BREACHED), (0, 300.0, Outcome.MET), (1, 300.0, Outcome.BREACHED), (1, 599.0, Outcome.BREACHED),
     (1, 600.0, Outcome.MET)],
)  # fmt: skip
def test_spacing_differs_by_zone(world, pick, district, distance_m, outcome):
    drawn = world().neighbour(distance_m, walking_m=2000.0)
    zone, other = ("core", "outer") if district == 0 else ("outer", "core")
    given = judge(drawn, district=district)
    assert pick(given, f"p.spacing.{zone}").outcome is outcome
    assert pick(given, f"p.spacing.{other}").ground == "checklist"


def test_spacing_within_the_position_error_is_checked_on_site(world, pick):
    given = judge(world().neighbour(305.0, accuracy_m=10.0, walking_m=900.0))
    assert pick(given, "p.spacing.core").outcome is Outcome.REVIEW
    assert "check_on_site" in pick(given, "p.spacing.core").evidence.notes


def test_type_by_speciality_in_its_own_radius(case, pick):
    drawn = case(PLAN)
    for kind in ("dental", "dental", "eye", ""):
        drawn.neighbour(900.0, service="outpatient", speciality=kind)
    given = drawn.judge(service="outpatient", speciality="eye", as_of=DAY)
    circle = pick(given, "o.circle")
    assert (circle.observed, circle.outcome) == (2, Outcome.REVIEW)  # the one of unknown type would be a third
    assert "type_unknown" in circle.evidence.notes
    assert (
        pick(drawn.judge(service="outpatient", speciality="dental", as_of=DAY), "o.circle").outcome is Outcome.BREACHED
    )


@pytest.mark.parametrize(
    ("residents", "held", "outcome"),
    [(10_000, 0, Outcome.MET), (10_000, 1, Outcome.BREACHED), (10_001, 1, Outcome.MET), (30_000, 2, Outcome.BREACHED),
     (90_000, 3, Outcome.MET), (90_000, 4, Outcome.BREACHED)],
)  # fmt: skip
def test_quota_stepped_by_population(world, pick, residents, held, outcome):
    drawn = world().set("T0", residents=float(residents)).institution(number=held)
    assert pick(judge(drawn), "p.steps").outcome is outcome


def test_cap_on_a_service_flag(world, pick):
    drawn = world().neighbour(700.0, tags="outpatient_pooled", walking_m=900.0).neighbour(701.0, walking_m=900.0)
    assert pick(judge(drawn, tags="outpatient_pooled"), "p.pooled").outcome is Outcome.BREACHED
    assert pick(judge(drawn), "p.pooled").ground == "checklist"


@pytest.mark.parametrize(("area_km2", "limit"), [(94.9, 9), (95.0, 10), (104.0, 10)])
def test_total_from_an_area_rounded(world, pick, area_km2, limit):
    found = pick(judge(world().set("D0", area_km2=area_km2).institution(number=9)), "p.area")
    assert (found.limit, found.observed) == (limit, 10)


def test_share_is_a_goal_until_its_year(world, pick):
    drawn = world().institution(number=8).institution(tags="dual_channel", number=2)
    early = pick(judge(drawn, tags="dual_channel"), "p.share")
    assert (early.outcome, early.effect) == (Outcome.BREACHED, "target")
    assert early.observed == pytest.approx(3 / 11)
    late = pick(judge(drawn, tags="dual_channel", as_of=dt.date(2028, 12, 31)), "p.share")
    assert (late.outcome, late.effect) == (Outcome.BREACHED, "")
    assert pick(judge(drawn), "p.share").outcome is Outcome.MET


@pytest.mark.parametrize(
    ("day", "outcome"),
    [(dt.date(2026, 1, 31), Outcome.MET), (dt.date(2026, 2, 1), Outcome.BREACHED), (dt.date(2026, 7, 1), Outcome.MET)],
)
def test_intake_window(world, pick, day, outcome):
    assert pick(judge(world(), as_of=day), "p.window").outcome is outcome
    assert pick(judge(world(), application_date=day.isoformat()), "p.window").outcome is outcome


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [({}, Outcome.MET), ({"pharmacists": 1}, Outcome.BREACHED), ({"pharmacists": None}, Outcome.NO_DATA),
     ({"months_open": "two"}, Outcome.NO_DATA), ({"months_open": 2.9, "pharmacists": None}, Outcome.BREACHED)],
)  # fmt: skip
def test_attributes_of_the_applicant(world, pick, attributes, outcome):
    assert pick(judge(world(), **attributes), "p.applicant").outcome is outcome


@pytest.mark.parametrize(("others", "outcome"), [(0, Outcome.MET), (1, Outcome.MET), (2, Outcome.BREACHED)])
def test_batch_of_one_legal_entity(world, pick, others, outcome):
    events = [APPLIED | {"id": f"A{i}", "legal_entity": "甲公司"} for i in range(others)] or EVENTS
    events = [*events, APPLIED | {"id": "B", "legal_entity": "甲公司", "batch": "2026-01"}]
    found = pick(judge(world(), events=events), "p.batch")
    assert (found.outcome, found.observed) == (outcome, others + 1)
    assert pick(judge(world(), legal_entity=None), "p.batch").outcome is Outcome.NO_DATA


def test_the_denominator_is_the_one_named(case, pick):
    drawn = case(PLAN).institution(service="outpatient", number=9)
    registered = [("D0", "registered", "", 50_000)]
    found = pick(drawn.judge(service="outpatient", indicators=registered, as_of=DAY), "o.registered")
    assert (found.observed, found.outcome) == (2.0, Outcome.MET)
    missing = pick(drawn.judge(service="outpatient", indicators=[], as_of=DAY), "o.registered")
    assert (missing.outcome, "denominator_missing" in missing.evidence.notes) == (Outcome.NO_DATA, True)


def test_community_and_group_of_districts(world, pick):
    drawn = world().set("T1", place_id="C0", name="社区", level="community", parent="T0").institution(number=3)
    given = judge(drawn)
    assert (pick(given, "p.community").observed, pick(given, "p.community").outcome) == (4, Outcome.BREACHED)
    assert (pick(given, "p.group").limit, pick(given, "p.group").ground_name) == (3, "中心片区")


def test_an_unprinted_bound_warns_and_decides_nothing(world, pick):
    found = pick(judge(world()), "p.large")
    assert (found.outcome, found.effect, "limit_not_printed" in found.evidence.notes) == (Outcome.REVIEW, "warn", True)


def test_walking_is_reviewed_until_it_is_measured(world, pick):
    assert pick(judge(world().neighbour(450.0)), "p.walk").outcome is Outcome.REVIEW
    assert pick(judge(world().neighbour(450.0, walking_m=501.0)), "p.walk").outcome is Outcome.MET
    given = judge(world().neighbour(450.0, walking_m=499.0))
    assert pick(given, "p.walk").outcome is Outcome.BREACHED
    assert given.conclusion in {Conclusion.REVIEW, Conclusion.REFUSE_IN_PRINCIPLE}


@pytest.mark.parametrize(
    ("left", "outcome"), [(dt.date(2025, 7, 11), Outcome.BREACHED), (dt.date(2025, 7, 10), Outcome.MET)]
)
def test_ban_of_one_year(world, pick, left, outcome):
    events = [*EVENTS, {"date": left, "event": "forced_exit", "legal_entity": "甲公司"}]
    assert pick(judge(world(), events=events), "p.ban").outcome is outcome


@pytest.mark.parametrize(
    ("day", "outcome"),
    [(dt.date(2025, 12, 31), Outcome.REVIEW), (DAY, Outcome.MET), (dt.date(2029, 1, 1), Outcome.REVIEW)],
)
def test_validity(world, pick, day, outcome):
    assert pick(judge(world(), as_of=day), "p.validity").outcome is outcome


def test_physicians_per_insured(case, pick):
    drawn = case(PLAN).institution(service="outpatient", physicians=30.0, number=2)
    told = drawn.judge(
        service="outpatient", site={"physicians": 3.0}, indicators=[("K", "insured", "", 21_000)], as_of=DAY
    )
    found = pick(told, "o.physicians")
    assert (found.observed, found.outcome) == (3.0, Outcome.MET)

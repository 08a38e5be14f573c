"""Plans of cities that do not exist, as different as plans are, written as data alone: every clause by hand."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pytest

from circle15.policy.plan import load_plan
from circle15.schema import Conclusion, Outcome

FOLDER = Path(__file__).parents[1] / "data" / "invented"
HARBOUR = load_plan(FOLDER / "harbour.toml")
DAY = dt.date(2026, 3, 10)
MET, BREACHED = Outcome.MET, Outcome.BREACHED

# ── 滨海市 ────────────────────────────────────────────────────


@pytest.fixture
def harbour(case):
    return lambda: case(HARBOUR, districts=("海东区", "海西区"))


@pytest.mark.parametrize(
    ("grade", "distance_m", "rule", "outcome"),
    [("first", 499.9, "r.first", BREACHED), ("first", 501.0, "r.first", MET), ("second", 799.9, "r.second", BREACHED),
     ("second", 801.0, "r.second", MET), ("third", 1499.9, "r.third", BREACHED), ("third", 1501.0, "r.third", MET)],
)  # fmt: skip
def test_radius_by_a_class_that_the_bureau_fills_in(harbour, pick, grade, distance_m, rule, outcome):  # noqa: PLR0917 - one column each
    given = harbour().set("T0", **{"class": grade}).neighbour(distance_m).judge(as_of=DAY)
    assert pick(given, rule).outcome is outcome
    others = {"r.first", "r.second", "r.third"} - {rule}
    assert {f.ground for f in given.findings if f.rule_id in others} == {"checklist"}


def test_a_class_not_filled_in_is_never_a_pass(harbour, pick):
    found = pick(harbour().judge(as_of=DAY), "r.first")
    assert (found.outcome, "attribute_missing" in found.evidence.notes) == (Outcome.NO_DATA, True)


@pytest.mark.parametrize(
    ("residents", "others", "limit", "outcome"), [(4000.0, 0, 1, MET), (5001.0, 1, 2, MET), (10_000.0, 2, 2, BREACHED)]
)
def test_institutions_by_residents_of_the_circle(harbour, pick, residents, others, limit, outcome):  # noqa: PLR0917 - one column each
    drawn = harbour()
    for k in range(others):
        drawn.neighbour(10.0 + k)
    found = pick(drawn.judge(as_of=DAY, site={"residents_within": residents}), "r.people")
    assert (found.limit, found.outcome) == (limit, outcome)
    unknown = pick(drawn.judge(as_of=DAY, site={"residents_within": math.nan}), "r.people")
    assert unknown.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("residents", "area_km2", "limit"), [(10_000.0, 10.0, 3), (8_000.0, 100.0, 5), (5_999.0, 10.0, 1)]
)
def test_whichever_is_greater(harbour, pick, residents, area_km2, limit):
    drawn = harbour().set("T0", residents=residents, area_km2=area_km2)
    assert pick(drawn.judge(as_of=DAY), "r.quota").limit == limit


def test_a_chain_in_one_street(harbour, pick):
    drawn = (
        harbour()
        .institution(chain="康宁", number=2)
        .institution(chain="康宁", district=1)
        .institution(chain="百姓", number=3)
    )
    found = pick(drawn.judge(as_of=DAY, chain="康宁"), "r.chain")
    assert (found.observed, found.outcome) == (3, BREACHED)
    assert pick(drawn.judge(as_of=DAY, chain="新人"), "r.chain").observed == 1
    assert pick(drawn.judge(as_of=DAY), "r.chain").ground == "checklist"


def test_new_ones_of_the_calendar_year(harbour, pick):
    entry = {"event": "entry", "service": "pharmacy", "place_id": "D0"}
    events = [entry | {"date": dt.date(2025, 12, 31)}] + [entry | {"date": dt.date(2026, 1, d)} for d in range(1, 6)]
    found = pick(harbour().judge(as_of=DAY, events=events), "r.year")
    assert (found.observed, found.outcome) == (6, BREACHED)
    assert pick(harbour().judge(as_of=dt.date(2025, 12, 31), events=events), "r.year").observed == 2


@pytest.mark.parametrize(
    ("day", "spring", "night"),
    [("2026-03-01", MET, BREACHED), ("2026-04-01", BREACHED, BREACHED), ("2026-12-16", BREACHED, MET),
     ("2027-01-15", BREACHED, MET), ("2027-01-16", BREACHED, BREACHED)],
)  # fmt: skip
def test_windows_of_every_year_and_over_new_year(harbour, pick, day, spring, night):
    given = harbour().judge(as_of=dt.date.fromisoformat(day), tags="night")
    assert (pick(given, "r.window").outcome, pick(given, "r.night").outcome) == (spring, night)


def test_marks_of_the_plan_s_own(harbour, pick):
    drawn = harbour().set("T0", **{"settings": "scenic", "class": "first"}).neighbour(100.0)
    given = drawn.institution(district=0, community_id="C0").judge(as_of=DAY, events=[])
    assert pick(given, "r.first").lifted_by == ("x.scenic",)
    assert given.counted
    assert not drawn.set("T0", settings="harbour").judge(as_of=DAY).counted


@pytest.mark.parametrize(("distance_m", "effect"), [(299.9, "priority"), (301.0, "")])
def test_near_a_hospital_goes_first(harbour, pick, distance_m, effect):
    drawn = (
        harbour()
        .neighbour(distance_m, service="inpatient", level="tertiary")
        .neighbour(9.0, service="inpatient", level="primary")
    )
    assert pick(drawn.judge(as_of=DAY), "p.hospital").effect == effect


def test_a_community_without_any_is_exempt(harbour, pick):
    drawn = harbour().set("T0", **{"class": "first"}).neighbour(100.0)
    drawn.places.append(("C0", "社区", "community", "T0", "", "", 1000.0, 1.0))
    given = drawn.judge(as_of=DAY)
    assert pick(given, "r.first").lifted_by == ("x.empty",)
    held = drawn.institution(district=0).judge(as_of=DAY)
    assert pick(held, "r.first").lifted_by == ()
    assert pick(held, "x.empty").ground == "checklist"


def test_a_group_of_townships(harbour, pick):
    drawn = harbour().institution(number=3).institution(district=1, number=3)
    found = pick(drawn.judge(as_of=DAY), "r.old_town")
    assert (found.observed, found.limit, found.ground_name) == (7, 6, "老城片区")


def test_a_flag_among_those_with_another(harbour, pick):
    drawn = (
        harbour()
        .institution(tags="outpatient_pooled;night")
        .institution(tags="outpatient_pooled")
        .institution(tags="night")
    )
    assert pick(drawn.judge(as_of=DAY, tags="night;outpatient_pooled"), "r.night_pooled").outcome is BREACHED
    assert pick(drawn.judge(as_of=DAY, tags="outpatient_pooled"), "r.night_pooled").outcome is MET


@pytest.mark.parametrize(("day", "outcome"), [("2026-06-30", BREACHED), ("2026-07-01", MET)])
def test_a_ban_of_half_a_year(harbour, pick, day, outcome):
    events = [{"event": "penalty", "date": dt.date(2026, 1, 1), "legal_entity": "甲公司"}]
    given = harbour().judge(as_of=dt.date.fromisoformat(day), events=events, legal_entity="甲公司")
    assert pick(given, "r.penalty").outcome is outcome


def test_quota_moved_between_districts(harbour, pick):
    drawn = harbour().institution(number=3)
    assert pick(drawn.judge(as_of=DAY), "r.transfer").outcome is BREACHED
    moves = [{"event": k, "date": dt.date(2026, 2, 1), "service": "pharmacy", "place_id": p}
             for k, p in (("quota_in", "海东区"), ("quota_out", "海西区"))]  # fmt: skip
    east, west = (pick(drawn.judge(as_of=DAY, district=d, events=moves), "r.transfer") for d in (0, 1))
    assert (east.limit, east.outcome, west.limit) == (4, MET, 3)
    late = [m | {"date": dt.date(2026, 3, 11)} for m in moves]
    assert pick(drawn.judge(as_of=DAY, events=late), "r.transfer").limit == 3


def test_a_goal_of_coverage_refuses_nobody(harbour, pick):
    drawn = harbour()
    told = pick(drawn.judge(as_of=DAY, indicators=[("K", "coverage_share", "2026", 0.8)]), "t.coverage")
    assert (told.outcome, told.effect, told.observed) == (BREACHED, "target", 0.8)


def test_a_site_that_meets_every_clause(harbour):
    drawn = harbour().set("T0", **{"class": "second"}, residents=10_000.0, area_km2=10.0)
    attributes = {"chain": "新人", "legal_entity": "乙公司"}
    assert drawn.judge(as_of=DAY, events=[], **attributes).conclusion is Conclusion.ADMIT

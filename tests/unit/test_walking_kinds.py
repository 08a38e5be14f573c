"""Every kind of rule that looks about the site honours `distance = "walking"`, or the plan is refused in words."""

import datetime as dt
import math
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point
from streets_drawn import village

from circle15.errors import PlanError
from circle15.judge.city import judge_city
from circle15.judge.inputs import Inputs
from circle15.measure.walking_circles import HomesOnFoot, OnFoot
from circle15.policy.cards import ByDistance, Step
from circle15.policy.faults import Spot, cross_problems
from circle15.policy.plan import load_plan
from circle15.policy.rules import RULE_RECORDS, Target
from circle15.schema import Outcome, Population
from circle15.words import LANGS, word_problem
from circle15.write.summary import note_words

PLAN = load_plan("zhongwei")
SUSPEND = PLAN.rule("ltc_facility.suspend").model_copy(update={"readings": ()})  # 3 km about institutions of low use
EXEMPT = PLAN.rule("exempt.uncovered").model_copy(update={"where": PLAN.rule("pharmacy.dual_channel.near").where})
PREFER = PLAN.rule("pharmacy.dual_channel.near").model_copy(update={"radius_m": 500.0})
DAY = dt.date(2026, 7, 15)
LOW = [("N0", "bed_occupancy", p, 0.5) for p in ("2026Q1", "2026Q2")]


def with_rules(*rules):
    return PLAN.model_copy(update={"rules": rules})


def walking(rule, **more):
    return rule.model_copy(update={"distance": "walking", **more})


def test_every_kind_with_a_distance_shares_the_one_reading_of_it():
    by_metres = {
        k
        for k in RULE_RECORDS
        if not {"distance", "radius_m", "minutes", "none_within", "near"}.isdisjoint(k.model_fields)
    }
    assert by_metres == {k for k in RULE_RECORDS if issubclass(k, ByDistance)} | {Target}
    assert {k.__name__ for k in by_metres} == {"CircleLimit", "Suspend", "Exempt", "Prefer", "Target"}
    for kind in by_metres:
        assert kind.model_fields["distance"].annotation == Literal["straight", "walking"]


# ── pauses around institutions ────────────────────────────────


def paused(case, pick, rule, *ways, straight=2000.0):
    drawn = case(with_rules(rule))
    for way in ways:
        drawn.neighbour(straight, service="ltc_facility", **({} if way is None else way))
    low = [(f"N{k}", *rest) for k in range(len(ways)) for _, *rest in LOW]
    return pick(drawn.judge(service="ltc_facility", indicators=low, as_of=DAY), rule.id)


def test_a_pause_by_the_straight_line_tells_the_way_on_foot(case, pick):
    one = paused(case, pick, SUSPEND, {"walking_m": 3200.0, "walking_minutes": 44.4})
    assert (one.outcome, one.evidence.notes) == (Outcome.BREACHED, ("holds_by_straight_differs",))
    same = paused(case, pick, SUSPEND, {"walking_m": 2800.0, "walking_minutes": 38.9})
    assert same.evidence.notes == ("holds_by_straight_same",)
    assert paused(case, pick, SUSPEND, None).evidence.notes == ()  # no streets: nothing to tell


@pytest.mark.parametrize(
    ("update", "way", "said"),
    [
        ({}, 3200.0, (Outcome.MET, "holds_by_walking_differs")),
        ({}, 2800.0, (Outcome.BREACHED, "holds_by_walking_same")),
        ({}, 3000.0, (Outcome.REVIEW, "check_on_site")),
        ({}, math.inf, (Outcome.MET, "holds_by_walking_differs")),
        ({"minutes": 40.0}, 2800.0, (Outcome.BREACHED, "holds_by_walking_same")),  # 38.9 minutes
        ({"minutes": 30.0}, 2800.0, (Outcome.MET, "holds_by_walking_differs")),
    ],
)
def test_a_pause_on_foot(case, pick, update, way, said):
    outcome, note = said
    one = paused(case, pick, walking(SUSPEND, **update), {"walking_m": way, "walking_minutes": way / 72.0})
    assert one.outcome is outcome
    assert note in one.evidence.notes
    for lang in LANGS:
        assert note_words(one, lang=lang)


def test_a_pause_of_which_the_way_is_not_known_is_never_passed_over(case, pick):
    one = paused(case, pick, walking(SUSPEND), None)
    assert (one.outcome, one.evidence.notes) == (Outcome.REVIEW, ("walking_missing",))
    assert paused(case, pick, walking(SUSPEND), None, straight=3100.0).outcome is Outcome.MET  # nobody walks less
    # one pause that is sure decides, whatever the way to the other is
    both = paused(case, pick, walking(SUSPEND), None, {"walking_m": 2500.0, "walking_minutes": 35.0})
    assert both.outcome is Outcome.BREACHED


@pytest.mark.parametrize(
    ("update", "note", "said"),
    [
        ({}, "pauses_around", "为中心 3,000 米"),
        ({"distance": "walking"}, "pauses_around_walking", "步行 3,000 米"),
        ({"distance": "walking", "minutes": 30.0}, "pauses_around_minutes", "步行 30 分钟"),
    ],
)
def test_who_pauses_the_surroundings_and_how_far(case, update, note, said):
    plan = with_rules(SUSPEND.model_copy(update=update))
    drawn = case(plan).institution(service="ltc_facility", id="N0", beds=10.0)
    register = pd.DataFrame(drawn.register)
    given = Inputs(register, pd.DataFrame(LOW, columns=["subject", "indicator", "period", "value"]), None, DAY)
    nobody = pd.DataFrame(columns=["site_id", "id", "name", "distance_m", "position_accuracy_m"])
    sites = register.assign(others_within=0, position_accuracy_m=0.0)
    (one,) = judge_city(plan, sites=sites, neighbours=nobody, totals=drawn.totals(), inputs=given)
    assert (one.subject, one.evidence.notes) == ("N0", (note,))
    assert any(said in n for n in note_words(one, lang="zh"))


# ── none within, near one ─────────────────────────────────────


@pytest.mark.parametrize(
    ("update", "ways", "said"),
    [
        ({}, (700.0, 900.0), (False, "holds_by_straight_differs")),
        ({"distance": "walking"}, (700.0, 900.0), (True, "holds_by_walking_differs")),
        ({"distance": "walking"}, (700.0, 790.0), (False, "holds_by_walking_same")),
        ({"distance": "walking"}, (700.0, None), (False, "walking_missing")),
        ({"distance": "walking"}, (801.0, None), (True, None)),
        (
            {"distance": "walking", "minutes": 10.0},
            (700.0, 790.0),
            (True, "holds_by_walking_differs"),
        ),
        ({"distance": "walking", "radius_m": 1000.0}, (700.0, 900.0), (False, "holds_by_walking_same")),
        ({"radius_m": 600.0}, (700.0, None), (True, None)),
    ],
)
def test_none_within_a_walk(case, pick, update, ways, said):
    (straight, way), (applies, note) = ways, said
    more = {} if way is None else {"walking_m": way, "walking_minutes": way / 72.0}
    verdict = case(with_rules(EXEMPT.model_copy(update=update))).neighbour(straight, **more).judge()
    one = pick(verdict, EXEMPT.id)
    assert (one.ground == "applicant") is applies
    assert note is None or note in one.evidence.notes


@pytest.mark.parametrize(
    ("update", "way", "said"),
    [
        ({}, 600.0, ("priority", ("goes_first", "holds_by_straight_differs"))),
        ({"distance": "walking"}, 600.0, ("", ("people_check", "does_not_apply", "holds_by_walking_differs"))),
        ({"distance": "walking"}, 480.0, ("priority", ("goes_first", "holds_by_walking_same"))),
        ({"distance": "walking"}, 500.0, ("", ("people_check", "check_on_site", "holds_by_walking_differs"))),
        ({"distance": "walking"}, None, ("", ("people_check", "walking_missing"))),
        ({"distance": "walking", "minutes": 8.0}, 570.0, ("priority", ("goes_first", "holds_by_walking_same"))),
        # with minutes alone the straight opinion is that of the plan's circle
        ({"distance": "walking", "minutes": 8.0, "radius_m": None}, 580.0, ("", ("people_check", "does_not_apply", "holds_by_walking_differs"))),
    ],
)  # fmt: skip
def test_near_an_institution_on_foot(case, pick, update, way, said):
    more = {} if way is None else {"walking_m": way, "walking_minutes": way / 72.0}
    drawn = case(with_rules(PREFER.model_copy(update=update)))
    drawn.neighbour(450.0, service="inpatient", tags="dual_channel", **more).neighbour(9.0, service="inpatient")
    one = pick(drawn.judge(tags="dual_channel"), PREFER.id)
    assert (one.effect, one.evidence.notes) == said
    walked = way is not None and "distance" in update
    told = {"nearest_m": 450.0} | ({"nearest_walking_m": way} if walked else {})
    assert {k: v for k, v in one.evidence.figures.items() if k.startswith("nearest")} == told


# ── circles that reckon on residents, and twice the distance ──


def test_a_cap_by_residents_on_foot_reckons_on_those_within_the_walk(case, pick):
    base = PLAN.rule("pharmacy.circle.dense")
    rate = base.model_copy(
        update={"id": "walk.rate", "max": None, "max_rate": 1.0, "rate_per": 1000.0, "where": PREFER.where}
    )
    told = {"residents_within": 5000.0, "walk.rate.residents": 1900.0}
    for rule, limit in ((rate, 5.0), (walking(rate), 1.0)):
        drawn = case(with_rules(rule)).neighbour(300.0, walking_m=700.0, walking_minutes=9.7)
        one = pick(drawn.judge(site=told), "walk.rate")
        assert (one.observed, one.limit) == (2.0, limit)
    steps = walking(rate, max_rate=None, rate_per=None, max_steps=(Step(up_to=2000.0, max=1.0), Step(max=9.0)))
    plan = with_rules(steps)
    elsewhere = [told | {"moved_m": 5.0, "walk.rate.residents": 2100.0}]
    drawn = case(plan).neighbour(300.0, walking_m=700.0, walking_minutes=9.7)
    one = pick(drawn.judge(site=told | {"position_accuracy_m": 10.0}, elsewhere=elsewhere), "walk.rate")
    assert (one.outcome, "position_check" in one.evidence.notes) == (Outcome.REVIEW, True)


def test_residents_within_a_walk_of_a_site():
    (streets, _), at = village()
    cells = gpd.GeoDataFrame({"residents": [10.0, 20.0, 40.0]}, geometry=[Point(at[n]) for n in "BCE"], crs="EPSG:4326")
    homes = HomesOnFoot(Population(cells, None, "point", math.nan), OnFoot(streets))
    lon, lat = np.array([at["F"], at["I"]]).T
    assert homes.within(lon, lat, radius_m=500.0).tolist()[:1] == [30.0]
    assert homes.within(lon, lat, radius_m=500.0, minutes=25.0).tolist()[:1] == [70.0]
    assert np.isnan(homes.within(lon, lat, radius_m=500.0)[1])  # on an island: unknown, never nobody


def test_circles_that_overlap_within_minutes_are_twice_as_wide(case, pick):
    base = walking(PLAN.rule("pharmacy.circle.dense"), max=1, minutes=10.0, reach="overlap", where=PREFER.where)
    for way, count in ((1430.0, 2), (1450.0, 1)):  # twice 720 m
        drawn = case(with_rules(base)).neighbour(700.0, walking_m=way, walking_minutes=way / 72.0)
        assert pick(drawn.judge(), base.id).observed == count
    assert with_rules(base).reach_m(metres_per_s=1.2) == 1440.0


# ── refused at the door ───────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "field", "fault"),
    [
        (SUSPEND.model_copy(update={"scope": "district", "radius_m": None, "distance": "walking"}), "distance", "distance_idle"),
        (SUSPEND.model_copy(update={"scope": "district"}), "radius_m", "distance_idle"),
        (walking(EXEMPT, none_within=False), "distance", "distance_idle"),
        (walking(PREFER, near=None, radius_m=None), "distance", "distance_idle"),
        (PLAN.rule("pharmacy.circle.dense").model_copy(update={"minutes": 15.0}), "minutes", "distance_idle"),
        (walking(PLAN.rule("ltc_home.response"), measure="tertiary_share"), "measure", "not_on_foot"),
        (PLAN.rule("ltc_home.response").model_copy(update={"mode": "ebike"}), "mode", "distance_idle"),
        (PLAN.rule("ltc_home.response").model_copy(update={"speed_m_per_s": 4.0}), "speed_m_per_s", "distance_idle"),
    ],
)  # fmt: skip
def test_a_distance_that_would_decide_nothing_is_refused_in_words(rule, field, fault):
    found = [p for p in cross_problems([(Spot("plan.toml", "rule", rule.id), rule)]) if not p.id.endswith("unknown_id")]
    assert [(p.id, p.column) for p in found] == [(f"plan.{fault}", f"rule {rule.id} {field}")]
    for lang in LANGS:
        assert str(found[0].value) in word_problem(found[0], lang)


def test_a_bureau_fills_in_how_a_response_travels(tmp_path):
    path = tmp_path / "bureau.toml"
    words = 'schema = 1\nplan = "zhongwei"\n[[set]]\nrule = "ltc_home.response"\nsource = "局务会"\n'
    path.write_text(words + 'distance = "walking"\nmode = "ebike"\n', encoding="utf-8")
    rule = load_plan("zhongwei", overlay=path).rule("ltc_home.response")
    assert (rule.distance, rule.mode) == ("walking", "ebike")
    path.write_text(words + 'mode = "ebike"\n', encoding="utf-8")
    with pytest.raises(PlanError) as fault:
        load_plan("zhongwei", overlay=path)
    assert [p.id for p in fault.value.problems] == ["plan.distance_idle"]

"""Circle rules by walking distance: caps, spacing, minutes; the other distance always stands beside."""

import math
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box
from streets_drawn import village

from circle15.judge.circles import circle_findings, grouped, with_caps
from circle15.judge.city import judge_city
from circle15.measure.walking_circles import OnFoot, add_ways, measure_walking_circles, walking_to
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.schema import City, Neighbour, Outcome, Pace, Population
from circle15.words import LANGS
from circle15.write.summary import finding_lines, note_words, way_words

PLAN = load_plan("zhongwei")
DENSE = PLAN.rule("pharmacy.circle.dense")  # 3 within 800 m, the site included
WALKED = DENSE.model_copy(update={"distance": "walking"})
NEAR = pytest.approx


def finding(rule, *ways, accuracy_m=0.0):
    """The finding of one site with neighbours told as (straight, walking) metres; minutes at 1.2 m/s."""
    rows = pd.DataFrame({"id": ["S"], "service": ["pharmacy"], "tags": [""], "township_id": ["T"], "name": ["S"],
                         "township_settings": ["subdistrict"], "density_place_per_km2": [4000.0],
                         "density_circle_per_km2": [4000.0], "density_cell_per_km2": [4000.0],
                         "others_within": [0], "position_accuracy_m": [accuracy_m]})  # fmt: skip
    rows = with_caps(PLAN, rows, pd.DataFrame({"place_id": [], "settings": []}))
    table = pd.DataFrame(
        [{"site_id": "S", "id": f"N{k}", "name": f"N{k}", "distance_m": s, "position_accuracy_m": accuracy_m,
          "walking_m": w, "walking_minutes": w / 72.0} for k, (s, w) in enumerate(ways)]
    )  # fmt: skip
    (one,) = circle_findings(PLAN, rule, rows, grouped(table))
    for lang in LANGS:
        assert all("–" not in note for note in note_words(one, lang=lang) if "density" not in note)
        assert finding_lines(one, lang=lang)
    return one


def test_the_straight_rule_decides_and_the_walk_is_told_beside():
    one = finding(DENSE, (300, 400), (500, 900), (700, 750))
    assert (one.outcome, one.observed) == (Outcome.BREACHED, 4)
    assert one.evidence.figures["count_walking"] == 3
    assert one.evidence.notes[-1] == "by_straight_differs"
    assert "3 家" in note_words(one, lang="zh")[-1]
    assert [n.walking_m for n in one.evidence.neighbours] == [400, 900, 750]


def test_the_walking_rule_decides_and_the_straight_line_is_told_beside():
    one = finding(WALKED, (300, 400), (500, 900), (700, 750))
    assert (one.outcome, one.observed) == (Outcome.MET, 3)
    assert [n.id for n in one.evidence.neighbours] == ["N0", "N2"]
    assert (one.evidence.figures["count_straight"], one.evidence.notes[-1]) == (4, "by_walking_differs")
    same = finding(WALKED, (300, 400), (500, 600))
    assert same.evidence.notes[-1] == "by_walking_same"


def test_positions_are_as_uncertain_on_foot():
    # 795 m walked with 10 m on both sides may be 815 m: whether three or four stand within is to be checked
    one = finding(WALKED, (300, 400), (500, 600), (700, 795), accuracy_m=10.0)
    assert (one.outcome, "check_on_site" in one.evidence.notes) == (Outcome.REVIEW, True)


def test_an_unknown_way_never_passes():
    one = finding(WALKED, (300, 400), (500, math.nan))
    assert one.outcome is Outcome.REVIEW
    assert finding(WALKED, (300, 400), (900, math.nan)).outcome is Outcome.MET  # nobody walks less than 900 m there
    beside = finding(DENSE, (300, 400), (500, math.nan))
    assert (beside.outcome, beside.evidence.notes[-1]) == (Outcome.MET, "by_straight_unknown")


def test_no_way_there_counts_as_far():
    one = finding(WALKED, (300, 400), (310, math.inf), (320, math.inf), (330, math.inf))
    assert (one.outcome, one.observed) == (Outcome.MET, 2)
    assert [way_words(Neighbour("a", "", 300.0, walking_m=w), lang="zh") for w in (410.4, math.inf, None)] == [
        "（步行 410 米）", "（步行不可达）", "",
    ]  # fmt: skip


def test_minutes_count_by_minutes():
    rule = WALKED.model_copy(update={"minutes": 15.0, "max": 1})
    assert finding(rule, (700, 1080.0)).observed == 2
    assert finding(rule, (700, 1081.0)).observed == 1
    # the second opinion of a rule in minutes is the plan's circle
    assert finding(rule, (700, 1081.0)).evidence.figures["count_straight"] == 2


@pytest.mark.parametrize(("walked", "outcome"), [(499.0, Outcome.BREACHED), (501.0, Outcome.MET)])
def test_spacing_on_foot(case, pick, walked, outcome):
    plan = load_plan("shenyang")
    spacing = next((r for r in plan.rules if r.kind == "circle_limit" and r.at_radius == "outside"), None)
    if spacing is None:
        base = PLAN.rule("pharmacy.circle.dense")
        spacing = base.model_copy(update={"at_radius": "outside", "max": 0, "counts_site": False})
    rule = spacing.model_copy(update={"id": "spacing.walk", "distance": "walking", "radius_m": 500.0, "services": ("pharmacy",), "tags": (),
                                      "applicant": (), "where": type(spacing.where)(), "max": 0, "counts_site": False})  # fmt: skip
    held = PLAN.model_copy(update={"rules": (*PLAN.rules, rule)})
    verdict = case(held).neighbour(300.0, walking_m=walked).judge()
    one = pick(verdict, "spacing.walk")
    assert one.outcome is outcome
    assert one.evidence.figures["count_straight"] == 1


# ── measured on streets ───────────────────────────────────────


def town():
    (streets, _), at = village()
    names = ["F", "G", "A"]
    table = gpd.GeoDataFrame(
        {"id": names, "name": names, "service": "pharmacy", "position_accuracy_m": 0.0},
        geometry=[Point(at[n]) for n in names], crs="EPSG:4326",
    )  # fmt: skip
    return OnFoot(streets), table, at


def test_ways_to_institutions_from_a_place():
    foot, table, at = town()
    ways = walking_to(at["B"], table, foot, reach_m=450.0).set_index("id")
    assert ways["walking_m"].to_dict() == NEAR({"F": 200, "G": 500, "A": 100}, abs=1e-5)
    assert ways["walking_minutes"].to_dict() == NEAR({"F": 200 / 72, "G": 500 / 72, "A": 100 / 72}, abs=1e-6)
    assert walking_to(at["I"], table, foot, reach_m=3000.0)["walking_m"].isna().all()  # the island is on no street
    assert list(walking_to(at["B"], table, foot, reach_m=150.0)["id"]) == ["A"]


def test_neighbours_get_their_ways_in_any_order():
    foot, table, _ = town()
    pairs = pd.DataFrame({"site_id": ["G", "F", "A"], "id": ["F", "G", "F"], "distance_m": [300.0, 300.0, 223.6]})
    found = add_ways(pairs, table, foot, reach_m=300.0)
    assert found["walking_m"].tolist() == NEAR([700, 700, 300], abs=1e-5)
    assert "walking_m" not in pairs


def test_circles_on_foot_count_others_and_residents():
    foot, table, at = town()
    cells = gpd.GeoDataFrame({"residents": [10.0, 20.0, 40.0]}, geometry=[Point(at[n]) for n in "BCE"], crs="EPSG:4326")
    people = Population(cells, None, "point", math.nan)
    found = measure_walking_circles(table, table, people, foot, radius_m=500.0, minutes=10.0)
    # within 500 m: F reaches A (300) and residents at B (200) and C (500); within 10 minutes = 720 m G too
    assert found["others_walking"].tolist() == [1, 0, 1]
    assert found["others_minutes"].tolist() == [2, 2, 2]
    assert found["nearest_walking_m"].tolist() == NEAR([300, 600, 300], abs=1e-5)
    assert found["residents_walking"].tolist() == [30, 30, 30]
    assert found["residents_minutes"].tolist() == [30, 30, 30]
    slow = OnFoot(foot.metres.streets, pace=Pace(0.5))
    less = measure_walking_circles(table, table, people, slow, radius_m=500.0, minutes=10.0)  # 300 m
    assert less["others_minutes"].tolist() == [1, 0, 1]


def test_existing_institutions_are_judged_on_foot_too():
    foot, table, _ = town()
    suihua = load_plan("suihua")
    rows = pd.DataFrame(table.drop(columns="geometry")).assign(
        tags="", level="", others_within=2, township_id="T", township_settings="", district_id="D", city_id="K",
        density_place_per_km2=4000.0, density_circle_per_km2=4000.0, density_cell_per_km2=4000.0,
    )  # fmt: skip
    pairs = pd.DataFrame(
        {"site_id": ["F", "F", "G", "G", "A", "A"], "id": ["G", "A", "F", "A", "F", "G"], "distance_m": 300.0}
    ).assign(name="", position_accuracy_m=0.0)
    totals = pd.DataFrame(
        columns=["place_id", "name", "level", "parent", "settings", "class", "residents", "n_pharmacy"]
    )
    known = add_ways(pairs, table, foot, reach_m=800.0).assign(service="pharmacy", tags="")

    def around(name):
        return known[known["site_id"] == name].to_dict("records")

    def on_foot(near):
        told = judge_city(suihua, sites=rows, neighbours=near, totals=totals, around=around)
        return {f.subject: f.observed for f in told if f.rule_id == "any.circle.walking"}

    assert on_foot(known) == {"F": 2, "G": 2, "A": 2}  # all within 1,080 m
    assert on_foot(pairs) == {"": None}  # one card to check


# ── goals ─────────────────────────────────────────────────────


def goal(**more):
    base = PLAN.rule("ltc_home.response")  # 30 minutes
    return base.model_copy(update={"services": ("pharmacy",), "distance": "walking", **more})


def village_city():
    _, table, at = town()
    streets = OnFoot(village()[0][0]).metres.streets
    lon, lat = at["A"]
    outline = [box(lon - 0.02, lat - 0.01, lon + 0.03, lat + 0.01)] * 2
    places = gpd.GeoDataFrame(
        {"id": ["K", "D"], "name": ["市", "区"], "level": ["city", "district"], "parent": ["", "K"],
         "residents": math.nan, "settings": "", "class": ""},
        geometry=outline, crs="EPSG:4326",
    )  # fmt: skip
    cells = gpd.GeoDataFrame({"residents": [10.0, 90.0]}, geometry=[Point(at[n]) for n in "AE"], crs="EPSG:4326")
    register = table.iloc[:1].assign(level="", tags="", address="", beds=math.nan, stations=math.nan, physicians=math.nan,
                                     valid_from=pd.NaT, valid_to=pd.NaT, source_row=2)  # fmt: skip
    return City(register, Population(cells, None, "point", math.nan), places, streets=streets)


@pytest.mark.parametrize(
    ("more", "outcome", "observed", "notes"),
    [
        # from F to E it is 200 + 300 + 100 + 1,000 m: 22 minutes on foot, 6.4 by e-bike; 1,414 m straight are 19.6
        ({}, Outcome.MET, 1600 / 72, ["goal_by_walking_same"]),
        ({"at_most": 20.0}, Outcome.BREACHED, 1600 / 72, ["goal_by_walking_differs"]),
        ({"at_most": 20.0, "mode": "ebike"}, Outcome.MET, 1.6 / 15 * 60, ["goal_by_walking_same", "goal_mode_ebike"]),
        ({"at_most": 3.0, "mode": "car"}, Outcome.BREACHED, 3.2, ["goal_by_walking_differs", "goal_mode_car"]),
        ({"at_most": 20.0, "speed_m_per_s": 2.4}, Outcome.MET, 1600 / 144, ["goal_by_walking_same"]),
        ({"measure": "coverage_share", "at_most": None, "at_least": 0.05}, Outcome.MET, 0.1, ["goal_by_walking_same"]),
        ({"measure": "coverage_share", "at_most": None, "at_least": 0.95}, Outcome.BREACHED, 0.1, ["goal_by_walking_same"]),
    ],
)  # fmt: skip
def test_goals_are_measured_on_the_streets(pick, more, outcome, observed, notes):
    plan = PLAN.model_copy(update={"rules": (goal(**more),)})
    city = village_city()
    where = {"lon": city.institutions.geometry.x[0], "lat": city.institutions.geometry.y[0], "datum": "wgs84"}
    one = pick(Prepared(plan, city).judge(service="pharmacy", **where), "ltc_home.response")
    assert (one.outcome, one.observed) == (outcome, NEAR(observed, rel=1e-5))
    assert list(one.evidence.notes) == ["goal_on_foot", *notes]
    if "response" in plan.rules[0].measure:
        assert one.evidence.figures["straight"] == NEAR(math.hypot(200, 1400) / 1600 * observed, rel=1e-4)
    for lang in LANGS:
        assert len(note_words(one, lang=lang)) == len(one.evidence.notes)
    bare = pick(Prepared(plan, replace(city, streets=None)).judge(service="pharmacy", **where), "ltc_home.response")
    assert "walking_missing" in bare.evidence.notes  # a card to check


def test_coverage_by_the_straight_line_tells_the_one_on_foot_beside(pick):
    rule = goal(measure="coverage_share", at_most=None, at_least=0.05, distance="straight")
    plan, city = PLAN.model_copy(update={"rules": (rule,)}), village_city()
    cells = gpd.GeoDataFrame(
        {"residents": [20.0, 80.0]}, geometry=[Point(village()[1][n]) for n in "GE"], crs="EPSG:4326"
    )
    city = replace(city, population=Population(cells, None, "point", math.nan))
    where = {"lon": city.institutions.geometry.x[0], "lat": city.institutions.geometry.y[0], "datum": "wgs84"}
    one = pick(Prepared(plan, city).judge(service="pharmacy", **where), "ltc_home.response")
    # G stands 300 m across the river, 700 m over the bridge: both within 800 m
    assert (one.observed, one.evidence.figures["walking"], one.evidence.notes) == (0.2, 0.2, ("goal_by_straight_same",))
    tight = plan.model_copy(update={"circle": plan.circle.model_copy(update={"radius_m": 500.0})})
    one = pick(Prepared(tight, city).judge(service="pharmacy", **where), "ltc_home.response")
    assert (one.observed, one.evidence.figures["walking"]) == (0.2, 0.0)
    assert (one.outcome, one.evidence.notes) == (Outcome.MET, ("goal_by_straight_differs",))
    bare = pick(Prepared(tight, replace(city, streets=None)).judge(service="pharmacy", **where), "ltc_home.response")
    assert (bare.observed, bare.evidence.notes) == (0.2, ())

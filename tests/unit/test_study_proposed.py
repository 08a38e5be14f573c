"""The whole way from coordinates to a verdict: attributes, tables, day and marks reach the rules."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from circle15.measure.totals import place_ids, register_of
from circle15.policy.plan import load_plan
from circle15.project.metric import areas_m2
from circle15.schema import City, Outcome, Population, standing_on
from circle15.study import assess, judge_proposed

PLAN = load_plan(Path(__file__).parents[1] / "data" / "sixth_plan" / "sixth.toml")
LAT = 30.0
M_LON = 96_486.0  # metres of one degree of longitude at 30° N


def row(code, lon, lat=LAT, *, service="pharmacy", tags="", start=None, end=None):
    return {
        "id": code, "name": code, "service": service, "level": "", "tags": tags, "address": "", "beds": float("nan"),
        "stations": float("nan"), "physicians": float("nan"), "valid_from": pd.Timestamp(start) if start else pd.NaT,
        "valid_to": pd.Timestamp(end) if end else pd.NaT, "position_accuracy_m": 0.0, "source_row": 2,
        "geometry": Point(lon, lat),
    }  # fmt: skip


@pytest.fixture
def city():
    people = gpd.GeoDataFrame(
        {"residents": [20_000.0, 5_000.0]},
        geometry=[box(110, 29.9, 110.1, 30.1), box(110.1, 29.9, 110.2, 30.1)],
        crs=4326,
    )
    places = [
        ("D0", "甲区", "district", "", people.geometry[0]), ("D1", "乙县", "district", "", people.geometry[1]),
        ("T0", "甲镇", "township", "D0", people.geometry[0]), ("T1", "乙镇", "township", "D1", people.geometry[1]),
    ]  # fmt: skip
    table = gpd.GeoDataFrame(
        {"id": [p[0] for p in places], "name": [p[1] for p in places], "level": [p[2] for p in places],
         "parent": [p[3] for p in places], "residents": float("nan"), "settings": "", "class": ""},
        geometry=[p[4] for p in places], crs=4326,
    )  # fmt: skip
    held = gpd.GeoDataFrame(
        [
            row("P1", 110.05 + 400 / M_LON, tags="outpatient_pooled"), row("P2", 110.15), row("P3", 110.16, end="2026-01-31"),
            row("P4", 110.05 + 250 / M_LON, start="2027-01-01"), row("O1", 110.05, service="outpatient"),
        ],
        crs=4326,
    )  # fmt: skip
    return City(held, Population(people, None, "area", 10_000.0), table, (), "某市")


def judge(city, lon=110.05, plan=PLAN, **more):
    return judge_proposed(
        plan, city, lon=lon, lat=LAT, datum="wgs84", service="pharmacy", position_accuracy_m=0.0, **more
    )


def test_the_register_is_read_as_of_the_day(city):
    assert standing_on(city.institutions, dt.date(2026, 1, 31))["id"].tolist() == ["P1", "P2", "P3", "O1"]
    assert standing_on(city.institutions, dt.date(2026, 2, 1))["id"].tolist() == ["P1", "P2", "O1"]
    assert len(standing_on(city.institutions, None)) == 5


def test_where_institutions_stand(city):
    assert place_ids(city.institutions, city.places)["district_id"].tolist() == ["D0", "D1", "D1", "D0", "D0"]
    assert register_of(city)["township_id"].tolist() == ["T0", "T1", "T1", "T0", "T0"]


def test_each_rule_looks_as_far_as_it_says(city, pick):
    day = dt.date(2026, 7, 10)
    given = judge(city, as_of=day, attributes={"tags": "outpatient_pooled", "months_open": 5, "pharmacists": 2})
    assert pick(given, "p.spacing.core").outcome is Outcome.MET  # P4 comes only in 2027
    assert pick(given, "p.pooled").outcome is Outcome.BREACHED
    assert pick(given, "p.applicant").outcome is Outcome.MET
    assert (pick(given, "p.steps").observed, given.as_of) == (2, "2026-07-10")
    later = judge(city, as_of=dt.date(2027, 7, 10))
    assert pick(later, "p.spacing.core").outcome is Outcome.BREACHED


def test_walking_distances_are_joined_by_id(city, pick):
    walked = pd.DataFrame({"id": ["P1", "P2", "P4"], "walking_m": [501.0, 9e3, 600.0]})
    everyone = pd.DataFrame({"id": city.institutions["id"], "walking_m": 501.0})
    assert pick(judge(city), "p.walk").outcome is Outcome.REVIEW
    assert pick(judge(city, walking=everyone), "p.walk").outcome is Outcome.MET
    assert pick(judge(city, walking=everyone.assign(walking_m=499.0)), "p.walk").outcome is Outcome.BREACHED
    assert pick(judge(city, walking=walked), "p.walk").outcome is Outcome.MET


def test_nothing_that_is_handed_in_is_changed(city):
    before = city.institutions.copy()
    indicators = pd.DataFrame({"place_id": ["D0"], "indicator": ["registered"], "period": [""], "value": [1.0]})
    events = pd.DataFrame({"date": ["2026-01-01"], "event": ["exit"], "place_id": ["D0"], "service": ["pharmacy"]})
    copies = indicators.copy(), events.copy()
    judge(city, indicators=indicators, events=events, as_of=dt.date(2026, 7, 1))
    pd.testing.assert_frame_equal(city.institutions, before)
    for now, then in zip((indicators, events), copies, strict=True):
        pd.testing.assert_frame_equal(now, then)


def test_the_city_as_it_stands_is_counted_from_the_register(city):
    found = assess(PLAN, city, as_of=dt.date(2026, 7, 1)).findings
    shares = [f for f in found if f.rule_id == "p.group"]
    assert {f.ground_name: f.observed for f in shares} == {"中心片区": 1, "其他片区": 1}


#   中心片区 甲区 | 其他片区 乙县: spacing 300 m west of the border, 600 m east of it; P9 stands 450 m off
@pytest.mark.parametrize(("accuracy_m", "outcome"), [(0.0, None), (5.8, None), (6.2, Outcome.REVIEW)])
def test_a_border_of_zones_within_the_position_error(city, pick, accuracy_m, outcome):
    near = gpd.GeoDataFrame([row("P9", 110.1 - 456 / M_LON)], crs=4326)
    site = {"lon": 110.1 - 6 / M_LON, "lat": LAT, "datum": "wgs84", "service": "pharmacy"}
    given = judge_proposed(PLAN, replace(city, institutions=near), **site, position_accuracy_m=accuracy_m)
    assert pick(given, "p.spacing.core").outcome is Outcome.MET
    found = [f for f in given.findings if f.rule_id == "p.spacing.outer" and f.ground == "circle"]
    assert [f.outcome for f in found] == ([] if outcome is None else [outcome])
    if found:
        assert found[0].evidence.figures["border_m"] == pytest.approx(6.0, abs=0.05)
        assert found[0].evidence.figures["beyond"] == "乙县 乙镇"


@pytest.mark.parametrize(("unit", "accuracy_m", "note"), [
    ("circle", 1.0, None), ("circle", 60.0, "position_class"), ("cell", 60.0, None), ("cell", 210.0, "position_class"),
    ("place", 210.0, None),
])  # fmt: skip
def test_a_density_threshold_within_the_position_error(city, unit, accuracy_m, note):
    # 6000 a km² on the left of 110.05, nobody on the right: 200 m west of the line a circle of 800 m holds more than 3000
    km2 = areas_m2([box(110, 29.9, 110.05, 30.1)])[0] / 1e6
    people = gpd.GeoDataFrame(
        {"residents": [6000.0 * km2, 1.0]}, geometry=[box(110, 29.9, 110.05, 30.1), box(110.05, 29.9, 110.1, 30.1)], crs=4326
    )  # fmt: skip
    places = city.places.assign(name=["沙坡头区", "中宁县", "甲镇", "乙镇"], settings="subdistrict", residents=1.0)
    third = places.iloc[[1]].assign(id="D2", name="海原县", geometry=[box(111, 29.9, 111.1, 30.1)])
    places = pd.concat([places, third], ignore_index=True)
    land = box(110, 29.9, 110.2, 30.1)
    drawn = replace(city, population=Population(people, land, "area", 5e3), places=places)
    plan = load_plan("zhongwei")
    plan = plan.model_copy(update={"density": plan.density.model_copy(update={"unit": unit})})
    moved_m = 30.0 if unit == "circle" else 200.0
    site = {"lon": 110.05 - moved_m / M_LON, "lat": LAT, "datum": "wgs84", "service": "pharmacy"}
    given = judge_proposed(plan, drawn, **site, position_accuracy_m=accuracy_m)
    notes = {n for f in given.findings for n in f.evidence.notes if n.startswith("position_")}
    assert notes - {"position_check"} == ({note} if note else set())


def test_a_community_is_found_for_a_proposed_site(city, pick):
    own = city.places.iloc[[2]].assign(id="C0", name="某社区", level="community", parent="T0")
    held = replace(city, places=pd.concat([city.places, own], ignore_index=True))
    assert pick(judge(held), "p.community").ground_name == "某社区"


def test_circles_of_their_own_radius_are_tested_for_the_register_too(city):
    found = {(f.rule_id, f.subject): f.outcome for f in assess(PLAN, city).findings if f.ground == "circle"}
    # P1 (core, 300 m) has P4 at 150 m; P2 and P3 (outer, 600 m) are 965 m apart
    assert found["p.spacing.core", "P1"] is Outcome.BREACHED
    assert found["p.spacing.outer", "P2"] is Outcome.MET
    assert found["p.pooled", "P1"] is Outcome.MET

"""Branch sites of one institution: each a point on the map, one institution in every count."""

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from circle15.judge.areas import count
from circle15.judge.city import judge_city
from circle15.judge.limits import judge_circle
from circle15.measure.circles import measure_circles, neighbours_within
from circle15.measure.coverage import count_standing
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.project.metric import moved_to
from circle15.read.city import load_city, read_city
from circle15.schema import Neighbour, Outcome
from circle15.screen import screen_sites
from circle15.siting.standing import Standing

PLACES = gpd.GeoDataFrame(
    {"id": ["K", "A", "B"], "level": ["city", "district", "district"]},
    geometry=[box(0, 0, 2, 1), box(0, 0, 1, 1), box(1, 0, 2, 1)],
    crs=4326,
)
SITES = gpd.GeoDataFrame(
    {
        "id": ["H1", "H1-2", "H1-3", "H2", "P1"],
        "institution": ["H1", "H1", "H1", "", ""],
        "service": ["inpatient", "inpatient", "inpatient", "inpatient", "pharmacy"],
    },
    geometry=[Point(0.2, 0.5), Point(0.4, 0.5), Point(1.5, 0.5), Point(0.6, 0.5), Point(0.7, 0.5)],
    crs=4326,
)


def test_sites_of_one_institution_count_once_a_place():
    counted = count_standing(SITES, PLACES, ["inpatient", "pharmacy"])
    assert counted["inpatient"].tolist() == [2, 2, 1]
    assert counted["pharmacy"].tolist() == [1, 1, 0]
    plain = count_standing(SITES.drop(columns="institution"), PLACES, ["inpatient"])
    assert plain["inpatient"].tolist() == [4, 3, 1]


@pytest.mark.parametrize(("column", "expected"), [("institution", 2.0), ("other", 4.0)])
def test_the_register_that_judges_counts_alike(column, expected):
    register = pd.DataFrame(SITES.drop(columns="geometry")).rename(columns={"institution": column})
    register = register.assign(tags="", level="", district_id=["A", "A", "B", "A", "A"], city_id="K")
    what = (("inpatient",), (), (), ())
    assert count(register, {"level": "city", "place_id": "K"}, of="institutions", what=what)[0] == expected


# A street along which hospitals stand 100 m apart, circles of 350 m, two campuses of H1 and of H3 among them:
#
#   H1 ---100--- H2 ---100--- H1-2 ---100--- H3 ---100--- H3-2                H1-3 (4 km east, in the next district)
WHO = ["H1", "H2", "H1-2", "H3", "H3-2", "H1-3"]
WHOSE = ["H1", "", "H1", "H3", "H3", "H1"]
AT_M = [0.0, 100.0, 200.0, 300.0, 400.0, 4000.0]
LON, LAT = 105.02, 37.515
TEXT = "每个服务圈内定点住院机构不超过2家。每个区县不超过3家、180张。床位使用率低于70%的退出。"
INDICATOR = """\
[[indicator]]
id = "bed_use"
title = "床位使用率"
unit = "share"
"""
RULES = (
    ("circle_limit", "cap", "max = 2", "不超过2家"),
    ("area_limit", "district", 'per = "district"\nmax = 3', "每个区县不超过3家"),
    ("area_limit", "beds", 'per = "district"\nof = "beds"\nmax = 180', "180张"),
    (
        "exit",
        "leave",
        'action = "terminate"\nany_of = [{ indicator = "bed_use", below = 0.7 }]',
        "床位使用率低于70%的退出",
    ),
)


@pytest.fixture
def ready(lasting_toy_city, tmp_path, toy_plan):
    """The hand-drawn city with the street of hospitals in it."""
    cards = "".join(
        f'[[rule]]\nkind = "{kind}"\nid = "{name}"\ntitle = "{name}"\nservices = ["inpatient"]\n{more}\n'
        f'force = "must"\nclause = "一"\nquote = "{quote}"\n'
        for kind, name, more, quote in RULES
    )
    plan = load_plan(toy_plan(INDICATOR + cards, text=TEXT, radius_m=350))
    lon, lat = moved_to([LON] * 6, [LAT] * 6, [90.0] * 6, AT_M)
    lines = ["医保编码,机构名称,机构类型,经度,纬度,床位数,定位精度"]
    beds = (100, 50, 20, 30, 10, 5)
    lines += [f"{w},{w},医院,{x:.10f},{y:.10f},{b},0" for w, x, y, b in zip(WHO, lon, lat, beds, strict=True)]
    (tmp_path / "register.csv").write_text("\n".join(lines), encoding="utf-8")
    city, _ = read_city(load_city(lasting_toy_city, institutions=tmp_path / "register.csv"))
    sites = city.institutions.assign(institution=[w or i for w, i in zip(WHOSE, WHO, strict=True)])
    indicators = pd.DataFrame({
        "place_id": "", "institution_id": ["H1", "H2", "H3"], "indicator": "bed_use", "period": "",
        "value": [0.6, 0.8, 0.9],
    })  # fmt: skip
    return Prepared(plan, replace(city, institutions=sites), indicators=indicators)


def test_the_circle_of_a_campus_counts_other_institutions_once(ready):
    #        H1: H2, H3 (300 m)   H2: H1, H3   H1-2: H2, H3   H3: H1, H2   H3-2: H1-2, H2   H1-3: nobody
    assert ready.own_measures["others_within"].tolist() == [2, 2, 2, 2, 2, 0]
    nearest = [100, 100, 100, 100, 200, 3600]  # past the own campuses
    assert ready.own_measures["nearest_other_m"].tolist() == pytest.approx(nearest, abs=0.01)
    city = ready.city
    slow = measure_circles(city.institutions, city.institutions, city.population, radius_m=350)
    assert slow["others_within"].tolist() == ready.own_measures["others_within"].tolist()
    assert slow["nearest_other_m"].tolist() == pytest.approx(nearest, abs=0.01)
    near = neighbours_within(city.institutions, city.institutions, radius_m=350)
    assert near[near["site_id"] == "H1-2"]["id"].tolist() == ["H2", "H3", "H3-2"]
    assert near[near["site_id"] == "H3-2"]["institution"].tolist() == ["H1", "H2"]


def test_a_city_and_a_proposed_site_are_counted_alike(ready):
    city, plan = ready.city, ready.plan
    near = neighbours_within(city.institutions, city.institutions, radius_m=350)
    found = judge_city(plan, sites=ready.own_measures, neighbours=near, totals=ready.totals, inputs=ready.inputs)
    circles = {f.subject: f for f in found if f.rule_id == "cap"}
    assert {k: f.observed for k, f in circles.items()} == dict.fromkeys(WHO[:-1], 3.0) | {"H1-3": 1.0}
    assert "campuses_once" in circles["H1-2"].evidence.notes
    assert "campuses_once" not in circles["H1"].evidence.notes
    districts = {(f.rule_id, f.ground_name): f.observed for f in found if f.ground == "district"}
    assert districts["district", "沙坡头区"] == 3.0
    assert districts["district", "中宁县"] == 1.0
    assert (districts["beds", "沙坡头区"], districts["beds", "中宁县"]) == (210.0, 5.0)  # beds add up site by site
    leaves = {f.subject: f.outcome for f in found if f.rule_id == "leave"}
    assert leaves == {"H1": Outcome.BREACHED, "H2": Outcome.MET, "H3": Outcome.MET}  # the institution leaves, once
    # a stranger 50 m from H1 and a further campus of H1 there, both as proposed sites
    lon, lat = city.institutions.geometry.x[0], city.institutions.geometry.y[0]
    asked = {"lon": lon, "lat": lat, "datum": "wgs84", "service": "inpatient", "position_accuracy_m": 0.0}
    stranger = {f.rule_id: f for f in ready.judge(**asked, attributes={"beds": 10.0}).findings}
    campus = {f.rule_id: f for f in ready.judge(**asked, attributes={"beds": 10.0, "institution": "H1"}).findings}
    assert (stranger["cap"].observed, campus["cap"].observed) == (4.0, circles["H1"].observed)
    assert (stranger["district"].observed, campus["district"].observed) == (4.0, 3.0)
    assert "campus_counted" in campus["district"].evidence.notes
    assert (stranger["beds"].observed, campus["beds"].observed) == (220.0, 220.0)


# 甲一, 甲二 (177 m east of it) and 甲三 (222 m north of it); a pharmacy is proposed 44 m east of 甲一.
@pytest.mark.parametrize(("institution", "others", "nearest_m"), [("", 3, 44.2), ("P64050200001", 2, 132.6)])
def test_a_branch_of_the_only_site_is_not_its_competitor(lasting_toy_city, institution, others, nearest_m):
    """No institution has campuses yet: the one that is proposed would be the first."""
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    plan = load_plan(files.plan)
    ready = Prepared(plan, city)
    site = gpd.GeoDataFrame(
        {"id": ["N"], "service": ["pharmacy"], "institution": [institution]},
        geometry=[Point(105.0205, 37.515)],
        crs=4326,
    )
    measured = ready.measure(site).iloc[0]
    assert measured["others_within"] == others
    assert measured["nearest_other_m"] == pytest.approx(nearest_m, abs=0.1)
    slow = measure_circles(site, city.institutions, city.population, radius_m=plan.circle.radius_m).iloc[0]
    assert (slow["others_within"], slow["nearest_other_m"]) == (others, measured["nearest_other_m"])
    asked = {"lon": 105.0205, "lat": 37.515, "datum": "wgs84", "service": "pharmacy"}
    said = {"institution": institution} if institution else {}
    judged = ready.judge(**asked, attributes=said)
    assert judged.measures["others_within"] == others
    (circle,) = (f for f in judged.findings if f.rule_id == "pharmacy.circle.dense")
    assert circle.observed == others + 1
    screened = screen_sites(ready, site[["service", "geometry"]], attributes=said).iloc[0]
    assert (screened["others_within"], screened["conclusion"]) == (others, str(judged.conclusion))
    # once it stands in the register, its own circle and that of 甲一 do not count each other
    stands = city.institutions.iloc[[0]].assign(id="N", institution=institution, geometry=site.geometry.to_numpy())
    grown = replace(city, institutions=pd.concat([city.institutions, stands], ignore_index=True))
    assert Prepared(plan, grown).own_measures["others_within"].tolist()[-1] == others


def test_an_institution_is_borderline_where_none_of_its_campuses_is_surely_within(ready):
    rule = next(r for r in ready.plan.rules if r.id == "cap")
    sites = [Neighbour("H3", "", 340.0, 20.0, institution="H3"), Neighbour("H3-2", "", 100.0, 0.0, institution="H3"),
             Neighbour("H2", "", 10.0, 0.0)]  # fmt: skip
    found = judge_circle(rule, subject="H1", neighbours=sites, radius_m=350, accuracy_m=0.0)
    assert (found.observed, found.outcome) == (3.0, Outcome.BREACHED)
    unsure = judge_circle(rule, subject="H1", neighbours=[sites[0], sites[2]], radius_m=350, accuracy_m=0.0)
    assert (unsure.observed, unsure.outcome) == (3.0, Outcome.REVIEW)


def test_a_register_that_changes_keeps_the_count(ready):
    standing = Standing(ready, ready.measure(ready.city.institutions.iloc[:0]))
    row = standing._totals.set_index("name")
    assert (row.loc["沙坡头区", "n_inpatient"], row.loc["中卫市", "n_inpatient"]) == (3, 3)
    standing.remove("H1")
    row = standing._totals.set_index("name")
    assert row.loc["沙坡头区", ["n_inpatient", "beds_inpatient"]].tolist() == [3, 110.0]  # H1-2 still stands
    standing.remove("H1-2")
    row = standing._totals.set_index("name")
    assert (row.loc["沙坡头区", "n_inpatient"], row.loc["中卫市", "n_inpatient"]) == (2, 3)  # H1-3 still does
    assert standing._others_within(3) == 1

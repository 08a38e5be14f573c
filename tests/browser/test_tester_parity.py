"""The site tester in the page says what the library says: same verdicts, counts, findings; distances to a millimetre.

The suite drives a few hundred sites; CIRCLE15_PARITY_SITES=50000 drives that many (10,000 for each service).
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
import tester_page as tools

from circle15.draw.map import draw_city, draw_district
from circle15.draw.tester import build_tester
from circle15.measure.coverage import measure_coverage
from circle15.measure.gaps import find_gaps
from circle15.measure.kernels import depth_areas
from circle15.policy.cards import Density
from circle15.policy.plan import load_plan
from circle15.policy.rules import Target
from circle15.prepared import Prepared
from circle15.project.datum import from_wgs84, to_wgs84
from circle15.project.metric import areas_m2, moved_to
from circle15.read.city import load_city, read_city
from circle15.schema import Population

pytestmark = pytest.mark.browser
SITES = int(os.environ.get("CIRCLE15_PARITY_SITES", "0"))


def told(line):
    """Figures of a long run, for the report."""
    if SITES:
        sys.__stdout__.write(f"\n{line}\n")


@pytest.fixture(scope="module")
def sample(sample_city):
    files = load_city(sample_city)
    city, _ = read_city(files)
    city = replace(city, streets=None)  # the page has no streets: what is said of ways on foot is the workbench's
    plan = load_plan(files.plan)
    return plan, tools.quick_assessment(plan, city)


def opened(watched, assessment, plan, **options):
    return watched.open(tools.page_with_tester(assessment, plan, **options))


def with_unit(plan, unit):
    return plan.model_copy(update={"density": Density(unit=unit)})


def test_sites_all_over_the_sample_city(watched, sample):
    plan, assessment = sample
    page = opened(watched, assessment, plan)
    sites = tools.sites_on(assessment.city, np.random.default_rng(5), SITES or 60)
    # three grounds meet in a corner near these: the same of them is told
    sites.append({"lon": 106.14756346260025, "lat": 36.59878273925461, "service": "pharmacy", "accuracy_m": 10.0})
    wrong, counted, ms = tools.judge_both(page, Prepared(plan, assessment.city), sites)
    told(f"{len(sites)} sites, {counted}, {ms:.2f} ms a site in the page, {len(wrong)} differ")
    assert wrong == []
    assert len(counted) >= 3
    assert watched.complaints == []


def test_a_district_page_holds_what_its_sites_need(watched, sample):
    """The page holds a district and what its circles reach; map and tester draw and judge from the same arrays."""
    plan, assessment = sample
    city = assessment.city
    outline = city.places.set_index("id").loc["640502"].geometry
    page = watched.open(
        draw_district(assessment, "640502", parts=(build_tester(assessment, plan, district_id="640502"),))
    )
    sites = tools.sites_on(city, np.random.default_rng(21), 400, services=("pharmacy", "inpatient"))
    sites = [s for s in sites if outline.distance(shapely.Point(s["lon"], s["lat"])) < 0.004][:40]
    wrong, _, _ = tools.judge_both(page, Prepared(plan, city), sites)
    assert wrong == []
    assert len(sites) == 40
    assert page.evaluate("C15.testerCity.register.length") == len(city.institutions)
    assert page.evaluate("C15.testerCity.institutions.length") < len(city.institutions)
    cells = city.population.cells
    cells = cells[shapely.within(cells.geometry.to_numpy(), outline)].iloc[::200]
    middle = shapely.centroid(cells.geometry.to_numpy())
    told = page.evaluate(
        """(all) => all.map((p) => {
          const at = C15.populationAt(...p), [c, r] = C15.cells.lattice.grid_of(...p);
          return [at.residents, at.density, C15.cells.klass[Math.round(r) * C15.cells.lattice.cols + Math.round(c)] - 1];
        })""",
        shapely.get_coordinates(middle).tolist(),
    )
    assert [t[0] for t in told] == pytest.approx(cells["residents"].tolist())
    km2 = areas_m2(cells.geometry.to_numpy()) / 1e6
    assert [t[1] for t in told] == pytest.approx((cells["residents"] / km2).tolist(), rel=1e-6)
    assert [t[2] for t in told] == np.digitize(cells["residents"] / km2, [500, 1500, 3000, 6000, 12000]).tolist()
    assert watched.complaints == []


def test_campuses_of_one_institution_count_once(watched, sample):
    plan, assessment = sample
    register = assessment.city.institutions
    order = register.sort_values(["service", "place_told", "id"], kind="stable").index[::-1]
    codes = register.loc[order, "id"].where(np.arange(len(order)) % 2 == 0).ffill()  # neighbours in the list are one
    city = replace(assessment.city, institutions=register.assign(institution=codes.reindex(register.index)))
    ready = Prepared(plan, city)
    assert (
        ready.own_measures["others_within"].sum() < Prepared(plan, assessment.city).own_measures["others_within"].sum()
    )
    page = opened(watched, replace(assessment, city=city), plan)
    sites = tools.sites_on(city, np.random.default_rng(19), 24, services=("pharmacy", "outpatient", "inpatient"))
    wrong, _, _ = tools.judge_both(page, ready, sites)
    assert wrong == []
    notes = [n for s in sites for f in tools.judged(page, [s])["verdicts"][0]["findings"] for n in f["said"][7]]
    assert "campuses_once" in notes


@pytest.mark.parametrize("unit", ["circle", "cell"])
def test_other_readings_of_density(watched, sample, unit):
    plan, assessment = sample
    plan = with_unit(plan, unit)
    page = opened(watched, assessment, plan)
    sites = tools.sites_on(
        assessment.city, np.random.default_rng(7), SITES // 10 or 12, services=("pharmacy", "outpatient")
    )
    wrong, _, _ = tools.judge_both(page, Prepared(plan, assessment.city), sites)
    assert wrong == []


def test_what_an_application_says(watched, sample):
    plan, assessment = sample
    page = opened(watched, assessment, plan)
    sites = tools.sites_on(assessment.city, np.random.default_rng(11), 12)
    said = [
        {"tags": "dual_channel"}, {"level": "tertiary", "beds": 40.0}, {"tags": "dialysis"}, {"tags": "internal_clinic"},
        {"tags": "medical_aid", "level": "secondary", "beds": 0.0}, {"tags": "rehabilitation"},
    ]  # fmt: skip
    for site, words in zip(sites, said * 2, strict=True):
        site |= {**words, "attributes": words}
    wrong, _, _ = tools.judge_both(page, Prepared(plan, assessment.city), sites)
    assert wrong == []


@pytest.mark.parametrize("name", ["wuhu", "suihua", "liuzhou", "shenyang"])
def test_rules_of_the_other_plans(watched, sample, name):
    _, assessment = sample
    other = load_plan(name)
    districts = assessment.city.places[assessment.city.places["level"] == "district"]
    named = sorted(
        {a for g in other.groups for a in g.areas}
        | {a for r in other.rules for a in (getattr(r, "max_by_area", None) or {})}
    )
    places = assessment.city.places.copy()
    places.loc[districts.index, "name"] = [*named, *districts["name"]][: len(districts)]
    fits = set(places["name"])
    rules = []
    for rule in other.rules:
        table = getattr(rule, "max_by_area", None)
        update = {"max_by_area": {k: v for k, v in table.items() if k in fits}} if table else {}
        kept = tuple(a for a in rule.where.areas if a in fits)
        update |= {"where": rule.where.model_copy(update={"areas": kept})} if rule.where.areas else {}
        rules.append(rule.model_copy(update=update))
    groups = tuple(
        g.model_copy(update={"areas": tuple(a for a in g.areas if a in fits) or (places["name"][districts.index[0]],)})
        for g in other.groups
    )
    other = other.model_copy(update={"rules": tuple(rules), "groups": groups})
    moved = type(assessment.city)(assessment.city.institutions, assessment.city.population, places)
    ready = Prepared(other, moved)
    drawn = type(assessment)(**{**vars(assessment), "city": ready.city, "totals": ready.totals})
    page = opened(watched, drawn, other)
    services = sorted({s for r in other.rules for s in r.services})
    sites = tools.sites_on(moved, np.random.default_rng(3), SITES // 10 or 10, services=services)
    wrong, _, _ = tools.judge_both(page, ready, sites)
    assert wrong == []


def test_points_of_residents_at_the_very_edge(watched, lasting_toy_city):
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    middle = city.population.cells.geometry.representative_point().translate(
        4.4e-10, 4.4e-10
    )  # 0.05 mm off a round place
    cells = city.population.cells.assign(geometry=middle)
    plan, city = load_plan(files.plan), replace(city, population=Population(cells, None, "point", 0.0))
    page = opened(watched, tools.quick_assessment(plan, city), plan)
    some = np.flatnonzero(cells["residents"] > 0)[:40]
    metres, turn = 800.0 + np.tile([-1e-5, -2e-6, 2e-6, 1e-5], 10), np.linspace(0.0, 351.0, 40)
    lon, lat = moved_to(middle.x.to_numpy()[some], middle.y.to_numpy()[some], turn, metres)
    sites = [
        {"lon": float(x), "lat": float(y), "service": "pharmacy", "accuracy_m": 0.0}
        for x, y in zip(lon, lat, strict=True)
    ]
    wrong, _, _ = tools.judge_both(page, Prepared(plan, city), sites)
    assert wrong == []


def test_sites_in_las_palmas(watched, shared_data):
    plan = load_plan("zhongwei")
    city = tools.las_palmas(shared_data / "las_palmas", plan)
    assessment = tools.quick_assessment(plan, city)
    page = opened(watched, assessment, plan)
    sites = tools.sites_on(city, np.random.default_rng(8), SITES or 24)
    sites.append({"lon": -15.410990883509593, "lat": 28.09936114006714, "service": "pharmacy", "accuracy_m": 60.0})
    wrong, counted, ms = tools.judge_both(page, Prepared(plan, assessment.city), sites)
    told(f"{len(sites)} sites, {counted}, {ms:.2f} ms a site in the page, {len(wrong)} differ")
    assert wrong == []


@pytest.mark.parametrize("kind", ["area", "point", "grid"])
@pytest.mark.parametrize("unit", ["place", "circle", "cell"])
def test_other_ways_to_tell_residents(watched, lasting_toy_city, kind, unit):
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    cells = city.population.cells.copy()
    if kind == "point":
        cells["geometry"] = cells.geometry.representative_point()
    if kind == "area":  # larger pieces, none of them alike, so that no grid is found
        cells["strip"] = (cells.geometry.bounds["minx"] * 97).astype(int) % 7
        cells = cells.dissolve("strip", aggfunc="sum").reset_index()[["residents", "geometry"]]
    if kind == "grid":  # of every third column nothing is known
        cells = cells[(cells.geometry.bounds["minx"] * 500).round().astype(int) % 3 > 0].reset_index(drop=True)
    land = None if kind == "point" else shapely.union_all(cells.geometry.to_numpy())
    plan = with_unit(load_plan(files.plan), unit)
    city = replace(city, population=Population(cells, land, kind, 200.0))
    assessment = tools.quick_assessment(plan, city)
    page = opened(watched, assessment, plan)
    sites = tools.sites_on(city, np.random.default_rng(12), 12, services=("pharmacy", "outpatient"))
    # the library cuts land to the surroundings of each site and takes the straight sides of the cut as straight: 3e-5
    wrong, _, _ = tools.judge_both(page, Prepared(plan, city), sites, share=1e-4 if kind == "area" else 1e-6)
    assert wrong == []


# ── numbers by themselves ─────────────────────────────────────


@pytest.fixture
def numbers(watched, sample):
    plan, assessment = sample
    return opened(watched, assessment, plan)


def test_distances_are_geodesic(numbers):
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-180, 180, 4000), rng.uniform(-70, 70, 4000)
    azimuth, metres = rng.uniform(0, 360, 4000), 10.0 ** rng.uniform(-2, 4.2, 4000)
    x, y = moved_to(lon, lat, azimuth, metres)
    _, _, true = pyproj.Geod(ellps="WGS84").inv(lon, lat, x, y)
    told = numbers.evaluate(
        "(all) => all.map((p) => C15.geo.distance(...p))", np.column_stack([lon, lat, x, y]).tolist()
    )
    assert np.abs(np.array(told) - true).max() < 1e-6
    moved = np.array(
        numbers.evaluate(
            "(all) => all.map((p) => C15.geo.move(...p))",
            np.column_stack([lon, lat, azimuth, np.minimum(metres, 900)]).tolist(),
        )
    )
    near = np.minimum(metres, 900)
    _, _, away = pyproj.Geod(ellps="WGS84").inv(lon, lat, moved[:, 0], moved[:, 1])
    assert np.abs(away - near).max() < 1e-4


@pytest.mark.parametrize("datum", ["gcj02", "bd09", "cgcs2000", "wgs84"])
def test_datums_there_and_back(numbers, datum):
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(73, 135, 500), rng.uniform(18, 53, 500)
    x, y = from_wgs84(lon, lat, datum)
    told = np.array(
        numbers.evaluate(
            "([all, d]) => all.map(([x, y]) => C15.geo.toWgs84(x, y, d))", [np.column_stack([x, y]).tolist(), datum]
        )
    )
    mine = np.column_stack(to_wgs84(x, y, datum))
    assert np.abs(told - mine).max() * 111_320 < 1e-6
    back = np.array(
        numbers.evaluate("([all, d]) => all.map(([x, y]) => C15.geo.fromWgs84(x, y, d))", [told.tolist(), datum])
    )
    assert np.abs(back - np.column_stack([x, y])).max() * 111_320 < 1e-6


def test_ground_under_several_circles(numbers):
    rng = np.random.default_rng(4)
    square = [[-60.0, -50.0, 55.0, -48.0, 60.0, 52.0, -58.0, 49.0]]
    cell = np.array(square[0]).reshape(-1, 2)
    packed = (cell, np.array([0, 4]), np.array([0, 1]))
    for count in (1, 2, 3, 6):
        for _ in range(30):
            angle, away = rng.uniform(0, 2 * np.pi, count), 800.0 + rng.uniform(-70, 70, count)
            dx, dy = away * np.cos(angle), away * np.sin(angle)
            true = depth_areas(packed, np.array([0]), np.array([0, count]), dx, dy, radius_m=800.0, depths=1)[0, 0]
            told = numbers.evaluate(
                "([r, c]) => C15.geo.unionArea(r, c, 800)", [square, np.column_stack([dx, dy]).tolist()]
            )
            assert told == pytest.approx(true, abs=1e-6)
    assert shapely.Polygon(cell).area == pytest.approx(numbers.evaluate("(r) => C15.geo.ringsArea(r)", square))


# ── what if ───────────────────────────────────────────────────

SET = """([sites, gone]) => {
  const city = C15.testerCity;
  city.retired = new Set(gone);
  city.setAdded(sites.map((s, n) => ({ ...s, id: "N" + n })));
}"""


@pytest.fixture(scope="module")
def what_if(sample):
    """Sites placed and pharmacies retired, as the page is told, and the city as it then is."""
    _, assessment = sample
    city, rng = assessment.city, np.random.default_rng(9)
    own = city.institutions[city.institutions["service"] == "pharmacy"]
    gone = own.iloc[rng.choice(len(own), 25, replace=False)]["id"].tolist()
    some = [s for s in tools.sites_on(city, rng, 60, services=("pharmacy",)) if s["accuracy_m"] > 0]
    moved = city.institutions[~city.institutions["id"].isin(gone)]
    ids = [f"N{k}" for k in range(len(some))]
    fresh = moved.iloc[: len(some)].assign(
        id=ids, institution=ids, service="pharmacy", tags="", level="", address="", name="",
        beds=np.nan, stations=np.nan, physicians=np.nan, position_accuracy_m=[s["accuracy_m"] for s in some],
    )  # fmt: skip
    fresh = fresh.set_geometry(shapely.points([s["lon"] for s in some], [s["lat"] for s in some]), crs=moved.crs)
    after = gpd.GeoDataFrame(pd.concat([moved, fresh], ignore_index=True), crs=moved.crs)
    return some, gone, replace(city, institutions=after)


def test_coverage_of_a_set_is_that_of_the_library(watched, sample, what_if):
    plan, assessment = sample
    page = opened(watched, assessment, plan)
    some, gone, after = what_if
    true = measure_coverage(
        after.population, after.institutions, after.places, radius_m=800.0, services=["pharmacy"]
    ).set_index("place_id")
    base = assessment.coverage.query("service == 'pharmacy'").set_index("place_id")
    page.evaluate(SET, [some, gone])
    told = page.evaluate(
        """() => C15.testerCity.places.map((p) => {
          const c = C15.testerCity.change("pharmacy", [p]);
          return [p.place_id, c.gained - c.lost];
        })"""
    )
    for place, change in told:
        assert base.loc[place, "covered"] + change == pytest.approx(true.loc[place, "covered"], rel=1e-7, abs=1e-4)
    assert max(abs(c) for _, c in told) > 1000


def test_verdicts_after_a_set_are_those_of_the_changed_city(watched, sample, what_if):
    plan, assessment = sample
    aim = Target(
        kind="target", id="pharmacy.coverage", title="覆盖率", services=("pharmacy",), force="principle", clause="一",
        quote="覆盖率", measure="coverage_share", at_least=0.6,
    )  # fmt: skip
    plan = plan.model_copy(update={"rules": (*plan.rules, aim)})
    assessment = replace(assessment, totals=Prepared(plan, assessment.city).totals)
    page = opened(watched, assessment, plan)
    some, gone, after = what_if
    page.evaluate(SET, [some, gone])
    near = [s | {"lon": s["lon"] + 0.002} for s in some[:20]]
    ready = Prepared(plan, after)
    wrong, _, _ = tools.judge_both(page, ready, near)
    assert wrong == []
    share = page.evaluate(
        """() => {
          const city = C15.testerCity;
          return city.goalAfter(city.places.find((p) => p.level === "city"), "coverage_share", "pharmacy");
        }"""
    )
    was = assessment.totals.set_index("level").loc["city", "coverage_share_pharmacy"]
    assert abs(share - was) > 1e-3


def test_gaps_after_a_set_are_those_of_the_changed_city(watched, sample, what_if):
    plan, assessment = sample
    some, gone, after = what_if

    def gaps_of(city):
        return find_gaps(city.population, city.institutions, city.places, radius_m=800.0, service="pharmacy")

    told = replace(assessment, gaps=gaps_of(assessment.city), provenance={"options": {"gap_min_residents": 100.0}})
    page = watched.open(draw_city(told, parts=(build_tester(told, plan),)))
    page.evaluate(SET, [some, gone])
    found = page.evaluate(
        """() => {
          const { told, fresh } = C15.gapsAfter(C15.testerCity, "pharmacy", C15.data.gaps, 100);
          const touched = new Set(told.map((t) => t.gap));
          return {
            same: C15.data.gaps.filter((g) => !touched.has(g)).map((g) => g.residents),
            changed: [...told.flatMap((t) => t.patches), ...fresh].map((p) => [p.residents, p.lonlat]),
            fresh: fresh.length, closed: told.filter((t) => !t.patches.length).length,
          };
        }"""
    )
    true = gaps_of(after)
    ours = sorted([*found["same"], *(r for r, _ in found["changed"])])
    assert ours == pytest.approx(sorted(true["residents"]), abs=0.51)  # the page's residents are whole
    assert found["fresh"] > 3
    assert found["closed"] > 3
    true = true[~true["residents"].round(3).duplicated(keep=False)]  # a number of residents that tells a gap
    by_size = {round(r, 3): shape for r, shape in zip(true["residents"], true.geometry, strict=True)}
    plain = [
        (by_size[round(r, 3)], rings[0]) for r, rings in found["changed"] if round(r, 3) in by_size and len(rings) == 1
    ]
    assert len(plain) > 10
    for outline, ring in plain:
        assert shapely.area(shapely.symmetric_difference(outline, shapely.Polygon(ring))) < 1e-9

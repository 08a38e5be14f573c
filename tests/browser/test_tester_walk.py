"""The page's tester on foot says what the library says: ways to a millimetre, the same verdicts, counts and residents.

The suite drives some dozen sites; CIRCLE15_PARITY_SITES=50000 drives that many.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import tester_page as tools
from shapely.geometry import Point
from streets_osm import write_osm

from circle15.measure.circles import lonlat
from circle15.measure.walking_circles import measure_walking_circles, walking_to
from circle15.policy.cards import Step, Where
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city
from circle15.read.streets import read_streets
from circle15.schema import CRS, Pace

pytestmark = pytest.mark.browser
SITES = int(os.environ.get("CIRCLE15_PARITY_SITES", "0"))


WAYS = """(sites) => {
  const city = C15.testerCity, start = performance.now();
  const all = sites.map((s) => city.judge({ id: "proposed", ...s }));
  const ms = performance.now() - start;
  return { ms, all: all.map((v) => [v.walk, v.near.map((n) => [n.id, n.walking_m, n.walking_minutes]), city.ways.horizon(v.site)]) };
}"""


def on_foot(plan):
    """The plan with cards of every kind that looks at a distance, by metres and by minutes walked."""
    dense = plan.rule("pharmacy.circle.dense")
    circle = {"distance": "walking", "where": Where(), "services": ("pharmacy", "outpatient")}
    rate = {"max": None, "max_rate": 1.0, "rate_per": 2000.0}
    steps = {"max": None, "max_steps": (Step(up_to=3000.0, max=2.0), Step(max=5.0))}
    cards = {
        "cap": circle, "minutes": circle | {"minutes": 15.0}, "wide": circle | {"reach": "overlap", "radius_m": 500.0},
        "spacing": circle | {"radius_m": 350.0, "at_radius": "outside", "max": 0, "counts_site": False},
        "rate": circle | rate, "steps": circle | steps | {"minutes": 10.0}, "beside": circle | {"distance": "straight", "radius_m": 400.0},
    }  # fmt: skip
    rules = [dense.model_copy(update={"id": f"walk.{k}"} | v) for k, v in cards.items()]
    empty = plan.rule("exempt.uncovered").model_copy(
        update={"id": "walk.empty", "where": Where(), "distance": "walking"}
    )
    near = plan.rule("pharmacy.dual_channel.near").model_copy(
        update={"id": "walk.near", "distance": "walking", "radius_m": 600.0, "tags": ()}
    )
    return plan.model_copy(update={"rules": (*plan.rules, *rules, empty, near)})


def agree(mine, theirs, horizon_m):
    """Whether the page tells a way as the library does: to a millimetre, None off the streets, infinite far away."""
    if mine is None:
        assert np.isnan(theirs)
    elif np.isinf(mine):
        assert theirs > horizon_m - 1e-3
    else:
        assert abs(mine - theirs) <= 1e-3
        return True
    return False


def check_ways(page, ready, sites):
    """Ways of the page against those of the library: how many were told, milliseconds a site."""
    told = page.evaluate(WAYS, sites)
    table = gpd.GeoDataFrame(
        {"id": "proposed", "service": [s["service"] for s in sites]},
        geometry=gpd.points_from_xy([s["lon"] for s in sites], [s["lat"] for s in sites]), crs=CRS,
    )  # fmt: skip
    city, there = ready.city, ready.foot.spots(*lonlat(ready.city.institutions))
    true = measure_walking_circles(table, city.institutions, city.population, ready.foot, radius_m=800.0)
    count = 0
    for site, (walk, near, horizon), row in zip(sites, told["all"], true.to_dict("records"), strict=True):
        mine = np.array([walk[k] for k in ("snap_m", "others", "residents")], dtype=float)
        theirs = np.array([row[k] for k in ("snap_m", "others_walking", "residents_walking")], dtype=float)
        assert mine == pytest.approx(theirs, abs=1e-3, nan_ok=True), site
        reach_m = ready.reach_m(site["accuracy_m"])
        table = walking_to((site["lon"], site["lat"]), city.institutions, ready.foot, reach_m=reach_m, there=there)
        ways = {row["id"]: row for row in table.to_dict("records")}
        slow = ready.city.pace.metres_per_s * 60.0
        for name, metres, minutes in near:
            told_m, told_min = ways[name]["walking_m"], ways[name]["walking_minutes"]
            count += agree(metres, told_m, horizon) + agree(minutes and minutes * slow, told_min * slow, horizon)
    return count, told["ms"] / len(sites)


def both(watched, ready, sites, *, least, **options):
    assessment = tools.quick_assessment(ready.plan, ready.city, ready=ready)
    page = watched.open(tools.page_with_tester(assessment, ready.plan, **options))
    wrong, counted, ms = tools.judge_both(page, ready, sites)
    ways, again = check_ways(page, ready, sites)
    if SITES:
        sys.__stdout__.write(f"\n{len(sites)} sites, {counted}, {ways} ways, {ms:.2f} and {again:.2f} ms a site\n")
    assert wrong == []
    assert ways > least
    assert watched.complaints == []
    return page


def test_a_district_holds_what_its_sites_reach_on_foot(watched, sample_city):
    files = load_city(sample_city)
    sample = Prepared(on_foot(load_plan(files.plan)), read_city(files)[0])
    places = sample.city.places
    district = places[places["level"] == "district"].iloc[0]
    all_over = tools.sites_on(
        sample.city, np.random.default_rng(23), 8 * SITES or 200, services=("pharmacy", "outpatient")
    )
    sites = [s for s in all_over if district.geometry.covers(Point(s["lon"], s["lat"]))][: SITES or 24]
    page = both(watched, sample, sites, least=100, district_id=district["id"])
    site = next(s for s in sites if page.evaluate("(s) => C15.testerCity.ways.net.spot(s.lon, s.lat) !== null", s))
    page.evaluate("(s) => C15.tester.open(s)", site)
    assert "步行 800 米内" in page.inner_text(".t-facts")
    assert page.locator("path.t-walk").count() == 2


def test_slopes_take_longer_in_the_page_too(watched, lasting_toy_city, tmp_path):
    files = load_city(lasting_toy_city)
    x, y = np.meshgrid(np.arange(105.002, 105.086, 0.002), np.arange(37.502, 37.530, 0.002))
    corners = {n: (round(a, 6), round(b, 6)) for n, (a, b) in enumerate(zip(x.flat, y.flat, strict=True), start=1)}
    number = np.arange(1, x.size + 1).reshape(x.shape)
    ways = [(line.tolist(), {"highway": "residential"}) for line in (*number, *number.T)]
    streets = read_streets(write_osm(tmp_path / "lanes.osm.pbf", ways=ways, places=corners)).table
    heights = np.random.default_rng(3).normal(0.0, 15.0, len(streets.lon))
    heights[::17] = np.nan
    hilly = replace(read_city(files)[0], streets=replace(streets, elevation_m=heights), pace=Pace(1.0, "tobler", 180.0))
    ready = Prepared(on_foot(load_plan(files.plan)), hilly)
    sites = tools.sites_on(hilly, np.random.default_rng(22), 24, services=("pharmacy", "outpatient"))
    both(watched, ready, sites, least=20)


def test_sites_in_las_palmas_on_foot(watched, shared_data):
    plan = on_foot(load_plan("zhongwei"))
    streets = read_streets(shared_data / "las_palmas" / "las_palmas.osm.pbf").table
    city = replace(tools.las_palmas(shared_data / "las_palmas", plan), streets=streets)
    sites = tools.sites_on(city, np.random.default_rng(8), SITES or 16, services=tools.SERVICES[:2])
    both(watched, Prepared(plan, city), sites, least=200)


def test_pages_without_streets_hold_nothing_of_them(lasting_toy_city):
    files = load_city(lasting_toy_city)
    plan, city = load_plan(files.plan), read_city(files)[0]
    part = tools.build_tester(tools.quick_assessment(plan, city), plan)
    assert not {"tester_walk.js", "tester_ways.js"} & set(part.scripts)
    words = json.loads(part.blocks["tester"])["words"]["zh"]
    assert not [k for k in words if k.startswith(("walk.", "note.by_", "note.holds_by_"))]

"""What a set of sites changes on a page beside the tester: the legend's figures, and what is said of those that stay."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import tester_page as tools

from circle15.draw.map import draw_city
from circle15.draw.tester import build_tester
from circle15.measure.coverage import measure_coverage
from circle15.policy.plan import load_plan
from circle15.read.city import load_city, read_city

pytestmark = pytest.mark.browser
SITE = (105.1125, 37.5135)
ADD = """(at) => {
  document.getElementById("view-tester").click();
  document.getElementById("tester-coordinates").value = at.join(", ");
  document.querySelector(".t-go").click();
  document.querySelector(".t-add").click();
}"""


@pytest.fixture(scope="module")
def plan_and_city(lasting_toy_city):
    files = load_city(lasting_toy_city)
    return load_plan(files.plan), read_city(files)[0]


def page_of(watched, plan, city):
    """The city's page with a tester, and coverage as it was and with a pharmacy more (of the districts together)."""
    assessment = tools.quick_assessment(plan, city, services=("pharmacy", "outpatient"))
    register = city.institutions
    more = gpd.GeoDataFrame({"id": ["new"], "service": ["pharmacy"]}, geometry=[shapely.Point(SITE)], crs=register.crs)
    after = pd.concat([register, more.reindex(columns=register.columns)], ignore_index=True)
    parts = [
        measure_coverage(city.population, table, city.places, radius_m=800.0, services=["pharmacy"])
        for table in (register, after)
    ]
    districts = [table[table["level"] == "district"] for table in parts]
    shares = [table["covered"].sum() / table["residents"].sum() for table in districts]
    page = watched.open(draw_city(assessment, parts=(build_tester(assessment, plan),)))
    page.evaluate("C15.setService('pharmacy')")
    return page, shares


def legend(page):
    return page.inner_text("label.row:has(input[name=coverage]) .count")


def percent(share, digits=1):
    return f"{100 * share:.{digits}f}%"


@pytest.mark.parametrize("level", ["city", "region"])
def test_coverage_of_the_page_follows_the_set(watched, plan_and_city, level):
    plan, city = plan_and_city
    if level == "region":
        city = replace(city, places=city.places[city.places["level"] != "city"])
    page, (before, after) = page_of(watched, plan, city)
    assert legend(page) == percent(before)
    page.evaluate(ADD, SITE)
    assert percent(before) != percent(after)
    assert legend(page) == percent(after)
    assert f"{percent(before, 2)} → {percent(after, 2)}" in page.inner_text(".t-impact")
    assert "覆盖率、空白已计入方案推演" in page.inner_text("#legend")
    for view in ("figures", "table"):
        page.click(f"#view-{view}")
        assert "评估时的结果" in page.inner_text(f"#{view} .assessed")
    page.click("#view-figures")
    assert f"{percent(after)}\n方案推演后" in page.inner_text("#figures .lead")
    page.click("#view-tester")
    page.click(".t-buttons button:has-text('清空')")
    assert legend(page) == percent(before)
    page.click("#view-figures")
    assert page.query_selector("#figures .assessed") is None
    assert watched.complaints == []


def test_gaps_that_are_not_drawn_anew_are_said_to_be_as_assessed(watched, plan_and_city):
    plan, city = plan_and_city
    cells = city.population.cells
    points = cells.set_geometry(shapely.centroid(cells.geometry.to_numpy()))
    population = replace(city.population, cells=points, kind="point", land=None, grid=None)
    page, (before, after) = page_of(watched, plan, replace(city, population=population))
    page.evaluate(ADD, SITE)
    assert legend(page) == percent(after) != percent(before)
    assert "空白和其余数字是评估时的" in page.inner_text("#legend")
    assert "空白不逐片重算" in page.inner_text(".t-impact")


def test_gaps_too_wide_to_follow_are_said_to_be_as_assessed(watched, plan_and_city):
    plan, city = plan_and_city
    page, (_, after) = page_of(watched, plan, city)
    page.evaluate("C15.mostBareCells = 5")
    page.evaluate(ADD, SITE)
    assert legend(page) == percent(after)
    assert "空白和其余数字是评估时的" in page.inner_text("#legend")
    assert "空白不逐片重算" in page.inner_text(".t-impact")

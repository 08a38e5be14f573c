"""The page of a province or the nation as people use it: service, measure, sort, search, choose, zoom, export, print."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from drawn_city import counties

from circle15.draw.marks import Marks
from circle15.draw.nation import draw_nation
from circle15.policy.plan import load_plan

pytestmark = pytest.mark.browser


@pytest.fixture
def page(watched):
    return watched.open(draw_nation(*counties(), ["inpatient", "pharmacy"], plan=load_plan("zhongwei"), simulated=True))


def names_listed(page):
    return page.eval_on_selector_all("#rows tr th button", "all => all.map((b) => b.textContent)")


def test_totals_are_of_residents_and_the_worst_come_first(page, watched):
    places, _ = counties()
    share = places["pharmacy_covered"].sum() / places["residents"].sum()
    assert f"{100 * share:.1f}%" in page.inner_text(".tiles")
    assert "模拟数据" in page.inner_text("header")
    uncovered = (places["residents"] - places["pharmacy_covered"]).to_numpy()
    assert names_listed(page)[:3] == [places["name"][k] for k in np.argsort(-uncovered, kind="stable")[:3]]
    assert page.locator("#rows tr").count() == 100
    page.click("#more")
    assert page.locator("#rows tr").count() == 144
    assert "—" in page.inner_text("#rows tr[data-at='5']")  # unknown is not nought
    density = places["residents"].sum() / places["land_km2"].sum()
    assert page.inner_text("tfoot td:nth-child(3)") == f"{density:.0f}"
    assert watched.complaints == []
    assert watched.foreign_requests() == []


def test_sorting_searching_and_the_file_say_the_same(page):
    page.click("#sort-share")
    page.click("#sort-share")
    assert page.get_attribute("th:has(#sort-share)", "aria-sort") == "ascending"
    assert page.inner_text("#rows tr:first-child td:nth-child(6)") == "0.0%"
    page.fill("#find", "64001")
    assert names_listed(page) == [f"县{k}" for k in range(10, 20)]
    with page.expect_download() as waiting:
        page.click("#export")
    told = list(csv.reader(io.StringIO(waiting.value.path().read_text(encoding="utf-8-sig"))))
    assert [row[1] for row in told[1:]] == names_listed(page)
    assert [row[0] for row in told[1:3]] == ["640010", "640011"]
    per_10k = [row[told[0].index("每万人")] for row in told[1:]]
    assert per_10k[0] == f"{1e4 * 10 / 1100:.2f}"
    assert max(map(len, per_10k)) <= len("100.00")
    page.fill("#find", "没有这个县")
    assert "没有符合" in page.inner_text("#count")


def test_a_county_chosen_in_the_map_is_chosen_in_the_table_and_kept_by_the_address(page, watched):
    page.click(".counties path[data-at='7']")  # far down the list
    assert page.inner_text("#rows tr.chosen th button") == "县7"
    assert "县7：居民 1,070 人，覆盖率 70.0%" in page.inner_text("#readout")
    wide = float(page.get_attribute(".counties", "viewBox").split()[2])
    page.hover(".counties path[data-at='9']")
    assert "县9" in page.inner_text("#readout")
    page.mouse.wheel(0, -200)
    assert float(page.get_attribute(".counties", "viewBox").split()[2]) < wide
    page.hover(".counties path[data-at='9']")
    assert "县9" in page.inner_text("#readout")
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    assert "县7" in page.inner_text("#readout")
    assert (
        page.inner_text(".worst .best") == "候选点 103.51235, 30.25000（WGS 84）：新设一家可新覆盖 412 人"
    )  # the second has none
    page.click(".worst button")
    assert page.inner_text("#readout").startswith("县7")
    assert watched.complaints == []


def test_measures_services_and_languages(page):
    fills = "() => [...document.querySelectorAll('.counties path[data-at]')].map((p) => p.getAttribute('fill'))"
    share = page.evaluate(fills)
    assert len(set(share)) == 6  # five classes and one county without residents
    page.click("#measure-per_10k")
    assert page.evaluate(fills) != share
    page.press("#measure-per_10k", "ArrowLeft")
    assert page.get_attribute("#measure-uncovered", "aria-selected") == "true"
    page.click("#tab-inpatient")
    assert page.inner_text(".tile b >> nth=0") == "0.0%"
    page.click("#language")
    assert "Find a district" in page.get_attribute("#find", "placeholder")
    assert "{" not in page.inner_text("body")


def test_hostile_names_are_text(watched):
    page = watched.open(
        draw_nation(*counties(hostile=True), ["pharmacy", "inpatient"], plan=load_plan("zhongwei"), simulated=False)
    )
    page.click("#sort-name")
    page.click("#rows tr:first-child button")
    page.click(".zoom button:last-child")
    page.hover(".counties path[data-at='0']")
    assert page.evaluate("() => window.hit") is None
    assert watched.complaints == []
    assert "模拟数据" not in page.inner_text("header")


def test_a_public_page_bears_its_number_and_no_mark_of_internal_use(watched):
    marks = Marks(internal=False, map_number="宁S(2026)001号")
    html = draw_nation(*counties(), ["pharmacy", "inpatient"], plan=load_plan("zhongwei"), simulated=False, marks=marks)
    page = watched.open(html)
    assert "内部使用" not in page.inner_text("body")
    assert "宁S(2026)001号" in page.inner_text("footer")


def test_a_narrow_screen_and_few_counties(watched):
    page = watched.open(draw_nation(*counties(across=3), ["pharmacy"], plan=load_plan("zhongwei"), simulated=True))
    assert page.is_visible(".figures .worst")  # below the short table, not below the map
    page.set_viewport_size({"width": 390, "height": 844})
    for language in ("English", "中文"):
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390
        assert page.inner_text("#language") == language
        page.click("#language")


def test_it_prints(page, tmp_path):
    assert page.pdf(path=tmp_path / "a.pdf", prefer_css_page_size=True)[:5] == b"%PDF-"
    page.emulate_media(media="print")
    assert page.is_visible(".counties")
    assert not page.is_visible("#find")

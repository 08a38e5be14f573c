"""The site tester as people use it: click, type, search, arrow keys, sets, files, both languages, hostile names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tester_page as tools

from circle15.policy.plan import load_plan
from circle15.project.datum import from_wgs84
from circle15.read.city import load_city, read_city

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=window.hit=1>${window.hit=2}</script>=HYPERLINK(1)\u202eabc"
DENSE = (105.0205, 37.5155)


@pytest.fixture(scope="module")
def toy(lasting_toy_city):
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    plan = load_plan(files.plan)
    return plan, tools.quick_assessment(plan, city, services=("pharmacy", "outpatient"))


@pytest.fixture
def page(watched, toy):
    plan, assessment = toy
    return watched.open(tools.page_with_tester(assessment, plan))


def type_in(page, lon, lat, *, datum="wgs84"):
    page.select_option("#tester-datum", datum)
    page.fill("#tester-coordinates", f"{lon}, {lat}")
    page.click(".t-go")


def site(page):
    """Where the site stands."""
    return page.evaluate("(() => { const p = C15.testerCity.last; return p && [p.lon, p.lat]; })()")


def test_a_refused_site_with_clause_and_words_of_the_plan(page, watched):
    type_in(page, *DENSE)
    assert page.inner_text(".t-verdict strong") == "不予定点"
    assert "甲街道" in page.inner_text(".t-verdict")
    because = page.inner_text(".t-because")
    assert "新增后 4家（现有 3家），上限 3家" in because
    assert "三（三）1（1）" in because
    rows = [r.inner_text().split("\t") for r in page.query_selector_all(".t-near tbody tr")]
    assert [r[1].strip()[:4] for r in rows] == ["甲一药房", "甲二药房", "甲三药房"]
    assert [float(r[2]) for r in rows] == sorted(float(r[2]) for r in rows)
    assert watched.complaints == []
    assert watched.foreign_requests() == []


@pytest.mark.parametrize("datum", ["gcj02", "bd09", "cgcs2000"])
def test_typed_coordinates_of_any_datum(page, datum):
    x, y = (float(v[0]) for v in from_wgs84([105.021], [37.516], datum))
    type_in(page, repr(x), repr(y), datum=datum)
    lon, lat = site(page)
    assert abs(lon - 105.021) * 88_000 < 1e-6
    assert abs(lat - 37.516) * 111_000 < 1e-6


@pytest.mark.parametrize(
    "typed",
    [
        "105.021, 37.516",
        "105.021，37.516",
        "E105.021 N37.516",
        "37.516N 105.021E",
        "105°1′15.6″E 37°30′57.6″N",
        "东经105.021度，北纬37.516度",
    ],
)
def test_ways_to_write_coordinates(page, typed):
    page.fill("#tester-coordinates", typed)
    page.click(".t-go")
    assert site(page) == pytest.approx([105.021, 37.516], abs=1e-9)
    assert not page.is_visible(".t-message")


def test_swapped_order_is_noticed(page):
    type_in(page, 37.516, 105.021)
    assert site(page) == pytest.approx([105.021, 37.516])
    assert "纬度, 经度" in page.inner_text(".t-message")


@pytest.mark.parametrize(
    ("typed", "said"),
    [("一零五", "没有读出"), ("105.02", "没有读出"), ("200, 95", "超出"), ("116.4, 39.9", "不在本页")],
)
def test_coordinates_that_cannot_be(page, typed, said):
    page.fill("#tester-coordinates", typed)
    page.click(".t-go")
    assert said in page.inner_text(".t-message")
    assert page.query_selector(".t-verdict") is None


def test_a_click_on_the_map_and_arrow_keys(page):
    box = page.locator(".folium-map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.is_visible(".t-verdict")
    before = site(page)
    page.focus(".t-pad")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    east, north = np.array(site(page)) - before
    assert east * 111_320 * np.cos(np.radians(37.5)) == pytest.approx(10, rel=0.01)
    assert north * 110_990 == pytest.approx(100, rel=0.01)
    page.uncheck(".t-check input")
    page.mouse.click(box["x"] + 80, box["y"] + 300)
    assert site(page)[0] == pytest.approx(before[0] + east)


def test_an_address_is_found_by_keyboard(page):
    page.focus("#tester-query")
    page.keyboard.type("乙路")
    page.keyboard.press("Enter")
    assert site(page) == pytest.approx([105.08, 37.515])
    assert page.evaluate("document.activeElement.id") == "tester-query"


def test_a_set_is_judged_together_and_undone(page):
    type_in(page, 105.11, 37.515)
    first = page.inner_text(".t-verdict strong")
    page.click(".t-add")
    type_in(page, 105.111, 37.515)
    assert "方案新增" in page.inner_text(".t-near")
    page.click(".t-add")
    assert len(page.query_selector_all(".t-set li")) == 2
    assert "新增" not in first
    impact = page.inner_text(".t-impact")
    assert "定点零售药店" in impact
    assert "+" in impact
    page.click(".t-buttons button:has-text('撤销')")
    assert len(page.query_selector_all(".t-set li")) == 1
    page.click(".t-buttons button:has-text('撤销')")
    assert page.query_selector(".t-impact") is None


def test_retiring_neighbours_changes_the_verdict_and_coverage(page):
    type_in(page, *DENSE)
    assert "新增后 4家" in page.inner_text(".t-because")
    page.click(".t-near button:has-text('拟退出')")
    assert "新增后 4家" not in page.inner_text(".t-result")
    assert len(page.query_selector_all(".t-near tbody tr")) == 2
    assert page.inner_text(".t-set s") == "甲一药房"
    assert "−" in page.inner_text(".t-impact")
    page.click(".t-set button:has-text('恢复')")
    assert "新增后 4家" in page.inner_text(".t-because")


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_a_set_goes_out_and_comes_in_again(page, kind, tmp_path):
    type_in(page, 105.11, 37.515)
    page.click(".t-add")
    page.evaluate("() => document.querySelector('.t-whatif').scrollIntoView()")
    type_in(page, *DENSE)
    page.click(".t-near button:has-text('拟退出')")
    with page.expect_download() as waiting:
        page.click(f".t-buttons button:has-text('导出 {kind}')")
    saved = tmp_path / f"set.{kind.lower()}"
    waiting.value.save_as(saved)
    text = saved.read_text(encoding="utf-8-sig")
    assert "P64050200001" in text
    if kind == "JSON":
        assert json.loads(text)["added"][0]["lon"] == pytest.approx(105.11)
    page.click(".t-buttons button:has-text('清空')")
    assert page.query_selector_all(".t-set li") == []
    page.set_input_files(".t-buttons input[type=file]", saved)
    page.wait_for_selector(".t-set li")
    assert len(page.query_selector_all(".t-set li")) == 2
    assert "1 个拟设点，1 家拟退出" in page.inner_text(".t-message")


def test_faults_of_a_file_are_all_told(page, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text(
        "action,service,id,lon,lat\nadd,school,,105,37\nadd,pharmacy,,500,37\nretire,,P1,,\n", encoding="utf-8"
    )
    page.set_input_files(".t-buttons input[type=file]", file)
    page.wait_for_selector(".t-message.t-fault")
    said = page.inner_text(".t-message")
    assert all(f"第 {row} 行" in said for row in (2, 3, 4))
    assert page.query_selector_all(".t-set li") == []


def test_language_changes_and_the_set_stays(page):
    type_in(page, *DENSE)
    page.click(".t-add")
    type_in(page, 105.11, 37.515)
    page.evaluate("window.mount('en', {})")
    assert page.inner_text("#panel h2") == "Site tester"
    assert page.is_visible(".t-verdict")
    assert len(page.query_selector_all(".t-set li")) == 1
    shown = (
        page.inner_text("#panel").replace(page.inner_text(".t-because"), "")
        if page.query_selector(".t-because")
        else ""
    )
    assert "undefined" not in shown
    assert "{" not in page.inner_text("#panel")


def test_hostile_names_are_shown_and_never_run(watched, toy):
    plan, assessment = toy
    hostile = assessment.city.institutions.assign(name=HOSTILE, address=HOSTILE)
    places = assessment.city.places.assign(
        name=[
            HOSTILE if lv == "township" else n
            for n, lv in zip(assessment.city.places["name"], assessment.city.places["level"], strict=True)
        ]
    )
    city = replace(assessment.city, institutions=hostile, places=places)
    page = watched.open(tools.page_with_tester(tools.quick_assessment(plan, city), plan))
    type_in(page, *DENSE)
    page.fill("#tester-query", "<img")
    page.wait_for_selector(".t-found li")
    page.click(".t-near button:has-text('拟退出')")
    with page.expect_download() as waiting:
        page.click(".t-buttons button:has-text('导出 CSV')")
    assert ",=HYPERLINK" not in Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert "<img src=x" in page.inner_text(".t-near")
    assert "\u202e" not in page.inner_text("body")
    assert page.evaluate("document.querySelectorAll('#panel img, #panel script').length") == 0
    assert watched.complaints == []


def test_every_control_has_a_name_and_is_reached_by_keyboard(page):
    type_in(page, *DENSE)
    page.click(".t-add")
    nameless = page.evaluate("""() => [...document.querySelectorAll('#panel input, #panel select, #panel button')].filter((n) =>
        !n.hidden && !(n.getAttribute('aria-label') || n.textContent.trim() || n.title || (n.labels && n.labels.length))).map((n) => n.outerHTML)""")
    assert nameless == []
    reached = set()
    page.focus("#tester-service")
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.textContent"
            )
        )
    assert {"tester-coordinates", "tester-datum", "tester-accuracy", "tester-query", "t-pad"} <= reached


def test_a_site_is_judged_within_five_milliseconds(page):
    """Median over sites near one another, as a hand on the mouse makes them; on a machine that does other work too."""
    ms = page.evaluate("""() => {
      const times = [];
      for (let n = 0; n < 300; n += 1) {
        const start = performance.now();
        C15.testerCity.judge({ id: "proposed", lon: 105.02 + n * 2e-5, lat: 37.515, service: "pharmacy", accuracy_m: 10 });
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[150];
    }""")
    assert ms < 5

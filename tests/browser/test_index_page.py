"""The city's index page in headless Chromium."""

from __future__ import annotations

import re

import drawn_city
import pytest

from circle15.draw.index import draw_index

pytestmark = pytest.mark.browser


PAGES = {"640502": "沙坡头区 1#.html", "640503": "b.html"}


def column(page, at):
    return [c.inner_text().split("\n")[0] for c in page.query_selector_all(f"tbody tr td:nth-child({at})")]


def test_table_links_and_maps(watched):
    html = draw_index(drawn_city.make_assessment(), pages=PAGES, city_page="city.html")
    (watched.folder / "沙坡头区 1#.html").write_text("<title>there</title>", encoding="utf-8")
    page = watched.open(html, name="index.html")
    assert len(page.query_selector_all(".tabs button")) == 5
    assert len(page.query_selector_all(".worst ol li")) == 3
    assert len(page.query_selector_all("figure.small")) == 4
    assert page.query_selector_all("figure.small a path")
    assert "模拟数据" in page.inner_text("header")
    assert "内部使用" in page.inner_text("header")
    assert watched.foreign_requests() == []
    page.click("tbody a >> nth=0")
    assert page.title() == "there"
    assert watched.complaints == []


def test_figures_are_those_of_the_study_and_sort(watched):
    assessment = drawn_city.make_assessment()
    page = watched.open(draw_index(assessment, pages=PAGES))
    told = assessment.coverage.query("service == 'pharmacy' and level == 'district'")
    assert column(page, 2) == [f"{100 * v:.1f}%" for v in told["share"]]
    page.click("#sort-uncovered")
    assert page.get_attribute("thead th:nth-child(3)", "aria-sort") == "descending"
    left = [float(v.replace(",", "")) for v in column(page, 3)]
    assert left == sorted(left, reverse=True)
    page.keyboard.press("Enter")
    assert page.get_attribute("thead th:nth-child(3)", "aria-sort") == "ascending"
    assert [float(v.replace(",", "")) for v in column(page, 3)] == left[::-1]
    mine = assessment.sites.query("service == 'pharmacy' and district_id == '640502'")
    assert f"{25 - len(mine):+d}" in column(page, 6)


def test_language_service_and_reload_by_address(watched):
    page = watched.open(draw_index(drawn_city.make_assessment(), pages=PAGES))
    page.click("#tab-inpatient")
    page.click("#language")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Residents outside" in page.inner_text("thead")
    assert page.evaluate("document.activeElement.id") == "language"
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    assert page.get_attribute("#tab-inpatient", "aria-selected") == "true"
    assert "Residents outside" in page.inner_text("thead")
    page.focus("#tab-inpatient")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-outpatient", "aria-selected") == "true"


def test_hostile_names_are_text(watched):
    html = draw_index(
        drawn_city.make_assessment(hostile=True),
        pages={"640502": "javascript:alert(1)", "640503": '"><script>window.hit=1</script>'},
    )
    page = watched.open(html)
    assert page.evaluate("window.hit") is None
    links = page.evaluate(
        "[...document.querySelectorAll('a')].map((a) => new URL(a.href.baseVal || a.href, document.baseURI).protocol)"
    )
    assert set(links) == {"file:"}
    assert "<script>window.hit=1</script>" in page.inner_text("body")
    text = page.evaluate("C15.exportIndex()")
    assert not [line for line in text[1:].splitlines() if line.lstrip('"')[:1] in tuple("=+-@")]
    assert watched.complaints == []


def test_old_browser_and_no_script_read_a_sentence(browser, watched):
    html = draw_index(drawn_city.make_assessment(), pages=PAGES)
    watched.page.add_init_script("delete window.DecompressionStream")
    page = watched.open(html, ready=False)
    assert "请改用" in page.inner_text("#needs")
    context = browser.new_context(java_script_enabled=False, offline=True)
    bare = context.new_page()
    bare.goto((watched.folder / "page.html").as_uri())
    assert "需要启用脚本" in bare.inner_text("body")
    context.close()


def test_a_city_of_few_districts_prints_on_one_sheet(watched, tmp_path):
    page = watched.open(draw_index(drawn_city.make_assessment(), pages=PAGES, city_page="city.html"))
    paper = page.pdf(path=tmp_path / "a.pdf", prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1

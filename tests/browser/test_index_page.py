"""The city's index page in headless Chromium."""

from __future__ import annotations

import pytest

from circle15.draw.index import draw_index

pytestmark = pytest.mark.browser


def test_table_links_and_overview(watched, drawn_city):
    html = draw_index(drawn_city.make_assessment(), pages={"640502": "沙坡头区 1#.html", "640503": "b.html"})
    (watched.folder / "沙坡头区 1#.html").write_text("<title>there</title>", encoding="utf-8")
    page = watched.open(html, ready=False, name="index.html")
    assert page.evaluate("document.scripts.length") == 0
    assert len(page.query_selector_all("section.service")) == 5
    assert len(page.query_selector_all("aside ol li")) == 3
    assert page.query_selector_all(".overview a path")
    assert "模拟数据" in page.inner_text("header")
    page.click("tbody a >> nth=0")
    assert page.title() == "there"
    assert watched.foreign_requests() == []
    assert watched.complaints == []


def test_hostile_names_are_text(watched, drawn_city):
    html = draw_index(
        drawn_city.make_assessment(hostile=True),
        pages={"640502": "javascript:alert(1)", "640503": '"><script>window.hit=1</script>'},
    )
    page = watched.open(html, ready=False)
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.scripts.length") == 0
    links = page.evaluate(
        "[...document.querySelectorAll('a')].map((a) => new URL(a.href.baseVal || a.href, document.baseURI).protocol)"
    )
    assert set(links) == {"file:"}
    assert "<script>window.hit=1</script>" in page.inner_text("body")
    assert watched.complaints == []

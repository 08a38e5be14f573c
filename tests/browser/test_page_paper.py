"""Pages on paper, and the marks that they bear."""

from __future__ import annotations

import re
import shutil
import subprocess

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from drawn_city import DISTRICT
from shapely import box

from circle15.draw.map import draw_district
from circle15.draw.marks import Marks
from circle15.draw.suspects import draw_suspects
from circle15.draw.tester import build_tester
from circle15.policy.plan import load_plan

pytestmark = pytest.mark.browser


def test_prints_map_and_figures_on_paper(watched, html):
    page = watched.open(html)
    assert page.pdf(prefer_css_page_size=True, print_background=True)[:5] == b"%PDF-"
    page.emulate_media(media="print")
    assert not page.is_visible("#query")
    assert page.is_visible("#legend")
    assert watched.complaints == []


def test_the_paper_shows_the_ground_the_borders_and_the_institutions(watched, html, tmp_path):
    page = watched.open(html)
    page.pdf(path=tmp_path / "a.pdf", prefer_css_page_size=True, print_background=True)
    if not shutil.which("pdftoppm"):
        pytest.skip("no pdftoppm")
    subprocess.run(["pdftoppm", "-r", "50", "-f", "1", "-l", "1", tmp_path / "a.pdf", tmp_path / "a"], check=True)
    picture = next(tmp_path.glob("a*.ppm")).read_bytes()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", picture)
    width, height = int(head[1]), int(head[2])
    assert width > height  # landscape
    pixels = np.frombuffer(picture, dtype=np.uint8, offset=head.end()).reshape(height, width, 3).astype(int)
    near = lambda r, g, b: int((np.abs(pixels - [r, g, b]).max(axis=2) < 24).sum())  # noqa: E731
    assert near(0x1D, 0x3F, 0x8A) > 20  # the densest cells
    assert near(0x2B, 0x33, 0x40) > 150  # the border
    assert near(0xD5, 0x5E, 0x00) > 20  # pharmacies
    assert watched.complaints == []


def test_every_doubtful_position_is_on_paper_and_the_whole_city_on_its_map(watched):
    points = gpd.points_from_xy(np.linspace(105.0, 105.4, 30), [37.0] * 30)
    register = gpd.GeoDataFrame(
        {"id": [f"P{n}" for n in range(30)], "name": "药店", "address": "", "source_sheet": "", "source_row": 2},
        geometry=points, crs=4326,
    )  # fmt: skip
    doubts = pd.DataFrame({"at": range(30), "kind": "outside", "group": 0, "told": "", "lies": "", "metres": 400.0})
    places = gpd.GeoDataFrame(
        {"name": ["甲区"], "level": ["district"]}, geometry=[box(105, 36.9, 105.4, 37.1)], crs=4326
    )
    page = watched.open(draw_suspects(register, doubts, places, city="某市", simulated=False), ready=False)
    page.wait_for_function("() => document.body.dataset.ready === 'yes'")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(
        "(() => { const l = document.getElementById('list'); return l.scrollHeight <= l.clientHeight + 1; })()"
    )
    assert page.evaluate("map_suspects.getBounds().contains([[36.9, 105], [37.1, 105.4]])")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("!document.body.classList.contains('printing')")
    assert watched.complaints == []


def test_printing_fits_the_district_to_the_paper_and_back(watched, html):
    page = watched.open(html)
    before = page.evaluate("[C15.map.getZoom(), C15.map.getSize().x]")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("C15.isHome(C15.map)")
    assert page.evaluate("C15.map.getSize().x") != before[1]
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("[C15.map.getZoom(), C15.map.getSize().x]") == before


def test_a_verdict_on_paper_is_whole(watched, assessment):
    part = build_tester(assessment, load_plan("zhongwei"), district_id=DISTRICT)
    page = watched.open(draw_district(assessment, DISTRICT, parts=(part,)))
    page.evaluate("([lon, lat]) => C15.tester.open({ lon, lat, service: 'pharmacy', accuracy: 10 })", [105.19, 37.5])
    closed = page.locator("#panel details:not([open])").count()
    assert closed > 0
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    level = "(name) => Number(getComputedStyle(document.querySelector(`.leaflet-${name}-pane`)).zIndex)"
    assert page.evaluate(level, "overlay") > page.evaluate(
        level, "c15-front"
    )  # the circle lies on the ground, not under it
    assert page.locator("#panel details:not([open])").count() == 0
    assert "105.190000, 37.500000" in page.inner_text(".t-verdict")
    assert page.locator(".t-near tbody tr").count() == page.locator(".t-near tbody tr:visible").count()
    assert not page.is_visible(".t-screen >> nth=0")
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#panel details:not([open])").count() == closed
    assert page.evaluate(level, "overlay") < page.evaluate(level, "c15-front")


def test_public_pages_bear_the_number_and_no_internal_mark(watched, assessment):
    marks = Marks(internal=False, map_number="宁S（2026）001号")
    page = watched.open(draw_district(assessment, DISTRICT, marks=marks))
    assert "内部使用" not in page.inner_text("body")
    assert "审图号：宁S（2026）001号" in page.inner_text("#heading")

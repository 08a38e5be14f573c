"""Lists, filters, languages and links of a district's page."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import drawn_city
import pytest
from drawn_city import DISTRICT

from circle15.draw.map import draw_city, draw_district
from circle15.draw.tester import build_tester
from circle15.policy.plan import load_plan

pytestmark = pytest.mark.browser
CJK = re.compile(r"[\u4e00-\u9fff]")


def test_lists_filter_sort_select_and_export(watched, html, assessment):
    page = watched.open(html)
    page.click("#view-table")
    mine = assessment.sites.query("district_id == @DISTRICT and service == 'pharmacy'")
    assert f"共 {len(mine)} 条" in page.inner_text("#table .counts")
    page.click("#sort-in_circle")
    told = [int(c.inner_text()) for c in page.query_selector_all("#table tbody tr td:nth-child(3)")]
    assert told == sorted(told, reverse=True)
    site = mine.iloc[3]
    page.fill("#table-text", site["id"])
    assert len(page.query_selector_all("#table tbody tr")) == 1
    page.click("#table tbody button")
    assert page.evaluate("C15.state.selected.site.id") == site["id"]
    assert page.evaluate("C15.map.getZoom()") >= 14
    assert page.query_selector("#table tr.chosen")
    with page.expect_download() as held:
        page.click("#export")
    text = Path(held.value.path()).read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    lines = text.decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith("名称,医保编码,服务类型")
    assert len(lines) == 3
    assert site["id"] in lines[1]
    page.fill("#table-text", "没有这样的名字")
    assert "没有符合条件" in page.inner_text("#table")


def test_level_filter_hides_on_the_map_and_in_the_list(watched, html, assessment):
    page = watched.open(html)
    page.check("input[name=inpatient]")
    page.click("#view-table")
    both = assessment.sites.query("district_id == @DISTRICT and service in ['pharmacy', 'inpatient']")
    assert len(page.evaluate("C15.tableRows().map((s) => s.id)")) == len(both)
    page.uncheck("input[name=level-tertiary]")
    left = both[both["level"] == ""]
    assert set(page.evaluate("C15.tableRows().map((s) => s.id)")) == set(left["id"])
    assert page.evaluate("C15.data.site.filter((s) => s.inside && C15.visible(s)).length") == len(left)


def test_head_room_of_district_and_townships(watched, html, assessment):
    page = watched.open(html)
    page.click("#view-quota")
    mine = assessment.sites.query("district_id == @DISTRICT and service == 'pharmacy'")
    rows = [r.inner_text().split() for r in page.query_selector_all("#quota tbody tr")]
    assert rows[0] == ["沙坡头区", str(len(mine)), "25", f"{25 - len(mine):+d}".replace("+0", "0")]
    by_township = mine["township_name"].value_counts()
    left = {r[0]: int(r[3]) for r in rows[1:]}
    assert left == {t: 12 - int(by_township.get(t, 0)) for t in left}
    assert list(left.values()) == sorted(left.values())
    page.click("#quota .print")
    assert page.is_checked("input[name=base] >> nth=4")
    assert "已超上限" in page.inner_text("#legend")


def test_language_changes_in_the_page(watched, html):
    page = watched.open(html)
    page.click(".gaps button")
    page.click("#language")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Residents outside" in page.inner_text("#panel")
    assert "Newly covered by it" in page.inner_text(".leaflet-popup .card >> nth=-1") or not CJK.search(
        page.inner_text(".leaflet-popup .card dt >> nth=-1")
    )
    assert page.inner_text("#ribbon") == "Simulated data"
    for view in ("table", "quota"):
        page.click(f"#view-{view}")
        assert "{" not in page.inner_text("#panel")
    page.click("#language")
    assert "名额余量" in page.inner_text("#panel")
    assert watched.foreign_requests() == []
    assert watched.complaints == []


def test_a_link_opens_the_same_view(watched, html):
    page = watched.open(html)
    page.click("#tab-outpatient")
    page.check("input[name=base] >> nth=2")
    page.uncheck("input[name=gaps]")
    page.click("#language")
    page.evaluate("C15.selectSite(C15.map, C15.data.site.find((s) => s.service === 'outpatient' && s.inside), true)")
    before = page.evaluate("[C15.linkNow(), C15.state.selected.site.id, C15.map.getZoom(), C15.map.getCenter().lng]")
    page.wait_for_timeout(250)
    assert page.evaluate("location.hash") == before[0]
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    after = page.evaluate("[C15.linkNow(), C15.state.selected.site.id, C15.map.getZoom(), C15.map.getCenter().lng]")
    assert after[1:3] == before[1:3]
    assert after[3] == pytest.approx(before[3], abs=0.005)
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.is_checked("input[name=base] >> nth=2")
    assert not page.is_checked("input[name=gaps]")


@pytest.mark.parametrize(
    "end", ["#s=nothing&b=../x&v=1e9,,&l=<script>&sel=s:zz&lang=fr&t=x&x=q", "#%E0%A4%A&v=NaN,1,2"]
)
def test_a_broken_link_opens_the_plain_page(watched, html, end):
    path = watched.folder / "p.html"
    path.write_text(html, encoding="utf-8")
    watched.page.goto(path.as_uri() + end)
    watched.page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    assert watched.page.get_attribute("#tab-pharmacy", "aria-selected") == "true"
    assert watched.complaints == []


def test_a_link_with_a_site_opens_its_test(watched, assessment):
    page = watched.open(draw_city(assessment, parts=(build_tester(assessment, load_plan("zhongwei")),)))
    page.goto(page.url.split("#")[0] + "#site=105.113,37.413,pharmacy,10")
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    assert page.inner_text("#tester .t-verdict strong")
    assert "t=tester&site=105.113%2C37.413%2Cpharmacy%2C10" in page.evaluate("C15.linkNow()")


def test_hostile_names_in_lists_and_export(watched):
    page = watched.open(draw_district(drawn_city.make_assessment(hostile=True), DISTRICT))
    page.click("#view-table")
    for kind in ("sites", "gaps", "places"):
        page.evaluate("(k) => { C15.state.table.kind = k; C15.fillPanel(); }", kind)
        text = page.evaluate("C15.exportTable()")
        cells = next(csv.reader([text.splitlines()[1]]))
        assert not [c for c in cells if c[:1] in tuple("=+@\t\r")]
        page.click("#table tbody button >> nth=0")
    page.click("#view-quota")
    page.pdf()
    assert page.evaluate("window.hit") is None
    assert watched.complaints == []


def test_english_page(watched, assessment):
    page = watched.open(draw_district(assessment, DISTRICT, lang="en"))
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Residents outside" in page.inner_text("#panel")
    assert page.inner_text("#ribbon") == "Simulated data"


def test_no_slot_of_a_sentence_is_left_open(watched, html, assessment):
    page = watched.open(html)
    for service in assessment.services:
        page.click(f"#tab-{service}")
        page.evaluate("(s) => C15.selectSite(C15.map, C15.data.site.find((one) => one.service === s), true)", service)
        assert "{" not in page.inner_text("body")
    page.evaluate("C15.map.closePopup(); C15.selectGround(C15.map, L.latLng(37.45, 105.17))")
    card = page.inner_text(".leaflet-popup .card >> nth=-1")  # the one before is still fading out
    assert "800 米内定点零售药店" in card
    assert "{" not in card

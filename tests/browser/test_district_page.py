"""A district's page in headless Chromium with the network cut."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from circle15.draw.map import draw_district
from circle15.project.metric import circle_outline, distances_m

pytestmark = pytest.mark.browser
DISTRICT = "640502"


@pytest.fixture(scope="module")
def assessment(drawn_city):
    return drawn_city.make_assessment()


@pytest.fixture(scope="module")
def html(assessment):
    return draw_district(assessment, DISTRICT)


def test_opens_offline_and_asks_for_nothing(watched, html):
    page = watched.open(html)
    page.click(".gaps button")
    page.wait_for_selector(".leaflet-popup .card")
    assert watched.foreign_requests() == []
    assert watched.complaints == []


def test_policy_stops_injected_script_fetch_and_image(watched, html):
    page = watched.open(html)
    page.evaluate("""() => {
      const s = document.createElement('script'); s.textContent = 'window.hit = 1'; document.body.append(s);
      const i = new Image(); i.src = 'https://example.invalid/x.png'; document.body.append(i);
      document.body.insertAdjacentHTML('beforeend', '<img src="data:,x" onerror="window.hit = 2">');
    }""")
    blocked = page.evaluate("fetch('https://example.invalid/').then(() => 'through', () => 'blocked')")
    page.wait_for_timeout(100)
    assert blocked == "blocked"
    assert page.evaluate("window.hit") is None
    assert any("Content Security Policy" in c for c in watched.complaints)


def test_hostile_names_are_shown_and_never_run(watched, drawn_city):
    page = watched.open(draw_district(drawn_city.make_assessment(hostile=True), DISTRICT))
    for name in drawn_city.HOSTILE:
        page.fill("#query", name[:6])
        page.keyboard.press("Enter")
    for button in page.query_selector_all(".gaps button, .places button, .tabs button"):
        if button.is_visible() and button.is_enabled():
            button.evaluate("b => b.click()")
    page.evaluate("C15.data.site.slice(0, 12).forEach((s) => C15.selectSite(C15.map, s, true))")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    assert watched.complaints == []
    assert watched.foreign_requests() == []
    text = page.inner_text("body")
    assert "<script>" in text
    assert "\u202e" not in text
    assert page.evaluate("document.querySelectorAll('#panel script, #panel img, .leaflet-popup script').length") == 0


def test_figures_of_the_summary(watched, html, assessment):
    page = watched.open(html)
    row = assessment.coverage.query("place_id == @DISTRICT and service == 'pharmacy'").iloc[0]
    assert page.inner_text(".lead > b") == f"{100 * row.share:.1f}%"
    tiles = [t.inner_text() for t in page.query_selector_all(".tile b")]
    mine = assessment.sites.query("district_id == @DISTRICT and service == 'pharmacy'")
    assert tiles[0] == f"{row.residents - row.covered:,.0f}"
    assert tiles[1] == str(len(mine))
    assert tiles[2] == str(int(mine["over_cap"].sum()))
    assert len(page.query_selector_all(".gaps li")) == 4
    assert page.inner_text("#ribbon") == "模拟数据"
    assert page.is_visible("#legend .stamp.simulated")


def test_real_data_bear_no_ribbon(watched, drawn_city):
    page = watched.open(draw_district(drawn_city.make_assessment(simulated=False), DISTRICT))
    assert "模拟数据" not in page.inner_text("body")
    assert "内部使用" in page.inner_text("body")


def test_keyboard_search_opens_an_institution_with_its_finding(watched, html, assessment):
    page = watched.open(html)
    site = assessment.sites.query("district_id == @DISTRICT and over_cap").iloc[0]
    page.focus("#query")
    page.keyboard.type(site["id"])
    page.keyboard.press("Enter")
    card = page.inner_text(".leaflet-popup .card")
    assert site["name"] in card
    assert site["id"] in card
    assert "不符合" in card
    assert "{" not in page.inner_text("body")
    assert "同一服务圈内定点零售药店原则上不超过3家" in card
    assert f"{site.others_within + 1} 家（含本机构），上限 {site.circle_limit:.0f} 家" in card
    page.keyboard.press("Escape")
    page.fill("#query", "没有这样的名字")
    assert "没有找到" in page.inner_text("#found")


def test_neighbours_in_the_page_are_those_of_the_study(watched, html, assessment):
    page = watched.open(html)
    counted = page.evaluate(
        "C15.data.site.filter((s) => s.inside).map((s) => [s.id, C15.neighbours(s).length, (C15.neighbours(s)[0] || {}).metres])"
    )
    told = assessment.sites.set_index("id")
    assert len(counted) > 50
    for site_id, count, nearest in counted:
        assert count == told.loc[site_id, "others_within"], site_id
        if count:
            assert nearest == pytest.approx(told.loc[site_id, "nearest_other_m"], abs=1e-5)


def test_circle_and_distance_agree_with_the_ellipsoid(watched, html):
    page = watched.open(html)
    rng = np.random.default_rng(3)
    for lat in (0.0, 18.2, 37.5, 53.4):
        ring = np.array(page.evaluate(f"C15.circle(105.2, {lat}, 800, 128)"))
        assert distances_m(105.2, lat, ring[:, 0], ring[:, 1]) == pytest.approx(800.0, abs=1e-4)
        drawn, true = shapely.Polygon(ring), circle_outline(105.2, lat, 800.0)
        assert drawn.symmetric_difference(true).area / true.area < 1e-5
        x, y = 105.2 + rng.uniform(-0.005, 0.005, 20), lat + rng.uniform(-0.005, 0.005, 20)
        told = page.evaluate(
            "([lat, x, y]) => x.map((v, n) => C15.distance(105.2, lat, v, y[n]))", [lat, x.tolist(), y.tolist()]
        )
        assert told == pytest.approx(distances_m(105.2, lat, x, y), abs=1e-5)


def test_overlapping_circles_do_not_darken(watched, html):
    page = watched.open(html)
    shades = page.evaluate("""() => {
      const canvas = document.createElement('canvas'); canvas.width = canvas.height = 300;
      const ctx = canvas.getContext('2d');
      C15.state = { ...C15.state, show: { coverage: true } };
      C15.data.places.forEach((p) => { p.flat = []; });
      const one = C15.data.site.find((s) => s.service === 'pharmacy'), scale = 256 * 2 ** 13;
      const shifted = { ...one, circle: null, u: one.u + 40 / scale, lon: one.lon + (40 / scale) * 360 };
      C15.data.site = [one, shifted];
      const view = { zoom: 13, scale, width: 300, height: 300, ratio: 1, dx: 130 - one.u * scale, dy: 150 - one.v * scale };
      view.x = (u) => u * scale + view.dx; view.y = (v) => v * scale + view.dy;
      C15.middle._draw(ctx, view);
      return [[110, 150], [150, 150], [190, 150]].map(([x, y]) => [...ctx.getImageData(x, y, 1, 1).data].join());
    }""")
    assert len(set(shades)) == 1
    assert not shades[0].endswith(",0")


def test_layers_switch_and_services_change(watched, html):
    page = watched.open(html)
    count = "() => { const c = document.querySelector('.leaflet-c15-ground-pane canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; }"
    assert page.evaluate(count) > 10_000
    page.check("input[name=base] >> nth=3")
    assert page.evaluate(count) == 0
    page.check("input[name=base] >> nth=2")
    assert page.evaluate(count) > 10_000
    page.click("#tab-inpatient")
    assert page.get_attribute("#tab-inpatient", "aria-selected") == "true"
    assert page.is_checked("input[name=inpatient]")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#tab-outpatient", "aria-selected") == "true"


@pytest.mark.parametrize("turn_deg", [0.0, 9.0])
def test_cells_reach_the_page_whole(watched, drawn_city, turn_deg):
    assessment = drawn_city.make_assessment(turn_deg=turn_deg)
    page = watched.open(draw_district(assessment, DISTRICT))
    cells = assessment.city.population.cells
    inside = cells[
        shapely.within(
            shapely.centroid(cells.geometry.to_numpy()),
            assessment.city.places.query("id == @DISTRICT").geometry.iloc[0],
        )
    ]
    at = shapely.centroid(inside.geometry.to_numpy()[::97])
    told = page.evaluate(
        "(points) => points.map(([x, y]) => C15.populationAt(x, y).residents)",
        shapely.get_coordinates(at).tolist(),
    )
    assert told == pytest.approx(inside["residents"].iloc[::97].to_numpy(), abs=0.06)


def test_old_browser_reads_a_sentence(watched, html):
    watched.page.add_init_script("delete window.DecompressionStream")
    page = watched.open(html, ready=False)
    assert page.is_visible("#needs")
    assert "请改用" in page.inner_text("#needs")


def test_prints_map_and_figures_on_paper(watched, html):
    page = watched.open(html)
    assert page.pdf(prefer_css_page_size=True, print_background=True)[:5] == b"%PDF-"
    page.emulate_media(media="print")
    assert not page.is_visible("#query")
    assert page.is_visible("#legend")
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


def test_a_click_on_the_map_opens_the_institution_under_it(watched, html):
    page = watched.open(html)
    spot = page.evaluate("""() => {
      const s = C15.data.site.find((one) => one.service === 'pharmacy' && one.inside && C15.neighbours(one).length === 0);
      C15.map.setView([s.lat, s.lon], 15, { animate: false });
      const box = C15.map.getContainer().getBoundingClientRect(), at = C15.map.latLngToContainerPoint([s.lat, s.lon]);
      return [box.x + at.x, box.y + at.y, s.name];
    }""")
    page.mouse.click(spot[0] + 3, spot[1] - 2)
    assert spot[2] in page.inner_text(".leaflet-popup .card")
    page.click(".leaflet-popup-close-button")
    assert page.evaluate("C15.state.selected") is None

"""A district's page in headless Chromium with the network cut."""

from __future__ import annotations

from dataclasses import replace

import drawn_city
import geopandas as gpd
import numpy as np
import pytest
import shapely
from drawn_city import DISTRICT
from pyproj import Geod

from circle15.draw.basemap import Basemap
from circle15.draw.map import draw_city, draw_district
from circle15.draw.marks import Marks
from circle15.errors import UsageError
from circle15.project.datum import to_wgs84
from circle15.project.metric import circle_outline, distances_m
from circle15.schema import CRS

pytestmark = pytest.mark.browser


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


def test_hostile_names_are_shown_and_never_run(watched):
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


def test_real_data_bear_no_ribbon(watched):
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


def test_a_picture_moved_on_is_the_one_drawn_anew(watched, html):
    page = watched.open(html)
    told = page.evaluate("""async () => {
      const rest = (ms) => new Promise((done) => setTimeout(done, ms));
      C15.map.setZoom(13, { animate: false });
      let whole = 0;
      for (const layer of [C15.ground, C15.middle, C15.marks]) {
        const redraw = layer.redraw;
        layer.redraw = function () { whole += 1; redraw.call(this); };
      }
      for (let n = 0; n < 14; n += 1) { C15.map.panBy([n % 7 < 5 ? 70 : -40, n % 5 < 3 ? 45 : -20], { animate: false }); await rest(20); }
      await rest(150);
      const times = whole, apart = [C15.ground, C15.middle, C15.marks].map((layer) => {
        const pixels = () => layer._ctx.getImageData(0, 0, layer._container.width, layer._container.height).data;
        const before = pixels(); layer.redraw(); const after = pixels();
        return before.reduce((sum, v, n) => sum + (Math.abs(v - after[n]) > 24), 0) / after.length;
      });
      return { times, apart, seen: C15.middle._ctx.getImageData(0, 0, 400, 400).data.some((v) => v > 0) };
    }""")
    assert told["times"] == 0  # strips alone
    assert max(told["apart"]) < 2e-4  # ends of dashes
    assert told["seen"]


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


def test_streets_on_foot_are_off_at_first_and_drawn_when_switched_on(watched, assessment, html):
    west, south = drawn_city.WEST, drawn_city.SOUTH
    lines = [shapely.LineString([(west + 0.01, y), (west + 0.14, y)]) for y in south + np.arange(0.01, 0.1, 0.01)]
    streets = gpd.GeoDataFrame({"service": "pharmacy"}, index=range(len(lines)), geometry=lines, crs=CRS)
    walked = assessment.coverage.assign(covered_walking=12345.0, share_walking=0.4321)
    page = watched.open(draw_district(replace(assessment, coverage=walked), DISTRICT, streets=streets))
    assert page.inner_text("#figures .walking").split() == ["43.2%", "步行", "800", "米内", "12,345", "人"]
    page.evaluate("() => { C15.state.table.kind = 'places'; C15.setTab('table'); }")
    assert "步行覆盖率 %" in page.inner_text("#table thead")
    assert "null" not in page.inner_text("#table")
    page.evaluate("() => C15.setTab('figures')")
    drawn = """() => { const c = document.querySelector('.leaflet-c15-middle-pane canvas');
      const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, near = (a, b) => Math.abs(a - b) < 24;
      let n = 0;
      for (let i = 0; i < d.length; i += 4) n += d[i + 3] > 200 && near(d[i], 0xd5) && near(d[i + 1], 0x5e) && near(d[i + 2], 0);
      return n; }"""
    for name in ("coverage", "over", "gaps"):
        page.uncheck(f"input[name={name}]")
    assert not page.is_checked("input[name=streets]")
    assert "步行 800 米可达街道" in page.inner_text("#legend")
    assert page.evaluate(drawn) == 0
    page.check("input[name=streets]")
    assert page.evaluate(drawn) > 2_000
    page.wait_for_timeout(250)
    assert ".streets" in page.evaluate("location.hash")
    page.reload()
    page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
    assert page.is_checked("input[name=streets]")
    assert page.evaluate(drawn) > 2_000
    page.click("#tab-outpatient")
    assert page.query_selector("input[name=streets]") is None  # only where its service has streets
    page.click("#language")
    page.click("#tab-pharmacy")
    assert "Streets within 800 m on foot" in page.inner_text("#legend")
    assert [c for c in watched.complaints if "getImageData" not in c] == []  # the test's own reading
    assert watched.open(html, name="plain.html").query_selector("input[name=streets]") is None


@pytest.mark.parametrize("turn_deg", [0.0, 9.0])
def test_cells_reach_the_page_whole(watched, turn_deg):
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


def test_the_ruler_measures_along_the_geodesic(watched, html):
    page = watched.open(html)
    page.click("#measure")
    box = page.evaluate("(() => { const b = C15.map.getContainer().getBoundingClientRect(); return [b.x, b.y]; })()")
    for x, y in ((200, 300), (520, 420)):
        page.mouse.click(box[0] + x, box[1] + y)
    ends = page.evaluate(
        "[[200, 300], [520, 420]].map((p) => { const l = C15.map.containerPointToLatLng(p); return [l.lng, l.lat]; })"
    )
    (x0, y0), (x1, y1) = ends
    true = Geod(ellps="WGS84").inv(x0, y0, x1, y1)[2]
    assert page.evaluate("C15.measured()") == pytest.approx(true, abs=0.001)
    assert "合计" in page.inner_text("#ruler")
    page.keyboard.press("Escape")
    assert not page.is_visible("#ruler")
    for pair in ((105, 37, 106, 38), (0, 0, 0, 1), (120, 30, -60, 10), (105, 37, 105, 37)):
        told = page.evaluate("(p) => C15.geodesic(...p)", list(pair))
        assert told == pytest.approx(Geod(ellps="WGS84").inv(*pair)[2], abs=0.001)


def test_everything_is_reached_by_keyboard(watched, html):
    page = watched.open(html)
    seen = set()
    for _ in range(70):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(() => { const e = document.activeElement; return e.id || e.name || e.className || e.tagName; })()"
            )
        )
    assert {"language", "query", "view-figures", "tab-pharmacy", "measure", "coverage", "copy-link"} <= seen
    page.focus("#view-figures")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("C15.state.tab") == "table"


def test_city_page_holds_all_districts(watched, assessment):
    page = watched.open(draw_city(assessment, links={"640502": "a.html"}))
    assert page.inner_text("h1") == "中卫市（样例）"
    row = assessment.coverage.query("place_id == '640500' and service == 'pharmacy'").iloc[0]
    assert page.inner_text(".lead > b") == f"{100 * row.share:.1f}%"
    assert page.evaluate("C15.data.inner.length") == 2
    assert page.evaluate("C15.data.townships.length") == 12
    assert page.evaluate("C15.data.site.every((s) => s.inside || s.district_id === undefined || !s.district_name)")
    page.click("#view-quota")
    assert "中宁县" in page.inner_text("#quota")
    assert watched.complaints == []


def test_a_region_of_several_cities_adds_its_districts_up(watched, assessment):
    places = assessment.city.places
    both = places[places["level"] != "city"]
    region = replace(assessment, city=replace(assessment.city, places=both, name="两市"))
    page = watched.open(draw_city(region))
    rows = assessment.coverage.query("level == 'district' and service == 'pharmacy'")
    assert page.inner_text(".lead > b") == f"{100 * rows['covered'].sum() / rows['residents'].sum():.1f}%"
    assert watched.complaints == []


def test_a_basemap_is_off_until_asked_for_and_only_its_host_is_allowed(watched, assessment):
    html = draw_district(assessment, DISTRICT, marks=Marks(basemap=Basemap("osm")))
    assert "https://tile.openstreetmap.org" in html
    assert "autonavi" not in html
    page = watched.open(html)
    assert watched.foreign_requests() == []
    page.check("input[name=online]")
    page.wait_for_timeout(200)
    assert {url.split("/")[2] for url in watched.foreign_requests()} == {"tile.openstreetmap.org"}


def test_amap_is_shifted_as_gcj02(watched, assessment):
    page = watched.open(draw_district(assessment, DISTRICT, marks=Marks(basemap=Basemap("amap"))))
    for lon, lat in ((105.2, 37.45), (121.47, 31.23), (87.6, 43.8)):
        there = page.evaluate("([x, y]) => C15.toGcj(x, y)", [lon, lat])
        back = to_wgs84([there[0]], [there[1]], "gcj02")
        assert distances_m(lon, lat, back[0], back[1])[0] < 0.01


def test_tianditu_needs_a_key():
    with pytest.raises(UsageError):
        Basemap("tianditu")


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

"""Pages for everybody: axe-core's rules, an empty network namespace, Firefox where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import drawn_city
import pytest
from drawn_city import DISTRICT
from machine import CHROMIUM, skip_at_home

from circle15.draw.index import draw_index
from circle15.draw.map import draw_city, draw_district
from circle15.draw.nation import draw_nation
from circle15.draw.tester import build_tester
from circle15.policy.plan import load_plan

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".axe" / "node_modules" / "axe-core" / "axe.min.js"
STATES = {
    "figures": "() => {}",
    "table": "() => C15.setTab('table')",
    "gaps": "() => { C15.state.table.kind = 'gaps'; C15.fillPanel(); }",
    "quota": "() => { C15.setTab('quota'); C15.setBase('quota'); }",
    "card": "() => C15.selectSite(C15.map, C15.data.site.find((s) => s.over_cap), true)",
    "search": "() => { const q = document.getElementById('query'); q.focus(); q.value = '药'; q.dispatchEvent(new Event('input')); }",
    "english": "() => { C15.setLang('en'); C15.setShow('depth', true); C15.setRuler(true); }",
}


@pytest.fixture(scope="module")
def axe():
    """The rules' one file, fetched once by npm where it is not there yet; it is no part of the product."""
    lacks = ""
    if not AXE.exists() and (npm := shutil.which("npm")):
        fetch = [npm, "install", "--no-save", "--no-audit", "--prefix", str(ROOT / ".axe"), "axe-core@4"]
        lacks = subprocess.run(fetch, check=False, timeout=120, capture_output=True, text=True).stderr[-800:]
    if not AXE.exists():
        skip_at_home(f"axe-core is not here and npm cannot fetch it. {lacks}")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def seen(browser, tmp_path):
    """A page whose policy lets the checker in."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True, bypass_csp=True)

    def open_page(html):
        page, path = context.new_page(), tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        page.goto(path.as_uri())
        page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
        return page

    yield open_page
    context.close()


def faults(page):
    found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (v["id"], v["impact"], v["nodes"][0]["html"][:120]) for v in found if v["impact"] in {"serious", "critical"}
    ]


def test_district_page_breaks_no_rule_in_any_state(seen, axe):
    page = seen(draw_district(drawn_city.make_assessment(), DISTRICT))
    page.evaluate(axe)
    for name, act in STATES.items():
        page.evaluate(act)
        page.wait_for_timeout(60)
        assert faults(page) == [], name


SITE = {"lon": 105.113, "lat": 37.413, "service": "pharmacy", "accuracy": 10}
IN_THE_TESTER = {
    "empty": "() => C15.setTab('tester')",
    "verdict": f"() => C15.tester.open({json.dumps(SITE)})",
    "rules": "() => document.querySelectorAll('#tester details').forEach((d) => { d.open = true; })",
    "set": "() => { document.querySelector('.t-add').click(); document.querySelector('.t-set button').click(); }",
    "search": "() => { const q = document.getElementById('tester-query'); q.focus(); q.value = '药'; q.dispatchEvent(new Event('input')); }",
    "fault": "() => { document.getElementById('tester-coordinates').value = '1'; document.getElementById('tester-coordinates').form.requestSubmit(); }",
    "english": "() => C15.setLang('en')",
}


@pytest.fixture(scope="module")
def city_page():
    """All districts on one page, with the site tester."""
    city = drawn_city.make_assessment()
    return draw_city(city, parts=(build_tester(city, load_plan("zhongwei")),))


def test_city_page_and_tester_break_no_rule_in_any_state(seen, axe, city_page):
    page = seen(city_page)
    page.evaluate(axe)
    for name, act in {**STATES, **IN_THE_TESTER}.items():
        page.evaluate(act)
        page.wait_for_timeout(60)
        assert faults(page) == [], name
    assert page.evaluate("() => C15.testerCity.added.length") == 1


def test_index_breaks_no_rule(seen, axe):
    page = seen(draw_index(drawn_city.make_assessment(), pages={DISTRICT: "a.html"}, city_page="c.html"))
    page.evaluate(axe)
    assert faults(page) == []
    page.click("#language")
    assert faults(page) == []


def test_page_of_the_nation_breaks_no_rule(seen, axe):
    page = seen(
        draw_nation(*drawn_city.counties(), ["pharmacy", "inpatient"], plan=load_plan("zhongwei"), simulated=False)
    )
    page.evaluate(axe)
    assert faults(page) == []
    page.click("#measure-density")
    page.click("#rows tr:first-child button")
    page.click("#language")
    assert faults(page) == []


def test_the_checker_finds_a_planted_fault(seen, axe):
    page = seen(draw_index(drawn_city.make_assessment(), pages={}))
    page.evaluate(axe)
    page.evaluate("() => document.body.append(document.createElement('button'))")
    assert [f[0] for f in faults(page)] == ["button-name"]


@pytest.mark.parametrize("which", ["district", "city", "index"])
def test_opens_where_there_is_no_network_at_all(tmp_path, which):
    """An empty network namespace: not even a loopback."""
    alone = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a network namespace")
    if not CHROMIUM.exists():
        skip_at_home(f"no Chromium at {CHROMIUM}")
    city = drawn_city.make_assessment()
    draw = {
        "district": lambda: draw_district(city, DISTRICT),
        "city": lambda: draw_city(city),
        "index": lambda: draw_index(city, pages={}),
    }
    path = tmp_path / "page.html"
    path.write_text(draw[which](), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=8000",
        "--dump-dom",
    ]
    done = subprocess.run(
        [*alone, str(CHROMIUM), *flags, path.as_uri()], capture_output=True, text=True, timeout=90, check=False
    )
    assert 'data-ready="yes"' in done.stdout, done.stderr[-800:]


WAIT = """<!DOCTYPE html><title>wait</title><style>*{margin:0;border:0}iframe{width:1280px;height:800px}</style>
<iframe src="page.html"></iframe><script>
let left = 60; // the picture is taken at load: frames that follow one another hold it back until the page has unpacked
(function next() {
  const frame = document.createElement("iframe");
  frame.style = "width:1px;height:1px;position:absolute;left:-9px";
  frame.srcdoc = "<p>" + left;
  frame.onload = () => { frame.onload = null; left -= 1; if (left > 0) { const until = performance.now() + 25; while (performance.now() < until); next(); } };
  document.body.append(frame);
})();
</script>"""


def test_firefox_draws_the_page(tmp_path):
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if not firefox:
        pytest.skip("no Firefox")
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "page.html").write_text(draw_district(drawn_city.make_assessment(), DISTRICT), encoding="utf-8")
    (tmp_path / "wait.html").write_text(WAIT, encoding="utf-8")
    (tmp_path / "ff").mkdir()
    picture = tmp_path / "page.png"
    command = [firefox, "--headless", "--no-remote", "--profile", str(tmp_path / "ff"), "--window-size=1280,800", "--screenshot", str(picture), (tmp_path / "wait.html").as_uri()]  # fmt: skip
    subprocess.run(command, capture_output=True, timeout=120, check=False, env=dict(os.environ, HOME=str(tmp_path)))
    if not picture.exists():
        pytest.skip("this Firefox takes no picture")
    with image.open(picture) as opened:
        colours = {c for _, c in opened.convert("RGB").getcolors(1 << 24)}
    assert {(0xD5, 0x5E, 0x00), (0x1D, 0x3F, 0x8A)} <= colours  # pharmacies and the densest cells

"""Pages against plain folium on the same data 地图: size of the file, seconds till ready, milliseconds a pan step.

`python -m benchmarks.maps [s|city|province …]` prints the ratios alone; the suite of the same name keeps them. Simulated
towns; institutions with circles, cells of 100 m. Plain folium is GeoJson of the cells and a CircleMarker each.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import Contest, Entry

INSTITUTIONS = {"s": 500, "city": 5_000, "province": 50_000}
CELLS = {"s": 20_000, "city": 500_000, "province": 10_000_000}
FOLIUM_CELLS = {"s": 20_000, "city": 100_000, "province": 0}
LIMIT_MB = {"s": 0.3, "city": 2.0, "province": 10.0}
WITH_TESTER_MB = {"s": 0.3, "city": 2.0, "province": 32.0}
WITH_TESTER = "circle15, with the site tester"
CHROMIUM = os.environ.get("CIRCLE15_CHROMIUM", "/usr/bin/chromium")
_STEPS = 20
_SITES = 200


def assessment(size: str) -> Any:  # noqa: ANN401 - imports are not timed
    """A hand-made assessment of that many institutions and cells, the cells a grid of numbers as from a raster."""
    import geopandas as gpd  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    from circle15.read.raster_cells import RasterPopulation  # noqa: PLC0415
    from circle15.schema import CRS, Assessment, City, GridCells  # noqa: PLC0415

    rng = np.random.default_rng(15)
    step, across = 0.001, int((CELLS[size] * 1.6) ** 0.5)
    west, south = 104.0, 30.0
    side = across * step
    outline = shapely.box(west, south, west + side, south + side)
    places = gpd.GeoDataFrame(
        {
            "id": ["1", "11"],
            "name": ["市", "区"],
            "level": ["city", "district"],
            "parent": ["", "1"],
            "residents": 1e6,
            "settings": "",
            "class": "",
        },
        geometry=[outline, outline],
        crs=CRS,
    )

    values = np.zeros((across, across), dtype=np.float32)
    made = np.random.default_rng(7)
    for row in range(0, across, 100):
        part = values[row : row + 100]
        j, i = np.mgrid[row : row + len(part), 0:across]
        town = np.exp(3 * np.sin(i / 37) * np.cos(j / 29))
        lived_in = made.random(part.shape) < CELLS[size] / across**2
        part[lived_in] = (town * made.gamma(2.0, 6.0, part.shape))[lived_in] + 0.1
    population = RasterPopulation(GridCells(values, (step, 0.0, west, 0.0, -step, south + side)))

    n = INSTITUTIONS[size]
    service = rng.choice(["pharmacy", "outpatient", "inpatient"], n, p=[0.6, 0.3, 0.1])
    sites = gpd.GeoDataFrame(
        {
            "id": [f"P{k:011d}" for k in range(n)],
            "name": [f"康民大药房{k}号店" for k in range(n)],
            "service": service,
            "level": "",
            "tags": "",
            "address": [f"人民路{k}号" for k in range(n)],
            "beds": np.nan,
            "others_within": rng.integers(0, 9, n),
            "nearest_other_m": rng.uniform(20, 3000, n),
            "residents_within": rng.uniform(100, 30000, n),
            "circle_limit": 3.0,
            "over_cap": rng.random(n) < 0.3,
            "township_name": "镇",
            "district_id": "11",
            "district_name": "区",
        },
        geometry=shapely.points(west + rng.random(n) * side, south + rng.random(n) * side),
        crs=CRS,
    )
    services = ("inpatient", "outpatient", "pharmacy")
    coverage = pd.DataFrame(
        [
            {
                "place_id": p,
                "name": p,
                "level": lv,
                "parent": "",
                "service": s,
                "residents": 1e6,
                "covered": 6e5,
                "share": 0.6,
                "depth_0": 4e5,
                "depth_1": 3e5,
                "depth_2": 2e5,
                "depth_3": 1e5,
            }
            for p, lv in (("1", "city"), ("11", "district"))
            for s in services
        ]
    )
    totals = pd.DataFrame(
        {
            "place_id": ["1", "11"],
            "name": ["市", "区"],
            "level": ["city", "district"],
            "parent": ["", "1"],
            "residents": 1e6,
            "land_km2": 1e4,
            "density_per_km2": 100.0,
            **{f"n_{s}": 10 for s in services},
        }
    )
    gaps = gpd.GeoDataFrame(
        {
            c: []
            for c in (
                "rank",
                "gap_id",
                "service",
                "residents",
                "district_id",
                "district_name",
                "township_name",
                "nearest_id",
                "nearest_name",
                "nearest_m",
                "candidate_lon",
                "candidate_lat",
            )
        },
        geometry=[],
        crs=CRS,
    )
    city = City(sites, population, places, (), "基准市", simulated=True)
    return Assessment(city, "none", "基准", 800.0, services, sites, (), coverage, totals, gaps, {})


def _opened(path: Path, *, ready: str) -> dict[str, float]:
    """Seconds till the page is ready and drawn, milliseconds of the median and the slowest of some pan steps, megabytes.

    `ready` is a condition in JavaScript. A page with a site tester also tells the milliseconds of a site: the median of `_SITES` all over it.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        start = time.perf_counter()
        page.goto(path.as_uri(), timeout=300_000, wait_until="domcontentloaded")
        page.wait_for_function(f"() => {ready}", timeout=300_000)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        seconds = time.perf_counter() - start
        steps = page.evaluate(
            """async (count) => {
              const map = window.C15 ? C15.map : Object.values(window).find((v) => v && v._leaflet_id && v.panBy), times = [];
              for (let n = 0; n < count; n += 1) {
                const t = performance.now();
                map.panBy([n % 10 < 5 ? 60 : -60, 20], { animate: false });
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
                times.push(performance.now() - t);
              }
              return times.sort((a, b) => a - b);
            }""",
            _STEPS,
        )
        memory = page.evaluate("() => performance.memory.usedJSHeapSize / 1e6")
        sites = page.evaluate(
            """(count) => !window.C15 || !C15.testerCity ? [] : Array.from({ length: count }, (_, n) => {
              const [w, s, e, n0] = C15.testerCity.box, lon = w + (e - w) * ((n * 0.618) % 1), lat = s + (n0 - s) * ((n * 0.414) % 1);
              const t = performance.now();
              C15.testerCity.judge({ id: "proposed", service: "pharmacy", lon, lat, accuracy_m: 10 });
              return performance.now() - t;
            }).sort((a, b) => a - b)""",
            _SITES,
        )
        browser.close()
    tested = {"site_ms": sites[len(sites) // 2]} if sites else {}
    pan = {"pan_ms": steps[len(steps) // 2], "pan_worst_ms": steps[-1]}
    return {"ready_s": seconds, **pan, "heap_mb": memory, **tested}


def ours(size: str, *, tester: bool = False) -> Callable[[], dict[str, float]]:
    from circle15.draw.map import draw_city  # noqa: PLC0415 - imports are not timed
    from circle15.draw.tester import build_tester  # noqa: PLC0415
    from circle15.policy.plan import load_plan  # noqa: PLC0415

    held = assessment(size)
    html = draw_city(held, parts=(build_tester(held, load_plan("zhongwei")),) if tester else ())
    path = Path(tempfile.mkdtemp()) / "page.html"
    path.write_text(html, encoding="utf-8")
    return lambda: {
        "mb": path.stat().st_size / 1e6,
        **_opened(path, ready="document.documentElement.dataset.ready === 'yes'"),
    }


def folium_plain(size: str) -> Callable[[], dict[str, float]]:
    """What is written most; its scripts come from the installed Leaflet so that it opens without a network."""
    import folium  # noqa: PLC0415

    from circle15.draw.page import inline_asset  # noqa: PLC0415

    held = assessment(size)
    cells = held.city.population.cells.iloc[: FOLIUM_CELLS[size]]
    cells = cells.assign(fill=["#1d3f8a" if v > 30 else "#bfe0b4" for v in cells["residents"]])
    built = folium.Map(location=[30.1, 104.1], tiles=None, zoom_start=11, prefer_canvas=True)
    folium.GeoJson(cells, style_function=lambda f: {"fillColor": f["properties"]["fill"], "weight": 0}).add_to(built)
    for site in held.sites.itertuples():
        folium.CircleMarker([site.geometry.y, site.geometry.x], radius=4, popup=site.name).add_to(built)
    html = built.get_root().render()
    import re  # noqa: PLC0415

    def local(match: re.Match[str]) -> str:
        text = inline_asset(match[1]) if "leaflet" in match[1] and "awesome" not in match[1] else ""
        return f"<script>{text or ''}</script>" if match[0].startswith("<script") else f"<style>{text or ''}</style>"

    html = re.sub(r'<script src="([^"]+)"></script>', local, html)
    html = re.sub(r'<link rel="stylesheet" href="([^"]+)"/>', local, html)
    path = Path(tempfile.mkdtemp()) / "page.html"
    path.write_text(html, encoding="utf-8")
    return lambda: {"mb": path.stat().st_size / 1e6, **_opened(path, ready="document.readyState === 'complete'")}


def contests(size: str) -> list[Contest]:
    if size not in INSTITUTIONS:
        return []
    entries = [Entry("circle15", "benchmarks.maps:ours", {"size": size})]
    if size in WITH_TESTER_MB:
        entries.append(Entry(WITH_TESTER, "benchmarks.maps:ours", {"size": size, "tester": True}))
    if FOLIUM_CELLS[size]:
        label = f"folium: GeoJson + CircleMarker, {FOLIUM_CELLS[size]:,} cells"
        entries.append(Entry(label, "benchmarks.maps:folium_plain", {"size": size}, timeout_s=600))
    name = f"地图 page till ready, {INSTITUTIONS[size]:,} institutions, {CELLS[size]:,} cells"
    more = f", {WITH_TESTER_MB[size]} MB with the tester" if size in WITH_TESTER_MB else ""
    return [Contest(name, entries, "circle15", note=f"file of circle15 at most {LIMIT_MB[size]} MB{more}")]


def main() -> None:
    """Print figures and ratios of the sizes named, `s` where none is."""
    for size in sys.argv[1:] or ["s"]:
        mine = ours(size, tester=size in WITH_TESTER_MB)()
        rival = folium_plain(size)() if FOLIUM_CELLS[size] else {}
        print(
            f"{size}: {INSTITUTIONS[size]:,} institutions, {CELLS[size]:,} cells (folium: {FOLIUM_CELLS[size]:,} cells)"
        )
        for key, value in mine.items():
            told = f"{rival[key]:10.2f}  x{rival[key] / value:.1f}" if key in rival and value else ""
            print(f"  {key:14}{value:10.2f}{told}")


if __name__ == "__main__":
    main()

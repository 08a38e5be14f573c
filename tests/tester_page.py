"""Pages that hold the site tester and nothing else, and cities and sites to test it on."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from circle15.draw.page import build_shell, read_asset
from circle15.draw.tester import build_tester
from circle15.measure.coverage import measure_coverage
from circle15.measure.totals import place_ids
from circle15.prepared import Prepared
from circle15.project.metric import moved_to
from circle15.schema import CRS, Assessment, City, Population

SERVICES = ("pharmacy", "outpatient", "inpatient", "ltc_home", "ltc_facility")
BOOT = """
(async () => {
  const read = async (id) => {
    const text = atob(document.getElementById(id).textContent.trim());
    const stream = new Blob([Uint8Array.from(text, (c) => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  C15.blocks = { tester: await read("tester"), "tester.arrays": await read("tester.arrays") };
  const map = window.map_tester;
  window.mounted = null;
  window.mount = (lang, more) => {
    if (window.mounted) window.mounted.unmount();
    window.mounted = C15.mountTester(document.getElementById("panel"), { map, lang, data: { district: { id: "" }, gaps: [], ...more } });
  };
  map.invalidateSize({ animate: false });
  window.mount("LANG", {});
  document.documentElement.dataset.ready = "yes";
})();
"""


def page_with_tester(assessment, plan, *, lang="zh", **options):
    """A page with a map and the tester beside it."""
    part = build_tester(assessment, plan, **options)
    shell = build_shell(map_id="tester", bounds=tuple(assessment.city.places.total_bounds))
    data = [
        f'<script type="application/octet-stream" id="{k}">{base64.b64encode(gzip.compress(v)).decode()}</script>'
        for k, v in part.blocks.items()
    ]
    scripts = [*shell.scripts, "\n".join(read_asset(n) for n in ("unpack.js", "marks.js", *part.scripts))]
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>tester</title>',
            *(
                f"<style>{s}</style>"
                for s in (*shell.styles, read_asset("page.css"), *(read_asset(n) for n in part.styles))
            ),
            '</head><body><div class="page ready"><aside><section id="panel"></section></aside>',
            f'<main id="stage">{shell.html}</main></div>',
            *data,
            *(f"<script>{s}</script>" for s in (*scripts, BOOT.replace("LANG", lang))),
            "</body></html>",
        ]
    )


def quick_assessment(plan, city, *, services=("pharmacy",), ready=None):
    """What the tester reads of an assessment, without circles of institutions, findings and gaps."""
    ready = ready or Prepared(plan, city)
    coverage = measure_coverage(
        ready.city.population,
        ready.city.institutions,
        ready.city.places,
        radius_m=plan.circle.radius_m,
        services=services,
    )
    empty = gpd.GeoDataFrame(
        {k: [] for k in ("rank", "gap_id", "service", "residents", "district_id")}, geometry=[], crs=CRS
    )
    held = ready.city.institutions
    return Assessment(
        ready.city,
        plan.id,
        plan.title,
        plan.circle.radius_m,
        tuple(services),
        pd.concat([held, place_ids(held, ready.city.places)], axis=1),
        (),
        coverage,
        ready.totals,
        empty,
        {},
    )


def sites_on(city, rng, count, *, services=SERVICES):
    """Sites all over a city; by far more than chance at borders, near institutions, and at 800 m from one."""
    west, south, east, north = city.places.total_bounds
    corners = shapely.get_coordinates(np.asarray(city.places.geometry.array))
    found = []
    for k in range(count):
        service = services[k % len(services)]
        own = city.institutions[city.institutions["service"] == service]
        way = k // len(services) % 4
        lon, lat = rng.uniform(west, east), rng.uniform(south, north)
        if way == 1 and len(own):
            at = own.geometry.iloc[rng.integers(len(own))]
            lon, lat = at.x + rng.normal() * 0.006, at.y + rng.normal() * 0.005
        elif way == 2:
            lon, lat = corners[rng.integers(len(corners))] + rng.normal(size=2) * 1.5e-4
        elif way == 3 and len(own):
            at = own.geometry.iloc[rng.integers(len(own))]
            metres = 800.0 + rng.choice([0.0, 1e-5, -1e-5, rng.normal() * 25.0])
            x, y = moved_to(np.array([at.x]), np.array([at.y]), np.array([rng.uniform(0, 360)]), np.array([metres]))
            lon, lat = x[0], y[0]
        accuracy = float(rng.choice([10.0, 10.0, 0.0, 30.0, 60.0]))
        found.append({"lon": float(lon), "lat": float(lat), "service": service, "accuracy_m": accuracy})
    return found


JUDGE = """(sites) => {
  const city = C15.testerCity, start = performance.now();
  const out = sites.map((s) => city.judge({ id: "proposed", ...s }));
  const ms = performance.now() - start, none = (v) => (Number.isNaN(v) ? null : v);
  const near = (all) => all.map((n) => [n.id, n.distance_m]);
  return JSON.stringify({ ms, verdicts: out.map((v) => ({
    conclusion: v.conclusion, decided_by: v.decided_by, collisions: v.collisions.map((c) => [c.kind, c.rules]),
    row: Object.fromEntries(Object.entries(v.row).map(([k, x]) => [k, none(x)])),
    findings: v.findings.map((f) => ({
      said: [f.rule_id, f.bound, f.outcome, f.ground, f.ground_name, f.effect, f.unit, f.notes, f.lifted_by],
      workbench: ["area_limit", "suspend", "replace", "direction"].includes(f.kind) && !C15.judge.decides(f.rule, city), observed: f.observed, limit: f.limit, neighbours: near(f.neighbours), borderline: near(f.borderline), apart: near(f.apart),
    })) })) }); // as text: playwright takes structures apart value by value
}"""


COUNTED = (
    "residents_within",
    "circle_land_km2",
    "density_circle_per_km2",
    "density_place_per_km2",
    "density_cell_per_km2",
)
NAMED = ("township_id", "district_id", "city_id", "community_id", "township_settings", "others_within")


def apart(mine, theirs, tolerance):
    """Whether two numbers differ by more than a share of them; missing ones are NaN or None."""
    mine, theirs = (np.nan if v is None else float(v) for v in (mine, theirs))
    return not (np.isnan(mine) and np.isnan(theirs)) and not abs(mine - theirs) <= tolerance * max(1.0, abs(theirs))


def differences(verdict, told, share):
    """What a page says otherwise than the library of one site; measures to a share of them."""
    said = [
        [
            f.rule_id,
            f.bound,
            f.outcome.value,
            f.ground,
            f.ground_name,
            f.effect,
            f.unit,
            list(f.evidence.notes),
            list(f.lifted_by),
        ]
        for f in verdict.findings
    ]
    left = {f["said"][0] for f in told["findings"] if f["workbench"]}
    if left & set(verdict.decided_by):
        return []  # the page says of these rules that it does not decide them
    told = {**told, "findings": [f for f in told["findings"] if not f["workbench"]]}
    said = [s for s in said if s[0] not in left]
    verdict = replace(verdict, findings=tuple(f for f in verdict.findings if f.rule_id not in left))
    pairs = [
        ("conclusion", told["conclusion"], verdict.conclusion.value),
        (
            "decided_by",
            [r for r in told["decided_by"] if r not in left],
            [r for r in verdict.decided_by if r not in left],
        ),
        (
            "collisions",
            told["collisions"],
            [[c.kind, list(c.rules)] for c in verdict.collisions if left.isdisjoint(c.rules)],
        ),
        ("findings", [f["said"] for f in told["findings"]], said),
        *((name, told["row"][name], verdict.measures[name]) for name in NAMED),
    ]
    found = [p for p in pairs if p[1] != p[2]]
    found += [
        (n, told["row"][n], verdict.measures[n]) for n in COUNTED if apart(told["row"][n], verdict.measures[n], share)
    ]
    return found + [
        d for f, g in zip(told["findings"], verdict.findings, strict=False) for d in finding_differences(f, g)
    ]


def finding_differences(mine, theirs):
    """Figures and neighbours of one finding; distances to a millimetre."""
    found = [
        (theirs.rule_id, n, mine[n], getattr(theirs, n))
        for n in ("observed", "limit")
        if apart(mine[n], getattr(theirs, n), 1e-9)
    ]
    for kind in ("neighbours", "borderline", "apart"):
        others = getattr(theirs.evidence, kind)
        if [n[0] for n in mine[kind]] != [n.id for n in others]:
            found.append((theirs.rule_id, kind, mine[kind], others))
        found += [
            (o.id, away, o.distance_m)
            for (_, away), o in zip(mine[kind], others, strict=False)
            if abs(away - o.distance_m) > 1e-3
        ]
    return found


def judged(page, sites):
    """What the page says of sites, and its milliseconds."""
    return json.loads(page.evaluate(JUDGE, sites))


def judge_both(page, ready, sites, *, at_once=500, share=1e-6):
    """Differences by site, conclusions counted, and milliseconds a site in the page."""
    wrong, counted, ms = [], {}, 0.0
    for first in range(0, len(sites), at_once):
        some = sites[first : first + at_once]
        told = judged(page, some)
        ms += told["ms"]
        for site, mine in zip(some, told["verdicts"], strict=True):
            theirs = ready.judge(
                lon=site["lon"], lat=site["lat"], datum="wgs84", service=site["service"],
                position_accuracy_m=site["accuracy_m"],
                attributes={k: site["attributes"][k] for k in site.get("attributes", {})},
            )  # fmt: skip
            counted[theirs.conclusion.value] = counted.get(theirs.conclusion.value, 0) + 1
            found = differences(theirs, mine, share)
            if found:
                wrong.append((site, found))
    return wrong, counted, ms / max(len(sites), 1)


def las_palmas(folder, plan):
    """Las Palmas as a city for the sample's plan: three districts and 24 townships cut out of the outline, buildings as people."""
    outline = shapely.union_all(gpd.read_file(folder / "boundary.geojson").to_crs(CRS).geometry.to_numpy())
    outline = max(shapely.get_parts(outline), key=lambda p: p.area)
    west, south, east, north = outline.bounds
    names = list(next(r.max_by_area for r in plan.rules if r.id == "pharmacy.district" and r.max_by_area))
    rows = [("350016", "Las Palmas", "city", "", "", outline)]
    for d, name in enumerate(names):
        low, high = (south + (north - south) * (d + k) / len(names) for k in (0, 1))
        strip = shapely.intersection(outline, shapely.box(west, low, east, high))
        rows.append((f"35001{d}", name, "district", "350016", "", strip))
        for t in range(8):
            left, right = (west + (east - west) * (t + k) / 8 for k in (0, 1))
            part = shapely.intersection(strip, shapely.box(left, low, right, high))
            if part.area > 0:
                marks = ("subdistrict", "town_centre", "remote_township", "")[t % 4]
                rows.append((f"35001{d}{t:03d}", f"{name} {t}", "township", f"35001{d}", marks, part))
    columns = list(zip(*rows, strict=True))
    places = gpd.GeoDataFrame(
        dict(zip(("id", "name", "level", "parent", "settings"), columns[:5], strict=True)),
        geometry=list(columns[5]),
        crs=CRS,
    ).assign(residents=np.nan, **{"class": ["township_small" if lv == "township" else "" for lv in columns[2]]})
    return City(_osm_institutions(folder), _osm_buildings(folder), places, name="Las Palmas")


def _osm_institutions(folder):
    raw = gpd.read_file(folder / "las_palmas_institutions.geojson").to_crs(CRS)
    service = raw["amenity"].map(
        {"pharmacy": "pharmacy", "clinic": "outpatient", "doctors": "outpatient", "hospital": "inpatient"}
    )
    kept = raw[service.notna()].copy()
    points = shapely.point_on_surface(kept.geometry.to_numpy())
    n = len(kept)
    table = {
        "id": [f"X{k:05d}" for k in range(n)], "name": kept["name"].fillna("").astype(str).to_list(),
        "service": service[service.notna()].to_list(), "level": ["", "primary", "secondary"] * (n // 3) + [""] * (n % 3),
        "tags": ["", "dual_channel", "internal_clinic", "village_clinic"] * (n // 4) + [""] * (n % 4),
        "beds": np.where(np.arange(n) % 3 == 0, 50.0, np.nan), "stations": np.nan, "physicians": np.nan, "address": "",
        "valid_from": pd.NaT, "valid_to": pd.NaT, "position_accuracy_m": np.where(np.arange(n) % 5 == 0, 40.0, 10.0),
        "position_reason": "", "place_told": "", "source_row": np.arange(n) + 2,
    }  # fmt: skip
    return gpd.GeoDataFrame(pd.DataFrame(table), geometry=points, crs=CRS)


def _buildings(folder):
    """Outlines of buildings in the extract, those that cannot be read left out."""
    shapes = pyogrio.read_dataframe(
        folder / "las_palmas.osm.pbf", layer="multipolygons", columns=["building"], on_invalid="ignore"
    )
    found = shapes[shapes["building"].notna() & shapes.geometry.notna()].geometry.to_numpy()
    return shapely.make_valid(found)


def _osm_buildings(folder):
    points = shapely.point_on_surface(_buildings(folder))
    people = 1.0 + np.arange(len(points)) % 23 / 2.0
    return Population(gpd.GeoDataFrame({"residents": people}, geometry=points, crs=CRS), None, "point", np.nan)

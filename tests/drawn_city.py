"""A made-up city for the drawing tests: two districts of 3 x 2 townships, a dense core, cells of 100 m, messy names."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import Point, box

from circle15.project.metric import pairs_within
from circle15.schema import CRS, Assessment, City, Evidence, Finding, Force, Neighbour, Outcome, Population, Source

WEST, SOUTH, STEP = 105.10, 37.40, 0.05
RADIUS_M = 800.0
DISTRICT = "640502"
SERVICES = ("inpatient", "outpatient", "pharmacy", "ltc_home", "ltc_facility")
TOWNSHIPS = ("滨河镇", "文昌镇", "柔远镇", "东园镇", "宣和镇", "兴仁镇")
QUOTE = "人口密集区域（ ≥ 3000 人/ km^2 ），以800米为半径，同一服务圈内定点零售药店原则上不超过3家。"
HOSTILE = (
    "<script>window.hit=1</script>",
    "<img src=x onerror='window.hit=2'>",
    "${window.hit=3}",
    "</script><script>window.hit=4</script>",
    '=HYPERLINK("http://evil.example/","x")',
    "药店\u202e店药\u2066",
    "行\u2028分\u2029隔",
    "{{title}} {title} <!--map-->",
    "\"'`><svg/onload=window.hit=5>",
    "]]><!--",
)


def make_assessment(
    *,
    institutions: int = 160,
    cells_across: int = 60,
    turn_deg: float = 0.0,
    seed: int = 15,
    hostile: bool = False,
    simulated: bool = True,
) -> Assessment:
    """Build an assessment by hand: tables have the columns of the study, figures are plausible, not measured."""
    rng = np.random.default_rng(seed)
    places = _places(hostile=hostile)
    population = _population(rng, cells_across, turn_deg)
    sites = _sites(rng, institutions, places, hostile=hostile)
    coverage, totals = _coverage(rng, places, sites), _totals(places, sites)
    register = sites[["id", "name", "service", "level", "tags", "address", "beds", "position_accuracy_m", "geometry"]]
    city = City(
        register, population, places, (Source("institutions", "机构名册.xlsx", "ab" * 32, "gcj02"),),
        HOSTILE[0] if hostile else "中卫市（样例）", simulated,
    )  # fmt: skip
    findings = (*_site_findings(sites, hostile=hostile), *_place_findings(totals))
    return Assessment(
        city=city, plan_id="zhongwei", plan_title="中卫市医疗保障定点医药服务资源配置规划（2026年—2030年）",
        radius_m=RADIUS_M, services=SERVICES, sites=sites, findings=findings, coverage=coverage, totals=totals,
        gaps=_gaps(hostile=hostile),
        provenance={"plan": {"id": "zhongwei", "title": "中卫市医疗保障定点医药服务资源配置规划（2026年—2030年）",
                             "version": "9f3c" * 16, "radius_m": RADIUS_M, "dense_per_km2": 3000.0}},
    )  # fmt: skip


def _places(*, hostile: bool) -> gpd.GeoDataFrame:
    rows = []
    for d, name in enumerate(("沙坡头区", "中宁县")):
        west = WEST + d * 3 * STEP
        district = f"64050{d + 2}"
        rows.append(
            (district, name, "district", "640500", np.nan, "", box(west, SOUTH, west + 3 * STEP, SOUTH + 2 * STEP))
        )
        for t, township in enumerate(TOWNSHIPS):
            x, y = west + (t % 3) * STEP, SOUTH + (t // 3) * STEP
            rows.append(
                (
                    f"{district}{t:03d}",
                    f"{township}{'' if d == 0 else '东'}",
                    "township",
                    district,
                    30000.0,
                    "",
                    box(x, y, x + STEP, y + STEP),
                )
            )
    rows.append(("640500", "中卫市", "city", "", np.nan, "", box(WEST, SOUTH, WEST + 6 * STEP, SOUTH + 2 * STEP)))
    places = gpd.GeoDataFrame(
        rows,
        columns=["id", "name", "level", "parent", "residents", "settings", "geometry"],
        geometry="geometry",
        crs=CRS,
    )
    places["class"] = ""
    if hostile:
        places["name"] = [HOSTILE[n % len(HOSTILE)] for n in range(len(places))]
    return places


def _population(rng: np.random.Generator, across: int, turn_deg: float) -> Population:
    dx, dy = 6 * STEP / (2 * across), 2 * STEP / across
    i, j = (v.ravel() for v in np.meshgrid(np.arange(2 * across), np.arange(across)))
    x, y = WEST + i * dx, SOUTH + j * dy
    core = np.exp(-(((x - WEST - 0.07) / 0.022) ** 2 + ((y - SOUTH - 0.05) / 0.018) ** 2))
    second = 0.7 * np.exp(-(((x - WEST - 0.21) / 0.015) ** 2 + ((y - SOUTH - 0.06) / 0.014) ** 2))
    village = 0.13 * (rng.random(len(x)) > 0.93)
    per_km2 = 15000 * (core + second + village) * rng.uniform(0.4, 1.5, len(x))
    residents = per_km2 * dx * dy * 88.5 * 111.0
    keep = per_km2 > 60
    cells = shapely.box(x, y, x + dx, y + dy)[keep]
    if turn_deg:
        centre = shapely.centroid(cells)
        angle = np.radians(turn_deg)
        corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) @ [
            [np.cos(angle), np.sin(angle)],
            [-np.sin(angle), np.cos(angle)],
        ]
        xy = np.stack([shapely.get_x(centre), shapely.get_y(centre)], axis=1)[:, None, :] + corners[None] * [dx, dy]
        cells = shapely.polygons(xy)
    frame = gpd.GeoDataFrame({"residents": residents[keep]}, geometry=cells, crs=CRS)
    return Population(frame, box(WEST, SOUTH, WEST + 6 * STEP, SOUTH + 2 * STEP), "grid", 100.0)


def _sites(rng: np.random.Generator, count: int, places: gpd.GeoDataFrame, *, hostile: bool) -> gpd.GeoDataFrame:
    service = np.array(rng.choice(SERVICES, count, p=[0.12, 0.2, 0.52, 0.08, 0.08]), dtype=object)
    near_core = rng.random(count) < 0.6
    lon = np.where(near_core, rng.normal(WEST + 0.07, 0.016, count), rng.uniform(WEST, WEST + 6 * STEP, count))
    lat = np.where(
        near_core, rng.normal(SOUTH + 0.05, 0.013, count), rng.uniform(SOUTH + 0.052, SOUTH + 2 * STEP, count)
    )
    townships = places[places["level"] == "township"]
    points = [Point(a, b) for a, b in zip(lon, lat, strict=True)]
    home = [next((t for t in townships.itertuples() if t.geometry.covers(p)), None) for p in points]
    names = [
        HOSTILE[n % len(HOSTILE)] if hostile else f"{('康民', '百姓', '国药', '仁和')[n % 4]}大药房{n:03d}店"
        for n in range(count)
    ]
    table = gpd.GeoDataFrame(
        {
            "id": [f"{'P' if s == 'pharmacy' else 'H'}640502{n:05d}" for n, s in enumerate(service)],
            "name": names, "service": service, "level": ["tertiary" if s == "inpatient" else "" for s in service],
            "tags": ["dual_channel" if n % 9 == 0 else "" for n in range(count)],
            "address": [HOSTILE[(n + 3) % len(HOSTILE)] if hostile else f"鼓楼东街{n}号" for n in range(count)],
            "beds": [120.0 if s == "inpatient" else np.nan for s in service], "position_accuracy_m": 10.0,
            "township_id": [t.id if t else "" for t in home], "township_name": [t.name if t else "" for t in home],
            "district_id": [t.parent if t else "" for t in home], "district_name": "", "city_id": "640500", "city_name": "中卫市",
        },
        geometry=points, crs=CRS,
    )  # fmt: skip
    table["district_name"] = table["district_id"].map(dict(zip(places["id"], places["name"], strict=True))).fillna("")
    return _circles(table, near_core)


def _circles(table: gpd.GeoDataFrame, dense: np.ndarray) -> gpd.GeoDataFrame:
    others, nearest = np.zeros(len(table)), np.full(len(table), np.nan)
    for service in SERVICES:
        at = np.flatnonzero(table["service"] == service)
        x, y = table.geometry.x.to_numpy()[at], table.geometry.y.to_numpy()[at]
        i, j, metres = pairs_within(x, y, x, y, RADIUS_M)
        for a, m in zip(at[i[i != j]], metres[i != j], strict=True):
            others[a] += 1
            nearest[a] = np.nanmin([nearest[a], m])
    capped = (table["service"] == "pharmacy").to_numpy()
    return table.assign(
        others_within=others.astype(int), nearest_other_m=nearest, residents_within=np.where(dense, 24310.4, 812.0),
        circle_km2=2.0106, circle_land_km2=2.0106, density_circle_per_km2=np.where(dense, 12091.0, 404.0),
        density_place_per_km2=np.where(dense, 3402.0, 210.0), density_cell_per_km2=np.where(dense, 15020.0, 0.0),
        circle_limit=np.where(capped, np.where(dense, 3.0, 2.0), np.nan), circle_rule=np.where(capped, "pharmacy.circle.dense", ""),
        density_class=np.where(dense, "dense", "town_sparse"), over_cap=capped & (others + 1 > np.where(dense, 3, 2)),
    )  # fmt: skip


def _coverage(rng: np.random.Generator, places: gpd.GeoDataFrame, sites: gpd.GeoDataFrame) -> pd.DataFrame:
    rows = []
    for place in places.itertuples():
        for service in SERVICES:
            share = float(rng.uniform(0.3, 0.9))
            residents = 30000.0 if place.level == "township" else 180000.0
            depth = residents * np.array([1 - share, share * 0.3, share * 0.25, share * 0.45])
            rows.append(
                (
                    place.id,
                    place.name,
                    place.level,
                    place.parent,
                    service,
                    residents,
                    residents * share,
                    share,
                    *depth,
                    int((sites["service"] == service).sum()),
                )
            )
    columns = [
        "place_id",
        "name",
        "level",
        "parent",
        "service",
        "residents",
        "covered",
        "share",
        "depth_0",
        "depth_1",
        "depth_2",
        "depth_3",
        "institutions",
    ]
    return pd.DataFrame(rows, columns=columns)


def _totals(places: gpd.GeoDataFrame, sites: gpd.GeoDataFrame) -> pd.DataFrame:
    rows = []
    for n, place in enumerate(places.itertuples()):
        column = {"township": "township_id", "district": "district_id", "city": "city_id"}[place.level]
        mine = sites[sites[column] == place.id]
        counts = {f"n_{s}": int((mine["service"] == s).sum()) for s in SERVICES}
        rows.append(
            {
                "place_id": place.id,
                "name": place.name,
                "level": place.level,
                "parent": place.parent,
                "residents": 30000.0,
                "land_km2": 24.5,
                "density_per_km2": [180.0, 3402.0, 900.0, 2100.0, 60.0, 420.0][n % 6],
                **counts,
            }
        )
    return pd.DataFrame(rows)


def _site_findings(sites: gpd.GeoDataFrame, *, hostile: bool) -> list[Finding]:
    found = []
    for site in sites[sites["circle_limit"].notna()].itertuples():
        others = (Neighbour("P64050200001", HOSTILE[1] if hostile else "国药大药房", 799.4),)
        found.append(Finding(
            "pharmacy.circle.dense", "人口密集区域服务圈内药店数", Outcome.BREACHED if site.over_cap else Outcome.MET, Force.PRINCIPLE,
            "三（三）1（1）", HOSTILE[3] if hostile else QUOTE, site.id, "circle", site.name, float(site.others_within + 1), site.circle_limit,
            "institutions", "max", Evidence(borderline=others if site.over_cap else ()),
        ))  # fmt: skip
    return found


def _place_findings(totals: pd.DataFrame) -> list[Finding]:
    found = []
    for row in totals.itertuples():
        if row.level == "city":
            continue
        limit, floor = (25.0, None) if row.level == "district" else (12.0, 1.0)
        for bound, value in (("max", limit), ("min", floor)):
            if value is None:
                continue
            broken = row.n_pharmacy > value if bound == "max" else row.n_pharmacy < value
            found.append(Finding(
                f"pharmacy.{row.level}" + ("" if row.level == "district" else f".{bound}"), "药店总数" + ("上限" if bound == "max" else "下限"),
                Outcome.BREACHED if broken else Outcome.MET, Force.MUST, "三（三）2", "全市定点零售药店总量控制在360家以内。",
                row.place_id, row.level, row.name, float(row.n_pharmacy), value, "institutions", bound,
            ))  # fmt: skip
    return found


def _gaps(*, hostile: bool) -> gpd.GeoDataFrame:
    rows = []
    spots = [
        (0.012, 0.012, 0.014),
        (0.06, 0.008, 0.009),
        (0.12, 0.02, 0.011),
        (0.02, 0.034, 0.006),
        (0.17, 0.02, 0.01),
        (0.25, 0.03, 0.012),
    ]
    for n, (x, y, size) in enumerate(spots, start=1):
        shape = box(WEST + x, SOUTH + y, WEST + x + size, SOUTH + y + size).union(
            box(WEST + x + size, SOUTH + y, WEST + x + 1.5 * size, SOUTH + y + size / 2)
        )
        first = x < 3 * STEP
        rows.append({
            "rank": n, "gap_id": f"G{n:03d}", "service": "pharmacy", "residents": 4200.0 / n, "area_km2": 1.84, "density_per_km2": 2280.0 / n, "cells": 40,
            "district_id": "640502" if first else "640503", "district_name": "沙坡头区" if first else "中宁县", "township_id": "640502000",
            "township_name": HOSTILE[n % len(HOSTILE)] if hostile else TOWNSHIPS[n % 6], "nearest_id": "P64050200001",
            "nearest_name": HOSTILE[0] if hostile else "国药大药房002店", "nearest_m": 1834.2, "candidate_lon": WEST + x + size / 2,
            "candidate_lat": SOUTH + y + size / 2, "candidate_new_residents": 3000.0 / n, "geometry": shape,
        })  # fmt: skip
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=CRS)


def counties(*, across=12, hostile=False):
    """A square land of counties, the first of them known by hand, and two gaps."""
    n = across * across
    at = np.arange(n)
    west, south = 100.0 + 0.5 * (at % across), 30.0 + 0.5 * (at // across)
    residents = 1000.0 + 10.0 * at
    covered = residents * ((at % 10) / 10.0)
    residents[5], covered[5] = 0.0, 0.0  # nobody lives there
    names = [f"县{k}" for k in at]
    if hostile:
        names[: len(HOSTILE)] = HOSTILE
    places = gpd.GeoDataFrame(
        {
            "id": [f"{640000 + k}" for k in at], "name": names, "level": "district", "parent": "", "residents": residents,
            "density_per_km2": residents / 50.0, "land_km2": 50.0,
            "pharmacy_institutions": at, "pharmacy_covered": covered,
            "pharmacy_share": np.divide(covered, residents, out=np.full(n, np.nan), where=residents > 0),
            "inpatient_institutions": 1, "inpatient_covered": 0.0, "inpatient_share": np.where(residents > 0, 0.0, np.nan),
        },
        geometry=shapely.box(west, south, west + 0.5, south + 0.5), crs="EPSG:4326",
    )  # fmt: skip
    gaps = pd.DataFrame({"service": "pharmacy", "rank": [1, 2], "residents": [900.0, 800.0], "area_km2": [3.0, 2.0],
                         "place_id": ["640007", "elsewhere"], "place_name": [names[7], "别处"],
                         "candidate_lon": [103.512346, np.nan], "candidate_lat": [30.25, np.nan],
                         "candidate_new_residents": [412.4, np.nan]})  # fmt: skip
    return places, gaps

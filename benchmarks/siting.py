"""Sites to add and to retire 选址与退出: equal optima beside spopt with CBC, sizes that no dense matrix holds, cities.

Simulated residents and candidates lie uniformly at random, as in the figures that the marks were set by; the cities are
the sample city (made by data/make_sample.py) and a simulated Liuzhou with the numbers of its plan's annex.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import Contest, Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.schema import City

    Floats = NDArray[np.float64]

RADIUS_M = 800.0
ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "zhongwei" / "city.toml"
CELL_M = 100.0
LARGE = {"city": (30_000, 100_000, 300), "province": (100_000, 1_000_000, 1_000)}
SMALL = {"s": (200, 2_000, 10), "city": (500, 5_000, 20)}

# District, residents, pharmacies now, pharmacies planned: annex 3 of Liuzhou's plan.
LIUZHOU = (
    ("柳州市区", 2_015_700, 911, 537),
    ("柳江区", 502_100, 136, 80),
    ("柳城县", 312_400, 78, 85),
    ("鹿寨县", 335_500, 98, 82),
    ("融安县", 251_200, 71, 65),
    ("融水苗族自治县", 411_300, 100, 100),
    ("三江侗族自治县", 317_800, 67, 84),
)


def plane(candidates: int, points: int, *, seed: int = 15) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Candidates and residents at random on ground where every cell of 100 m is one point: degrees and people."""
    rng = np.random.default_rng(seed)
    side_deg = np.sqrt(points) * CELL_M / 111_320.0
    lon, lat = (
        (105.0 + rng.random((2, candidates)) * side_deg * [[1.25], [0.0]]),
        37.0 + rng.random(candidates) * side_deg,
    )
    at = rng.random((2, points)) * side_deg
    return lon[0], lat, 105.0 + at[0] * 1.25, 37.0 + at[1], rng.integers(1, 200, points).astype(float)


# ── the same question to both ─────────────────────────────────


def ours_exact(candidates: int, points: int, number: int) -> Callable[[], dict[str, float]]:
    """Pairs, merging and HiGHS, proven."""
    from circle15.siting.cover import max_cover  # noqa: PLC0415 - imports are not timed
    from circle15.siting.demand import reach_straight  # noqa: PLC0415
    from circle15.siting.limits import free_limits  # noqa: PLC0415

    lon, lat, x, y, people = plane(candidates, points)
    warm = reach_straight(lon[:5], lat[:5], x[:50], y[:50], radius_m=RADIUS_M)
    max_cover(warm, people[:50], free_limits(5, number=1))

    def work() -> dict[str, float]:
        reach = reach_straight(lon, lat, x, y, radius_m=RADIUS_M)
        found = max_cover(reach, people, free_limits(candidates, number=number), method="exact")
        return {"covered": found.objective, "gap": found.gap}

    return work


def ours_search(candidates: int, points: int, number: int) -> Callable[[], dict[str, float]]:
    """Pairs and the lazy greedy with exchanges and its bound."""
    from circle15.siting.cover import max_cover  # noqa: PLC0415 - imports are not timed
    from circle15.siting.demand import reach_straight  # noqa: PLC0415
    from circle15.siting.limits import free_limits  # noqa: PLC0415

    lon, lat, x, y, people = plane(candidates, points)
    warm = reach_straight(lon[:5], lat[:5], x[:50], y[:50], radius_m=RADIUS_M)
    max_cover(warm, people[:50], free_limits(5, number=1), method="search")

    def work() -> dict[str, float]:
        reach = reach_straight(lon, lat, x, y, radius_m=RADIUS_M)
        found = max_cover(reach, people, free_limits(candidates, number=number), method="search")
        return {"covered": found.objective, "gap": found.gap, "pairs": float(len(reach.point))}

    return work


def spopt_cbc(candidates: int, points: int, number: int) -> Callable[[], dict[str, float]]:
    """Spopt's MCLP as its manual shows it: a dense matrix of distances, PuLP, CBC."""
    import pulp  # noqa: PLC0415 - imports are not timed
    from spopt.locate import MCLP  # noqa: PLC0415

    from circle15.project.metric import distances_m  # noqa: PLC0415

    lon, lat, x, y, people = plane(candidates, points)

    def work() -> dict[str, float]:
        away = distances_m(x[:, None], y[:, None], lon[None], lat[None])
        model = MCLP.from_cost_matrix(away, people, RADIUS_M, p_facilities=number)
        solved = model.solve(pulp.PULP_CBC_CMD(msg=False))
        return {"covered": float(pulp.value(solved.problem.objective)), "gap": 0.0}

    return work


# ── cities ────────────────────────────────────────────────────


def retire_sample(additions: int) -> Callable[[], dict[str, float]]:
    """517 pharmacies to all caps of Zhongwei's plan, from the register read to the plan judged again."""
    from circle15.policy.plan import load_plan  # noqa: PLC0415 - imports are not timed
    from circle15.prepared import Prepared  # noqa: PLC0415
    from circle15.read.city import load_city, read_city  # noqa: PLC0415
    from circle15.siting.candidates import gap_candidates  # noqa: PLC0415
    from circle15.siting.field import lay_out  # noqa: PLC0415
    from circle15.siting.retire import plan_exits  # noqa: PLC0415

    files = load_city(SAMPLE)
    city, _ = read_city(files)

    def work() -> dict[str, float]:
        ready = Prepared(load_plan(files.plan), city, as_of=files.city.as_of)
        candidates = gap_candidates(ready, service="pharmacy") if additions else None
        field = lay_out(ready, service="pharmacy", leaving=True, candidates=candidates)
        plan = plan_exits(field, steps=5, additions=additions, seconds=20.0)
        last = plan.steps.iloc[-1]
        caps = [f for f in plan.recheck.remaining if f.bound == "max"]
        return {
            "before": plan.steps["share"].iloc[0],
            "after": last["share"],
            "exits": len(plan.exits),
            "entries": len(plan.entries),
            "standing": last["standing"],
            "gap": plan.found.cover.gap,
            "metres_gap": plan.nearness.metres_after / plan.nearness.metres_bound - 1,
            "depth_gap": plan.nearness.deep_bound / plan.nearness.deep_after - 1,
            "caps_broken": len(caps),
            "minimums_unmet": len(plan.recheck.remaining) - len(caps),
        }

    return work


def liuzhou_city() -> City:
    """A simulated Liuzhou: its seven units side by side, pharmacies about towns, residents on cells of 500 m."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    import pandas as pd  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    from circle15.schema import INSTITUTION_COLUMNS, City, Population  # noqa: PLC0415

    rng, wide, high = np.random.default_rng(15), 0.25, 0.4
    places, rows, cells, people = [], [], [], []
    for at, (name, residents, now, _) in enumerate(LIUZHOU):
        west, south, code = 108.8 + at * wide, 24.2, f"4502{at + 1:02d}"
        places.append(
            (code, name, "district", "450200", float(residents), shapely.box(west, south, west + wide, south + high))
        )
        towns = rng.uniform((west + 0.03, south + 0.03), (west + wide - 0.03, south + high - 0.03), (12, 2))
        share = rng.pareto(1.2, 12) + 0.3
        town = towns[rng.choice(12, now, p=share / share.sum())] + rng.normal(scale=0.012, size=(now, 2))
        inside = np.clip(town, (west + 0.001, south + 0.001), (west + wide - 0.001, south + high - 0.001))
        rows += [(f"P{code}{n:05d}", f"{name}{n}", shapely.Point(*p)) for n, p in enumerate(inside, start=1)]
        x, y = np.meshgrid(np.arange(west, west + wide - 1e-9, 0.005), np.arange(south, south + high - 1e-9, 0.005))
        away = np.hypot(x.ravel()[:, None] - towns[:, 0], y.ravel()[:, None] - towns[:, 1])
        weight = (share * np.exp(-((away / 0.02) ** 2))).sum(axis=1) + 0.002
        cells += list(shapely.box(x.ravel(), y.ravel(), x.ravel() + 0.005, y.ravel() + 0.005))
        people += list(residents * weight / weight.sum())
    top = ("450200", "柳州市", "city", "", float("nan"), shapely.box(108.8, 24.2, 108.8 + 7 * wide, 24.2 + high))
    table = pd.DataFrame([top, *places], columns=["id", "name", "level", "parent", "residents", "geometry"])
    outlines = gpd.GeoDataFrame(table.assign(settings="", **{"class": ""}), geometry="geometry", crs="EPSG:4326")
    register = pd.DataFrame(rows, columns=["id", "name", "geometry"]).assign(
        service="pharmacy", position_accuracy_m=10.0
    )
    empty = {"str": "", "float64": np.nan, "int64": 0, "datetime64[s]": pd.NaT}
    for column, kind in INSTITUTION_COLUMNS.items():
        if column not in register.columns:
            register[column] = pd.Series([empty[kind]] * len(register), dtype=kind)
    held = gpd.GeoDataFrame(register[[*INSTITUTION_COLUMNS, "geometry"]], geometry="geometry", crs="EPSG:4326")
    grid = gpd.GeoDataFrame({"residents": people}, geometry=cells, crs="EPSG:4326")
    population = Population(grid, shapely.union_all(outlines.geometry), "grid", 500.0)
    return City(held, population, outlines, name="柳州市（模拟数据）", simulated=True)


def retire_liuzhou() -> Callable[[], dict[str, float]]:
    """1,461 pharmacies to the numbers of annex 3: five units shrink or stand, two grow, in one plan."""
    from circle15.policy.plan import load_plan  # noqa: PLC0415 - imports are not timed
    from circle15.prepared import Prepared  # noqa: PLC0415
    from circle15.siting.candidates import lattice_candidates  # noqa: PLC0415
    from circle15.siting.field import lay_out  # noqa: PLC0415
    from circle15.siting.retire import plan_exits  # noqa: PLC0415

    city, plan = liuzhou_city(), load_plan("liuzhou")

    def work() -> dict[str, float]:
        ready = Prepared(plan, city)
        candidates = lattice_candidates(ready, spacing_m=1_500.0)
        field = lay_out(ready, service="pharmacy", leaving=True, candidates=candidates)
        found = plan_exits(field, additions=24, seconds=30.0)
        districts = found.coverage[found.coverage["level"] == "district"].set_index("name")
        planned = {name: number for name, _, _, number in LIUZHOU}
        off = [abs(int(districts.loc[n, "institutions_after"]) - k) for n, k in planned.items()]
        last = found.steps.iloc[-1]
        return {
            "before": found.steps["share"].iloc[0],
            "after": last["share"],
            "exits": len(found.exits),
            "entries": len(found.entries),
            "standing": last["standing"],
            "off_annex": float(sum(off)),
            "gap": found.found.cover.gap,
            "caps_broken": len(found.recheck.remaining),
        }

    return work


def contests(size: str) -> list[Contest]:
    """Sizes s and city beside spopt; city and province also what it cannot hold; the cities at s."""
    found: list[Contest] = []
    if size in SMALL:
        candidates, points, number = SMALL[size]
        asked = {"candidates": candidates, "points": points, "number": number}
        entries = [
            Entry("circle15: sparse pairs, merged, HiGHS", "benchmarks.siting:ours_exact", asked),
            Entry("circle15: lazy greedy and exchanges", "benchmarks.siting:ours_search", asked),
            Entry("spopt with CBC", "benchmarks.siting:spopt_cbc", asked, timeout_s=900.0),
        ]
        name = f"Most covered, {candidates} × {points}, k = {number}"
        found.append(
            Contest(
                name,
                entries,
                entries[0].label,
                against=entries[2].label,
                at_least=3.0,
                note="the same optimum, proven by both",
            )
        )
    if size in LARGE:
        candidates, points, number = LARGE[size]
        asked = {"candidates": candidates, "points": points, "number": number}
        entry = Entry("circle15: lazy greedy and exchanges", "benchmarks.siting:ours_search", asked)
        dense = candidates * points * 8 / 1e9
        found.append(
            Contest(
                f"Most covered, {candidates:,} × {points:,}, k = {number:,}",
                [entry],
                entry.label,
                note=f"a dense matrix, as spopt's, would take {dense:,.0f} GB",
            )
        )
    if size == "s":
        for label, function, options in (
            ("517 pharmacies to all caps of Zhongwei's plan", "retire_sample", {"additions": 0}),
            ("the same with up to 122 additions", "retire_sample", {"additions": 122}),
            ("Liuzhou (simulated) to its annex", "retire_liuzhou", {}),
        ):
            entry = Entry(label, f"benchmarks.siting:{function}", options)
            if function != "retire_sample" or SAMPLE.is_file():
                found.append(
                    Contest(f"Exits: {label}", [entry], label, note="no rival plans removals under circle caps")
                )
    return found

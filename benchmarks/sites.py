"""Proposed sites against a loaded register: one verdict, and many sites at once 拟新增点研判.

Input: the simulated nation of `make_nation`. It has counties and no townships, so the density of the circle decides;
the plan is Zhongwei's without the rules that name its own districts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.coverage import RADIUS_M, folder, middle_plane
from benchmarks.harness import Contest, Entry

if TYPE_CHECKING:
    import geopandas as gpd

    from circle15.prepared import Prepared

ONE_BY_ONE = 50  # few enough for what lies about them to stay in memory
MANY = {"s": 2_000, "city": 100_000, "province": 100_000, "nation": 100_000}
PART = 5_000


def ready_city(size: str) -> Prepared:
    """Plan and city, held ready: totals, register by place, circles of all institutions."""
    from circle15.policy.plan import load_plan  # noqa: PLC0415 - imports are not timed
    from circle15.prepared import Prepared  # noqa: PLC0415
    from circle15.read.nation import read_nation  # noqa: PLC0415

    at, plan = folder(size), load_plan("zhongwei")
    anywhere = tuple(
        r
        for r in plan.rules
        if not (r.where.areas or r.where.zones or getattr(r, "max_by_area", None) or getattr(r, "per", "") == "group")
    )
    density = plan.density.model_copy(update={"unit": "circle"})
    plan = plan.model_copy(update={"groups": (), "rules": anywhere, "density": density})
    city, _ = read_nation(at / "institutions.parquet", at / "places.parquet", at / "population.vrt")
    return Prepared(plan, city)


def sites_of(size: str, count: int) -> gpd.GeoDataFrame:
    """Places near institutions, a kilometre or two away."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    import numpy as np  # noqa: PLC0415

    rng = np.random.default_rng(15)
    held = gpd.read_parquet(folder(size) / "institutions.parquet").geometry
    at = rng.integers(0, len(held), count)
    x, y = (v.to_numpy()[at] + rng.normal(size=count) * 0.015 for v in (held.x, held.y))
    ids = [f"S{n}" for n in range(count)]
    return gpd.GeoDataFrame({"id": ids, "service": "pharmacy"}, geometry=gpd.points_from_xy(x, y), crs="EPSG:4326")


def verdicts(size: str, *, visited: bool) -> Callable[[], dict[str, float]]:
    """Full verdicts, one after the other, at places that were not asked about before.

    `visited` tells that a place some metres away was: what lies about it has been read from the raster.
    """
    ready, points = ready_city(size), sites_of(size, ONE_BY_ONE + 1).geometry
    where = [{"lon": p.x, "lat": p.y, "datum": "wgs84", "service": "pharmacy"} for p in points]
    ready.judge(**where.pop())  # totals and indexes are made
    for place in where if visited else ():
        ready.judge(**{**place, "lon": place["lon"] + 1e-4})

    def work() -> dict[str, float]:
        found = [ready.judge(**place) for place in where]
        return {"findings": float(sum(len(v.findings) for v in found))}

    return work


def measured(size: str, count: int) -> Callable[[], dict[str, float]]:
    """Neighbours, nearest, residents, ground, densities, places and caps of many sites."""
    ready, sites = ready_city(size), sites_of(size, count)
    ready.measure(sites.iloc[:100])

    def work() -> dict[str, float]:
        table = ready.measure(sites)
        return {
            "neighbours": float(table["others_within"].sum()),
            "nearest_km": float(table["nearest_other_m"].sum()) / 1000,
            "residents": float(table["residents_within"].sum()),
        }

    return work


def screened(size: str, count: int) -> Callable[[], dict[str, float]]:
    """The same and what each site comes to."""
    from circle15.screen import screen_sites  # noqa: PLC0415 - imports are not timed

    ready, sites = ready_city(size), sites_of(size, count)
    screen_sites(ready, sites.iloc[:10])

    def work() -> dict[str, float]:
        table = screen_sites(ready, sites)
        return {
            "residents": float(table["residents_within"].sum()),
            "review": float((table["conclusion"] == "review").sum()),
        }

    return work


def geopandas_way(size: str, count: int) -> Callable[[], dict[str, float]]:
    """What is written most: joins within a distance, to the nearest, to places; buffers joined to centres of cells."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import rasterio  # noqa: PLC0415

    at = folder(size)
    places = gpd.read_parquet(at / "places.parquet")
    plane = middle_plane(places)
    places = places[["id", "geometry"]].to_crs(plane)
    register = gpd.read_parquet(at / "institutions.parquet")
    register = register[register["service"] == "pharmacy"][["id", "geometry"]].to_crs(plane)
    with rasterio.open(at / "population.vrt") as raster:
        values, t = raster.read(1), raster.transform
    row, column = np.nonzero(values > 0)
    centres = gpd.points_from_xy(t.c + t.a * (column + 0.5), t.f + t.e * (row + 0.5), crs=4326).to_crs(plane)
    cells = gpd.GeoDataFrame({"residents": values[row, column].astype(float)}, geometry=centres)
    sites = sites_of(size, count).to_crs(plane)

    def of(part: Any) -> Any:  # noqa: ANN401 - GeoDataFrames
        near = part.sjoin(register, predicate="dwithin", distance=RADIUS_M)
        discs = gpd.GeoDataFrame(part[["id"]], geometry=part.buffer(RADIUS_M))
        held = cells.sjoin(discs, predicate="within")
        return part.sjoin(places, predicate="within", how="left").assign(
            neighbours=near.groupby(level=0).size(),
            nearest_m=part.sjoin_nearest(register, distance_col="m").groupby(level=0)["m"].first(),
            residents=held.groupby("index_right")["residents"].sum(),
        )

    def work() -> dict[str, float]:
        table = pd.concat([of(sites.iloc[first : first + PART]) for first in range(0, len(sites), PART)])
        return {
            "neighbours": float(table["neighbours"].sum()),
            "nearest_km": float(table["nearest_m"].sum()) / 1000,
            "residents": float(table["residents"].sum()),
        }

    return work


def contests(size: str) -> list[Contest]:
    """One verdict at a time; many sites measured and screened (at nation size geopandas cannot hold the cells)."""
    at, asked = "benchmarks.sites:", {"size": size, "count": MANY[size]}
    ones = [
        Entry(f"circle15: {ONE_BY_ONE} full verdicts, {told}", at + "verdicts", {"size": size, "visited": visited})
        for told, visited in (("ground in memory", True), ("ground read from disk", False))
    ]
    mine: list[Any] = [
        Entry("circle15: measured", at + "measured", asked, repeats=1 if size == "nation" else 3),
        Entry("circle15: measured and concluded", at + "screened", asked),
    ]
    rivals = [] if size == "nation" else [Entry("geopandas: dwithin, sjoin, buffers", at + "geopandas_way", asked)]
    goal = 15.0 if size in {"city", "province"} else None
    return [
        Contest(
            "一处一研判 full verdicts, everything loaded",
            ones,
            ones[0].label,
            note=f"mark: 5 ms each, so {ONE_BY_ONE * 0.005:g} s",
        ),
        Contest(
            f"批量 {MANY[size]:,} sites",
            [*mine, *rivals],
            mine[0].label,
            against=rivals[0].label if rivals else "",
            at_least=goal,
            note="shares of cells are exact here, geopandas counts cells by their centres",
        ),
    ]

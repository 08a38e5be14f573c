"""Others of the same service within 800 m of every institution 圈内同类机构, simulated points that cluster."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.harness import Contest, Entry, exponent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RADIUS_M = 800.0
COUNT = {"s": 5_000, "city": 500, "province": 20_000, "nation": 1_100_000}
SIDE_KM = {"s": 60, "city": 170, "province": 700, "nation": 3_900}


def points(size: str) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of clustered points: towns of uneven size, institutions about their middle."""
    n, side_deg = COUNT[size], SIDE_KM[size] / 100.0
    rng = np.random.default_rng(15)
    towns = max(n // 60, 3)
    weight = rng.pareto(1.1, towns) + 0.2
    town = rng.choice(towns, n, p=weight / weight.sum())
    centre = rng.uniform((80.0, 22.0), (80.0 + side_deg, 22.0 + side_deg * 0.6), (towns, 2))
    spread = 0.01 * np.sqrt(np.bincount(town, minlength=towns) / 40.0)[town]
    at = centre[town] + rng.normal(size=(n, 2)) * spread[:, None]
    return at[:, 0].copy(), at[:, 1].copy()


def ours(size: str) -> Callable[[], dict[str, float]]:
    from circle15.measure.circles import count_others  # noqa: PLC0415 - imports are not timed

    lon, lat = points(size)
    service = np.zeros(len(lon), dtype=np.int8)
    count_others(lon[:100], lat[:100], service[:100], radius_m=RADIUS_M)  # machine code is loaded
    return lambda: {"pairs": float(count_others(lon, lat, service, radius_m=RADIUS_M).sum()) / 2}


def tree(size: str) -> Callable[[], dict[str, float]]:
    """The barest rival: planar points, pairs by cKDTree."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - imports are not timed

    lon, lat = points(size)

    def work() -> dict[str, float]:
        xy = np.column_stack([lon * 111_320 * np.cos(np.radians(lat)), lat * 110_950])
        return {"pairs": float(len(cKDTree(xy).query_pairs(RADIUS_M, output_type="ndarray")))}

    return work


def geopandas_buffers(size: str) -> Callable[[], dict[str, float]]:
    """What is written most: buffer, then join."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed

    lon, lat = points(size)
    table = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326").to_crs("ESRI:102012")

    def work() -> dict[str, float]:
        discs = gpd.GeoDataFrame(geometry=table.buffer(RADIUS_M), crs=table.crs)
        return {"pairs": (len(table.sjoin(discs, predicate="within")) - len(table)) / 2}

    return work


def contests(size: str) -> list[Contest]:
    mine = "circle15"
    entries = [
        Entry(mine, "benchmarks.crowding:ours", {"size": size}, repeats=3),
        Entry("cKDTree.query_pairs, planar", "benchmarks.crowding:tree", {"size": size}, repeats=3),
        Entry("geopandas: buffer + sjoin", "benchmarks.crowding:geopandas_buffers", {"size": size}),
    ]
    # both marks are for the nation; fixed costs count among a few thousand
    goal, most = (40.0, 1.5) if size == "nation" else (None, None)
    return [
        Contest(f"同类机构 crowding, {COUNT[size]:,}", entries, mine, against=entries[2].label, at_least=goal),
        Contest(
            f"与 cKDTree 相比 beside cKDTree, {COUNT[size]:,}",
            entries[:2],
            mine,
            against=entries[1].label,
            at_most=most,
        ),
    ]


def fits(size: str) -> list[dict[str, Any]]:
    """How cost grows with the number of institutions, from five thousand up to this size."""
    sizes = ("s", "province") if size in {"s", "city"} else ("s", "province", "nation")
    found = []
    for name in sizes:
        work = ours(name)
        start = time.process_time()
        work()
        found.append((COUNT[name], time.process_time() - start))
    counts, seconds = zip(*found, strict=True)
    told = ", ".join(f"{n:,} {t:.3f} s" for n, t in found)
    return [{"name": "机构数 institutions", "exponent": exponent(counts, seconds), "measured": told}]

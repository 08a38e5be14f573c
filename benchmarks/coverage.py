"""Coverage by district with exact fractions, and the whole pass against the bare reading of the raster 覆盖与一遍算清.

Input: the simulated nation of `make_nation`, kept under $CIRCLE15_BENCH (default: a folder of the system's temporary
files) from run to run.
"""

from __future__ import annotations

import os
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness import Contest, Entry, exponent

RADIUS_M = 800.0


def folder(size: str) -> Path:
    """The simulated inputs of a size, made at the first call."""
    from benchmarks.make_nation import make  # noqa: PLC0415 - imports are not timed

    root = Path(os.environ.get("CIRCLE15_BENCH", Path(tempfile.gettempdir()) / "circle15-bench"))
    return make(root / size, size=size, workers=os.cpu_count() or 1)


def _inputs(size: str, **options: Any) -> Any:  # noqa: ANN401 - scale.inputs.Inputs, imported when asked for
    from circle15.scale.inputs import read_inputs  # noqa: PLC0415 - imports are not timed

    at = folder(size)
    files = (at / "institutions.parquet", at / "places.parquet", at / "population.vrt")
    return read_inputs(*files, **({"radius_m": RADIUS_M, "services": ("pharmacy",)} | options))


def ours(size: str) -> Callable[[], dict[str, float]]:
    """Cover, depth, circles, ground and gaps: all of it, though only the cover is compared."""
    from circle15.scale.merge import add_together  # noqa: PLC0415 - imports are not timed
    from circle15.scale.run import run_blocks  # noqa: PLC0415 - imports are not timed

    inputs = _inputs(size)
    place = Path(tempfile.mkdtemp())
    run_blocks(_inputs("s").task, place)  # machine code is loaded
    turn = iter(range(1_000))

    def work() -> dict[str, float]:
        sums = add_together(inputs.task, run_blocks(inputs.task, place / str(next(turn))))
        return {"covered": float(sums.people[:, 0, 1:].sum()), "residents": float(sums.people[:, 0].sum())}

    return work


def from_files_to_results(size: str) -> Callable[[], dict[str, float]]:
    """What the command `nation` does for one service, from reading the files to the last result."""
    from circle15.draw.marks import Marks  # noqa: PLC0415 - imports are not timed
    from circle15.policy.plan import load_plan  # noqa: PLC0415 - imports are not timed
    from circle15.scale.memory import give_back  # noqa: PLC0415 - imports are not timed
    from circle15.scale.merge import add_together  # noqa: PLC0415 - imports are not timed
    from circle15.scale.results import write_results  # noqa: PLC0415 - imports are not timed
    from circle15.scale.run import run_blocks  # noqa: PLC0415 - imports are not timed
    from circle15.scale.traces import forget  # noqa: PLC0415 - see above

    plan, place = load_plan("zhongwei"), Path(tempfile.mkdtemp())
    run_blocks(_inputs("s").task, place / "s")  # machine code is loaded
    give_back()

    def work() -> dict[str, float]:
        inputs = _inputs(size)
        _ = inputs.others
        give_back()
        blocks = run_blocks(inputs.task, place)
        inputs.task.lay_down()
        give_back()
        sums = add_together(inputs.task, blocks)
        give_back()
        written = write_results(inputs, sums, place, plan=plan, marks=Marks(), lang="zh")
        forget(blocks)
        return {"MB": sum(file.stat().st_size for file in written) / 1e6}

    return work


def spread(size: str, workers: int) -> Callable[[], dict[str, float]]:
    """The blocks of all five services (mostly reckoning, little reading) on so many worker processes, already warm."""
    from circle15.scale.cluster import Cluster, local_cluster  # noqa: PLC0415 - imports are not timed
    from circle15.scale.run import run_blocks  # noqa: PLC0415 - imports are not timed

    local, place = local_cluster(workers), Path(tempfile.mkdtemp())
    cluster = Cluster(local.scheduler_address)
    run_blocks(_inputs("s", services=(), block=64).task, place / "s", cluster=cluster)
    task = _inputs(size, services=(), block=64 if size == "s" else 1024).task

    def work() -> dict[str, float]:
        kept = sorted(run_blocks(task, place, cluster=cluster).rglob("*.npz"))
        check = 0
        for file in kept:
            check = zlib.crc32(file.read_bytes(), check)
        return {"blocks": len(kept), "crc32": check}

    return work


def bare_read(size: str) -> Callable[[], None]:
    """Only read and decompress, block by block as the pass does."""
    import rasterio  # noqa: PLC0415 - imports are not timed
    from rasterio.windows import Window  # noqa: PLC0415 - imports are not timed

    inputs = _inputs(size)
    path = folder(size) / "population.vrt"

    def work() -> None:
        with rasterio.Env(GDAL_CACHEMAX=64), rasterio.open(path) as raster:
            for row, column, rows, columns in inputs.task.windows:
                raster.read(1, window=Window(column, row, columns, rows))

    return work


def middle_plane(places: Any) -> str:  # noqa: ANN401 - a GeoDataFrame, imported when asked for
    """A plane about the middle of the data, so that a buffer is a circle on the ground as far as a plane can do it."""
    west, south, east, north = places.total_bounds
    return f"+proj=tmerc +lat_0={(south + north) / 2} +lon_0={(west + east) / 2} +datum=WGS84"


def _tables(size: str) -> tuple[Any, Any, Any]:
    """Pharmacies, districts and populated cells as GeoDataFrames in a plane."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    import numpy as np  # noqa: PLC0415 - imports are not timed
    import rasterio  # noqa: PLC0415 - imports are not timed
    import shapely  # noqa: PLC0415 - imports are not timed

    at = folder(size)
    register = gpd.read_parquet(at / "institutions.parquet")
    places = gpd.read_parquet(at / "places.parquet")
    plane = middle_plane(places)
    places = places.to_crs(plane)
    with rasterio.open(at / "population.vrt") as raster:
        values, t = raster.read(1), raster.transform
    row, column = np.nonzero(values > 0)
    x, y = t.c + t.a * column, t.f + t.e * row
    boxes = shapely.box(x, y + t.e, x + t.a, y)
    cells = gpd.GeoDataFrame({"residents": values[row, column].astype(float)}, geometry=boxes, crs=4326).to_crs(plane)
    return register[register["service"] == "pharmacy"].to_crs(plane), places, cells


def overlay(size: str) -> Callable[[], dict[str, float]]:
    """What is written most: buffer, union, overlay, areas."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed

    register, places, cells = _tables(size)
    cells["whole"] = cells.area

    def work() -> dict[str, float]:
        union = gpd.GeoDataFrame(
            geometry=[register.buffer(RADIUS_M, quad_segs=64).union_all()], crs=register.crs
        ).explode()
        covered = gpd.overlay(
            gpd.overlay(cells, places[["id", "geometry"]], how="intersection"), union, how="intersection"
        )
        return {"covered": float((covered["residents"] * covered.area / covered["whole"]).sum())}

    return work


def centres_joined(size: str) -> Callable[[], dict[str, float]]:
    """Quicker and coarser: centres of cells joined to the union."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed

    register, places, cells = _tables(size)

    def work() -> dict[str, float]:
        union = gpd.GeoDataFrame(geometry=[register.buffer(RADIUS_M).union_all()], crs=register.crs).explode()
        points = cells.set_geometry(cells.centroid)
        inside = points.sjoin(union, predicate="within").drop(columns="index_right")
        return {"covered": float(inside.sjoin(places[["id", "geometry"]], predicate="within")["residents"].sum())}

    return work


def exact_extract_union(size: str) -> Callable[[], dict[str, float]]:
    """Exact fractions of the union, in degrees."""
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    from exactextract import exact_extract  # noqa: PLC0415 - imports are not timed

    register, places, _ = _tables(size)
    raster = str(folder(size) / "population.vrt")

    def work() -> dict[str, float]:
        union = gpd.GeoDataFrame(
            geometry=[register.buffer(RADIUS_M, quad_segs=64).union_all()], crs=register.crs
        ).explode()
        parts = gpd.overlay(union, places[["id", "geometry"]], how="intersection").to_crs(4326)
        found = exact_extract(raster, parts, "sum", output="pandas")
        return {"covered": float(found["sum"].sum())}

    return work


def contests(size: str) -> list[Contest]:
    at = "benchmarks.coverage:"
    repeats = 1 if size == "nation" else 3
    mine = Entry("circle15: one pass", at + "ours", {"size": size}, repeats=repeats)
    read = Entry("bare reading", at + "bare_read", {"size": size}, repeats=repeats)
    whole = Entry("circle15 nation: from files to results", at + "from_files_to_results", {"size": size})
    two, one = (Entry(f"circle15: {n} worker processes", at + "spread", {"size": size, "workers": n}) for n in (2, 1))
    found = [
        Contest(
            "一遍算清对只读栅格 one pass against the bare reading",
            [mine, read, whole],
            mine.label,
            against=read.label,
            at_most=3.0,
            note="cover and depth by district, residents and ground of every circle, gap patches; pharmacies. "
            "The pass works with two threads, the reading with one: processor seconds tell the work, seconds the wait",
        ),
        Contest(
            "同样的块用一个、两个进程 the same blocks on one and two processes",
            [two, one],
            two.label,
            against=one.label,
            at_least=None if size == "s" else 1.6,
            note="dask.distributed, five services; a ratio of 1.6 from one to two is 80 % of efficiency",
        ),
    ]
    if size != "nation":
        rivals = [
            Entry("geopandas: buffer, union, overlay", at + "overlay", {"size": size}),
            Entry("geopandas: buffer, union, sjoin of centres", at + "centres_joined", {"size": size}),
            Entry("exactextract on the union", at + "exact_extract_union", {"size": size}),
        ]
        goal = {"city": 100.0, "province": 300.0}.get(size)
        found.append(
            Contest(
                "各县覆盖 coverage by district, exact fractions",
                [mine, *rivals],
                mine.label,
                against=rivals[0].label,
                at_least=goal,
            )
        )
    return found


def fits(size: str) -> list[dict[str, Any]]:
    """How cost grows with the radius, the cells and the institutions: exponents of processor time."""
    small = "s" if size == "s" else "city"
    radii = (400.0, 800.0, 1600.0, 3200.0)
    grids = ("s", "city") if size in {"s", "city"} else ("s", "city", "province")
    return [
        _fit(f"半径 radius ({small})", [(r, _inputs(small, radius_m=r).task, f"{r:.0f} m") for r in radii]),
        _fit(
            "格数 cells", [(_cells(task), task, f"{_cells(task):,} cells") for g in grids for task in [_inputs(g).task]]
        ),
        _fit(f"机构数 institutions ({grids[-1]})", _thinned(_inputs(grids[-1]).task)),
    ]


def _cells(task: Any) -> int:  # noqa: ANN401 - scale.task.Task, imported when asked for
    return int(task.raster.window.width * task.raster.window.height)


def _thinned(task: Any) -> list[tuple[float, Any, str]]:  # noqa: ANN401 - scale.task.Task
    """The same ground with every eighth, fourth, second and every institution."""
    found = []
    for step in (8, 4, 2, 1):
        fewer = {name: getattr(task, name)[::step].copy() for name in ("lon", "lat", "service")}
        found.append((float(len(fewer["lon"])), replace(task, **fewer), f"{len(fewer['lon']):,}"))
    return found


def _fit(name: str, runs: list[tuple[float, Any, str]]) -> dict[str, Any]:
    """Exponent of processor time over runs (size, task, what to call it)."""
    from circle15.scale.run import run_blocks  # noqa: PLC0415 - imports are not timed

    run_blocks(_inputs("s").task, Path(tempfile.mkdtemp()))  # machine code is loaded
    seconds = []
    for _, task, _ in runs:
        start = time.process_time()
        run_blocks(task, Path(tempfile.mkdtemp()))
        seconds.append(time.process_time() - start)
    told = ", ".join(f"{label} {t:.2f} s" for (_, _, label), t in zip(runs, seconds, strict=True))
    return {"name": name, "exponent": exponent([n for n, _, _ in runs], seconds), "measured": told}

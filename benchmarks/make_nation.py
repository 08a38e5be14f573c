"""A simulated nation 模拟全国数据: institutions where people are, districts, residents as compressed tiles.

`python -m benchmarks.make_nation FOLDER --size nation --seed 15` writes places.parquet and institutions.parquet
(GeoParquet), tiles/*.tif (Cloud-Optimised GeoTIFF, 3″ cells in degrees) and population.vrt over them. Nothing in it is
real; every file says so. Tiles are drawn one by one from the seed and their own number, so that they may be drawn in
any order.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio.shutil
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from scipy.ndimage import gaussian_filter
from scipy.spatial import Voronoi, cKDTree

Floats = NDArray[np.float64]
Small = NDArray[np.float32]

MARK = "模拟数据 simulated"
STEP = 1 / 1200  # 3 arc seconds
WEST, NORTH = 76.0, 52.0
NODATA = -99999.0
SERVICES = ("pharmacy", "outpatient", "inpatient", "ltc_home", "ltc_facility")
SHARES = (0.45, 0.36, 0.11, 0.06, 0.02)
COARSE = 16
RAGGED = 0.12
FEWEST = 0.05  # fewer residents in a cell are nobody
SPARE = 1.06  # share of districts drawn, of which the smallest are joined to a neighbour


@dataclass(frozen=True)
class Size:
    """Tiles down and across, cells along a tile's side, institutions, districts."""

    down: int
    across: int
    side: int
    institutions: int
    districts: int

    @property
    def span(self) -> tuple[float, float]:
        """Degrees across and down."""
        return self.across * self.side * STEP, self.down * self.side * STEP


SIZES = {
    "tiny": Size(2, 2, 120, 150, 6),
    "s": Size(2, 2, 256, 300, 6),
    "city": Size(2, 2, 876, 500, 12),
    "province": Size(4, 3, 2048, 20_000, 110),
    "nation": Size(19, 19, 2048, 1_100_000, 2850),
}


def outline_of(size: Size) -> shapely.Polygon:
    """The land: a blunt shape that leaves the corners of the box to the sea."""
    width, height = size.span
    angle = np.linspace(0, 2 * np.pi, 361)[:-1]
    bend = 1 + 0.06 * np.sin(3 * angle + 1) + 0.04 * np.sin(7 * angle)
    x = WEST + width / 2 * (1 + 0.94 * np.cos(angle) * bend)
    y = NORTH - height / 2 * (1 + 0.94 * np.sin(angle) * bend)
    return shapely.Polygon(np.column_stack([x, y]))


@cache
def towns_of(size: Size, seed: int) -> Floats:
    """Towns (n, 4): longitude, latitude, spread in degrees, residents per cell in the middle; a few are great."""
    rng = np.random.default_rng([seed, 1])
    count = max(size.institutions // 120, 6)
    width, height = size.span
    at = np.column_stack([WEST + rng.random(count * 3) * width, NORTH - rng.random(count * 3) * height])
    at = at[shapely.contains_xy(outline_of(size), at[:, 0], at[:, 1])][:count]
    great = np.minimum(rng.pareto(1.15, len(at)) + 0.3, 60.0)
    spread = 0.006 * np.sqrt(great)
    return np.column_stack([at, spread, 22.0 * great**0.25])


def draw_tile(number: int, *, size: Size, seed: int, folder: Path | None, rate: float) -> dict[str, object]:
    """Draw one tile: villages as patches, towns above them; its institutions stand where people are.

    Without a folder nothing is written.
    """
    rng = np.random.default_rng([seed, 2, number])
    row, column = divmod(number, size.across)
    west, north = WEST + column * size.side * STEP, NORTH - row * size.side * STEP
    lon = west + (np.arange(size.side) + 0.5) * STEP
    lat = north - (np.arange(size.side) + 0.5) * STEP
    people = _villages(rng, size.side)
    _add_towns(people, lon, lat, towns_of(size, seed), rng)
    people = np.where(people > FEWEST, np.round(people, 3), np.float32(0.0))
    sea = ~_land(lon, lat, outline_of(size))
    people[sea] = NODATA
    if folder is not None:
        write_cog(folder / f"tile_{row:02d}_{column:02d}.tif", people, west, north)
    held = np.flatnonzero(people.ravel() > 0)
    odds = people.ravel()[held].astype(float) ** 1.1 * rate
    chosen = held[rng.random(len(held)) < np.minimum(odds, 0.5)]
    r, c = np.divmod(chosen, size.side)
    x, y = west + (c + rng.random(len(c))) * STEP, north - (r + rng.random(len(r))) * STEP
    return {"lon": x, "lat": y, "residents": float(people.ravel()[held].sum(dtype=float)), "populated": len(held)}


def _villages(rng: np.random.Generator, side: int) -> Small:
    coarse = gaussian_filter(rng.normal(size=(side // COARSE + 2, side // COARSE + 2)), 2.0)
    coarse = (coarse / coarse.std()).astype(np.float32)
    field = gaussian_filter(rng.standard_normal((side, side), dtype=np.float32), 2.0) * np.float32(4.0)
    field += np.kron(coarse, np.ones((COARSE, COARSE), np.float32))[:side, :side] - np.float32(0.3)
    np.maximum(field, 0.0, out=field)
    return field**2 * (np.float32(0.6) + np.float32(0.8) * rng.random((side, side), dtype=np.float32))


def _add_towns(people: Small, lon: Floats, lat: Floats, towns: Floats, rng: np.random.Generator) -> None:
    x, y, reach = towns[:, 0], towns[:, 1], 4 * towns[:, 2]
    near = (x + reach > lon[0]) & (x - reach < lon[-1]) & (y + reach > lat[-1]) & (y - reach < lat[0])
    for x0, y0, spread, top in towns[near]:
        c0, c1 = np.searchsorted(lon, [x0 - 4 * spread, x0 + 4 * spread])
        r0, r1 = np.searchsorted(-lat, [-y0 - 4 * spread, -y0 + 4 * spread])
        if c1 > c0 and r1 > r0:
            gx, gy = (np.exp(-(((v - m) / spread) ** 2) / 2) for v, m in ((lon[c0:c1], x0), (lat[r0:r1], y0)))
            people[r0:r1, c0:c1] += top * gy[:, None] * gx * rng.uniform(0.2, 1.8, (r1 - r0, c1 - c0))


def _land(lon: Floats, lat: Floats, outline: shapely.Polygon) -> NDArray[np.bool_]:
    box = shapely.box(lon[0], lat[-1], lon[-1], lat[0])
    if shapely.contains(outline, box):
        return np.ones((len(lat), len(lon)), dtype=bool)
    if not shapely.intersects(outline, box):
        return np.zeros((len(lat), len(lon)), dtype=bool)
    transform = Affine(STEP, 0, lon[0] - STEP / 2, 0, -STEP, lat[0] + STEP / 2)
    from rasterio.features import geometry_mask  # noqa: PLC0415 - only at the shore

    return ~np.asarray(geometry_mask([outline], (len(lat), len(lon)), transform))


def write_cog(path: Path, values: NDArray[np.float32], west: float, north: float) -> None:
    """One Cloud-Optimised GeoTIFF in WGS 84 degrees."""
    rows, columns = values.shape
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": Affine(STEP, 0, west, 0, -STEP, north),
        "nodata": NODATA,
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(values, 1)
            raster.update_tags(DESCRIPTION=MARK)
        with memory.open() as raster:
            rasterio.shutil.copy(
                raster, path, driver="COG", COMPRESS="DEFLATE", LEVEL=1, BLOCKSIZE=512, OVERVIEWS="NONE", PREDICTOR="NO"
            )


def write_vrt(path: Path, size: Size) -> None:
    """One raster over all tiles."""
    sources = []
    for number in range(size.down * size.across):
        row, column = divmod(number, size.across)
        sources.append(
            f'<ComplexSource><SourceFilename relativeToVRT="1">tiles/tile_{row:02d}_{column:02d}.tif</SourceFilename>'
            f"<SourceBand>1</SourceBand>"
            f'<SourceProperties RasterXSize="{size.side}" RasterYSize="{size.side}" DataType="Float32" '
            f'BlockXSize="512" BlockYSize="512"/>'
            f'<SrcRect xOff="0" yOff="0" xSize="{size.side}" ySize="{size.side}"/>'
            f'<DstRect xOff="{column * size.side}" yOff="{row * size.side}" xSize="{size.side}" ySize="{size.side}"/>'
            f"<NODATA>{NODATA:g}</NODATA></ComplexSource>"
        )
    width, height = size.across * size.side, size.down * size.side
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>EPSG:4326</SRS>'
        f"<GeoTransform>{WEST}, {STEP!r}, 0, {NORTH}, 0, {-STEP!r}</GeoTransform>"
        f'<Metadata><MDI key="DESCRIPTION">{MARK}</MDI></Metadata>'
        f'<VRTRasterBand dataType="Float32" band="1" blockXSize="512" blockYSize="512">'
        f"<NoDataValue>{NODATA:g}</NoDataValue>{''.join(sources)}</VRTRasterBand></VRTDataset>\n",
        encoding="utf-8",
    )


def districts_of(size: Size, seed: int) -> gpd.GeoDataFrame:
    """Districts without gaps or overlaps: Voronoi cells whose borders were made ragged once for both sides."""
    rng = np.random.default_rng([seed, 3])
    land = outline_of(size)
    width, height = size.span
    seeds = np.column_stack(
        [WEST + rng.random(size.districts * 9) * width, NORTH - rng.random(size.districts * 9) * height]
    )
    seeds = seeds[shapely.contains_xy(land, seeds[:, 0], seeds[:, 1])]
    seeds = _apart(seeds, math.ceil(size.districts * SPARE))
    far = np.array([[WEST - 99, NORTH], [WEST + 199, NORTH], [WEST, NORTH + 99], [WEST, NORTH - 199]])
    diagram = Voronoi(np.vstack([seeds, far]))
    ridges = [v for v in diagram.ridge_vertices if min(v) >= 0]
    lines = [_ragged(diagram.vertices[a], diagram.vertices[b], rng) for a, b in ridges]
    noded = shapely.union_all([*(shapely.intersection(line, land) for line in lines), shapely.boundary(land)])
    parts = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    owner = cKDTree(seeds).query(shapely.get_coordinates(shapely.point_on_surface(parts)))[1]
    held = [shapely.union_all(parts[owner == k]) for k in np.unique(owner)]
    whole = _joined(np.array(held, dtype=object), size.districts)
    x, y = shapely.get_coordinates(shapely.point_on_surface(whole)).T
    order = np.lexsort((x, np.round(-y / 4)))
    ids = [f"{11 + k // 100:02d}{k % 100 // 10 + 1:02d}{k % 10 + 1:02d}" for k in range(len(whole))]
    return gpd.GeoDataFrame(
        {
            "id": ids,
            "name": [f"模拟县{k + 1}" for k in range(len(whole))],
            "level": "district",
            "parent": [i[:4] + "00" for i in ids],
            "residents": np.nan,
            "settings": "",
            "class": "",
        },
        geometry=whole[order],
        crs="EPSG:4326",
    )


def _joined(shapes: NDArray[np.object_], count: int) -> NDArray[np.object_]:
    """As many districts as wanted: the smallest one after the other joins the neighbour with the longest border."""
    while len(shapes) > count:
        least = int(np.argmin(shapely.area(shapes)))
        small, others = shapes[least], np.delete(shapes, least)
        near = np.flatnonzero(shapely.intersects(others, small))
        shared = shapely.length(shapely.intersection(others[near], small))
        to = near[int(np.argmax(shared))]
        others[to] = shapely.union(others[to], small)
        shapes = others
    return shapes


def _apart(points: Floats, count: int) -> Floats:
    """Spread points: of each cluster keep what lies farthest from the rest, by a few rounds of Lloyd on samples."""
    chosen = points[:count].copy()
    for _ in range(4):
        owner = cKDTree(chosen).query(points)[1]
        held = np.bincount(owner, minlength=count)
        for k in (0, 1):
            sums = np.bincount(owner, points[:, k], minlength=count)
            chosen[:, k] = np.divide(sums, held, out=chosen[:, k].copy(), where=held > 0)
    return chosen


def _ragged(a: Floats, b: Floats, rng: np.random.Generator) -> shapely.LineString:
    """A border between two corners, displaced at its middle again and again."""
    points = np.vstack([a, b])
    for _ in range(5 if np.hypot(*(b - a)) < 5 else 0):
        step = points[1:] - points[:-1]
        normal = np.column_stack([-step[:, 1], step[:, 0]])
        middle = (points[1:] + points[:-1]) / 2 + normal * rng.uniform(-RAGGED, RAGGED, (len(step), 1))
        merged = np.empty((len(points) + len(middle), 2))
        merged[::2], merged[1::2] = points, middle
        points = merged
    return shapely.LineString(points)


def make(folder: Path, *, size: str, seed: int = 15, workers: int = 1) -> Path:
    """Write the nation into a folder; the folder as it stands where it was made by the same call."""
    chosen = SIZES[size]
    order = {"size": size, "seed": seed, "version": 3}
    done = folder / "made.json"
    if done.exists() and json.loads(done.read_text(encoding="utf-8"))["order"] == order:
        return folder
    (folder / "tiles").mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    districts_of(chosen, seed).to_parquet(folder / "places.parquet")
    # a trial tile in the middle tells how many institutions a resident makes; then a tenth too many are drawn
    draw = partial(draw_tile, size=chosen, seed=seed, folder=folder / "tiles", rate=_rate(chosen, seed))
    numbers = range(chosen.down * chosen.across)
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            tiles = list(pool.map(draw, numbers, chunksize=4))
    else:
        tiles = [draw(n) for n in numbers]
    lon, lat = (np.concatenate([t[k] for t in tiles]) for k in ("lon", "lat"))  # type: ignore[misc]
    _write_institutions(folder / "institutions.parquet", lon, lat, chosen, seed)
    write_vrt(folder / "population.vrt", chosen)
    told = {
        "order": order,
        "mark": MARK,
        "cells": chosen.down * chosen.across * chosen.side**2,
        "populated": sum(int(t["populated"]) for t in tiles),  # type: ignore[call-overload]
        "residents": sum(float(t["residents"]) for t in tiles),  # type: ignore[arg-type]
        "seconds": round(time.perf_counter() - start, 1),
    }
    done.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return folder


def _rate(size: Size, seed: int) -> float:
    """Odds of an institution in a cell for each weighted resident, so that a few more than asked for are drawn."""
    step = max(size.down * size.across // 24, 1)
    trial = range(0, size.down * size.across, step)
    found = [draw_tile(n, size=size, seed=seed, folder=None, rate=1e-4) for n in trial]
    drawn = sum(len(t["lon"]) for t in found) / len(trial) * size.down * size.across  # type: ignore[arg-type]
    return 1e-4 * size.institutions / drawn * 1.3


def _write_institutions(path: Path, lon: Floats, lat: Floats, size: Size, seed: int) -> None:
    rng = np.random.default_rng([seed, 4])
    if len(lon) < size.institutions:
        message = f"only {len(lon)} of {size.institutions} institutions found a place"
        raise RuntimeError(message)
    keep = np.sort(rng.choice(len(lon), size.institutions, replace=False))
    service = rng.choice(np.array(SERVICES), len(keep), p=SHARES)
    head = np.where(service == "pharmacy", "P", "H")
    ids = [f"{h}{n:011d}" for n, h in enumerate(head, 1)]
    table = pd.DataFrame({"id": ids, "name": "模拟机构", "service": service})
    gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(lon[keep], lat[keep]), crs="EPSG:4326").to_parquet(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.make_nation", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="s")
    parser.add_argument("--seed", type=int, default=15)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    folder = make(chosen.folder, size=chosen.size, seed=chosen.seed, workers=chosen.workers)
    print((folder / "made.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""Ground of the simulated city 地面: townships cut out of the districts, river, roads.

Plane coordinates are EPSG:4544 (CGCS2000 / 3-degree Gauss-Kruger CM 105E) in metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist
from shapely import LineString, MultiPoint, Point

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Floats = NDArray[np.float64]

PLANE = "EPSG:4544"
DEGREES = "EPSG:4490"
TO_PLANE = Transformer.from_crs(DEGREES, PLANE, always_xy=True)
TO_DEGREES = Transformer.from_crs(PLANE, DEGREES, always_xy=True)
GRID_DEG = 1e-8
STEP_M = 500.0
OVERSHOOT_DEG = 1e-6

# amplitude (m), wavelength (m), direction: each sum of amplitude * 2 pi / wavelength stays below 1, so nothing folds
WAVES = ((800.0, 17_000.0, 0.4), (420.0, 7_300.0, 1.9), (110.0, 3_100.0, 3.0))


@dataclass(frozen=True)
class Ground:
    """Townships (EPSG:4490, one row each), their centres in the plane, river and roads in the plane."""

    townships: gpd.GeoDataFrame
    districts: gpd.GeoDataFrame
    centres: Floats
    seats: Floats
    river: BaseGeometry
    stream: BaseGeometry
    roads: BaseGeometry
    city: BaseGeometry


def bend(xy: Floats) -> Floats:
    """Shift points (n, 2) by a smooth wave field, so that no border is straight. The field never folds."""
    shift = np.zeros_like(xy)
    for amplitude, wavelength, turn in WAVES:
        k = 2 * np.pi / wavelength
        along = xy @ np.array([np.cos(turn), np.sin(turn)])
        across = xy @ np.array([-np.sin(turn), np.cos(turn)])
        shift[:, 0] += amplitude * np.sin(k * across + 1.3) * 0.7
        shift[:, 1] += amplitude * np.sin(k * along + 0.6) * 0.7
    return xy + shift


def to_plane(points: list[list[float]]) -> Floats:
    """Degrees (n, 2) to plane metres (n, 2)."""
    lon, lat = np.asarray(points, dtype=float).T
    return np.column_stack(TO_PLANE.transform(lon, lat))


def lay_ground(facts: dict[str, Any], outlines: list[BaseGeometry]) -> Ground:
    """Cut each district into its townships: Voronoi cells of seeded centres, bent, without gap or overlap."""
    seats = to_plane([d["seat"] for d in facts["district"]])
    towns = [{**t, "parent": d["code"], "seat_k": k} for k, d in enumerate(facts["district"]) for t in d["townships"]]
    centres = np.array([_centre(t, seats[t["seat_k"]]) for t in towns])
    seeds, owner = _seeds(towns, centres, seats)
    kin = np.array([t["seat_k"] for t in towns])
    shapes = cut_districts(outlines, seeds, owner, kin)
    middle = bend(centres)
    townships = gpd.GeoDataFrame(towns, geometry=shapes, crs=DEGREES).assign(x=middle[:, 0], y=middle[:, 1])
    whole = [shapely.normalize(shapely.coverage_union_all(g.geometry)) for _, g in townships.groupby("parent")]
    districts = gpd.GeoDataFrame(
        [{"code": d["code"], "name": d["name"], "geometry": g} for d, g in zip(facts["district"], whole, strict=True)],
        crs=DEGREES,
    )
    river, stream = (LineString(bend(_dense(to_plane(facts["ground"][k])))) for k in ("river", "stream"))
    city = shapely.normalize(shapely.coverage_union_all(districts.geometry))
    return Ground(townships, districts, middle, bend(seats), river, stream, _roads(middle), city)


def _centre(town: dict[str, Any], seat: Floats) -> Floats:
    return seat + np.array(town["seat"], dtype=float) if "seat" in town else to_plane([town["at"]])[0]


def _seeds(towns: list[dict[str, Any]], centres: Floats, seats: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Voronoi seeds (n, 2) and the township each belongs to: its centre and its plots at the edge of the seat."""
    seeds, owner = list(centres), list(range(len(towns)))
    for k, town in enumerate(towns):
        for offset in town.get("fringe") or []:
            seeds.append(seats[town["seat_k"]] + np.array(offset, dtype=float))
            owner.append(k)
    return np.array(seeds), np.array(owner)


def cut_districts(
    outlines: list[BaseGeometry], seeds: Floats, owner: NDArray[np.int64], kin: NDArray[np.int64]
) -> list[BaseGeometry]:
    """Townships in EPSG:4490, one a number in `owner`; `kin` is the district of each township.

    All borders are noded together, so that neighbours share every vertex, also across a district's border.
    """
    blocks: list[BaseGeometry] = []
    lines = [o.boundary for o in outlines]
    for k, outline in enumerate(outlines):
        mine = kin[owner] == k
        own_blocks = _voronoi(outline, seeds[mine], owner[mine])
        blocks += own_blocks
        edges = shapely.union_all([b.boundary for b in own_blocks])
        bent = shapely.transform(edges, lambda xy: np.column_stack(TO_DEGREES.transform(*bend(xy).T)))
        lines.append(shapely.intersection(bent, outline.buffer(OVERSHOOT_DEG)))
    pieces = shapely.get_parts(shapely.polygonize([shapely.union_all(lines, grid_size=GRID_DEG)]))
    points = shapely.point_on_surface(pieces)
    inside, district = shapely.STRtree(outlines).query(points, predicate="within")
    pieces, points = pieces[inside], points[inside]
    plane = shapely.transform(points, lambda xy: np.column_stack(TO_PLANE.transform(*xy.T)))
    bent_blocks = shapely.transform(np.array(blocks), bend)
    apart = shapely.distance(bent_blocks[None, :], plane[:, None])
    label = np.argmin(np.where(kin[None, :] == district[:, None], apart, np.inf), axis=1)
    label = _join_strays(pieces, label, kin)
    return [shapely.normalize(shapely.coverage_union_all(pieces[label == k])) for k in range(len(kin))]


def _voronoi(outline: BaseGeometry, seeds: Floats, owner: NDArray[np.int64]) -> list[BaseGeometry]:
    """Straight Voronoi blocks in the plane, one a township in ascending order of `owner`."""
    plane = shapely.transform(outline, lambda xy: np.column_stack(TO_PLANE.transform(*xy.T)))
    cells = shapely.get_parts(shapely.voronoi_polygons(MultiPoint(seeds), extend_to=plane.envelope.buffer(30_000)))
    cell, seed = shapely.STRtree([Point(s) for s in seeds]).query(cells, predicate="contains")
    home = np.empty(len(cells), dtype=np.int64)
    home[cell] = owner[seed]
    cells = shapely.segmentize(cells, STEP_M)
    return [shapely.union_all(cells[home == k]) for k in np.unique(owner)]


def _join_strays(pieces: NDArray[Any], label: NDArray[np.int64], kin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each cut-off piece of a township to the neighbour in its district with the longest common border."""
    area = shapely.area(pieces)
    label = label.copy()
    main = {int(k): int(np.flatnonzero(label == k)[np.argmax(area[label == k])]) for k in np.unique(label)}
    for i in np.flatnonzero(~np.isin(np.arange(len(pieces)), list(main.values()))):
        common = shapely.length(shapely.intersection(pieces[i].boundary, shapely.boundary(pieces)))
        common[(kin[label] != kin[label[i]]) | (label == label[i])] = 0.0
        if not common.any():
            continue
        label[i] = label[int(np.argmax(common))]
    return label


def _dense(xy: Floats) -> Floats:
    return shapely.get_coordinates(shapely.segmentize(LineString(xy), 1_000.0))


def _roads(centres: Floats) -> BaseGeometry:
    """Roads between the town centres: the shortest tree and each town's two nearest others, bent."""
    apart = cdist(centres, centres)
    tree = minimum_spanning_tree(apart).tocoo()
    pairs = set(zip(tree.row.tolist(), tree.col.tolist(), strict=True))
    pairs |= {(i, int(j)) for i, row in enumerate(apart) for j in np.argsort(row)[1:3]}
    unique = sorted({(min(p), max(p)) for p in pairs})
    ends = centres  # the ends are bent already; the way between is bent about them
    return shapely.union_all([LineString(_between(ends[i], ends[j])) for i, j in unique])


def _between(a: Floats, b: Floats) -> Floats:
    line = _dense(np.array([a, b]))
    fade = np.sin(np.linspace(0, np.pi, len(line)))[:, None]
    return line + (bend(line) - line) * fade

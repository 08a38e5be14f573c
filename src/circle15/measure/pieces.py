"""Cutting cells: wide ones into parts small enough for one flat frame, straddling ones at the borders of places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle15.quantities import M_PER_DEGREE, Floats, Ints

if TYPE_CHECKING:
    import geopandas as gpd

Geometries = NDArray[np.object_]

PART_M = 2000.0
"""Widest part that one local frame serves; see `cells` for the error that it makes."""


def polygons_only(geometries: Geometries) -> Geometries:
    """Leave the points and lines of collections out of geometries (n,); points by themselves stay."""
    mixed = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    if not mixed.any():
        return geometries
    kept = geometries.copy()
    for i in np.flatnonzero(mixed):
        inner = shapely.get_parts(shapely.get_parts(geometries[i]))
        kept[i] = shapely.multipolygons(inner[shapely.get_type_id(inner) == shapely.GeometryType.POLYGON])
    return kept


def split_wide(geometries: Geometries, *, widest_m: float = PART_M) -> tuple[Geometries, Ints]:
    """Halve geometries across their longer side until none is wider than `widest_m`.

    Parameters
    ----------
    geometries
        (n,) valid polygons, multipolygons or points in longitude and latitude.
    widest_m
        Longest side of a part's bounding box, in metres (to 1 %).

    Returns
    -------
    parts (m,) and row (m,): the number of the geometry that each part is of, rising. Parts of one geometry share no
    ground and add up to it; what is narrow enough comes back as it is. Sides kilometres long are taken as straight in
    degrees (a geodesic of 3 km differs by 0.1 m).
    """
    parts, row = polygons_only(geometries), np.arange(len(geometries), dtype=np.int64)
    done_parts: list[Geometries] = []
    done_row: list[Ints] = []
    while len(parts):
        bounds = shapely.bounds(parts)
        metres = _sides_m(bounds)
        wide = metres.max(axis=1, initial=0.0) > widest_m
        done_parts.append(parts[~wide])
        done_row.append(row[~wide])
        halves = _halves(parts[wide], bounds[wide], metres[wide])
        row = np.repeat(row[wide], 2)
        some = ~shapely.is_empty(halves)
        parts, row = polygons_only(halves[some]), row[some]
    if not done_parts:
        return parts, row
    found, rows = np.concatenate(done_parts), np.concatenate(done_row)
    order = np.argsort(rows, kind="stable")
    return found[order], rows[order]


def _sides_m(bounds: Floats) -> Floats:
    """Width and height in metres of bounds (n, 4); 0 for empty geometries."""
    high = np.radians(np.abs((bounds[:, 1] + bounds[:, 3]) / 2))
    width = (bounds[:, 2] - bounds[:, 0]) * np.cos(high) * M_PER_DEGREE
    height = (bounds[:, 3] - bounds[:, 1]) * M_PER_DEGREE
    return np.nan_to_num(np.column_stack([width, height]))


def _halves(parts: Geometries, bounds: Floats, metres: Floats) -> Geometries:
    """Both halves of each part, one after the other (2n,)."""
    low, high = np.repeat(bounds[:, :2], 2, axis=0), np.repeat(bounds[:, 2:], 2, axis=0)
    axis = np.repeat(metres.argmax(axis=1), 2)
    middle = np.repeat((bounds[:, :2] + bounds[:, 2:]) / 2, 2, axis=0)
    rows = np.arange(len(axis))
    first = rows % 2 == 0
    high[rows[first], axis[first]] = middle[rows[first], axis[first]]
    low[rows[~first], axis[~first]] = middle[rows[~first], axis[~first]]
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    return np.asarray(shapely.intersection(np.repeat(parts, 2), boxes), dtype=object)


@dataclass(frozen=True)
class Pieces:
    """Where cells and places meet: one row a pair, sorted by cell, then place.

    Parameters
    ----------
    cell, place
        (m,) positions in the cells and in the places.
    whole
        (m,) the place holds all of the cell.
    geometry
        (m,) the shared ground: the cell itself where whole.
    """

    cell: Ints
    place: Ints
    whole: NDArray[np.bool_]
    geometry: Geometries


def meet_places(geometries: Geometries, places: gpd.GeoDataFrame) -> Pieces:
    """Cut cells (n,) at the outlines of places (columns id, level, geometry).

    A cell astride a border gives a piece to each side; ground outside all places gives none. A point on a border
    belongs to one place of each level: to the one that holds it inside, else to the first by id.
    """
    outlines = np.asarray(places.geometry.array, dtype=object)
    tree = shapely.STRtree(geometries)
    place, cell = tree.query(outlines, predicate="intersects")
    flat = shapely.get_dimensions(geometries)[cell] == 0
    whole = flat | _among(place, cell, tree.query(outlines, predicate="covers"))
    ground = geometries[cell]
    ground[~whole] = polygons_only(np.asarray(shapely.intersection(ground[~whole], outlines[place[~whole]])))
    keep = whole | (shapely.area(ground) > 0)
    inside = _among(place[flat], cell[flat], tree.query(outlines, predicate="contains"))
    keep[flat] = _one_a_level(cell[flat], place[flat], inside, places)
    order = np.flatnonzero(keep)[np.lexsort((place[keep], cell[keep]))]
    return Pieces(cell[order], place[order], whole[order], ground[order])


def _among(place: Ints, cell: Ints, pairs: Ints) -> NDArray[np.bool_]:
    """Which (place, cell) are among `pairs` (2, k)."""
    span = int(max(cell.max(initial=0), pairs[1].max(initial=0))) + 1
    return np.isin(place * span + cell, pairs[0] * span + pairs[1])


def _one_a_level(cell: Ints, place: Ints, inside: NDArray[np.bool_], places: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Keep the places that hold a point inside; of those that only touch it, the first where none holds it."""
    table = pd.DataFrame({"cell": cell, "edge": ~inside})
    table["level"], table["id"] = places["level"].to_numpy()[place], places["id"].to_numpy()[place]
    ordered = table.sort_values(["cell", "level", "edge", "id"])
    first = ~ordered.duplicated(["cell", "level"])
    return np.asarray((first | ~ordered["edge"]).reindex(table.index).to_numpy(), dtype=bool)


def first_holder(points: Geometries, outlines: Geometries) -> Ints:
    """Position (n,) of the first outline that holds each point, border included; -1 where none does."""
    outline, point = shapely.STRtree(points).query(outlines, predicate="intersects")
    return first_of(point, outline, len(points))


def first_of(one: Ints, other: Ints, count: int) -> Ints:
    """The least partner (count,) of each of `count` ones in pairs (one, other) of positions; -1 where it has none."""
    none = np.iinfo(np.int64).max
    first = np.full(count, none, dtype=np.int64)
    np.minimum.at(first, one, other)
    return np.where(first < none, first, -1)


def locate(lon: Floats, lat: Floats, places: gpd.GeoDataFrame) -> Ints:
    """Position (n,) of the first place by id that holds each point, inside or on its border; -1 where none does."""
    return _first_by_id(np.asarray(shapely.points(lon, lat), dtype=object), places)


def stand_in(points: Geometries, places: gpd.GeoDataFrame) -> tuple[Ints, Ints]:
    """Points and the places in which they stand (positions): of each level in one, as `locate` tells."""
    held = []
    levels = places["level"].to_numpy()
    for level in np.unique(levels):
        of_level = np.flatnonzero(levels == level)
        place = np.append(of_level, -1)[_first_by_id(points, places.iloc[of_level])]
        held.append(np.stack([np.flatnonzero(place >= 0), place[place >= 0]]))
    point, place = np.concatenate([np.empty((2, 0), np.int64), *held], axis=1)
    return point, place


def _first_by_id(points: Geometries, places: gpd.GeoDataFrame) -> Ints:
    by_id = np.argsort(places["id"].to_numpy().astype(str), kind="stable")
    at = first_holder(points, np.asarray(places.geometry.array, dtype=object)[by_id])
    return np.asarray(np.append(by_id, -1)[at], dtype=np.int64)

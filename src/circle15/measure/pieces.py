"""Cutting cells: wide ones into parts small enough for one flat frame, straddling ones at the borders of places."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]

PART_M = 2000.0
"""Widest part that one local frame serves; see `cells` for the error that it makes."""
POLYGON = 3
M_PER_DEGREE = 111_320.0


def polygons_only(geometries: Geometries) -> Geometries:
    """Leave the points and lines of collections out of geometries (n,); points by themselves stay."""
    mixed = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    if not mixed.any():
        return geometries
    kept = geometries.copy()
    for i in np.flatnonzero(mixed):
        inner = shapely.get_parts(shapely.get_parts(geometries[i]))
        kept[i] = shapely.multipolygons(inner[shapely.get_type_id(inner) == POLYGON])
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
    ground and add up to it; what is narrow enough comes back as it is.
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

"""How outlines lie to each other: overlaps of one level, and which place lies in which 区划关系."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2
from circle15.read.faults import Faults, listed
from circle15.schema import PLACE_LEVELS

OVERLAP_SHARE = 0.01
"""Overlap above this share of the smaller place is an error."""
OVERLAP_M2 = 10_000.0
SLIVER_WIDTH_M = 50.0
"""A large overlap that is no wider than this on average runs along a simplified border: a warning only."""
_NOTHING_M2 = 1.0
_POLYGON = 3
_CODE_LENGTHS = {"city": 4, "district": 6, "township": 9, "community": 12}
_INSIDE_SHARE = 0.5


def check_overlaps(places: gpd.GeoDataFrame, faults: Faults) -> None:
    """Note outlines of one level that cover the same ground.

    Error: more than OVERLAP_SHARE of the smaller place, or more than OVERLAP_M2 in one piece wider than
    SLIVER_WIDTH_M on average (2 × area ÷ perimeter). Smaller slivers are counted in one warning a level.
    """
    names, geometries = places["name"].to_numpy(), places.geometry.to_numpy()
    areas = areas_m2(geometries)
    for level in PLACE_LEVELS:
        index = np.flatnonzero((places["level"] == level).to_numpy())
        slivers = []
        for a, b in _touching(geometries[index]):
            i, j = int(index[a]), int(index[b])
            pieces = polygons_of(shapely.intersection(geometries[i], geometries[j]))
            if len(pieces) == 0:
                continue
            overlap = areas_m2(pieces)
            smaller = min(areas[i], areas[j])
            params = {
                "a": names[i],
                "b": names[j],
                "level": level,
                "km2": f"{overlap.sum() / M2_PER_KM2:.4f}",
                "percent": f"{100 * overlap.sum() / smaller:.2f}" if smaller else "100",
            }
            if overlap.sum() > OVERLAP_SHARE * smaller or _is_wide(pieces, overlap):
                faults.error("place_overlap", **params)
            elif overlap.sum() > _NOTHING_M2:
                slivers.append((overlap.sum(), f"{names[i]}/{names[j]}"))
        if slivers:
            faults.warn(
                "place_slivers",
                level=level,
                count=len(slivers),
                km2=f"{sum(s for s, _ in slivers) / M2_PER_KM2:.4f}",
                pairs=listed(pair for _, pair in sorted(slivers, reverse=True)),
            )


def tell_overlaps(places: gpd.GeoDataFrame, faults: Faults) -> None:
    """Warn, once, of valid outlines of one level that share more than OVERLAP_SHARE of the smaller one's ground.

    For thousands of places (2,850 counties in a second); shares are of areas in degrees, near enough side by side.
    """
    geometries, level = places.geometry.to_numpy(), places["level"].to_numpy()
    first, second = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    pairs = (first < second) & (level[first] == level[second])
    first, second = first[pairs], second[pairs]
    shared = shapely.intersection(geometries[first], geometries[second])
    smaller = np.minimum(shapely.area(geometries)[first], shapely.area(geometries)[second])
    found = np.flatnonzero(shapely.area(shared) > OVERLAP_SHARE * smaller)
    if len(found) == 0:
        return
    areas = np.array([areas_m2(polygons_of(shared[at])).sum() for at in found])
    most = found[int(areas.argmax())]
    a, b = places["name"].iloc[first[most]], places["name"].iloc[second[most]]
    percent = 100 * shapely.area(shared[most]) / smaller[most]
    km2 = areas.max() / M2_PER_KM2
    faults.warn("scale.places_overlap", count=len(found), a=a, b=b, km2=f"{km2:.2f}", percent=f"{percent:.0f}")


def _touching(geometries: npt.NDArray[Any]) -> list[tuple[int, int]]:
    first, second = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    return [(int(a), int(b)) for a, b in zip(first, second, strict=True) if a < b]


def polygons_of(geometry: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - any geometry
    """Polygons (n,) of a geometry, out of collections too."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return np.asarray(parts[shapely.get_type_id(parts) == _POLYGON])


def _is_wide(pieces: npt.NDArray[Any], areas: npt.NDArray[np.float64]) -> bool:
    centre = shapely.get_coordinates(shapely.centroid(pieces))
    degree = areas_m2(shapely.box(centre[:, 0] - 5e-4, centre[:, 1] - 5e-4, centre[:, 0] + 5e-4, centre[:, 1] + 5e-4))
    perimeter_m = shapely.length(pieces) * 1e3 * np.sqrt(degree)
    width = 2 * areas / np.maximum(perimeter_m, 1e-9)
    return bool(((areas > OVERLAP_M2) & (width > SLIVER_WIDTH_M)).any())


def resolved_parents(places: gpd.GeoDataFrame, faults: Faults) -> list[str]:
    """Id of the place above each place: as given, by GB/T 2260 code, or by where most of its ground lies.

    A given parent that is no id of the table is an error; a place that lies in none of the level above is a warning.
    """
    known = set(places["id"])
    parents = []
    for i, (place_id, name, level, given) in enumerate(
        zip(places["id"], places["name"], places["level"], places["parent"], strict=True)
    ):
        above = _levels_above(places, level)
        if given and given not in known and any(above):
            faults.error("place_parent_unknown", value=given, name=name)
        if given in known and given:
            parents.append(str(given))
            continue
        candidates = places[places["level"] == above[0]] if above else places.iloc[:0]
        found = _by_code(place_id, candidates) or _by_ground(places.geometry.iloc[i], candidates)
        if not found and len(candidates):
            faults.warn("place_without_parent", value=place_id, name=name, level=above[0])
        parents.append(found)
    return parents


def _levels_above(places: gpd.GeoDataFrame, level: str) -> list[str]:
    """Levels above that the table holds, nearest first."""
    held = set(places["level"])
    return [lev for lev in reversed(PLACE_LEVELS[: PLACE_LEVELS.index(level)]) if lev in held] if level else []


def _by_code(place_id: str, candidates: gpd.GeoDataFrame) -> str:
    if not place_id.isdigit():
        return ""
    for other, level in zip(candidates["id"], candidates["level"], strict=True):
        length = _CODE_LENGTHS[level]
        if other.isdigit() and len(other) >= length and len(place_id) >= 6 and other[:length] == place_id[:length]:  # noqa: PLR2004 - a division code
            return str(other)
    return ""


def _by_ground(geometry: Any, candidates: gpd.GeoDataFrame) -> str:  # noqa: ANN401 - a polygon
    if len(candidates) == 0:
        return ""
    shared = shapely.area(shapely.intersection(candidates.geometry.to_numpy(), geometry))
    best = int(np.argmax(shared))
    return str(candidates["id"].iloc[best]) if shared[best] > _INSIDE_SHARE * shapely.area(geometry) else ""

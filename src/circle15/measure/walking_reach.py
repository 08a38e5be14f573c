"""Streets within a walk 步行可达道路: for looking only; who is reached is decided by distance, never by a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from shapely.ops import substring

from circle15.schema import CRS

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from circle15.measure.walking import Spots, WalkNetwork
    from circle15.quantities import Floats

LEAST_M = 0.5  # shorter ends are not drawn


def reached_streets(network: WalkNetwork, sites: Spots, limit_m: float) -> gpd.GeoDataFrame:
    """Streets, or the parts of them, within `limit_m` on foot of any site.

    Returns
    -------
    One line a street or part (EPSG:4326): `edge`, `length_m` drawn, and `walking_m`, the way to its nearer end.
    """
    s = network.streets
    at = network.node_metres(sites, limit_m)
    left, right = (np.maximum(limit_m - np.nan_to_num(at[end], posinf=limit_m), 0.0) for end in (s.u, s.v))
    whole = left + right >= s.length_m
    near = np.minimum(at[s.u], at[s.v]) if len(s.u) else np.empty(0)
    owner = np.repeat(np.arange(len(s.u)), np.diff(s.shape_start))
    inside = whole[owner]
    edges = np.flatnonzero(whole)
    renumber = np.cumsum(whole) - 1
    points = np.column_stack([s.shape_lon, s.shape_lat])[inside]
    drawn = np.asarray(shapely.linestrings(points, indices=renumber[owner[inside]]), dtype=object)
    parts = _parts(network, sites, limit_m, (left, right))
    rows = {
        "edge": [*edges.tolist(), *(p[0] for p in parts)],
        "length_m": [*s.length_m[edges].tolist(), *(p[2] for p in parts)],
        "walking_m": [*near[edges].tolist(), *(p[3] for p in parts)],
    }
    return gpd.GeoDataFrame(rows, geometry=[*drawn, *(p[1] for p in parts)], crs=CRS)


def _parts(
    network: WalkNetwork, sites: Spots, limit_m: float, ends: tuple[Floats, Floats]
) -> list[tuple[int, BaseGeometry, float, float]]:
    """Ends of streets, and stretches about sites in mid-street: edge, line, metres drawn, way to its nearer end."""
    s, (left, right) = network.streets, ends
    whole = left + right >= s.length_m
    spans: dict[int, list[tuple[float, float, float]]] = {}
    for edge in np.flatnonzero(~whole & ((left > LEAST_M) | (right > LEAST_M))).tolist():
        length = float(s.length_m[edge])
        spans[edge] = [(0.0, float(left[edge]), limit_m - float(left[edge]))] if left[edge] > LEAST_M else []
        if right[edge] > LEAST_M:
            spans[edge].append((length - float(right[edge]), length, limit_m - float(right[edge])))
    for k in np.flatnonzero(sites.found):
        edge, reach = int(sites.edge[k]), limit_m - float(sites.snap_m[k])
        if not whole[edge] and reach > LEAST_M:
            along = float(sites.from_u_m[k])
            low, high = max(along - reach, 0.0), min(along + reach, float(s.length_m[edge]))
            spans.setdefault(edge, []).append((low, high, float(sites.snap_m[k])))
    return [
        (edge, _cut(network, edge, low, high), high - low, way)
        for edge, found in spans.items()
        for low, high, way in _joined(found)
    ]


def _joined(spans: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Stretches that overlap put together; the shortest way of their parts stands for them."""
    out: list[tuple[float, float, float]] = []
    for low, high, way in sorted(spans):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], high), min(out[-1][2], way))
        else:
            out.append((low, high, way))
    return out


def _cut(network: WalkNetwork, edge: int, low: float, high: float) -> BaseGeometry:
    s = network.streets
    run = slice(s.shape_start[edge], s.shape_start[edge + 1])
    line = shapely.LineString(np.column_stack([s.shape_lon[run], s.shape_lat[run]]))
    along = np.interp([low, high], s.shape_m[run], _degrees(line))
    return substring(line, float(along[0]), float(along[1]))


def _degrees(line: shapely.LineString) -> Floats:
    xy = shapely.get_coordinates(line)
    return np.append(0.0, np.cumsum(np.hypot(*np.diff(xy, axis=0).T)))

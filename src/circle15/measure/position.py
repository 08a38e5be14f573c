"""Where a site may truly stand 定位误差: points within its position accuracy on other ground than it is thought to be.

The circle of error is cut by the outlines of places; each piece of other ground gives one point inside it and how far
the site would have to move to reach it. Distances are geodesic (a local frame, right to micrometres at this size).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.measure.circles import lonlat
from circle15.measure.grid_ground import cells_about
from circle15.project.metric import distances_m, local_xy, moved_to
from circle15.quantities import DISTANCE_TOLERANCE_M, M2_PER_KM2
from circle15.schema import CRS, PLACE_LEVELS, POSITION_ACCURACY_M

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circle15.schema import Population, PopulationBlocks

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_CORNERS = 32
_OVER = 1.0 / np.cos(np.pi / _CORNERS)  # the polygon is drawn about the circle, so that it misses no ground
_RINGS = ((1.0, 16), (0.5, 8))
NOISE_M = 0.5
"""Half the width of gaps between outlines that are taken as noise of the drawing, not as ground outside all places."""


def points_within_error(
    sites: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    ring: NDArray[np.bool_] | None = None,
    cells: Population | PopulationBlocks | None = None,
) -> gpd.GeoDataFrame:
    """Points within the position accuracy of every site (bound included) that lie on other ground.

    Parameters
    ----------
    sites
        EPSG:4326 points with `position_accuracy_m` (POSITION_ACCURACY_M where it is missing); 0 is exact: no points.
    places
        `id`, `level` and outline. Each place that the circle of error meets, and the ground outside all of a level,
        gives one point, unless the site itself lies there.
    ring
        (n,) sites that also get 16 points on the circle of error and 8 halfway, for measures that change gradually.
    cells
        A population whose cells count as ground of their own kind, for measures that change from cell to cell.

    Returns
    -------
    The rows of `sites` (once a point, by order of sites) with the point as geometry and `moved_m`: the geodesic
    distance from the site to the nearest point of that ground (of the point itself on the rings).
    """
    finds = other_ground(*lonlat(sites), accuracies_m(sites), places, ring=ring, cells=cells)
    at = np.array([f[0] for f in finds], dtype=np.int64)
    table = pd.DataFrame(sites.drop(columns=sites.geometry.name)).iloc[at].reset_index(drop=True)
    table["moved_m"] = np.array([f[1] for f in finds], dtype=np.float64)
    return gpd.GeoDataFrame(table, geometry=[f[2] for f in finds], crs=CRS)


def other_ground(
    lon: FloatArray,
    lat: FloatArray,
    accuracy_m: FloatArray,
    places: gpd.GeoDataFrame,
    *,
    ring: NDArray[np.bool_] | None = None,
    cells: Population | PopulationBlocks | None = None,
) -> list[tuple[int, float, shapely.Point]]:
    """What `points_within_error` finds, for sites told as arrays (n,): position of the site, metres, the point."""
    finds: list[tuple[int, float, shapely.Point]] = []
    for outlines in _grounds(places, cells, (lon, lat, accuracy_m)):
        finds += _elsewhere(lon, lat, accuracy_m, outlines)
    if ring is not None:
        finds += _rings(lon, lat, accuracy_m, np.flatnonzero(ring))
    return sorted(finds, key=lambda f: (f[0], round(f[1], 3)))  # grounds that meet in one corner stay in order


def accuracies_m(sites: pd.DataFrame) -> FloatArray:
    """Position accuracy of sites (n,) in metres; POSITION_ACCURACY_M where none is told."""
    if "position_accuracy_m" not in sites.columns:
        return np.full(len(sites), POSITION_ACCURACY_M)
    given = sites["position_accuracy_m"].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(np.where(np.isnan(given), POSITION_ACCURACY_M, np.maximum(given, 0.0)), dtype=np.float64)


def circle_bounds(
    accuracy_m: FloatArray,
    land_km2: FloatArray,
    residents: Callable[[IndexArray, float], FloatArray],
    *,
    radius_m: float,
) -> dict[str, FloatArray]:
    """Least and greatest residents and density that the circle of a site could have within its position accuracy.

    A circle moved by d holds all that lies within radius - d of the site and nothing beyond radius + d; its land
    changes by no more than the rings between them. Sites of like accuracy are bounded together, by the greatest.

    Parameters
    ----------
    accuracy_m, land_km2
        (n,) position accuracy, and land of the circle where the site is thought to be.
    residents
        Gives the residents (k,) of some of the sites (positions) within a radius in metres.

    Returns
    -------
    Columns (n,): residents_low, residents_high, density_low, density_high (infinite without land).
    """
    n = len(accuracy_m)
    reach_m = np.exp2(np.ceil(np.log2(np.maximum(accuracy_m, 1.0))))
    low, high = np.zeros(n), np.zeros(n)
    for d in np.unique(reach_m):
        at = np.flatnonzero(reach_m == d)
        low[at] = residents(at, radius_m - d) if radius_m > d else 0.0
        high[at] = residents(at, radius_m + d)
    inner, circle, outer = (
        np.pi * r**2 / M2_PER_KM2 for r in (np.maximum(radius_m - reach_m, 0.0), radius_m, radius_m + reach_m)
    )
    most_km2, least_km2 = land_km2 + outer - circle, np.maximum(land_km2 - circle + inner, 0.0)
    return {
        "residents_low": low,
        "residents_high": high,
        "density_low": np.divide(low, most_km2, out=np.zeros(n), where=most_km2 > 0),
        "density_high": np.divide(high, least_km2, out=np.full(n, np.inf), where=least_km2 > 0),
    }


# ── ground of places and cells ────────────────────────────────


def _grounds(
    places: gpd.GeoDataFrame,
    cells: Population | PopulationBlocks | None,
    errors: tuple[FloatArray, FloatArray, FloatArray],
) -> list[Geometries]:
    """Outlines that share out the ground, one array a level, the finest first: it tells best where a point lies.

    Of a grid only the cells that circles of error (longitudes, latitudes, metres) may meet are drawn.
    """
    fine = PLACE_LEVELS[::-1]
    levels = [np.asarray(places.geometry.array[(places["level"] == level).to_numpy()]) for level in fine]
    if cells is not None and cells.grid is not None:
        lon, lat, accuracy_m = errors
        levels.append(cells_about(cells.grid, lon, lat, accuracy_m * _OVER))
    elif cells is not None and cells.kind != "point":
        levels += [np.asarray(block.cells.geometry.array, dtype=object) for block in cells.blocks()]
    return [outlines.astype(object) for outlines in levels if len(outlines)]


def _elsewhere(
    lon: FloatArray, lat: FloatArray, accuracy_m: FloatArray, outlines: Geometries
) -> list[tuple[int, float, shapely.Point]]:
    """Row, distance and a point inside for each piece of other ground that a circle of error meets."""
    rows = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat) & (accuracy_m > 0))
    discs = _discs(lon[rows], lat[rows], accuracy_m[rows])
    outline, disc = shapely.STRtree(discs).query(outlines)
    shapely.prepare(outlines)
    inside = shapely.contains_properly(outlines[outline], discs[disc])
    meets = inside | shapely.intersects(outlines[outline], discs[disc])
    outline, disc, inside = outline[meets], disc[meets], inside[meets]
    # a circle inside one outline alone meets no other ground
    alone = np.bincount(disc, minlength=len(rows)) == 1
    order = np.lexsort((outline, disc))
    order = order[~(inside & alone[disc])[order]]
    found = []
    for held in np.split(order, np.flatnonzero(np.diff(disc[order])) + 1) if len(order) else ():
        k = disc[held[0]]
        row = rows[k]
        for metres, point in _pieces(float(lon[row]), float(lat[row]), discs[k], outlines[outline[held]]):
            if metres <= accuracy_m[row] + DISTANCE_TOLERANCE_M:
                found.append((int(row), metres, point))
    return found


def _pieces(lon: float, lat: float, disc: shapely.Polygon, outlines: Geometries) -> list[tuple[float, shapely.Point]]:
    """Ground of the disc other than that which holds its middle, each belonging to the first outline that covers it."""
    middle, rest, found, holder = shapely.Point(lon, lat), disc, [], False
    for outline in outlines:
        piece = shapely.intersection(outline, rest)
        rest = shapely.difference(rest, piece)
        if not holder and shapely.intersects(outline, middle):
            holder = True
        elif shapely.area(piece) > 0:
            found.append(piece)
    wide = holder and not shapely.is_empty(shapely.buffer(_local(rest, lon, lat), -NOISE_M))
    found += [rest] if wide else []
    return [(float(shapely.distance(_local(p, lon, lat), shapely.Point(0, 0))), _inside(p)) for p in found]


def _inside(piece: shapely.Geometry) -> shapely.Point:
    point: shapely.Point = shapely.point_on_surface(piece)
    return point


def _local(geometry: shapely.Geometry, lon: float, lat: float) -> shapely.Geometry:
    """Geometry in metres east and north of a point."""
    return shapely.transform(geometry, lambda xy: np.column_stack(local_xy(xy[:, 0], xy[:, 1], lon, lat)))


# ── circles about the site ────────────────────────────────────


def _discs(lon: FloatArray, lat: FloatArray, radius_m: FloatArray) -> Geometries:
    azimuth = np.linspace(360.0, 0.0, _CORNERS, endpoint=False)
    n = len(lon)
    x, y = moved_to(
        np.repeat(lon, _CORNERS), np.repeat(lat, _CORNERS), np.tile(azimuth, n), np.repeat(radius_m * _OVER, _CORNERS)
    )
    return np.asarray(shapely.polygons(np.stack((x, y), axis=-1).reshape(n, _CORNERS, 2)), dtype=object)


def _rings(
    lon: FloatArray, lat: FloatArray, accuracy_m: FloatArray, rows: IndexArray
) -> list[tuple[int, float, shapely.Point]]:
    rows = rows[(accuracy_m[rows] > 0) & np.isfinite(lon[rows])]
    found: list[tuple[int, float, shapely.Point]] = []
    for share, corners in _RINGS:
        azimuth = np.tile(np.linspace(0.0, 360.0, corners, endpoint=False), len(rows))
        at = np.repeat(rows, corners)
        x, y = moved_to(lon[at], lat[at], azimuth, share * accuracy_m[at])
        metres = distances_m(lon[at], lat[at], x, y)
        found += zip(at.tolist(), metres.tolist(), map(shapely.Point, x, y), strict=True)
    return found

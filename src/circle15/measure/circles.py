"""Service circles 服务圈: who else is within the radius, how many residents, how much land.

A circle is geodesic about the site, its bound included. Cells that the circle cuts count by the exact share of their
area inside it; land is first cut down to the surroundings of the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from circle15.measure.cells import CellArrays, disc_fractions, pack_cells, pack_geometries
from circle15.measure.grid_ground import circles_in, without_slivers
from circle15.measure.near_kernels import count_near
from circle15.measure.others import Others, Sites
from circle15.project.metric import candidate_pairs, distances_m, pairs_within
from circle15.quantities import DISTANCE_TOLERANCE_M, LEAST_M_PER_DEGREE, M2_PER_KM2
from circle15.schema import institution_codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Population, PopulationBlocks

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

_SITES_AT_ONCE = 10_000
_NEAR_DATE_LINE = 179.0


def neighbours_within(
    sites: gpd.GeoDataFrame, institutions: gpd.GeoDataFrame, *, radius_m: float, margin_m: float = 0.0
) -> pd.DataFrame:
    """List the other institutions of the same service within `radius_m + margin_m` of every site (bound included).

    Parameters
    ----------
    sites, institutions
        EPSG:4326 points with `id` and `service`; `institutions` also with `name` and `position_accuracy_m`.
        An institution with the site's own id, or of the same `institution` 分院区, is not its neighbour.
    radius_m, margin_m
        Radius of the circle and how far beyond it to look besides, for positions that are uncertain.

    Returns
    -------
    DataFrame with `site_id`, `id`, `name`, `institution` (its code), `distance_m`, `position_accuracy_m`, by order of
    sites, then distance, then order of institutions: one row a site, so that campuses of one institution are several.
    """
    at, other, metres = Others(sites_of(institutions)).pairs(sites_of(sites), radius_m + margin_m)
    found = institutions.iloc[other]
    return pd.DataFrame(
        {
            "site_id": sites["id"].to_numpy()[at],
            "id": found["id"].to_numpy(),
            "name": found["name"].to_numpy(),
            "institution": pd.array(institution_codes(found), dtype="str"),
            "distance_m": metres,
            "position_accuracy_m": found["position_accuracy_m"].to_numpy(dtype=np.float64),
        }
    )


def measure_circles(
    sites: gpd.GeoDataFrame,
    institutions: gpd.GeoDataFrame,
    population: Population | PopulationBlocks,
    *,
    radius_m: float,
) -> pd.DataFrame:
    """Measure the circle of every site.

    Parameters
    ----------
    sites, institutions
        As for `neighbours_within`; sites may be institutions themselves or proposed points.
    population
        Residents; all blocks are summed over.
    radius_m
        Radius in metres, bound included.

    Returns
    -------
    DataFrame indexed like `sites`: `others_within` (institutions: campuses of one count once, a site's own not at all),
    `nearest_other_m` (NaN where there is no other),
    `residents_within`, `circle_km2`, `circle_land_km2` (part of the circle on ground that the population source
    covers; the whole circle where the source cannot tell; 0 below a millionth of it, where rounding decides) and
    `density_circle_per_km2` (residents on that land; NaN where the circle holds none). Sites without a position have
    NaN throughout and no others.
    """
    others, nearest_m = Others(sites_of(institutions)).counts(sites_of(sites), radius_m)
    lon, lat = lonlat(sites)
    residents, land_km2 = circle_ground(population, lon, lat, radius_m=radius_m)
    ground = ground_columns(lon, lat, residents, land_km2, radius_m=radius_m)
    return pd.DataFrame({"others_within": others, "nearest_other_m": nearest_m, **ground}, index=sites.index)


def ground_columns(
    lon: FloatArray, lat: FloatArray, residents: FloatArray, land_km2: FloatArray, *, radius_m: float
) -> dict[str, FloatArray]:
    """Columns (n,) of `measure_circles` about the ground of circles: out of what `circle_ground` found."""
    nowhere = np.isnan(lon) | np.isnan(lat)
    people, circle_km2 = np.where(nowhere, np.nan, residents), np.pi * radius_m**2 / M2_PER_KM2
    land = np.where(nowhere, np.nan, without_slivers(land_km2, circle_km2))
    return {
        "residents_within": people,
        "circle_km2": np.where(nowhere, np.nan, circle_km2),
        "circle_land_km2": land,
        "density_circle_per_km2": np.divide(people, land, out=np.full(len(lon), np.nan), where=land > 0),
    }


def circle_ground(
    population: Population | PopulationBlocks, lon: FloatArray, lat: FloatArray, *, radius_m: float
) -> tuple[FloatArray, FloatArray]:
    """Residents and km² of ground (n,) of circles about points in degrees; at NaN 0 and no meaningful area."""
    circle_km2 = np.pi * radius_m**2 / M2_PER_KM2
    if population.grid is not None:
        residents, ground_m2 = circles_in(population.grid, lon, lat, radius_m=radius_m)
        return residents, ground_m2 / M2_PER_KM2
    residents, land_km2 = np.zeros(len(lon)), np.zeros(len(lon))
    for block in population.blocks():
        residents += residents_within(lon, lat, block, radius_m=radius_m)
        land_km2 += circle_km2 if block.land is None else land_within_km2(lon, lat, block.land, radius_m)
    # a source of several blocks that cannot tell counts once
    return residents, np.minimum(land_km2, circle_km2)


def residents_within(lon: FloatArray, lat: FloatArray, block: Population, *, radius_m: float) -> FloatArray:
    """Residents of one block within `radius_m` of every point, by the exact share of each cell.

    Parameters
    ----------
    lon, lat
        (n,) EPSG:4326 degrees; NaN gives 0.
    block
        Cells are polygons (share of their area inside the circle) or points (in when the distance is within the
        radius, bound included).

    Returns
    -------
    (n,) residents.
    """
    total = np.zeros(len(lon))
    # packing costs more than measuring, so cells far from all sites are dropped before it
    boxes = shapely.STRtree(boxes_about(lon, lat, radius_m))
    near = np.unique(boxes.query(np.asarray(block.cells.geometry.array, dtype=object))[0])
    arrays = pack_cells(block.cells.iloc[near])
    for at, cell in _near_cells(lon, lat, arrays, radius_m):
        share = disc_fractions(arrays, cell, lon[at], lat[at], radius_m=radius_m)
        total += _sums(at, share * arrays.residents[cell], len(lon))
    return total


def sites_of(table: gpd.GeoDataFrame) -> Sites:
    """A table of sites as measure/others.py takes it."""
    lon, lat = lonlat(table)
    service, ids = (table[c].to_numpy(dtype=object) for c in ("service", "id"))
    return Sites(lon, lat, service, ids, np.array(institution_codes(table), dtype=object))


def lonlat(sites: gpd.GeoDataFrame) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude of a table of points; NaN where the geometry is missing or empty."""
    return point_degrees(np.asarray(sites.geometry.array, dtype=object))


def point_degrees(points: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude of points (n,); NaN where one is missing or empty."""
    placed = points.copy()
    placed[shapely.is_empty(points)] = None  # get_x refuses an empty point
    return shapely.get_x(placed), shapely.get_y(placed)


def _near_cells(
    lon: FloatArray, lat: FloatArray, arrays: CellArrays, radius_m: float
) -> Iterator[tuple[IndexArray, IndexArray]]:
    """Pairs of sites and cells that may touch, cells of like size together so that a large one widens no search."""
    sizes = np.ceil(np.log2(np.maximum(arrays.reach_m, 1.0)))
    for size in np.unique(sizes):
        cells = np.flatnonzero(sizes == size)
        reach_m = radius_m + float(arrays.reach_m[cells].max())
        for start in range(0, len(lon), _SITES_AT_ONCE):
            part = slice(start, start + _SITES_AT_ONCE)
            i, j = candidate_pairs(lon[part], lat[part], arrays.lon[cells], arrays.lat[cells], reach_m)
            yield i + start, cells[j]


def land_within_km2(lon: FloatArray, lat: FloatArray, land: BaseGeometry, radius_m: float) -> FloatArray:
    """Square kilometres of each circle that lie on the land (a valid polygon or multipolygon)."""
    out = np.zeros(len(lon))
    shapely.prepare(land)
    boxes = boxes_about(lon, lat, radius_m)
    whole = shapely.contains_properly(land, boxes)
    out[whole] = np.pi * radius_m**2
    shore = np.flatnonzero(~whole & shapely.intersects(land, boxes))
    if len(shore):
        out[shore] = _shore_m2(lon[shore], lat[shore], shapely.get_parts(land), radius_m)
    return out / M2_PER_KM2


def _shore_m2(lon: FloatArray, lat: FloatArray, ground: NDArray[np.object_], radius_m: float) -> FloatArray:
    """Square metres of each circle on pieces of ground that share none."""
    boxes = boxes_about(lon, lat, radius_m)
    at, piece = shapely.STRtree(ground).query(boxes, predicate="intersects")
    bounds = shapely.bounds(boxes)
    cut = [shapely.clip_by_rect(ground[p], *bounds[n]) for n, p in zip(at, piece, strict=True)]
    arrays = pack_geometries(np.asarray(cut, dtype=object))
    site = at[arrays.row]
    share = disc_fractions(arrays, np.arange(len(arrays)), lon[site], lat[site], radius_m=radius_m)
    return _sums(site, share * arrays.area_m2, len(lon))


def _sums(at: IndexArray, values: FloatArray, n: int) -> FloatArray:
    return np.bincount(at, weights=values, minlength=n).astype(np.float64)


def boxes_about(lon: FloatArray, lat: FloatArray, radius_m: float) -> NDArray[np.object_]:
    """Boxes of degrees that hold the circles with room to spare; empty where there is no position."""
    north = 1.01 * radius_m / LEAST_M_PER_DEGREE
    east = np.minimum(north / np.cos(np.radians(np.minimum(np.abs(lat) + north, 89.0))), 180.0)
    boxes = np.asarray(shapely.box(lon - east, lat - north, lon + east, lat + north), dtype=object)
    boxes[~(np.isfinite(lon) & np.isfinite(lat))] = shapely.Polygon()
    return boxes


def count_others(
    lon: FloatArray,
    lat: FloatArray,
    service: NDArray[Any],
    *,
    radius_m: float,
    institution: NDArray[np.integer[Any]] | None = None,
) -> IndexArray:
    """Count the others of the same service within `radius_m` of every point (bound included) 圈内同类机构数.

    `neighbours_within` names them; this only counts, a million in a second. Points without a position count nobody.
    With `institution` (n,), the number of each site's institution 分院区, institutions are counted and not sites.
    """
    out = np.zeros(len(lon), dtype=np.int64)
    placed = np.isfinite(lon) & np.isfinite(lat)
    for kind in np.unique(service[placed]):
        which = np.flatnonzero(placed & (service == kind))
        x, y = lon[which], lat[which]
        if np.abs(x).max() > _NEAR_DATE_LINE:  # kernels do not look across it
            i, _, _ = pairs_within(x, y, x, y, radius_m)
            out[which] = np.bincount(i, minlength=len(which)) - 1
        else:
            count, close = count_near(x, y, radius_m=radius_m)
            a, b = close.T
            within = distances_m(x[a], y[a], x[b], y[b]) <= radius_m + DISTANCE_TOLERANCE_M
            out[which] = count + np.bincount(close[within].ravel(), minlength=len(which))
        if institution is not None:
            out[which] -= _campuses_more(x, y, institution[which], radius_m)
    return out


def _campuses_more(
    lon: FloatArray, lat: FloatArray, institution: NDArray[np.integer[Any]], radius_m: float
) -> IndexArray:
    """By how much sites within reach of each site outnumber their institutions, its own ones counted as itself."""
    _, number, times = np.unique(institution, return_inverse=True, return_counts=True)
    several = np.flatnonzero(times[number] > 1)
    i, j, _ = pairs_within(lon, lat, lon[several], lat[several], radius_m)
    pairs, held = np.unique(i * len(times) + number[several][j], return_counts=True)
    return np.bincount(pairs // len(times), held - 1, minlength=len(lon)).astype(np.int64)

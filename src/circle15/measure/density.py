"""Density over place and cell 密度分级: the two other grounds on which a plan may read residents per square kilometre.

The density over the circle itself stands in `circles.py`. Which of the three decides is the plan's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.project.metric import areas_m2

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Population, PopulationBlocks

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    Geometries = NDArray[np.object_]

_M2_PER_KM2 = 1e6
_LEVELS = ("township", "district", "city")


def measure_density(
    sites: gpd.GeoDataFrame, population: Population | PopulationBlocks, places: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Find the places that hold each site and measure density over its township and its population cell.

    Parameters
    ----------
    sites
        EPSG:4326 points.
    population
        Residents; cells that a township border cuts count by the exact share of their area inside.
    places
        `id`, `name`, `level`, `residents` and outline; other levels than township, district and city are not looked at.

    Returns
    -------
    DataFrame indexed like `sites`: `township_id`, `township_name`, `district_id`, `district_name`, `city_id`,
    `city_name` ("" where none holds the point; a point on a border belongs to the first by id),
    `density_place_per_km2` (residents of the township, official ones where given, on its land that the source covers;
    NaN without a township or without land) and `density_cell_per_km2` (of the cell that holds the point, the first by
    order where several do; 0 on ground without residents, NaN for points and off the ground of an area source).
    """
    points = np.asarray(sites.geometry.array, dtype=object)
    out: dict[str, object] = {}
    township = np.full(len(sites), -1, dtype=np.int64)
    for level in _LEVELS:
        of_level = places[places["level"] == level].sort_values("id", kind="stable")
        holder = first_holder(points, np.asarray(of_level.geometry.array, dtype=object))
        for column in ("id", "name"):
            out[f"{level}_{column}"] = _picked(of_level[column], holder)
        if level == "township":
            townships, township = of_level, holder
    asked = np.unique(township[township >= 0])
    density = np.full(len(townships), np.nan)
    density[asked] = _place_densities(townships.iloc[asked], population)
    out["density_place_per_km2"] = np.append(density, np.nan)[township]
    out["density_cell_per_km2"] = _cell_densities(points, population)
    return pd.DataFrame(out, index=sites.index)


def first_holder(points: Geometries, outlines: Geometries) -> IndexArray:
    """Position of the first outline that holds each point, border included; -1 where none does."""
    first = np.full(len(points), len(outlines), dtype=np.int64)
    outline, point = shapely.STRtree(points).query(outlines, predicate="intersects")
    np.minimum.at(first, point, outline)
    return np.where(first < len(outlines), first, -1)


def residents_of(places: Geometries, block: Population) -> FloatArray:
    """Residents of one block in each place, by the exact geodesic share of each cell's area; points border included."""
    total = np.zeros(len(places))
    if not len(block.cells):
        return total
    cells = np.asarray(block.cells.geometry.array, dtype=object)
    residents = block.cells["residents"].to_numpy(dtype=np.float64)
    tree = shapely.STRtree(cells)
    place, cell = tree.query(places, predicate="intersects")
    share = np.ones(len(cell))
    if block.kind != "point":
        within, whole = tree.query(places, predicate="contains")
        cut = ~np.isin(place * len(cells) + cell, within * len(cells) + whole)
        pieces = shapely.intersection(places[place[cut]], cells[cell[cut]])
        share[cut] = np.minimum(areas_m2(pieces) / areas_m2(cells[cell[cut]]), 1.0)
    return np.bincount(place, weights=share * residents[cell], minlength=len(places)).astype(np.float64)


def land_m2(places: Geometries, land: BaseGeometry | None) -> FloatArray:
    """Geodesic square metres of each place on the land; all of it where the source cannot tell."""
    if land is None:
        return areas_m2(places)
    shapely.prepare(land)
    dry = np.asarray(places, dtype=object).copy()
    shore = ~shapely.contains(land, dry)
    dry[shore] = shapely.intersection(dry[shore], land)
    return areas_m2(dry)


def _picked(values: pd.Series, place: IndexArray) -> NDArray[np.object_]:
    return np.append(values.to_numpy(dtype=object), "")[place]


def _place_densities(townships: gpd.GeoDataFrame, population: Population | PopulationBlocks) -> FloatArray:
    outlines = np.asarray(townships.geometry.array, dtype=object)
    official = townships["residents"].to_numpy(dtype=np.float64)
    unknown = np.isnan(official)
    counted, ground_m2 = np.zeros(len(townships)), np.zeros(len(townships))
    for block in population.blocks():
        ground_m2 += land_m2(outlines, block.land)
        counted[unknown] += residents_of(outlines[unknown], block)
    # a source of several blocks that cannot tell its land counts each place once
    ground_km2 = np.minimum(ground_m2, areas_m2(outlines)) / _M2_PER_KM2
    residents = np.where(unknown, counted, official)
    density = np.full(len(townships), np.nan)
    np.divide(residents, ground_km2, out=density, where=ground_km2 > 0)
    return density


def _cell_densities(points: Geometries, population: Population | PopulationBlocks) -> FloatArray:
    density = np.full(len(points), np.nan)
    for block in population.blocks():
        if block.kind == "point":
            continue
        cells = np.asarray(block.cells.geometry.array, dtype=object)
        open_to = np.flatnonzero(np.isnan(density) & ~shapely.is_missing(points) & ~shapely.is_empty(points))
        cell = first_holder(points[open_to], cells)
        held = cell >= 0
        area_km2 = areas_m2(cells[cell[held]]) / _M2_PER_KM2
        density[open_to[held]] = block.cells["residents"].to_numpy(dtype=np.float64)[cell[held]] / area_km2
    return _empty_ground(points, density, population)


def _empty_ground(points: Geometries, density: FloatArray, population: Population | PopulationBlocks) -> FloatArray:
    """Set 0 where a grid has no cell with residents, and where an area source covers ground without residents."""
    placed = ~(shapely.is_missing(points) | shapely.is_empty(points))
    for block in population.blocks() if population.kind == "area" else ():
        on_land = placed & (False if block.land is None else shapely.intersects(block.land, points))
        density[np.isnan(density) & on_land] = 0.0
    if population.kind == "grid":
        density[np.isnan(density) & placed] = 0.0
    return density

"""Density over place and cell 密度分级: the two other grounds on which a plan may read residents per square kilometre.

The density over the circle itself stands in `circles.py`. Which of the three decides is the plan's data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from circle15.measure.circles import lonlat, point_degrees
from circle15.measure.coverage import piece_residents
from circle15.measure.grid_ground import cell_densities, ground_of, without_slivers
from circle15.measure.pieces import first_holder, locate, meet_places, polygons_only
from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Population, PopulationBlocks

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]
    Geometries = NDArray[np.object_]

LEVELS = ("community", "township", "district", "city")


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
        `id`, `name`, `level`, `residents` and outline.

    Returns
    -------
    DataFrame indexed like `sites`: `community_id`, `community_name` and so for township, district and city (""
    where none holds the point; a point on a border belongs to the first by id),
    `density_place_per_km2` (residents of the township, official ones where given, on its land that the source covers;
    NaN without a township or without land) and `density_cell_per_km2` (of the cell that holds the point, the first by
    order where several do; 0 on ground without residents, NaN for points and off the ground that the source covers).
    """
    lon, lat = lonlat(sites)
    out: dict[str, object] = {}
    for level in LEVELS:
        of_level = places[places["level"] == level]
        holder = locate(lon, lat, of_level)
        for column in ("id", "name"):
            out[f"{level}_{column}"] = _picked(of_level[column], holder)
        if level == "township":
            out["density_place_per_km2"] = place_densities(of_level, holder, population)
    out["density_cell_per_km2"] = _cell_densities(np.asarray(sites.geometry.array, dtype=object), population)
    densities = ["density_place_per_km2", "density_cell_per_km2"]
    return pd.DataFrame(out, index=sites.index)[[*(c for c in out if c not in densities), *densities]]


def residents_of(places: gpd.GeoDataFrame, block: Population) -> FloatArray:
    """Residents of one block in each place, by the exact share of each cell's area; a point counts once a level."""
    geometries = np.asarray(block.cells.geometry.array, dtype=object)
    residents = block.cells["residents"].to_numpy(dtype=np.float64)
    pieces = meet_places(geometries, places)
    people = piece_residents(geometries, pieces, residents)
    return np.bincount(pieces.place, weights=people, minlength=len(places)).astype(np.float64)


def land_m2(places: Geometries, land: BaseGeometry | None) -> FloatArray:
    """Geodesic square metres of each place on the land; all of it where the source cannot tell."""
    if land is None:
        return areas_m2(places)
    shapely.prepare(land)
    dry = np.asarray(places, dtype=object).copy()
    shore = ~shapely.covers(land, dry)
    dry[shore] = shapely.intersection(dry[shore], land)
    return areas_m2(polygons_only(dry))


def _picked(values: pd.Series, place: IndexArray) -> NDArray[np.object_]:
    return np.append(values.to_numpy(dtype=object), "")[place]


def place_densities(
    townships: gpd.GeoDataFrame, holder: IndexArray, population: Population | PopulationBlocks
) -> FloatArray:
    """Density of the township that holds each site (`holder`, -1 for none); only those that hold one are measured."""
    asked = np.unique(holder[holder >= 0])
    outlines = np.asarray(townships.geometry.array, dtype=object)[asked]
    residents = townships["residents"].to_numpy(dtype=np.float64).copy()
    unknown = np.isnan(residents)
    counting = bool(unknown[asked].any())
    counted, ground_m2 = np.zeros(len(townships)), np.zeros(len(asked))
    if population.grid is not None:
        counted[asked], ground_m2 = ground_of(population.grid, townships.iloc[asked])
    else:
        for block in population.blocks():
            ground_m2 += land_m2(outlines, block.land)
            counted += residents_of(townships, block) if counting else 0.0
    residents[unknown] = counted[unknown]
    # a source of several blocks that cannot tell its land counts each place once
    ground_km2 = without_slivers(ground_m2, areas_m2(outlines)) / M2_PER_KM2
    density = np.full(len(townships) + 1, np.nan)
    density[asked] = np.divide(residents[asked], ground_km2, out=density[asked], where=ground_km2 > 0)
    return np.asarray(density[holder])


def _cell_densities(points: Geometries, population: Population | PopulationBlocks) -> FloatArray:
    if population.grid is not None:
        return cell_densities(population.grid, *point_degrees(points))
    density = np.full(len(points), np.nan)
    for block in population.blocks():
        if block.kind == "point":
            continue
        cells = np.asarray(block.cells.geometry.array, dtype=object)
        open_to = np.flatnonzero(np.isnan(density) & ~shapely.is_missing(points) & ~shapely.is_empty(points))
        cell = first_holder(points[open_to], cells)
        held = cell >= 0
        area_km2 = areas_m2(cells[cell[held]]) / M2_PER_KM2
        density[open_to[held]] = block.cells["residents"].to_numpy(dtype=np.float64)[cell[held]] / area_km2
    return _empty_ground(points, density, population)


def _empty_ground(points: Geometries, density: FloatArray, population: Population | PopulationBlocks) -> FloatArray:
    """Set 0 where the source covers ground without residents; elsewhere the density stays unknown."""
    for block in population.blocks():
        if block.kind != "point" and block.land is not None:
            density[np.isnan(density) & shapely.intersects(block.land, points)] = 0.0
    return density

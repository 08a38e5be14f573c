"""Patches of uncovered cells as a table 空白排序: size, place, nearest institution, best site, outline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle15.project.metric import areas_m2, nearest
from circle15.quantities import M2_PER_KM2
from circle15.schema import CRS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.measure.gap_ground import BareGround
    from circle15.quantities import Floats, Ints

COLUMNS = {
    "rank": "int64",
    "gap_id": "str",
    "service": "str",
    "residents": "float64",
    "area_km2": "float64",
    "density_per_km2": "float64",
    "cells": "int64",
    "district_id": "str",
    "district_name": "str",
    "township_id": "str",
    "township_name": "str",
    "nearest_id": "str",
    "nearest_name": "str",
    "nearest_m": "float64",
    "candidate_lon": "float64",
    "candidate_lat": "float64",
    "candidate_new_residents": "float64",
}


def rank_patches(
    bare: BareGround,
    gains: Callable[[Ints], Floats],
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    service: str,
    min_residents: float,
) -> gpd.GeoDataFrame:
    """Patches of uncovered cells as the table of `find_gaps`; `gains` tells what a new circle at cells (k,) covers.

    `institutions` are those of the service.
    """
    people = bare.residents
    label = _patches(bare)
    size = np.bincount(label, people)
    member = size[label] >= min_residents
    gain = np.zeros(len(label))
    gain[member] = gains(np.flatnonzero(member))
    best = _best_cells(bare, label, gain, member)
    order = np.lexsort((bare.ground.lat[best], bare.ground.lon[best], -np.round(size[label[best]], 6)))
    best = best[order]
    rows = _describe(bare, label, best, places)
    rows["candidate_new_residents"] = gain[best]
    _add_nearest(rows, institutions)
    rows["service"] = service
    return _table(rows, _outlines(bare, label, best))


def _patches(bare: BareGround) -> Ints:
    """Number (n,) of the patch that each cell belongs to."""
    n = len(bare.share)
    a, b = bare.ground.cells.touching()
    _, label = connected_components(coo_array((np.ones(len(a), np.int8), (a, b)), shape=(n, n)), directed=False)
    return np.asarray(label, dtype=np.int64)


def _best_cells(bare: BareGround, label: Ints, gain: Floats, member: NDArray[np.bool_]) -> Ints:
    """Cell of each patch whose centre gains most; to the millionth of a person, then west, then south."""
    cell, ground = np.flatnonzero(member), bare.ground
    order = cell[np.lexsort((ground.lat[cell], ground.lon[cell], -np.round(gain[cell], 6), label[cell]))]
    _, first = np.unique(label[order], return_index=True)
    return order[first]


def _describe(bare: BareGround, label: Ints, best: Ints, places: gpd.GeoDataFrame) -> pd.DataFrame:
    """Size, ground and place of the patches that the cells `best` stand for."""
    patch, ground = label[best], bare.ground
    residents = np.bincount(label, bare.residents)[patch]
    area = np.bincount(label, ground.area_m2 * bare.share)[patch] / M2_PER_KM2
    cells = pd.Series(ground.source).groupby(label).nunique().reindex(patch).to_numpy()
    rows = pd.DataFrame({"residents": residents, "area_km2": area, "cells": cells})
    rows["candidate_lon"], rows["candidate_lat"] = ground.lon[best], ground.lat[best]
    for level in ("district", "township"):
        at = _most_residents(bare, label, level, places)[patch] if len(patch) else patch
        for column in ("id", "name"):
            rows[f"{level}_{column}"] = np.append(places[column].to_numpy(dtype=object), "")[at]
    return rows


def _most_residents(bare: BareGround, label: Ints, level: str, places: gpd.GeoDataFrame) -> Ints:
    """Position in `places`, for every patch, of the one that holds most of its residents (ties: first by id), or -1."""
    best = np.full(int(label.max(initial=-1)) + 1, -1, dtype=np.int64)
    place = bare.ground.held[level]
    table = pd.DataFrame({"patch": label, "place": place, "residents": bare.residents})[place >= 0]
    sums = table.groupby(["patch", "place"])["residents"].sum().round(6).to_frame().reset_index()
    sums["id"] = places["id"].to_numpy()[sums["place"]]
    first = sums.sort_values(["residents", "id"], ascending=[False, True]).drop_duplicates("patch")
    best[first["patch"].to_numpy()] = first["place"].to_numpy()
    return best


def _add_nearest(rows: pd.DataFrame, institutions: gpd.GeoDataFrame) -> None:
    points = np.asarray(institutions.geometry.array, dtype=object)
    lon, lat = rows["candidate_lon"].to_numpy(), rows["candidate_lat"].to_numpy()
    j, metres = nearest(lon, lat, shapely.get_x(points), shapely.get_y(points))
    rows["nearest_m"] = np.where(j >= 0, metres, np.nan)
    for column in ("id", "name"):
        rows[f"nearest_{column}"] = np.append(institutions[column].to_numpy(dtype=object), "")[j]


def _outlines(bare: BareGround, label: Ints, best: Ints) -> list[BaseGeometry]:
    """Outline of each patch that a cell of `best` stands for."""
    by_patch = np.argsort(label, kind="stable")
    start = np.searchsorted(label[by_patch], [label[best], label[best] + 1])
    return [bare.ground.cells.outline(by_patch[first:last]) for first, last in start.T]


def _table(rows: pd.DataFrame, outlines: list[BaseGeometry]) -> gpd.GeoDataFrame:
    rows["rank"] = np.arange(1, len(rows) + 1)
    rows["gap_id"] = [f"G{rank:03d}" for rank in rows["rank"]]
    drawn_km2 = areas_m2(np.array(outlines, dtype=object)) / M2_PER_KM2
    rows["area_km2"] = rows["area_km2"].where(rows["area_km2"] > 0, drawn_km2)
    rows["density_per_km2"] = rows["residents"] / rows["area_km2"]
    return gpd.GeoDataFrame(rows[list(COLUMNS)].astype(COLUMNS), geometry=outlines, crs=CRS)

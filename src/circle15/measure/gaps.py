"""Patches of residents beyond every service circle, ranked 服务空白.

A patch is made of populated cells that circles leave uncovered in whole or in part and that touch by an edge or a
corner; only the uncovered share of a cell's residents counts. Points with residents stand together up to 100 m. Wide
areas are first laid out in parts of a quarter of the radius, or else one village would make its whole township a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle15.measure.cells import (
    CellArrays,
    candidate_pairs,
    depth_fractions,
    disc_fractions,
    frame_xy,
    pack_cells,
    pack_geometries,
    take_cells,
)
from circle15.measure.coverage import service_centres
from circle15.measure.kernels import depth_areas
from circle15.measure.pieces import PART_M, locate
from circle15.project.metric import areas_m2, circle_outline, nearest, pairs_within
from circle15.schema import CRS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.quantities import Floats, Ints
    from circle15.schema import Population, PopulationBlocks

MIN_RESIDENTS = 100.0
POINTS_TOGETHER_M = 100.0
LEAST_SHARE = 1e-6  # a thinner sliver is rounding of an outline and must not tie two patches together
CELLS_TOUCH_DEG = 1e-8  # 1 mm: corners of neighbours out of a projected grid differ in their last digits
OUTLINE_DECIMALS = 9
PARTS_PER_RADIUS = 4
CANDIDATES_AT_ONCE = 4000
M2_PER_KM2 = 1e6

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


@dataclass(frozen=True)
class GapGround:
    """Where gaps may lie, whatever the service: populated cells in the districts (n), laid out once for many services.

    Parameters
    ----------
    cells
        Packed cells with residents whose centre lies in a district.
    lon, lat
        (n,) centre of each, degrees.
    source
        (n,) number of the cell in the population.
    touching
        (a, b): pairs of cells that stand together, each pair both ways.
    district, township
        (n,) position in `places` of the place of each level that holds the centre; -1 where none does.
    """

    cells: CellArrays
    lon: Floats
    lat: Floats
    source: Ints
    touching: tuple[Ints, Ints]
    district: Ints
    township: Ints


@dataclass(frozen=True)
class BareGround:
    """Cells that are not wholly covered (n): arrays, uncovered share, uncovered residents, centre, source cell."""

    cells: CellArrays
    share: Floats
    residents: Floats
    lon: Floats
    lat: Floats
    source: Ints
    touching: tuple[Ints, Ints]
    held: dict[str, Ints]

    @property
    def points(self) -> bool:
        """Whether the population stands in points."""
        return not (self.cells.area_m2 > 0).any()


def find_gaps(
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    *,
    radius_m: float,
    service: str,
    min_residents: float = MIN_RESIDENTS,
    ground: GapGround | None = None,
) -> gpd.GeoDataFrame:
    """Find patches of residents whom no circle of a service covers.

    Parameters
    ----------
    population
        Cells, areas or points with residents, read block by block; patches run on across blocks.
    institutions, places
        Tables as in `schema`, EPSG:4326. Only cells whose centre lies in a district are looked at; in a city where
        `places` has no district; all where it has neither.
    radius_m
        Radius of the service circle; its edge belongs to it.
    service
        Service whose circles cover.
    min_residents
        Patches with fewer uncovered residents are left out.
    ground
        What `lay_out_gaps` made of the same population, places and radius, where several services are asked about.

    Returns
    -------
    One row a patch, most uncovered residents first (then from west to east, south to north), EPSG:4326: rank, gap_id,
    service, residents (uncovered), area_km2 (uncovered ground of its cells), density_per_km2, cells, the district and
    township that hold most of its residents ("" where none), the institution of the service nearest to the candidate
    point (NaN metres where there is none), the candidate point: that centre of a cell of the patch which would newly
    cover most residents, in the patch and beyond it (ties: westernmost, then southernmost), with their number; and as
    geometry the outline of the patch's cells (for points: 50 m about each).
    """
    centres = service_centres(institutions, service)
    whole = lay_out_gaps(population, places, radius_m=radius_m, centres=centres) if ground is None else ground
    share = 1.0 - depth_fractions(whole.cells, *centres, radius_m=radius_m, depths=1)[:, 0]
    bare = keep_bare(whole, share)
    theirs = institutions[institutions["service"] == service]

    def gains(candidates: Ints) -> Floats:
        return _gains(bare, candidates, centres, radius_m)

    return rank_patches(bare, gains, theirs, places, service=service, min_residents=min_residents)


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
    label = _patches(bare)
    size = np.bincount(label, bare.residents)
    member = size[label] >= min_residents
    gain = np.zeros(len(label))
    gain[member] = gains(np.flatnonzero(member))
    best = _best_cells(bare, label, gain, member)
    order = np.lexsort((bare.lat[best], bare.lon[best], -np.round(size[label[best]], 6)))
    best = best[order]
    rows = _describe(bare, label, best, places)
    rows["candidate_new_residents"] = gain[best]
    _add_nearest(rows, institutions)
    rows["service"] = service
    return _table(rows, _outlines(bare, label, best))


def lay_out_gaps(
    population: Population | PopulationBlocks,
    places: gpd.GeoDataFrame,
    *,
    radius_m: float,
    centres: tuple[Floats, Floats] | None = None,
) -> GapGround:
    """Lay out the populated cells of the districts once, for `find_gaps` of many services.

    With `centres` (longitudes, latitudes) only cells that their circles leave uncovered in part are kept, which keeps a
    single service over many blocks small.
    """
    widest_m = radius_m / PARTS_PER_RADIUS if population.kind == "area" else PART_M
    inside = _looked_at(places)
    geometry: list[object] = []
    numbers: list[Floats] = []
    read = 0
    for block in population.blocks():
        cells = pack_cells(block.cells, widest_m=widest_m)
        keep = cells.residents > 0
        if centres is not None:
            keep &= 1.0 - depth_fractions(cells, *centres, radius_m=radius_m, depths=1)[:, 0] > LEAST_SHARE
        if len(inside):
            keep[keep] = locate(cells.lon[keep], cells.lat[keep], inside) >= 0
        geometry.extend(cells.geometry[keep])
        numbers.append(np.column_stack([cells.residents, cells.row + read])[keep])
        read += len(block.cells)
    residents, source = np.concatenate(numbers or [np.empty((0, 2))]).T
    cells = pack_geometries(np.array(geometry, dtype=object), residents, widest_m=np.inf)
    lon, lat = _centres_inside(cells)
    held = (_positions(lon, lat, places, level) for level in ("district", "township"))
    return GapGround(cells, lon, lat, source.astype(np.int64), _touching(cells, lon, lat), *held)


def _looked_at(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    districts = places[places["level"] == "district"]
    return districts if len(districts) else places[places["level"] == "city"]


def _positions(lon: Floats, lat: Floats, places: gpd.GeoDataFrame, level: str) -> Ints:
    of_level = np.flatnonzero(places["level"] == level)
    return np.append(of_level, -1)[locate(lon, lat, places.iloc[of_level])]


def keep_bare(whole: GapGround, share: Floats) -> BareGround:
    """Leave out of the ground the cells of which no `share` (n,) is uncovered."""
    keep = np.flatnonzero(share > LEAST_SHARE)
    cells = take_cells(whole.cells, keep)
    standing = np.full(len(whole.cells) + 1, -1, dtype=np.int64)
    standing[keep] = np.arange(len(keep))
    a, b = (standing[side] for side in whole.touching)
    both = (a >= 0) & (b >= 0)
    held = {"district": whole.district[keep], "township": whole.township[keep]}
    numbers = (share[keep], share[keep] * cells.residents, whole.lon[keep], whole.lat[keep], whole.source[keep])
    return BareGround(cells, *numbers, (a[both], b[both]), held)


def _centres_inside(cells: CellArrays) -> tuple[Floats, Floats]:
    """Centres of the cells; for bent or broken cells whose middle is not theirs, some point inside."""
    lon, lat = cells.lon.copy(), cells.lat.copy()
    beside = np.flatnonzero(~shapely.intersects_xy(cells.geometry, lon, lat))
    points = shapely.point_on_surface(cells.geometry[beside])
    lon[beside], lat[beside] = shapely.get_x(points), shapely.get_y(points)
    return lon, lat


def _touching(cells: CellArrays, lon: Floats, lat: Floats) -> tuple[Ints, Ints]:
    if not (cells.area_m2 > 0).any():
        a, b, _ = pairs_within(lon, lat, lon, lat, POINTS_TOGETHER_M)
    else:
        a, b = shapely.STRtree(cells.geometry).query(cells.geometry, predicate="dwithin", distance=CELLS_TOUCH_DEG)
    return a, b


def _patches(ground: BareGround) -> Ints:
    """Number (n,) of the patch that each cell belongs to."""
    n = len(ground.cells)
    a, b = ground.touching
    _, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)
    return np.asarray(label, dtype=np.int64)


def _gains(ground: BareGround, candidates: Ints, centres: tuple[Floats, Floats], radius_m: float) -> Floats:
    """Residents (k,) newly covered by a circle about the centre of each candidate cell."""
    gains = np.zeros(len(candidates))
    known = _near_each_cell(ground, centres, radius_m)
    for first in range(0, len(candidates), CANDIDATES_AT_ONCE):
        some = candidates[first : first + CANDIDATES_AT_ONCE]
        lon, lat = ground.lon[some], ground.lat[some]
        cell, of = candidate_pairs(ground.cells, lon, lat, radius_m=radius_m)
        share = disc_fractions(ground.cells, cell, lon[of], lat[of], radius_m=radius_m)
        open_share = ground.share[cell]
        # where both the new circle and the old ones cut a cell, only their union tells what is new
        both = (share > 0) & (share < 1) & (open_share < 1)
        share = np.where(both, 0.0, share * open_share)
        share[both] = _newly(ground, cell[both], (lon[of[both]], lat[of[both]]), known, radius_m)
        gains[first : first + len(some)] = np.bincount(of, share * ground.cells.residents[cell], minlength=len(some))
    return gains


def _near_each_cell(ground: BareGround, centres: tuple[Floats, Floats], radius_m: float) -> tuple[Ints, Floats, Floats]:
    """Existing circles near each cell: start (n + 1,), dx, dy about the cell's reference point."""
    lon, lat = centres
    cells = ground.cells
    cell, disc = candidate_pairs(cells, lon, lat, radius_m=radius_m)
    dx, dy = frame_xy(lon[disc], lat[disc], cells.lon[cell], cells.lat[cell])
    near = np.hypot(dx, dy) - cells.reach_m[cell] < radius_m
    return np.searchsorted(cell[near], np.arange(len(cells) + 1)), dx[near], dy[near]


def _newly(
    ground: BareGround, cell: Ints, at: tuple[Floats, Floats], known: tuple[Ints, Floats, Floats], radius_m: float
) -> Floats:
    """Share (p,) of a cell that a circle about `at` covers and no existing one does."""
    start, old_dx, old_dy = known
    dx, dy = frame_xy(*at, ground.cells.lon[cell], ground.cells.lat[cell])
    count = start[cell + 1] - start[cell]
    begin = np.append(0, np.cumsum(count + 1))
    take = np.arange(begin[-1]) - np.repeat(begin[:-1], count + 1) + np.repeat(start[cell], count + 1)
    new = begin[1:] - 1
    take[new] = 0
    all_dx, all_dy = (old[take] if len(old) else np.zeros(len(take)) for old in (old_dx, old_dy))
    all_dx[new], all_dy[new] = dx, dy
    union = depth_areas(ground.cells.rings, cell, begin, all_dx, all_dy, radius_m=radius_m, depths=1)[:, 0]
    return np.asarray(np.maximum(union / ground.cells.area_m2[cell] - (1.0 - ground.share[cell]), 0.0))


def _best_cells(ground: BareGround, label: Ints, gain: Floats, member: NDArray[np.bool_]) -> Ints:
    """Cell of each patch whose centre gains most; to the millionth of a person, then west, then south."""
    cell = np.flatnonzero(member)
    order = cell[np.lexsort((ground.lat[cell], ground.lon[cell], -np.round(gain[cell], 6), label[cell]))]
    _, first = np.unique(label[order], return_index=True)
    return order[first]


def _describe(ground: BareGround, label: Ints, best: Ints, places: gpd.GeoDataFrame) -> pd.DataFrame:
    """Size, ground and place of the patches that the cells `best` stand for."""
    patch = label[best]
    residents = np.bincount(label, ground.residents)[patch]
    area = np.bincount(label, ground.cells.area_m2 * ground.share)[patch] / M2_PER_KM2
    cells = pd.Series(ground.source).groupby(label).nunique().reindex(patch).to_numpy()
    rows = pd.DataFrame({"residents": residents, "area_km2": area, "cells": cells})
    rows["candidate_lon"], rows["candidate_lat"] = ground.lon[best], ground.lat[best]
    for level in ("district", "township"):
        at = _most_residents(ground, label, level, places)[patch] if len(patch) else patch
        for column in ("id", "name"):
            rows[f"{level}_{column}"] = np.append(places[column].to_numpy(dtype=object), "")[at]
    return rows


def _most_residents(ground: BareGround, label: Ints, level: str, places: gpd.GeoDataFrame) -> Ints:
    """Position in `places`, for every patch, of the one that holds most of its residents (ties: first by id), or -1."""
    best = np.full(int(label.max(initial=-1)) + 1, -1, dtype=np.int64)
    place = ground.held[level]
    table = pd.DataFrame({"patch": label, "place": place, "residents": ground.residents})[place >= 0]
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


def _outlines(ground: BareGround, label: Ints, best: Ints) -> list[BaseGeometry]:
    """Outline of each patch that a cell of `best` stands for."""
    by_patch = np.argsort(label, kind="stable")
    start = np.searchsorted(label[by_patch], [label[best], label[best] + 1])
    return [_outline(ground, by_patch[first:last]) for first, last in start.T]


def _outline(ground: BareGround, members: Ints) -> BaseGeometry:
    if ground.points:
        spots = [circle_outline(ground.lon[i], ground.lat[i], POINTS_TOGETHER_M / 2) for i in members]
        return shapely.union_all(spots)
    cells = ground.cells.geometry[members]
    try:
        outline = shapely.coverage_union_all(shapely.transform(cells, lambda degrees: degrees.round(OUTLINE_DECIMALS)))
    except shapely.GEOSException:
        outline = None
    # cells of a grid share their corners; areas may overlap or meet in mid-edge, which takes the slow way
    if outline is None or not shapely.is_valid(outline):
        outline = shapely.union_all(cells, grid_size=10.0**-OUTLINE_DECIMALS)
    return outline


def _table(rows: pd.DataFrame, outlines: list[BaseGeometry]) -> gpd.GeoDataFrame:
    rows["rank"] = np.arange(1, len(rows) + 1)
    rows["gap_id"] = [f"G{rank:03d}" for rank in rows["rank"]]
    drawn_km2 = areas_m2(np.array(outlines, dtype=object)) / M2_PER_KM2
    rows["area_km2"] = rows["area_km2"].where(rows["area_km2"] > 0, drawn_km2)
    rows["density_per_km2"] = rows["residents"] / rows["area_km2"]
    return gpd.GeoDataFrame(rows[list(COLUMNS)].astype(COLUMNS), geometry=outlines, crs=CRS)

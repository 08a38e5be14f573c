"""Ground of gaps out of polygons or points 空白底数: areas, points, and cells that came without a grid.

Wide areas are laid out in parts of a quarter of the radius, or else one village would make its whole township a gap.
`gap_grid` says the same of a grid's cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

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
from circle15.measure.gap_ground import GapGround, gap_level, holders
from circle15.measure.gap_kernels import LEAST_SHARE
from circle15.measure.kernels import depth_areas
from circle15.measure.pieces import PART_M, locate
from circle15.project.metric import circle_outline, pairs_within

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.measure.gap_ground import Points
    from circle15.quantities import Floats, Ints
    from circle15.schema import Population, PopulationBlocks

POINTS_TOGETHER_M = 100.0
CELLS_TOUCH_DEG = 1e-8  # 1 mm: corners of neighbours out of a projected grid differ in their last digits
OUTLINE_DECIMALS = 9
PARTS_PER_RADIUS = 4
CANDIDATES_AT_ONCE = 4000


@dataclass(frozen=True)
class DrawnCells:
    """Packed cells (n) and the pairs of them that stand together, each both ways."""

    cells: CellArrays
    pairs: tuple[Ints, Ints]

    def take(self, chosen: Ints) -> DrawnCells:
        """Only the cells at the positions `chosen`, rising."""
        standing = np.full(len(self.cells) + 1, -1, dtype=np.int64)
        standing[chosen] = np.arange(len(chosen))
        a, b = (standing[side] for side in self.pairs)
        both = (a >= 0) & (b >= 0)
        return DrawnCells(take_cells(self.cells, chosen), (a[both], b[both]))

    def uncovered(self, centres: Points, *, radius_m: float) -> Floats:
        """Share (n,) of each cell that no circle covers."""
        return np.asarray(1.0 - depth_fractions(self.cells, *centres, radius_m=radius_m, depths=1)[:, 0])

    def touching(self) -> tuple[Ints, Ints]:
        """Pairs of cells that stand together."""
        return self.pairs

    def gains(self, share: Floats, at: Points, centres: Points, *, radius_m: float) -> Floats:
        """Residents (k,) whom a new circle about each point covers and no existing one does."""
        return gains_of(self.cells, share, at, centres, radius_m=radius_m)

    def outline(self, members: Ints) -> BaseGeometry:
        """Outline of some of the cells; of points the ground about each."""
        if not (self.cells.area_m2 > 0).any():
            lon, lat = self.cells.lon[members], self.cells.lat[members]
            return shapely.union_all([circle_outline(*at, POINTS_TOGETHER_M / 2) for at in zip(lon, lat, strict=True)])
        return outline_of(self.cells.geometry[members])


def outline_of(cells: NDArray[np.object_]) -> BaseGeometry:
    """Outline of polygons that share corners, or overlap."""
    try:
        outline = shapely.coverage_union_all(shapely.transform(cells, lambda degrees: degrees.round(OUTLINE_DECIMALS)))
    except shapely.GEOSException:
        outline = None
    # cells of a grid share their corners; areas may overlap or meet in mid-edge, which takes the slow way
    if outline is None or not shapely.is_valid(outline):
        outline = shapely.union_all(cells, grid_size=10.0**-OUTLINE_DECIMALS)
    return outline


def lay_out_cells(
    population: Population | PopulationBlocks, places: gpd.GeoDataFrame, *, radius_m: float, centres: Points | None
) -> GapGround:
    """Lay out the populated cells of the districts as polygons or points; as `gaps.lay_out_gaps`."""
    widest_m = radius_m / PARTS_PER_RADIUS if population.kind == "area" else PART_M
    inside = places[places["level"] == gap_level(places)]
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
    held = {level: holders(lon, lat, places, level) for level in ("district", "township")}
    drawn = DrawnCells(cells, _touching(cells, lon, lat))
    return GapGround(drawn, residents, cells.area_m2, lon, lat, source.astype(np.int64), held)


def _centres_inside(cells: CellArrays) -> Points:
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


def gains_of(cells: CellArrays, share: Floats, at: Points, centres: Points, *, radius_m: float) -> Floats:
    """Residents (k,) of cells whom a circle about each point `at` covers and none about `centres` does.

    `share` (n,) is what those about `centres` leave bare of each cell.
    """
    gains = np.zeros(len(at[0]))
    known = _near_each_cell(cells, centres, radius_m)
    for first in range(0, len(gains), CANDIDATES_AT_ONCE):
        lon, lat = (v[first : first + CANDIDATES_AT_ONCE] for v in at)
        cell, of = candidate_pairs(cells, lon, lat, radius_m=radius_m)
        part = disc_fractions(cells, cell, lon[of], lat[of], radius_m=radius_m)
        bare = share[cell]
        # where both the new circle and the old ones cut a cell, only their union tells what is new
        both = (part > 0) & (part < 1) & (bare < 1)
        part = np.where(both, 0.0, part * bare)
        part[both] = _newly(cells, cell[both], (lon[of[both]], lat[of[both]]), bare[both], known, radius_m=radius_m)
        gains[first : first + len(lon)] = np.bincount(of, part * cells.residents[cell], minlength=len(lon))
    return gains


def _near_each_cell(cells: CellArrays, centres: Points, radius_m: float) -> tuple[Ints, Floats, Floats]:
    """Existing circles near each cell: start (n + 1,), dx, dy about the cell's reference point."""
    lon, lat = centres
    cell, disc = candidate_pairs(cells, lon, lat, radius_m=radius_m)
    dx, dy = frame_xy(lon[disc], lat[disc], cells.lon[cell], cells.lat[cell])
    near = np.hypot(dx, dy) - cells.reach_m[cell] < radius_m
    return np.searchsorted(cell[near], np.arange(len(cells) + 1)), dx[near], dy[near]


def _newly(
    cells: CellArrays, cell: Ints, at: Points, bare: Floats, known: tuple[Ints, Floats, Floats], *, radius_m: float
) -> Floats:
    """Share (p,) of a cell that a circle about `at` covers of what existing ones leave `bare` (p,)."""
    start, old_dx, old_dy = known
    dx, dy = frame_xy(*at, cells.lon[cell], cells.lat[cell])
    count = start[cell + 1] - start[cell]
    begin = np.append(0, np.cumsum(count + 1))
    take = np.arange(begin[-1]) - np.repeat(begin[:-1], count + 1) + np.repeat(start[cell], count + 1)
    new = begin[1:] - 1
    take[new] = 0
    all_dx, all_dy = (old[take] if len(old) else np.zeros(len(take)) for old in (old_dx, old_dy))
    all_dx[new], all_dy[new] = dx, dy
    union = depth_areas(cells.rings, cell, begin, all_dx, all_dy, radius_m=radius_m, depths=1)[:, 0]
    return np.asarray(np.maximum(union / cells.area_m2[cell] - (1.0 - bare), 0.0))

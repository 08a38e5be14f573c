"""Ground of gaps out of a regular grid's numbers 格网空白底数.

No cell becomes a polygon but those that the edge of a circle crosses, where a new site is weighed.

`gap_cells` says the same of polygons, more slowly, and is its twin in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.measure.cells import pack_geometries
from circle15.measure.gap_cells import OUTLINE_DECIMALS, gains_of
from circle15.measure.gap_ground import GapGround, gap_level, holders
from circle15.measure.gap_kernels import LEAST_SHARE
from circle15.measure.grid import Block, centres_on
from circle15.measure.grid_ground import blocks_of, lattice_of
from circle15.measure.grid_places import lay_levels, outlines_on
from circle15.measure.place_kernels import ASTRIDE
from circle15.schema import PLACE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.measure.gap_ground import Points
    from circle15.measure.grid import Centres, Cover
    from circle15.measure.grid_places import Laid, Outlines
    from circle15.project.lattice import Lattice
    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells

_TOLD = ("district", "township")


@dataclass(frozen=True)
class CellsOnGrid:
    """Cells (n) of a grid in order of rows.

    Parameters
    ----------
    row, column
        (n,) where each stands.
    residents
        (n,) people.
    lattice, columns
        Of the whole grid.
    blocks
        Gives the grid's blocks, at each call anew.
    """

    row: Ints
    column: Ints
    residents: Floats
    lattice: Lattice
    columns: int
    blocks: Callable[[], Iterable[Block]]

    def take(self, chosen: Ints) -> CellsOnGrid:
        """Only the cells at the positions `chosen`, rising."""
        return replace(self, **{k: getattr(self, k)[chosen] for k in ("row", "column", "residents")})

    def uncovered(self, centres: Points, *, radius_m: float) -> Floats:
        """Share (n,) of each cell that no circle covers."""
        on_grid, share = centres_on(*centres, self.lattice), np.ones(len(self.row))
        for block, mine, cell in self._by_block():
            share[mine] = open_shares(block.cover(on_grid, radius_m=radius_m, depths=1, ground=False), cell)
        return share

    def touching(self) -> tuple[Ints, Ints]:
        """Pairs of cells that touch by an edge or a corner, each once."""
        number = self.row * self.columns + self.column
        pairs = []
        for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
            beside = self.column + right
            beyond = number + down * self.columns + right
            a = np.flatnonzero((beside >= 0) & (beside < self.columns) & _among(number, beyond))
            pairs.append((a, np.searchsorted(number, beyond[a])))
        a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
        return a, b

    def gains(self, share: Floats, at: Points, centres: Points, *, radius_m: float) -> Floats:
        """Residents (k,) whom a new circle about each point covers and no existing one does."""
        cut, new = np.flatnonzero(share < 1), centres_on(*at, self.lattice)
        # cells that the edge of an old circle crosses are few; only they must be measured under old and new at once
        drawn = pack_geometries(self.lattice.quads(self.row[cut], self.column[cut]), self.residents[cut])
        gains = gains_of(drawn, share[cut], at, centres, radius_m=radius_m)
        for block, mine, cell in self._by_block():
            whole = np.zeros(block.values.shape)
            whole.ravel()[cell] = np.where(share[mine] < 1, 0.0, self.residents[mine])
            held = block.filled(whole).cover(new, radius_m=radius_m, depths=0, ground=False)
            gains[held.disc] += held.residents
        return gains

    def outline(self, members: Ints) -> BaseGeometry:
        """Outline of some of the cells."""
        drawn = outline_of_cells(self.row[members], self.column[members])
        return shapely.transform(
            drawn, lambda xy: np.column_stack(self.lattice.degrees(xy[:, 0], xy[:, 1])).round(OUTLINE_DECIMALS)
        )

    def _by_block(self) -> Iterator[tuple[Block, Ints, Ints]]:
        """Blocks that hold any of the cells, with positions (m,) of these cells and their numbers in the block."""
        for block in self.blocks():
            rows, columns = block.values.shape
            first, last = np.searchsorted(self.row, [block.row, block.row + rows])
            column = self.column[first:last] - block.column
            some = np.flatnonzero((column >= 0) & (column < columns))
            if len(some):
                yield block, some + first, (self.row[first + some] - block.row) * columns + column[some]


def open_shares(cover: Cover, cell: Ints) -> Floats:
    """Share of cells (numbers row · columns + column in the block) that no circle covers."""
    share: Floats = (cover.base.ravel()[cell] == 0).astype(np.float64)
    slot = cover.slot.ravel()[cell]
    cut = (slot >= 0) & (share > 0)
    share[cut] = 1.0 - cover.shares[slot[cut], 0]
    return share


def lay_out_grid(grid: GridCells, places: gpd.GeoDataFrame, *, radius_m: float, centres: Points | None) -> GapGround:
    """Lay out the populated cells of a grid that lie in the districts; as `gaps.lay_out_gaps`."""
    lattice = lattice_of(grid)
    held = tuple(blocks_of(grid)) if isinstance(grid.values, np.ndarray) else ()
    outlines = outlines_on(places, lattice)
    old = None if centres is None else centres_on(*centres, lattice)
    found = [_of_block(block, outlines, old, radius_m) for block in held or blocks_of(grid)]
    columns = grid.values.shape[1]
    number = np.concatenate([part["row"] * columns + part["column"] for part in found]).astype(np.int64)
    order = np.argsort(number, kind="stable")
    told = {k: np.concatenate([part[k] for part in found])[order] for k in found[0]}

    def blocks() -> Iterable[Block]:
        return held or blocks_of(grid)

    cells = CellsOnGrid(told["row"], told["column"], told["residents"], lattice, columns, blocks)
    numbers = {k: told[k] for k in ("residents", "area_m2", "lon", "lat")}
    return GapGround(cells, **numbers, source=number[order], held={level: told[level] for level in _TOLD})


def _of_block(block: Block, outlines: Outlines, old: Centres | None, radius_m: float) -> dict[str, Floats | Ints]:
    """Numbers of the cells of a block where gaps may lie, by name."""
    cell = np.flatnonzero(block.values > 0)
    if old is not None:
        cover = block.cover(old, radius_m=radius_m, depths=1, ground=False)
        cell = cell[open_shares(cover, cell) > LEAST_SHARE]
    row, column = np.divmod(cell, block.values.shape[1])
    lon, lat = middles(block, row, column)
    levels = lay_levels(block, outlines)
    asked = gap_level(outlines.table)
    place = {level: _held(levels, outlines, level, (cell, lon, lat)) for level in dict.fromkeys((asked, *_TOLD))}
    told = {
        "row": row + block.row,
        "column": column + block.column,
        "residents": block.values[row, column],
        "area_m2": block.cell_areas_m2[row, column],
        "lon": lon,
        "lat": lat,
        **place,
    }
    if (outlines.table["level"] == asked).any():
        told = {k: v[place[asked] >= 0] for k, v in told.items()}
    return told


def middles(block: Block, row: Ints, column: Ints) -> Points:
    """Longitudes and latitudes of the middles of cells of a block."""
    bounds = block.bounds(row, column)
    return (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2


def _held(levels: Mapping[int, Laid], outlines: Outlines, level: str, cells: tuple[Ints, Floats, Floats]) -> Ints:
    """Position of the place of a level that holds the centre of each cell (number in the block, centre), or -1."""
    cell, lon, lat = cells
    laid = levels.get(PLACE_LEVELS.index(level))
    if laid is None:
        return np.full(len(cell), -1)
    label = laid.label.ravel()[cell]
    place = np.maximum(label, -1).astype(np.int64)
    astride = label == ASTRIDE
    place[astride] = holders(lon[astride], lat[astride], outlines.table, level)
    return place


_SIDES = (((-1, 0), (0, 0), (0, 1)), ((1, 0), (1, 0), (1, 1)), ((0, -1), (0, 0), (1, 0)), ((0, 1), (0, 1), (1, 1)))
"""Of each side of a cell: the step (row, column) to the cell beyond it, and its two corners."""


def outline_of_cells(row: Ints, column: Ints) -> BaseGeometry:
    """Outline of cells (n,) in order of rows, as columns and rows; a vertex at every corner of a cell.

    Parts that meet in corners alone stay apart.
    """
    left, wide = column.min() - 1, column.max() - column.min() + 3
    number = row * wide + column - left
    sides = []
    for (down, right), *ends in _SIDES:
        rim = ~_among(number, number + down * wide + right)
        sides.append(np.stack([np.column_stack([column[rim] + c, row[rim] + r]) for r, c in ends], axis=1))
    lines = np.asarray(shapely.linestrings(np.concatenate(sides).astype(np.float64)), dtype=object)
    faces = shapely.get_parts(shapely.polygonize(lines))
    inside = shapely.get_coordinates(shapely.point_on_surface(faces))
    # ground that the cells enclose is a face as well
    x, y = np.floor(inside).astype(np.int64).T
    parts = faces[_among(number, y * wide + x - left)]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def _among(rising: Ints, asked: Ints) -> NDArray[np.bool_]:
    """Which of the numbers asked about stand among rising ones."""
    return np.asarray(np.append(rising, -1)[np.searchsorted(rising, asked)] == asked)

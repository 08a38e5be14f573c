"""Cells that residents live in 人口单元: boxes and people, whether they came as numbers or as geometries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
import shapely

from circle15.measure.grid_ground import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from circle15.measure.grid import Block
    from circle15.quantities import Flags, Floats, Ints
    from circle15.schema import Population, PopulationBlocks

    Geometries = NDArray[np.object_]


class Cells(Protocol):
    """Cells (n) of a block in order."""

    @property
    def bounds(self) -> Floats:
        """West, south, east and north (n, 4), degrees."""

    @property
    def residents(self) -> Floats:
        """People (n,)."""

    def hold(self, cell: Ints, lon: Floats, lat: Floats) -> Flags:
        """Whether points (k,) lie in their cells."""

    def shapes(self, cell: Ints) -> Geometries:
        """Outlines of some cells (k,)."""


def cells_of(population: Population | PopulationBlocks) -> Iterator[Cells]:
    """Cells with residents, block by block; `TableCells` say the same of a grid's cells, more slowly."""
    if population.grid is not None:
        for block in blocks_of(population.grid):
            row, column = np.nonzero(block.values > 0)
            yield BlockCells(block, row, column, block.bounds(row, column), block.values[row, column])
        return
    for drawn in population.blocks():
        geometry = np.asarray(drawn.cells.geometry.array, dtype=object)
        residents = drawn.cells["residents"].to_numpy(dtype=np.float64)
        yield TableCells(geometry, shapely.bounds(geometry).reshape(-1, 4), residents)


@dataclass(frozen=True)
class TableCells:
    """Cells that came as geometries."""

    geometry: Geometries
    bounds: Floats
    residents: Floats

    def hold(self, cell: Ints, lon: Floats, lat: Floats) -> Flags:
        """Whether points lie in their cells."""
        return np.asarray(shapely.intersects_xy(self.geometry[cell], lon, lat), dtype=bool)

    def shapes(self, cell: Ints) -> Geometries:
        """Outlines of some cells."""
        return self.geometry[cell]


@dataclass(frozen=True)
class BlockCells:
    """Cells of a block of a grid, by row and column (n,) in it."""

    block: Block
    row: Ints
    column: Ints
    bounds: Floats
    residents: Floats

    def hold(self, cell: Ints, lon: Floats, lat: Floats) -> Flags:
        """Whether points lie in their cells: on one side of all four edges."""
        if self.block.lattice.straight:
            return np.ones(len(cell), dtype=bool)
        corner = [self.block.corner(self.row[cell], self.column[cell], k) for k in range(5)]
        turns = [(x1 - x0) * (lat - y0) - (y1 - y0) * (lon - x0) for (x0, y0), (x1, y1) in pairwise(corner)]
        return np.asarray((np.min(turns, axis=0) >= 0) | (np.max(turns, axis=0) <= 0))

    def shapes(self, cell: Ints) -> Geometries:
        """Outlines of some cells."""
        return self.block.lattice.quads(self.row[cell] + self.block.row, self.column[cell] + self.block.column)

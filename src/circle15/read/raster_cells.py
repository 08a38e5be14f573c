"""Cells of population rasters 栅格人口: numbers first, geometries only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.features
import shapely
from rasterio.errors import RasterioError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from circle15.project.lattice import Lattice
from circle15.project.metric import areas_m2
from circle15.read.faults import Faults, fail
from circle15.read.files import library_name
from circle15.read.raster import RasterPlan, grid_transform, read_block
from circle15.schema import CRS, GridCells, Population, PopulationBlocks

MAX_CELLS = 5_000_000
"""Populated cells that are held at once; a raster with more is read anew block by block."""
COARSE_M = 500.0
"""Cells wider than this measure an 800 m circle poorly: a warning."""
_SAMPLE = 14  # cells down and across
_TILE, _TILES = 512, 128
_FEW = 16
"""A window over no more tiles than these is put together from tiles, which the next window asks for again."""


class RasterPopulation(Population):
    """Cells of a raster: numbers first, geometries made only where they are asked for."""

    def __init__(self, grid: GridCells) -> None:
        self.__dict__ |= {"grid": grid, "kind": "grid", "cell_m": _cell_m(grid)}

    @cached_property
    def cells(self) -> gpd.GeoDataFrame:
        """Cells with residents, in order of rows."""
        lattice, values = self._held
        row, col = np.nonzero(values > 0)
        return gpd.GeoDataFrame({"residents": values[row, col]}, geometry=lattice.quads(row, col), crs=CRS)

    @cached_property
    def land(self) -> BaseGeometry:
        """Outline of the cells with data."""
        lattice, values = self._held
        return _land(lattice, ~np.isnan(values))

    @property
    def _held(self) -> tuple[Lattice, npt.NDArray[np.float64]]:
        grid = self.grid
        assert grid is not None  # noqa: S101 - made with one
        return Lattice(grid.transform, grid.system), np.asarray(grid.values)


class RasterValues:
    """Numbers of a planned raster, read where they are asked for; tiles that were asked about last are kept.

    At most 128 tiles of 512 cells a side stay in memory (128 MiB of single precision).
    """

    def __init__(self, plan: RasterPlan) -> None:
        self.plan = plan
        self.shape = (plan.window.height, plan.window.width)
        self._tile = lru_cache(_TILES)(self._read_tile)

    def __getitem__(self, part: tuple[slice, slice], /) -> npt.NDArray[np.float64]:
        (top, low, _), (left, right, _) = (s.indices(n) for s, n in zip(part, self.shape, strict=True))
        rows, columns = max(low - top, 0), max(right - left, 0)
        down, across = (range(first // _TILE * _TILE, end, _TILE) for first, end in ((top, low), (left, right)))
        if len(down) * len(across) > _FEW:
            return self._read(top, left, rows, columns)
        out = np.empty((rows, columns))
        for row in down:
            for column in across:
                t, b = max(top, row), min(low, row + _TILE)
                w, e = max(left, column), min(right, column + _TILE)
                tile = self._tile(row, column)
                out[t - top : b - top, w - left : e - left] = tile[t - row : b - row, w - column : e - column]
        return out

    def _read(self, row: int, column: int, rows: int, columns: int, *, single: bool = False) -> npt.NDArray[Any]:
        window = self.plan.window
        at = (window.row_off + row, window.col_off + column, rows, columns)
        values, nodata = read_block(self.plan, at, single=single)
        if not np.isnan(nodata):
            values[values == np.float64(nodata)] = np.nan  # compared as doubles, whatever the file holds
        return values

    def _read_tile(self, row: int, column: int) -> npt.NDArray[Any]:
        rows, columns = min(_TILE, self.shape[0] - row), min(_TILE, self.shape[1] - column)
        return self._read(row, column, rows, columns, single=True)


@dataclass(frozen=True)
class _Blocks:
    """A re-iterable pass over the populated blocks of a raster."""

    plan: RasterPlan

    def __iter__(self) -> Iterator[Population]:
        whole = grid_on_disk(self.plan)
        lattice = Lattice(whole.transform, whole.system)
        side, (rows, columns) = self.plan.block, whole.values.shape
        for row in range(0, rows, side):
            for column in range(0, columns, side):
                values = whole.values[row : row + side, column : column + side]
                if not np.isnan(values).all():
                    yield RasterPopulation(GridCells(values, lattice.moved(row, column).transform, whole.system))


def grid_on_disk(plan: RasterPlan) -> GridCells:
    """The window of a planned raster as a grid that is read where it is asked for. Raises InputError."""
    try:
        with rasterio.open(library_name(plan.path)) as raster:
            return GridCells(RasterValues(plan), grid_transform(raster.transform, plan.window), plan.crs)
    except RasterioError as fault:
        raise fail(plan.path, "file_unreadable", params={"reason": str(fault)}) from fault


def read_raster(plan: RasterPlan, faults: Faults, *, max_cells: int = MAX_CELLS) -> Population | PopulationBlocks:
    """Population of a planned raster: one table, or blocks where more than `max_cells` are populated.

    Raises InputError where nobody lives, and for negative and infinite residents that are not nodata, with their number
    and an example.
    """
    whole = grid_on_disk(plan)
    populated = _survey(plan, whole, faults)
    faults.raise_errors()
    if populated == 0:
        raise fail(plan.path, "population_none")
    if populated > max_cells:
        return PopulationBlocks(_Blocks(plan), cell_m=_cell_m(whole), grid=whole)
    values = whole.values[:, :]
    held = RasterPopulation(replace(whole, values=values))
    if held.cell_m > COARSE_M:
        faults.warn("population_coarse", cell_m=f"{held.cell_m:.0f}")
    return held


def _survey(plan: RasterPlan, whole: GridCells, faults: Faults) -> int:
    """Count populated cells, and note impossible values."""
    populated = negative = infinite = 0
    example = ""
    side, (rows, columns) = plan.block, whole.values.shape
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            values = whole.values[top : top + side, left : left + side]
            bad = (values < 0) | np.isinf(values)
            if bad.any() and not example:
                row, col = (int(v[0]) for v in np.nonzero(bad))
                at = plan.window.col_off + left + col, plan.window.row_off + top + row
                example = f"({at[0]}, {at[1]}): {values[row, col]:g}"
            infinite += int(np.isinf(values[bad]).sum())
            negative += int((np.isfinite(values[bad])).sum())
            populated += int(np.count_nonzero(values > 0))
    if negative:
        faults.error("raster_negative", count=negative, example=example)
    if infinite:
        faults.error("raster_infinite", count=infinite, example=example)
    return populated


def _cell_m(grid: GridCells) -> float:
    """Typical width of a cell: of some laid out over the grid."""
    row, col = (np.unique(np.linspace(0, n - 1, _SAMPLE).astype(np.int64)) for n in grid.values.shape)
    at = tuple(v.ravel() for v in np.meshgrid(row, col, indexing="ij"))
    return float(np.sqrt(np.median(areas_m2(Lattice(grid.transform, grid.system).quads(*at)))))


def _land(lattice: Lattice, valid: npt.NDArray[np.bool_]) -> BaseGeometry:
    """Outline of the valid cells, with a vertex at every cell corner where the grid is bent on the ground."""
    found = rasterio.features.shapes(valid.astype(np.uint8), mask=valid)
    land = _together([shapely.make_valid(shape(outline)) for outline, _ in found])
    if not lattice.straight:
        land = shapely.segmentize(land, 1.0)
    return shapely.transform(land, lambda corners: np.column_stack(lattice.degrees(*corners.T)))


def _together(outlines: list[BaseGeometry]) -> BaseGeometry:
    if all(o.geom_type == "Polygon" for o in outlines):
        return shapely.MultiPolygon(outlines)  # type: ignore[arg-type]
    return shapely.union_all(outlines)

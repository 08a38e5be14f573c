"""Population rasters (WorldPop, GHS-POP and the like) as cells in WGS 84, read window by window 人口栅格."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.features
import shapely
from rasterio import Affine
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from circle15.project.metric import areas_m2
from circle15.read.faults import Faults, fail
from circle15.read.files import library_name
from circle15.schema import CRS, GridCells, Population, PopulationBlocks

MAX_CELLS = 5_000_000
"""Populated cells that are held at once; a raster with more is read anew block by block."""
BLOCK = 1024
COARSE_M = 500.0
"""Cells wider than this measure an 800 m circle poorly: a warning."""
_METRES_A_DEGREE = 110_574.0
_GENEROUS = 1.01
_SAMPLE = 200
_EDGE_STEPS = 16
_DEGREES = (4326, 4490)

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class RasterPlan:
    """What to read of a raster: the file, its CRS, the window of interest, and what counts as nodata."""

    path: Path
    crs: str
    window: Window
    nodata: float | None
    block: int = BLOCK

    def blocks(self) -> Iterator[Window]:
        """Cut the window into blocks, row by row."""
        window = self.window
        for row in range(0, window.height, self.block):
            for col in range(0, window.width, self.block):
                yield Window(
                    window.col_off + col, window.row_off + row,
                    min(self.block, window.width - col), min(self.block, window.height - row),
                )  # fmt: skip


@dataclass(frozen=True)
class _Blocks:
    """A re-iterable pass over the populated blocks of a raster."""

    plan: RasterPlan

    def __iter__(self) -> Iterator[Population]:
        with rasterio.open(library_name(self.plan.path)) as raster:
            for window in self.plan.blocks():
                values, valid = _values(raster, window, self.plan.nodata)
                if valid.any():
                    yield _population(raster, self.plan.crs, window, values, valid)


def plan_raster(
    path: Path,
    faults: Faults,
    *,
    crs: str | None,
    within: Bounds | None,
    margin_m: float,
    nodata: float | None,
    block: int = BLOCK,
) -> RasterPlan:
    """Open a raster and settle its CRS and window; InputError where it has no CRS or does not touch `within`."""
    try:
        with rasterio.open(library_name(path)) as raster:
            if raster.crs is None and crs is None:
                raise fail(path, "no_crs")
            system = _system(path, crs or raster.crs.to_wkt())
            if raster.count > 1:
                faults.warn("raster_bands", count=raster.count)
            if raster.transform.is_identity:
                raise fail(path, "raster_not_placed")
            window = _window(path, raster, system, within, margin_m)
            if nodata is None and raster.nodata is None and MaskFlags.all_valid in raster.mask_flag_enums[0]:
                faults.warn("raster_no_nodata")
            return RasterPlan(path, system.to_string(), window, nodata, block)
    except RasterioError as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault


def _system(path: Path, crs: str) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as fault:
        raise fail(path, "crs_unknown", params={"crs": crs}) from fault


def _window(path: Path, raster: Any, system: pyproj.CRS, within: Bounds | None, margin_m: float) -> Window:  # noqa: ANN401 - rasterio is untyped
    whole = Window(0, 0, raster.width, raster.height)
    if within is None:
        return whole
    bounds = transform_bounds(CRS, system.to_wkt(), *widened(within, margin_m), densify_pts=_EDGE_STEPS)
    col, row = _corners(~raster.transform, bounds)
    left, top = max(int(np.floor(col.min())), 0), max(int(np.floor(row.min())), 0)
    right, bottom = min(int(np.ceil(col.max())), raster.width), min(int(np.ceil(row.max())), raster.height)
    if right <= left or bottom <= top:
        x, y = _corners(raster.transform, (0, 0, raster.width, raster.height))
        has = transform_bounds(system.to_wkt(), CRS, x.min(), y.min(), x.max(), y.max())
        raise fail(path, "raster_outside", params={"raster": _shown(has), "city": _shown(within)})
    return Window(left, top, right - left, bottom - top)


def _corners(transform: Affine, bounds: Bounds) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Four corners of a rectangle under an affine map."""
    x, y = np.array(bounds)[[0, 2, 2, 0]], np.array(bounds)[[1, 1, 3, 3]]
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def widened(bounds: Bounds, margin_m: float) -> Bounds:
    """Bounds in degrees with `margin_m` more on every side, rather too much than too little."""
    west, south, east, north = bounds
    dy = margin_m / _METRES_A_DEGREE * _GENEROUS
    dx = dy / max(float(np.cos(np.radians(max(abs(south), abs(north))))), 0.01)
    return (west - dx, south - dy, east + dx, north + dy)


def _shown(bounds: Bounds) -> str:
    west, south, east, north = bounds
    return f"{west:.4f}…{east:.4f}, {south:.4f}…{north:.4f}"


def _values(
    raster: Any,  # noqa: ANN401 - rasterio is untyped
    window: Window,
    nodata: float | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Residents of a window (rows, columns) and where they are valid (not nodata, not NaN)."""
    raw = raster.read(1, window=window)
    valid = raster.read_masks(1, window=window) > 0
    values = raw.astype(np.float64) * raster.scales[0] + raster.offsets[0]
    valid &= ~np.isnan(values)
    if nodata is not None:
        valid &= raw != nodata
    return values, valid


def read_block(plan: RasterPlan, window: tuple[int, int, int, int]) -> tuple[npt.NDArray[np.float64], float]:
    """Read one block of a planned raster (row, column, rows, columns).

    Returns
    -------
    Residents (rows, columns), and the value that stands for no data beside NaN (NaN where there is none besides).
    """
    row, column, rows, columns = window
    at = Window(column, row, columns, rows)
    try:
        raster = _opened(plan.path)
        flags = set(raster.mask_flag_enums[0])
        plain = (raster.scales[0], raster.offsets[0]) == (1.0, 0.0) and flags <= {MaskFlags.nodata, MaskFlags.all_valid}
        if not plain:
            values, valid = _values(raster, at, plan.nodata)
            values[~valid] = np.nan
            return values, np.nan
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB, GDAL_MAX_DATASET_POOL_SIZE=_OPEN_TILES):
            values = raster.read(1, window=at, out_dtype="float64")
    except RasterioError as fault:
        raise fail(plan.path, "file_unreadable", params={"reason": str(fault)}) from fault
    declared = np.nan if raster.nodata is None else float(raster.nodata)
    if plan.nodata is None or np.isnan(plan.nodata):
        return values, declared
    values[values == plan.nodata] = np.nan
    return values, declared


_CACHE_MIB = 64  # of decoded tiles; each is read once, and GDAL would keep a twentieth of the memory
_OPEN_TILES = 8  # files that a VRT keeps open; GDAL would keep 450, at 150 KB each
_OPEN = threading.local()


def _opened(path: Path) -> Any:  # noqa: ANN401 - rasterio is untyped
    """The raster, kept open from block to block; each thread has its own."""
    if getattr(_OPEN, "path", None) != path:
        _OPEN.path, _OPEN.raster = path, rasterio.open(path)
    return _OPEN.raster


def read_raster(plan: RasterPlan, faults: Faults, *, max_cells: int = MAX_CELLS) -> Population | PopulationBlocks:
    """Population of a planned raster: one table, or blocks where more than `max_cells` are populated.

    Negative and infinite residents that are not nodata are errors with their number and an example.
    """
    try:
        with rasterio.open(library_name(plan.path)) as raster:
            populated = _survey(plan, raster, faults)
            faults.raise_errors()
            if populated == 0:
                raise fail(plan.path, "population_none")
            if populated > max_cells:
                first = next(iter(_Blocks(plan)))
                return PopulationBlocks(_Blocks(plan), cell_m=first.cell_m)
            values, valid = _values(raster, plan.window, plan.nodata)
            whole = _population(raster, plan.crs, plan.window, values, valid)
    except RasterioError as fault:
        raise fail(plan.path, "file_unreadable", params={"reason": str(fault)}) from fault
    if whole.cell_m > COARSE_M:
        faults.warn("population_coarse", cell_m=f"{whole.cell_m:.0f}")
    return whole


def _survey(plan: RasterPlan, raster: Any, faults: Faults) -> int:  # noqa: ANN401 - rasterio is untyped
    """Count populated cells, and note impossible values."""
    populated = negative = infinite = 0
    example = ""
    for window in plan.blocks():
        values, valid = _values(raster, window, plan.nodata)
        bad = valid & ((values < 0) | np.isinf(values))
        if bad.any() and not example:
            row, col = (int(v[0]) for v in np.nonzero(bad))
            example = f"({window.col_off + col}, {window.row_off + row}): {values[row, col]:g}"
        infinite += int((valid & np.isinf(values)).sum())
        negative += int((valid & (values < 0) & ~np.isinf(values)).sum())
        populated += int((valid & (values > 0)).sum())
    if negative:
        faults.error("raster_negative", count=negative, example=example)
    if infinite:
        faults.error("raster_infinite", count=infinite, example=example)
    return populated


def _population(
    raster: Any,  # noqa: ANN401 - rasterio is untyped
    crs: str,
    window: Window,
    values: npt.NDArray[np.float64],
    valid: npt.NDArray[np.bool_],
) -> Population:
    system = pyproj.CRS.from_user_input(crs)
    row, col = np.nonzero(valid & (values > 0))
    quads = cell_quads(raster.transform, system, row + window.row_off, col + window.col_off)
    cells = gpd.GeoDataFrame({"residents": values[row, col]}, geometry=quads, crs=CRS)
    some = _sample_row_col(raster, window, row, col)
    sample = cell_quads(raster.transform, system, *some)
    cell_m = float(np.sqrt(np.median(areas_m2(sample))))
    t = _shifted(raster.transform, window)
    grid = GridCells(np.where(valid, values, np.nan), (t.a, t.b, t.c, t.d, t.e, t.f), crs)
    return Population(cells, _land(raster, system, window, valid), "grid", cell_m, grid)


def _shifted(t: Affine, window: Window) -> Affine:
    """The raster's map of columns and rows, counted from the corner of a window."""
    col, row = window.col_off, window.row_off
    return Affine(t.a, t.b, t.c + t.a * col + t.b * row, t.d, t.e, t.f + t.d * col + t.e * row)


def _sample_row_col(
    raster: Any,  # noqa: ANN401 - rasterio is untyped
    window: Window,
    row: npt.NDArray[np.intp],
    col: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    if len(row) == 0:
        middle = (window.row_off + window.height // 2, window.col_off + window.width // 2)
        return np.array([min(middle[0], raster.height - 1)]), np.array([min(middle[1], raster.width - 1)])
    step = max(len(row) // _SAMPLE, 1)
    return row[::step] + window.row_off, col[::step] + window.col_off


def cell_quads(
    transform: Affine,
    system: pyproj.CRS,
    row: npt.NDArray[np.intp],
    col: npt.NDArray[np.intp],
) -> npt.NDArray[Any]:
    """Cells (n,) as quadrilaterals in WGS 84 whose corners are the raster's corners, transformed one by one."""
    corner_col = np.stack([col, col + 1, col + 1, col], axis=1)
    corner_row = np.stack([row + 1, row + 1, row, row], axis=1)
    x = transform.c + transform.a * corner_col + transform.b * corner_row
    y = transform.f + transform.d * corner_col + transform.e * corner_row
    lon, lat = _to_degrees(system, x, y)
    ring = np.stack([lon, lat], axis=2)
    ring = np.concatenate([ring, ring[:, :1]], axis=1)
    return np.asarray(shapely.polygons(ring), dtype=object)


def _to_degrees(system: pyproj.CRS, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> tuple[Any, Any]:
    if system.to_epsg() in _DEGREES:
        return x, y
    lon, lat = pyproj.Transformer.from_crs(system, CRS, always_xy=True).transform(x, y)
    return lon, lat


def _land(
    raster: Any,  # noqa: ANN401 - rasterio is untyped
    system: pyproj.CRS,
    window: Window,
    valid: npt.NDArray[np.bool_],
) -> BaseGeometry:
    """Outline of the valid cells, with a vertex at every cell corner so that it fits the cells in any CRS."""
    t = raster.transform
    transform = _shifted(t, window)
    found = rasterio.features.shapes(valid.astype(np.uint8), mask=valid, transform=transform)
    outlines = [shapely.make_valid(shape(outline)) for outline, _ in found]
    land = _together(outlines)
    if system.to_epsg() in _DEGREES:
        return land
    step = float(min(np.hypot(t.a, t.d), np.hypot(t.b, t.e)))

    def moved(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lon, lat = _to_degrees(system, corners[:, 0], corners[:, 1])
        return np.column_stack([lon, lat])

    return shapely.transform(shapely.segmentize(land, step), moved)


def _together(outlines: list[BaseGeometry]) -> BaseGeometry:
    if all(o.geom_type == "Polygon" for o in outlines):
        return shapely.MultiPolygon(outlines)  # type: ignore[arg-type]
    return shapely.union_all(outlines)

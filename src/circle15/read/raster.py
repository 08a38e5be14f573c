"""Population rasters (WorldPop, GHS-POP and the like) as cells in WGS 84, read window by window 人口栅格."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import rasterio
import rasterio.features
from rasterio import Affine
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from circle15.project.lattice import datum_unshifted
from circle15.read.faults import Faults, fail
from circle15.read.files import library_name
from circle15.schema import CRS

BLOCK = 1024
_TILED = tuple(
    word
    for option in ("tiled=true", "blockxsize=512", "blockysize=512", "compress=deflate", "bigtiff=if_safer")
    for word in ("--co", option)
)
_METRES_A_DEGREE = 110_574.0
_GENEROUS = 1.01
_EDGE_STEPS = 16

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
                    window.col_off + col,
                    window.row_off + row,
                    min(self.block, window.width - col),
                    min(self.block, window.height - row),
                )


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
            left, top = window.col_off, window.row_off
            x, y = _corners(raster.transform, (left, top, left + window.width, top + window.height))
            if datum_unshifted(system.to_wkt(), float(x.mean()), float(y.mean())):
                faults.warn("raster_datum_unshifted", crs=system.name)
            if nodata is None and raster.nodata is None and MaskFlags.all_valid in raster.mask_flag_enums[0]:
                faults.warn("raster_no_nodata")
            _warn_striped(path, raster, window, block, faults)
            return RasterPlan(path, system.to_string(), window, nodata, block)
    except RasterioError as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault


def _warn_striped(path: Path, raster: Any, window: Window, block: int, faults: Faults) -> None:  # noqa: ANN401 - rasterio is untyped
    """Warn where blocks side by side lie in the same strips of a file, which are decoded anew for each of them."""
    times = -(-window.width // block)
    if times > 1 and _strip(raster) > block:
        # not the driver COG: it warns of the strips' own settings, and overviews serve nobody here
        command = ["rio", "convert", path.name, f"{path.stem}_tiled.tif", "--driver", "GTiff", *_TILED]
        faults.warn("raster_striped", times=times, command=shlex.join(command))


def _strip(raster: Any) -> int:  # noqa: ANN401 - rasterio is untyped
    """Columns of a file's strips, 0 where it has tiles; of several files (VRT) the first one tells."""
    parts = raster.files[1:] if raster.driver == "VRT" else []
    if parts:
        try:
            with rasterio.open(parts[0]) as part:
                return _strip(part) if part.driver != "VRT" else 0
        except RasterioError:  # whoever reads the block will say so
            return 0
    return int(raster.width) if raster.block_shapes[0][1] >= raster.width else 0


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


def masked_values(
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


def read_block(
    plan: RasterPlan, window: tuple[int, int, int, int], *, single: bool = False
) -> tuple[npt.NDArray[Any], float]:
    """Read one block of a planned raster (row, column, rows, columns).

    Returns
    -------
    Residents (rows, columns), and the value that stands for no data beside NaN (NaN where there is none besides).
    Double precision; with `single` single where the file holds no more, which is read in half the time.
    """
    row, column, rows, columns = window
    at = Window(column, row, columns, rows)
    try:
        raster = _opened(plan.path)
        flags = set(raster.mask_flag_enums[0])
        plain = (raster.scales[0], raster.offsets[0]) == (1.0, 0.0) and flags <= {MaskFlags.nodata, MaskFlags.all_valid}
        if not plain:
            values, valid = masked_values(raster, at, plan.nodata)
            values[~valid] = np.nan
            return values, np.nan
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB, GDAL_MAX_DATASET_POOL_SIZE=_OPEN_TILES):
            kind = np.result_type(raster.dtypes[0], np.float32) if single else np.dtype(np.float64)
            values = raster.read(1, window=at, out_dtype=kind)
    except (RasterioError, OSError) as fault:
        raise fail(plan.path, "file_unreadable", params={"reason": str(fault)}) from fault
    declared = np.nan if raster.nodata is None else float(raster.nodata)
    if plan.nodata is None or np.isnan(plan.nodata):
        return values, declared
    values[values == _as_held(plan.nodata, np.dtype(raster.dtypes[0]))] = np.nan
    return values, declared


def _as_held(nodata: float, kind: np.dtype[Any]) -> np.float64:
    """A value as a file of floats holds it: -9999.9 of single precision is not that of double."""
    with np.errstate(over="ignore"):
        return np.float64(kind.type(nodata) if kind.kind == "f" else nodata)


_CACHE_MIB = 16  # of decoded tiles; each is read once, and GDAL would keep a twentieth of the memory
_OPEN_TILES = 8  # files that a VRT keeps open; GDAL would keep 450, at 150 KB each
_OPEN = threading.local()


def _opened(path: Path) -> Any:  # noqa: ANN401 - rasterio is untyped
    """The raster, kept open from block to block; each thread has its own. A file that was replaced is opened anew."""
    file = path, path.stat().st_mtime_ns
    if getattr(_OPEN, "file", None) != file:
        _OPEN.file, _OPEN.raster = file, rasterio.open(library_name(path))
    return _OPEN.raster


def grid_transform(t: Affine, window: Window) -> tuple[float, float, float, float, float, float]:
    """The raster's map of columns and rows, counted from the corner of a window."""
    col, row = window.col_off, window.row_off
    return (t.a, t.b, t.c + t.a * col + t.b * row, t.d, t.e, t.f + t.d * col + t.e * row)

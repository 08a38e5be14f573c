"""Rasters as Cloud-Optimised GeoTIFF 云优化栅格: written window by window in bounded memory, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rasterio
import rasterio.shutil
from affine import Affine
from rasterio._err import CPLE_BaseError  # no public name: `rasterio.shutil.copy` lets it through
from rasterio.errors import RasterioError
from rasterio.windows import Window

from circle15.write.files import output_faults, write_whole
from circle15.write.in_use import PREFIX, in_use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

NODATA = 255
_TILE = 512
_CACHE_MIB = 64
_STDERR = 2
_TRIED_BYTES = 1 << 20


@dataclass(frozen=True)
class Layer:
    """One raster of small whole numbers (uint8, 255 without data): its name, what it says, how overviews are made."""

    name: str
    description: str
    overviews: Literal["average", "nearest"]
    tags: Mapping[str, str]


class Windows:
    """Rasters of one grid, open to be written window by window."""

    def __init__(self, rasters: Mapping[str, Any], folder: Path) -> None:
        self._rasters, self._folder = rasters, folder

    def put(self, name: str, row: int, column: int, values: NDArray[np.uint8]) -> None:
        """Write one window of one raster, counted from the corner of the grid."""
        rows, columns = values.shape
        with _gdal_writes(self._folder):
            self._rasters[name].write(values, 1, window=Window(column, row, columns, rows))


@contextmanager
def cog_windows(
    folder: Path,
    layers: Sequence[Layer],
    *,
    shape: tuple[int, int],
    transform: tuple[float, float, float, float, float, float],
    system: str,
    written: list[Path],
) -> Iterator[Windows]:
    """Open rasters `<name>.tif` of a grid; when all windows are written they are laid out as COG, with overviews.

    Windows go to temporary files first, which are gone whatever happens; the names of finished files are added to
    `written`. Windows that nobody writes hold no data.
    """
    with output_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff",
        "height": shape[0],
        "width": shape[1],
        "count": 1,
        "dtype": "uint8",
        "nodata": NODATA,
        "crs": system,
        "transform": Affine(*transform),
        "tiled": True,
        "blockxsize": _TILE,
        "blockysize": _TILE,
        "compress": "deflate",
        "zlevel": 1,
        "bigtiff": "if_safer",
        "sparse_ok": True,
    }
    with (
        output_faults(folder),
        rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB),
        tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as held,
        in_use(Path(held)),
    ):
        parts = {layer.name: Path(held) / f"{layer.name}.tif" for layer in layers}
        with _gdal_writes(folder), ExitStack() as opened:
            rasters = {name: opened.enter_context(rasterio.open(path, "w", **profile)) for name, path in parts.items()}
            for layer in layers:
                rasters[layer.name].update_tags(TIFFTAG_IMAGEDESCRIPTION=layer.description, **layer.tags)
                rasters[layer.name].set_band_description(1, layer.description)
            closing = opened.pop_all()
        try:
            yield Windows(rasters, folder)
        finally:
            with _gdal_writes(folder), closing:
                pass
        written += [_laid_out(folder / f"{layer.name}.tif", parts[layer.name], layer) for layer in layers]


def _laid_out(path: Path, part: Path, layer: Layer) -> Path:
    options = {
        "driver": "COG",
        "COMPRESS": "DEFLATE",
        "BLOCKSIZE": str(_TILE),
        "BIGTIFF": "IF_SAFER",
        "OVERVIEW_RESAMPLING": layer.overviews.upper(),
        "OVERVIEWS": "AUTO",
    }

    def copy(temporary: Path) -> None:
        with _gdal_writes(path.parent):
            rasterio.shutil.copy(part, temporary, **options)

    return write_whole(path, copy)


@contextmanager
def _gdal_writes(folder: Path) -> Iterator[None]:
    """Let GDAL write: its faults become the system's, and what libtiff prints past every handler is not shown."""
    shown, nowhere = os.dup(_STDERR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    except (RasterioError, CPLE_BaseError) as fault:
        _ask_the_system(folder)
        raise OSError(str(fault)) from fault
    finally:
        os.dup2(shown, _STDERR)
        os.close(shown)
        os.close(nowhere)


def _ask_the_system(folder: Path) -> None:
    """GDAL does not say why it cannot write; where nobody can write here, the system does."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_TRIED_BYTES))

"""Rasters as Cloud-Optimised GeoTIFF 云优化栅格: written window by window in bounded memory, whole or not at all."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.windows import Window

from circle15.write.files import output_faults, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

NODATA = 255
_TILE = 512
_CACHE_MIB = 64


@dataclass(frozen=True)
class Layer:
    """One raster of small whole numbers (uint8, 255 without data): its name, what it says, how overviews are made."""

    name: str
    description: str
    overviews: Literal["average", "nearest"]
    tags: Mapping[str, str]


class Windows:
    """Rasters of one grid, open to be written window by window."""

    def __init__(self, rasters: Mapping[str, Any]) -> None:
        self._rasters = rasters

    def put(self, name: str, row: int, column: int, values: NDArray[np.uint8]) -> None:
        """Write one window of one raster, counted from the corner of the grid."""
        rows, columns = values.shape
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
        "driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "uint8", "nodata": NODATA,
        "crs": system, "transform": Affine(*transform), "tiled": True, "blockxsize": _TILE, "blockysize": _TILE,
        "compress": "deflate", "zlevel": 1, "bigtiff": "if_safer", "sparse_ok": True,
    }  # fmt: skip
    with (
        output_faults(folder),
        rasterio.Env(GDAL_CACHEMAX=_CACHE_MIB),
        tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as held,
    ):
        parts = {layer.name: Path(held) / f"{layer.name}.tif" for layer in layers}
        rasters = {name: rasterio.open(path, "w", **profile) for name, path in parts.items()}
        try:
            for layer in layers:
                rasters[layer.name].update_tags(TIFFTAG_IMAGEDESCRIPTION=layer.description, **layer.tags)
                rasters[layer.name].set_band_description(1, layer.description)
            yield Windows(rasters)
        finally:
            for raster in rasters.values():
                raster.close()
        written += [_laid_out(folder / f"{layer.name}.tif", parts[layer.name], layer) for layer in layers]


def _laid_out(path: Path, part: Path, layer: Layer) -> Path:
    options = {
        "driver": "COG", "COMPRESS": "DEFLATE", "BLOCKSIZE": str(_TILE), "BIGTIFF": "IF_SAFER",
        "OVERVIEW_RESAMPLING": layer.overviews.upper(), "OVERVIEWS": "AUTO",
    }  # fmt: skip
    return write_whole(path, lambda temporary: rasterio.shutil.copy(part, temporary, **options))

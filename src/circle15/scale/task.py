"""What a run is about 任务: everything that a block needs to know, and the key by which a run finds its own traces."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from circle15 import __version__
from circle15.measure.grid import Centres, centres_on
from circle15.measure.grid_places import Outlines, outlines_on
from circle15.project.lattice import Lattice

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.read.raster import RasterPlan
    from circle15.schema import Source

RESULT_VERSION = 3
"""Raised when what a block leaves on disk changes."""


@dataclass(frozen=True)
class Task:
    """One run over one raster.

    Parameters
    ----------
    raster
        What to read of the population raster, with the side of a block.
    transform
        The raster's affine map, counted from its own corner.
    places
        Tables as in `schema`, EPSG:4326.
    lon, lat, service
        (n,) institutions; degrees, and position in `services` (-1: a service that is not measured).
    services
        Services whose cover is measured.
    radius_m
        Radius of the service circle; its edge belongs to it.
    min_residents
        Patches with fewer uncovered residents are left out.
    sources
        Where the inputs came from.
    changed_ns
        When the raster's large files, whose hash is of their ends only, were last changed.
    """

    raster: RasterPlan
    transform: tuple[float, float, float, float, float, float]
    places: gpd.GeoDataFrame
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    service: NDArray[np.int8]
    services: tuple[str, ...]
    radius_m: float
    min_residents: float
    sources: tuple[Source, ...]
    changed_ns: tuple[int, ...] = ()

    @cached_property
    def lattice(self) -> Lattice:
        """The whole raster on the ground."""
        return Lattice(self.transform, self.raster.crs)

    @cached_property
    def outlines(self) -> Outlines:
        """Places on the raster."""
        return outlines_on(self.places, self.lattice)

    @cached_property
    def centres(self) -> tuple[Centres, ...]:
        """Institutions of each service on the raster; the last are those of other services."""
        everyone = centres_on(self.lon, self.lat, self.lattice)
        return tuple(everyone.of(self.service == s) for s in (*range(len(self.services)), -1))

    def lay_down(self) -> None:
        """Forget what only the blocks ask for: of a million institutions 26 MB."""
        self.__dict__.pop("centres", None)

    @cached_property
    def windows(self) -> tuple[tuple[int, int, int, int], ...]:
        """Blocks: row, column, rows, columns."""
        return tuple((w.row_off, w.col_off, w.height, w.width) for w in self.raster.blocks())

    @cached_property
    def across(self) -> int:
        """Blocks side by side."""
        return int(-(-self.raster.window.width // self.raster.block))

    @cached_property
    def key(self) -> str:
        """The same for the same inputs, options and version; large rasters count as changed when their files are."""
        window = self.raster.window
        said = {
            "version": [__version__, RESULT_VERSION],
            "inputs": [[s.role, s.sha256, s.datum, dict(s.options)] for s in self.sources],
            "changed_ns": self.changed_ns,
            "window": [window.row_off, window.col_off, window.height, window.width, self.raster.block],
            "crs": self.raster.crs,
            "nodata": str(self.raster.nodata),
            "services": self.services,
            "radius_m": self.radius_m,
            "min_residents": self.min_residents,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    def __getstate__(self) -> dict[str, object]:
        """Travel light: what can be made again from the rest stays behind."""
        made = {"lattice", "outlines", "centres", "windows", "across", "key"}
        return {k: v for k, v in self.__dict__.items() if k not in made}

"""From files to a task 读入: institutions and places as GeoParquet, residents as a raster of any size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import rasterio

from circle15.errors import InputError, Problem, UsageError
from circle15.measure.circles import count_others
from circle15.read.faults import Faults
from circle15.read.files import RASTER, checked_path, library_name
from circle15.read.geoparquet import read_points
from circle15.read.outlines import read_outlines
from circle15.read.raster import BLOCK, plan_raster
from circle15.read.raster_files import changed_ns, source_of_raster
from circle15.scale.memory import share_one_heap
from circle15.scale.standing import standing_places
from circle15.scale.task import Task
from circle15.schema import GAP_MIN_RESIDENTS, SERVICES, Datum

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circle15.read.geoparquet import Points

_PARQUET = (".parquet",)
_RASTERS = (*RASTER, ".vrt")
_EDGE = 1e-6  # cells; rounding of outlines that end with the raster
_NAMED = 5


@dataclass(frozen=True)
class Inputs:
    """A task, with what the results name besides: the institutions as they stand, warnings.

    `simulated` where the population raster describes itself so (模拟数据).
    """

    task: Task
    points: Points
    warnings: tuple[Problem, ...]
    simulated: bool

    @cached_property
    def others(self) -> NDArray[np.int32]:
        """Other institutions of its service (n,) in each one's circle."""
        at = self.points
        counts = count_others(at.lon, at.lat, at.service, radius_m=self.task.radius_m, institution=at.institution)
        return counts.astype(np.int32)

    @property
    def as_of(self) -> str:
        """Day on which the institutions stand, "" where all were taken."""
        return str(self.points.source.options.get("as_of", ""))

    @cached_property
    def standing(self) -> dict[int, NDArray[np.int32]]:
        """Place of each level in which each institution stands, as from `standing_places`."""
        return standing_places(self.task)


def read_inputs(
    institutions: Path,
    places: Path,
    population: Path,
    *,
    radius_m: float,
    services: Sequence[str] = (),
    min_residents: float = GAP_MIN_RESIDENTS,
    datum: Datum = "wgs84",
    as_of: dt.date | None = None,
    crs: str | None = None,
    nodata: float | None = None,
    block: int = BLOCK,
) -> Inputs:
    """Read the inputs of a run.

    Parameters
    ----------
    institutions, places
        GeoParquet in degrees: `id`, `service`, points; `id`, `name`, `level`, outlines.
    population
        GeoTIFF or a VRT over many (band 1: residents of each cell).
    services
        Services whose cover is measured; those that the institutions hold where not given.
    datum
        Of the institutions' degrees.
    as_of
        Only institutions that stand on this day are read, by their columns `valid_from` and `valid_to`.
    crs, nodata
        Of the raster, where its file does not tell.
    block
        Cells along a block's side.

    Raises
    ------
    InputError, UsageError
        What is wrong with a file; a service that no institution has.
    """
    share_one_heap()
    points = read_points(checked_path(institutions, kinds=_PARQUET), datum=datum, as_of=as_of)
    table, of_places, told = read_outlines(checked_path(places, kinds=_PARQUET))
    file = checked_path(population, kinds=_RASTERS)
    faults = Faults(file.name)
    plan = plan_raster(file, faults, crs=crs, within=None, margin_m=0.0, nodata=nodata, block=block)
    with rasterio.open(library_name(file)) as raster:
        t = raster.transform
        simulated = "simulated" in str(raster.tags().get("DESCRIPTION", "")).lower()
    held = {points.names[k] for k in np.unique(points.service)}
    chosen = tuple(dict.fromkeys(services)) or tuple(s for s in SERVICES if s in held)
    problems = [Problem("use.service_without_institutions", value=s) for s in chosen if s not in held]
    if problems:
        raise UsageError(problems)
    code = np.array([chosen.index(name) if name in chosen else -1 for name in points.names], dtype=np.int8)
    task = Task(
        raster=plan,
        transform=(t.a, t.b, t.c, t.d, t.e, t.f),
        places=table,
        lon=points.lon,
        lat=points.lat,
        service=code[points.service],
        services=chosen,
        radius_m=radius_m,
        min_residents=min_residents,
        sources=(points.source, of_places, source_of_raster(file, crs=crs, nodata=nodata)),
        changed_ns=changed_ns(file),
    )
    warnings = (*points.warnings, *told, *faults.warnings, *_off_raster(task, places.name))
    return Inputs(task, points, warnings, simulated)


def _off_raster(task: Task, file: str) -> Iterator[Problem]:
    """Warn of places that lie off the raster, and of those that reach beyond it; InputError where all lie off it."""
    left, top, right, low = task.outlines.bounds.T
    window = task.raster.window
    there = (left < window.width) & (right > 0) & (top < window.height) & (low > 0)
    if not there.any():
        raise InputError(Problem("scale.places_all_off", file=file))
    inside = (left > -_EDGE) & (right < window.width + _EDGE) & (top > -_EDGE) & (low < window.height + _EDGE)
    for message, which in (("scale.places_off", ~there), ("scale.places_partly_off", there & ~inside)):
        if which.any():
            names = ", ".join(task.places["name"][which].astype(str).head(_NAMED))
            yield Problem(message, file=file, params={"count": int(which.sum()), "names": names}, severity="warning")

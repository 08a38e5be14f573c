"""A province or the nation as a city 省域、全国: GeoParquet and a raster of any size, read in seconds.

What `City` holds is what `read_city` gives: the same questions may be put to it. Residents stay on disk and are read
where they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.compute as pc

from circle15.read.faults import Faults
from circle15.read.files import RASTER, checked_path
from circle15.read.geoparquet import days_of, read_points
from circle15.read.outlines import read_outlines
from circle15.read.parquet_table import ParquetTable
from circle15.read.raster import plan_raster
from circle15.read.raster_cells import read_raster
from circle15.read.raster_files import source_of_raster
from circle15.schema import CRS, INSTITUTION_COLUMNS, City, Datum

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from circle15.errors import Problem
    from circle15.read.geoparquet import Points

PARQUET = (".parquet",)
RASTERS = (*RASTER, ".vrt")
_EMPTY: Mapping[str, object] = {"str": "", "float64": np.nan, "int64": 0, "datetime64[s]": pd.NaT}


def read_nation(
    institutions: Path,
    places: Path,
    population: Path,
    *,
    datum: Datum = "wgs84",
    crs: str | None = None,
    nodata: float | None = None,
    name: str = "",
) -> tuple[City, tuple[Problem, ...]]:
    """Read a register, places and residents of any size.

    Parameters
    ----------
    institutions, places
        GeoParquet in degrees: `id`, `service`, points; `id`, `name`, `level`, outlines. Other columns of
        schema.INSTITUTION_COLUMNS are taken where the file has them.
    population
        GeoTIFF or a VRT over many (band 1: residents of each cell).
    datum
        Of the institutions' degrees.
    crs, nodata
        Of the raster, where its file does not tell.

    Returns
    -------
    The city, and what was noticed while reading.

    Raises
    ------
    InputError
        Every fault of a file.
    """
    file = checked_path(institutions, kinds=PARQUET)
    points = read_points(file, datum=datum)
    outlines, of_places, told = read_outlines(checked_path(places, kinds=PARQUET))
    raster = checked_path(population, kinds=RASTERS)
    register = _register(file, points)
    faults = Faults(raster.name)
    held = read_raster(plan_raster(raster, faults, crs=crs, within=None, margin_m=0.0, nodata=nodata), faults)
    city = City(
        register,
        held,
        outlines,
        (points.source, of_places, source_of_raster(raster, crs=crs, nodata=nodata)),
        name=name,
    )
    return city, (*points.warnings, *told, *faults.warnings)


def _register(path: Path, points: Points) -> gpd.GeoDataFrame:
    """Institutions with the columns of schema.INSTITUTION_COLUMNS; every cell that is of another kind at once."""
    faults = Faults(path.name)
    file = ParquetTable.opened(path, (), Faults(path.name))  # what it warns of is in `points`
    columns: dict[str, Any] = {"id": points.ids.to_pandas(), "service": points.services}
    for column, kind in INSTITUTION_COLUMNS.items():
        if column in columns:
            continue
        if not file.has(column):
            columns[column] = _EMPTY[kind]
        elif kind == "str":
            columns[column] = pc.fill_null(file.words(column), "").to_pandas()
        elif kind.startswith("datetime"):
            columns[column] = days_of(file, column, faults, ends=column == "valid_to").astype(kind)
        else:
            columns[column] = file.numbers(column, faults)
    faults.raise_errors()
    columns["source_row"] = np.nan_to_num(columns["source_row"])
    at = gpd.points_from_xy(points.lon, points.lat)
    table = gpd.GeoDataFrame(columns, index=range(len(at)), geometry=at, crs=CRS)[[*INSTITUTION_COLUMNS, "geometry"]]
    return table.astype({column: pd.api.types.pandas_dtype(kind) for column, kind in INSTITUTION_COLUMNS.items()})

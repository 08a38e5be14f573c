"""A province or the nation as a city 省域、全国: GeoParquet and a raster of any size, read in seconds.

What `City` holds is what `read_city` gives: the same questions may be put to it. Residents stay on disk and are read
where they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from circle15.read.faults import Faults
from circle15.read.files import RASTER, checked_path
from circle15.read.geoparquet import fingerprint, read_outlines, read_points
from circle15.read.raster import plan_raster
from circle15.read.raster_cells import read_raster
from circle15.schema import CRS, INSTITUTION_COLUMNS, City, Datum, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from circle15.errors import Problem

PARQUET = (".parquet",)
RASTERS = (*RASTER, ".vrt")
_EMPTY: Mapping[str, object] = {"str": "", "float64": np.nan, "int64": 0, "datetime64[s]": pd.NaT}


def read_nation(
    institutions: Path, places: Path, population: Path, *, datum: Datum = "wgs84", name: str = ""
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
    outlines, of_places = read_outlines(checked_path(places, kinds=PARQUET))
    raster = checked_path(population, kinds=RASTERS)
    faults = Faults(raster.name)
    held = read_raster(plan_raster(raster, faults, crs=None, within=None, margin_m=0.0, nodata=None), faults)
    told = [c for c in pq.read_schema(file).names if c in INSTITUTION_COLUMNS and c not in {"id", "service"}]
    columns = pq.read_table(file, columns=told).to_pandas()
    columns["id"], columns["service"] = points.ids.to_pandas(), points.services
    for column, kind in INSTITUTION_COLUMNS.items():
        given = columns[column] if column in columns else pd.Series([_EMPTY[kind]] * len(columns))
        columns[column] = (given.fillna("") if kind == "str" else given).astype(pd.api.types.pandas_dtype(kind))
    register = gpd.GeoDataFrame(
        columns[[*INSTITUTION_COLUMNS]], geometry=gpd.points_from_xy(points.lon, points.lat), crs=CRS
    )
    of_raster = Source("population", raster.name, fingerprint(raster), "wgs84", {"hash": "size, first and last 64 KiB"})
    city = City(register, held, outlines, (points.source, of_places, of_raster), name=name)
    return city, tuple(faults.warnings)

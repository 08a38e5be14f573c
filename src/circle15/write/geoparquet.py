"""Results as GeoParquet 地理列存表: points by the million, outlines by the thousand; same input, same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from circle15.write.files import write_whole

_POINT_BYTES = 21


def write_points(path: Path, parts: Iterable[Mapping[str, Any]], *, kinds: Sequence[str] = ("Point",)) -> Path:
    """Write columns (n,) part by part, one part at least; of each `lon`, `lat` (WGS 84 degrees) become its points.

    A part may have `outline` (n,) instead; `kinds` are the types of geometry in the file.
    """
    said = {
        "version": "1.0.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {"encoding": "WKB", "geometry_types": list(kinds), "crs": CRS.from_epsg(4326).to_json_dict()}
        },
    }
    tables = (_with_points(part).replace_schema_metadata({"geo": json.dumps(said)}) for part in parts)

    def write(temporary: Path) -> None:
        first = next(tables)
        with pq.ParquetWriter(temporary, first.schema, compression="zstd") as file:
            file.write_table(first)
            for table in tables:
                file.write_table(table.cast(first.schema))

    return write_whole(path, write)


def _with_points(part: Mapping[str, Any]) -> pa.Table:
    columns = {name: values for name, values in part.items() if name not in {"lon", "lat", "outline"}}
    outlined = "outline" in part
    geometry = pa.array(shapely.to_wkb(part["outline"]), pa.binary()) if outlined else _wkb(part["lon"], part["lat"])
    return pa.table({**columns, "geometry": geometry})


def _wkb(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> pa.Array:
    n = len(lon)
    rows = np.empty((n, _POINT_BYTES), dtype=np.uint8)
    rows[:, :5] = (1, 1, 0, 0, 0)
    rows[:, 5:] = np.column_stack([lon, lat]).astype("<f8").view(np.uint8).reshape(n, 16)
    offsets = np.arange(n + 1, dtype=np.int32) * _POINT_BYTES
    return pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(rows)])


def write_outlines(path: Path, table: gpd.GeoDataFrame) -> Path:
    """Write a table of outlines."""
    return write_whole(path, lambda temporary: table.to_parquet(temporary, compression="zstd", index=False))

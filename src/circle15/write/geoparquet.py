"""Results as GeoParquet 地理列存表: points by the million, outlines by the thousand; same input, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyproj import CRS

from circle15.write.files import write_whole

_POINT_BYTES = 21


def write_points(path: Path, columns: Mapping[str, Any], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Path:
    """Write columns (n,) and points in WGS 84 degrees, without making a geometry of each."""
    said = {
        "version": "1.0.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {"encoding": "WKB", "geometry_types": ["Point"], "crs": CRS.from_epsg(4326).to_json_dict()}
        },
    }
    table = pa.table({**columns, "geometry": _wkb(lon, lat)})
    table = table.replace_schema_metadata({"geo": json.dumps(said)})
    return write_whole(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


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

"""Results for a GIS 地理数据: GeoPackage and GeoJSON, same input, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pyogrio

from circle15.write.files import write_whole

_FIXED_DATE = "2026-01-01T00:00:00Z"


@contextmanager
def repeatable() -> Iterator[None]:
    """Write without the date of writing, which a GeoPackage stores, so that bytes repeat. Raises OSError."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _FIXED_DATE})
    try:
        yield
    except pyogrio.errors.DataSourceError as fault:
        raise OSError(None, str(fault)) from fault
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_layer(path: Path, table: gpd.GeoDataFrame, *, layer: str) -> Path:
    """Write one layer by the suffix of `path`: .gpkg (EPSG:4326) or .geojson (RFC 7946). Raises OutputError."""

    def fill(temporary: Path) -> None:
        with repeatable():
            if path.suffix == ".geojson":
                pyogrio.write_dataframe(
                    table, temporary, driver="GeoJSON", layer=layer, RFC7946="YES", COORDINATE_PRECISION=7
                )
            else:
                temporary.unlink()  # the driver makes a new file, it does not fill an empty one
                pyogrio.write_dataframe(table, temporary, driver="GPKG", layer=layer)

    return write_whole(path, fill)

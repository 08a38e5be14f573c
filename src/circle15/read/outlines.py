"""Places out of GeoParquet 区划边界: outlines that are no ground are refused, overlaps are warned of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pyarrow.compute as pc
import shapely

from circle15.read.faults import Faults, positions_of
from circle15.read.files import source_of
from circle15.read.parquet_table import ParquetTable, give_back
from circle15.read.place_shapes import polygons_of, tell_overlaps
from circle15.schema import CRS, PLACE_COLUMNS, PLACE_LEVELS, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from circle15.errors import Problem

_REQUIRED = ("id", "name", "level")
_EXAMPLES = 5
_WORLD = (180.0, 90.0, 180.0, 90.0)
_AREA = 2


def read_outlines(path: Path) -> tuple[gpd.GeoDataFrame, Source, tuple[Problem, ...]]:
    """Read places with `id`, `name`, `level` and outline; every fault at once (InputError).

    Returns
    -------
    Columns as in `schema.PLACE_COLUMNS`, EPSG:4326, what the file does not tell left empty; its source; warnings, among
    them that places of one level overlap.
    """
    faults = Faults(path.name)
    file = ParquetTable.opened(path, _REQUIRED, faults)
    shapes = file.shapes(faults)
    table = gpd.GeoDataFrame({}, geometry=shapes, crs=CRS)
    for column, kind in PLACE_COLUMNS.items():
        if not file.has(column):
            table[column] = np.nan if kind == "float64" else ""
        elif kind == "float64":
            table[column] = file.numbers(column, faults)
        else:
            words = file.filled(column, faults) if column in _REQUIRED else file.words(column)
            table[column] = pc.fill_null(words, "").to_pandas()
    for value in sorted(set(table["level"]) - {"", *PLACE_LEVELS}):
        faults.error("scale.level", column="level", value=value, known=", ".join(PLACE_LEVELS))
    twice = int((table["id"].duplicated() & (table["id"] != "")).sum())
    if twice:
        faults.error("scale.id_twice", column="id", count=twice)
    grounds = _grounds(shapes)
    with np.errstate(invalid="ignore"):  # a coordinate that is no number
        _check_ground(shapes, grounds, table["name"].tolist(), faults)
    faults.raise_errors()
    kept = table[[*PLACE_COLUMNS]].set_geometry(grounds, crs=CRS)
    tell_overlaps(kept, faults)
    give_back()
    return kept, source_of("places", path, datum="wgs84", options={}), faults.warnings


def _grounds(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Outlines (n,) without the points and lines of collections."""
    grounds = shapes.copy()
    for i in np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION):
        grounds[i] = shapely.multipolygons(polygons_of(shapes[i]))
    return grounds


def _check_ground(
    shapes: NDArray[np.object_], grounds: NDArray[np.object_], names: Sequence[str], faults: Faults
) -> None:
    """Note outlines (n,) that are missing, no area, beyond the globe, or cross or overlap themselves."""
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    flat = ~missing & ((shapely.get_dimensions(grounds) < _AREA) | shapely.is_empty(grounds))
    bounds = shapely.bounds(shapes)
    beyond = ~missing & (np.abs(bounds) > _WORLD).any(axis=1)
    invalid = ~missing & ~flat & ~shapely.is_valid(grounds)
    checks: dict[str, tuple[NDArray[np.bool_], Callable[[int], str]]] = {
        "missing": (missing, lambda _: ""),
        "flat": (flat, lambda row: str(shapes[row].geom_type)),
        "beyond": (beyond, lambda row: ", ".join(f"{degrees:g}" for degrees in bounds[row])),
        "invalid": (invalid, lambda row: str(shapely.is_valid_reason(grounds[row]))),
    }
    for problem, (which, reason) in checks.items():
        for row in positions_of(which)[:_EXAMPLES]:
            faults.error(
                f"scale.outline_{problem}",
                row=row + 1,
                column="geometry",
                value=names[row] or None,
                count=int(which.sum()),
                reason=reason(row),
            )

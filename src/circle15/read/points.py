"""Positions checked before they are trusted: degrees in range, not swapped, not metres, one point each 点位核对."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from circle15.read.faults import Faults, positions_of

FloatArray = npt.NDArray[np.float64]
LON_MAX, LAT_MAX = 180.0, 90.0
CHINA_LON, CHINA_LAT = (73.0, 136.0), (3.0, 54.0)
_POINT, _MULTIPOINT = 0, 4


@dataclass(frozen=True)
class Positions:
    """Longitudes and latitudes (n,), EPSG:4326 degrees, NaN where a fault was noted."""

    lon: FloatArray
    lat: FloatArray


def check_degrees(
    lon: FloatArray,
    lat: FloatArray,
    rows: Sequence[int],
    faults: Faults,
    *,
    sheet: str | None,
    columns: tuple[str, str],
) -> npt.NDArray[np.bool_]:
    """Note every position that cannot be degrees and return where they can.

    A latitude beyond 90 under a longitude that would be a Chinese latitude is called swapped, not out of range;
    swapping is also called when all positions fall in China only if exchanged.
    """
    given = ~(np.isnan(lon) | np.isnan(lat))
    metres = given & ((np.abs(lon) > 360) | (np.abs(lat) > 360))  # noqa: PLR2004 - no angle is that large
    swapped = given & ~metres & _in(lat, CHINA_LON) & _in(lon, CHINA_LAT)
    wild_lon = given & ~metres & ~swapped & (np.abs(lon) > LON_MAX)
    wild_lat = given & ~metres & ~swapped & (np.abs(lat) > LAT_MAX)
    for mask, problem, values, name in (
        (metres, "coordinate_metres", lon, columns[0]),
        (swapped, "coordinate_swapped", lon, columns[0]),
        (wild_lon, "lon_range", lon, columns[0]),
        (wild_lat, "lat_range", lat, columns[1]),
    ):
        for i in positions_of(mask):
            faults.error(
                problem, sheet=sheet, row=rows[i], column=name, value=f"{values[i]:.10g}",
                lon=f"{lon[i]:.10g}", lat=f"{lat[i]:.10g}", other=columns[1], target=columns[0],
            )  # fmt: skip
    return np.asarray(given & ~metres & ~swapped & ~wild_lon & ~wild_lat, dtype=bool)


def _in(values: FloatArray, bounds: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return np.asarray((values >= bounds[0]) & (values <= bounds[1]), dtype=bool)


def layer_points(geometries: npt.NDArray[Any], rows: Sequence[int], faults: Faults) -> Positions:
    """Points of a vector layer; a multipoint of one point counts as that point, everything else is an error."""
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    kinds = shapely.get_type_id(geometries)
    single = (kinds == _MULTIPOINT) & (shapely.get_num_geometries(geometries) == 1)
    points = np.where(single, shapely.get_geometry(geometries, 0), geometries)
    good = (kinds == _POINT) | single
    for i in positions_of(missing):
        faults.error("geometry_missing", row=rows[i])
    for i in positions_of(~missing & ~good):
        problem = "geometry_multipoint" if kinds[i] == _MULTIPOINT else "geometry_not_point"
        faults.error(problem, row=rows[i], value=geometries[i].geom_type)
    points = np.asarray(points, dtype=object)
    points[~good | missing] = None
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    good_degrees = check_degrees(lon, lat, rows, faults, sheet=None, columns=("x", "y"))
    return Positions(np.where(good_degrees, lon, np.nan), np.where(good_degrees, lat, np.nan))

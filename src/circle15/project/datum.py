"""Datum conversion 坐标纠偏: GCJ-02, BD-09 and CGCS2000 to WGS 84 and back, exact both ways.

The public GCJ-02 algorithm (Krasovsky ellipsoid) as in eviltransform, coordtransform and prcoords; BD-09 is Baidu's
second shift on top of GCJ-02. CGCS2000 and WGS 84 agree to 0.1 mm and are passed through.

Outside the rectangle 72.004-137.8347 °E, 0.8293-55.8271 °N that all public implementations use, GCJ-02 has no offset.
The rectangle is wider than China: Hong Kong, Macau, Taiwan and neighbouring countries lie inside and are shifted by the
formula like the mainland. Where a map service hands out unshifted positions there, declare the data as wgs84.
The shift of BD-09 against GCJ-02 is applied everywhere, as in the public implementations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import geopandas as gpd
import numpy as np
import shapely

from circle15.errors import Problem, UsageError
from circle15.schema import CRS, DATUMS, Datum

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    Pair = tuple[FloatArray, FloatArray]
    Geometries = TypeVar("Geometries", gpd.GeoSeries, NDArray[np.object_])

_A_M = 6378245.0
_EE = 0.00669342162296594323
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_MAX_SHIFT_DEG = 0.02
_BD_WAVE = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006
_STEP_DEG = 1e-13
_MAX_STEPS = 30


def to_wgs84(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> Pair:
    """Longitude and latitude in `datum` brought to WGS 84 degrees.

    Parameters
    ----------
    lon, lat
        Degrees, broadcast against each other; NaN stays NaN.
    datum
        Datum that the coordinates are given in.

    Returns
    -------
    Two float64 arrays of the broadcast shape; `from_wgs84` of them is the input to better than 1e-6 m.
    On the rim of the rectangle (within the offset of its edge) a GCJ-02 position may have two origins or none; the
    shifted origin is taken where there is one, otherwise the position itself.

    Raises
    ------
    UsageError
        For an unknown datum.
    """
    x, y = _degrees(lon, lat)
    if _known(datum) == "bd09":
        x, y = _solve(_gcj02_to_bd09, x, y, np.isfinite(x) & np.isfinite(y))
    if datum in {"gcj02", "bd09"}:
        near = _in_rectangle(x, y, margin_deg=_MAX_SHIFT_DEG)
        wx, wy = _solve(_shift, x, y, near)
        shifted = near & _in_rectangle(wx, wy)
        x, y = np.where(shifted, wx, x), np.where(shifted, wy, y)
    return x, y


def from_wgs84(lon: ArrayLike, lat: ArrayLike, datum: Datum) -> Pair:
    """WGS 84 degrees brought to `datum`; shapes, NaN and errors as in `to_wgs84`."""
    x, y = _degrees(lon, lat)
    if _known(datum) in {"gcj02", "bd09"}:
        x, y = _apply(_shift, x, y, _in_rectangle(x, y))
    if datum == "bd09":
        x, y = _apply(_gcj02_to_bd09, x, y, np.isfinite(x) & np.isfinite(y))
    return x, y


def geometry_to_wgs84(geometries: Geometries, datum: Datum) -> Geometries:
    """Geometries with vertices in `datum` (degrees) brought to WGS 84; every vertex by `to_wgs84`, heights dropped.

    A GeoSeries keeps its index and name and is marked EPSG:4326, whatever it was marked before: GCJ-02 files usually
    carry a wrong CRS. Edges stay straight between their vertices: 0.2 m off at most for an edge of one kilometre.
    """

    def moved(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_wgs84(vertices[:, 0], vertices[:, 1], datum))

    if isinstance(geometries, gpd.GeoSeries):
        values = shapely.transform(np.asarray(geometries.array, dtype=object), moved)
        series = gpd.GeoSeries(values, index=geometries.index, name=geometries.name, crs=CRS)
        return cast("Geometries", series)
    return shapely.transform(np.asarray(geometries, dtype=object), moved)


def _known(datum: str) -> str:
    if datum not in DATUMS:
        raise UsageError(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    return datum


def _degrees(lon: ArrayLike, lat: ArrayLike) -> Pair:
    x, y = np.broadcast_arrays(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
    return x.copy(), y.copy()


def _in_rectangle(x: FloatArray, y: FloatArray, *, margin_deg: float = 0.0) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = (
        (x >= _WEST - margin_deg) & (x <= _EAST + margin_deg) & (y >= _SOUTH - margin_deg) & (y <= _NORTH + margin_deg)
    )
    return inside


def _apply(forward: Callable[..., Any], x: FloatArray, y: FloatArray, where: NDArray[np.bool_]) -> Pair:
    out_x, out_y = x.copy(), y.copy()
    out_x[where], out_y[where] = forward(x[where], y[where])
    return out_x, out_y


def _solve(forward: Callable[..., Any], x: FloatArray, y: FloatArray, where: NDArray[np.bool_]) -> Pair:
    """Origins that `forward` moves to (x, y): a fixed point, each step 50 to 200 times closer."""
    goal_x, goal_y = x[where], y[where]
    from_x, from_y = goal_x.copy(), goal_y.copy()
    for _ in range(_MAX_STEPS):
        at_x, at_y = forward(from_x, from_y)
        step_x, step_y = goal_x - at_x, goal_y - at_y
        from_x += step_x
        from_y += step_y
        if max(np.abs(step_x).max(initial=0.0), np.abs(step_y).max(initial=0.0)) < _STEP_DEG:
            break
    out_x, out_y = x.copy(), y.copy()
    out_x[where], out_y[where] = from_x, from_y
    return out_x, out_y


def _shift(lon: FloatArray, lat: FloatArray) -> Pair:
    """WGS 84 to GCJ-02 by the formula, without asking where the point lies."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    ripple = 20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)
    north_m = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north_m += (ripple + 20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi / 3.0 * y)) * 2.0 / 3.0
    north_m += (160.0 * np.sin(np.pi / 12.0 * y) + 320.0 * np.sin(np.pi / 30.0 * y)) * 2.0 / 3.0
    east_m = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east_m += (ripple + 20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi / 3.0 * x)) * 2.0 / 3.0
    east_m += (150.0 * np.sin(np.pi / 12.0 * x) + 300.0 * np.sin(np.pi / 30.0 * x)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - _EE * np.sin(phi) ** 2
    meridian_m = _A_M * (1.0 - _EE) / (magic * np.sqrt(magic))
    parallel_m = _A_M / np.sqrt(magic) * np.cos(phi)
    return lon + np.degrees(east_m / parallel_m), lat + np.degrees(north_m / meridian_m)


def _gcj02_to_bd09(lon: FloatArray, lat: FloatArray) -> Pair:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + _BD_LON, radius * np.sin(angle) + _BD_LAT

"""Metres of CGCS2000 Gauss-Kruger zones without a stated system 高斯—克吕格投影带 (GB/T 17798, EPSG 4491-4554).

A zone number before the easting (35 500 123) tells the zone: 25-45 are 3-degree zones, 13-23 6-degree zones, and the
two do not overlap. Without it only the place of the city tells which central meridian is meant. In China the northing
(1.9 to 6 million metres) is never taken for an easting without zone number (0.1 to 0.9 million), so that columns called
X and Y may come in either order, as surveyors (X north) and others (X east) write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
from pyproj.exceptions import ProjError

from circle15.schema import CRS

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Bounds = tuple[float, float, float, float]

_NORTHING = (1.9e6, 6.0e6)
_EASTING = (1.0e5, 9.0e5)
_ZONE_M = 1e6
_THREE, _SIX = (25, 45), (13, 23)
_FIRST_THREE, _FIRST_SIX, _FIRST_MERIDIAN = 4513, 4491, 4534
_MERIDIANS = range(75, 136, 3)
_NEAR_DEG = 0.3
_SHARE = 0.5


@dataclass(frozen=True)
class Zone:
    """A zone: number in the easting (0 where it carries none), central meridian in degrees, EPSG code."""

    number: int
    meridian: float
    crs: str
    prefixed: bool


@dataclass
class Zones:
    """Positions of metres whose zone is known: `known` (n,), WGS 84 degrees, and which rows lie in which zone."""

    known: BoolArray
    lon: FloatArray
    lat: FloatArray
    members: list[tuple[Zone, BoolArray]] = field(default_factory=list)

    def each(self) -> Iterator[tuple[Zone, BoolArray]]:
        """Zones with the rows read in them."""
        yield from self.members


def zone_of(x: FloatArray, y: FloatArray, metres: BoolArray, *, near: Bounds | None) -> Zones:
    """Bring metres without a stated system to WGS 84 where their zone is certain.

    Parameters
    ----------
    x, y
        (n,) in either order.
    metres
        (n,) rows that are no degrees.
    near
        Bounds of the city in degrees; without them metres without zone number stay unknown.
    """
    found = Zones(np.zeros(len(x), dtype=bool), np.full(len(x), np.nan), np.full(len(x), np.nan))
    if not metres.any():
        return found
    turned = _within(x, _NORTHING) & ~_within(y, _NORTHING)
    north, east = np.where(turned, x, y), np.where(turned, y, x)
    right = metres & _within(north, _NORTHING)
    number = np.where(right, np.floor(east / _ZONE_M), -1).astype(np.int64)
    offset = east - number * _ZONE_M
    for n in np.unique(number[right & (number > 0)]).tolist():
        zone = _numbered(n)
        rows = right & (number == n) & _within(offset, _EASTING)
        if zone is not None and rows.any():
            _place(found, zone, rows, east, north)
    bare = right & (number == 0) & _within(east, _EASTING)
    if near is not None and bare.any():
        inferred = _inferred(east[bare], north[bare], near)
        if inferred is not None:
            _place(found, inferred, bare, east, north)
    return found


def in_zone(east: FloatArray, north: FloatArray, crs: str) -> tuple[FloatArray, FloatArray]:
    """Metres of a system to WGS 84 degrees; NaN passes, what the system cannot hold becomes infinite."""
    try:
        lon, lat = _to_degrees(crs).transform(east, north)
    except ProjError:
        return np.full(len(east), np.inf), np.full(len(east), np.inf)
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


@lru_cache(maxsize=64)
def _to_degrees(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, CRS, always_xy=True)


def _numbered(n: int) -> Zone | None:
    if _THREE[0] <= n <= _THREE[1]:
        return Zone(n, 3.0 * n, f"EPSG:{_FIRST_THREE + n - _THREE[0]}", prefixed=True)
    if _SIX[0] <= n <= _SIX[1]:
        return Zone(n, 6.0 * n - 3.0, f"EPSG:{_FIRST_SIX + n - _SIX[0]}", prefixed=True)
    return None


def _inferred(east: FloatArray, north: FloatArray, near: Bounds) -> Zone | None:
    """The one zone in which most points lie in the city; None where none or several do."""
    west, south, far_east, far_north = near
    fitting = []
    for at, meridian in enumerate(_MERIDIANS):
        crs = f"EPSG:{_FIRST_MERIDIAN + at}"
        lon, lat = in_zone(east, north, crs)
        inside = (lon >= west - _NEAR_DEG) & (lon <= far_east + _NEAR_DEG)
        inside &= (lat >= south - _NEAR_DEG) & (lat <= far_north + _NEAR_DEG)
        if inside.mean() >= _SHARE:
            fitting.append(Zone(0, float(meridian), crs, prefixed=False))
    return fitting[0] if len(fitting) == 1 else None


def _place(found: Zones, zone: Zone, rows: BoolArray, east: FloatArray, north: FloatArray) -> None:
    lon, lat = in_zone(east[rows], north[rows], zone.crs)
    found.lon[rows], found.lat[rows] = lon, lat
    found.known |= rows
    found.members.append((zone, rows))


def _within(values: FloatArray, bounds: tuple[float, float]) -> BoolArray:
    return np.asarray((values >= bounds[0]) & (values <= bounds[1]), dtype=bool)

"""Where the cells of a regular grid stand on the ground 格网: its corners in degrees, and points in rows and columns.

A grid is an affine map of (column, row) into a reference system. In degrees its corners are columns and rows by
themselves; in a plane they are carried over by PROJ, for large blocks through a Chebyshev series that PROJ's own answer
proves at random points (to 1e-11°, a micrometre).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.polynomial import chebyshev
from pyproj import CRS as SYSTEM
from pyproj import Transformer
from pyproj.transformer import AreaOfInterest, TransformerGroup

from circle15.schema import CRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.quantities import Floats, Ints


_DEGREES = (4326, 4490)
_AROUND_DEG = 0.01
_DIRECT = 40_000  # corners; fewer are carried over one by one
_DEGREE = 14
_PROOF = 64
_AGREED_DEG = 1e-11


@cache
def _turn(source: str, target: str) -> Transformer:
    """Made once: PROJ searches its ways at the first call."""
    return Transformer.from_crs(source, target, always_xy=True)


@cache
def _degrees_of(system: str) -> bool:
    """Whether a system counts degrees; asked of PROJ once."""
    return not system or SYSTEM.from_user_input(system).to_epsg() in _DEGREES


def datum_unshifted(system: str, x: float, y: float) -> bool:
    """Whether PROJ knows no way from a system's datum to WGS 84 at a place 坐标基准无转换参数 and takes both as one.

    x, y in the system, columns before rows. True for Xi'an 1980, and for Beijing 1954 but for a few basins: up to 100 m
    off. CGCS2000 is WGS 84 to decimetres and never meant.
    """
    own = SYSTEM.from_user_input(system)
    base = own.geodetic_crs
    if base is None or base.to_2d().to_epsg() in _DEGREES:
        return False
    lon, lat = Transformer.from_crs(own, base, always_xy=True).transform(x, y)
    if not np.isfinite([lon, lat]).all():
        return False
    around = AreaOfInterest(lon - _AROUND_DEG, lat - _AROUND_DEG, lon + _AROUND_DEG, lat + _AROUND_DEG)
    with warnings.catch_warnings(action="ignore"):  # of finer grids that are not installed
        ways = TransformerGroup(base, CRS, always_xy=True, area_of_interest=around).transformers
    return not any(way.accuracy >= 0 for way in ways)  # a "ballpark" one has -1


@dataclass(frozen=True)
class Lattice:
    """A regular grid on the ground.

    Parameters
    ----------
    transform
        (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f, of corners.
    system
        Reference system of x and y in any form PROJ reads; "" for degrees of WGS 84 or CGCS2000.
    """

    transform: tuple[float, float, float, float, float, float]
    system: str = ""

    @cached_property
    def straight(self) -> bool:
        """Rows are parallels and columns meridians, so that all cells of a row are alike."""
        _, b, _, d, _, _ = self.transform
        return self._in_degrees and b == 0 and d == 0

    @cached_property
    def _in_degrees(self) -> bool:
        return _degrees_of(self.system)

    def moved(self, row: int, column: int) -> Lattice:
        """The same grid counted from another corner."""
        a, b, c, d, e, f = self.transform
        return Lattice((a, b, c + a * column + b * row, d, e, f + d * column + e * row), self.system)

    def corners(self, rows: int, columns: int) -> tuple[Floats, Floats]:
        """Longitudes and latitudes (rows + 1, columns + 1) of the corners of the first rows and columns."""
        shape = (rows + 1, columns + 1)
        a, _, c, _, e, f = self.transform
        if self.straight:
            lon, lat = c + a * np.arange(columns + 1), f + e * np.arange(rows + 1)
            return np.broadcast_to(lon, shape), np.broadcast_to(lat[:, None], shape)
        if shape[0] * shape[1] > _DIRECT:
            found = self._series(rows, columns)
            if found is not None:
                return found
        column, row = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
        return self.degrees(column, row)

    def degrees(self, column: Floats, row: Floats) -> tuple[Floats, Floats]:
        """Longitude and latitude of places given in columns and rows."""
        a, b, c, d, e, f = self.transform
        x, y = a * column + b * row + c, d * column + e * row + f
        if self._in_degrees:
            return x, y
        lon, lat = _turn(self.system, CRS).transform(x, y)
        return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)

    def quads(self, row: Ints, column: Ints) -> NDArray[np.object_]:
        """Cells (n,) as quadrilaterals in degrees, their corners carried over one by one."""
        at = np.stack([row + 1, row + 1, row, row], axis=1), np.stack([column, column + 1, column + 1, column], axis=1)
        lon, lat = self.degrees(at[1].astype(np.float64), at[0].astype(np.float64))
        ring = np.stack([lon, lat], axis=2)
        return np.asarray(shapely.polygons(np.concatenate([ring, ring[:, :1]], axis=1)), dtype=object)

    def grid_xy(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Column and row of points in degrees, fractions included; inf where the system does not reach."""
        a, b, c, d, e, f = self.transform
        x, y = lon, lat
        if not self._in_degrees:
            x, y = _turn(CRS, self.system).transform(lon, lat)
        x, y = np.asarray(x, dtype=np.float64) - c, np.asarray(y, dtype=np.float64) - f
        det = a * e - b * d
        with np.errstate(invalid="ignore"):
            return (e * x - b * y) / det, (a * y - d * x) / det

    def _series(self, rows: int, columns: int) -> tuple[Floats, Floats] | None:
        """Corners by a series in rows and columns; None where PROJ does not agree with it."""
        nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
        at_row, at_column = (nodes + 1) / 2 * rows, (nodes + 1) / 2 * columns
        column, row = np.meshgrid(at_column, at_row)
        fit = np.linalg.inv(chebyshev.chebvander(nodes, _DEGREE))
        down = chebyshev.chebvander(np.arange(rows + 1) * 2.0 / rows - 1, _DEGREE)
        across = chebyshev.chebvander(np.arange(columns + 1) * 2.0 / columns - 1, _DEGREE).T.copy()
        values = self.degrees(column, row)
        if not np.isfinite(values).all():
            return None
        lon, lat = (down @ (fit @ v @ fit.T) @ across for v in values)
        rng = np.random.default_rng(0)
        r, c = rng.integers(0, rows + 1, _PROOF), rng.integers(0, columns + 1, _PROOF)
        true_lon, true_lat = self.degrees(c.astype(float), r.astype(float))
        away = np.maximum(np.abs(lon[r, c] - true_lon), np.abs(lat[r, c] - true_lat)).max()
        return (lon, lat) if away <= _AGREED_DEG else None

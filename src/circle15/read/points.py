"""Positions checked before they are trusted: which numbers can be degrees, which can be read otherwise 点位核对.

What can be read in one way only (degrees-minutes-seconds, axes exchanged within China, metres of a CGCS2000 zone) is
converted and recorded as an assumption with the cell's value before and after; everything else is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.read.coordinates import BLANK, DMS, NUMBER, UNREAD, Axis, read_axis
from circle15.read.faults import Faults, listed, positions_of
from circle15.read.packed import BY_CHANCE, chance_of_packed, unpacked
from circle15.read.rounding import Rounding, degree_rounding, metre_rounding
from circle15.read.values import Column
from circle15.read.zones import Bounds, Zone, in_zone, zone_of
from circle15.schema import Datum

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
LON_MAX, LAT_MAX = 180.0, 90.0
CHINA_LON, CHINA_LAT = (73.0, 136.0), (3.0, 54.0)
_NO_ANGLE = 360.0
_NAMED_ROWS = 20
_SHIFTED_DIGITS = 9  # degrees that went through a datum and back agree to 1e-11
_POINT, _MULTIPOINT = 0, 4


@dataclass(frozen=True)
class Positions:
    """Longitudes and latitudes (n,), EPSG:4326 degrees, NaN where a fault was noted.

    `rounding_m` (n,) is how far the true position may lie from what was written because it was rounded (0 where that
    is below a metre), `reason` (n,) the word for it under columns.positions.reason ("" where there is none).
    """

    lon: FloatArray
    lat: FloatArray
    rounding_m: FloatArray | None = None
    reason: npt.NDArray[np.object_] | None = None


def read_positions(
    x: Column,
    y: Column,
    faults: Faults,
    *,
    datum: Datum,
    crs: pyproj.CRS | None = None,
    near: Bounds | None = None,
    packed_dms: bool = False,
) -> Positions:
    """Read two columns of coordinates into WGS 84.

    Parameters
    ----------
    x, y
        Columns called longitude and latitude (or x and y).
    faults
        Gets an error for each position that cannot be read, a correction for each that is read otherwise than written,
        and one assumption a sheet and way of reading.
    datum
        What degrees mean. Metres of a zone found here are CGCS2000 and not shifted.
    crs
        System of the numbers where it is no system of degrees.
    near
        Bounds of the city (degrees): tell the zone of metres that carry no zone number.
    packed_dms
        Numbers are DDD.MMSS; where they only look like it, that is warned of.
    """
    axes = _axes(x, y, faults, packed_dms=packed_dms)
    both = _readable(axes, (x, y), faults)
    if crs is not None and not crs.is_geographic:
        lon, lat = _transformed(axes, both, crs, faults, x)
        lon, lat = to_wgs84(lon, lat, datum)
        return _with_rounding(lon, lat, metre_rounding(axes[0], axes[1]))
    lon, lat = np.where(both, axes[0].values, np.nan), np.where(both, axes[1].values, np.nan)
    rounding = degree_rounding(axes[0], axes[1], lon, lat)
    exchanged = both & _sides_exchanged(axes)
    lon, lat = np.where(exchanged, lat, lon), np.where(exchanged, lon, lat)
    metres = both & ((np.abs(lon) > _NO_ANGLE) | (np.abs(lat) > _NO_ANGLE))
    zones = zone_of(lon, lat, metres, near=near)
    swapped = both & ~metres & _in(lat, CHINA_LON) & _in(lon, CHINA_LAT)
    lon, lat = np.where(swapped, lat, lon), np.where(swapped, lon, lat)
    good = _check(lon, lat, both & ~metres, x.rows, faults, sheet=x.sheet, columns=(x.name, y.name))
    _refuse_metres(metres & ~zones.known, axes, faults, (x, y))
    lon, lat = to_wgs84(np.where(good, lon, np.nan), np.where(good, lat, np.nan), datum)
    lon[zones.known], lat[zones.known] = zones.lon[zones.known], zones.lat[zones.known]
    of_metres = metre_rounding(axes[0], axes[1])
    rounding = Rounding(
        np.where(metres, of_metres.metres, rounding.metres), np.where(metres, of_metres.reason, rounding.reason)
    )
    told = _Told((x, y), axes, faults, lon, lat, datum)
    told.swapped((swapped | exchanged) & good)
    told.written_in_degrees(good & ((axes[0].form == DMS) | (axes[1].form == DMS)))
    for zone, at in zones.each():
        told.projected(zone, at)
    return _with_rounding(lon, lat, rounding)


def _axes(x: Column, y: Column, faults: Faults, *, packed_dms: bool) -> tuple[Axis, Axis]:
    axes = read_axis(x.cells), read_axis(y.cells)
    if packed_dms:
        return unpacked(axes[0]), unpacked(axes[1])
    chance = chance_of_packed(axes[0]) * chance_of_packed(axes[1])
    if chance < BY_CHANCE:
        faults.warn(
            "coordinates_packed",
            sheet=x.sheet,
            row=x.rows[0],
            column=x.name,
            value=x.cells[0],
            other=y.name,
            count=len(x.rows),
            target=x.name,
        )
    return axes


@dataclass(frozen=True)
class _Told:
    """What is told of positions that were read otherwise than they stand."""

    columns: tuple[Column, Column]
    axes: tuple[Axis, Axis]
    faults: Faults
    lon: FloatArray
    lat: FloatArray
    datum: Datum

    def swapped(self, mask: BoolArray) -> None:
        self._tell("swapped_axes", mask, exchanged=True)
        x, y = self.columns
        at = positions_of(mask)
        for i in at if len(at) <= _NAMED_ROWS else []:
            self.faults.warn(
                "coordinate_swapped",
                sheet=x.sheet,
                row=x.rows[i],
                column=x.name,
                value=x.cells[i],
                lon=x.cells[i],
                lat=y.cells[i],
                target=x.name,
                other=y.name,
            )
        if len(at) > _NAMED_ROWS:
            self.faults.warn(
                "coordinates_swapped",
                sheet=x.sheet,
                column=x.name,
                count=len(at),
                target=x.name,
                other=y.name,
                rows=listed(x.rows[i] for i in at),
            )

    def written_in_degrees(self, mask: BoolArray) -> None:
        self._tell("degrees_minutes", mask)

    def projected(self, zone: Zone, mask: BoolArray) -> None:
        told = "zone_prefixed" if zone.prefixed else "zone_inferred"
        self._tell(told, mask, zone=zone.number, meridian=f"{zone.meridian:g}", crs=zone.crs)

    def _tell(self, what: str, mask: BoolArray, *, exchanged: bool = False, **params: object) -> None:
        at = positions_of(mask)
        if not at:
            return
        x, y = self.columns
        first = at[0]
        given = f"{x.cells[first]}, {y.cells[first]}"
        self.faults.assume(
            what,
            count=len(at),
            sheet=x.sheet,
            row=x.rows[first],
            column=x.name,
            before=given,
            after=f"{self.lon[first]:.6f}, {self.lat[first]:.6f}",
            **params,
        )
        for i in at:
            given_x, given_y = x.cells[i], y.cells[i]
            pair = [(x, given_x), (y, given_y)]
            used = self._used(i, what, exchanged=exchanged)
            for (column, before), after in zip(pair, used, strict=True):
                if str(before) != after:
                    self.faults.correct(
                        what, sheet=column.sheet, row=column.rows[i], column=column.name, before=before, after=after
                    )

    def _used(self, i: int, what: str, *, exchanged: bool) -> tuple[str, str]:
        """What should stand in the two cells: degrees in the datum of the file."""
        if what.startswith("zone"):
            lon, lat = from_wgs84([self.lon[i]], [self.lat[i]], self.datum)
            return f"{lon[0]:.8f}", f"{lat[0]:.8f}"
        first, second = (axis.values[i] for axis in (self.axes if not exchanged else self.axes[::-1]))
        return f"{first:.10g}", f"{second:.10g}"


def _readable(axes: tuple[Axis, Axis], columns: tuple[Column, Column], faults: Faults) -> BoolArray:
    """Rows with a finite number in both cells; the others are noted."""
    for axis, column in zip(axes, columns, strict=True):
        for i in positions_of((axis.form == UNREAD) | np.isinf(axis.values) | _nan_numbers(axis)):
            cell = column.cells[i]
            known = "coordinate_unclear" if axis.form[i] == UNREAD else "number_not_finite"
            faults.error(known, sheet=column.sheet, row=column.rows[i], column=column.name, value=cell)
    x = columns[0]
    for i in positions_of((axes[0].form == BLANK) | (axes[1].form == BLANK)):
        faults.error("coordinate_missing", sheet=x.sheet, row=x.rows[i])
    return np.asarray(np.isfinite(axes[0].values) & np.isfinite(axes[1].values), dtype=bool)


def _nan_numbers(axis: Axis) -> BoolArray:
    return np.asarray((axis.form == NUMBER) & np.isnan(axis.values), dtype=bool)


def _sides_exchanged(axes: tuple[Axis, Axis]) -> BoolArray:
    """Rows whose x says north or south and whose y says east or west."""
    return np.asarray(np.isin(axes[0].side, ("N", "S")) & np.isin(axes[1].side, ("E", "W")), dtype=bool)


def _transformed(
    axes: tuple[Axis, Axis], both: BoolArray, crs: pyproj.CRS, faults: Faults, column: Column
) -> tuple[FloatArray, FloatArray]:
    """Metres of a stated system to degrees; what falls outside the system is an error."""
    x, y = (np.where(both, axis.values, np.nan) for axis in axes)
    lon, lat = in_zone(x, y, crs.to_wkt())
    lost = both & ~(np.isfinite(lon) & np.isfinite(lat))
    for i in positions_of(lost):
        faults.error(
            "coordinate_outside_crs",
            sheet=column.sheet,
            row=column.rows[i],
            column=column.name,
            value=f"{x[i]:.10g}, {y[i]:.10g}",
            crs=crs.to_string(),
        )
    return np.where(lost, np.nan, lon), np.where(lost, np.nan, lat)


def _refuse_metres(mask: BoolArray, axes: tuple[Axis, Axis], faults: Faults, columns: tuple[Column, Column]) -> None:
    x, y = axes[0].values, axes[1].values
    for i in positions_of(mask):
        faults.error(
            "coordinate_metres",
            sheet=columns[0].sheet,
            row=columns[0].rows[i],
            column=columns[0].name,
            value=f"{x[i]:.10g}",
            lon=f"{x[i]:.10g}",
            lat=f"{y[i]:.10g}",
            other=columns[1].name,
            target=columns[0].name,
        )


def _with_rounding(lon: FloatArray, lat: FloatArray, rounding: Rounding) -> Positions:
    return Positions(np.asarray(lon), np.asarray(lat), rounding.metres, rounding.reason)


def check_degrees(
    lon: FloatArray,
    lat: FloatArray,
    rows: Sequence[int],
    faults: Faults,
    *,
    sheet: str | None,
    columns: tuple[str, str],
) -> BoolArray:
    """Note every position that cannot be degrees and return where they can.

    A latitude beyond 90 under a longitude that would be a Chinese latitude is called swapped, not out of range.
    """
    given = ~(np.isnan(lon) | np.isnan(lat))
    metres = given & ((np.abs(lon) > _NO_ANGLE) | (np.abs(lat) > _NO_ANGLE))
    swapped = given & ~metres & _in(lat, CHINA_LON) & _in(lon, CHINA_LAT)
    for mask, problem in ((metres, "coordinate_metres"), (swapped, "geometry_swapped")):
        for i in positions_of(mask):
            faults.error(
                problem,
                sheet=sheet,
                row=rows[i],
                column=columns[0],
                value=f"{lon[i]:.10g}",
                lon=f"{lon[i]:.10g}",
                lat=f"{lat[i]:.10g}",
                other=columns[1],
                target=columns[0],
            )
    return _check(lon, lat, given & ~metres & ~swapped, rows, faults, sheet=sheet, columns=columns)


def _check(
    lon: FloatArray,
    lat: FloatArray,
    given: BoolArray,
    rows: Sequence[int],
    faults: Faults,
    *,
    sheet: str | None,
    columns: tuple[str, str],
) -> BoolArray:
    wild_lon = given & (np.abs(lon) > LON_MAX)
    wild_lat = given & (np.abs(lat) > LAT_MAX)
    for mask, problem, values, name in (
        (wild_lon, "lon_range", lon, columns[0]),
        (wild_lat, "lat_range", lat, columns[1]),
    ):
        for i in positions_of(mask):
            faults.error(problem, sheet=sheet, row=rows[i], column=name, value=f"{values[i]:.10g}")
    return np.asarray(given & ~wild_lon & ~wild_lat, dtype=bool)


def _in(values: FloatArray, bounds: tuple[float, float]) -> BoolArray:
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


def layer_positions(
    geometries: npt.NDArray[Any], rows: Sequence[int], faults: Faults, *, datum: Datum, crs: str
) -> Positions:
    """Points of a vector layer in WGS 84 with what rounding may have moved them (where the layer was in degrees)."""
    points = layer_points(geometries, rows, faults)
    if not pyproj.CRS.from_user_input(crs).is_geographic:
        return points
    given = (np.round(v, _SHIFTED_DIGITS) for v in from_wgs84(points.lon, points.lat, datum))
    axes = tuple(read_axis(v.tolist()) for v in given)
    rounding = degree_rounding(axes[0], axes[1], points.lon, points.lat)
    return Positions(points.lon, points.lat, rounding.metres, rounding.reason)


def accuracy_of(
    positions: Positions, stated_m: FloatArray, *, default_m: float
) -> tuple[FloatArray, npt.NDArray[np.object_]]:
    """Accuracy in metres and its reason for each position.

    A stated accuracy stands, unless rounding alone may have moved the point farther. Where none is stated the default
    is taken and what rounding may have moved is added: two errors that do not know of each other.
    """
    count = len(positions.lon)
    rounding = np.zeros(count) if positions.rounding_m is None else positions.rounding_m
    words = np.full(count, "", dtype=object) if positions.reason is None else positions.reason
    assumed = np.isnan(stated_m)
    metres = np.where(assumed, default_m + rounding, np.fmax(stated_m, rounding))
    by_rounding = np.where(assumed, rounding > 0, rounding > np.nan_to_num(stated_m))
    reason = np.where(by_rounding, words, np.where(assumed, "assumed", "stated")).astype(object)
    return metres, reason

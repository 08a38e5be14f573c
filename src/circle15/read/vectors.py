"""Vector files to longitude and latitude: CRS and encoding checked, never guessed 矢量文件."""

from __future__ import annotations

import codecs
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from circle15.errors import InputError, Problem
from circle15.project.datum import geometry_to_wgs84
from circle15.read.faults import Faults, fail, listed
from circle15.read.files import companion, library_name
from circle15.schema import CRS, Datum

_DBF_HEADER, _DBF_NAME = 32, 10
_LON_MAX, _LAT_MAX, _NO_ANGLE = 180.0, 90.0, 360.0
_ANY_DATUM: tuple[Datum, ...] = ("gcj02", "bd09")
_WGS84_CODES = (4326, 4979)


@dataclass(frozen=True)
class Layer:
    """A vector layer in WGS 84: attributes with geometry, how its coordinates were told, the CRS it came in."""

    frame: gpd.GeoDataFrame
    datum: str
    crs: str


def read_layer(
    path: Path,
    faults: Faults,
    *,
    datum: Datum | None,
    crs: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    assume_wgs84: bool = False,
) -> Layer:
    """Read one vector layer and bring it to EPSG:4326.

    Parameters
    ----------
    path, faults
        A checked path; where to note warnings.
    datum
        What the degrees mean. None is accepted where the CRS says it (any but WGS 84, under which GCJ-02 travels).
    crs
        For files that state none; overrides one that is stated, with a warning.
    assume_wgs84
        Take plain WGS 84 at its word where no datum is told, with a warning, instead of refusing it.

    Raises
    ------
    InputError
        Unreadable, no CRS, unknown CRS, coordinates that do not fit the CRS, unstated datum or encoding.
    """
    frame = _read_raw(path, faults, encoding=_stated(path, encoding, crs), layer=layer)
    if len(frame) == 0:
        raise fail(path, "table_empty")
    system = _system(path, frame, faults, crs=crs)
    if datum is None:
        if crs is None and system.to_epsg() in _WGS84_CODES:
            if not assume_wgs84:
                raise fail(path, "datum_unstated")
            faults.warn("datum_assumed")
        datum = "wgs84"
    _check_extent(path, frame, system)
    frame = frame.set_crs(system, allow_override=True)
    if system.to_epsg() not in (*_WGS84_CODES, 4490):
        frame = _transformed(path, frame)
    geometry = geometry_to_wgs84(frame.geometry.to_numpy(), datum) if datum in _ANY_DATUM else frame.geometry.to_numpy()
    moved = gpd.GeoDataFrame(
        frame.drop(columns=frame.geometry.name), geometry=shapely.force_2d(geometry), crs=CRS
    ).reset_index(drop=True)
    return Layer(moved, datum, system.to_string())


def _read_raw(path: Path, faults: Faults, *, encoding: str | None, layer: str | None) -> gpd.GeoDataFrame:
    try:
        if path.suffix.lower() in {".parquet", ".geoparquet"}:
            if b"geo" not in (pq.read_schema(path).metadata or {}):
                raise fail(path, "layer_without_geometry")
            return gpd.read_parquet(path)
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            _one_layer(path, layer)
            frame = pyogrio.read_dataframe(library_name(path), encoding=encoding, layer=layer, on_invalid="ignore")
    except (UnicodeDecodeError, LookupError) as fault:
        told = {"encoding": encoding or _told_encoding(path)}
        cut = path.suffix.lower() == ".shp" and _names_cut(path, told["encoding"])
        raise fail(path, "column_names_cut" if cut else "encoding_wrong", params=told) from fault
    except (DataSourceError, DataLayerError, ValueError, OSError, RuntimeError, pa.ArrowException) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    for note in dict.fromkeys(str(n.message) for n in notes):
        faults.warn("library_note", reason=note)
    if not isinstance(frame, gpd.GeoDataFrame):
        raise fail(path, "layer_without_geometry")
    return frame


def _told_encoding(path: Path) -> str:
    """What the .cpg beside a shapefile says; UTF-8, GDAL's own, where there is none."""
    beside = companion(path, ".cpg")
    return "UTF-8" if beside is None else beside.read_text(encoding="ascii", errors="replace").strip() or "UTF-8"


def _names_cut(path: Path, encoding: str) -> bool:
    """Whether a full-length column name of a shapefile ends within a character."""
    data = cast("Path", companion(path, ".dbf")).read_bytes()
    header = data[_DBF_HEADER : int.from_bytes(data[8:10], "little") - 1]
    for at in range(0, len(header), _DBF_HEADER):
        name = header[at : at + _DBF_NAME].split(b"\0")[0]
        try:
            name.decode(encoding)
        except UnicodeDecodeError as fault:
            return len(name) == _DBF_NAME and fault.end == len(name) and "end of data" in fault.reason
        except LookupError:
            return False
    return False


def _one_layer(path: Path, layer: str | None) -> None:
    layers = [str(name) for name, kind in pyogrio.list_layers(library_name(path)) if kind is not None]
    if layer is None and len(layers) > 1:
        raise fail(path, "layer_unstated", params={"found": listed(layers)})
    if layer is not None and layer not in layers:
        raise fail(path, "layer_missing", params={"layer": layer, "found": listed(layers)})


def _stated(path: Path, encoding: str | None, crs: str | None) -> str | None:
    """Encoding to read with; a shapefile that states neither encoding nor CRS has both faults raised at once."""
    problems: list[Problem] = []
    found = None
    try:
        found = _encoding(path, encoding)
    except InputError as fault:
        problems.extend(fault.problems)
    if crs is not None:
        try:
            known_crs(path, crs)
        except InputError as fault:
            problems.extend(fault.problems)
    elif path.suffix.lower() == ".shp" and companion(path, ".prj") is None:
        problems.extend(fail(path, "no_crs").problems)
    if problems:
        raise InputError(problems)
    return found


def _encoding(path: Path, encoding: str | None) -> str | None:
    """Encoding of a shapefile's words: as given, as its .cpg says, or UTF-8 where all bytes fit; else InputError."""
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError as fault:
            raise fail(path, "encoding_name", params={"encoding": encoding}) from fault
    if encoding is not None or path.suffix.lower() != ".shp" or companion(path, ".cpg") is not None:
        return encoding
    data = cast("Path", companion(path, ".dbf")).read_bytes()
    try:
        data[_DBF_HEADER:].decode("utf-8")
    except UnicodeDecodeError as fault:
        raise fail(path, "encoding_unstated") from fault
    return "utf-8"


def _system(path: Path, frame: gpd.GeoDataFrame, faults: Faults, *, crs: str | None) -> pyproj.CRS:
    stated = frame.crs
    if crs is None:
        if stated is None:
            raise fail(path, "no_crs")
        return cast("pyproj.CRS", stated)
    given = known_crs(path, crs)
    if stated is not None and not given.equals(stated, ignore_axis_order=True):
        faults.warn("crs_overridden", stated=stated.to_string(), crs=crs)
    return given


def known_crs(path: Path, crs: str) -> pyproj.CRS:
    """Resolve the CRS a user named; InputError where pyproj does not know it."""
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as fault:
        raise fail(path, "crs_unknown", params={"crs": crs}) from fault


def _check_extent(path: Path, frame: gpd.GeoDataFrame, system: pyproj.CRS) -> None:
    bounds = np.asarray(shapely.bounds(frame.geometry.to_numpy()), dtype=np.float64)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if len(bounds) == 0:
        return
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    far = max(abs(low[0]), abs(high[0])) > _LON_MAX or max(abs(low[1]), abs(high[1])) > _LAT_MAX
    shown = f"{low[0]:.6g}…{high[0]:.6g}, {low[1]:.6g}…{high[1]:.6g}"
    if system.is_geographic and max(abs(low).max(), abs(high).max()) > _NO_ANGLE:
        raise fail(path, "coordinates_projected", params={"extent": shown, "crs": system.to_string()})
    points = set(frame.geometry.geom_type.dropna()) <= {"Point", "MultiPoint"}
    if system.is_geographic and far and not points:  # points are named one by one later
        raise fail(path, "coordinates_range", params={"extent": shown})
    if system.is_projected and not far:
        raise fail(path, "coordinates_degrees", params={"extent": shown, "crs": system.to_string()})


def _transformed(path: Path, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    try:
        moved = frame.to_crs(CRS)
    except pyproj.exceptions.ProjError as fault:
        raise fail(path, "crs_transform", params={"reason": str(fault)}) from fault
    bounds = np.asarray(shapely.bounds(moved.geometry.to_numpy()))
    if np.isinf(bounds).any():
        raise fail(path, "crs_transform", params={"reason": "inf"})
    return moved


def transform_points(path: Path, x: npt.ArrayLike, y: npt.ArrayLike, system: pyproj.CRS) -> tuple[Any, Any]:
    """Positions (n,) in a CRS to degrees of WGS 84; NaN passes through. Raises InputError."""
    try:
        lon, lat = pyproj.Transformer.from_crs(system, CRS, always_xy=True).transform(x, y)
    except pyproj.exceptions.ProjError as fault:
        raise fail(path, "crs_transform", params={"reason": str(fault)}) from fault
    return lon, lat

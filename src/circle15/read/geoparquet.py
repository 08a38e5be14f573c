"""Institutions and places out of GeoParquet 地理列存表, a million rows in seconds and little memory."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyproj
import shapely

from circle15.errors import InputError
from circle15.project.datum import to_wgs84
from circle15.read.faults import Faults, fail
from circle15.schema import CRS, PLACE_COLUMNS, PLACE_LEVELS, SERVICES, Datum, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT_BYTES = 21  # WKB: byte order, type, x, y
_DEGREES = (4326, 4490)
_EXAMPLES = 5
_ENDS = 1 << 16


@dataclass(frozen=True)
class Points:
    """Institutions as columns (n,), services by number, so that a million take little memory.

    Parameters
    ----------
    ids
        As they stand.
    service, names
        Position of each one's service in `names`.
    lon, lat
        WGS 84 degrees.
    institution
        Number of the institution that each site is part of (`schema.institution_codes` 分院区); None where the file has
        no column `institution`, and each site is one.
    """

    ids: pa.ChunkedArray
    service: NDArray[np.int8]
    names: tuple[str, ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    source: Source
    institution: NDArray[np.int32] | None = None

    @property
    def services(self) -> NDArray[np.object_]:
        """Service (n,) of each."""
        return np.array(self.names, dtype=object)[self.service]


def read_points(path: Path, *, datum: Datum = "wgs84") -> Points:
    """Read `id`, `service` and point geometry; every fault at once (InputError).

    Degrees are taken in `datum`; a file in another system than degrees of WGS 84 or CGCS2000 is refused.
    """
    columns, geometry, faults = _table(path, ("id", "service"), ("institution",))
    lon, lat = _lonlat(geometry)
    service = columns.column("service").combine_chunks().dictionary_encode()
    names = tuple(str(v) for v in service.dictionary.to_pylist())
    for value in sorted(set(names) - set(SERVICES)):
        faults.error("scale.service", column="service", value=value, known=", ".join(SERVICES))
    bad = np.flatnonzero(~((np.abs(lon) <= 180) & (np.abs(lat) <= 90)))  # noqa: PLR2004 - degrees
    for at in bad[:_EXAMPLES]:
        faults.error("scale.coordinate", row=int(at) + 1, value=f"{lon[at]}, {lat[at]}", count=len(bad))
    ids = columns.column("id").cast(pa.string())
    twice = len(ids) - _distinct(ids)
    if twice:
        faults.error("scale.id_twice", column="id", count=twice)
    faults.raise_errors()
    x, y = to_wgs84(lon, lat, datum)
    code = service.indices.to_numpy(zero_copy_only=False).astype(np.int8)
    whose = _institutions(ids, columns.column("institution")) if "institution" in columns.column_names else None
    del columns, geometry, service
    _give_back()
    return Points(ids, code, names, np.asarray(x), np.asarray(y), _source("institutions", path, datum), whose)


def read_outlines(path: Path) -> tuple[gpd.GeoDataFrame, Source]:
    """Read places with `id`, `name`, `level` and outline (columns as in `schema.PLACE_COLUMNS`, others filled)."""
    _, _, faults = _table(path, ("id", "name", "level"))
    table = gpd.read_parquet(path)
    for value in sorted(set(table["level"].astype(str)) - set(PLACE_LEVELS)):
        faults.error("scale.level", column="level", value=value, known=", ".join(PLACE_LEVELS))
    if table["id"].duplicated().any():
        faults.error("scale.id_twice", column="id", count=int(table["id"].duplicated().sum()))
    faults.raise_errors()
    for column, kind in PLACE_COLUMNS.items():
        if column not in table.columns:
            table[column] = np.nan if kind == "float64" else ""
    shapes = np.asarray(table.geometry.array, dtype=object)
    kept = gpd.GeoDataFrame(table[[*PLACE_COLUMNS]].reset_index(drop=True), geometry=shapes, crs=CRS)
    del table
    _give_back()
    return kept, _source("places", path, "wgs84")


def _institutions(ids: pa.ChunkedArray, given: pa.ChunkedArray) -> NDArray[np.int32]:
    """Number (n,) of each one's institution; a site without a code is one by itself."""
    code = given.cast(pa.string())
    said = pc.greater(pc.fill_null(pc.binary_length(code), 0), 0)
    return np.asarray(pc.if_else(said, code, ids).combine_chunks().dictionary_encode().indices, dtype=np.int32)


def _table(
    path: Path, wanted: tuple[str, ...], optional: tuple[str, ...] = ()
) -> tuple[pa.Table, pa.ChunkedArray, Faults]:
    faults = Faults(path.name)
    try:
        held = pq.ParquetFile(path)
        said = json.loads((held.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        name = said.get("primary_column", "geometry")
        missing = [c for c in (*wanted, name) if c not in held.schema_arrow.names]
        if missing or "columns" not in said:
            found = ", ".join(held.schema_arrow.names)
            raise fail(path, "scale.columns", params={"missing": ", ".join(missing) or "geo", "found": found})
        _check_system(path, said["columns"][name])
        there = [c for c in optional if c in held.schema_arrow.names]
        table = held.read(columns=[*wanted, *there, name])
    except (pa.ArrowException, OSError, ValueError) as fault:
        if isinstance(fault, InputError):
            raise
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault
    return table, table.column(name), faults


def _give_back() -> None:
    """Return what Arrow read and nobody holds any more: 60 MB of a nation, which it would keep to the end."""
    pa.default_memory_pool().release_unused()


def _distinct(ids: pa.ChunkedArray) -> int:
    """How many ids differ; codes of one length are sorted where they lie (a hash table takes 300 MB a million)."""
    whole = ids.combine_chunks()
    long = pc.binary_length(whole)
    least, most = pc.min_max(long).as_py().values()
    if whole.null_count or not most or least != most or isinstance(whole, pa.ChunkedArray):
        return int(pc.count_distinct(ids).as_py())
    first = np.frombuffer(whole.buffers()[1], dtype=np.int32)[whole.offset]
    data = np.frombuffer(whole.buffers()[2], dtype=np.uint8)[first:][: len(whole) * most]
    return len(np.unique(data.view(f"S{most}")))


def _check_system(path: Path, said: dict[str, Any]) -> None:
    """Only degrees of WGS 84 or CGCS2000: GeoParquet without a word means WGS 84."""
    if said.get("encoding") != "WKB":
        raise fail(path, "scale.encoding", params={"encoding": str(said.get("encoding"))})
    given = said.get("crs")
    if given is not None and pyproj.CRS.from_json_dict(given).to_epsg() not in _DEGREES:
        raise fail(path, "scale.system", params={"crs": pyproj.CRS.from_json_dict(given).name})


def _lonlat(geometry: pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (n,) of WKB points; NaN where there is no point."""
    whole = geometry.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # pragma: no cover - more than 2 GB of points
        whole = pa.concat_arrays(whole.chunks)
    flat = whole.null_count == 0 and pa.types.is_binary(whole.type)
    if flat and len(whole) and pc.all(pc.equal(pc.binary_length(whole), _POINT_BYTES)).as_py():
        offsets = np.frombuffer(whole.buffers()[1], dtype=np.int32)[whole.offset : whole.offset + 1]
        data = np.frombuffer(whole.buffers()[2], dtype=np.uint8)[offsets[0] :][: len(whole) * _POINT_BYTES]
        rows = data.reshape(-1, _POINT_BYTES)
        if (rows[:, :5] == np.array([1, 1, 0, 0, 0], dtype=np.uint8)).all():
            xy = np.ascontiguousarray(rows[:, 5:]).view("<f8")
            return xy[:, 0].copy(), xy[:, 1].copy()
    points = shapely.from_wkb(whole.to_numpy(zero_copy_only=False))
    point = shapely.get_type_id(points) == shapely.GeometryType.POINT
    return np.where(point, shapely.get_x(points), np.nan), np.where(point, shapely.get_y(points), np.nan)


def fingerprint(path: Path) -> str:
    """A hash of a large file's size, beginning and end: told apart in a moment, whatever its size."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        digest = hashlib.sha256(str(size).encode() + stream.read(_ENDS))
        stream.seek(max(size - _ENDS, 0))
        digest.update(stream.read(_ENDS))
    return digest.hexdigest()


def _source(role: str, path: Path, datum: str) -> Source:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Source(role, os.path.basename(path), digest, datum)  # noqa: PTH119 - as source_of names it

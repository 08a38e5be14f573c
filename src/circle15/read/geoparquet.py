"""Institutions and places out of GeoParquet 地理列存表, a million rows in seconds and little memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

from circle15.errors import InputError, Problem
from circle15.project.datum import to_wgs84
from circle15.read.dates import dates
from circle15.read.faults import Faults, fail
from circle15.read.values import Column
from circle15.schema import CRS, PLACE_COLUMNS, PLACE_LEVELS, SERVICES, Datum, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT_BYTES = 21  # WKB: byte order, type, x, y
_DEGREES = (4326, 4490)
_EXAMPLES = 5
_VALIDITY = ("valid_from", "valid_to")
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
    warnings
        What was noticed while reading.
    """

    ids: pa.ChunkedArray
    service: NDArray[np.int8]
    names: tuple[str, ...]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    source: Source
    institution: NDArray[np.int32] | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def services(self) -> NDArray[np.object_]:
        """Service (n,) of each."""
        return np.array(self.names, dtype=object)[self.service]


def read_points(path: Path, *, datum: Datum = "wgs84", as_of: dt.date | None = None) -> Points:
    """Read `id`, `service` and point geometry; every fault at once (InputError).

    Degrees are taken in `datum`; a file in another system than degrees of WGS 84 or CGCS2000 is refused. With `as_of`
    only the sites that stand on that day are kept 在册机构, by the columns `valid_from` and `valid_to`.
    """
    file = _Table.opened(path, ("id", "service"))
    faults = Faults(path.name)
    lon, lat = _lonlat(file.column(file.geometry))
    for name in ("id", "service"):
        _every_row(file, name, faults)
    service = pc.fill_null(file.column("service").cast(pa.string()), "").combine_chunks().dictionary_encode()
    names = tuple(str(v) for v in service.dictionary.to_pylist())
    code = service.indices.to_numpy().astype(np.int8)
    for value in sorted(set(names) - {"", *SERVICES}):
        faults.error("scale.service", column="service", value=value, known=", ".join(SERVICES))
    bad = np.flatnonzero(~((np.abs(lon) <= 180) & (np.abs(lat) <= 90)))  # noqa: PLR2004 - degrees
    for at in bad[:_EXAMPLES]:
        faults.error("scale.coordinate", row=int(at) + 1, value=f"{lon[at]}, {lat[at]}", count=len(bad))
    ids = file.column("id").cast(pa.string())
    twice = 0 if ids.null_count else len(ids) - _distinct(ids)
    if twice:
        faults.error("scale.id_twice", column="id", count=twice)
    stands = None if as_of is None else _standing(file, as_of, faults)
    faults.raise_errors()
    whose = _institutions(ids, file.column("institution")) if file.has("institution") else None
    x, y = (np.asarray(v) for v in to_wgs84(lon, lat, datum))
    if stands is not None:
        ids, code, x, y = ids.filter(pa.array(stands)), code[stands], x[stands], y[stands]
        whose = None if whose is None else whose[stands]
    _give_back()
    options = {} if as_of is None else {"as_of": as_of.isoformat()}
    return Points(ids, code, names, x, y, _source("institutions", path, datum, options), whose, faults.warnings)


def _every_row(file: _Table, name: str, faults: Faults) -> None:
    """Note the rows that leave a column blank."""
    words = pc.fill_null(file.column(name).cast(pa.string()), "")
    blank = np.flatnonzero(pc.equal(pc.binary_length(words), 0).to_numpy())
    if len(blank):
        faults.error("scale.blank", row=int(blank[0]) + 1, column=name, count=len(blank))


def _standing(file: _Table, as_of: dt.date, faults: Faults) -> NDArray[np.bool_]:
    """Rows (n,) that stand on a day, both days of an agreement included; how many do not is warned of."""
    if not any(file.has(name) for name in _VALIDITY):
        found = ", ".join(file.held.schema_arrow.names)
        faults.error("scale.no_validity", as_of=as_of.isoformat(), columns=", ".join(_VALIDITY), found=found)
        return np.ones(file.held.metadata.num_rows, dtype=bool)
    day, stands = np.datetime64(as_of, "D"), np.ones(file.held.metadata.num_rows, dtype=bool)
    if file.has("valid_from"):
        stands &= ~(_days(file, "valid_from", faults) > day)
    if file.has("valid_to"):
        stands &= ~(_days(file, "valid_to", faults, ends=True) < day)
    if not stands.any():
        faults.error("scale.nobody_stands", as_of=as_of.isoformat())
    elif not stands.all():
        faults.warn("institutions_expired", count=int((~stands).sum()), as_of=as_of.isoformat())
    return stands


def _days(file: _Table, name: str, faults: Faults, *, ends: bool = False) -> NDArray[np.datetime64]:
    """Days (n,) of a column of dates, or of words in any form that registers use; NaT where none is given."""
    given = file.column(name)
    if pa.types.is_date(given.type) or (pa.types.is_timestamp(given.type) and given.type.tz is None):
        return np.asarray(given.cast(pa.timestamp("s"), safe=False).to_numpy(), dtype="datetime64[D]")
    words = given.cast(pa.string()).combine_chunks().dictionary_encode()
    cells, own = [str(cell) for cell in words.dictionary.to_pylist()], Faults(faults.file)
    found = dates(Column(cells, list(range(len(cells))), name, None), own, ends=ends)
    code = np.asarray(pc.fill_null(words.indices, len(cells)).to_numpy())
    unread = [p.row for p in own.problems if p.severity == "error" and p.row is not None]
    wrong = np.flatnonzero(np.isin(code, unread))
    if len(wrong):
        row = int(wrong[0])
        faults.error("scale.day", row=row + 1, column=name, value=cells[code[row]], count=len(wrong))
    days = np.append(found, np.datetime64("NaT")).astype("datetime64[D]")
    return np.asarray(days[code], dtype="datetime64[D]")


def read_outlines(path: Path) -> tuple[gpd.GeoDataFrame, Source]:
    """Read places with `id`, `name`, `level` and outline (columns as in `schema.PLACE_COLUMNS`, others filled)."""
    _Table.opened(path, ("id", "name", "level"))
    faults = Faults(path.name)
    with _arrow_faults(path):
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


@contextmanager
def _arrow_faults(path: Path) -> Iterator[None]:
    """What Arrow says of a file becomes an InputError."""
    try:
        yield
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError) as fault:
        raise fail(path, "file_unreadable", params={"reason": str(fault)}) from fault


@dataclass(frozen=True)
class _Table:
    """An open file of which columns are read one by one: all at once would take as much memory as a whole run."""

    path: Path
    held: pq.ParquetFile
    geometry: str

    @classmethod
    def opened(cls, path: Path, wanted: tuple[str, ...]) -> _Table:
        """Open a file and make sure of its columns and its system."""
        with _arrow_faults(path):
            held = pq.ParquetFile(path)
            said = json.loads((held.schema_arrow.metadata or {}).get(b"geo", b"{}"))
            name = said.get("primary_column", "geometry")
            missing = [c for c in (*wanted, name) if c not in held.schema_arrow.names]
            if missing or "columns" not in said:
                found = ", ".join(held.schema_arrow.names)
                raise fail(path, "scale.columns", params={"missing": ", ".join(missing) or "geo", "found": found})
            _check_system(path, said["columns"][name])
            return cls(path, held, name)

    def has(self, name: str) -> bool:
        """Whether the file has such a column."""
        return name in self.held.schema_arrow.names

    def column(self, name: str) -> pa.ChunkedArray:
        """Read one column."""
        with _arrow_faults(self.path):
            return self.held.read(columns=[name]).column(0)


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


def _source(role: str, path: Path, datum: str, options: Mapping[str, object] | None = None) -> Source:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Source(role, os.path.basename(path), digest, datum, options or {})  # noqa: PTH119 - as source_of names it

"""Institutions out of GeoParquet 地理列存表, a million rows in seconds and little memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from circle15.project.datum import to_wgs84
from circle15.read.dates import dates
from circle15.read.faults import Faults
from circle15.read.files import source_of
from circle15.read.parquet_table import ParquetTable, give_back
from circle15.read.values import Column
from circle15.schema import SERVICES, Datum, Source

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from numpy.typing import NDArray

    from circle15.errors import Problem

_POINT_BYTES = 21  # WKB: byte order, type, x, y
_EXAMPLES = 5
_VALIDITY = ("valid_from", "valid_to")


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
    faults = Faults(path.name)
    file = ParquetTable.opened(path, ("id", "service"), faults)
    lon, lat = _lonlat(file, faults)
    ids = file.filled("id", faults)
    service = pc.fill_null(file.filled("service", faults), "").combine_chunks().dictionary_encode()
    names = tuple(str(v) for v in service.dictionary.to_pylist())
    code = service.indices.to_numpy().astype(np.int8)
    for value in sorted(set(names) - {"", *SERVICES}):
        faults.error("scale.service", column="service", value=value, known=", ".join(SERVICES))
    bad = np.flatnonzero(~((np.abs(lon) <= 180) & (np.abs(lat) <= 90)))  # noqa: PLR2004 - degrees
    for at in bad[:_EXAMPLES]:
        faults.error("scale.coordinate", row=int(at) + 1, value=f"{lon[at]}, {lat[at]}", count=len(bad))
    twice = 0 if ids.null_count else len(ids) - _distinct(ids)
    if twice:
        faults.error("scale.id_twice", column="id", count=twice)
    stands = None if as_of is None else _standing(file, as_of, faults)
    faults.raise_errors()
    whose = _institutions(ids, file.words("institution")) if file.has("institution") else None
    x, y = (np.asarray(v) for v in to_wgs84(lon, lat, datum))
    if stands is not None:
        ids, code, x, y = ids.filter(pa.array(stands)), code[stands], x[stands], y[stands]
        whose = None if whose is None else whose[stands]
    give_back()
    options = {} if as_of is None else {"as_of": as_of.isoformat()}
    source = source_of("institutions", path, datum=datum, options=options)
    return Points(ids, code, names, x, y, source, whose, faults.warnings)


def _standing(file: ParquetTable, as_of: dt.date, faults: Faults) -> NDArray[np.bool_]:
    """Rows (n,) that stand on a day, both days of an agreement included; how many do not is warned of."""
    if not any(file.has(name) for name in _VALIDITY):
        found = ", ".join(file.held.schema_arrow.names)
        faults.error("scale.no_validity", as_of=as_of.isoformat(), columns=", ".join(_VALIDITY), found=found)
        return np.ones(file.held.metadata.num_rows, dtype=bool)
    day, stands = np.datetime64(as_of, "D"), np.ones(file.held.metadata.num_rows, dtype=bool)
    if file.has("valid_from"):
        stands &= ~(days_of(file, "valid_from", faults) > day)
    if file.has("valid_to"):
        stands &= ~(days_of(file, "valid_to", faults, ends=True) < day)
    if not stands.any():
        faults.error("scale.nobody_stands", as_of=as_of.isoformat())
    elif not stands.all():
        faults.warn("institutions_expired", count=int((~stands).sum()), as_of=as_of.isoformat())
    return stands


def days_of(file: ParquetTable, name: str, faults: Faults, *, ends: bool = False) -> NDArray[np.datetime64]:
    """Days (n,) of a column of dates, or of words in any form that registers use; NaT where none is given."""
    given = file.column(name)
    if pa.types.is_date(given.type) or (pa.types.is_timestamp(given.type) and given.type.tz is None):
        return np.asarray(given.cast(pa.timestamp("s"), safe=False).to_numpy(), dtype="datetime64[D]")
    words = file.words(name).combine_chunks().dictionary_encode()
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


def _institutions(ids: pa.ChunkedArray, code: pa.ChunkedArray) -> NDArray[np.int32]:
    """Number (n,) of each one's institution; a site without a code is one by itself."""
    said = pc.greater(pc.fill_null(pc.binary_length(code), 0), 0)
    return np.asarray(pc.if_else(said, code, ids).combine_chunks().dictionary_encode().indices, dtype=np.int32)


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


def _lonlat(file: ParquetTable, faults: Faults) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (n,) of WKB points, NaN where there is none; rows that hold something else are faults."""
    whole = file.column(file.geometry).combine_chunks()
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
    points = file.shapes(faults)
    other = ~shapely.is_missing(points) & (shapely.get_type_id(points) != shapely.GeometryType.POINT)
    if other.any():
        row = int(np.flatnonzero(other)[0])
        kind = points[row].geom_type
        faults.error("scale.not_points", row=row + 1, column=file.geometry, value=kind, count=int(other.sum()))
    x, y = (np.where(other, 0.0, get(points)) for get in (shapely.get_x, shapely.get_y))  # NaN of what is no point
    return x, y

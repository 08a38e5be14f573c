"""An open GeoParquet file of any size 地理列存表: its system is made sure of, its columns are read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyproj
import shapely

from circle15.errors import InputError, Problem
from circle15.read.faults import Faults, fail
from circle15.read.files import library_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEGREES = (4326, 4490)
_CRS84 = ("OGC", "CRS84")


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
class ParquetTable:
    """An open file of which columns are read one by one: all at once would take as much memory as a whole run."""

    path: Path
    held: pq.ParquetFile
    geometry: str

    @classmethod
    def opened(cls, path: Path, wanted: tuple[str, ...], faults: Faults) -> ParquetTable:
        """Open a file and make sure of its columns, its system and that it has rows (InputError)."""
        with _arrow_faults(path):
            held = pq.ParquetFile(library_name(path))
            names = held.schema_arrow.names
            geo = (held.schema_arrow.metadata or {}).get(b"geo")
            name, said = ("geometry", {}) if geo is None else _described(path, geo)
            missing = [c for c in (*wanted, name) if c not in names] or (["geo"] if geo is None else [])
            if missing:
                raise fail(path, "scale.columns", params={"missing": ", ".join(missing), "found": ", ".join(names)})
            kind = held.schema_arrow.field(name).type
            stored = str(said.get("encoding") if kind in {pa.binary(), pa.large_binary()} else kind)
            if stored != "WKB":
                raise fail(path, "scale.encoding", params={"encoding": stored})
            _check_system(path, said, faults)
            if held.metadata.num_rows == 0:
                raise fail(path, "table_empty")
            return cls(path, held, name)

    def has(self, name: str) -> bool:
        """Whether the file has such a column."""
        return name in self.held.schema_arrow.names

    def column(self, name: str) -> pa.ChunkedArray:
        """Read one column."""
        with _arrow_faults(self.path):
            return self.held.read(columns=[name]).column(0)

    def words(self, name: str) -> pa.ChunkedArray:
        """Read one column as words; InputError where it holds lists or the like."""
        try:
            return self.column(name).cast(pa.string())
        except pa.ArrowException as fault:
            params = {"kind": str(self.held.schema_arrow.field(name).type)}
            raise InputError(Problem("scale.column_kind", self.path.name, column=name, params=params)) from fault

    def filled(self, name: str, faults: Faults) -> pa.ChunkedArray:
        """Read one column as words of which none may be blank."""
        words = self.words(name)
        blank = np.flatnonzero(pc.equal(pc.binary_length(pc.fill_null(words, "")), 0).to_numpy())
        if len(blank):
            faults.error("scale.blank", row=int(blank[0]) + 1, column=name, count=len(blank))
        return words

    def numbers(self, name: str, faults: Faults) -> NDArray[np.float64]:
        """Read one column as numbers (n,) of which none may be below 0 or infinite; NaN where the file says nothing."""
        given = self.column(name)
        try:
            values = np.asarray(given.cast(pa.float64()).to_numpy())
            blank = given.is_null().to_numpy()
        except pa.ArrowException:
            words = pc.fill_null(self.words(name), "").to_pandas().str.strip()
            values = np.asarray(pd.to_numeric(words, errors="coerce"), dtype=np.float64)
            blank = words.eq("").to_numpy()
        told_nan = pa.types.is_floating(given.type)
        wrong = np.flatnonzero((np.isnan(values) & ~blank & (not told_nan)) | (values < 0) | np.isinf(values))
        if len(wrong):
            row = int(wrong[0])
            faults.error("scale.number", row=row + 1, column=name, value=given[row], count=len(wrong))
        return values

    def shapes(self, faults: Faults) -> NDArray[np.object_]:
        """Read the geometries (n,), None where there is none; what is no WKB is a fault."""
        bytes_of = self.column(self.geometry)
        with np.errstate(invalid="ignore"):  # a coordinate that is no number
            shapes = np.asarray(shapely.from_wkb(bytes_of.to_numpy(), on_invalid="ignore"), dtype=object)
        broken = np.flatnonzero(shapely.is_missing(shapes) & ~bytes_of.is_null().to_numpy())
        if len(broken):
            faults.error("scale.wkb", row=int(broken[0]) + 1, column=self.geometry, count=len(broken))
        return shapes


def give_back() -> None:
    """Return what Arrow read and nobody holds any more: 60 MB of a nation, which it would keep to the end."""
    pa.default_memory_pool().release_unused()


def _described(path: Path, geo: bytes) -> tuple[str, dict[str, Any]]:
    """Name and description of the geometry column; InputError where the metadata is not that of GeoParquet."""
    try:
        said = json.loads(geo)
    except (ValueError, RecursionError) as fault:
        raise fail(path, "scale.metadata", params={"part": "geo"}) from fault
    name = said.get("primary_column") if isinstance(said, dict) else None
    columns = said.get("columns") if isinstance(said, dict) else None
    if not isinstance(name, str):
        raise fail(path, "scale.metadata", params={"part": "geo/primary_column"})
    if not isinstance(columns, dict) or not isinstance(columns.get(name), dict):
        raise fail(path, "scale.metadata", params={"part": f"geo/columns/{name}"})
    return name, columns[name]


def _check_system(path: Path, said: dict[str, Any], faults: Faults) -> None:
    """Only degrees of WGS 84 or CGCS2000: no word means WGS 84 (OGC:CRS84), null an unknown system (GeoParquet 1.1)."""
    given = said.get("crs", "")
    if given == "":
        return
    if given is None:
        faults.warn("scale.system_unsaid")
        return
    try:
        system = pyproj.CRS.from_json_dict(given).to_2d()
    except (pyproj.exceptions.CRSError, TypeError, AttributeError) as fault:
        raise fail(path, "scale.metadata", params={"part": "crs"}) from fault
    if system.to_epsg() not in _DEGREES and system.to_authority() != _CRS84:
        raise fail(path, "scale.system", params={"crs": system.name})

"""Opening files: is it there, may it be read, is it what its name says 文件核对."""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from circle15.errors import Problem
from circle15.read.faults import fail
from circle15.schema import Assumption, Correction, SheetCount, Source

Table = TypeVar("Table")

EXCEL = (".xlsx", ".xlsm", ".xls")
CSV = (".csv", ".txt", ".tsv")
VECTOR = (".geojson", ".json", ".gpkg", ".parquet", ".geoparquet", ".shp")
RASTER = (".tif", ".tiff")

_ZIP, _OLE, _SQLITE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"SQLite format 3\x00"
_STARTS: Mapping[str, tuple[bytes, ...]] = {
    ".xlsx": (_ZIP,),
    ".xlsm": (_ZIP,),
    ".xls": (_OLE,),
    ".gpkg": (_SQLITE,),
    ".parquet": (b"PAR1",),
    ".geoparquet": (b"PAR1",),
    ".shp": (b"\x00\x00\x27\x0a",),
    ".tif": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    ".tiff": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
}
_LOOKS: tuple[tuple[bytes, str], ...] = (
    (_ZIP, "zip/xlsx"),
    (_OLE, "xls/doc"),
    (_SQLITE, "gpkg/SQLite"),
    (b"PAR1", "parquet"),
    (b"%PDF", "PDF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x1f\x8b", "gzip"),
    (b"\x89PNG", "PNG"),
    (b"Rar!", "RAR"),
    (b"<?xml", "XML"),
    (b"<html", "HTML"),
    (b"<!doctype", "HTML"),
    (b"<table", "HTML"),
    (b"{", "JSON"),
)
_HEAD = 512
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TEXT = (*CSV, ".geojson", ".json", ".toml")
_COMPANIONS = (".dbf", ".shx", ".prj", ".cpg")


@dataclass(frozen=True)
class Reading(Generic[Table]):
    """What one reading gives: the table, where it came from, and what the user should know.

    Parameters
    ----------
    table
        GeoDataFrame or population.
    sources
        One record a file.
    warnings
        Problems that did not stop the reading.
    assumptions
        What was taken for granted on reading (title rows, suffixes, date forms …), for check-data to list.
    counts
        Rows of each sheet before and after.
    corrections
        Cells that were read otherwise than they stand.
    """

    table: Table
    sources: tuple[Source, ...]
    warnings: tuple[Problem, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    counts: tuple[SheetCount, ...] = ()
    corrections: tuple[Correction, ...] = ()

    @property
    def source(self) -> Source:
        """The first (mostly only) file."""
        return self.sources[0]


def checked_path(path: str | os.PathLike[str], *, kinds: tuple[str, ...]) -> Path:
    """Return the path once it is a readable, non-empty file whose first bytes fit its name; else raise InputError."""
    file = Path(path)
    head = _head(file)
    suffix = file.suffix.lower()
    if suffix not in kinds:
        raise fail(file, "file_kind_unknown", params={"suffix": suffix or "?", "kinds": " ".join(kinds)})
    if not head:
        raise fail(file, "file_empty")
    starts = _STARTS.get(suffix, ())
    if (starts and not head.startswith(starts)) or (suffix in _TEXT and _is_binary(head, suffix)):
        raise fail(file, "file_wrong_kind", params={"suffix": suffix, "looks": _looks(head)})
    if suffix == ".shp":
        missing = [s for s in (".dbf", ".shx") if companion(file, s) is None]
        if missing:
            raise fail(file, "file_companion_missing", params={"missing": " ".join(missing)})
    return file


def _head(file: Path) -> bytes:
    try:
        if file.is_dir():
            raise fail(file, "file_is_folder")
        with file.open("rb") as stream:
            return stream.read(_HEAD)
    except FileNotFoundError as fault:
        raise fail(file, "file_missing", params={"path": str(file)}) from fault
    except PermissionError as fault:
        raise fail(file, "file_no_permission") from fault
    except (OSError, ValueError) as fault:
        code = getattr(fault, "errno", None)
        reason = os.strerror(code) if isinstance(code, int) and code in errno.errorcode else str(fault)
        raise fail(file, "file_unreadable", params={"reason": reason}) from fault


def _is_binary(head: bytes, suffix: str) -> bool:
    if suffix in {".geojson", ".json"}:
        return not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    if head.startswith(_UTF16):
        return False
    lowered = head.lstrip().lower()
    return b"\x00" in head or lowered.startswith((_ZIP.lower(), b"<html", b"<!doctype", b"<table", b"%pdf"))


def _looks(head: bytes) -> str:
    lowered = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, name in _LOOKS:
        if head.startswith(start) or lowered.startswith(start.lower()):
            return name
    return "?" if b"\x00" in head else "text"


def companion(file: Path, suffix: str) -> Path | None:
    """Find the file beside a shapefile with this suffix, in either case; None where there is none."""
    for name in (suffix, suffix.upper()):
        beside = file.with_suffix(name)
        if beside.is_file():
            return beside
    return None


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the collector of reference cycles: it would walk the millions of cells just read, a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def library_name(file: Path) -> str:
    """Name of a file as GDAL's libraries take it: the bytes on disk read as UTF-8.

    Under an ASCII locale Python holds Chinese names as lone surrogates, which those libraries cannot encode. Raises
    InputError where the bytes are no UTF-8.
    """
    try:
        return os.fsencode(file).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise fail(file, "file_name_bytes") from fault


def sha256(file: Path) -> str:
    """Hash the bytes of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_of(role: str, file: Path, *, datum: str, options: Mapping[str, object]) -> Source:
    """Record a file: hash, datum and the options that differ from nothing; a shapefile's companions are hashed too."""
    kept = {key: value for key, value in options.items() if value not in (None, "", (), {})}
    if file.suffix.lower() == ".shp":
        beside = {s: companion(file, s) for s in _COMPANIONS}
        kept |= {f"sha256{s}": sha256(path) for s, path in beside.items() if path is not None}
    return Source(role=role, file=file.name, sha256=sha256(file), datum=datum, options=kept)

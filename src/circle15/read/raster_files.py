"""The files behind a raster 栅格所涉文件, told apart without reading gigabytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from circle15.read.faults import fail
from circle15.read.files import library_name
from circle15.schema import Source

_ENDS = 1 << 16
_HEAD = 512
_VIRTUAL = b"<VRTDataset"


def files_of(raster: Path) -> list[Path]:
    """A raster's own file and all that virtual ones draw on, through any depth, by name; a bad one is an InputError."""
    found, waiting = {raster}, [raster]
    while waiting:
        virtual = waiting.pop()
        try:
            with rasterio.open(library_name(virtual)) as opened:
                names = [Path(os.fsdecode(name.encode())) for name in opened.files]  # GDAL tells names in UTF-8
        except RasterioError as fault:
            raise fail(virtual, "file_unreadable", params={"reason": str(fault)}) from fault
        new = {file for file in names if file not in found and file.is_file()}
        found |= new
        waiting += [file for file in new if _is_virtual(file)]
    return sorted(found)


def _is_virtual(file: Path) -> bool:
    with file.open("rb") as stream:
        return _VIRTUAL in stream.read(_HEAD)


def source_of_raster(raster: Path, *, crs: str | None, nodata: float | None) -> Source:
    """The raster told apart by its files: sizes, beginnings and ends (hashing gigabytes would double the reading).

    `crs` and `nodata` are recorded where they were told beside the file.
    """
    parts = files_of(raster)
    lines = [f"{library_name(Path(part.name))}:{_fingerprint(part)}\n" for part in parts]
    told = hashlib.sha256("".join(lines).encode()).hexdigest()
    told_beside = {"crs": crs, "nodata": None if nodata is None else str(nodata)}
    options = {"files": len(parts), "hash": "size, first and last 64 KiB"}
    options |= {name: value for name, value in told_beside.items() if value is not None}
    return Source("population", raster.name, told, "wgs84", options)


def changed_ns(raster: Path) -> tuple[int, ...]:
    """When those files were last changed that are not read whole by `source_of_raster`, nanoseconds."""
    stats = [part.stat() for part in files_of(raster)]
    return tuple(stat.st_mtime_ns for stat in stats if stat.st_size > 2 * _ENDS)


def _fingerprint(path: Path) -> str:
    """A hash of a file's size, beginning and end."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        digest = hashlib.sha256(str(size).encode() + stream.read(_ENDS))
        stream.seek(max(size - _ENDS, 0))
        digest.update(stream.read(_ENDS))
    return digest.hexdigest()

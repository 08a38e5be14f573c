"""Prepared street networks kept beside their file 路网预处理缓存, under a name that holds the input's hash.

A cache is only ever a copy: one that is missing, broken or of another version is made anew, and where no folder can be
written the network is prepared each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circle15.schema import Streets

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = 1
_FLOATS = frozenset({"lon", "lat", "length_m", "shape_lon", "shape_lat", "shape_m", "elevation_m"})


def cache_key(sha256: str, options: Mapping[str, object]) -> str:
    """Name of the preparation of a file (by its hash) with these options and this version of the program."""
    told = json.dumps([VERSION, sha256, dict(options)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def cache_files(file: Path, key: str) -> Iterator[Path]:
    """Where the preparation may stand: beside the file, then in the user's cache folder ($CIRCLE15_CACHE)."""
    name = f"{file.name}.{key}.circle15.npz"
    yield file.absolute().parent / name
    with contextlib.suppress(RuntimeError):  # no home folder
        given = os.environ.get("CIRCLE15_CACHE") or os.environ.get("XDG_CACHE_HOME")
        folder = Path(given) if given else Path.home() / ".cache"
        yield (folder if os.environ.get("CIRCLE15_CACHE") else folder / "circle15") / name


def load_streets(file: Path, key: str) -> tuple[Streets, dict[str, Any]] | None:
    """The preparation and its notes; None where there is none that can be used."""
    for path in cache_files(file, key):
        with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, TypeError):
            # opened here: numpy leaves a file open that turns out to be cut
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
                arrays = {f.name: held[f.name] for f in fields(Streets)}
                notes = json.loads(held["notes"].tobytes().decode())
            if notes.pop("key") == key and _sound(arrays):
                return Streets(**arrays), notes
    return None


def keep_streets(file: Path, key: str, streets: Streets, notes: Mapping[str, object]) -> Path | None:
    """Keep a preparation in the first folder that can be written; None where none can."""
    told = np.frombuffer(json.dumps({**notes, "key": key}, sort_keys=True).encode(), dtype=np.uint8)
    for path in cache_files(file, key):
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".circle15-", suffix=".npz", dir=path.parent)
            os.close(handle)
            try:
                np.savez(name, notes=told, **vars(streets))
                Path(name).chmod(0o644)  # others may read what they could make themselves
                Path(name).replace(path)
            finally:
                Path(name).unlink(missing_ok=True)
            return path
    return None


def _sound(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether arrays fit together: types, lengths, and no index beyond its end."""
    typed = all(a.ndim == 1 and a.dtype == (np.float64 if n in _FLOATS else np.int64) for n, a in arrays.items())
    n, m, s = len(arrays["lon"]), len(arrays["u"]), len(arrays["shape_lon"])
    lengths = {
        "lat": n,
        "elevation_m": n,
        "start": n + 1,
        "v": m,
        "length_m": m,
        "shape_start": m + 1,
        "other": 2 * m,
        "edge": 2 * m,
        "shape_lat": s,
        "shape_m": s,
    }
    if not typed or any(len(arrays[k]) != size for k, size in lengths.items()):
        return False
    bounds = {"u": n, "v": n, "other": n, "edge": m}
    inside = all(((arrays[k] >= 0) & (arrays[k] < top)).all() for k, top in bounds.items())
    runs = all((np.diff(arrays[k]) >= 0).all() and arrays[k][0] == 0 for k in ("start", "shape_start"))
    return bool(inside and runs and arrays["start"][-1] == 2 * m and arrays["shape_start"][-1] == s)

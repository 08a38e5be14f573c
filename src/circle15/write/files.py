"""Results reach the disk whole or not at all: written to a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from circle15.errors import OutputError, Problem, UsageError
from circle15.write.in_use import PREFIX, in_use

if TYPE_CHECKING:
    import pandas as pd

_REASONS = {
    errno.EACCES: "output.no_permission",
    errno.EPERM: "output.no_permission",
    errno.EROFS: "output.no_permission",
    errno.ENOSPC: "output.disk_full",
    errno.EDQUOT: "output.disk_full",
    errno.ENOTDIR: "output.not_a_folder",
    errno.EEXIST: "output.not_a_folder",
    errno.EISDIR: "output.is_a_folder",
    errno.ENAMETOOLONG: "output.name_too_long",
}
Identity = tuple[int, int]
_PROTECTED: ContextVar[frozenset[Identity | None]] = ContextVar("protected", default=frozenset())


def identity(path: Path) -> Identity | None:
    """What the system knows a file or folder by, whatever its name or link; None where there is none."""
    try:
        told = path.stat()
    except (OSError, ValueError):
        return None
    return told.st_dev, told.st_ino


@contextmanager
def protected(inputs: Iterable[Path]) -> Iterator[None]:
    """Within, `write_whole` replaces none of these files."""
    token = _PROTECTED.set(frozenset(identity(path) for path in inputs) - {None})
    try:
        yield
    finally:
        _PROTECTED.reset(token)


@contextmanager
def output_faults(path: Path) -> Iterator[None]:
    """Turn what the system says about writing (OSError) into an OutputError: one sentence, the place, the remedy."""
    try:
        yield
    except UnicodeEncodeError as fault:  # LC_ALL=C without UTF-8 mode: the system takes ASCII names only
        raise OutputError(Problem("output.name_not_ascii", file=ascii(str(path))[1:-1])) from fault
    except OSError as fault:
        reason = _REASONS.get(fault.errno or 0, "output.failed")
        raise OutputError(Problem(reason, file=str(path), params={"reason": fault.strerror or str(fault)})) from fault


def write_whole(path: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it; nothing half-written stays behind.

    The temporary file keeps the suffix, because some writers choose the format by it. Raises OutputError, and
    UsageError where `path` is one of the files that are `protected`.
    """
    if identity(path) in _PROTECTED.get():
        raise UsageError(Problem("use.output_over_input", value=str(path), params={"output": "circle15"}))
    with output_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if path.exists() and not path.is_file():  # a rename would put a plain file in the place of a device
            raise OutputError(Problem("output.not_a_file", file=str(path)))
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            with in_use(temporary):
                write(temporary)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def settle(paths: Iterable[Path]) -> None:
    """Wait until files stand on the disk, for a power cut then takes none of them."""
    for path in paths:
        with output_faults(path):
            handle = os.open(path, os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole; lone surrogates from foreign names are replaced, never a crash."""
    return write_whole(path, lambda temporary: _put(temporary, text.encode("utf-8", errors="replace")))


def safe_file_name(name: str, *, fallback: str) -> str:
    """A place or city name as a file name: letters, digits, CJK, hyphen and underscore; never a path."""
    kept = re.sub(r"[^\w\-]+", "_", unicodedata.normalize("NFC", name), flags=re.UNICODE).strip("_.")
    return kept[:60] or fallback


def page_names(stem: str, places: pd.DataFrame) -> dict[str, str]:
    """File name of each place's page (id -> name); places whose names fall together get their id added."""
    plain = {
        str(r.id): safe_file_name(str(r.name), fallback=str(r.id))
        for r in places[["id", "name"]].itertuples(index=False)
    }
    folded = [n.casefold() for n in plain.values()]
    taken = {n for n in folded if folded.count(n) > 1} | {"index", "city"}
    return {
        i: f"{stem}_{n}{'_' + safe_file_name(i, fallback='x') if n.casefold() in taken else ''}.html"
        for i, n in plain.items()
    }


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

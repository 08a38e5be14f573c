"""What a live process is writing 占用中: a lock of the system tells, which ends with the process however it ends.

Process numbers would not do: they are given again, and mean nothing to another machine or container.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows keeps others from files that are open
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = ".circle15-"
"""Of every temporary file and folder; what follows is as `tempfile` makes it."""
_TEMPORARY = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}(\.\w+)*")
_SIDE = ".ovr.tmp"  # GDAL's own temporary file beside the one that it is told to write


@contextmanager
def in_use(path: Path) -> Iterator[None]:
    """Within, `sweep` of any process leaves this file or folder alone."""
    if fcntl is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        take(handle, alone=False)
        yield
    finally:
        os.close(handle)


def take(handle: int, *, alone: bool) -> bool:
    """Lock an open file until it is closed; whether nobody else has it. True where the storage knows no locks."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as fault:
        return fault.errno not in {errno.EWOULDBLOCK, errno.EACCES}
    return True


def sweep(folder: Path, *, before: float) -> None:
    """Remove temporary files and folders of this tool that a killed process left in a folder.

    Parameters
    ----------
    before
        Seconds since 1970: what was changed later may be about to be locked, and stays.
    """
    if fcntl is None or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        owner = path.with_name(path.name.removesuffix(_SIDE))
        if _TEMPORARY.fullmatch(path.name) and not path.is_symlink() and not _held(owner, before):
            _remove(path)


def _held(path: Path, before: float) -> bool:
    try:
        if path.stat().st_mtime >= before:
            return True
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:  # nobody can tell: it stays
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

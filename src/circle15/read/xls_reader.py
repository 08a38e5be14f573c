"""Old workbooks (.xls) read by a process of their own 旧版工作簿: what a damaged one breaks is not ours.

Run as `python -m circle15.read.xls_reader FILE SHEET`: writes the cells to standard output. Its memory and time are
limited where the system can do that, so that a sheet which claims billions of cells ends in a message.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

from circle15.errors import InputError, Problem
from circle15.read.faults import fail
from circle15.read.workbooks import Book, read_calamine

MAX_XLS_BYTES = 100_000_000
MAX_MEMORY_BYTES = 2_000_000_000
MAX_SECONDS = 120
_FROM_1904 = bytes.fromhex("2200 0200 0100 0e00 0200")
"""The record of the 1904 date system, switched on, and the head of the one that always follows it (MS-XLS 2.1.7.20)."""


def read_xls(path: Path, *, sheet: str | None) -> Book:
    """Read an .xls in a process of its own.

    Raises InputError with the fault that process found, or file_unreadable where it broke off.
    """
    if path.stat().st_size > MAX_XLS_BYTES:
        size = f"{path.stat().st_size / 1e6:.0f}"
        raise fail(path, "file_too_large", params={"size": size, "limit": f"{MAX_XLS_BYTES / 1e6:.0f}"})
    folders = os.pathsep.join(p for p in sys.path if p)
    told = {**os.environ, "PYTHONPATH": folders, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "circle15.read.xls_reader", str(path), *([] if sheet is None else [sheet])]
    try:
        done = subprocess.run(command, capture_output=True, timeout=MAX_SECONDS, check=False, env=told)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired as fault:
        raise fail(path, "file_unreadable", params={"reason": f"> {MAX_SECONDS} s"}) from fault
    if done.returncode or not done.stdout:
        raise fail(path, "file_damaged")
    found = pickle.loads(done.stdout)  # noqa: S301 - written by our own process just now
    if isinstance(found, Book):
        return found
    raise InputError(found)


def _limit() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main(path: str, sheet: str | None = None) -> None:
    _limit()
    found: Book | tuple[Problem, ...]
    try:
        data = Path(path).read_bytes()
        found = read_calamine(Path(path), io.BytesIO(data), sheet=sheet, from_1904=_FROM_1904 in data)
    except InputError as fault:
        found = fault.problems
    sys.stdout.buffer.write(pickle.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:3])

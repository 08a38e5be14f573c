"""What a run leaves in its folder until it is complete 运行痕迹: finished blocks, and a lock that keeps others out."""

from __future__ import annotations

import os
import platform
import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from circle15.errors import OutputError, Problem
from circle15.write.files import identity, output_faults
from circle15.write.in_use import take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circle15.scale.task import Task

UNFINISHED = ".unfinished"
_LOCK = "run.lock"
_SHOWN = 200
_MIB = 1 << 20


@contextmanager
def alone_in(*folders: Path) -> Iterator[None]:
    """Keep every other run out of folders of results, whatever its inputs: their files would be mixed.

    The locks end with the process, however that ends; the files only tell who has them. OutputError where another run
    is at work in one of them.
    """
    with ExitStack() as held:
        for folder in dict.fromkeys(path.resolve() for path in folders):
            held.enter_context(_alone_in_one(folder))
        yield


@contextmanager
def _alone_in_one(out: Path) -> Iterator[None]:
    path = out / UNFINISHED / _LOCK
    with output_faults(path):
        handle = _locked(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # blocks are left there
            path.parent.rmdir()
        os.close(handle)


def _locked(path: Path) -> int:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # a run that ended took the folder with it
            continue
        if not take(handle, alone=True):
            who = os.read(handle, _SHOWN).decode(errors="replace").strip()
            os.close(handle)
            raise OutputError(Problem("scale.folder_taken", file=str(path.parent.parent), params={"who": who}))
        told = os.fstat(handle)
        if identity(path) == (told.st_dev, told.st_ino):
            os.truncate(handle, 0)
            os.write(handle, f"{platform.node()} {os.getpid()}\n".encode())
            return handle
        os.close(handle)  # a run that ended removed it after we had opened it


def blocks_folder(task: Task, out: Path) -> Path:
    """Where the finished blocks of a run stand."""
    return out / UNFINISHED / task.key


def kept_blocks(task: Task, out: Path) -> int:
    """How many blocks of a run stand there."""
    return sum(1 for _ in blocks_folder(task, out).glob("*/[0-9]*.npz"))


def forget(folder: Path) -> None:
    """Remove the results of blocks, after their sum has been written."""
    shutil.rmtree(folder, ignore_errors=True)


def others_left(out: Path) -> Iterator[Problem]:
    """Warn of blocks that runs with other inputs or options left; they may be hours of work, and stay."""
    folder = out / UNFINISHED
    runs = [path for path in folder.iterdir() if path.is_dir()]
    if runs:
        size = sum(path.stat().st_size for path in folder.rglob("*.npz"))
        told = {"count": len(runs), "mib": f"{size / _MIB:.1f}"}
        yield Problem("scale.blocks_left", file=str(folder), params=told, severity="warning")

"""A run from its first block to its last 测算运行: goes on where it was stopped, on this machine or on a cluster."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from circle15.read.raster import read_block
from circle15.scale.block import is_whole, keep_result, measure_block, result_path
from circle15.scale.cluster import Cluster, run_on
from circle15.write.files import output_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from circle15.scale.task import Task

    Progress = Callable[[str, int, int], None]

UNFINISHED = ".unfinished"


def run_blocks(task: Task, out: Path, *, cluster: Cluster | None = None, progress: Progress | None = None) -> Path:
    """Measure all blocks that are not yet measured.

    Parameters
    ----------
    out
        Folder of the results; finished blocks stand in `.unfinished/<key>` below it until the run is complete.
    cluster
        Where to measure; in this process where not given.
    progress
        Called as (step id, done, total) after each block.

    Returns
    -------
    The folder that holds the result of every block. However often the run was stopped, wherever its blocks were
    measured and in whatever order, the same bytes stand there.
    """
    folder = out / UNFINISHED / task.key
    with output_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    numbers = range(len(task.windows))
    todo = [n for n in numbers if not is_whole(result_path(folder, n))]
    done = len(numbers) - len(todo)

    def tell() -> None:
        if progress is not None:
            progress("blocks", done, len(numbers))

    tell()
    if cluster is not None and todo:
        for number, result in run_on(cluster, task, todo):
            keep_result(result_path(folder, number), result)
            done += 1
            tell()
        return folder
    for _ in _one_by_one(task, todo, folder):
        done += 1
        tell()
    return folder


def _one_by_one(task: Task, todo: Sequence[int], folder: Path) -> Iterator[int]:
    """Measure blocks in this process; while one is measured, a thread reads the next."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(read_block, task.raster, task.windows[todo[0]]) if todo else None
        for at, number in enumerate(todo):
            if coming is None:
                break
            values, nodata = coming.result()
            following = todo[at + 1 : at + 2]
            coming = reader.submit(read_block, task.raster, task.windows[following[0]]) if following else None
            keep_result(result_path(folder, number), measure_block(task, number, values, nodata))
            yield number


def forget(folder: Path) -> None:
    """Remove the results of blocks, after their sum has been written."""
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = folder.parent
    if unfinished.name == UNFINISHED and unfinished.is_dir() and not any(unfinished.iterdir()):
        unfinished.rmdir()

"""A run from its first block to its last 测算运行: goes on where it was stopped, on this machine or on a cluster."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from circle15.scale.block import is_whole, keep_result, packed_block, result_path
from circle15.scale.cluster import Cluster, run_on
from circle15.scale.memory import give_back
from circle15.scale.traces import blocks_folder
from circle15.write.files import output_faults

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from circle15.quantities import Progress
    from circle15.scale.task import Task

_THREADS = 2  # kernels leave the interpreter free; each thread more takes the memory of a block


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

    Raises
    ------
    InputError
        The first block met that holds negative or infinite residents; those before it are kept.
    """
    folder = blocks_folder(task, out)
    with output_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    numbers = range(len(task.windows))
    todo = [n for n in numbers if not is_whole(result_path(folder, n))]
    done = len(numbers) - len(todo)

    def tell() -> None:
        if progress is not None:
            progress("blocks", done, len(numbers))

    tell()
    if not todo:
        return folder
    with closing(_here(task, todo) if cluster is None else run_on(cluster, task, todo)) as results:
        for number, packed in results:
            keep_result(result_path(folder, number), packed)
            done += 1
            tell()
    return folder


def _here(task: Task, numbers: Sequence[int]) -> Generator[tuple[int, bytes], None, None]:
    """Measure blocks in this process; while one thread reads, another measures."""
    _ = task.outlines, task.centres, task.windows  # made once, before the threads ask
    give_back()
    waiting = iter(numbers)
    with ThreadPoolExecutor(_THREADS) as pool:
        running = deque((n, pool.submit(packed_block, task, n)) for n in islice(waiting, 2 * _THREADS))
        while running:
            number, future = running.popleft()
            yield number, future.result()
            running.extend((n, pool.submit(packed_block, task, n)) for n in islice(waiting, 1))

"""The same blocks on many processors or machines 多机测算: dask.distributed, nothing home-made.

Each worker reads its blocks from shared storage by the raster's own path; everything else is scattered to it once.
Results come back, as the bytes of their files and several blocks at a time, to the process that asked, which alone
writes and does little else. The blocks of a worker that dies are done by another.
"""

from __future__ import annotations

import platform
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from circle15 import __version__
from circle15.errors import Circle15Error, InputError, Problem, UsageError
from circle15.scale.block import packed_block

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from circle15.scale.task import Task

    Measured = tuple[list[tuple[int, bytes]], tuple[Problem, ...]]

_CONNECT_S = 10
_TRIES = 5
_AHEAD = 2  # batches at each worker: one in work, one waiting
_BATCH = 8  # blocks a message; the scheduler and the asking process take 5 ms for each message
_SHARES = 8  # fewer where a worker would get less than so many batches, or the last ones would be waited for
_LOCAL: dict[str, Any] = {
    "threads_per_worker": 1,
    "memory_limit": 0,
    "silence_logs": 50,
    "dashboard_address": None,
    "scheduler_kwargs": {"dashboard_address": "localhost:0"},  # two runs on one machine ask for no port by number
}
_QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
}
"""Less watching of themselves by scheduler and workers, for which nobody asks here."""


@dataclass(frozen=True)
class Cluster:
    """Where to work: a scheduler's address ("tcp://…"), or so many workers on this machine."""

    scheduler: str = ""
    workers: int = 0


def local_cluster(workers: int) -> Any:  # noqa: ANN401 - an untyped library
    """Start workers on this machine: no dashboard, no limit of memory that kills them."""
    distributed = _distributed()  # first: its defaults, loaded within, would go with our settings
    with import_module("dask").config.set(_QUIET), _children_without_interrupt():
        return distributed.LocalCluster(n_workers=workers, **_LOCAL)


@contextmanager
def _children_without_interrupt() -> Iterator[None]:
    """Processes started within never hear Ctrl-C: theirs would be tracebacks, and whoever started them ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - Windows
        yield
        return
    resource_tracker.ensure_running()  # later it would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_on(cluster: Cluster, task: Task, numbers: Sequence[int]) -> Generator[tuple[int, bytes], None, None]:
    """Measure blocks on a cluster and hand over each result, as from `packed_block`, as it comes.

    Raises
    ------
    UsageError
        dask.distributed is not installed, nobody answers at the address, or the other side has another version.
    InputError
        What a worker says of the raster.
    """
    with _client(cluster) as client:
        there = client.scatter(task, broadcast=True, hash=False)
        workers = max(sum(client.nthreads().values()), 1)
        size = max(1, min(_BATCH, len(numbers) // (workers * _SHARES)))
        waiting = (numbers[at : at + size] for at in range(0, len(numbers), size))

        def submit(some: Sequence[int]) -> Any:  # noqa: ANN401 - a future of an untyped library
            return client.submit(measure_there, there, some, pure=False, retries=_TRIES)

        running = _distributed().as_completed([submit(some) for some in islice(waiting, workers * _AHEAD)])
        for future in running:
            results, problems = _result_of(future)
            future.release()
            if problems:
                raise InputError(problems)
            running.update([submit(some) for some in islice(waiting, 1)])
            yield from results


def _result_of(future: Any) -> Measured:  # noqa: ANN401 - an untyped library
    killed: type[Exception] = _distributed().scheduler.KilledWorker
    try:
        found: Measured = future.result()
    except (killed, OSError) as fault:
        raise UsageError(Problem("scale.cluster_lost", params={"reason": str(fault)})) from fault
    return found


def measure_there(task: Task, numbers: Sequence[int]) -> Measured:
    """Some blocks, on a worker; faults travel as records, because they are worded where they are shown."""
    try:
        return [(number, packed_block(task, number)) for number in numbers], ()
    except Circle15Error as error:
        return [], error.problems


def _distributed() -> Any:  # noqa: ANN401 - an untyped library, and an extra
    try:
        return import_module("distributed")
    except ImportError as fault:
        raise UsageError(Problem("scale.no_distributed")) from fault


@contextmanager
def _client(cluster: Cluster) -> Iterator[Any]:
    distributed = _distributed()
    if not cluster.scheduler:
        with (
            local_cluster(cluster.workers) as local,
            distributed.Client(local) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(cluster.scheduler, timeout=_CONNECT_S)
    except (OSError, TimeoutError, ValueError) as fault:
        raise UsageError(Problem("scale.no_cluster", value=cluster.scheduler, params={"reason": str(fault)})) from fault
    with client:
        _check_versions(client, cluster.scheduler)
        yield client


def own_versions() -> dict[str, str]:
    """What must be equal on both sides, or numbers would not be."""
    names = ("distributed", "numpy", "numba", "shapely", "pyproj", "rasterio")
    python = ".".join(platform.python_version_tuple()[:2])
    return {"circle15": __version__, "python": python, **{name: version(name) for name in names}}


def _check_versions(client: Any, address: str) -> None:  # noqa: ANN401 - an untyped library
    try:
        told = client.run(own_versions)
    except Exception as fault:
        raise UsageError(Problem("scale.cluster_version", value=address, params={"reason": str(fault)})) from fault
    if not told:
        raise UsageError(Problem("scale.cluster_empty", value=address))
    mine = own_versions()
    other = {f"{k} {theirs.get(k)} ≠ {mine[k]}" for theirs in told.values() for k in mine if theirs.get(k) != mine[k]}
    if other:
        reason = ", ".join(sorted(other))
        raise UsageError(Problem("scale.cluster_version", value=address, params={"reason": reason}))

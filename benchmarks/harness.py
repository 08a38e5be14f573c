"""Timing in processes of their own, ratios within one run, and the table in docs/benchmarks.md.

A suite is a module of this folder with a function `contests(size) -> list[Contest]`; it is found by its file alone and
may be run alone (`python -m benchmarks walking --size s`). An entry names a function "module:function" that prepares
its input and returns the work to be timed, a callable without arguments; what that returns (numbers by name) is kept as
`answer`, so that a reader sees that fast and slow say the same.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import platform
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
LAST = HERE / "last"
DOC = HERE.parent / "docs" / "benchmarks.md"
SIZES = ("s", "city", "province", "nation")
PACKAGES = ("numpy", "numba", "scipy", "geopandas", "shapely", "rasterio", "exactextract", "distributed", "pandas")
_OWN = {"__init__", "__main__", "harness", "table"}
_MIB = 1024 * 1024
_SAMPLE_S = 0.005
_RESTRAINT = 100

Answer = Mapping[str, float] | None
Work = Callable[[], Answer]


@dataclass(frozen=True)
class Entry:
    """One way of doing the work.

    Parameters
    ----------
    label
        What a reader knows it by ("geopandas: buffer, union, overlay").
    function
        "module:function"; called with `options`, prepares its input and returns the callable to be timed.
    options
        Keyword arguments, JSON values.
    repeats
        Timed calls; the least time counts.
    timeout_s
        A slower one is stopped and told as "over … s".
    """

    label: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    repeats: int = 1
    timeout_s: float = 1800.0


@dataclass(frozen=True)
class Contest:
    """Entries that do the same work; `ours` is the label that the others are divided by.

    `mark` names what was promised: the least ratio of the entry `against` (None: no mark). With `at_most` the mark is
    the greatest ratio ours ÷ against instead.
    """

    name: str
    entries: Sequence[Entry]
    ours: str
    against: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""


def machine() -> dict[str, Any]:
    """Name what the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: v for name in PACKAGES if (v := _version(name))},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def measure(entry: Entry) -> dict[str, Any]:
    """Run one entry in a process of its own: seconds, processor seconds, peak MiB, answer.

    Beside the peak stands how much of it came on top of the input.
    """
    order = json.dumps({"function": entry.function, "options": dict(entry.options), "repeats": entry.repeats})
    command = [sys.executable, "-c", "from benchmarks.harness import child; child()"]
    where = dict(os.environ)
    where["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(HERE.parent / "src"), where.get("PYTHONPATH", "")])
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, input=order, capture_output=True, text=True, timeout=entry.timeout_s, env=where, check=False
        )
    except subprocess.TimeoutExpired:
        return {"label": entry.label, "failed": f"over {entry.timeout_s:.0f} s"}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["?"])[-1]
        return {"label": entry.label, "failed": f"{last[:200]} (exit {done.returncode})"}
    return {"label": entry.label, **json.loads(done.stdout.splitlines()[-1])}


def child() -> None:
    """Do one entry's work in this process and print what was measured as one line of JSON."""
    order = json.loads(sys.stdin.read())
    module, name = order["function"].split(":")
    work: Work = getattr(importlib.import_module(module), name)(**order["options"])
    before = _resident(_family())
    times: list[tuple[float, float]] = []
    answer: Answer = None
    with _Peak() as peak:
        for _ in range(order["repeats"]):
            start, busy = time.perf_counter(), _busy()
            answer = work()
            times.append((time.perf_counter() - start, _busy() - busy))
    found = {
        "seconds": min(times)[0],
        "cpu_seconds": min(times)[1],
        "peak_mib": round(max(peak.bytes, _resident(_family())) / _MIB, 1),
        "above_input_mib": round(max(peak.bytes - before, 0) / _MIB, 1),
        "peak_process_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "answer": {k: float(v) for k, v in (answer or {}).items()},
    }
    print(json.dumps(found))


def _busy() -> float:
    """Processor seconds of this process and its children so far."""
    import psutil  # noqa: PLC0415 - only where something is measured

    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            spent = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system
    return total


def _family() -> list[Any]:
    """Own process and its children; finding them goes over all processes of the machine."""
    import psutil  # noqa: PLC0415 - only where something is measured

    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _resident(family: Sequence[Any]) -> int:
    """Bytes of memory held by processes now."""
    import psutil  # noqa: PLC0415 - only where something is measured

    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


class _Peak:
    """Samples resident memory, children's too, while work is done."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        family, due = _family(), 0.0
        while not self._over.wait(_SAMPLE_S):
            start = time.perf_counter()
            if start >= due:  # or watching would take a good part of a core from what is watched
                family = _family()
                due = start + _RESTRAINT * (time.perf_counter() - start)
            self.bytes = max(self.bytes, _resident(family))

    def __enter__(self) -> Self:
        self.bytes = _resident(_family())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def fight(contest: Contest) -> dict[str, Any]:
    """Measure all entries of a contest, one after the other, and divide by ours."""
    rows = []
    for entry in contest.entries:
        row = measure(entry)
        rows.append(row)
        told = row.get("failed") or f"{row['seconds']:.4g} s, {row['peak_mib']:.0f} MiB"
        print(f"  {entry.label}: {told}", flush=True)
    ours = next((r for r in rows if r["label"] == contest.ours and "seconds" in r), None)
    for row in rows:
        row["ratio"] = row["seconds"] / ours["seconds"] if ours and "seconds" in row else None
    found: dict[str, Any] = {"name": contest.name, "ours": contest.ours, "note": contest.note, "rows": rows}
    return found | _marked(contest, rows)


def _marked(contest: Contest, rows: list[dict[str, Any]]) -> dict[str, Any]:
    rival = next((r["ratio"] for r in rows if r["label"] == contest.against), None)
    if rival is None or (contest.at_least is None and contest.at_most is None):
        return {}
    if contest.at_most is not None:
        return {
            "against": contest.against,
            "at_most": contest.at_most,
            "reached": 1 / rival,
            "met": 1 / rival <= contest.at_most,
        }
    return {
        "against": contest.against,
        "at_least": contest.at_least,
        "reached": rival,
        "met": rival >= (contest.at_least or 0.0),
    }


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent p of cost ~ size^p: least squares on logarithms."""
    x, y = [math.log(s) for s in sizes], [math.log(s) for s in seconds]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def suites() -> list[str]:
    """Names of the suites in this folder: modules that declare contests."""
    files = sorted(p for p in HERE.glob("*.py") if p.stem not in _OWN)
    return [p.stem for p in files if "def contests(" in p.read_text(encoding="utf-8")]


def run_suite(name: str, size: str) -> dict[str, Any]:
    """Run one suite at one size; a module's `fits(size)`, where it has one, adds fitted exponents."""
    module = importlib.import_module(f"benchmarks.{name}")
    found: dict[str, Any] = {"suite": name, "size": size, "machine": machine(), "contests": []}
    for contest in module.contests(size):
        print(f"{name} · {size} · {contest.name}", flush=True)
        found["contests"].append(fight(contest))
    if hasattr(module, "fits"):
        found["exponents"] = module.fits(size)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run suites (all where none is named), keep `last/<suite>_<size>.json`, write docs/benchmarks.md anew."""
    from benchmarks.table import write_table  # noqa: PLC0415 - it reads what this module writes

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[[], *suites()], help="all where none is named")
    parser.add_argument("--size", choices=SIZES, default="s")
    parser.add_argument("--dry", action="store_true", help="measure, but write nothing")
    parser.add_argument("--table", action="store_true", help="only write the table from the last runs")
    chosen = parser.parse_args(arguments)
    failed = 0
    for name in [] if chosen.table else chosen.suites or suites():
        found = run_suite(name, chosen.size)
        failed += sum("failed" in row for c in found["contests"] for row in c["rows"] if row["label"] == c["ours"])
        if not chosen.dry:
            LAST.mkdir(exist_ok=True)
            text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            (LAST / f"{name}_{chosen.size}.json").write_text(text, encoding="utf-8")
    if not chosen.dry:
        write_table(LAST, DOC)
    sys.exit(1 if failed else 0)

"""Memory of a long run 内存: what is free goes back to the system, and the greatest amount is told."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

try:
    import resource
except ImportError:  # pragma: no cover - Windows counts otherwise
    resource = None  # type: ignore[assignment]

_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # glibc's M_ARENA_MAX and M_MMAP_THRESHOLD
_LARGE_BYTES = 1 << 20


def share_one_heap() -> None:
    """Let all threads take memory from one heap, and large arrays from the system.

    glibc would give each thread a heap of its own and keep there what is free: a sixth more memory for a nation.
    """
    _glibc("mallopt", _ARENA_MAX, 1)
    _glibc("mallopt", _MMAP_THRESHOLD, _LARGE_BYTES)


def give_back() -> None:
    """Return free memory to the system."""
    _glibc("malloc_trim", 0)


def _glibc(name: str, *numbers: int) -> None:
    """Call a function of glibc; other systems go without."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return
    function(*numbers)


def peak_mib() -> float:
    """Greatest memory of this process so far; NaN where the system does not tell."""
    if resource is None:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes; bytes on macOS
    return peak / 1024 / (1024 if sys.platform == "darwin" else 1)

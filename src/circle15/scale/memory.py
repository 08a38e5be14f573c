"""Memory of a long run 内存: what is free goes back to the system, and the greatest amount is told."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

try:
    import resource
except ImportError:  # pragma: no cover - Windows counts otherwise
    resource = None  # type: ignore[assignment]

_ARENA_MAX = -8  # glibc's M_ARENA_MAX


def share_one_heap() -> None:
    """Let all threads take memory from one heap: glibc gives each its own, which keeps what is free."""
    _glibc("mallopt", _ARENA_MAX, 1)


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

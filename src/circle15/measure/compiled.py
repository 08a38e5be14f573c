"""How kernels are compiled, and when machine code kept on disk is out of date 编译与缓存."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit, types

F = TypeVar("F", bound=Callable[..., Any])
_unliteral: Callable[[object], object] = types.unliteral  # numba gives it no type


def inner(function: F) -> F:
    """Compile as a part of the kernels that call it."""
    return _once(cast("F", njit(nogil=True, error_model="numpy")(function)))


def _once(compiled: F) -> F:
    """One machine code for ``f(0)`` and ``f(n)``: numba makes two, and a first run waits half as long again."""
    with suppress(AttributeError):  # its own affair, and no reason to stop where another version asks otherwise
        asked = compiled.get_call_template  # type: ignore[attr-defined]
        compiled.get_call_template = lambda args, kws: asked(  # type: ignore[attr-defined]
            tuple(map(_unliteral, args)), {name: _unliteral(given) for name, given in kws.items()}
        )
    return compiled


def kernel(function: F) -> F:
    """Compile and keep the machine code on disk; where no folder can be written, compile anew in each process."""
    try:
        compiled = njit(nogil=True, cache=True, error_model="numpy")(function)
    except (RuntimeError, OSError):
        return inner(function)
    # numba looks for changes in the kernel's own file alone, not in those of the functions that it calls
    with suppress(AttributeError):  # its own affair, and no reason to stop where another version keeps it elsewhere
        kept = compiled._cache._cache_file  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way in
        kept._source_stamp = (kept._source_stamp, sources())  # noqa: SLF001
    return cast("F", compiled)


def is_ready(compiled: Callable[..., Any]) -> bool:
    """Whether a kernel's machine code is at hand: made in this process, or kept on disk and up to date."""
    with suppress(AttributeError, OSError):  # as above: where another version of numba keeps it elsewhere
        kept = compiled._cache._cache_file  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        return bool(compiled.signatures or kept._load_index())  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return False


@cache
def sources() -> str:
    """Hash of the sources of all kernels, of their constants, and of how they are compiled."""
    digest, package = hashlib.sha256(), Path(__file__).parents[1]
    for path in (Path(__file__), package / "quantities.py", *sorted(package.glob("*/*kernels.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run(compiled: Callable[..., None], *args: object) -> None:
    """Call a kernel; where its machine code cannot be kept (full disk, folder gone), compile it for this process."""
    try:
        compiled(*args)
    except OSError:
        njit(nogil=True, error_model="numpy")(compiled.py_func)(*args)  # type: ignore[attr-defined]

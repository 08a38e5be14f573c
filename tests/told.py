"""What an error tells, for `pytest.raises(..., check=told("use.quota"))`: the ids of its problems."""

from __future__ import annotations

from collections.abc import Callable

from circle15.errors import Circle15Error


def told(*ids: str) -> Callable[[BaseException], bool]:
    """Whether an error has these problems, in this order, and no other."""
    return lambda error: isinstance(error, Circle15Error) and tuple(p.id for p in error.problems) == ids

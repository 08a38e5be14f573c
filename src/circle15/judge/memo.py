"""Answers kept beside a table 表的备忘: thousands of sites ask the same totals and the same register.

The answers live as long as the table itself. Tables handed to a judgement are results and are not written to.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
_KEPT: dict[int, tuple[weakref.ref[pd.DataFrame], dict[Hashable, Any]]] = {}


def once(table: pd.DataFrame, key: Hashable, answer: Callable[[], T]) -> T:
    """The answer to a question (`key`) about a table, worked out the first time that it is asked."""
    kept = _KEPT.get(id(table))
    if kept is None or kept[0]() is not table:
        place = id(table)
        kept = (weakref.ref(table, lambda _: _KEPT.pop(place, None)), {})
        _KEPT[place] = kept
    answers = kept[1]
    if key not in answers:
        answers[key] = answer()
    found: T = answers[key]
    return found

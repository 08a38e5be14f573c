"""Every fault that a user can cause.

    Circle15Error
    ├── InputError      files, columns, values: all problems of one reading at once
    │   └── PlanError   a plan file that breaks its schema or misquotes its text
    ├── UsageError      options that contradict each other or name nothing
    └── OutputError     a result that cannot be written (no permission, full disk)

A problem carries a message id and parameters, never a sentence: `words.py` words it in Chinese or English.
Each id stands in `locale/*/problems.toml` with a `fault` (what is wrong) and a `remedy` (what to do).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One fault in the input: where it stands, which value, and the message id that words it.

    `row` is the row number a user sees in Excel (1-based, header included); `value` is shown as given, shortened.
    """

    id: str
    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    value: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    severity: Severity = "error"


class Circle15Error(Exception):
    """Base of all errors that are worded for the user; `problems` is never empty.

    As text it is the sentences that a user sees; `in_words` is set by words.py, which stands above this module.
    """

    in_words: ClassVar[Callable[[Circle15Error], str]]

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return type(self).in_words(self)


class InputError(Circle15Error):
    """The input cannot be used; every problem found is listed."""


class PlanError(InputError):
    """A plan file breaks its schema, misquotes its text or contradicts itself."""


class UsageError(Circle15Error):
    """The command or function was called with options that do not go together."""


class OutputError(Circle15Error):
    """A result could not be written; nothing half-written is left behind."""

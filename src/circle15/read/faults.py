"""The list of faults that one reading gathers before it raises once 问题清单."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from circle15.errors import InputError, Problem
from circle15.schema import Assumption, Correction, SheetCount
from circle15.words import Lang, word_slots

LISTED = 200
"""Problems named one by one; the rest is a count."""
EXAMPLES = 10


@dataclass
class Faults:
    """Problems, assumptions and row counts of one file; `sheet` is filled in where it is a worksheet."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    assumed: list[Assumption] = field(default_factory=list)
    counts: list[SheetCount] = field(default_factory=list)
    corrected: list[Correction] = field(default_factory=list)

    def error(
        self,
        problem_id: str,
        *,
        sheet: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        **params: object,
    ) -> None:
        """Note one error."""
        shown = None if value is None else str(value)
        self.problems.append(Problem(problem_id, self.file, sheet, row, column, shown, params))

    def warn(
        self,
        problem_id: str,
        *,
        sheet: str | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        **params: object,
    ) -> None:
        """Note one warning: the reading goes on."""
        shown = None if value is None else str(value)
        self.problems.append(Problem(problem_id, self.file, sheet, row, column, shown, params, "warning"))

    def column_missing(
        self, target: str, accepted: Sequence[str], found: Sequence[str], *, sheet: str | None = None
    ) -> None:
        """Note a needed column that is not there: the schema's name, the usual one, all that would do, those found."""
        self.error(
            "column_missing",
            sheet=sheet,
            target=target,
            label=accepted[0],
            accepted=listed(accepted, limit=8),
            found=listed(found, limit=40),
        )

    def assume(
        self,
        what: str,
        *,
        count: int,
        sheet: str | None = None,
        row: int | None = None,
        column: str | None = None,
        **params: object,
    ) -> None:
        """Note something taken for granted (words under read.assumption); nothing where it touched nothing."""
        if count:
            self.assumed.append(Assumption(self.file, what, count, sheet, row, column, params))

    def correct(self, what: str, *, sheet: str | None, row: int, column: str, before: object, after: str) -> None:
        """Note one cell that was read otherwise than it stands; `what` is an assumption's id."""
        self.corrected.append(Correction(self.file, what, sheet, row, column, str(before), after))

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Warnings only."""
        return tuple(p for p in self.problems if p.severity == "warning")

    def raise_errors(self) -> None:
        """Raise InputError with all errors, shortened to LISTED and a count."""
        raise_errors(self.problems)


def word_assumption(assumption: Assumption, lang: Lang | None = None) -> str:
    """Word one assumption for people, without its place; values of the file are made safe to print."""
    return word_slots(f"read.assumption.{assumption.what}", assumption.params, lang, count=assumption.count)


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raise InputError where any problem is an error."""
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise InputError(shortened(errors))


def shortened(problems: Sequence[Problem]) -> list[Problem]:
    """At most LISTED problems of each file, then one that counts the rest."""
    kept: list[Problem] = []
    seen: dict[str | None, int] = {}
    for problem in problems:
        seen[problem.file] = seen.get(problem.file, 0) + 1
        if seen[problem.file] <= LISTED:
            kept.append(problem)
    kept.extend(
        Problem("problems_more", file, params={"count": count - LISTED, "listed": LISTED})
        for file, count in seen.items()
        if count > LISTED
    )
    return kept


def fail(
    path: Path, problem_id: str, *, sheet: str | None = None, params: Mapping[str, object] | None = None
) -> InputError:
    """Make the InputError of a fault that ends the reading of a file."""
    return InputError(Problem(problem_id, path.name, sheet, params=params or {}))


def listed(values: Iterable[object], *, limit: int = EXAMPLES) -> str:
    """Join the first few values for a sentence, with an ellipsis where more follow."""
    words = [str(v) for v in values]
    return ", ".join(words[:limit]) + (" …" if len(words) > limit else "")


def positions_of(mask: npt.ArrayLike) -> list[int]:
    """Positions at which a mask (n,) holds, as plain integers."""
    return np.flatnonzero(np.asarray(mask, dtype=bool)).tolist()

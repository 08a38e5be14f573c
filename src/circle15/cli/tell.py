"""What every command says at its end 收尾."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from circle15.errors import Severity
from circle15.words import Lang, word, word_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from circle15.errors import Problem

KINDS: tuple[Severity, ...] = ("error", "warning")


def tell_compiling(lang: Lang) -> None:
    """Say on stderr that the kernels are compiled first, where no run before this one has left their machine code."""
    from circle15.measure.stamp_kernels import is_compiled  # noqa: PLC0415 - numba, which check-plan does without

    if not is_compiled():
        click.echo(word("cli.compiling", lang), err=True)


def tell_problems(problems: Iterable[Problem], lang: Lang, *, shown: int | None = None, aside: bool = True) -> None:
    """Say problems one a line, each marked as error or warning, alike ones together; the first `shown` lines only."""
    lines = marked_problems(problems, lang)
    for line in lines[:shown]:
        click.echo(line, err=aside)
    if shown is not None and len(lines) > shown:
        click.echo(word("cli.more_warnings", lang, n=len(lines) - shown), err=aside)


def marked_problems(problems: Iterable[Problem], lang: Lang) -> list[str]:
    """Lines of problems, those that stop the work told from those that do not."""
    given = list(problems)
    marked = [(word(f"columns.severities.{kind}", lang), [p for p in given if p.severity == kind]) for kind in KINDS]
    return [f"[{mark}] {line}" for mark, some in marked for line in word_problems(some, lang)]


def tell_written(written: Sequence[Path], lang: Lang, *, aside: bool = False) -> None:
    """Name the files written; on stderr where stdout holds JSON."""
    click.echo(word("summary.written", lang), err=aside)
    for path in written:
        click.echo(f"  {path}", err=aside)

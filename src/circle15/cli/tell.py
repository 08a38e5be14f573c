"""What every command says at its end 收尾."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from circle15.words import Lang, word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def tell_compiling(lang: Lang) -> None:
    """Say on stderr that the kernels are compiled first, where no run before this one has left their machine code."""
    from circle15.measure.stamp_kernels import is_compiled  # noqa: PLC0415 - numba, which check-plan does without

    if not is_compiled():
        click.echo(word("cli.compiling", lang), err=True)


def tell_written(written: Sequence[Path], lang: Lang, *, aside: bool = False) -> None:
    """Name the files written; on stderr where stdout holds JSON."""
    click.echo(word("summary.written", lang), err=aside)
    for path in written:
        click.echo(f"  {path}", err=aside)

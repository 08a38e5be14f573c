"""The command `walk`: a city on its streets, beside the straight circle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from circle15.cli.load import load, tell_written
from circle15.cli.words import StepBar
from circle15.errors import Problem, UsageError
from circle15.walk import walk_city
from circle15.words import Lang
from circle15.write.walk import walk_lines, write_walk


def walk(
    *,
    lang: Lang,
    services: tuple[str, ...],
    minutes: float,
    min_residents: float,
    out: str,
    **inputs: Any,  # noqa: ANN401
) -> None:
    """Measure a city on foot; tables, layers and a summary."""
    plan, city = load(lang, inputs)
    if city.streets is None:
        raise UsageError(Problem("use.streets_missing"))
    with StepBar(lang) as bar:
        result = walk_city(
            plan, city, services=services or None, minutes=minutes, gap_min_residents=min_residents, progress=bar.show
        )
    written = write_walk(result, Path(out), lang=lang)
    first = ["pharmacy"] if "pharmacy" in result.services else result.services[:1]
    for service in services or first:
        click.echo("\n".join(walk_lines(result, service=service, lang=lang)))
    tell_written(written, lang)

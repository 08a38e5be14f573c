"""The command `walk`: a city on its streets, beside the straight circle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from circle15.cli.load import load
from circle15.cli.tell import tell_written
from circle15.cli.words import StepBar
from circle15.errors import Problem, UsageError
from circle15.walk import walk_city
from circle15.words import Lang
from circle15.write.walk import walk_lines, walk_record, write_walk


def walk(
    *,
    lang: Lang,
    services: tuple[str, ...],
    minutes: float,
    min_residents: float,
    as_json: bool,
    out: str,
    **inputs: Any,  # noqa: ANN401
) -> None:
    """Measure a city on foot; tables, layers and a summary, or all of it as JSON on stdout."""
    plan, city = load(lang, inputs)
    if city.streets is None:
        raise UsageError(Problem("use.streets_missing"))
    with StepBar(lang) as bar:
        result = walk_city(
            plan,
            city,
            services=services or None,
            minutes=minutes,
            gap_min_residents=min_residents,
            progress=bar.show,
        )
    written = write_walk(result, Path(out), lang=lang)
    if as_json:
        click.echo(walk_record(result), nl=False)
        return tell_written(written, lang, aside=True)
    first = ["pharmacy"] if "pharmacy" in result.services else result.services[:1]
    for service in services or first:
        click.echo("\n".join(walk_lines(result, service=service, lang=lang)))
    return tell_written(written, lang)

"""The command `check-data`: faults in the inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pandas as pd

from circle15.cli.load import files_of
from circle15.cli.tell import tell_problems, tell_written
from circle15.draw.suspects import draw_suspects
from circle15.errors import Circle15Error, InputError, Problem
from circle15.policy.areas import check_places
from circle15.policy.plan import load_plan
from circle15.read.check import DataCheck
from circle15.read.check import check_data as check_files
from circle15.read.city_parts import CityFiles
from circle15.read.faults import word_assumption
from circle15.read.originals import original_tables
from circle15.schema import City
from circle15.words import Lang, safe, word
from circle15.write.check_book import CheckContent, write_check
from circle15.write.corrected import Given, write_corrected
from circle15.write.files import write_text

DONE, FAULTS = 0, 1


def check_data(
    *,
    lang: Lang,
    out: str | None,
    suspects_map: str | None,
    corrected: str | None,
    **inputs: Any,  # noqa: ANN401
) -> int:
    """Say everything that is wrong with the inputs; report, map and corrected copy where asked."""
    files = files_of(inputs)
    found = check_files(files)
    found = replace(found, problems=(*_of_plan(files, found.city), *found.problems))
    problems = found.problems
    tell_problems(problems, lang, aside=False)
    errors = sum(p.severity == "error" for p in problems)
    click.echo(word("cli.checked", lang, errors=errors, warnings=len(problems) - errors))
    for assumption in found.assumptions:
        sheet = assumption.sheet and word("problems.place.sheet", lang, value=safe(assumption.sheet))
        place = f"{sheet}{word('problems.place.colon', lang)}" if sheet else ""
        click.echo(f"[{word('cli.assumed', lang)}] {place}{word_assumption(assumption, lang)}")
    written = _written(files, found, out=out, suspects_map=suspects_map, corrected=corrected, lang=lang)
    if written:
        tell_written(written, lang)
    return FAULTS if errors else DONE


def _of_plan(files: CityFiles, city: City | None) -> tuple[Problem, ...]:
    """Faults of the plan, and places it names that the city does not have; nothing where no plan is named."""
    try:
        plan = load_plan(files.plan) if files.plan else None
        if plan is not None and city is not None:
            check_places(plan, city.places)
    except Circle15Error as fault:
        return fault.problems
    return ()


def _written(
    files: CityFiles, found: DataCheck, *, out: str | None, suspects_map: str | None, corrected: str | None, lang: Lang
) -> list[Path]:
    written = []
    simulated = files.city.simulated
    if out is not None:
        written.append(write_check(Path(out), content_of(found), city=files.name, simulated=simulated, lang=lang))
    if suspects_map is not None:
        if found.city is None:
            raise InputError([p for p in found.problems if p.severity == "error"])
        city = found.city
        page = draw_suspects(
            city.institutions, found.suspects, city.places, city=city.name, simulated=simulated, lang=lang
        )
        written.append(write_text(Path(suspects_map), page))
    if corrected is not None:
        source, tables = original_tables(files)
        given = [Given(*table) for table in tables]
        written.append(
            write_corrected(Path(corrected), source, given, found.corrections, simulated=simulated, lang=lang)
        )
    return written


def content_of(found: DataCheck) -> CheckContent:
    """The parts of a check that its report shows."""
    people = found.people
    return CheckContent(
        problems=found.problems,
        assumptions=found.assumptions,
        counts=found.counts,
        corrections=found.corrections,
        institutions=None if found.city is None else found.city.institutions,
        counted=None if found.city is None else found.city.on().institutions,
        evidence=found.evidence,
        suspects=found.suspects,
        people=pd.DataFrame() if people is None else people.totals,
        denominators=found.denominators,
        outside=(0, 0.0) if people is None else (people.outside_cells, people.outside_residents),
    )

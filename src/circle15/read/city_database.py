"""A city whose parts stand in a database: `file = "table:…"` or `"sql:…"` in city.toml, with [database] url."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from circle15.errors import Problem
from circle15.read.database import Query, Renamer, Snapshot, query_of, snapshots

if TYPE_CHECKING:
    from circle15.read.city import CityReading
    from circle15.read.city_parts import CityFiles


Gathered = tuple["CityReading | None", tuple[Problem, ...]]


def queries_of(config: CityFiles) -> dict[str, Query]:
    """Parts of a city that are queries, by a name of their own."""
    files = {"institutions": config.institutions.file, "population": config.population.file}
    files |= {f"places_{n}": part.file for n, part in enumerate(config.places)}
    found = {name: query_of(file) for name, file in files.items()}
    return {name: query for name, query in found.items() if query is not None}


def gather_queries(config: CityFiles, queries: dict[str, Query], gather: Callable[[CityFiles], Gathered]) -> Gathered:
    """Read a city with its queries put into files for the time of the reading."""
    if config.database is None:
        return None, (Problem("database.unstated", config.file),)
    with snapshots(config.database.url, queries) as (taken, problems):
        if problems:
            return None, tuple(problems)
        reading, found = gather(_with_files(config, taken))
    names = Renamer(taken)
    told = tuple(names.problem(p) for p in found)
    return (None if reading is None else _renamed(reading, names)), told


def _with_files(config: CityFiles, taken: dict[str, Snapshot]) -> CityFiles:
    changed: dict[str, object] = {}
    for name in ("institutions", "population"):
        if name in taken:
            changed[name] = getattr(config, name).model_copy(update={"file": str(taken[name].file)})
    changed["places"] = tuple(
        part.model_copy(update={"file": str(taken[f"places_{n}"].file)}) if f"places_{n}" in taken else part
        for n, part in enumerate(config.places)
    )
    return config.model_copy(update=changed)


def _renamed(reading: CityReading, names: Renamer) -> CityReading:
    city = reading.city
    shift = names.row_shift(city.sources[0].file) if city.sources else 0
    register = city.institutions.assign(source_row=city.institutions["source_row"] - shift)
    return replace(
        reading,
        city=replace(city, institutions=register, sources=tuple(names.source(s) for s in city.sources)),
        warnings=tuple(names.problem(p) for p in reading.warnings),
        assumptions=tuple(names.record(a) for a in reading.assumptions),
        counts=tuple(names.record(c) for c in reading.counts),
        corrections=tuple(names.record(c) for c in reading.corrections),
    )

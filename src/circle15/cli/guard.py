"""No command replaces a file that it reads 输入不被覆盖: every command runs within `guarding`.

Outputs that the options name are held against the inputs before any work; whatever else is written goes through
`write_whole`, which refuses to replace an input.
"""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from circle15.cli.files import Fills, Reads, Writes
from circle15.database import Relation, is_database
from circle15.errors import InputError, Problem, UsageError
from circle15.policy.figures import SUFFIX as FIGURES
from circle15.write.files import identity, protected, safe_file_name

if TYPE_CHECKING:
    from circle15.read.city_parts import CityFiles


@contextmanager
def guarding(params: Sequence[click.Parameter], given: Mapping[str, Any]) -> Iterator[None]:
    """Run a command without any loss of its inputs.

    Raises
    ------
    UsageError
        With every output that would replace an input or another output, or whose suffix it does not take.
    """
    city = _city_of(given) if "city_file" in given else None
    inputs = [path for path in _inputs(params, given, city) if identity(path) is not None]
    problems = [p for param in params for p in _faults(param, given, inputs, city)]
    problems += [*_twice(params, given), *_tables_over(given, city)]
    if problems:
        raise UsageError(problems)
    with protected(inputs):
        yield


def _city_of(given: Mapping[str, Any]) -> CityFiles:
    """Files of the city that a command is asked about."""
    from circle15.cli.load import CITY_INPUTS, files_of  # noqa: PLC0415 - a second that commands without a city save

    return files_of({k: v for k, v in given.items() if k in CITY_INPUTS})


def _inputs(params: Sequence[click.Parameter], given: Mapping[str, Any], city: CityFiles | None) -> Iterator[Path]:
    """Files that the options name, those of the city, and what these name in turn."""
    named = [given[p.name] for p in params if isinstance(p.type, Reads) and p.name and given[p.name]]
    own = [Path(v) for value in named for v in ([value] if isinstance(value, str) else value)]
    for path in [*own, *(city.paths() if city is not None else ())]:
        yield path
        if path.suffix == ".toml":
            figures = path.with_name(path.name.removesuffix(".toml") + FIGURES)
            yield from (figures, *_text_of(path), *_text_of(figures))
        elif path.suffix.lower() == ".vrt":
            yield from _tiles_of(path)


def _text_of(plan: Path) -> Iterator[Path]:
    """The published text beside a plan; a plan that cannot be read is told of where it is read."""
    try:
        told = tomllib.loads(plan.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return
    document = told.get("document")
    for holder in (told, document if isinstance(document, dict) else {}):
        if isinstance(holder.get("text"), str):
            yield plan.parent / holder["text"]


def _tiles_of(raster: Path) -> list[Path]:
    """The files behind a virtual raster; one that cannot be read is told of where it is read."""
    from circle15.read.raster_files import files_of  # noqa: PLC0415 - GDAL takes 0.2 s to load

    try:
        return files_of(raster)
    except InputError:
        return []


def _twice(params: Sequence[click.Parameter], given: Mapping[str, Any]) -> Iterator[Problem]:
    """Outputs that are one and the same file."""
    first: dict[Path, str] = {}
    for param in params:
        name = given[param.name] if param.name and isinstance(param.type, Writes) else None
        if name and (before := first.setdefault(Path(name).absolute(), param.opts[0])) != param.opts[0]:
            yield Problem("use.outputs_same", value=name, params={"output": before, "other": param.opts[0]})


def _tables_over(given: Mapping[str, Any], city: CityFiles | None) -> Iterator[Problem]:
    """Tables of a database that results would replace; one that cannot be asked is told of where it is read."""
    target = given.get("to")
    if not target or not is_database(target) or city is None or city.database is None:
        return
    # imported late: these bring the readers of tables and of geometry with them
    from circle15.read.city_database import queries_of  # noqa: PLC0415
    from circle15.read.database import query_of, relations_read  # noqa: PLC0415
    from circle15.write.results import relations_written  # noqa: PLC0415

    beside = (query_of(given[key]) for key in ("indicators", "events") if given[key])
    queries = [*queries_of(city).values(), *(q for q in beside if q is not None)]
    over: set[Relation] = set()
    if queries:
        with suppress(InputError):
            over = relations_written(target) & relations_read(city.database.url, queries)
    for table in sorted(f"{one.schema}.{one.name}" for one in over):
        yield Problem("use.output_over_table", value=table, params={"output": "--to"})


def _faults(
    param: click.Parameter, given: Mapping[str, Any], inputs: Sequence[Path], city: CityFiles | None
) -> Iterator[Problem]:
    """What is wrong with one output."""
    name = given[param.name] if param.name and isinstance(param.type, Writes | Fills) else None
    if not name:
        return
    over = []
    if isinstance(param.type, Writes):
        suffixes = param.type.suffixes
        if suffixes and Path(name).suffix.lower() not in suffixes:
            yield Problem("use.output_kind", value=name, params={"known": ", ".join(suffixes)})
        over = [name] if identity(Path(name)) in {identity(path) for path in inputs} else []
    elif isinstance(param.type, Fills):
        stem = safe_file_name(city.shown_name, fallback="city") if city is not None else ""
        patterns = [n.format(city=glob.escape(stem), service=given.get("service")) for n in param.type.names]
        beside = [path for path in inputs if identity(path.parent) == identity(Path(name))]
        over = [str(p) for p in beside if any(fnmatchcase(p.name.casefold(), one.casefold()) for one in patterns)]
    for path in over:
        yield Problem("use.output_over_input", value=path, params={"output": param.opts[0]})

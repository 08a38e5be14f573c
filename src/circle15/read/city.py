"""The city file: which register, residents and outlines make one city 城市配置 city.toml.

    [city]          name, simulated, plan, as_of
    [institutions]  file, datum, and the options of read_institutions
    [[places]]      file, level, datum or crs, and the options of read_places; one table a file
    [population]    file, scale_to ("district", "township" …), and the options of read_population
    [database]      url; a file may then be "table:name" or "sql:SELECT …"
    [denominators]  file: numbers of people by place that rules may divide by (insured, registered …); may be left out
    [streets]       file (or "live"), and how it is walked: speed_m_per_s, slope, max_snap_m, margin_m; may be left out

Paths are relative to the city file.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import pandas as pd
import shapely
from pydantic import BaseModel, ValidationError

from circle15.errors import Circle15Error, InputError, Problem
from circle15.read.city_database import gather_queries, queries_of
from circle15.read.city_parts import (
    CityFiles,
    CityPart,
    DatabasePart,
    DenominatorsPart,
    InstitutionsPart,
    PlacesPart,
    PopulationPart,
)
from circle15.read.city_streets import StreetsPart, other_streets, read_city_streets
from circle15.read.city_syntax import syntax_problem
from circle15.read.database import name_of, stood
from circle15.read.denominators import denominator_rows, read_denominators
from circle15.read.faults import fail, raise_errors
from circle15.read.files import Reading, checked_path
from circle15.read.institutions import read_institutions
from circle15.read.places import PlaceFile, read_place_files
from circle15.read.population import read_population
from circle15.read.positions import Examination, examine
from circle15.read.scaling import scale_population, scaling_warnings
from circle15.read.zones import Bounds
from circle15.schema import (
    Assumption,
    City,
    Correction,
    Datum,
    Pace,
    PlaceLevel,
    Population,
    PopulationBlocks,
    SheetCount,
    Streets,
)

_SECTIONS = ("city", "institutions", "places", "population", "denominators", "streets", "database")
_OWN = ("folder", "file", "assume_wgs84", "as_of_from")


@dataclass(frozen=True)
class CityReading:
    """A city as read: its tables, what the user should know, and the scaling of residents (None where not asked).

    `assumptions`, `counts` and `corrections` are those of the register, `examination` what its positions look like,
    `denominators` the table of read_denominators (None where there is none).
    """

    city: City
    warnings: tuple[Problem, ...] = ()
    scaling: pd.DataFrame | None = None
    assumptions: tuple[Assumption, ...] = ()
    counts: tuple[SheetCount, ...] = ()
    corrections: tuple[Correction, ...] = ()
    examination: Examination | None = None
    denominators: pd.DataFrame | None = None


@dataclass
class _Gathered:
    """Readings of a city so far; a part that failed is None and its problems are held."""

    institutions: Reading[gpd.GeoDataFrame] | None = None
    places: Reading[gpd.GeoDataFrame] | None = None
    population: Reading[Population | PopulationBlocks] | None = None
    streets: Reading[Streets] | None = None
    denominators: Reading[pd.DataFrame] | None = None
    problems: list[Problem] = field(default_factory=list)


def load_city(
    path: str | os.PathLike[str],
    *,
    institutions: str | os.PathLike[str] | None = None,
    places: Sequence[str | os.PathLike[str]] = (),
    population: str | os.PathLike[str] | None = None,
    register_datum: Datum | None = None,
    plan: str | None = None,
    scale_to: PlaceLevel | None = None,
    streets: str | os.PathLike[str] | None = None,
    denominators: str | os.PathLike[str] | None = None,
    database: str | None = None,
    as_of: dt.date | None = None,
) -> CityFiles:
    """Read a city file; unknown keys, missing keys and wrong values are all named in one InputError.

    The options overrule the file: another register (with its datum), other outlines, other residents, another plan,
    another level to whose official totals the residents are scaled, other streets ("live" fetches them), other
    denominators, another day.
    """
    file = checked_path(path, kinds=(".toml",))
    try:
        text = file.read_bytes().decode("utf-8-sig")
        told = tomllib.loads(text)
    except UnicodeDecodeError as fault:
        raise fail(file, "config_encoding") from fault
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        raise InputError(syntax_problem(file.name, text, fault)) from fault
    inner = [
        Problem("config_unknown", file.name, column=key, params={"known": ", ".join(_SECTIONS)})
        for key in _OWN
        if key in told
    ]
    told = {key: value for key, value in told.items() if key not in _OWN}
    try:
        config = CityFiles.model_validate({**told, "folder": file.parent, "file": file.name})
    except ValidationError as fault:
        raise InputError([*inner, *(_config_problem(file, error) for error in fault.errors())]) from fault
    raise_errors(inner)
    config = _overruled(
        config,
        institutions=institutions,
        places=places,
        population=population,
        datum=register_datum,
        plan=plan,
        as_of=as_of,
    )
    config = config if scale_to is None else _scaled_to(config, scale_to)
    if database is not None:
        config = config.model_copy(update={"database": DatabasePart(url=database)})
    beside = {"streets": other_streets(config.streets, streets), **_denominators(denominators)}
    return config.model_copy(update=beside)


def city_files(
    *,
    institutions: str | os.PathLike[str],
    places: Sequence[str | os.PathLike[str]],
    population: str | os.PathLike[str],
    register_datum: Datum,
    plan: str = "",
    scale_to: PlaceLevel | None = None,
    streets: str | os.PathLike[str] | None = None,
    denominators: str | os.PathLike[str] | None = None,
    database: str | None = None,
    as_of: dt.date | None = None,
) -> CityFiles:
    """Make a city of single files, without a city file.

    Outlines need a column of levels. Outlines and residents in plain WGS 84 are taken at their word, with a warning.
    """
    register = Path(institutions).absolute()
    config = CityFiles(
        city=CityPart(
            name=name_of(database) if database else register.parent.name or register.stem, plan=plan, as_of=as_of
        ),
        institutions=InstitutionsPart(file=stood(institutions), datum=register_datum),
        places=tuple(PlacesPart(file=stood(p)) for p in places),
        population=PopulationPart(file=stood(population), scale_to=scale_to),
        database=None if database is None else DatabasePart(url=database),
        assume_wgs84=True,
        as_of_from="option",
    )
    return config.model_copy(update={"streets": other_streets(None, streets), **_denominators(denominators)})


def _denominators(file: str | os.PathLike[str] | None) -> dict[str, DenominatorsPart]:
    return {} if file is None else {"denominators": DenominatorsPart(file=str(Path(file).absolute()))}


def _scaled_to(config: CityFiles, level: PlaceLevel) -> CityFiles:
    return config.model_copy(update={"population": config.population.model_copy(update={"scale_to": level})})


def _overruled(
    config: CityFiles,
    *,
    institutions: str | os.PathLike[str] | None,
    places: Sequence[str | os.PathLike[str]],
    population: str | os.PathLike[str] | None,
    datum: Datum | None,
    plan: str | None,
    as_of: dt.date | None,
) -> CityFiles:
    register: dict[str, object] = {}
    if institutions is not None:
        register["file"] = stood(institutions)
    if datum is not None:
        register["datum"] = datum
    changed: dict[str, object] = {"institutions": config.institutions.model_copy(update=register)}
    if places:
        changed["places"] = tuple(PlacesPart(file=stood(p)) for p in places)
    if population is not None:
        changed["population"] = PopulationPart(file=stood(population), scale_to=config.population.scale_to)
    told = {key: value for key, value in (("plan", plan), ("as_of", as_of)) if value is not None}
    changed["city"] = config.city.model_copy(update=told)
    if as_of is not None:
        changed["as_of_from"] = "option"
    if places or population is not None:
        changed["assume_wgs84"] = True
    return config.model_copy(update=changed)


def _config_problem(file: Path, error: Any) -> Problem:  # noqa: ANN401 - pydantic's error details
    where = ".".join(str(step + 1) if isinstance(step, int) else str(step) for step in error["loc"])
    kinds = {"missing": "config_missing", "extra_forbidden": "config_unknown", "literal_error": "config_choice"}
    kind = kinds.get(error["type"], "config_value")
    value = None if kind == "config_missing" else str(error["input"])
    known = _choices(error) if kind == "config_choice" else _known(error)
    return Problem(kind, file.name, column=where, value=value, params={"reason": error["msg"], "known": known})


def _choices(error: Any) -> str:  # noqa: ANN401 - pydantic's error details
    return ", ".join(re.findall(r"'([^']*)'", error["ctx"]["expected"]))


def _known(error: Any) -> str:  # noqa: ANN401 - pydantic's error details
    parts: dict[str, type[BaseModel]] = {
        "city": CityPart,
        "institutions": InstitutionsPart,
        "places": PlacesPart,
        "population": PopulationPart,
        "denominators": DenominatorsPart,
        "streets": StreetsPart,
    }
    part = parts.get(str(error["loc"][0]), CityFiles)
    known = list(part.model_fields)
    return ", ".join(known if part is not CityFiles else _SECTIONS)


def read_city(config: CityFiles) -> tuple[City, tuple[Problem, ...]]:
    """Read all files of a city, with what the user should know; faults of all of them are raised in one InputError."""
    reading, problems = gather(config)
    raise_errors(problems)
    if reading is None:
        raise InputError(problems)
    return reading.city, reading.warnings


def gather(config: CityFiles, *, skip_faulty_rows: bool = False) -> tuple[CityReading | None, tuple[Problem, ...]]:
    """Read all files of a city without raising for their faults: the city (None where a part failed) and problems.

    With `skip_faulty_rows` a register loses its faulty rows instead of failing as a whole.
    """
    if queries := queries_of(config):
        return gather_queries(config, queries, lambda files: gather(files, skip_faulty_rows=skip_faulty_rows))
    held = _Gathered()
    held.places = _tried(held, lambda: read_place_files([_place_file(config, p) for p in config.places]))
    of_places, held.problems = held.problems, []
    held.institutions = _tried(held, lambda: _read_institutions(config, held.places, skip_faulty_rows=skip_faulty_rows))
    held.problems += of_places  # the register's problems come first
    held.population = _tried(held, lambda: _read_population(config, held.places))
    held.streets = _tried(held, lambda: read_city_streets(config.streets, config.folder, held.places))
    held.denominators = _tried(held, lambda: _read_denominators(config, held.places))
    for reading in (held.institutions, held.places, held.population, held.streets, held.denominators):
        held.problems.extend(reading.warnings if reading is not None else ())
    if held.institutions is None or held.places is None or held.population is None:
        return None, tuple(held.problems)
    if config.streets is not None and held.streets is None:
        return None, tuple(held.problems)
    scaled = _tried(held, lambda: _scaled(config, held))
    if scaled is None:
        return None, tuple(held.problems)
    population, scaling = scaled
    examination = examine(held.institutions.table, held.places.table)
    told = (held.institutions, held.places, held.population, held.streets, held.denominators)
    city = City(
        institutions=examination.applied_to(held.institutions.table),
        population=population,
        places=held.places.table,
        sources=tuple(s for reading in told if reading is not None for s in reading.sources),
        name=config.shown_name,
        simulated=config.city.simulated,
        streets=held.streets.table if held.streets is not None else None,
        pace=config.streets.pace if config.streets is not None else Pace(),
        denominators=None if held.denominators is None else denominator_rows(held.denominators),
        as_of=config.city.as_of,
        as_of_from=config.as_of_from if config.city.as_of else "",
    )
    warnings = tuple(p for p in held.problems if p.severity == "warning")
    register = held.institutions
    reading = CityReading(
        city,
        warnings,
        scaling,
        register.assumptions,
        register.counts,
        register.corrections,
        examination,
        None if held.denominators is None else held.denominators.table,
    )
    return reading, tuple(held.problems)


def _tried(held: _Gathered, read: Any) -> Any:  # noqa: ANN401 - returns what `read` returns
    try:
        return read()
    except Circle15Error as fault:
        held.problems.extend(fault.problems)
        return None


def _read_institutions(
    config: CityFiles, places: Reading[gpd.GeoDataFrame] | None, *, skip_faulty_rows: bool
) -> Reading[gpd.GeoDataFrame]:
    part = config.institutions
    near = None if places is None else cast("Bounds", tuple(float(b) for b in places.table.total_bounds))
    services: dict[str, str | None] = {**part.services, **dict.fromkeys(part.drop_services)}
    return read_institutions(
        config.folder / part.file,
        datum=part.datum,
        crs=part.crs,
        columns=part.columns or None,
        sheet=part.sheet,
        encoding=part.encoding,
        layer=part.layer,
        service=part.service,
        services=services or None,
        levels=part.levels or None,
        more=[config.folder / name for name in part.more],
        as_of=config.city.as_of,
        default_accuracy_m=part.default_accuracy_m,
        near=near,
        packed_dms=part.packed_dms,
        skip_faulty_rows=skip_faulty_rows,
    )


def _place_file(config: CityFiles, part: PlacesPart) -> PlaceFile:
    return PlaceFile(
        config.folder / part.file,
        part.level,
        part.datum,
        part.crs,
        part.columns or None,
        part.encoding,
        part.layer,
        part.repair,
        config.assume_wgs84,
    )


def _read_population(
    config: CityFiles, places: Reading[gpd.GeoDataFrame] | None
) -> Reading[Population | PopulationBlocks]:
    part = config.population
    within = None if places is None else shapely.box(*places.table.total_bounds)
    return read_population(
        config.folder / part.file,
        crs=part.crs,
        datum=part.datum,
        residents_column=part.residents_column,
        within=within,
        margin_m=part.margin_m,
        nodata=part.nodata,
        encoding=part.encoding,
        layer=part.layer,
        assume_wgs84=True,  # residents in GCJ-02 are unheard of
    )


def _read_denominators(config: CityFiles, places: Reading[gpd.GeoDataFrame] | None) -> Reading[pd.DataFrame] | None:
    part = config.denominators
    if part is None or places is None:
        return None
    return read_denominators(config.folder / part.file, places.table, encoding=part.encoding)


def _scaled(config: CityFiles, held: _Gathered) -> tuple[Population | PopulationBlocks, pd.DataFrame | None]:
    if held.population is None or held.places is None:
        raise InputError(held.problems)
    level = config.population.scale_to
    if level is None:
        return held.population.table, None
    population, table = scale_population(held.population.table, held.places.table, level=level)
    held.problems.extend(scaling_warnings(config.population.file, table))
    return population, table

"""What every command on a city begins and ends with: plan and city in, names of written files out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from circle15.cli.tell import tell_compiling, tell_problems
from circle15.errors import Problem, UsageError
from circle15.judge.inputs import Inputs
from circle15.judge.series import series_of
from circle15.policy.plan import Plan, load_plan
from circle15.read.city import city_files, load_city, read_city
from circle15.read.city_parts import CityFiles
from circle15.read.database import query_of, read_beside
from circle15.read.ledgers import read_events, read_indicators
from circle15.schema import City
from circle15.words import Lang

_WARNINGS_SHOWN = 8
CITY_INPUTS = (
    "city_file",
    "institutions",
    "places",
    "population",
    "database",
    "register_datum",
    "plan",
    "scale_to",
    "denominators",
    "streets",
    "as_of",
)


def load(lang: Lang, inputs: dict[str, Any]) -> tuple[Plan, City]:
    """Plan and city of one command; what was assumed or dropped while reading is told on stderr."""
    overlay = inputs.pop("overlay", None)
    files = files_of(inputs)
    plan = load_plan(files.plan, overlay=overlay)
    city, warnings = read_city(files)
    tell_problems(warnings, lang, shown=_WARNINGS_SHOWN)
    tell_compiling(lang)
    return plan, city


def files_of(inputs: dict[str, Any]) -> CityFiles:
    """A city file, or the single inputs given as options; options overrule the file."""
    given = {k: v for k, v in inputs.items() if k not in {"city_file", "overlay"} and v}
    if "as_of" in given:
        given["as_of"] = given["as_of"].date()
    if inputs.get("city_file"):
        return load_city(Path(inputs["city_file"]), **given)
    missing = [k for k in ("institutions", "places", "population", "register_datum") if k not in given]
    if missing:
        raise UsageError(
            Problem("use.inputs_missing", params={"missing": ", ".join("--" + m.replace("_", "-") for m in missing)})
        )
    return city_files(**given)


def url_of(asked: dict[str, Any], inputs: dict[str, Any]) -> str | None:
    """Address of the database that a table beside the register is asked of: the option's, else the city file's."""
    if not any(query_of(asked[k]) for k in ("indicators", "events") if asked[k] is not None):
        return None
    files = None if inputs.get("database") or not inputs.get("city_file") else load_city(Path(inputs["city_file"]))
    return inputs.get("database") or (files.database.url if files is not None and files.database is not None else None)


def beside(plan: Plan, city: City, asked: dict[str, Any], lang: Lang) -> tuple[City, dict[str, Any]]:
    """Indicators and events where given; their files stand among the city's sources."""
    told: dict[str, Any] = {}
    if asked["indicators"] is not None:
        titles = {i.id: i.title for i in plan.indicators}
        told["indicators"] = read_beside(
            asked["indicators"], asked.get("database"), lambda file: read_indicators(file, titles=titles)
        )
    if asked["events"] is not None:
        told["events"] = read_beside(asked["events"], asked.get("database"), read_events)
    given = told["indicators"].table if "indicators" in told else None
    tell_problems([*(w for reading in told.values() for w in reading.warnings), *_overruled(plan, city, given)], lang)
    sources = tuple(s for reading in told.values() for s in reading.sources)
    return replace(city, sources=(*city.sources, *sources)), {k: reading.table for k, reading in told.items()}


def _overruled(plan: Plan, city: City, indicators: pd.DataFrame | None) -> Iterator[Problem]:
    """Denominators of which the indicators say something else: the indicators stand."""
    series = series_of(plan, Inputs(indicators=indicators, denominators=city.denominators))
    for place, heading, kept, left in series.overruled if series is not None else ():
        slots = {"heading": heading, "kept": f"{kept:,.10g}", "left": f"{left:,.10g}"}
        yield Problem("ledger.denominator_overruled", value=place, params=slots, severity="warning")

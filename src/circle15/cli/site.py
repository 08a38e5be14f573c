"""The command `site`: one proposed site or a table of them, as text, JSON, workbook and verdict sheets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import geopandas as gpd
import numpy as np

from circle15.cli.load import beside, load, url_of
from circle15.cli.tell import tell_problems, tell_written
from circle15.cli.words import StepBar
from circle15.errors import Problem, UsageError
from circle15.policy.asked import attribute_kinds
from circle15.policy.plan import Plan
from circle15.prepared import Prepared
from circle15.project.datum import to_wgs84
from circle15.read.applications import misspelt, schema_form
from circle15.read.sites import ProposedSite, read_sites
from circle15.schema import CRS, City
from circle15.screen import screen_sites
from circle15.study import judge_proposed, provenance
from circle15.words import Lang
from circle15.write.files import write_text
from circle15.write.report import marks_of, verdict_record, write_verdict
from circle15.write.screened import SUFFIXES, screened_lines, write_screened
from circle15.write.sheet import write_sheet
from circle15.write.summary import verdict_lines
from circle15.write.verdicts import sheet_path, verdict_line, verdicts_record, write_verdicts

Load = Callable[[], tuple[Plan, City]]


@dataclass(frozen=True)
class Into:
    """Where a verdict goes: JSON on stdout, a file, a sheet."""

    as_json: bool
    out: str | None
    sheet: str | None


def judge_sites(
    *,
    lang: Lang,
    as_json: bool,
    out: str | None,
    sheet: str | None,
    sites: str | None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Judge one proposed site, or a table of them."""
    keys = ("lon", "lat", "datum", "accuracy_m", "service", "name", "attributes", "indicators", "events")
    asked = {k: given.pop(k) for k in keys}
    asked["database"] = url_of(asked, given)
    into = Into(as_json, out, sheet)
    loading = partial(load, lang, given)
    if sites is not None:
        if _screens(out) and (sheet is not None or as_json):
            raise UsageError(Problem("use.screen_alone", value=str(out)))
        judge_table(lang, sites, asked, into, loading)
        return
    missing = [f"--{k}" for k in ("lon", "lat", "datum", "service") if asked[k] is None]
    if missing:
        raise UsageError(Problem("use.site_missing", params={"missing": ", ".join([*missing, "--sites"])}))
    if out is not None and Path(out).suffix.lower() != ".json":
        raise UsageError(Problem("use.output_kind", value=out, params={"known": ".json"}))
    judge_one(lang, asked, into, loading)


def judge_one(lang: Lang, asked: dict[str, Any], into: Into, loading: Load) -> None:
    """Judge one proposed site and write what was asked for."""
    given = _attributes(asked["attributes"])
    where = {"lon": asked["lon"], "lat": asked["lat"], "datum": asked["datum"], "service": asked["service"]}
    where["position_accuracy_m"] = asked["accuracy_m"]
    plan, city = loading()
    city, told = beside(plan, city, asked, lang)
    said = _understood(given, plan, lang) | ({"name": asked["name"]} if asked["name"] else {})
    verdict = judge_proposed(plan, city, attributes=said, **told, **where)
    record = provenance(plan, city, options=where | ({"attributes": said} if said else {}))
    if into.as_json:
        click.echo(verdict_record(verdict, record, lang=lang), nl=False)
    else:
        click.echo("\n".join(verdict_lines(verdict, lang=lang)))
    written = [write_verdict(Path(into.out), verdict, record, lang=lang)] if into.out is not None else []
    if into.sheet is not None:
        written.append(write_sheet(Path(into.sheet), verdict, record, lang=lang))
    if written:
        tell_written(written, lang, aside=into.as_json)


def judge_table(lang: Lang, file: str, asked: dict[str, Any], into: Into, loading: Load) -> None:
    """Judge a table of sites one by one; a sheet each where asked."""
    given = _attributes(asked["attributes"])
    plan, city = loading()
    sites, source, warnings = read_sites(
        file,
        datum=asked["datum"],
        service=asked["service"],
        accuracy_m=asked["accuracy_m"],
        kinds=attribute_kinds(plan),
    )
    city, told = beside(plan, city, asked, lang)
    tell_problems(warnings, lang)
    ready, said = Prepared(plan, city, **told), _understood(given, plan, lang)
    if _screens(into.out):
        screen_table(lang, sites, said, ready, into)
        return
    verdicts = []
    with StepBar(lang) as bar:
        for done, s in enumerate(sites):
            bar.show("judge", done, len(sites))
            verdicts.append(
                ready.judge(
                    lon=s.lon,
                    lat=s.lat,
                    datum=s.datum,
                    service=s.service,
                    position_accuracy_m=s.position_accuracy_m,
                    attributes=said | dict(s.attributes),
                )
            )
    record = provenance(plan, city, options={"sites": {"file": source.file, "sha256": source.sha256}})
    rows, written = [s.row for s in sites], []
    whole = verdicts_record(verdicts, record, lang=lang)
    if into.as_json:
        click.echo(whole, nl=False)
    else:
        click.echo("\n".join(verdict_line(v, row, lang=lang) for v, row in zip(verdicts, rows, strict=True)))
    if into.out is not None and into.out.lower().endswith(".xlsx"):
        marks = marks_of(simulated=city.simulated, lang=lang)
        written.append(write_verdicts(Path(into.out), verdicts, rows, marks=marks, lang=lang))
    elif into.out is not None:
        written.append(write_text(Path(into.out), whole))
    if into.sheet is not None:
        named = [sheet_path(Path(into.sheet), s.row, s.name) for s in sites]
        written += [write_sheet(p, v, record, lang=lang) for p, v in zip(named, verdicts, strict=True)]
    if written:
        tell_written(written, lang, aside=into.as_json)


def _screens(out: str | None) -> bool:
    """Whether the file asked for holds conclusions alone."""
    return out is not None and Path(out).suffix.lower() in SUFFIXES


def screen_table(
    lang: Lang, sites: Sequence[ProposedSite], said: dict[str, object], ready: Prepared, into: Into
) -> None:
    """Conclusions alone, for tables of any length: one row a site."""
    places = [to_wgs84([s.lon], [s.lat], s.datum) for s in sites]
    points = gpd.points_from_xy(*(np.concatenate([p[k] for p in places]) for k in (0, 1)))
    own = ("row", "name", "service", "position_accuracy_m")
    table = gpd.GeoDataFrame([{k: getattr(s, k) for k in own} for s in sites], geometry=points, crs=CRS)
    with StepBar(lang) as bar:
        found = screen_sites(
            ready, table.drop(columns="row"), attributes=said, each=[s.attributes for s in sites], progress=bar.show
        )
    found.insert(0, "row", table["row"])
    click.echo("\n".join(screened_lines(found, lang=lang)))
    tell_written([write_screened(Path(str(into.out)), found)], lang)


def _understood(given: dict[str, object], plan: Plan, lang: Lang) -> dict[str, object]:
    """Attributes in schema form; keys that nothing asks for are told on stderr."""
    kinds = attribute_kinds(plan)
    tell_problems(misspelt(given, kinds, strict=True), lang)
    return schema_form(given, kinds)


def _attributes(given: Sequence[str]) -> dict[str, object]:
    """KEY=VALUE pairs; what reads as a number is one."""
    found: dict[str, object] = {}
    for pair in given:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise UsageError(Problem("use.attribute", value=pair))
        try:
            found[key.strip()] = float(value)
        except ValueError:
            found[key.strip()] = value.strip()
    return found

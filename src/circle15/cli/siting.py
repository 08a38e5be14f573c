"""The commands `add`, `retire` and `round`: plans over many sites, as sentences, workbook, layer and drawings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.cli.load import CITY_INPUTS, beside, load, url_of
from circle15.cli.tell import tell_problems, tell_written
from circle15.cli.words import StepBar
from circle15.draw.change import draw_change
from circle15.errors import InputError, Problem, UsageError
from circle15.policy.asked import attribute_kinds
from circle15.prepared import Prepared
from circle15.project.datum import to_wgs84
from circle15.read.applications import key_of
from circle15.read.sites import read_sites
from circle15.schema import CRS, Datum
from circle15.siting.add import Question, plan_additions
from circle15.siting.candidates import cell_candidates, gap_candidates, joined_candidates, lattice_candidates
from circle15.siting.field import lay_out
from circle15.siting.retire import plan_exits
from circle15.siting.rounds import RoundResult, run_round
from circle15.siting.summary import add_lines, exit_lines, round_lines, ties_table, titled
from circle15.siting.ties import Scores, scores_of
from circle15.study import provenance
from circle15.words import Lang, word
from circle15.write.files import safe_file_name, write_text
from circle15.write.gis import write_layer
from circle15.write.plan_book import write_plan_book
from circle15.write.report import marks_of
from circle15.write.run_record import write_run_record

if TYPE_CHECKING:
    from circle15.policy.plan import Plan
    from circle15.quantities import Flags
    from circle15.schema import Finding
    from circle15.siting.field import Field
    from circle15.siting.solve import Watch

WATCH_S = 5.0
ORDERS = ("rank", "coverage", "first", "lottery")


def add_sites(*, lang: Lang, service: str, number: int | None, share: float | None, out: str, **given: Any) -> None:  # noqa: ANN401
    """Propose sites to add."""
    options, ready = _ready(lang, given)
    aside = tuple(options["aside"])
    question: Question = "share" if share is not None else "nearest" if options["nearest"] else "cover"
    with StepBar(lang) as bar:
        bar.show("sites", 0, 3)
        candidates = _candidates(ready, service, options, lang)
        field = lay_out(ready, service=service, candidates=candidates, aside=aside, on_foot=options["on_foot"])
        bar.show("solve", 1, 3)
        plan = plan_additions(
            field,
            number=number,
            question=question,
            share=share if share is not None else 1.0,
            required=options["require"],
            forbidden=options["forbid"],
            quotas=_quotas(options["quota"]),
            minimums=not options["coverage_only"],
            aside=aside,
            seconds=options["seconds"],
            plans=options["plans"],
            watch=_watch(lang),
        )
        bar.show("write", 2, 3)
        lines = add_lines(plan, aside=aside, lang=lang)
        titles = {r.id: r.title for r in ready.plan.rules}
        tables = {
            "entries": titled(plan.sites, titles, lang),
            "buys": plan.buys,
            "change": plan.coverage,
            "straight": plan.straight,
            "alternatives": plan.alternatives,
        }
        told = {"service": service, "number": number, "share": share, **_told(options), **_pace(ready, options)}
        written = _write(_Result("add", tables, lines, plan.recheck.new, told), field, plan.chosen, Path(out), lang)
    click.echo("\n".join(lines))
    tell_written(written, lang)


def retire_sites(*, lang: Lang, service: str, steps: int, additions: int, out: str, **given: Any) -> None:  # noqa: ANN401
    """Plan exits, and additions in their places."""
    options, ready = _ready(lang, given)
    aside = tuple(options["aside"])
    with StepBar(lang) as bar:
        bar.show("sites", 0, 3)
        candidates = _candidates(ready, service, options, lang) if additions else None
        field = lay_out(
            ready,
            service=service,
            candidates=candidates,
            aside=aside,
            leaving=True,
            sure=options["sure"],
            on_foot=options["on_foot"],
        )
        bar.show("solve", 1, 3)
        plan = plan_exits(
            field,
            keep=options["keep"],
            aim="fewest" if options["fewest"] else "coverage",
            least_share=options["least_share"],
            steps=steps,
            additions=additions,
            release=options["release"],
            displace=options["displace"] and additions > 0,
            scores=_scores(ready, options["score"]),
            aside=aside,
            seconds=options["seconds"],
            plans=options["plans"],
            watch=_watch(lang),
        )
        bar.show("write", 2, 3)
        lines = exit_lines(plan, aside=aside, lang=lang)
        titles = {r.id: r.title for r in ready.plan.rules}
        tables = {
            "exits": titled(plan.exits, titles, lang),
            "entries": plan.entries,
            "steps": plan.steps,
            "change": plan.coverage,
            "straight": plan.straight,
            "losers": plan.losers,
            "ties": ties_table(plan),
            "alternatives": plan.alternatives,
        }
        told = {"service": service, "steps": steps, "additions": additions, **_told(options), **_pace(ready, options)}
        written = _write(
            _Result("retire", tables, lines, plan.recheck.remaining, told), field, plan.chosen, Path(out), lang
        )
    click.echo("\n".join(lines))
    tell_written(written, lang)


def hold_round(
    *,
    lang: Lang,
    service: str | None,
    sites: str,
    by: str,
    seed: int | None,
    out: str,
    **given: Any,  # noqa: ANN401
) -> None:
    """Judge a batch of applications that touch each other."""
    options, ready = _ready(lang, given)
    order, by, seed = _replayed(options["replay"], by, seed)
    with StepBar(lang) as bar:
        bar.show("sites", 0, 2)
        applications, source = _applications(sites, service, options["datum"], ready.plan, lang)
        bar.show("judge", 1, 2)
        result = run_round(
            ready,
            applications,
            by=cast("Any", by),
            seed=seed,
            score=_column(options["score_column"]),
            arrival=_column(options["arrival_column"]),
            order=order,
            on_foot=options["on_foot"],
        )
    told = {"applications": source, **_told(options), **_pace(ready, options)}
    record = provenance(ready.plan, ready.city, options=told) | {"round": result.record()}
    written = _write_round(result, ready, record, folder=Path(out), lang=lang)
    click.echo("\n".join(round_lines(result, ready=ready, lang=lang)))
    tell_written(written, lang)


# ── what is asked ─────────────────────────────────────────────


def _ready(lang: Lang, given: dict[str, Any]) -> tuple[dict[str, Any], Prepared]:
    """Options apart from the city's inputs, and the city made ready on the day asked for."""
    inputs: dict[str, Any] = {k: given.pop(k) for k in (*CITY_INPUTS, "overlay")}
    given["database"] = url_of(given, inputs)
    plan, city = load(lang, inputs)
    city, told = beside(plan, city, given, lang)
    if given.get("on_foot") and city.streets is None:
        raise UsageError(Problem("use.streets_missing"))
    return given, Prepared(plan, city, **told)


def _candidates(ready: Prepared, service: str, options: Mapping[str, Any], lang: Lang) -> gpd.GeoDataFrame:
    """Candidates of the source asked for, with those of a table where one is given."""
    kind = options["candidates"]
    tables = []
    if kind == "gaps":
        tables.append(gap_candidates(ready, service=service))
    elif kind == "lattice":
        tables.append(lattice_candidates(ready, spacing_m=options["spacing_m"]))
    elif kind == "cells":
        tables.append(cell_candidates(ready))
    if options["sites"] is not None:
        tables.append(_applications(options["sites"], service, options["datum"], ready.plan, lang)[0])
    found = joined_candidates(*tables)
    if found.empty:
        raise UsageError(Problem("siting.no_candidates"))
    return found


def _applications(
    file: str, service: str | None, datum: Datum | None, plan: Plan, lang: Lang
) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Sites of a table as candidates: ids S and the file's row, WGS 84, what applicants state in columns."""
    sites, source, warnings = read_sites(file, datum=datum, service=service, kinds=attribute_kinds(plan))
    tell_problems(warnings, lang)
    if not sites:
        raise InputError(Problem("siting.no_applications", file=source.file))
    rows, points = [], []
    for site in sites:
        lon, lat = to_wgs84([site.lon], [site.lat], site.datum)
        points.append(shapely.Point(lon[0], lat[0]))
        more = {k: v for k, v in site.attributes.items() if k not in {"id", "service", "geometry"}}
        rows.append(
            {
                **more,
                "id": f"S{site.row}",
                "name": site.name,
                "service": site.service,
                "position_accuracy_m": site.position_accuracy_m,
            }
        )
    table = gpd.GeoDataFrame(rows, geometry=points, crs=CRS)
    for column in ("tags", "level"):
        table[column] = table[column].fillna("") if column in table.columns else ""
    return table, {"file": source.file, "sha256": source.sha256}


def _column(name: str | None) -> str | None:
    """Column of a table of sites, under the name that it has once read."""
    return None if name is None else key_of(name)


def _quotas(given: Sequence[str]) -> dict[str, int]:
    """NAME=N pairs."""
    found = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign or not value.strip().isdigit():
            raise UsageError(Problem("use.quota", value=pair))
        found[name.strip()] = int(value)
    return found


def _scores(ready: Prepared, columns: Sequence[str]) -> Scores | None:
    """The latest figure of each named indicator by institution."""
    if not columns:
        return None
    table = ready.inputs.indicators
    held = set() if table is None else set(table["indicator"].astype(str))
    missing = [c for c in columns if c not in held]
    if table is None or missing:
        raise UsageError(Problem("siting.score_column", value=", ".join(missing or columns)))
    own = table[table["institution_id"].fillna("").astype(str) != ""].sort_values("period", kind="stable")
    last = own.drop_duplicates(["institution_id", "indicator"], keep="last")
    wide = last.pivot_table(index="institution_id", columns="indicator", values="value", aggfunc="last").reset_index()
    return scores_of(wide.rename(columns={"institution_id": "id"}), list(columns))


def _replayed(file: str | None, by: str, seed: int | None) -> tuple[list[str] | None, str, int | None]:
    """Order, rule and seed of an earlier round's run record."""
    if file is None:
        return None, by, seed
    try:
        held = json.loads(Path(file).read_text(encoding="utf-8"))["round"]
        order, kind, lot = [str(d["id"]) for d in held["decisions"]], str(held["by"]), held["seed"]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise InputError(Problem("siting.round_record", file=Path(file).name)) from fault
    if kind not in ORDERS or (lot is not None and type(lot) is not int) or (kind == "lottery" and lot is None):
        raise InputError(Problem("siting.round_record", file=Path(file).name))
    return order, kind, lot


def _told(options: Mapping[str, Any]) -> dict[str, object]:
    """Options that belong into the run record: those that were given."""
    return {k: v for k, v in options.items() if v not in (None, (), "", False)}


def _pace(ready: Prepared, options: Mapping[str, Any]) -> dict[str, object]:
    """How far from a street a place may lie, where distances are walked."""
    return {"max_snap_m": ready.city.pace.max_snap_m} if options["on_foot"] else {}


def _watch(lang: Lang) -> Watch:
    last = -WATCH_S

    def tell(seconds: float, best: float, bound: float) -> None:
        nonlocal last
        if seconds - last < WATCH_S or not (np.isfinite(best) and np.isfinite(bound)):
            return
        last = seconds
        slots = {"best": f"{best:,.0f}", "bound": f"{bound:,.0f}"}
        click.echo(word("siting.solving", lang, seconds=f"{seconds:.0f}", **slots), err=True)

    return tell


# ── what is written ───────────────────────────────────────────


@dataclass(frozen=True)
class _Result:
    """What one command hands on: tables by name, the summary, limits still broken, the options of the run."""

    kind: str
    tables: Mapping[str, pd.DataFrame]
    lines: Sequence[str]
    remaining: Sequence[Finding]
    options: Mapping[str, object]


def _write(result: _Result, field: Field, chosen: Flags, folder: Path, lang: Lang) -> list[Path]:
    """Workbook, drawings, layer of all sites and run record."""
    city, kind = field.ready.city, result.kind
    stem = f"{safe_file_name(city.name, fallback='city')}_{kind}_{field.service}"
    record = provenance(field.plan, city, options=result.options)
    marks, title = marks_of(simulated=city.simulated, lang=lang), word(f"plan_book.title.{kind}", lang, city=city.name)
    status = np.where(field.new, np.where(chosen, "added", ""), np.where(chosen, "stays", "leaves"))
    layer = field.sites.assign(status=status)[status != ""]
    page = draw_change(city, layer, radius_m=field.radius_m, title=title, lines=result.lines, marks=marks, lang=lang)
    days = ["valid_from", "valid_to"]
    return [
        write_plan_book(
            folder / f"{stem}.xlsx",
            result.tables,
            lines=result.lines,
            remaining=result.remaining,
            provenance=record,
            title=title,
            marks=marks,
            lang=lang,
        ),
        write_text(folder / f"{stem}.html", page),
        write_layer(folder / f"{stem}.gpkg", layer.drop(columns=days, errors="ignore"), layer=kind),
        write_run_record(folder / f"{stem}_run.json", record),
    ]


def _write_round(
    result: RoundResult, ready: Prepared, record: Mapping[str, object], *, folder: Path, lang: Lang
) -> list[Path]:
    """Workbook of decisions and run record."""
    lines = round_lines(result, ready=ready, lang=lang)
    city = ready.city
    stem = f"{safe_file_name(city.name, fallback='city')}_round"
    titles = {r.id: r.title for r in ready.plan.rules}
    tables = {"decisions": titled(result.decisions, titles, lang), "used": result.places}
    return [
        write_plan_book(
            folder / f"{stem}.xlsx",
            tables,
            lines=lines,
            remaining=(),
            provenance=record,
            title=word("plan_book.title.round", lang, city=city.name),
            marks=marks_of(simulated=city.simulated, lang=lang),
            lang=lang,
        ),
        write_run_record(folder / f"{stem}_run.json", record),
    ]

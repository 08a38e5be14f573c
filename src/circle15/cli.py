"""Command line 命令行: assess, map, site, gaps, check-data; no logic of its own.

Exit codes: 0 done, 1 problems found in the input or at the output place, 2 wrong use, 130 interrupted.
Heavy libraries are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from circle15 import __version__
from circle15.cli_words import LocalCommand, LocalGroup, StepBar, word_usage
from circle15.errors import Circle15Error, Problem, UsageError
from circle15.schema import DATUMS, PLACE_LEVELS, SERVICES
from circle15.words import LANGS, Lang, default_lang, word, word_error, word_problem

if TYPE_CHECKING:
    from circle15.policy.plan import Plan
    from circle15.read.city import CityFiles
    from circle15.schema import City, Datum

DONE, PROBLEMS, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: choose the language, run the command, word every fault, set the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    lang = _asked_lang(given)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    sys.exit(_run(given, lang))


def _run(arguments: list[str], lang: Lang) -> int:
    try:
        code = build_app(lang).main(args=arguments, prog_name="circle15", standalone_mode=False)
    except Circle15Error as error:
        click.echo(word_error(error, lang), err=True)
        return WRONG_USE if isinstance(error, UsageError) else PROBLEMS
    except click.UsageError as fault:
        click.echo(word_usage(fault, lang), err=True)
        return WRONG_USE
    except (KeyboardInterrupt, click.Abort):
        click.echo(word("cli.interrupted", lang), err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code if isinstance(code, int) else DONE


def _asked_lang(arguments: Sequence[str]) -> Lang:
    for at, argument in enumerate(arguments):
        value = argument.removeprefix("--lang=") if argument.startswith("--lang=") else None
        if argument == "--lang" and at + 1 < len(arguments):
            value = arguments[at + 1]
        if value in LANGS:
            return value
    return default_lang()


def build_app(lang: Lang) -> click.Group:
    """The command group with its help in one language."""

    def text(key: str) -> str:
        return word(f"cli.{key}", lang)

    def option(*names: str, key: str, **more: Any) -> click.Option:  # noqa: ANN401 - handed on to click
        return click.Option(list(names), help=text(f"option.{key}"), **more)

    inputs = [
        click.Argument(["city_file"], required=False, metavar=text("metavar.city")),
        option("--institutions", key="institutions", metavar="FILE"),
        option("--places", key="places", metavar="FILE", multiple=True),
        option("--population", key="population", metavar="FILE"),
        option("--register-datum", key="register_datum", type=click.Choice(DATUMS)),
        option("--plan", key="plan", metavar="ID|FILE"),
        option("--scale-to", key="scale_to", type=click.Choice(PLACE_LEVELS)),
        option("--lang", key="lang", type=click.Choice(LANGS)),
    ]
    out = option("--out", key="out", metavar="DIR", default="maps", show_default=True)
    service = option("--service", key="service", type=click.Choice(SERVICES), default="pharmacy", show_default=True)
    services = option("--service", "services", key="services", type=click.Choice(SERVICES), multiple=True)
    least = option(
        "--min-residents", key="min_residents", type=click.FloatRange(min=0), default=100.0, show_default=True
    )
    at = [
        option("--lon", key="lon", type=float, required=True),
        option("--lat", key="lat", type=float, required=True),
        option("--datum", key="site_datum", type=click.Choice(DATUMS), required=True),
        option(
            "--accuracy-m", "accuracy_m", key="accuracy", type=click.FloatRange(min=0), default=10.0, show_default=True
        ),
        option("--json", "as_json", key="json", is_flag=True),
    ]

    def command(name: str, run: Callable[..., int | None], *params: click.Parameter) -> LocalCommand:
        def call(**given: Any) -> int | None:  # noqa: ANN401 - click hands the options over by name
            given.pop("lang", None)
            return run(lang=lang, **given)

        return LocalCommand(
            name,
            callback=call,
            params=[*inputs, *params],
            help=text(f"help.{name}"),
            short_help=text(f"short.{name}"),
            lang=lang,
        )

    return LocalGroup(
        "circle15",
        lang=lang,
        help=text("help.group"),
        params=[
            option("--lang", key="lang", type=click.Choice(LANGS), expose_value=False),
            click.Option(
                ["--version"],
                help=text("option.version"),
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_show_version,
            ),
        ],
        commands=[
            command("assess", _assess, services, least, out),
            command("map", _map, option("--district", key="district", metavar="NAME|ID"), services, least, out),
            command("site", _site, *at, service, option("--out", key="site_out", metavar="FILE.json")),
            command("gaps", _gaps, service, least, out),
            command("check-data", _check_data, option("--out", key="check_out", metavar="FILE.xlsx")),
        ],
    )


def _show_version(context: click.Context, _option: click.Parameter, value: object) -> None:
    if value:
        click.echo(f"circle15 {__version__}")
        context.exit()


def _assess(*, lang: Lang, services: tuple[str, ...], min_residents: float, out: str, **inputs: Any) -> None:  # noqa: ANN401
    from circle15.study import assess
    from circle15.write.report import write_assessment
    from circle15.write.summary import summary_lines

    plan, city = _load(lang, inputs)
    with StepBar(lang) as bar:
        result = assess(plan, city, services=services or None, gap_min_residents=min_residents, progress=bar.show)
    written = write_assessment(result, Path(out), lang=lang)
    for service in services or _first_service(result.services):
        click.echo("\n".join(summary_lines(result, service=service, lang=lang)))
    _tell_written(written, lang)


def _first_service(services: Sequence[str]) -> Sequence[str]:
    """Pharmacies lead the summary where the register has any."""
    return ["pharmacy"] if "pharmacy" in services else services[:1]


def _map(
    *,
    lang: Lang,
    district: str | None,
    services: tuple[str, ...],
    min_residents: float,
    out: str,
    **inputs: Any,  # noqa: ANN401
) -> None:
    from circle15.draw.index import draw_index
    from circle15.draw.map import draw_district
    from circle15.study import assess
    from circle15.write.files import safe_file_name, write_text

    plan, city = _load(lang, inputs)
    districts = city.places[city.places["level"] == "district"]
    chosen = (
        districts if district is None else districts[(districts["id"] == district) | (districts["name"] == district)]
    )
    if chosen.empty:
        known = ", ".join(f"{r.name} {r.id}" for r in districts[["id", "name"]].itertuples(index=False))
        raise UsageError(Problem("use.unknown_district", value=district, params={"known": known}))
    with StepBar(lang) as bar:
        result = assess(plan, city, services=services or None, gap_min_residents=min_residents, progress=bar.show)
        folder, stem = Path(out), safe_file_name(city.name, fallback="city")
        pages = {
            r.id: f"{stem}_{safe_file_name(r.name, fallback=r.id)}.html"
            for r in districts[["id", "name"]].itertuples(index=False)
        }
        written = []
        for at, place_id in enumerate(chosen["id"]):
            bar.show("draw", at, len(chosen))
            written.append(write_text(folder / pages[place_id], draw_district(result, place_id, lang=lang)))
    if district is None:
        written.insert(0, write_text(folder / f"{stem}_index.html", draw_index(result, lang=lang, pages=pages)))
    _tell_written(written, lang)


def _site(
    *,
    lang: Lang,
    lon: float,
    lat: float,
    datum: Datum,
    accuracy_m: float,
    service: str,
    as_json: bool,
    out: str | None,
    **inputs: Any,  # noqa: ANN401
) -> None:
    from circle15.study import judge_proposed, provenance
    from circle15.write.report import verdict_record, write_verdict
    from circle15.write.summary import verdict_lines

    plan, city = _load(lang, inputs)
    verdict = judge_proposed(plan, city, lon=lon, lat=lat, datum=datum, service=service, position_accuracy_m=accuracy_m)
    asked = {"lon": lon, "lat": lat, "datum": datum, "service": service, "position_accuracy_m": accuracy_m}
    record = provenance(plan, city, options=asked)
    if as_json:
        click.echo(verdict_record(verdict, record, lang=lang), nl=False)
    else:
        click.echo("\n".join(verdict_lines(verdict, lang=lang)))
    if out is not None:
        _tell_written([write_verdict(Path(out), verdict, record, lang=lang)], lang)


def _gaps(*, lang: Lang, service: str, min_residents: float, out: str, **inputs: Any) -> None:  # noqa: ANN401
    from circle15.study import find_service_gaps, provenance
    from circle15.write.report import write_gaps
    from circle15.write.summary import gap_lines

    plan, city = _load(lang, inputs)
    with StepBar(lang) as bar:
        bar.show("gaps", 0, 1)
        gaps = find_service_gaps(plan, city, service=service, min_residents=min_residents)
    record = provenance(plan, city, options={"service": service, "gap_min_residents": min_residents})
    radius_m = plan.circle.radius_m
    written = write_gaps(
        gaps, record, Path(out), city=city.name, simulated=city.simulated, service=service, radius_m=radius_m, lang=lang
    )
    click.echo("\n".join(gap_lines(gaps, lang=lang)))
    _tell_written(written, lang)


def _check_data(*, lang: Lang, out: str | None, **inputs: Any) -> int:  # noqa: ANN401
    from circle15.read.check import check_city
    from circle15.write.report import problem_rows, write_problems

    files = _city_files(inputs)
    problems = check_city(files)
    for problem in problems:
        click.echo(f"[{word(f'columns.severities.{problem.severity}', lang)}] {word_problem(problem, lang)}")
    errors = sum(p.severity == "error" for p in problems)
    click.echo(word("cli.checked", lang, errors=errors, warnings=len(problems) - errors))
    if out is not None:
        title = word("workbook.title.check", lang, city=files.name)
        _tell_written([write_problems(Path(out), problem_rows(problems, lang=lang), title=title, lang=lang)], lang)
    return PROBLEMS if errors else DONE


def _load(lang: Lang, inputs: dict[str, Any]) -> tuple[Plan, City]:
    """Plan and city of one command; what was assumed or dropped while reading is told on stderr."""
    from circle15.policy.plan import load_plan
    from circle15.read.city import read_city

    files = _city_files(inputs)
    plan = load_plan(files.plan)
    city, warnings = read_city(files)
    shown = 8
    for problem in warnings[:shown]:
        click.echo(word_problem(problem, lang), err=True)
    if len(warnings) > shown:
        click.echo(word("cli.more_warnings", lang, n=len(warnings) - shown), err=True)
    return plan, city


def _city_files(inputs: dict[str, Any]) -> CityFiles:
    """A city file, or the single inputs given as options; options overrule the file."""
    from circle15.read.city import city_files, load_city

    given = {k: v for k, v in inputs.items() if k != "city_file" and v}
    if inputs.get("city_file"):
        return load_city(Path(inputs["city_file"]), **given)
    missing = [k for k in ("institutions", "places", "population", "register_datum") if k not in given]
    if missing:
        raise UsageError(
            Problem("use.inputs_missing", params={"missing": ", ".join("--" + m.replace("_", "-") for m in missing)})
        )
    return city_files(**given)


def _tell_written(written: Sequence[Path], lang: Lang) -> None:
    click.echo(word("summary.written", lang))
    for path in written:
        click.echo(f"  {path}")

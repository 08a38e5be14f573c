"""Command line 命令行: assess, map, site, gaps, check-data, check-plan; no logic of its own.

Exit codes: 0 done; 1 problems found in the input, in a plan's figures or at the output place; 2 wrong use; 130 Ctrl-C.
Heavy libraries are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
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
    from circle15.schema import City

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
        sys.stdout.flush()
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
    except OSError as fault:  # the place where the lines go is full or gone
        click.echo(word("cli.lines_lost", lang, reason=fault.strerror or str(fault)), err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEMS
    return code if isinstance(code, int) else DONE


def _asked_lang(arguments: Sequence[str]) -> Lang:
    for at, argument in enumerate(arguments):
        value = argument.removeprefix("--lang=") if argument.startswith("--lang=") else None
        if argument == "--lang" and at + 1 < len(arguments):
            value = arguments[at + 1]
        if value in LANGS:
            return value
    return default_lang()


def _site_options(option: Callable[..., click.Option]) -> list[click.Option]:
    """Options of `site`: where and what is proposed, on which evidence, and in which form the verdict is wanted."""
    return [
        option("--lon", key="lon", type=float),
        option("--lat", key="lat", type=float),
        option("--datum", key="site_datum", type=click.Choice(DATUMS)),
        option("--as-of", "as_of", key="as_of", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD"),
        option("--overlay", key="overlay", metavar="FILE.toml"),
        option("--indicators", key="indicators", metavar="FILE.xlsx|FILE.csv"),
        option("--events", key="events", metavar="FILE.xlsx|FILE.csv"),
        option("--sites", key="sites", metavar="FILE.xlsx|FILE.csv"),
        option("--name", key="name", default=""),
        option("--attribute", "attributes", key="attribute", metavar="KEY=VALUE", multiple=True),
        option(
            "--accuracy-m", "accuracy_m", key="accuracy", type=click.FloatRange(min=0), default=10.0, show_default=True
        ),
        option("--json", "as_json", key="json", is_flag=True),
        option("--sheet", key="sheet", metavar="FILE.docx|FILE.xlsx"),
    ]


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

    def command(name: str, run: Callable[..., int | None], *params: click.Parameter, city: bool = True) -> LocalCommand:
        def call(**given: Any) -> int | None:  # noqa: ANN401 - click hands the options over by name
            given.pop("lang", None)
            return run(lang=lang, **given)

        return LocalCommand(
            name,
            callback=call,
            params=[*(inputs if city else [inputs[-1]]), *params],
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
            command(
                "site", _site, *_site_options(option), service, option("--out", key="site_out", metavar="FILE.json")
            ),
            command("gaps", _gaps, service, least, out),
            command("check-data", _check_data, option("--out", key="check_out", metavar="FILE.xlsx")),
            command(
                "check-plan",
                _check_plan,
                click.Argument(["plan_file"], required=False, metavar="[ID|FILE]"),
                option("--json", "as_json", key="json", is_flag=True),
                option("--out", key="plan_out", metavar="FILE.xlsx"),
                city=False,
            ),
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
    from circle15.write.files import page_names, safe_file_name, write_text

    plan, city = _load(lang, inputs)
    districts = city.places[city.places["level"] == "district"]
    chosen = (
        districts if district is None else districts[(districts["id"] == district) | (districts["name"] == district)]
    )
    if districts.empty:
        raise UsageError(Problem("use.no_districts"))
    if chosen.empty:
        known = ", ".join(f"{r.name} {r.id}" for r in districts[["id", "name"]].itertuples(index=False))
        raise UsageError(Problem("use.unknown_district", value=district, params={"known": known}))
    with StepBar(lang) as bar:
        result = assess(plan, city, services=services or None, gap_min_residents=min_residents, progress=bar.show)
        folder, stem = Path(out), safe_file_name(city.name, fallback="city")
        pages = page_names(stem, districts)
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
    as_json: bool,
    out: str | None,
    sheet: str | None,
    sites: str | None,
    **given: Any,  # noqa: ANN401
) -> None:
    from circle15.cli_site import Into, judge_one, judge_table
    from circle15.write.sheet import check_suffix

    keys = ("lon", "lat", "datum", "accuracy_m", "service", "name", "attributes", "as_of", "indicators", "events")
    asked = {k: given.pop(k) for k in keys}
    into = Into(as_json, out, sheet, _tell_written)
    load = partial(_load, lang, given)
    if sheet is not None:
        check_suffix(Path(sheet))
    if sites is not None:
        if asked["lon"] is not None or asked["lat"] is not None:
            raise UsageError(Problem("use.site_twice", value=sites))
        judge_table(lang, sites, asked, into, load)
        return
    missing = [f"--{k}" for k in ("lon", "lat", "datum") if asked[k] is None]
    if missing:
        raise UsageError(Problem("use.site_missing", params={"missing": ", ".join([*missing, "--sites"])}))
    judge_one(lang, asked, into, load)


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


def _check_plan(*, lang: Lang, plan_file: str | None, as_json: bool, out: str | None) -> int:
    """Audit one plan; every shipped plan where none is named."""
    from circle15.policy.audit import FigureVerdict, audit_plan
    from circle15.policy.figures import load_figures, shipped_figures
    from circle15.write.audit import audit_lines, audit_record, write_audit

    if plan_file is None and (as_json or out is not None):
        raise UsageError(Problem("use.plan_missing", params={"known": ", ".join(shipped_figures())}))
    wrong = 0
    for name in [plan_file] if plan_file is not None else shipped_figures():
        checks, title = audit_plan(name), load_figures(name).title
        if as_json:
            click.echo(audit_record(checks, title=title, lang=lang), nl=False)
        else:
            click.echo("\n".join(audit_lines(checks, title=title, lang=lang)))
        if out is not None:
            _tell_written([write_audit(Path(out), checks, title=title, lang=lang)], lang, aside=as_json)
        wrong += sum(c.verdict is FigureVerdict.INCONSISTENT for c in checks)
    return PROBLEMS if wrong else DONE


def _load(lang: Lang, inputs: dict[str, Any]) -> tuple[Plan, City]:
    """Plan and city of one command; what was assumed or dropped while reading is told on stderr."""
    from circle15.policy.plan import load_plan
    from circle15.read.city import read_city

    overlay = inputs.pop("overlay", None)
    files = _city_files(inputs)
    plan = load_plan(files.plan, overlay=overlay)
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


def _tell_written(written: Sequence[Path], lang: Lang, *, aside: bool = False) -> None:
    """Name the files written; on stderr where stdout holds JSON."""
    click.echo(word("summary.written", lang), err=aside)
    for path in written:
        click.echo(f"  {path}", err=aside)

"""Commands and their options, declared: heavy libraries are imported when a command is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from circle15 import __version__
from circle15.cli.files import Fills, Reads, Writes
from circle15.cli.together import check_together
from circle15.cli.words import LocalCommand, LocalGroup, LocalOption, Number
from circle15.draw.basemap import BASEMAPS
from circle15.schema import DATUMS, GAP_MIN_RESIDENTS, PLACE_LEVELS, POSITION_ACCURACY_M, SERVICES, WALKING_MINUTES
from circle15.words import LANGS, Lang, word

Run = Callable[..., int | None]


def lazy(work: str) -> Run:
    """A function of a sister module ("site:judge_sites"), imported on its first call."""
    module, _, name = work.partition(":")

    def run(**given: Any) -> int | None:  # noqa: ANN401 - click hands the options over by name
        found: Run = getattr(import_module(f"circle15.cli.{module}"), name)
        return found(**given)

    return run


@dataclass(frozen=True)
class Maker:
    """Makes options and commands whose help is in one language."""

    lang: Lang

    def text(self, key: str) -> str:
        """Words under cli.*."""
        return word(f"cli.{key}", self.lang)

    def option(self, *names: str, key: str, **more: Any) -> click.Option:  # noqa: ANN401 - handed on to click
        """An option with the help under cli.option.<key>."""
        return LocalOption(list(names), help=self.text(f"option.{key}"), lang=self.lang, **more)

    def reads(self, *names: str, key: str, **more: Any) -> click.Option:  # noqa: ANN401 - handed on to click
        """An option that names a file to read."""
        return self.option(*names, key=key, type=Reads(), **more)

    def city(self) -> list[click.Parameter]:
        """Where the city is: its file, or single inputs."""
        return [
            click.Argument(["city_file"], type=Reads(), required=False, metavar=self.text("metavar.city")),
            self.reads("--institutions", key="institutions", metavar="FILE"),
            self.reads("--places", key="places", metavar="FILE", multiple=True),
            self.reads("--population", key="population", metavar="FILE"),
            self.option("--database", key="database", metavar="URL"),
            self.option("--register-datum", key="register_datum", type=click.Choice(DATUMS)),
            self.reads("--plan", key="plan", metavar="ID|FILE"),
            self.option("--scale-to", key="scale_to", type=click.Choice(PLACE_LEVELS)),
            self.reads("--denominators", key="denominators", metavar="FILE.xlsx|FILE.csv"),
        ]

    def streets(self) -> click.Option:
        """The walk network."""
        return self.reads("--streets", key="streets", metavar="FILE|live")

    def service(self) -> click.Option:
        """One service, never guessed."""
        return self.option("--service", key="service", type=click.Choice(SERVICES), required=True)

    def service_of_sites(self) -> click.Option:
        """The service of a proposed site, or of a table of them that has no such column."""
        return self.option("--service", key="service_of_sites", type=click.Choice(SERVICES))

    def services(self) -> click.Option:
        """Any number of services."""
        return self.option("--service", "services", key="services", type=click.Choice(SERVICES), multiple=True)

    def least(self) -> click.Option:
        """The smallest gap that is listed."""
        number = Number(min=0)
        return self.option(
            "--min-residents", key="min_residents", type=number, default=GAP_MIN_RESIDENTS, show_default=True
        )

    def marks(self) -> list[click.Option]:
        """What the pages say of their own standing."""
        number = self.option("--map-number", key="map_number", metavar="TEXT", default="")
        return [number, self.option("--public", key="public", is_flag=True)]

    def out(self, *names: str) -> click.Option:
        """The folder that files of these names are written to."""
        return self.option("--out", key="out", type=Fills(*names), metavar="DIR", default="maps", show_default=True)

    def as_of(self, key: str = "as_of") -> click.Option:
        """On which day."""
        return self.option("--as-of", "as_of", key=key, type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD")

    def day(self) -> list[click.Option]:
        """On which day, and with what a bureau has filled in."""
        return [self.as_of(), self.reads("--overlay", key="overlay", metavar="FILE.toml")]

    def as_json(self) -> click.Option:
        """The answer as JSON on stdout."""
        return self.option("--json", "as_json", key="json", is_flag=True)

    def evidence(self) -> list[click.Option]:
        """What a plan is judged with beside the city: its overlay, indicators, events, the day."""
        return [
            *self.day(),
            self.reads("--indicators", key="indicators", metavar="FILE.xlsx|FILE.csv"),
            self.reads("--events", key="events", metavar="FILE.xlsx|FILE.csv"),
        ]

    def command(self, name: str, work: str, *params: click.Parameter) -> LocalCommand:
        """A command whose work is `lazy(work)`; it is called with lang and its options."""
        run = lazy(work)

        def call(**given: Any) -> int | None:  # noqa: ANN401 - click hands the options over by name
            context = click.get_current_context()
            check_together(context)
            guard = import_module("circle15.cli.guard")
            with guard.guarding(context.command.params, given):
                return run(**(given | {"lang": self.lang}))

        return LocalCommand(
            name,
            callback=call,
            params=[*params, self.option("--lang", key="lang", type=click.Choice(LANGS))],
            help=self.text(f"help.{name}"),
            short_help=self.text(f"short.{name}"),
            lang=self.lang,
        )


def build_app(lang: Lang) -> click.Group:
    """The command group with its help in one language, commands in the order of the work."""
    make = Maker(lang)
    return LocalGroup(
        "circle15",
        lang=lang,
        help=make.text("help.group"),
        params=[
            make.option("--lang", key="lang", type=click.Choice(LANGS), expose_value=False),
            make.option(
                "--version", key="version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version
            ),
        ],
        commands=[
            _assess(make),
            _map(make),
            _site(make),
            _gaps(make),
            _add(make),
            _retire(make),
            _round(make),
            _walk(make),
            _check_data(make),
            _check_plan(make),
            _nation(make),
        ],
    )


def _show_version(context: click.Context, _option: click.Parameter, value: object) -> None:
    if value:
        click.echo(f"circle15 {__version__}")
        context.exit()


def _assess(make: Maker) -> LocalCommand:
    to = make.option("--to", key="results_to", type=Writes(), metavar="URL|FILE.gpkg")
    out = make.out("{city}_assess*", "{city}_institutions.*")
    params = [*make.city(), *make.evidence(), make.services(), make.least(), out, to]
    return make.command("assess", "assess:assess_city", *params)


def _map(make: Maker) -> LocalCommand:
    option = make.option
    return make.command(
        "map",
        "assess:map_city",
        *make.city(),
        make.streets(),
        option("--district", key="district", metavar="NAME|ID"),
        *make.evidence(),
        make.services(),
        make.least(),
        *make.marks(),
        option("--basemap", key="basemap", type=click.Choice(BASEMAPS)),
        option("--basemap-key", key="basemap_key", metavar="KEY", default=""),
        make.out("{city}_*.html"),
    )


def _gaps(make: Maker) -> LocalCommand:
    shown = [make.service(), make.least(), make.out("{city}_gaps_{service}*")]
    return make.command("gaps", "assess:list_gaps", *make.city(), *make.day(), *shown)


def _walk(make: Maker) -> LocalCommand:
    time = Number(min=0, min_open=True)
    minutes = make.option("--minutes", key="minutes", type=time, default=WALKING_MINUTES, show_default=True)
    shown = [make.services(), minutes, make.least(), make.as_json(), make.out("{city}_walk*")]
    return make.command("walk", "walk:walk", *make.city(), make.streets(), *make.day(), *shown)


def _site(make: Maker) -> LocalCommand:
    """Where and what is proposed, on which evidence, and in which form the verdict is wanted."""
    option = make.option
    return make.command(
        "site",
        "site:judge_sites",
        *make.city(),
        make.streets(),
        option("--lon", key="lon", type=float),
        option("--lat", key="lat", type=float),
        option("--datum", key="site_datum", type=click.Choice(DATUMS)),
        *make.evidence(),
        make.reads("--sites", key="sites", metavar="FILE.xlsx|FILE.csv"),
        option("--name", key="name", default=""),
        option("--attribute", "attributes", key="attribute", metavar="KEY=VALUE", multiple=True),
        option(
            "--accuracy-m",
            "accuracy_m",
            key="accuracy",
            type=Number(min=0),
            default=POSITION_ACCURACY_M,
            show_default=True,
        ),
        make.as_json(),
        option("--sheet", key="sheet", type=Writes(".docx", ".xlsx"), metavar="FILE.docx|FILE.xlsx"),
        make.service_of_sites(),
        option("--out", key="site_out", type=Writes(".json", ".xlsx", ".parquet", ".csv"), metavar="FILE"),
    )


def _planning(make: Maker, kind: str) -> list[click.Parameter]:
    """What `add` and `retire` share: service, candidates, rules set aside, how long to look."""
    option = make.option
    return [
        make.service(),
        make.streets(),
        option("--on-foot", "on_foot", key="on_foot", is_flag=True),
        *make.evidence(),
        option(
            "--candidates",
            key="candidates",
            type=click.Choice(["gaps", "lattice", "cells", "none"]),
            default="gaps",
            show_default=True,
        ),
        option("--spacing-m", key="spacing_m", type=Number(min=1), default=500.0, show_default=True),
        make.reads("--sites", key="candidate_sites", metavar="FILE.xlsx|FILE.csv"),
        option("--datum", key="site_datum", type=click.Choice(DATUMS)),
        option("--aside", key="aside", metavar="RULE", multiple=True),
        option("--plans", key="plans", type=click.IntRange(min=0), default=0, show_default=True),
        option("--seconds", key="seconds", type=Number(min=1), default=45.0, show_default=True),
        make.out(f"{{city}}_{kind}_{{service}}*"),
    ]


def _add(make: Maker) -> LocalCommand:
    option = make.option
    return make.command(
        "add",
        "siting:add_sites",
        *make.city(),
        option("--number", key="number", type=click.IntRange(min=1)),
        option("--share", key="share", type=Number(min=0, max=1)),
        option("--nearest", key="nearest", is_flag=True),
        option("--require", key="require", metavar="ID", multiple=True),
        option("--forbid", key="forbid", metavar="ID", multiple=True),
        option("--quota", key="quota", metavar="NAME=N", multiple=True),
        option("--coverage-only", key="coverage_only", is_flag=True),
        *_planning(make, "add"),
    )


def _retire(make: Maker) -> LocalCommand:
    option = make.option
    return make.command(
        "retire",
        "siting:retire_sites",
        *make.city(),
        option("--keep", key="keep", metavar="ID", multiple=True),
        option("--steps", key="steps", type=click.IntRange(min=1), default=1, show_default=True),
        option("--fewest", key="fewest", is_flag=True),
        option("--least-share", key="least_share", type=Number(min=0, max=1), default=0.95, show_default=True),
        option("--additions", key="additions", type=click.IntRange(min=0), default=0, show_default=True),
        option("--release", key="release", type=Number(min=0)),
        option("--displace", key="displace", is_flag=True),
        option("--score", key="score", metavar="INDICATOR", multiple=True),
        option("--sure", key="sure", is_flag=True),
        *_planning(make, "retire"),
    )


def _round(make: Maker) -> LocalCommand:
    option = make.option
    return make.command(
        "round",
        "siting:hold_round",
        *make.city(),
        make.reads("--sites", key="applications", metavar="FILE.xlsx|FILE.csv", required=True),
        option("--datum", key="site_datum", type=click.Choice(DATUMS)),
        option(
            "--by",
            key="by",
            type=click.Choice(["rank", "coverage", "first", "lottery"]),
            default="rank",
            show_default=True,
        ),
        option("--seed", key="seed", type=click.IntRange(min=0)),
        option("--score-column", key="score_column", metavar="NAME"),
        option("--arrival-column", key="arrival_column", metavar="NAME"),
        make.reads("--replay", key="replay", metavar="run.json"),
        make.streets(),
        option("--on-foot", "on_foot", key="round_on_foot", is_flag=True),
        make.service_of_sites(),
        *make.evidence(),
        make.out("{city}_round*"),
    )


def _nation(make: Maker) -> LocalCommand:
    workers = click.IntRange(min=1)
    return make.command(
        "nation",
        "nation:measure_nation",
        make.reads("--institutions", key="nation_institutions", metavar="FILE.parquet", required=True),
        make.reads("--places", key="nation_places", metavar="FILE.parquet", required=True),
        make.reads("--population", key="nation_population", metavar="FILE.tif|FILE.vrt", required=True),
        make.option("--crs", key="raster_crs", metavar="EPSG:CODE"),
        make.option("--nodata", key="raster_nodata", type=click.FLOAT, metavar="NUM"),
        make.option("--register-datum", key="register_datum", type=click.Choice(DATUMS), required=True),
        make.reads("--plan", key="plan", metavar="ID|FILE", required=True),
        make.as_of("nation_as_of"),
        make.services(),
        make.least(),
        make.option("--block", key="block", type=click.IntRange(min=64, max=8192), default=1024, show_default=True),
        make.option("--workers", key="workers", type=workers, default=1, show_default=True),
        make.option("--scheduler", key="scheduler", metavar="tcp://HOST:PORT", default=""),
        make.option(
            "--rasters", key="rasters", type=Fills("share_*.tif", "depth_*.tif", "density_class.tif"), metavar="DIR"
        ),
        *make.marks(),
        make.out("places.parquet", "institutions.parquet", "gaps.parquet", "nation.html", "nation_run.json"),
    )


def _check_data(make: Maker) -> LocalCommand:
    out = make.option("--out", key="check_out", type=Writes(".xlsx"), metavar="FILE.xlsx")
    html = Writes(".html", ".htm")
    page = make.option("--map", "suspects_map", key="check_map", type=html, metavar="FILE.html")
    corrected = make.option("--corrected", key="check_corrected", type=Writes(".xlsx"), metavar="FILE.xlsx")
    told = [make.streets(), make.as_of(), out, page, corrected]
    return make.command("check-data", "check:check_data", *make.city(), *told)


def _check_plan(make: Maker) -> LocalCommand:
    return make.command(
        "check-plan",
        "check_plan:check_plan",
        click.Argument(["plan_file"], type=Reads(), required=False, metavar="[ID|FILE]"),
        make.as_json(),
        make.option("--out", key="plan_out", type=Writes(".xlsx"), metavar="FILE.xlsx"),
    )

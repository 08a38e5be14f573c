"""The files of `walk`: workbook and GeoPackages of a city on foot 步行评估成果."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import pandas as pd

from circle15.words import Lang, word
from circle15.write.files import safe_file_name
from circle15.write.gis import write_layer
from circle15.write.report import marks_of, source_sheet
from circle15.write.run_record import to_json, write_run_record
from circle15.write.tables import GAPS, Column
from circle15.write.workbook import Sheet, write_workbook

WALK_COVERAGE: tuple[Column, ...] = (
    Column("name", "text", 16),
    Column("level", "word", 10, "columns.place_levels"),
    Column("service", "word", 10, "columns.services"),
    Column("institutions", "count", 11),
    Column("residents", "count", 12),
    Column("share", "share", 10),
    Column("share_walking", "share", 12),
    Column("share_minutes", "share", 12),
    Column("covered", "count", 12),
    Column("covered_walking", "count", 12),
    Column("covered_minutes", "count", 12),
    Column("off_streets", "count", 12),
    Column("mean_walking_m", "metres", 12),
    Column("detour", "number", 10),
    Column("response_minutes", "number", 12),
    Column("response_straight", "number", 12),
    Column("access_per_10k", "number", 12),
    Column("access_zones_per_10k", "number", 12),
)
WALK_SITES: tuple[Column, ...] = (
    Column("id", "text", 15),
    Column("name", "text", 30),
    Column("service", "word", 10, "columns.services"),
    Column("district_name", "text", 12),
    Column("township_name", "text", 16),
    Column("verdict_on_foot", "word", 20, "columns.on_foot"),
    Column("circle_limit", "count", 10),
    Column("others_within", "count", 14),
    Column("others_walking", "count", 14),
    Column("others_minutes", "count", 14),
    Column("nearest_other_m", "metres", 14),
    Column("nearest_walking_m", "metres", 14),
    Column("residents_within", "count", 14),
    Column("residents_walking", "count", 14),
    Column("residents_minutes", "count", 14),
    Column("snap_m", "metres", 12),
)
WALK_GAPS: tuple[Column, ...] = (*GAPS, Column("nearest_walking_m", "metres", 14))
WALK_SCHEMA = 1
PARTING = ("over_straight", "over_walking", "unknown")
"""Verdicts of institutions that the list of differences names."""


class Walked(Protocol):
    """What is written: see `circle15.walk.Walk`."""

    @property
    def city(self) -> Any: ...  # noqa: ANN401, D102
    @property
    def radius_m(self) -> float: ...  # noqa: D102
    @property
    def minutes(self) -> float: ...  # noqa: D102
    @property
    def sites(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def coverage(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def gaps(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def reached(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def provenance(self) -> Any: ...  # noqa: ANN401, D102


def parting(sites: pd.DataFrame) -> pd.DataFrame:
    """Institutions whose verdict is another on foot than straight, or is not known on foot."""
    return sites[sites["verdict_on_foot"].isin(PARTING)]


def write_walk(result: Walked, folder: Path, *, lang: Lang) -> list[Path]:
    """Workbook (coverage, differing verdicts, all institutions, gaps, sources) and GeoPackages of reach and gaps."""
    stem = f"{safe_file_name(result.city.name, fallback='city')}_walk"
    sites = pd.DataFrame(result.sites.drop(columns="geometry"))
    slots = {"radius": f"{result.radius_m:g}", "minutes": f"{result.minutes:g}"}

    def sheet(key: str, table: pd.DataFrame, columns: tuple[Column, ...]) -> Sheet:
        return Sheet(word(f"workbook.sheet.{key}", lang), word(f"workbook.note.{key}", lang, **slots), table, columns)

    sheets = [
        sheet("walk_coverage", result.coverage, WALK_COVERAGE),
        sheet("walk_parting", parting(sites), WALK_SITES),
        sheet("walk_sites", sites, WALK_SITES),
        sheet("walk_gaps", pd.DataFrame(result.gaps.drop(columns="geometry")), WALK_GAPS),
        source_sheet(result.provenance, lang),
    ]
    title = word("workbook.title.walk", lang, city=result.city.name)
    marks = marks_of(simulated=result.city.simulated, lang=lang)
    return [
        write_workbook(folder / f"{stem}.xlsx", sheets, lang=lang, title=title, marks=marks),
        write_layer(folder / f"{stem}_institutions.gpkg", result.sites, layer="institutions"),
        write_layer(folder / f"{stem}_gaps.gpkg", result.gaps, layer="gaps"),
        write_layer(folder / f"{stem}_reached.gpkg", result.reached, layer="reached"),
        write_run_record(folder / f"{stem}_run.json", result.provenance),
    ]


def walk_record(result: Walked) -> str:
    """The city on foot as JSON: coverage, institutions, gaps and what replays the run.

    Stable keys (`schema` rises when one changes its meaning or goes): coverage, institutions and gaps hold the columns
    of the workbook by their names, one object a row; `service` and `verdict_on_foot` are told by their ids; null stands
    for what is unknown and where no way leads.
    """
    tables = (
        ("coverage", result.coverage, WALK_COVERAGE),
        ("institutions", result.sites, WALK_SITES),
        ("gaps", result.gaps, WALK_GAPS),
    )
    told: dict[str, object] = {
        name: table[[c.name for c in columns]].to_dict("records") for name, table, columns in tables
    }
    head = {"schema": WALK_SCHEMA, "city": result.city.name, "radius_m": result.radius_m, "minutes": result.minutes}
    return to_json(head | told | {"run": result.provenance})


def walk_lines(result: Walked, *, service: str, lang: Lang) -> list[str]:
    """The city on foot in a few sentences: coverage straight and on foot by place, verdicts that part."""
    table = result.coverage[(result.coverage["service"] == service) & (result.coverage["level"] != "township")]
    said = word(f"columns.services.{service}", lang)
    lines = [word("walk.head", lang, service=said, radius=f"{result.radius_m:g}", minutes=f"{result.minutes:g}")]
    lines += [
        word(
            "walk.place",
            lang,
            name=row["name"],
            straight=_share(row["share"]),
            walking=_share(row["share_walking"]),
            minutes=_share(row["share_minutes"]),
            detour=_number(row["detour"], 2),
            off=_number(row["off_streets"], 0),
        )
        for row in table.to_dict("records")
    ]
    verdicts = result.sites.loc[result.sites["service"] == service, "verdict_on_foot"].value_counts().to_dict()
    counts = {k: verdicts.get(k, 0) for k in (*PARTING, "over_both")}
    lines.append(word("walk.parting", lang, service=said, **counts))
    gaps = result.gaps[result.gaps["service"] == service]
    lines.append(word("walk.gaps", lang, n=len(gaps), residents=_number(gaps["residents"].sum(), 0)))
    return lines


def _share(value: object) -> str:
    return f"{value:.1%}" if isinstance(value, float) and value == value else "–"  # noqa: PLR0124 - NaN


def _number(value: object, digits: int) -> str:
    known = isinstance(value, float) and value == value  # noqa: PLR0124 - NaN
    return f"{value:,.{digits}f}" if known else "–"

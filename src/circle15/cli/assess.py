"""The commands `assess`, `map` and `gaps`: a whole city as tables, pages and lists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from circle15.cli.load import beside, load, url_of
from circle15.cli.tell import tell_written
from circle15.cli.words import StepBar
from circle15.draw.basemap import Basemap, BasemapName
from circle15.draw.index import draw_index
from circle15.draw.map import draw_city, draw_district
from circle15.draw.marks import page_marks
from circle15.draw.tester import build_tester
from circle15.draw.tester_people import held_exactly
from circle15.errors import Problem, UsageError
from circle15.policy.plan import Plan
from circle15.prepared import Prepared
from circle15.schema import City
from circle15.study import assess, find_service_gaps, provenance
from circle15.walk import streets_on_foot, with_coverage_on_foot
from circle15.words import Lang, word
from circle15.write.files import page_names, safe_file_name, write_text
from circle15.write.report import write_assessment, write_gaps
from circle15.write.results import check_target, write_results
from circle15.write.summary import gap_lines, summary_lines


def assess_city(
    *,
    lang: Lang,
    services: tuple[str, ...],
    min_residents: float,
    out: str,
    to: str | None = None,
    **inputs: Any,  # noqa: ANN401
) -> None:
    """Measure and judge a city; tables and a summary."""
    if to is not None:
        check_target(to)
    plan, city, told = _loaded(lang, inputs)
    with StepBar(lang) as bar:
        result = assess(
            plan, city, services=services or None, gap_min_residents=min_residents, progress=bar.show, **told
        )
    written = write_assessment(result, Path(out), lang=lang)
    for service in services or _first_service(result.services):
        click.echo("\n".join(summary_lines(result, service=service, lang=lang)))
    tell_written(written, lang)
    if to is not None:
        click.echo(f"  {write_results(to, result, lang=lang)}")


def map_city(
    *,
    lang: Lang,
    district: str | None,
    services: tuple[str, ...],
    min_residents: float,
    map_number: str,
    public: bool,
    basemap: BasemapName | None,
    basemap_key: str,
    out: str,
    **inputs: Any,  # noqa: ANN401
) -> None:
    """Draw a page for each district, one of all of them, and the index that compares them; evidence as in `assess`."""
    marks = page_marks(public=public, map_number=map_number, basemap=Basemap(basemap, basemap_key) if basemap else None)
    plan, city, told = _loaded(lang, inputs)
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
        result = assess(
            plan, city, services=services or None, gap_min_residents=min_residents, progress=bar.show, **told
        )
        result = with_coverage_on_foot(result)
        streets = streets_on_foot(result.city, services=result.services, radius_m=result.radius_m)
        draw = partial(draw_district, result, lang=lang, marks=marks, streets=streets)
        tester = partial(build_tester, result, plan, ledger=told.get("events") is not None)
        folder, stem = Path(out), safe_file_name(city.name, fallback="city")
        pages = page_names(stem, districts)
        whole = district is None
        links = {"index": f"{stem}_index.html", "city": f"{stem}_city.html"} if whole else {}
        written = []
        for at, place_id in enumerate(chosen["id"]):
            bar.show("draw", at, len(chosen))
            page = draw(place_id, links=links, parts=(tester(district_id=place_id),))
            written.append(write_text(folder / pages[place_id], page))
        if whole:
            page = draw_city(
                result,
                lang=lang,
                marks=marks,
                links={"index": links["index"], **pages},
                parts=(tester(),) if held_exactly(result.city.population) else (),
                streets=streets,
            )
            written.insert(0, write_text(folder / links["city"], page))
            index = draw_index(result, lang=lang, pages=pages, city_page=links["city"], marks=marks)
            written.insert(0, write_text(folder / links["index"], index))
    tell_written(written, lang)
    click.echo(word("cli.open_map", lang, file=written[0].name))


def list_gaps(*, lang: Lang, service: str, min_residents: float, out: str, **inputs: Any) -> None:  # noqa: ANN401
    """List the gaps of one service as `assess` finds them on that day."""
    plan, city = load(lang, inputs)
    city = Prepared(plan, city).city
    with StepBar(lang) as bar:
        bar.show("gaps", 0, 1)
        gaps = find_service_gaps(plan, city, service=service, min_residents=min_residents)
    record = provenance(plan, city, options={"service": service, "gap_min_residents": min_residents})
    radius_m = plan.circle.radius_m
    written = write_gaps(
        gaps, record, Path(out), city=city.name, simulated=city.simulated, service=service, radius_m=radius_m, lang=lang
    )
    click.echo("\n".join(gap_lines(gaps, lang=lang)))
    tell_written(written, lang)


def _loaded(lang: Lang, inputs: dict[str, Any]) -> tuple[Plan, City, dict[str, Any]]:
    """Plan and city, and what is told beside them: indicators, events."""
    asked = {key: inputs.pop(key, None) for key in ("indicators", "events")}
    asked["database"] = url_of(asked, inputs)
    plan, city = load(lang, inputs)
    return plan, *beside(plan, city, asked, lang)


def _first_service(services: Sequence[str]) -> Sequence[str]:
    """Pharmacies lead the summary where the register has any."""
    return ["pharmacy"] if "pharmacy" in services else services[:1]

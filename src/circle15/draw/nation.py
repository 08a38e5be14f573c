"""The nation on one page 全国概览: counties on a light map and in a table to sort and search, offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely

from circle15.draw.marks import Marks
from circle15.draw.pack import array_bytes, json_bytes, microdegrees, number, numbers, polygon_arrays, shown
from circle15.draw.page import assemble_page, fill, join_scripts, read_asset
from circle15.words import LANGS, word, words_under

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from circle15.policy.plan import Plan
    from circle15.words import Lang

SCRIPTS = ("unpack.js", "marks.js", "choice.js", "nation_map.js", "nation.js")
_STEPS = 1500
"""Outlines are simplified, borders alike on both sides, to the width of the map over this many."""
_LISTED_GAPS = 10
_SHARED_WORDS = (
    "none",
    "simulated",
    "internal",
    "language",
    "print",
    "service_choice",
    "table.export",
    "foot.plan",
    "foot.approval",
    "foot.no_approval",
)


def draw_nation(
    places: gpd.GeoDataFrame,
    gaps: pd.DataFrame,
    services: Sequence[str],
    *,
    plan: Plan,
    simulated: bool,
    as_of: str = "",
    marks: Marks | None = None,
    lang: Lang = "zh",
) -> str:
    """Draw the page.

    Parameters
    ----------
    places
        As `scale.results.places_table` makes them; its districts are shown (all places where it has none).
    gaps
        As `scale.results.gaps_table` makes them.
    services
        Services measured; the first shown is pharmacies where they are among them.
    plan
        The plan whose circle and classes were measured.
    simulated
        Whether the data are simulated (模拟数据); the page then says so.
    as_of
        Day on which the institutions stand (ISO); the page names it where it is told.

    Returns
    -------
    str
        HTML that loads nothing; same input, same text.
    """
    told = places[places["level"] == "district"] if (places["level"] == "district").any() else places
    first = "pharmacy" if "pharmacy" in services else services[0]
    ordered = [first, *(s for s in services if s != first)]
    shown_marks = marks or Marks()
    values = {
        "lang": lang,
        "words": {code: _words(code, ordered) for code in LANGS},
        "simulated": simulated,
        "as_of": as_of,
        "internal": shown_marks.internal,
        "plan": {"title": shown(plan.title), "version": plan.version[:12], "approval": shown(shown_marks.map_number)},
        "radius_m": number(plan.circle.radius_m, 3),
        "density": _density(told),
        "services": ordered,
        "places": _columns(told),
        "figures": {s: _figures(told, s) for s in ordered},
        "gaps": {s: _gap_rows(gaps, told, s) for s in ordered},
    }
    title = word("nation.title", lang)
    slots = {"title": title, "needs": word("map.needs", lang), "no_script": word("map.no_script", lang)}
    return assemble_page(
        shell=None,
        lang=lang,
        title=title,
        body=fill(read_asset("index.html"), slots),
        styles=[read_asset("index.css"), read_asset("nation.css")],
        scripts=[join_scripts(SCRIPTS)],
        blocks={"values": json_bytes(values), "places": _outlines(told)},
    )


def _words(lang: Lang, services: Sequence[str]) -> dict[str, str]:
    shared = words_under("map", lang)
    wanted = [*_SHARED_WORDS, *(f"service.{s}" for s in services)]
    return {k: shared[k] for k in wanted} | words_under("nation", lang)


def _density(places: gpd.GeoDataFrame) -> float | None:
    """Residents per km² of the ground with data of all places together; None without any."""
    land_km2 = float(places["land_km2"].sum())
    return number(places["residents"].sum() / land_km2, 1) if land_km2 > 0 else None


def _columns(places: gpd.GeoDataFrame) -> dict[str, list[Any]]:
    spots = shapely.get_coordinates(shapely.point_on_surface(places.geometry.to_numpy()))
    return {
        "id": [shown(i) for i in places["id"]],
        "name": [shown(n) for n in places["name"]],
        "residents": numbers(places["residents"], 0),
        "density": numbers(places["density_per_km2"], 1),
        "spot": microdegrees(spots).tolist(),
    }


def _figures(places: gpd.GeoDataFrame, service: str) -> dict[str, list[Any]]:
    return {
        "institutions": numbers(places[f"{service}_institutions"], 0),
        "share": numbers(places[f"{service}_share"], 4),
        "uncovered": numbers(places["residents"] - places[f"{service}_covered"], 0),
    }


def _gap_rows(gaps: pd.DataFrame, places: gpd.GeoDataFrame, service: str) -> list[dict[str, Any]]:
    """Largest gaps of a service; `place` is the position of the county among those shown, -1 for none."""
    at = {str(i): n for n, i in enumerate(places["id"])}
    mine = gaps[(gaps["service"] == service) & (gaps["rank"] <= _LISTED_GAPS)]
    return [
        {
            "name": shown(g["place_name"]),
            "place": at.get(str(g["place_id"]), -1),
            "residents": number(g["residents"], 0),
            "km2": number(g["area_km2"], 1),
            "best": [number(g[f"candidate_{c}"], 6) for c in ("lon", "lat", "new_residents")],
        }
        for g in mine.to_dict("records")
    ]


def _outlines(places: gpd.GeoDataFrame) -> bytes:
    if not len(places):
        return array_bytes(polygon_arrays([]))
    west, south, east, north = places.total_bounds
    step = float(max(east - west, north - south)) / _STEPS
    return array_bytes(polygon_arrays(shapely.coverage_simplify(places.geometry.to_numpy(), step)))

"""The map of doubtful positions 疑点地图: one offline page with a list, the outlines and every finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.pack import json_bytes, microdegrees, number, ring_lists, shown
from circle15.draw.page import assemble_page, build_shell, fill, join_scripts, read_asset
from circle15.words import word, words_under

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from circle15.words import Lang

MOST_DOTS = 60_000
_SIMPLER_DEG = 0.0003
_EDGE = 0.02
MARKS: dict[str, str] = {
    "outside": "#a50f15",
    "division": "#d55e00",
    "unit": "#d55e00",
    "address": "#e69f00",
    "stack": "#5e1a8b",
    "pair": "#cc4f97",
    "road": "#0072b2",
    "strayed": "#56b4e9",
    "duplicate": "#1f2933",
    "same_name": "#5b6672",
    "building": "#8fa3b5",
}
"""Colour of each kind of doubt; the order is that of the legend, what needs work first."""


def draw_suspects(
    institutions: gpd.GeoDataFrame,
    suspects: pd.DataFrame,
    places: gpd.GeoDataFrame,
    *,
    city: str,
    simulated: bool,
    lang: Lang = "zh",
) -> str:
    """Draw the doubtful positions of a register.

    Parameters
    ----------
    institutions, suspects
        The register (EPSG:4326) and the findings on it (read/positions.COLUMNS).
    places
        Outlines; districts and townships are drawn.

    Returns
    -------
    str
        HTML that asks nobody for anything; same input, same text.
    """
    ordered = [k for k in MARKS if (suspects["kind"] == k).any()]
    title = word("check.title", lang, city=shown(city))
    needing = suspects[suspects["kind"] != "building"]["at"].nunique()
    bounds = _bounds(institutions, places)
    values = {
        "words": words_under("check", lang) | {"none_found": word("check.none", lang)},
        "kinds": [{"id": k, "name": _kind(k, lang), "colour": MARKS[k]} for k in ordered],
        "findings": _findings(institutions, suspects, ordered),
        "dots": _dots(institutions),
        "places": [
            {"name": shown(r.name), "level": r.level, "rings": ring_lists(shapely.simplify(r.geometry, _SIMPLER_DEG))}
            for r in places[["name", "level", "geometry"]].itertuples(index=False)
            if r.level in {"district", "township"}
        ],
        "bounds": bounds,
    }
    slots = {
        "title": title,
        "map_variable": "map_suspects",
        "internal": word("check.internal", lang),
        "simulated": word("check.simulated", lang) if simulated else "",
        "intro": word("check.intro", lang, n=f"{len(institutions):,}", doubtful=f"{needing:,}"),
        "list": word("check.list", lang),
        "search": word("check.search", lang),
        "foot": word("check.foot", lang),
        "map_label": word("check.map_label", lang),
    }
    return assemble_page(
        shell=build_shell(map_id="suspects", bounds=bounds),
        lang=lang,
        title=title,
        body=fill(read_asset("suspects.html"), slots),
        styles=[read_asset("suspects.css")],
        scripts=[join_scripts(["suspects.js"])],
        blocks={"suspects": json_bytes(values)},
    )


def _kind(kind: str, lang: Lang) -> str:
    return word(f"columns.positions.reason.{kind}", lang)


def _bounds(institutions: gpd.GeoDataFrame, places: gpd.GeoDataFrame) -> list[float]:
    west, south, east, north = places.total_bounds if len(places) else institutions.total_bounds
    dx, dy = _EDGE * (east - west), _EDGE * (north - south)
    return [round(float(v), 6) for v in (west - dx, south - dy, east + dx, north + dy)]


def _dots(institutions: gpd.GeoDataFrame) -> list[int]:
    """All institutions as x, y, x, y … in microdegrees (the first MOST_DOTS)."""
    xy = institutions.geometry.get_coordinates().to_numpy()[:MOST_DOTS]
    return [int(v) for v in microdegrees(xy).ravel()]


def _findings(institutions: gpd.GeoDataFrame, suspects: pd.DataFrame, ordered: list[str]) -> list[list[Any]]:
    """Kind, x, y, name, code, address, sheet, row, should lie in, lies in, metres; what needs work first."""
    rank = suspects["kind"].map({k: n for n, k in enumerate(ordered)})
    found = suspects.assign(rank=rank).sort_values(["rank", "group", "at"], kind="stable")
    at = found["at"].to_numpy()
    own = institutions.iloc[at]
    xy = microdegrees(own.geometry.get_coordinates().to_numpy())
    columns = [own[c].tolist() for c in ("name", "id", "address", "source_sheet", "source_row")]
    told = [found[c].tolist() for c in ("rank", "told", "lies", "metres")]
    return [
        [
            int(rank),
            int(x),
            int(y),
            shown(name),
            shown(code),
            shown(address),
            shown(sheet),
            int(row),
            shown(should),
            shown(lies),
            number(metres, 0),
        ]
        for rank, should, lies, metres, (x, y), name, code, address, sheet, row in zip(
            *told, np.asarray(xy), *columns, strict=True
        )
    ]

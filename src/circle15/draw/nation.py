"""The nation on one page 全国概览: counties on a light map and in a table that sorts, offline."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.draw.pack import shown
from circle15.draw.page import assemble_page, fill, join_scripts, read_asset
from circle15.words import word

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from circle15.words import Lang

_WIDTH = 900.0
_COARSE = 1.2  # an outline strays by no more than this on the drawing
_LISTED_GAPS = 10
SHADES = ("#f4f1ea", "#f6dfc8", "#f1c49a", "#e8a66c", "#dc8743")
SHARE_BREAKS = (0.2, 0.4, 0.6, 0.8)


def draw_nation(
    places: gpd.GeoDataFrame, gaps: pd.DataFrame, services: Sequence[str], *, radius_m: float, lang: Lang = "zh"
) -> str:
    """Draw the page.

    Parameters
    ----------
    places
        As `scale.results.places_table` makes them; its districts are shown (all places where it has none).
    gaps
        As `scale.results.gaps_table` makes them.
    services
        Services measured; the map is shaded by the first (pharmacies where they are among them).

    Returns
    -------
    str
        HTML that loads nothing; same input, same text.
    """
    shown_places = places[places["level"] == "district"] if (places["level"] == "district").any() else places
    service = "pharmacy" if "pharmacy" in services else services[0]
    slots = {
        "title": word("nation.title", lang),
        "lead": word(
            "nation.lead", lang, places=f"{len(shown_places):,}", residents=f"{shown_places['residents'].sum():,.0f}",
            radius=f"{radius_m:g}",
        ),
        "map_title": word("nation.map", lang, service=word(f"map.service.{service}", lang)),
        "gaps_title": word("nation.gaps", lang),
        "sort": word("nation.sort", lang),
    }  # fmt: skip
    body = fill(read_asset("nation.html"), slots)
    body = body.replace("<!--overview-->", _map(shown_places, service, slots["map_title"]))
    body = body.replace("<!--shades-->", shade_key())
    body = body.replace("<!--table-->", _table(shown_places, services, lang))
    body = body.replace("<!--gaps-->", _gap_rows(gaps, lang))
    return assemble_page(
        shell=None, lang=lang, title=slots["title"], body=body, styles=[read_asset("nation.css")],
        scripts=[join_scripts(["nation.js"])], blocks={},
    )  # fmt: skip


def _map(places: gpd.GeoDataFrame, service: str, label: str) -> str:
    west, south, east, north = places.total_bounds
    narrow = math.cos(math.radians((south + north) / 2))
    scale = _WIDTH / ((east - west) * narrow)
    flat = shapely.transform(
        places.geometry.to_numpy(),
        lambda xy: np.column_stack([(xy[:, 0] - west) * narrow * scale, (north - xy[:, 1]) * scale]),
    )
    shapes = []
    for name, share, shape in zip(
        places["name"], places[f"{service}_share"], shapely.simplify(flat, _COARSE), strict=True
    ):
        fill_with = SHADES[int(np.digitize(share, SHARE_BREAKS))] if share == share else "#ffffff"  # noqa: PLR0124 - NaN
        title = f"{escape(shown(name))} {percent(None if share != share else float(share))}"  # noqa: PLR0124 - NaN
        shapes.append(f'<path d="{_path(shape)}" fill="{fill_with}"><title>{title}</title></path>')
    height = (north - south) * scale
    return (
        f'<svg class="overview" viewBox="-4 -4 {_WIDTH + 8:.0f} {height + 8:.0f}" role="img" '
        f'aria-label="{escape(label)}">{"".join(shapes)}</svg>'
    )


def percent(share: float | None) -> str:
    """A share with one decimal, a dash where there is none."""
    return "—" if share is None else f"{100.0 * share:.1f}%"


def shade_key() -> str:
    """Swatches of the shades with their bounds."""
    bounds = [0, *(round(100 * b) for b in SHARE_BREAKS), 100]
    pairs = zip(SHADES, bounds[:-1], bounds[1:], strict=True)
    return "".join(
        f'<span><svg viewBox="0 0 18 11" width="18" height="11" aria-hidden="true"><rect width="18" height="11" '
        f'fill="{shade}"/></svg>{low}–{high}%</span>'
        for shade, low, high in pairs
    )


def _path(shape: BaseGeometry) -> str:
    parts = []
    for polygon in shapely.get_parts([shape]):
        for ring in shapely.get_rings(polygon):
            points = " ".join(f"{x:.0f} {y:.0f}" for x, y in shapely.get_coordinates(ring)[:-1])
            parts.append(f"M{points}Z")
    return "".join(parts)


def _table(places: gpd.GeoDataFrame, services: Sequence[str], lang: Lang) -> str:
    heads = [word(f"nation.column.{c}", lang) for c in ("id", "name", "residents", "density")]
    for service in services:
        name = word(f"map.service.{service}", lang)
        heads += [
            word("nation.column.institutions", lang, service=name),
            word("nation.column.share", lang, service=name),
        ]
    head = "".join(f'<th scope="col"><button type="button">{escape(h)}</button></th>' for h in heads)
    rows = []
    for place in places.drop(columns="geometry").to_dict("records"):
        numbers = [place["residents"], place["density_per_km2"]]
        shares = [(place[f"{s}_institutions"], place[f"{s}_share"]) for s in services]
        cells = [f"<td>{escape(shown(place['id']))}</td><td>{escape(shown(place['name']))}</td>"]
        cells += [_cell(n, f"{n:,.0f}") for n in numbers]
        cells += [_cell(n, f"{n:,.0f}") + _cell(share, percent(_known(share))) for n, share in shares]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table class="sortable"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _known(share: float) -> float | None:
    return None if math.isnan(share) else float(share)


def _cell(value: float, text: str) -> str:
    known = value == value  # noqa: PLR0124 - NaN
    return f'<td class="n" data-v="{value:.6g}">{text}</td>' if known else '<td class="n" data-v="">—</td>'


def _gap_rows(gaps: pd.DataFrame, lang: Lang) -> str:
    lines = []
    for gap in gaps[gaps["rank"] <= _LISTED_GAPS].to_dict("records"):
        text = word(
            "nation.gap", lang, service=word(f"map.service.{gap['service']}", lang), rank=gap["rank"],
            place=shown(gap["place_name"]), residents=f"{gap['residents']:,.0f}", km2=f"{gap['area_km2']:,.1f}",
        )  # fmt: skip
        lines.append(f"<li>{escape(text)}</li>")
    return f"<ol>{''.join(lines)}</ol>"

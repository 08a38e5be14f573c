"""The city on one page 县区比较: a table of its districts to sort, small maps of the same figures, the worst gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import shapely

from circle15.draw.map import heading_values
from circle15.draw.marks import Marks
from circle15.draw.pack import array_bytes, json_bytes, microdegrees, number, polygon_arrays, shown
from circle15.draw.page import assemble_page, fill, join_scripts, read_asset
from circle15.draw.payload import whole_area
from circle15.draw.summary import district_ids, findings_by_place, service_summary
from circle15.words import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circle15.draw.summary import Findings
    from circle15.schema import Assessment
    from circle15.words import Lang

WORST_GAPS = 3
SCRIPTS = ("unpack.js", "geodesy.js", "marks.js", "choice.js", "small_maps.js", "index.js")
_SMALL_MAP_STEPS = 700
"""Outlines of the small maps are simplified to the width of the city over this many: half a pixel."""


def draw_index(
    assessment: Assessment,
    *,
    lang: Lang = "zh",
    pages: Mapping[str, str],
    city_page: str = "",
    marks: Marks | None = None,
) -> str:
    """Draw the city's index page: districts compared in a table and in small maps, each a link to its page.

    Parameters
    ----------
    pages
        File name of each district's page by district id, beside the index; districts without one are not linked.
    city_page
        File name of the page of all districts, "" where there is none.

    Returns
    -------
    str
        HTML; same input, same text.
    """
    places = assessment.city.places
    districts = places[places["level"] == "district"]
    first = "pharmacy" if "pharmacy" in assessment.services else assessment.services[0]
    services = [first, *(s for s in assessment.services if s != first)]
    title = word("map.index_title", lang, city=shown(assessment.city.name))
    values = {
        **heading_values(assessment, lang, marks or Marks()),
        "services": services,
        "districts": [
            {"id": str(r.id), "name": shown(r.name), "link": _link(pages, str(r.id)), "spot": _spot(r.geometry)}
            for r in districts[["id", "name", "geometry"]].itertuples(index=False)
        ],
        "city_link": "./" + quote(city_page) if city_page else "",
        **_figures(assessment, services, findings_by_place(assessment)),
        "worst": {s: _worst(assessment, s, pages) for s in services},
    }
    slots = {
        "title": title,
        "needs": word("map.needs", lang),
        "no_script": word("map.no_script", lang),
    }
    return assemble_page(
        shell=None,
        lang=lang,
        title=title,
        body=fill(read_asset("index.html"), slots),
        styles=[read_asset("index.css")],
        scripts=[join_scripts(SCRIPTS)],
        blocks={"values": json_bytes(values), "places": _outlines(districts.geometry.to_numpy())},
    )


def _figures(assessment: Assessment, services: list[str], findings: Findings) -> dict[str, Any]:
    ids, whole = district_ids(assessment), whole_area(assessment)
    rows = {s: [service_summary(assessment, i, s, findings=findings) for i in ids] for s in services}
    total = {
        s: service_summary(assessment, whole.id, s, districts=ids, level=whole.level, findings=findings)
        for s in services
    }
    return {"rows": rows, "total": total}


def _outlines(shapes: Any) -> bytes:  # noqa: ANN401 - an array of shapely geometries
    if not len(shapes):
        return array_bytes(polygon_arrays([]))
    bounds = shapely.total_bounds(shapes)
    step = float(max(bounds[2] - bounds[0], bounds[3] - bounds[1])) / _SMALL_MAP_STEPS
    return array_bytes(polygon_arrays(shapely.simplify(shapes, step)))


def _spot(shape: shapely.Geometry) -> list[int]:
    point = shapely.point_on_surface(shape)
    return [int(v) for v in microdegrees([point.x, point.y])]


def _link(pages: Mapping[str, str], district_id: str) -> str:
    """Relative address of a district's page, "" where it has none."""
    name = pages.get(district_id)
    return "" if name is None else "./" + quote(name)


def _worst(assessment: Assessment, service: str, pages: Mapping[str, str]) -> list[dict[str, Any]]:
    gaps = assessment.gaps
    mine = gaps[gaps["service"] == service]
    worst = mine.sort_values(["residents", "gap_id"], ascending=[False, True], kind="stable").head(WORST_GAPS)
    return [
        {
            **{k: shown(gap[k]) for k in ("district_name", "township_name", "nearest_name")},
            **{k: number(gap[k], 0) for k in ("residents", "candidate_new_residents", "nearest_m")},
            "link": _gap_link(pages, gap, service),
            "at": _at(gap),
        }
        for gap in worst.to_dict("records")
    ]


def _gap_link(pages: Mapping[str, str], gap: Mapping[Any, Any], service: str) -> str:
    """Address of the district's page with the gap chosen in it."""
    page = _link(pages, str(gap["district_id"]))
    return page and f"{page}#s={service}&sel={quote('g:' + str(gap['gap_id']) + ' ' + service, safe='')}"


def _at(gap: Mapping[Any, Any]) -> list[int] | None:
    point = np.array([gap["candidate_lon"], gap["candidate_lat"]], dtype=np.float64)
    return [int(v) for v in microdegrees(point)] if np.isfinite(point).all() else None

"""One district, or the whole city, as one HTML file 县区覆盖图、全市覆盖图."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from circle15.draw import payload
from circle15.draw.ground import pack_ground
from circle15.draw.marks import Marks
from circle15.draw.pack import json_bytes, number, shown
from circle15.draw.page import assemble_page, build_shell, fill, join_scripts, read_asset
from circle15.draw.streets import pack_streets
from circle15.draw.summary import coverage_targets, findings_by_place, quota_rows, service_summary
from circle15.schema import SERVICES
from circle15.words import LANGS, word, words_under

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from circle15.draw.lattice import Lattice
    from circle15.draw.part import PagePart, Shared
    from circle15.draw.summary import Findings
    from circle15.schema import Assessment
    from circle15.words import Lang

SCRIPTS = (
    *("unpack.js", "geodesy.js", "canvas.js", "cells.js", "lattice.js", "marks.js", "prepare.js", "layers.js"),
    *("labels.js", "select.js", "panel.js", "quota.js", "table.js", "legend.js", "search.js", "measure.js"),
    *("basemap.js", "link.js", "district.js"),
)


def draw_district(
    assessment: Assessment,
    district_id: str,
    *,
    lang: Lang = "zh",
    marks: Marks | None = None,
    links: Mapping[str, str] | None = None,
    parts: tuple[PagePart, ...] = (),
    streets: gpd.GeoDataFrame | None = None,
) -> str:
    """Draw one district as a self-contained page that opens with the network cut.

    Parameters
    ----------
    assessment
        Its `provenance["plan"]` may hold title, id, version, dense_per_km2, coverage_targets and approval (审图号);
        what is missing is left out.
    district_id
        Id of a place of level district; KeyError where there is none.
    lang
        Language that the page opens in; it holds both. Names and quotations stay as they were given.
    links
        File names of other pages by place id, "index" and "city"; linked where the page names them.
    streets
        Streets within the radius on foot of any institution: lines (EPSG:4326) with a column `service`. They make a
        layer that is off at first; None leaves it out.

    Returns
    -------
    str
        HTML; same input, same text.
    """
    area = payload.find_district(assessment, district_id)
    return _draw(assessment, area, lang=lang, marks=marks or Marks(), links=links or {}, parts=parts, streets=streets)


def draw_city(
    assessment: Assessment,
    *,
    lang: Lang = "zh",
    marks: Marks | None = None,
    links: Mapping[str, str] | None = None,
    parts: tuple[PagePart, ...] = (),
    streets: gpd.GeoDataFrame | None = None,
) -> str:
    """Draw all districts on one page 全市图; several cities make a page of the region 全省图. See `draw_district`."""
    area = payload.whole_area(assessment)
    return _draw(assessment, area, lang=lang, marks=marks or Marks(), links=links or {}, parts=parts, streets=streets)


def _draw(
    assessment: Assessment,
    area: payload.Area,
    *,
    lang: Lang,
    marks: Marks,
    links: Mapping[str, str],
    parts: tuple[PagePart, ...],
    streets: gpd.GeoDataFrame | None,
) -> str:
    breaks = payload.density_breaks(payload.dense_threshold(assessment))
    shared = next((p.shared for p in parts if p.shared is not None), None)
    ground = pack_ground(assessment, area, breaks, grid=shared.grid if shared else None)
    findings = findings_by_place(assessment)
    values, blocks = _contents(assessment, area, findings, ground.lattice, shared)
    on_foot, lines = pack_streets(streets, area, values["assessed"])
    heading = _heading(assessment, lang, marks, parts)
    heading["words"] = {code: heading["words"][code] | values.pop(f"words.{code}") for code in LANGS}
    values = {
        **heading,
        "district": {"id": area.id, "name": area.name, "level": area.level},
        "bounds": [number(v, 6) for v in area.outline.bounds],
        "breaks": breaks,
        "counted": ground.told,
        "links": dict(links),
        **values,
        **on_foot,
    }
    more = {k: block for p in parts for k, block in p.blocks.items()}
    shell = build_shell(map_id=_map_id(area.id or area.level), bounds=area.outline.bounds)
    title = word("map.title", lang, place=area.name)
    slots = {
        "title": title,
        "needs": word("map.needs", lang),
        "no_script": word("map.no_script", lang),
        "map_variable": f"map_{_map_id(area.id or area.level)}",
        "simulated": word("map.simulated", lang) if assessment.city.simulated else "",
    }
    return assemble_page(
        shell=shell,
        lang=lang,
        title=title,
        body=fill(read_asset("district.html"), slots),
        styles=[*(read_asset(n) for p in parts for n in p.styles), read_asset("page.css"), read_asset("print.css")],
        scripts=[join_scripts((*SCRIPTS[:-1], *(n for p in parts for n in p.scripts), SCRIPTS[-1]))],
        blocks={"values": json_bytes(values), **ground.blocks, **blocks, **lines, **more},
        images=marks.basemap.hosts() if marks.basemap else (),
    )


def page_words(lang: Lang) -> dict[str, str]:
    """Words of the page; units and density classes that have none of their own are worded as in verdicts."""
    units = {f"unit.{k}": f" {v}" for k, v in words_under("judge.unit", lang).items()}
    classes = {f"class.{k}": v for k, v in words_under("judge.density_class", lang).items()}
    return units | classes | words_under("map", lang)


def heading_values(assessment: Assessment, lang: Lang, marks: Marks) -> dict[str, Any]:
    """What every page says of itself: languages, city, plan, sources, marks."""
    plan = payload.plan_summary(assessment)
    return {
        "lang": lang,
        "words": {code: page_words(code) for code in LANGS},
        "city": {"name": shown(assessment.city.name), "simulated": assessment.city.simulated},
        "plan": {
            "id": str(plan.get("id", assessment.plan_id)),
            "title": shown(plan.get("title", assessment.plan_title)),
            "version": str(plan.get("version", ""))[:12],
            "approval": shown(marks.map_number or plan.get("approval", "")),
        },
        "internal": marks.internal,
        "sources": [{"role": s.role, "file": shown(s.file), "sha256": s.sha256[:12]} for s in assessment.city.sources],
        "radius_m": number(assessment.radius_m, 3),
        "dense": number(payload.dense_threshold(assessment), 3),
        "targets": coverage_targets(assessment),
    }


def _heading(assessment: Assessment, lang: Lang, marks: Marks, parts: tuple[PagePart, ...]) -> dict[str, Any]:
    heading = heading_values(assessment, lang, marks)
    for part in parts:
        heading["words"] = {code: w | dict(part.words.get(code, {})) for code, w in heading["words"].items()}
    heading["basemap"] = marks.basemap.as_values() if marks.basemap else None
    return heading


def _contents(
    assessment: Assessment,
    area: payload.Area,
    findings: Findings,
    lattice: Lattice | None,
    shared: Shared | None,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Institutions, places, gaps, findings and figures of the area: values, and outlines as blocks."""
    sites = payload.site_rows(assessment, area)
    drawn = [s for s in SERVICES if s in assessment.services or bool((sites["service"] == s).any())]
    assessed = [s for s in drawn if s in assessment.services]
    places, outlines = payload.place_rows(assessment, area, shared.places if shared else {})
    gaps, patches = payload.gap_columns(assessment, area, lattice, list(sites["id"]))
    held = set(sites["id"])
    on_sites = [f for f in assessment.findings if f.ground == "circle" and f.subject in held]
    own = [(str(p["level"]), str(p["id"])) for p in places if p["own"]]
    on_places = [f for key in dict.fromkeys(own) for f in findings.get(key, [])]
    rules, place = payload.finding_rules([*on_sites, *on_places])
    by_site: dict[str, list[dict[str, Any]]] = {}
    for f in on_sites:
        by_site.setdefault(f.subject, []).append(payload.finding_row(f, place[payload.rule_key(f)]))
    values = {
        "services": drawn,
        "assessed": assessed,
        "sites": payload.site_columns(sites, drawn, shared.institutions if shared else None),
        "site_findings": [by_site.get(i, []) for i in sites["id"]],
        "rules": rules,
        "place_findings": [payload.finding_row(f, place[payload.rule_key(f)]) for f in on_places],
        "places": places,
        "gaps": gaps,
        "quota": {s: quota_rows(s, places, findings) for s in assessed},
        "summary": {
            s: service_summary(assessment, area.id, s, districts=area.districts, level=area.level, findings=findings)
            for s in assessed
        },
        "shares": {s: _shares(assessment, s, places) for s in assessed},
        **{f"words.{code}": payload.note_words([*on_sites, *on_places], code) for code in LANGS},
    }
    return values, {"places": outlines, "gaps": patches}


def _shares(assessment: Assessment, service: str, places: list[dict[str, Any]]) -> list[list[Any]]:
    """Share covered and residents left out of each place, and the share on foot where streets tell it.

    Rows of [place id, share, uncovered] or [place id, share, uncovered, share on foot].
    """
    table = assessment.coverage[assessment.coverage["service"] == service].drop_duplicates("place_id")
    told = table.set_index("place_id").to_dict("index")
    rows = [(str(p["id"]), told[p["id"]]) for p in places if p["own"] and p["id"] in told]
    walked = ["share_walking"] if "share_walking" in table else []
    return [
        [i, number(r["share"], 4), number(r["residents"] - r["covered"], 0), *(number(r[k], 4) for k in walked)]
        for i, r in rows
    ]


def _map_id(place_id: str) -> str:
    """A name safe in scripts for a place id that may be anything."""
    return hashlib.sha256(place_id.encode("utf-8", "replace")).hexdigest()[:12]

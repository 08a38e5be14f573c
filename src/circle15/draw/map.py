"""One district as one HTML file 县区覆盖图."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from circle15.draw import payload
from circle15.draw.pack import number, pack_arrays, pack_json, shown
from circle15.draw.page import assemble_page, build_shell, fill, read_asset
from circle15.draw.summary import place_findings, service_summary
from circle15.schema import SERVICES
from circle15.words import word, words_under

if TYPE_CHECKING:
    from circle15.schema import Assessment
    from circle15.words import Lang

SCRIPTS = (
    "unpack.js", "geodesy.js", "canvas.js", "cells.js", "marks.js", "layers.js", "select.js", "panel.js", "legend.js",
    "search.js", "district.js",
)  # fmt: skip


def draw_district(assessment: Assessment, district_id: str, *, lang: Lang = "zh") -> str:
    """Draw one district as a self-contained page that opens with the network cut.

    Parameters
    ----------
    assessment
        Its `provenance["plan"]` may hold title, id, version, dense_per_km2 and approval (审图号); what is missing is
        left out.
    district_id
        Id of a place of level district; KeyError where there is none.
    lang
        Language of the page; names and quotations stay as they were given.

    Returns
    -------
    str
        HTML; same input, same text.
    """
    district = payload.find_district(assessment, district_id)
    breaks = payload.density_breaks(payload.dense_threshold(assessment))
    arrays, counted = payload.district_cells(assessment, district, breaks)
    values = {
        **_heading(assessment, lang),
        "district": {"id": district.id, "name": district.name},
        "bounds": [number(v, 6) for v in district.outline.bounds],
        "breaks": breaks,
        "counted": counted,
        **_ground(assessment, district, lang),
    }
    shell = build_shell(map_id=_map_id(district_id), bounds=district.outline.bounds)
    title = word("map.title", lang, place=district.name)
    slots = {
        "title": title,
        "needs": word("map.needs", lang),
        "map_variable": f"map_{_map_id(district_id)}",
        "simulated": word("map.simulated", lang) if assessment.city.simulated else "",
    }
    return assemble_page(
        shell=shell,
        lang=lang,
        title=title,
        body=fill(read_asset("district.html"), slots),
        styles=[read_asset("page.css"), read_asset("print.css")],
        scripts=[join_scripts(SCRIPTS)],
        data={"data-values": pack_json(values), "data-cells": pack_arrays(arrays)},
    )


def join_scripts(names: tuple[str, ...]) -> str:
    """Our page scripts as one."""
    return "\n".join(read_asset(name) for name in names)


def page_words(lang: Lang) -> dict[str, str]:
    """Words of the page; units and density classes that have none of their own are worded as in verdicts."""
    units = {f"unit.{k}": f" {v}" for k, v in words_under("judge.unit", lang).items()}
    classes = {f"class.{k}": v for k, v in words_under("judge.density_class", lang).items()}
    return units | classes | words_under("map", lang)


def _map_id(place_id: str) -> str:
    """A name safe in scripts for a place id that may be anything."""
    return hashlib.sha256(place_id.encode("utf-8", "replace")).hexdigest()[:12]


def _heading(assessment: Assessment, lang: Lang) -> dict[str, Any]:
    plan = payload.plan_summary(assessment)
    return {
        "lang": lang,
        "words": page_words(lang),
        "city": {"name": shown(assessment.city.name), "simulated": assessment.city.simulated},
        "plan": {
            "id": str(plan.get("id", assessment.plan_id)),
            "title": shown(plan.get("title", assessment.plan_title)),
            "version": str(plan.get("version", ""))[:12],
            "approval": str(plan.get("approval", "")),
        },
        "sources": [{"role": s.role, "file": shown(s.file), "sha256": s.sha256[:12]} for s in assessment.city.sources],
        "radius_m": number(assessment.radius_m, 3),
        "dense": number(payload.dense_threshold(assessment), 3),
    }


def _ground(assessment: Assessment, district: payload.District, lang: Lang) -> dict[str, Any]:
    """Institutions, places, gaps, findings and figures of the district."""
    sites = payload.site_rows(assessment, district)
    drawn = [s for s in SERVICES if s in assessment.services or bool((sites["service"] == s).any())]
    places = payload.place_rows(assessment, district)
    shown = set(sites["id"])
    on_sites = [f for f in assessment.findings if f.ground == "circle" and f.subject in shown]
    townships = [p["id"] for p in places if p["level"] == "township"]
    on_places = place_findings(assessment, district.id, "district")
    on_places += [f for t in townships for f in place_findings(assessment, t, "township")]
    rules, place = payload.finding_rules([*on_sites, *on_places])
    by_site: dict[str, list[dict[str, Any]]] = {}
    for f in on_sites:
        by_site.setdefault(f.subject, []).append(payload.finding_row(f, place[payload.rule_key(f)], lang))
    return {
        "services": drawn,
        "assessed": [s for s in drawn if s in assessment.services],
        "sites": payload.site_columns(sites, drawn),
        "site_findings": [by_site.get(i, []) for i in sites["id"]],
        "rules": rules,
        "place_findings": [payload.finding_row(f, place[payload.rule_key(f)], lang) for f in on_places],
        "places": places,
        "gaps": payload.gap_rows(assessment, district),
        "summary": {s: service_summary(assessment, district.id, s) for s in drawn if s in assessment.services},
    }

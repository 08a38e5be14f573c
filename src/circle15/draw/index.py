"""The city on one page 全市索引: a table of its districts, a small map, the worst gaps."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from circle15.draw.overview import draw_overview, percent, shade_key
from circle15.draw.pack import number, shown
from circle15.draw.page import assemble_page, fill, read_asset
from circle15.draw.summary import count_cap, district_ids, findings_by_place, service_summary
from circle15.words import word

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from circle15.draw.map import Marks
    from circle15.schema import Assessment
    from circle15.words import Lang

WORST_GAPS = 3


def draw_index(
    assessment: Assessment,
    *,
    lang: Lang = "zh",
    pages: Mapping[str, str],
    city_page: str = "",
    marks: Marks | None = None,
) -> str:
    """Draw the city's index page: districts with their figures and links, an overview map, the three worst gaps.

    Parameters
    ----------
    pages
        File name of each district's page by district id, beside the index; districts without one are not linked.
    city_page
        File name of the page of all districts, "" where there is none.

    Returns
    -------
    str
        HTML without any script; same input, same text.
    """
    first = "pharmacy" if "pharmacy" in assessment.services else assessment.services[0]
    services = [first, *(s for s in assessment.services if s != first)]
    city = shown(assessment.city.name)
    title = word("map.index_title", lang, city=city)
    simulated = word("map.simulated", lang) if assessment.city.simulated else ""
    slots = {
        "title": title,
        "simulated": simulated,
        "internal": word("map.internal", lang) if marks is None or marks.internal else marks.map_number,
        "intro": word("map.index.intro", lang, radius=_count(assessment.radius_m)),
        "overview": word("map.index.overview", lang),
        "overview_note": word("map.index.overview_note", lang, service=word(f"map.service.{first}", lang)),
        "worst": word("map.index.worst", lang),
        "foot_plan": word("map.foot.plan", lang, title=shown(assessment.plan_title), version=_plan_version(assessment)),
        "foot_method": word("map.foot.method", lang, radius=_count(assessment.radius_m)),
    }
    body = fill(read_asset("index.html"), slots)
    parts = {
        "<!--tables-->": "\n".join(_table(assessment, s, lang, pages) for s in services),
        "<!--overview-->": draw_overview(
            assessment,
            first,
            worst=_worst_rows(assessment, first),
            label=word("map.index.overview", lang),
            links={i: link for i in pages if (link := _link(pages, i))},
        ),
        "<!--key-->": shade_key(),
        "<!--city-->": f'<a href="{escape("./" + quote(city_page))}">{escape(word("map.link.city", lang))}</a>'
        if city_page
        else "",
        "<!--worst-list-->": _worst(assessment, first, lang, pages),
    }
    for mark, html in parts.items():
        before, after = body.split(mark, 1)
        body = before + html + after
    return assemble_page(
        shell=None, lang=lang, title=title, body=body, styles=[read_asset("index.css")], scripts=[], blocks={}
    )


def _plan_version(assessment: Assessment) -> str:
    plan = assessment.provenance.get("plan")
    version = str(plan.get("version", "")) if isinstance(plan, dict) else ""
    return version[:12] or "—"


def _count(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}"


def _link(pages: Mapping[str, str], district_id: str) -> str | None:
    """Relative address of a district's page, escaped for an attribute."""
    name = pages.get(district_id)
    return None if name is None else escape("./" + quote(name))


def _table(assessment: Assessment, service: str, lang: Lang, pages: Mapping[str, str]) -> str:
    heads = ("district", "share", "uncovered", "institutions", "over", "without", "gaps")
    names = dict(zip(assessment.city.places["id"], assessment.city.places["name"], strict=True))
    rows = [(str(names[i]), _link(pages, i), service_summary(assessment, i, service)) for i in district_ids(assessment)]
    lines = [_row(name, link, figures, lang) for name, link, figures in rows]
    total = _row(word("map.index.city_total", lang), None, _total(assessment, service, [r[2] for r in rows]), lang)
    head = "".join(f'<th scope="col">{escape(word(f"map.index.{h}", lang))}</th>' for h in heads)
    return (
        f'<section class="service"><h2>{_glyph(service)}{escape(word(f"map.service.{service}", lang))}</h2>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody><tfoot>{total}</tfoot></table></section>"
    )


def _row(name: str, link: str | None, figures: dict[str, Any], lang: Lang) -> str:
    label = escape(shown(name))
    if link:
        label = f'<a href="{link}">{label}</a>'
    cap = word("map.index.no_cap", lang) if figures["cap"] is None else _count(figures["cap"])
    breached = figures["cap"] is not None and figures["institutions"] > figures["cap"]
    share = figures["share"] or 0.0
    bar = (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="100" height="8" class="empty"/><rect width="{100 * share:.1f}" height="8"/></svg>'
    )
    cells = [
        f'<td class="share">{percent(figures["share"])}{bar}</td>',
        f"<td>{_count(figures['uncovered'])}</td>",
        f'<td class="{"bad" if breached else ""}">{_count(figures["institutions"])} / {escape(cap)}</td>',
        f'<td class="{"bad" if figures["over_cap"] else ""}">{_count(figures["over_cap"])}</td>',
        f'<td class="{"warn" if figures["without"] else ""}">{_count(len(figures["without"]))}</td>',
        f"<td>{_count(figures['gaps'])}</td>",
    ]
    return f'<tr><th scope="row">{label}</th>{"".join(cells)}</tr>'


def _total(assessment: Assessment, service: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of the whole city: its districts added up, its own cap where the plan has one."""

    def add(name: str) -> float:
        return float(sum(r[name] or 0 for r in rows))

    residents = add("residents")
    institutions = int(add("institutions"))
    cities = assessment.city.places.loc[assessment.city.places["level"] == "city", "id"]
    by_place = findings_by_place(assessment)
    findings = [f for i in cities for f in by_place.get(("city", str(i)), [])]
    renamed = count_cap(findings, service, institutions)
    own = [f for f in findings if f.rule_id == f"{service}.city" and f.limit is not None and f.bound == "max"]
    cap = next(iter([*own, *([renamed] if renamed else [])]), None)
    return {
        "share": add("covered") / residents if residents else None,
        "uncovered": add("uncovered"),
        "institutions": institutions,
        "cap": cap.limit if cap else None,
        "over_cap": add("over_cap") if any(r["with_limit"] for r in rows) else None,
        "without": [i for r in rows for i in r["without"]],
        "gaps": add("gaps"),
    }


def _glyph(service: str) -> str:
    shapes = {
        "pharmacy": '<circle cx="8" cy="8" r="5.6" fill="#d55e00"/>',
        "outpatient": '<rect x="3" y="3" width="10" height="10" fill="#0072b2"/>',
        "inpatient": '<path d="M8 2 14 13H2z" fill="#cc4f97"/>',
        "ltc_home": '<path d="M8 1.5 14.5 8 8 14.5 1.5 8z" fill="#009e73"/>',
        "ltc_facility": '<path d="M8 2 14 6.4 11.7 13.4H4.3L2 6.4z" fill="#e69f00"/>',
    }
    return f'<svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">{shapes.get(service, "")}</svg>'


def _worst_rows(assessment: Assessment, service: str) -> pd.DataFrame:
    gaps = assessment.gaps
    mine = gaps[gaps["service"] == service]
    worst: pd.DataFrame = mine.sort_values(["residents", "gap_id"], ascending=[False, True], kind="stable").head(
        WORST_GAPS
    )
    return worst


def _worst(assessment: Assessment, service: str, lang: Lang, pages: Mapping[str, str]) -> str:
    items = []
    for gap in _worst_rows(assessment, service).to_dict("records"):
        people, new = (_count(number(gap[k], 0)) for k in ("residents", "candidate_new_residents"))
        district, township, nearest = (shown(gap[k]) for k in ("district_name", "township_name", "nearest_name"))
        line = word("map.index.worst_line", lang, district=district, township=township, residents=people)
        metres, more = number(gap["nearest_m"]), ""
        if metres is not None:
            more = word("map.index.worst_nearest", lang, nearest=nearest, km=f"{metres / 1000:.1f}", new=new)
        link = _link(pages, str(gap["district_id"]))
        label = f'<a href="{link}">{escape(line)}</a>' if link else escape(line)
        items.append(f"<li><b>{label}</b><small>{escape(more)}</small></li>")
    return "<ol>" + "".join(items) + "</ol>" if items else f"<p>{escape(word('map.index.worst_none', lang))}</p>"

"""A plan of sites before and after 方案前后对照: one page of drawings, no script, nothing from a network.

Each pair shows the same ground: today's institutions and their circles on the left, those of the plan on the right.
Ground is the whole city, then the townships where most changes. Names are escaped and stand in tooltips only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.draw.shades import shade_paths
from circle15.project.metric import circle_outline
from circle15.words import Lang, word

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import City

WIDE, HIGH, EDGE = 560.0, 460.0, 8.0
TOWNSHIPS = 6
_STYLE = """
body{font:15px/1.6 "Microsoft YaHei","Noto Sans CJK SC",sans-serif;margin:24px auto;max-width:1180px;padding:0 16px;
color:#1f2933}h1{font-size:24px;margin:0}h2{font-size:18px;margin:28px 0 6px}p{margin:4px 0}ul{margin:0 0 6px;
padding-left:22px}.mark{color:#b42318;font-weight:600}.told{columns:2 420px;column-gap:32px;margin:10px 0}
.told>*{break-inside:avoid}.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:16px}figure{margin:0}
figcaption{color:#52606d;font-size:14px}.pair svg{border:1px solid #cbd2d9;background:#fff;width:100%;height:auto}
.legend span{margin-right:18px;white-space:nowrap}
.circle{fill:#2b6cb0;fill-opacity:.16;stroke:#2b6cb0;stroke-opacity:.5;stroke-width:.8}.place{fill:none;stroke:#7b8794;
stroke-width:.8}.stays{fill:#0b3d91}.leaves{stroke:#b42318;stroke-width:2;fill:none}.added{fill:#12805c;stroke:#fff}
@media (max-width:700px){.pair{grid-template-columns:1fr}}
@page{size:A4 landscape;margin:12mm}
@media print{body{margin:0;max-width:none;padding:0;font-size:12px}section{break-inside:avoid}
.pair svg{max-height:150mm}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def draw_change(
    city: City, sites: gpd.GeoDataFrame, *, radius_m: float, title: str, lines: Sequence[str], marks: str, lang: Lang
) -> str:
    """Draw a plan as a page of HTML.

    Parameters
    ----------
    sites
        Institutions and added sites, EPSG:4326: name, township_id, `status` (stays, leaves or added).
    lines
        The summary, above the drawings.
    """
    body = [f"<h1>{escape(title)}</h1>", f'<p class="mark">{escape(marks)}</p>']
    body += ['<div class="told">', *_told(lines), "</div>", _legend(lang)]
    for name, ground in _grounds(city, sites):
        body += [f"<section><h2>{escape(name)}</h2>", '<div class="pair">']
        view = _View(ground)
        under = [*shade_paths(city.population, view), *_outlines(city, view)]
        for when, shown in (("before", ("stays", "leaves")), ("after", ("stays", "added"))):
            drawn = _drawing(under, sites, view, shown, radius_m)
            body.append(f"<figure>{drawn}<figcaption>{escape(word(f'change.{when}', lang))}</figcaption></figure>")
        body.append("</div></section>")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    )
    page = {"zh": "zh-CN", "en": "en"}[lang]
    return (
        f'<!doctype html><html lang="{page}"><head>{head}<title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _told(lines: Sequence[str]) -> Iterator[str]:
    """The summary: a paragraph a line, lines that are set in as a list below the one they belong to."""
    for inner, some in groupby(lines, lambda line: line[:1].isspace()):
        if inner:
            items = "".join(f"<li>{escape(line.strip())}</li>" for line in some)
            yield f"<ul>{items}</ul>"
        else:
            yield from (f"<p>{escape(line)}</p>" for line in some)


def _legend(lang: Lang) -> str:
    dot = '<svg width="14" height="14"><circle cx="7" cy="7" r="4" class="stays"/></svg>'
    cross = '<svg width="14" height="14"><path d="M3 3l8 8M11 3l-8 8" class="leaves"/></svg>'
    new = '<svg width="14" height="14"><path d="M7 1l6 12H1z" class="added"/></svg>'
    marks = ((dot, "stays"), (cross, "leaves"), (new, "added"))
    told = [f"<span>{mark} {escape(word('change.' + key, lang))}</span>" for mark, key in marks]
    return f'<p class="legend">{"".join(told)}</p>'


def _grounds(city: City, sites: gpd.GeoDataFrame) -> Iterator[tuple[str, BaseGeometry]]:
    """The city, then the townships with most changes."""
    yield city.name, shapely.box(*city.places.total_bounds)
    changed = sites[sites["status"] != "stays"]
    townships = city.places[city.places["level"] == "township"].set_index("id")
    count = changed["township_id"].astype(str).value_counts()
    for place in sorted(count.index, key=lambda i: (-int(count[i]), i)):
        if place in townships.index and count[place] > 0:
            yield str(townships.loc[place, "name"]), _wider(sites[sites["township_id"] == place])
            townships = townships.drop(index=place)
        if len(city.places[city.places["level"] == "township"]) - len(townships) >= TOWNSHIPS:
            return


def _wider(sites: gpd.GeoDataFrame) -> BaseGeometry:
    """The ground of the middle nine tenths of some sites, with a circle's width around it."""
    x, y = sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()
    (west, east), (south, north) = np.quantile(x, [0.05, 0.95]), np.quantile(y, [0.05, 0.95])
    ground: BaseGeometry = shapely.box(west - 0.012, south - 0.010, east + 0.012, north + 0.010)
    return ground


class _View:
    """Degrees to pixels: a plane at the middle latitude, north up."""

    def __init__(self, ground: BaseGeometry) -> None:
        west, south, east, north = ground.bounds
        self.bounds = west, south, east, north
        self._wide = float(np.cos(np.radians((south + north) / 2)))
        self._scale = min((WIDE - 2 * EDGE) / ((east - west) * self._wide), (HIGH - 2 * EDGE) / (north - south))
        self._west, self._north = west, north
        self.high = (north - south) * self._scale + 2 * EDGE
        self.wide = (east - west) * self._wide * self._scale + 2 * EDGE

    def xy(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels from the upper left corner."""
        return (lon - self._west) * self._wide * self._scale + EDGE, (self._north - lat) * self._scale + EDGE

    def path(self, geometry: BaseGeometry) -> str:
        """Outlines as the data of a path."""
        rings = shapely.get_rings(shapely.get_parts(geometry))
        parts = []
        for ring in rings:
            x, y = self.xy(*shapely.get_coordinates(ring).T)
            parts.append("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "Z")
        return "".join(parts)


def _drawing(under: Sequence[str], sites: gpd.GeoDataFrame, view: _View, shown: Sequence[str], radius_m: float) -> str:
    lon, lat = sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy()
    west, south, east, north = view.bounds
    near = (lon > west - 0.02) & (lon < east + 0.02) & (lat > south - 0.02) & (lat < north + 0.02)
    part = sites[near & sites["status"].isin(shown).to_numpy()]
    parts = [*under]
    circles = [circle_outline(p.x, p.y, radius_m, points=48) for p in part.geometry]
    if circles:
        parts.append(f'<path class="circle" d="{view.path(shapely.union_all(circles))}"/>')
    parts += [_mark(row, view) for row in part.assign(lon=part.geometry.x, lat=part.geometry.y).to_dict("records")]
    size = f'width="{view.wide:.0f}" height="{view.high:.0f}" viewBox="0 0 {view.wide:.0f} {view.high:.0f}"'
    return f"<svg {size}>{''.join(parts)}</svg>"


def _outlines(city: City, view: _View) -> Iterator[str]:
    frame = shapely.box(*view.bounds)
    wanted = city.places[city.places["level"].isin(["district", "township"])]
    for outline in wanted.geometry:
        if outline.intersects(frame):
            yield f'<path class="place" d="{view.path(shapely.simplify(outline, 0.0005))}"/>'


def _mark(row: pd.Series | dict[str, object], view: _View) -> str:
    x, y = (float(v[0]) for v in view.xy(np.array([row["lon"]], dtype=float), np.array([row["lat"]], dtype=float)))
    tip = f"<title>{escape(str(row['name']))}</title>"
    status = str(row["status"])
    if status == "leaves":
        return f'<path class="leaves" d="M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6">{tip}</path>'
    if status == "added":
        return f'<path class="added" d="M{x:.1f} {y - 6:.1f}l5 10h-10z">{tip}</path>'
    return f'<circle class="stays" cx="{x:.1f}" cy="{y:.1f}" r="2.6">{tip}</circle>'

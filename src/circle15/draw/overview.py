"""The city in small 全市概览图: districts as an SVG that needs no script, each a link to its page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.pack import shown
from circle15.draw.summary import service_summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Assessment

MAP_WIDTH = 560.0
SHADES = ("#f4f1ea", "#f6dfc8", "#f1c49a", "#e8a66c", "#dc8743")
SHARE_BREAKS = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class _Frame:
    """From degrees to the drawing: equirectangular about the middle latitude."""

    west: float
    north: float
    x_scale: float
    y_scale: float

    def flat(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (n, 2) of the drawing, y downwards."""
        return np.column_stack([(xy[:, 0] - self.west) * self.x_scale, (self.north - xy[:, 1]) * self.y_scale])


def draw_overview(
    assessment: Assessment, service: str, *, worst: pd.DataFrame, links: Mapping[str, str], label: str
) -> str:
    """Draw the districts shaded by share covered, the institutions as dots, the worst gaps as numbered badges.

    Parameters
    ----------
    worst
        Gaps in the order of their numbers.
    links
        Escaped address of each district's page by district id; districts without one are not linked.
    label
        Name of the picture for those who do not see it.
    """
    places = assessment.city.places
    districts = places[places["level"] == "district"]
    if districts.empty:
        return ""
    west, south, east, north = districts.total_bounds
    narrow = float(np.cos(np.radians((south + north) / 2)))
    scale = MAP_WIDTH / ((east - west) * narrow)
    frame = _Frame(west, north, narrow * scale, scale)
    shapes, names = _districts(assessment, districts, service, frame, links)
    return (
        f'<svg class="overview" viewBox="-8 -8 {MAP_WIDTH + 16:.0f} {(north - south) * scale + 16:.0f}" role="img" '
        f'aria-label="{escape(label)}">{shapes}{_dots(assessment, service, frame)}{names}{_badges(worst, frame)}</svg>'
    )


def _districts(
    assessment: Assessment, districts: gpd.GeoDataFrame, service: str, frame: _Frame, links: Mapping[str, str]
) -> tuple[str, str]:
    shapes, names = [], []
    for place in districts.itertuples():
        shape = shapely.transform(place.geometry, frame.flat).simplify(0.4)
        share = service_summary(assessment, str(place.id), service)["share"]
        shade = SHADES[int(np.digitize(share or 0.0, SHARE_BREAKS))]
        link, path = links.get(str(place.id)), f'<path d="{_svg_path(shape)}" fill="{shade}"/>'
        shapes.append(f'<a href="{link}">{path}</a>' if link else path)
        spot = shapely.point_on_surface(shape)
        names.append(
            f'<text x="{spot.x:.1f}" y="{spot.y - 3:.1f}" class="place">{escape(shown(place.name))}</text>'
            f'<text x="{spot.x:.1f}" y="{spot.y + 19:.1f}" class="figure">{percent(share)}</text>'
        )
    return "".join(shapes), "".join(names)


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


def _dots(assessment: Assessment, service: str, frame: _Frame) -> str:
    sites = assessment.sites[assessment.sites["service"] == service]
    if sites.empty:
        return ""
    xy = np.unique(np.round(frame.flat(shapely.get_coordinates(sites.geometry.to_numpy()))), axis=0)
    return f'<path class="dots" d="{"".join(f"M{x:.0f} {y:.0f}h0" for x, y in xy)}"/>'


def _badges(worst: pd.DataFrame, frame: _Frame) -> str:
    badges = []
    for n, gap in enumerate(worst.to_dict("records"), start=1):
        point = np.array([[gap["candidate_lon"], gap["candidate_lat"]]], dtype=np.float64)
        if np.isfinite(point).all():
            x, y = frame.flat(point)[0]
            badges.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" class="badge"/>'
                f'<text x="{x:.1f}" y="{y + 4.2:.1f}" class="rank">{n}</text>'
            )
    return "".join(badges)


def _svg_path(shape: BaseGeometry) -> str:
    parts: list[Any] = []
    for polygon in shapely.get_parts([shape]):
        for ring in shapely.get_rings(polygon):
            points = " ".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1])
            parts.append(f"M{points}Z")
    return "".join(parts)

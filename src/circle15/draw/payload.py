"""What a district page shows 页面数据: one assessment cut to one district, as plain values ready to be packed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from circle15.draw.pack import delta, microdegrees, number, numbers, polygon_arrays, ring_lists, shown
from circle15.project.metric import local_xy
from circle15.words import catalogue

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Assessment, Finding
    from circle15.words import Lang

DENSITY_BREAKS = (500.0, 1500.0, 3000.0, 6000.0, 12000.0)
DENSE_PER_KM2 = 3000.0
CONTEXT_RADII = 2.0
_TIE = 1e-6  # cells drawn at a bound exactly fall above it in spite of rounding


@dataclass(frozen=True)
class District:
    """One district and the ground around it that its page shows."""

    id: str
    name: str
    outline: BaseGeometry
    around: BaseGeometry


def dense_threshold(assessment: Assessment) -> float:
    """Residents per km² from which the plan speaks of a dense place; 3000 where its summary does not say."""
    return float(number(plan_summary(assessment).get("dense_per_km2")) or DENSE_PER_KM2)


def plan_summary(assessment: Assessment) -> Mapping[str, Any]:
    """Summary of the plan in the provenance, empty where there is none."""
    found = assessment.provenance.get("plan")
    return found if isinstance(found, Mapping) else {}


def density_breaks(dense_per_km2: float) -> list[float]:
    """Class breaks with the plan's threshold in place of the nearest one."""
    breaks = [*DENSITY_BREAKS]
    if dense_per_km2 not in breaks:
        nearest = min(range(len(breaks)), key=lambda n: abs(breaks[n] - dense_per_km2))
        breaks[nearest] = dense_per_km2
    return sorted(breaks)


def find_district(assessment: Assessment, district_id: str) -> District:
    """The district with this id and the ground within two radii of it.

    Raises KeyError where no place of level district has the id.
    """
    places = assessment.city.places
    rows = places[(places["level"] == "district") & (places["id"] == district_id)]
    if rows.empty:
        raise KeyError(district_id)
    row = rows.iloc[0]
    outline = shapely.make_valid(row.geometry)
    around = _buffer_m(outline, CONTEXT_RADII * assessment.radius_m)
    return District(district_id, shown(row["name"]), outline, around)


def _buffer_m(outline: BaseGeometry, metres: float) -> BaseGeometry:
    """Outline widened by metres, to a percent: it only chooses what is drawn."""
    lat = shapely.get_coordinates(outline)[:, 1].mean()
    x_m, y_m = local_xy([1.0], [lat], [0.0], [lat])[0][0], local_xy([0.0], [lat + 0.5], [0.0], [lat - 0.5])[1][0]
    flat = shapely.transform(outline, lambda xy: xy * [x_m, y_m])
    return shapely.transform(flat.buffer(metres, quad_segs=8), lambda xy: xy / [x_m, y_m])


def district_cells(
    assessment: Assessment, district: District, breaks: Sequence[float]
) -> tuple[list[Any], dict[str, Any]]:
    """Population cells that touch the district's ground: packed arrays, and residents by density class.

    Cells whose centre lies in the district count in the legend; the others are drawn under the veil.
    """
    geometry, residents = _cells_around(assessment, district.around)
    density = _density_per_km2(geometry, residents)
    centre = shapely.centroid(geometry)
    shapely.prepare(district.outline)
    inside = shapely.covers(district.outline, centre)
    order = np.lexsort((shapely.get_x(centre), -np.round(shapely.get_y(centre), 5)))
    geometry, residents, density, inside = geometry[order], residents[order], density[order], inside[order]
    classes = np.digitize(density, np.asarray(breaks) * (1.0 - _TIE))
    classes[~np.isfinite(density)] = -1
    counted = [
        {
            "cells": int((inside & (classes == n)).sum()),
            "residents": number(residents[inside & (classes == n)].sum(), 0),
        }
        for n in range(len(breaks) + 1)
    ]
    arrays = [
        *polygon_arrays(geometry),
        np.where(np.isfinite(density), np.rint(density), -1).astype(np.int32),
        np.minimum(np.rint(residents * 10.0), 2**31 - 1).astype(np.int32),
        delta(classes.astype(np.int32)),
    ]
    return arrays, {"classes": counted, "cells": len(geometry), "points": bool((classes == -1).any())}


def _cells_around(assessment: Assessment, around: BaseGeometry) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    geometries, residents = [], []
    west, south, east, north = around.bounds
    shapely.prepare(around)
    for block in assessment.city.population.blocks():
        near = block.cells.cx[west:east, south:north]
        near = near[shapely.intersects(around, near.geometry.to_numpy())]
        geometries.append(near.geometry.to_numpy())
        residents.append(near["residents"].to_numpy(dtype=np.float64))
    if not geometries:
        return np.empty(0, dtype=object), np.empty(0)
    return np.concatenate(geometries), np.concatenate(residents)


def _density_per_km2(geometry: NDArray[np.object_], residents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residents per km² of each cell, NaN for points; local metric, right to 1e-6 for a cell of some hundred metres."""
    bounds = shapely.bounds(geometry).reshape(-1, 4)
    lat = (bounds[:, 1] + bounds[:, 3]) / 2.0
    zero = np.zeros_like(lat)
    x_m, _ = local_xy(zero + 0.001, lat, zero, lat)
    _, y_m = local_xy(zero, lat + 0.0005, zero, lat - 0.0005)
    area_km2 = shapely.area(geometry) * x_m * y_m  # (1000 m / km)² = (per 0.001 degree)²
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(area_km2 > 0, residents / area_km2, np.nan)


def site_rows(assessment: Assessment, district: District) -> gpd.GeoDataFrame:
    """Institutions on the district's ground, with `inside` telling those of the district itself."""
    sites = assessment.sites
    shapely.prepare(district.around)
    near = sites[shapely.intersects(district.around, sites.geometry.to_numpy())]
    return near.assign(inside=(near["district_id"] == district.id).to_numpy()).sort_values("id", kind="stable")


def site_columns(sites: gpd.GeoDataFrame, services: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of the institutions as lists, one value an institution."""
    words = ("id", "name", "address", "level", "tags", "township_name", "district_name", "density_class", "circle_rule")
    measures = {
        "others_within": 0, "nearest_other_m": 1, "residents_within": 0, "circle_land_km2": 3, "circle_limit": 0,
        "density_circle_per_km2": 0, "density_place_per_km2": 0, "density_cell_per_km2": 0, "beds": 0,
    }  # fmt: skip
    columns: dict[str, list[Any]] = {
        "service": [services.index(s) for s in sites["service"]],
        # a micrometre: the page counts neighbours itself and must count those of the study
        "lon": [round(float(v), 11) for v in sites.geometry.x],
        "lat": [round(float(v), 11) for v in sites.geometry.y],
        "inside": [int(v) for v in sites["inside"]],
        "over_cap": [int(bool(v)) if pd.notna(v) else 0 for v in _column(sites, "over_cap", default=False)],
    }
    for name in words:
        columns[name] = [shown(v) for v in _column(sites, name, default="")]
    for name, digits in measures.items():
        columns[name] = numbers(_column(sites, name, default=math.nan), digits)
    return columns


def _column(table: pd.DataFrame, name: str, *, default: object) -> list[Any]:
    return table[name].tolist() if name in table.columns else [default] * len(table)


def finding_rules(findings: Sequence[Finding]) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Rules that the findings rest on, each once, and the place of each (rule id, clause, quote) in the list."""
    rules: list[dict[str, str]] = []
    place: dict[str, int] = {}
    for f in findings:
        if rule_key(f) not in place:
            place[rule_key(f)] = len(rules)
            words = {"id": f.rule_id, "title": f.title, "force": f.force, "clause": f.clause, "quote": f.quote}
            rules.append({k: shown(v) for k, v in words.items()})
    return rules, place


def rule_key(finding: Finding) -> str:
    """What tells one rule from another in a list of findings."""
    return repr((finding.rule_id, finding.title, finding.clause, finding.quote))


def finding_row(finding: Finding, rule: int, lang: Lang) -> dict[str, Any]:
    """One finding without its rule's words."""
    known = catalogue(lang)
    notes = (known.get(f"judge.note.{note}", "") for note in finding.evidence.notes)
    figures = {k: shown(f"{v:g}" if isinstance(v, float) else v) for k, v in finding.evidence.figures.items()}
    return {
        "rule": rule,
        "outcome": str(finding.outcome),
        "observed": number(finding.observed, 2),
        "limit": number(finding.limit, 2),
        "unit": finding.unit,
        "bound": finding.bound,
        "ground": finding.ground,
        "ground_name": shown(finding.ground_name),
        "subject": finding.subject,
        "borderline": [
            {"name": shown(n.name), "distance_m": number(n.distance_m)} for n in finding.evidence.borderline
        ],
        "notes": [n.format_map(_Slots(figures)) for n in notes if n],
    }


class _Slots(dict[str, str]):
    """Figures of a note; one that is not told is a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def place_rows(assessment: Assessment, district: District) -> list[dict[str, Any]]:
    """The district, its townships and the neighbouring districts: names, outlines, totals."""
    places, totals = assessment.city.places, assessment.totals.drop_duplicates("place_id").set_index("place_id")
    own = (places["id"] == district.id) | (places["parent"] == district.id) & (places["level"] == "township")
    beside = (places["level"] == "district") & places.intersects(district.around) & ~own
    rows = []
    for place in places[own | beside].itertuples():
        total = totals.loc[place.id] if place.id in totals.index else pd.Series(dtype=object)
        spot = shapely.point_on_surface(place.geometry)
        rows.append(
            {
                "id": str(place.id),
                "name": shown(place.name),
                "level": place.level,
                "own": district.id in {place.id, place.parent},
                "spot": microdegrees([spot.x, spot.y]).tolist(),
                "rings": ring_lists(place.geometry),
                "residents": number(total.get("residents"), 0),
                "land_km2": number(total.get("land_km2"), 2),
                "density": number(total.get("density_per_km2"), 0),
                "n": {s: number(total.get(f"n_{s}"), 0) for s in assessment.services},
            }
        )
    return rows


def gap_rows(assessment: Assessment, district: District) -> list[dict[str, Any]]:
    """Gaps of the district and those that reach into it, in rank order, with outline and candidate point.

    `own` marks the district's own: a patch across the border belongs to the district that holds most of its residents.
    """
    gaps = assessment.gaps
    reaching = shapely.area(shapely.intersection(gaps.geometry.to_numpy(), district.outline)) > 0
    mine = gaps[(gaps["district_id"] == district.id) | reaching].sort_values(["service", "rank"], kind="stable")
    words = ("gap_id", "service", "township_name", "nearest_id", "nearest_name")
    measures = {
        "rank": 0, "residents": 0, "area_km2": 3, "density_per_km2": 0, "cells": 0, "nearest_m": 0,
        "candidate_new_residents": 0,
    }  # fmt: skip
    rows = []
    for position, gap in enumerate(mine.to_dict("records")):
        outline = mine.geometry.iloc[position]
        drawn = outline is not None and not outline.is_empty
        point = np.array([gap.get("candidate_lon"), gap.get("candidate_lat")], dtype=np.float64)
        rows.append(
            {
                "own": gap["district_id"] == district.id,
                **{w: shown(gap.get(w)) for w in words},
                **{m: number(gap.get(m), d) for m, d in measures.items()},
                "candidate": microdegrees(point).tolist() if np.isfinite(point).all() else None,
                "rings": ring_lists(outline) if drawn else [],
                "bounds": [number(v, 6) for v in outline.bounds] if drawn else None,
            }
        )
    return rows

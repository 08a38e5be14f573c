"""What a district page shows 页面数据: one assessment cut to one district, as plain values ready to be packed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from circle15.draw.pack import array_bytes, microdegrees, number, numbers, polygon_arrays, shown
from circle15.project.metric import local_xy
from circle15.words import catalogue

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.draw.lattice import Lattice
    from circle15.schema import Assessment, Finding
    from circle15.words import Lang

DENSITY_BREAKS = (500.0, 1500.0, 3000.0, 6000.0, 12000.0)
DENSE_PER_KM2 = 3000.0
CONTEXT_RADII = 2.0
_CORNER_OFF = 0.1  # of half a cell: outlines are rounded, a corner of the grid is still plain


@dataclass(frozen=True)
class Area:
    """The ground of one page and what lies about it.

    `level` is district, city or region (several cities, or districts without a city); `id` is "" where no place of the
    register of places stands for it. `districts` are those inside, the district itself on its own page.
    """

    id: str
    name: str
    level: str
    districts: tuple[str, ...]
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


def find_district(assessment: Assessment, district_id: str) -> Area:
    """The district with this id and the ground within two radii of it.

    Raises KeyError where no place of level district has the id.
    """
    places = assessment.city.places
    rows = places[(places["level"] == "district") & (places["id"] == district_id)]
    if rows.empty:
        raise KeyError(district_id)
    row = rows.iloc[0]
    return _area(assessment, district_id, shown(row["name"]), "district", (district_id,), row.geometry)


def whole_area(assessment: Assessment) -> Area:
    """All districts together: the city where the places hold exactly one, else a region of that many cities 全域."""
    places = assessment.city.places
    districts = places[places["level"] == "district"]
    cities = places[places["level"] == "city"]
    name, ids = shown(assessment.city.name), tuple(str(v) for v in districts["id"])
    if len(cities) == 1:
        row = cities.iloc[0]
        return _area(assessment, str(row["id"]), name or shown(row["name"]), "city", ids, row.geometry)
    return _area(assessment, "", name, "region", ids, shapely.union_all(districts.geometry.to_numpy()))


def _area(  # noqa: PLR0917 - the fields of one record
    assessment: Assessment, place_id: str, name: str, level: str, districts: tuple[str, ...], shape: BaseGeometry
) -> Area:
    outline = shapely.make_valid(shape)
    return Area(place_id, name, level, districts, outline, widened(outline, CONTEXT_RADII * assessment.radius_m))


def widened(outline: BaseGeometry, metres: float) -> BaseGeometry:
    """Outline widened by metres, to a percent: it only chooses what is drawn."""
    lat = shapely.get_coordinates(outline)[:, 1].mean()
    x_m, y_m = local_xy([1.0], [lat], [0.0], [lat])[0][0], local_xy([0.0], [lat + 0.5], [0.0], [lat - 0.5])[1][0]
    flat = shapely.transform(outline, lambda xy: xy * [x_m, y_m])
    return shapely.transform(flat.buffer(metres, quad_segs=8), lambda xy: xy / [x_m, y_m])


def site_rows(assessment: Assessment, area: Area) -> gpd.GeoDataFrame:
    """Institutions on the page's ground, with `inside` telling those of the area itself."""
    sites = assessment.sites
    shapely.prepare(area.around)
    near = sites[shapely.intersects(area.around, sites.geometry.to_numpy())]
    return near.assign(inside=near["district_id"].isin(area.districts).to_numpy()).sort_values("id", kind="stable")


def site_columns(
    sites: gpd.GeoDataFrame, services: Sequence[str], held: Mapping[str, int] | None
) -> dict[str, list[Any]]:
    """Columns of the institutions as lists, one value an institution.

    `held` is the row by id where the page holds ids, names, addresses and coordinates already.
    """
    words = ["level", "tags", "township_name", "district_name", "density_class", "circle_rule"]
    measures = {
        "others_within": 0,
        "nearest_other_m": 1,
        "residents_within": 0,
        "circle_land_km2": 3,
        "circle_limit": 0,
        "density_circle_per_km2": 0,
        "density_place_per_km2": 0,
        "density_cell_per_km2": 0,
        "beds": 0,
    }
    columns: dict[str, list[Any]] = {
        "service": [services.index(s) for s in sites["service"]],
        "inside": [int(v) for v in sites["inside"]],
        "over_cap": [int(bool(v)) if pd.notna(v) else 0 for v in _column(sites, "over_cap", default=False)],
    }
    if held is not None:
        columns["at"] = [held[shown(i)] for i in sites["id"]]
    else:
        words += ["id", "name", "address"]
        # a micrometre: the page counts neighbours itself and must count those of the study
        columns |= {
            "lon": [round(float(v), 11) for v in sites.geometry.x],
            "lat": [round(float(v), 11) for v in sites.geometry.y],
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


def finding_row(finding: Finding, rule: int) -> dict[str, Any]:
    """One finding without its rule's words; notes by id, worded in the page."""
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
        "notes": list(finding.evidence.notes),
    }


def note_words(findings: Sequence[Finding], lang: Lang) -> dict[str, str]:
    """Sentences of the notes that the findings bear and that need nothing filled in, as `note.<id>`."""
    known = catalogue(lang)
    ids = sorted({n for f in findings for n in f.evidence.notes})
    words = {f"note.{i}": known.get(f"judge.note.{i}", "") for i in ids}
    return {k: v if v and "{" not in v else "" for k, v in words.items()}


def place_rows(assessment: Assessment, area: Area, held: Mapping[str, int]) -> tuple[list[dict[str, Any]], bytes]:
    """Places of the page and their outlines: the area, its districts and townships, the districts beside it.

    Returns the rows (names, totals) and the outlines as packed polygons in the same order; the first row is the area.
    `held` is the row by id where the page holds the outline already: such a place says so (`at`) and is not packed.
    """
    places, totals = assessment.city.places, assessment.totals.drop_duplicates("place_id").set_index("place_id")
    inner = places["id"].isin(area.districts) & (places["level"] == "district")
    townships = (places["level"] == "township") & places["parent"].isin(area.districts)
    beside = (places["level"] == "district") & places.intersects(area.around) & ~inner
    own = places[((inner & (area.level != "district")) | townships).to_numpy()]
    first = {"id": area.id, "name": area.name, "level": area.level, "parent": "", "own": True, "whole": True}
    rows, shapes = [first | _place_values(assessment, totals, area.id, area.outline)], [area.outline]
    for table, is_own in ((own, True), (places[beside], False)):
        for place in table.itertuples():
            row = {"id": str(place.id), "name": shown(place.name), "level": place.level, "parent": str(place.parent)}
            rows.append(row | {"own": is_own} | _place_values(assessment, totals, str(place.id), place.geometry))
            shapes.append(place.geometry)
    for row in rows:
        if str(row["id"]) in held:
            row["at"] = held[str(row["id"])]
    told = [s for s, row in zip(shapes, rows, strict=True) if "at" not in row]
    return rows, array_bytes(polygon_arrays(np.array(told, dtype=object)))


def _place_values(assessment: Assessment, totals: pd.DataFrame, place_id: str, shape: BaseGeometry) -> dict[str, Any]:
    total = totals.loc[place_id] if place_id in totals.index else pd.Series(dtype=object)
    spot = shapely.point_on_surface(shape)
    return {
        "spot": microdegrees([spot.x, spot.y]).tolist(),
        "residents": number(total.get("residents"), 0),
        "land_km2": number(total.get("land_km2"), 2),
        "density": number(total.get("density_per_km2"), 0),
        "n": {s: number(total.get(f"n_{s}"), 0) for s in assessment.services},
    }


def gap_columns(
    assessment: Assessment, area: Area, lattice: Lattice | None, site_ids: Sequence[str]
) -> tuple[dict[str, Any], bytes]:
    """Gaps of the area and those that reach into it, in rank order: columns, and outlines as packed polygons.

    `own` marks the area's own: a patch across the border belongs to the district that holds most of its residents.
    Outlines follow the cells, so where those lie on one grid their corners are told by half columns and rows. An
    institution of the page (`site_ids`) that is nearest to a gap is told by its row; one from elsewhere by name.
    """
    gaps = assessment.gaps
    shapely.prepare(area.outline)
    mine = gaps["district_id"].isin(area.districts).to_numpy()
    west, south, east, north = area.outline.bounds
    box = shapely.bounds(gaps.geometry.to_numpy()).reshape(-1, 4)
    near = (box[:, 0] < east) & (box[:, 2] > west) & (box[:, 1] < north) & (box[:, 3] > south) & ~mine
    at = np.flatnonzero(near)
    touching = shapely.area(shapely.intersection(gaps.geometry.to_numpy()[at], area.outline)) > 0
    mine = mine.copy()
    mine[at[touching]] = True
    rows = gaps[mine].sort_values(["service", "rank"], kind="stable")
    columns: dict[str, Any] = {"own": [int(v) for v in rows["district_id"].isin(area.districts)]}
    for name in ("service", "township_name", "district_name"):
        columns[name] = [shown(v) for v in _column(rows, name, default="")]
    ids = zip(rows["gap_id"], rows["rank"], strict=True)
    columns["gap_id"] = ["" if i == f"G{rank:03d}" else shown(i) for i, rank in ids]  # else it follows from the rank
    columns |= _nearest_columns(rows, site_ids)
    measures = {
        "residents": 0,
        "area_km2": 3,
        "density_per_km2": 0,
        "cells": 0,
        "candidate_new_residents": 0,
    }
    for name, digits in measures.items():
        columns[name] = numbers(_column(rows, name, default=math.nan), digits)
    columns["rank"] = np.diff(rows["rank"].to_numpy(dtype=np.int64), prepend=0).tolist()
    for axis in ("lon", "lat"):
        columns[f"candidate_{axis}"] = numbers(_column(rows, f"candidate_{axis}", default=math.nan), 6)
    shapes = rows.geometry.to_numpy()
    corners = None if lattice is None else _on_grid(shapes, lattice)
    columns["on_grid"] = corners is not None
    return columns, array_bytes(polygon_arrays(shapes if corners is None else corners, whole=corners is not None))


def _nearest_columns(gaps: gpd.GeoDataFrame, site_ids: Sequence[str]) -> dict[str, list[Any]]:
    row = {i: n for n, i in enumerate(site_ids)}
    at = [row.get(str(i), -1) for i in _column(gaps, "nearest_id", default="")]
    named = [shown(v) for v in _column(gaps, "nearest_name", default="")]
    metres = numbers(_column(gaps, "nearest_m", default=math.nan), 0)
    return {
        "nearest_at": at,
        "nearest_name": ["" if n >= 0 else v for n, v in zip(at, named, strict=True)],
        "nearest_m": [None if n >= 0 else v for n, v in zip(at, metres, strict=True)],
    }


def _on_grid(shapes: NDArray[np.object_], lattice: Lattice) -> NDArray[np.object_] | None:
    """Outlines in half columns and rows, straight runs as one; None where a corner is none of the grid's."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    if not len(xy):
        return None
    corner = lattice.grid_of(xy) * 2.0
    if len(owner) == 0 or np.abs(corner - np.rint(corner)).max() > _CORNER_OFF:
        return None
    whole = shapely.set_coordinates(shapes.copy(), np.rint(corner))
    return np.asarray(shapely.simplify(whole, 0.0))

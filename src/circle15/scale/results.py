"""Tables of a run 成果: places, institutions, gaps as GeoParquet, the page, and the record that replays it."""

from __future__ import annotations

import platform
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15 import __version__
from circle15.draw.nation import draw_nation
from circle15.measure.circles import ground_columns
from circle15.measure.grid_ground import beyond_m2, known_ground
from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2
from circle15.scale.gap_outlines import look_again
from circle15.scale.memory import give_back
from circle15.scale.merge import OUTLINED
from circle15.scale.standing import density_class
from circle15.write.files import write_text
from circle15.write.geoparquet import write_outlines, write_points
from circle15.write.run_record import write_run_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from circle15.draw.marks import Marks
    from circle15.policy.plan import Plan
    from circle15.scale.inputs import Inputs
    from circle15.scale.merge import Sums
    from circle15.words import Lang

_ROWS = 100_000
_AREAS = ("Polygon", "MultiPolygon")
CANDIDATE = ("candidate_lon", "candidate_lat", "candidate_new_residents")
"""Of the gaps that are outlined: the cell about which a new circle would newly cover most residents, and how many."""
_PACKAGES = ("numpy", "numba", "geopandas", "shapely", "pyproj", "rasterio", "pyarrow", "scipy")


def places_table(inputs: Inputs, sums: Sums) -> gpd.GeoDataFrame:
    """One row a place: ground, residents, density, and for each service institutions, residents by depth of cover.

    Columns `<service>_institutions`, `_covered`, `_share` (NaN without residents), `_depth_0` … `_depth_3` (people
    under exactly 0, 1, 2 and at least 3 circles). `land_km2` leaves out ground
    without data and beyond the raster.
    """
    task = inputs.task
    table = task.places[["id", "name", "level", "parent"]].copy()
    area_m2 = areas_m2(task.outlines.geometry)
    residents = sums.people[:, 0].sum(axis=1) if task.services else np.zeros(len(table))
    window = task.raster.window
    beyond = beyond_m2(task.lattice, (int(window.height), int(window.width)), task.outlines)
    land_m2 = known_ground(area_m2, sums.missing_m2 + beyond)
    table["residents"] = residents
    table["area_km2"], table["land_km2"] = area_m2 / M2_PER_KM2, land_m2 / M2_PER_KM2
    table["density_per_km2"] = _per(residents, land_m2 / M2_PER_KM2)
    institutions = institutions_in(inputs)
    for s, service in enumerate(task.services):
        people = sums.people[:, s]
        table[f"{service}_institutions"] = institutions[:, s]
        table[f"{service}_covered"] = people[:, 1:].sum(axis=1)
        table[f"{service}_share"] = _per(people[:, 1:].sum(axis=1), residents)
        for depth in range(people.shape[1]):
            table[f"{service}_depth_{depth}"] = people[:, depth]
    return gpd.GeoDataFrame(table, geometry=task.outlines.geometry, crs=task.places.crs)


def _per(amount: Any, base: Any) -> Any:  # noqa: ANN401 - columns of numbers
    return np.divide(amount, base, out=np.full(len(base), np.nan), where=base > 0)


def institutions_in(inputs: Inputs) -> Any:  # noqa: ANN401 - counts (places, services)
    """Institutions of each service that stand in each place; campuses of one count once."""
    task, whose = inputs.task, inputs.points.institution
    out = np.zeros((len(task.places), len(task.services)), dtype=np.int64)
    for column in inputs.standing.values():
        held = np.flatnonzero((column >= 0) & (task.service >= 0))
        if whose is not None:
            count = int(whose.max(initial=0)) + 1
            key = (column[held].astype(np.int64) * len(task.services) + task.service[held]) * count + whose[held]
            held = held[np.unique(key, return_index=True)[1]]
        np.add.at(out, (column[held], task.service[held]), 1)
    return out


def institutions_parts(inputs: Inputs, sums: Sums, plan: Plan, *, rows: int = _ROWS) -> Iterator[dict[str, Any]]:
    """One row an institution: others of its service, residents and ground of its circle, density and its class.

    Columns of so many rows at a time: words for a million would take as much memory as the whole run.
    """
    task, points = inputs.task, inputs.points
    for first in range(0, len(task.lon), rows):
        some = slice(first, first + rows)
        lon, lat, land_km2 = task.lon[some], task.lat[some], sums.ground_m2[some] / M2_PER_KM2
        ground = ground_columns(lon, lat, sums.residents[some], land_km2, radius_m=task.radius_m)
        density = ground["density_circle_per_km2"]
        yield {
            "id": points.ids.slice(first, rows),
            "service": np.array(points.names, dtype=object)[points.service[some]],
            "others_within": inputs.others[some],
            "residents_within": ground["residents_within"],
            "circle_land_km2": ground["circle_land_km2"],
            "density_circle_per_km2": density,
            "density_class": density_class(task, plan, inputs.standing, some, density),
            "lon": lon,
            "lat": lat,
        }


def gaps_table(inputs: Inputs, sums: Sums) -> pd.DataFrame:
    """Patches of uncovered residents, most residents first: where the fullest cell lies (lon, lat), in which place."""
    task = inputs.task
    found = sums.gaps
    lon, lat = task.lattice.degrees(found["column"].to_numpy() + 0.5, found["row"].to_numpy() + 0.5)
    holder = found["holder"].to_numpy()
    area_km2 = found["area_m2"].to_numpy() / M2_PER_KM2
    rank = found.groupby("service").cumcount() + 1
    service = np.array(task.services, dtype=object)[found["service"].to_numpy()]
    return pd.DataFrame(
        {
            "gap_id": [f"{s}-{n}" for s, n in zip(service, rank, strict=True)],
            "service": service,
            "rank": rank,
            "residents": found["residents"],
            "area_km2": area_km2,
            "density_per_km2": _per(found["residents"].to_numpy(), area_km2),
            "cells": found["cells"],
            "place_id": task.places["id"].to_numpy()[holder],
            "place_name": task.places["name"].to_numpy()[holder],
            "lon": lon,
            "lat": lat,
            **dict.fromkeys(CANDIDATE, np.nan),
        }
    )


def gaps_parts(inputs: Inputs, sums: Sums, gaps: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The gaps as they are written: the first of each service one by one with their outlines, the rest as points.

    CANDIDATE columns of `gaps` are filled in for those that are looked at again.
    """
    at = sums.gaps.groupby("service").cumcount().to_numpy()
    outlined = at < OUTLINED
    for row in np.flatnonzero(outlined).tolist():
        service = int(sums.gaps["service"].iloc[row])
        looked = look_again(inputs.task, service, sums.seats[service, int(at[row])])
        if looked is not None and looked.best is not None:
            gaps.loc[gaps.index[row], list(CANDIDATE)] = looked.best.lon, looked.best.lat, looked.best.gain
        yield _columns(gaps.iloc[[row]], None if looked is None else looked.outline)
        give_back()
    yield _columns(gaps[~outlined], None)


def _columns(gaps: pd.DataFrame, outline: BaseGeometry | None) -> dict[str, Any]:
    where = {"lon": gaps["lon"].to_numpy(), "lat": gaps["lat"].to_numpy()}
    seat = {f"fullest_{axis}": values for axis, values in where.items()}
    told = {str(c): gaps[c].to_numpy() for c in gaps if c not in {*where, *CANDIDATE}}
    best = {c: gaps[c].to_numpy() for c in CANDIDATE}
    return told | seat | best | (where if outline is None else {"outline": np.array([outline])})


def write_results(inputs: Inputs, sums: Sums, out: Path, *, plan: Plan, marks: Marks, lang: Lang) -> list[Path]:
    """Write everything, each file whole; same input, same bytes."""
    places, gaps = places_table(inputs, sums), gaps_table(inputs, sums)
    page = partial(
        draw_nation, places, gaps, inputs.task.services, plan=plan, simulated=inputs.simulated, as_of=inputs.as_of
    )
    steps: list[Callable[[], Path]] = [
        lambda: write_points(out / "gaps.parquet", gaps_parts(inputs, sums, gaps), kinds=("Point", *_AREAS)),
        lambda: write_outlines(out / "places.parquet", places),
        lambda: write_points(out / "institutions.parquet", institutions_parts(inputs, sums, plan)),
        lambda: write_text(out / "nation.html", page(marks=marks, lang=lang)),
        lambda: write_run_record(out / "nation_run.json", _record(inputs, plan)),
    ]
    written = []
    for step in steps:
        give_back()  # what one step leaves lying about is as much as the next one needs
        written.append(step())
        inputs.task.lay_down()
    return written


def _record(inputs: Inputs, plan: Plan) -> dict[str, object]:
    task = inputs.task
    return {
        "circle15": __version__,
        "inputs": [
            {"role": s.role, "file": s.file, "sha256": s.sha256, "datum": s.datum, "options": dict(s.options)}
            for s in task.sources
        ],
        "plan": plan.summary(),
        "options": {
            "services": list(task.services),
            "radius_m": task.radius_m,
            "min_residents": task.min_residents,
            "block": task.raster.block,
            "as_of": inputs.as_of,
            "others_counted": "sites" if inputs.points.institution is None else "institutions",
        },
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }

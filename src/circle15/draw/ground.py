"""Population under a page 人口底图: cells of one grid as a raster of bytes, all others as polygons."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.lattice import Lattice, Quads, bend_grid, fit_lattice, join_quads, quads_of
from circle15.draw.pack import array_bytes, delta, number, polygon_arrays
from circle15.project.metric import local_xy
from circle15.schema import Population

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circle15.draw.payload import Area
    from circle15.draw.tester_grid import Grid
    from circle15.schema import Assessment, PopulationBlocks

    Floats = NDArray[np.float64]

EXACT_CELLS = 1_200_000
"""Up to so many cells a page holds tenths of residents; beyond, the density class in fine steps."""
STEPS = 40
_TIE = 1e-6  # cells drawn at a bound exactly fall above it in spite of rounding


def held_exactly(population: Population | PopulationBlocks) -> bool:
    """Whether one page can hold all residents as exactly as its site tester needs them."""
    if not isinstance(population, Population):
        return False
    grid = population.grid
    cells = len(population.cells) if grid is None else np.count_nonzero(grid.values[:, :] > 0)
    return bool(cells <= EXACT_CELLS)


@dataclass(frozen=True)
class Ground:
    """What a page draws of the population: blocks of bytes, what says how to read them, residents by class."""

    told: dict[str, Any]
    blocks: dict[str, bytes]
    lattice: Lattice | None


def pack_ground(assessment: Assessment, area: Area, breaks: Sequence[float], *, grid: Grid | None = None) -> Ground:
    """Population cells that touch the page's ground; those whose centre lies in its outline count in the legend.

    `breaks` are residents per km², each the lower bound (included) of a class. `grid` is the one whose cells the page
    holds already: they are then drawn from there.
    """
    geometry, quads, inside = _cells_around(assessment, area)
    residents = quads.residents if quads is not None else geometry[1]
    density = _density(quads) if quads is not None else _density_of(geometry[0], geometry[1])
    classes = np.digitize(density, np.asarray(breaks) * (1.0 - _TIE))
    classes[~np.isfinite(density)] = -1
    values = {
        "cells": len(residents),
        "points": bool((classes == -1).any()),
        "classes": [_counted(residents, inside & (classes == n)) for n in range(len(breaks) + 1)],
    }
    if grid is not None:
        lattice = bend_grid(grid)
        return Ground(values | {"lattice": lattice.as_values(), "held": True}, {}, lattice)
    held = None if quads is None else fit_lattice(quads)
    if held is None:
        shapes = geometry[0] if quads is None or len(geometry[0]) else _shapes(quads)
        return Ground(values, {"cells": _polygons(shapes, residents, density, classes)}, None)
    lattice, at = held
    values |= {"lattice": lattice.as_values()}
    exact = len(residents) <= EXACT_CELLS
    steps = None if exact else _steps(breaks, density)
    values["steps"] = steps
    place = at[:, 1] * lattice.cols + at[:, 0]
    size = lattice.cols * lattice.rows
    blocks = _coarse(place, size, classes, density, steps) if steps else _exact(place, size, classes, residents)
    return Ground(values, blocks, lattice)


def _counted(residents: Floats, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    return {"cells": int(chosen.sum()), "residents": number(residents[chosen].sum(), 0)}


def _cells_around(
    assessment: Assessment, area: Area
) -> tuple[tuple[NDArray[Any], Floats], Quads | None, NDArray[np.bool_]]:
    """Geometry and residents in drawing order, the same as parallelograms where all are, and which lie inside.

    A streamed population is taken block by block as parallelograms, its shapes let go.
    """
    west, south, east, north = area.around.bounds
    shapely.prepare(area.around)
    shapely.prepare(area.outline)
    geometries, residents, inside, quads = [], [], [], []
    streamed = not hasattr(assessment.city.population, "cells")
    for block in assessment.city.population.blocks():
        near = block.cells.cx[west:east, south:north]
        shapes = near.geometry.to_numpy()
        kept = shapely.intersects(area.around, shapes)
        shapes, people = shapes[kept], near["residents"].to_numpy(dtype=np.float64)[kept]
        inside.append(shapely.covers(area.outline, shapely.centroid(shapes)))
        four = quads_of(shapes, people)
        if four is not None:
            quads.append(four)
        if four is None or not streamed:
            geometries.append(shapes)
        residents.append(people)
    if not residents:
        return (np.empty(0, dtype=object), np.empty(0)), None, np.empty(0, dtype=bool)
    whole = len(quads) == len(residents)
    shapes = np.concatenate(geometries) if geometries else np.empty(0, dtype=object)
    return (shapes, np.concatenate(residents)), join_quads(quads) if whole else None, np.concatenate(inside)


def _shapes(quads: Quads) -> NDArray[Any]:
    """Parallelograms as polygons again, where a stream of them turned out to lie on no grid."""
    turns = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return np.asarray(shapely.polygons(quads.centre[:, None, :] + np.einsum("nij,kj->nki", quads.side, turns)))


def _density(quads: Quads) -> Floats:
    x_m, y_m = _metres_per_milli(quads.centre[:, 1])
    return np.asarray(quads.residents / (quads.area * x_m * y_m))


def _density_of(geometry: NDArray[np.object_], residents: Floats) -> Floats:
    """Residents per km² of each cell, NaN for points; local metric, right to 1e-6 for a cell of some hundred metres."""
    bounds = shapely.bounds(geometry).reshape(-1, 4)
    x_m, y_m = _metres_per_milli((bounds[:, 1] + bounds[:, 3]) / 2.0)
    area_km2 = shapely.area(geometry) * x_m * y_m
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(area_km2 > 0, residents / area_km2, np.nan)


def _metres_per_milli(lat: Floats) -> tuple[Floats, Floats]:
    """Metres in 0.001 degree east and north; their product times square degrees is km²."""
    zero = np.zeros_like(lat)
    x_m, _ = local_xy(zero + 0.001, lat, zero, lat)
    _, y_m = local_xy(zero, lat + 0.0005, zero, lat - 0.0005)
    return np.asarray(x_m), np.asarray(y_m)


def _polygons(geometry: NDArray[Any], residents: Floats, density: Floats, classes: NDArray[Any]) -> bytes:
    centre = shapely.centroid(geometry)
    order = np.lexsort((shapely.get_x(centre), -np.round(shapely.get_y(centre), 5)))
    geometry, residents, density, classes = geometry[order], residents[order], density[order], classes[order]
    return array_bytes(
        [
            *polygon_arrays(geometry),
            np.where(np.isfinite(density), np.rint(density), -1).astype(np.int32),
            np.minimum(np.rint(residents * 10.0), 2**31 - 1).astype(np.int32),
            delta(classes.astype(np.int32)),
        ]
    )


def _steps(breaks: Sequence[float], density: Floats) -> list[float]:
    """Bounds of the fine steps: each class in equal parts, so that a step never lies in two classes."""
    low = max(float(np.min(density)), breaks[0] / 100.0)
    ends = [min(low, breaks[0] / 2), *breaks, max(float(np.max(density)) * 1.001, breaks[-1] * 2)]
    parts = [np.geomspace(a, b, STEPS, endpoint=False) for a, b in pairwise(ends)]
    return [float(f"{v:.6g}") for v in np.concatenate(parts)]


def _exact(place: NDArray[np.int64], size: int, classes: NDArray[Any], residents: Floats) -> dict[str, bytes]:
    """Row by row the class (0 empty), and tenths of residents of the populated cells in planes of bytes."""
    flat = np.zeros(size, dtype=np.uint8)
    flat[place] = 1 + classes
    tenths = np.maximum(np.rint(residents * 10.0), 0).astype(np.int64)
    planes = tenths[np.argsort(place, kind="stable")].astype("<i4").view(np.uint8).reshape(-1, 4).T
    return {"cell.class": flat.tobytes(), "cell.residents": np.ascontiguousarray(planes).tobytes()}


def _coarse(
    place: NDArray[np.int64], size: int, classes: NDArray[Any], density: Floats, steps: Sequence[float]
) -> dict[str, bytes]:
    """Row by row the fine step of the density (0 empty); a cell stays in its class."""
    fine = np.clip(np.searchsorted(np.asarray(steps), density, side="right") - 1, 0, len(steps) - 1)
    flat = np.zeros(size, dtype=np.uint8)
    flat[place] = 1 + np.clip(fine, classes * STEPS, classes * STEPS + STEPS - 1)
    return {"cell.step": flat.tobytes()}

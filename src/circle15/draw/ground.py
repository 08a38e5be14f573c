"""Population under a page 人口底图: cells of one grid as a raster of bytes, all others as polygons."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.grid_cells import cells_held, lattice_of, stripes, window_about
from circle15.draw.lattice import Lattice, bend_grid, draw_by, fit_lattice, quads_of
from circle15.draw.pack import array_bytes, delta, number, polygon_arrays
from circle15.project.metric import local_xy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.draw.payload import Area
    from circle15.draw.tester_grid import Grid
    from circle15.quantities import Floats
    from circle15.schema import Assessment, GridCells, Population, PopulationBlocks


EXACT_CELLS = 1_200_000
"""Up to so many cells a page holds tenths of residents; beyond, the density class in fine steps."""
STEP = 1.8
"""A fine step is at most so many times the one below it."""
_TIE = 1e-6  # cells drawn at a bound exactly fall above it in spite of rounding


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
    population = assessment.city.population
    cells = _of_table(population, area) if population.grid is None else _of_grid(population.grid, area)
    classes = np.digitize(cells.density, np.asarray(breaks) * (1.0 - _TIE))
    classes[~np.isfinite(cells.density)] = -1
    values = {
        "cells": len(cells.residents),
        "points": bool((classes == -1).any()),
        "classes": [_counted(cells.residents, cells.inside & (classes == n)) for n in range(len(breaks) + 1)],
    }
    if grid is not None:
        lattice = bend_grid(grid)
        return Ground(values | {"lattice": lattice.as_values(), "held": True}, {}, lattice)
    held = cells.on_lattice()
    if held is None:
        return Ground(values, {"cells": _polygons(cells.shapes(), cells, classes)}, None)
    lattice, at = held
    values |= {"lattice": lattice.as_values()}
    place = at[:, 1] * lattice.cols + at[:, 0]
    size = lattice.cols * lattice.rows
    if len(cells.residents) <= EXACT_CELLS:
        return Ground(values, _exact(place, size, classes, cells.residents), lattice)
    steps = _steps(breaks, cells.density)
    values |= {"steps": [v for part in steps for v in part], "step_counts": [len(part) for part in steps]}
    return Ground(values, _coarse(place, size, classes, cells.density, steps), lattice)


def _counted(residents: Floats, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    return {"cells": int(chosen.sum()), "residents": number(residents[chosen].sum(), 0)}


@dataclass(frozen=True)
class _Cells:
    """Cells (n) that touch the ground of a page, in drawing order.

    `density` is residents per km², NaN for points; `inside` tells whose centre lies in the outline; `on_lattice` gives
    the grid to draw them by with column and row (n, 2) of each, None where there is none; `shapes` their polygons.
    """

    residents: Floats
    density: Floats
    inside: NDArray[np.bool_]
    on_lattice: Callable[[], tuple[Lattice, NDArray[np.int64]] | None]
    shapes: Callable[[], NDArray[np.object_]]


def _of_grid(grid: GridCells, area: Area) -> _Cells:
    """Cells of a grid of numbers."""
    source, about = lattice_of(grid), window_about(grid, area.around)
    shapely.prepare(area.outline)
    parts = []
    for part in () if about is None else stripes(grid, area.around, about):
        at = part.row, part.col
        inside = cells_held(source, at, area.outline, _centre_within)
        parts.append((part.residents, _density(part.residents, part.area, part.lat), inside, *at))
    none = np.empty(0), np.empty(0), np.empty(0, dtype=bool), np.empty(0, np.int64), np.empty(0, np.int64)
    residents, density, inside, row, col = (np.concatenate(v) for v in zip(none, *parts, strict=True))
    return _Cells(residents, density, inside, lambda: draw_by(source, row, col), lambda: source.quads(row, col))


def _of_table(population: Population | PopulationBlocks, area: Area) -> _Cells:
    """Cells that came as geometries."""
    west, south, east, north = area.around.bounds
    shapely.prepare(area.around)
    shapely.prepare(area.outline)
    geometries, residents = [np.empty(0, dtype=object)], [np.empty(0)]
    for block in population.blocks():
        near = block.cells.cx[west:east, south:north]
        shapes = near.geometry.to_numpy()
        kept = shapely.intersects(area.around, shapes)
        geometries.append(shapes[kept])
        residents.append(near["residents"].to_numpy(dtype=np.float64)[kept])
    shapes, people = np.concatenate(geometries), np.concatenate(residents)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    density = _density(people, shapely.area(shapes), (bounds[:, 1] + bounds[:, 3]) / 2.0)
    inside = np.asarray(_centre_within(area.outline, shapes), dtype=bool)
    return _Cells(people, density, inside, lambda: fit_lattice(quads_of(shapes)), lambda: shapes)


def _centre_within(ground: BaseGeometry, cells: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.asarray(shapely.covers(ground, shapely.centroid(cells)))


def _density(residents: Floats, area: Floats, lat: Floats) -> Floats:
    """Residents per km² (n,) of cells of so many square degrees at a latitude, NaN for points.

    By the local metric: right to 1e-6 for a cell of some hundred metres.
    """
    x_m, y_m = _metres_per_milli(lat)
    area_km2 = area * x_m * y_m
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(area_km2 > 0, residents / area_km2, np.nan)


def _metres_per_milli(lat: Floats) -> tuple[Floats, Floats]:
    """Metres in 0.001 degree east and north; their product times square degrees is km²."""
    zero = np.zeros_like(lat)
    x_m, _ = local_xy(zero + 0.001, lat, zero, lat)
    _, y_m = local_xy(zero, lat + 0.0005, zero, lat - 0.0005)
    return np.asarray(x_m), np.asarray(y_m)


def _polygons(geometry: NDArray[np.object_], cells: _Cells, classes: NDArray[Any]) -> bytes:
    centre = shapely.centroid(geometry)
    order = np.lexsort((shapely.get_x(centre), -np.round(shapely.get_y(centre), 5)))
    geometry, classes, density = geometry[order], classes[order], cells.density[order]
    return array_bytes(
        [
            *polygon_arrays(geometry),
            np.where(np.isfinite(density), np.rint(density), -1).astype(np.int32),
            np.minimum(np.rint(cells.residents[order] * 10.0), 2**31 - 1).astype(np.int32),
            delta(classes.astype(np.int32)),
        ]
    )


def _steps(breaks: Sequence[float], density: Floats) -> list[list[float]]:
    """Lower bounds of the fine steps of each class, equal parts of it, so that a step never lies in two classes."""
    low = max(float(np.min(density)), breaks[0] / 100.0)
    ends = [min(low, breaks[0] / 2), *breaks, max(float(np.max(density)) * 1.001, breaks[-1] * 2)]
    counts = [int(np.ceil(np.log(b / a) / np.log(STEP))) for a, b in pairwise(ends)]
    parts = [np.geomspace(a, b, n, endpoint=False) for (a, b), n in zip(pairwise(ends), counts, strict=True)]
    return [[float(f"{v:.6g}") for v in part] for part in parts]


def _exact(place: NDArray[np.int64], size: int, classes: NDArray[Any], residents: Floats) -> dict[str, bytes]:
    """Row by row the class (0 empty), and tenths of residents of the populated cells in planes of bytes."""
    flat = np.zeros(size, dtype=np.uint8)
    flat[place] = 1 + classes
    tenths = np.maximum(np.rint(residents * 10.0), 0).astype(np.int64)
    planes = tenths[np.argsort(place, kind="stable")].astype("<i4").view(np.uint8).reshape(-1, 4).T
    return {"cell.class": flat.tobytes(), "cell.residents": np.ascontiguousarray(planes).tobytes()}


def _coarse(
    place: NDArray[np.int64], size: int, classes: NDArray[Any], density: Floats, steps: Sequence[Sequence[float]]
) -> dict[str, bytes]:
    """Row by row which cells are populated, a bit each; of these the fine step of density, never of another class."""
    first = np.cumsum([0, *(len(part) for part in steps)])
    fine = np.searchsorted(np.concatenate(steps), density, side="right") - 1
    fine = np.clip(fine, first[classes], first[classes + 1] - 1).astype(np.uint8)
    populated = np.zeros(size, dtype=bool)
    populated[place] = True
    return {"cell.populated": np.packbits(populated).tobytes(), "cell.step": fine[np.argsort(place)].tobytes()}

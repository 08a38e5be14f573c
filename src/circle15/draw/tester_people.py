"""Residents and land for the site tester: a grid as a lattice, areas in parts, points."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.grid_cells import STRIPE_CELLS
from circle15.draw.tester_grid import Grid, find_grid, read_grid
from circle15.draw.tester_pack import BILLIONTH, MOST_EXACT, Packer
from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2, Floats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Population, PopulationBlocks

    Geometries = NDArray[np.object_]

MOST_CELLS = 10_000_000
"""Populated cells that one page holds for its tester: with 50,000 institutions 29.8 MB of the 32 that a page may weigh,
0.33 GB of the browser's memory, and a site tested as fast as on a page of 20,000 cells (`benchmarks.maps province`).
"""
PART_M = 2000.0
_METRES_A_DEGREE = 111_320.0
_LAND_SHARE = 0.02
_SQUARE = 32


def held_exactly(population: Population | PopulationBlocks) -> bool:
    """Whether one page can hold all residents as exactly as its site tester needs them."""
    counts = (np.count_nonzero(part > 0) for part in _numbers(population))
    return all(total <= MOST_CELLS for total in accumulate(counts))


def _numbers(population: Population | PopulationBlocks) -> Iterator[NDArray[np.floating[Any]]]:
    """Residents of all cells, part by part."""
    grid = population.grid
    if grid is None:
        yield from (block.cells["residents"].to_numpy() for block in population.blocks())
        return
    rows, cols = grid.values.shape
    high = max(STRIPE_CELLS // max(cols, 1), 1)
    yield from (grid.values[top : top + high, :] for top in range(0, rows, high))


def pack_people(
    packer: Packer, population: Population | PopulationBlocks, around: BaseGeometry
) -> tuple[dict[str, Any], Grid | None]:
    """Pack the residents on the ground given (EPSG:4326).

    Returns how the page reads them, and the grid that the cells stand on (None where they stand on none).
    """
    read = None if population.grid is None else read_grid(population.grid, around)
    if read is not None:
        held, residents, known = read
        return _pack_grid(packer, held, residents, _runs(known)), held
    geometry, residents, land = _on(population, around)
    if population.kind == "point":
        order = np.lexsort((shapely.get_x(geometry), np.round(shapely.get_y(geometry), 3)))
        told = packer.add_residents(residents[order])
        exact = len(order) <= MOST_EXACT  # a point at the edge of a circle is in or out by a thousandth of a millimetre
        for name, values in (("lon", shapely.get_x(geometry)), ("lat", shapely.get_y(geometry))):
            kept = values[order] if exact else np.rint(values[order] * BILLIONTH)
            packer.add(f"point.{name}", kept, "f8" if exact else "d5")
        return {"kind": "point", "lattice": False, "unit": 1 if exact else BILLIONTH, **told}, None
    if population.kind == "grid":
        grid = find_grid(geometry, window=around)
        runs = None if grid is None or land is None else _land_runs(grid, land)
        if grid is not None and (land is None or runs is not None):
            return _pack_grid(packer, grid, residents, runs), grid
    return _pack_areas(packer, population.kind, geometry, residents, land), None


def _on(
    population: Population | PopulationBlocks, around: BaseGeometry
) -> tuple[Geometries, Floats, BaseGeometry | None]:
    """Cells, residents and land of all blocks on the ground; land is cut to its box only, which is cheaper."""
    shapely.prepare(around)
    geometries, residents, lands = [], [], []
    for block in population.blocks():
        cells = np.asarray(block.cells.geometry.array, dtype=object)
        near = np.asarray(shapely.intersects(around, cells))
        geometries.append(cells[near])
        residents.append(block.cells["residents"].to_numpy(dtype=np.float64)[near])
        if block.land is not None:
            lands.append(shapely.clip_by_rect(block.land, *around.bounds))
    land = shapely.union_all(lands) if len(lands) > 1 else lands[0] if lands else None
    empty = np.empty(0, dtype=object)
    return np.concatenate(geometries or [empty]), np.concatenate(residents or [np.empty(0)]), land


def _land_runs(lattice: Grid, land: BaseGeometry) -> NDArray[np.int64] | None:
    """First and one beyond the last cell of each run of land (2r,), rising; None where land is not made of cells."""
    runs = _runs(_cells_on(lattice, land))
    low, start = np.divmod(runs[::2], lattice.cols)
    end = runs[1::2] - low * lattice.cols
    corner = lattice.corners(start.astype(float), low.astype(float))
    beside = lattice.corners(end.astype(float), low.astype(float))
    above = lattice.corners(start.astype(float), (low + 1).astype(float))
    area = float(
        ((beside - corner)[:, 0] * (above - corner)[:, 1] - (beside - corner)[:, 1] * (above - corner)[:, 0]).sum()
    )
    whole = float(shapely.area(shapely.intersection(land, shapely.box(*_lattice_box(lattice)))))
    # the rim of the lattice cuts cells that lean against it; elsewhere land must be whole cells
    return runs if abs(area - whole) <= _LAND_SHARE * whole else None


def _runs(held: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First and one beyond the last of each run of cells in a row, (rows, cols) counted row by row; rising."""
    row, edge = np.nonzero(np.diff(held.astype(np.int8), prepend=0, append=0, axis=1))
    return np.asarray(row * held.shape[1] + edge)


def _cells_on(lattice: Grid, land: BaseGeometry) -> NDArray[np.bool_]:
    """Which cells (rows, cols) have their middle on the land: squares of cells first, then those that its edge cuts."""
    shapely.prepare(land)
    held = np.zeros((lattice.rows, lattice.cols), dtype=bool)
    row, col = (v.ravel() for v in np.mgrid[0 : lattice.rows : _SQUARE, 0 : lattice.cols : _SQUARE])
    top, right = np.minimum(row + _SQUARE, lattice.rows), np.minimum(col + _SQUARE, lattice.cols)
    ring = [
        lattice.corners(x.astype(float), y.astype(float))
        for x, y in ((col, row), (right, row), (right, top), (col, top))
    ]
    squares = shapely.polygons(np.stack(ring, axis=1))
    whole, touched = shapely.contains_properly(land, squares), shapely.intersects(land, squares)
    for r, c, t, e in zip(row[whole], col[whole], top[whole], right[whole], strict=True):
        held[r:t, c:e] = True
    cut = touched & ~whole
    for r, c, t, e in zip(row[cut], col[cut], top[cut], right[cut], strict=True):
        rows, cols = (v.ravel() for v in np.mgrid[r:t, c:e])
        middle = lattice.corners((2 * cols + 1) / 2.0, (2 * rows + 1) / 2.0)
        held[rows, cols] = shapely.contains_xy(land, middle[:, 0], middle[:, 1])
    return held


def _lattice_box(lattice: Grid) -> tuple[float, float, float, float]:
    n = np.linspace(0.0, 1.0, 17)
    ends = np.array([0.0, 1.0]).repeat(17)
    x, y = np.concatenate([np.tile(n, 2), ends]), np.concatenate([ends, np.tile(n, 2)])
    rim = lattice.corners(x * lattice.cols, y * lattice.rows)
    (west, south), (east, north) = rim.min(axis=0), rim.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _pack_grid(packer: Packer, lattice: Grid, residents: Floats, runs: NDArray[np.int64] | None) -> dict[str, Any]:
    key = lattice.row * lattice.cols + lattice.col
    order = np.argsort(key, kind="stable")
    packer.add("grid.lon", lattice.lon, "f8")
    packer.add("grid.lat", lattice.lat, "f8")
    packer.add("grid.cell", key[order], "d4")
    if runs is not None:
        packer.add("land.run", runs, "d4")
    told = packer.add_residents(residents[order])
    return {
        "kind": "grid",
        "lattice": True,
        "cols": lattice.cols,
        "rows": lattice.rows,
        "degree": lattice.degree,
        **told,
    }


def _pack_areas(
    packer: Packer, kind: str, geometry: Geometries, residents: Floats, land: BaseGeometry | None
) -> dict[str, Any]:
    parts, row = _split(geometry)
    packer.add_rings("area", geometry)
    packer.add("area.km2", areas_m2(geometry) / M2_PER_KM2, "f8")
    packer.add_rings("part", parts)
    packer.add("part.row", row, "d4")
    if land is not None:
        packer.add_rings("land", _split(shapely.get_parts([land]))[0])
    return {"kind": kind, "lattice": False, **packer.add_residents(residents)}


def _split(geometries: Geometries) -> tuple[Geometries, NDArray[np.int64]]:
    """Halve polygons (n,) until none is wider than PART_M, as measure/pieces.py does; parts and what each is of."""
    parts, row = np.asarray(geometries, dtype=object), np.arange(len(geometries), dtype=np.int64)
    done, rows = [np.empty(0, dtype=object)], [np.empty(0, dtype=np.int64)]
    while len(parts):
        bounds = shapely.bounds(parts).reshape(-1, 4)
        middle = (bounds[:, :2] + bounds[:, 2:]) / 2
        sides = (bounds[:, 2:] - bounds[:, :2]) * _METRES_A_DEGREE
        sides[:, 0] *= np.cos(np.radians(middle[:, 1]))
        wide = sides.max(axis=1) > PART_M
        done.append(parts[~wide])
        rows.append(row[~wide])
        halves, of = [], []
        for part, box, mid, across, n in zip(
            parts[wide], bounds[wide], middle[wide], sides[wide].argmax(axis=1), row[wide], strict=True
        ):
            low, high = box.copy(), box.copy()
            low[2 + across] = high[across] = mid[across]
            # intersection keeps vertices along straight sides, which clip_by_rect drops
            for half in (shapely.intersection(part, shapely.box(*b)) for b in (low, high)):
                pieces = [p for p in shapely.get_parts([half]) if p.geom_type == "Polygon" and p.area > 0]
                if pieces:
                    halves.append(shapely.MultiPolygon(pieces))
                    of.append(n)
        parts, row = np.array(halves, dtype=object), np.array(of, dtype=np.int64)
    found, of_row = np.concatenate(done), np.concatenate(rows)
    order = np.argsort(of_row, kind="stable")
    return found[order], of_row[order]

"""Residents as shades under a drawing 人口底色: cells as boxes, those finer than a pixel painted pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import shapely

from circle15.draw.grid_cells import lattice_of, stripes, window_about

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells, Population, PopulationBlocks

SHADES = (100.0, 1000.0, 3000.0, 10000.0)
"""Residents per km² at which the ground gets darker."""
COLOURS = ("#f1f3f5", "#dbe4ec", "#b9cbdb", "#8fa9c2")


class View(Protocol):
    """Ground (west, south, east, north in degrees) drawn on so many pixels, and where degrees lie on it."""

    bounds: tuple[float, float, float, float]
    wide: float
    high: float

    def xy(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Pixels from the upper left corner."""


def shade_paths(population: Population | PopulationBlocks, view: View) -> list[str]:
    """Paths of SVG, shade by shade from light to dark, of the populated cells on the ground of a view."""
    paths: list[list[str]] = [[] for _ in SHADES]
    painted = np.full((int(view.high) + 1, int(view.wide) + 1), -1)
    west, south, east, north = view.bounds
    held = _of_table(population) if population.grid is None else _of_grid(population.grid, view)
    for every, residents in held:
        seen = (every[:, 2] > west) & (every[:, 0] < east) & (every[:, 3] > south) & (every[:, 1] < north)
        box, shade = every[seen], _shades(every[seen], residents[seen])
        x0, y0 = view.xy(box[:, 0], box[:, 3])
        x1, y1 = view.xy(box[:, 2], box[:, 1])
        fine = (x1 - x0 < 1.0) & (y1 - y0 < 1.0)
        row, column = (
            np.clip((low + high)[fine] / 2, 0, n - 1).astype(np.int64)
            for low, high, n in zip((y0, x0), (y1, x1), painted.shape, strict=True)
        )
        np.maximum.at(painted, (row, column), shade[fine])
        for level, path in enumerate(paths):
            at = (shade == level) & ~fine
            path += [
                f"M{a:.1f} {b:.1f}H{c:.1f}V{e:.1f}H{a:.1f}Z"
                for a, b, c, e in zip(x0[at], y0[at], x1[at], y1[at], strict=True)
            ]
    for level, path in enumerate(paths):
        path += [f"M{a} {r}H{b}V{r + 1}H{a}Z" for r, a, b in zip(*_runs(painted == level), strict=True)]
    return [f'<path fill="{COLOURS[n]}" d="{"".join(path)}"/>' for n, path in enumerate(paths) if path]


def _of_table(population: Population | PopulationBlocks) -> Iterator[tuple[Floats, Floats]]:
    """Bounds (n, 4) in degrees and residents (n,) of cells that came as geometries, block by block."""
    for block in population.blocks():
        cells = np.asarray(block.cells.geometry.array, dtype=object)
        yield shapely.bounds(cells).reshape(-1, 4), block.cells["residents"].to_numpy(dtype=np.float64)


def _of_grid(grid: GridCells, view: View) -> Iterator[tuple[Floats, Floats]]:
    """The same of the cells of a grid on the ground of a view, stripe by stripe."""
    ground, lattice = shapely.box(*view.bounds), lattice_of(grid)
    window = window_about(grid, ground)
    for part in () if window is None else stripes(grid, ground, window):
        row = np.stack([part.row, part.row, part.row + 1, part.row + 1]).astype(np.float64)
        column = np.stack([part.col, part.col + 1, part.col, part.col + 1]).astype(np.float64)
        lon, lat = lattice.degrees(column, row)
        yield np.column_stack([lon.min(axis=0), lat.min(axis=0), lon.max(axis=0), lat.max(axis=0)]), part.residents


def _shades(box: Floats, residents: Floats) -> Ints:
    """Position in SHADES by density (n,), -1 below the first; areas are near enough for shades."""
    km2 = np.maximum((box[:, 2] - box[:, 0]) * 88.0 * (box[:, 3] - box[:, 1]) * 111.0, 1e-9)
    return np.searchsorted(SHADES, residents / km2, side="right") - 1


def _runs(held: np.ndarray) -> tuple[Ints, Ints, Ints]:
    """Row, first column and column behind the last of each run of pixels."""
    edge = np.diff(np.pad(held, [(0, 0), (1, 1)]).astype(np.int8), axis=1)
    row, first = np.nonzero(edge == 1)
    return row, first, np.nonzero(edge == -1)[1]

"""Populated cells of a grid on a piece of ground 格网取数: numbers, stripe by stripe.

No cell becomes a polygon but where the ground's edge may cut it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from circle15.project.lattice import Lattice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells

    Bools = NDArray[np.bool_]
    Test = Callable[[BaseGeometry, NDArray[np.object_]], Bools]

STRIPE_CELLS = 2_000_000
_SQUARE = 32
_EDGE_DEG = 0.05  # an edge of the ground so long strays from the plane's straight line by less than a cell
_BEND = 0.01  # share of a square's side by which its own edges may bend
_CUT_AT_ONCE = 200_000


@dataclass(frozen=True)
class Window:
    """Columns and rows of a grid about a piece of ground; they may run on beyond the grid, where nobody lives."""

    left: int
    top: int
    cols: int
    rows: int


@dataclass(frozen=True)
class Stripe:
    """Some rows of a window.

    Parameters
    ----------
    top
        First row, of the whole grid.
    known
        (rows, cols) cells that the source has data for.
    row, col
        (n,) populated cells that touch the ground, in order of rows; counted in the whole grid.
    residents, lat, area
        (n,) of these cells: people, latitude of the middle, square degrees.
    """

    top: int
    known: Bools
    row: Ints
    col: Ints
    residents: Floats
    lat: Floats
    area: Floats


def lattice_of(grid: GridCells) -> Lattice:
    """Where the cells stand."""
    return Lattice(grid.transform, grid.system)


def window_about(grid: GridCells, ground: BaseGeometry) -> Window | None:
    """The window that holds the ground (EPSG:4326), a cell to spare; None where the grid's system reaches nowhere."""
    rim = shapely.get_coordinates(shapely.segmentize(ground, _EDGE_DEG))
    at = np.column_stack(lattice_of(grid).grid_xy(rim[:, 0], rim[:, 1]))
    at = at[np.isfinite(at).all(axis=1)]
    if not len(at):
        return None
    low, high = (np.floor(at.min(axis=0)) - 1).astype(int), (np.ceil(at.max(axis=0)) + 1).astype(int)
    return Window(int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def stripes(grid: GridCells, ground: BaseGeometry, window: Window) -> Iterator[Stripe]:
    """The window's rows in order, at most `STRIPE_CELLS` cells at once."""
    lattice = lattice_of(grid)
    rows, cols = grid.values.shape
    left, right = max(window.left, 0), min(window.left + window.cols, cols)
    end = min(window.top + window.rows, rows)
    high = max(STRIPE_CELLS // max(right - left, 1) // _SQUARE, 1) * _SQUARE
    shapely.prepare(ground)
    for top in range(max(window.top, 0), end if left < right else 0, high):
        values = np.asarray(grid.values[top : min(top + high, end), left:right])
        row, col = np.nonzero(values > 0)
        held = cells_held(lattice, (row + top, col + left), ground, shapely.intersects)
        row, col = row[held], col[held]
        known = np.zeros((len(values), window.cols), dtype=bool)
        known[:, left - window.left : right - window.left] = ~np.isnan(values)
        lat, area = _measured(lattice.moved(top, left), values.shape, (row, col))
        yield Stripe(top, known, row + top, col + left, values[row, col].astype(np.float64), lat, area)


def cells_held(lattice: Lattice, at: tuple[Ints, Ints], ground: BaseGeometry, test: Test) -> Bools:
    """Which cells (rows and columns, n) pass a test on the ground: asked of squares, of cells where its edge runs.

    `test` must be True well inside the ground and False away from it.
    """
    row, col = at
    if not len(row):
        return np.zeros(0, dtype=bool)
    top, left = int(row.min()), int(col.min())
    down, across = (int(v.max() - low) // _SQUARE + 1 for v, low in ((row, top), (col, left)))
    r, c = (v.ravel() * _SQUARE for v in np.mgrid[0:down, 0:across])
    boxes = _boxes(lattice, r + top, c + left)
    whole, touched = shapely.contains_properly(ground, boxes), shapely.intersects(ground, boxes)
    square = (row - top) // _SQUARE * across + (col - left) // _SQUARE
    held: Bools = whole[square]
    cut = np.flatnonzero((touched & ~whole)[square])
    for start in range(0, len(cut), _CUT_AT_ONCE):
        some = cut[start : start + _CUT_AT_ONCE]
        held[some] = test(ground, lattice.quads(row[some], col[some]))
    return held


def _boxes(lattice: Lattice, row: Ints, col: Ints) -> NDArray[np.object_]:
    """Boxes in degrees that hold whole squares of cells."""
    r = np.stack([row, row, row + _SQUARE, row + _SQUARE]).astype(np.float64)
    c = np.stack([col, col + _SQUARE, col, col + _SQUARE]).astype(np.float64)
    lon, lat = lattice.degrees(c, r)
    west, east, south, north = lon.min(axis=0), lon.max(axis=0), lat.min(axis=0), lat.max(axis=0)
    x, y = (east - west) * _BEND, (north - south) * _BEND
    return np.asarray(shapely.box(west - x, south - y, east + x, north + y))


def _measured(lattice: Lattice, shape: tuple[int, ...], at: tuple[Ints, Ints]) -> tuple[Floats, Floats]:
    """Latitude of the middle and square degrees of cells (n,) of the first rows and columns."""
    lon, lat = lattice.corners(shape[0], shape[1])
    row, col = at
    ring = [(row + 1, col), (row + 1, col + 1), (row, col + 1), (row, col)]
    x, y = [lon[k] for k in ring], [lat[k] for k in ring]
    area = np.abs((x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0])) / 2
    return np.asarray(sum(y) / 4.0), np.asarray(area)

"""Population cells that lie on one grid 格网: told by column and row, so that a page holds one byte or two a cell.

A grid of whatever projection is, over a city or a province, a smooth bend of the plane: column and row are polynomials
of longitude and latitude and the other way round. Both are fitted to the cells themselves and checked against every one
of them; cells that do not follow (areas, points, cells cut at a border) stay polygons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.draw.tester_grid import Grid
    from circle15.project.lattice import Lattice as Source
    from circle15.quantities import Floats, Ints


DEGREE = 5
SAMPLE = 4_000
LEAST_CELLS = 60
CLOSE = 0.03
"""Cells and corners lie within this share of a cell of where the fitted grid puts them."""
AREA_TOLERANCE = 0.04
MOST_EMPTY = 400
"""Where fewer than one cell in this many is populated, polygons are smaller than the grid."""
_CORNERS = 4
_NODES = 25


@dataclass(frozen=True)
class Quads:
    """Cells (n) as parallelograms: centre and mean side vectors in degrees; area in square degrees."""

    centre: Floats
    side: Floats
    area: Floats

    @property
    def across(self) -> float:
        """Typical side in degrees."""
        return float(np.sqrt(np.median(self.area)))


@dataclass(frozen=True)
class Lattice:
    """A grid: `to_grid` gives (column, row) of normalised degrees, `to_degrees` degrees of normalised column and row.

    Both are coefficients (2, k) of the monomials of `monomials`; `degrees` and `grid` hold centre and half width of
    both coordinates. Cell (0, 0) has its centre at column 0, row 0.
    """

    cols: int
    rows: int
    degree: int
    degrees: tuple[float, float, float, float]
    grid: tuple[float, float, float, float]
    to_grid: Floats
    to_degrees: Floats

    def as_values(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {
            "cols": self.cols,
            "rows": self.rows,
            "degree": self.degree,
            "degrees": list(self.degrees),
            "grid": list(self.grid),
            "to_grid": [[float(f"{v:.13g}") for v in row] for row in self.to_grid],
            "to_degrees": [[float(f"{v:.13g}") for v in row] for row in self.to_degrees],
        }

    def grid_of(self, lonlat: Floats) -> Floats:
        """Column and row (m, 2), fractions included, of points in degrees (m, 2)."""
        x, y = _normal(lonlat, self.degrees)
        return (monomials(x, y, self.degree) @ self.to_grid.T).astype(np.float64)

    def degrees_of(self, colrow: Floats) -> Floats:
        """Degrees (m, 2) of columns and rows (m, 2)."""
        x, y = _normal(colrow, self.grid)
        return (monomials(x, y, self.degree) @ self.to_degrees.T).astype(np.float64)


def monomials(x: Floats, y: Floats, degree: int) -> Floats:
    """x^a y^b for a + b <= degree, in the order of the sum, then of b: (m, k)."""
    return np.stack([x ** (s - b) * y**b for s in range(degree + 1) for b in range(s + 1)], axis=1)


def quads_of(geometry: NDArray[np.object_]) -> Quads | None:
    """Cells as parallelograms; None where one is not a polygon of four corners."""
    ones = shapely.get_num_coordinates(geometry) == _CORNERS + 1
    if not (ones & (shapely.get_type_id(geometry) == shapely.GeometryType.POLYGON)).all():
        return None
    xy = shapely.get_coordinates(geometry).reshape(-1, _CORNERS + 1, 2)[:, :_CORNERS]
    first = (xy[:, 1] - xy[:, 0] + xy[:, 2] - xy[:, 3]) / 2
    second = (xy[:, 3] - xy[:, 0] + xy[:, 2] - xy[:, 1]) / 2
    return Quads(xy.mean(axis=1), np.stack([first, second], axis=2), shapely.area(geometry))


def fit_lattice(quads: Quads | None) -> tuple[Lattice, Ints] | None:
    """The grid that holds all the cells, and column and row (n, 2) of each; None where there is none."""
    if quads is None:
        return None
    n = len(quads.centre)
    if n < LEAST_CELLS or not np.isfinite(quads.side).all() or quads.across == 0:
        return None
    some = _sample(n)
    at = _places(quads, some, _frame(quads.centre))
    if at is None:
        return None
    at -= at.min(axis=0)
    cols, rows = (int(v) + 1 for v in at.max(axis=0))
    if cols * rows > MOST_EMPTY * n or len(np.unique(at[:, 0] * rows + at[:, 1])) != n:
        return None
    found = _fitted(cols, rows, quads.centre[some], at[some].astype(np.float64))
    return (found, at) if _follows(found, quads, at) else None


def draw_by(source: Source, row: Ints, col: Ints) -> tuple[Lattice, Ints] | None:
    """The same for cells (n,) of a grid that is known, its rows counted from the last one: fitted to some of them."""
    n = len(row)
    if n < LEAST_CELLS:
        return None
    at = np.column_stack([col - col.min(), row.max() - row])
    cols, rows = (int(v) + 1 for v in at.max(axis=0))
    some = _sample(n)
    quads = quads_of(source.quads(row[some], col[some]))
    if quads is None or cols * rows > MOST_EMPTY * n:
        return None
    found = _fitted(cols, rows, quads.centre, at[some].astype(np.float64))
    return (found, at) if _follows(found, quads, at[some]) else None


def _sample(n: int) -> Ints:
    return np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))


def bend_grid(grid: Grid) -> Lattice:
    """The same for a grid whose corners are known: polynomials that are near enough to draw from."""
    col, row = (v.ravel() for v in np.meshgrid(*(np.linspace(0.0, n, _NODES) for n in (grid.cols, grid.rows))))
    return _fitted(grid.cols, grid.rows, grid.corners(col, row), np.column_stack([col, row]) - 0.5)


def _fitted(cols: int, rows: int, lonlat: Floats, at: Floats) -> Lattice:
    """Polynomials through points (m, 2) in degrees and their columns and rows (m, 2)."""
    degrees, grid = _frame(lonlat), _frame(at)
    there, back = monomials(*_normal(lonlat, degrees), DEGREE), monomials(*_normal(at, grid), DEGREE)
    to_grid = np.linalg.lstsq(there, at, rcond=None)[0].T
    to_degrees = np.linalg.lstsq(back, lonlat, rcond=None)[0].T
    return Lattice(cols, rows, DEGREE, degrees, grid, to_grid.astype(np.float64), to_degrees.astype(np.float64))


def _places(quads: Quads, some: Ints, degrees: tuple[float, float, float, float]) -> Ints | None:
    """Whole columns and rows of the cells: a polynomial whose slopes are one cell a side, from side to side."""
    side = quads.side[some]
    determinant = side[:, 0, 0] * side[:, 1, 1] - side[:, 0, 1] * side[:, 1, 0]
    if not ((determinant > 0).all() or (determinant < 0).all()):
        return None
    slope = np.linalg.inv(side) * np.array([degrees[2], degrees[3]])  # cells for each unit of the frame
    x, y = _normal(quads.centre[some], degrees)
    along_x, along_y = _slopes(x, y)
    system = np.concatenate([along_x, along_y])
    raw = []
    for axis in range(2):
        wanted = np.concatenate([slope[:, axis, 0], slope[:, axis, 1]])
        weights = np.linalg.lstsq(system, wanted, rcond=None)[0]
        raw.append(_values(quads.centre, degrees, weights))
    at = np.stack(raw, axis=1)
    at -= at[0]
    whole = np.rint(at)
    return whole.astype(np.int64) if float(np.abs(at - whole).max()) < 0.3 else None  # noqa: PLR2004 - plainly nearest


def _values(lonlat: Floats, degrees: tuple[float, float, float, float], weights: Floats) -> Floats:
    """A polynomial without constant term, in parts that spare memory."""
    out = np.empty(len(lonlat))
    for start in range(0, len(lonlat), 500_000):
        part = slice(start, start + 500_000)
        out[part] = monomials(*_normal(lonlat[part], degrees), DEGREE)[:, 1:] @ weights
    return out


def _slopes(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the monomials (constant left out) by x and by y."""
    powers = [(s - b, b) for s in range(1, DEGREE + 1) for b in range(s + 1)]
    zero = np.zeros_like(x)
    along_x = [a * x ** (a - 1) * y**b if a else zero for a, b in powers]
    along_y = [b * x**a * y ** (b - 1) if b else zero for a, b in powers]
    return np.stack(along_x, axis=1), np.stack(along_y, axis=1)


def _follows(lattice: Lattice, quads: Quads, at: Ints) -> bool:
    """Whether every cell lies where the grid puts it, and is as large as the grid's cell there."""
    for start in range(0, len(at), 500_000):
        part = slice(start, start + 500_000)
        where = at[part].astype(np.float64)
        if np.abs(lattice.grid_of(quads.centre[part]) - where).max() > CLOSE:
            return False
        if np.abs(lattice.degrees_of(where) - quads.centre[part]).max() > CLOSE * quads.across:
            return False
        wide, high = (
            lattice.degrees_of(where + half) - lattice.degrees_of(where - half) for half in ([0.5, 0.0], [0.0, 0.5])
        )
        area = np.abs(wide[:, 0] * high[:, 1] - wide[:, 1] * high[:, 0])
        if np.abs(area / quads.area[part] - 1).max() > AREA_TOLERANCE:
            return False
    return True


def _frame(xy: Floats) -> tuple[float, float, float, float]:
    low, high = xy.min(axis=0), xy.max(axis=0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    return float(middle[0]), float(middle[1]), float(half[0]), float(half[1])


def _normal(xy: Floats, frame: tuple[float, float, float, float]) -> tuple[Floats, Floats]:
    return (xy[:, 0] - frame[0]) / frame[2], (xy[:, 1] - frame[1]) / frame[3]

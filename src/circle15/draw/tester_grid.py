"""Grids of the site tester: column, row and a series that gives every corner to 0.01 mm.

A grid of numbers says itself where it stands; one that came as polygons is found again in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.polynomial import chebyshev

from circle15.draw.grid_cells import lattice_of, stripes, window_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.draw.grid_cells import Window
    from circle15.project.lattice import Lattice
    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells

    Bools = NDArray[np.bool_]

CORNER_DEG = 1e-10
_MOST_DEGREE = 12
_SAMPLE = 20_000
_CORNERS = 5
_AT_ONCE = 200_000
_MESH = 61


@dataclass(frozen=True)
class Grid:
    """A grid of `cols` by `rows` cells; corners by Chebyshev series (degree + 1)² in column and row, rows run north.

    `col` and `row` are those of the cells that it was found in.
    """

    cols: int
    rows: int
    degree: int
    lon: Floats
    lat: Floats
    col: Ints
    row: Ints

    def corners(self, col: Floats, row: Floats) -> Floats:
        """Degrees (n, 2) of corners; halves are middles of cells."""
        return _evaluate(np.column_stack([col, row]), (self.cols, self.rows), self.degree, (self.lon, self.lat))


def read_grid(cells: GridCells, window: BaseGeometry) -> tuple[Grid, Floats, Bools] | None:
    """The part of a grid about a piece of ground; residents of its populated cells; which cells (rows, cols) have data.

    None where no series gives its corners.
    """
    about = window_about(cells, window)
    if about is None:
        return None
    at, degrees, turned = _mesh(lattice_of(cells), about)
    fitted = _series(at, degrees, (about.cols, about.rows))
    if fitted is None:
        return None
    known = np.zeros((about.rows, about.cols), dtype=bool)
    places, residents = [np.empty((2, 0), dtype=np.int64)], [np.empty(0)]
    for part in stripes(cells, window, about):
        top = part.top - about.top
        known[top : top + len(part.known)] = part.known
        places.append(np.stack([part.col - about.left, part.row - about.top]))
        residents.append(part.residents)
    col, row = np.concatenate(places, axis=1)
    if turned:
        row, known = about.rows - 1 - row, known[::-1]
    return Grid(about.cols, about.rows, *fitted, col, row), np.concatenate(residents), known


def _mesh(lattice: Lattice, about: Window) -> tuple[Floats, Floats, bool]:
    """Columns and rows (m, 2) all over a window, and degrees (m, 2); rows are turned about where they run south."""
    col, row = (v.ravel() for v in np.meshgrid(*(np.linspace(0.0, n, _MESH) for n in (about.cols, about.rows))))
    degrees = np.column_stack(lattice.degrees(about.left + col, about.top + row))
    east, south = degrees[1] - degrees[0], degrees[_MESH] - degrees[0]
    turned = bool(east[0] * south[1] - east[1] * south[0] < 0)
    return np.column_stack([col, about.rows - row if turned else row]), degrees, turned


def find_grid(cells: NDArray[np.object_], *, window: BaseGeometry) -> Grid | None:
    """The grid that cells (n,) in degrees stand on, wide enough for `window`; None where they stand on none."""
    corners = _quads(cells)
    if corners is None:
        return None
    found = _numbered(corners)
    if found is None:
        return None
    place, inverse = found
    west, south, east, north = window.bounds
    t = np.linspace(0.0, 1.0, 9)
    rim = np.concatenate(
        [np.column_stack([west + t * (east - west), np.full(9, y)]) for y in (south, north)]
        + [np.column_stack([np.full(9, x), south + t * (north - south)]) for x in (west, east)]
    )
    around = inverse(rim)
    low = np.floor(np.minimum(around.min(axis=0), place.min(axis=0))).astype(np.int64) - 1
    high = np.ceil(np.maximum(around.max(axis=0), place.max(axis=0) + 1)).astype(np.int64) + 1
    shape = high - low
    at = (place - low)[:, None, :] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    fitted = _series(at.reshape(-1, 2).astype(float), corners.reshape(-1, 2), (int(shape[0]), int(shape[1])))
    if fitted is None:
        return None
    degree, lon, lat = fitted
    col, row = (place - low).T
    if len(np.unique(row * shape[0] + col)) < len(col):
        return None
    return Grid(int(shape[0]), int(shape[1]), degree, lon, lat, col, row)


def _quads(cells: NDArray[np.object_]) -> Floats | None:
    """Corners (n, 4, 2) counter-clockwise from the south-west; None where a cell is no quadrilateral."""
    plain = shapely.get_type_id(cells) == shapely.GeometryType.POLYGON
    if not len(cells) or not plain.all() or (shapely.get_num_coordinates(cells) != _CORNERS).any():
        return None
    corners = shapely.get_coordinates(shapely.orient_polygons(cells)).reshape(-1, _CORNERS, 2)[:, :4]
    if not len(corners):
        return None
    first = (corners - corners.mean(axis=1, keepdims=True)).sum(axis=2).argmin(axis=1)
    order = (first[:, None] + np.arange(4)) % 4
    return np.take_along_axis(corners, order[:, :, None], axis=1)


def _numbered(corners: Floats) -> tuple[Ints, Callable[[Floats], Floats]] | None:
    """Column and row (n, 2) of each cell about a middle one, and the map from degrees to them; None without a grid."""
    middles = corners.mean(axis=1)
    seed = int(np.abs(middles - np.median(middles, axis=0)).sum(axis=1).argmin())
    steps = np.column_stack([corners[seed, 1] - corners[seed, 0], corners[seed, 3] - corners[seed, 0]])
    if abs(np.linalg.det(steps)) == 0:
        return None
    origin, back = middles[seed], np.linalg.inv(steps)

    def flat(points: Floats) -> Floats:
        return np.asarray((points - origin) @ back.T, dtype=float)

    rough = flat(middles)
    size = float(np.abs(rough).max(initial=1.0)) + 1.0
    guess, reach, weights, degree = rough, 8.0, None, 1
    while True:
        near = np.flatnonzero(np.abs(rough).max(axis=1) <= reach)
        whole = np.rint(guess[near])
        if np.abs(guess[near] - whole).max(initial=0.0) > 0.3:  # noqa: PLR2004 - cells would be taken for others
            return None
        degree = min(6, 1 + int(np.log2(len(near) + 1)) // 4)
        use = near[:: max(1, len(near) // _SAMPLE)]
        weights, *_ = np.linalg.lstsq(_powers(rough[use] / size, degree), np.rint(guess[use]), rcond=None)
        guess = _powers(rough / size, degree) @ weights
        if reach >= size:
            break
        reach *= 2.0
    place = np.rint(guess)
    if np.abs(guess - place).max(initial=0.0) > 0.1:  # noqa: PLR2004 - a tenth of a cell: no grid
        return None

    def inverse(points: Floats) -> Floats:
        return np.asarray(_powers(flat(points) / size, degree) @ weights + 0.5)

    return place.astype(np.int64), inverse


def _powers(xy: Floats, degree: int) -> Floats:
    return np.column_stack([xy[:, 0] ** p * xy[:, 1] ** q for p in range(degree + 1) for q in range(degree + 1 - p)])


def _series(at: Floats, degrees: Floats, shape: tuple[int, int]) -> tuple[int, Floats, Floats] | None:
    """The lowest series that gives every corner to CORNER_DEG."""
    use = slice(None, None, max(1, len(at) // _SAMPLE))
    for degree in range(1, _MOST_DEGREE + 1):
        if (degree + 1) ** 2 > len(at[use]):
            return None
        matrix = _matrix(at[use], shape, degree)
        series, *_ = np.linalg.lstsq(matrix, degrees[use] - degrees[0], rcond=None)
        series[0] += degrees[0]
        lon, lat = np.ascontiguousarray(series[:, 0]), np.ascontiguousarray(series[:, 1])
        if np.abs(_evaluate(at[use], shape, degree, (lon, lat)) - degrees[use]).max() > CORNER_DEG:
            continue
        if np.abs(_evaluate(at, shape, degree, (lon, lat)) - degrees).max() <= CORNER_DEG:
            return degree, lon, lat
    return None


def _matrix(at: Floats, shape: tuple[int, int], degree: int) -> Floats:
    u, v = (2.0 * at[:, k] / shape[k] - 1.0 for k in (0, 1))
    return np.asarray(chebyshev.chebvander2d(u, v, [degree, degree]))


def _evaluate(at: Floats, shape: tuple[int, int], degree: int, series: tuple[Floats, Floats]) -> Floats:
    both = np.column_stack(series)
    runs = [_matrix(at[i : i + _AT_ONCE], shape, degree) @ both for i in range(0, len(at), _AT_ONCE)]
    return np.concatenate(runs) if runs else np.empty((0, 2))

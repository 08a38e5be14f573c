"""One pass over a block of a population grid 格网一遍算清: coverage, depth, circles and ground, all at once.

Cities and nations go this way; `cells`, `coverage` and `circles` say the same of any geometries, more slowly, and are
its twins in the tests. No halo of cells is read: the centres of all circles that reach the block are known, and what a
circle holds is the sum over the blocks that it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from circle15.measure.cells import frame_xy
from circle15.measure.grid_kernels import deepen
from circle15.measure.stamp_kernels import stamp
from circle15.project.lattice import Lattice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from circle15.quantities import Floats, Ints
    from circle15.schema import GridCells

DEPTHS = 3
"""Depth of cover is told as 0, 1, 2 and this many or more."""
_SPARE = 1.05
_COARSE = 32
_AREA_DEGREE = 8
_FAR = 2.0**30  # rows; what lies farther off, or nowhere, reaches no block


@dataclass(frozen=True)
class Centres:
    """Institutions (n): longitudes and latitudes, and where they lie on the grid; NaN is nowhere.

    `order` (k,) are those whose circles are meant, by their rows, and `at` the whole part of these rows.
    """

    lon: Floats
    lat: Floats
    column: Floats
    row: Floats
    order: NDArray[np.int32]
    at: NDArray[np.int32]

    def of(self, which: NDArray[np.bool_]) -> Centres:
        """Only some (n,) of them, counted as before."""
        some = which[self.order]
        return replace(self, order=self.order[some], at=self.at[some])

    def within(self, rows: tuple[float, float], columns: tuple[float, float]) -> Ints:
        """Positions, rising, of those that lie about between rows and between columns."""
        first = np.searchsorted(self.at, np.int32(np.floor(rows[0])))
        last = np.searchsorted(self.at, np.int32(np.ceil(rows[1])), side="right")
        some = self.order[first:last]
        column = self.column[some]
        return np.sort(some[(column > columns[0]) & (column < columns[1])]).astype(np.int64)


def centres_on(lon: Floats, lat: Floats, lattice: Lattice) -> Centres:
    """Points (n,) on a grid."""
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    column, row = lattice.grid_xy(lon, lat)
    order = np.argsort(row)
    order = order[np.abs(row[order]) < _FAR]
    return Centres(lon, lat, column, row, np.asarray(order, np.int32), np.asarray(np.floor(row[order]), np.int32))


@dataclass(frozen=True)
class Cover:
    """What the circles of one service do to a block.

    Parameters
    ----------
    base
        (rows, columns) circles over the whole cell, up to DEPTHS.
    slot, cells, shares
        As from `grid_kernels.deepen`.
    start, found
        Circles (positions in the service's centres) that cut each of `cells`.
    disc, residents, ground_m2
        Circles that reach the block, with what they hold of it.
    """

    base: NDArray[np.uint8]
    slot: NDArray[np.int32]
    cells: NDArray[np.int32]
    shares: Floats
    start: Ints
    found: Ints
    disc: Ints
    residents: Floats
    ground_m2: Floats


@dataclass(frozen=True)
class Block:
    """A block of cells, ready to be measured.

    Parameters
    ----------
    values
        (rows, columns) residents; NaN is no ground.
    lattice
        Of the whole grid.
    row, column
        Corner of the block in it.
    """

    values: Floats
    lattice: Lattice
    row: int = 0
    column: int = 0
    _local: Lattice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.ascontiguousarray(self.values, dtype=np.float64))
        object.__setattr__(self, "_local", self.lattice.moved(self.row, self.column))

    @cached_property
    def corners(self) -> tuple[Floats, Floats]:
        """Longitudes and latitudes (rows + 1, columns + 1)."""
        lon, lat = self._local.corners(*self.values.shape)
        return _viewed(lon), _viewed(lat)

    def filled(self, values: Floats) -> Block:
        """The same cells with other residents; corners are not reckoned, nor kept, once more."""
        other = Block(values, self.lattice, self.row, self.column)
        other.__dict__["corners"] = self.corners
        return other

    def corner(self, row: Ints, column: Ints, number: int) -> tuple[Floats, Floats]:
        """Longitudes and latitudes (k,) of a corner of cells; 0 to 3 go around, 4 is 0 again."""
        down, right = ((0, 0), (0, 1), (1, 1), (1, 0))[number % 4]
        lon, lat = self.corners
        return lon[row + down, column + right], lat[row + down, column + right]

    def bounds(self, row: Ints, column: Ints) -> Floats:
        """West, south, east and north (k, 4) of cells, degrees."""
        lon, lat = zip(*(self.corner(row, column, k) for k in range(4)), strict=True)
        low, high = np.minimum.reduce, np.maximum.reduce
        return np.column_stack([low(lon), low(lat), high(lon), high(lat)])

    @property
    def origin(self) -> tuple[float, float]:
        """Column and row of the corner."""
        return float(self.column), float(self.row)

    @cached_property
    def unknown(self) -> bool:
        """Whether any cell has no data."""
        return bool(np.isnan(self.values).any())

    @cached_property
    def change(self) -> Floats:
        """By how much of itself a cell's width grows down each row (rows,)."""
        if not self.lattice.straight:
            return np.zeros(len(self.values))
        lat = np.asarray(self.corners[1][:, 0])
        width = np.cos(np.radians(lat))
        return np.asarray((width[1:] - width[:-1]) / (0.5 * (width[1:] + width[:-1])))

    @cached_property
    def areas_m2(self) -> Floats:
        """Areas (rows, columns) of the cells, by a series through some of them (to 1e-9 of themselves)."""
        rows, columns = self.values.shape
        nodes = [np.cos(np.pi * (np.arange(_AREA_DEGREE + 1) + 0.5) / (_AREA_DEGREE + 1)) for _ in range(2)]
        at = [((node + 1) / 2 * (n - 1)) for node, n in zip(nodes, (rows, columns), strict=True)]
        r, c = (v.ravel() for v in np.meshgrid(*at, indexing="ij"))
        corner = [self._local.degrees(c + dc, r + dr) for dr, dc in ((1, 0), (1, 1), (0, 1), (0, 0))]
        lon0, lat0 = (np.mean([p[k] for p in corner], axis=0) for k in (0, 1))
        xy = [frame_xy(x, y, lon0, lat0) for x, y in corner]
        twice = sum(xy[k - 1][0] * xy[k][1] - xy[k][0] * xy[k - 1][1] for k in range(4))
        area = np.abs(np.asarray(twice) / 2).reshape(len(at[0]), len(at[1]))
        turn = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes[0], _AREA_DEGREE))
        down, across = (
            np.polynomial.chebyshev.chebvander(np.arange(n) * 2.0 / max(n - 1, 1) - 1, _AREA_DEGREE)
            for n in (rows, columns)
        )
        return np.asarray(down @ (turn @ area @ turn.T) @ across.T)

    @cached_property
    def cell_areas_m2(self) -> Floats:
        """Areas (rows, columns) as the kernels take them; of a straight grid one number a row."""
        if not self.lattice.straight:
            return _viewed(self.areas_m2)
        lon, lat = (np.asarray(v) for v in self.corners)
        x, y = lon[0, :2], lat[:, 0]
        middle = (x.sum() / 2, (y[1:] + y[:-1]) / 2)
        upper, lower = (frame_xy(x[1], at, *middle) for at in (y[:-1], y[1:]))
        area = np.abs((upper[0] + lower[0]) * (upper[1] - lower[1]))
        return np.broadcast_to(area[:, None], self.values.shape)

    def reach(self, radius_m: float, *, spare: int) -> tuple[float, float]:
        """How many columns and rows a circle may reach, with `spare` cells more."""
        rows, columns = self.values.shape
        lon, lat = self.corners
        r, c = np.array([0, 0, rows - 1, rows - 1]), np.array([0, columns - 1, 0, columns - 1])
        wide = np.hypot(*frame_xy(lon[r, c + 1], lat[r, c + 1], lon[r, c], lat[r, c])).min()
        high = np.hypot(*frame_xy(lon[r + 1, c], lat[r + 1, c], lon[r, c], lat[r, c])).min()
        x, y = radius_m * _SPARE / wide + spare, radius_m * _SPARE / high + spare
        # cells of a slanted grid may be nearer across than along
        return (x, y) if self.lattice.straight else (x * 1.5, y * 1.5)

    def reached_by(self, centres: Centres, radius_m: float) -> Ints:
        """Circles (positions) that may reach the block; some that do not are among them."""
        rows, columns = self.values.shape
        x, y = self.reach(radius_m, spare=2)
        return centres.within((self.row - y, self.row + rows + y), (self.column - x, self.column + columns + x))

    def cover(self, centres: Centres, *, radius_m: float, depths: int = DEPTHS, ground: bool = True) -> Cover:
        """Lay the circles of one service on the block; without `ground` their land is not measured (0)."""
        disc = self.reached_by(centres, radius_m)
        lon, lat = centres.lon[disc], centres.lat[disc]
        column, row = centres.column[disc] - self.column, centres.row[disc] - self.row
        base = np.zeros(self.values.shape, dtype=np.uint8)
        whole = self._on_known_ground(column, row, radius_m) if ground else np.ones(len(disc), dtype=bool)
        sums, parts = np.zeros((len(disc), 2)), []
        for some, land in ((whole, False), (~whole, True)):
            at = np.flatnonzero(some)
            if not len(at):
                continue
            sums[at], (cell, of, share) = stamp(
                self.values,
                self.corners,
                (lon[at], lat[at], column[at], row[at]),
                radius_m=radius_m,
                depths=depths,
                straight=self.lattice.straight,
                ground=land,
                base=base,
            )
            parts.append((cell, at[of].astype(np.int32), share))
        if ground:
            sums[whole, 1] = np.pi * radius_m**2
        slot, cells, shares, start, found = deepen(
            self.corners, (lon, lat), _joined(parts), radius_m=radius_m, depths=depths, base=base
        )
        return Cover(base, slot, cells, shares, start, disc[found], disc, sums[:, 0], sums[:, 1])

    def _on_known_ground(self, column: Floats, row: Floats, radius_m: float) -> NDArray[np.bool_]:
        """Circles that lie in the block with all they hold, and hold no cell without data."""
        rows, columns = self.values.shape
        x, y = self.reach(radius_m, spare=1)
        inside = (column - x >= 0) & (column + x <= columns) & (row - y >= 0) & (row + y <= rows)
        if not self.unknown:
            return np.asarray(inside)
        bad = np.pad(np.isnan(self.values), [(0, -n % _COARSE) for n in (rows, columns)])
        coarse = bad.reshape(bad.shape[0] // _COARSE, _COARSE, -1, _COARSE).any(axis=(1, 3))
        total = np.pad(coarse.cumsum(axis=0).cumsum(axis=1), [(1, 0), (1, 0)])
        left, top = ((v[inside] // _COARSE).astype(int) for v in (column - x, row - y))
        right, low = (
            np.minimum((v[inside] // _COARSE).astype(int) + 1, n)
            for v, n in ((column + x, coarse.shape[1]), (row + y, coarse.shape[0]))
        )
        inside[inside] = total[low, right] - total[top, right] - total[low, left] + total[top, left] == 0
        return np.asarray(inside)


def _viewed(values: Floats) -> Floats:
    """The same numbers in the one memory layout for which the kernels are compiled: strided, not to be written."""
    if not values.flags.c_contiguous:
        return values
    rows, columns = values.shape
    view = np.empty((rows, columns + 1))[:, :columns]
    view[:] = values
    view.flags.writeable = False
    return view


def _joined(parts: Sequence[tuple[Any, Any, Floats]]) -> tuple[Any, Any, Floats]:
    if not parts:
        return np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0)
    cell, disc, share = (np.concatenate(v) for v in zip(*parts, strict=True))
    return cell, disc, share


def block_of(grid: GridCells) -> Block:
    """A whole grid in memory as one block."""
    return Block(grid.values[:, :], Lattice(grid.transform, grid.system))


def circles_on(grid: GridCells, lon: Floats, lat: Floats, *, radius_m: float) -> tuple[Floats, Floats]:
    """Residents and m² of ground (n,) of a grid within `radius_m` of points in degrees (bound included); 0 at NaN."""
    block = block_of(grid)
    cover = block.cover(centres_on(lon, lat, block.lattice), radius_m=radius_m, depths=0)
    residents, ground_m2 = np.zeros(len(lon)), np.zeros(len(lon))
    residents[cover.disc], ground_m2[cover.disc] = cover.residents, cover.ground_m2
    return residents, ground_m2

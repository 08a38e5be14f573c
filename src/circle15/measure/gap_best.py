"""The best site of a wide gap 空白候选点: that cell of a patch about which a new circle gains most.

A city's gaps (`gap_patches`) measure the gain of every cell; a patch of the nation has half a million. Here cells come
in the order of a bound on their gain, and the search ends where no bound reaches what was found: the same cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circle15.measure.gap_grid import CellsOnGrid, middles
from circle15.measure.grid import Block

if TYPE_CHECKING:
    from circle15.measure.grid import Centres
    from circle15.quantities import Floats, Ints

_FIRST, _MOST = 32, 4096  # candidates measured at once: few at first, as the best come first
_AT_ONCE = 1 << 16  # cells that are put in order at once
_SIDE = 32  # rows and columns of cells that are measured together
_DECIMALS = 6
_SLACK = 2e-6


class Best(NamedTuple):
    """A site and how many residents it would newly cover; the least is the best: ties go west, then south."""

    lost: float
    lon: float
    lat: float
    gain: float


def best_site(
    block: Block, share: Floats, members: Ints, centres: Centres, *, radius_m: float, found: Best | None = None
) -> Best | None:
    """The member of a patch whose circle gains most, or what was `found` before where none gains more.

    Parameters
    ----------
    block
        Cells, as far about the members as circles reach.
    share
        (rows, columns) uncovered share of the cells that count as gap, 0 of all others.
    members
        (k,) cells of the patch, as numbers row · columns + column in the block.
    """
    sums = np.zeros((share.shape[0] + 1, share.shape[1] + 1))
    np.multiply(block.values, share, out=sums[1:, 1:], where=share > 0)
    for axis in (0, 1):
        np.cumsum(sums, axis=axis, out=sums)
    search = _Search(block, share, centres, radius_m, sums)
    for part in np.split(members, range(_AT_ONCE, len(members), _AT_ONCE)):
        found = search.better(np.divmod(part, share.shape[1]), found)
    return found


@dataclass(frozen=True)
class _Search:
    """A block as of `best_site`; `sums` (rows + 1, columns + 1) counts who lacks cover above and left of corners."""

    block: Block
    share: Floats
    centres: Centres
    radius_m: float
    sums: Floats

    def better(self, at: tuple[Ints, Ints], found: Best | None) -> Best | None:
        """The best of some cells (rows and columns), or what was found before."""
        row, column = at
        across, down = (int(v) for v in self.block.reach(self.radius_m, spare=1))
        most = _within(self.sums, (row - down, row + down + 1), (column - across, column + across + 1))
        order = np.argsort(-most, kind="stable")
        first, many = 0, _FIRST
        while first < len(order) and (found is None or most[order[first]] > found.gain - _SLACK):
            some = order[first : first + many]
            if found is not None:
                some = some[self._bounds((row[some], column[some])) > found.gain - _SLACK]
            square = row[some] // _SIDE * self.share.shape[1] + column[some] // _SIDE
            for one in np.unique(square):
                which = some[square == one]
                told = self._measured((row[which], column[which]))
                found = min(told if found is None else [found, *told])
            first, many = first + many, min(2 * many, _MOST)
        return found

    def _measured(self, at: tuple[Ints, Ints]) -> list[Best]:
        """What circles about some cells that stand close together gain."""
        block, centres = self.block, self.centres
        across, down = (int(np.ceil(v)) for v in block.reach(self.radius_m, spare=2))
        reach = zip(at, (down, across), strict=True)
        (top, low), (left, right) = ((max(v.min() - n, 0), v.max() + n + 1) for v, n in reach)
        near = Block(block.values[top:low, left:right], block.lattice, block.row + top, block.column + left)
        bare = self.share[top:low, left:right]
        row, column = np.nonzero(bare)
        people, columns = near.values[row, column], near.column + bare.shape[1]
        cells = CellsOnGrid(row + near.row, column + near.column, people, near.lattice, columns, lambda: [near])
        old = near.reached_by(centres, self.radius_m)
        lon, lat = middles(block, *at)
        standing = centres.lon[old], centres.lat[old]
        gains = cells.gains(bare[row, column], (lon, lat), standing, radius_m=self.radius_m)
        told = zip((-np.round(gains, _DECIMALS)).tolist(), lon.tolist(), lat.tolist(), gains.tolist(), strict=True)
        return [Best(*one) for one in told]

    def _bounds(self, at: tuple[Ints, Ints]) -> Floats:
        """No less than what circles about cells (k,) gain: all in the rows that they may reach."""
        row, column = at
        x, y = self.block.reach(self.radius_m, spare=1)
        out = np.zeros(len(row))
        for down in range(-int(y), int(y) + 1):
            # a slanted grid's circles are no upright ellipses
            wide = np.sqrt(1 - max((abs(down) - 1) / y, 0.0) ** 2) if self.block.lattice.straight else 1.0
            half = int(x * wide + 1)
            out += _within(self.sums, (row + down, row + down + 1), (column - half, column + half + 1))
        return out


def _within(sums: Floats, rows: tuple[Ints, Ints], columns: tuple[Ints, Ints]) -> Floats:
    """What rectangles (k,) of cells hold, from `rows` to before, as far as the block goes."""
    (top, low), (left, right) = (
        [np.clip(v, 0, n - 1) for v in ends] for ends, n in zip((rows, columns), sums.shape, strict=True)
    )
    return np.asarray(sums[low, right] - sums[top, right] - sums[low, left] + sums[top, left])

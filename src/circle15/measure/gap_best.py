"""The best site of a wide gap 空白候选点: that cell of a patch about which a new circle gains most.

A city's gaps (`gap_patches`) measure the gain of every cell; a patch of the nation has half a million. Here cells come
in the order of a bound on their gain, and the search ends where no bound reaches what was found: the same cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circle15.measure.gap_grid import CellsOnGrid, middles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.measure.gap_ground import Points
    from circle15.measure.grid import Block, Centres
    from circle15.quantities import Floats, Ints

_FIRST, _MOST = 32, 4096  # candidates measured at once: few at first, as the best come first
_DECIMALS = 6
_SLACK = 2e-6


class Best(NamedTuple):
    """A site and how many residents it would newly cover; the least is the best: ties go west, then south."""

    lost: float
    lon: float
    lat: float
    gain: float


def best_site(
    block: Block, bare: NDArray[np.bool_], share: Floats, members: Ints, centres: Centres, *, radius_m: float,
    found: Best | None = None,
) -> Best | None:  # fmt: skip
    """The member of a patch whose circle gains most, or what was `found` before where none gains more.

    Parameters
    ----------
    block
        Cells, as far about the members as circles reach.
    bare, share
        (rows, columns) cells that count as gap, and the uncovered share (m,) of each of these, in order of rows.
    members
        (k,) cells of the patch, as numbers row · columns + column in the block.
    """
    columns = block.values.shape[1]
    cell = np.flatnonzero(bare)
    people = block.values.ravel()[cell]
    row, column = np.divmod(cell, columns)
    cells = CellsOnGrid(
        row + block.row, column + block.column, people, block.lattice, block.column + columns, lambda: [block]
    )
    uncovered = np.zeros(bare.shape)
    uncovered.ravel()[cell] = people * share
    most = _bounds(block, uncovered, members, radius_m)
    order = np.argsort(-most, kind="stable")
    old = block.reached_by(centres, radius_m)
    first, many = 0, _FIRST
    while first < len(order) and (found is None or most[order[first]] > found.gain - _SLACK):
        some = members[np.sort(order[first : first + many])]
        at = middles(block, *np.divmod(some, columns))
        near = _about(block, some, radius_m).ravel()[cell].nonzero()[0]
        gains = cells.take(near).gains(share[near], at, (centres.lon[old], centres.lat[old]), radius_m=radius_m)
        found = min([*([] if found is None else [found]), *_ranked(at, gains)])
        first, many = first + many, min(2 * many, _MOST)
    return found


def _ranked(at: Points, gains: Floats) -> list[Best]:
    lost = -np.round(gains, _DECIMALS)
    return [Best(*told) for told in zip(lost.tolist(), at[0].tolist(), at[1].tolist(), gains.tolist(), strict=True)]


def _bounds(block: Block, people: Floats, cells: Ints, radius_m: float) -> Floats:
    """No less than the people (rows, columns) whom circles about cells (k,) hold, row by row of what they may reach."""
    rows, columns = people.shape
    x, y = block.reach(radius_m, spare=1)
    sums = np.zeros((rows, columns + 1))
    np.cumsum(people, axis=1, out=sums[:, 1:])
    row, column = np.divmod(cells, columns)
    out = np.zeros(len(cells))
    for down in range(-int(y), int(y) + 1):
        # a slanted grid's circles are no upright ellipses
        half = x * np.sqrt(1 - max((abs(down) - 1) / y, 0.0) ** 2) + 1 if block.lattice.straight else x
        at = np.flatnonzero((row + down >= 0) & (row + down < rows))
        left = np.maximum(column[at] - int(half), 0)
        right = np.minimum(column[at] + int(half) + 1, columns)
        out[at] += sums[row[at] + down, right] - sums[row[at] + down, left]
    return out


def _about(block: Block, cells: Ints, radius_m: float) -> NDArray[np.bool_]:
    """Cells (rows, columns) that circles about some of them may reach; some farther ones are among them."""
    rows, columns = block.values.shape
    x, y = (int(np.ceil(v)) for v in block.reach(radius_m, spare=2))
    row, column = np.divmod(cells, columns)
    edges = np.zeros((rows + 1, columns + 1), dtype=np.int32)
    top, low = np.maximum(row - y, 0), np.minimum(row + y + 1, rows)
    left, right = np.maximum(column - x, 0), np.minimum(column + x + 1, columns)
    for r, c, sign in ((top, left, 1), (low, right, 1), (top, right, -1), (low, left, -1)):
        np.add.at(edges, (r, c), sign)
    return np.asarray(edges.cumsum(axis=0).cumsum(axis=1)[:rows, :columns] > 0)

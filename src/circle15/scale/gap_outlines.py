"""Outlines of the largest gaps and their best sites 空白范围与候选点: blocks that they touch are looked at once more.

A patch of the nation may hold half a million cells; outlines of all of them would be larger than everything else that a
run writes. In a block the cells of a patch are known by one of them, its seat there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely
from affine import Affine
from rasterio.features import shapes

from circle15.measure.gap_best import best_site
from circle15.measure.gap_grid import open_shares
from circle15.measure.gap_kernels import LEAST_SHARE
from circle15.measure.grid import Block
from circle15.measure.grid_ground import reach_between
from circle15.measure.grid_kernels import clean
from circle15.measure.grid_places import hold_centres
from circle15.read.raster import read_block
from circle15.scale.block import laid_for_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.measure.gap_best import Best
    from circle15.scale.task import Task

WIDEST = 1 << 25
"""Cells about a patch beyond which it gets no outline: a picture of them would take more memory than the run."""
_TOUCHING = np.ones((3, 3), dtype=np.uint8)  # by an edge or a corner
_STEP = 8.0  # columns or rows: a bent grid's edges are followed this closely


class Looked(NamedTuple):
    """What a second look at a patch tells: its outline in degrees, and the best site in it."""

    outline: BaseGeometry
    best: Best | None


def look_again(task: Task, service: int, seats: NDArray[np.int64]) -> Looked | None:
    """One patch looked at once more; None where the blocks that it touches hold more than WIDEST cells.

    Parameters
    ----------
    service
        Position in the task's services.
    seats
        (k, 2) row and column of one cell of the patch in each of its parts, as `merge.Sums` has them.
    """
    side, window = task.raster.block, task.raster.window
    block = (seats[:, 0] - window.row_off) // side * task.across + (seats[:, 1] - window.col_off) // side
    numbers = np.unique(block)
    top, left, rows, columns = np.array([task.windows[n] for n in numbers]).T
    if ((top + rows).max() - top.min()) * ((left + columns).max() - left.min()) > WIDEST:
        return None
    found, best = [], None
    for n in numbers:
        cells, best = _cells(task, service, int(n), seats[block == n], best)
        found.append(cells)
    cells = np.concatenate(found)
    corner = cells.min(axis=0)
    held = np.zeros(cells.max(axis=0) - corner + 1, dtype=np.uint8)
    held[tuple((cells - corner).T)] = 1
    outline = shapely.transform(
        _outline(held, (int(corner[0]), int(corner[1])), straight=task.lattice.straight),
        lambda xy: np.column_stack(task.lattice.degrees(xy[:, 0], xy[:, 1])),
    )
    return Looked(outline, best)


def _outline(held: NDArray[np.uint8], corner: tuple[int, int], *, straight: bool) -> BaseGeometry:
    """Outline of cells in columns and rows; parts that meet in corners alone stay apart."""
    row, column = corner
    parts = [
        shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:])
        for shape, _ in shapes(held, mask=held.view(bool), transform=Affine.translation(column, row))
    ]
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return shapely.normalize(whole if straight else shapely.segmentize(whole, _STEP))


def _cells(
    task: Task, service: int, number: int, seats: NDArray[np.int64], best: Best | None
) -> tuple[NDArray[np.int32], Best | None]:
    """Row and column (k, 2) of the cells of a block that belong to a patch, and the best site of it so far."""
    from scipy import ndimage  # noqa: PLC0415 - 7 MB that only outlines need

    row, column, rows, columns = task.windows[number]
    block = _wide_block(task, number)
    share = _bare_shares(task, service, block)
    top, left = row - block.row, column - block.column
    bare = share[top : top + rows, left : left + columns] > 0
    label = np.asarray(ndimage.label(bare, _TOUCHING)[0])
    bare &= np.isin(label, label[seats[:, 0] - row, seats[:, 1] - column])
    del label
    cells = np.argwhere(bare).astype(np.int32)
    members = (cells[:, 0] + top) * share.shape[1] + cells[:, 1] + left
    best = best_site(block, share, members, task.centres[service], radius_m=task.radius_m, found=best)
    return cells + np.array([row, column], dtype=np.int32), best


def _wide_block(task: Task, number: int) -> Block:
    """A block with what circles about its cells may reach beyond it."""
    row, column, rows, columns = task.windows[number]
    across, down = reach_between(task.lattice, (row, row + rows), (column, column + columns), task.radius_m)
    window, x, y = task.raster.window, int(across), int(down)
    top, left = max(row - y, window.row_off), max(column - x, window.col_off)
    low = min(row + rows + y, window.row_off + window.height)
    right = min(column + columns + x, window.col_off + window.width)
    values, nodata = read_block(task.raster, (top, left, low - top, right - left))
    block = Block(values, task.lattice, top, left)
    clean(block.values, nodata=nodata)
    return block


def _bare_shares(task: Task, service: int, block: Block) -> NDArray[np.float64]:
    """Uncovered share (rows, columns) of cells that count as gap, as `gap_kernels.patches` has them; 0 of others."""
    laid = laid_for_gaps(task, block)
    cover = block.cover(task.centres[service], radius_m=task.radius_m, depths=1, ground=False)
    bare = block.values > 0
    if laid is not None:
        bare &= hold_centres(block, task.outlines, laid, [cover]) >= 0
    cell = np.flatnonzero(bare)
    share = open_shares(cover, cell)
    out = np.zeros(bare.shape)
    share[share <= LEAST_SHARE] = 0.0
    out.ravel()[cell] = share
    return out

"""Outlines of the largest gaps 空白范围: only the blocks that such a patch touches are looked at once more.

A patch of the nation may hold half a million cells; outlines of all of them would be larger than everything else that a
run writes. In a block the cells of a patch are known by one of them, its seat there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from rasterio.features import shapes

from circle15.measure.gap_grid import open_shares
from circle15.measure.gap_kernels import LEAST_SHARE
from circle15.measure.grid import Block
from circle15.measure.grid_kernels import clean
from circle15.measure.grid_places import hold_centres
from circle15.read.raster import read_block
from circle15.scale.block import laid_for_gaps

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.scale.task import Task

WIDEST = 1 << 25
"""Cells about a patch beyond which it gets no outline: a picture of them would take more memory than the run."""
_TOUCHING = np.ones((3, 3), dtype=np.uint8)  # by an edge or a corner
_STEP = 8.0  # columns or rows: a bent grid's edges are followed this closely


def gap_outline(task: Task, service: int, seats: NDArray[np.int64]) -> BaseGeometry | None:
    """Outline of one patch in degrees; None where the blocks that it touches hold more than WIDEST cells.

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
    cells = np.concatenate([_cells(task, service, int(n), seats[block == n]) for n in numbers])
    corner = cells.min(axis=0)
    held = np.zeros(cells.max(axis=0) - corner + 1, dtype=np.uint8)
    held[tuple((cells - corner).T)] = 1
    return shapely.transform(
        _outline(held, (int(corner[0]), int(corner[1])), straight=task.lattice.straight),
        lambda xy: np.column_stack(task.lattice.degrees(xy[:, 0], xy[:, 1])),
    )


def _outline(held: NDArray[np.uint8], corner: tuple[int, int], *, straight: bool) -> BaseGeometry:
    """Outline of cells in columns and rows; parts that meet in corners alone stay apart."""
    row, column = corner
    parts = [
        shapely.Polygon(shape["coordinates"][0], shape["coordinates"][1:])
        for shape, _ in shapes(held, mask=held.view(bool), transform=Affine.translation(column, row))
    ]
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return shapely.normalize(whole if straight else shapely.segmentize(whole, _STEP))


def _cells(task: Task, service: int, number: int, seats: NDArray[np.int64]) -> NDArray[np.int32]:
    """Row and column (k, 2) of the cells of a block that belong to a patch."""
    from scipy import ndimage  # noqa: PLC0415 - 7 MB that only outlines need

    row, column, _, _ = task.windows[number]
    bare = _bare_cells(task, service, number)
    label = np.asarray(ndimage.label(bare, _TOUCHING)[0])
    belongs = np.isin(label, label[seats[:, 0] - row, seats[:, 1] - column]) & bare
    return np.argwhere(belongs).astype(np.int32) + np.array([row, column], dtype=np.int32)


def _bare_cells(task: Task, service: int, number: int) -> NDArray[np.bool_]:
    """Cells (rows, columns) of a block that count as gap, as `gap_kernels.patches` has them."""
    row, column, _, _ = task.windows[number]
    values, nodata = read_block(task.raster, task.windows[number])
    block = Block(values, task.lattice, row, column)
    clean(block.values, nodata=nodata)
    laid = laid_for_gaps(task, block)
    cover = block.cover(task.centres[service], radius_m=task.radius_m, ground=False)
    bare = block.values > 0
    if laid is not None:
        bare &= hold_centres(block, task.outlines, laid, [cover]) >= 0
    cell = np.flatnonzero(bare)
    bare.ravel()[cell] = open_shares(cover, cell) > LEAST_SHARE
    return np.asarray(bare)

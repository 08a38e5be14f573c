"""Rasters of a run 成果栅格: covered share, depth of cover and density class of every cell, as COG.

A pass of its own over the raster, for those who ask for it: what every cell comes to is far more than what blocks leave
for tables, and need not travel between machines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circle15.measure.grid import DEPTHS, Block, Cover
from circle15.measure.grid_kernels import clean
from circle15.quantities import M2_PER_KM2
from circle15.read.raster import read_block
from circle15.write.cog import NODATA, Layer, cog_windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circle15.policy.cards import PlaceClass
    from circle15.policy.plan import Plan
    from circle15.scale.task import Task

    Small = NDArray[np.uint8]

_PERCENT = 100


def layers_of(task: Task, plan: Plan) -> list[Layer]:
    """What is written: two rasters a service, and one of classes where the plan has any by density."""
    found = []
    for service in task.services:
        share = f"{service}: covered share of the cell, percent"
        depth = f"{service}: circles over the whole cell, {DEPTHS} for {DEPTHS} or more"
        found += [Layer(f"share_{service}", share, "average", {}), Layer(f"depth_{service}", depth, "nearest", {})]
    classes = _classes(plan)
    if classes:
        tags = {f"CLASS_{code}": f"{c.id} {c.title}" for code, c in enumerate(classes, start=1)}
        found.append(Layer("density_class", "density class of the cell, 0 for none", "nearest", tags))
    return found


def write_rasters(
    task: Task, plan: Plan, folder: Path, *, progress: Callable[[str, int, int], None] | None = None
) -> list[Path]:
    """Write the rasters of a run into a folder; cells without data have none."""
    written: list[Path] = []
    window = task.raster.window
    transform = task.lattice.moved(window.row_off, window.col_off).transform
    shape = (int(window.height), int(window.width))
    with cog_windows(
        folder, layers_of(task, plan), shape=shape, transform=transform, system=task.raster.crs, written=written
    ) as rasters:
        for number, (row, column, _, _) in enumerate(task.windows):
            if progress is not None:
                progress("rasters", number, len(task.windows))
            for name, values in _of_block(task, plan, number).items():
                rasters.put(name, row - window.row_off, column - window.col_off, values)
    return written


def _of_block(task: Task, plan: Plan, number: int) -> dict[str, Small]:
    """The windows of one block; none where it holds no data."""
    row, column, _, _ = task.windows[number]
    values, nodata = read_block(task.raster, task.windows[number])
    block = Block(values, task.lattice, row, column)
    _, without, _, _ = clean(block.values, nodata=nodata)
    if without == values.size:
        return {}
    unknown = np.isnan(block.values)
    found: dict[str, Small] = {}
    for service, centres in zip(task.services, task.centres[:-1], strict=True):
        cover = block.cover(centres, radius_m=task.radius_m, ground=False)
        found[f"share_{service}"] = _share(cover)
        found[f"depth_{service}"] = cover.base.copy()
    if _classes(plan):
        found["density_class"] = _class_codes(plan, block)
    for layer in found.values():
        layer[unknown] = NODATA
    return found


def _share(cover: Cover) -> Small:
    share = np.where(cover.base > 0, _PERCENT, 0).astype(np.uint8)
    cut = (cover.slot >= 0) & (cover.base == 0)
    share[cut] = np.rint(cover.shares[cover.slot[cut], 0] * _PERCENT).astype(np.uint8)
    return share


def _classes(plan: Plan) -> list[PlaceClass]:
    """Classes that the density of a cell alone decides."""
    return [c for c in plan.density_classes if not c.settings]


def _class_codes(plan: Plan, block: Block) -> Small:
    """Code of the first class of the plan that each cell's density fits; 0 where none does."""
    density = block.values / block.cell_areas_m2 * M2_PER_KM2
    codes = np.zeros(density.shape, dtype=np.uint8)
    for code, one in enumerate(_classes(plan), start=1):
        fits = codes == 0
        if one.min is not None:
            fits &= density >= one.min
        if one.below is not None:
            fits &= density < one.below
        codes[fits] = code
    return codes

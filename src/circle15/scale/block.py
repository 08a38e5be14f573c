"""One block of the raster, from reading to the numbers that it leaves 单块测算.

A result holds only what the block touches, as plain arrays; results add up to the whole in the order of the blocks,
whoever measured them and when.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circle15.measure.gap_ground import gap_level
from circle15.measure.gap_kernels import patches
from circle15.measure.grid import DEPTHS, Block, Cover
from circle15.measure.grid_kernels import clean
from circle15.measure.grid_places import Laid, hold_centres, lay_levels, missing_m2, people_in
from circle15.read.raster import read_block
from circle15.schema import PLACE_LEVELS
from circle15.write.files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.scale.task import Task

Result = dict[str, "NDArray[np.float64] | NDArray[np.int64]"]


def measure_block(task: Task, number: int, values: NDArray[np.float64], nodata: float) -> Result:
    """Measure one block.

    Parameters
    ----------
    values, nodata
        As `read.raster.read_block` gives them; `values` is changed.

    Returns
    -------
    told (4,): cells with residents, without data, negative, infinite; disc, residents, ground_m2 (d,): institutions
    whose circles reach the block; place (p,), people (p, services, DEPTHS + 1), missing_m2 (p,): places that touch it;
    and for each service s gap<s> (k, 4), seat<s> (k,), sides<s>: patches as from `gap_kernels.patches`.
    """
    row, column, _, _ = task.windows[number]
    block = Block(values, task.lattice, row, column)
    told = clean(block.values, nodata=nodata)
    populated, without, _, _ = told
    found: Result = {"told": np.array(told, dtype=np.int64)}
    levels = lay_levels(block, task.outlines)
    place = np.unique(np.concatenate([np.empty(0, np.int64), *(laid.places for laid in levels.values())]))
    found["place"] = place
    found["missing_m2"] = missing_m2(block, task.outlines, levels=levels)[place]
    if without == values.size:
        return found
    covers = [block.cover(centres, radius_m=task.radius_m, depths=DEPTHS if n < len(task.services) else 0)
              for n, centres in enumerate(task.centres)]  # fmt: skip
    found["disc"] = np.concatenate([c.disc for c in covers])
    found["residents"] = np.concatenate([c.residents for c in covers])
    found["ground_m2"] = np.concatenate([c.ground_m2 for c in covers])
    if populated == 0:
        return found
    people = people_in(block, task.outlines, covers[:-1], task.centres[:-1], radius_m=task.radius_m, levels=levels)
    found["people"] = people[place]
    return found | _gaps(task, block, covers[:-1], levels)


def laid_for_gaps(task: Task, block: Block) -> Laid | None:
    """Places of the level in which gaps are looked for, laid on the block: districts where there are any, or cities."""
    return lay_levels(block, task.outlines).get(_gap_level(task))


def _gap_level(task: Task) -> int:
    return PLACE_LEVELS.index(gap_level(task.outlines.table))


def _gaps(task: Task, block: Block, covers: list[Cover], levels: dict[int, Laid]) -> Result:
    laid = levels.get(_gap_level(task))
    if laid is None:
        return {}
    holder = hold_centres(block, task.outlines, laid, covers)
    found: Result = {}
    for s, cover in enumerate(covers):
        sums, seat, sides = patches(
            block.values, block.cell_areas_m2, holder, base=cover.base, slot=cover.slot, shares=cover.shares
        )
        # what neither reaches an edge nor holds enough people cannot be a gap
        keep = sums[:, 0] >= task.min_residents
        for side in sides:
            keep[side[side >= 0]] = True
        number = np.append(np.where(keep, np.cumsum(keep) - 1, -1), -1)
        kept = np.flatnonzero(keep)
        found[f"gap{s}"], found[f"seat{s}"] = sums[kept], seat[kept]
        found[f"holder{s}"] = holder.ravel()[seat[kept]].astype(np.int64)
        found[f"sides{s}"] = np.concatenate([number[side] for side in sides]).astype(np.int64)
    return found


def read_and_measure(task: Task, number: int) -> Result:
    """Measure one block from its raster."""
    return measure_block(task, number, *read_block(task.raster, task.windows[number]))


def result_path(folder: Path, number: int) -> Path:
    """Where a block's result stands."""
    return folder / f"{number // 1000:03d}" / f"{number:06d}.npz"


def packed_block(task: Task, number: int) -> bytes:
    """One block's result as the bytes of its file: made where it was measured, whoever writes it need not look in."""
    result = read_and_measure(task, number)
    held = io.BytesIO()
    np.savez(held, **{k: result[k] for k in sorted(result)})  # type: ignore[arg-type]
    return held.getvalue()


def keep_result(path: Path, packed: bytes) -> None:
    """Write a result whole."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(packed)

    write_whole(path, write)


def is_whole(path: Path) -> bool:
    """Whether a result stands there; a file that a full disk or a dying machine left broken is none."""
    try:
        with zipfile.ZipFile(path) as held:
            return "told.npy" in held.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def load_result(path: Path) -> Result:
    """A result as it was kept."""
    with np.load(path) as held:
        return {k: held[k] for k in held.files}

"""One block of the raster, from reading to the numbers that it leaves 单块测算.

A result holds only what the block touches, as plain arrays; results add up to the whole in the order of the blocks,
whoever measured them and when.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circle15.errors import InputError, OutputError, Problem
from circle15.measure.gap_ground import gap_level
from circle15.measure.gap_kernels import patches
from circle15.measure.grid import DEPTHS, Block, Cover
from circle15.measure.grid_kernels import clean, residents_in
from circle15.measure.grid_places import Laid, hold_centres, lay_levels, missing_m2, people_in
from circle15.read.raster import read_block
from circle15.schema import PLACE_LEVELS
from circle15.write.files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.scale.task import Task

Result = dict[str, "NDArray[np.float64] | NDArray[np.int64]"]
_SPARSE = 64  # rows and columns: cells differ little from one to the next


def measure_block(task: Task, number: int, values: NDArray[np.float64], nodata: float) -> Result:
    """Measure one block.

    Parameters
    ----------
    values, nodata
        As `read.raster.read_block` gives them; `values` is changed.

    Returns
    -------
    told (3,): cells with residents, the residents, their ground in m² (by the block's mean cell); disc, residents,
    ground_m2 (d,): institutions whose circles reach the block; place (p,), people (p, services, DEPTHS + 1),
    missing_m2 (p,): places that touch it;
    and for each service s gap<s> (k, 4), seat<s> (k,), sides<s>: patches as from `gap_kernels.patches`.

    Raises
    ------
    InputError
        Negative or infinite residents: how many the block holds, and the first of them.
    """
    row, column, _, _ = task.windows[number]
    block = Block(values, task.lattice, row, column)
    populated, without, negative, infinite = clean(block.values, nodata=nodata)
    if negative or infinite:
        raise InputError(_impossible(task, block))
    cell_m2 = float(block.cell_areas_m2[::_SPARSE, ::_SPARSE].mean()) if populated else 0.0
    found: Result = {"told": np.array([populated, residents_in(block.values), populated * cell_m2])}
    levels = lay_levels(block, task.outlines)
    place = np.unique(np.concatenate([np.empty(0, np.int64), *(laid.places for laid in levels.values())]))
    found["place"] = place
    found["missing_m2"] = missing_m2(block, task.outlines, levels=levels)[place]
    if without == values.size:
        return found
    covers = [
        block.cover(centres, radius_m=task.radius_m, depths=DEPTHS if n < len(task.services) else 0)
        for n, centres in enumerate(task.centres)
    ]
    found["disc"] = np.concatenate([c.disc for c in covers])
    found["residents"] = np.concatenate([c.residents for c in covers])
    found["ground_m2"] = np.concatenate([c.ground_m2 for c in covers])
    if populated == 0:
        return found
    people = people_in(block, task.outlines, covers[:-1], task.centres[:-1], radius_m=task.radius_m, levels=levels)
    found["people"] = people[place]
    return found | _gaps(task, block, covers[:-1], levels)


def _impossible(task: Task, block: Block) -> list[Problem]:
    """What no count of people can be, each kind with its first cell."""
    problems = []
    for message, which in (("scale.negative", block.values < 0), ("scale.infinite", np.isposinf(block.values))):
        if which.any():
            row, column = np.argwhere(which)[0]
            at = np.array([block.column + column + 0.5]), np.array([block.row + row + 0.5])
            lon, lat = (float(v[0]) for v in task.lattice.degrees(*at))
            told = {
                "count": int(which.sum()),
                "value": f"{block.values[row, column]:g}",
                "lon": f"{lon:.6f}",
                "lat": f"{lat:.6f}",
                "line": block.row + int(row) + 1,
                "column": block.column + int(column) + 1,
            }
            problems.append(Problem(message, file=task.raster.path.name, params=told))
    return problems


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
    held.write(_digest(held.getvalue()))  # at the end, where readers of the format look past it
    return held.getvalue()


def _digest(packed: bytes) -> bytes:
    return hashlib.sha256(packed).digest()


def keep_result(path: Path, packed: bytes) -> None:
    """Write a result whole."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(packed)

    write_whole(path, write)


def is_whole(path: Path) -> bool:
    """Whether a result stands there, every byte of it; a file that a power cut left broken is none."""
    return _packed(path) is not None


def load_result(path: Path) -> Result:
    """A result as it was kept; OutputError where it was damaged or removed since."""
    packed = _packed(path)
    if packed is None:
        raise OutputError(Problem("scale.block_lost", file=str(path)))
    with np.load(io.BytesIO(packed)) as held:
        return {k: held[k] for k in held.files}


def _packed(path: Path) -> bytes | None:
    try:
        held = path.read_bytes()
    except OSError:
        return None
    size = hashlib.sha256().digest_size
    packed = held[:-size]
    return packed if _digest(packed) == held[-size:] else None

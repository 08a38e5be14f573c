"""The results of all blocks added together, always in the order of the blocks 汇总: the same bytes every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle15.errors import InputError, Problem
from circle15.measure.grid import DEPTHS
from circle15.quantities import M2_PER_KM2
from circle15.scale.block import Result, load_result, result_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circle15.quantities import Floats, Ints
    from circle15.scale.task import Task

    Sides = tuple[Ints, Ints, Ints, Ints]

_TOP, _BOTTOM, _LEFT, _RIGHT = range(4)
OUTLINED = 10
"""So many gaps of each service are outlined, those with most residents."""
DENSEST_PER_KM2 = 100_000
"""No raster's populated cells hold so many on the whole; the densest districts of the world come to about half."""


@dataclass(frozen=True)
class Sums:
    """What a raster holds.

    Parameters
    ----------
    people
        (places, services, DEPTHS + 1) residents under exactly 0, 1, 2 and at least DEPTHS circles.
    missing_m2
        (places,) ground of the raster without data.
    residents, ground_m2
        (n,) of each institution's circle.
    gaps
        One row a patch and service: service (position), residents, area_m2, cells, holder (place of its fullest cell),
        row and column of that cell; most residents first within a service.
    seats
        For the first OUTLINED patches of each service, by (service, rank from 0): row and column of one cell of each of
        their parts (k, 2), block by block.
    populated
        Cells with residents.
    density_per_km2
        Residents on the ground of these cells.
    """

    people: Floats
    missing_m2: Floats
    residents: Floats
    ground_m2: Floats
    gaps: pd.DataFrame
    seats: dict[tuple[int, int], Ints]
    populated: int
    density_per_km2: float


def add_together(task: Task, folder: Path) -> Sums:
    """Add up the blocks; InputError where the raster holds no residents."""
    people = np.zeros((len(task.places), len(task.services), DEPTHS + 1))
    missing = np.zeros(len(task.places))
    residents, ground = np.zeros(len(task.lon)), np.zeros(len(task.lon))
    told = np.zeros(3)
    patches = [_Patches(task, s) for s in range(len(task.services))]
    for number in range(len(task.windows)):
        found = load_result(result_path(folder, number))
        told += found["told"]
        place = found["place"]
        missing[place] += found["missing_m2"]
        if "people" in found:
            people[place] += found["people"]
        if "disc" in found:
            residents[found["disc"]] += found["residents"]
            ground[found["disc"]] += found["ground_m2"]
        for each in patches:
            each.add(number, found)
    populated, everyone, ground_m2 = told
    if populated == 0:
        raise InputError(Problem("population_none", file=task.raster.path.name))
    seats: dict[tuple[int, int], Ints] = {}
    tables = [pd.DataFrame()]
    for s, each in enumerate(patches):
        table, parts = each.table()
        tables.append(table)
        seats |= {(s, rank): part for rank, part in enumerate(parts)}
    gaps = pd.concat(tables[1:] or tables, ignore_index=True)
    return Sums(people, missing, residents, ground, gaps, seats, int(populated), everyone / ground_m2 * M2_PER_KM2)


def too_dense(task: Task, sums: Sums) -> Iterator[Problem]:
    """Warn where people could not live so densely: the raster may hold densities and not counts (疑为密度)."""
    if sums.density_per_km2 > DENSEST_PER_KM2:
        told = {
            "density": f"{sums.density_per_km2:,.0f}",
            "cells": f"{sums.populated:,}",
            "most": f"{DENSEST_PER_KM2:,}",
        }
        yield Problem("scale.too_dense", file=task.raster.path.name, params=told, severity="warning")


class _Patches:
    """Patches of one service, joined across the edges of blocks."""

    def __init__(self, task: Task, service: int) -> None:
        self._task, self._service = task, service
        self._sums: list[Floats] = []
        self._where: list[Ints] = []
        self._pairs: list[Ints] = []
        self._above: dict[int, Sides] = {}
        self._row: dict[int, Sides] = {}
        self._count = 0

    def add(self, number: int, found: Result) -> None:
        row, column = divmod(number, self._task.across)
        if column == 0:
            self._above, self._row = self._row, {}
        if f"gap{self._service}" not in found:
            return
        r, c, rows, columns = self._task.windows[number]
        seat = found[f"seat{self._service}"].astype(np.int64)
        self._sums.append(found[f"gap{self._service}"].astype(np.float64))
        self._where.append(
            np.column_stack([seat // columns + r, seat % columns + c, found[f"holder{self._service}"]]).astype(np.int64)
        )
        every = found[f"sides{self._service}"].astype(np.int64)
        every = np.where(every >= 0, every + self._count, -1)
        sides = tuple(np.split(every, [columns, 2 * columns, 2 * columns + rows]))
        self._join(row, column, sides)  # type: ignore[arg-type]
        self._row[column] = sides  # type: ignore[assignment]
        self._count += len(seat)

    def _join(self, row: int, column: int, sides: Sides) -> None:
        """Tie patches to those of the blocks to the left and above, corners included."""
        del row
        left, above = self._row.get(column - 1), self._above.get(column)
        if left is not None:
            self._touch(left[_RIGHT], sides[_LEFT])
        if above is not None:
            self._touch(above[_BOTTOM], sides[_TOP])
        for beside, theirs, mine in ((column - 1, -1, 0), (column + 1, 0, -1)):
            corner = self._above.get(beside)
            if corner is not None:
                self._touch(corner[_BOTTOM][[theirs]], sides[_TOP][[mine]])

    def _touch(self, a: Ints, b: Ints) -> None:
        n = len(a)
        for step in (-1, 0, 1):
            i = np.arange(max(0, -step), min(n, n - step))
            both = np.column_stack([a[i], b[i + step]])
            self._pairs.append(np.unique(both[(both >= 0).all(axis=1)], axis=0))

    def table(self) -> tuple[pd.DataFrame, list[Ints]]:
        """The patches, and the seats of all parts of the first OUTLINED."""
        from scipy.sparse import coo_array  # noqa: PLC0415 - 11 MB that blocks do without
        from scipy.sparse.csgraph import connected_components  # noqa: PLC0415 - see above

        sums = np.concatenate([np.empty((0, 4)), *self._sums])
        where = np.concatenate([np.empty((0, 3), np.int64), *self._where])
        a, b = np.concatenate([np.empty((0, 2), np.int64), *self._pairs]).T
        n = len(sums)
        _, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)), directed=False)
        count = int(label.max(initial=-1)) + 1
        residents, area, cells = (np.bincount(label, sums[:, k], minlength=count) for k in range(3))
        fullest = np.lexsort((np.arange(n), -sums[:, 3], label))
        _, first = np.unique(label[fullest], return_index=True)
        seat = where[fullest[first]] if count else where
        table = pd.DataFrame(
            {
                "service": self._service,
                "residents": residents,
                "area_m2": area,
                "cells": cells.astype(np.int64),
                "holder": seat[:, 2],
                "row": seat[:, 0],
                "column": seat[:, 1],
            }
        )
        table = table[table["residents"] >= self._task.min_residents]
        order = np.lexsort((table["row"], table["column"], -np.round(table["residents"], 6)))
        table = table.iloc[order]
        seats = [where[label == patch, :2] for patch in table.index[:OUTLINED]]
        return table.reset_index(drop=True), seats

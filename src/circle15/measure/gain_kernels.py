"""What new circles on a grid would add 新增覆盖: arrays in, arrays out, compiled.

Whole cells are added up; a cell that both the new circle and old ones cut is measured under all of them together.
"""

from __future__ import annotations

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.measure.grid_kernels import _picture, _reached
from circle15.measure.kernels import Floats, Ints, _depth_cell
from circle15.measure.quad_kernels import (
    _DEG,
    _frame,
    _middle,
    _parallel,
    _quad,
    _series,
    _share,
    _turned,
)  # fmt: skip


@inner
def _newly(
    lattice: tuple[Floats, Floats],
    cell: tuple[int, int],
    at: tuple[float, float],
    under: np.ndarray,
    old: tuple[Floats, Floats],
    radius: float,
    bare: float,
) -> float:
    """Share of a cell that a circle about `at` covers and those of `old` that cut it (`under`) do not."""
    quad, rings = np.empty((4, 2)), np.array([0, 4])
    middle = _middle(lattice[0], lattice[1], cell[0], cell[1])
    series = _series(middle[1])
    area, _ = _quad(series, middle[1], lattice, cell, quad)
    discs = np.empty((len(under) + 1, 3))
    for i in range(len(under)):
        discs[i, 0], discs[i, 1] = _frame(series, middle[1], (old[0][under[i]], old[1][under[i]]), middle)
    discs[-1, 0], discs[-1, 1] = _frame(series, middle[1], at, middle)
    union = np.zeros(1)
    _depth_cell(quad, rings, discs, radius, union)
    share: float = union[0] / area - (1.0 - bare)
    return max(share, 0.0)


@kernel
def _newly_covered(
    people: Floats,
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats, Floats, Floats],
    known: tuple[np.ndarray, Floats, Ints, np.ndarray],
    old: tuple[Floats, Floats],
    radius: float,
    straight: bool,
    gains: Floats,
) -> None:
    """See `newly_covered`."""
    lon, lat = lattice
    slot, shares, start, found = known
    rings, quad = np.array([0, 4]), np.empty((4, 2))
    for n in range(len(gains)):
        at, where = (discs[0][n], discs[1][n]), (discs[2][n], discs[3][n])
        series = _series(at[1])
        picture, radii, first, last = _picture(series, lattice, at, where, radius, people.shape)
        for r in range(first, last + 1):
            lo, hi, in_lo, in_hi = _reached(picture, radii, where, r, people.shape[1])
            if hi < lo:
                continue
            if in_hi >= in_lo:
                for v in people[r, in_lo : in_hi + 1]:
                    gains[n] += v
            size = _quad(series, at[1], lattice, (r, lo), quad)
            parallel = _parallel(series, at[1], at[1], 0.5 * (lat[r, lo] + lat[r + 1, lo]))
            for c in range(lo, hi + 1):
                if people[r, c] == 0.0 or in_lo <= c <= in_hi:
                    continue
                if straight:
                    away = _turned(parallel, (at[0] - 0.5 * (lon[r, c] + lon[r, c + 1])) * _DEG)
                else:
                    size = _quad(series, at[1], lattice, (r, c), quad)
                    away = _frame(series, at[1], at, _middle(lon, lat, r, c))
                share = _share(quad, rings, away, size, radius)
                m = slot[r, c]
                if 0.0 < share < 1.0 and m >= 0:
                    bare = 1.0 - shares[m, 0]
                    share = _newly(lattice, (r, c), at, found[start[m] : start[m + 1]], old, radius, bare) / bare
                gains[n] += share * people[r, c]


def newly_covered(
    people: Floats,
    lattice: tuple[Floats, Floats],
    discs: tuple[Floats, Floats, Floats, Floats],
    *,
    known: tuple[np.ndarray, Floats, Ints, np.ndarray],
    old: tuple[Floats, Floats],
    radius_m: float,
    straight: bool,
) -> Floats:
    """Uncovered residents in each new circle.

    Parameters
    ----------
    people
        (rows, columns) uncovered residents of the cells; 0 where nobody is to be counted.
    lattice, straight
        As for `grid_kernels.stamp`.
    discs
        Longitudes, latitudes, columns and rows (k,) of the new centres; they may lie outside the block.
    known
        What the old circles do: slot (rows, columns), shares (m, 1), start (m + 1,) and circle, as from
        `grid_kernels.deepen` with one depth.
    old
        Longitudes and latitudes of the old circles' centres.
    radius_m
        Radius of all; the circles' edges belong to them.

    Returns
    -------
    (k,) residents.
    """
    gains = np.zeros(len(discs[0]))
    _newly_covered(people, lattice, discs, known, old, float(radius_m), straight, gains)
    return gains

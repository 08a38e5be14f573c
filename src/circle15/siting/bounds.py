"""How near and how deep any plan could be 距离与深度的界: what no choice under the same limits can pass.

Nearness is improved by exchanges, which prove nothing. The bounds here come from relaxations: sites may be chosen in
parts (depth), and residents may be served from sites that a price on each of them pays for (distance; Lagrangean
relaxation of the p-median, Cornuejols, Fisher and Nemhauser 1977, prices by subgradients). Both hold for every choice
that keeps to the limits, so what a plan is short of them is the most that it could still win.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from circle15.quantities import Floats
from circle15.siting.cover import cover_columns
from circle15.siting.demand import merged
from circle15.siting.limits import columns_of, hold
from circle15.siting.search_kernels import price_rest, price_sites
from circle15.siting.solve import Program

if TYPE_CHECKING:
    from circle15.quantities import Flags
    from circle15.siting.demand import Reach
    from circle15.siting.limits import Limits

PRICE_ROUNDS = 80
PATIENCE = 4


def depth_of(reach: Reach, residents: Floats, chosen: Flags) -> float:
    """Residents of the points that two chosen sites or more reach."""
    depth = np.bincount(reach.point[chosen[reach.site]], minlength=reach.points)
    return float(residents[depth > 1].sum())


def depth_bound(reach: Reach, residents: Floats, limits: Limits, *, floor: float, seconds: float = np.inf) -> float:
    """Most residents that two sites or more can reach while `floor` residents are reached at all; NaN out of time."""
    small, weight = merged(reach, residents)
    program, m = Program(), small.points
    x = columns_of(limits, program, whole=False)
    once = cover_columns(program, x, small, cost=0.0)
    twice = program.add_columns(m, cost=weight)
    point = np.arange(m)
    row = np.concatenate([point, point, small.point])
    value = np.concatenate([np.ones(2 * m), -np.ones(len(small.point))])
    program.add_rows(row, np.concatenate([once, twice, x[small.site]]), value, low=-np.inf, high=0.0, n=m)
    pair, sign = np.concatenate([twice, once]), np.repeat([1.0, -1.0], m)
    program.add_rows(np.tile(point, 2), pair, sign, low=-np.inf, high=0.0, n=m)
    program.add_row(once, weight, low=floor - 1e-6 * max(floor, 1.0))
    hold(limits, program, x)
    solved = program.solve(maximise=True, seconds=seconds)
    return solved.objective if solved.status == "optimal" else np.nan


def distances_of(far: Reach, far_m: float, chosen: Flags) -> Floats:
    """Metres (m,) from each point to the nearest chosen site, `far_m` where none is in reach."""
    metres = np.full(far.points, far_m)
    held = chosen[far.site]
    np.minimum.at(metres, far.point[held], far.distance_m[held].astype(np.float64))
    return metres


def distance_bound(
    far: Reach, residents: Floats, limits: Limits, *, far_m: float, chosen: Flags, seconds: float = np.inf
) -> float:
    """Least residents × metres to the nearest site under the limits, counted as far as `far_m`.

    Parameters
    ----------
    far, residents
        Points within `far_m` of each site, and their people.
    chosen
        (n,) a choice that holds to the limits: how near prices aim.
    seconds
        No further prices are tried afterwards; the bound stands as it is.
    """
    began = time.monotonic()
    program = Program()
    x = columns_of(limits, program, whole=False)
    hold(limits, program, x)
    relaxed = program.relaxed()
    saved = residents[far.point] * (far_m - far.distance_m.astype(np.float64))
    pairs = far.start, far.point, saved
    most = float((residents * far_m).sum())
    best = most - float((residents * distances_of(far, far_m, chosen)).sum())
    price = np.zeros(far.points)
    held = chosen[far.site]
    np.maximum.at(price, far.point[held], 0.8 * saved[held])
    bound, kept, pace, idle = np.inf, price, 1.0, 0
    for _ in range(PRICE_ROUNDS):
        worth = np.empty(limits.sites)
        price_sites(pairs, price, worth)
        value, share = relaxed.maximise(worth)
        reached = float(price.sum()) + value
        if reached < bound:
            bound, kept, idle = reached, price, 0
        else:
            idle += 1
        if idle == PATIENCE:
            price, pace, idle = kept, pace / 2, 0
        rest = np.ones(far.points)
        price_rest(pairs, price, share, rest)
        norm = float(np.square(rest).sum())
        if bound - best <= 1e-9 * most or norm == 0.0 or time.monotonic() - began > seconds:
            break
        price = np.maximum(price - pace * (reached - best) / norm * rest, 0.0)
    return most - bound

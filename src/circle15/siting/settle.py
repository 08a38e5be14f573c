"""Limits that cannot all hold 约束冲突: which few must give, by how much, and which rules collide.

A required site cannot leave and a minimum wants a site where a circle has no room: then no choice holds to everything.
`settle` gives up as few limits as can be (between as many, minimums first), then as little of them as can be;
`colliding` names, for what was given up, a smallest set of limits that cannot hold together (every one of them is
needed for the collision).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from circle15.quantities import Flags, Floats, Ints
from circle15.siting.limits import Limits, Row, columns_of, hold, tight_sites
from circle15.siting.solve import Program, Watch

Key = tuple[str, ...]
SMALL = 1e-4
MINIMUM = 0.99
ASKED = frozenset({"number", "release", "quota", "kept"})
BLOCKS = (64, 16, 4, 1)


@dataclass(frozen=True)
class Settled:
    """Limits that can be held, and how much of which was given up: by key, ("circle", position) for circles."""

    limits: Limits
    given_up: dict[Key, float]


def settle(limits: Limits, *, seconds: float = np.inf, watch: Watch | None = None) -> Settled:
    """Give up as few limits as can be, each as little as can be; nothing where all can hold."""
    if feasible(limits):
        return Settled(limits, {})
    program = Program()
    x = columns_of(limits, program)
    tight = tight_sites(limits)
    circle_slack, circle_given = _slacks(program, len(tight), float(limits.sites), np.ones(len(tight)))
    others = np.diff(limits.near_start)[tight].astype(float)
    _elastic_circles(limits, program, x, tight, circle_slack)
    row_slack, row_given = _slacks(
        program, len(limits.rows), _largest(limits), np.array([_worth(r) for r in limits.rows])
    )
    for number, row in enumerate(limits.rows):
        for sign, bound in ((1.0, row.high), (-1.0, -row.low)):
            if np.isfinite(bound):
                at = np.append(x[row.member], row_slack[number])
                program.add_row(at, np.append(sign * row.coef, -1.0), high=bound)
    for slack, given, most in ((circle_slack, circle_given, others), (row_slack, row_given, _largest(limits))):
        n = len(slack)
        pair, value = np.concatenate([slack, given]), np.concatenate([np.ones(n), -np.broadcast_to(most, (n,))])
        program.add_rows(np.tile(np.arange(n), 2), pair, value, low=-np.inf, high=0.0, n=n)
    solved = program.solve(maximise=False, seconds=seconds, watch=watch)
    if not solved.found:
        return Settled(limits, {})
    return _relaxed(limits, tight, np.ceil(solved.values[circle_slack] - 1e-6), solved.values[row_slack])


def _largest(limits: Limits) -> float:
    return max([float(np.abs(r.coef).sum()) + abs(r.low if np.isfinite(r.low) else 0.0) for r in limits.rows] or [1.0])


def _slacks(program: Program, n: int, most: float, worth: Floats) -> tuple[Ints, Ints]:
    slack = program.add_columns(n, cost=SMALL, upper=most)
    return slack, program.add_columns(n, cost=worth, whole=True)


def _worth(row: Row) -> float:
    """What giving a row up costs: what the user asked for stands, and of two limits of the plan a minimum gives way."""
    if row.key[0] in ASKED:
        return 100.0
    return MINIMUM if np.isfinite(row.low) and not np.isfinite(row.high) else 1.0


def _elastic_circles(limits: Limits, program: Program, x: Ints, tight: Ints, slack: Ints) -> None:
    number = np.full(limits.sites, -1, dtype=np.int64)
    number[tight] = np.arange(len(tight))
    site = limits.near_site
    mine = number[site] >= 0
    count = np.diff(limits.near_start)[tight].astype(float)
    program.add_rows(
        np.concatenate([number[site[mine]], np.arange(len(tight)), np.arange(len(tight))]),
        np.concatenate([x[limits.near[mine]], x[tight], slack]),
        np.concatenate([np.ones(int(mine.sum())), count - limits.most[tight] + 1, -np.ones(len(tight))]),
        low=-np.inf,
        high=count,
        n=len(tight),
    )


def _relaxed(limits: Limits, tight: Ints, circles: Floats, rows: Floats) -> Settled:
    most = limits.most.copy()
    most[tight] += circles
    given: dict[Key, float] = {("circle", str(s)): float(c) for s, c in zip(tight, circles, strict=True) if c > 0}
    eased = []
    for row, slack in zip(limits.rows, rows, strict=True):
        if slack > 1e-6:  # noqa: PLR2004 - rounding of the solver
            given[row.key] = float(slack)
            eased.append(replace(row, low=row.low - slack - 1e-6, high=row.high + slack + 1e-6))
        else:
            eased.append(row)
    return Settled(replace(limits, most=most, rows=tuple(eased)), given)


def feasible(limits: Limits) -> bool:
    """Whether any choice holds to all limits."""
    program = Program()
    x = columns_of(limits, program)
    hold(limits, program, x, together=False)
    return program.solve(maximise=False).found


def colliding(limits: Limits) -> tuple[Key, ...]:
    """A smallest set of limits that cannot hold together; empty where all can (deletion filter, Chinneck 1991).

    Keys are those of rows, ("circle", position) and ("required", position); leave any one out and the rest can hold.
    """
    if feasible(limits):
        return ()
    every: list[Key] = [r.key for r in limits.rows]
    every += [("circle", str(s)) for s in tight_sites(limits)]
    every += [("required", str(s)) for s in np.flatnonzero(limits.required)]
    needed = list(every)
    for size in BLOCKS:
        at = 0
        while at < len(needed):
            fewer = needed[:at] + needed[at + size :]
            if feasible(_only(limits, fewer)):
                at += size
            else:
                needed = fewer
    return tuple(needed)


def _only(limits: Limits, keys: Sequence[Key]) -> Limits:
    """The limits of these keys alone."""
    kept = set(keys)
    circles = np.array([("circle", str(s)) in kept for s in range(limits.sites)], dtype=bool)
    required = limits.required & np.array([("required", str(s)) in kept for s in range(limits.sites)], dtype=bool)
    rows: tuple[Row, ...] = tuple(r for r in limits.rows if r.key in kept)
    return replace(limits, most=np.where(circles, limits.most, np.inf), required=required, rows=rows)


def blocking(limits: Limits, chosen: Flags, site: int) -> tuple[Key, ...]:
    """Keys of the upper limits that would break if one more site were chosen; empty where it could be."""
    held = np.flatnonzero(chosen)
    own = limits.near[limits.near_start[site] : limits.near_start[site + 1]]
    found: list[Key] = []
    if chosen[own].sum() + 1 > limits.most[site]:
        found.append(("circle", str(site)))
    for other in own[chosen[own]]:
        theirs = limits.near[limits.near_start[other] : limits.near_start[other + 1]]
        if chosen[theirs].sum() + 2 > limits.most[other]:
            found.append(("circle", str(other)))
    for row in limits.rows:
        at = np.flatnonzero(row.member == site)
        if len(at) and row.coef[np.isin(row.member, held)].sum() + row.coef[at].sum() > row.high + 1e-6:
            found.append(row.key)
    return tuple(found)

"""What a set of sites must hold to 选址约束, as numbers: fixed sites, circles, areas; nothing of any plan.

A circle limit is conditional: only a site that is chosen has a circle. Row of site j with n others in its circle and at
most c (itself counted): Σ others + (n − c + 1)·x_j ≤ n, where n may be as few as can ever stand there (crowd.py). Sites
that all lie within each other's circles are besides held together (at most the largest of their limits). Without those
rows and the lower n the bound of a dense town is useless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from circle15.quantities import Flags, Floats, Ints, Small
from circle15.siting.search_kernels import Rules, State, place
from circle15.siting.solve import Program

if TYPE_CHECKING:
    from circle15.siting.demand import Reach

MOST_CLIQUES = 200_000
MOST_NEIGHBOURS = 400


@dataclass(frozen=True)
class Row:
    """A limit over some sites: low ≤ Σ coef · chosen ≤ high; `key` says which (rule id and place, or a word)."""

    key: tuple[str, ...]
    member: Ints
    coef: Floats
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True)
class Limits:
    """All that binds a choice among n sites.

    Parameters
    ----------
    sites
        n.
    required, forbidden
        (n,) sites that must and that must not be chosen.
    most
        (n,) most sites within the circle of a chosen one, itself counted; infinite where no limit holds.
    near_start, near
        Others within the circle of each site.
    rows
        Limits over areas, and how many may be chosen.
    crowd
        (n,) most others that can stand in the circle of a site that does not (crowd.py); as many as there are where
        not given. Holds as long as upper limits are only tightened.
    """

    sites: int
    required: Flags
    forbidden: Flags
    most: Floats
    near_start: Ints
    near: Small
    rows: tuple[Row, ...] = field(default=())
    crowd: Floats | None = None

    def with_rows(self, *rows: Row) -> Limits:
        """These limits and more rows."""
        return replace(self, rows=(*self.rows, *rows))

    def at_most(self, number: float, *, member: Ints | None = None) -> Limits:
        """These limits and at most `number` of the sites `member` (all where not given)."""
        chosen = np.arange(self.sites) if member is None else member
        return self.with_rows(Row(("number",), chosen, np.ones(len(chosen)), high=float(number)))

    @property
    def near_site(self) -> Ints:
        """Site of every pair of neighbours."""
        return np.repeat(np.arange(self.sites, dtype=np.int64), np.diff(self.near_start))


def free_limits(
    sites: int, *, required: Ints | None = None, forbidden: Ints | None = None, number: float = np.inf
) -> Limits:
    """Limits without circles or areas: positions that must and must not be chosen, and how many at most."""
    must, never = np.zeros(sites, dtype=bool), np.zeros(sites, dtype=bool)
    must[np.empty(0, int) if required is None else required] = True
    never[np.empty(0, int) if forbidden is None else forbidden] = True
    nobody = np.zeros(sites + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
    found = Limits(sites, must, never, np.full(sites, np.inf), *nobody)
    return found.at_most(number) if np.isfinite(number) else found


# ── as rows of a program ──────────────────────────────────────


def columns_of(limits: Limits, program: Program, *, cost: Floats | float = 0.0, whole: bool = True) -> Ints:
    """Columns (n,) of the sites, with what is required and forbidden; in parts too where not `whole`."""
    must, may = limits.required.astype(float), (~limits.forbidden | limits.required).astype(float)
    return program.add_columns(limits.sites, cost=cost, lower=must, upper=may, whole=whole)


def hold(limits: Limits, program: Program, x: Ints, *, together: bool = True) -> None:
    """Add all limits to a program, with the rows that hold mutual neighbours together where wanted."""
    _hold_circles(limits, program, x)
    for row in limits.rows:
        program.add_row(x[row.member], row.coef, low=row.low, high=row.high)
    if together:
        for members, most in cliques(limits):
            program.add_row(x[members], 1.0, high=most)


def tight_sites(limits: Limits) -> Ints:
    """Sites whose circle limit could be passed."""
    standing = ~limits.forbidden | limits.required
    others = np.bincount(limits.near_site[standing[limits.near]], minlength=limits.sites)
    return np.flatnonzero(standing & (others + 1 > limits.most))


def _hold_circles(limits: Limits, program: Program, x: Ints) -> None:
    tight = tight_sites(limits)
    number = np.full(limits.sites, -1, dtype=np.int64)
    number[tight] = np.arange(len(tight))
    site = limits.near_site
    mine = number[site] >= 0
    count = (np.diff(limits.near_start) if limits.crowd is None else limits.crowd)[tight].astype(float)
    own = np.maximum(count - limits.most[tight] + 1, 0.0)
    program.add_rows(
        np.concatenate([number[site[mine]], np.arange(len(tight))]),
        np.concatenate([x[limits.near[mine]], x[tight]]),
        np.concatenate([np.ones(int(mine.sum())), own]),
        low=-np.inf,
        high=count,
        n=len(tight),
    )


def cliques(limits: Limits) -> Iterator[tuple[Ints, float]]:
    """Sets of sites within each other's circles with more members than any of their limits allows, and that limit.

    None where there are too many neighbours to list them (a lattice of candidates).
    """
    degree = np.diff(limits.near_start)
    if not np.isfinite(limits.most).any() or degree.max(initial=0) > MOST_NEIGHBOURS:
        return
    standing = ~limits.forbidden | limits.required
    around = [
        frozenset(int(o) for o in limits.near[limits.near_start[s] : limits.near_start[s + 1]] if standing[o])
        for s in range(limits.sites)
    ]
    for told, members in enumerate(_maximal([s for s in range(limits.sites) if standing[s]], around)):
        if told >= MOST_CLIQUES:
            return
        most = float(limits.most[members].max())
        if len(members) > most:
            yield np.array(members, dtype=np.int64), most


def _maximal(sites: list[int], around: list[frozenset[int]]) -> Iterator[list[int]]:
    """Maximal sets of mutual neighbours (Bron and Kerbosch 1973, pivot of Tomita et al. 2006), without recursion."""
    later = {s: n for n, s in enumerate(sites)}
    for first in sites:
        own = around[first]
        ahead = {o for o in own if later[o] > later[first]}
        stack = [([first], ahead, own - ahead)]
        while stack:
            held, open_, shut = stack.pop()
            if not open_ and not shut:
                yield sorted(held)
                continue
            pivot = max(sorted(open_ | shut), key=lambda s: len(open_ & around[s]))
            for s in sorted(open_ - around[pivot]):
                stack.append(([*held, s], open_ & around[s], shut & around[s]))
                open_, shut = open_ - {s}, shut | {s}


# ── as arrays for a search ────────────────────────────────────


def rules_of(limits: Limits) -> Rules:
    """The limits as the kernels take them."""
    site = np.concatenate([r.member for r in limits.rows]) if limits.rows else np.empty(0, dtype=np.int64)
    row = np.repeat(np.arange(len(limits.rows)), [len(r.member) for r in limits.rows])
    coef = np.concatenate([r.coef for r in limits.rows]) if limits.rows else np.empty(0)
    order = np.argsort(site, kind="stable")
    start = np.append(0, np.cumsum(np.bincount(site, minlength=limits.sites))).astype(np.int64)
    low, high = (np.array([getattr(r, n) for r in limits.rows], dtype=np.float64) for n in ("low", "high"))
    rows = start, row[order].astype(np.int32), coef[order].astype(np.float64)
    return limits.most.astype(np.float64), limits.near_start, limits.near, *rows, low, high


def state_of(limits: Limits, reach: Reach, chosen: Flags) -> State:
    """The state of a search with some sites chosen."""
    state: State = (
        np.zeros(limits.sites, dtype=bool),
        np.zeros(reach.points, dtype=np.int32),
        np.zeros(limits.sites, dtype=np.int64),
        np.zeros(len(limits.rows)),
    )
    rules = rules_of(limits)
    for site in np.flatnonzero(chosen):
        place(int(site), 1, (reach.start, reach.point), state, rules)
    return state


def broken(limits: Limits, chosen: Flags) -> list[tuple[str, ...]]:
    """Keys of the limits that a choice breaks: ("circle", site) and those of rows; empty where all hold."""
    within = np.bincount(limits.near_site[chosen[limits.near]], minlength=limits.sites)
    found: list[tuple[str, ...]] = [("circle", str(s)) for s in np.flatnonzero(chosen & (within + 1 > limits.most))]
    found += [("required", str(s)) for s in np.flatnonzero(limits.required & ~chosen)]
    found += [("forbidden", str(s)) for s in np.flatnonzero(limits.forbidden & ~limits.required & chosen)]
    for row in limits.rows:
        held = float(row.coef[chosen[row.member]].sum())
        if held > row.high + 1e-6 or held < row.low - 1e-6:
            found.append(row.key)
    return found

"""One choice of sites under a plan 统一求解: coverage first, then how many stay, then distance, then depth.

Adding, retiring and both at once are one question: which sites stand. They differ in what is required (all institutions
when only adding) and forbidden (all candidates when only retiring).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from circle15.siting.cover import Choice, answer_of, cover_columns, covered_by, max_cover, p_median
from circle15.siting.demand import Demand, Reach, merged, reach_of_pairs, reach_straight
from circle15.siting.kernels import Flags, Ints, may_add, nearer_search, place
from circle15.siting.limits import Limits, Row, columns_of, hold, rules_of, state_of
from circle15.siting.settle import Settled, settle
from circle15.siting.solve import Program, Watch

if TYPE_CHECKING:
    from circle15.siting.cover import Method
    from circle15.siting.field import Field

Aim = Literal["coverage", "fewest"]
FAR_RADII = 6.0
"""Distances are told up to this many radii (4.8 km at 800 m); beyond, residents count as that far."""
NEARER_ROUNDS = 12
FAR_PAIRS = 60_000_000
MEDIAN_PAIRS = 100_000


@dataclass(frozen=True)
class Chosen:
    """Sites that stand, how that was found, and what had to be given up.

    `target` is the coverage asked for when fewest exits are wanted (NaN otherwise), `reached` whether it can be.
    """

    chosen: Flags
    cover: Choice
    settled: Settled
    kept_bound: float
    target: float
    reached: bool
    exchanged: int


def choose(
    field: Field, limits: Limits, *, aim: Aim = "coverage", least: float = np.nan, gap: float = 1e-3,
    seconds: float = 45.0, method: Method = "auto", rank: Ints | None = None, nearer: bool = True,
    watch: Watch | None = None,
) -> Chosen:  # fmt: skip
    """Choose which sites stand.

    Parameters
    ----------
    limits
        From `field.limits_of`, with what else binds.
    aim
        "coverage": most residents covered, then as many institutions as can stay. "fewest": fewest exits with at least
        `least` residents covered, then most covered; where `least` cannot be reached, the most that can is asked for.
    gap, seconds
        When the solver may stop: at most two thirds of the time for coverage, the rest for how many stay.
    rank
        Which of two institutions that cover the same stays first in a search (data, see retire.py).
    nearer
        Whether to exchange sites for nearer ones while coverage stays.
    """
    settled = settle(limits, seconds=seconds)
    bound = settled.limits
    residents = field.demand.residents
    target = least if aim == "fewest" else np.nan
    cover = max_cover(
        field.reach, residents, bound, method=method, gap=gap, seconds=seconds * 2 / 3, watch=watch, rank=rank
    )  # fmt: skip
    if not cover.found or not cover.chosen.any():
        return Chosen(cover.chosen, cover, settled, np.nan, target, reached=False, exchanged=0)
    reached = aim == "fewest" and cover.objective >= least
    floor = least if reached else cover.objective
    kept, kept_bound, left = cover.chosen, np.nan, max(seconds - cover.seconds, seconds / 5)
    if cover.status != "search":
        kept, kept_bound = _most_kept(field, bound, cover.chosen, floor, gap=gap, seconds=left, watch=watch)
        if reached:
            kept, _ = _best_of_size(field, bound, kept, gap=gap, seconds=seconds / 5)
    moved = 0
    if nearer:
        kept, moved = _nearer(field, bound, kept)
    return Chosen(kept, cover, settled, kept_bound, target, reached=reached or aim == "coverage", exchanged=moved)


def _most_kept(
    field: Field, limits: Limits, start: Flags, floor: float, *, gap: float, seconds: float, watch: Watch | None
) -> tuple[Flags, float]:
    """Most institutions that can stay while `floor` residents are covered; a new site must be worth half of one.

    First with those fixed whom `start` needs for its coverage, a far smaller question whose answer is where the whole
    one begins; only the whole one proves a bound.
    """
    small, weight = merged(field.reach, field.demand.residents)
    cover = np.bincount(small.point[start[small.site]], minlength=small.points)
    alone = weight * (cover == 1)
    needed = start & (np.bincount(small.site, alone[small.point], minlength=limits.sites) > 0)
    kept, bound = start, np.nan
    for fixed, share in ((replace(limits, required=limits.required | needed), 0.15), (limits, 0.85)):
        program = Program()
        x = columns_of(fixed, program, cost=np.where(field.new, -0.5, 1.0))
        y = cover_columns(program, x, small, cost=0.0)
        program.add_row(y, weight, low=min(floor, covered_by(small, weight, start)) - 1e-3)
        hold(fixed, program, x)
        first = answer_of(program, x, y, small, kept)
        solved = program.solve(maximise=True, gap=gap, seconds=seconds * share, start=first, watch=watch)
        if solved.found:
            kept, bound = solved.values[x] > 0.5, solved.bound  # noqa: PLR2004 - whole up to tolerance
    return kept, bound if not (kept & field.new).any() else np.nan  # with entries the bound is of both


def filled(field: Field, limits: Limits, chosen: Flags, rank: Ints) -> Flags:
    """The choice with every institution that the limits let stay, best rank first: nobody leaves without a reason."""
    rules, pairs = rules_of(limits), (field.reach.start, field.reach.point)
    state = state_of(limits, field.reach, chosen)
    for site in np.argsort(rank, kind="stable"):
        out = not state[0][site] and not field.new[site] and not limits.forbidden[site]
        if out and may_add(int(site), state, rules):
            place(int(site), 1, pairs, state, rules)
    return state[0].copy()


def _best_of_size(field: Field, limits: Limits, start: Flags, *, gap: float, seconds: float) -> tuple[Flags, Choice]:
    """Most residents covered with as many institutions as `start` keeps."""
    old = np.flatnonzero(~field.new)
    sized = limits.with_rows(Row(("kept",), old, np.ones(len(old)), low=float(start[old].sum())))
    found = max_cover(field.reach, field.demand.residents, sized, method="exact", gap=gap, seconds=seconds, start=start)
    return (found.chosen, found) if found.chosen.any() else (start, found)


def _nearer(field: Field, limits: Limits, chosen: Flags) -> tuple[Flags, int]:
    """Exchange sites for nearer ones while nobody loses cover; the sum over residents, up to `FAR_RADII` radii."""
    whole = _cell_points(field)
    sites = field.sites.geometry
    far = reach_straight(
        sites.x.to_numpy(), sites.y.to_numpy(), whole.lon, whole.lat, radius_m=FAR_RADII * field.radius_m
    )  # fmt: skip
    if len(far.point) > FAR_PAIRS or not chosen.any():
        return chosen, 0
    kept = float(chosen[: field.existing].sum())
    sized = limits.with_rows(Row(("kept",), np.flatnonzero(~field.new), np.ones(field.existing), low=kept))
    return _exchanged(field, sized, chosen, (field.reach, whole, far), radii=2.0)


def _exchanged(
    field: Field, limits: Limits, chosen: Flags, ground: tuple[Reach, Demand, Reach], *, radii: float
) -> tuple[Flags, int]:
    """Exchange sites up to some radii apart while residents come nearer: `ground` is reach, points, far reach."""
    reach, whole, far = ground
    sites = field.sites.geometry
    lon, lat = sites.x.to_numpy(), sites.y.to_numpy()
    order = np.lexsort((far.distance_m, far.point))
    start = np.searchsorted(far.point[order], np.arange(far.points + 1)).astype(np.int64)
    by_point = start, far.site[order].astype(np.int32), far.distance_m[order]
    state = state_of(limits, reach, chosen)
    near2 = reach_straight(lon, lat, lon, lat, radius_m=radii * field.radius_m)
    free = ~limits.required
    moved = nearer_search(
        free, free & ~limits.forbidden, (near2.start, near2.point), (reach.start, reach.point),
        (far.start, far.point, far.distance_m), by_point,
        (field.demand.residents, whole.residents), FAR_RADII * field.radius_m, state, rules_of(limits), NEARER_ROUNDS,
    )  # fmt: skip
    return state[0].copy(), int(moved)


def nearest_sites(
    field: Field, limits: Limits, *, gap: float = 1e-4, seconds: float = 60.0, watch: Watch | None = None
) -> Choice:
    """Residents × metres to the nearest site least (p-中位): exact where small, else exchanges from the best cover.

    Distances are straight, from the middle of each cell, and count as `FAR_RADII` radii where nobody is nearer. An
    answer by exchanges has no proven bound (NaN, infinite gap).
    """
    began = time.monotonic()
    whole, far_m = _cell_points(field), FAR_RADII * field.radius_m
    sites = field.sites.geometry
    lon, lat = sites.x.to_numpy(), sites.y.to_numpy()
    far = reach_straight(lon, lat, whole.lon, whole.lat, radius_m=far_m)
    if len(far.point) <= MEDIAN_PAIRS:
        nobody = reach_of_pairs(
            np.zeros(far.points, dtype=np.int64), np.arange(far.points), np.full(far.points, far_m), sites=1,
            points=far.points,
        )  # fmt: skip
        found = p_median(
            far.joined(nobody), whole.residents, _with_nobody(limits), gap=gap, seconds=seconds, watch=watch
        )
        return replace(found, chosen=found.chosen[:-1])
    start = max_cover(field.reach, field.demand.residents, limits, method="search")
    blind = replace(field.reach, start=np.zeros(len(lon) + 1, np.int64), point=field.reach.point[:0],
                    distance_m=field.reach.distance_m[:0])  # fmt: skip
    chosen, _ = _exchanged(field, limits, start.chosen, (blind, whole, far), radii=FAR_RADII)
    metres = np.full(far.points, far_m)
    np.minimum.at(metres, far.point[chosen[far.site]], far.distance_m[chosen[far.site]].astype(np.float64))
    total = float((metres * whole.residents).sum())
    return Choice(chosen, total, np.nan, np.inf, "search", time.monotonic() - began, np.flatnonzero(chosen))


def _with_nobody(limits: Limits) -> Limits:
    """The limits and one more site, always chosen, that binds nothing: so far at most a resident may have to go."""
    return Limits(
        limits.sites + 1, np.append(limits.required, True), np.append(limits.forbidden, False),
        np.append(limits.most, np.inf), np.append(limits.near_start, limits.near_start[-1]), limits.near, limits.rows,
    )  # fmt: skip


def near_best(
    field: Field, limits: Limits, first: Flags, *, plans: int, apart: int, gap: float = 1e-4, seconds: float = 30.0
) -> list[Choice]:
    """Further plans 备选方案: each the best that differs from all before it by at least `apart` sites."""
    found: list[Choice] = []
    free = ~limits.required & ~limits.forbidden
    seen = [first]
    for _ in range(plans):
        rows = []
        for number, other in enumerate(seen):
            at = np.flatnonzero(free)
            coef = np.where(other[at], 1.0, -1.0)
            rows.append(Row(("apart", str(number)), at, coef, high=float(other[at].sum() - apart)))
        nxt = max_cover(
            field.reach, field.demand.residents, limits.with_rows(*rows), method="exact", gap=gap, seconds=seconds
        )  # fmt: skip
        if not nxt.found or not nxt.chosen.any():
            break
        found.append(nxt)
        seen.append(nxt.chosen)
    return found


def _cell_points(field: Field) -> Demand:
    """One point a cell: for distances parts of a cell say no more than its middle."""
    demand = field.demand
    cells, of = np.unique(demand.cell, return_inverse=True)
    people, parts = np.bincount(of, demand.residents, minlength=len(cells)), np.bincount(of, minlength=len(cells))
    lon, lat = (np.bincount(of, v, minlength=len(cells)) / parts for v in (demand.lon, demand.lat))
    return Demand(lon, lat, people.astype(np.float64), cells)


def with_number(limits: Limits, field: Field, number: int, *, exactly: bool = False) -> Limits:
    """Limits with at most (or exactly) `number` candidates."""
    new = np.flatnonzero(field.new)
    low = float(number) if exactly else -np.inf
    return limits.with_rows(Row(("number",), new, np.ones(len(new)), low=low, high=float(number)))


def without_minimums(limits: Limits) -> Limits:
    """Limits without lower bounds: no place must have any."""
    return replace(limits, rows=tuple(replace(r, low=-np.inf) for r in limits.rows))


def with_release(limits: Limits, field: Field, share: float) -> Limits:
    """Limits with at most `share` candidates for each institution that leaves 释放量."""
    coef = np.where(field.new, 1.0, share)
    every = np.arange(limits.sites)
    return limits.with_rows(Row(("release",), every, coef, high=share * field.existing))

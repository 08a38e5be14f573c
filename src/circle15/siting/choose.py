"""One choice of sites under a plan 统一求解: coverage first, then how many stay, then distance, then depth.

Adding, retiring and both at once are one question: which sites stand. They differ in what is required (all institutions
when only adding) and forbidden (all candidates when only retiring).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from circle15.quantities import Flags, Ints
from circle15.siting.cover import Choice, answer_of, cover_columns, covered_by, max_cover
from circle15.siting.crowd import crowded
from circle15.siting.demand import merged
from circle15.siting.limits import Limits, Row, columns_of, hold, rules_of, state_of
from circle15.siting.near import nearer
from circle15.siting.search_kernels import may_add, place
from circle15.siting.settle import Settled, settle
from circle15.siting.solve import Program, Watch

if TYPE_CHECKING:
    from circle15.siting.cover import Method
    from circle15.siting.field import Field
    from circle15.siting.near import Far

Aim = Literal["coverage", "fewest"]


@dataclass(frozen=True)
class Chosen:
    """Sites that stand, how that was found, and what had to be given up.

    `kept_bound` is how many institutions can stay at most with that coverage (NaN where nothing is proven), `target`
    the coverage asked for when fewest exits are wanted (NaN otherwise), `reached` whether it can be.
    """

    chosen: Flags
    cover: Choice
    settled: Settled
    kept_bound: float
    target: float
    reached: bool


def choose(
    field: Field,
    limits: Limits,
    far: Far,
    *,
    aim: Aim = "coverage",
    least: float = np.nan,
    gap: float = 1e-4,
    seconds: float = 45.0,
    method: Method = "auto",
    rank: Ints | None = None,
    watch: Watch | None = None,
) -> Chosen:
    """Choose which sites stand.

    Parameters
    ----------
    limits
        From `field.limits_of`, with what else binds.
    far
        Distances, for exchanges that bring sites nearer while coverage stays.
    aim
        "coverage": most residents covered, then as many institutions as can stay. "fewest": fewest exits with at least
        `least` residents covered, then most covered; where `least` cannot be reached, the most that can is asked for.
    gap, seconds
        When the solver may stop: at most two thirds of the time for coverage, the rest for how many stay.
    rank
        Which of two institutions that cover the same stays first in a search (data, see retire.py).
    """
    settled = settle(limits, seconds=seconds)
    settled = replace(settled, limits=crowded(settled.limits))
    bound = settled.limits
    residents = field.demand.residents
    target = least if aim == "fewest" else np.nan
    cover = max_cover(
        field.reach, residents, bound, method=method, gap=gap, seconds=seconds * 2 / 3, watch=watch, rank=rank
    )
    if not cover.found or not cover.chosen.any():
        return Chosen(cover.chosen, cover, settled, np.nan, target, reached=False)
    reached = aim == "fewest" and cover.objective >= least
    floor = least if reached else cover.objective
    kept, kept_bound, left = cover.chosen, np.nan, max(seconds - cover.seconds, seconds / 5)
    if cover.status != "search":
        kept, kept_bound = _most_kept(field, bound, cover.chosen, floor, gap=gap, seconds=left, watch=watch)
        if reached:
            kept, _ = _best_of_size(field, bound, kept, gap=gap, seconds=seconds / 5)
    kept = nearer(field, bound, kept, far)
    return Chosen(kept, cover, settled, kept_bound, target, reached=reached or aim == "coverage")


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
        kept = solved.values[x] > 0.5 if solved.found else kept  # noqa: PLR2004 - whole up to tolerance
        bound = solved.bound if np.isfinite(solved.bound) else np.nan  # none where time ran out before the first
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
        )
        if not nxt.found or not nxt.chosen.any():
            break
        found.append(nxt)
        seen.append(nxt.chosen)
    return found


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

"""Classic questions of siting 选址问题: most residents with k sites, fewest sites for a share, nearest sites.

MCLP (Church and ReVelle 1974), LSCP and its partial form (Toregas et al. 1971, Daskin and Owen 1999), p-median
(ReVelle and Swain 1970) and p-centre (Hakimi 1964), all under the same limits (limits.py). `exact` asks the solver and
comes with a proven bound; `search` is a lazy greedy (Minoux 1978) with exchanges, its bound taken from what single
sites could still add (Nemhauser et al. 1978); `auto` is exact up to `EXACT_PAIRS` pairs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from circle15.quantities import Floats, Ints, Small
from circle15.siting.demand import merged
from circle15.siting.limits import Limits, columns_of, hold, rules_of, state_of
from circle15.siting.search_kernels import all_gains, lazy_greedy, place, swap_search
from circle15.siting.solve import RELATIVE_GAP, Program, Solved, Status, Watch

if TYPE_CHECKING:
    from circle15.quantities import Flags
    from circle15.siting.demand import Reach
    from circle15.siting.search_kernels import State

Method = Literal["auto", "exact", "search"]
EXACT_PAIRS = 1_500_000
SWAP_ROUNDS = 20
NEAR_PAIRS = 50_000_000


@dataclass(frozen=True)
class Choice:
    """Sites chosen (n,), what they reach, and what is proven.

    `objective` is what was asked for (residents covered, number of sites, residents × metres), `bound` what no choice
    can pass, `gap` their relative distance; `order` holds positions in the order chosen where a search chose them.
    """

    chosen: Flags
    objective: float
    bound: float
    gap: float
    status: Status | Literal["search"]
    seconds: float
    order: Ints

    @property
    def found(self) -> bool:
        """Whether any choice holds to the limits."""
        return self.status != "infeasible"


def max_cover(
    reach: Reach,
    residents: Floats,
    limits: Limits,
    *,
    method: Method = "auto",
    gap: float = RELATIVE_GAP,
    seconds: float = np.inf,
    start: Flags | None = None,
    watch: Watch | None = None,
    rank: Ints | None = None,
) -> Choice:
    """Cover most residents 最大覆盖 (MCLP) within limits.

    Parameters
    ----------
    reach, residents
        Points (m,) in reach of each site (n), and their people.
    limits
        Sites required and forbidden, circles, areas, how many at most.
    gap, seconds
        Where the solver may stop.
    start
        (n,) a choice to begin from, where one is known.
    rank
        (n,) which of two sites that add the same comes first in a search; by position where not given.
    """
    began = time.monotonic()
    small, weight = merged(reach, residents)
    seed = _searched(small, weight, limits, rank=rank)
    if method == "search" or (method == "auto" and len(small.point) > EXACT_PAIRS):
        bound = _greedy_bound(small, weight, limits, seed)
        return _searched_choice(seed, small, weight, bound=bound, began=began)
    program = Program()
    x = columns_of(limits, program)
    y = cover_columns(program, x, small, cost=weight)
    hold(limits, program, x)
    best = start if start is not None else seed.chosen if seed.holds else None
    first = None if best is None else answer_of(program, x, y, small, best)
    # exchanges have found what heuristics would find; only the proof is left
    solved = program.solve(maximise=True, gap=gap, seconds=seconds, start=first, watch=watch, guess=first is None)
    return _choice(solved, x, limits.sites, began)


def cover_columns(program: Program, x: Ints, reach: Reach, *, cost: Floats | float) -> Ints:
    """Columns (m,) of points, at most as covered as sites that reach them are chosen."""
    y = program.add_columns(reach.points, cost=cost)
    row = np.concatenate([np.arange(reach.points), reach.point])
    value = np.concatenate([np.ones(reach.points), -np.ones(len(reach.point))])
    program.add_rows(row, np.concatenate([y, x[reach.site]]), value, low=-np.inf, high=0.0, n=reach.points)
    return y


def answer_of(program: Program, x: Ints, y: Ints, reach: Reach, chosen: Flags) -> Floats:
    """Values of all columns for a choice of sites."""
    values = np.zeros(program.columns)
    values[x] = chosen
    values[y] = np.bincount(reach.point[chosen[reach.site]], minlength=reach.points) > 0
    return values


def covered_by(reach: Reach, residents: Floats, chosen: Flags) -> float:
    """Residents of the points that a choice reaches."""
    hit = np.bincount(reach.point[chosen[reach.site]], minlength=reach.points) > 0
    return float(residents[hit].sum())


def least_sites(
    reach: Reach,
    residents: Floats,
    limits: Limits,
    *,
    share: float = 1.0,
    of: float | None = None,
    gap: float = RELATIVE_GAP,
    seconds: float = np.inf,
    watch: Watch | None = None,
) -> Choice:
    """Fewest sites that reach a share of the residents 最少机构数 (LSCP; partial below 1).

    `share` is of `of` people, of all points in reach where not given. Infeasible where the limits do not let as many be
    reached. Among answers of one size nothing is preferred; ask `max_cover` with that number for the best of them.
    """
    began = time.monotonic()
    small, weight = merged(reach, residents)
    wanted = share * (float(weight.sum()) if of is None else of)
    program = Program()
    x = columns_of(limits, program, cost=1.0)
    y = cover_columns(program, x, small, cost=0.0)
    slack = 1e-9 * max(1.0, wanted)  # the sum of the parts and the whole differ by rounding
    program.add_row(y, weight, low=wanted - slack)
    hold(limits, program, x)
    solved = program.solve(maximise=False, gap=gap, seconds=seconds, watch=watch)
    return _choice(solved, x, limits.sites, began)


def p_median(
    reach: Reach,
    residents: Floats,
    limits: Limits,
    *,
    gap: float = RELATIVE_GAP,
    seconds: float = np.inf,
    watch: Watch | None = None,
) -> Choice:
    """Least residents × metres to the nearest chosen site p-中位.

    Every point goes to one site that `reach` pairs it with; infeasible where a point has none. The number of sites is a
    row of the limits (`Limits.at_most`). A program has a column a pair, so this is for up to some 100,000 pairs.
    """
    began = time.monotonic()
    program = Program()
    x = columns_of(limits, program)
    pairs = np.arange(len(reach.point))
    z = program.add_columns(len(pairs), cost=residents[reach.point] * reach.distance_m.astype(np.float64))
    program.add_rows(reach.point, z, 1.0, low=1.0, high=1.0, n=reach.points)
    row, value = np.concatenate([pairs, pairs]), np.repeat([1.0, -1.0], len(pairs))
    program.add_rows(row, np.concatenate([z, x[reach.site]]), value, low=-np.inf, high=0.0, n=len(pairs))
    hold(limits, program, x)
    return _choice(program.solve(maximise=False, gap=gap, seconds=seconds, watch=watch), x, limits.sites, began)


def p_centre(reach: Reach, residents: Floats, limits: Limits, *, number: int) -> Choice:
    """Least distance within which `number` sites reach every point p-中心: `objective` in metres.

    Found by asking, for one distance after another (halving), how few sites reach all points; infeasible where not even
    all pairs of `reach` do.
    """
    began = time.monotonic()
    steps = np.unique(reach.distance_m)
    best: Choice | None = None
    low, high = 0, len(steps) - 1
    while low <= high:
        middle = (low + high) // 2
        near = reach.within(float(steps[middle]))
        every = bool((np.bincount(near.point, minlength=reach.points) > 0).all())
        found = least_sites(near, residents, limits) if every else None
        if found is not None and found.found and found.objective <= number + 1e-6:
            best, high = found, middle - 1
        else:
            low = middle + 1
    if best is None:
        return Choice(np.zeros(limits.sites, bool), np.nan, np.nan, np.inf, "infeasible", 0.0, np.empty(0, np.int64))
    metres = float(steps[low])
    return Choice(best.chosen, metres, metres, 0.0, best.status, time.monotonic() - began, best.order)


# ── search ────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Search:
    chosen: Flags
    order: Ints
    state: State
    holds: bool


def _searched(reach: Reach, weight: Floats, limits: Limits, *, rank: Ints | None) -> _Search:
    """Required sites, then what lower limits ask for, then the greedy, then exchanges."""
    rules, pairs = rules_of(limits), (reach.start, reach.point)
    state = state_of(limits, reach, limits.required)
    allowed = ~limits.forbidden & ~limits.required
    first = np.arange(limits.sites) if rank is None else np.asarray(rank, dtype=np.int64)
    order = np.full(limits.sites, -1, dtype=np.int64)
    done = 0
    for number, row in enumerate(limits.rows):
        while np.isfinite(row.low) and state[3][number] < row.low - 1e-9:
            wanted = np.zeros(limits.sites, dtype=bool)
            wanted[row.member[row.coef > 0]] = True
            got = lazy_greedy(1, wanted & allowed, first, pairs, weight, state, rules, order[done:])
            if not got:
                break
            done += got
    done += lazy_greedy(limits.sites, allowed, first, pairs, weight, state, rules, order[done:])
    swap_search(allowed, allowed, _near_twice(reach, limits), pairs, weight, state, rules, SWAP_ROUNDS)
    low, high = rules[6], rules[7]
    over = state[0] & (state[2] + 1 > limits.most)
    holds = bool((state[3] >= low - 1e-9).all() and (state[3] <= high + 1e-6).all() and not over.any())
    return _Search(state[0], order[:done], state, holds)


def _near_twice(reach: Reach, limits: Limits) -> tuple[Ints, Small]:
    """For each site those that share a point with it or stand in its circle: whom it may change places with."""
    from scipy.sparse import csr_array  # noqa: PLC0415 - only for searches

    n = limits.sites
    if float(np.square(np.bincount(reach.point, minlength=reach.points)).sum()) > NEAR_PAIRS:
        return limits.near_start, limits.near
    points = csr_array((np.ones(len(reach.point), bool), reach.point, reach.start), shape=(n, reach.points))
    circle = csr_array((np.ones(len(limits.near), bool), limits.near, limits.near_start), shape=(n, n))
    both = ((points @ points.T) + circle).tocsr()
    both.sort_indices()
    return both.indptr.astype(np.int64), both.indices.astype(np.int32)


def _greedy_bound(reach: Reach, weight: Floats, limits: Limits, found: _Search) -> float:
    """What no choice can pass: what a choice covers and the most that single sites could add to it (submodular).

    Taken at the empty choice, at every tenth step of the greedy and at its end; the least holds. With circles and areas
    left out, only how many sites may be chosen is looked at, which can only raise the bound.
    """
    number = min([limits.sites, *(int(r.high) for r in limits.rows if r.key == ("number",) and np.isfinite(r.high))])
    rules, pairs = rules_of(limits), (reach.start, reach.point)
    state = state_of(limits, reach, limits.required)
    free = ~limits.forbidden & ~limits.required
    best = float(weight.sum())
    steps = max(1, len(found.order) // 10)
    ends = [state_of(limits, reach, found.chosen)]
    for at in range(len(found.order) + 1):
        if at % steps == 0 or at == len(found.order):
            best = min(best, _could_add(state, reach, weight, free=free, number=number))
        if at < len(found.order):
            place(int(found.order[at]), 1, pairs, state, rules)
    return min(best, *(_could_add(s, reach, weight, free=free, number=number) for s in ends))


def _could_add(state: State, reach: Reach, weight: Floats, *, free: Flags, number: int) -> float:
    gains = np.empty(len(reach))
    all_gains((reach.start, reach.point), weight, state[1], gains)
    most = np.sort(gains[free])[::-1][:number]
    return float(weight[state[1] > 0].sum() + most.sum())


def _searched_choice(seed: _Search, reach: Reach, weight: Floats, *, bound: float, began: float) -> Choice:
    covered = covered_by(reach, weight, seed.chosen)
    status: Literal["search", "infeasible"] = "search" if seed.holds else "infeasible"
    gap = abs(bound - covered) / max(covered, 1e-9)
    return Choice(seed.chosen, covered, bound, gap, status, time.monotonic() - began, seed.order)


def _choice(solved: Solved, x: Ints, sites: int, began: float) -> Choice:
    chosen = np.zeros(sites, dtype=bool)
    if solved.found:
        chosen = solved.values[x] > 0.5  # noqa: PLR2004 - whole numbers up to the solver's tolerance
    status = solved.status if solved.found else "infeasible" if solved.status == "infeasible" else "time"
    order = np.flatnonzero(chosen)
    return Choice(chosen, solved.objective, solved.bound, solved.gap, status, time.monotonic() - began, order)

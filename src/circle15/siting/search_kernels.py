"""Searches over sites and the points in their reach: arrays in, arrays out, compiled.

A state is (chosen, cover, within, used): which sites are chosen (n), how many of them reach each point (m), how many
others stand within the circle of each site (n), what each area limit holds (r).
Rules are (most, near_start, near, row_start, row, coef, low, high): circle limits with the middle counted, neighbours
of each site, area limits that a site counts in and how much, and what they may hold.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from circle15.measure.compiled import kernel
from circle15.quantities import Flags, Floats, Ints, Small

Whole = int | np.int64

EPS = 1e-9

State = tuple[Flags, Small, Ints, Floats]
Rules = tuple[Floats, Ints, Small, Ints, Small, Floats, Floats, Floats]


@kernel
def place(site: Whole, sign: int, reach: tuple[Ints, Small], state: State, rules: Rules) -> None:
    """Choose a site (sign 1) or give it up (sign −1)."""
    start, point = reach
    chosen, cover, within, used = state
    _, near_start, near, row_start, row, coef, _, _ = rules
    chosen[site] = sign > 0
    for i in range(start[site], start[site + 1]):
        cover[point[i]] += sign
    for i in range(near_start[site], near_start[site + 1]):
        within[near[i]] += sign
    for i in range(row_start[site], row_start[site + 1]):
        used[row[i]] += sign * coef[i]


@kernel
def may_add(site: Whole, state: State, rules: Rules) -> bool:
    """Whether all upper limits still hold with one more site (and lower ones that it would lower, as shares)."""
    chosen, _, within, used = state
    most, near_start, near, row_start, row, coef, low, high = rules
    if within[site] + 1 > most[site]:
        return False
    for i in range(near_start[site], near_start[site + 1]):
        if chosen[near[i]] and within[near[i]] + 2 > most[near[i]]:
            return False
    for i in range(row_start[site], row_start[site + 1]):
        after = used[row[i]] + coef[i]
        if (coef[i] > 0 and after > high[row[i]] + EPS) or (coef[i] < 0 and after < low[row[i]] - EPS):
            return False
    return True


@kernel
def gain_of(site: Whole, alone: int, reach: tuple[Ints, Small], weight: Floats, cover: Small) -> float:
    """Residents in reach of a site that exactly `alone` chosen sites reach: 0 for what it would add, 1 for its loss."""
    start, point = reach
    total = 0.0
    for i in range(start[site], start[site + 1]):
        if cover[point[i]] == alone:
            total += weight[point[i]]
    return total


@kernel
def all_gains(reach: tuple[Ints, Small], weight: Floats, cover: Small, out: Floats) -> None:
    """What every site would add."""
    for s in range(len(reach[0]) - 1):
        out[s] = gain_of(s, 0, reach, weight, cover)


@kernel
def lazy_greedy(
    number: int,
    allowed: Flags,
    rank: Ints,
    reach: tuple[Ints, Small],
    weight: Floats,
    state: State,
    rules: Rules,
    order: Ints,
) -> int:
    """Choose up to `number` more sites, each time the one that adds most (to 1e-6 people; then the lowest rank).

    Gains only fall, so a site whose gain was reckoned earlier is looked at again only when it comes to the front.
    Returns how many were chosen; their order stands in `order`.
    """
    chosen, cover, _, _ = state
    heap = [(0.0, np.int64(0), np.int64(0))]
    heap.clear()
    for s in range(len(allowed)):
        if allowed[s] and not chosen[s]:
            heap.append((-round(gain_of(s, 0, reach, weight, cover), 6), rank[s], np.int64(s)))  # noqa: PERF401
    heapq.heapify(heap)
    done = 0
    while done < number and len(heap) > 0:
        told, own, site = heapq.heappop(heap)
        if not may_add(site, state, rules):
            continue  # upper limits only fill up, so it stays out
        now = -round(gain_of(site, 0, reach, weight, cover), 6)
        if now > told:
            heapq.heappush(heap, (now, own, site))
            continue
        place(site, 1, reach, state, rules)
        order[done] = site
        done += 1
    return done


@kernel
def swap_search(
    free: Flags,
    allowed: Flags,
    near2: tuple[Ints, Small],
    reach: tuple[Ints, Small],
    weight: Floats,
    state: State,
    rules: Rules,
    rounds: int,
) -> int:
    """Exchange a chosen free site for an allowed one nearby while coverage grows; returns the number of exchanges."""
    chosen, cover, _, _ = state
    start2, other = near2
    done = 0
    for _ in range(rounds):
        moved = 0
        for s in range(len(free)):
            if not (chosen[s] and free[s]):
                continue
            loss = gain_of(s, 1, reach, weight, cover)
            place(s, -1, reach, state, rules)
            best, most = s, loss + 1e-6
            for i in range(start2[s], start2[s + 1]):
                t = other[i]
                if t != s and allowed[t] and not chosen[t] and may_add(t, state, rules):
                    gain = gain_of(t, 0, reach, weight, cover)
                    if gain > most and _lows_hold(t, state, rules):
                        best, most = t, gain
            place(best, 1, reach, state, rules)
            if best != s and not _all_rows(state, rules):
                place(best, -1, reach, state, rules)
                place(s, 1, reach, state, rules)
            elif best != s:
                moved += 1
        done += moved
        if moved == 0:
            break
    return done


@kernel
def _lows_hold(site: int, state: State, rules: Rules) -> bool:
    """Whether the lower limits that a site counts in hold once it is chosen."""
    _, _, _, used = state
    _, _, _, row_start, row, coef, low, _ = rules
    for i in range(row_start[site], row_start[site + 1]):
        if used[row[i]] + coef[i] < low[row[i]] - EPS:
            return False
    return True


@kernel
def _all_rows(state: State, rules: Rules) -> bool:
    used, low, high = state[3], rules[6], rules[7]
    for r in range(len(low)):
        if used[r] < low[r] - EPS or used[r] > high[r] + EPS:
            return False
    return True


@kernel
def _two_of(
    p: int, near: tuple[Ints, Small, NDArray[np.float32]], chosen: Flags, far_m: float, first: Small, metres: Floats
) -> None:
    """The nearest two chosen sites of one point; see `nearest_two`."""
    start, site, distance = near
    first[p] = -1
    metres[p, 0] = metres[p, 1] = far_m
    found = 0
    for i in range(start[p], start[p + 1]):
        if chosen[site[i]]:
            metres[p, found] = distance[i]
            if found == 0:
                first[p] = site[i]
            found += 1
            if found == 2:  # noqa: PLR2004 - both found
                break


@kernel
def nearest_two(
    near: tuple[Ints, Small, NDArray[np.float32]], chosen: Flags, far_m: float, first: Small, metres: Floats
) -> None:
    """For every point its nearest chosen site (−1 none) and the distances to the nearest and the second nearest.

    `near` is by point: (start, site, metres), nearest first; where none is told, `far_m` stands for the distance.
    """
    for p in range(len(near[0]) - 1):
        _two_of(p, near, chosen, far_m, first, metres)


@kernel
def _exchange(
    s: int,
    t: int,
    far: tuple[Ints, Small, NDArray[np.float32]],
    weight: Floats,
    first: Small,
    metres: Floats,
    to: Floats,
) -> float:
    """Change of residents × metres to the nearest site when t takes the place of s; `to` (m) is scratch, all inf."""
    start, point, distance = far
    change = 0.0
    for i in range(start[t], start[t + 1]):
        p = point[i]
        to[p] = distance[i]
        if first[p] != s and distance[i] < metres[p, 0]:
            change -= weight[p] * (metres[p, 0] - distance[i])
    for i in range(start[s], start[s + 1]):
        p = point[i]
        if first[p] == s:
            change += weight[p] * (min(metres[p, 1], to[p]) - metres[p, 0])
    for i in range(start[t], start[t + 1]):
        to[point[i]] = np.inf
    return change


@kernel
def _nearest_swap(
    s: int,
    loss: float,
    allowed: Flags,
    near2: tuple[Ints, Small],
    reach: tuple[Ints, Small],
    far: tuple[Ints, Small, NDArray[np.float32]],
    weights: tuple[Floats, Floats],
    first: Small,
    metres: Floats,
    to: Floats,
    state: State,
    rules: Rules,
) -> int:
    """Whoever best takes the place of `s`, already given up: residents nearest, then most under two; `s` if nobody."""
    chosen, cover, _, _ = state
    weight = weights[0]
    best, shift, deeper = s, 0.0, 0.0
    for i in range(near2[0][s], near2[0][s + 1]):
        t = near2[1][i]
        if t == s or not allowed[t] or chosen[t] or not may_add(t, state, rules):
            continue
        if gain_of(t, 0, reach, weight, cover) < loss - 1e-6 or not _lows_hold(t, state, rules):
            continue
        change = _exchange(s, t, far, weights[1], first, metres, to)
        more = gain_of(t, 1, reach, weight, cover) - gain_of(s, 1, reach, weight, cover)
        if change < shift - 1e-3 or (change <= shift + 1e-3 and more > deeper + 1e-6):
            best, shift, deeper = t, change, more
    return best


@kernel
def nearer_search(
    free: Flags,
    allowed: Flags,
    near2: tuple[Ints, Small],
    reach: tuple[Ints, Small],
    far: tuple[Ints, Small, NDArray[np.float32]],
    by_point: tuple[Ints, Small, NDArray[np.float32]],
    weights: tuple[Floats, Floats],
    far_m: float,
    state: State,
    rules: Rules,
    rounds: int,
) -> int:
    """Exchange sites while coverage does not fall and residents come nearer, or as near and under more sites.

    `weights` are the people of the points that `reach` speaks of and of those that `far` and `by_point` speak of.
    """
    chosen, cover, _, _ = state
    weight, m = weights[0], len(weights[1])
    first, metres, to = np.empty(m, np.int32), np.empty((m, 2)), np.full(m, np.inf)
    nearest_two(by_point, chosen, far_m, first, metres)
    done = 0
    for _ in range(rounds):
        moved = 0
        for s in range(len(free)):
            if not (chosen[s] and free[s]):
                continue
            loss = gain_of(s, 1, reach, weight, cover)
            place(s, -1, reach, state, rules)
            best = _nearest_swap(s, loss, allowed, near2, reach, far, weights, first, metres, to, state, rules)
            place(best, 1, reach, state, rules)
            if best != s and not _all_rows(state, rules):
                place(best, -1, reach, state, rules)
                place(s, 1, reach, state, rules)
            elif best != s:
                moved += 1
                _refresh(s, best, far, by_point, chosen, far_m, first, metres)
        done += moved
        if moved == 0:
            break
    return done


@kernel
def _refresh(
    s: int,
    t: int,
    far: tuple[Ints, Small, NDArray[np.float32]],
    by_point: tuple[Ints, Small, NDArray[np.float32]],
    chosen: Flags,
    far_m: float,
    first: Small,
    metres: Floats,
) -> None:
    """Nearest two of the points that either site can be near to."""
    for mover in (s, t):
        for k in range(far[0][mover], far[0][mover + 1]):
            p = far[1][k]
            _two_of(p, by_point, chosen, far_m, first, metres)


# ── prices of a relaxation ────────────────────────────────────


@kernel
def price_sites(pairs: tuple[Ints, Small, Floats], price: Floats, worth: Floats) -> None:
    """What each site is worth where every point pays what it saves there above its own price."""
    start, point, saved = pairs
    for s in range(len(worth)):
        total = 0.0
        for i in range(start[s], start[s + 1]):
            total += max(saved[i] - price[point[i]], 0.0)
        worth[s] = total


@kernel
def price_rest(pairs: tuple[Ints, Small, Floats], price: Floats, share: Floats, rest: Floats) -> None:
    """Take from every point the shares of the sites that it would pay: what is left over or paid more than once."""
    start, point, saved = pairs
    for s in range(len(share)):
        if share[s] > EPS:
            for i in range(start[s], start[s + 1]):
                if saved[i] > price[point[i]]:
                    rest[point[i]] -= share[s]

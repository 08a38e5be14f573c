"""When who leaves and who comes in 分步安排: exits that cost least first, entries as soon as exits have made room.

An entry comes in with the first step after whose exits every upper limit that it counts in holds with it; never before
the exits that pay for it. Where a plan lets only the year before pay (当年释放、次年纳入), an entry waits for the step
after, whole entries are counted year by year, and one step of entries alone may follow the last exits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circle15.quantities import Flags, Floats, Ints
from circle15.siting.limits import Limits, rules_of, state_of
from circle15.siting.search_kernels import may_add, place
from circle15.siting.ties import Scores, rank_of

if TYPE_CHECKING:
    from circle15.siting.caps import Cap
    from circle15.siting.field import Field


@dataclass(frozen=True)
class Schedule:
    """Who leaves and who comes in, and with which step (from 1).

    Parameters
    ----------
    exits, lost, exit_step
        Positions of the sites that leave, in order; residents whom each leaves uncovered, entries being in place; step.
    entries, entry_step
        Positions of the added sites, by step.
    waiting
        Sites that were chosen and find no place in any step.
    steps
        Steps in which somebody leaves.
    """

    exits: Ints
    lost: Floats
    exit_step: Ints
    entries: Ints
    entry_step: Ints
    waiting: Ints
    steps: int

    @property
    def last(self) -> int:
        """The last step in which anything happens; never before the last that was asked for."""
        return max(self.steps, int(self.entry_step.max(initial=0)))

    def standing(self, field: Field, step: int) -> Flags:
        """Which sites (n,) stand after a step; today's with step 0."""
        stands = ~field.new
        stands[self.exits[self.exit_step <= step]] = False
        stands[self.entries[self.entry_step <= step]] = True
        return stands

    def with_entries(self, step: Mapping[int, int]) -> Schedule:
        """The same with these entries (position to step) alone."""
        entries = np.array(sorted(step, key=lambda s: (step[s], s)), dtype=np.int64)
        return replace(self, entries=entries, entry_step=np.array([step[int(s)] for s in entries], dtype=np.int64))


def schedule(field: Field, limits: Limits, chosen: Flags, *, steps: int, scores: Scores | None) -> Schedule:
    """Share exits out over the steps and let entries in as they make room; `limits` are those of the choice."""
    exits, lost = exit_order(field, chosen, scores)
    exit_step = step_of(len(exits), steps)
    came = dict(_entries(field, limits, chosen, (exits, exit_step), steps))
    waiting = np.setdiff1d(np.flatnonzero(chosen & field.new), list(came)).astype(np.int64)
    nobody = np.empty(0, dtype=np.int64)
    return Schedule(exits, lost, exit_step, nobody, nobody, waiting, steps).with_entries(came)


def exit_order(field: Field, chosen: Flags, scores: Scores | None) -> tuple[Ints, Floats]:
    """Exits in order and the residents whom each leaves uncovered: always the one that costs least next.

    Between equal losses (to a tenth of a resident) the scores decide, then the id. Added sites count as standing.
    """
    reach, people = field.reach, field.demand.residents
    leaving = np.flatnonzero(~chosen & ~field.new)
    cover = np.bincount(reach.point[(chosen | ~field.new)[reach.site]], minlength=reach.points)
    worst = rank_of(field, scores)
    worse = {int(s): (-int(worst[s]), field.ids[s]) for s in leaving}

    def loss(site: int) -> float:
        points = reach.of(site)
        return float(people[points[cover[points] == 1]].sum())

    heap = [(round(loss(int(s)), 1), *worse[int(s)], int(s)) for s in leaving]
    heapq.heapify(heap)
    order, lost = [], []
    while heap:
        told, *_, site = heapq.heappop(heap)
        now = loss(site)
        if round(now, 1) > told:  # losses only grow as others leave
            heapq.heappush(heap, (round(now, 1), *worse[site], site))
            continue
        cover[reach.of(site)] -= 1
        order.append(site)
        lost.append(now)
    return np.array(order, dtype=np.int64), np.array(lost)


def step_of(number: int, steps: int) -> Ints:
    """Step (from 1) of each of `number` exits, shared out evenly, earlier steps first."""
    return np.arange(number, dtype=np.int64) * steps // max(number, 1) + 1


def by_gain(field: Field, chosen: Flags) -> Iterator[tuple[int, float]]:
    """Added sites and the residents whom each newly covers beside who stays and those before it, the most first."""
    at = [int(s) for s in np.flatnonzero(chosen & field.new)]
    cover = np.bincount(field.reach.point[(chosen & ~field.new)[field.reach.site]], minlength=field.reach.points)
    while at:
        gains = [float(field.demand.residents[p[cover[p] == 0]].sum()) for p in map(field.reach.of, at)]
        best = int(np.argmax(np.round(gains, 6)))
        yield at[best], gains[best]
        cover[field.reach.of(at.pop(best))] += 1


def _entries(
    field: Field, limits: Limits, chosen: Flags, leaving: tuple[Ints, Ints], steps: int
) -> Iterator[tuple[int, int]]:
    """Each entry and its step."""
    exits, exit_step = leaving
    rules, pairs = rules_of(limits), (field.reach.start, field.reach.point)
    state = state_of(limits, field.reach, ~field.new)
    left = [s for s, _ in by_gain(field, chosen)]
    yearly = [c for c in field.caps.areas if c.yearly]
    for step in range(1, steps + 1 + bool(yearly)):
        for site in exits[exit_step == step]:
            place(int(site), -1, pairs, state, rules)
        room = [_paid(cap, exits[exit_step == step - 1], first=step == 1) for cap in yearly]
        came = []
        for site in left:
            takes = [_amount(cap, site) for cap in yearly]
            if may_add(site, state, rules) and all(t <= r + 1e-9 for t, r in zip(takes, room, strict=True)):
                place(site, 1, pairs, state, rules)
                room = [r - t for t, r in zip(takes, room, strict=True)]
                came.append(site)
                yield site, step
        left = [s for s in left if s not in came]


def _paid(cap: Cap, gone: Sequence[int] | Ints, *, first: bool) -> float:
    """What exits of the year before pay for in a place, in whole entries; in the first year those of the ledger."""
    freed = cap.outside if first else float(cap.row.coef[np.isin(cap.row.member, gone)].sum())
    return float(np.floor(freed + 1e-9))


def _amount(cap: Cap, site: int) -> float:
    return float(cap.row.coef[cap.row.member == site].sum())

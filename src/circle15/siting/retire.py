"""Which to let lapse 退出方案: all caps hold (or as many as can), coverage suffers least, in yearly steps.

Exits are those institutions that a best set leaves out. Each is told with the clauses that keep it out (what would
break if it stayed), the residents who lose with it in the order of the steps, and the institution that is then nearest.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle15.project.metric import nearest
from circle15.siting.choose import Aim, Chosen, choose, filled, with_number, with_release
from circle15.siting.cover import max_cover
from circle15.siting.field import Field, limits_of, locked
from circle15.siting.recheck import Recheck, recheck
from circle15.siting.settle import Key, blocking, colliding, settle
from circle15.siting.tables import alternatives_of, beside, coverage_change, entries_of, losers, measured
from circle15.siting.ties import Scores, Tie, break_ties, rank_of

if TYPE_CHECKING:
    from circle15.siting.cover import Choice, Method
    from circle15.siting.kernels import Flags, Floats, Ints
    from circle15.siting.limits import Limits
    from circle15.siting.solve import Watch

LEAST_SHARE = 0.95


@dataclass(frozen=True)
class ExitPlan:
    """A plan of exits, and of entries where places to add were asked for.

    Parameters
    ----------
    field, chosen
        What it was made on; the sites that stand at the end.
    found
        How the choice was found: objective, proven bound, gap.
    entered
        How the entries were found, where they were chosen after the exits: residents newly covered, bound, gap.
    exits
        One row an exit in order: order, step, id, name, places, residents_lost (who lose their last one within the
        radius with this exit), nearest_id, nearest_name, nearest_m (to what then stands nearest to it), rules, clauses.
    entries
        One row an added site: step, id, lon, lat, places, residents_gained.
    steps
        One row a step: exits, entries, standing, covered and share as in `coverage`.
    coverage
        One row a place: residents, covered and share before and after (exact area; on foot where the field is).
    straight
        The same by straight distance where the field is on foot; no row otherwise.
    losers
        One row a township: residents who lose, metres to the nearest before and after (mean, and the farthest after).
    ties
        Exchanges that data decided.
    locked
        Institutions that stay and why.
    recheck
        What the judge says of the end.
    unhelped
        Limits that those who stay exceed by themselves: key to their ids.
    collisions
        Where limits cannot all hold: sets of keys that collide.
    alternatives
        Further plans: exits, covered, how many exits differ.
    """

    field: Field
    chosen: Flags
    found: Chosen
    entered: Choice | None
    exits: pd.DataFrame
    entries: pd.DataFrame
    steps: pd.DataFrame
    coverage: pd.DataFrame
    losers: pd.DataFrame
    ties: tuple[Tie, ...]
    locked: Mapping[str, str]
    recheck: Recheck
    unhelped: Mapping[Key, tuple[str, ...]]
    collisions: tuple[tuple[Key, ...], ...]
    alternatives: pd.DataFrame
    straight: pd.DataFrame


def plan_exits(
    field: Field, *, keep: Sequence[str] = (), aim: Aim = "coverage", least_share: float = LEAST_SHARE,
    steps: int = 1, additions: int = 0, release: float | None = None, displace: bool = False,
    scores: Scores | None = None, aside: Sequence[str] = (), gap: float = 1e-3, seconds: float = 45.0,
    method: Method = "auto", plans: int = 0,
    watch: Watch | None = None,
) -> ExitPlan:  # fmt: skip
    """Plan which institutions leave, and where new ones come in.

    Parameters
    ----------
    field
        From `lay_out(..., leaving=True)`, with candidates where `additions` is above zero.
    keep
        Ids that stay.
    aim, least_share
        "coverage" loses least; "fewest" lets fewest leave while `least_share` of the residents (or today's, if lower)
        stay covered.
    steps
        Number of steps (years); exits are shared out evenly, those that cost least first.
    additions, release
        Most sites to add, and besides at most this many for each exit; the plan's own swaps bind in any case.
    displace
        Whether entries may also make an institution leave that could otherwise stay. Where not, exits are settled
        first, each forced by a limit, and entries take the places that are left; where so, both are one choice.
    scores
        Data that decides between institutions that serve alike.
    """
    stay = locked(field, keep=keep)
    required = np.zeros(len(field.sites), dtype=bool)
    required[list(stay)] = True
    limits = limits_of(field, required=required, forbidden=~required & False if displace else field.new)
    if displace:
        limits = _allowing(limits, field, additions, release)
    today = ~field.new
    target = min(least_share, _share(field, today)) * float(field.demand.residents.sum())
    found = choose(
        field, limits, aim=aim, least=target - 1e-3, gap=gap, seconds=seconds, method=method,
        rank=rank_of(field, scores), watch=watch,
    )  # fmt: skip
    kept, ties = break_ties(field, found.settled.limits, found.chosen, scores)
    chosen = filled(field, found.settled.limits, kept, rank_of(field, scores))
    entered = None
    if additions and not displace:
        entered = _entered(field, chosen, additions=additions, release=release, gap=gap, seconds=seconds, method=method)
        chosen = entered.chosen
    order = exit_order(field, chosen, scores)
    exits, entries = (
        _exits(field, chosen if displace else chosen & ~field.new, order, found, steps),
        entries_of(field, chosen, steps),
    )
    collisions = (colliding(limits),) if found.settled.given_up else ()
    return ExitPlan(
        field, chosen, found, entered, exits, entries,
        _steps(field, chosen, order, steps), coverage_change(field, chosen),
        losers(field, chosen), ties, {field.ids[p]: why for p, why in stay.items()},
        recheck(field, chosen, aside=frozenset(aside)), _unhelped(field, required), collisions,
        alternatives_of(field, found.settled.limits, chosen, plans, gap=gap, seconds=seconds),
        beside(field, chosen),
    )  # fmt: skip


def _allowing(limits: Limits, field: Field, additions: int, release: float | None) -> Limits:
    """Limits with so many entries, in all and for each exit."""
    counted = with_number(limits, field, additions)
    return counted if release is None else with_release(counted, field, release)


def _entered(
    field: Field, stands: Flags, *, additions: int, release: float | None, gap: float, seconds: float, method: Method
) -> Choice:
    """Entries where everybody who stays is settled: most residents newly covered, empty places first."""
    limits = limits_of(field, required=stands, forbidden=~stands & ~field.new)
    settled = settle(_allowing(limits, field, additions, release)).limits
    reach = field.reach
    had = np.bincount(reach.point[stands[reach.site]], minlength=reach.points) > 0
    return max_cover(
        reach, np.where(had, 0.0, field.demand.residents), settled, method=method, gap=gap, seconds=seconds
    )  # fmt: skip


def _unhelped(field: Field, required: Flags) -> dict[Key, tuple[str, ...]]:
    """Upper limits that the required sites exceed whatever leaves, and which these are."""
    found: dict[Key, tuple[str, ...]] = {}
    for cap in field.caps.areas:
        must = cap.row.member[required[cap.row.member]]
        if cap.kind == "max" and cap.row.coef[required[cap.row.member]].sum() > cap.row.high + 1e-6:
            found[cap.row.key] = tuple(field.ids[int(s)] for s in must)
    for site in np.flatnonzero(required):
        own = field.near[field.near_start[site] : field.near_start[site + 1]]
        beside = own[required[own]]
        if len(beside) + 1 > field.caps.circle_most[site]:
            found["circle", field.ids[int(site)]] = tuple(field.ids[int(s)] for s in np.sort(beside))
    return found


def _share(field: Field, chosen: Flags) -> float:
    hit = np.bincount(field.reach.point[chosen[field.reach.site]], minlength=field.reach.points) > 0
    return float(field.demand.residents[hit].sum() / max(field.demand.residents.sum(), 1e-9))


# ── order ─────────────────────────────────────────────────────


def exit_order(field: Field, chosen: Flags, scores: Scores | None) -> tuple[Ints, Floats]:
    """Exits in order and the residents whom each leaves uncovered: always the one that costs least next.

    Between equal losses (to a tenth of a resident) the scores decide, then the id. Added sites stand from the start.
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


# ── tables ────────────────────────────────────────────────────


def _exits(field: Field, chosen: Flags, order: tuple[Ints, Floats], found: Chosen, steps: int) -> pd.DataFrame:
    at, lost = order
    table = pd.DataFrame(field.sites.drop(columns="geometry")).iloc[at].reset_index(drop=True)
    nearest, metres = _nearest_kept(field, at, chosen)
    reasons = [_reasons(field, blocking(found.settled.limits, chosen, int(s))) for s in at]
    names = field.sites["name"].astype(str).to_numpy()
    return pd.DataFrame(
        {
            "order": np.arange(1, len(at) + 1), "step": step_of(len(at), steps), "id": table["id"],
            "name": table["name"],
            "district_name": table["district_name"], "township_name": table["township_name"],
            "residents_lost": lost, "others_within": table["others_within"], "circle_limit": table["circle_limit"],
            "nearest_id": [field.ids[n] if n >= 0 else "" for n in nearest],
            "nearest_name": [names[n] if n >= 0 else "" for n in nearest], "nearest_m": metres,
            "rules": [";".join(r) for r, _ in reasons], "clauses": [";".join(c) for _, c in reasons],
            "lon": field.sites.geometry.x.to_numpy()[at], "lat": field.sites.geometry.y.to_numpy()[at],
        }
    )  # fmt: skip


def _reasons(field: Field, keys: Sequence[Key]) -> tuple[list[str], list[str]]:
    """Rules that keep a site out, and their clauses; "" where only the choice itself does (it would hold)."""
    rules: dict[str, str] = {}
    clause = {r.id: r.clause for r in field.plan.rules}
    for key in keys:
        rule = field.caps.circle_rule[int(key[1])] if key[0] == "circle" else key[0]
        if rule in clause:
            rules[rule] = clause[rule]
    return list(rules), list(dict.fromkeys(rules.values()))


def _nearest_kept(field: Field, at: Ints, chosen: Flags) -> tuple[Ints, Floats]:
    kept = np.flatnonzero(chosen)
    lon, lat = field.sites.geometry.x.to_numpy(), field.sites.geometry.y.to_numpy()
    j, metres = nearest(lon[at], lat[at], lon[kept], lat[kept])
    return np.where(j >= 0, np.append(kept, -1)[j], -1), np.where(np.isfinite(metres), metres, np.nan)


def _steps(field: Field, chosen: Flags, order: tuple[Ints, Floats], steps: int) -> pd.DataFrame:
    at, step = order[0], step_of(len(order[0]), steps)
    standing = ~field.new
    rows = []
    for number in range(steps + 1):
        leaving = at[step == number]
        standing = standing.copy()
        standing[leaving] = False
        entries = np.flatnonzero(chosen & field.new) if number == steps else np.empty(0, dtype=np.int64)
        standing[entries] = True
        table = measured(field, standing, levels=("city", "district"))
        top = table[table["level"] == table["level"].iloc[0]]
        rows.append({
            "step": number, "exits": len(leaving), "entries": len(entries), "standing": int(standing.sum()),
            "residents": top["residents"].sum(), "covered": top["covered"].sum(),
            "share": top["covered"].sum() / top["residents"].sum(), "depth_2": top[["depth_2", "depth_3"]].sum().sum(),
        })  # fmt: skip
    return pd.DataFrame(rows)

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

from circle15.measure.coverage import measure_coverage
from circle15.measure.pieces import locate
from circle15.project.metric import nearest
from circle15.siting.choose import Aim, Chosen, choose, near_best, with_number, with_release
from circle15.siting.field import Field, limits_of, locked
from circle15.siting.recheck import Recheck, planned_city, recheck
from circle15.siting.settle import Key, blocking, colliding
from circle15.siting.ties import Scores, Tie, break_ties, rank_of

if TYPE_CHECKING:
    from circle15.siting.cover import Method
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
    exits
        One row an exit in order: order, step, id, name, places, residents_lost (who lose their last one within the
        radius with this exit), nearest_id, nearest_name, nearest_m (to what then stands nearest to it), rules, clauses.
    entries
        One row an added site: step, id, lon, lat, places, residents_gained.
    steps
        One row a step: exits, entries, standing, covered and share by exact area.
    coverage
        One row a place: residents, covered and share before and after (exact area).
    losers
        One row a township: residents who lose, metres to the nearest before and after (mean, and the farthest after).
    ties
        Exchanges that data decided.
    locked
        Institutions that stay and why.
    recheck
        What the judge says of the end.
    collisions
        Where limits cannot all hold: sets of keys that collide.
    alternatives
        Further plans: exits, covered, how many exits differ.
    """

    field: Field
    chosen: Flags
    found: Chosen
    exits: pd.DataFrame
    entries: pd.DataFrame
    steps: pd.DataFrame
    coverage: pd.DataFrame
    losers: pd.DataFrame
    ties: tuple[Tie, ...]
    locked: Mapping[str, str]
    recheck: Recheck
    collisions: tuple[tuple[Key, ...], ...]
    alternatives: pd.DataFrame


def plan_exits(
    field: Field, *, keep: Sequence[str] = (), aim: Aim = "coverage", least_share: float = LEAST_SHARE,
    steps: int = 1, additions: int = 0, release: float | None = None, scores: Scores | None = None,
    aside: Sequence[str] = (), gap: float = 1e-3, seconds: float = 45.0, method: Method = "auto", plans: int = 0,
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
    scores
        Data that decides between institutions that serve alike.
    """
    stay = locked(field, keep=keep)
    required = np.zeros(len(field.sites), dtype=bool)
    required[list(stay)] = True
    limits = limits_of(field, required=required, forbidden=field.new if additions == 0 else ~required & False)
    if additions:
        limits = with_number(limits, field, additions)
        limits = limits if release is None else with_release(limits, field, release)
    today = ~field.new
    target = min(least_share, _share(field, today)) * float(field.demand.residents.sum())
    found = choose(
        field, limits, aim=aim, least=target - 1e-3, gap=gap, seconds=seconds, method=method,
        rank=rank_of(field, scores), watch=watch,
    )  # fmt: skip
    chosen, ties = break_ties(field, found.settled.limits, found.chosen, scores)
    order = exit_order(field, chosen, scores)
    exits, entries = _exits(field, chosen, order, found, steps), _entries(field, chosen, steps)
    collisions = (colliding(limits),) if found.settled.given_up else ()
    return ExitPlan(
        field, chosen, found, exits, entries, _steps(field, chosen, order, steps), _coverage(field, chosen),
        _losers(field, chosen), ties, {field.ids[p]: why for p, why in stay.items()},
        recheck(field, chosen, aside=frozenset(aside)), collisions,
        _alternatives(field, found.settled.limits, chosen, plans, gap=gap, seconds=seconds),
    )  # fmt: skip


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


def _entries(field: Field, chosen: Flags, steps: int) -> pd.DataFrame:
    """Added sites, that which adds most first; they come in with the last step, when all caps hold."""
    at = [int(s) for s in np.flatnonzero(chosen & field.new)]
    cover = np.bincount(field.reach.point[(chosen & ~field.new)[field.reach.site]], minlength=field.reach.points)
    gained: list[tuple[int, float]] = []
    while at:
        gains = [float(field.demand.residents[p[cover[p] == 0]].sum()) for p in map(field.reach.of, at)]
        best = int(np.argmax(np.round(gains, 6)))
        gained.append((at[best], gains[best]))
        cover[field.reach.of(at.pop(best))] += 1
    picked = [s for s, _ in gained]
    table = pd.DataFrame(field.sites.drop(columns="geometry")).iloc[picked].reset_index(drop=True)
    points = field.sites.geometry.iloc[picked]
    return pd.DataFrame(
        {
            "order": np.arange(1, len(picked) + 1), "step": np.full(len(picked), steps), "id": table["id"],
            "name": table["name"], "district_name": table["district_name"], "township_name": table["township_name"],
            "residents_gained": [g for _, g in gained], "lon": points.x.to_numpy(), "lat": points.y.to_numpy(),
        }
    )  # fmt: skip


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
        table = _measured(field, standing, levels=("city", "district"))
        top = table[table["level"] == table["level"].iloc[0]]
        rows.append({
            "step": number, "exits": len(leaving), "entries": len(entries), "standing": int(standing.sum()),
            "residents": top["residents"].sum(), "covered": top["covered"].sum(),
            "share": top["covered"].sum() / top["residents"].sum(), "depth_2": top[["depth_2", "depth_3"]].sum().sum(),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _measured(field: Field, standing: Flags, *, levels: Sequence[str]) -> pd.DataFrame:
    """Coverage by exact area with some sites standing; places of the first level that the city has, or of all."""
    places = field.ready.city.places
    at_hand = [level for level in levels if (places["level"] == level).any()]
    kept = places[places["level"].isin(at_hand)]
    city = planned_city(field, standing)
    table = measure_coverage(
        city.population, city.institutions, kept, radius_m=field.radius_m, services=[field.service]
    )  # fmt: skip
    rank = {level: n for n, level in enumerate(at_hand)}
    return table.sort_values("level", key=lambda c: c.map(rank), kind="stable").reset_index(drop=True)


def _coverage(field: Field, chosen: Flags) -> pd.DataFrame:
    levels = ("city", "district", "township")
    before, after = (_measured(field, s, levels=levels) for s in (~field.new, chosen))
    table = before[["place_id", "name", "level", "parent", "residents"]].copy()
    for name, held in (("before", before), ("after", after)):
        table[f"institutions_{name}"] = held["institutions"]
        table[f"covered_{name}"], table[f"share_{name}"] = held["covered"], held["share"]
        table[f"depth_2_{name}"] = held["depth_2"] + held["depth_3"]
    table["change"] = table["covered_after"] - table["covered_before"]
    return table


def _losers(field: Field, chosen: Flags) -> pd.DataFrame:
    """Residents who have one within the radius today and none at the end, by township."""
    reach = field.reach
    had, has = (np.bincount(reach.point[s[reach.site]], minlength=reach.points) > 0 for s in (~field.new, chosen))
    lost = np.flatnonzero(had & ~has)
    before, after = _away_m(field, lost, ~field.new), _away_m(field, lost, chosen)
    places = field.ready.city.places
    townships = places[places["level"] == "township"]
    held = townships if len(townships) else places[places["level"] == "district"]
    at = locate(field.demand.lon[lost], field.demand.lat[lost], held)
    table = pd.DataFrame({
        "place": at, "residents": field.demand.residents[lost], "before_m": before, "after_m": after,
    })  # fmt: skip
    rows = []
    for place, part in table[table["place"] >= 0].groupby("place"):
        weight = part["residents"].to_numpy()
        row = held.iloc[int(str(place))]
        rows.append({
            "place_id": row["id"], "name": row["name"], "residents_lost": weight.sum(),
            "before_m": float(np.average(part["before_m"], weights=weight)),
            "after_m": float(np.average(part["after_m"], weights=weight)), "farthest_m": float(part["after_m"].max()),
        })  # fmt: skip
    columns = ["place_id", "name", "residents_lost", "before_m", "after_m", "farthest_m"]
    return pd.DataFrame(rows, columns=columns).sort_values("residents_lost", ascending=False).reset_index(drop=True)


def _away_m(field: Field, points: Ints, chosen: Flags) -> Floats:
    sites = field.sites.geometry[chosen]
    demand = field.demand
    return nearest(demand.lon[points], demand.lat[points], sites.x.to_numpy(), sites.y.to_numpy())[1]


def _alternatives(
    field: Field, limits: Limits, chosen: Flags, plans: int, *, gap: float, seconds: float
) -> pd.DataFrame:
    rows = []
    apart = max(2, round(0.05 * int((~chosen & ~field.new).sum())))
    for number, other in enumerate(
        near_best(field, limits, chosen, plans=plans, apart=apart, gap=gap, seconds=seconds) if plans else (), start=1
    ):
        rows.append({
            "plan": number, "exits": int((~other.chosen & ~field.new).sum()), "covered": other.objective,
            "differ": int((other.chosen != chosen).sum()), "gap": other.gap,
            "out": ";".join(np.array(field.ids)[~other.chosen & chosen]),
            "in": ";".join(np.array(field.ids)[other.chosen & ~chosen]),
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["plan", "exits", "covered", "differ", "gap", "out", "in"])

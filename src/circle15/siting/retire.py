"""Which to let lapse 退出方案: all caps hold (or as many as can), coverage suffers least, in yearly steps.

Exits are those institutions that a best set leaves out. Each is told with the clauses that keep it out (what would
break if it stayed), the residents who lose with it in the order of the steps, and the institution that is then nearest.
Entries come in as exits make room for them; every step is judged as a city of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle15.project.metric import nearest
from circle15.siting.choose import Aim, Chosen, choose, filled, with_number, with_release
from circle15.siting.cover import max_cover
from circle15.siting.field import Field, limits_of, locked
from circle15.siting.near import far_of, nearness
from circle15.siting.recheck import Recheck, recheck_steps, rehearse, rules_against
from circle15.siting.schedule import schedule
from circle15.siting.settle import Key, blocking, colliding, settle
from circle15.siting.short import left_out, without_idle
from circle15.siting.tables import alternatives_of, beside, coverage_change, entries_of, losers, measured
from circle15.siting.ties import Scores, Tie, break_ties, rank_of

if TYPE_CHECKING:
    from circle15.quantities import Flags, Floats, Ints
    from circle15.siting.cover import Choice, Method
    from circle15.siting.limits import Limits
    from circle15.siting.near import Far, Nearness
    from circle15.siting.schedule import Schedule
    from circle15.siting.solve import Watch

LEAST_SHARE = 0.95
MOST_ROUNDS = 6


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
    nearness
        Distance and depth today and once exits are settled (entries not yet counted, where they come after), bounds.
    exits
        One row an exit in order: order, step, id, name, places, residents_lost (who lose their last one within the
        radius with this exit), nearest_id, nearest_name, nearest_m (to what then stands nearest to it), rules, clauses.
    entries
        One row an added site: step, id, lon, lat, places, residents_gained, conclusion and rules (the judge's, in the
        step that it comes in with).
    steps
        One row a step: exits, entries, standing, covered and share as in `coverage`, and how many limits are still
        broken, and broken more than today, as the judge finds them then.
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
    refused
        Candidates that the judge refused: id to the rules that decide.
    left_out
        How many candidates each reason keeps out (short.py), where places to add were asked for.
    waiting
        Sites that were chosen, and that no step had a place for.
    additions
        How many entries were asked for at most.
    """

    field: Field
    chosen: Flags
    found: Chosen
    entered: Choice | None
    nearness: Nearness
    exits: pd.DataFrame
    entries: pd.DataFrame
    steps: pd.DataFrame
    coverage: pd.DataFrame
    straight: pd.DataFrame
    losers: pd.DataFrame
    ties: tuple[Tie, ...]
    locked: Mapping[str, str]
    recheck: Recheck
    unhelped: Mapping[Key, tuple[str, ...]]
    collisions: tuple[tuple[Key, ...], ...]
    alternatives: pd.DataFrame
    refused: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int]
    waiting: tuple[str, ...]
    additions: int


def plan_exits(
    field: Field,
    *,
    keep: Sequence[str] = (),
    aim: Aim = "coverage",
    least_share: float = LEAST_SHARE,
    steps: int = 1,
    additions: int = 0,
    release: float | None = None,
    displace: bool = False,
    scores: Scores | None = None,
    aside: Sequence[str] = (),
    gap: float = 1e-4,
    seconds: float = 45.0,
    method: Method = "auto",
    plans: int = 0,
    watch: Watch | None = None,
) -> ExitPlan:
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
        Number of steps (years); exits are shared out evenly, those that cost least first, and entries come in as soon
        as exits have made room (schedule.py).
    additions, release
        Maximum number of additions, and maximum additions for each exit; the plan's own swaps bind in any case.
    displace
        Whether entries may also make an institution leave that could otherwise stay. Where not, exits are settled
        first, each forced by a limit, and entries take the places that are left; where so, both are one choice.
    scores
        Data that decides between institutions that serve alike.
    aside, gap, seconds, method, plans, watch
        As in `add.plan_additions`.
    """
    asked = _Asked(field, aim, least_share, additions, release, displace, scores, gap, seconds, method, watch)
    stay, far, bar = locked(field, keep=keep), far_of(field), frozenset(aside)
    required, out = (np.zeros(len(field.sites), dtype=bool) for _ in range(2))
    required[list(stay)] = True
    refused: dict[str, tuple[str, ...]] = {}
    settled = asked.exits(required, out, far)
    for _ in range(MOST_ROUNDS):
        limits, chosen, entered = asked.entries(settled, out)
        plan, verdicts, no = rehearse(field, schedule(field, limits, chosen, steps=steps, scores=scores), aside=bar)
        if not no:
            break
        refused |= {i: rules_against(verdicts[i], bar) for i in no}
        out[field.positions(sorted(no))] = True
        settled = asked.exits(required, out, far) if displace else settled
    found, chosen = settled.found, plan.standing(field, plan.last)
    checks = recheck_steps(field, plan, verdicts, aside=bar)
    short = left_out(field, limits, chosen, refused) if additions else {}
    limits, coverage = found.settled.limits, coverage_change(field, chosen)
    return ExitPlan(
        field=field,
        chosen=chosen,
        found=found,
        entered=entered,
        nearness=nearness(field, limits, settled.kept, far, end=chosen, seconds=seconds),
        exits=_exits(field, chosen if displace else settled.kept, plan, found),
        entries=entries_of(field, chosen, plan, verdicts, bar),
        steps=_steps(field, plan, checks),
        coverage=coverage,
        straight=beside(field, chosen),
        losers=losers(field, chosen, coverage),
        ties=settled.ties,
        locked={field.ids[p]: why for p, why in stay.items()},
        recheck=checks[-1],
        unhelped=_unhelped(field, required),
        collisions=settled.collisions,
        alternatives=alternatives_of(field, limits, chosen, plans, gap=gap, seconds=seconds),
        refused=refused,
        left_out=short,
        waiting=tuple(field.ids[int(s)] for s in plan.waiting),
        additions=additions,
    )


@dataclass(frozen=True)
class _Exits:
    """Who stays, before entries that come after; how that was found."""

    found: Chosen
    kept: Flags
    ties: tuple[Tie, ...]
    collisions: tuple[tuple[Key, ...], ...]


@dataclass(frozen=True)
class _Asked:
    """One question, asked again with fewer candidates where the judge refuses some."""

    field: Field
    aim: Aim
    least_share: float
    additions: int
    release: float | None
    displace: bool
    scores: Scores | None
    gap: float
    seconds: float
    method: Method
    watch: Watch | None

    def exits(self, required: Flags, out: Flags, far: Far) -> _Exits:
        """Who stays; with entries among them where they may displace."""
        field, rank = self.field, rank_of(self.field, self.scores)
        limits = limits_of(field, required=required, forbidden=out if self.displace else field.new)
        limits = self._allowing(limits) if self.displace else limits
        target = min(self.least_share, _share(field, ~field.new)) * float(field.demand.residents.sum())
        found = choose(
            field,
            limits,
            far,
            aim=self.aim,
            least=target - 1e-3,
            gap=self.gap,
            seconds=self.seconds,
            method=self.method,
            rank=rank,
            watch=self.watch,
        )
        kept, ties = break_ties(field, found.settled.limits, found.chosen, self.scores)
        kept = filled(field, found.settled.limits, kept, rank)
        return _Exits(found, kept, ties, (colliding(limits),) if found.settled.given_up else ())

    def entries(self, exits: _Exits, out: Flags) -> tuple[Limits, Flags, Choice | None]:
        """Who stands with entries, and the limits that they are held to; most residents newly covered."""
        field, stands = self.field, exits.kept
        if not self.additions or self.displace:
            return exits.found.settled.limits, stands, None
        limits = limits_of(field, required=stands, forbidden=out | (~stands & ~field.new))
        settled = settle(self._allowing(limits)).limits
        had = np.bincount(field.reach.point[stands[field.reach.site]], minlength=field.reach.points) > 0
        found = max_cover(
            field.reach,
            np.where(had, 0.0, field.demand.residents),
            settled,
            method=self.method,
            gap=self.gap,
            seconds=self.seconds,
        )
        return settled, without_idle(field, settled, found.chosen) if found.chosen.any() else stands, found

    def _allowing(self, limits: Limits) -> Limits:
        """Limits with so many entries, in all and for each exit."""
        counted = with_number(limits, self.field, self.additions)
        return counted if self.release is None else with_release(counted, self.field, self.release)


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


# ── tables ────────────────────────────────────────────────────


def _exits(field: Field, chosen: Flags, plan: Schedule, found: Chosen) -> pd.DataFrame:
    at = plan.exits
    table = pd.DataFrame(field.sites.drop(columns="geometry")).iloc[at].reset_index(drop=True)
    nearest, metres = _nearest_kept(field, at, chosen)
    reasons = [_reasons(field, blocking(found.settled.limits, chosen, int(s))) for s in at]
    names = field.sites["name"].astype(str).to_numpy()
    return pd.DataFrame(
        {
            "order": np.arange(1, len(at) + 1),
            "step": plan.exit_step,
            "id": table["id"],
            "name": table["name"],
            "district_name": table["district_name"],
            "township_name": table["township_name"],
            "residents_lost": plan.lost,
            "others_within": table["others_within"],
            "circle_limit": table["circle_limit"],
            "nearest_id": [field.ids[n] if n >= 0 else "" for n in nearest],
            "nearest_name": [names[n] if n >= 0 else "" for n in nearest],
            "nearest_m": metres,
            "rules": [";".join(r) for r, _ in reasons],
            "clauses": [";".join(c) for _, c in reasons],
            "lon": field.sites.geometry.x.to_numpy()[at],
            "lat": field.sites.geometry.y.to_numpy()[at],
        }
    )


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


def _steps(field: Field, plan: Schedule, checks: Sequence[Recheck]) -> pd.DataFrame:
    rows = []
    for number in range(plan.last + 1):
        standing = plan.standing(field, number)
        table = measured(field, standing, levels=("city", "district"))
        top = table[table["level"] == table["level"].iloc[0]]
        broken = checks[number - 1].remaining if number else checks[0].today
        rows.append(
            {
                "step": number,
                "exits": int((plan.exit_step == number).sum()),
                "entries": int((plan.entry_step == number).sum()),
                "standing": int(standing.sum()),
                "residents": top["residents"].sum(),
                "covered": top["covered"].sum(),
                "share": top["covered"].sum() / top["residents"].sum(),
                "depth_2": top[["depth_2", "depth_3"]].sum().sum(),
                "broken": len(broken),
                "worse": len(checks[number - 1].new) if number else 0,
            }
        )
    return pd.DataFrame(rows)

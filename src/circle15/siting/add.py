"""Where to add 选址建议: most residents newly covered, fewest sites for a share, or residents nearest, under the caps.

All institutions stand. A set is proposed only when the judge lets every one of its sites pass with the others standing;
a candidate that the judge refuses for a reason that is no number (a pause, a ban, a condition) is left out and the
question asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.siting.choose import near_best, with_number, without_minimums
from circle15.siting.cover import Choice, least_sites, max_cover
from circle15.siting.field import Field, limits_of
from circle15.siting.limits import Limits, Row
from circle15.siting.near import nearest_sites
from circle15.siting.recheck import REFUSED, Recheck, conclusion_of, recheck, rules_against
from circle15.siting.settle import Key, colliding, settle
from circle15.siting.short import left_out, without_idle
from circle15.siting.tables import beside, coverage_change, entries_of

if TYPE_CHECKING:
    from circle15.quantities import Flags
    from circle15.siting.cover import Method
    from circle15.siting.solve import Watch

Question = Literal["cover", "share", "nearest"]
"""Most covered (MCLP), fewest sites for a share (LSCP), nearest (p-median)."""
MOST_ROUNDS = 12
FURTHER = 3
EXACT_STEPS = 30


@dataclass(frozen=True)
class AddPlan:
    """A set of sites to add.

    Parameters
    ----------
    field, chosen
        What it was made on; all sites that stand at the end.
    choice
        Objective (residents newly covered, sites, or residents × metres), proven bound and gap.
    sites
        One row an added site, that which adds most first: id, name, places, residents_gained, lon, lat, conclusion,
        rules that decide it.
    buys
        What each further site buys: sites, residents_gained in all, by the last one, share, gap.
    coverage
        As in retire.ExitPlan.
    straight
        As in retire.ExitPlan.
    refused
        Candidates that the judge refused: id to the rules that decide.
    left_out
        How many candidates each reason keeps out at the end (short.py).
    recheck
        What the judge says of the end; `recheck.new` is empty.
    collisions
        Limits that cannot hold together, where some had to be given up.
    alternatives
        Further sets: plan, sites, residents_gained, differ.
    target
        Residents to be covered for the question "share"; NaN otherwise.
    question, number
        What was asked for.
    """

    field: Field
    chosen: Flags
    choice: Choice
    sites: pd.DataFrame
    buys: pd.DataFrame
    coverage: pd.DataFrame
    refused: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int]
    recheck: Recheck
    collisions: tuple[Key, ...]
    alternatives: pd.DataFrame
    target: float
    straight: pd.DataFrame
    question: Question
    number: int | None


def plan_additions(
    field: Field,
    *,
    number: int | None = None,
    question: Question = "cover",
    share: float = 0.95,
    required: Sequence[str] = (),
    forbidden: Sequence[str] = (),
    quotas: Mapping[str, int] | None = None,
    minimums: bool = True,
    aside: Sequence[str] = (),
    gap: float = 1e-4,
    seconds: float = 60.0,
    method: Method = "auto",
    plans: int = 0,
    watch: Watch | None = None,
) -> AddPlan:
    """Propose sites to add.

    Parameters
    ----------
    field
        From `lay_out` with candidates and the same `aside`.
    number
        Most sites to add; as many as the question asks for where not given ("share" only).
    question
        What is sought; see `Question`.
    share
        Share of all residents to be covered, for the question "share".
    required, forbidden
        Ids of candidates that must and must not be among them.
    quotas
        Most sites to add in a district, by name or id; districts not named have no quota.
    minimums
        Whether places that must have one get one first (每个乡镇至少一家), as far as the caps let them.
    aside
        Rules set aside: they bind neither the choice nor the verdict, and are named with the plan.
    gap, seconds, method
        The relative gap at which the solver may stop, the seconds that it has, and exact or by search (cover.Method);
        what was proven stands in the plan.
    plans
        How many further plans are looked for that do nearly as well.
    watch
        Told of the solver's progress.

    Raises
    ------
    UsageError
        No `number` where the question needs one, or ids and districts that nobody knows.
    """
    if number is None and question != "share":
        raise UsageError(Problem("siting.number_missing"))
    must, never = (np.zeros(len(field.sites), dtype=bool) for _ in range(2))
    must[field.positions(required)] = True
    never[field.positions(forbidden)] = True
    named = _quota_rows(field, quotas or {})
    out, bar = np.zeros(len(field.sites), dtype=bool), frozenset(aside)
    refused: dict[str, tuple[str, ...]] = {}
    asking = _Asking(field, question, share, gap, seconds, method, watch)
    for _ in range(MOST_ROUNDS):
        limits = limits_of(field, required=~field.new | must, forbidden=(never | out) & ~must).with_rows(*named)
        limits = limits if number is None else with_number(limits, field, number)
        limits = limits if minimums else without_minimums(limits)
        settled = settle(limits)
        choice = asking.ask(settled.limits)
        chosen = choice.chosen if choice.found and choice.chosen.any() else limits.required.copy()
        chosen = chosen if question == "nearest" else without_idle(field, settled.limits, chosen)
        checked = recheck(field, chosen, aside=bar)
        worse = {i: rules_against(v, bar) for i, v in checked.verdicts.items() if conclusion_of(v, bar) in REFUSED}
        worse = {i: w for i, w in worse.items() if not must[field.positions([i])[0]]}
        if not worse:
            break
        refused |= worse
        out[field.positions(list(worse))] = True
    return AddPlan(
        field,
        chosen,
        choice,
        entries_of(field, chosen, None, checked.verdicts, bar),
        asking.buys(settled.limits, chosen),
        coverage_change(field, chosen),
        refused,
        left_out(field, settled.limits, chosen, refused),
        checked,
        colliding(limits) if settled.given_up else (),
        _alternatives(field, settled.limits, chosen, plans, gap=gap, seconds=seconds),
        asking.target,
        beside(field, chosen),
        question,
        number,
    )


@dataclass(frozen=True)
class _Asking:
    """One question, asked again with fewer candidates."""

    field: Field
    question: Question
    share: float
    gap: float
    seconds: float
    method: Method
    watch: Watch | None

    @property
    def target(self) -> float:
        """Residents to be covered."""
        whole = float(self.field.demand.residents.sum())
        return self.share * whole if self.question == "share" else float("nan")

    def ask(self, limits: Limits) -> Choice:
        field = self.field
        open_, had = _uncovered(field, limits.required)
        solver: dict[str, Any] = {"gap": self.gap, "seconds": self.seconds, "watch": self.watch}
        if self.question == "nearest":
            return nearest_sites(field, limits, **solver)
        if self.question == "share":
            found = least_sites(field.reach, open_, limits, of=max(self.target - had, 0.0), **solver)
            if not found.found:
                return max_cover(field.reach, open_, limits, method=self.method, **solver)
            sized = limits.at_most(round(found.objective))  # of all sets of that size the one that covers most
            best = max_cover(field.reach, open_, sized, method="exact", **solver)
            return replace(found, chosen=best.chosen) if best.chosen.any() else found
        return max_cover(field.reach, open_, limits, method=self.method, **solver)

    def buys(self, limits: Limits, chosen: Flags) -> pd.DataFrame:
        """What 1, 2, … sites could cover at best, up to a few more than were chosen."""
        field, rows, before = self.field, [], 0.0
        open_, had = _uncovered(field, ~field.new)
        free = without_minimums(replace(limits, rows=tuple(r for r in limits.rows if r.key != ("number",))))
        whole, count = float(field.demand.residents.sum()), int((chosen & field.new).sum())
        exact: Method = self.method if count <= EXACT_STEPS else "search"
        for sites in range(1, count + FURTHER + 1):
            few = with_number(free, field, sites)
            found = max_cover(field.reach, open_, few, method=exact, gap=1e-3, seconds=self.seconds / 10)
            added = int((found.chosen & field.new).sum())
            if not found.found or added < sites:
                break
            rows.append(
                {
                    "sites": sites,
                    "residents_gained": found.objective,
                    "by_this_one": found.objective - before,
                    "share": (had + found.objective) / max(whole, 1e-9),
                    "gap": found.gap,
                }
            )
            before = found.objective
        return pd.DataFrame(rows, columns=["sites", "residents_gained", "by_this_one", "share", "gap"])


def _uncovered(field: Field, standing: Flags) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], float]:
    """Residents of the points that nothing of what stands reaches (others 0), and how many it reaches."""
    hit = np.bincount(field.reach.point[standing[field.reach.site]], minlength=field.reach.points) > 0
    return np.where(hit, 0.0, field.demand.residents), float(field.demand.residents[hit].sum())


def _quota_rows(field: Field, quotas: Mapping[str, int]) -> list[Row]:
    rows, unknown = [], []
    for named, most in quotas.items():
        inside = (field.sites["district_id"].astype(str) == named) | (field.sites["district_name"].astype(str) == named)
        places = field.ready.city.places
        if not ((places["name"] == named) | (places["id"] == named)).any():
            unknown.append(named)
        at = np.flatnonzero(inside.to_numpy(dtype=bool) & field.new)
        rows.append(Row(("quota", named), at, np.ones(len(at)), high=float(most)))
    if unknown:
        raise UsageError(Problem("siting.unknown_quota", value=", ".join(unknown)))
    return rows


def _alternatives(
    field: Field, limits: Limits, chosen: Flags, plans: int, *, gap: float, seconds: float
) -> pd.DataFrame:
    count = int((chosen & field.new).sum())
    rows = []
    if plans and count:
        for number, other in enumerate(
            near_best(field, limits, chosen, plans=plans, apart=max(1, round(count / 5)) * 2, gap=gap, seconds=seconds),
            start=1,
        ):
            picked = np.array(field.ids)[other.chosen & field.new]
            rows.append(
                {
                    "plan": number,
                    "sites": len(picked),
                    "covered": other.objective,
                    "differ": int((other.chosen & ~chosen).sum()),
                    "gap": other.gap,
                    "ids": ";".join(picked),
                }
            )
    return pd.DataFrame(rows, columns=["plan", "sites", "covered", "differ", "gap", "ids"])

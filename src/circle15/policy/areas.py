"""Whether the places that a plan names are those of the city 规划所列区域与本市区划."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circle15.errors import PlanError, Problem
from circle15.policy.faults import Spot
from circle15.policy.plan import Plan
from circle15.policy.rules import AreaLimit

if TYPE_CHECKING:
    import pandas as pd

_NEAREST = 3  # spellings told of a name that is not known
_SHOWN = 10
_ALIKE = 0.5  # so that three characters share two, not only the word for district


@dataclass(frozen=True)
class _Named:
    """A place that a card names, and whether the city has it."""

    spot: Spot
    field: str
    name: str
    known: bool


def check_places(plan: Plan, places: pd.DataFrame) -> None:
    """Refuse a plan that names districts, or members of groups, which the city does not have (by name or id).

    `places` needs id, name and level (schema.PLACE_COLUMNS). Raises PlanError with every unknown name, or with one
    problem where the city has none of several: the plan is then another city's.
    """
    named = list(_named(plan, places))
    missing = [n for n in named if not n.known]
    if not missing:
        return
    districts = list(dict.fromkeys(str(n) for n in places.loc[places["level"] == "district", "name"]))
    unknown = list(dict.fromkeys(n.name for n in missing))
    if len(missing) == len(named) and len(unknown) > 1:
        params = {"city": plan.city, "count": len(unknown), "areas": _some(unknown), "names": _some(districts)}
        raise PlanError(Problem("plan.another_city", file=f"{plan.id}.toml", params=params))
    raise PlanError([_problem(n, districts) for n in missing])


def _named(plan: Plan, places: pd.DataFrame) -> Iterator[_Named]:
    district = places["level"] == "district"
    below = district | (places["level"] == "township")
    known, members = ({str(n) for c in ("name", "id") for n in places.loc[at, c]} for at in (district, below))
    file = f"{plan.id}.toml"
    for rule in plan.rules:
        if isinstance(rule, AreaLimit) and rule.max_by_area and rule.per == "district":
            yield from (_Named(Spot(file, "rule", rule.id), "max_by_area", n, n in known) for n in rule.max_by_area)
    for group in plan.groups:
        yield from (_Named(Spot(file, "group", group.id), "areas", n, n in members) for n in group.areas)


def _problem(named: _Named, districts: list[str]) -> Problem:
    """The fault, with names that look alike, or else the first few."""
    near = difflib.get_close_matches(named.name, districts, n=_NEAREST, cutoff=_ALIKE)
    return named.spot.problem(
        "unknown_area", named.field, named.name, near=_some(near or districts), count=len(districts)
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "") or "—"

"""What the goals of a plan measure in every place 目标所测: cover here, and answers on the streets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from circle15.judge.effects import walked_column
from circle15.measure.coverage import measure_coverage
from circle15.measure.walking_circles import OnFoot
from circle15.measure.walking_coverage import measure_walking_coverage
from circle15.policy.rules import ON_FOOT, Target
from circle15.schema import SERVICES, SPEEDS_M_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan
    from circle15.schema import City, Streets

    Columns = dict[str, NDArray[np.float64]]

COVERAGE = "coverage_share"
"""Measure of a goal that is measured here: share of the residents within the circle of a service 服务人口覆盖率."""


def goals_by_place(plan: Plan, city: City) -> Columns:
    """Columns (one value a place, in the order of the city's) of what the goals of the plan ask to be measured."""
    goals = [r for r in plan.rules if isinstance(r, Target)]
    columns = _coverage(plan, city, goals)
    return columns if city.streets is None else columns | _on_foot(plan, city, city.streets, goals)


def _coverage(plan: Plan, city: City, goals: list[Target]) -> Columns:
    asked = {s for r in goals if r.measure == COVERAGE for s in r.services}
    wanted = [s for s in SERVICES if s in asked]
    if not wanted:
        return {}
    radius_m = plan.circle.radius_m
    covered = measure_coverage(city.population, city.institutions, city.places, radius_m=radius_m, services=wanted)
    shares = {s: rows.set_index("place_id")["share"] for s, rows in covered.groupby("service")}
    return {f"{COVERAGE}_{s}": city.places["id"].map(shares[s]).to_numpy(dtype=np.float64) for s in wanted}


def _on_foot(plan: Plan, city: City, streets: Streets, goals: list[Target]) -> Columns:
    """What is measured on the streets, by rule and service.

    Of goals by straight distance only coverage has a second opinion: a response on foot was never asked for.
    """
    columns: Columns = {}
    for rule in goals:
        if rule.measure not in ON_FOOT or (rule.distance == "straight" and rule.measure != COVERAGE):
            continue
        usual = city.pace.metres_per_s if rule.mode == "walk" else SPEEDS_M_PER_S[rule.mode]
        foot = OnFoot(streets, pace=replace(city.pace, metres_per_s=rule.speed_m_per_s or usual))
        found = measure_walking_coverage(
            city.population,
            city.institutions,
            city.places,
            foot,
            radius_m=plan.circle.radius_m,
            services=rule.services,
        )
        for service, rows in found.groupby("service"):
            name = walked_column(rule, str(service))
            columns[name] = rows[ON_FOOT[rule.measure]].to_numpy(dtype=np.float64)
            if rule.measure != COVERAGE:
                columns[f"{name}.straight"] = rows["response_straight"].to_numpy(dtype=np.float64)
    return columns

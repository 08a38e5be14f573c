"""Classes of places that a plan names without a threshold 人口等级建议: a proposal for the bureau, never the rule.

Zhongwei's plan sorts townships into 偏高、适中、偏低 by 人口规模和人口密度 and prints no bound (三（三）1（1）). Two
ways of sorting stand side by side, each by residents and by density; what the bureau writes into 人口等级 decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jenkspy import jenks_breaks

from circle15.judge.city import holds_at
from circle15.judge.inputs import places, text
from circle15.policy.rules import AreaLimit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan

COLUMNS = (
    "rule_id",
    "place_id",
    "name",
    "residents",
    "density_per_km2",
    "class",
    "quantiles_residents",
    "quantiles_density_per_km2",
    "breaks_residents",
    "breaks_density_per_km2",
    "proposed",
)
_MEASURES = ("residents", "density_per_km2")


def propose_classes(plan: Plan, totals: pd.DataFrame) -> pd.DataFrame:
    """Sort the places of every rule whose limit hangs on a class that the bureau fills in.

    Parameters
    ----------
    totals
        One row a place (measure/totals.py).

    Returns
    -------
    DataFrame, one row a place and rule, by residents falling: COLUMNS. `class` is what the bureau has filled in;
    `quantiles_…` sorts into parts of equal number (tertiles where there are three classes), `breaks_…` by natural
    breaks (Jenks, least squared deviation within classes); `proposed` is the class on which quantiles of residents and
    of density agree, "" where they do not. Places without a number get no class. No rows where no rule asks.
    """
    rows: list[dict[str, Any]] = []
    for rule in plan.rules:
        if isinstance(rule, AreaLimit) and rule.max_by_class is not None:
            rows += _proposed(plan, rule, totals)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _proposed(plan: Plan, rule: AreaLimit, totals: pd.DataFrame) -> list[dict[str, Any]]:
    held = [p for p in places(totals, rule.per, plan) if holds_at(rule.where, p)]
    held.sort(key=lambda p: (-np.nan_to_num(float(p["residents"])), str(p["place_id"])))
    limits: Mapping[str, float] = dict((rule.max_by_class or {}).items())
    rising = sorted(limits, key=lambda name: limits[name])
    sorts = {
        f"{way}_{measure}": sort(np.array([float(p[measure]) for p in held]), rising)
        for way, sort in (("quantiles", by_quantiles), ("breaks", by_breaks))
        for measure in _MEASURES
    }
    rows = []
    for at, place in enumerate(held):
        own = {name: found[at] for name, found in sorts.items()}
        both = {own[f"quantiles_{measure}"] for measure in _MEASURES}
        rows.append(
            {"rule_id": rule.id, "place_id": place["place_id"], "name": place["name"], "class": text(place["class"])}
            | {measure: float(place[measure]) for measure in _MEASURES}
            | own
            | {"proposed": both.pop() if len(both) == 1 else ""}
        )
    return rows


def by_quantiles(values: NDArray[np.float64], rising: list[str]) -> list[str]:
    """Classes (n,) of equal number by value, the odd ones to the lower classes; equal values share the lower class."""
    known = np.sort(values[np.isfinite(values)])
    bounds = [known[-(-len(known) * part // len(rising)) - 1] for part in range(1, len(rising))] if len(known) else []
    return _named(values, np.asarray(bounds, dtype=np.float64), rising)


def by_breaks(values: NDArray[np.float64], rising: list[str]) -> list[str]:
    """Classes (n,) by natural breaks; none where there are no more different values than classes."""
    known = values[np.isfinite(values)]
    if len(np.unique(known)) <= len(rising):
        return [""] * len(values)
    return _named(values, np.asarray(jenks_breaks(known, n_classes=len(rising))[1:-1], dtype=np.float64), rising)


def _named(values: NDArray[np.float64], bounds: NDArray[np.float64], rising: list[str]) -> list[str]:
    """Names by upper bounds, a bound belonging to the class below it."""
    return [rising[int(np.searchsorted(bounds, v))] if np.isfinite(v) else "" for v in values.tolist()]

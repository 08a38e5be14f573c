"""Limits over the circle 服务圈上限: pure functions from counts to findings (areas: judge/areas.py).

Nothing is measured here: counts, distances, densities and totals come in as columns (schema).
Bounds are included throughout: a count equal to its limit is met, a distance equal to the radius is inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.judge.columns import Table, height, numbers, words
from circle15.judge.findings import exceeds, finding
from circle15.judge.on_foot import Far, straight
from circle15.policy.cards import DensityUnit, PlaceClass
from circle15.policy.rules import CircleLimit
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import POSITION_ACCURACY_M, Finding, Neighbour, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan

UNKNOWN = "unknown"
"""Density class of a site whose deciding density or township is not known; "" means that no class fits."""

DENSITY_COLUMNS: Mapping[DensityUnit, str] = {
    "place": "density_place_per_km2",
    "circle": "density_circle_per_km2",
    "cell": "density_cell_per_km2",
}


# ── classes of ground ─────────────────────────────────────────


def density_classes(plan: Plan, sites: Table) -> dict[DensityUnit, NDArray[np.object_]]:
    """Class id of every site by each of the three densities: dict of (n,) arrays.

    `sites` needs township_id, township_settings and the density columns; a column that is missing is unknown.
    """
    settings = words(sites, "township_settings")
    nowhere = words(sites, "township_id") == ""
    return {
        unit: classify(plan.density_classes, numbers(sites, column), settings, nowhere=nowhere)
        for unit, column in DENSITY_COLUMNS.items()
    }


def classify(
    classes: Sequence[PlaceClass],
    density_per_km2: NDArray[np.float64],
    settings: NDArray[np.object_],
    *,
    nowhere: NDArray[np.bool_],
) -> NDArray[np.object_]:
    """First class whose bounds [min, below) and settings fit each site (n,); "" where none, UNKNOWN without data."""
    out = np.full(len(density_per_km2), "", dtype=object)
    free = np.ones(len(out), dtype=bool)
    for place_class in classes:
        fits = free & bears(settings, place_class.settings)
        if place_class.min is not None:
            fits &= density_per_km2 >= place_class.min
        if place_class.below is not None:
            fits &= density_per_km2 < place_class.below
        out[fits] = place_class.id
        free &= ~fits
    if classes:
        out[nowhere | np.isnan(density_per_km2)] = UNKNOWN
    return out


def bears(settings: NDArray[np.object_], wanted: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each `;`-joined list of marks (n,) holds any wanted one; all true when none is wanted."""
    if not wanted:
        return np.ones(len(settings), dtype=bool)
    held = {marks: not set(wanted).isdisjoint(str(marks).split(";")) for marks in set(settings.tolist())}
    return np.array([held[marks] for marks in settings.tolist()], dtype=bool)


def circle_rule_holds(
    rule: CircleLimit, sites: Table, deciding: NDArray[np.object_], *, tagged: bool = True, classed: bool = True
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a circle rule holds and where that cannot be told: two (n,) arrays.

    `deciding` is the class by the plan's deciding density. Tagged rules hold for sites that bear one of the tags;
    without `tagged` or `classed` tags or class are not asked about.
    """
    where, settings = rule.where, words(sites, "township_settings")
    served = np.array([s in rule.services for s in words(sites, "service")], dtype=bool)
    if tagged and rule.tags:
        served &= bears(words(sites, "tags"), rule.tags)
    holds = served & bears(settings, where.settings)
    if where.not_settings:
        holds &= ~bears(settings, where.not_settings)
    unknown = np.zeros(height(sites), dtype=bool)
    if where.settings or where.not_settings:
        unknown |= words(sites, "township_id") == ""
    if classed and where.place_class is not None:
        holds &= deciding == where.place_class
        unknown |= deciding == UNKNOWN
    return holds & ~unknown, unknown & served


def circle_computable(rule: CircleLimit) -> bool:
    """Whether straight-line counts of one service in the plan's circle decide the rule (no number printed: REVIEW)."""
    plain = not rule.by_residents and rule.like == "service" and rule.reach == "radius" and rule.distance == "straight"
    more = (
        rule.tags,
        rule.same,
        rule.counts_services,
        rule.applicant,
        rule.excludes,
        rule.where.zones,
        rule.where.areas,
    )
    return plain and not any(more) and rule.radius_m is None and rule.at_radius == "inside"


def plain_circle(plan: Plan, rule: CircleLimit) -> bool:
    """As `circle_computable`, and on ground that the density decides, not on a class that the bureau fills in."""
    by_density = {None, *(c.id for c in plan.density_classes)}
    return circle_computable(rule) and rule.where.place_class in by_density


def circle_caps(plan: Plan, sites: pd.DataFrame) -> pd.DataFrame:
    """Cap on the circle of every site and whether it is exceeded today.

    Parameters
    ----------
    sites
        One row a site (existing or proposed): service, tags, others_within, township_id, township_settings and the
        density columns of measure/density.py.

    Returns
    -------
    pandas.DataFrame
        Indexed like `sites`: circle_limit (most institutions within the circle, the one in the middle included; NaN
        where no rule with a printed number holds), circle_rule (its id or ""), density_class by the deciding density
        and by each of place, circle, cell, over_cap (others_within + 1 above circle_limit). The strictest rule counts.
    """
    columns = cap_columns(plan, sites)
    typed = {k: v if v.dtype != object else pd.array(v, dtype="str") for k, v in columns.items()}
    return pd.DataFrame(typed, index=sites.index)


def cap_columns(plan: Plan, sites: Table) -> dict[str, NDArray[Any]]:
    """The columns of `circle_caps`, of a table in either form."""
    classes = density_classes(plan, sites)
    deciding = classes[plan.density.unit]
    limit = np.full(height(sites), np.nan)
    rule_id = np.full(height(sites), "", dtype=object)
    for rule in plan.circle_rules():
        if rule.max is None or not circle_computable(rule):
            continue
        holds, _ = circle_rule_holds(rule, sites, deciding)
        cap = rule.max + (0 if rule.counts_site else 1)
        stricter = holds & ~(limit <= cap)
        limit[stricter], rule_id[stricter] = cap, rule.id
    return {
        "circle_limit": limit,
        "circle_rule": rule_id,
        "density_class": deciding,
        **{f"density_class_{unit}": found for unit, found in classes.items()},
        "over_cap": numbers(sites, "others_within") + 1 > limit,
    }


# ── circle ────────────────────────────────────────────────────


def judge_circle(
    rule: CircleLimit,
    *,
    subject: str,
    neighbours: Sequence[Neighbour],
    radius_m: float,
    accuracy_m: float = POSITION_ACCURACY_M,
    ground_name: str = "",
    figures: Mapping[str, float | str] | None = None,
    notes: tuple[str, ...] = (),
    doubtful: Sequence[Neighbour] = (),
    apart: tuple[Neighbour, ...] = (),
    limit: int | None = None,
    far: Far = straight,
) -> Finding:
    """Test the circle of one site.

    `neighbours` are the other institutions of its service, nearest first, with those a little beyond the radius too.
    One whose distance lies within both position accuracies of the radius is borderline; where counting it or not
    changes the outcome, the finding asks for a check on site. Campuses of one institution 分院区 are all shown and
    count once; it is borderline where none of them surely lies within. `doubtful` are neighbours of which it is not
    known whether they are of the same type; `apart` are shown and not counted; `limit` stands for the rule's own
    maximum; `far` tells how far a neighbour is, straight or on foot.
    """
    most = rule.max if limit is None else limit
    inside = tuple(n for n in neighbours if far(n) <= radius_m + DISTANCE_TOLERANCE_M)
    edge = tuple(
        n for n in neighbours if abs(far(n) - radius_m) <= n.position_accuracy_m + accuracy_m + DISTANCE_TOLERANCE_M
    )
    own = 1 if rule.counts_site else 0
    outcome, told = Outcome.REVIEW, [*notes]
    count = len(_institutions(inside))
    unsure = [n for n in doubtful if far(n) <= radius_m + DISTANCE_TOLERANCE_M and n not in edge]
    if most is None:
        told.append("limit_not_printed")
    else:
        sure = _institutions(n for n in inside if n not in edge)
        maybe = sure | _institutions(edge)
        outcome = _met(count + own, most)
        if _met(len(sure) + own, most) is not _met(len(maybe) + own, most):
            outcome = Outcome.REVIEW
            told.append("check_on_site")
        if outcome is not Outcome.BREACHED and _met(len(maybe | _institutions(unsure)) + own, most) is Outcome.BREACHED:
            outcome = Outcome.REVIEW
            told += ["type_unknown"] if unsure else []
    if count < len(inside):
        told.append("campuses_once")
    if any(n.would_exceed for n in inside):
        told.append("neighbours_exceed")
    return finding(
        rule,
        outcome,
        subject=subject,
        ground="circle",
        ground_name=ground_name,
        observed=float(count + own),
        limit=None if most is None else float(most),
        neighbours=inside,
        borderline=(*edge, *unsure),
        apart=apart,
        figures={**(figures or {}), **({"today": float(count)} if own else {})},
        notes=tuple(told),
    )


def _institutions(sites: Iterable[Neighbour]) -> set[str]:
    return {n.institution or n.id for n in sites}


def _met(count: float, limit: float) -> Outcome:
    return Outcome.BREACHED if exceeds(count, limit) else Outcome.MET

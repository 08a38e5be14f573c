"""Limits over the circle and over areas 服务圈与区域上限: pure functions from counts to findings.

Nothing is measured here: counts, distances, densities and totals come in as columns (schema.py).
Bounds are included throughout: a count equal to its limit is met, a distance equal to the radius is inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from circle15.judge.findings import checklist_card, exceeds, finding
from circle15.policy.cards import DensityUnit, PlaceClass
from circle15.policy.rules import AreaLimit, CircleLimit
from circle15.schema import POSITION_ACCURACY_M, Finding, Neighbour, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan

TOLERANCE_M = 1e-6
"""Distances are geodesic to this; a distance that equals the radius is inside."""

UNKNOWN = "unknown"
"""Density class of a site whose deciding density or township is not known; "" means that no class fits."""

DENSITY_COLUMNS: Mapping[DensityUnit, str] = {
    "place": "density_place_per_km2",
    "circle": "density_circle_per_km2",
    "cell": "density_cell_per_km2",
}


# ── classes of ground ─────────────────────────────────────────


def density_classes(plan: Plan, sites: pd.DataFrame) -> dict[DensityUnit, NDArray[np.object_]]:
    """Class id of every site by each of the three densities: dict of (n,) arrays.

    `sites` needs township_id, township_settings and the density columns; a column that is missing is unknown.
    """
    settings = _words(sites, "township_settings")
    nowhere = _words(sites, "township_id") == ""
    return {
        unit: classify(plan.density_classes, _numbers(sites, column), settings, nowhere=nowhere)
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
    codes, uniques = pd.factorize(settings)
    hit = np.array([not set(wanted).isdisjoint(str(u).split(";")) for u in uniques], dtype=bool)
    return hit[codes] if len(codes) else np.zeros(0, dtype=bool)


def circle_rule_holds(
    rule: CircleLimit, sites: pd.DataFrame, deciding: NDArray[np.object_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where a circle rule holds and where that cannot be told: two (n,) arrays.

    `deciding` is the class by the plan's deciding density. Tagged rules hold for sites that bear one of the tags.
    """
    where, settings = rule.where, _words(sites, "township_settings")
    served = np.isin(_words(sites, "service"), rule.services) & bears(_words(sites, "tags"), rule.tags)
    holds = served & bears(settings, where.settings)
    if where.not_settings:
        holds &= ~bears(settings, where.not_settings)
    unknown = np.zeros(len(sites), dtype=bool)
    if where.settings or where.not_settings:
        unknown |= _words(sites, "township_id") == ""
    if where.place_class is not None:
        holds &= deciding == where.place_class
        unknown |= deciding == UNKNOWN
    return holds & ~unknown, unknown & served


def circle_computable(rule: CircleLimit) -> bool:
    """Whether straight-line counts of one service decide the rule (a limit that is not printed makes REVIEW)."""
    return rule.like == "service" and rule.reach == "radius" and rule.distance == "straight" and not rule.tags


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
    classes = density_classes(plan, sites)
    deciding = classes[plan.density.unit]
    limit = np.full(len(sites), np.nan)
    rule_id = np.full(len(sites), "", dtype=object)
    for rule in plan.circle_rules():
        if rule.max is None or not circle_computable(rule):
            continue
        holds, _ = circle_rule_holds(rule, sites, deciding)
        cap = rule.max + (0 if rule.counts_site else 1)
        stricter = holds & ~(limit <= cap)
        limit[stricter], rule_id[stricter] = cap, rule.id
    return pd.DataFrame(
        {
            "circle_limit": limit,
            "circle_rule": pd.array(rule_id, dtype="str"),
            "density_class": pd.array(deciding, dtype="str"),
            **{f"density_class_{unit}": pd.array(found, dtype="str") for unit, found in classes.items()},
            "over_cap": _numbers(sites, "others_within") + 1 > limit,
        },
        index=sites.index,
    )


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
) -> Finding:
    """Test the circle of one site.

    `neighbours` are the other institutions of its service, nearest first, with those a little beyond the radius too.
    One whose distance lies within both position accuracies of the radius is borderline; where counting it or not
    changes the outcome, the finding asks for a check on site.
    """
    inside = tuple(n for n in neighbours if n.distance_m <= radius_m + TOLERANCE_M)
    edge = tuple(
        n for n in neighbours if abs(n.distance_m - radius_m) <= n.position_accuracy_m + accuracy_m + TOLERANCE_M
    )
    own = 1 if rule.counts_site else 0
    outcome, told = Outcome.REVIEW, [*notes]
    if rule.max is None:
        told.append("limit_not_printed")
    else:
        sure = len(inside) - sum(1 for n in edge if n.distance_m <= radius_m + TOLERANCE_M)
        outcome = _met(len(inside) + own, rule.max)
        if _met(sure + own, rule.max) is not _met(sure + len(edge) + own, rule.max):
            outcome = Outcome.REVIEW
            told.append("check_on_site")
    if any(n.would_exceed for n in inside):
        told.append("neighbours_exceed")
    return finding(
        rule,
        outcome,
        subject=subject,
        ground="circle",
        ground_name=ground_name,
        observed=float(len(inside) + own),
        limit=None if rule.max is None else float(rule.max),
        neighbours=inside,
        borderline=edge,
        figures=figures,
        notes=tuple(told),
    )


def _met(count: float, limit: float) -> Outcome:
    return Outcome.BREACHED if exceeds(count, limit) else Outcome.MET


# ── areas ─────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bid:
    """What a proposed site adds to the totals of the places it lies in; beds NaN where the application names none."""

    site_id: str
    service: str
    tags: str = ""
    beds: float = math.nan


def area_column(rule: AreaLimit) -> tuple[str, ...] | None:
    """Columns of measure/totals.py that a rule adds up; None where totals do not tell what it counts."""
    known_base = rule.max_rate is None or rule.rate_base == "residents"
    if rule.counts != "all" or rule.levels or rule.max_current or rule.max_indicator is not None or not known_base:
        return None
    if rule.of == "beds" and rule.services == ("inpatient",) and not rule.tags:
        return ("beds_inpatient",)
    if rule.of != "institutions":
        return None
    if rule.tags:
        return ("n_dual_channel",) if (rule.tags, rule.services) == (("dual_channel",), ("pharmacy",)) else None
    return tuple(f"n_{service}" for service in rule.services)


def judge_area(rule: AreaLimit, *, place: Mapping[str, Any], bid: Bid | None = None) -> tuple[Finding, ...]:
    """Test one place, as it stands or with a proposed site added: one finding a bound (lower, then upper).

    `place` is a row of measure/totals.py: place_id, name, level, residents, settings, class and counts.
    A count that is missing is NO_DATA; a class that the bureau has not filled in is REVIEW. Neither passes.
    """
    subject = bid.site_id if bid is not None else str(place["place_id"])
    columns = area_column(rule)
    if columns is None:
        return (checklist_card(rule, subject=subject, ground_name=str(place["name"])),)
    today = sum(_number(place.get(column)) for column in columns)
    found = []
    if rule.min is not None:
        found.append(_area_finding(rule, place, subject, today=today, limit=rule.min, bound="min", bid=bid))
    if rule.min is None or rule.max is not None:
        limit, why = _area_limit(rule, place)
        found.append(_area_finding(rule, place, subject, today=today, limit=limit, bound="max", bid=bid, why=why))
    return tuple(found)


def _area_limit(rule: AreaLimit, place: Mapping[str, Any]) -> tuple[float, str]:
    """Upper limit of a place, or NaN with the note that says why there is none."""
    if rule.max_by_area is not None:
        for key in (str(place["name"]), str(place["place_id"])):
            if key in rule.max_by_area:
                return rule.max_by_area[key], ""
        return math.nan, "area_not_in_plan"
    if rule.max_by_class is not None:
        given = str(place.get("class") or "")
        if not given or given == "nan":
            return math.nan, "class_missing"
        return (rule.max_by_class[given], "") if given in rule.max_by_class else (math.nan, "class_unknown")
    limit = rule.max if rule.max is not None else rule.max_rate
    return (math.nan, "limit_not_printed") if limit is None else (float(limit), "")


def _area_finding(
    rule: AreaLimit,
    place: Mapping[str, Any],
    subject: str,
    *,
    today: float,
    limit: float,
    bound: Literal["max", "min"],
    bid: Bid | None,
    why: str = "",
) -> Finding:
    added, notes = _added(rule, bid)
    scale, figures = 1.0, {"today": today} if not math.isnan(today) else {}
    if rule.max_rate is not None and rule.rate_per is not None and bound == "max":
        residents = _number(place.get("residents"))
        scale = rule.rate_per / residents if residents > 0 else math.nan
        figures |= {"residents": residents, "rate_per": rule.rate_per}
    observed = (today + (0.0 if math.isnan(added) else added)) * scale
    outcome, more = _area_outcome(rule, observed=observed, limit=limit, bound=bound, why=why, added=added)
    if notes and added == 0 and bound == "max":
        outcome, more = Outcome.MET, ()
    if bound == "min" and today == 0 and added > 0 and outcome is Outcome.MET:
        more = (*more, "fills_empty_township" if rule.per == "township" else "fills_empty_area")
    return finding(
        rule,
        outcome,
        subject=subject,
        ground=rule.per,
        ground_name=str(place["name"]),
        observed=None if math.isnan(observed) else float(observed),
        limit=None if math.isnan(limit) else float(limit),
        unit=f"{rule.of}_per_residents" if rule.max_rate is not None and bound == "max" else rule.of,
        bound=bound,
        figures=figures,
        notes=(*notes, *more),
    )


def _added(rule: AreaLimit, bid: Bid | None) -> tuple[float, tuple[str, ...]]:
    """What a proposed site adds to a count: one institution, its beds, or nothing where it lacks the tag."""
    if bid is None:
        return 0.0, ()
    if rule.tags and set(rule.tags).isdisjoint(bid.tags.split(";")):
        return 0.0, ("site_not_tagged",)
    if not set(rule.excludes).isdisjoint(bid.tags.split(";")):
        return 0.0, ("site_not_counted",)
    if rule.of == "beds":
        return bid.beds, ("beds_not_given",) if math.isnan(bid.beds) else ()
    return 1.0, ()


def _area_outcome(
    rule: AreaLimit, *, observed: float, limit: float, bound: str, why: str, added: float
) -> tuple[Outcome, tuple[str, ...]]:
    if math.isnan(limit):
        return (Outcome.NO_DATA if why == "area_not_in_plan" else Outcome.REVIEW), (why,)
    if math.isnan(observed):
        return Outcome.NO_DATA, ("count_missing",)
    if bound == "min":
        return _met(limit, observed), ()
    if math.isnan(added):
        # any bed more is too many where none is left; otherwise it depends on how many are asked for
        full = not exceeds(limit, observed)
        return (Outcome.BREACHED if full else Outcome.NO_DATA), ()
    if exceeds(observed, limit):
        return (Outcome.REVIEW, ("uncounted_included",)) if rule.excludes else (Outcome.BREACHED, ())
    return Outcome.MET, ()


# ── columns ───────────────────────────────────────────────────


def _numbers(table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in table.columns:
        return np.full(len(table), np.nan)
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _words(table: pd.DataFrame, column: str) -> NDArray[np.object_]:
    if column not in table.columns:
        return np.full(len(table), "", dtype=object)
    return table[column].fillna("").astype(str).to_numpy(dtype=object)


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan

"""Limits over areas 区域上限、下限: counts from totals or, where it is handed in, exactly from the register."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from circle15.judge.findings import checklist_card, exceeds, finding
from circle15.judge.inputs import Inputs, count_institutions, number, place_key, scope_of, standing_in
from circle15.judge.ledger import added_in, transferred
from circle15.judge.memo import once
from circle15.policy.rules import AreaLimit
from circle15.schema import Finding, Outcome, institution_codes

if TYPE_CHECKING:
    from circle15.judge.series import Series
    from circle15.policy.cards import Counted, Step
    from circle15.policy.plan import Plan


DENOMINATOR_TABLE = "denominator_table"


@dataclass(frozen=True)
class Bid:
    """What a proposed site adds to the totals of the places it lies in; NaN where the application does not say."""

    site_id: str
    service: str
    tags: str = ""
    beds: float = math.nan
    level: str = ""
    stations: float = math.nan
    physicians: float = math.nan


@dataclass(frozen=True)
class Known:
    """What the register tells of one place for one rule.

    `today` is the count; `most` the count if every institution of unknown level were counted too; `base` what a rate
    is reckoned on; `below` the total that a share is of; `indicator` the limit that an indicator sets; `moved` the
    quota that was transferred to the place; `stands` whether the applicant's institution counts there already.
    """

    today: float
    most: float
    base: float = math.nan
    below: float = math.nan
    indicator: float = math.nan
    notes: tuple[str, ...] = field(default=())
    moved: float = 0.0
    stands: bool = False


def area_column(rule: AreaLimit) -> tuple[str, ...] | None:
    """Columns of measure/totals.py that a rule adds up; None where totals do not tell what it counts."""
    known_base = rule.max_rate is None or rule.rate_base in {"residents", "land_km2", "area_km2"}
    if rule.counts != "all" or rule.levels or rule.max_current or rule.max_indicator is not None or not known_base:
        return None
    if rule.share_of is not None or rule.with_tags or rule.same:
        return None
    if rule.of == "beds" and rule.services == ("inpatient",) and not rule.tags:
        return ("beds_inpatient",)
    if rule.of != "institutions":
        return None
    if rule.tags:
        return ("n_dual_channel",) if (rule.tags, rule.services) == (("dual_channel",), ("pharmacy",)) else None
    return tuple(f"n_{service}" for service in rule.services)


_What = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Services, tags, levels and excluded tags of what is counted."""


# ── counting in the register ──────────────────────────────────


def known_of(
    rule: AreaLimit,
    *,
    plan: Plan,
    place: Mapping[str, Any],
    totals: pd.DataFrame,
    inputs: Inputs,
    series: Series | None,
    like: Mapping[str, object] | None = None,
    applicant: str = "",
) -> Known | None:
    """What the register and the indicators tell of a place; None without a register.

    `like` holds what the applicant says of the columns in `same`; institutions that differ from it are not counted.
    `applicant` is the code of the institution that the site would be a campus of 分院区, "" for a new one.
    """
    if inputs.register is None:
        return None
    what = (rule.services, rule.tags, rule.levels, rule.excludes)
    if rule.with_tags or rule.same:
        today, most, notes = _count_alike(rule, standing_in(inputs.register, place, rule.services), like, what)
    else:
        today, most, notes = count(inputs.register, place, of=rule.of, what=what)
    if rule.counts != "all":
        since = rule.valid_from or plan.document.valid_from
        if rule.counts == "new_this_year":
            since = None if inputs.as_of is None else inputs.as_of.replace(month=1, day=1)
        today = most = added_in(inputs, place, totals, since=since, services=rule.services, of=rule.of)
    below = math.nan
    if rule.share_of is not None:
        below = _below(inputs.register, place, rule.share_of)
    names = tuple(n for n in (str(place["place_id"]), str(place["name"])) if n)
    base = _base(rule, place, names, series)
    if series is not None and series.from_table(names, _base_of(rule)):
        notes = (*notes, DENOMINATOR_TABLE)
    limit = math.nan
    if rule.max_indicator is not None and series is not None:
        scope = scope_of(plan, place, totals, inputs, services=rule.services, level="")
        limit = series.value(rule.max_indicator, scope)
    moved = transferred(inputs, place, totals, services=rule.services, of=rule.of) if rule.transfers else 0.0
    return Known(today, most, base, below, limit, notes, moved, _stands(inputs.register, place, rule, applicant))


def _count_alike(
    rule: AreaLimit, held: pd.DataFrame, like: Mapping[str, object] | None, what: _What
) -> tuple[float, float, tuple[str, ...]]:
    """As `count`, of those that bear all of `with_tags` and equal the applicant in each of `same`; NaN if not told."""
    kept = held
    if rule.with_tags:
        marks = held["tags"].fillna("").astype(str).str.split(";").map(set)
        kept = held[np.array([m.issuperset(rule.with_tags) for m in marks], dtype=bool)]
    for column in rule.same:
        if kept.empty:  # nobody can be alike, whatever the applicant is
            break
        own = None if like is None else like.get(column)
        if own is None or column not in kept.columns:
            return math.nan, math.nan, ()
        kept = kept[kept[column].astype(str) == str(own)]
    return _count(kept, rule.of, what)


def _stands(register: pd.DataFrame, place: Mapping[str, Any], rule: AreaLimit, applicant: str) -> bool:
    """Whether an institution with this code counts in the place already."""
    if not applicant:
        return False
    held = standing_in(register, place, rule.services)
    own = held[np.array(institution_codes(held), dtype=object) == applicant]
    return _count(own, "institutions", (rule.services, rule.tags, rule.levels, rule.excludes))[0] > 0


def _below(register: pd.DataFrame, place: Mapping[str, Any], share_of: Counted) -> float:
    return count(register, place, of=share_of.of, what=(share_of.services, share_of.tags, share_of.levels, ()))[0]


def count(
    register: pd.DataFrame,
    place: Mapping[str, Any],
    *,
    of: str,
    what: _What,
) -> tuple[float, float, tuple[str, ...]]:
    """Count in a place, the most it can be where levels are not known, and notes.

    `what` holds services, tags (any of them), levels and excluded tags. Amounts that nobody tells make NaN.
    """
    asked = ("count", place_key(place), of, what)
    return once(register, asked, lambda: _count(standing_in(register, place, what[0]), of, what))


def _count(held: pd.DataFrame, of: str, what: _What) -> tuple[float, float, tuple[str, ...]]:
    _, tags, levels, excludes = what
    marks = held["tags"].fillna("").astype(str).str.split(";").map(set)
    keep = [(not tags or not m.isdisjoint(tags)) and m.isdisjoint(excludes) for m in marks]
    held = held[np.array(keep, dtype=bool)]
    notes: tuple[str, ...] = ()
    sure = held
    if levels:
        given = held["level"].fillna("").astype(str)
        sure, maybe = held[given.isin(levels)], held[given.isin(levels) | (given == "")]
        notes = ("levels_missing",) if len(maybe) > len(sure) else ()
        held = maybe
    return _amount(sure, of), _amount(held, of), notes


def _amount(held: pd.DataFrame, of: str) -> float:
    if of == "institutions":
        return float(count_institutions(held))
    if held.empty:
        return 0.0
    return float(held[of].sum(min_count=1)) if of in held.columns else math.nan


def _base(rule: AreaLimit, place: Mapping[str, Any], names: tuple[str, ...], series: Series | None) -> float:
    told = number(place.get(_base_of(rule)))
    if math.isnan(told) and series is not None:
        told = series.latest(series.of(names, _base_of(rule)))
    return told


def _base_of(rule: AreaLimit) -> str:
    """What a rate or steps are reckoned on."""
    return rule.rate_base if rule.max_rate is not None else rule.steps_by


# ── judging ───────────────────────────────────────────────────


def judge_area(
    rule: AreaLimit, *, place: Mapping[str, Any], bid: Bid | None = None, known: Known | None = None
) -> tuple[Finding, ...]:
    """Test one place, as it stands or with a proposed site added: one finding a bound (lower, then upper).

    `place` is a row of measure/totals.py: place_id, name, level, residents, settings, class and counts; `known` what
    the register tells, where it is handed in.
    A count that is missing is NO_DATA; a class that the bureau has not filled in is REVIEW. Neither passes.
    """
    subject = bid.site_id if bid is not None else str(place["place_id"])
    if known is None:
        columns = area_column(rule)
        if columns is None:
            return (checklist_card(rule, subject=subject, ground_name=str(place["name"])),)
        today = sum(number(place.get(column)) for column in columns)
        base = number(place.get(_base_of(rule)))
        known = Known(today, today, base, notes=("from_totals",))
    found = []
    if rule.min is not None or rule.min_share is not None:
        low = rule.min if rule.min is not None else rule.min_share
        found.append(_area_finding(rule, place, subject, known=known, limit=float(low or 0.0), bound="min", bid=bid))
    if (rule.min is None and rule.min_share is None) or rule.max is not None or rule.max_share is not None:
        limit, why = _area_limit(rule, place, known)
        limit += known.moved
        found.append(_area_finding(rule, place, subject, known=known, limit=limit, bound="max", bid=bid, why=why))
    return tuple(found)


def step_limit(steps: tuple[Step, ...], base: float) -> float:
    """Number of the first step that holds `base`; NaN above the last or without a base."""
    return next((s.max for s in steps if s.up_to is None or base <= s.up_to), math.nan) if base == base else math.nan  # noqa: PLR0124 - NaN


def _area_limit(rule: AreaLimit, place: Mapping[str, Any], known: Known) -> tuple[float, str]:
    """Upper limit of a place, or NaN with the note that says why there is none."""
    if rule.max_by_area is not None:
        keys = [k for k in (str(place["name"]), str(place["place_id"])) if k in rule.max_by_area]
        return (rule.max_by_area[keys[0]], "") if keys else (math.nan, "area_not_in_plan")
    if rule.max_by_class is not None:
        given = str(place.get("class") or "")
        if not given or given == "nan":
            return math.nan, "class_missing"
        return rule.max_by_class.get(given, math.nan), "class_unknown"
    return _figure_limit(rule, known)


def _figure_limit(rule: AreaLimit, known: Known) -> tuple[float, str]:
    if rule.max_steps:
        return step_limit(rule.max_steps, known.base), "denominator_missing"
    if rule.max_current:
        return known.today, "count_missing"
    if rule.max_indicator is not None:
        return known.indicator, "indicator_missing"
    if rule.max_rate is not None and rule.rounding is not None:
        return _rounded(rule, known.base), "denominator_missing"
    limit = next((v for v in (rule.max_share, rule.max, rule.max_rate) if v is not None), math.nan)
    return float(limit), "limit_not_printed"


def _rounded(rule: AreaLimit, base: float) -> float:
    if math.isnan(base) or rule.max_rate is None or rule.rate_per is None:
        return math.nan
    return rounded(rule.max_rate * base / rule.rate_per, rule.rounding or "nearest")


def rounded(quota: float, how: str) -> float:
    """A quota in whole numbers: floor, ceil or nearest (half upwards); NaN stays."""
    if math.isnan(quota):
        return math.nan
    if how == "nearest":
        return float(math.floor(quota + 0.5))
    return float(math.ceil(quota - 1e-9) if how == "ceil" else math.floor(quota + 1e-9))


def _area_finding(
    rule: AreaLimit,
    place: Mapping[str, Any],
    subject: str,
    *,
    known: Known,
    limit: float,
    bound: Literal["max", "min"],
    bid: Bid | None,
    why: str = "",
) -> Finding:
    added, notes = _added(rule, bid)
    if known.stands and rule.of == "institutions" and added > 0:
        added, notes = 0.0, ("campus_counted",)
    spared = bool(notes) and added == 0
    exact = "from_totals" not in known.notes
    today = known.today
    figures: dict[str, float | str] = {"today": today} if not math.isnan(today) else {}
    figures |= {"moved": known.moved} if rule.transfers else {}
    scale, unit = _scale(rule, known, bound, figures, added if _in_share(rule, bid) else 0.0)
    plus = 0.0 if math.isnan(added) else added
    observed, most = (today + plus) * scale, (known.most + plus) * scale
    if math.isnan(scale) and not math.isnan(today) and rule.rate_base != "residents":
        notes = (*notes, "denominator_missing")
    outcome, more = _area_outcome(rule, observed=observed, limit=limit, bound=bound, why=why, added=added, exact=exact)
    if outcome is Outcome.MET and bound == "max" and not math.isnan(most) and exceeds(most, limit):
        outcome, more = Outcome.REVIEW, ("levels_missing",)
    if spared and bound == "max":
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
        unit=unit,
        bound=bound,
        figures=figures,
        notes=(*notes, *more, *(n for n in known.notes if n == DENOMINATOR_TABLE and bound == "max")),
    )


def _scale(
    rule: AreaLimit, known: Known, bound: str, figures: dict[str, float | str], added_below: float
) -> tuple[float, str]:
    """What a count is multiplied by to be held against the limit, and its unit."""
    share = rule.max_share if bound == "max" else rule.min_share
    if share is not None:
        below = known.below + added_below
        figures["total"] = below
        return (1.0 / below if below > 0 else math.nan), "share"
    if rule.max_rate is not None and rule.rate_per is not None and bound == "max" and rule.rounding is None:
        figures |= {rule.rate_base: known.base, "rate_per": rule.rate_per}
        scale = rule.rate_per / known.base if known.base > 0 else math.nan
        return scale, f"{rule.of}_per_residents" if rule.rate_base == "residents" else f"{rule.of}_per_base"
    return 1.0, rule.of


def _in_share(rule: AreaLimit, bid: Bid | None) -> bool:
    """Whether the site also stands below the line of a share."""
    if bid is None or rule.share_of is None or bid.service not in rule.share_of.services:
        return False
    return not rule.share_of.tags or not set(rule.share_of.tags).isdisjoint(bid.tags.split(";"))


def _added(rule: AreaLimit, bid: Bid | None) -> tuple[float, tuple[str, ...]]:
    """What a proposed site adds to a count: one institution, its beds, or nothing where it lacks the tag."""
    if bid is None:
        return 0.0, ()
    tags = set(bid.tags.split(";"))
    fits = (not rule.tags or not tags.isdisjoint(rule.tags)) and tags.issuperset(rule.with_tags)
    if not fits or (rule.levels and bid.level and bid.level not in rule.levels):
        return 0.0, ("site_not_tagged",)
    if not tags.isdisjoint(rule.excludes):
        return 0.0, ("site_not_counted",)
    if rule.of != "institutions":
        amount = float(getattr(bid, rule.of))
        return amount, ("beds_not_given" if rule.of == "beds" else "amount_not_given",) if math.isnan(amount) else ()
    return 1.0, ()


def _area_outcome(
    rule: AreaLimit, *, observed: float, limit: float, bound: str, why: str, added: float, exact: bool
) -> tuple[Outcome, tuple[str, ...]]:
    if math.isnan(limit):
        return (
            Outcome.REVIEW if why in {"limit_not_printed", "class_missing", "class_unknown"} else Outcome.NO_DATA
        ), (why,)
    if math.isnan(observed):
        return Outcome.NO_DATA, ("count_missing",)
    if bound == "min":
        return (Outcome.BREACHED if exceeds(limit, observed) else Outcome.MET), ()
    if math.isnan(added):
        # any bed more is too many where none is left; otherwise it depends on how many are asked for
        full = not exceeds(limit, observed)
        return (Outcome.BREACHED if full else Outcome.NO_DATA), ()
    if exceeds(observed, limit):
        return (Outcome.REVIEW, ("uncounted_included",)) if rule.excludes and not exact else (Outcome.BREACHED, ())
    return Outcome.MET, ()

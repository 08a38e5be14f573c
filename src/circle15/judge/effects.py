"""Rules that are no limit 其他规则: pauses, swaps, exemptions, priority, conditions of application, goals.

Each takes a rule and a proposed site and gives one finding; what cannot be told stays a card to check.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from circle15.judge.areas import count
from circle15.judge.conditions import (
    Site,
    as_date,
    attribute_state,
    conditions,
    has_bound,
    join,
    valid_on,
    where_state,
    words_of,
)
from circle15.judge.findings import checklist_card, exceeds, finding
from circle15.judge.inputs import Scope, number, place_of, scope_of, text
from circle15.judge.ledger import banned_until, in_batch, swap
from circle15.judge.nearness import Nearness, near_named, none_in, none_within, paused_around
from circle15.judge.series import Series, State, Tested, both_states
from circle15.policy.cards import Card, Where
from circle15.policy.formula import Stand, stand
from circle15.policy.rules import (
    Ban,
    BatchLimit,
    Case,
    Direction,
    Exempt,
    Mix,
    Prefer,
    Replace,
    Require,
    Suspend,
    Target,
    Validity,
    Warn,
)
from circle15.schema import SPEEDS_M_PER_S, Finding, Outcome

APPLICANT, PLAN = "applicant", "plan"
CASE_BY_CASE, PRIORITY, WARN, TARGET, EXEMPT = "case_by_case", "priority", "warn", "target", "exempt"
_SHOWN: Mapping[State, Outcome] = {
    State.YES: Outcome.BREACHED,
    State.NO: Outcome.MET,
    State.UNKNOWN: Outcome.NO_DATA,
}


def judge_effect(rule: Card, site: Site) -> Finding:
    """The finding of a rule that is no limit over circle or area."""
    if not valid_on(rule, site.inputs.as_of):
        return card(rule, site, "card_not_valid_now")
    judge = _JUDGES.get(type(rule))
    return card(rule, site) if judge is None else judge(rule, site)


def card(rule: Card, site: Site, *notes: str) -> Finding:
    """A card to check; it says where the site lies on ground that the rule names."""
    told = [n for n in notes if n]
    if rule.where.settings:
        told.append(
            "place_marked"
            if where_state(Where(settings=rule.where.settings), site) is State.YES
            else "place_not_marked"
        )
    name = text(site.row.get("township_name"))
    return checklist_card(rule, subject=site.bid.site_id, ground_name=name, notes=("people_check", *told))


def _of(rule: Card, site: Site, outcome: Outcome, **more: Any) -> Finding:  # noqa: ANN401 - passed on
    given: dict[str, Any] = {"ground": APPLICANT, "ground_name": "", "unit": "", "bound": "", **more}
    return finding(rule, outcome, subject=site.bid.site_id, **given)


# ── pauses and swaps ──────────────────────────────────────────


def _suspend(rule: Suspend, site: Site) -> Finding:
    level = site.bid.level if rule.same_level else ""
    if conditions(rule, site) is State.NO:
        return card(rule, site, "does_not_apply")
    if rule.same_level and not level:
        return _of(rule, site, Outcome.NO_DATA, notes=("level_missing",), effect="suspend")
    if rule.scope == "radius":
        return _suspend_around(rule, site, level)
    place = place_of(site.plan, site.row, site.totals, rule.scope)
    if place is None:
        return _of(rule, site, Outcome.NO_DATA, ground=rule.scope, notes=("place_unknown",), effect="suspend")
    scope = scope_of(site.plan, place, site.totals, site.inputs, services=rule.services, level=level)
    return suspended(rule, site.figures, scope, subject=site.bid.site_id)


def suspended(rule: Suspend, series: Series, scope: Scope, *, subject: str) -> Finding:
    """Whether an area is paused; other readings of the same words are tried and told where they disagree."""
    tested = both_states(series, any_of=rule.any_of, all_of=rule.all_of, scope=scope)
    notes, figures = list(tested.notes), dict(tested.figures)
    for at, reading in enumerate(rule.readings, start=1):
        other = both_states(series, any_of=reading.any_of, all_of=reading.all_of, scope=scope).state
        figures[f"reading_{at}"] = f"{reading.title}: {other.value}"
        if other is not tested.state and "readings_disagree" not in notes:
            notes.append("readings_disagree")
    return finding(
        rule,
        _SHOWN[tested.state],
        subject=subject,
        ground=rule.scope,
        ground_name=str(scope.place["name"]),
        unit="",
        bound="",
        figures=figures,
        notes=tuple(notes),
        effect="suspend",
    )


def _suspend_around(rule: Suspend, site: Site, level: str) -> Finding:
    found = paused_around(rule, site, level)
    asks = not {"check_on_site", "walking_missing"}.isdisjoint(found.notes)
    outcome = Outcome.REVIEW if asks and found.state is State.UNKNOWN else _SHOWN[found.state]
    return _of(rule, site, outcome, ground="circle", figures=found.figures, notes=found.notes, effect="suspend")


def _replace(rule: Replace, site: Site) -> Finding:
    """What may come in for what left: a quota that is not known is missing data, never a card alone."""
    held = conditions(rule, site)
    if held is State.NO:
        return card(rule, site, "does_not_apply")
    place = place_of(site.plan, site.row, site.totals, rule.per)
    name = "" if place is None else str(place["name"])
    if place is None or held is State.UNKNOWN:
        lacks = "place_unknown" if place is None else "attribute_missing"
        return _of(rule, site, Outcome.NO_DATA, ground=rule.per, ground_name=name, notes=(lacks,), effect="replace")
    if rule.any_of or rule.all_of:
        paused = _condition(rule, site, place)
        if paused.state is not State.YES:
            outcome = Outcome.MET if paused.state is State.NO else Outcome.NO_DATA
            notes = paused.notes or ("condition_not_met",)
            return _of(rule, site, outcome, ground=rule.per, ground_name=name, figures=paused.figures, notes=notes)
    if site.inputs.events is None:
        notes = ("ledger_missing", *(("place_marked",) if rule.where.settings else ()))
        return _of(rule, site, Outcome.NO_DATA, ground=rule.per, ground_name=name, notes=notes, effect="replace")
    return _ledger(rule, site, place)


def _condition(rule: Replace, site: Site, place: Mapping[str, Any]) -> Tested:
    scope = scope_of(site.plan, place, site.totals, site.inputs, services=rule.services, level="")
    return both_states(site.figures, any_of=rule.any_of, all_of=rule.all_of, scope=scope)


def _ledger(rule: Replace, site: Site, place: Mapping[str, Any]) -> Finding:
    book = swap(rule, site.inputs, place, site.totals, start=rule.valid_from or site.plan.document.valid_from)
    added = 1.0 if rule.of == "institutions" else site.bid.beds
    wanted = book.entries + added
    notes = ["swap_ledger"] + (["pause_and_swap"] if rule.pause else [])
    if math.isnan(wanted) or math.isnan(book.allowed):
        outcome, notes = Outcome.NO_DATA, [*notes, "count_missing"]
    else:
        outcome = Outcome.BREACHED if exceeds(wanted, book.allowed) else Outcome.MET
    return _of(
        rule,
        site,
        outcome,
        ground=rule.per,
        ground_name=str(place["name"]),
        unit=rule.of,
        bound="max",
        observed=None if math.isnan(wanted) else wanted,
        limit=None if math.isnan(book.allowed) else book.allowed,
        figures={"exits": book.exits, "entries": book.entries},
        notes=tuple(notes),
        effect="replace",
    )


def _direction(rule: Direction, site: Site) -> Finding:
    place = place_of(site.plan, site.row, site.totals, rule.scope)
    if place is None:
        return _of(rule, site, Outcome.NO_DATA, ground=rule.scope, notes=("place_unknown",))
    scope = scope_of(site.plan, place, site.totals, site.inputs, services=(site.bid.service,), level="")
    figures = {k: site.figures.value(i, scope) for k, i in (("actual", rule.actual), ("calculated", rule.calculated))}
    if rule.target is not None:
        figures["target"] = site.figures.value(rule.target, scope)
    found = stand(**figures, tolerance=rule.tolerance or 0.0)
    notes = () if rule.tolerance is not None else ("tolerance_not_printed",)
    outcome = {Stand.SURPLUS: Outcome.BREACHED, None: Outcome.NO_DATA}.get(found, Outcome.MET)
    notes = (*notes, f"stand_{found.value}") if found is not None else (*notes, "indicator_missing")
    return _of(
        rule,
        site,
        outcome,
        ground=rule.scope,
        ground_name=str(place["name"]),
        figures=figures,
        notes=notes,
        effect=PRIORITY if found is Stand.SHORT else "",
    )


# ── exemptions, priority, strictness ──────────────────────────


def _exempt(rule: Exempt, site: Site) -> Finding:
    states = [conditions(rule, site, any_kind=rule.match == "any") or State.YES]
    if rule.until is not None:
        day = as_date(site.get("application_date")) or site.inputs.as_of
        states.append(State.UNKNOWN if day is None else State.YES if day <= rule.until else State.NO)
    if rule.none_in is not None:
        states.append(none_in(rule.none_in, site))
    notes: tuple[str, ...] = ()
    if rule.none_within and join(states) is not State.NO:
        alone = none_within(rule, site)
        states.append(alone.state)
        notes = alone.notes
    state = join(states)
    if state is not State.YES:
        return card(rule, site, "does_not_apply" if state is State.NO else "attribute_missing", *notes)
    given = words_of(site.get("approvals"))
    pending = rule.needs is not None and given.isdisjoint({rule.id, rule.needs})
    notes = (*(() if rule.counted else ("site_not_counted",)), *((f"needs_{rule.needs}",) if pending else ()), *notes)
    outcome = Outcome.REVIEW if pending or rule.result == CASE_BY_CASE else Outcome.MET
    effect = EXEMPT if rule.result == "admit" or pending else rule.result
    return _of(rule, site, outcome, notes=notes, effect=effect, figures={"lifts": ";".join(rule.lifts)})


def _prefer(rule: Prefer, site: Site) -> Finding:
    states = [s for s in (conditions(rule, site, any_kind=rule.match == "any"),) if s is not None]
    if rule.none_in is not None:
        states.append(none_in(rule.none_in, site))
    near = Nearness(State.YES)
    if rule.near is not None and join(states) is not State.NO:
        near = near_named(rule, rule.near, site)
        states.append(near.state)
    figures = dict(near.figures)
    state = join(states) if states else None
    if state is not State.YES:
        note = {None: "", State.NO: "does_not_apply", State.UNKNOWN: "attribute_missing"}[state]
        # a place at the edge, an unknown way or radius is told by its own note
        one = card(rule, site, "" if near.state is State.UNKNOWN else note, *near.notes)
        return replace(one, evidence=replace(one.evidence, figures=figures))
    rank = min((at for at, tag in enumerate(rule.tags, start=1) if tag in site.tags), default=0)
    ranked = {"rank": float(rank)} if rule.ordered and rank else {}
    return _of(rule, site, Outcome.MET, effect=PRIORITY, notes=("goes_first", *near.notes), figures=figures | ranked)


def _warn(rule: Warn, site: Site) -> Finding:
    state = conditions(rule, site)
    if any(not has_bound(a) for a in rule.applicant) and state is not State.NO:
        return _of(rule, site, Outcome.REVIEW, effect=WARN, notes=("limit_not_printed",))
    if state is not State.YES:
        note = {None: "", State.NO: "does_not_apply", State.UNKNOWN: "attribute_missing"}[state]
        return card(rule, site, note)
    return _of(rule, site, Outcome.REVIEW, effect=WARN, notes=("strictly_limited",))


def _case(rule: Case, site: Site) -> Finding:
    state = conditions(rule, site)
    if state is State.YES:
        return _of(rule, site, Outcome.REVIEW, effect=CASE_BY_CASE, notes=("case_by_case",))
    return card(rule, site, {None: "", State.NO: "does_not_apply", State.UNKNOWN: "attribute_missing"}[state])


# ── conditions of application ─────────────────────────────────


def _require(rule: Require, site: Site) -> Finding:
    if conditions(rule, site) is State.NO:
        return card(rule, site, "does_not_apply")
    notes, figures, states = [], {}, []
    for need in rule.needs:
        value = site.get(need.attribute)
        figures[need.attribute] = "—" if value is None else value if isinstance(value, float) else str(value)
        states.append(attribute_state(need, value) if has_bound(need) else State.UNKNOWN)
        if states[-1] is State.UNKNOWN:
            notes.append("attribute_missing" if has_bound(need) else "limit_not_printed")
    if rule.grants:
        figures["grants"] = ";".join(rule.grants)
        notes.append("granted")
    if rule.windows or rule.yearly:
        day = as_date(site.get("application_date")) or site.inputs.as_of
        figures["application_date"] = "—" if day is None else day.isoformat()
        inside = day is not None and _open_on(rule, day)
        states.append(State.UNKNOWN if day is None else State.YES if inside else State.NO)
        notes.append("attribute_missing" if day is None else "" if inside else "outside_window")
    outcome = {State.YES: Outcome.MET, State.NO: Outcome.BREACHED, State.UNKNOWN: Outcome.NO_DATA}[join(states)]
    return _of(rule, site, outcome, figures=figures, notes=tuple(dict.fromkeys(n for n in notes if n)))


def _open_on(rule: Require, day: dt.date) -> bool:
    """Whether applications come in on a day; a yearly window that starts later than it ends runs over New Year."""
    if any(w.start <= day <= w.end for w in rule.windows):
        return True
    on = day.strftime("%m-%d")
    return any((w.start <= on <= w.end) if w.start <= w.end else (on >= w.start or on <= w.end) for w in rule.yearly)


def _ban(rule: Ban, site: Site) -> Finding:
    as_of = site.inputs.as_of
    if site.inputs.events is None or as_of is None:
        return card(rule, site)
    end = banned_until(rule, site.inputs, {**site.row, **site.inputs.attributes})
    if end is None or as_of >= end:
        return _of(rule, site, Outcome.MET)
    return _of(rule, site, Outcome.BREACHED, figures={"banned_until": end.isoformat()}, notes=("banned",))


def _batch(rule: BatchLimit, site: Site) -> Finding:
    others = in_batch(rule, site.inputs, {**site.row, **site.inputs.attributes})
    if math.isnan(others):
        return _of(rule, site, Outcome.NO_DATA, notes=("attribute_missing",), unit="applications")
    if rule.max is None:
        return _of(rule, site, Outcome.REVIEW, observed=others + 1, notes=("limit_not_printed",), unit="applications")
    outcome = Outcome.BREACHED if others + 1 > rule.max else Outcome.MET
    return _of(rule, site, outcome, observed=others + 1, limit=float(rule.max), bound="max", unit="applications")


def _validity(rule: Validity, site: Site) -> Finding:
    as_of = site.inputs.as_of
    if as_of is None:
        return card(rule, site)
    note = ""
    if rule.start is not None and as_of < rule.start:
        note = "not_yet_in_force"
    if rule.end is not None and as_of > rule.end:
        note = "expired"
    figures = {"as_of": as_of.isoformat(), "end": rule.end.isoformat() if rule.end else ""}
    outcome = Outcome.REVIEW if note else Outcome.MET
    return _of(rule, site, outcome, ground=PLAN, figures=figures, notes=(note,) if note else ())


# ── goals ─────────────────────────────────────────────────────


def _mix(rule: Mix, site: Site) -> Finding:
    place = place_of(site.plan, site.row, site.totals, "city")
    added = 1.0 if rule.of == "institutions" else site.bid.beds
    if site.inputs.register is None or place is None or site.bid.level not in rule.shares or math.isnan(added):
        return card(rule, site)
    held = {
        str(level): count(site.inputs.register, place, of=rule.of, what=(rule.services, (), (level,), ()))[0]
        for level in rule.shares
    }
    total = sum(held.values()) + added
    share = (held[site.bid.level] + added) / total if total > 0 else math.nan
    if math.isnan(share):
        return _of(rule, site, Outcome.NO_DATA, ground="city", notes=("count_missing",), effect=TARGET)
    limit = dict(rule.shares.items())[site.bid.level]
    outcome = Outcome.BREACHED if exceeds(share, limit) else Outcome.MET
    return _of(
        rule,
        site,
        outcome,
        ground="city",
        ground_name=str(place["name"]),
        observed=share,
        limit=limit,
        unit="share",
        bound="max",
        figures=held,
        notes=("structure_guides",),
        effect=TARGET,
    )


def _target(rule: Target, site: Site) -> Finding:
    place = place_of(site.plan, site.row, site.totals, "city")
    if place is None:
        return card(rule, site)
    scope = scope_of(site.plan, place, site.totals, site.inputs, services=rule.services, level="")
    told = site.figures.value(rule.measure, scope)
    if math.isnan(told):
        told = site.figures.value(f"{rule.measure}_{site.bid.service}", scope)
    # shares and times do not add up: a city summed from its districts has none on foot
    column = "" if "members" in place else walked_column(rule, site.bid.service)
    walked, line = (number(place.get(name)) for name in (column, f"{column}.straight"))
    straight = line if math.isnan(told) else told
    on_foot = rule.distance == "walking"
    value, other = (walked, straight) if on_foot else (straight, walked)
    if math.isnan(value) and (site.series is None or on_foot):
        return card(rule, site, "walking_missing" if on_foot else "")
    bound = "min" if rule.at_least is not None else "max"
    limit = rule.at_least if rule.at_least is not None else rule.at_most
    if math.isnan(value) or limit is None:
        return _of(rule, site, Outcome.NO_DATA, ground="city", notes=("indicator_missing",), effect=TARGET)
    outcome = _reached(value, limit, bound)
    notes = ["goal_on_foot"] if on_foot else []
    if not math.isnan(other):
        notes.append(f"goal_by_{rule.distance}_{'same' if _reached(other, limit, bound) is outcome else 'differs'}")
    figures = {k: v for k, v in (("straight", straight), ("walking", walked)) if not math.isnan(v) and notes}
    if on_foot and rule.mode != "walk":
        notes.append(f"goal_mode_{rule.mode}")
        figures["speed_km_h"] = round(3.6 * (rule.speed_m_per_s or SPEEDS_M_PER_S[rule.mode]), 1)
    return _of(
        rule,
        site,
        outcome,
        ground="city",
        ground_name=str(place["name"]),
        observed=value,
        limit=limit,
        bound=bound,
        unit="value",
        effect=TARGET,
        figures=figures,
        notes=tuple(notes),
    )


def _reached(value: float, limit: float, bound: str) -> Outcome:
    missed = exceeds(limit, value) if bound == "min" else exceeds(value, limit)
    return Outcome.BREACHED if missed else Outcome.MET


def walked_column(rule: Target, service: str) -> str:
    """Column of the totals that holds what a goal measures on the streets."""
    return f"{rule.id}.{service}"


_JUDGES: Mapping[type[Card], Callable[[Any, Site], Finding]] = {
    Suspend: _suspend,
    Replace: _replace,
    Direction: _direction,
    Exempt: _exempt,
    Prefer: _prefer,
    Warn: _warn,
    Case: _case,
    Require: _require,
    Ban: _ban,
    BatchLimit: _batch,
    Validity: _validity,
    Mix: _mix,
    Target: _target,
}

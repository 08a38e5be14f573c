"""Position error 定位误差: what would be said where the site may also stand, never a silent yes or no.

Other ground within the position accuracy is judged like the site itself. A finding that would come out otherwise there
asks for a check on site and says how far that ground lies and what holds on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from circle15.judge.circles import limit_by_residents
from circle15.judge.conditions import attribute_state
from circle15.judge.effects import CASE_BY_CASE, EXEMPT, PRIORITY
from circle15.judge.inputs import number, text
from circle15.judge.on_foot import residents_column
from circle15.policy.rules import CircleLimit, Require
from circle15.schema import CHECKLIST, Finding, Outcome

if TYPE_CHECKING:
    from circle15.policy.cards import Card
    from circle15.policy.plan import Plan
    from circle15.schema import Conclusion

Row = Mapping[str, Any]
LEVELS = ("community", "township", "district", "city")
NOTES = ("position_place", "position_outside", "position_class", "position_measure")
_FILLS = frozenset({"fills_empty_township", "fills_empty_area"})
_DECIDES = frozenset({EXEMPT, PRIORITY, CASE_BY_CASE, "admit_all"})
_FIXED = frozenset({"tags", "level", "beds", "stations", "physicians", "position_accuracy_m"})


@dataclass(frozen=True)
class Elsewhere:
    """Other ground on which the site may stand: its row of measures with `moved_m`, and what is found there."""

    row: Row
    findings: tuple[Finding, ...]


def grounds(rules: Sequence[Card], here: Row, elsewhere: Iterable[Row]) -> list[Row]:
    """Rows of other ground on which another rule or limit may hold, the nearest of each kind."""
    seen = {_signature(rules, here)}
    kept = []
    for row in sorted(elsewhere, key=lambda r: round(float(r["moved_m"]), 3)):  # as near to a millimetre: as given
        kind = _signature(rules, row)
        if kind not in seen:
            seen.add(kind)
            kept.append(row)
    return kept


def _signature(rules: Sequence[Card], row: Row) -> tuple[object, ...]:
    """All of a row that a rule may ask about and that changes with the position."""
    said: list[object] = [text(row.get(f"{level}_id")) for level in LEVELS]
    said.append(text(row.get("density_class")))
    for rule in rules:
        if isinstance(rule, CircleLimit) and rule.by_residents:
            limit = limit_by_residents(rule, number(row.get(residents_column(rule))))
            said.append(-1.0 if math.isnan(limit) else limit)
        asked = (*rule.applicant, *(rule.needs if isinstance(rule, Require) else ()))
        said += [
            attribute_state(a, row[a.attribute]) for a in asked if a.attribute in row and a.attribute not in _FIXED
        ]
    return tuple(said)


def reconcile(
    plan: Plan,
    here: Row,
    findings: Sequence[Finding],
    elsewhere: Sequence[Elsewhere],
    *,
    conclude: Callable[[list[Finding]], Conclusion],
) -> list[Finding]:
    """Findings of which those that come out otherwise within the position error ask for a check on site.

    Where the conclusion is the same on all of that ground, findings that would change it keep their own outcome and
    only say what holds there: the site need not be visited to know the answer.
    """
    if not elsewhere:
        return list(findings)
    firm = _merge(plan, here, findings, elsewhere, ask=True, foreign=True)
    sides = {conclude(list(findings)), *(conclude(list(e.findings)) for e in elsewhere)}
    if len(sides) > 1 or sides == {conclude(firm)}:
        return firm
    for foreign in (True, False):
        mild = _merge(plan, here, findings, elsewhere, ask=False, foreign=foreign)
        if sides == {conclude(mild)}:
            return mild
    return firm


def _merge(
    plan: Plan, here: Row, findings: Sequence[Finding], elsewhere: Sequence[Elsewhere], *, ask: bool, foreign: bool
) -> list[Finding]:
    theirs = [(e.row, {_key(f): f for f in e.findings}) for e in elsewhere]
    merged, told = [], set()
    for one in findings:
        key = _key(one)
        other = next(((row, found.get(key)) for row, found in theirs if _said(found.get(key)) != _said(one)), None)
        if other is None or (one.ground == CHECKLIST and not foreign):
            merged.append(one)
        elif one.ground == CHECKLIST and other[1] is not None:
            merged.append(_unsure(plan, here, _absent(other[1]), *other, ask=True))
        else:
            merged.append(_unsure(plan, here, one, *other, ask=ask))
        told.add(key)
    for row, found in theirs if foreign else ():
        for key, there in found.items():
            if key not in told and _said(there) is not None:
                told.add(key)
                merged.append(_unsure(plan, here, _absent(there), row, there, ask=True))
    tested = {f.rule_id for f in merged if f.ground != CHECKLIST}
    return [f for f in merged if f.ground != CHECKLIST or f.rule_id not in tested]


def either(
    plan: Plan, here: Row, one: Finding | None, elsewhere: Iterable[tuple[Row, Finding | None]]
) -> Finding | None:
    """One finding (None where its rule does not hold) against those on other ground, for a check where they differ."""
    for row, there in elsewhere:
        if _said(there) != _said(one):
            start = one if one is not None else _absent(there) if there is not None else None
            return None if start is None else _unsure(plan, here, start, row, there, ask=True)
    return one


def _key(one: Finding) -> tuple[str, str]:
    return one.rule_id, one.bound


def _said(one: Finding | None) -> tuple[object, ...] | None:
    """What a finding does to the conclusion; None where it does nothing."""
    if one is None or one.ground == CHECKLIST:
        return None
    fills = one.bound == "min" and not _FILLS.isdisjoint(one.evidence.notes)
    if one.outcome is Outcome.MET and one.effect not in _DECIDES and not fills:
        return None
    return one.outcome, one.effect, fills


def _absent(there: Finding) -> Finding:
    """A rule that holds only on the other ground: nothing is observed where the site is thought to be."""
    evidence = replace(there.evidence, notes=(), neighbours=(), borderline=(), apart=(), figures={})
    return replace(there, observed=None, limit=None, evidence=evidence)


def _unsure(plan: Plan, here: Row, one: Finding, row: Row, there: Finding | None, *, ask: bool) -> Finding:
    """A finding with the other ground told; with `ask` it is for a check on site."""
    figures: dict[str, float | str] = {
        **one.evidence.figures,
        "border_m": round(float(row["moved_m"]), 2),
        "position_accuracy_m": number(here.get("position_accuracy_m")),
    }
    why, more = _difference(plan, here, row)
    figures |= more
    notes = [*one.evidence.notes, why]
    if there is None or there.ground == CHECKLIST:
        notes.append("beyond_none")
    else:
        notes.append(f"beyond_{there.outcome.value}")
        for key, value in (("observed", there.observed), ("limit", there.limit)):
            figures |= {} if value is None else {f"beyond_{key}": value}
    if ask and "check_on_site" not in notes:
        notes.append("position_check")
    outcome = Outcome.REVIEW if ask else one.outcome
    evidence = replace(one.evidence, figures=figures, notes=tuple(dict.fromkeys(notes)))
    return replace(one, outcome=outcome, evidence=evidence)


def _difference(plan: Plan, here: Row, there: Row) -> tuple[str, dict[str, float | str]]:
    """Why the other ground differs: another place, none at all, another density class, or another measure."""
    for level in LEVELS:
        own, other = text(here.get(f"{level}_id")), text(there.get(f"{level}_id"))
        if own != other:
            levels = LEVELS[LEVELS.index(level) : -1] or LEVELS[-1:]
            names = [text(there.get(f"{above}_name")) for above in reversed(levels)]
            return ("position_place" if other else "position_outside"), {"beyond": " ".join(n for n in names if n)}
    classes = text(here.get("density_class")), text(there.get("density_class"))
    if classes[0] != classes[1]:
        unit = f"density_{plan.density.unit}_per_km2"
        beyond = plan.class_title(classes[1]) if classes[1] else "—"
        densities = {"density_per_km2": number(here.get(unit)), "beyond_density_per_km2": number(there.get(unit))}
        return "position_class", {"beyond": beyond, **{k: round(v, 1) for k, v in densities.items()}}
    return "position_measure", {}

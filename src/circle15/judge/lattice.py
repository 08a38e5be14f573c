"""What findings add up to 结论: exemptions lift, clauses collide, the worst that is left wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from circle15.judge.effects import CASE_BY_CASE, EXEMPT, PRIORITY, TARGET, WARN
from circle15.policy.rules import AreaLimit, Exempt
from circle15.schema import CHECKLIST, Collision, Conclusion, Finding, Force, Outcome

if TYPE_CHECKING:
    from circle15.policy.cards import Card
    from circle15.policy.plan import Plan

COLLISION = "collision"
_LIFTED_BY_ALL = frozenset({"area_limit", "circle_limit", "suspend", "replace", "mix", "direction", "batch_limit"})
_OPEN = frozenset({Outcome.REVIEW, Outcome.NO_DATA})
_FILLS = frozenset({"fills_empty_township", "fills_empty_area"})
_AREA_CAPS = frozenset({"city", "group", "district"})
_DISAGREE = ("density_disagrees", "readings_disagree")


def conclude(findings: Iterable[Finding]) -> Conclusion:
    """What findings on a proposed site add up to; the worst wins.

    A `must` rule that is breached refuses, a `principle` rule refuses in principle; review or missing data on either
    makes review; then come cases decided one by one. `reference` rules, goals and warnings decide nothing, nor does
    what an exemption lifts. A minimum is never a reason to refuse: one more cannot lower a count. Cards that people
    check are listed with every verdict and alone do not turn admit into review, since else no verdict could ever be
    anything but review; but where cards are all that the plan has for a site, nothing was decided and it is review.
    Where nothing stands against the site, an exemption for all that qualify comes before priority.
    """
    return _weigh(findings)[0]


def deciding_rules(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Ids of the rules on which the conclusion rests, in order."""
    every = list(findings)
    conclusion, deciding = _weigh(every)
    if conclusion is Conclusion.CASE_BY_CASE and any(f.effect == COLLISION for f in deciding):
        deciding = [f for f in every if f.bound == "min" and not _FILLS.isdisjoint(f.evidence.notes)] + deciding
    return tuple(dict.fromkeys(f.rule_id for f in deciding))


def _weigh(findings: Iterable[Finding]) -> tuple[Conclusion, list[Finding]]:
    every = list(findings)
    got = [
        f
        for f in every
        if f.ground != CHECKLIST
        and f.force is not Force.REFERENCE
        and not f.lifted_by
        and f.effect not in {TARGET, WARN}
    ]
    breached = [f for f in got if f.outcome is Outcome.BREACHED and f.bound != "min" and f.effect != COLLISION]
    effects = {name: [f for f in got if f.effect == name] for name in (CASE_BY_CASE, COLLISION, "admit_all", PRIORITY)}
    for conclusion, found in (
        (Conclusion.REFUSE, [f for f in breached if f.force is Force.MUST]),
        (Conclusion.REFUSE_IN_PRINCIPLE, breached),
        (Conclusion.REVIEW, [f for f in got if f.outcome in _OPEN and f.effect != CASE_BY_CASE]),
        (
            Conclusion.CASE_BY_CASE,
            [f for f in effects[CASE_BY_CASE] if f.outcome is not Outcome.MET] + effects[COLLISION],
        ),
        (Conclusion.ADMIT_ALL, effects["admit_all"]),
        (Conclusion.PRIORITY, effects[PRIORITY]),
    ):
        if found:
            return conclusion, found
    cards = [f for f in every if f.ground == CHECKLIST]
    if cards and all(f.ground == "plan" for f in got):
        return Conclusion.REVIEW, cards
    return Conclusion.ADMIT, []


def lift(plan: Plan, findings: Sequence[Finding]) -> list[Finding]:
    """Findings with `lifted_by` set where an exemption that holds lifts their rule.

    An exemption that still needs approval, or that opens a decision case by case, and finds nothing to lift is not
    needed and decides nothing.
    """
    lifting: dict[str, frozenset[str]] = {}
    rules = {r.id: r for r in plan.rules}
    for one in findings:
        rule = rules[one.rule_id]
        if isinstance(rule, Exempt) and one.ground != CHECKLIST:
            lifting[rule.id] = _LIFTED_BY_ALL if "all" in rule.lifts else frozenset(rule.lifts)
    lifted, used = [], set()
    for one in findings:
        by = tuple(r for r, kinds in lifting.items() if one.kind in kinds and _stands_against(one))
        used |= set(by)
        lifted.append(replace(one, lifted_by=by) if by else one)
    return [f if f.rule_id not in lifting or f.rule_id in used else _idle(f) for f in lifted]


def _stands_against(one: Finding) -> bool:
    return one.ground != CHECKLIST and one.outcome is not Outcome.MET and one.bound != "min"


def _idle(one: Finding) -> Finding:
    if one.outcome is not Outcome.REVIEW:
        return one
    notes = (*one.evidence.notes, "exemption_not_needed")
    return replace(one, outcome=Outcome.MET, effect=EXEMPT, evidence=replace(one.evidence, notes=notes))


def collide(plan: Plan, findings: Sequence[Finding]) -> tuple[list[Finding], tuple[Collision, ...]]:
    """Findings with collisions marked, and the collisions: each with both clauses and quotations."""
    rules = {r.id: r for r in plan.rules}
    marked, found = _minimum_against_cap(rules, findings)
    by_rule: dict[str, list[Finding]] = {}
    for one in marked:
        by_rule.setdefault(one.rule_id, []).append(one)
    for one in marked:
        if "pause_and_swap" in one.evidence.notes:
            found.append(_collision("pause_against_swap", [one]))
        found += [_collision(n, [one], _reading_words(one)) for n in _DISAGREE if n in one.evidence.notes]
    for one in marked:
        for other in (o for name in rules[one.rule_id].against for o in by_rule.get(name, ())):
            kind = _against(one, other)
            if kind:
                found.append(_collision(kind, [other, one]))
    return marked, tuple(found)


def _minimum_against_cap(
    rules: Mapping[str, Card], findings: Sequence[Finding]
) -> tuple[list[Finding], list[Collision]]:
    """An empty place that a minimum would fill, against a cap of a larger area that is used up (A19)."""
    fills = [f for f in findings if f.bound == "min" and not _FILLS.isdisjoint(f.evidence.notes)]
    marked, found = [], []
    for one in findings:
        rule = rules[one.rule_id]
        against = [f for f in fills if isinstance(rule, AreaLimit) and _same_count(rule, rules[f.rule_id])]
        full = one.bound == "max" and one.outcome is Outcome.BREACHED and one.ground in _AREA_CAPS and not one.lifted_by
        if against and full:
            found += [_collision("minimum_against_cap", [f, one]) for f in against]
            marked.append(replace(one, effect=COLLISION))
        else:
            marked.append(one)
    return marked, found


def _same_count(cap: AreaLimit, minimum: object) -> bool:
    return isinstance(minimum, AreaLimit) and (cap.of, cap.tags) == (minimum.of, minimum.tags)


def _against(one: Finding, other: Finding) -> str:
    if CHECKLIST in {one.ground, other.ground}:
        return ""
    if one.outcome is not other.outcome:
        return "readings_disagree"
    return "hard_and_soft" if one.force is not other.force and one.outcome is not Outcome.MET else ""


def _collision(kind: str, findings: Sequence[Finding], detail: str = "") -> Collision:
    return Collision(
        kind,
        tuple(f.rule_id for f in findings),
        tuple(f.clause for f in findings),
        tuple(f.quote for f in findings),
        detail,
    )


def _reading_words(one: Finding) -> str:
    figures: Mapping[str, float | str] = one.evidence.figures
    return "; ".join(str(v) for k, v in figures.items() if k.startswith(("reading_", "density_class_")))

"""Findings 核对结果: how they are made, ordered and worded.

A finding keeps clause, quotation, observed value, limit and evidence of one test of one rule, whatever came out of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from circle15.policy.cards import Card
from circle15.schema import CHECKLIST, Evidence, Finding, Neighbour, Outcome

_ORDER = {Outcome.MET: 0, Outcome.NO_DATA: 1, Outcome.REVIEW: 2, Outcome.BREACHED: 3}


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of several outcomes: breached > review > no data > met; met when there is none."""
    return max(outcomes, key=_ORDER.__getitem__, default=Outcome.MET)


def finding(
    rule: Card,
    outcome: Outcome,
    *,
    subject: str,
    ground: str,
    ground_name: str,
    observed: float | None = None,
    limit: float | None = None,
    unit: str = "institutions",
    bound: Literal["max", "min", ""] = "max",
    neighbours: tuple[Neighbour, ...] = (),
    borderline: tuple[Neighbour, ...] = (),
    figures: Mapping[str, float | str] | None = None,
    notes: tuple[str, ...] = (),
    apart: tuple[Neighbour, ...] = (),
    effect: str = "",
) -> Finding:
    """A finding that cites its rule; `notes` are message ids under `judge.note`, `unit` one under `judge.unit`."""
    return Finding(
        rule_id=rule.id,
        title=rule.title,
        outcome=outcome,
        force=rule.force,
        clause=rule.clause,
        quote=rule.quote,
        subject=subject,
        ground=ground,
        ground_name=ground_name,
        observed=observed,
        limit=limit,
        unit=unit,
        bound=bound,
        evidence=Evidence(neighbours, borderline, apart, figures or {}, notes),
        catalogue=rule.catalogue,
        kind=str(getattr(rule, "kind", "")),
        effect=effect,
        note=rule.note,
    )


def checklist_card(rule: Card, *, subject: str, ground_name: str = "", notes: tuple[str, ...] = ()) -> Finding:
    """A rule that no data here decides, shown with clause and quotation for people to check."""
    return finding(
        rule,
        Outcome.REVIEW,
        subject=subject,
        ground=CHECKLIST,
        ground_name=ground_name,
        unit="",
        bound="",
        notes=notes or ("people_check",),
    )


_STAGES = (
    "validity",
    "require",
    "ban",
    "batch_limit",
    "exempt",
    "suspend",
    "direction",
    "area_limit city",
    "area_limit group",
    "area_limit district",
    "mix",
    "replace",
    "circle_limit",
    "area_limit township",
    "area_limit community",
    "prefer",
    "case",
    "warn",
    "target",
    "exit",
)
"""Order of the tests 研判顺序."""


def in_order(one: Finding) -> int:
    """Where a finding stands in the order of the tests; cards that people check come last."""
    if one.ground == CHECKLIST:
        return len(_STAGES)
    name = f"{one.kind} {one.ground}" if one.kind == "area_limit" else one.kind
    return _STAGES.index(name) if name in _STAGES else len(_STAGES) - 1


def exceeds(observed: float, limit: float) -> bool:
    """Whether a count or rate lies above its limit (the limit itself is allowed)."""
    return observed > limit + 1e-9 * max(1.0, abs(limit))

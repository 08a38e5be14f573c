"""What the rules of a plan ask of an applicant 申请属性, and in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circle15.policy.rules import Require

if TYPE_CHECKING:
    from circle15.policy.cards import Attribute, Card
    from circle15.policy.plan import Plan
    from circle15.schema import AttributeKind


def asked_of(rule: Card) -> tuple[Attribute, ...]:
    """Attributes that one rule asks for."""
    return (*rule.applicant, *(rule.needs if isinstance(rule, Require) else ()))


def attribute_kinds(plan: Plan) -> dict[str, AttributeKind]:
    """In which form the rules of a plan ask for each attribute."""
    return {a.attribute: _kind(a) for r in plan.rules for a in asked_of(r)}


def _kind(asked: Attribute) -> AttributeKind:
    if asked.is_true is not None:
        return "flag"
    if asked.on_or_after is not None or asked.on_or_before is not None:
        return "date"
    return "words" if asked.one_of or asked.none_of else "number"

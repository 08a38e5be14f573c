"""The catalogue of rules of the published plans 规则目录: every row with the cards that carry it."""

from __future__ import annotations

from circle15.policy.cards import Record
from circle15.policy.plan import load_plan, rule_catalogue


class Carried(Record):
    """Which card carries a rule of the catalogue, and whether data decide it (else people check it)."""

    id: str
    city: str
    clause: str
    title: str
    card: str
    kind: str
    computed: bool


def carried_rules() -> tuple[Carried, ...]:
    """Every catalogued rule with each card that carries it, in the order of the catalogue; for tables of the docs."""
    found = []
    for row in rule_catalogue():
        plan = load_plan(row.city)
        for name in plan.catalogue_ids().get(row.id, ()):
            kind = plan.rule(name).kind
            found.append(Carried(**row.model_dump(), card=name, kind=kind, computed=kind != "checklist"))
    return tuple(found)

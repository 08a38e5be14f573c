"""Every catalogued rule of the five plans is carried by a card, and every quotation stands verbatim in its text."""

from __future__ import annotations

from importlib.resources import files

import pytest

from circle15.judge.effects import _JUDGES
from circle15.policy.catalogue import carried_rules
from circle15.policy.plan import load_plan, rule_catalogue, shipped_plans
from circle15.policy.rules import RULE_RECORDS, AreaLimit, Checklist, CircleLimit, Exit
from circle15.schema import Force

CITIES = ("liuzhou", "shenyang", "suihua", "wuhu", "zhongwei")


def test_five_plans_are_shipped():
    assert shipped_plans() == CITIES


def test_the_catalogue_holds_164_rules_once():
    ids = [row.id for row in rule_catalogue()]
    assert len(ids) == len(set(ids)) == 164
    assert {row.city for row in rule_catalogue()} == set(CITIES)


@pytest.mark.parametrize("row", rule_catalogue(), ids=lambda r: r.id)
def test_every_row_is_carried_by_a_card(row):
    plan = load_plan(row.city)
    cards = plan.catalogue_ids().get(row.id, ())
    assert cards, row
    for name in cards:
        assert plan.rule(name).clause
        assert plan.rule(name).quote


@pytest.mark.parametrize("city", CITIES)
def test_no_card_carries_a_row_that_is_not_there(city):
    known = {row.id for row in rule_catalogue() if row.city == city}
    assert set(load_plan(city).catalogue_ids()) == known


@pytest.mark.parametrize("city", CITIES)
def test_quotations_stand_in_the_text_and_in_principle_is_never_must(city):
    plan = load_plan(city)
    text = "".join(files("circle15.plans").joinpath(plan.document.text).read_text(encoding="utf-8").split())
    for card in (plan.circle, *plan.place_classes, *plan.groups, *plan.facts, *plan.rules):
        assert "".join(card.quote.split()) in text, card.quote
    for rule in plan.rules:
        if "原则上" in rule.quote and rule.force is Force.MUST:
            assert "原则上不开通" in rule.quote or city == "zhongwei", rule.id


@pytest.mark.parametrize("city", CITIES)
def test_numbers_of_computed_rules_are_printed(city):
    for rule in load_plan(city).rules:
        text = rule.quote + rule.note
        if isinstance(rule, AreaLimit):
            for number in (rule.max, *(rule.max_by_area or {}).values()):
                assert number is None or f"{number:g}" in text, rule.id


def test_every_kind_is_computed_or_a_card():
    limits = {CircleLimit, AreaLimit}
    cards = {Checklist, Exit}  # an exit is tested on institutions of the register, not on a site
    assert set(RULE_RECORDS) == limits | cards | set(_JUDGES)


def test_the_table_of_cards_holds_every_row():
    table = carried_rules()
    assert {c.id for c in table} == {row.id for row in rule_catalogue()}
    assert all(c.computed is (c.kind != "checklist") for c in table)
    computed = {c.id for c in table if c.computed}
    assert {
        "ZW-29",
        "ZW-09",
        "ZW-39",
        "ZW-53",
        "SH-07",
        "WH-09",
        "SY-07",
        "SY-09",
        "LZ-04",
        "LZ-22",
        "LZ-27",
    } <= computed


@pytest.mark.parametrize("city", CITIES)
def test_a_card_that_people_check_says_why(city):
    assert [r.id for r in load_plan(city).rules if r.kind == "checklist" and not r.note] == []

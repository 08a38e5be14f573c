"""The judge in the page knows every field of the rules, or leaves the rule to the workbench: none is passed over."""

import json
import re
from importlib.resources import files
from typing import get_args

import pytest

from circle15.policy.cards import Card
from circle15.policy.rules import KINDS, RULE_RECORDS

PAGE = files("circle15.draw").joinpath("assets", "tester_effects.js").read_text(encoding="utf-8")
NEAR = ["distance", "radius_m", "minutes"]
NOT_READ = {"max_indicator", "catalogue"}
"""A limit out of indicators and formulas is the workbench's; the catalogue is for documents and no page has it."""


def told():
    """The lists of tester_effects.js."""
    every = json.loads(re.search(r"const EVERY = (\[[^\]]*\])", PAGE)[1])
    body = re.search(r"J\.FIELDS = \{(.*?)\n  \};", PAGE, re.DOTALL)[1]
    lists = re.findall(r"(\w+): \[([^\]]*)\]", body)
    assert f"const NEAR = {json.dumps(NEAR)};" in PAGE
    return every, {k: [n for n in re.findall(r"\w+", v) if n != "NEAR"] + NEAR * ("...NEAR" in v) for k, v in lists}


@pytest.mark.parametrize("record", RULE_RECORDS, ids=lambda r: r.__name__)
def test_the_page_lists_the_fields_of_every_kind_that_it_decides(record):
    every, by_kind = told()
    kind = get_args(record.model_fields["kind"].annotation)[0]
    if kind in by_kind:
        assert set(record.model_fields) - NOT_READ == set(by_kind[kind]) | set(every)
    assert set(Card.model_fields) - NOT_READ == set(every) - {"kind"}


def test_kinds_left_to_the_workbench_are_these():
    assert set(KINDS) - set(told()[1]) == {"ban", "exit"}

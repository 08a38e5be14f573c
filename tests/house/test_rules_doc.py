"""docs/rules.md tells of every catalogued rule and never lags behind the code."""

import importlib.util
from pathlib import Path

from circle15.policy.plan import rule_catalogue

ROOT = Path(__file__).resolve().parents[2]


def make_rules():
    spec = importlib.util.spec_from_file_location("make_rules", ROOT / "docs" / "make_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_what_the_code_says():
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == make_rules().table(), "run docs/make_rules.py"


def test_every_rule_has_its_row():
    lines = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8").splitlines()
    ids = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "-" in line.split("|")[1]]
    assert sorted(ids) == sorted(row.id for row in rule_catalogue())

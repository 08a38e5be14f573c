"""docs/inputs.md tells what planners write and never lags behind aliases and plans; the smallest plan is a plan."""

import importlib.util
import re
from pathlib import Path

from circle15.policy.plan import load_plan

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("make_inputs", DOCS / "make_inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "inputs.md").read_text(encoding="utf-8") == module.page(), "run docs/make_inputs.py"


def test_the_smallest_plan_of_the_page_loads_with_its_quotations(tmp_path):
    blocks = re.findall(
        r"`(\S+)`：\n\n```(?:text|toml)\n(.*?)```", (DOCS / "plan_shapes.md").read_text(encoding="utf-8"), re.DOTALL
    )
    for name, text in blocks:
        (tmp_path / name).write_text(text, encoding="utf-8")
    plan = load_plan(next(tmp_path.glob("*.toml")))
    assert [r.kind for r in plan.rules] == ["circle_limit", "area_limit"]

"""docs/inputs.md tells what planners write and never lags behind aliases and plans."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("make_inputs", DOCS / "make_inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "inputs.md").read_text(encoding="utf-8") == module.page(), "run docs/make_inputs.py"

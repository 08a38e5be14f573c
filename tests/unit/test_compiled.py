"""Machine code kept on disk is used again while no kernel has changed, and only then."""

import importlib.util

import pytest

from circle15.measure import compiled

CODE = "from circle15.measure.compiled import kernel\n\n\n@kernel\ndef doubled(x):\n    return 2.0 * x\n"


@pytest.mark.parametrize(("later", "hits"), [("same", 1), ("another", 0)])
def test_kept_code_is_out_of_date_once_any_kernel_changed(tmp_path, monkeypatch, later, hits):
    path = tmp_path / "some_kernels.py"
    path.write_text(CODE, encoding="utf-8")

    def first_call():
        spec = importlib.util.spec_from_file_location("some_kernels", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.doubled(2.0) == 4.0
        return sum(module.doubled.stats.cache_hits.values())

    monkeypatch.setattr(compiled, "sources", lambda: "same")
    assert first_call() == 0
    monkeypatch.setattr(compiled, "sources", lambda: later)
    assert first_call() == hits

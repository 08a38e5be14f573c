"""Machine code kept on disk is used again while no kernel has changed, and only then."""

import importlib.util

import pytest

from circle15.cli.tell import tell_compiling
from circle15.measure import compiled, stamp_kernels
from circle15.words import LANGS, word

CODE = "from circle15.measure.compiled import kernel\n\n\n@kernel\ndef doubled(x):\n    return 2.0 * x\n"


@pytest.mark.parametrize(("later", "hits"), [("same", 1), ("another", 0)])
def test_kept_code_is_out_of_date_once_any_kernel_changed(tmp_path, monkeypatch, later, hits):
    path = tmp_path / "some_kernels.py"
    path.write_text(CODE, encoding="utf-8")

    def first_call(*, ready):
        spec = importlib.util.spec_from_file_location("some_kernels", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert compiled.is_ready(module.doubled) is ready
        assert module.doubled(2.0) == 4.0
        assert compiled.is_ready(module.doubled)
        return sum(module.doubled.stats.cache_hits.values())

    monkeypatch.setattr(compiled, "sources", lambda: "same")
    assert first_call(ready=False) == 0
    monkeypatch.setattr(compiled, "sources", lambda: later)
    assert first_call(ready=bool(hits)) == hits


def test_a_number_written_out_and_one_counted_are_compiled_once():
    @compiled.inner
    def one_more(n):
        return n + 1

    @compiled.inner
    def counted(times):
        n = 0
        for _ in range(times):
            n = one_more(n) + one_more(7)
        return n

    assert counted(3) == 27
    assert len(one_more.signatures) == 1


@pytest.mark.parametrize("lang", LANGS)
def test_a_run_says_once_that_it_compiles(monkeypatch, capsys, lang):
    monkeypatch.setattr(stamp_kernels, "is_compiled", lambda: False)
    tell_compiling(lang)
    assert capsys.readouterr().err.strip() == word("cli.compiling", lang)
    monkeypatch.setattr(stamp_kernels, "is_compiled", lambda: True)
    tell_compiling(lang)
    assert capsys.readouterr().err == ""

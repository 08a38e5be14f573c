"""What docs/scale.md tells to run is run, on a nation of fifty thousand cells."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from circle15.cli.app import main

ROOT = Path(__file__).resolve().parents[2]


def blocks(kind):
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


def test_the_commands_and_the_lines_of_python_do_what_they_say(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import make_nation

    (commands,) = blocks("sh")
    make, nation = (shlex.split(line) for line in commands.replace("\\\n", " ").strip().splitlines())
    assert make[:3] == ["python", "-m", "benchmarks.make_nation"]
    monkeypatch.setattr(sys, "argv", ["make_nation", make[3], "--size", "tiny", "--workers", "1"])
    make_nation.main()
    with pytest.raises(SystemExit) as end:
        main(nation[1:])
    assert end.value.code == 0
    named = {"places.parquet", "institutions.parquet", "gaps.parquet", "nation.html", "nation_run.json"}
    assert named <= {p.name for p in Path("out").iterdir()}
    assert "share_pharmacy.tif" in {p.name for p in Path("out/rasters").iterdir()}
    assert "share_pharmacy.tif" in capsys.readouterr().out
    held = {}
    for code in blocks("python"):
        exec(code, held)  # noqa: S102 - our own document
    assert held["table"]["conclusion"].tolist() == [str(held["verdict"].conclusion)]

"""The benchmarks run, smallest size: every entry of ours answers, and the harness tells what it measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.table import write_table

ROOT = Path(__file__).resolve().parents[2]


def test_a_suite_runs_alone():
    where = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / "src")]))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "crowding", "--size", "s", "--dry"],
        cwd=ROOT, env=where, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "circle15:" in done.stdout
    assert "exit" not in done.stdout


def test_a_measured_entry_tells_time_memory_and_answer():
    row = harness.measure(harness.Entry("tree", "benchmarks.crowding:tree", {"size": "s"}))
    assert row["seconds"] > 0
    assert row["peak_mib"] > 20
    assert row["answer"]["pairs"] > 1000


def test_a_failing_entry_is_a_row_not_a_crash():
    row = harness.measure(harness.Entry("gone", "benchmarks.crowding:nowhere"))
    assert "nowhere" in row["failed"]


def test_exponent_of_a_square_law():
    assert harness.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_the_page_says_what_the_last_run_said(tmp_path):
    """docs/benchmarks.md is the table of the JSON files beside the suites, nothing else."""
    page = write_table(harness.LAST, tmp_path / "benchmarks.md")
    assert harness.DOC.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def test_every_kept_run_names_its_machine():
    for kept in harness.LAST.glob("*.json"):
        run = json.loads(kept.read_text(encoding="utf-8"))
        assert run["machine"]["processor"]
        assert run["machine"]["cores"]

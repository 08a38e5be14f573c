"""CI never passes over what it was to check."""

import os
import subprocess
from pathlib import Path

import pytest
from machine import skip_at_home

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_not_here_is_passed_over_at_home_alone(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        skip_at_home("no Chromium")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        skip_at_home("no Chromium")


@pytest.mark.parametrize("installs", [True, False])
def test_a_bare_machine_gets_every_tool_or_ci_fails(tmp_path, installs):
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    for name, exit_code in (("apt-get", 0 if installs else 100), ("make", 0)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $* CI=$CI" >&2\nexit {exit_code}\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    bare = {k: v for k, v in os.environ.items() if k != "CI"} | {"PATH": str(tmp_path)}
    done = subprocess.run(["bash", str(ROOT / ".ci" / "run")], env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is installs
    assert ("make test CI=true" in done.stderr) is installs
    if installs:
        (told,) = [line for line in done.stderr.splitlines() if " install " in line]
        assert {"chromium", "fonts-noto-cjk", "npm"} <= set(told.split())

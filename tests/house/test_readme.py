"""Every command and every piece of Python in the README runs as printed, on the sample city."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.en.md")
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(kind):
    return [
        (name, body)
        for name in READMES
        for found, body in FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
        if found == kind
    ]


COMMANDS = sorted({line for _, body in blocks("bash") for line in body.strip().splitlines()})
INLINE = sorted({c for n in READMES for c in re.findall(r"`(circle15 [^`]+)`", (ROOT / n).read_text(encoding="utf-8"))})

RECIPE = re.findall(r"^\t\$\(BIN\)/(circle15 .*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
BY_DEMO = {line.replace("$(OUT)", "maps/zhongwei") for line in RECIPE}  # `make demo` runs these as they are printed


def environment():
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, sample_city):
    """A copy of what a README command touches, so that the tree stays as it is."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "data").symlink_to(sample_city.parents[1])
    return folder


def test_the_readmes_show_the_same_commands():
    one, two = (
        {
            re.sub(r" --lang en", "", line)
            for name, body in blocks("bash")
            if name == n
            for line in body.strip().splitlines()
        }
        for n in READMES
    )
    assert one == two


@pytest.mark.parametrize("command", [c for c in [*COMMANDS, *INLINE] if c.startswith("circle15") and c not in BY_DEMO])
def test_command_runs(command, workplace):
    done = subprocess.run(
        shlex.split(command), cwd=workplace, env=environment(), capture_output=True, text=True, check=False, timeout=900
    )
    found_something = 1 if command.startswith("circle15 check-plan") else 0  # the five plans hold figures that disagree
    assert done.returncode == found_something, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def demo(tmp_path_factory, sample_city):
    """`make demo` itself, with this environment in place of a fresh one: what it said, and the folder of its results."""
    assert sample_city.exists()
    out = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        ["make", "demo", f"BIN={Path(sys.executable).parent}", "READY=pyproject.toml", f"OUT={out}"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, out


def test_make_demo_runs_as_printed(demo):
    said, out = demo
    assert "make demo" in COMMANDS
    assert set(COMMANDS) >= BY_DEMO
    for words in (
        "覆盖率",
        "超过圈内上限",
        "没有零售药店的乡镇",
        "第 1 位",
        "第 3 位",
        "模拟数据",
        ".html",
        ".xlsx",
        "不予定点",
        "一事一议",
        "应纳尽纳",
    ):
        assert words in said
    assert {p.suffix for p in out.iterdir()} == {".html", ".xlsx", ".csv", ".gpkg", ".geojson", ".json", ".docx"}


@pytest.mark.browser
def test_every_page_of_the_demo_opens_without_a_word_or_a_request(demo, browser):
    pages = sorted(demo[1].glob("*.html"))
    assert len(pages) >= 5
    for path in pages:
        page, told = browser.new_page(viewport={"width": 1440, "height": 900}), []
        page.on("console", lambda m, told=told: told.append(m.text))
        page.on("pageerror", lambda e, told=told: told.append(str(e)))
        page.on("request", lambda r, told=told: told.append(r.url) if not r.url.startswith("file:") else None)
        page.goto(path.as_uri())
        if 'id="payload"' in path.read_text(encoding="utf-8"):
            page.wait_for_function(
                "() => document.documentElement.dataset.ready === 'yes' || document.body.dataset.ready"
            )
        assert (path.name, told) == (path.name, [])
        page.close()


def test_make_test_is_what_ci_calls():
    assert "make test" in COMMANDS
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def code(body):
    return re.sub(r"  # .*", "", body)


def test_the_readmes_show_the_same_python():
    one, two = ([code(body) for name, body in blocks("python") if name == n] for n in READMES)
    assert one == two


@pytest.mark.parametrize("body", sorted({code(body) for _, body in blocks("python")}))
def test_python_runs(body, workplace):
    done = subprocess.run(
        [sys.executable, "-c", body],
        cwd=workplace,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert "沙坡头区" in done.stdout

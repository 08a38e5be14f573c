"""Words, ids and columns cannot lag behind the code."""

import ast
import re
import string
from pathlib import Path

import pytest

from circle15.words import LANGS, catalogue
from circle15.write import tables

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "circle15").rglob("*.py"))
CJK = re.compile(r"[\u3400-\u9fff]")


def slots(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_have_the_same_ids_with_the_same_slots():
    zh, en = (catalogue(lang) for lang in LANGS)
    assert set(zh) == set(en)
    assert {k for k in zh if slots(zh[k]) != slots(en[k])} == set()


def test_english_sentences_hold_no_chinese():
    assert {k: v for k, v in catalogue("en").items() if CJK.search(v)} == {}


def code_strings(tree):
    """String constants that are not docstrings or field descriptions."""
    docs = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            docs.update(id(n.value) for n in body if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))
        if isinstance(node, ast.keyword) and node.arg == "description":
            docs.update(id(n) for n in ast.walk(node.value))
    return [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src" / "circle15")))
def test_no_chinese_literals_in_code(path):
    found = [
        (n.lineno, n.value) for n in code_strings(ast.parse(path.read_text(encoding="utf-8"))) if CJK.search(n.value)
    ]
    assert found == []


def problem_ids():
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Problem"
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return sorted(found)


@pytest.mark.parametrize("problem_id", problem_ids())
def test_every_problem_has_a_fault_and_a_remedy(problem_id):
    for lang in LANGS:
        assert catalogue(lang)[f"problems.{problem_id}.fault"].strip()
        assert catalogue(lang)[f"problems.{problem_id}.remedy"].strip()


@pytest.mark.parametrize("lang", LANGS)
def test_faults_and_remedies_are_whole_sentences(lang):
    sentences = {
        k: v for k, v in catalogue(lang).items() if k.startswith("problems.") and k.endswith((".fault", ".remedy"))
    }
    assert sentences
    assert [k for k, v in sentences.items() if v.strip()[-1] not in "。.！!？?"] == []


def test_literal_message_ids_exist():
    pattern = re.compile(r"""\bword\(\s*"([\w.\-]+)"[,)]""")
    used = {m for p in SOURCES for m in pattern.findall(p.read_text(encoding="utf-8"))}
    assert used
    assert used - set(catalogue("zh")) == set()


def test_no_words_are_kept_that_nothing_says():
    """The last part of every id stands in the code, or is put together there: "exit_{action}", "map_" + name."""
    room = ROOT / "src" / "circle15"
    paths = [p for kind in ("py", "js", "html", "toml") for p in room.rglob(f"*.{kind}") if "locale" not in p.parts]
    code = "\n".join(p.read_text(encoding="utf-8") for p in paths)
    whole = set(re.findall(r"[\w-]+", code))
    starts = tuple(re.findall(r"(\w+_)\{", code) + re.findall(r'(\w+_)" ?\+', code))
    ends = tuple(re.findall(r"\}(_\w+)", code) + re.findall(r'"(_\w+)"', code))
    last = {re.sub(r"^(problems\..*)\.(fault|remedy)$", r"\1", k).split(".")[-1] for k in catalogue("en")}
    assert {n for n in last - whole if not n.startswith(starts) and not n.endswith(ends)} == set()


@pytest.mark.parametrize("name", ["GAPS", "SITES", "COVERAGE", "TOTALS", "FINDINGS", "PROBLEMS", "SOURCES"])
def test_every_column_of_a_workbook_has_a_heading(name):
    for column in getattr(tables, name):
        for lang in LANGS:
            assert column.heading(lang)

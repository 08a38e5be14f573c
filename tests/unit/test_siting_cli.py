"""The commands add, retire and round on the hand-drawn city: sentences, workbook, drawings, record, faults in words."""

import json
import re
from html import escape

import openpyxl
import pytest

from circle15.cli.app import main
from circle15.words import catalogue
from circle15.write.plan_book import LAYOUTS

# 6 pharmacies in a circle for 3, 3 in a township for 1, none in the third.
APPLICATIONS = """\
名称,服务类型,经度,纬度,坐标系,评分,受理日期,替换
<b>丙新一</b>,零售药店,105.1100,37.5150,wgs84,60,2026-05-03,
=丙新二,零售药店,105.1150,37.5100,wgs84,95,2026-05-01,
"""


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return ended.value.code


PHARMACY = ("--service", "pharmacy")


def sheets(path):
    book = openpyxl.load_workbook(path)
    return {s.title: list(s.iter_rows(min_row=4, values_only=True)) for s in book.worksheets}


def test_retire_writes_a_plan_that_can_be_handed_on(crowded_city, tmp_path, capsys):
    out = tmp_path / "plan"
    assert (
        run(
            "retire",
            crowded_city,
            *PHARMACY,
            "--steps",
            2,
            "--additions",
            1,
            "--candidates",
            "lattice",
            "--spacing-m",
            900,
            "--out",
            out,
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "退出 5 家，新增 1 家，分 2 步" in said
    assert catalogue("zh")["siting.judged_well"] in said
    book = sheets(next(out.glob("*.xlsx")))
    assert {"摘要", "退出名单", "新增点", "分步进度", "覆盖前后", "受影响居民", "数据来源"} <= set(book)
    assert len(book["退出名单"]) == 5
    assert {r[0] for r in book["摘要"]} <= set(said.splitlines())
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert page.count('class="leaves"') >= 5
    assert set(re.findall(r"<li>(.*?)</li>", page)) == {
        escape(r.strip()) for r in said.splitlines() if r.startswith("\u3000")
    }
    assert "<script" not in page
    assert "http:" not in page
    record = json.loads(next(out.glob("*run.json")).read_text(encoding="utf-8"))
    assert record["options"]["additions"] == 1


def test_the_same_plan_is_written_with_the_same_bytes(crowded_city, tmp_path):
    for name in ("one", "two"):
        assert run("retire", crowded_city, *PHARMACY, "--out", tmp_path / name, "--lang", "en") == 0
    for suffix in ("*.xlsx", "*.html", "*run.json"):
        one, two = (next((tmp_path / n).glob(suffix)).read_bytes() for n in ("one", "two"))
        assert one == two


def test_add_names_sites_and_what_keeps_the_others_out(crowded_city, tmp_path, capsys):
    assert (
        run(
            "add",
            crowded_city,
            *PHARMACY,
            "--number",
            1,
            "--candidates",
            "lattice",
            "--spacing-m",
            900,
            "--out",
            tmp_path,
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "建议新增 1 家" in said
    assert catalogue("zh")["siting.see.buys"] in said
    assert "海原县丙乡" in said
    assert (
        run(
            "add",
            crowded_city,
            *PHARMACY,
            "--number",
            1,
            "--out",
            tmp_path,
            "--lang",
            "en",
            "--aside",
            "pharmacy.township.max",
        )
        == 0
    )
    assert "Rules set aside as asked" in capsys.readouterr().out


def test_sites_beyond_the_first_are_told_of(toy_city, tmp_path, capsys):
    given = ("add", toy_city, "--service", "ltc_home", "--number", 7, "--candidates", "lattice", "--spacing-m", 900)
    assert run(*given, "--out", tmp_path / "o") == 0
    said = capsys.readouterr().out
    listed = len(sheets(next((tmp_path / "o").glob("*.xlsx")))["新增点"])
    assert listed > 5
    assert catalogue("zh")["siting.see.entries"].format(n=listed - 5) in said


def test_a_round_is_held_and_replayed(toy_city, tmp_path, capsys):
    table = tmp_path / "applications.csv"
    table.write_text(APPLICATIONS, encoding="utf-8")
    given = ("round", toy_city, "--sites", table)
    assert run(*given, "--score-column", "评分", "--out", tmp_path / "a") == 0
    said = capsys.readouterr().out
    assert "1. =丙新二：纳入" in said
    assert "因先纳入了：=丙新二" in said
    record = next((tmp_path / "a").glob("*run.json"))
    assert run(*given, "--replay", record, "--score-column", "评分", "--out", tmp_path / "b") == 0
    assert [d["id"] for d in json.loads(record.read_text(encoding="utf-8"))["round"]["decisions"]] == ["S3", "S2"]
    first, second = (sheets(next((tmp_path / n).glob("*.xlsx")))["逐件结论"] for n in ("a", "b"))
    assert first == second
    assert any("=丙新二" in str(v) for row in first for v in row)
    assert run(*given, "--by", "first", "--arrival-column", "受理日期", "--out", tmp_path / "c") == 0
    assert "先到先得" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("retire", *PHARMACY, "--keep", "P00000000000"), "siting.unknown_site"),
        (("retire", *PHARMACY, "--aside", "pharmacy.nothing"), "siting.unknown_rule"),
        (("retire", *PHARMACY, "--score", "assessment_score"), "siting.score_column"),
        (("add", *PHARMACY), "siting.number_missing"),
        (("add", *PHARMACY, "--number", "1", "--candidates", "none"), "siting.no_candidates"),
        (("add", *PHARMACY, "--number", "1", "--quota", "乌有县=1"), "siting.unknown_quota"),
    ],
)
def test_faults_of_use_are_said_in_words(toy_city, tmp_path, capsys, options, message):
    command, *more = options
    assert run(command, toy_city, *more, "--out", tmp_path) == 2
    told = capsys.readouterr().err
    assert catalogue("zh")[f"problems.{message}.fault"] in told
    assert "Traceback" not in told


def test_a_record_that_is_none_is_refused(toy_city, tmp_path, capsys):
    table, record = tmp_path / "applications.csv", tmp_path / "run.json"
    table.write_text(APPLICATIONS, encoding="utf-8")
    record.write_text("{}", encoding="utf-8")
    assert run("round", toy_city, "--sites", table, "--replay", record, "--out", tmp_path) == 1
    assert catalogue("zh")["problems.siting.round_record.fault"] in capsys.readouterr().err
    assert run("round", toy_city, "--sites", table, "--by", "lottery", "--out", tmp_path) == 2


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_column_of_the_plan_has_a_heading_and_every_sheet_a_note(name):
    for lang in ("zh", "en"):
        assert all(c.heading(lang) for c in LAYOUTS[name])
        assert catalogue(lang)[f"plan_book.note.{name}"]
        assert len(catalogue(lang)[f"plan_book.sheet.{name}"]) <= 31

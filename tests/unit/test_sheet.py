"""The verdict sheet: everything a bureau files, safe against hostile names, the same bytes for the same verdict."""

import dataclasses
import json
import re
import zipfile

import openpyxl
import pytest
from docx import Document

from circle15.cli import main
from circle15.errors import OutputError, UsageError
from circle15.schema import Collision, Conclusion, Evidence, Finding, Force, Neighbour, Outcome, Verdict
from circle15.write.report import verdict_record
from circle15.write.sheet import Grid, Words, clean, figure, sheet_blocks, write_sheet

HOSTILE = [
    '=HYPERLINK("http://x","y")', "+1+1", "@SUM(A1)", "<script>alert(1)</script>", "a\x00b", "\u202egnp.exe",
    "\ud800", "x" * 40_000, "{name}", "中卫\n药房", "&amp;", "]]>", "%s",
]  # fmt: skip
PROVENANCE = {
    "circle15": "0.1.0",
    "city": {"name": "手绘市", "simulated": True},
    "inputs": [
        {"role": "institutions", "file": "名册.xlsx", "sha256": "ab" * 32, "datum": "gcj02", "options": {"as_of": "2026-04-30"}},
        {"role": "population", "file": "pop.tif", "sha256": "cd" * 32, "datum": "wgs84", "options": {}},
    ],
    "plan": {"id": "zhongwei", "title": "手绘规划", "version": "ef" * 32, "text_version": "01" * 32, "density_unit": "place"},
}  # fmt: skip


def finding(rule_id, outcome, *, ground="city", observed=None, limit=None, **more):
    given = {
        "title": f"规则{rule_id}", "force": Force.MUST, "clause": "三（三）1", "quote": f"原文{rule_id}", "subject": "proposed",
        "ground_name": "手绘市", "unit": "institutions",
    }  # fmt: skip
    return Finding(rule_id=rule_id, outcome=outcome, ground=ground, observed=observed, limit=limit, **(given | more))


def verdict(name="某药房", neighbour="甲一药房"):
    near = Neighbour("P64050200001", neighbour, 118.04, 5.0, would_exceed=True)
    edge = Neighbour("P64050200002", "乙药房", 799.96, 50.0)
    circle = finding(
        "r.circle", Outcome.BREACHED, ground="circle", observed=4.0, limit=3.0, clause="三（三）1（1）",
        evidence=Evidence(
            (near,), (edge,), figures={"density_class_place": "dense", "density_class_circle": "dense"}
        ),
    )  # fmt: skip
    findings = (
        finding("r.city", Outcome.BREACHED, observed=518.0, limit=360.0),
        finding("r.district", Outcome.MET, ground="district", ground_name="甲区", observed=100.0, limit=135.0),
        circle,
        finding("r.card", Outcome.REVIEW, ground="checklist"),
    )
    measures = {
        "name": name, "lon": 105.02, "lat": 37.515, "city_name": "手绘市", "district_name": "甲区", "township_name": "甲街道",
        "position_accuracy_m": 10.0, "residents_within": 14904.0, "circle_land_km2": 2.01, "density_place_per_km2": 8004.0,
        "density_circle_per_km2": 7413.0, "density_cell_per_km2": float("nan"),
    }  # fmt: skip
    return Verdict(
        "proposed",
        "pharmacy",
        Conclusion.REFUSE,
        findings,
        measures,
        decided_by=("r.city", "r.circle"),
        as_of="2026-05-01",
    )


def texts_of(path):
    """Every text of a sheet, in order, of either format."""
    if path.suffix == ".docx":
        document = Document(str(path))
        found = [p.text for p in document.paragraphs]
        found += [c.text for t in document.tables for r in t.rows for c in r.cells]
        return found + [p.text for p in document.sections[0].header.paragraphs]
    return [str(c.value) for row in openpyxl.load_workbook(path).active.iter_rows() for c in row if c.value]


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_the_sheet_holds_what_a_bureau_files(tmp_path, kind):
    texts = texts_of(write_sheet(tmp_path / f"s.{kind}", verdict(), PROVENANCE, lang="zh"))
    said = "\n".join(texts)
    for wanted in (
        "医保定点研判单", "内部使用", "模拟数据", "某药房", "手绘市 甲区 甲街道", "105.020000, 37.515000", "2026-05-01",
        "结论：不予定点，主要依据：规则r.city（三（三）1）、规则r.circle（三（三）1（1））。",
        "共核对 3 项：符合 1 项，不符合 2 项", "规则r.city。原文：“原文r.city”", "518 家", "上限 360", "应当", "不符合",
        "P64050200001", "甲一药房", "118.0", "圈内、将超上限", "在误差之内，待现场核查", "8,004", "7,413", "人口密集区域", "以此为准",
        "-158", "35", "名册.xlsx", "abababababababab", "efefefefefefefef", "2026-04-30", "□ 符合", "现场核查", "经办人", "负责人",
    ):  # fmt: skip
        assert wanted in said, wanted


def test_parts_are_numbered_without_a_hole():
    def numbers(v):
        headings = [
            b.text for b in sheet_blocks(v, PROVENANCE, lang="zh") if isinstance(b, Words) and b.style == "heading"
        ]
        return [h[0] for h in headings], headings

    plain, _ = numbers(verdict())
    assert plain == list("一二三四五六七八九")
    clash = Collision("minimum_against_cap", ("a", "b"), ("三（三）1", "三（三）2"), ("甲", "乙"))
    more, headings = numbers(dataclasses.replace(verdict(), collisions=(clash,)))
    assert more == list("一二三四五六七八九十")
    assert headings[2] == "三、条款冲突"


def test_quota_shows_the_headroom_with_the_site_counted():
    grids = [b for b in sheet_blocks(verdict(), PROVENANCE, lang="zh") if isinstance(b, Grid)]
    (quota,) = [g for g in grids if "余量" in g.headings]
    assert [(r[1], r[3], r[4], r[5]) for r in quota.rows] == [
        ("甲区", "100", "135", "35"),
        ("手绘市", "518", "360", "-158"),
    ]
    assert quota.strong == {1}


def test_each_row_is_as_wide_as_its_table():
    for block in sheet_blocks(verdict(), PROVENANCE, lang="en"):
        if isinstance(block, Grid):
            assert {len(r) for r in block.rows} <= {len(block.widths)}
            assert len(block.headings) in {0, len(block.widths)}


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(tmp_path, kind, name):
    path = write_sheet(tmp_path / f"s.{kind}", verdict(name, name), PROVENANCE, lang="zh")
    assert clean(name) in texts_of(path)
    with zipfile.ZipFile(path) as package:
        assert not [n for n in package.namelist() if "rels" in n and b"http://x" in package.read(n)]
        assert not [n for n in package.namelist() if b"<f>" in package.read(n)]


def test_direction_marks_and_controls_are_shown_as_replaced():
    assert clean("\u202egnp.exe") == "\ufffdgnp.exe"
    assert clean("a\x00b\x7f") == "a\ufffdb\ufffd"
    assert clean("甲\n 乙\t丙") == "甲 乙 丙"
    assert len(clean("x" * 40_000)) == 600


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_same_verdict_same_bytes(tmp_path, kind, monkeypatch):
    first = write_sheet(tmp_path / f"a.{kind}", verdict(), PROVENANCE, lang="zh").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert write_sheet(tmp_path / f"b.{kind}", verdict(), PROVENANCE, lang="zh").read_bytes() == first
    with zipfile.ZipFile(tmp_path / f"a.{kind}") as package:
        assert len({i.date_time for i in package.infolist()}) == 1


def test_docx_sets_the_east_asian_font_and_repeats_headers(tmp_path):
    path = write_sheet(tmp_path / "s.docx", verdict(), PROVENANCE, lang="zh")
    with zipfile.ZipFile(path) as package:
        body = package.read("word/document.xml").decode()
    assert body.count('w:eastAsia="SimSun"') > 20
    assert "w:tblHeader" in body
    # Word refuses properties out of order
    assert not re.search(r"<w:vAlign[^>]*/><w:shd", body)
    assert not re.search(r"<w:tblLook[^>]*/><w:tblCellMar", body)
    assert not re.search(r'w:eastAsia="(?!SimSun|SimHei)', body)


@pytest.mark.parametrize("kind", ["docx", "xlsx"])
def test_english_on_request(tmp_path, kind):
    said = "\n".join(texts_of(write_sheet(tmp_path / f"s.{kind}", verdict(), PROVENANCE, lang="en")))
    assert "Verdict sheet" in said
    assert "Conclusion: " in said
    assert "原文r.city" in said  # quotations stay as printed


def test_an_empty_verdict_still_makes_a_sheet(tmp_path):
    bare = Verdict("proposed", "pharmacy", Conclusion.ADMIT, (), {})
    for kind in ("docx", "xlsx"):
        assert "无。" in texts_of(write_sheet(tmp_path / f"s.{kind}", bare, {}, lang="zh"))


def test_another_suffix_and_a_folder_are_refused(tmp_path):
    with pytest.raises(UsageError):
        write_sheet(tmp_path / "s.pdf", verdict(), PROVENANCE, lang="zh")
    (tmp_path / "s.docx").mkdir()
    with pytest.raises(OutputError):
        write_sheet(tmp_path / "s.docx", verdict(), PROVENANCE, lang="zh")


def test_json_has_stable_keys():
    record = json.loads(verdict_record(verdict(), PROVENANCE, lang="zh"))
    assert set(record) == {
        "schema", "site", "service", "conclusion", "conclusion_words", "as_of", "counted", "decided_by", "measures",
        "findings", "collisions", "run",
    }  # fmt: skip
    first = record["findings"][0]
    assert {"rule_id", "catalogue", "kind", "outcome", "observed", "limit", "headroom", "lifted_by", "apart"} <= set(
        first
    )
    assert first["headroom"] == -158


def test_figures_for_people():
    assert [figure(v) for v in (518.0, 2.5, None, float("nan"), 1234567.0, -0.0)] == [
        "518",
        "2.5",
        "—",
        "—",
        "1,234,567",
        "-0",
    ]


def test_command_writes_the_sheet(tmp_path, toy_city, capsys):
    site = [
        "site",
        str(toy_city),
        "--plan",
        "wuhu",
        "--service",
        "pharmacy",
        "--lon",
        "105.021",
        "--lat",
        "37.516",
        "--datum",
        "wgs84",
    ]
    for name in ("s.docx", "s.xlsx"):
        with pytest.raises(SystemExit) as stop:
            main([*site, "--sheet", str(tmp_path / name)])
        assert stop.value.code == 0
        assert "医保定点研判单" in texts_of(tmp_path / name)
    with pytest.raises(SystemExit) as stop:
        main([*site, "--sheet", str(tmp_path / "s.pdf")])
    assert stop.value.code == 2
    assert ".docx" in capsys.readouterr().err


def test_neighbours_of_another_pooling_area_have_a_table_of_their_own():
    given = verdict()
    foreign = Neighbour("P64030000001", "吴忠药房", 90.0, 5.0)
    findings = [
        dataclasses.replace(f, evidence=dataclasses.replace(f.evidence, apart=(foreign,)))
        if f.ground == "circle"
        else f
        for f in given.findings
    ]
    blocks = sheet_blocks(dataclasses.replace(given, findings=tuple(findings)), PROVENANCE, lang="zh")
    tables = [b for b in blocks if isinstance(b, Grid) and "编码" in b.headings]
    assert [[row[1] for row in t.rows] for t in tables] == [["P64050200001", "P64050200002"], ["P64030000001"]]
    lead = blocks[blocks.index(tables[1]) - 1]
    assert isinstance(lead, Words)
    assert "不计入" in lead.text

"""The report of check-data, its corrected copy and its map, from a register with one of each defect."""

from __future__ import annotations

import json

import openpyxl
import pytest
from conftest import write_toy_city
from page_payload import blocks_of
from streets_osm import write_osm

from circle15.cli import main
from circle15.read.check import check_data
from circle15.read.city import load_city
from circle15.words import LANGS, catalogue

# "105.196698, 37.513274" in all the forms that are read, two on one point, one in the wrong district
REGISTER = """\
医保编码,机构名称,机构类型,地址,经度,纬度,联系电话
P64050200001,甲一药房,零售药店,甲街1号,105.020123,37.515123,13800000000
P64050200002,甲二药房,零售药店,甲街2号,37.516123,105.022123,13800000000
P64050200003,甲三药房,零售药店,甲街3号,105°01′12.4″,37°31′01.2″,13800000000
P64052100001,乙药房,零售药店,乙路1号,105.080123,37.515123,13800000000
P64052100002,=HYPERLINK("x"),零售药店,丙路1号,105.080123,37.515123,13800000000
P64052100003,<script>alert(1)</script>,零售药店,丁路9号,105.010123,37.512123,13800000000
H64050200001,甲诊所,门诊,甲街4号,待定,37.516123,13800000000
"""


@pytest.fixture
def checked(toy_city, tmp_path):
    (toy_city.parent / "register.csv").write_text(REGISTER, encoding="utf-8")
    out = tmp_path / "out"

    def run(*more, lang="zh"):
        given = ["check-data", str(toy_city), "--lang", lang, "--out", str(out / "r.xlsx"), *more]
        with pytest.raises(SystemExit) as ended:
            main(given)
        return int(ended.value.code or 0), out

    return run


def rows_of(book, title, lang="zh"):
    sheet = book[catalogue(lang)[title]]
    head = [c.value for c in sheet[3]]
    return [dict(zip(head, [c.value for c in row], strict=True)) for row in sheet.iter_rows(min_row=4)]


@pytest.mark.parametrize("lang", LANGS)
def test_report_has_problems_assumptions_counts_and_more(checked, lang):
    code, out = checked(lang=lang)
    assert code == 1
    book = openpyxl.load_workbook(out / "r.xlsx")
    words = catalogue(lang)
    say = lambda key: words[f"columns.{key}"]  # noqa: E731
    problems = rows_of(book, "workbook.sheet.problems", lang)
    told = {(p[say("severity")], p[say("row")], p[say("value")]) for p in problems}
    assert (words["columns.severities.error"], 8, "待定") in told
    assert (words["columns.severities.warning"], 3, "37.516123") in told
    assert any(p[say("row")] == 7 and "P64052100003" in str(p[say("value")]) for p in problems)  # wrong district
    assert all(p[say("fault")] and p[say("remedy")] for p in problems)
    assumed = [a[say("check.assumed")] for a in rows_of(book, "check.sheet.assumptions", lang)]
    assert any("105.022123" in a for a in assumed)
    assert not any("13800000000" in str(c.value) for s in book for r in s.iter_rows() for c in r)
    counts = rows_of(book, "check.sheet.counts", lang)
    assert [(c[say("check.before")], c[say("check.after")]) for c in counts[:2]] == [(8, 7), (7, 6)]
    fixed = {(c[say("row")], c[say("column")]): c[say("check.after")] for c in rows_of(book, "check.sheet.corrections", lang)}  # fmt: skip
    assert fixed[3, "经度"] == "105.022123"
    assert fixed[4, "经度"].startswith("105.0201111")
    people = rows_of(book, "check.sheet.people", lang)
    assert sum(p[say("check.grid")] for p in people if p[say("level")] == words["columns.place_levels.district"]) > 0
    datum = rows_of(book, "check.sheet.datum", lang)
    assert {d[say("check.datum")] for d in datum} == {"wgs84", "gcj02", "bd09"}
    doubtful = rows_of(book, "check.sheet.doubtful", lang)
    assert {d[say("row")] for d in doubtful} == {5, 6, 7}
    assert all(c.data_type != "f" for s in book for r in s.iter_rows() for c in r)


def test_corrected_copy_keeps_the_given_values_beside_and_never_the_input(checked, toy_city, capsys):
    _, out = checked("--corrected", str(toy_city.parent / "fixed.xlsx"))
    (sheet,) = openpyxl.load_workbook(toy_city.parent / "fixed.xlsx").worksheets
    head = [c.value for c in sheet[3]]
    assert "联系电话" not in head
    lon, before = head.index("经度"), head.index("经度（原值）")
    assert before == lon + 1
    second = [c.value for c in sheet[5]]
    assert (second[lon], second[before]) == ("105.022123", "37.516123")
    first = [c.value for c in sheet[4]]
    assert first[lon] == "105.020123"
    assert not first[before]
    copy = toy_city.parent / "register.csv"
    as_given = copy.read_bytes()
    capsys.readouterr()
    code, _ = checked("--corrected", str(copy))
    assert code == 2
    assert "输入文件" in capsys.readouterr().err
    assert copy.read_bytes() == as_given
    assert (out / "r.xlsx").exists()


def test_map_holds_every_finding_and_no_live_name(checked, tmp_path):
    _, _ = checked("--map", str(tmp_path / "m.html"))
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    data = json.loads(blocks_of(page)["suspects"])
    kinds = [k["id"] for k in data["kinds"]]
    assert sorted((kinds[f[0]], f[7]) for f in data["findings"]) == [("division", 7), ("pair", 5), ("pair", 6)]
    _, _ = checked("--map", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "m.html").read_bytes()


@pytest.mark.browser
def test_map_lists_filters_and_shows(checked, browser, tmp_path):
    _, _ = checked("--map", str(tmp_path / "m.html"))
    page = browser.new_page(viewport={"width": 1200, "height": 700})
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text))
    page.on("pageerror", lambda e: said.append(str(e)))
    page.on("request", lambda r: said.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None)
    page.goto((tmp_path / "m.html").as_uri())
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#list button").count() == 3
    page.locator("#list button").first.click()
    assert "<script>alert(1)</script>" in page.locator(".leaflet-popup-content").inner_text()
    page.fill("#search", "乙药房")
    assert page.locator("#list button").count() == 1
    page.fill("#search", "")
    page.locator("#kinds input").first.uncheck()
    assert page.locator("#list button").count() == 2
    page.close()
    assert said == []


def test_denominators_are_joined_by_code_or_name_and_mismatches_named(checked, tmp_path, capsys):
    table = tmp_path / "insured.csv"
    table.write_text(
        "区划代码,名称,参保人数,备注\n640502,沙坡头区,70000,\n,中宁县,6000,估\n640502,中宁县,1,\n999999,别县,5,\n",
        encoding="utf-8",
    )
    checked("--denominators", str(table))
    said = capsys.readouterr().out
    book = openpyxl.load_workbook(tmp_path / "out" / "r.xlsx")
    rows = rows_of(book, "check.sheet.denominators")
    assert [(r["名称"], r["参保人数"]) for r in rows] == [("沙坡头区", 70000), ("中宁县", 6000)]
    told = {p["问题"][:12]: (p["行号"], p["值"]) for p in rows_of(book, "workbook.sheet.problems") if p["文件"] == "insured.csv"}  # fmt: skip
    assert set(told.values()) == {(4, "640502 中宁县"), (5, "999999 别县"), (4, "沙坡头区"), (None, "海原县")}
    assert "insured.csv" in said
    table.write_text("甲,乙\n1,2\n", encoding="utf-8")
    assert checked("--denominators", str(table))[0] == 1
    assert "甲" in capsys.readouterr().out


def test_streets_of_the_command_line_are_evidence_on_the_datum(checked, tmp_path, capsys):
    """Two streets that cross between the pharmacies: three of the five institutions stand on them."""
    places = {1: (105.0, 37.515), 2: (105.1, 37.515), 3: (105.02, 37.5), 4: (105.02, 37.53)}
    ways = [([1, 2], {"highway": "residential"}), ([3, 4], {"highway": "residential"})]
    checked("--streets", str(write_osm(tmp_path / "streets.osm.pbf", ways, places)))
    book = openpyxl.load_workbook(tmp_path / "out" / "r.xlsx")
    told = [r for r in rows_of(book, "check.sheet.datum") if "路" in str(next(iter(r.values())))]
    assert len(told) == 3
    assert "datum" not in capsys.readouterr().err


def test_assumptions_speak_the_reader_s_language(checked, tmp_path):
    (tmp_path / "药店.csv").write_text("id,name,lon,lat,等级\nP1,甲,105.02,37.515,三级甲等医院\n", encoding="utf-8")
    checked("--institutions", str(tmp_path / "药店.csv"))
    book = openpyxl.load_workbook(tmp_path / "out" / "r.xlsx")
    said = " ".join(r["读取时的处理"] for r in rows_of(book, "check.sheet.assumptions"))
    assert "读作三级" in said
    assert "视为定点零售药店" in said


def test_a_file_that_serves_twice_is_blamed_once(tmp_path):
    write_toy_city(tmp_path)
    (tmp_path / "places.geojson").write_text("{", encoding="utf-8")
    text = (tmp_path / "city.toml").read_text(encoding="utf-8").replace("population.geojson", "places.geojson")
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    found = [p.id for p in check_data(load_city(tmp_path / "city.toml")).problems if p.file == "places.geojson"]
    assert len(found) == len(set(found)) == 1

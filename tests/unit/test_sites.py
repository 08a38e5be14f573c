"""Tables of proposed sites: read with every fault named, judged one by one, written as JSON, workbook and sheets."""

import json

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest

from circle15.cli import main
from circle15.errors import InputError, UsageError
from circle15.read.sites import read_sites

TABLE = """\
名称,服务类型,经度,纬度,坐标系,床位,经营性质
甲药店,零售药店,105.02101,37.51604,wgs84,,营利性
乙医院,住院,105.08002,37.51004,gcj02,50,非营利性
"""
SITE = ("--plan", "wuhu", "--service", "pharmacy", "--lon", "105.02", "--lat", "37.51", "--datum", "wgs84")


def table(folder, text=TABLE, name="sites.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_rows_keep_their_own_datum_and_what_applicants_state(tmp_path):
    (one, two), source, warnings = read_sites(table(tmp_path))
    assert (one.row, one.name, one.service, one.lon, one.lat, one.datum) == (
        2,
        "甲药店",
        "pharmacy",
        105.02101,
        37.51604,
        "wgs84",
    )
    assert (two.row, two.service, two.datum, two.attributes["beds"]) == (3, "inpatient", "gcj02", 50.0)
    assert one.attributes["经营性质"] == "营利性"
    assert "beds" not in one.attributes
    assert (source.file, len(source.sha256), warnings) == ("sites.csv", 64, ())


def test_a_workbook_reads_as_the_csv(tmp_path):
    book = openpyxl.Workbook()
    for line in TABLE.strip().splitlines():
        book.active.append([float(c) if c[:1].isdigit() else c or None for c in line.split(",")])
    book.save(tmp_path / "sites.xlsx")
    assert read_sites(tmp_path / "sites.xlsx")[0] == read_sites(table(tmp_path))[0]


def test_datum_of_the_option_holds_where_a_row_states_none(tmp_path):
    path = table(tmp_path, TABLE.replace("wgs84", ""))
    assert [s.datum for s in read_sites(path, datum="bd09")[0]] == ["bd09", "gcj02"]
    with pytest.raises(InputError) as refused:
        read_sites(path)
    assert [(p.id, p.row) for p in refused.value.problems] == [("site_datum_missing", 2)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gcj02", "mars", "site_datum_unknown"),
        ("住院", "理发店", "service_unknown"),
        ("105.0800", "1050", "coordinate_range"),
        ("105.08002", "", "coordinate_missing"),
    ],
)
def test_faulty_rows_are_named(tmp_path, old, new, said):
    with pytest.raises(InputError) as refused:
        read_sites(table(tmp_path, TABLE.replace(old, new)))
    problems = refused.value.problems
    assert {p.row for p in problems} == {3}
    assert said in {p.id for p in problems} or said == "coordinate_range"


def test_service_of_the_option_and_an_unknown_datum(tmp_path):
    plain = "name,lon,lat\na,105.02,37.51\n"
    assert read_sites(table(tmp_path, plain), datum="wgs84", service="outpatient")[0][0].service == "outpatient"
    with pytest.raises(UsageError):
        read_sites(table(tmp_path, plain), datum="mars")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return stop.value.code, shown.out, shown.err


def test_command_judges_a_table_of_sites(capsys, tmp_path, toy_city):
    city = ["site", toy_city, "--plan", "wuhu", "--sites", table(tmp_path)]
    code, out, _ = run(capsys, *city, "--out", tmp_path / "v.xlsx", "--sheet", tmp_path / "s.docx")
    assert code == 0
    assert "第 2 行 甲药店：" in out
    assert sorted(p.name for p in tmp_path.glob("s_*.docx")) == ["s_002_甲药店.docx", "s_003_乙医院.docx"]
    summary = openpyxl.load_workbook(tmp_path / "v.xlsx").worksheets[0]
    assert [summary.cell(r, 2).value for r in (4, 5)] == ["甲药店", "乙医院"]
    code, out, _ = run(capsys, *city, "--json")
    record = json.loads(out)
    assert [v["measures"]["name"] for v in record["verdicts"]] == ["甲药店", "乙医院"]
    assert record["run"]["options"]["sites"]["file"] == "sites.csv"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_command_screens_a_table_of_sites(capsys, tmp_path, toy_city, suffix):
    at = tmp_path / f"v{suffix}"
    ask = ["site", toy_city, "--plan", "wuhu", "--sites", table(tmp_path)]
    code, out, _ = run(capsys, *ask, "--out", at)
    found = gpd.read_parquet(at) if suffix == ".parquet" else pd.read_csv(at)
    _, told, _ = run(capsys, *ask, "--json")
    assert code == 0
    assert found["conclusion"].tolist() == [v["conclusion"] for v in json.loads(told)["verdicts"]]
    assert found["name"].tolist() == ["甲药店", "乙医院"]
    assert at.name in out
    code, _, err = run(capsys, *ask, "--out", at, "--json")
    assert (code, "--sheet" in err) == (2, True)


def test_one_site_and_a_table_exclude_each_other_and_one_is_needed(capsys, tmp_path, toy_city):
    code, _, err = run(capsys, "site", toy_city, "--lon", "105", "--sites", table(tmp_path))
    assert (code, "--sites" in err) == (2, True)
    code, _, err = run(capsys, "site", toy_city)
    assert (code, "--lon" in err, "--sites" in err) == (2, True, True)
    site = ["site", toy_city, *SITE]
    assert run(capsys, *site, "--attribute", "beds")[0] == 2
    code, out, _ = run(capsys, *site, "--name", "新店", "--attribute", "beds=50", "--json")
    assert (code, json.loads(out)["measures"]["name"]) == (0, "新店")


def test_day_and_overlay_reach_the_judgement(capsys, tmp_path, toy_city):
    site = ["site", toy_city, *SITE]
    code, out, _ = run(capsys, *site, "--as-of", "2026-08-01", "--json")
    assert (code, json.loads(out)["as_of"]) == (0, "2026-08-01")
    assert run(capsys, *site, "--as-of", "1 August")[0] == 2
    assert run(capsys, *site, "--overlay", tmp_path / "none.toml")[0] == 1

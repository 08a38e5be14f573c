"""The commands: what they print, what they write, with which exit code, in both languages."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from page_payload import blocks_of

from circle15.cli import main
from circle15.cli.words import StepBar
from circle15.errors import Problem, UsageError
from circle15.words import word_error

COMMANDS = [
    "assess", "map", "site", "gaps", "add", "retire", "round", "walk", "check-data", "check-plan", "nation",
]  # fmt: skip


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return stop.value.code, shown.out, shown.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("lang", "heading"), [("zh", "用法："), ("en", "Usage: ")])
def test_help_in_both_languages(capsys, command, lang, heading):
    code, out, _ = run(capsys, command, "--lang", lang, "--help")
    assert code == 0
    assert out.startswith(heading)
    assert ("选项" in out) == (lang == "zh")


@pytest.mark.parametrize(
    ("work", "unused"),
    [
        ("circle15.cli.main(['--help'])", {"geopandas", "numpy", "shapely", "folium", "pydantic"}),
        ("circle15.cli.main(['check-plan', 'zhongwei'])", {"pandas", "numba", "rasterio", "xlsxwriter"}),
        # a nation has no memory to spare
        ("import circle15.cli.nation", {"folium", "pyogrio", "python_calamine", "scipy.sparse", "scipy.spatial"}),
    ],
)
def test_commands_load_what_they_use(work, unused):
    probe = (
        f"import sys, circle15.cli\ntry: {work}\nexcept SystemExit: pass\n"
        f"loaded = {unused} & set(sys.modules)\nassert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "circle15 --help"),
        (["site", "--lon", "x"], "--lon"),
        (["site", "CITY"], "--lon"),
        (["gaps", "--nope"], "--nope"),
        (["gaps", "--service", "pharmacy"], "--institutions"),
        (["site", "CITY", "--service", "pharmacy", "--lon", "1000", "--lat", "2", "--datum", "wgs84"], "1000"),
        (["map", "CITY", "--district", "无此区"], "沙坡头区"),
        (["assess", "CITY", "--service", "inpatient"], "inpatient"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_known(capsys, toy_city, arguments, said):
    code, out, err = run(capsys, *[toy_city if a == "CITY" else a for a in arguments])
    assert code == 2
    assert said in err
    assert "Traceback" not in out + err


def test_assess_prints_a_summary_and_writes_whole_files(capsys, toy_city, tmp_path):
    code, out, err = run(capsys, "assess", toy_city, "--out", tmp_path / "out")
    assert code == 0, err
    assert "沙坡头区：覆盖率" in out
    book = openpyxl.load_workbook(tmp_path / "out" / "手绘市_assess.xlsx")
    assert book.sheetnames == ["覆盖", "区域总量", "人口等级建议", "核对结果", "机构与服务圈", "空白清单", "数据来源"]
    layer = gpd.read_file(tmp_path / "out" / "手绘市_institutions.gpkg")
    assert layer.set_index("id").loc["P64050200001", "others_within"] == 2
    assert layer.set_index("id").loc["P64052100001", "others_within"] == 0
    record = json.loads((tmp_path / "out" / "手绘市_assess_run.json").read_text(encoding="utf-8"))
    assert {i["role"] for i in record["inputs"]} >= {"institutions", "places", "population"}
    assert all(len(i["sha256"]) == 64 for i in record["inputs"])
    assert record["plan"]["id"] == "zhongwei"


def test_the_same_run_gives_the_same_bytes(capsys, toy_city, tmp_path):
    for name in ("a", "b"):
        assert run(capsys, "assess", toy_city, "--out", tmp_path / name)[0] == 0
        assert run(capsys, "gaps", toy_city, "--service", "pharmacy", "--out", tmp_path / name)[0] == 0
        assert run(capsys, "map", toy_city, "--out", tmp_path / name)[0] == 0
    first = sorted((tmp_path / "a").iterdir())
    assert len(first) == 5 + 5 + 5
    assert [p.name for p in first if p.read_bytes() != (tmp_path / "b" / p.name).read_bytes()] == []


def test_the_page_of_a_city_tests_sites_unless_it_cannot_hold_the_residents(capsys, toy_city, tmp_path, monkeypatch):
    for cells, inside in ((10**6, True), (3, False)):
        monkeypatch.setattr("circle15.draw.tester_people.MOST_CELLS", cells)
        assert run(capsys, "map", toy_city, "--out", tmp_path)[0] == 0
        blocks = blocks_of((tmp_path / "手绘市_city.html").read_text(encoding="utf-8"))
        assert any("tester" in name for name in blocks) is inside


def test_gap_list_in_all_forms(capsys, toy_city, tmp_path):
    code, out, err = run(
        capsys, "gaps", toy_city, "--service", "pharmacy", "--out", tmp_path / "out", "--min-residents", "10"
    )
    assert code == 0, err
    assert "服务空白片区" in out
    stem = tmp_path / "out" / "手绘市_gaps_pharmacy"
    rows = pd.read_csv(f"{stem}.csv")
    assert rows["排名"].tolist() == list(range(1, len(rows) + 1))
    for suffix in (".gpkg", ".geojson"):
        assert len(gpd.read_file(f"{stem}{suffix}")) == len(rows)


def test_site_in_a_full_circle_is_refused_with_clause_and_distances(capsys, toy_city):
    code, out, err = run(
        capsys, "site", toy_city, "--lon", "105.0205", "--lat", "37.5155", "--datum", "wgs84", "--service", "pharmacy"
    )
    assert code == 0, err
    assert "结论：" in out
    assert "800 米服务半径内定点不超过 3 家" in out
    assert "甲一药房 " in out


def test_site_as_json_lists_neighbours_in_order(capsys, toy_city):
    code, out, _ = run(
        capsys,
        "site",
        toy_city,
        "--lon",
        "105.0205",
        "--lat",
        "37.5155",
        "--datum",
        "wgs84",
        "--service",
        "pharmacy",
        "--json",
    )
    assert code == 0
    record = json.loads(out)
    circle = next(f for f in record["findings"] if f["rule_id"] == "pharmacy.circle.dense")
    assert circle["outcome"] == "breached"
    assert (circle["observed"], circle["limit"]) == (4, 3)
    distances = [n["distance_m"] for n in circle["neighbours"]]
    assert len(distances) == 3
    assert distances == sorted(distances)
    assert record["run"]["options"]["datum"] == "wgs84"


def test_options_instead_of_a_city_file(capsys, toy_city, tmp_path):
    folder = toy_city.parent
    code, out, err = run(
        capsys, "gaps", "--institutions", folder / "register.csv", "--places", folder / "places.geojson",
        "--population", folder / "population.geojson", "--register-datum", "wgs84", "--plan", "zhongwei", "--service", "pharmacy", "--out", tmp_path / "o",
    )  # fmt: skip
    assert code == 0, err
    assert "服务空白" in out


def test_scaling_tells_before_and_after(capsys, toy_city, tmp_path):
    places = gpd.read_file(toy_city.parent / "places.geojson")
    places["常住人口"] = [160_000, 150_000, 7_500, 3_000, 150_000, 7_500, 3_000]
    places.to_file(toy_city.parent / "places.geojson", driver="GeoJSON")
    code, out, err = run(capsys, "assess", toy_city, "--scale-to", "district", "--out", tmp_path / "out")
    assert code == 0, err
    assert "75000 → 150000" in err.replace(",", "")  # 375 cells of 200 in the west
    assert "/ 150,000 人" in out


def test_check_data_finds_nothing_wrong_and_says_so(capsys, toy_city):
    code, out, err = run(capsys, "check-data", toy_city)
    assert code == 0, out + err
    assert "错误 0 个" in out


def test_check_data_lists_everything_and_exits_1(capsys, toy_city, tmp_path):
    register = toy_city.parent / "register.csv"
    text = (
        register.read_text(encoding="utf-8")
        .replace("105.0200,37.5150", "abc,37.5150")
        .replace("105.0800,37.5150", "37.5150,195.0800")
    )
    register.write_text(text, encoding="utf-8")
    code, out, _ = run(capsys, "check-data", toy_city, "--out", tmp_path / "p.xlsx")
    assert code == 1
    assert "abc" in out
    sheet = openpyxl.load_workbook(tmp_path / "p.xlsx").active
    assert {2, 5} <= {r[3].value for r in sheet.iter_rows(min_row=4)}


def test_check_data_tells_alike_rows_once_with_the_line_that_mends_them(capsys, toy_city, tmp_path):
    register = tmp_path / "own.csv"
    rows = "".join(f"P{n},药房{n},社康中心,105.05,37.05\n" for n in range(3))
    register.write_text("编码,名称,类型,经度,纬度\n" + rows, encoding="utf-8")
    given = ("--institutions", str(register), "--register-datum", "wgs84", "--plan", "shenyang")
    code, out, _ = run(capsys, "check-data", str(toy_city), *given)
    lines = [line for line in out.splitlines() if "社康中心" in line]
    assert code == 1
    assert len(lines) == 1
    assert "第 2, 3, 4 行（共 3 行）" in lines[0]
    assert '{ "社康中心" = "outpatient" }' in lines[0]
    assert out.startswith("[错误] ")


def test_check_data_says_that_a_plan_is_another_citys(capsys, toy_city):
    code, out, _ = run(capsys, "check-data", str(toy_city), "--plan", "shenyang")
    assert code == 1
    assert "沈阳市" in out.splitlines()[0]


def test_bad_input_is_1_and_writes_nothing(capsys, toy_city, tmp_path):
    (toy_city.parent / "register.csv").write_text("", encoding="utf-8")
    code, out, err = run(capsys, "assess", toy_city, "--out", tmp_path / "out")
    assert code == 1
    assert "register.csv" in err
    assert "Traceback" not in out + err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_is_said(capsys, toy_city, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, _, err = run(capsys, "gaps", toy_city, "--service", "pharmacy", "--out", tmp_path / "locked")
    assert code == 1
    assert "没有权限" in err


def test_inputs_are_not_touched(capsys, toy_city, tmp_path):
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in toy_city.parent.iterdir() if p.is_file()}
    assert run(capsys, "assess", toy_city, "--out", tmp_path / "out")[0] == 0
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in before} == before


def test_ctrl_c_leaves_nothing_half_written(toy_city, tmp_path):
    """A real interrupt in a real process, at a moment when work has begun."""
    command = [
        sys.executable,
        "-c",
        "from circle15.cli import main; main()",
        "map",
        str(toy_city),
        "--out",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stderr.readline()  # the first step has begun
    time.sleep(0.05)
    process.send_signal(2)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "已中断" in err
    assert list(tmp_path.rglob(".circle15-*")) == []


def test_a_full_place_for_the_lines_is_said(toy_city, tmp_path):
    command = [
        sys.executable,
        "-m",
        "circle15",
        "gaps",
        str(toy_city),
        "--service",
        "pharmacy",
        "--out",
        str(tmp_path / "o"),
    ]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - the kernel's own full disk
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "写不进去" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "said"), [("register.csv", "register.csv"), (None, "系统未给出名称")])
def test_a_file_that_fails_while_it_is_read_is_named(capsys, toy_city, monkeypatch, name, said):
    def lost(*_given, **_more):
        raise OSError(errno.EIO, "Input/output error", name)

    monkeypatch.setattr("circle15.cli.assess.load", lost)
    code, _, err = run(capsys, "gaps", toy_city, "--service", "pharmacy", "--out", toy_city.parent / "o")
    assert code == 1
    assert said in err
    assert "写不进去" not in err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_chinese_help_is_chinese(capsys, command):
    _, out, _ = run(capsys, command, "--lang", "zh", "--help")
    assert [w for w in ("default", "required", "RANGE", "FLOAT", "INTEGER", "x>=", "10.0") if w in out] == []
    if command == "site":
        assert "〔默认10；不小于0的数字〕" in "".join(out.split())
    if command == "retire":
        assert "0至1的数字（含两端）" in "".join(out.split())
        assert "必须给出" in out


def test_gaps_are_those_of_the_day(capsys, toy_city, tmp_path):
    """The list of a day before the register is that of the assessment of that day: everybody is without."""
    day = ("--as-of", "2019-01-01", "--min-residents", "10")
    assert run(capsys, "gaps", toy_city, "--service", "pharmacy", *day, "--out", tmp_path / "a")[0] == 0
    assert run(capsys, "gaps", toy_city, "--service", "pharmacy", *day[2:], "--out", tmp_path / "b")[0] == 0
    then, now = (pd.read_csv(tmp_path / n / "手绘市_gaps_pharmacy.csv")["常住人口（人）"].sum() for n in ("a", "b"))
    assert then == pytest.approx(375 * 200 + 525 * 20)
    assert now < then
    record = json.loads((tmp_path / "a" / "手绘市_gaps_pharmacy_run.json").read_text(encoding="utf-8"))
    assert record["as_of"]["day"] == "2019-01-01"


def test_gaps_take_what_the_bureau_has_filled_in(capsys, toy_city, tmp_path):
    (tmp_path / "bureau.toml").write_text(
        'schema = 1\nplan = "zhongwei"\n[[mark]]\nplace = "无此乡"\nsettings = ["resettlement"]\n', encoding="utf-8"
    )
    code, _, err = run(
        capsys,
        "gaps",
        toy_city,
        "--service",
        "pharmacy",
        "--overlay",
        tmp_path / "bureau.toml",
        "--out",
        tmp_path / "o",
    )
    assert code == 1
    assert "无此乡" in err


def test_a_city_without_districts_is_said(capsys, toy_city, tmp_path):
    places = gpd.read_file(toy_city.parent / "places.geojson")
    places[places["级别"] == "city"].to_file(toy_city.parent / "places.geojson", driver="GeoJSON")
    plan = toy_city.parent / "mini.toml"
    plan.write_text(
        'schema = 1\ncity = "x"\n[document]\ntitle = "x"\nissuer = "x"\nstatus = "draft"\ntext = "t.txt"\n'
        '[circle]\nradius_m = 800\nclause = "一"\nquote = "半径800米"\n'
        '[[rule]]\nkind = "checklist"\nid = "a.b"\ntitle = "x"\nservices = ["pharmacy"]\nclause = "一"\nquote = "800米"\n',
        encoding="utf-8",
    )
    (toy_city.parent / "t.txt").write_text("半径800米", encoding="utf-8")
    code, _, err = run(capsys, "map", toy_city, "--plan", plan, "--out", tmp_path / "o")
    assert code == 2, err
    assert "没有县（区）" in err


def test_only_cards_for_a_service_never_admit(capsys, sample_city):
    code, out, _ = run(
        capsys, "site", sample_city, "--lon", "105.19", "--lat", "37.51", "--datum", "wgs84", "--service", "ltc_home"
    )
    assert code == 0
    assert "结论：待核查" in out.splitlines()[0]


def test_a_point_outside_all_places_is_said(capsys, toy_city):
    code, out, _ = run(
        capsys, "site", toy_city, "--service", "pharmacy", "--lon", "0", "--lat", "0", "--datum", "wgs84"
    )
    assert code == 0
    assert "不在所载区划之内" in out
    code, out, _ = run(
        capsys, "site", toy_city, "--service", "pharmacy", "--lon", "105.02", "--lat", "37.515", "--datum", "wgs84"
    )
    assert "不在所载区划之内" not in out


def test_a_city_is_judged_with_indicators_events_overlay_and_day(capsys, toy_city, tmp_path):
    given = {
        "indicators.csv": "医保编码,指标,期间,数值\nP64050200001,violation,,1\nP64050200002,violation,,0\n",
        "events.csv": "日期,事项,服务类型,区域\n2026-01-05,退出,药店,甲街道\n",
        "bureau.toml": 'schema = 1\nplan = "zhongwei"\n[[mark]]\nplace = "乙乡"\nsettings = ["resettlement"]\n',
    }
    for name, words in given.items():
        (tmp_path / name).write_text(words, encoding="utf-8")
    told = ["--indicators", tmp_path / "indicators.csv", "--events", tmp_path / "events.csv"]
    told += ["--overlay", tmp_path / "bureau.toml", "--as-of", "2026-06-30"]
    code, _, err = run(capsys, "assess", toy_city, "--out", tmp_path / "out", *told)
    assert code == 0, err
    record = json.loads((tmp_path / "out" / "手绘市_assess_run.json").read_text(encoding="utf-8"))
    assert {i["role"] for i in record["inputs"]} >= {"indicators", "events"}
    assert record["as_of"] == {"day": "2026-06-30", "from": "option"}
    assert record["plan"]["overlay"]["file"].endswith("bureau.toml")
    book = openpyxl.load_workbook(tmp_path / "out" / "手绘市_assess.xlsx")
    rows = [[str(c) for c in row] for row in book["核对结果"].iter_rows(values_only=True)]
    left = [r for r in rows if "pharmacy.exit" in r]
    assert sorted(r[0] for r in left) == ["不符合", *["数据不足"] * (len(left) - 2), "符合"]


def test_an_interrupt_that_was_swallowed_ends_the_work():
    with pytest.raises(KeyboardInterrupt), StepBar("zh"), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)  # as a compiler's callback would swallow it


def test_an_error_reads_as_the_sentences_that_the_command_line_says(monkeypatch):
    monkeypatch.setenv("CIRCLE15_LANG", "en")
    error = UsageError([Problem("use.min_residents", value="-1"), Problem("use.quota", value="x")])
    assert str(error) == word_error(error, "en")
    assert "must be a finite number" in str(error)

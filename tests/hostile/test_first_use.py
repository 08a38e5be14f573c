"""What a first user meets: devices as output, empty corners of a city, hidden characters, words in one language."""

from __future__ import annotations

import math
import os
import stat
import warnings
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from circle15.cli import main
from circle15.errors import InputError, OutputError, UsageError
from circle15.measure.gaps import find_gaps
from circle15.read.check import check_city
from circle15.read.city import load_city
from circle15.read.institutions import read_institutions
from circle15.read.values import seen
from circle15.schema import Population
from circle15.study import find_service_gaps
from circle15.words import LANGS, word_error
from circle15.write.files import write_text
from circle15.write.summary import gap_lines


def test_a_device_or_pipe_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with pytest.raises(OutputError) as caught:
        write_text(pipe, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [p.name for p in tmp_path.iterdir()] == ["pipe.json"]
    assert caught.value.problems[0].id == "output.not_a_file"


def _gap(**more: object) -> pd.DataFrame:
    row = {
        "rank": 1, "residents": 500.0, "district_name": "", "township_name": "", "nearest_id": "", "nearest_name": "", "nearest_m": math.nan,
        "candidate_lon": 105.0, "candidate_lat": 37.0, "candidate_new_residents": 300.0,
    }  # fmt: skip
    return pd.DataFrame([row | more])


@pytest.mark.parametrize("lang", LANGS)
def test_a_gap_without_institution_or_place_is_said_in_words(lang: str) -> None:
    line = gap_lines(_gap(), lang=lang)[1]
    assert "nan" not in line
    assert "“”" not in line
    assert "''" not in line
    known = gap_lines(_gap(district_name="甲区"), lang=lang)[1]
    assert "甲区：" in known or "甲区:" in known


def test_gaps_of_a_city_without_districts_stay_inside_the_city() -> None:
    cells = gpd.GeoDataFrame(
        {"residents": [200.0, 900.0]},
        geometry=[shapely.box(105, 37, 105.001, 37.001), shapely.box(105.001, 37, 105.002, 37.001)],
        crs=4326,
    )
    city = gpd.GeoDataFrame(
        {"id": ["1"], "name": ["甲市"], "level": ["city"]}, geometry=[shapely.box(104.9, 36.9, 105.001, 37.1)], crs=4326
    )
    far = gpd.GeoDataFrame({"id": ["P"], "name": ["店"], "service": ["pharmacy"]}, geometry=[shapely.Point(103, 37)], crs=4326)  # fmt: skip
    gaps = find_gaps(Population(cells, None, "grid", 100.0), far, city, radius_m=800, service="pharmacy")
    assert gaps["residents"].tolist() == [200.0]


@pytest.mark.parametrize("least", [math.nan, math.inf, -1.0])
def test_the_least_number_of_residents_must_be_a_number(least: float) -> None:
    class Nothing:
        institutions = pd.DataFrame({"service": ["pharmacy"]})

    with pytest.raises(UsageError) as caught:
        find_service_gaps(None, Nothing(), service="pharmacy", min_residents=least)
    for lang in LANGS:
        assert "--min-residents" in word_error(caught.value, lang)


def test_names_hold_only_what_is_seen(tmp_path: Path) -> None:
    names = ["\x1b[31m红\x1b[0m店", "a\u200bb", "\u202ex店", "中卫\n药房", "\u3000甲\u3000店\ufeff", "👨‍⚕️店"]
    assert [seen(n) for n in names] == ["[31m红 [0m店", "ab", "x店", "中卫 药房", "甲\u3000店", "👨‍⚕️店"]
    file = tmp_path / "r.csv"
    frame = pd.DataFrame(
        {"医保编码": [f"P{i}\u200b" for i in range(6)], "机构名称": names, "经度": 105.0, "纬度": 37.0}
    )
    frame.to_csv(file, index=False)
    table = read_institutions(file, datum="wgs84", service="pharmacy").table
    assert table["id"].tolist() == [f"P{i}" for i in range(6)]
    shown = [seen(n) for n in names]
    shown[3:5] = ["中卫药房", "甲店"]  # spaces between Chinese characters go too
    assert table["name"].tolist() == shown


def test_columns_cut_within_a_character_are_named_and_not_blamed_on_the_encoding(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"医保编码": ["P1"]}, geometry=[shapely.Point(105, 37)], crs=4326)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame.to_file(tmp_path / "r.shp", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_institutions(tmp_path / "r.shp", datum="wgs84", service="pharmacy")
    assert [p.id for p in caught.value.problems] == ["column_names_cut"]
    assert "UTF-8" in word_error(caught.value, "zh")


def test_a_table_without_shapes_is_named_as_such(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "r.parquet")
    with pytest.raises(InputError) as caught:
        read_institutions(tmp_path / "r.parquet", datum="wgs84", service="pharmacy")
    assert [p.id for p in caught.value.problems] == ["layer_without_geometry"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("[city\n", "第 1 行"), ('[city]\nname = "a"\n[institutions]\nfile = "r"\ndatum = "WGS84"\n', "bd09")],
)
def test_faults_of_the_city_file_are_said_in_chinese(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "city.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_city(tmp_path / "city.toml")
    shown = word_error(caught.value, "zh")
    assert said in shown
    assert "Input should be" not in shown
    assert "Expected" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frob"], "没有命令 frob"),
        (["site", "--lon", "x"], "数字"),
        (["gaps", "--min-residents", "-1"], "不小于 0 的数字"),
    ],
)
def test_wrong_use_is_said_in_chinese(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--lang", "zh", *arguments])
    err = capsys.readouterr().err
    assert stop.value.code == 2
    assert said in err
    assert "float" not in err
    assert "No such" not in err
    assert not err.startswith("用法不对")


def test_the_bare_command_shows_its_help_and_no_blame(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(("用法：", "Usage: "))


def test_an_institution_without_a_name_goes_by_its_code() -> None:
    line = gap_lines(_gap(nearest_id="P7", nearest_m=900.0), lang="zh")[1]
    assert "“P7”" in line


def test_checks_name_the_file_and_the_code_of_the_nameless(toy_city: Path, tmp_path: Path) -> None:
    register = tmp_path / "elsewhere.csv"
    pd.DataFrame(
        {"医保编码": ["P1"], "机构名称": [""], "机构类别": ["零售药店"], "经度": [100.0], "纬度": [30.0]}
    ).to_csv(register, index=False)
    problems = check_city(load_city(toy_city, institutions=register, register_datum="wgs84"))
    outside = next(p for p in problems if p.id == "check.outside")
    assert outside.file == "elsewhere.csv"
    assert outside.params["name"] == "P1"


def test_a_code_that_stands_twice_names_the_first_row(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    pd.DataFrame({"医保编码": ["P1", "P1"], "机构名称": "店", "经度": 105.0, "纬度": 37.0}).to_csv(file, index=False)
    with pytest.raises(InputError) as caught:
        read_institutions(file, datum="wgs84", service="pharmacy")
    assert "首次出现的行号：2" in word_error(caught.value, "zh")
    assert "first in row 2" in word_error(caught.value, "en")

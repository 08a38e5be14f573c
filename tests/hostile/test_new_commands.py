"""What a careless or hostile user tries on the commands that plan, check and draw."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import box

from circle15.cli import main
from circle15.cli.commands import build_app
from circle15.database import address_of
from circle15.errors import InputError, OutputError, Problem, UsageError
from circle15.words import LANGS, word_problem
from circle15.write.files import write_text
from circle15.write.results import check_target

APPLICATIONS = """\
名称,服务类型,经度,纬度,坐标基准,评分
甲,零售药店,105.039,37.521,wgs84,好
乙,零售药店,105.0395,37.5211,wgs84,
"""


def run(capsys, *arguments: object) -> tuple[int, str]:
    """Exit code and everything that was said."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    told = capsys.readouterr()
    return int(caught.value.code or 0), told.out + told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("retire", "--release", "nan"), ("retire", "--least-share", "nan"), ("add", "--share", "nan"),
        ("add", "--seconds", "inf"), ("walk", "--minutes", "nan"), ("assess", "--min-residents", "nan"),
    ],
)  # fmt: skip
def test_no_number_is_not_a_number(capsys, lasting_toy_city: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    command, *options = arguments
    code, told = run(capsys, command, lasting_toy_city, *options, "--out", tmp_path / "out", "--lang", "zh")
    assert code == 2
    assert options[0] in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "takes"),
    [
        (("add", "x.toml", "--number", "0"), "不小于 1 的整数"),
        (("add", "x.toml", "--share", "2"), "0 至 1 的数字（含两端）"),
        (("walk", "x.toml", "--minutes", "0"), "大于 0 的数字"),
        (("add", "x.toml", "--as-of", "2026-13-01"), "日期（年-月-日）"),
        (("round", "x.toml", "--sites", "x.csv", "--seed", "-7"), "不小于 0 的整数"),
        (("site", "x.toml", "--lon", "x"), "数字"),
    ],
)
def test_what_an_option_takes_is_said_in_chinese(capsys, arguments: tuple[str, ...], takes: str) -> None:
    code, told = run(capsys, *arguments, "--lang", "zh")
    assert code == 2
    assert f"应为：{takes}" in told
    assert "range" not in told
    assert "datetime" not in told


@pytest.mark.parametrize("output", ["register.csv", "places.geojson", "population.geojson", "city.toml"])
@pytest.mark.parametrize("option", ["--out", "--map", "--corrected"])
def test_check_data_never_replaces_an_input(capsys, toy_city: Path, output: str, option: str) -> None:
    held = {p.name: p.read_bytes() for p in toy_city.parent.iterdir()}
    code, told = run(capsys, "check-data", toy_city, option, toy_city.parent / output, "--lang", "zh")
    assert code == 2
    assert "输入文件" in told
    assert {p.name: p.read_bytes() for p in toy_city.parent.iterdir()} == held


@pytest.mark.parametrize(
    "arguments",
    [
        ("site", "--service", "pharmacy", "--lon", "105.039", "--lat", "37.521", "--datum", "wgs84", "--out"),
        ("assess", "--out", "out", "--to"),
    ],
)
def test_other_outputs_never_replace_an_input(capsys, toy_city: Path, monkeypatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.chdir(toy_city.parent)
    whole = toy_city.read_text(encoding="utf-8").replace("population.geojson", "population.gpkg")
    toy_city.write_text(whole, encoding="utf-8")
    (toy_city.parent / "population.gpkg").write_bytes(b"the only copy")
    command, *options = arguments
    code, _ = run(capsys, command, toy_city.name, *options, "./population.gpkg")
    assert code == 2
    assert (toy_city.parent / "population.gpkg").read_bytes() == b"the only copy"


@pytest.mark.parametrize(("option", "name"), [("--out", "x.pdf"), ("--map", "x.xlsx")])
def test_check_data_refuses_suffixes_that_would_lie(capsys, lasting_toy_city: Path, tmp_path: Path, option: str, name: str) -> None:  # fmt: skip
    code, _ = run(capsys, "check-data", lasting_toy_city, option, tmp_path / name)
    assert code == 2
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    "target", ["mysql://u:S3CRET@h/db", "postgres:S3CRET", "postgresql+psycopg://u:S3CRET@h/db", "postgresql://u:S3/CRET@h/db"]
)  # fmt: skip
def test_a_mistyped_target_is_refused_before_the_work_and_without_its_password(
    capsys, lasting_toy_city: Path, tmp_path: Path, target: str
) -> None:
    with pytest.raises((InputError, UsageError)):
        check_target(target)
    code, told = run(capsys, "assess", lasting_toy_city, "--out", tmp_path / "out", "--to", target)
    assert code in {1, 2}
    assert "S3" not in told
    assert not (tmp_path / "out").exists()


def test_an_unquoted_password_is_not_taken_for_a_host() -> None:
    with pytest.raises(InputError) as caught:
        address_of("postgresql://u:S3CRET@PW/@h:1/db")
    assert "pw" not in word_problem(caught.value.problems[0], "en").lower()


@pytest.mark.parametrize("lang", LANGS)
def test_no_sentence_shows_the_password_of_an_address(lang: str) -> None:
    address = "postgresql://u:S3CR@ET@h/db"
    problem = Problem("file_missing", file=address, value=address, params={"path": address})
    told = word_problem(problem, lang)
    assert "S3CR" not in told
    assert "ET@" not in told
    assert "postgresql://u@h/db" in told


def test_planning_reads_the_register_from_the_database_that_is_named(capsys, lasting_toy_city: Path) -> None:
    folder = lasting_toy_city.parent
    inputs = ["--institutions", "table:register", "--register-datum", "wgs84", "--plan", "zhongwei"]
    inputs += ["--places", folder / "places.geojson", "--population", folder / "population.geojson"]
    code, told = run(
        capsys,
        "add",
        *inputs,
        "--service",
        "pharmacy",
        "--number",
        1,
        "--database",
        "postgresql://u:S3CRET@127.0.0.1:1/db",
    )
    assert code == 1
    assert "postgresql://u@127.0.0.1:1/db" in told
    assert "S3CRET" not in told


@pytest.mark.parametrize(
    "held",
    [
        {"decisions": [{"id": "S2"}, {"id": "S3"}], "by": "zzz", "seed": None},
        {"decisions": [{"id": "S2"}, {"id": "S3"}], "by": "lottery", "seed": None},
        {"decisions": [{"id": "S2"}, {"id": "S3"}], "by": "rank", "seed": "x"},
    ],
)
def test_a_record_that_no_round_wrote_is_not_replayed(capsys, lasting_toy_city: Path, tmp_path: Path, held: dict[str, object]) -> None:  # fmt: skip
    (tmp_path / "sites.csv").write_text(APPLICATIONS, encoding="utf-8")
    (tmp_path / "run.json").write_text(json.dumps({"round": held}), encoding="utf-8")
    sites = ["--sites", tmp_path / "sites.csv", "--out", tmp_path / "out"]
    code, told = run(capsys, "round", lasting_toy_city, *sites, "--replay", tmp_path / "run.json", "--lang", "zh")
    assert code == 1
    assert "运行记录" in told
    assert not (tmp_path / "out").exists()


def test_a_score_that_cannot_be_read_is_said_and_never_ranked(capsys, lasting_toy_city: Path, tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(APPLICATIONS, encoding="utf-8")
    sites = ["--sites", tmp_path / "sites.csv", "--out", tmp_path / "out"]
    code, told = run(capsys, "round", lasting_toy_city, *sites, "--score-column", "评分", "--lang", "zh")
    assert code == 2
    assert "S2" in told
    assert "好" in told
    assert "S3" not in told


def test_a_wrong_quota_names_the_option_that_it_is_about(capsys, lasting_toy_city: Path) -> None:
    code, told = run(
        capsys, "add", lasting_toy_city, "--service", "pharmacy", "--number", 1, "--quota", "a", "--lang", "zh"
    )
    assert code == 2
    assert "--quota" in told
    assert "--attribute" not in told


def test_a_map_takes_the_same_evidence_as_an_assessment() -> None:
    app = build_app("zh")
    evidence = {"as_of", "overlay", "indicators", "events"}
    for name in ("map", "assess"):
        assert evidence <= {p.name for p in app.commands[name].params}


@pytest.mark.parametrize("name", sorted(build_app("zh").commands))
def test_no_option_stands_twice(name: str) -> None:
    names = [p.name for p in build_app("zh").commands[name].params]
    assert len(names) == len(set(names))


def test_a_name_that_the_locale_cannot_write_is_said(tmp_path: Path, monkeypatch) -> None:
    def replace(_self: Path, target: Path) -> None:
        str(target).encode("ascii")

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError) as caught:
        write_text(tmp_path / "图.html", "x")
    assert "PYTHONUTF8=1" in word_problem(caught.value.problems[0], "zh")
    assert list(tmp_path.iterdir()) == []


def test_a_library_reason_brings_no_second_full_stop() -> None:
    told = word_problem(Problem("streets.broken", file="s.osm", params={"reason": "Missing version."}), "zh")
    assert ".。" not in told


def _nation(tmp_path: Path, institutions: gpd.GeoDataFrame) -> list[object]:
    """Options of a nation of one square."""
    institutions.to_parquet(tmp_path / "institutions.parquet")
    square = gpd.GeoDataFrame(
        {"id": ["640502"], "name": ["甲区"], "level": ["district"]}, geometry=[box(105, 37, 106, 38)], crs=4326
    )
    square.to_parquet(tmp_path / "places.parquet")
    shape, corner = (64, 64), rasterio.Affine(0.001, 0, 105, 0, -0.001, 38)
    with rasterio.open(
        tmp_path / "people.tif", "w", driver="GTiff", width=64, height=64, count=1, dtype="float32", crs=4326,
        transform=corner,
    ) as raster:  # fmt: skip
        raster.write(np.full(shape, 5, "float32"), 1)
    files = ["--institutions", tmp_path / "institutions.parquet", "--places", tmp_path / "places.parquet"]
    return [*files, "--population", tmp_path / "people.tif", "--register-datum", "wgs84", "--plan", "zhongwei"]


def _points(count: int) -> gpd.GeoDataFrame:
    ids = [f"P{n}" for n in range(count)]
    where = gpd.points_from_xy([105.02] * count, [37.98] * count)
    return gpd.GeoDataFrame({"id": ids, "service": ["pharmacy"] * count}, geometry=where, crs=4326)


def test_a_nation_without_institutions_is_said(capsys, tmp_path: Path) -> None:
    code, told = run(capsys, "nation", *_nation(tmp_path, _points(0)), "--out", tmp_path / "out", "--lang", "zh")
    assert code == 1
    assert "institutions.parquet：没有数据行" in told
    assert not (tmp_path / "out").exists()


def test_a_nation_whose_folder_is_a_file_is_said(capsys, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("kept", encoding="utf-8")
    code, told = run(capsys, "nation", *_nation(tmp_path, _points(1)), "--out", tmp_path / "out", "--lang", "zh")
    assert code == 1
    assert "不是文件夹" in told or "已经存在" in told
    assert (tmp_path / "out").read_text(encoding="utf-8") == "kept"

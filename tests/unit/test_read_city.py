"""City files: closed to unknown keys, relative paths, all parts' faults together, and the checks across files."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import box

from circle15.errors import InputError, Problem
from circle15.project.datum import from_wgs84
from circle15.read.check import check_city, cross_checks
from circle15.read.city import city_files, gather, load_city, read_city
from circle15.words import LANGS, word_problem

TOML = """
[city]
name = "某市"
simulated = true
plan = "zhongwei"
as_of = 2026-01-01

[institutions]
file = "register.csv"
datum = "{datum}"

[[places]]
file = "places.gpkg"
level = "district"
datum = "wgs84"

[population]
file = "population.gpkg"
{more}
"""
EAST, WEST = (105.150123, 37.050123), (105.050123, 37.050123)


def write_city(
    folder: Path, *, more: str = "", datum: str = "wgs84", rows: list[tuple[str, str, float, float, str]] | None = None
) -> Path:
    rows = rows or [("P64050200001", "甲", *WEST, "一街"), ("P64052100002", "乙", *EAST, "二街")]
    lines = ["医保编码,机构名称,类型,经度,纬度,地址", *(f"{i},{n},药店,{x!r},{y!r},{a}" for i, n, x, y, a in rows)]
    (folder / "register.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    districts = gpd.GeoDataFrame(
        {"代码": ["640502", "640521"], "名称": ["西区", "东区"], "常住人口": [100.0, 30.0]},
        geometry=[box(105, 37, 105.1, 37.1), box(105.1, 37, 105.2, 37.1)], crs=4326,
    )  # fmt: skip
    districts.to_file(folder / "places.gpkg")
    cells = gpd.GeoDataFrame(
        {"residents": [100, 30]},
        geometry=[box(105.01, 37.01, 105.02, 37.02), box(105.11, 37.01, 105.12, 37.02)],
        crs=4326,
    )
    cells.to_file(folder / "population.gpkg")
    path = folder / "city.toml"
    path.write_text(TOML.format(more=more, datum=datum), encoding="utf-8")
    return path


def ids(problems: tuple[Problem, ...]) -> list[str]:
    for problem in problems:
        for lang in LANGS:
            assert word_problem(problem, lang)
    return [p.id for p in problems if p.id not in {"datum_assumed", "population_coarse"}]


def test_a_city_is_read_with_paths_from_its_own_folder(tmp_path: Path) -> None:
    files = load_city(write_city(tmp_path))
    assert (files.name, files.plan) == ("某市", "zhongwei")
    city, warnings = read_city(files)
    assert ids(warnings) == []
    assert (city.name, city.simulated) == ("某市", True)
    assert [s.role for s in city.sources] == ["institutions", "places", "population"]
    assert len(city.institutions) == 2
    assert ids(check_city(files)) == []


def test_faults_of_all_parts_come_together(tmp_path: Path) -> None:
    path = write_city(tmp_path, rows=[("P1", "甲", 999.0, 37.0, ""), ("P1", "乙", *EAST, "")])
    (tmp_path / "places.gpkg").write_text("<html>", encoding="utf-8")
    (tmp_path / "population.gpkg").unlink()
    with pytest.raises(InputError) as caught:
        read_city(load_city(path))
    assert ids(caught.value.problems) == ["coordinate_metres", "id_duplicate", "file_wrong_kind", "file_missing"]
    assert ids(check_city(load_city(path))) == ids(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[city]\nname='x'\ncolour='red'\n", {("config_unknown", "city.colour"), ("config_missing", "institutions")}),
        ("[city]\nname=''\n[[places]]\nfile='a'\nlevel='shire'\n", {("config_choice", "places.1.level"), ("config_value", "city.name")}),
        ("folder='/'\n", {("config_unknown", "folder")}),
        ("[city\n", {("config_syntax", None)}),
        ("[city]\nname = “某市”\n", {("config_wide", None)}),
        ('[city]\nname = "a“b”"\nplan＝1\n', {("config_wide", None)}),
        ('[institutions]\nfile = "C:\\医保\\名册.xlsx"\n', {("config_backslash", None)}),
    ],
)  # fmt: skip
def test_faults_of_a_city_file_name_the_key(tmp_path: Path, text: str, expected: set[tuple[str, str | None]]) -> None:
    path = tmp_path / "city.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_city(path)
    ids(caught.value.problems)
    assert expected <= {(p.id, p.column) for p in caught.value.problems}


def test_options_overrule_a_city_file_or_stand_alone(tmp_path: Path) -> None:
    path = write_city(tmp_path)
    other = tmp_path / "other.csv"
    other.write_text("id,name,类型,经度,纬度\nP9,丙,药店,105.05,37.05\n", encoding="utf-8")
    city, _ = read_city(load_city(path, institutions=other, register_datum="cgcs2000", plan="shenyang"))
    assert city.institutions["id"].tolist() == ["P9"]
    assert city.sources[0].datum == "cgcs2000"
    places = gpd.read_file(tmp_path / "places.gpkg").assign(级别="区")
    places.to_file(tmp_path / "levels.gpkg")
    files = city_files(
        institutions=other, places=[tmp_path / "levels.gpkg"], population=tmp_path / "population.gpkg",
        register_datum="wgs84", plan="zhongwei",
    )  # fmt: skip
    assert files.plan == "zhongwei"
    city, warnings = read_city(files)
    assert "datum_assumed" in {p.id for p in warnings}
    assert len(city.places) == 2


def test_scaling_tells_before_and_after(tmp_path: Path) -> None:
    path = write_city(tmp_path, more='scale_to = "district"')
    places = gpd.read_file(tmp_path / "places.gpkg").assign(常住人口=[200.0, 30.0])
    places.to_file(tmp_path / "places.gpkg")
    reading, problems = gather(load_city(path))
    assert ids(problems) == ["scale_applied"]
    assert reading is not None
    assert reading.scaling is not None
    assert reading.scaling["after"].tolist() == pytest.approx([200, 30, 0])
    assert "100 → 200" in str(problems[-1].params["places"])


def test_checks_name_the_row_that_does_not_fit(tmp_path: Path) -> None:
    rows = [
        ("P64050200001", "甲", *WEST, "一街"),
        ("P64050200002", "甲", *WEST, "一街"),
        ("P64052100003", "丙", 105.030123, 37.030123, "三街"),
        ("P64050200004", "丁", 104.000123, 37.050123, "四街"),
    ]
    found = check_city(load_city(write_city(tmp_path, rows=rows)))
    assert sorted(ids(found)) == ["check.division", "check.duplicate", "check.outside", "check.shared"]
    assert {p.id: p.row for p in found if p.row} == {
        "check.division": 4, "check.outside": 5, "check.duplicate": 2,
    }  # fmt: skip


def test_a_datum_that_fits_worse_than_another_is_named(tmp_path: Path) -> None:
    # gcj02 moves a point about 0.006° east here: those 0.003° west of the border fall into the next district
    real = [(f"P6405020{i:04d}", f"店{i}", 105.097, 37.02 + i * 0.006, f"{i}号") for i in range(10)]
    lon, lat = from_wgs84([r[2] for r in real], [r[3] for r in real], "gcj02")
    rows = [(r[0], r[1], float(x), float(y), r[4]) for r, x, y in zip(real, lon, lat, strict=True)]
    wrong = check_city(load_city(write_city(tmp_path, rows=rows, datum="wgs84")))
    (named,) = [p for p in wrong if p.id == "check.datum"]
    assert named.params["best"] == "gcj02"
    right = check_city(load_city(write_city(tmp_path, rows=rows, datum="gcj02")))
    assert "check.datum" not in ids(right)


def test_grid_totals_and_empty_places_are_named(tmp_path: Path) -> None:
    path = write_city(tmp_path)
    cells = gpd.read_file(tmp_path / "population.gpkg").iloc[:1].assign(residents=80)
    cells.to_file(tmp_path / "population.gpkg")
    city, _ = read_city(load_city(path))
    found = cross_checks(city, datum="wgs84", file="register.csv").problems
    assert {(p.id, p.value) for p in found} == {("check.grid_total", "西区"), ("check.place_empty", "东区")}
    assert found[0].params["percent"] == "-20.0"

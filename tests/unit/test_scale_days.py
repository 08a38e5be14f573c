"""A register of a nation as it stands on a day: only rows whose agreement holds, whatever form their days have."""

import datetime as dt
import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from page_payload import values_of
from told import told

from circle15.cli.app import main
from circle15.errors import InputError
from circle15.read.geoparquet import read_points
from circle15.scale.inputs import read_inputs
from circle15.scale.task import Task
from circle15.words import LANGS, word_problem

DAY = dt.date(2025, 6, 30)
FROM = ["2020-01-01", "2025-06-30", "2025-07-01", "2020-01-01", "2020-01-01", None, "2020-01-01"]
TO = ["2026-12-31", None, None, "2025-06-30", "2025-06-29", None, "2019-12-31"]
STANDING = ["P0", "P1", "P3", "P5"]  # the first and the last day belong to an agreement; P6 ends before it begins


def written(path, **columns):
    n = len(FROM)
    table = gpd.GeoDataFrame(
        {"id": [f"P{i}" for i in range(n)], "service": "pharmacy", "institution": [f"J{i // 2}" for i in range(n)]}
        | columns,
        geometry=shapely.points([[76.05 + i / 1000, 51.9] for i in range(n)]),
        crs="EPSG:4326",
    )
    table.to_parquet(path)
    return path


def as_days(values):
    return pd.array([None if v is None else dt.date.fromisoformat(v) for v in values], dtype=object)


@pytest.mark.parametrize(
    "form",
    [
        list,
        as_days,
        lambda values: pd.to_datetime(pd.Series(values)),
        lambda values: pd.to_datetime(pd.Series(values)) + pd.Timedelta(hours=23),  # a clock time is of its day
        pd.Categorical,
    ],
    ids=["words", "days", "times", "late", "categories"],
)
def test_the_rows_that_stand_are_those_of_the_day(tmp_path, form):
    points = read_points(written(tmp_path / "i.parquet", valid_from=form(FROM), valid_to=form(TO)), as_of=DAY)
    assert points.ids.to_pylist() == STANDING
    assert points.lon.tolist() == [76.05 + int(i[1]) / 1000 for i in STANDING]
    assert len(points.service) == len(points.lat) == len(points.institution) == len(STANDING)
    assert points.institution[0] == points.institution[1] != points.institution[2]
    (warning,) = points.warnings
    assert (warning.id, warning.params["count"]) == ("institutions_expired", 3)


def test_one_column_is_enough_and_words_of_registers_are_read(tmp_path):
    last = ["2026年12月31日", "长期", "", "2025/6/30", "20250629", None, "9999-12-31"]
    points = read_points(written(tmp_path / "i.parquet", valid_to=last), as_of=DAY)
    assert points.ids.to_pylist() == ["P0", "P1", "P2", "P3", "P5", "P6"]


def test_without_a_day_everyone_counts_and_days_are_not_looked_at(tmp_path):
    points = read_points(written(tmp_path / "i.parquet", valid_to=["sometime", *TO[1:]]))
    assert len(points.ids) == len(FROM)
    assert points.warnings == ()


def test_days_that_cannot_be_read_are_one_problem(tmp_path):
    file = written(tmp_path / "i.parquet", valid_from=FROM, valid_to=[*TO[:4], "2025-02-30", "soon", "soon"])
    with pytest.raises(InputError, check=told("scale.day")) as fault:
        read_points(file, as_of=DAY)
    (problem,) = fault.value.problems
    assert (problem.row, problem.column, problem.value, problem.params["count"]) == (5, "valid_to", "2025-02-30", 3)
    assert all("2025-02-30" in word_problem(problem, lang) for lang in LANGS)


def test_a_day_without_columns_of_validity_is_refused(tmp_path):
    with pytest.raises(InputError, check=told("scale.no_validity")):
        read_points(written(tmp_path / "i.parquet"), as_of=DAY)


def test_a_day_on_which_nobody_stands_is_refused(tmp_path):
    with pytest.raises(InputError, check=told("scale.nobody_stands")):
        read_points(written(tmp_path / "i.parquet", valid_to=["2020-01-01"] * len(FROM)), as_of=DAY)


def test_a_row_without_a_service_is_a_fault(tmp_path):
    file = written(tmp_path / "i.parquet", service=["pharmacy"] * 6 + [None])
    with pytest.raises(InputError, check=told("scale.blank")):
        read_points(file)


def test_the_command_measures_those_who_stand_and_says_the_day(nation, tmp_path):
    table = gpd.read_parquet(nation / "institutions.parquet")
    ends = [f"2025-0{1 + n % 9}-15" for n in range(len(table))]
    table.assign(valid_to=ends).to_parquet(tmp_path / "dated.parquet")
    kept = table[[end >= "2025-06-30" for end in ends]].reset_index(drop=True)
    kept.to_parquet(tmp_path / "kept.parquet")
    files = ["--places", str(nation / "places.parquet"), "--population", str(nation / "population.vrt")]
    more = ["--register-datum", "wgs84", "--plan", "zhongwei", "--service", "pharmacy"]
    for name, day in (("dated", ["--as-of", "2025-06-30"]), ("kept", [])):
        with pytest.raises(SystemExit) as end:
            main(["nation", "--institutions", str(tmp_path / f"{name}.parquet"), *files, *more, *day,
                  "--out", str(tmp_path / name)])  # fmt: skip
        assert end.value.code == 0
    for name in ("institutions.parquet", "places.parquet", "gaps.parquet"):
        assert (tmp_path / "dated" / name).read_bytes() == (tmp_path / "kept" / name).read_bytes()
    record, plain = (json.loads((tmp_path / n / "nation_run.json").read_text("utf-8")) for n in ("dated", "kept"))
    assert record["options"]["as_of"] == record["inputs"][0]["options"]["as_of"] == "2025-06-30"
    assert plain["options"]["as_of"] == ""
    days = [values_of((tmp_path / n / "nation.html").read_text("utf-8"))["as_of"] for n in ("dated", "kept")]
    assert days == ["2025-06-30", ""]


def test_another_day_is_another_run(nation, tmp_path):
    table = gpd.read_parquet(nation / "institutions.parquet")
    table.assign(valid_to="2025-12-31").to_parquet(tmp_path / "dated.parquet")

    def task(day) -> Task:
        files = (tmp_path / "dated.parquet", nation / "places.parquet", nation / "population.vrt")
        return read_inputs(*files, radius_m=800.0, as_of=day).task

    assert len({task(None).key, task(DAY).key, task(dt.date(2025, 7, 1)).key}) == 3


def test_another_datum_is_another_run(nation):
    files = (nation / "institutions.parquet", nation / "places.parquet", nation / "population.vrt")
    assert len({read_inputs(*files, radius_m=800.0, datum=datum).task.key for datum in ("wgs84", "gcj02", "bd09")}) == 3

"""The command `walk` and streets in the city file, on the hand-drawn city with streets of its own."""

import json

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
from streets_osm import write_osm

from circle15.cli import main
from circle15.errors import InputError
from circle15.policy.plan import load_plan
from circle15.read.city import load_city, read_city
from circle15.study import assess
from circle15.walk import streets_on_foot, walk_city, with_coverage_on_foot
from circle15.write.walk import walk_lines

# a grid of lanes 200 m apart over the western district and its neighbour; nothing east of 105.085
LON, LAT = np.arange(105.002, 105.086, 0.002), np.arange(37.502, 37.530, 0.002)


def lanes(path):
    places = {1000 * i + j + 1: (round(x, 6), round(y, 6)) for i, x in enumerate(LON) for j, y in enumerate(LAT)}
    tags = {"highway": "residential"}
    ways = [([1000 * i + j + 1 for i in range(len(LON))], tags) for j in range(len(LAT))]
    ways += [([1000 * i + j + 1 for j in range(len(LAT))], tags) for i in range(len(LON))]
    return write_osm(path, ways=ways, places=places)


@pytest.fixture
def town(toy_city):
    lanes(toy_city.parent / "streets.osm.pbf")
    toy_city.write_text(
        toy_city.read_text(encoding="utf-8") + '\n[streets]\nfile = "streets.osm.pbf"\n', encoding="utf-8"
    )
    return toy_city


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code


def test_walk_writes_everything_beside_the_straight_figures(town, tmp_path, capsys):
    assert run("walk", town, "--service", "pharmacy", "--out", tmp_path / "out", "--lang", "en") == 0
    said = capsys.readouterr().out
    assert "share of residents within 800 m straight, 800 m on foot" in said
    book = openpyxl.load_workbook(tmp_path / "out" / "手绘市_walk.xlsx")
    assert len(book.sheetnames) == 5
    record = json.loads((tmp_path / "out" / "手绘市_walk_run.json").read_text(encoding="utf-8"))
    assert {i["role"] for i in record["inputs"]} >= {"streets"}
    assert record["options"]["pace"] == {"max_snap_m": 250.0, "metres_per_s": 1.2, "slope": "flat"}
    for name in ("institutions", "gaps", "reached"):
        assert len(gpd.read_file(tmp_path / "out" / f"手绘市_walk_{name}.gpkg"))


def test_the_register_of_a_day_an_overlay_and_json(town, tmp_path, capsys):
    overlay = tmp_path / "bureau.toml"
    words = 'schema = 1\nplan = "zhongwei"\n[[set]]\nrule = "pharmacy.circle.dense"\nmax = 2\nsource = "局务会"\n'
    overlay.write_text(words, encoding="utf-8")
    register = town.parent / "register.csv"
    text = register.read_text(encoding="utf-8")
    register.write_text(
        text.replace("甲街2号,105.0220,37.5150,否,2020", "甲街2号,105.0220,37.5150,否,2026"), encoding="utf-8"
    )
    told = ["walk", town, "--service", "pharmacy", "--json", "--out", tmp_path / "out"]
    assert run(*told) == 0
    out, err = capsys.readouterr()
    now = json.loads(out)
    assert "_walk.xlsx" in err
    assert {r["service"] for r in now["coverage"]} == {"pharmacy"}
    assert now["coverage"][0].keys() >= {"name", "share", "share_walking", "detour", "access_per_10k"}
    assert run(*told, "--as-of", "2025-12-31", "--overlay", overlay) == 0
    then = json.loads(capsys.readouterr().out)
    limits = [{r["circle_limit"] for r in told["institutions"]} for told in (now, then)]
    assert (3.0 in limits[0], 3.0 in limits[1], 2.0 in limits[1]) == (True, False, True)
    held = [{r["id"] for r in told["institutions"]} for told in (now, then)]
    assert held[0] - held[1] == {"P64050200002"}
    assert then["run"]["as_of"]["day"] == "2025-12-31"
    assert then["run"]["plan"]["overlay"]["file"] == "bureau.toml"


def test_walking_never_covers_more_than_whole_cells_within_the_circle(town):
    files = load_city(town)
    city, _ = read_city(files)
    plan = load_plan(files.plan)
    result = walk_city(plan, city, services=["pharmacy"], gap_min_residents=1.0)
    table = result.coverage.set_index("name")
    assert (result.coverage["detour"].dropna() >= 1.0).all()
    assert table.loc["沙坡头区", "share_walking"] < table.loc["沙坡头区", "share"]
    assert table.loc["海原县", "off_streets"] == table.loc["海原县", "residents"]  # no street within 250 m
    assert np.isinf(table.loc["海原县", "response_minutes"])
    # three pharmacies and the clinic stand within 300 m of each other, also on foot
    sites = result.sites.set_index("id")
    assert sites.loc[["P64050200001", "P64050200002"], "others_walking"].tolist() == [2, 2]
    assert sites.loc["P64052100001", "verdict_on_foot"] in {"within_both", "no_limit"}
    assert len(result.gaps)
    assert result.gaps["nearest_walking_m"].min() > 800
    for lang in ("zh", "en"):
        assert len(walk_lines(result, service="pharmacy", lang=lang)) == 7


def test_without_streets_the_command_says_what_to_do(toy_city, capsys):
    assert run("walk", toy_city) == 2
    assert "--streets" in capsys.readouterr().err


def test_a_site_is_judged_with_the_streets_of_the_option(toy_city, tmp_path, capsys):
    path = lanes(tmp_path / "other.osm.pbf")
    told = [
        "site",
        toy_city,
        "--service",
        "pharmacy",
        "--lon",
        "105.021",
        "--lat",
        "37.516",
        "--datum",
        "wgs84",
        "--lang",
        "en",
    ]
    assert run(*told) == 0
    assert "on foot" not in capsys.readouterr().out
    assert run(*told, "--streets", path) == 0
    assert "Decided by the straight distance; on foot it is 4" in capsys.readouterr().out


def test_streets_of_another_city_are_refused_with_all_other_faults(toy_city):
    text = toy_city.read_text(encoding="utf-8").replace("register.csv", "nowhere.csv")
    write_osm(toy_city.parent / "far.osm.pbf", places={n: (10.0 + n / 1000, 50.0) for n in range(1, 10)})
    toy_city.write_text(text + '\n[streets]\nfile = "far.osm.pbf"\nspeed = 3\n', encoding="utf-8")
    with pytest.raises(InputError) as fault:
        load_city(toy_city)
    assert [p.id for p in fault.value.problems] == ["config_unknown"]
    toy_city.write_text(text + '\n[streets]\nfile = "far.osm.pbf"\n', encoding="utf-8")
    with pytest.raises(InputError) as fault:
        read_city(load_city(toy_city))
    assert {p.id for p in fault.value.problems} == {"file_missing", "streets.elsewhere"}


def test_map_pages_show_the_streets_on_foot(town, tmp_path):
    city, _ = read_city(load_city(town))
    lines = streets_on_foot(city, services=["pharmacy", "ltc_home"], radius_m=800.0)
    assert set(lines["service"]) == {"pharmacy"}  # no home care stands in the city
    plan = load_plan(load_city(town).plan)
    walk = walk_city(plan, city, services=["pharmacy"])
    told = with_coverage_on_foot(assess(plan, city, services=["pharmacy"])).coverage
    assert told["covered_walking"].tolist() == walk.coverage["covered_walking"].tolist()
    walked = walk.reached
    assert lines.geometry.geom_equals(walked.geometry).all()
    assert run("map", town, "--district", "沙坡头区", "--as-of", "2026-04-30", "--out", tmp_path / "with") == 0
    town.write_text(town.read_text(encoding="utf-8").split("\n[streets]")[0], encoding="utf-8")
    assert run("map", town, "--district", "沙坡头区", "--out", tmp_path / "without") == 0
    optional = ["--streets", town.parent / "streets.osm.pbf", "--as-of", "2026-04-30", "--out", tmp_path / "option"]
    assert run("map", town, "--district", "沙坡头区", *optional) == 0
    (page,), (plain,), (same,) = ((tmp_path / name).glob("*.html") for name in ("with", "without", "option"))
    assert same.stat().st_size == page.stat().st_size
    assert plain.stat().st_size < page.stat().st_size < plain.stat().st_size + 60_000

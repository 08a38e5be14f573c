"""Sites chosen on foot: a river with one bridge, where the straight circle and the walk choose differently."""

import json

import numpy as np
import openpyxl
import pytest
from riverbank import AT_DOOR, FAR, INLAND, RIVERSIDE, ready_of, riverbanks
from shapely.geometry import Point
from told import told

from circle15.cli.app import main
from circle15.errors import UsageError
from circle15.siting.add import plan_additions
from circle15.siting.field import lay_out, point_candidates
from circle15.siting.retire import plan_exits
from circle15.words import catalogue


@pytest.fixture
def river(toy_city):
    def build(bridge):
        riverbanks(toy_city.parent / "streets.osm.pbf", bridge=bridge)
        return toy_city

    return build


def candidates():
    return point_candidates(*(np.array(v) for v in zip(RIVERSIDE, INLAND, strict=True)), prefix="N")


@pytest.mark.parametrize(("bridge", "on_foot"), [(FAR, "N002"), (AT_DOOR, "N001")])
def test_the_bridge_decides_who_is_added_on_foot(river, bridge, on_foot):
    city = river(bridge)
    ready = ready_of(city, streets=str(city.parent / "streets.osm.pbf"))
    told = {}
    for walk in (False, True):
        field = lay_out(ready, service="pharmacy", candidates=candidates(), on_foot=walk)
        plan = plan_additions(field, number=1, minimums=False)
        told[walk] = plan
        assert field.walked is walk
    assert told[False].sites["id"].tolist() == ["N001"]
    assert told[True].sites["id"].tolist() == [on_foot]
    assert told[False].straight.empty
    both = (told[True].coverage, told[True].straight)
    walked, straight = (t[t["level"] == "city"].iloc[0] for t in both)
    assert 0 < walked["covered_after"] < straight["covered_after"]
    assert walked["change"] == pytest.approx(told[True].sites["residents_gained"].sum())
    assert not told[True].recheck.new


# a small township may keep one of these two: on the river, and inland
TWO = """\
医保编码,机构名称,机构类型,地址,经度,纬度,是否双通道,定点起始日期,定点终止日期
P64052100001,河边药房,零售药店,乙路1号,105.0700,37.5139,否,2020-01-01,
P64052100002,内陆药房,零售药店,乙路2号,105.0700,37.5050,否,2020-01-01,
"""


def test_the_river_decides_who_leaves_on_foot(river):
    city = river(FAR)
    (city.parent / "register.csv").write_text(TWO, encoding="utf-8")
    ready = ready_of(city, streets=str(city.parent / "streets.osm.pbf"))
    leaves = {
        walk: plan_exits(lay_out(ready, service="pharmacy", leaving=True, on_foot=walk)).exits["name"].tolist()
        for walk in (False, True)
    }
    assert leaves == {False: ["内陆药房"], True: ["河边药房"]}


def test_walked_pairs_are_never_nearer_than_straight_ones_and_stay_on_their_bank(river):
    city = river(FAR)
    ready = ready_of(city, streets=str(city.parent / "streets.osm.pbf"))
    walked = lay_out(ready, service="pharmacy", candidates=candidates(), on_foot=True)
    site = int(walked.positions(["N001"])[0])
    reached = walked.reach.of(site)
    assert len(reached)
    assert (walked.demand.lat[reached] < 37.515).all()  # nobody over the river within 800 m
    assert walked.reach.distance_m.max() <= 800 + 1e-3
    east = walked.demand.residents[walked.demand.lon > 105.09].sum()
    assert 0 < east <= walked.off_residents < walked.demand.residents.sum()


def test_without_streets_there_is_nothing_to_walk_on(toy_city):
    with pytest.raises(UsageError, check=told("use.streets_missing")):
        lay_out(ready_of(toy_city), service="pharmacy", candidates=candidates(), on_foot=True)


# ── the commands ──────────────────────────────────────────────


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return ended.value.code


def table_of(folder):
    path = folder / "candidates.csv"
    rows = "".join(f"{n},零售药店,{x},{y},wgs84\n" for n, (x, y) in (("riverside", RIVERSIDE), ("inland", INLAND)))
    path.write_text("名称,服务类型,经度,纬度,坐标系\n" + rows, encoding="utf-8")
    return path


def sheet(folder, name):
    book = openpyxl.load_workbook(next(folder.glob("*.xlsx")))
    return [] if name not in book.sheetnames else list(book[name].iter_rows(min_row=4, values_only=True))


def test_add_on_foot_says_which_distance_was_used_and_tells_both(river, tmp_path, capsys):
    city, words = river(FAR), catalogue("zh")
    asked = ("add", city, "--service", "pharmacy", "--streets", city.parent / "streets.osm.pbf", "--number", 1, "--coverage-only",
             "--candidates", "none", "--sites", table_of(tmp_path))  # fmt: skip
    assert run(*asked, "--out", tmp_path / "straight") == 0
    said = capsys.readouterr().out
    assert words["siting.straight"].format(radius=800) in said
    assert "S2（" in said
    assert run(*asked, "--on-foot", "--out", tmp_path / "foot") == 0
    said = capsys.readouterr().out
    assert words["siting.walked"].format(radius=800) in said
    assert "S3（" in said
    for key in ("coverage_walked", "coverage_beside", "off_streets"):
        assert words[f"siting.{key}"].split("{")[0] in said
    record = json.loads(next((tmp_path / "foot").glob("*run.json")).read_text(encoding="utf-8"))
    assert (record["options"]["on_foot"], record["options"]["max_snap_m"]) == (True, 250.0)
    assert "streets" in {i["role"] for i in record["inputs"]}
    name = words["plan_book.sheet.straight"]
    assert len(sheet(tmp_path / "foot", name)) == len(sheet(tmp_path / "foot", words["plan_book.sheet.change"])) > 0
    assert sheet(tmp_path / "straight", name) == []


def test_retire_on_foot_names_those_on_no_street(river, tmp_path, capsys):
    city = river(FAR)
    crowd = "P64052100009,东药房,零售药店,乙路9号,105.0950,37.5150,否,2020-01-01,\n"
    register = city.parent / "register.csv"
    register.write_text(register.read_text(encoding="utf-8").rstrip("\n") + "\n" + crowd, encoding="utf-8")
    streets = city.parent / "streets.osm.pbf"
    assert (
        run(
            "retire",
            city,
            "--service",
            "pharmacy",
            "--streets",
            streets,
            "--on-foot",
            "--out",
            tmp_path / "o",
            "--lang",
            "en",
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "Distances are walked along streets" in said
    assert "On foot, coverage goes from" in said
    assert "In a straight line the same plan takes it from" in said
    assert "P64052100009" in said


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    "command", [("add", "--number", "1", "--service", "pharmacy"), ("retire", "--service", "pharmacy")]
)
def test_on_foot_without_streets_is_refused_in_words(toy_city, tmp_path, capsys, command, lang):
    assert run(*command, toy_city, "--on-foot", "--out", tmp_path / "o", "--lang", lang) == 2
    told = capsys.readouterr().err
    assert catalogue(lang)["problems.use.streets_missing.fault"] in told
    assert "Traceback" not in told
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("on_foot", "nearest"), [(False, "N001"), (True, "N002")])
def test_nearest_on_foot_asks_who_has_to_walk_around_the_river(river, on_foot, nearest):
    """Everybody lives on the north bank: N001 lies 350 m away over the river, N002 900 m along the bank."""
    city = river(FAR)
    ready = ready_of(city, streets=str(city.parent / "streets.osm.pbf"))
    cells = ready.city.population.cells
    cells["residents"] = np.where(cells.geometry.contains(Point(105.041, 37.517)), 5000.0, 0.0)
    two = point_candidates(np.array([RIVERSIDE[0], 105.031]), np.array([RIVERSIDE[1], 37.517]), prefix="N")
    field = lay_out(ready, service="pharmacy", candidates=two, on_foot=on_foot)
    plan = plan_additions(field, number=1, question="nearest", minimums=False)
    assert plan.sites["id"].tolist() == [nearest]
    assert plan.choice.bound <= plan.choice.objective * (1 + 1e-6)

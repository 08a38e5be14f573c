"""Rounds: who looks like whom, whom they newly reach straight and on foot, and the same verdicts as for one site."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from riverbank import FAR, INLAND, RIVERSIDE, ready_of, riverbanks
from shapely.geometry import Point
from told import told

from circle15.cli.app import main
from circle15.errors import UsageError
from circle15.siting.doubles import find_alike
from circle15.siting.rounds import run_round
from circle15.siting.served import Served
from circle15.siting.standing import Standing
from circle15.words import catalogue


def batch(*rows):
    """Applications (id, name, lon, lat)."""
    table = pd.DataFrame([r[:2] for r in rows], columns=["id", "name"])
    given = gpd.GeoDataFrame(table, geometry=[Point(*r[2:4]) for r in rows], crs="EPSG:4326")
    return given.assign(service="pharmacy", tags="", position_accuracy_m=1.0)


WEST, SOUTH = (105.0100, 37.5100), (105.0400, 37.5060)


class TestDoubles:
    def test_the_same_name_at_the_same_place_is_held_and_told(self, toy_city):
        asked = batch(("A1", "新 药房", *WEST), ("A2", "新药房", *WEST), ("A3", "另一家", *SOUTH))
        found = run_round(ready_of(toy_city), asked, by="first")
        told = found.decisions.set_index("id")
        assert told["decision"].to_dict() == {"A1": "admitted", "A2": "held", "A3": "admitted"}
        assert told.loc["A2", "alike"] == "A1"
        assert [a.kind for a in found.alike["A2"]] == ["both"]

    def test_one_of_the_two_alone_is_told_and_decides_nothing(self, toy_city):
        near = (WEST[0] + 0.00004, WEST[1])  # 3.5 m
        asked = batch(
            ("A1", "一", *WEST),
            ("A2", "二", *near),
            ("A3", "一", *SOUTH),
            ("A4", "", *SOUTH),
            ("A5", "", 105.03, 37.51),
        )
        ready = ready_of(toy_city)
        kinds = {k: [(a.kind, a.other) for a in v] for k, v in find_alike(ready, asked).items()}
        assert kinds == {
            "A1": [("place", "A2"), ("name", "A3")],
            "A2": [("place", "A1")],
            "A3": [("place", "A4"), ("name", "A1")],
            "A4": [("place", "A3")],
            "A5": [],  # no name is no name in common
        }
        assert run_round(ready, asked, by="first").decisions.set_index("id").loc["A2", "decision"] == "admitted"

    def test_who_is_in_the_register_already_is_found_but_not_whom_an_application_replaces(self, toy_city):
        ready = ready_of(toy_city)
        own = ready.city.institutions[ready.city.institutions["service"] == "pharmacy"].iloc[0]
        asked = batch(("A1", own["name"], own.geometry.x, own.geometry.y))
        assert [(a.kind, a.other) for a in find_alike(ready, asked)["A1"]] == [("both", own["id"])]
        assert find_alike(ready, asked.assign(replaces=own["id"]))["A1"] == ()
        other = asked.assign(service="outpatient")
        assert find_alike(ready, other)["A1"] == ()


@pytest.fixture
def river(toy_city):
    riverbanks(toy_city.parent / "streets.osm.pbf", bridge=FAR)
    return ready_of(toy_city, streets=str(toy_city.parent / "streets.osm.pbf"))


class TestGains:
    @pytest.mark.parametrize(("on_foot", "first"), [(False, "A1"), (True, "A2")])
    def test_most_newly_reached_goes_first_straight_and_on_foot(self, river, on_foot, first):
        asked = batch(("A1", "河边", *RIVERSIDE), ("A2", "内陆", *INLAND))
        found = run_round(river, asked, by="coverage", on_foot=on_foot).decisions
        assert found["id"].tolist()[0] == first
        gains = found.set_index("id")["residents_gained"]
        assert gains[first] == gains.max() > 0
        # they overlap: the second newly reaches fewer than it would have alone
        alone = run_round(river, asked.iloc[[["A1", "A2"].index(found["id"].iloc[1])]], on_foot=on_foot).decisions
        assert found["residents_gained"].iloc[1] < alone["residents_gained"].iloc[0]
        again = run_round(river, asked, by="coverage", on_foot=on_foot, order=["A1", "A2"]).decisions
        assert again["id"].tolist() == ["A1", "A2"]

    def test_a_relocation_gains_what_it_reaches_less_what_it_leaves(self, toy_city):
        ready = ready_of(toy_city)
        own = ready.city.institutions[ready.city.institutions["service"] == "pharmacy"].iloc[0]
        stays = batch(("M1", "原地", own.geometry.x, own.geometry.y)).assign(replaces=own["id"])
        assert run_round(ready, stays).decisions["residents_gained"].tolist() == [0.0]
        served = Served(ready, batch(("M1", "别处", *WEST)), on_foot=False)
        assert served.gain("M1", own["id"]) < served.gain("M1")  # who was reached by it alone is lost

    def test_without_streets_nobody_walks(self, toy_city):
        with pytest.raises(UsageError, check=told("use.streets_missing")):
            run_round(ready_of(toy_city), batch(("A1", "一", *WEST)), on_foot=True)


class TestStanding:
    def test_verdicts_are_those_of_one_proposed_site_with_its_doubts_and_ways(self, river):
        """Positions known to 40 m near a border and near a circle's edge, streets at hand."""
        edge = batch(("A1", "一", 105.0499, 37.5100), ("A2", "二", *RIVERSIDE), ("A3", "三", 105.0700, 37.5100))
        edge = edge.assign(position_accuracy_m=40.0)
        standing = Standing(river, river.measure(edge))
        for one in edge.itertuples():
            mine = standing.judge(one.id)
            other = river.judge(
                lon=one.geometry.x, lat=one.geometry.y, datum="wgs84", service="pharmacy", position_accuracy_m=40.0
            )
            assert mine.conclusion is other.conclusion
            assert [(f.rule_id, f.outcome, f.observed, f.limit, f.evidence.notes) for f in mine.findings] == [
                (f.rule_id, f.outcome, f.observed, f.limit, f.evidence.notes) for f in other.findings
            ]

    def test_the_index_keeps_in_step_with_whoever_comes_and_goes(self, toy_city):
        ready = ready_of(toy_city)
        rng = np.random.default_rng(15)
        rows = [(f"A{n}", f"{n}", *rng.uniform((105.0, 37.5), (105.1, 37.53))) for n in range(12)]
        asked = batch(*rows)
        standing = Standing(ready, ready.measure(asked))
        here = set(standing.ids)
        everyone = sorted(here | set(asked["id"]))
        for name in rng.choice(everyone, 60):
            (standing.remove if name in here else standing.admit)(name)
            here ^= {name}
            assert set(standing.ids) == here
        kept = pd.concat([ready.city.institutions, asked], ignore_index=True)
        kept = gpd.GeoDataFrame(kept[kept["id"].isin(here)].reset_index(drop=True), crs="EPSG:4326")
        city = ready.city.__class__(**{**ready.city.__dict__, "institutions": kept})
        anew = ready.__class__(ready.plan, city, as_of=ready.as_of)
        verdict, other = standing.judge("A0"), None
        x, y = rows[0][2:]
        if "A0" not in here:
            other = anew.judge(lon=x, lat=y, datum="wgs84", service="pharmacy", position_accuracy_m=1.0)
            assert [(f.rule_id, f.observed) for f in verdict.findings] == [
                (f.rule_id, f.observed) for f in other.findings
            ]
        totals = standing._totals.set_index("place_id")["n_pharmacy"]
        assert totals.to_dict() == anew.totals.set_index("place_id")["n_pharmacy"].to_dict()


class TestCommand:
    def run(self, *arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        return ended.value.code

    def table(self, folder):
        path = folder / "applications.csv"
        rows = [("同一家", *WEST), ("同一家", *WEST), ("另一家", *SOUTH)]
        lines = "".join(f"{n},零售药店,{x},{y},wgs84\n" for n, x, y in rows)
        path.write_text("名称,服务类型,经度,纬度,坐标系\n" + lines, encoding="utf-8")
        return path

    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_what_was_not_told_and_who_looks_alike_is_said(self, toy_city, tmp_path, capsys, lang):
        words = catalogue(lang)
        asked = ("round", toy_city, "--sites", self.table(tmp_path), "--by", "first", "--lang", lang)
        assert self.run(*asked, "--out", tmp_path / "o") == 0
        said = capsys.readouterr().out
        assert words["siting.without.arrival"] in said
        assert words["siting.without.score"] not in said  # first come asks for none
        assert words["siting.alike.both"].split("{others}")[1] in said
        assert words["siting.round_walked"].split("{")[0] not in said

    def test_on_foot_is_said_and_recorded(self, toy_city, tmp_path, capsys):
        riverbanks(toy_city.parent / "streets.osm.pbf", bridge=FAR)
        asked = ("round", toy_city, "--streets", toy_city.parent / "streets.osm.pbf", "--on-foot", "--by", "coverage")
        assert self.run(*asked, "--sites", self.table(tmp_path), "--out", tmp_path / "o") == 0
        said = capsys.readouterr().out
        assert catalogue("zh")["siting.round_walked"].format(radius=800) in said
        assert '"on_foot": true' in next((tmp_path / "o").glob("*run.json")).read_text(encoding="utf-8")

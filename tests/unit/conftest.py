"""A small world drawn by hand for any plan: 1 city, 2 districts, townships, a register, and one proposed site."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from benchmarks.make_nation import make
from circle15.judge.inputs import Inputs
from circle15.judge.verdict import judge_site
from circle15.schema import Outcome
from circle15.words import words_under

TOY_PLAN = """\
schema = 1
city = "手绘市"
[document]
title = "手绘市规划"
issuer = "手绘市医疗保障局"
status = "in_force"
text = "plan.txt"
[circle]
radius_m = {radius_m}
force = "must"
clause = "一"
quote = "服务圈"
"""
NEAR = ["site_id", "id", "name", "distance_m", "position_accuracy_m", "service", "tags", "level"]


@pytest.fixture(scope="session")
def nation(tmp_path_factory):
    """A simulated nation of fifty thousand cells in four tiles."""
    return make(tmp_path_factory.mktemp("nation"), size="tiny")


@pytest.fixture
def toy_plan(tmp_path):
    """Write a plan for the hand-drawn city: cards and the text that they quote; returns its path."""

    def write(cards, *, text, radius_m):
        path = tmp_path / "plan.toml"
        path.write_text(TOY_PLAN.format(radius_m=radius_m) + cards, encoding="utf-8")
        (tmp_path / "plan.txt").write_text(text, encoding="utf-8")
        return path

    return write


def assert_worded(verdict):
    """Every id that a verdict shows has a sentence, and every finding cites."""
    worded = {
        k: set(words_under(f"judge.{k}", "zh")) for k in ("note", "effect", "ground", "unit", "collision", "conclusion")
    }
    assert verdict.conclusion.value in worded["conclusion"]
    assert {c.kind for c in verdict.collisions} <= worded["collision"]
    for f in verdict.findings:
        assert set(f.evidence.notes) <= worded["note"], f.rule_id
        assert f.effect in worded["effect"] | {""}, f.rule_id
        assert f.ground in worded["ground"]
        assert f.unit in worded["unit"] | {""}
        assert f.clause
        assert f.quote
        assert f.outcome is not Outcome.NO_DATA or f.evidence.notes, f.rule_id


class Case:
    """Hand in what a case needs; everything else is plain."""

    def __init__(self, plan, *, districts=("甲区", "乙县"), residents=100_000.0, area_km2=100.0):
        self.plan = plan
        self.places = [("K", "市", "city", "", "", "", 2 * residents, 2 * area_km2)]
        self.places += [(f"D{i}", n, "district", "K", "", "", residents, area_km2) for i, n in enumerate(districts)]
        self.places += [
            (f"T{i}", f"镇{i}", "township", f"D{i}", "", "", residents / 10, 10.0) for i in range(len(districts))
        ]
        self.near, self.register, self.districts = [], [], districts

    def neighbour(self, distance_m, *, service="pharmacy", tags="", level="", **more):
        name = f"N{len(self.near)}"
        self.near.append({"site_id": "new", "id": name, "name": name, "distance_m": distance_m, "service": service,
                          "position_accuracy_m": more.pop("accuracy_m", 0.0), "tags": tags, "level": level} | more)  # fmt: skip
        return self

    def institution(self, *, service="pharmacy", district=0, tags="", level="", beds=math.nan, number=1, **more):
        for _ in range(number):
            name = more.get("id", f"R{len(self.register)}")
            self.register.append({"id": name, "name": name, "service": service, "tags": tags, "level": level, "beds": beds,
                                  "stations": math.nan, "physicians": math.nan, "city_id": "K", "district_id": f"D{district}",
                                  "township_id": f"T{district}", "community_id": f"C{district}"} | more)  # fmt: skip
        return self

    def set(self, place, **values):
        columns = ["place_id", "name", "level", "parent", "settings", "class", "residents", "area_km2"]
        self.places = [
            tuple(values.get(c, v) for c, v in zip(columns, row, strict=True)) if row[0] == place else row
            for row in self.places
        ]
        return self

    def totals(self):
        columns = ["place_id", "name", "level", "parent", "settings", "class", "residents", "area_km2"]
        table = pd.DataFrame(self.places, columns=columns)
        held = pd.DataFrame(self.register, columns=["service", "tags", "beds", "city_id", "district_id", "township_id"])
        table["land_km2"] = table["area_km2"]
        for service in ("inpatient", "outpatient", "pharmacy", "ltc_home", "ltc_facility"):
            mine = held[held["service"] == service]
            at = [
                mine[f"{lv}_id"].eq(i).sum() if f"{lv}_id" in mine else 0
                for i, lv in zip(table["place_id"], table["level"], strict=True)
            ]
            table[f"n_{service}"] = at
        table["n_dual_channel"] = 0
        beds = held[held["service"] == "inpatient"]
        table["beds_inpatient"] = [
            float(beds.loc[beds[f"{lv}_id"].eq(i), "beds"].sum()) if f"{lv}_id" in beds else 0.0
            for i, lv in zip(table["place_id"], table["level"], strict=True)
        ]
        return table

    def judge(
        self,
        *,
        service="pharmacy",
        district=0,
        density=4000.0,
        indicators=None,
        events=None,
        as_of=None,
        register=True,
        site=None,
        elsewhere=(),
        **attributes,
    ):
        row = {
            "id": "new", "name": "", "service": service, "tags": attributes.pop("tags", ""), "beds": attributes.pop("beds", math.nan),
            "level": attributes.pop("level", ""), "position_accuracy_m": 0.0, "others_within": 0, "residents_within": 5000.0,
            "township_id": f"T{district}", "township_name": f"镇{district}", "district_id": f"D{district}",
            "district_name": self.districts[district], "city_id": "K", "city_name": "市", "community_id": f"C{district}",
            "density_place_per_km2": density, "density_circle_per_km2": density, "density_cell_per_km2": density,
        } | (site or {})  # fmt: skip
        columns = [
            "id",
            "name",
            "service",
            "tags",
            "level",
            "beds",
            "stations",
            "physicians",
            "city_id",
            "district_id",
            "township_id",
            "community_id",
        ]
        more = sorted({k for r in self.register for k in r} - set(columns))
        near = pd.DataFrame(self.near, columns=[*NEAR, *sorted({k for r in self.near for k in r} - set(NEAR))])
        own = near[near["service"] == service]
        theirs = pd.DataFrame([row | {"id": i} for i in own["id"]], columns=list(row))
        inputs = Inputs(
            pd.DataFrame(self.register, columns=[*columns, *more]) if register else None,
            None
            if indicators is None
            else pd.DataFrame(indicators, columns=["subject", "indicator", "period", "value"]),
            None if events is None else pd.DataFrame(events),
            as_of,
            attributes,
        )
        around = pd.DataFrame([row | other for other in elsewhere], columns=[*row, "moved_m"])
        verdict = judge_site(
            self.plan, site=row, neighbours=near, neighbour_measures=theirs, totals=self.totals(), inputs=inputs,
            elsewhere=around,
        )  # fmt: skip
        assert_worded(verdict)
        return verdict


@pytest.fixture
def case():
    return Case


@pytest.fixture
def pick():
    def one(verdict, rule_id, bound=None):
        found = [f for f in verdict.findings if f.rule_id == rule_id and bound in {None, f.bound}]
        assert len(found) == 1, [f.rule_id for f in verdict.findings]
        return found[0]

    return one


# 甲街道 (dense: at most 3 in a circle) has 6 within 600 m, 乙乡 (small: at most 1) has 3, 丙乡 none.
CROWD = """\
医保编码,机构名称,机构类型,地址,经度,纬度,是否双通道,定点起始日期,定点终止日期
P64050200001,甲一药房,零售药店,甲街1号,105.0200,37.5150,是,2020-01-01,
P64050200002,甲二药房,零售药店,甲街2号,105.0215,37.5150,否,2020-01-01,
P64050200003,甲三药房,零售药店,甲街3号,105.0200,37.5165,否,2020-01-01,
P64050200004,甲四药房,零售药店,甲街4号,105.0230,37.5160,否,2020-01-01,
P64050200005,甲五药房,零售药店,甲街5号,105.0180,37.5150,否,2020-01-01,
P64050200006,甲六药房,零售药店,甲街6号,105.0190,37.5130,否,2020-01-01,
P64052100001,乙药房,零售药店,乙路1号,105.0800,37.5150,否,2020-01-01,
P64052100002,乙二药房,零售药店,乙路2号,105.0820,37.5150,否,2020-01-01,
P64052100003,乙三药房,零售药店,乙路3号,105.0700,37.5150,否,2020-01-01,
H64050200001,甲诊所,门诊,甲街9号,105.0210,37.5160,否,2020-01-01,
"""


@pytest.fixture
def crowded_city(toy_city):
    """The hand-drawn city with more pharmacies than its plan allows; its city.toml."""
    (toy_city.parent / "register.csv").write_text(CROWD, encoding="utf-8")
    return toy_city

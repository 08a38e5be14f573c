"""Denominators of a table reach the rules that name them: per city, with their note, never over given indicators."""

from __future__ import annotations

import pandas as pd
import pytest

from circle15.cli import app
from circle15.judge.city import judge_city
from circle15.judge.inputs import places, scope_of
from circle15.judge.series import bare_series
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city
from circle15.schema import Outcome

CARDS = """\
[[indicator]]
id = "insured"
title = "参保总人数"
unit = "people"
[[rule]]
kind = "area_limit"
id = "rate"
title = "按常住参保人口控制"
services = ["pharmacy"]
per = "city"
max_rate = 3.7
rate_per = 10000
rate_base = "insured_residents"
force = "must"
clause = "一"
quote = "每万常住参保人口不超过3.7家"
"""
TABLE = "区划代码,名称,常住参保人口,参保人数\n640500,中卫市,20000,18000\n640502,沙坡头区,9000,8000\n"


@pytest.fixture
def table(tmp_path, toy_plan):
    toy_plan(CARDS, text="服务圈。每万常住参保人口不超过3.7家。", radius_m=800)
    path = tmp_path / "分母.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def found(table, city, indicators=None):
    ready = Prepared(load_plan(table.parent / "plan.toml"), city, indicators=indicators)
    near = pd.DataFrame(columns=["site_id", "id", "name", "distance_m"])
    every = judge_city(ready.plan, sites=ready.own_measures, neighbours=near, totals=ready.totals, inputs=ready.inputs)
    return {(f.rule_id, f.bound): f for f in every}


def test_a_rate_divides_by_the_column_that_its_plan_names(lasting_toy_city, table):
    bare, _ = read_city(load_city(lasting_toy_city))
    assert found(table, bare)["rate", "max"].outcome is Outcome.NO_DATA
    city, _ = read_city(load_city(lasting_toy_city, denominators=table))
    one = found(table, city)["rate", "max"]
    assert one.observed == pytest.approx(4 * 10_000 / 20_000)  # four pharmacies, 3.7 per 10,000 insured residents
    assert (one.limit, one.outcome) == (3.7, Outcome.MET)
    assert "denominator_table" in one.evidence.notes
    assert one.evidence.figures["insured_residents"] == 20_000
    assert ("denominators", "分母.csv") in {(s.role, s.file) for s in city.sources}


def test_given_indicators_stand(lasting_toy_city, table):
    city, _ = read_city(load_city(lasting_toy_city, denominators=table))
    told = {"place_id": ["中卫市"], "indicator": ["insured_residents"], "period": [""], "value": [10_000.0]}
    one = found(table, city, pd.DataFrame(told))["rate", "max"]
    assert one.observed == 4.0
    assert "denominator_table" not in one.evidence.notes


@pytest.mark.parametrize("heading", ["参保人数", "参保总人数", "参保人口", "insured"])
def test_a_column_goes_by_the_title_of_an_indicator_or_by_its_usual_word(lasting_toy_city, table, heading):
    table.write_text(TABLE.replace(",参保人数", f",{heading}"), encoding="utf-8")
    city, _ = read_city(load_city(lasting_toy_city, denominators=table))
    ready = Prepared(load_plan(table.parent / "plan.toml"), city)
    place = next(iter(places(ready.totals, "city", ready.plan)))
    scope = scope_of(ready.plan, place, ready.totals, ready.inputs, services=("outpatient",), level="")
    assert bare_series(ready.plan, ready.inputs).value("insured", scope) == 18_000


def test_the_command_line_names_where_two_tables_disagree(capsys, toy_city, table, tmp_path):
    monitored = tmp_path / "指标.csv"
    monitored.write_text("区划代码,指标,期间,数值\n640500,insured_residents,,10000\n", encoding="utf-8")
    text = toy_city.read_text(encoding="utf-8") + f'\n[denominators]\nfile = "{table.name}"\n'
    toy_city.write_text(text, encoding="utf-8")
    options = ["--plan", str(tmp_path / "plan.toml"), "--indicators", str(monitored), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        app.main(["assess", str(toy_city), *options])
    assert not ended.value.code
    said = capsys.readouterr()
    assert "“常住参保人口”在监测指标表中为 10,000，在分母表中为 20,000" in said.err
    assert "分母.csv" in (tmp_path / "out" / "手绘市_assess_run.json").read_text(encoding="utf-8")

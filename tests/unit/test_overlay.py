"""What a bureau fills in beside a plan: set, recorded, never written into the plan; wrong overlays refused in words."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pandas as pd
import pytest

from circle15.errors import PlanError
from circle15.policy.plan import load_plan, mark_places
from circle15.schema import Conclusion, Outcome
from circle15.words import LANGS, word_error

HEAD = 'schema = 1\nplan = "zhongwei"\n'


@pytest.fixture
def overlay(tmp_path):
    def write(words, head=HEAD):
        path = tmp_path / "bureau.toml"
        path.write_text(head + words, encoding="utf-8")
        return path

    return write


SATURATED = '[[set]]\nrule = "outpatient.circle"\nmax = 2\nsource = "局务会 2026-03"\n'


def test_a_number_filled_in_turns_review_into_an_answer(overlay, case, pick):
    plan = load_plan("zhongwei", overlay=overlay(SATURATED))
    drawn = (
        case(plan, districts=("沙坡头区", "中宁县"))
        .neighbour(1.0, service="outpatient")
        .neighbour(2.0, service="outpatient")
    )
    assert pick(drawn.judge(service="outpatient"), "outpatient.circle").outcome is Outcome.BREACHED
    drawn.plan = load_plan("zhongwei")
    assert pick(drawn.judge(service="outpatient"), "outpatient.circle").outcome is Outcome.REVIEW


def test_the_shipped_plan_stays_as_it_is_and_the_change_is_recorded(overlay):
    shipped = files("circle15.plans").joinpath("zhongwei.toml").read_bytes()
    path = overlay(SATURATED)
    plan = load_plan("zhongwei", overlay=path)
    assert files("circle15.plans").joinpath("zhongwei.toml").read_bytes() == shipped
    assert plan.version == hashlib.sha256(shipped).hexdigest()
    told = plan.summary()["overlay"]
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    (change,) = told["changes"]
    assert change == {
        "card": "outpatient.circle",
        "field": "max",
        "before": "",
        "after": "2",
        "source": "局务会 2026-03",
    }
    assert "overlay" not in load_plan("zhongwei").summary()


def test_marks_reach_the_table_of_places(overlay):
    plan = load_plan(
        "zhongwei",
        overlay=overlay(
            '[[mark]]\nplace = "文昌镇"\nsettings = ["saturated_subdistrict"]\nplace_class = "township_small"\n'
        ),
    )
    places = pd.DataFrame(
        {"id": ["1", "2"], "name": ["文昌镇", "滨河镇"], "settings": ["town_centre", ""], "class": ["", ""]}
    )
    before = places.copy()
    marked = mark_places(plan, places)
    assert marked["settings"].tolist() == ["saturated_subdistrict;town_centre", ""]
    assert marked["class"].tolist() == ["township_small", ""]
    pd.testing.assert_frame_equal(places, before)
    with pytest.raises(PlanError) as caught:
        mark_places(plan, places.iloc[1:])
    assert caught.value.problems[0].id == "plan.unknown_place"


def test_the_deciding_density_and_bounds_of_a_class(overlay):
    plan = load_plan(
        "zhongwei", overlay=overlay('[density]\nunit = "circle"\n[[set]]\nplace_class = "dense"\nmin = 3500\n')
    )
    assert (plan.density.unit, plan.density_classes[0].min) == ("circle", 3500)
    assert [c.card for c in plan.overlay.changes] == ["density", "dense"]


@pytest.mark.parametrize(
    ("words", "fault", "column"),
    [
        ('[[set]]\nrule = "outpatient.circel"\nmax = 2\n', "unknown_id", "set outpatient.circel rule"),
        ("[[set]]\nmax = 2\n", "unknown_id", "set #1 rule"),
        ('[[set]]\nrule = "outpatient.circle"\nquote = "别的话"\n', "overlay_protected", "set outpatient.circle quote"),
        ('[[set]]\nrule = "outpatient.circle"\nid = "x"\n', "overlay_protected", "set outpatient.circle id"),
        ('[[set]]\nrule = "outpatient.circle"\nmax = "两家"\n', "not_number", "rule outpatient.circle max"),
        ('[[set]]\nrule = "outpatient.circle"\nmaxx = 2\n', "unknown_key", "rule outpatient.circle maxx"),
        ('[[mark]]\nplace = "文昌镇"\nsettings = ["full"]\n', "not_one_of", "mark 文昌镇 settings.1"),
        ('[density]\nunit = "street"\n', "not_one_of", "density unit"),
        ("[rules]\n", "unknown_section", "rules"),
        ("[set]\n", "not_list", "set"),
    ],
)
def test_wrong_overlays_are_refused(overlay, words, fault, column):
    with pytest.raises(PlanError) as caught:
        load_plan("zhongwei", overlay=overlay(words))
    found = {(p.id.removeprefix("plan."), p.column) for p in caught.value.problems}
    if fault == "not_number":
        found = {(i.replace("not_whole_number", "not_number"), c) for i, c in found}
    assert (fault, column) in found
    assert all(word_error(caught.value, lang) for lang in LANGS)


def test_an_overlay_for_another_plan_or_schema_is_refused(overlay):
    for head, fault in (
        ('schema = 1\nplan = "wuhu"\n', "overlay_elsewhere"),
        ('schema = 2\nplan = "zhongwei"\n', "wrong_schema"),
    ):
        with pytest.raises(PlanError) as caught:
            load_plan("zhongwei", overlay=overlay("", head))
        assert [p.id for p in caught.value.problems] == [f"plan.{fault}"]


def test_an_overlay_that_is_not_there():
    with pytest.raises(PlanError) as caught:
        load_plan("zhongwei", overlay="/no/such.toml")
    assert caught.value.problems[0].id == "plan.unreadable"


def test_conclusions_are_listed_worst_first():
    assert [c.value for c in Conclusion] == [
        "refuse", "refuse_in_principle", "review", "case_by_case", "admit", "priority", "admit_all",
    ]  # fmt: skip

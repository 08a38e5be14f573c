"""The shipped plan: every quotation proved, every number as printed, every reference resolved."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from pydantic import ValidationError

from circle15.errors import PlanError
from circle15.policy.areas import check_places
from circle15.policy.plan import load_plan, shipped_plans
from circle15.policy.rules import KINDS, AreaLimit, CircleLimit
from circle15.schema import Force
from circle15.words import LANGS, catalogue, words_under


@pytest.fixture(scope="module")
def plan():
    return load_plan("zhongwei")


def test_zhongwei_is_shipped():
    assert "zhongwei" in shipped_plans()


def test_every_quotation_stands_verbatim_in_the_text(plan):
    text = "".join(files("circle15.plans").joinpath(plan.document.text).read_text(encoding="utf-8").split())
    cited = [plan.circle, *plan.place_classes, *plan.facts, *plan.rules]
    assert len(cited) > 50
    for card in cited:
        assert "".join(card.quote.split()) in text, card.quote


def test_every_number_of_a_computed_rule_stands_in_its_quotation(plan):
    for rule in plan.rules:
        if isinstance(rule, CircleLimit) and rule.max is not None and rule.counts_site:
            assert str(rule.max) in rule.quote
        if isinstance(rule, AreaLimit):
            printed = re.findall(r"\d+(?:\.\d+)?", rule.quote)
            wanted = [rule.max, *(rule.max_by_area or {}).values(), *(rule.max_by_class or {}).values()]
            for number in (n for n in wanted if n is not None):
                assert f"{number:g}" in printed, rule.id


def test_pharmacy_rules_as_printed(plan):
    assert plan.circle.radius_m == 800
    assert plan.density.unit == "place"
    dense, town = plan.rule("pharmacy.circle.dense"), plan.rule("pharmacy.circle.town")
    assert (dense.max, dense.counts_site, dense.force) == (3, True, Force.MUST)
    assert (town.max, town.counts_site, town.force) == (2, True, Force.MUST)
    assert plan.density_classes[0].min == 3000
    assert plan.density_classes[1].settings == ("subdistrict", "town_centre")
    assert plan.rule("pharmacy.city").max == 360
    assert sum(plan.rule("pharmacy.district").max_by_area.values()) == 360
    assert plan.rule("pharmacy.dual_channel.city").max == sum(
        plan.rule("pharmacy.dual_channel.district").max_by_area.values()
    )
    assert sum(plan.rule("outpatient.district").max_by_area.values()) == plan.rule("outpatient.city").max == 218
    assert (
        sum(plan.rule("inpatient.beds.district").max_by_area.values()) == plan.rule("inpatient.beds.city").max == 5130
    )
    assert list(plan.rule("pharmacy.township.max").max_by_class.values()) == [3, 2, 1]


def test_what_the_plan_leaves_open_stays_open(plan):
    for rule_id in ("inpatient.circle", "outpatient.circle", "outpatient.circle.saturated"):
        assert plan.rule(rule_id).max is None
        assert plan.rule(rule_id).note


def test_in_principle_is_not_must(plan):
    for rule in plan.rules:
        if "原则上" in rule.quote:
            assert rule.force is Force.PRINCIPLE, rule.id


def test_version_is_the_hash_of_the_file(plan):
    content = files("circle15.plans").joinpath("zhongwei.toml").read_bytes()
    assert plan.version == hashlib.sha256(content).hexdigest()
    assert plan.summary()["version"] == plan.version


def test_a_plan_cannot_be_changed(plan):
    with pytest.raises(ValidationError):
        plan.circle.radius_m = 900


def test_a_class_is_named_in_the_words_of_the_plan(plan):
    assert plan.class_title("dense") == "人口密集区域"
    assert plan.class_title("unheard_of") == "unheard_of"


def test_plan_of_ones_own_by_path(tmp_path):
    for name in ("zhongwei.toml", "zhongwei.txt"):
        (tmp_path / name).write_bytes(files("circle15.plans").joinpath(name).read_bytes())
    own = (tmp_path / "zhongwei.toml").rename(tmp_path / "own.toml")
    assert load_plan(own).id == "own"
    assert load_plan(str(own)).rules == load_plan("zhongwei").rules


def test_bom_and_windows_line_ends_are_read(tmp_path):
    here = files("circle15.plans")
    (tmp_path / "zhongwei.txt").write_bytes(b"\xef\xbb\xbf" + here.joinpath("zhongwei.txt").read_bytes())
    source = here.joinpath("zhongwei.toml").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "w.toml").write_bytes(b"\xef\xbb\xbf" + source)
    assert load_plan(tmp_path / "w.toml").rules == load_plan("zhongwei").rules


def test_districts_of_the_city_are_known(plan):
    names = ["沙坡头区", "中宁县", "海原县"]
    places = pd.DataFrame({"id": ["1", "2", "3"], "name": names, "level": "district"})
    check_places(plan, places)
    with pytest.raises(PlanError) as caught:
        check_places(plan, places[places["name"] != "海原县"])
    assert {p.id for p in caught.value.problems} == {"plan.unknown_area"}
    assert {p.value for p in caught.value.problems} == {"海原县"}
    assert len(caught.value.problems) == 4  # beds, outpatient, pharmacies, dual channel


def test_an_unknown_district_is_told_with_the_nearest_spellings_of_thousands(plan):
    names = ["沙坡头区", "中宁县", "海源县", *(f"{n}区" for n in range(2_850))]
    with pytest.raises(PlanError) as caught:
        check_places(
            plan, pd.DataFrame({"id": [str(k) for k in range(len(names))], "name": names, "level": "district"})
        )
    assert [(p.params["near"], p.params["count"]) for p in caught.value.problems] == [("海源县", len(names))] * 4


def test_a_plan_of_another_city_is_one_fault_that_names_the_remedy(plan):
    places = pd.DataFrame({"id": ["1", "2"], "name": ["福田区", "罗湖区"], "level": "district"})
    with pytest.raises(PlanError) as caught:
        check_places(plan, places)
    (told,) = str(caught.value).splitlines()
    assert "沙坡头区" in told
    assert "福田区" in told
    assert "plan_shapes.md" in told


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_has_a_word(lang):
    assert set(words_under("plan.kind", lang)) == set(KINDS)


@pytest.mark.parametrize("lang", LANGS)
def test_every_fault_a_plan_can_have_is_worded(lang):
    source = (
        Path(files("circle15.policy").joinpath("plan.py")).read_text()
        + Path(files("circle15.policy").joinpath("areas.py")).read_text()
        + Path(files("circle15.policy").joinpath("faults.py")).read_text()
        + Path(files("circle15.policy").joinpath("overlay.py")).read_text()
    )
    used = set(re.findall(r'\.problem\(\s*"(\w+)"', source)) | set(re.findall(r'"plan\.(\w+)"', source))
    used |= set(
        re.findall(
            r'": "(\w+)",\n', source[source.index("_SHAPES") : source.index("@dataclass(frozen=True)\nclass Spot")]
        )
    )
    worded = {k.split(".")[2] for k in catalogue(lang) if k.startswith("problems.plan.")}
    assert used - {"place"} <= worded
    assert {f"problems.plan.{k}.remedy" for k in worded} <= set(catalogue(lang))

"""Position error judged: what would come out otherwise on the other side of a border is for a check on site."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circle15.judge.position import NOTES
from circle15.policy.plan import load_plan
from circle15.schema import Conclusion, Outcome
from circle15.words import LANGS, words_under
from circle15.write.summary import note_words

PLAN = load_plan("zhongwei")
SIXTH = load_plan(Path(__file__).parents[1] / "data" / "sixth_plan" / "sixth.toml")
REFUSALS = {Conclusion.REFUSE, Conclusion.REFUSE_IN_PRINCIPLE}


def town(district, moved_m=6.0, **more):
    """The same site in the township of the other district."""
    return {
        "township_id": f"T{district}", "township_name": f"镇{district}", "district_id": f"D{district}",
        "district_name": ("沙坡头区", "中宁县")[district], "moved_m": moved_m,
    } | more  # fmt: skip


@pytest.fixture
def zhongwei(case):
    return (
        case(PLAN, districts=("沙坡头区", "中宁县")).set("T0", settings="subdistrict").set("T1", settings="subdistrict")
    )


def thin(density, moved_m=4.0):
    return {f"density_{u}_per_km2": density for u in ("place", "circle", "cell")} | {"moved_m": moved_m}


def test_without_other_ground_nothing_changes(zhongwei):
    assert zhongwei.judge(elsewhere=[]) == zhongwei.judge()


#  人口密集 (≥ 3000): 3 in the circle; other streets: 2. Two neighbours and the site make 3.
def test_a_density_threshold_within_the_error_is_checked_on_site(zhongwei, pick):
    drawn = zhongwei.neighbour(100.0).neighbour(200.0)
    assert drawn.judge(density=3000.0).conclusion is Conclusion.ADMIT
    assert drawn.judge(density=2990.0).conclusion is Conclusion.REFUSE
    given = drawn.judge(density=3000.0, elsewhere=[thin(2990.0)])
    assert given.conclusion is Conclusion.REVIEW
    assert pick(given, "pharmacy.circle.dense").outcome is Outcome.MET
    there = pick(given, "pharmacy.circle.town")
    assert (there.outcome, there.observed, there.limit) == (Outcome.REVIEW, None, None)
    figures = there.evidence.figures
    assert (figures["border_m"], figures["density_per_km2"], figures["beyond_density_per_km2"]) == (4.0, 3000.0, 2990.0)
    assert (figures["beyond_observed"], figures["beyond_limit"]) == (3.0, 2.0)
    assert there.evidence.notes == ("position_class", "beyond_breached", "position_check")
    assert "pharmacy.circle.town" in given.decided_by


def test_the_same_threshold_from_the_other_side(zhongwei, pick):
    given = zhongwei.neighbour(100.0).neighbour(200.0).judge(density=2990.0, elsewhere=[thin(3000.0)])
    assert given.conclusion is Conclusion.REVIEW
    here = pick(given, "pharmacy.circle.town")
    assert (here.outcome, here.observed, here.limit) == (Outcome.REVIEW, 3.0, 2.0)
    assert "beyond_none" in here.evidence.notes


def test_a_border_within_the_error_counts_against_the_full_side(zhongwei, pick):
    drawn = zhongwei.institution(district=1, number=113)  # 中宁县: all 113 pharmacies
    cap = next(r for r in PLAN.rules if r.id == "pharmacy.district").max_by_area["中宁县"]
    assert cap == 113
    assert drawn.judge(elsewhere=[town(0)]).conclusion is Conclusion.ADMIT
    given = drawn.judge(elsewhere=[town(1)])
    district = pick(given, "pharmacy.district")
    assert (given.conclusion, district.outcome, district.ground_name) == (Conclusion.REVIEW, Outcome.REVIEW, "沙坡头区")
    assert district.evidence.notes[-3:] == ("position_place", "beyond_breached", "position_check")
    assert district.evidence.figures["beyond"] == "中宁县 镇1"
    words = " ".join(note_words(district, lang="zh"))
    assert "中宁县 镇1" in words
    assert "6 米" in words
    assert "待现场核查" in words
    assert "check on site" in " ".join(note_words(district, lang="en"))


def test_a_refusal_on_both_sides_stays_a_refusal(zhongwei, pick):
    # three neighbours make four: too many in dense and in other streets alike
    drawn = zhongwei.neighbour(1.0).neighbour(2.0).neighbour(3.0)
    given = drawn.judge(density=3000.0, elsewhere=[thin(2990.0)])
    assert given.conclusion is Conclusion.REFUSE
    dense = pick(given, "pharmacy.circle.dense")
    assert (dense.outcome, "beyond_none" in dense.evidence.notes) == (Outcome.BREACHED, True)
    assert "position_check" not in dense.evidence.notes
    assert "beyond_breached" in pick(given, "pharmacy.circle.town").evidence.notes


def test_what_is_refused_anyway_stays_refused(zhongwei, pick):
    drawn = zhongwei.neighbour(1.0).neighbour(2.0).institution(district=0, number=360)
    given = drawn.judge(density=3000.0, elsewhere=[thin(2990.0)])
    assert given.conclusion is Conclusion.REFUSE
    assert pick(given, "pharmacy.circle.town").outcome is Outcome.REVIEW


def test_the_edge_of_the_city(zhongwei, pick):
    nowhere = {f"{k}_{w}": "" for k in ("township", "district", "city") for w in ("id", "name")}
    given = zhongwei.judge(elsewhere=[nowhere | {"moved_m": 9.87654}])
    found = pick(given, "pharmacy.district")
    assert (given.conclusion, found.outcome) == (Conclusion.REVIEW, Outcome.REVIEW)
    assert found.evidence.figures["border_m"] == 9.88
    assert {"position_outside", "beyond_no_data"} <= set(found.evidence.notes)


def test_an_exemption_that_holds_on_one_side_only(zhongwei, pick):
    drawn = zhongwei.set("T1", settings="resettlement").institution(district=0, number=360)
    given = drawn.judge(approvals="assessment", elsewhere=[town(1)])
    assert pick(given, "exempt.uncovered").outcome is Outcome.REVIEW
    assert given.conclusion is Conclusion.REVIEW


def test_spacing_by_zone_near_the_border_of_zones(case, pick):
    drawn = case(SIXTH).set("T0", residents=20_000.0).set("T1", residents=20_000.0).neighbour(450.0, walking_m=900.0)
    other = town(1) | {"district_name": "乙县"}
    assert pick(drawn.judge(), "p.spacing.core").outcome is Outcome.MET
    given = drawn.judge(elsewhere=[other])
    assert pick(given, "p.spacing.core").outcome is Outcome.MET
    outer = pick(given, "p.spacing.outer")
    assert (outer.ground, outer.outcome, outer.evidence.figures["beyond_limit"]) == ("circle", Outcome.REVIEW, 0.0)


def test_the_nearest_of_several_is_told(zhongwei, pick):
    drawn = zhongwei.neighbour(100.0).neighbour(200.0)
    given = drawn.judge(density=3000.0, elsewhere=[thin(2980.0, 9.0), thin(2990.0, 5.0), thin(3010.0, 1.0)])
    assert pick(given, "pharmacy.circle.town").evidence.figures["border_m"] == 5.0


def test_every_note_is_worded_in_both_languages():
    for lang in LANGS:
        assert set(NOTES) | {"position_check", "beyond_none", "beyond_met"} <= set(words_under("judge.note", lang))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    near=st.integers(0, 4), held=st.integers(0, 3), density=st.sampled_from([100.0, 2990.0, 3000.0]),
    other=st.sampled_from([100.0, 2990.0, 3000.0]), border=st.booleans(), marks=st.sampled_from(["", "subdistrict", "resettlement"]),
)  # fmt: skip
def test_no_silent_answer(case, near, held, density, other, border, marks):  # noqa: PLR0917 - one column each
    def drawn():
        world = case(PLAN, districts=("沙坡头区", "中宁县")).set("T0", settings="subdistrict").set("T1", settings=marks)
        for k in range(near):
            world.neighbour(100.0 + k)
        return world.institution(district=1, number=111 + held)

    there = thin(other) | (town(1) if border else {})
    here_only = drawn().judge(density=density).conclusion
    there_only = drawn().judge(density=other, district=int(border)).conclusion
    both = drawn().judge(density=density, elsewhere=[there])
    if here_only is there_only:
        assert both.conclusion is here_only
    elif {here_only, there_only} <= REFUSALS:
        assert both.conclusion in REFUSALS | {Conclusion.REVIEW}
    else:
        assert both.conclusion is Conclusion.REVIEW
        assert any("position_check" in f.evidence.notes for f in both.findings)

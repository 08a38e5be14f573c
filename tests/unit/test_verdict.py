"""Verdicts on proposed sites and on a city as it stands: small cities drawn by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pandas as pd
import pytest

import circle15.judge
from circle15.judge.city import judge_city
from circle15.judge.lattice import conclude
from circle15.judge.verdict import judge_site
from circle15.policy.plan import load_plan
from circle15.schema import CHECKLIST, Conclusion, Evidence, Finding, Force, Outcome
from circle15.words import LANGS, words_under

PLAN = load_plan("zhongwei")
NAN = math.nan
COLUMNS = ["site_id", "id", "name", "distance_m", "position_accuracy_m"]

# 中卫市 ── 沙坡头区 ── 街道 (S: subdistrict) · 城关镇 (C: town centre) · 乡镇 (V: township)


def totals(*, city=300, district=100, street=5, centre=3, township=0, township_class="township_medium", **more):
    rows = [
        ("6405", "中卫市", "city", "", "", "", city),
        ("640502", "沙坡头区", "district", "6405", "", "", district),
        ("S", "某街道", "township", "640502", "subdistrict", "", street),
        ("C", "某城关镇", "township", "640502", "town_centre", "", centre),
        ("V", "某乡", "township", "640502", "", township_class, township),
    ]
    table = pd.DataFrame(rows, columns=["place_id", "name", "level", "parent", "settings", "class", "n_pharmacy"])
    fixed = {"residents": 10_000.0, "n_outpatient": 0, "n_inpatient": 0, "n_dual_channel": 0, "beds_inpatient": 0.0}
    return table.assign(**(fixed | more))


def proposed(township="S", density=4000.0, **values):
    known = township != ""
    return {
        "id": "new", "name": "", "service": "pharmacy", "tags": "", "beds": NAN, "position_accuracy_m": 10.0,
        "others_within": 0, "township_id": township, "township_name": township,
        "district_id": "640502" if known else "", "district_name": "沙坡头区" if known else "",
        "city_id": "6405" if known else "", "city_name": "中卫市" if known else "",
        "density_place_per_km2": density, "density_circle_per_km2": density, "density_cell_per_km2": density,
    } | values  # fmt: skip


def neighbours(*distances_m, site="new"):
    rows = [(site, f"P{i}", f"药店{i}", d, 10.0) for i, d in enumerate(distances_m)]
    return pd.DataFrame(rows, columns=COLUMNS)


def measures(*others_within, density=4000.0, township="S"):
    rows = [proposed(township, density, id=f"P{i}", others_within=n) for i, n in enumerate(others_within)]
    return pd.DataFrame(rows, columns=list(proposed()))


def verdict(site=None, near=(), theirs=(), **table):
    return judge_site(
        PLAN,
        site=site or proposed(),
        neighbours=neighbours(*near),
        neighbour_measures=measures(*(theirs or [0] * len(near))),
        totals=totals(**table),
    )


def finding(found, rule_id):
    (one,) = [f for f in found if f.rule_id == rule_id]
    return one


def test_a_site_that_meets_everything_is_admitted():
    given = verdict(near=(100.0, 200.0))
    assert given.conclusion is Conclusion.ADMIT
    circle = finding(given.findings, "pharmacy.circle.dense")
    assert (circle.outcome, circle.observed, circle.limit) == (Outcome.MET, 3, 3)
    assert [n.id for n in circle.evidence.neighbours] == ["P0", "P1"]


def test_one_too_many_in_the_circle_refuses():
    given = verdict(near=(100.0, 200.0, 300.0))
    assert given.conclusion is Conclusion.REFUSE
    assert finding(given.findings, "pharmacy.circle.dense").observed == 4


def test_density_of_exactly_3000_is_dense():
    assert verdict(proposed(density=3000.0), near=(1.0, 2.0)).conclusion is Conclusion.ADMIT
    assert verdict(proposed(density=2999.99), near=(1.0, 2.0)).conclusion is Conclusion.REFUSE


def test_no_test_stops_at_the_first_fault():
    given = verdict(near=(1.0, 2.0, 3.0), city=517, district=200)
    bad = [f.rule_id for f in given.findings if f.outcome is Outcome.BREACHED]
    assert bad == ["pharmacy.city", "pharmacy.district", "pharmacy.circle.dense"]


def test_findings_stand_in_the_order_city_district_circle_township_checklist():
    given = verdict(proposed("C", 100.0))
    order = ["city", "district", "circle", "township", CHECKLIST]
    places = [order.index(f.ground) for f in given.findings]
    assert places == sorted(places)
    assert set(places) == set(range(5))


def test_every_rule_for_the_service_is_accounted_for():
    shown = {f.rule_id for f in verdict(proposed("C", 100.0)).findings}
    rules = {r.id for r in PLAN.rules if "pharmacy" in r.services}
    # density below 3000 and a county town: neither the dense circle nor the count of other townships holds
    assert rules - shown == {"pharmacy.circle.dense", "pharmacy.township.max"}


def test_checklist_cards_cite_and_do_not_decide():
    given = verdict()
    cards = [f for f in given.findings if f.ground == CHECKLIST]
    assert cards
    assert all(f.outcome is Outcome.REVIEW and f.quote and f.clause for f in cards)
    assert given.conclusion is Conclusion.ADMIT


def test_borderline_that_decides_sends_to_the_spot():
    for distance_m in (795.0, 805.0):
        given = verdict(near=(1.0, 2.0, distance_m))
        circle = finding(given.findings, "pharmacy.circle.dense")
        assert (given.conclusion, circle.outcome) == (Conclusion.REVIEW, Outcome.REVIEW)
        assert [n.distance_m for n in circle.evidence.borderline] == [distance_m]


def test_neighbours_pushed_above_their_cap_are_marked():
    # P0 has 2 others: 3 with itself, 4 with the site; P1 has 1: 3 with the site; P2 is full but beyond the radius
    given = verdict(near=(100.0, 200.0, 815.0), theirs=(2, 1, 5))
    circle = finding(given.findings, "pharmacy.circle.dense")
    assert {n.id: n.would_exceed for n in circle.evidence.neighbours} == {"P0": True, "P1": False}
    assert not any(n.would_exceed for n in circle.evidence.borderline)
    assert "neighbours_exceed" in circle.evidence.notes


def test_a_neighbour_in_open_country_has_no_cap_to_exceed():
    given = judge_site(
        PLAN,
        site=proposed(),
        neighbours=neighbours(100.0),
        neighbour_measures=measures(50, density=10.0, township="V"),
        totals=totals(),
    )
    assert not finding(given.findings, "pharmacy.circle.dense").evidence.neighbours[0].would_exceed


def test_densities_that_disagree_are_told():
    given = verdict(proposed(density_circle_per_km2=1000.0))
    circle = finding(given.findings, "pharmacy.circle.dense")
    assert "density_disagrees" in circle.evidence.notes
    assert circle.evidence.figures["density_class_circle"] == "town_sparse"
    assert "density_disagrees" not in finding(verdict().findings, "pharmacy.circle.dense").evidence.notes


def test_missing_density_never_passes():
    given = verdict(proposed(density_place_per_km2=NAN))
    for rule_id in ("pharmacy.circle.dense", "pharmacy.circle.town"):
        assert finding(given.findings, rule_id).outcome is Outcome.NO_DATA
    assert given.conclusion is Conclusion.REVIEW


def test_a_density_missing_that_does_not_decide_is_no_fault():
    assert verdict(proposed(density_cell_per_km2=NAN)).conclusion is Conclusion.ADMIT


def test_a_site_in_no_place_is_no_data_everywhere():
    given = verdict(proposed(""))
    got = {f.outcome for f in given.findings if f.ground != CHECKLIST}
    assert got == {Outcome.NO_DATA}
    assert given.conclusion is Conclusion.REVIEW


def test_township_counts_instead_of_the_circle():
    given = verdict(proposed("V", 50.0), near=(1.0, 2.0, 3.0, 4.0), township=1)
    assert not [f for f in given.findings if f.ground == "circle"]
    assert finding(given.findings, "pharmacy.township.max").observed == 2
    assert given.conclusion is Conclusion.ADMIT


def test_a_dense_spot_in_a_township_falls_under_both():
    given = verdict(proposed("V", 3000.0), near=(1.0, 2.0, 3.0))
    assert finding(given.findings, "pharmacy.circle.dense").outcome is Outcome.BREACHED
    assert finding(given.findings, "pharmacy.township.max").outcome is Outcome.MET


def test_subdistricts_have_no_township_rules():
    assert not [f for f in verdict(proposed("S")).findings if f.ground == "township"]


def test_township_full_refuses_and_class_missing_is_reviewed():
    assert verdict(proposed("V", 50.0), township=2).conclusion is Conclusion.REFUSE
    assert verdict(proposed("V", 50.0), township_class="").conclusion is Conclusion.REVIEW


def test_an_empty_township_is_told_beside_an_exhausted_city():
    given = verdict(proposed("V", 50.0), city=517, township=0)
    assert "fills_empty_township" in finding(given.findings, "pharmacy.township.min").evidence.notes
    assert finding(given.findings, "pharmacy.city").outcome is Outcome.BREACHED
    assert given.conclusion is Conclusion.CASE_BY_CASE
    (both,) = given.collisions
    assert given.decided_by == ("pharmacy.township.min", "pharmacy.city")
    assert (both.kind, both.rules) == ("minimum_against_cap", ("pharmacy.township.min", "pharmacy.city"))
    assert [c[:1] for c in both.clauses] == ["三", "三"]
    assert verdict(proposed("V", 50.0), city=517, township=1).conclusion is Conclusion.REFUSE


def test_a_subdistrict_marked_saturated_asks_for_review():
    table = totals()
    table.loc[table["place_id"] == "S", "settings"] = "saturated_subdistrict;subdistrict"
    given = judge_site(PLAN, site=proposed(), neighbours=neighbours(), neighbour_measures=measures(), totals=table)
    card = finding(given.findings, "pharmacy.replace")
    assert (card.ground, card.outcome, given.conclusion) == ("township", Outcome.NO_DATA, Conclusion.REVIEW)
    assert card.evidence.notes == ("ledger_missing", "place_marked")


def test_outpatient_circle_without_a_printed_number_is_reviewed():
    given = verdict(proposed(service="outpatient"), near=(10.0,))
    assert given.conclusion is Conclusion.REVIEW
    circle = finding(given.findings, "outpatient.circle")
    assert (circle.ground, circle.limit, circle.observed) == ("circle", None, 2)


def test_dual_channel_application_uses_a_dual_channel_place():
    full = {"n_dual_channel": 7}
    assert verdict(proposed(tags="dual_channel"), **full).conclusion is Conclusion.REFUSE
    assert verdict(**full).conclusion is Conclusion.ADMIT


def test_other_sites_rows_in_the_neighbour_table_do_not_count():
    table = pd.concat([neighbours(1.0), neighbours(1.0, 2.0, 3.0, site="other")])
    given = judge_site(PLAN, site=proposed(), neighbours=table, neighbour_measures=measures(0, 0, 0), totals=totals())
    assert finding(given.findings, "pharmacy.circle.dense").observed == 2


def test_no_city_outline_districts_stand_for_it():
    table = totals(district=359)
    given = judge_site(
        PLAN,
        site=proposed(city_id=""),
        neighbours=neighbours(),
        neighbour_measures=measures(),
        totals=table[table["level"] != "city"],
    )
    city = finding(given.findings, "pharmacy.city")
    assert (city.outcome, city.observed) == (Outcome.MET, 360)


def one(outcome, force, *, ground="circle", bound="max", **more):
    return Finding(
        "r", "t", outcome, force, "c", "q", "s", ground, "g", 1.0, 1.0, "institutions", bound, Evidence(), **more
    )


@pytest.mark.parametrize(
    ("findings", "conclusion"),
    [
        ([], Conclusion.ADMIT),
        ([one(Outcome.MET, Force.MUST)], Conclusion.ADMIT),
        ([one(Outcome.BREACHED, Force.MUST), one(Outcome.REVIEW, Force.MUST)], Conclusion.REFUSE),
        ([one(Outcome.BREACHED, Force.PRINCIPLE), one(Outcome.NO_DATA, Force.MUST)], Conclusion.REFUSE_IN_PRINCIPLE),
        ([one(Outcome.BREACHED, Force.PRINCIPLE), one(Outcome.BREACHED, Force.MUST)], Conclusion.REFUSE),
        ([one(Outcome.BREACHED, Force.REFERENCE)], Conclusion.ADMIT),
        ([one(Outcome.NO_DATA, Force.REFERENCE)], Conclusion.ADMIT),
        ([one(Outcome.NO_DATA, Force.PRINCIPLE)], Conclusion.REVIEW),
        ([one(Outcome.REVIEW, Force.MUST, ground=CHECKLIST)], Conclusion.REVIEW),  # nothing was decided
        ([one(Outcome.REVIEW, Force.MUST, ground=CHECKLIST), one(Outcome.MET, Force.MUST)], Conclusion.ADMIT),
        ([one(Outcome.BREACHED, Force.MUST, bound="min")], Conclusion.ADMIT),
        ([one(Outcome.REVIEW, Force.MUST, effect="case_by_case")], Conclusion.CASE_BY_CASE),
        ([one(Outcome.BREACHED, Force.MUST, effect="collision")], Conclusion.CASE_BY_CASE),
        ([one(Outcome.REVIEW, Force.MUST, effect="case_by_case"), one(Outcome.NO_DATA, Force.MUST)], Conclusion.REVIEW),
        ([one(Outcome.BREACHED, Force.MUST, effect="target")], Conclusion.ADMIT),
        ([one(Outcome.REVIEW, Force.MUST, effect="warn")], Conclusion.ADMIT),
        ([one(Outcome.BREACHED, Force.MUST, lifted_by=("x",))], Conclusion.ADMIT),
        ([one(Outcome.MET, Force.MUST, effect="priority")], Conclusion.PRIORITY),
        ([one(Outcome.MET, Force.MUST, effect="admit_all")], Conclusion.ADMIT_ALL),
        (
            [one(Outcome.MET, Force.MUST, effect="admit_all"), one(Outcome.BREACHED, Force.PRINCIPLE)],
            Conclusion.REFUSE_IN_PRINCIPLE,
        ),
    ],
)
def test_the_worst_wins(findings, conclusion):
    assert conclude(findings) is conclusion
    assert conclude(reversed(findings)) is conclusion


# ── the city as it stands ─────────────────────────────────────


def city(*, near, **table):
    rows = [proposed("S", 4000.0, id="P0"), proposed("S", 100.0, id="P1"), proposed("V", 100.0, id="P2")]
    return judge_city(PLAN, sites=pd.DataFrame(rows), neighbours=near, totals=totals(**table))


def test_city_judges_every_circle_township_district_and_the_city():
    near = pd.concat([neighbours(10.0, 20.0, 30.0, site="P0"), neighbours(10.0, 900.0, site="P1")])
    found = city(near=near, city=517)
    circles = {f.subject: f for f in found if f.ground == "circle"}
    assert set(circles) == {"P0", "P1"}
    assert (circles["P0"].observed, circles["P0"].outcome) == (4, Outcome.BREACHED)
    assert (circles["P1"].observed, circles["P1"].outcome) == (2, Outcome.MET)
    assert finding(found, "pharmacy.city").outcome is Outcome.BREACHED
    empty = {f.subject: f.outcome for f in found if f.rule_id == "pharmacy.township.min"}
    assert empty == {"C": Outcome.MET, "V": Outcome.BREACHED}
    assert {f.subject for f in found if f.rule_id == "pharmacy.township.max"} == {"V"}


def test_city_shows_every_card_of_the_services_it_has_once():
    found = city(near=neighbours())
    cards = [f.rule_id for f in found if f.ground == CHECKLIST]
    assert len(cards) == len(set(cards))
    assert {f.rule_id for f in found} >= {r.id for r in PLAN.rules if "pharmacy" in r.services}


def test_city_without_places_says_so():
    rows = pd.DataFrame([proposed("", id="P0")])
    found = judge_city(PLAN, sites=rows, neighbours=neighbours(), totals=totals().iloc[:0])
    assert {f.outcome for f in found} == {Outcome.NO_DATA, Outcome.REVIEW}
    assert finding(found, "pharmacy.city").outcome is Outcome.NO_DATA


def test_a_city_without_institutions_has_no_findings():
    assert judge_city(PLAN, sites=pd.DataFrame([proposed()]).iloc[:0], neighbours=neighbours(), totals=totals()) == ()


def test_tables_are_not_changed():
    table, near, theirs = totals(), neighbours(1.0), measures(0)
    copies = [t.copy() for t in (table, near, theirs)]
    judge_site(PLAN, site=proposed(), neighbours=near, neighbour_measures=theirs, totals=table)
    for now, before in zip((table, near, theirs), copies, strict=True):
        pd.testing.assert_frame_equal(now, before)


@pytest.mark.parametrize("lang", LANGS)
def test_every_word_a_finding_can_use_is_there(lang):
    room = Path(circle15.judge.__file__).parent
    source = "".join(f.read_text() for f in room.glob("*.py"))
    notes = words_under("judge.note", lang)
    made = ("needs_", "stand_", "beyond_", "level_", "goal_by_", "goal_mode_")
    unused = [n for n in notes if f'"{n}"' not in source and not n.startswith(made)]
    assert unused == []
    told = set(re.findall(r'notes=\("(\w+)",\)|"(\w+)"\)', source))
    assert "place_unknown" in {t for pair in told for t in pair}
    assert set(words_under("judge.outcome", lang)) == {o.value for o in Outcome}
    assert set(words_under("judge.conclusion", lang)) == {c.value for c in Conclusion}
    assert set(words_under("judge.force", lang)) == {f.value for f in Force}
    for given in (verdict(), verdict(proposed("V", 3000.0)), verdict(proposed(service="inpatient"))):
        for f in given.findings:
            assert f.ground in words_under("judge.ground", lang)
            assert f.unit == "" or f.unit in words_under("judge.unit", lang)
            assert set(f.evidence.notes) <= set(notes)

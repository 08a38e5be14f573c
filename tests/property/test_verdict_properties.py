"""What must hold of every verdict, whatever the city: order, monotony, and a slow twin of the circle test."""

from __future__ import annotations

import math

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from circle15.judge.city import judge_city
from circle15.judge.limits import circle_caps
from circle15.judge.verdict import judge_site
from circle15.policy.plan import load_plan
from circle15.schema import CHECKLIST, Conclusion, Neighbour, Outcome
from circle15.words import words_under

PLAN = load_plan("zhongwei")
ORDER = list(reversed(Conclusion))  # worst first in the enumeration
NOTES = set(words_under("judge.note", "zh"))
RADIUS_M = 800.0
SETTINGS = {"S": "subdistrict", "C": "town_centre", "V": "", "R": "remote_township", "": ""}

distances = st.lists(st.floats(0, 850, allow_nan=False), max_size=6)
densities = st.one_of(st.floats(0, 8000), st.sampled_from([3000.0, 2999.999, math.nan]))
townships = st.sampled_from(list(SETTINGS))


@st.composite
def sites(draw):
    township = draw(townships)
    known = township != ""
    return {
        "id": "new", "name": "n", "service": draw(st.sampled_from(["pharmacy", "outpatient", "inpatient"])),
        "tags": draw(st.sampled_from(["", "dual_channel", "village_clinic"])), "beds": draw(st.sampled_from([math.nan, 40.0])),
        "position_accuracy_m": draw(st.sampled_from([0.0, 10.0, 40.0])), "others_within": draw(st.integers(0, 6)),
        "township_id": township, "township_name": township, "township_settings": SETTINGS[township],
        "district_id": "D" if known else "", "district_name": "沙坡头区" if known else "",
        "city_id": "K" if known else "", "city_name": "中卫市" if known else "",
        "density_place_per_km2": draw(densities), "density_circle_per_km2": draw(densities),
        "density_cell_per_km2": draw(densities),
    }  # fmt: skip


@st.composite
def totals(draw):
    classes = st.sampled_from(["", "township_large", "township_medium", "township_small"])
    rows = [
        ("K", "中卫市", "city", "", "", draw(st.integers(350, 370))),
        ("D", "沙坡头区", "district", "", "", draw(st.integers(130, 140))),
    ]
    rows += [(t, t, "township", s, draw(classes), draw(st.integers(0, 4))) for t, s in SETTINGS.items() if t]
    table = pd.DataFrame(rows, columns=["place_id", "name", "level", "settings", "class", "n_pharmacy"])
    return table.assign(
        parent="", residents=1e6, n_outpatient=draw(st.integers(60, 230)), n_inpatient=1, n_dual_channel=draw(st.integers(0, 8)),
        beds_inpatient=draw(st.sampled_from([100.0, 1890.0, 6000.0, math.nan])),
    )  # fmt: skip


def near(found, site="new"):
    rows = [(site, f"P{i}", "x", d, 10.0) for i, d in enumerate(found)]
    return pd.DataFrame(rows, columns=["site_id", "id", "name", "distance_m", "position_accuracy_m"])


def judge(site, found, table):
    theirs = pd.DataFrame([site | {"id": f"P{i}"} for i in range(len(found))], columns=list(site))
    return judge_site(PLAN, site=site, neighbours=near(found), neighbour_measures=theirs, totals=table)


@given(sites(), distances, st.floats(0, 850), totals())
@settings(max_examples=60)
def test_another_neighbour_never_improves_a_conclusion(site, found, more, table):
    before, after = judge(site, found, table), judge(site, [*found, more], table)
    assert ORDER.index(after.conclusion) >= ORDER.index(before.conclusion)


@given(sites(), distances, totals(), st.sampled_from(["K", "D", "S", "C", "V", "R"]), st.integers(1, 5))
@settings(max_examples=60)
def test_a_fuller_place_never_improves_a_conclusion(site, found, table, place, more):
    fuller = table.copy()
    fuller.loc[fuller["place_id"] == place, ["n_pharmacy", "n_outpatient", "n_dual_channel", "beds_inpatient"]] += more
    assert ORDER.index(judge(site, found, fuller).conclusion) >= ORDER.index(judge(site, found, table).conclusion)


@given(sites(), distances, totals(), st.randoms())
@settings(max_examples=40)
def test_the_order_of_rows_does_not_matter(site, found, table, random):
    base = judge(site, found, table)
    order = list(range(len(found)))
    random.shuffle(order)
    theirs = pd.DataFrame([site | {"id": f"P{i}"} for i in order], columns=list(site))
    mixed = judge_site(
        PLAN,
        site=site,
        neighbours=near(found).iloc[order],
        neighbour_measures=theirs,
        totals=table.iloc[::-1],
    )
    assert mixed.findings == base.findings or _same(mixed.findings, base.findings)
    assert mixed.conclusion is base.conclusion


def _same(a, b):
    """Equal as shown: NaN figures equal each other."""
    return repr(a) == repr(b)


@given(sites(), distances, totals())
@settings(max_examples=40)
def test_every_finding_cites_its_rule_and_has_words(site, found, table):
    given_verdict = judge(site, found, table)
    for one in given_verdict.findings:
        rule = PLAN.rule(one.rule_id)
        assert (one.clause, one.quote, one.force, one.title) == (rule.clause, rule.quote, rule.force, rule.title)
        assert set(one.evidence.notes) <= NOTES
        assert site["service"] in rule.services
        if one.outcome is Outcome.NO_DATA:
            assert one.evidence.notes
    assert len({(f.rule_id, f.ground, f.bound) for f in given_verdict.findings}) == len(given_verdict.findings)


@given(sites(), distances, totals())
@settings(max_examples=40)
def test_every_rule_is_shown_or_does_not_hold_there(site, found, table):
    shown = {f.rule_id for f in judge(site, found, table).findings}
    conditional = {r.id for r in PLAN.rules if r.where.place_class or r.where.settings or r.where.not_settings}
    assert {r.id for r in PLAN.rules if site["service"] in r.services} - shown <= conditional
    assert all(f.ground != CHECKLIST or f.outcome is Outcome.REVIEW for f in judge(site, found, table).findings)


# ── slow twin ─────────────────────────────────────────────────


def slow_circle(site, others):
    """The pharmacies' circle rules of Zhongwei written out for one site: (limit, count, outcome) or None."""
    if site["service"] != "pharmacy":
        return None
    density = site["density_place_per_km2"]
    if site["township_id"] == "" or math.isnan(density):
        return (None, None, Outcome.NO_DATA)
    if density >= 3000:
        limit = 3
    elif site["township_settings"] in {"subdistrict", "town_centre"}:
        limit = 2
    else:
        return None
    counted = 1 + sum(1 for n in others if n.distance_m <= RADIUS_M)
    edge = [n for n in others if abs(n.distance_m - RADIUS_M) <= n.position_accuracy_m + site["position_accuracy_m"]]
    low = 1 + sum(1 for n in others if n.distance_m <= RADIUS_M and n not in edge)
    high = low + len(edge)
    if (low <= limit) != (high <= limit):
        return (limit, counted, Outcome.REVIEW)
    return (limit, counted, Outcome.MET if counted <= limit else Outcome.BREACHED)


@given(st.lists(st.tuples(sites(), distances), min_size=1, max_size=6), totals())
@settings(max_examples=60)
def test_the_table_is_judged_as_one_by_one(drawn, table):
    rows = [s | {"id": f"I{i}"} for i, (s, _) in enumerate(drawn)]
    pairs = pd.concat([near(d, f"I{i}") for i, (_, d) in enumerate(drawn)])
    found = judge_city(PLAN, sites=pd.DataFrame(rows), neighbours=pairs, totals=table)
    circles = {(f.subject, f.rule_id): f for f in found if f.ground == "circle"}
    caps = circle_caps(PLAN, pd.DataFrame(rows)).assign(id=[r["id"] for r in rows]).set_index("id")
    for row, (_, near_m) in zip(rows, drawn, strict=True):
        want = slow_circle(row, [Neighbour("", "", d, 10.0) for d in near_m])
        mine = [f for (subject, _), f in circles.items() if subject == row["id"]]
        if want is None:
            assert mine == []
        elif want[2] is Outcome.NO_DATA:
            assert {f.outcome for f in mine} == {Outcome.NO_DATA}
        else:
            assert [(f.limit, f.observed, f.outcome) for f in mine] == [want]
            assert caps.loc[row["id"], "circle_limit"] == want[0]
            assert caps.loc[row["id"], "over_cap"] == (row["others_within"] + 1 > want[0])

"""Plans of cities that do not exist, as different as plans are, written as data alone: every clause by hand."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pandas as pd
import pytest

from circle15.errors import PlanError
from circle15.policy.areas import check_places
from circle15.policy.plan import load_plan
from circle15.schema import Conclusion, Outcome
from circle15.words import LANGS, word_error

FOLDER = Path(__file__).parents[1] / "data" / "invented"
HARBOUR = load_plan(FOLDER / "harbour.toml")
HILL = load_plan(FOLDER / "hill.toml")
DAY = dt.date(2026, 3, 10)
MET, BREACHED = Outcome.MET, Outcome.BREACHED

# ── 滨海市 ────────────────────────────────────────────────────


@pytest.fixture
def harbour(case):
    return lambda: case(HARBOUR, districts=("海东区", "海西区"))


@pytest.mark.parametrize(
    ("grade", "distance_m", "rule", "outcome"),
    [("first", 499.9, "r.first", BREACHED), ("first", 501.0, "r.first", MET), ("second", 799.9, "r.second", BREACHED),
     ("second", 801.0, "r.second", MET), ("third", 1499.9, "r.third", BREACHED), ("third", 1501.0, "r.third", MET)],
)  # fmt: skip
def test_radius_by_a_class_that_the_bureau_fills_in(harbour, pick, grade, distance_m, rule, outcome):  # noqa: PLR0917 - one column each
    given = harbour().set("T0", **{"class": grade}).neighbour(distance_m).judge(as_of=DAY)
    assert pick(given, rule).outcome is outcome
    others = {"r.first", "r.second", "r.third"} - {rule}
    assert {f.ground for f in given.findings if f.rule_id in others} == {"checklist"}


def test_a_class_not_filled_in_is_never_a_pass(harbour, pick):
    found = pick(harbour().judge(as_of=DAY), "r.first")
    assert (found.outcome, "attribute_missing" in found.evidence.notes) == (Outcome.NO_DATA, True)


@pytest.mark.parametrize(
    ("residents", "others", "limit", "outcome"), [(4000.0, 0, 1, MET), (5001.0, 1, 2, MET), (10_000.0, 2, 2, BREACHED)]
)
def test_institutions_by_residents_of_the_circle(harbour, pick, residents, others, limit, outcome):  # noqa: PLR0917 - one column each
    drawn = harbour()
    for k in range(others):
        drawn.neighbour(10.0 + k)
    found = pick(drawn.judge(as_of=DAY, site={"residents_within": residents}), "r.people")
    assert (found.limit, found.outcome) == (limit, outcome)
    unknown = pick(drawn.judge(as_of=DAY, site={"residents_within": math.nan}), "r.people")
    assert unknown.outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("residents", "area_km2", "limit"), [(10_000.0, 10.0, 3), (8_000.0, 100.0, 5), (5_999.0, 10.0, 1)]
)
def test_whichever_is_greater(harbour, pick, residents, area_km2, limit):
    drawn = harbour().set("T0", residents=residents, area_km2=area_km2)
    assert pick(drawn.judge(as_of=DAY), "r.quota").limit == limit


def test_a_chain_in_one_street(harbour, pick):
    drawn = (
        harbour()
        .institution(chain="康宁", number=2)
        .institution(chain="康宁", district=1)
        .institution(chain="百姓", number=3)
    )
    found = pick(drawn.judge(as_of=DAY, chain="康宁"), "r.chain")
    assert (found.observed, found.outcome) == (3, BREACHED)
    assert pick(drawn.judge(as_of=DAY, chain="新人"), "r.chain").observed == 1
    assert pick(drawn.judge(as_of=DAY), "r.chain").ground == "checklist"


def test_new_ones_of_the_calendar_year(harbour, pick):
    entry = {"event": "entry", "service": "pharmacy", "place_id": "D0"}
    events = [entry | {"date": dt.date(2025, 12, 31)}] + [entry | {"date": dt.date(2026, 1, d)} for d in range(1, 6)]
    found = pick(harbour().judge(as_of=DAY, events=events), "r.year")
    assert (found.observed, found.outcome) == (6, BREACHED)
    assert pick(harbour().judge(as_of=dt.date(2025, 12, 31), events=events), "r.year").observed == 2


@pytest.mark.parametrize(
    ("day", "spring", "night"),
    [("2026-03-01", MET, BREACHED), ("2026-04-01", BREACHED, BREACHED), ("2026-12-16", BREACHED, MET),
     ("2027-01-15", BREACHED, MET), ("2027-01-16", BREACHED, BREACHED)],
)  # fmt: skip
def test_windows_of_every_year_and_over_new_year(harbour, pick, day, spring, night):
    given = harbour().judge(as_of=dt.date.fromisoformat(day), tags="night")
    assert (pick(given, "r.window").outcome, pick(given, "r.night").outcome) == (spring, night)


def test_marks_of_the_plan_s_own(harbour, pick):
    drawn = harbour().set("T0", **{"settings": "scenic", "class": "first"}).neighbour(100.0)
    given = drawn.institution(district=0, community_id="C0").judge(as_of=DAY, events=[])
    assert pick(given, "r.first").lifted_by == ("x.scenic",)
    assert given.counted
    assert not drawn.set("T0", settings="harbour").judge(as_of=DAY).counted


@pytest.mark.parametrize(("distance_m", "effect"), [(299.9, "priority"), (301.0, "")])
def test_near_a_hospital_goes_first(harbour, pick, distance_m, effect):
    drawn = (
        harbour()
        .neighbour(distance_m, service="inpatient", level="tertiary")
        .neighbour(9.0, service="inpatient", level="primary")
    )
    assert pick(drawn.judge(as_of=DAY), "p.hospital").effect == effect


def test_a_community_without_any_is_exempt(harbour, pick):
    drawn = harbour().set("T0", **{"class": "first"}).neighbour(100.0)
    drawn.places.append(("C0", "社区", "community", "T0", "", "", 1000.0, 1.0))
    given = drawn.judge(as_of=DAY)
    assert pick(given, "r.first").lifted_by == ("x.empty",)
    held = drawn.institution(district=0).judge(as_of=DAY)
    assert pick(held, "r.first").lifted_by == ()
    assert pick(held, "x.empty").ground == "checklist"


def test_a_group_of_townships(harbour, pick):
    drawn = harbour().institution(number=3).institution(district=1, number=3)
    found = pick(drawn.judge(as_of=DAY), "r.old_town")
    assert (found.observed, found.limit, found.ground_name) == (7, 6, "老城片区")


def test_a_flag_among_those_with_another(harbour, pick):
    drawn = (
        harbour()
        .institution(tags="outpatient_pooled;night")
        .institution(tags="outpatient_pooled")
        .institution(tags="night")
    )
    assert pick(drawn.judge(as_of=DAY, tags="night;outpatient_pooled"), "r.night_pooled").outcome is BREACHED
    assert pick(drawn.judge(as_of=DAY, tags="outpatient_pooled"), "r.night_pooled").outcome is MET


@pytest.mark.parametrize(("day", "outcome"), [("2026-06-30", BREACHED), ("2026-07-01", MET)])
def test_a_ban_of_half_a_year(harbour, pick, day, outcome):
    events = [{"event": "penalty", "date": dt.date(2026, 1, 1), "legal_entity": "甲公司"}]
    given = harbour().judge(as_of=dt.date.fromisoformat(day), events=events, legal_entity="甲公司")
    assert pick(given, "r.penalty").outcome is outcome


def test_quota_moved_between_districts(harbour, pick):
    drawn = harbour().institution(number=3)
    assert pick(drawn.judge(as_of=DAY), "r.transfer").outcome is BREACHED
    moves = [{"event": k, "date": dt.date(2026, 2, 1), "service": "pharmacy", "place_id": p}
             for k, p in (("quota_in", "海东区"), ("quota_out", "海西区"))]  # fmt: skip
    east, west = (pick(drawn.judge(as_of=DAY, district=d, events=moves), "r.transfer") for d in (0, 1))
    assert (east.limit, east.outcome, west.limit) == (4, MET, 3)
    late = [m | {"date": dt.date(2026, 3, 11)} for m in moves]
    assert pick(drawn.judge(as_of=DAY, events=late), "r.transfer").limit == 3


def test_a_goal_of_coverage_refuses_nobody(harbour, pick):
    drawn = harbour()
    told = pick(drawn.judge(as_of=DAY, indicators=[("K", "coverage_share", "2026", 0.8)]), "t.coverage")
    assert (told.outcome, told.effect, told.observed) == (BREACHED, "target", 0.8)


def test_a_site_that_meets_every_clause(harbour):
    drawn = harbour().set("T0", **{"class": "second"}, residents=10_000.0, area_km2=10.0)
    attributes = {"chain": "新人", "legal_entity": "乙公司"}
    assert drawn.judge(as_of=DAY, events=[], **attributes).conclusion is Conclusion.ADMIT


# ── 山城市 ────────────────────────────────────────────────────


@pytest.fixture
def hill(case):
    return lambda: case(HILL, districts=("东县", "西县"))


@pytest.mark.parametrize(
    ("marks", "walking_m", "rule", "outcome"),
    [("", 599.0, "o.walk", BREACHED), ("", 600.0, "o.walk", MET), ("rail_station", 400.0, "o.walk.rail", MET),
     ("rail_station", 399.0, "o.walk.rail", BREACHED)],
)  # fmt: skip
def test_walking_distance_by_mark(hill, pick, marks, walking_m, rule, outcome):  # noqa: PLR0917 - one column each
    drawn = hill().set("T0", settings=marks).neighbour(300.0, service="outpatient", walking_m=walking_m)
    assert pick(drawn.judge(service="outpatient", as_of=DAY), rule).outcome is outcome


@pytest.mark.parametrize(("insured", "limit", "outcome"), [(9_999, 4, BREACHED), (10_000, 5, MET)])
def test_physicians_from_the_insured(hill, pick, insured, limit, outcome):
    drawn = hill().institution(service="outpatient", physicians=4.0)
    told = [("D0", "insured", "", insured)]
    given = drawn.judge(service="outpatient", site={"physicians": 1.0}, indicators=told, as_of=DAY)
    found = pick(given, "o.physicians")
    assert (found.limit, found.observed, found.outcome) == (limit, 5, outcome)


def test_a_share_that_must_be_reached(hill, pick):
    drawn = (
        hill()
        .institution(service="inpatient", beds=96.0)
        .institution(service="inpatient", tags="rehabilitation", beds=4.0)
    )
    short = pick(drawn.judge(service="inpatient", beds=10.0, as_of=DAY), "i.rehab")
    assert (short.outcome, short.bound, short.effect) == (BREACHED, "min", "target")
    more = pick(drawn.judge(service="inpatient", beds=10.0, tags="rehabilitation", as_of=DAY), "i.rehab")
    assert (more.outcome, more.observed) == (MET, pytest.approx(14 / 110))


@pytest.mark.parametrize(
    ("months", "paused", "swap"), [(5.9, BREACHED, BREACHED), (6.0, MET, BREACHED), (9.0, MET, MET)]
)
def test_months_that_the_fund_lasts(hill, pick, months, paused, swap):
    exits = [{"event": "exit", "date": dt.date(2026, 1, 2), "service": "inpatient", "place_id": "东县"}]
    given = hill().judge(
        service="inpatient",
        indicators=[("K", "fund_months", "", months), ("D0", "fund_months", "", months)],
        events=exits,
        as_of=DAY,
    )
    assert (pick(given, "i.suspend").outcome, pick(given, "i.swap").outcome) == (paused, swap)
    assert pick(given, "i.swap").limit == (0 if months < 9 else None)


@pytest.mark.parametrize(("others", "outcome"), [(2, MET), (3, BREACHED)])
def test_applications_of_one_person_in_a_year(hill, pick, others, outcome):
    applied = {"event": "application", "service": "outpatient", "legal_representative": "某人"}
    events = [applied | {"id": f"A{k}", "date": dt.date(2026, 1, 1 + k)} for k in range(others)]
    events.append(applied | {"id": "old", "date": dt.date(2025, 12, 31)})
    given = hill().judge(service="outpatient", events=events, as_of=DAY, legal_representative="某人")
    assert pick(given, "a.year").outcome is outcome


def test_beds_of_a_level_in_a_county_and_by_people_of_a_community(hill, pick):
    drawn = hill().institution(service="inpatient", level="tertiary", beds=290.0)
    drawn.places.append(("C0", "社区", "community", "T0", "", "", 5000.0, 1.0))
    given = drawn.judge(service="inpatient", level="tertiary", beds=11.0, as_of=DAY)
    county, community = pick(given, "i.tertiary"), pick(given, "i.community")
    assert (county.observed, county.outcome) == (301, BREACHED)
    assert (community.observed, community.outcome) == (pytest.approx(60.2), BREACHED)
    assert pick(drawn.judge(service="inpatient", level="secondary", beds=11.0, as_of=DAY), "i.tertiary").outcome is MET


def test_same_speciality_only_for_those_named(hill, pick):
    drawn = hill()
    for kind in ("eye", "eye", "dental"):
        drawn.neighbour(900.0, service="outpatient", speciality=kind, walking_m=1200.0)
    drawn.neighbour(10.0, service="outpatient", speciality="eye", tags="tcm", walking_m=1200.0)
    judge = drawn.judge
    assert pick(judge(service="outpatient", speciality="eye", as_of=DAY), "o.speciality").outcome is BREACHED
    assert pick(judge(service="outpatient", speciality="dental", as_of=DAY), "o.speciality").outcome is MET
    assert pick(judge(service="outpatient", speciality="skin", as_of=DAY), "o.speciality").ground == "checklist"
    lifted = judge(service="outpatient", speciality="eye", tags="tcm", as_of=DAY)
    assert pick(lifted, "o.speciality").lifted_by == ("x.tcm",)


def test_a_non_profit_applicant_goes_first(hill):
    told = [("K", "insured", "", 1e6), ("D0", "insured", "", 1e6)]
    good = {"months_open": 3, "legal_entity": "甲", "legal_representative": "乙", "speciality": "skin"}
    applied = [
        {
            "event": "application",
            "service": "outpatient",
            "legal_representative": "丙",
            "date": dt.date(2026, 1, 1),
            "id": "A",
        }
    ]
    given = hill().judge(
        service="outpatient",
        site={"physicians": 1.0},
        indicators=told,
        events=applied,
        as_of=DAY,
        non_profit=True,
        **good,
    )
    assert given.conclusion is Conclusion.PRIORITY


# ── plan files that are wrong in many ways at once ────────────


def test_every_fault_of_a_plan_is_named_at_once(tmp_path):
    source = (FOLDER / "harbour.toml").read_text(encoding="utf-8")
    changes = [
        ('title = "二类区域800米1家"', 'titel = "二类区域800米1家"'),  # wrong key, and the right one is missing
        ("max_rate = 1.0\nrate_per = 5000\nrounding", 'max_rate = "一"\nrate_per = 5000\nrounding'),  # wrong type
        ('quote = "每年新增定点药店全市不超过5家"', 'quote = "每年新增定点药店全市不超过6家"'),  # not in the text
        ('where = { settings = ["scenic"] }', 'where = { settings = ["scenery"] }'),  # a mark nobody knows
        ('max_indicator = "township_quota"', 'max_indicator = "quota"'),  # an indicator nobody knows
        ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_to = 2025-01-01"),  # dates reversed
        ('{ start = "12-16", end = "01-15" }', '{ start = "13-16", end = "01-15" }'),  # no day of the year
        ("round(max(residents / 4000, area_km2 / 20))", "__import__('os')"),  # no arithmetic
        ("max_by_area = { old_town = 6 }", "max_by_area = { old_town = 6 }\nmax = 6"),  # two limits
    ]  # fmt: skip
    for old, new in changes:
        assert old in source
        source = source.replace(old, new, 1)
    (tmp_path / "harbour.txt").write_text((FOLDER / "harbour.txt").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "harbour.toml").write_text(source, encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        load_plan(tmp_path / "harbour.toml")
    found = {(p.id.removeprefix("plan."), p.column) for p in caught.value.problems}
    assert found >= {
        ("unknown_key", "rule r.second titel"), ("missing_key", "rule r.second title"), ("not_number", "rule r.people max_rate"),
        ("quote_not_found", "rule r.year quote"), ("not_one_of", "rule x.scenic where.settings.1"),
        ("unknown_id", "rule r.quota max_indicator"), ("dates_reversed", "document valid_to"),
        ("bad_id", "rule r.night yearly.1.start"), ("bad_formula", "indicator township_quota formula"),
        ("two_limits", "rule r.old_town max_by_area"),
    }  # fmt: skip
    assert all(p.file == "harbour.toml" and p.row for p in caught.value.problems)
    for lang in LANGS:
        assert len(word_error(caught.value, lang).splitlines()) >= len(caught.value.problems)


def test_places_that_the_city_does_not_have_are_named_at_once(case):
    places = pd.DataFrame(
        case(HARBOUR).places, columns=["id", "name", "level", "parent", "settings", "class", "residents", "area_km2"]
    )
    with pytest.raises(PlanError) as caught:
        check_places(HARBOUR, places)
    assert {p.value for p in caught.value.problems} == {"海东区", "海西区"}

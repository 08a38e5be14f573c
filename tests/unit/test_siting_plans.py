"""Plans of sites on the hand-drawn city: exits under all caps, additions that pass, rounds that can be replayed."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from circle15.errors import UsageError
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city
from circle15.schema import Outcome
from circle15.siting.add import plan_additions
from circle15.siting.candidates import gap_candidates, lattice_candidates
from circle15.siting.cover import covered_by
from circle15.siting.field import lay_out, limits_of, point_candidates
from circle15.siting.limits import broken
from circle15.siting.recheck import recheck
from circle15.siting.retire import plan_exits
from circle15.siting.rounds import run_round
from circle15.siting.schedule import step_of
from circle15.siting.standing import Standing
from circle15.siting.summary import exit_lines
from circle15.siting.ties import scores_of


@pytest.fixture
def crowd(crowded_city):
    files = load_city(crowded_city)
    city, _ = read_city(files)
    return Prepared(load_plan("zhongwei"), city)


@pytest.fixture
def calm(toy_city):
    files = load_city(toy_city)
    city, _ = read_city(files)
    return Prepared(load_plan("zhongwei"), city)


def chosen_without(field, *ids):
    chosen = ~field.new
    chosen[field.positions(ids)] = False
    return chosen


class TestCaps:
    def test_limits_on_sites_are_those_of_the_judge(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True)
        told = {(c.rule_id, c.place_name): (c.row.low, c.row.high, len(c.row.member)) for c in field.caps.areas}
        assert told["pharmacy.city", "中卫市"] == (-np.inf, 360, 9)
        assert told["pharmacy.district", "沙坡头区"] == (-np.inf, 135, 6)
        assert told["pharmacy.township.max", "乙乡"] == (-np.inf, 1, 3)
        assert told["pharmacy.township.min", "乙乡"] == (1, np.inf, 3)
        assert told["pharmacy.township.min", "丙乡"] == (1, np.inf, 0)
        assert told["pharmacy.dual_channel.district", "沙坡头区"] == (-np.inf, 3, 1)
        assert field.caps.circle_most[:6].tolist() == [3.0] * 6
        assert np.isinf(field.caps.circle_most[6:]).all()

    def test_a_choice_holds_for_the_optimiser_exactly_when_it_holds_for_the_judge(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True)
        nobody = np.zeros(len(field.sites), dtype=bool)
        limits = limits_of(field, required=nobody, forbidden=nobody)
        rng = np.random.default_rng(7)
        seen = set()
        for share in (0.2, 0.4, 0.5, 0.6, 0.7, 0.9):
            chosen = rng.random(len(field.sites)) < share
            if not chosen.any():
                continue
            after = recheck(field, chosen).after
            judged = {
                (f.rule_id, f.subject)
                for f in after
                if f.outcome is Outcome.BREACHED
                and not (f.rule_id == "pharmacy.township.min" and f.ground_name == "丙乡")
            }
            holds = not [k for k in broken(limits, chosen) if k != ("pharmacy.township.min", "640522200", "min")]
            unsure = any(f.outcome is Outcome.REVIEW and f.ground == "circle" for f in after)
            assert holds == (not judged) or unsure
            seen.add(holds)
        assert seen == {True, False}

    def test_rules_set_aside_do_not_bind_and_must_exist(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True, aside=["pharmacy.circle.dense"])
        assert np.isinf(field.caps.circle_most).all()
        with pytest.raises(UsageError):
            lay_out(crowd, service="pharmacy", aside=["pharmacy.nothing"])


class TestRetire:
    def test_all_caps_hold_at_the_end_and_no_set_of_that_kind_covers_more(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True)
        plan = plan_exits(field, steps=2, gap=1e-6)
        assert len(plan.exits) == 5
        assert {f.rule_id for f in plan.recheck.remaining} == {"pharmacy.township.min"}
        assert [f.ground_name for f in plan.recheck.remaining] == ["丙乡"]
        assert plan.recheck.new == ()
        best = 0.0
        nobody = np.zeros(9, dtype=bool)
        limits = limits_of(field, required=np.arange(9) == 0, forbidden=nobody)
        for code in range(2**9):
            chosen = np.array([bool(code >> n & 1) for n in range(9)])
            if not broken(limits, chosen):
                best = max(best, covered_by(field.reach, field.demand.residents, chosen))
        assert plan.found.cover.objective == pytest.approx(best)
        assert covered_by(field.reach, field.demand.residents, plan.chosen) == pytest.approx(best, abs=0.01)

    def test_each_exit_says_which_clause_forces_it_and_the_dual_channel_one_stays(self, crowd):
        plan = plan_exits(lay_out(crowd, service="pharmacy", leaving=True), steps=2)
        assert plan.locked == {"P64050200001": "dual_channel"}
        assert "P64050200001" not in set(plan.exits["id"])
        assert set(plan.exits["rules"]) == {"pharmacy.circle.dense", "pharmacy.township.max"}
        assert set(plan.exits["clauses"]) == {"三（三）1（1）"}
        assert (plan.exits["nearest_m"] > 0).all()

    def test_steps_cost_least_first_and_losses_add_up(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True)
        plan = plan_exits(field, steps=3)
        assert plan.steps["exits"].sum() == 5
        assert plan.steps["standing"].tolist()[-1] == 4
        assert plan.exits["residents_lost"].is_monotonic_increasing
        lost = covered_by(field.reach, field.demand.residents, ~field.new) - plan.found.cover.objective
        assert plan.exits["residents_lost"].sum() == pytest.approx(lost, abs=0.01)
        change = plan.coverage.set_index("level").loc["city", "change"]
        assert plan.losers["residents_lost"].sum() == pytest.approx(
            -change, abs=1.0
        )  # nobody comes: what is lost is the change
        assert (plan.losers["after_m"] > 800).all()
        assert plan.steps["covered"].is_monotonic_decreasing

    def test_institutions_that_cannot_all_stay_are_explained(self, crowd):
        keep = ["P64052100001", "P64052100002"]
        plan = plan_exits(lay_out(crowd, service="pharmacy", leaving=True), keep=keep)
        assert set(keep).isdisjoint(plan.exits["id"])
        left = [(f.rule_id, f.ground_name, f.observed, f.limit) for f in plan.recheck.remaining]
        assert ("pharmacy.township.max", "乙乡", 2.0, 1.0) in left
        assert plan.unhelped == {("pharmacy.township.max", "640521200", "max"): ("P64052100001", "P64052100002")}

    def test_a_plan_that_ran_out_of_time_claims_no_bound_that_it_does_not_have(self, crowd):
        plan = plan_exits(lay_out(crowd, service="pharmacy", leaving=True), seconds=1e-6)
        near = plan.nearness
        assert np.isnan(plan.found.kept_bound) or plan.found.kept_bound >= 4
        assert np.isnan(near.deep_bound) or near.deep_bound >= near.deep_after - 1e-6
        assert near.metres_bound <= near.metres_after
        assert all("inf" not in line and "nan" not in line for line in exit_lines(plan, aside=(), lang="zh"))

    def test_fewest_exits_keep_todays_coverage_where_95_percent_is_out_of_reach(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True)
        plan = plan_exits(field, aim="fewest", gap=1e-6)
        today = covered_by(field.reach, field.demand.residents, ~field.new)
        assert plan.found.target == pytest.approx(today, abs=0.01)
        assert not plan.found.reached
        assert len(plan.exits) == 5
        loose = plan_exits(field, aim="fewest", least_share=0.10, gap=1e-6)
        assert loose.found.reached
        assert len(loose.exits) == 5

    def test_data_break_ties_and_are_named(self, crowd):
        field = lay_out(crowd, service="pharmacy", leaving=True, aside=["pharmacy.circle.dense"])
        ids = ["P64052100001", "P64052100002", "P64052100003"]
        stays = next(i for i in ids if i not in set(plan_exits(field).exits["id"]))
        better = {"P64052100001": "P64052100002", "P64052100002": "P64052100001"}[stays]  # 180 m apart, serving alike
        scores = scores_of(pd.DataFrame({"id": [stays, better], "score": [10.0, 90.0]}), ["score"])
        plan = plan_exits(field, scores=scores)
        assert [(t.stays, t.leaves, t.column, t.stays_value, t.leaves_value) for t in plan.ties] == [
            (better, stays, "score", 90.0, 10.0)
        ]
        assert better not in set(plan.exits["id"])
        assert plan.recheck.new == ()
        with pytest.raises(UsageError):
            scores_of(pd.DataFrame({"id": ids}), ["score"])

    def test_exits_make_room_for_entries_in_one_plan(self, crowd):
        places = point_candidates(np.array([105.110, 105.060, 105.045]), np.array([37.515, 37.515, 37.515]), prefix="N")
        field = lay_out(crowd, service="pharmacy", leaving=True, candidates=places)
        plan = plan_exits(field, additions=2, steps=2)
        assert "N001" in set(plan.entries["id"])  # 丙乡 must have one
        assert plan.recheck.remaining == ()
        came = plan.entries.set_index("id")
        assert came.loc["N001", "step"] == 1  # nobody has to leave for it
        assert came["step"].is_monotonic_increasing
        assert (plan.steps["worse"] == 0).all()
        assert plan.steps["broken"].tolist() == sorted(plan.steps["broken"], reverse=True)
        assert plan.steps["entries"].sum() == len(came) == 2
        assert all(str(v.conclusion) not in {"refuse", "refuse_in_principle"} for v in plan.recheck.verdicts.values())
        assert len(plan.exits) == 5  # nobody leaves for an entry
        both = plan_exits(field, additions=2, displace=True)
        assert both.found.cover.objective >= covered_by(field.reach, field.demand.residents, plan.chosen) - 1
        assert both.recheck.remaining == ()
        held = plan_exits(field, additions=2, release=0.1)
        assert len(held.entries) == 0  # five exits release half a place

    def test_ten_exits_make_one_entry_in_a_saturated_street(self, crowd):
        crowd.city.places.loc[crowd.city.places["name"] == "甲街道", "settings"] = "saturated_subdistrict;subdistrict"
        again = Prepared(crowd.plan, crowd.city)
        places = point_candidates(np.array([105.040]), np.array([37.515]), prefix="N")
        field = lay_out(again, service="pharmacy", leaving=True, candidates=places)
        swap = next(c for c in field.caps.areas if c.kind == "swap")
        assert (swap.rule_id, swap.limit, swap.row.high) == ("pharmacy.replace", 0.1, pytest.approx(0.6))
        assert plan_exits(field, additions=1).entries.empty  # only three leave here

    def test_further_plans_differ(self, crowd):
        plan = plan_exits(lay_out(crowd, service="pharmacy", leaving=True), plans=2)
        assert len(plan.alternatives) == 2
        assert (plan.alternatives["differ"] >= 2).all()
        assert (plan.alternatives["covered"] <= plan.found.cover.bound + 1).all()

    def test_steps_share_exits_out_evenly(self):
        assert np.bincount(step_of(7, 3))[1:].tolist() == [3, 2, 2]
        assert step_of(0, 3).tolist() == []


class TestAdd:
    def test_a_township_without_one_comes_first_and_the_set_passes(self, calm):
        field = lay_out(calm, service="pharmacy", candidates=lattice_candidates(calm, spacing_m=900.0))
        plan = plan_additions(field, number=1)
        assert plan.sites["township_name"].tolist() == ["丙乡"]
        assert plan.recheck.new == ()
        assert plan.choice.gap <= 1e-4

    def test_without_minimums_most_residents_win_and_each_further_site_buys_less(self, calm):
        field = lay_out(calm, service="pharmacy", candidates=lattice_candidates(calm, spacing_m=900.0))
        plan = plan_additions(field, number=2, minimums=False, plans=1)
        assert plan.sites["township_name"].tolist() == ["甲街道", "甲街道"]
        assert plan.buys["residents_gained"].iloc[1] == pytest.approx(plan.choice.objective, rel=1e-3)
        assert (plan.buys["by_this_one"].diff().dropna() <= 1.0).all()
        gained = plan.coverage.loc[plan.coverage["level"] == "city", "change"].sum()
        assert gained == pytest.approx(plan.choice.objective, rel=0.01)
        assert len(plan.alternatives) == 1

    def test_caps_that_leave_no_room_are_counted(self, crowd):
        field = lay_out(crowd, service="pharmacy", candidates=point_candidates(
            np.array([105.0205, 105.085]), np.array([37.5155, 37.515]), prefix="N",
        ))  # fmt: skip
        plan = plan_additions(field, number=1)
        assert plan.sites.empty
        assert plan.left_out == {"pharmacy.circle.dense": 1, "pharmacy.township.max": 1, "saturated": 1}

    def test_fewest_sites_for_a_share(self, calm):
        field = lay_out(calm, service="pharmacy", candidates=lattice_candidates(calm, spacing_m=700.0))
        plan = plan_additions(field, question="share", share=0.66, minimums=False)
        row = plan.coverage[plan.coverage["level"] == "city"].iloc[0]
        assert row["share_before"] < 0.6
        assert row["share_after"] > 0.65
        fewer = plan_additions(field, number=len(plan.sites) - 1, minimums=False)
        assert fewer.choice.bound + row["covered_before"] < 0.66 * row["residents"] * 1.01

    def test_quotas_required_and_forbidden_sites(self, calm):
        found = gap_candidates(calm, service="pharmacy")
        extra = point_candidates(np.array([105.04, 105.045, 105.11]), np.array([37.505, 37.525, 37.515]), prefix="N")
        field = lay_out(calm, service="pharmacy", candidates=pd.concat([found, extra], ignore_index=True))
        plan = plan_additions(
            field, number=3, quotas={"沙坡头区": 1}, required=["N001"], forbidden=["N003"], minimums=False
        )
        assert "N001" in set(plan.sites["id"])
        assert "N003" not in set(plan.sites["id"])
        assert (plan.sites["district_name"] == "沙坡头区").sum() == 1
        for bad in ({"number": 1, "quotas": {"乌有县": 1}}, {"number": 1, "required": ["X"]}, {}):
            with pytest.raises(UsageError):
                plan_additions(field, **bad)

    def test_nearest_sites_bring_residents_nearer(self, calm):
        field = lay_out(calm, service="pharmacy", candidates=lattice_candidates(calm, spacing_m=700.0))
        plan = plan_additions(field, number=1, question="nearest", minimums=False)
        assert len(plan.sites) == 1
        assert plan.choice.objective > 0

    def test_every_site_passes_the_judge_on_the_day_asked(self, calm):
        day = pd.Timestamp("2031-06-01").date()
        late = Prepared(calm.plan, calm.city, as_of=day)
        plan = plan_additions(
            lay_out(late, service="pharmacy", candidates=lattice_candidates(late, spacing_m=700.0)), number=1
        )
        assert plan.recheck.new == ()
        assert set(plan.sites["conclusion"]) <= {"admit", "review", "priority"}


def applications(rows):
    table = pd.DataFrame(rows)
    points = [Point(x, y) for x, y in zip(table["lon"], table["lat"], strict=True)]
    given = gpd.GeoDataFrame(table.drop(columns=["lon", "lat"]), geometry=points, crs="EPSG:4326")
    return given.assign(service="pharmacy", tags="", position_accuracy_m=1.0)


# 乙乡 is full; 丙乡 takes one; 甲街道 takes one more in no circle, but far from the crowd two.
BATCH = [
    {"id": "A1", "name": "甲新一", "lon": 105.0400, "lat": 37.5060, "score": 70.0, "received": "2026-05-02"},
    {"id": "A2", "name": "丙新一", "lon": 105.1100, "lat": 37.5150, "score": 60.0, "received": "2026-05-03"},
    {"id": "A3", "name": "丙新二", "lon": 105.1150, "lat": 37.5100, "score": 95.0, "received": "2026-05-01"},
    {"id": "A4", "name": "乙新一", "lon": 105.0700, "lat": 37.5100, "score": 99.0, "received": "2026-05-01"},
]


class TestRounds:
    def test_the_better_score_takes_the_one_place_and_the_other_learns_because_of_whom(self, calm):
        found = run_round(calm, applications(BATCH), by="rank", score="score", arrival="received")
        told = found.decisions.set_index("id")
        assert told.loc["A3", "decision"] == "admitted"
        assert (told.loc["A2", "decision"], told.loc["A2", "because_of"]) == ("refused", "A3")
        assert told.loc["A2", "rules"] == "pharmacy.township.max"
        assert (told.loc["A4", "decision"], told.loc["A4", "because_of"]) == ("refused", "")
        assert told.loc["A1", "decision"] == "admitted"
        used = found.places[(found.places["rule"] == "pharmacy.township.max") & (found.places["ground_name"] == "丙乡")]
        assert used[["before", "after", "ids"]].to_numpy().tolist() == [[0.0, 1.0, "A3"]]
        assert found.joint == {"pharmacy": 2}

    def test_first_come_and_lot_change_who_it_is_and_can_be_replayed(self, calm):
        batch = applications(BATCH)
        first = run_round(calm, batch, by="first", arrival="received")
        assert first.decisions["id"].tolist() == ["A3", "A4", "A1", "A2"]
        one, two, other = (run_round(calm, batch, by="lottery", seed=s) for s in (0, 0, 1))
        assert one.record() == two.record()
        assert one.decisions["id"].tolist() != other.decisions["id"].tolist()
        again = run_round(calm, batch, by="lottery", order=one.decisions["id"].tolist())
        assert again.decisions.equals(one.decisions)

    def test_a_relocation_frees_its_own_place(self, calm):
        move = [{"id": "M1", "name": "乙药房（迁址）", "lon": 105.0700, "lat": 37.5100, "replaces": "P64052100001"}]
        assert run_round(calm, applications(move), by="first").decisions["decision"].tolist() == ["admitted"]
        stays = [{**move[0], "replaces": ""}]
        assert run_round(calm, applications(stays), by="first").decisions["decision"].tolist() == ["refused"]

    def test_a_round_asks_for_a_seed_known_columns_and_the_same_applications(self, calm):
        batch = applications(BATCH)
        for bad in ({"by": "lottery"}, {"score": "marks"}, {"arrival": "day"}, {"order": ["A1"]}):
            with pytest.raises(UsageError):
                run_round(calm, batch, **{"by": "rank", **bad})
        with pytest.raises(UsageError):
            run_round(calm, pd.concat([batch, batch]))

    def test_what_stands_is_judged_as_by_a_city_prepared_anew(self, calm):
        batch = applications(BATCH)
        standing = Standing(calm, calm.measure(batch))
        standing.admit("A3")
        verdict = standing.judge("A2")
        table = pd.concat([calm.city.institutions, batch[batch["id"] == "A3"]], ignore_index=True)
        anew = Prepared(
            calm.plan,
            calm.city.__class__(**{**calm.city.__dict__, "institutions": gpd.GeoDataFrame(table, crs="EPSG:4326")}),
            as_of=calm.as_of,
        )
        other = anew.judge(lon=105.11, lat=37.515, datum="wgs84", service="pharmacy", position_accuracy_m=1.0)
        assert verdict.conclusion is other.conclusion
        assert [(f.rule_id, f.outcome, f.observed, f.limit) for f in verdict.findings] == [
            (f.rule_id, f.outcome, f.observed, f.limit) for f in other.findings
        ]
        standing.remove("A3")
        assert [(f.rule_id, f.outcome) for f in standing.judge("A2").findings] == [
            (f.rule_id, f.outcome) for f in Standing(calm, calm.measure(batch)).judge("A2").findings
        ]

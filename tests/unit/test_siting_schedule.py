"""Entries step by step: never before the exits that make room, whole entries of the year before where a plan says so."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from riverbank import ready_of

from circle15.judge.series import State
from circle15.policy.rules import AreaLimit, Replace
from circle15.prepared import Prepared
from circle15.schema import Force, Outcome
from circle15.siting.caps import Cap
from circle15.siting.demand import reach_of_pairs
from circle15.siting.field import lay_out, limits_of, point_candidates
from circle15.siting.limits import Row, broken, free_limits
from circle15.siting.recheck import recheck
from circle15.siting.retire import plan_exits
from circle15.siting.schedule import schedule
from circle15.siting.standing import Standing

# Four institutions (0 to 3) and two candidates (4, 5), each reaching a point of its own; 2 and 3 serve fewest.
PEOPLE = np.array([100.0, 90, 10, 20, 50, 40])


def world(existing=4, *caps):
    n = len(PEOPLE)
    reach = reach_of_pairs(np.arange(n), np.arange(n), np.zeros(n), sites=n, points=n)
    return SimpleNamespace(
        reach=reach, demand=SimpleNamespace(residents=PEOPLE), new=np.arange(n) >= existing, ids=tuple("abcdef"),
        sites=pd.DataFrame(index=range(n)), caps=SimpleNamespace(areas=caps),
    )  # fmt: skip


def most(number, row=None):
    limits = free_limits(6).with_rows(Row(("city", "", "max"), np.arange(6), np.ones(6), high=float(number)))
    return limits if row is None else limits.with_rows(row)


def chosen(*sites):
    return np.isin(np.arange(6), sites)


class TestSteps:
    def test_a_full_city_lets_nobody_in_before_enough_have_left(self):
        plan = schedule(world(), most(3), chosen(0, 4, 5), steps=3, scores=None)
        assert plan.exits.tolist() == [2, 3, 1]
        # 4 → 3 (full) → 2, so one comes in → 2, so the other does
        assert list(zip(plan.entries.tolist(), plan.entry_step.tolist(), strict=True)) == [(4, 2), (5, 3)]
        for step in range(1, 4):
            assert plan.standing(world(), step).sum() <= 3
        assert plan.standing(world(), 0).tolist() == [True] * 4 + [False] * 2

    def test_room_that_is_there_is_used_at_once_by_the_one_that_covers_most(self):
        plan = schedule(world(), most(5), chosen(0, 1, 3, 4, 5), steps=2, scores=None)
        assert list(zip(plan.entries.tolist(), plan.entry_step.tolist(), strict=True)) == [(4, 1), (5, 1)]
        assert plan.last == 2

    def swap(self, ratio, left=0.0):
        coef = np.where(np.arange(6) < 4, ratio, 1.0)
        row = Row(("swap", "", "swap"), np.arange(6), coef, high=left + 4 * ratio)
        return Cap("swap", "", "", Force.PRINCIPLE, "city", "", "", "swap", ratio, left, row, yearly=True)

    def test_only_the_year_before_pays_and_a_year_of_entries_alone_may_follow(self):
        cap = self.swap(1.0)
        plan = schedule(world(4, cap), most(9, cap.row), chosen(0, 1, 4, 5), steps=2, scores=None)
        assert list(zip(plan.entries.tolist(), plan.entry_step.tolist(), strict=True)) == [(4, 2), (5, 3)]
        assert (plan.steps, plan.last) == (2, 3)

    def test_half_an_entry_a_year_is_none_and_is_not_carried_over(self):
        cap = self.swap(0.5)
        plan = schedule(world(4, cap), most(9, cap.row), chosen(0, 1, 4), steps=2, scores=None)
        assert plan.entries.tolist() == []
        assert plan.waiting.tolist() == [4]
        both = schedule(world(4, cap), most(9, cap.row), chosen(0, 1, 4), steps=1, scores=None)
        assert list(zip(both.entries.tolist(), both.entry_step.tolist(), strict=True)) == [(4, 2)]

    def test_what_the_ledger_left_over_pays_in_the_first_year(self):
        cap = self.swap(0.5, left=1.0)
        plan = schedule(world(4, cap), most(9, cap.row), chosen(0, 1, 2, 4), steps=1, scores=None)
        assert list(zip(plan.entries.tolist(), plan.entry_step.tolist(), strict=True)) == [(4, 1)]


def with_rules(ready, *rules, **more):
    return Prepared(ready.plan.model_copy(update={"rules": rules}), ready.city, as_of=ready.as_of, **more)


CITED = {"title": "t", "clause": "一", "quote": "t", "services": ("pharmacy",)}


class TestCaps:
    @pytest.mark.parametrize("bound", ["max_share", "min_share"])
    def test_a_share_holds_for_the_choice_exactly_when_it_holds_for_the_judge(self, crowded_city, bound):
        rule = AreaLimit(
            kind="area_limit", id="p.share", per="city", tags=("chain",), **{bound: 0.4},
            share_of={"services": ("pharmacy",)}, **CITED,
        )  # fmt: skip
        ready = ready_of(crowded_city)
        ready.city.institutions["tags"] = ["chain" if n % 2 else "" for n in range(len(ready.city.institutions))]
        ready = with_rules(ready, rule)
        field = lay_out(ready, service="pharmacy", leaving=True)
        nobody = np.zeros(len(field.sites), dtype=bool)
        limits = limits_of(field, required=nobody, forbidden=nobody)
        rng, seen = np.random.default_rng(2), set()
        for share in np.linspace(0.2, 0.9, 12):
            picked = rng.random(len(field.sites)) < share
            if picked.any():
                holds = not broken(limits, picked)
                assert holds == (not recheck(field, picked).remaining)
                seen.add(holds)
        assert seen == {True, False}

    def test_new_beds_bind_the_choice_and_unknown_ones_are_told(self, toy_city):
        rule = AreaLimit(
            kind="area_limit", id="p.beds", per="city", of="beds", counts="new", max=25.0, **CITED
        )  # fmt: skip
        events = pd.DataFrame({"date": pd.to_datetime([]), "event": [], "place_id": [], "service": [], "beds": []})
        ready = with_rules(ready_of(toy_city), rule, events=events)
        places = point_candidates(np.array([105.11, 105.06, 105.045]), np.full(3, 37.515), prefix="N")
        for beds, told in (([10.0, 10, 10], False), ([10.0, 10, np.nan], True)):
            field = lay_out(ready, service="pharmacy", candidates=places.assign(beds=beds))
            limits = limits_of(field, required=~field.new, forbidden=~field.new & False)
            assert not broken(limits, ~field.new)
            assert bool(broken(limits, np.ones(len(field.sites), bool))) is not told
            assert (field.caps.unsettled == ("p.beds",)) is told

    @pytest.mark.parametrize("state", list(State))
    def test_a_swap_binds_where_its_condition_holds_or_is_not_known_and_says_which(self, crowded_city, state):
        rule = Replace(
            kind="replace", id="p.swap", ratio=0.5, per="city", any_of=({"indicator": "gap", "above": 0.0},), **CITED
        )  # fmt: skip
        told = {State.YES: [1.0], State.NO: [-1.0], State.UNKNOWN: []}[state]
        table = pd.DataFrame({"place_id": "640500", "indicator": "gap", "period": "", "value": told})
        ready = with_rules(ready_of(crowded_city), rule, indicators=table)
        places = point_candidates(np.array([105.11, 105.06]), np.full(2, 37.515), prefix="N")
        field = lay_out(ready, service="pharmacy", leaving=True, candidates=places)
        assert len(field.caps.areas) == (state is not State.NO)
        assert field.caps.doubtful == (("p.swap",) if state is State.UNKNOWN else ())
        nobody = np.zeros(len(field.sites), dtype=bool)
        limits = limits_of(field, required=nobody, forbidden=nobody)
        standing = np.ones(len(field.sites), dtype=bool)
        standing[-1] = False
        assert bool(broken(limits, standing)) is (state is not State.NO)  # one in, nobody out
        standing[:2] = False
        assert not broken(limits, standing)  # one in, two out


class TestCircles:
    def around(self, field, site):
        at = int(field.positions([site])[0])
        return {field.ids[int(n)] for n in field.near[field.near_start[at] : field.near_start[at + 1]]}

    def test_neither_a_site_nor_a_campus_of_its_institution_is_an_other(self, crowded_city):
        ready = ready_of(crowded_city)
        field = lay_out(ready, service="pharmacy", leaving=True)
        one, *others = sorted(i for i in field.ids if self.around(field, i))
        assert one not in self.around(field, one)
        campus = next(i for i in others if i in self.around(field, one))
        table = ready.city.institutions
        table["institution"] = ["X" if i in {one, campus} else "" for i in table["id"]]
        again = lay_out(with_rules(ready, *ready.plan.rules), service="pharmacy", leaving=True)
        assert self.around(again, one) == self.around(field, one) - {campus}

    def test_positions_that_may_be_within_count_where_it_must_be_sure(self, crowded_city):
        ready = ready_of(crowded_city)
        ready.city.institutions["position_accuracy_m"] = 500.0
        plain, sure = (lay_out(ready, service="pharmacy", leaving=True, sure=s) for s in (False, True))
        assert all(self.around(plain, i) <= self.around(sure, i) for i in plain.ids)
        assert len(sure.near) > len(plain.near)


class TestLedger:
    def test_exits_and_entries_of_a_round_count_in_the_ledger_that_swaps_are_judged_by(self, crowded_city):
        rule = Replace(kind="replace", id="p.swap", ratio=1.0, per="city", **CITED)
        day = dt.date(2026, 1, 1)
        events = pd.DataFrame({
            "date": pd.to_datetime([day]), "event": ["exit"], "place_id": ["640500"], "service": ["pharmacy"],
        })  # fmt: skip
        ready = with_rules(ready_of(crowded_city), rule, events=events)
        places = point_candidates(np.array([105.11, 105.06]), np.full(2, 37.515), prefix="N")
        field = lay_out(ready, service="pharmacy", leaving=True, candidates=places)
        standing = Standing(ready, field.sites[field.new])

        def outcome():
            (one,) = (f for f in standing.judge("N002").findings if f.rule_id == "p.swap")
            return one.outcome, one.observed, one.limit

        assert outcome() == (Outcome.MET, 1.0, 1.0)
        standing.admit("N001")
        assert outcome() == (Outcome.BREACHED, 2.0, 1.0)
        standing.remove(field.ids[0])
        assert outcome() == (Outcome.MET, 2.0, 2.0)
        standing.admit(field.ids[0])
        standing.remove("N001")
        assert outcome() == (Outcome.MET, 1.0, 1.0)

    def test_half_of_what_leaves_comes_in_the_year_after(self, crowded_city):
        rule = Replace(kind="replace", id="p.swap", ratio=0.5, per="city", window="previous_year", **CITED)
        limit = AreaLimit(kind="area_limit", id="p.city", per="city", max=5.0, **CITED)
        events = pd.DataFrame({"date": pd.to_datetime([]), "event": [], "place_id": [], "service": []})
        ready = with_rules(ready_of(crowded_city), rule, limit, events=events)
        places = point_candidates(np.array([105.11, 105.06, 105.02]), np.full(3, 37.515), prefix="N")
        field = lay_out(ready, service="pharmacy", leaving=True, candidates=places)
        plan = plan_exits(field, additions=3, steps=2, displace=True, seconds=10.0)
        out, come = plan.steps["exits"].tolist(), plan.steps["entries"].tolist()
        assert sum(come) >= 1
        for step in range(1, len(come)):
            assert come[step] <= out[step - 1] // 2
        assert set(plan.entries["conclusion"]) == {"admit"}
        assert plan.recheck.remaining == ()

"""Sites screened together come to what each comes to alone."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circle15.errors import UsageError
from circle15.judge import many
from circle15.policy.cards import Density
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city
from circle15.schema import CRS
from circle15.screen import screen_sites

SERVICES = ("pharmacy", "outpatient", "inpatient", "ltc_facility")


@pytest.fixture(scope="module")
def ready(sample_city):
    files = load_city(sample_city)
    city, _ = read_city(files)
    return Prepared(load_plan("zhongwei"), replace(city, streets=None), as_of=files.city.as_of)


def sites_about(ready, *, seed, n):
    """Sites near institutions, among them some at the very radius and some that say what they are."""
    rng = np.random.default_rng(seed)
    held = ready.city.institutions.geometry
    at = rng.integers(0, len(held), n)
    spread = rng.choice([1e-5, 0.004, 0.03], n)
    points = gpd.points_from_xy(held.x.to_numpy()[at] + rng.normal(size=n) * spread,
                                held.y.to_numpy()[at] + rng.normal(size=n) * spread)  # fmt: skip
    table = {"service": rng.choice(SERVICES, n), "position_accuracy_m": rng.choice([0.0, 10.0, 300.0], n)}
    tags, beds = rng.choice(["", "dialysis", "chain"], n), rng.choice([0.0, 40.0], n)
    said = [{k: v for k, v in (("tags", str(t)), ("beds", float(b))) if v} for t, b in zip(tags, beds, strict=True)]
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS), said


@settings(max_examples=3)
@given(seed=st.integers(0, 10_000))
def test_a_screened_site_comes_to_what_it_comes_to_alone(ready, seed):
    sites, said = sites_about(ready, seed=seed, n=30)
    same_as_alone(ready, sites, said)


@pytest.mark.parametrize("update", [{"radius_m": 300.0}, {"distance": "walking"}])
def test_cards_with_a_distance_of_their_own_are_screened_by_it(ready, update):
    plan = ready.plan
    empty, near = plan.rule("exempt.uncovered"), plan.rule("pharmacy.dual_channel.near")
    cards = [empty.model_copy(update={"id": "own.empty", "where": near.where, "needs": None} | update),
             near.model_copy(update={"id": "own.near", "tags": (), "distance": "walking", "minutes": 5.0})]  # fmt: skip
    own = Prepared(plan.model_copy(update={"rules": (*plan.rules, *cards)}), ready.city)
    same_as_alone(own, *sites_about(ready, seed=8, n=24))


@pytest.mark.parametrize("unit", ["circle", "cell"])
def test_sites_near_a_density_class_are_told_together_what_each_is_told_alone(ready, unit):
    plan = ready.plan
    free = tuple(r for r in plan.rules if r.kind != "area_limit")  # caps that are used up would hide the circle
    own = Prepared(plan.model_copy(update={"rules": free, "density": Density(unit=unit)}), ready.city)
    sites, said = sites_about(own, seed=5, n=60)
    found = same_as_alone(own, sites.assign(service="pharmacy", position_accuracy_m=60.0), said)
    assert len(set(found["conclusion"])) > 1


def same_as_alone(ready, sites, said):
    found = screen_sites(ready, sites, each=said)
    for row, site, told in zip(found.to_dict("records"), sites.to_dict("records"), said, strict=True):
        alone = ready.judge(
            lon=site["geometry"].x, lat=site["geometry"].y, datum="wgs84", service=site["service"],
            position_accuracy_m=site["position_accuracy_m"], attributes=told,
        )  # fmt: skip
        assert row["conclusion"] == alone.conclusion
        assert row["decided_by"] == ";".join(alone.decided_by)
        assert row["others_within"] == alone.measures["others_within"]
    return found


def test_alike_sites_are_asked_about_once_and_named_clauses_are_the_plans(ready, monkeypatch):
    one = sites_about(ready, seed=3, n=1)[0].assign(position_accuracy_m=0.0)
    copies = gpd.GeoDataFrame(pd.concat([one] * 500, ignore_index=True), geometry="geometry", crs=CRS)
    asked, ask = [], many.findings_of
    monkeypatch.setattr(many, "findings_of", lambda rule, site: asked.append(rule.id) or ask(rule, site))
    steps = []
    found = screen_sites(ready, copies, progress=lambda *step: steps.append(step))
    assert asked == [r.id for r in ready.plan.rules if one["service"][0] in r.services]
    assert set(found["conclusion"]) == {found["conclusion"][0]}
    assert steps[-1] == ("judge", len(ready.plan.rules), len(ready.plan.rules))
    clauses = {r.clause for r in ready.plan.rules}
    assert set(found["clauses"][0].split(";")) - {""} <= clauses


def test_a_question_that_cannot_be_is_refused(ready):
    sites = sites_about(ready, seed=1, n=3)[0]
    wrong = sites.assign(service=["bakery", "pharmacy", "pharmacy"], position_accuracy_m=[0.0, 0.0, -1.0])
    for table, told in (
        (wrong, [("use.unknown_service", 1), ("use.accuracy", 3)]),
        (sites.drop(columns="service"), [("use.sites_no_service", None)]),
        (sites.to_crs(32648), [("use.sites_crs", None)]),
        (sites.set_geometry([p.buffer(0.001) for p in sites.geometry], crs=sites.crs), [("use.sites_no_points", None)]),
    ):
        with pytest.raises(UsageError) as caught:
            screen_sites(ready, table)
        assert [(p.id, p.row) for p in caught.value.problems] == told


def test_rows_may_be_numbered_alike_and_screened_again(ready):
    sites, _ = sites_about(ready, seed=2, n=4)
    plain = screen_sites(ready, sites)
    twice = pd.concat([sites.iloc[:2], sites.iloc[2:].set_index(sites.index[:2])])
    found = screen_sites(ready, screen_sites(ready, twice))
    assert found.index.tolist() == twice.index.tolist()
    pd.testing.assert_frame_equal(found.reset_index(drop=True), plain)
    named = screen_sites(ready, sites.rename_geometry("place"))
    assert named["conclusion"].tolist() == plain["conclusion"].tolist()
    assert screen_sites(ready, sites.iloc[:0]).empty

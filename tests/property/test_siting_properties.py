"""Plans of sites on random small worlds: equal to brute force, bounds never passed, limits always held."""

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circle15.siting.bounds import depth_bound, depth_of, distance_bound, distances_of
from circle15.siting.cover import covered_by, least_sites, max_cover, p_median
from circle15.siting.crowd import crowded
from circle15.siting.demand import reach_of_pairs
from circle15.siting.limits import Limits, Row, broken, columns_of, free_limits, hold
from circle15.siting.settle import settle
from circle15.siting.solve import Program

SITES, POINTS = 7, 14


@st.composite
def worlds(draw):
    """Sites, points in reach with whole people, neighbours that are mutual, limits of every kind."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((SITES, POINTS)) < draw(st.floats(0.1, 0.6)))
    reach = reach_of_pairs(
        pairs[:, 0], pairs[:, 1], rng.integers(1, 900, len(pairs)).astype(float), sites=SITES, points=POINTS
    )
    people = rng.integers(0, 50, POINTS).astype(float)
    mutual = np.triu(rng.random((SITES, SITES)) < draw(st.floats(0, 0.7)), 1)
    mutual |= mutual.T
    start = np.append(0, np.cumsum(mutual.sum(axis=1))).astype(np.int64)
    most = np.where(rng.random(SITES) < 0.6, rng.integers(1, 4, SITES), np.inf).astype(float)
    rows = [Row(("number",), np.arange(SITES), np.ones(SITES), high=float(rng.integers(0, SITES + 1)))]
    member = np.flatnonzero(rng.random(SITES) < 0.5)
    if draw(st.booleans()) and len(member):
        rows.append(Row(("town", "max"), member, np.ones(len(member)), high=float(rng.integers(1, 3))))
        rows.append(Row(("town", "min"), member, np.ones(len(member)), low=1.0))
    required, forbidden = rng.random(SITES) < 0.15, rng.random(SITES) < 0.15
    limits = Limits(SITES, required, forbidden, most, start, np.nonzero(mutual)[1].astype(np.int32), tuple(rows))
    return reach, people, limits


def choices(limits):
    """Every choice that holds to the limits."""
    for picked in itertools.product([False, True], repeat=SITES):
        chosen = np.array(picked)
        if not broken(limits, chosen):
            yield chosen


@settings(max_examples=60)
@given(worlds())
def test_most_covered_equals_brute_force_under_all_limits(world):
    reach, people, limits = world
    best = max((covered_by(reach, people, c) for c in choices(limits)), default=None)
    found = max_cover(reach, people, crowded(limits))
    if best is None:
        assert not found.found
    else:
        assert broken(limits, found.chosen) == []
        assert abs(covered_by(reach, people, found.chosen) - best) < 1e-6
        assert abs(found.bound - best) < 1e-6 * max(1.0, best)


@settings(max_examples=40)
@given(worlds())
def test_fewer_around_a_site_cut_no_choice_off(world):
    _, _, limits = world
    tight = crowded(limits)
    program = Program()
    x = columns_of(tight, program)
    hold(tight, program, x)
    lower, upper = (np.concatenate(v) for v in (program._low, program._high))
    row, column, value = (np.concatenate(v) for v in (program._row, program._column, program._value))
    for chosen in choices(limits):
        held = np.bincount(row, value * chosen[column], minlength=program.rows)
        assert ((held >= lower - 1e-9) & (held <= upper + 1e-9)).all()


@settings(max_examples=30)
@given(worlds())
def test_no_choice_is_nearer_or_deeper_than_the_bounds(world):
    reach, people, limits = world
    every = list(choices(limits))
    if not every:
        return
    metres = [float((distances_of(reach, 1000.0, c) * people).sum()) for c in every]
    best = int(np.argmin(metres))
    for chosen in (every[0], every[best]):
        bound = distance_bound(reach, people, limits, far_m=1000.0, chosen=chosen)
        assert bound <= metres[best] + 1e-6 * max(1.0, metres[best])
    floor = max(covered_by(reach, people, c) for c in every)
    deep = max(depth_of(reach, people, c) for c in every if covered_by(reach, people, c) >= floor - 1e-6)
    assert depth_bound(reach, people, limits, floor=floor) >= deep - 1e-6


@settings(max_examples=60)
@given(worlds())
def test_the_bound_of_a_search_is_never_passed_and_its_choice_holds(world):
    reach, people, limits = world
    found = max_cover(reach, people, limits, method="search")
    best = max((covered_by(reach, people, c) for c in choices(limits)), default=0.0)
    assert found.bound >= best - 1e-6
    if found.found:
        assert broken(limits, found.chosen) == []
        assert covered_by(reach, people, found.chosen) <= best + 1e-6


@settings(max_examples=30)
@given(worlds(), st.floats(0.1, 1.0))
def test_fewest_sites_equals_brute_force(world, share):
    reach, people, limits = world
    reachable = np.bincount(reach.point, minlength=POINTS) > 0
    wanted = share * people[reachable].sum()
    sizes = [int(c.sum()) for c in choices(limits) if covered_by(reach, people, c) >= wanted - 1e-6]
    found = least_sites(reach, people, limits, share=share)
    assert found.found == bool(sizes)
    if sizes:
        assert round(found.objective) == min(sizes)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_p_median_equals_brute_force(seed, number):
    rng = np.random.default_rng(seed)
    metres = rng.integers(1, 5000, (6, 10)).astype(float)
    people = rng.integers(0, 50, 10).astype(float)
    site, point = np.divmod(np.arange(60), 10)
    reach = reach_of_pairs(site, point, metres.ravel(), sites=6, points=10)
    found = p_median(reach, people, free_limits(6, number=number))
    best = min((people * metres[list(c)].min(axis=0)).sum() for c in itertools.combinations(range(6), number))
    assert abs(found.objective - best) < 1e-6 * max(1.0, best)


@settings(max_examples=40)
@given(worlds())
def test_what_is_settled_can_be_held_and_gives_up_as_few_limits_as_can_be(world):
    reach, people, limits = world
    eased = settle(limits)
    assert max_cover(reach, people, eased.limits).found
    assert bool(eased.given_up) == (next(choices(limits), None) is None)
    if eased.given_up:
        fixed = replace(limits, forbidden=limits.forbidden & ~limits.required)
        free = [np.array(p) for p in itertools.product([False, True], repeat=SITES)]
        held = [c for c in free if not (fixed.required & ~c).any() and not (fixed.forbidden & c).any()]
        least = min(len(broken(fixed, c)) for c in held)
        assert len(eased.given_up) == least

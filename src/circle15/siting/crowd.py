"""How many can stand around a site at all 圈内最多: fewer than there are, so that circle limits bind where they should.

The row of a circle (limits.py) says nothing while its middle is not chosen, as long as n counts everybody around. But
those around have circles, townships and cliques of their own: a small relaxation for each site says how many of them
can stand together, and the row is as strong as that. Lifting of a coefficient (Padberg 1975), one round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from circle15.quantities import Floats, Ints, Small
from circle15.siting.limits import MOST_NEIGHBOURS, Limits, cliques, tight_sites
from circle15.siting.solve import Program

MOST_CROWDS = 3_000
Bundle = tuple[Ints, Floats, float]
"""Sites, how much each counts, and what they may come to together."""


def crowded(limits: Limits) -> Limits:
    """The same limits with how many can stand in each circle whose middle does not; untouched where too large."""
    tight = tight_sites(limits)
    around = np.diff(limits.near_start)
    if len(tight) > MOST_CROWDS or around.max(initial=0) > MOST_NEIGHBOURS:
        return limits
    of = _bundles(limits)
    crowd = around.astype(np.float64)
    for site in tight:
        crowd[site] = _most_around(limits, int(site), of)
    return replace(limits, crowd=crowd)


def _bundles(limits: Limits) -> Mapping[int, Sequence[tuple[int, Bundle]]]:
    """Upper limits over sites, numbered, by each of the sites that they hold."""
    every: list[Bundle] = [(members, np.ones(len(members)), most) for members, most in cliques(limits)]
    every += [(r.member, r.coef, r.high) for r in limits.rows if np.isfinite(r.high) and (r.coef >= 0).all()]
    of = defaultdict(list)
    for number, bundle in enumerate(every):
        for site in bundle[0]:
            of[int(site)].append((number, bundle))
    return of


def _most_around(limits: Limits, site: int, of: Mapping[int, Sequence[tuple[int, Bundle]]]) -> float:
    """Most others that can stand in the circle of one site, itself left out."""
    near = limits.near[limits.near_start[site] : limits.near_start[site + 1]]
    program = Program()
    place = {int(s): int(c) for s, c in zip(near, _columns(limits, near, program), strict=True)}
    for members, coef, most in dict(pair for s in place for pair in of.get(s, ())).values():
        here = [n for n, s in enumerate(members) if int(s) in place]
        if coef[here].sum() > most:
            program.add_row(np.array([place[int(members[n])] for n in here]), coef[here], high=most)
    for other, column in place.items():
        theirs = limits.near[limits.near_start[other] : limits.near_start[other + 1]]
        here = [place[int(s)] for s in theirs if int(s) in place]
        if len(here) + 1 > limits.most[other]:
            weight = np.append(np.ones(len(here)), len(here) - limits.most[other] + 1)
            program.add_row(np.append(here, column), weight, high=float(len(here)))
    solved = program.solve(maximise=True)
    return float(np.floor(solved.objective + 1e-6)) if solved.found else float(len(near))


def _columns(limits: Limits, near: Small, program: Program) -> Ints:
    must = limits.required[near]
    may = ~limits.forbidden[near] | must
    return program.add_columns(len(near), cost=1.0, lower=must.astype(float), upper=may.astype(float))

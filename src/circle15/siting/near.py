"""How far residents have to go 就近: distances of a field, exchanges that bring sites nearer, p-median, what is proven.

Distances are from the middle of each cell to the nearest site, straight, or walked where the field is on foot. They are
told up to `FAR_RADII` radii; whoever has nobody nearer counts as that far.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from circle15.siting.bounds import depth_bound, depth_of, distance_bound, distances_of
from circle15.siting.cover import Choice, covered_by, max_cover, p_median
from circle15.siting.demand import Demand, Reach, reach_of_pairs, reach_straight
from circle15.siting.limits import Limits, Row, rules_of, state_of
from circle15.siting.on_foot import walked_reach
from circle15.siting.search_kernels import nearer_search

if TYPE_CHECKING:
    from circle15.quantities import Flags
    from circle15.siting.field import Field
    from circle15.siting.solve import Watch

FAR_RADII = 6.0
"""Distances are told up to this many radii (4.8 km at 800 m); beyond, residents count as that far."""
NEARER_ROUNDS = 12
FAR_PAIRS = 60_000_000
MEDIAN_PAIRS = 100_000


@dataclass(frozen=True)
class Far:
    """Cells (m) and the sites up to `limit_m` from each."""

    cells: Demand
    reach: Reach
    limit_m: float


@dataclass(frozen=True)
class Nearness:
    """How near and how deep a plan is, today and as planned, and what no plan under the same limits can pass.

    Metres are means over all residents (counted up to `limit_m`), `deep` are residents under two sites or more; the
    bound of `deep` holds for plans that cover as many residents. `metres_end` counts entries that come in afterwards.
    """

    metres_before: float
    metres_after: float
    metres_end: float
    metres_bound: float
    deep_before: float
    deep_after: float
    deep_bound: float
    limit_m: float


def far_of(field: Field) -> Far:
    """Distances of a field beyond the radius."""
    cells, limit_m = _cell_points(field.demand), FAR_RADII * field.radius_m
    lon, lat = field.sites.geometry.x.to_numpy(), field.sites.geometry.y.to_numpy()
    if field.walked:
        return Far(cells, walked_reach(field.ready, lon, lat, cells, radius_m=limit_m).reach, limit_m)
    return Far(cells, reach_straight(lon, lat, cells.lon, cells.lat, radius_m=limit_m), limit_m)


def _cell_points(demand: Demand) -> Demand:
    """One point a cell: for distances parts of a cell say no more than its middle."""
    cells, of = np.unique(demand.cell, return_inverse=True)
    people, parts = np.bincount(of, demand.residents, minlength=len(cells)), np.bincount(of, minlength=len(cells))
    lon, lat = (np.bincount(of, v, minlength=len(cells)) / parts for v in (demand.lon, demand.lat))
    return Demand(lon, lat, people.astype(np.float64), cells)


def nearer(field: Field, limits: Limits, chosen: Flags, far: Far) -> Flags:
    """Exchange sites for nearer ones while coverage does not fall and as many institutions stay."""
    if len(far.reach.point) > FAR_PAIRS or not chosen.any():
        return chosen
    old = np.flatnonzero(~field.new)
    sized = limits.with_rows(Row(("kept",), old, np.ones(len(old)), low=float(chosen[old].sum())))
    return _exchanged(field, sized, chosen, far, reach=field.reach, radii=2.0)


def _exchanged(field: Field, limits: Limits, chosen: Flags, far: Far, *, reach: Reach, radii: float) -> Flags:
    """Exchange sites up to some radii apart while residents come nearer and `reach` is not left."""
    lon, lat = field.sites.geometry.x.to_numpy(), field.sites.geometry.y.to_numpy()
    order = np.lexsort((far.reach.distance_m, far.reach.point))
    start = np.searchsorted(far.reach.point[order], np.arange(far.reach.points + 1)).astype(np.int64)
    metres = far.reach.distance_m.astype(np.float32)
    by_point = start, far.reach.site[order].astype(np.int32), metres[order]
    state = state_of(limits, reach, chosen)
    near2 = reach_straight(lon, lat, lon, lat, radius_m=radii * field.radius_m)
    free = ~limits.required
    nearer_search(
        free,
        free & ~limits.forbidden,
        (near2.start, near2.point),
        (reach.start, reach.point),
        (far.reach.start, far.reach.point, metres),
        by_point,
        (field.demand.residents, far.cells.residents),
        far.limit_m,
        state,
        rules_of(limits),
        NEARER_ROUNDS,
    )
    return state[0].copy()


def nearness(field: Field, limits: Limits, chosen: Flags, far: Far, *, end: Flags, seconds: float) -> Nearness:
    """How near and deep a choice is beside today, with the bounds, and how near with what comes in afterwards."""
    people, cells = field.demand.residents, far.cells.residents
    whole = max(float(cells.sum()), 1e-9)
    before, after, last = (
        float((distances_of(far.reach, far.limit_m, c) * cells).sum()) for c in (~field.new, chosen, end)
    )
    least = distance_bound(far.reach, cells, limits, far_m=far.limit_m, chosen=chosen, seconds=seconds)
    covered = covered_by(field.reach, people, chosen)
    deep, deep_after = (depth_of(field.reach, people, c) for c in (~field.new, chosen))
    most = depth_bound(field.reach, people, limits, floor=covered, seconds=seconds)
    return Nearness(
        before / whole, after / whole, last / whole, min(least, after) / whole, deep, deep_after, most, far.limit_m
    )


def nearest_sites(
    field: Field, limits: Limits, *, gap: float = 1e-4, seconds: float = 60.0, watch: Watch | None = None
) -> Choice:
    """Residents × metres to the nearest site least (p-中位): exact where small, else exchanges from the best cover.

    The bound of an answer by exchanges is that of `bounds.distance_bound`.
    """
    began, far = time.monotonic(), far_of(field)
    if len(far.reach.point) <= MEDIAN_PAIRS:
        points = far.reach.points
        nobody = reach_of_pairs(
            np.zeros(points, dtype=np.int64), np.arange(points), np.full(points, far.limit_m), sites=1, points=points
        )
        found = p_median(
            far.reach.joined(nobody), far.cells.residents, _with_nobody(limits), gap=gap, seconds=seconds, watch=watch
        )
        return replace(found, chosen=found.chosen[:-1])
    start = max_cover(field.reach, field.demand.residents, limits, method="search")
    blind = replace(
        field.reach,
        start=np.zeros(limits.sites + 1, np.int64),
        point=field.reach.point[:0],
        distance_m=field.reach.distance_m[:0],
    )
    chosen = _exchanged(field, limits, start.chosen, far, reach=blind, radii=FAR_RADII)
    total = float((distances_of(far.reach, far.limit_m, chosen) * far.cells.residents).sum())
    least = distance_bound(far.reach, far.cells.residents, limits, far_m=far.limit_m, chosen=chosen, seconds=seconds)
    least, used = min(least, total), time.monotonic() - began
    return Choice(chosen, total, least, (total - least) / max(total, 1e-9), "search", used, np.flatnonzero(chosen))


def _with_nobody(limits: Limits) -> Limits:
    """The limits and one more site, always chosen, that binds nothing: so far at most a resident may have to go."""
    return Limits(
        limits.sites + 1,
        np.append(limits.required, True),
        np.append(limits.forbidden, False),
        np.append(limits.most, np.inf),
        np.append(limits.near_start, limits.near_start[-1]),
        limits.near,
        limits.rows,
    )

"""What a plan of sites is made on 选址底图: a city, institutions, candidates, residents in reach, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.errors import Problem, UsageError
from circle15.measure.circles import lonlat
from circle15.measure.pieces import locate
from circle15.measure.walking_circles import WIDEST_M
from circle15.prepared import Prepared
from circle15.quantities import Flags, Floats, Ints, Small
from circle15.schema import CRS, POSITION_ACCURACY_M, SERVICES, institution_codes
from circle15.siting.caps import PlanCaps, caps_of
from circle15.siting.demand import Demand, Reach, demand_points, reach_straight
from circle15.siting.limits import Limits
from circle15.siting.on_foot import walked_reach

if TYPE_CHECKING:
    from circle15.policy.plan import Plan

PARTS_A_RADIUS = 32
"""Cells that a circle's edge crosses are laid out in parts of the radius by this (25 m at 800 m)."""
MOST_POINTS = 4_000_000
KEPT_TAGS = ("dual_channel", "medical_aid")
"""Institutions that a plan names for a duty of their own stay 双通道、医疗救助定点."""


@dataclass(frozen=True)
class Field:
    """Sites and residents of one service.

    Parameters
    ----------
    ready
        Plan and city.
    sites
        Institutions of the service in the order of the register, then candidates, with all measures; EPSG:4326.
    existing
        How many of them are institutions.
    demand, reach
        Points with residents inside the city, and those within the radius of each site.
    caps
        Limits of the plan on these sites.
    near_start, near
        Others within the radius of each site (and what `margin_m` adds to it).
    radius_m
        Radius of the circle.
    walked
        Whether `reach` holds walked distances.
    off_sites, off_residents
        Ids of sites, and number of residents, on no street: they are in no pair on foot.
    """

    ready: Prepared
    service: str
    sites: gpd.GeoDataFrame
    existing: int
    demand: Demand
    reach: Reach
    caps: PlanCaps
    near_start: Ints
    near: Small
    radius_m: float
    walked: bool = False
    off_sites: tuple[str, ...] = ()
    off_residents: float = 0.0

    @property
    def plan(self) -> Plan:
        """The plan."""
        return self.ready.plan

    @property
    def ids(self) -> tuple[str, ...]:
        """Id of every site."""
        return tuple(self.sites["id"].astype(str))

    @property
    def new(self) -> Flags:
        """Which sites are candidates (n,)."""
        return np.arange(len(self.sites)) >= self.existing

    def positions(self, ids: Sequence[str]) -> Ints:
        """Positions of sites by id; UsageError for ids that are no site."""
        at = pd.Index(self.ids).get_indexer(pd.Index(list(ids)))
        if (at < 0).any():
            unknown = ", ".join(i for i, p in zip(ids, at, strict=True) if p < 0)
            raise UsageError(Problem("siting.unknown_site", value=unknown))
        return at.astype(np.int64)


def lay_out(
    ready: Prepared,
    *,
    service: str,
    candidates: gpd.GeoDataFrame | None = None,
    aside: Sequence[str] = (),
    leaving: bool = False,
    part_m: float | None = None,
    sure: bool = False,
    on_foot: bool = False,
) -> Field:
    """Gather sites, residents in reach and limits.

    Parameters
    ----------
    candidates
        `id` and point geometry (EPSG:4326); `name`, `tags`, `position_accuracy_m` where known.
    aside
        Ids of rules that are set aside.
    leaving
        Whether institutions may leave (caps.py).
    part_m
        Widest part of a crossed cell that is one point; the radius by `PARTS_A_RADIUS` where not given, coarser where
        the points would be more than `MOST_POINTS`.
    on_foot
        Walk the city's streets (UsageError where it has none); every cell is then laid out alike, in parts of
        `WIDEST_M` as for `walk`.
    sure
        Circles hold whatever the true positions are: institutions count as within when they may be (定位误差从严).
    """
    if service not in SERVICES:
        raise UsageError(Problem("use.unknown_service", value=service, params={"known": ", ".join(SERVICES)}))
    unknown = [r for r in aside if r not in {c.id for c in ready.plan.rules}]
    if unknown:
        raise UsageError(Problem("siting.unknown_rule", value=", ".join(unknown)))
    sites, existing = _sites(ready, service, candidates)
    lon, lat = lonlat(sites)
    radius_m = ready.plan.circle.radius_m
    walked = None
    if on_foot:
        demand = _inside_city(ready, None, WIDEST_M if part_m is None else part_m)
        walked = walked_reach(ready, lon, lat, demand, radius_m=radius_m)
        reach = walked.reach
    else:
        demand = _inside_city(ready, (lon, lat, radius_m), part_m)
        reach = reach_straight(lon, lat, demand.lon, demand.lat, radius_m=radius_m)
    caps = caps_of(
        ready.plan,
        pd.DataFrame(sites.drop(columns="geometry")),
        existing=existing,
        totals=ready.totals,
        inputs=ready.inputs,
        service=service,
        aside=frozenset(aside),
        leaving=leaving,
    )
    near = _neighbours(sites, (lon, lat), radius_m, sure=sure)
    off = () if walked is None else tuple(sites["id"].astype(str)[walked.off_sites])
    return Field(
        ready,
        service,
        sites,
        existing,
        demand,
        reach.within(radius_m),
        caps,
        *near,
        radius_m,
        on_foot,
        off,
        0.0 if walked is None else walked.off_residents,
    )


def _sites(ready: Prepared, service: str, candidates: gpd.GeoDataFrame | None) -> tuple[gpd.GeoDataFrame, int]:
    standing = ready.city.institutions
    standing = standing[standing["service"] == service].reset_index(drop=True)
    if candidates is None or candidates.empty:
        table = standing
    else:
        doubled = set(candidates["id"].astype(str)) & set(standing["id"].astype(str))
        if doubled or candidates["id"].duplicated().any():
            raise UsageError(Problem("siting.id_twice", value=", ".join(sorted(doubled)) or "id"))
        given = candidates.to_crs(CRS).assign(service=service)
        for column, value in (("name", ""), ("tags", ""), ("level", ""), ("position_accuracy_m", POSITION_ACCURACY_M)):
            if column not in given.columns:
                given[column] = value
        columns = [c for c in given.columns if c in standing.columns]
        table = gpd.GeoDataFrame(pd.concat([standing, given[columns]], ignore_index=True), geometry="geometry", crs=CRS)
    if table.empty:
        raise UsageError(Problem("use.service_without_institutions", value=service))
    return ready.measure(table), len(standing)


def _inside_city(ready: Prepared, edges: tuple[Floats, Floats, float] | None, part_m: float | None) -> Demand:
    """Points inside the districts (the whole city where there are none): those whose residents the plan counts."""
    population, places = ready.city.population, ready.city.places
    fine = ready.plan.circle.radius_m / PARTS_A_RADIUS if part_m is None else part_m
    demand = demand_points(population, part_m=fine, edges=edges)
    while part_m is None and len(demand) > MOST_POINTS:
        fine *= 2
        demand = demand_points(population, part_m=fine, edges=edges)
    districts = places[places["level"] == "district"]
    ground = districts if len(districts) else places[places["level"] == "city"]
    keep = locate(demand.lon, demand.lat, ground) >= 0 if len(ground) else np.ones(len(demand), dtype=bool)
    return Demand(*(getattr(demand, n)[keep] for n in ("lon", "lat", "residents", "cell")))


def _neighbours(
    sites: gpd.GeoDataFrame, at: tuple[Floats, Floats], radius_m: float, *, sure: bool
) -> tuple[Ints, Small]:
    """Others within the circle of each site; campuses of one institution are no others 分院区同属一家."""
    accuracy = sites["position_accuracy_m"].fillna(POSITION_ACCURACY_M).to_numpy(dtype=np.float64) * sure
    found = reach_straight(*at, *at, radius_m=radius_m + 2 * float(accuracy.max(initial=0.0)))
    site = found.site
    codes = np.array(institution_codes(sites), dtype=object)
    keep = (codes[found.point] != codes[site]) & (
        found.distance_m <= radius_m + accuracy[site] + accuracy[found.point] + 1e-3
    )
    start = np.append(0, np.cumsum(np.bincount(site[keep], minlength=len(sites)))).astype(np.int64)
    return start, found.point[keep]


# ── limits of a question ──────────────────────────────────────


def locked(field: Field, *, keep: Sequence[str] = (), tags: Sequence[str] = KEPT_TAGS) -> dict[int, str]:
    """Institutions that stay, with why: position to "named", a tag, or "only_one" in a place that must keep one."""
    found = dict.fromkeys((int(p) for p in field.positions(keep)), "named")
    held = field.sites["tags"].fillna("").astype(str).str.split(";")
    for at in range(field.existing):
        bears = [t for t in tags if t in held.iloc[at]]
        if bears:
            found.setdefault(at, bears[0])
    for cap in field.caps.areas:
        members = cap.row.member[cap.row.member < field.existing]
        if cap.kind == "min" and len(members) == len(cap.row.member) == 1 and cap.row.low > 0:
            found.setdefault(int(members[0]), "only_one")
    return found


def limits_of(field: Field, *, required: Flags, forbidden: Flags) -> Limits:
    """Limits of a choice in which `required` sites stand and `forbidden` do not.

    What cannot be helped is not asked for: an upper limit that the required sites alone exceed is what they make (the
    circle of a required institution holds those required beside it), a lower one that even all allowed sites do not
    reach is what they reach.
    """
    free = ~required & ~forbidden
    rows = []
    for cap in field.caps.areas:
        row = cap.row
        must, other = float(row.coef[required[row.member]].sum()), row.coef[free[row.member]]
        fewest, largest = must + float(other[other < 0].sum()), must + float(other[other > 0].sum())
        rows.append(replace(row, low=min(row.low, largest), high=max(row.high, fewest)))
    within = np.bincount(_site_of(field)[required[field.near]], minlength=len(field.sites))
    most = field.caps.circle_most.copy()
    most[required] = np.maximum(most[required], within[required] + 1.0)
    return Limits(len(field.sites), required, forbidden, most, field.near_start, field.near, tuple(rows))


def _site_of(field: Field) -> Ints:
    return np.repeat(np.arange(len(field.sites), dtype=np.int64), np.diff(field.near_start))


def point_candidates(lon: Floats, lat: Floats, *, prefix: str) -> gpd.GeoDataFrame:
    """A table of candidates from coordinates, ids counted from 1 behind a prefix."""
    width = max(3, len(str(len(lon))))
    ids = [f"{prefix}{n:0{width}d}" for n in range(1, len(lon) + 1)]
    return gpd.GeoDataFrame({"id": ids}, geometry=shapely.points(lon, lat), crs=CRS)

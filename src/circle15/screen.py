"""Many proposed sites at once 批量初筛: conclusions without the findings, the same that `Prepared.judge` comes to.

Sites and the other ground on which each may stand are measured together, and each rule is asked once for all that it
sees alike: places, classes, what the application says, and whether a circle is over its limit, surely or perhaps
(judge/many.py). Where a rule weighs neighbours one by one, or the application names its institution, a site is judged
by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.judge.asked import PROPOSED_ID, attributes_of, proposed_row, question_faults
from circle15.judge.circles import rule_reach_m
from circle15.judge.findings import exceeds
from circle15.judge.many import GROUND, Grounds, Told, numbered
from circle15.judge.verdict import seen_by_rules
from circle15.measure.circles import lonlat
from circle15.measure.position import accuracies_m
from circle15.policy.asked import asked_of
from circle15.policy.rules import CircleLimit, Exempt, Prefer, Suspend
from circle15.project.metric import PointTree
from circle15.quantities import DISTANCE_TOLERANCE_M, Progress
from circle15.schema import CRS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circle15.judge.conditions import Site
    from circle15.policy.cards import Card
    from circle15.prepared import Prepared

    Codes = NDArray[np.int64]
    _Pairs = tuple[Codes, Codes, NDArray[np.float64], NDArray[np.float64]]

_EXAMPLES, _LONG = 20, 80
_SHOWN = frozenset({"name", "address"})
"""What an application says that no rule weighs, unless it names it."""


def screen_sites(
    ready: Prepared,
    sites: gpd.GeoDataFrame,
    *,
    attributes: Mapping[str, object] | None = None,
    each: Sequence[Mapping[str, object]] | None = None,
    progress: Progress | None = None,
) -> gpd.GeoDataFrame:
    """Measure proposed sites and tell what each comes to.

    Parameters
    ----------
    ready
        Plan and city, held ready.
    sites
        `service` and points in degrees of WGS 84; `position_accuracy_m` and anything else where known.
    attributes, each
        What all applications say alike, and what each says besides (n,), as in `Prepared.judge`.
    progress
        Called as (step id, done, total).

    Returns
    -------
    `sites` with the columns of `Prepared.measure`, `conclusion`, `decided_by` (ids of the rules it rests on, joined by
    ";") and `clauses` of these rules; columns of these names that `sites` had already are replaced.

    Raises
    ------
    UsageError
        No column `service`, shapes that are no points, points in another system, or services, places and accuracies
        that cannot be, each by its row (from 1).
    """
    asked = _asked(sites.reset_index(drop=True))
    tell = progress or (lambda *_: None)
    tell("measure", 0, len(sites))
    alike_said = attributes_of(attributes)
    known = [alike_said] * len(sites) if each is None else [alike_said | attributes_of(row) for row in each]
    who = {"id": PROPOSED_ID, "service": asked["service"], "institution": [k.get("institution", "") for k in known]}
    measured = ready.measure(gpd.GeoDataFrame(who, geometry=asked.geometry))
    told = _Screen(ready, asked, known, pd.DataFrame(measured.drop(columns="geometry"))).told(tell)
    clauses = {r.id: r.clause for r in ready.plan.rules}
    columns = {
        "conclusion": [str(one.conclusion) for one in told],
        "decided_by": [";".join(one.decided_by) for one in told],
        "clauses": [";".join(dict.fromkeys(clauses[r] for r in one.decided_by)) for one in told],
    }
    found = measured.drop(columns=[*who, "geometry"]).assign(**columns).set_index(sites.index)
    kept = sites.drop(columns=[c for c in found if c in sites])
    return gpd.GeoDataFrame(pd.concat([kept, found], axis=1), geometry=kept.geometry.name, crs=sites.crs)


def _asked(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Sites with what is known of their accuracy; UsageError with the faults of the first that have any."""
    if "service" not in sites:
        raise UsageError(Problem("use.sites_no_service", params={"found": ", ".join(map(str, sites.columns))}))
    if sites.crs is not None and not sites.crs.equals(CRS, ignore_axis_order=True):
        raise UsageError(Problem("use.sites_crs", value=sites.crs.to_string()[:_LONG]))
    shapes = set(sites.geom_type.dropna()) - {"Point"}
    if shapes:  # which point of a plot is applied for decides what its circle holds: the applicant's to say
        raise UsageError(Problem("use.sites_no_points", params={"found": ", ".join(sorted(shapes))}))
    asked = sites.assign(position_accuracy_m=accuracies_m(sites))
    lon, lat = lonlat(asked)
    said_m = sites.get("position_accuracy_m", asked["position_accuracy_m"]).to_numpy(dtype=np.float64, na_value=np.nan)
    accuracy_m = np.where(said_m < 0, said_m, asked["position_accuracy_m"])
    fits = asked["service"].isin(SERVICES).to_numpy() & (np.abs(lon) <= 180) & (np.abs(lat) <= 90)  # noqa: PLR2004 - degrees
    fits &= (accuracy_m >= 0) & (accuracy_m < np.inf)
    problems = [
        replace(problem, row=int(at) + 1)
        for at in np.flatnonzero(~fits)[:_EXAMPLES]
        for problem in question_faults(lon[at], lat[at], "wgs84", asked["service"].iloc[at], accuracy_m[at])
    ]
    if problems:
        raise UsageError(problems)
    return asked


# ── who is alike ──────────────────────────────────────────────


@dataclass(frozen=True)
class _Screen:
    """Sites (n,) with what is known of each and their own measures."""

    ready: Prepared
    sites: gpd.GeoDataFrame
    known: Sequence[Mapping[str, object]]
    measured: pd.DataFrame

    def told(self, tell: Progress) -> list[Told]:
        """What each site comes to: together, or by itself where a rule sees more of it than can be sorted."""
        seen, alone = self._seen()
        many, single = np.flatnonzero(~alone), np.flatnonzero(alone)
        steps = len(self.ready.plan.rules) + len(single)
        found: dict[int, Told] = {}
        if len(many):
            grounds = self._grounds(many, {name: codes[many] for name, codes in seen.items()})
            found |= dict(zip(many.tolist(), grounds.told(lambda n: tell("judge", n, steps)), strict=True))
        for n, at in enumerate(single.tolist()):
            tell("judge", len(self.ready.plan.rules) + n, steps)
            found[at] = self._alone(at)
        tell("judge", steps, steps)
        return [found[at] for at in range(len(self.sites))]

    def _alone(self, at: int) -> Told:
        verdict = self.ready.judge(
            lon=self._place[0][at],
            lat=self._place[1][at],
            datum="wgs84",
            service=str(self.sites["service"].iloc[at]),
            position_accuracy_m=self._accuracy_m[at],
            attributes=self.known[at],
        )
        return Told(verdict.conclusion, verdict.decided_by)

    @cached_property
    def _place(self) -> tuple[list[float], list[float]]:
        lon, lat = lonlat(self.sites)
        return lon.tolist(), lat.tolist()

    @cached_property
    def _accuracy_m(self) -> list[float]:
        return [float(v) for v in self.sites["position_accuracy_m"]]

    def _said(self) -> Codes:
        """Number (n,) of what rules know of each site beside its ground and its neighbours."""
        idle = _SHOWN - _asked_about(self.ready)
        said = [tuple(sorted((k, str(v)) for k, v in row.items() if k not in idle)) for row in self.known]
        own = (pd.Series(said), self.sites["service"], self.sites["position_accuracy_m"])
        return numbered([pd.factorize(column)[0] for column in own])

    def _seen(self) -> tuple[dict[str, Codes], NDArray[np.bool_]]:
        """What each rule sees about each site (n,), and which sites are judged by themselves."""
        n = len(self.sites)
        alone = np.array(["institution" in row for row in self.known], dtype=bool)
        pooled = "pooling_area" in self.ready.city.institutions or any("pooling_area" in row for row in self.known)
        seen = {rule.id: np.zeros(n, dtype=np.int64) for rule in self.ready.plan.rules}
        for service in sorted(set(self.sites["service"])):
            at = np.flatnonzero((self.sites["service"] == service).to_numpy())
            some = _Some(self.ready, service, self.sites.iloc[at], frozenset(self.measured.columns), pooled=pooled)
            for rule in (r for r in self.ready.plan.rules if service in r.services):
                codes = some.seen(rule)
                if codes is None:
                    alone[at] = True
                    break
                seen[rule.id][at] = codes
        return seen, alone

    def _grounds(self, many: Codes, seen: Mapping[str, Codes]) -> Grounds:
        """Where some of the sites stand, and may stand within their position accuracy."""
        who: dict[str, Any] = {"site": np.arange(len(many)), "id": PROPOSED_ID, "institution": ""}
        some = self.sites.iloc[many]
        who |= {name: some[name].to_numpy() for name in ("service", "position_accuracy_m")}
        asked = gpd.GeoDataFrame(who, geometry=some.geometry.to_numpy(), crs=CRS)
        own = self.measured.iloc[many]
        columns = ["site", "moved_m", "service", *GROUND]
        moved = self.ready.measure_elsewhere(asked, own, columns=columns)
        parts = [own.assign(site=who["site"], moved_m=0.0)[columns], *([moved] if len(moved) else [])]
        table = pd.concat(parts, ignore_index=True)
        return Grounds(self.ready.plan, table, self._said()[many], seen, self._looked(many, table))

    def _looked(self, many: Codes, table: pd.DataFrame) -> Callable[[int], Site]:
        """Gives the site of a row of grounds (`site` counts in `many`) as the rules look at it there."""
        ready, (lon, lat) = self.ready, self._place
        near: dict[int, list[Mapping[str, object]]] = {}
        told = {str(name): column.to_numpy(dtype=object) for name, column in table.items()}

        def looked(row: int) -> Site:
            ground = {name: column[row] for name, column in told.items()}
            at = int(many[ground["site"]])
            accuracy_m, known = self._accuracy_m[at], self.known[at]
            if at not in near:
                near[at] = ready.about(lon[at], lat[at], accuracy_m)
            said = proposed_row(str(ground["service"]), accuracy_m, known)
            inputs = replace(ready.inputs, attributes=known)
            return seen_by_rules(ready.plan, said | ground, near[at], ready.totals, inputs)

        return looked


def _asked_about(ready: Prepared) -> frozenset[str]:
    """What rules of the plan ask of an applicant by name."""
    rules = ready.plan.rules
    told = {a.attribute for r in rules for a in asked_of(r)}
    return frozenset(told).union(*(getattr(r, name, ()) for r in rules for name in ("same", "keys")))


@dataclass(frozen=True)
class _Some:
    """Sites (n,) of one service; `told` are columns measured of each, `pooled` says that pooling areas are told."""

    ready: Prepared
    service: str
    sites: gpd.GeoDataFrame
    told: frozenset[str]
    pooled: bool
    pairs: dict[object, _Pairs] = field(default_factory=dict)

    def seen(self, rule: Card) -> Codes | None:
        """What a rule sees of each site beside its ground and what is said of it; None: more than can be sorted."""
        if {a.attribute for a in asked_of(rule)} & self.told:
            return None
        if isinstance(rule, CircleLimit):
            return self._circle(rule)
        if isinstance(rule, Exempt) and rule.none_within:
            return self._nobody_near(rule, (self.service,)) if rule.distance == "straight" else None
        if isinstance(rule, Suspend) and rule.scope == "radius":
            plain = rule.distance == "straight" and not rule.same_level and self.ready.inputs.indicators is None
            return self._nobody_near(rule, rule.services) if plain else None
        if isinstance(rule, Prefer) and rule.near is not None and (rule.radius_m, rule.minutes) != (None, None):
            return None
        return np.zeros(len(self.sites), dtype=np.int64)

    def _circle(self, rule: CircleLimit) -> Codes | None:
        """Whether a circle is over its limit as it stands, at least and at most."""
        plain = rule.distance == "straight" and not rule.same and not rule.by_residents
        if not plain or self.pooled:
            return None
        if rule.max is None:
            return np.zeros(len(self.sites), dtype=np.int64)
        far_m = rule_reach_m(rule, self.ready.plan, rule.radius_m)
        i, j, gap_m, slack_m = self._gaps(far_m, self._counted(rule))
        inside, edge = gap_m <= DISTANCE_TOLERANCE_M, np.abs(gap_m) <= slack_m + DISTANCE_TOLERANCE_M
        counts = np.column_stack([self._institutions(i[p], j[p]) for p in (inside, inside & ~edge, inside | edge)])
        own = 1 if rule.counts_site else 0
        over = np.array([exceeds(k + own, rule.max) for k in range(int(counts.max(initial=0)) + 1)], dtype=np.int64)
        return np.asarray(over[counts] @ np.array([4, 2, 1]))

    def _nobody_near(self, rule: Exempt | Suspend, services: Sequence[str]) -> Codes:
        """Whether someone of some services surely, or perhaps, stands within the rule's radius."""
        radius_m = rule.radius_m or self.ready.plan.circle.radius_m
        i, _, gap_m, slack_m = self._gaps(radius_m, np.isin(self.ready.crowd.services, services))
        edge_m = slack_m + DISTANCE_TOLERANCE_M
        surely, perhaps = (np.bincount(i[p], minlength=len(self.sites)) > 0 for p in (gap_m < -edge_m, gap_m <= edge_m))
        return surely.astype(np.int64) * 2 + perhaps

    def _counted(self, rule: CircleLimit) -> NDArray[np.bool_]:
        """Institutions of the register that a rule counts."""
        services = self.ready.crowd.services
        wanted = rule.counts_services or ((self.service,) if rule.like == "service" else ())
        counted = np.isin(services, wanted) if wanted else np.ones(len(services), dtype=bool)
        if rule.excludes or rule.like == "tag":
            tags = [frozenset(str(t).split(";")) for t in self.ready.city.institutions["tags"]]
            counted &= np.array([t.isdisjoint(rule.excludes) for t in tags], dtype=bool)
            if rule.like == "tag":
                counted &= np.array([not t.isdisjoint(rule.tags) for t in tags], dtype=bool)
        return counted

    def _institutions(self, site: Codes, other: Codes) -> Codes:
        """How many institutions each site has among its pairs; campuses 分院区 count once."""
        whose = self.ready.crowd.others.whose
        size = int(whose.max(initial=0)) + 1
        return np.bincount(np.unique(site * size + whose[other]) // size, minlength=len(self.sites))

    def _gaps(self, radius_m: float, counted: NDArray[np.bool_]) -> _Pairs:
        """Pairs of sites and institutions (positions) about a radius: metres beyond it, and what positions may err."""
        asked = radius_m, counted.tobytes()
        if asked not in self.pairs:
            self.pairs[asked] = self._paired(radius_m, np.flatnonzero(counted))
        return self.pairs[asked]

    def _paired(self, radius_m: float, rows: Codes) -> _Pairs:
        lon, lat = lonlat(self.sites)
        own_m = self.sites["position_accuracy_m"].to_numpy(dtype=np.float64)
        theirs_m = self.ready.crowd.accuracies_m[rows]
        reach_m = radius_m + own_m.max(initial=0.0) + theirs_m.max(initial=0.0) + 1.0
        i, j, metres = PointTree(self.ready.crowd.lon[rows], self.ready.crowd.lat[rows]).within(lon, lat, reach_m)
        return i, rows[j], metres - radius_m, theirs_m[j] + own_m[i]

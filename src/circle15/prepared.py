"""A plan and a city held ready 备好的城市: indexes, totals and registers made once, for many proposed sites.

`study.judge_proposed` asks one question of it; a table of sites, a round of applications or a session ask thousands.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry import Point

from circle15.errors import Problem, UsageError
from circle15.judge.circles import exceeding_ids
from circle15.judge.columns import records
from circle15.judge.effects import walked_column
from circle15.judge.inputs import Inputs
from circle15.judge.limits import circle_caps
from circle15.judge.on_foot import residents_column
from circle15.judge.verdict import judge_site
from circle15.measure.circles import lonlat, measure_circles, residents_within, sites_of
from circle15.measure.coverage import measure_coverage
from circle15.measure.density import measure_density
from circle15.measure.ground import Ground
from circle15.measure.others import Others, Sites
from circle15.measure.position import circle_bounds, points_within_error
from circle15.measure.totals import measure_totals, place_ids
from circle15.measure.walking_circles import Both, HomesOnFoot, OnFoot, walking_to
from circle15.measure.walking_coverage import measure_walking_coverage
from circle15.policy.plan import Plan, check_places, mark_places
from circle15.policy.rules import ON_FOOT, Target
from circle15.project.datum import to_wgs84
from circle15.project.metric import DISTANCE_TOLERANCE_M, PointTree
from circle15.schema import CRS, DATUMS, POSITION_ACCURACY_M, SERVICES, SPEEDS_M_PER_S, City, Datum, Population, Verdict

PROPOSED_ID = "proposed"
COVERAGE = "coverage_share"
"""Measure of a goal that is measured here: share of the residents within the circle of a service 服务人口覆盖率."""

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]


class Prepared:
    """One plan, one city, one day.

    Parameters
    ----------
    plan, city
        As loaded; places are checked against the plan and marked by it.
    indicators, events
        Tables as in judge/inputs.py; None where not known.
    as_of
        The day of the judgement: the register is read as it stood then; None reads all of it.
    """

    def __init__(
        self,
        plan: Plan,
        city: City,
        *,
        indicators: pd.DataFrame | None = None,
        events: pd.DataFrame | None = None,
        as_of: dt.date | None = None,
    ) -> None:
        check_places(plan, city.places)
        self.plan = plan
        self.as_of = as_of
        self.city = replace(
            city, places=mark_places(plan, city.places), institutions=standing_on(city.institutions, as_of)
        )
        self._indicators, self._events = indicators, events
        self._rows: dict[int, dict[str, Any]] = {}

    # ── made once ─────────────────────────────────────────────

    @cached_property
    def totals(self) -> pd.DataFrame:
        """One row a place: residents, ground, institutions; coverage where a goal of the plan asks for it."""
        city = self.city
        table = measure_totals(city.places, city.population, city.institutions, services=SERVICES)
        asked = {s for r in self.plan.rules if isinstance(r, Target) and r.measure == COVERAGE for s in r.services}
        if asked:
            radius_m = self.plan.circle.radius_m
            wanted = [s for s in SERVICES if s in asked]
            covered = measure_coverage(
                city.population, city.institutions, city.places, radius_m=radius_m, services=wanted
            )
            for service in wanted:
                shares = covered[covered["service"] == service].set_index("place_id")["share"]
                table[f"{COVERAGE}_{service}"] = table["place_id"].map(shares).astype(float)
        return table.assign(**self._goals_on_foot()) if self.foot is not None else table

    def _goals_on_foot(self) -> dict[str, NDArray[np.float64]]:
        """Columns (one value a place) of what goals by walking distance measure, by rule and service."""
        city, streets = self.city, self.city.streets
        columns: dict[str, NDArray[np.float64]] = {}
        for rule in self.plan.rules:
            wanted = isinstance(rule, Target) and rule.distance == "walking" and rule.measure in ON_FOOT
            if not wanted or not isinstance(rule, Target) or streets is None:
                continue
            usual = city.pace.metres_per_s if rule.mode == "walk" else SPEEDS_M_PER_S[rule.mode]
            foot = OnFoot(streets, pace=replace(city.pace, metres_per_s=rule.speed_m_per_s or usual))
            found = measure_walking_coverage(
                city.population, city.institutions, city.places, foot, radius_m=self.plan.circle.radius_m,
                services=rule.services,
            )  # fmt: skip
            for service, rows in found.groupby("service"):
                columns[walked_column(rule, str(service))] = rows[ON_FOOT[rule.measure]].to_numpy(dtype=np.float64)
        return columns

    @cached_property
    def inputs(self) -> Inputs:
        """Register, indicators, events and day, as the rules look at them."""
        return Inputs(register_of(self.city), self._indicators, self._events, self.as_of)

    @cached_property
    def own_measures(self) -> pd.DataFrame:
        """Every institution with the measures of its own circle, in the order of the register."""
        return pd.DataFrame(self.measure(self.city.institutions).drop(columns="geometry"))

    @cached_property
    def foot(self) -> OnFoot | None:
        """The streets ready for walking; None where the city has none."""
        streets = self.city.streets
        return None if streets is None else OnFoot(streets, pace=self.city.pace)

    @cached_property
    def exceeding(self) -> frozenset[str]:
        """Ids of institutions whose own circle would rise above its cap with one more."""
        return exceeding_ids(self.plan, self.own_measures, self.totals)

    @cached_property
    def _ground(self) -> Ground | None:
        population = self.city.population
        return Ground(population, self.city.places) if isinstance(population, Population) else None

    @cached_property
    def _lonlat(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return lonlat(self.city.institutions)

    @cached_property
    def _everyone(self) -> PointTree:
        return PointTree(*self._lonlat)

    @cached_property
    def _others(self) -> Others:
        return Others(sites_of(self.city.institutions))

    @cached_property
    def _register_columns(self) -> pd.DataFrame:
        return pd.DataFrame(self.city.institutions.drop(columns="geometry"))

    @cached_property
    def worst_accuracy_m(self) -> float:
        """Largest position accuracy in the register: how far beyond the radius a neighbour may still matter."""
        worst = self.city.institutions["position_accuracy_m"].max()
        return float(worst) if worst == worst else 0.0  # noqa: PLR0124 - NaN where the register is empty

    # ── questions ─────────────────────────────────────────────

    def measure(self, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Circle measures, densities and circle caps of sites (existing or proposed), joined to their own columns.

        `sites` needs id, service and point geometry (EPSG:4326); index in = index out.
        """
        if self._ground is None:
            columns = self._slow_columns(sites)
        else:
            columns = self._columns(sites_of(sites), np.asarray(sites.geometry.array, dtype=object))
        found = pd.DataFrame(columns, index=sites.index)
        measured = gpd.GeoDataFrame(pd.concat([sites, found], axis=1), geometry="geometry", crs=sites.crs)
        return measured.join(circle_caps(self.plan, pd.DataFrame(measured.drop(columns="geometry"))))

    def judge(
        self,
        *,
        lon: float,
        lat: float,
        datum: Datum,
        service: str,
        position_accuracy_m: float = POSITION_ACCURACY_M,
        attributes: Mapping[str, object] | None = None,
        walking: pd.DataFrame | None = None,
    ) -> Verdict:
        """Test a proposed site against every rule of the plan; parameters as in `study.judge_proposed`."""
        _check_question(lon, lat, datum, service, position_accuracy_m)
        wgs_lon, wgs_lat = (np.asarray(v, dtype=np.float64) for v in to_wgs84([lon], [lat], datum))
        known = {k: v for k, v in (attributes or {}).items() if k not in {"id", "service", "geometry"}}
        said = _proposed(service, position_accuracy_m, known)
        point = Point(wgs_lon[0], wgs_lat[0])
        row = said | self._row(point, service, said["institution"]) | {"lon": point.x, "lat": point.y}
        return judge_site(
            self.plan,
            site=row,
            neighbours=self._neighbours(wgs_lon, wgs_lat, position_accuracy_m, walking),
            exceeding=self.exceeding,
            totals=self.totals,
            inputs=replace(self.inputs, attributes=known),
            elsewhere=self._elsewhere(row, said, point),
        )

    def measure_elsewhere(self, sites: gpd.GeoDataFrame, measured: pd.DataFrame) -> pd.DataFrame:
        """Measures at points within the position accuracy of sites that may be judged otherwise 位置误差.

        Other places are always looked for; cells, and circles about points around the site, only where the plan's
        density or steps are read from them and a threshold lies near enough. Rows as of `measure`, with `moved_m`.
        """
        unit = self.plan.density.unit if self.plan.density_classes else ""
        cells = self.city.population if unit == "cell" else None
        ring = self._gradual(sites, measured)
        around = points_within_error(sites, self.city.places, ring=ring, cells=cells)
        found = self.measure(around) if len(around) else around
        return pd.DataFrame(found.drop(columns="geometry"))

    def around(self, institution_id: str) -> list[Mapping[str, Any]]:
        """Other institutions of every service as far as any rule of the plan looks, with distance_m, nearest first."""
        own = self._register_rows[institution_id]
        lon, lat = self._lonlat
        j, metres = self._in_reach(lon[[own]], lat[[own]], float(self._accuracies_m[own]))
        walking = None
        if self.foot is not None:
            walking = self._walking((float(lon[own]), float(lat[own])), self.worst_accuracy_m)
        others = self._others.whose[j] != self._others.whose[own]
        return self._told_of(j[others], metres[others], walking)

    # ── parts of an answer ────────────────────────────────────

    def _row(self, point: Point, service: str, institution: str) -> dict[str, Any]:
        """Measures and caps of one proposed site; `institution` is the code of the one that it would be a campus of."""
        if self._ground is None:
            told = {"id": [PROPOSED_ID], "service": [service], "institution": [institution]}
            columns = self._slow_columns(gpd.GeoDataFrame(told, geometry=[point], crs=CRS))
        else:
            kind, own = np.array([service], dtype=object), np.array([PROPOSED_ID], dtype=object)
            site = Sites(np.array([point.x]), np.array([point.y]), kind, own, [institution or PROPOSED_ID])
            columns = self._columns(site, np.array([point], dtype=object))
        return {name: v[0] if v.dtype == object else v[0].item() for name, v in columns.items()}

    def _elsewhere(self, row: Mapping[str, Any], said: Mapping[str, Any], point: Point) -> list[Mapping[str, Any]]:
        """Measures of one proposed site at other points where it may stand."""
        accuracy_m = float(said["position_accuracy_m"])
        density = self.plan.density.unit if self.plan.density_classes else ""
        steps = any(r.max_steps for r in self.plan.circle_rules())
        alone = self._ground is not None and self._ground.alone(point, accuracy_m)
        if accuracy_m == 0 or (alone and density == "place" and not steps):
            return []
        site = gpd.GeoDataFrame({k: [v] for k, v in said.items()}, geometry=[point], crs=CRS)
        measured = pd.DataFrame({k: [v] for k, v in row.items()})
        return list(records(self.measure_elsewhere(site, measured)))

    @cached_property
    def _register_rows(self) -> dict[str, int]:
        return {str(name): at for at, name in enumerate(self._register_columns["id"])}

    def _gradual(self, sites: gpd.GeoDataFrame, measured: pd.DataFrame) -> NDArray[np.bool_]:
        """Sites whose circle may cross a threshold of density or of residents within their position accuracy (n,)."""
        stepped = [r for r in self.plan.circle_rules() if r.max_steps]
        steps = {s.up_to for r in stepped if r.distance == "straight" for s in r.max_steps if s.up_to is not None}
        classes = self.plan.density_classes if self.plan.density.unit == "circle" else ()
        density = {bound for c in classes for bound in (c.min, c.below) if bound is not None}
        # how many live within a walk may change with every step, so that no bound can be told beforehand
        near = np.full(len(sites), self.foot is not None and any(r.distance == "walking" for r in stepped))
        if steps or density:
            land_km2 = measured["circle_land_km2"].to_numpy(dtype=float)
            bounds = circle_bounds(sites, land_km2, self._residents, radius_m=self.plan.circle.radius_m)
            for name, thresholds in (("density", density), ("residents", steps)):
                low, high = (bounds[f"{name}_{end}"].to_numpy() for end in ("low", "high"))
                for threshold in thresholds:
                    near |= (low <= threshold) & (threshold <= high)
        return near

    def _residents(self, sites: gpd.GeoDataFrame, radius_m: float) -> NDArray[np.float64]:
        if self._ground is not None:
            return self._ground.circles(*lonlat(sites), radius_m=radius_m)["residents_within"]
        blocks = self.city.population.blocks()
        return np.asarray(sum(residents_within(*lonlat(sites), block, radius_m=radius_m) for block in blocks))

    def _columns(self, sites: Sites, points: Objects) -> dict[str, NDArray[Any]]:
        """Measures of sites (n,) as columns, from the indexes."""
        assert self._ground is not None  # noqa: S101 - the caller has asked
        lon, lat, radius_m = sites.lon, sites.lat, self.plan.circle.radius_m
        others, nearest_m = self._others.counts(sites, radius_m)
        circles = self._ground.circles(lon, lat, radius_m=radius_m)
        told = {"others_within": others, "nearest_other_m": nearest_m, **circles, **self._ground.density(points)}
        return told | self._residents_on_foot(lon, lat)

    def _slow_columns(self, sites: gpd.GeoDataFrame) -> dict[str, NDArray[Any]]:
        """The same from a population that is read block by block."""
        city, radius_m = self.city, self.plan.circle.radius_m
        circles = measure_circles(sites, city.institutions, city.population, radius_m=radius_m)
        density = measure_density(sites, city.population, city.places)
        settings = city.places.set_index("id")["settings"]
        marks = density["township_id"].map(settings).fillna("").astype(str)
        table = pd.concat([circles, density, marks.rename("township_settings")], axis=1)
        told = {str(name): values.to_numpy() for name, values in table.items()}
        return told | self._residents_on_foot(*lonlat(sites))

    def _residents_on_foot(self, lon: Floats, lat: Floats) -> dict[str, NDArray[Any]]:
        """Residents within the distance of circle rules on foot that reckon on them, by rule; none without streets."""
        rules = [r for r in self.plan.circle_rules() if r.distance == "walking" and (r.max_steps or r.max_rate)]
        return {
            residents_column(r): self._homes.within(
                lon, lat, radius_m=r.radius_m or self.plan.circle.radius_m, minutes=r.minutes
            )
            for r in (rules if self.foot is not None else ())
        }

    @cached_property
    def _homes(self) -> HomesOnFoot:
        assert self.foot is not None  # noqa: S101 - the caller has asked
        return HomesOnFoot(self.city.population, self.foot)

    def _walking(self, here: tuple[float, float], accuracy_m: float) -> pd.DataFrame:
        """Ways on foot from a place to the institutions that the rules look at."""
        assert self.foot is not None  # noqa: S101 - the caller has asked
        reach_m = self.reach_m(accuracy_m)
        return walking_to(here, self.city.institutions, self.foot, reach_m=reach_m, there=self._institution_spots)

    @cached_property
    def _institution_spots(self) -> Both:
        assert self.foot is not None  # noqa: S101 - the caller has asked
        return self.foot.spots(*self._lonlat)

    def reach_m(self, accuracy_m: float) -> float:
        """How far any rule of the plan looks from a site, positions being uncertain."""
        # without streets too: someone within minutes whose way is not known must not be overlooked
        return self.plan.reach_m(metres_per_s=self.city.pace.metres_per_s) + accuracy_m + self.worst_accuracy_m

    def _in_reach(self, lon: Floats, lat: Floats, accuracy_m: float) -> tuple[NDArray[np.int64], Floats]:
        """Institutions as far as any rule looks from one point, each by its own accuracy; metres, nearest first."""
        reach_m = self.reach_m(accuracy_m)
        _, near, metres = self._everyone.within(lon, lat, reach_m)
        counts = metres <= reach_m - self.worst_accuracy_m + self._accuracies_m[near] + DISTANCE_TOLERANCE_M
        return near[counts], metres[counts]

    @cached_property
    def _accuracies_m(self) -> Floats:
        given = self.city.institutions["position_accuracy_m"].to_numpy(dtype=np.float64)
        return np.asarray(np.where(np.isnan(given), POSITION_ACCURACY_M, given))

    def _neighbours(
        self, lon: Floats, lat: Floats, accuracy_m: float, walking: pd.DataFrame | None
    ) -> list[Mapping[str, Any]]:
        """Institutions of every service as far as any rule of the plan looks, nearest first."""
        near, metres = self._in_reach(lon, lat, accuracy_m)
        if walking is None and self.foot is not None:
            walking = self._walking((float(lon[0]), float(lat[0])), accuracy_m)
        return self._told_of(near, metres, walking)

    def _told_of(
        self, near: NDArray[np.int64], metres: Floats, walking: pd.DataFrame | None
    ) -> list[Mapping[str, Any]]:
        """Rows of the register with distance_m, and the way on foot where it is told (NaN for the others)."""
        ways: dict[str, dict[str, Any]] = {}
        nowhere: dict[str, Any] = {}
        if walking is not None:
            ways = {str(r["id"]): r for r in records(walking)}
            nowhere = dict.fromkeys(walking.columns.drop("id"), np.nan)
        found: list[Mapping[str, Any]] = []
        for j, metre in zip(near.tolist(), metres.tolist(), strict=True):
            told = self._told(j)
            found.append({**told, "distance_m": metre, **ways.get(told["id"], nowhere)})
        return found

    def _told(self, j: int) -> dict[str, Any]:
        """One row of the register, kept once it has been asked for."""
        if j not in self._rows:
            self._rows[j] = {str(k): v for k, v in self._register_columns.iloc[j].items()}
        return self._rows[j]


def standing_on(institutions: gpd.GeoDataFrame, as_of: dt.date | None) -> gpd.GeoDataFrame:
    """Institutions whose agreement held on a day 在册机构 (both ends included); all of them where no day is given."""
    if as_of is None:
        return institutions
    day = pd.Timestamp(as_of)
    starts, ends = institutions["valid_from"], institutions["valid_to"]
    held = institutions[(starts.isna() | (starts <= day)) & (ends.isna() | (ends >= day))]
    return held.reset_index(drop=True)


def register_of(city: City) -> pd.DataFrame:
    """The register with the places that hold each institution, as judge/inputs.py reads it."""
    table = pd.DataFrame(city.institutions.drop(columns="geometry"))
    return pd.concat([table, place_ids(city.institutions, city.places)], axis=1)


def _check_question(lon: float, lat: float, datum: str, service: str, accuracy_m: float) -> None:
    problems = []
    if service not in SERVICES:
        problems.append(Problem("use.unknown_service", value=str(service), params={"known": ", ".join(SERVICES)}))
    if datum not in DATUMS:
        problems.append(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - degrees
        problems.append(Problem("use.site_out_of_range", value=f"{lon}, {lat}"))
    if not 0 <= accuracy_m < float("inf"):
        problems.append(Problem("use.accuracy", value=str(accuracy_m)))
    if problems:
        raise UsageError(problems)


def _proposed(service: str, position_accuracy_m: float, known: Mapping[str, object]) -> dict[str, Any]:
    """What is said of a proposed site, in the columns that measures and rules look at."""
    given: dict[str, Any] = {"name": "", "level": "", "tags": "", "beds": float("nan"), "institution": ""}
    given |= {k: v for k, v in known.items() if isinstance(v, (str, int, float))}
    return given | {"id": PROPOSED_ID, "service": service, "position_accuracy_m": position_accuracy_m}

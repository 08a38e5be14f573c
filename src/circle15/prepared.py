"""A plan and a city held ready 备好的城市: indexes, totals and registers made once, for many proposed sites.

`study.judge_proposed` asks one question of it; a table of sites, a round of applications or a session ask thousands.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point

from circle15.goals import goals_by_place
from circle15.judge.asked import attributes_of, check_question, proposed_row
from circle15.judge.circles import exceeding_ids, limit_by_residents
from circle15.judge.columns import records
from circle15.judge.inputs import Inputs
from circle15.judge.limits import circle_caps
from circle15.judge.on_foot import residents_column
from circle15.judge.verdict import judge_site
from circle15.measure.circles import circle_ground, lonlat, measure_circles, sites_of
from circle15.measure.crowd import Crowd
from circle15.measure.density import measure_density
from circle15.measure.ground import Ground
from circle15.measure.others import Sites
from circle15.measure.position import accuracies_m, circle_bounds, other_ground, points_within_error
from circle15.measure.totals import measure_totals, register_of
from circle15.measure.walking_circles import Both, HomesOnFoot, OnFoot, walking_to
from circle15.policy.areas import check_places
from circle15.policy.plan import Plan, mark_places
from circle15.project.datum import to_wgs84
from circle15.quantities import Floats, Ints
from circle15.schema import CRS, POSITION_ACCURACY_M, SERVICES, City, Datum, Population, Verdict

if TYPE_CHECKING:
    from circle15.measure.crowd import Near

Objects = NDArray[np.object_]
_MOVED_AT_ONCE = 20_000


class Prepared:
    """One plan, one city, one day.

    Parameters
    ----------
    plan, city
        As loaded; places are checked against the plan and marked by it.
    indicators, events
        Tables as in judge/inputs.py; None where not known.
    as_of
        The day of the judgement, where it is not the city's own: the register counts as it stood then; all of it
        without any day.
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
        self.city = replace(city.on(as_of), places=mark_places(plan, city.places))
        self.as_of = self.city.as_of
        self._indicators, self._events = indicators, events

    # ── made once ─────────────────────────────────────────────

    @cached_property
    def totals(self) -> pd.DataFrame:
        """One row a place: residents, ground, institutions; and what the goals of the plan measure."""
        city = self.city
        table = measure_totals(city.places, city.population, city.institutions, services=SERVICES)
        return table.assign(**goals_by_place(self.plan, city))

    @cached_property
    def inputs(self) -> Inputs:
        """Register, indicators, events and day, as the rules look at them."""
        return Inputs(
            register_of(self.city), self._indicators, self._events, self.as_of, denominators=self.city.denominators
        )

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
        held = isinstance(population, Population) or population.grid is not None
        return Ground(population, self.city.places) if held else None

    @cached_property
    def crowd(self) -> Crowd:
        """The institutions, indexed."""
        return Crowd(self.city.institutions)

    @property
    def worst_accuracy_m(self) -> float:
        """Largest position accuracy in the register: how far beyond the radius a neighbour may still matter."""
        return self.crowd.worst_accuracy_m

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
        check_question(lon, lat, datum, service, position_accuracy_m)
        wgs_lon, wgs_lat = (np.asarray(v, dtype=np.float64) for v in to_wgs84([lon], [lat], datum))
        known = attributes_of(attributes)
        said = proposed_row(service, position_accuracy_m, known)
        point = Point(wgs_lon[0], wgs_lat[0])
        near = self.crowd.within(wgs_lon, wgs_lat, self.reach_m(position_accuracy_m))
        row = said | self._row(wgs_lon, wgs_lat, said, near) | {"lon": float(wgs_lon[0]), "lat": float(wgs_lat[0])}
        return judge_site(
            self.plan,
            site=row,
            neighbours=self._neighbours((float(wgs_lon[0]), float(wgs_lat[0])), near, position_accuracy_m, walking),
            exceeding=self.exceeding,
            totals=self.totals,
            inputs=replace(self.inputs, attributes=known),
            elsewhere=self._elsewhere(row, said, point),
        )

    def measure_elsewhere(
        self, sites: gpd.GeoDataFrame, measured: pd.DataFrame, *, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Measures at points within the position accuracy of sites that may be judged otherwise 定位误差.

        Other places are always looked for; cells, and circles about points around the site, only where the plan's
        density or steps are read from them and a threshold lies near enough. Rows as of `measure`, with `moved_m`;
        of many sites `columns` may be kept alone.
        """
        lon, lat = lonlat(sites)
        accuracy_m = accuracies_m(sites)
        ring = self._gradual(lon, lat, accuracy_m, measured["circle_land_km2"].to_numpy(dtype=np.float64))
        near = ring | self._by_cell | (self._ground is None)
        if self._ground is not None:
            near |= self._ground.beside_border(lon, lat, accuracy_m)
        asked = np.flatnonzero(near & (accuracy_m > 0))
        cells = self.city.population if self._by_cell else None
        found = []
        for at in np.split(asked, range(_MOVED_AT_ONCE, len(asked), _MOVED_AT_ONCE)):
            around = points_within_error(sites.iloc[at], self.city.places, ring=ring[at], cells=cells)
            part = pd.DataFrame((self.measure(around) if len(around) else around).drop(columns="geometry"))
            found.append(part if columns is None or part.empty else part[list(columns)])
        filled = [part for part in found if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else found[0]

    def about(self, lon: float, lat: float, accuracy_m: float) -> list[Mapping[str, Any]]:
        """Institutions of every service as far as any rule of the plan looks from a place, nearest first."""
        near = self.crowd.within(np.array([lon]), np.array([lat]), self.reach_m(accuracy_m))
        return self._neighbours((lon, lat), near, accuracy_m, None)

    def around(self, institution_id: str) -> list[Mapping[str, Any]]:
        """Other institutions of every service as far as any rule of the plan looks, with distance_m, nearest first."""
        crowd, at = self.crowd, self.crowd.place[institution_id]
        lon, lat, accuracy_m = crowd.lon[[at]], crowd.lat[[at]], float(crowd.accuracies_m[at])
        j, metres = self._counting(crowd.within(lon, lat, self.reach_m(accuracy_m)), accuracy_m)
        walking = None
        if self.foot is not None:
            walking = self._walking((float(lon[0]), float(lat[0])), self.worst_accuracy_m)
        return self._told_of(*crowd.apart((j, metres), crowd.code(at)), walking)

    # ── parts of an answer ────────────────────────────────────

    def _row(self, lon: Floats, lat: Floats, said: Mapping[str, Any], near: Near) -> dict[str, Any]:
        """Measures of one proposed site (1,), those who are near it being known."""
        radius_m = self.plan.circle.radius_m
        if self._ground is None:
            return self._moved(lon, lat, said)[0]
        circles = self._ground.circles(lon, lat, radius_m=radius_m)
        density = self._ground.density(np.asarray(shapely.points(lon, lat), dtype=object))
        columns = {**circles, **density, **self._residents_on_foot(lon, lat)}
        crowd = self.crowd.about(_at(lon, lat, said), near, radius_m=radius_m)
        return crowd | {name: values.tolist()[0] for name, values in columns.items()}

    def _moved(self, lon: Floats, lat: Floats, said: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Measures of places (n,) where one proposed site may stand."""
        points = np.asarray(shapely.points(lon, lat), dtype=object)
        if self._ground is None:
            own = {k: [said[k]] * len(points) for k in ("id", "service", "institution")}
            columns = self._slow_columns(gpd.GeoDataFrame(own, geometry=points, crs=CRS))
        else:
            columns = self._columns(_at(lon, lat, said), points)
        told = {name: values.tolist() for name, values in columns.items()}
        return [{name: values[k] for name, values in told.items()} for k in range(len(lon))]

    def _elsewhere(self, row: Mapping[str, Any], said: Mapping[str, Any], point: Point) -> list[Mapping[str, Any]]:
        """Measures of one proposed site at other points where it may stand."""
        accuracy_m = float(said["position_accuracy_m"])
        if accuracy_m == 0:
            return []
        about = np.arange(len(self.city.places)) if self._ground is None else self._ground.bordering(point, accuracy_m)
        lon, lat, error_m, land_km2 = (np.array([v]) for v in (point.x, point.y, accuracy_m, row["circle_land_km2"]))
        ring = self._gradual(lon, lat, error_m, land_km2)
        if not (len(about) or ring[0] or self._by_cell):
            return []
        cells = self.city.population if self._by_cell else None
        finds = other_ground(lon, lat, error_m, self.city.places.iloc[about], ring=ring, cells=cells)
        if not finds:
            return []
        x, y = (np.array([get(f[2]) for f in finds]) for get in (shapely.get_x, shapely.get_y))
        found = self._moved(x, y, said)
        return [{**said, "moved_m": f[1], **r} for f, r in zip(finds, found, strict=True)]

    @cached_property
    def _by_cell(self) -> bool:
        """Whether the density of a single cell decides."""
        return bool(self.plan.density_classes) and self.plan.density.unit == "cell"

    def _gradual(self, lon: Floats, lat: Floats, accuracy_m: Floats, land_km2: Floats) -> NDArray[np.bool_]:
        """Sites whose circle may cross a threshold of density or of residents within their position accuracy (n,)."""

        def some(at: Ints) -> dict[str, NDArray[Any]]:
            return {"near": self._crossing(lon[at], lat[at], accuracy_m[at], land_km2[at])}

        return self._in_parts(lon, lat, some)["near"]

    def _crossing(self, lon: Floats, lat: Floats, accuracy_m: Floats, land_km2: Floats) -> NDArray[np.bool_]:
        by_residents = [r for r in self.plan.circle_rules() if r.by_residents]
        straight = [r for r in by_residents if r.distance == "straight"]
        steps = {s.up_to for r in straight for s in r.max_steps if s.up_to is not None}
        classes = self.plan.density_classes if self.plan.density.unit == "circle" else ()
        density = {bound for c in classes for bound in (c.min, c.below) if bound is not None}
        # how many live within a walk may change with every step, so that no bound can be told beforehand
        near = np.full(len(lon), self.foot is not None and len(straight) < len(by_residents))
        if straight or density:

            def residents(at: NDArray[np.int64], radius_m: float) -> Floats:
                return self._residents(lon[at], lat[at], radius_m)

            bounds = circle_bounds(accuracy_m, land_km2, residents, radius_m=self.plan.circle.radius_m)
            for name, thresholds in (("density", density), ("residents", steps)):
                low, high = (bounds[f"{name}_{end}"] for end in ("low", "high"))
                for threshold in thresholds:
                    near |= (low <= threshold) & (threshold <= high)
            for rule in (r for r in straight if r.max_rate is not None):
                least, most = ([limit_by_residents(rule, n) for n in bounds[f"residents_{e}"]] for e in ("low", "high"))
                near |= np.not_equal(least, most)
        return near

    def _residents(self, lon: Floats, lat: Floats, radius_m: float) -> Floats:
        if self._ground is not None:
            return self._ground.circles(lon, lat, radius_m=radius_m)["residents_within"]
        return circle_ground(self.city.population, lon, lat, radius_m=radius_m)[0]

    def _columns(self, sites: Sites, points: Objects) -> dict[str, NDArray[Any]]:
        """Measures of sites (n,) as columns, from the indexes."""
        _ = self.crowd.others  # made once, before threads ask for it
        return self._in_parts(sites.lon, sites.lat, lambda at: self._part(sites.some(at), points[at]))

    def _in_parts(
        self, lon: Floats, lat: Floats, columns_of: Callable[[Ints], dict[str, NDArray[Any]]]
    ) -> dict[str, NDArray[Any]]:
        """Columns (n,) of places, told of some (positions) at a time; many are asked for in parts, by threads."""
        parts = [np.arange(len(lon))] if self._ground is None else self._ground.parts(lon, lat)
        if len(parts) == 1:
            return columns_of(parts[0])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(columns_of, parts))
        back = np.argsort(np.concatenate(parts))
        return {name: np.concatenate([columns[name] for columns in found])[back] for name in found[0]}

    def _part(self, sites: Sites, points: Objects) -> dict[str, NDArray[Any]]:
        assert self._ground is not None  # noqa: S101 - the caller has asked
        lon, lat, radius_m = sites.lon, sites.lat, self.plan.circle.radius_m
        others, nearest_m = self.crowd.others.counts(sites, radius_m)
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
        rules = [r for r in self.plan.circle_rules() if r.distance == "walking" and r.by_residents]
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
        return self.foot.spots(self.crowd.lon, self.crowd.lat)

    def reach_m(self, accuracy_m: float) -> float:
        """How far any rule of the plan looks from a site, positions being uncertain."""
        return self._rules_reach_m + accuracy_m + self.worst_accuracy_m

    @cached_property
    def _rules_reach_m(self) -> float:
        # without streets too: someone within minutes whose way is not known must not be overlooked
        return self.plan.reach_m(metres_per_s=self.city.pace.metres_per_s)

    def _counting(self, near: Near, accuracy_m: float) -> Near:
        """Those in reach who are near enough for some rule, each by its own position accuracy."""
        return self.crowd.near_enough(near, self._rules_reach_m + accuracy_m)

    def _neighbours(
        self, here: tuple[float, float], near: Near, accuracy_m: float, walking: pd.DataFrame | None
    ) -> list[Mapping[str, Any]]:
        """Institutions of every service as far as any rule of the plan looks, nearest first."""
        if walking is None and self.foot is not None:
            walking = self._walking(here, accuracy_m)
        return self._told_of(*self._counting(near, accuracy_m), walking)

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
            told = self.crowd.row(j)
            found.append({**told, "distance_m": metre, **ways.get(told["id"], nowhere)})
        return found


def _at(lon: Floats, lat: Floats, said: Mapping[str, Any]) -> Sites:
    """One proposed site thought to stand at places (n,)."""
    told = said["service"], said["id"], str(said["institution"] or said["id"])
    return Sites(lon, lat, *(np.full(len(lon), value, dtype=object) for value in told))

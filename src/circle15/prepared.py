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
from circle15.judge.inputs import Inputs
from circle15.judge.limits import circle_caps
from circle15.judge.verdict import judge_site
from circle15.measure.circles import lonlat, measure_circles
from circle15.measure.density import measure_density
from circle15.measure.ground import Ground
from circle15.measure.totals import measure_totals, place_ids
from circle15.policy.plan import Plan, check_places, mark_places
from circle15.project.datum import to_wgs84
from circle15.project.metric import PointTree
from circle15.schema import CRS, DATUMS, POSITION_ACCURACY_M, SERVICES, City, Datum, Population, Verdict

PROPOSED_ID = "proposed"


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
        self._measured: dict[int, int] = {}
        self._rows: list[pd.DataFrame] = []

    # ── made once ─────────────────────────────────────────────

    @cached_property
    def totals(self) -> pd.DataFrame:
        """One row a place: residents, ground, institutions (measure/totals.py)."""
        return measure_totals(self.city.places, self.city.population, self.city.institutions, services=SERVICES)

    @cached_property
    def inputs(self) -> Inputs:
        """Register, indicators, events and day, as the rules look at them."""
        return Inputs(register_of(self.city), self._indicators, self._events, self.as_of)

    @cached_property
    def own_measures(self) -> pd.DataFrame:
        """Every institution with the measures of its own circle, in the order of the register."""
        return pd.DataFrame(self.measure(self.city.institutions).drop(columns="geometry"))

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
    def _of_service(self) -> dict[str, tuple[NDArray[np.int64], PointTree, pd.Index]]:
        lon, lat = self._lonlat
        ids = self.city.institutions["id"].to_numpy()
        groups = self.city.institutions.groupby("service", sort=True).indices
        return {
            str(service): (np.asarray(rows), PointTree(lon[rows], lat[rows]), pd.Index(ids[rows]))
            for service, rows in groups.items()
        }

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
        plan, city = self.plan, self.city
        radius_m = plan.circle.radius_m
        if self._ground is None:
            circles = measure_circles(sites, city.institutions, city.population, radius_m=radius_m)
            density = measure_density(sites, city.population, city.places)
        else:
            circles = pd.concat([self._others(sites), self._ground.circles(sites, radius_m=radius_m)], axis=1)
            density = self._ground.density(sites)
        measured = gpd.GeoDataFrame(pd.concat([sites, circles, density], axis=1), geometry="geometry", crs=sites.crs)
        settings = city.places.set_index("id")["settings"]
        measured["township_settings"] = measured["township_id"].map(settings).fillna("").astype(str)
        return measured.join(circle_caps(plan, pd.DataFrame(measured.drop(columns="geometry"))))

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
        wgs_lon, wgs_lat = to_wgs84([lon], [lat], datum)
        known = {k: v for k, v in (attributes or {}).items() if k not in {"id", "service", "geometry"}}
        site = _proposed(service, position_accuracy_m, known, Point(wgs_lon[0], wgs_lat[0]))
        neighbours = self._neighbours(wgs_lon, wgs_lat, position_accuracy_m)
        if walking is not None:
            neighbours = neighbours.merge(walking, on="id", how="left", validate="m:1")
        near = np.sort(neighbours.index.to_numpy()[(neighbours["service"] == service).to_numpy()])
        row = self.measure(site).drop(columns="geometry").iloc[0].to_dict()
        row |= {"lon": float(wgs_lon[0]), "lat": float(wgs_lat[0])}
        return judge_site(
            self.plan,
            site=row,
            neighbours=neighbours.reset_index(drop=True),
            neighbour_measures=self.own_measures.iloc[near],
            totals=self.totals,
            inputs=replace(self.inputs, attributes=known),
        )

    # ── parts of an answer ────────────────────────────────────

    def _others(self, sites: gpd.GeoDataFrame) -> pd.DataFrame:
        """Others of the same service within the radius, and the nearest one, as `measure_circles` gives them."""
        lon, lat = lonlat(sites)
        others, nearest_m = np.zeros(len(sites), dtype=np.int64), np.full(len(sites), np.nan)
        for service, at in sites.groupby("service", sort=True).indices.items():
            if service not in self._of_service:
                continue
            _, tree, ids = self._of_service[service]
            own = ids.get_indexer(sites["id"].to_numpy()[at])
            i, j, _ = tree.within(lon[at], lat[at], self.plan.circle.radius_m)
            others[at] = np.bincount(i[j != own[i]], minlength=len(at))
            _, metres = tree.nearest(lon[at], lat[at], skip=own)
            nearest_m[at] = np.where(np.isfinite(metres), metres, np.nan)
        return pd.DataFrame({"others_within": others, "nearest_other_m": nearest_m}, index=sites.index)

    def _neighbours(self, lon: NDArray[np.float64], lat: NDArray[np.float64], accuracy_m: float) -> pd.DataFrame:
        """Institutions of every service as far as any rule of the plan looks; index: place in the register."""
        reach_m = self.plan.reach_m() + accuracy_m + self.worst_accuracy_m
        _, j, metres = self._everyone.within(lon, lat, reach_m)
        found = self._register_columns.iloc[j].assign(distance_m=metres, site_id=PROPOSED_ID)
        return found.set_axis(j)


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


def _proposed(service: str, position_accuracy_m: float, known: Mapping[str, object], point: Point) -> gpd.GeoDataFrame:
    """One row of a proposed site with the columns that measures and rules look at."""
    given: dict[str, Any] = {"name": "", "level": "", "tags": "", "beds": float("nan")}
    given |= {k: v for k, v in known.items() if isinstance(v, (str, int, float))}
    given |= {"id": PROPOSED_ID, "service": service, "position_accuracy_m": position_accuracy_m}
    return gpd.GeoDataFrame({k: [v] for k, v in given.items()}, geometry=[point], crs=CRS)

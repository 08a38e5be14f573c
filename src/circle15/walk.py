"""A city on foot 步行评估: every straight figure with its walking one beside it, and where the verdicts part.

As `study` is for straight circles, this is the door for the street network; it computes nothing of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.measure.circles import lonlat
from circle15.measure.coverage import measure_coverage
from circle15.measure.gaps import lay_out_gaps
from circle15.measure.walking_circles import OnFoot, measure_walking_circles
from circle15.measure.walking_coverage import measure_walking_coverage
from circle15.measure.walking_gaps import find_walking_gaps
from circle15.measure.walking_reach import reached_streets
from circle15.policy.plan import Plan
from circle15.prepared import Prepared
from circle15.quantities import Progress
from circle15.schema import CRS, GAP_MIN_RESIDENTS, SERVICES, WALKING_MINUTES, Assessment, City
from circle15.study import provenance


@dataclass(frozen=True)
class Walk:
    """A city measured on foot.

    sites      institutions: straight measures, walking ones (measure/walking_circles.py), and `verdict_on_foot`:
               within_both, over_both, over_straight, over_walking, no_limit, unknown
    coverage   one row a place and service: straight coverage (covered, share) and the columns of walking_coverage.py
    gaps       patches of residents who walk farther than the radius to every institution of a service
    reached    streets within the radius on foot of any institution, by service: for looking only
    """

    city: City
    plan_title: str
    radius_m: float
    minutes: float
    services: tuple[str, ...]
    sites: gpd.GeoDataFrame
    coverage: pd.DataFrame
    gaps: gpd.GeoDataFrame
    reached: gpd.GeoDataFrame
    provenance: Mapping[str, object]


def walk_city(
    plan: Plan,
    city: City,
    *,
    services: Sequence[str] | None = None,
    minutes: float = WALKING_MINUTES,
    gap_min_residents: float = GAP_MIN_RESIDENTS,
    as_of: dt.date | None = None,
    progress: Progress | None = None,
) -> Walk:
    """Measure a city on its streets beside the straight circle; the register counts as it stood.

    `as_of` is the day, where it is not the city's own.
    Raises UsageError where the city has no streets, or a service is unknown.
    """
    streets = city.streets
    if streets is None:
        raise UsageError(Problem("use.streets_missing"))
    ready = Prepared(plan, city, as_of=as_of)
    city, foot = ready.city, OnFoot(streets, pace=city.pace)
    chosen = _chosen(city, services)
    radius_m = plan.circle.radius_m
    total = 2 + 2 * len(chosen)
    tell = progress or (lambda *_: None)
    tell("circles", 0, total)
    straight = ready.measure(city.institutions)
    walked = measure_walking_circles(
        city.institutions, city.institutions, city.population, foot, radius_m=radius_m, minutes=minutes
    )
    sites = straight.join(walked)
    sites["verdict_on_foot"] = _verdicts(sites)
    tell("coverage", 1, total)
    coverage = _coverage(city, foot, chosen, radius_m=radius_m, minutes=minutes)
    ground = lay_out_gaps(city.population, city.places, radius_m=radius_m)
    gaps, reached = [], []
    for at, service in enumerate(chosen):
        tell("gaps", 2 + at, total)
        found = find_walking_gaps(
            city.population,
            city.institutions,
            city.places,
            foot.metres,
            limit_m=radius_m,
            service=service,
            min_residents=gap_min_residents,
            ground=ground,
        )
        gaps.append(found)
        reached.append(_reached(city, foot, service, radius_m=radius_m))
    tell("done", total, total)
    pace = {"metres_per_s": city.pace.metres_per_s, "slope": city.pace.slope, "max_snap_m": city.pace.max_snap_m}
    options = {"services": list(chosen), "minutes": minutes, "gap_min_residents": gap_min_residents, "pace": pace}
    return Walk(
        city,
        plan.title,
        radius_m,
        minutes,
        tuple(chosen),
        sites,
        coverage,
        _together(gaps),
        _together(reached),
        provenance(plan, city, options=options),
    )


def streets_on_foot(city: City, *, services: Sequence[str], radius_m: float) -> gpd.GeoDataFrame | None:
    """Streets within `radius_m` on foot of any institution of each service, for maps 步行可达街道.

    Lines as of `reached_streets` with a column `service`; None where the city has no streets or none is reached.
    """
    if city.streets is None:
        return None
    foot = OnFoot(city.streets, pace=city.pace)
    held = [s for s in services if (city.institutions["service"] == s).any()]
    found = [lines for s in held if len(lines := _reached(city, foot, s, radius_m=radius_m))]
    return _together(found) if found else None


def with_coverage_on_foot(result: Assessment) -> Assessment:
    """An assessment whose coverage also tells covered_walking and share_walking; itself where there are no streets."""
    city = result.city
    if city.streets is None:
        return result
    walked = measure_walking_coverage(
        city.population,
        city.institutions,
        city.places,
        OnFoot(city.streets, pace=city.pace),
        radius_m=result.radius_m,
        services=result.services,
    )
    kept = walked[["place_id", "service", "covered_walking", "share_walking"]]
    return replace(result, coverage=result.coverage.merge(kept, on=["place_id", "service"], how="left", validate="1:1"))


def _reached(city: City, foot: OnFoot, service: str, *, radius_m: float) -> gpd.GeoDataFrame:
    theirs = city.institutions[city.institutions["service"] == service]
    lines = reached_streets(foot.metres, foot.metres.spots(*lonlat(theirs)), radius_m)
    return lines.assign(service=service)


def _chosen(city: City, services: Sequence[str] | None) -> list[str]:
    held: list[str] = [s for s in SERVICES if s in set(city.institutions["service"])]
    asked = held if services is None else list(dict.fromkeys(services))
    problems = [Problem("use.service_without_institutions", value=s) for s in asked if s not in held]
    if problems:
        raise UsageError(problems)
    return asked


def _coverage(city: City, foot: OnFoot, services: Sequence[str], *, radius_m: float, minutes: float) -> pd.DataFrame:
    """Straight and walking coverage side by side."""
    straight = measure_coverage(city.population, city.institutions, city.places, radius_m=radius_m, services=services)
    walked = measure_walking_coverage(
        city.population, city.institutions, city.places, foot, radius_m=radius_m, services=services, minutes=minutes
    )
    kept = ["place_id", "name", "level", "parent", "service", "institutions", "residents", "covered", "share"]
    return straight[kept].merge(
        walked.drop(columns="residents"), on=["place_id", "service"], how="left", validate="1:1"
    )


def _verdicts(sites: pd.DataFrame) -> list[str]:
    """Whether the circle of each institution holds more than its cap, straight and on foot."""
    limit, walked = sites["circle_limit"].to_numpy(dtype=float), sites["others_walking"].to_numpy(dtype=float)
    over = sites["others_within"].to_numpy(dtype=float) + 1 > limit
    over_walking = walked + 1 > limit
    words = np.select(
        [np.isnan(limit), np.isnan(walked), over & over_walking, over, over_walking],
        ["no_limit", "unknown", "over_both", "over_straight", "over_walking"],
        default="within_both",
    )
    return [str(w) for w in words]


def _together(tables: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs=CRS)

"""The one door 评估: measure a city, judge it by its plan, hold the result in tables.

Command line, notebooks and later screens all call `assess`, `judge_proposed` and `find_service_gaps`; none of them
computes anything of its own.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

import geopandas as gpd
import pandas as pd
from shapely.geometry import Point

from circle15 import __version__
from circle15.errors import Problem, UsageError
from circle15.judge.city import judge_city
from circle15.judge.inputs import Inputs
from circle15.judge.limits import circle_caps
from circle15.judge.verdict import judge_site
from circle15.measure.circles import measure_circles, neighbours_within
from circle15.measure.coverage import measure_coverage
from circle15.measure.density import measure_density
from circle15.measure.gaps import GapGround, find_gaps, lay_out_gaps
from circle15.measure.totals import measure_totals, place_ids
from circle15.policy.plan import Plan, check_places, mark_places
from circle15.project.datum import to_wgs84
from circle15.schema import CRS, DATUMS, POSITION_ACCURACY_M, SERVICES, Assessment, City, Datum, Verdict

Progress = Callable[[str, int, int], None]
GAP_MIN_RESIDENTS = 100.0
PROPOSED_ID = "proposed"
_PACKAGES = ("geopandas", "shapely", "pyproj", "numpy", "pandas", "scipy", "numba", "rasterio", "pyogrio", "folium")


def assess(
    plan: Plan,
    city: City,
    *,
    services: Sequence[str] | None = None,
    gap_min_residents: float = GAP_MIN_RESIDENTS,
    progress: Progress | None = None,
    indicators: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    as_of: dt.date | None = None,
) -> Assessment:
    """Measure circles, density, coverage, totals and gaps of a city and judge its institutions by the plan.

    Parameters
    ----------
    services
        Services to cover; those the register holds where not given.
    gap_min_residents
        Patches of uncovered residents below this are left out of `gaps`.
    progress
        Called as (step id, done, total) before each step; step ids stand under `cli.step`.
    indicators, events
        Tables as in judge/inputs.py: with them pauses, exits and swaps are tested.
    as_of
        The register is read as it stood on this day.

    Returns
    -------
    Assessment
        `sites` has the register's columns and the measures of each institution's circle.
    """
    city = replace(city, institutions=standing_on(city.institutions, as_of))
    chosen = _services(city, services)
    _check_least(gap_min_residents)
    check_places(plan, city.places)
    city = replace(city, places=mark_places(plan, city.places))
    radius_m = plan.circle.radius_m
    tell = _steps(progress, 5 + len(chosen))
    tell("circles")
    sites = measure_sites(plan, city, city.institutions)
    tell("neighbours")
    margin_m = 2 * _worst_accuracy_m(city)
    neighbours = neighbours_within(city.institutions, city.institutions, radius_m=radius_m, margin_m=margin_m)
    tell("coverage")
    coverage = measure_coverage(city.population, city.institutions, city.places, radius_m=radius_m, services=chosen)
    tell("totals")
    totals = measure_totals(city.places, city.population, city.institutions, services=SERVICES)
    tell("judge")
    inputs = Inputs(register_of(city), indicators, events, as_of)
    findings = judge_city(
        plan, sites=pd.DataFrame(sites.drop(columns="geometry")), neighbours=neighbours, totals=totals, inputs=inputs
    )
    found = []
    ground = lay_out_gaps(city.population, city.places, radius_m=radius_m)
    for service in chosen:
        tell("gaps")
        found.append(find_service_gaps(plan, city, service=service, min_residents=gap_min_residents, ground=ground))
    gaps = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), geometry="geometry", crs=CRS)
    tell("done")
    return Assessment(
        city=city,
        plan_id=plan.id,
        plan_title=plan.title,
        radius_m=radius_m,
        services=tuple(chosen),
        sites=sites,
        findings=tuple(findings),
        coverage=coverage,
        totals=totals,
        gaps=gaps,
        provenance=provenance(plan, city, options={"services": list(chosen), "gap_min_residents": gap_min_residents}),
    )


def measure_sites(plan: Plan, city: City, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Circle measures, densities and circle caps of sites (existing or proposed), joined to their own columns.

    `sites` needs id, service and point geometry (EPSG:4326); index in = index out.
    """
    circles = measure_circles(sites, city.institutions, city.population, radius_m=plan.circle.radius_m)
    density = measure_density(sites, city.population, city.places)
    measured = gpd.GeoDataFrame(pd.concat([sites, circles, density], axis=1), geometry="geometry", crs=sites.crs)
    settings = city.places.set_index("id")["settings"]
    measured["township_settings"] = measured["township_id"].map(settings).fillna("").astype(str)
    return measured.join(circle_caps(plan, pd.DataFrame(measured.drop(columns="geometry"))))


def find_service_gaps(
    plan: Plan, city: City, *, service: str, min_residents: float = GAP_MIN_RESIDENTS, ground: GapGround | None = None
) -> gpd.GeoDataFrame:
    """Patches of residents farther than the plan's radius from every institution of the service, ranked 服务空白.

    `ground` is what `measure.gaps.lay_out_gaps` made of the city, where several services are asked about.
    """
    _services(city, [service], must_hold=False)
    _check_least(min_residents)
    return find_gaps(
        city.population,
        city.institutions,
        city.places,
        radius_m=plan.circle.radius_m,
        service=service,
        min_residents=min_residents,
        ground=ground,
    )


def judge_proposed(
    plan: Plan,
    city: City,
    *,
    lon: float,
    lat: float,
    datum: Datum,
    service: str,
    position_accuracy_m: float = POSITION_ACCURACY_M,
    attributes: Mapping[str, object] | None = None,
    indicators: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    as_of: dt.date | None = None,
    walking: pd.DataFrame | None = None,
) -> Verdict:
    """Test a proposed site against every rule of the plan 研判拟新增机构.

    Coordinates are degrees in `datum`; `position_accuracy_m` is how far the true position may lie from them.
    `attributes` are what the application says: columns of the register (level, tags, beds, stations, physicians) and
    anything a plan asks of an applicant (ownership, licence_date, application_date, approvals, legal_entity …).
    `indicators` and `events` are tables as in judge/inputs.py; `as_of` is the day of the judgement: the register is
    read as it stood then. `walking` holds id and walking_m or walking_minutes to institutions nearby.
    Raises UsageError for a service, datum or coordinate that cannot be.
    """
    problems = []
    if service not in SERVICES:
        problems.append(Problem("use.unknown_service", value=str(service), params={"known": ", ".join(SERVICES)}))
    if datum not in DATUMS:
        problems.append(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - degrees
        problems.append(Problem("use.site_out_of_range", value=f"{lon}, {lat}"))
    if not 0 <= position_accuracy_m < float("inf"):
        problems.append(Problem("use.accuracy", value=str(position_accuracy_m)))
    if problems:
        raise UsageError(problems)
    wgs_lon, wgs_lat = to_wgs84([lon], [lat], datum)
    check_places(plan, city.places)
    marked = replace(city, places=mark_places(plan, city.places), institutions=standing_on(city.institutions, as_of))
    known = {k: v for k, v in (attributes or {}).items() if k not in {"id", "service", "geometry"}}
    site = _proposed(service, position_accuracy_m, known, Point(wgs_lon[0], wgs_lat[0]))
    measured = measure_sites(plan, marked, site)
    neighbours = _neighbours_of_all(plan, marked, site, position_accuracy_m)
    if walking is not None:
        neighbours = neighbours.merge(walking, on="id", how="left", validate="m:1")
    near = marked.institutions[marked.institutions["id"].isin(neighbours.loc[neighbours["service"] == service, "id"])]
    neighbour_measures = pd.DataFrame(measure_sites(plan, marked, near).drop(columns="geometry"))
    totals = measure_totals(marked.places, marked.population, marked.institutions, services=SERVICES)
    row = measured.drop(columns="geometry").iloc[0].to_dict()
    row |= {"lon": float(wgs_lon[0]), "lat": float(wgs_lat[0])}
    inputs = Inputs(register_of(marked), indicators, events, as_of, known)
    return judge_site(
        plan, site=row, neighbours=neighbours, neighbour_measures=neighbour_measures, totals=totals, inputs=inputs
    )


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


def _proposed(service: str, position_accuracy_m: float, known: Mapping[str, object], point: Point) -> gpd.GeoDataFrame:
    """One row of a proposed site with the columns that measures and rules look at."""
    given: dict[str, object] = {"name": "", "level": "", "tags": "", "beds": float("nan")}
    given |= {k: v for k, v in known.items() if isinstance(v, (str, int, float))}
    given |= {"id": PROPOSED_ID, "service": service, "position_accuracy_m": position_accuracy_m}
    return gpd.GeoDataFrame({k: [v] for k, v in given.items()}, geometry=[point], crs=CRS)


def _neighbours_of_all(plan: Plan, city: City, site: gpd.GeoDataFrame, accuracy_m: float) -> pd.DataFrame:
    """Institutions of every service as far as any rule of the plan looks, with their columns of the register."""
    margin_m = accuracy_m + _worst_accuracy_m(city)
    anyone = city.institutions.assign(service="any")
    found = neighbours_within(site.assign(service="any"), anyone, radius_m=plan.reach_m(), margin_m=margin_m)
    more = pd.DataFrame(city.institutions.drop(columns=["geometry", "name", "position_accuracy_m"]))
    return found.merge(more, on="id", how="left", validate="m:1")


def provenance(plan: Plan, city: City, *, options: Mapping[str, object]) -> dict[str, object]:
    """What replays a run: inputs with hashes, plan version, options, package versions; no clock time."""
    return {
        "circle15": __version__,
        "city": {"name": city.name, "simulated": city.simulated},
        "inputs": [
            {"role": s.role, "file": s.file, "sha256": s.sha256, "datum": s.datum, "options": dict(s.options)}
            for s in city.sources
        ],
        "plan": {**plan.summary(), "dense_per_km2": _dense_per_km2(plan)},
        "options": dict(options),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _dense_per_km2(plan: Plan) -> float | None:
    """The highest density at which a class of the plan begins 人口密集 (people/km²)."""
    return max((c.min for c in plan.density_classes if c.min is not None), default=None)


def _worst_accuracy_m(city: City) -> float:
    """Largest position accuracy in the register: how far beyond the radius a neighbour may still matter."""
    worst = city.institutions["position_accuracy_m"].max()
    return float(worst) if worst == worst else 0.0  # noqa: PLR0124 - NaN where the register is empty


def _check_least(min_residents: float) -> None:
    if not 0 <= min_residents < float("inf"):
        raise UsageError(Problem("use.min_residents", value=str(min_residents)))


def _services(city: City, services: Iterable[str] | None, *, must_hold: bool = True) -> list[str]:
    held = set(city.institutions["service"])
    if services is None:
        return [s for s in SERVICES if s in held]
    chosen = list(dict.fromkeys(services))
    problems = [
        Problem("use.unknown_service", value=s, params={"known": ", ".join(SERVICES)})
        for s in chosen
        if s not in SERVICES
    ]
    if must_hold and not problems:
        problems = [Problem("use.service_without_institutions", value=s) for s in chosen if s not in held]
    if problems:
        raise UsageError(problems)
    return chosen


def _steps(progress: Progress | None, total: int) -> Callable[[str], None]:
    done = 0

    def tell(step: str) -> None:
        nonlocal done
        if progress is not None:
            progress(step, min(done, total), total)
        done += 1

    return tell

"""The one door 评估: measure a city, judge it by its plan, hold the result in tables.

Command line, notebooks and later screens all call `assess`, `judge_proposed` and `find_service_gaps`; none of them
computes anything of its own. Many proposed sites are put to one `prepared.Prepared`.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version

import geopandas as gpd
import pandas as pd

from circle15 import __version__
from circle15.errors import Problem, UsageError
from circle15.judge.city import judge_city
from circle15.judge.proposals import propose_classes
from circle15.measure.circles import neighbours_within
from circle15.measure.coverage import measure_coverage
from circle15.measure.gap_ground import GapGround
from circle15.measure.gaps import find_gaps, lay_out_gaps
from circle15.measure.walking_circles import add_ways
from circle15.policy.plan import Plan
from circle15.policy.rules import Target
from circle15.prepared import Prepared
from circle15.quantities import Progress
from circle15.schema import CRS, GAP_MIN_RESIDENTS, POSITION_ACCURACY_M, SERVICES, Assessment, City, Datum, Verdict

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
        The day of the judgement, where it is not the city's own: the register counts as it stood then.

    Returns
    -------
    Assessment
        `sites` has the register's columns and the measures of each institution's circle.
    """
    ready = Prepared(plan, city, indicators=indicators, events=events, as_of=as_of)
    city = ready.city
    chosen = _services(city, services)
    _check_least(gap_min_residents)
    radius_m = plan.circle.radius_m
    tell = _steps(progress, 5 + len(chosen))
    tell("circles")
    sites = ready.measure(city.institutions)
    tell("neighbours")
    margin_m = 2 * ready.worst_accuracy_m
    neighbours = neighbours_within(city.institutions, city.institutions, radius_m=radius_m, margin_m=margin_m)
    if ready.foot is not None:
        neighbours = add_ways(neighbours, city.institutions, ready.foot, reach_m=radius_m + margin_m)
    tell("coverage")
    coverage = measure_coverage(city.population, city.institutions, city.places, radius_m=radius_m, services=chosen)
    tell("totals")
    totals = ready.totals
    tell("judge")
    measures = pd.DataFrame(sites.drop(columns="geometry"))
    findings = judge_city(
        plan,
        sites=measures,
        neighbours=neighbours,
        totals=totals,
        inputs=ready.inputs,
        around=ready.around,
        elsewhere=ready.measure_elsewhere(city.institutions, measures),
    )
    found = []
    ground = lay_out_gaps(city.population, city.places, radius_m=radius_m)
    for service in chosen:
        tell("gaps")
        found.append(find_service_gaps(plan, city, service=service, min_residents=gap_min_residents, ground=ground))
    gaps = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), geometry="geometry", crs=CRS)
    tell("done")
    options = {"services": list(chosen), "gap_min_residents": gap_min_residents}
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
        provenance=provenance(plan, city, options=options),
        proposals=propose_classes(plan, totals),
    )


def find_service_gaps(
    plan: Plan, city: City, *, service: str, min_residents: float = GAP_MIN_RESIDENTS, ground: GapGround | None = None
) -> gpd.GeoDataFrame:
    """Patches of residents farther than the plan's radius from every institution of the service, ranked 服务空白.

    Institutions are those that stand on the city's day.
    `ground` is what `measure.gaps.lay_out_gaps` made of the city, where several services are asked about.
    """
    _services(city, [service], must_hold=False)
    _check_least(min_residents)
    city = city.on()
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
    `indicators` and `events` are tables as in judge/inputs.py; `as_of` is the day of the judgement where it is not the
    city's own: the register counts as it stood then. `walking` holds id and walking_m or
    walking_minutes to institutions nearby.
    Raises UsageError for a service, datum or coordinate that cannot be.
    """
    ready = Prepared(plan, city, indicators=indicators, events=events, as_of=as_of)
    return ready.judge(
        lon=lon,
        lat=lat,
        datum=datum,
        service=service,
        position_accuracy_m=position_accuracy_m,
        attributes=attributes,
        walking=walking,
    )


def provenance(plan: Plan, city: City, *, options: Mapping[str, object]) -> dict[str, object]:
    """What replays a run: inputs with hashes, the day, plan version, options, package versions; no clock time."""
    return {
        "circle15": __version__,
        "city": {"name": city.name, "simulated": city.simulated},
        "as_of": {"day": city.as_of.isoformat() if city.as_of else "", "from": city.as_of_from},
        "inputs": [
            {"role": s.role, "file": s.file, "sha256": s.sha256, "datum": s.datum, "options": dict(s.options)}
            for s in city.sources
        ],
        "plan": {**plan.summary(), "dense_per_km2": _dense_per_km2(plan), "coverage_targets": _coverage_targets(plan)},
        "options": dict(options),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _dense_per_km2(plan: Plan) -> float | None:
    """The highest density at which a class of the plan begins 人口密集 (people/km²)."""
    return max((c.min for c in plan.density_classes if c.min is not None), default=None)


def _coverage_targets(plan: Plan) -> dict[str, dict[str, object]]:
    """Share of residents that the plan wants covered 覆盖率目标, by service, with clause and quotation."""
    aims = [r for r in plan.rules if isinstance(r, Target) and r.measure == "coverage_share" and r.at_least is not None]
    return {s: {"share": r.at_least, "clause": r.clause, "quote": r.quote} for r in aims for s in r.services}


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

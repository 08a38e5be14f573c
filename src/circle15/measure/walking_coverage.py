"""Residents who reach a service on foot, place by place 步行覆盖, with detours and floating catchments.

A cell is in or out as a whole, by the way from its middle; one astride a border is shared among the places by area.
Residents of cells on no street are not measured: they stand apart as `off_streets` and count as not covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle15.measure.circles import lonlat
from circle15.measure.coverage import piece_residents
from circle15.measure.pieces import meet_places
from circle15.measure.two_step import WHOLE, ZONES, two_step
from circle15.measure.walking_circles import CellsOnFoot, OnFoot, cells_on_foot, reached
from circle15.project.metric import PointTree, distances_m
from circle15.quantities import DISTANCE_TOLERANCE_M, PER_10K
from circle15.schema import WALKING_MINUTES

if TYPE_CHECKING:
    import geopandas as gpd

    from circle15.quantities import Flags, Floats, Ints
    from circle15.schema import Population, PopulationBlocks

NEARLY_ALL = 0.95
"""Share of residents whom a response time holds for: one remote farm must not stand for a whole city."""


@dataclass(frozen=True)
class _Homes:
    """Pieces of cells in places (q,): cell, place, people; and the cells of all blocks (c,) with their residents."""

    cell: Ints
    place: Ints
    people: Floats
    blocks: tuple[CellsOnFoot, ...]
    residents: Floats


def measure_walking_coverage(
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    foot: OnFoot,
    *,
    radius_m: float,
    services: Sequence[str],
    minutes: float = WALKING_MINUTES,
) -> pd.DataFrame:
    """Count residents within a walk of every service, for every place.

    Parameters
    ----------
    population, institutions, places
        As in `coverage.measure_coverage`.
    foot
        The streets.
    radius_m, minutes
        Limits, bounds included.

    Returns
    -------
    One row a place and service, in the order of places, then services: place_id, service, residents (all of the place,
    the denominator of both shares), off_streets (people on no street, counted as not covered), covered_walking and
    share_walking (within `radius_m`), covered_minutes and share_minutes, mean_walking_m (to the nearest on foot, of
    those who can reach one), detour (those metres over the straight ones to the same institution), response_minutes
    (within which 95 % of residents are; infinite where fewer can reach one), response_straight (the same along straight
    lines), access_per_10k and access_zones_per_10k
    (2SFCA and E2SFCA within `minutes`: beds of inpatient institutions, else institutions, for 10,000 residents).
    """
    homes = _homes(population, places, foot)
    frames = [
        _service(homes, institutions, places, foot, service=s, radius_m=radius_m, minutes=minutes) for s in services
    ]
    if not frames:
        return pd.DataFrame(columns=["place_id", "service"])
    return pd.concat(frames).sort_index(kind="stable").reset_index(drop=True)


def _homes(population: Population | PopulationBlocks, places: gpd.GeoDataFrame, foot: OnFoot) -> _Homes:
    cells, blocks, read = [], [], 0
    for block in population.blocks():
        held = cells_on_foot(block, foot.metres)
        pieces = meet_places(held.geometry, places)
        people = piece_residents(held.geometry, pieces, held.residents)
        cells.append((pieces.cell + read, pieces.place, people))
        blocks.append(held)
        read += len(held.residents)
    cell, place, people = (np.concatenate(c) for c in zip(*cells, strict=True))
    return _Homes(cell, place, people, tuple(blocks), np.concatenate([b.residents for b in blocks]))


def _service(
    homes: _Homes,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    foot: OnFoot,
    *,
    service: str,
    radius_m: float,
    minutes: float,
) -> pd.DataFrame:
    theirs = institutions[institutions["service"] == service]
    metres, straight, taken = _to_nearest(homes, theirs, foot)
    on_street = ~np.isnan(metres)
    here, people, n = homes.cell, homes.people, len(places)

    def sums(values: Floats | Flags) -> Floats:
        return np.bincount(homes.place, people * values[here], minlength=n).astype(np.float64)

    residents = np.bincount(homes.place, people, minlength=n).astype(np.float64)
    walked = np.isfinite(metres)
    near, soon = sums(reached(metres, radius_m)), sums(reached(taken, minutes))
    way, line = sums(np.where(walked, metres, 0.0)), sums(np.where(walked, straight, 0.0))
    plain, zoned = _access(homes, theirs, foot, minutes=minutes, service=service)
    return pd.DataFrame(
        {
            "place_id": places["id"].to_numpy(),
            "service": service,
            "residents": residents,
            "off_streets": sums(~on_street),
            "covered_walking": near,
            "share_walking": _over(near, residents),
            "covered_minutes": soon,
            "share_minutes": _over(soon, residents),
            "mean_walking_m": _over(way, sums(walked)),
            "detour": _over(way, line),
            "response_minutes": _response(homes, taken, n),
            "response_straight": _response(homes, foot.pace.minutes(_straight_m(homes, theirs)), n),
            "access_per_10k": PER_10K * _over(sums(plain), residents),
            "access_zones_per_10k": PER_10K * _over(sums(zoned), residents),
        }
    )


def _to_nearest(homes: _Homes, theirs: gpd.GeoDataFrame, foot: OnFoot) -> tuple[Floats, Floats, Floats]:
    """Metres on foot (c,) to the nearest on foot, straight metres to the same one, and minutes; NaN off the streets."""
    lon, lat = lonlat(theirs)
    there = foot.spots(lon, lat)
    metres, straight, minutes = [], [], []
    for block in homes.blocks:
        best, way = foot.metres.nearest(block.spots, there[0])
        line = np.full(len(best), np.nan)
        ok = best >= 0
        line[ok] = distances_m(block.spots.lon[ok], block.spots.lat[ok], lon[best[ok]], lat[best[ok]])
        timed = way
        if foot.timed is not foot.metres:
            timed = foot.timed.nearest(foot.timed.spots(block.spots.lon, block.spots.lat), there[1])[1]
        metres.append(way)
        straight.append(line)
        minutes.append(foot.pace.minutes(timed))
    return np.concatenate(metres), np.concatenate(straight), np.concatenate(minutes)


def _straight_m(homes: _Homes, theirs: gpd.GeoDataFrame) -> Floats:
    """Straight metres (c,) to the nearest; infinite where there is none."""
    tree = PointTree(*lonlat(theirs))
    return np.concatenate([tree.nearest(b.spots.lon, b.spots.lat)[1] for b in homes.blocks])


def _access(
    homes: _Homes, theirs: gpd.GeoDataFrame, foot: OnFoot, *, minutes: float, service: str
) -> tuple[Floats, Floats]:
    """2SFCA and E2SFCA (c,) of every cell."""
    beds = theirs["beds"].fillna(0.0).to_numpy(dtype=float) if service == "inpatient" else np.zeros(len(theirs))
    supply = beds if beds.any() else np.ones(len(theirs))
    there = foot.timed.spots(*lonlat(theirs))
    limit_m = foot.pace.metres(minutes)
    parts, read = [], 0
    for block in homes.blocks:
        spots = foot.timed.spots(block.spots.lon, block.spots.lat)
        i, j, metres = foot.timed.within(spots, there, limit_m)
        parts.append((i + read, j, metres))
        read += len(block.residents)
    home, site, cost = (np.concatenate(c) for c in zip(*parts, strict=True))

    def access(zones: Sequence[tuple[float, float]]) -> Floats:
        bound = limit_m + DISTANCE_TOLERANCE_M
        return two_step(home, site, cost, residents=homes.residents, supply=supply, catchment=bound, zones=zones)

    return access(WHOLE), access(ZONES)


def _response(homes: _Homes, minutes: Floats, n: int) -> Floats:
    """Minutes (n,) within which 95 % of a place's residents are; unknown and endless ways come last."""
    taken = np.nan_to_num(minutes[homes.cell], nan=np.inf, posinf=np.inf)
    order = np.lexsort((taken, homes.place))
    place, people = homes.place[order], homes.people[order]
    total = np.bincount(place, people, minlength=n)
    before = np.append(0.0, np.cumsum(total))[:-1]
    enough = np.cumsum(people) - before[place] >= NEARLY_ALL * total[place] * (1 - 1e-12)
    out = np.full(n, np.nan)
    some, first = np.unique(place[enough], return_index=True)
    out[some] = taken[order][enough][first]
    return np.asarray(np.where(total > 0, out, np.nan))


def _over(part: Floats, whole: Floats) -> Floats:
    out = np.full(len(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=whole > 0))

"""Where a site could come 候选点: gap patches, a lattice, all cells, or a table of one's own (read/sites.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.measure.pieces import locate
from circle15.quantities import M_PER_DEGREE
from circle15.schema import CRS, GAP_MIN_RESIDENTS
from circle15.siting.demand import demand_points, reach_straight
from circle15.siting.field import point_candidates
from circle15.study import find_service_gaps

if TYPE_CHECKING:
    from circle15.prepared import Prepared
    from circle15.quantities import Floats

MOST_CANDIDATES = 200_000


def gap_candidates(ready: Prepared, *, service: str, min_residents: float = GAP_MIN_RESIDENTS) -> gpd.GeoDataFrame:
    """The best point of every gap patch 空白片区推荐点, ids as in the list of gaps."""
    gaps = find_service_gaps(ready.plan, ready.city, service=service, min_residents=min_residents)
    found = point_candidates(gaps["candidate_lon"].to_numpy(), gaps["candidate_lat"].to_numpy(), prefix="G")
    return found.assign(id=gaps["gap_id"].astype(str).to_numpy())


def lattice_candidates(ready: Prepared, *, spacing_m: float) -> gpd.GeoDataFrame:
    """Points of a square lattice inside the city with somebody within the radius, from the south-west.

    Raises UsageError for a spacing that is not positive or makes more than `MOST_CANDIDATES` points.
    """
    west, south, east, north = ready.city.places.total_bounds
    if not spacing_m > 0:
        raise UsageError(Problem("siting.spacing", value=str(spacing_m)))
    high = spacing_m / M_PER_DEGREE
    wide = high / np.cos(np.radians((south + north) / 2))
    columns, rows = int((east - west) / wide) + 1, int((north - south) / high) + 1
    if columns * rows > MOST_CANDIDATES * 50:
        raise UsageError(Problem("siting.too_many_candidates", value=str(columns * rows)))
    lat, lon = (
        v.ravel()
        for v in np.meshgrid(
            south + (np.arange(rows) + 0.5) * high, west + (np.arange(columns) + 0.5) * wide, indexing="ij"
        )
    )
    return _useful(ready, lon, lat, prefix="L")


def cell_candidates(ready: Prepared) -> gpd.GeoDataFrame:
    """The middle of every populated cell inside the city 全部网格, in the order of the grid."""
    points = demand_points(ready.city.population)
    return _useful(ready, points.lon, points.lat, prefix="C")


def _useful(ready: Prepared, lon: Floats, lat: Floats, *, prefix: str) -> gpd.GeoDataFrame:
    """Points inside the districts with residents in reach."""
    places = ready.city.places
    districts = places[places["level"] == "district"]
    inside = locate(lon, lat, districts if len(districts) else places) >= 0
    lon, lat = lon[inside], lat[inside]
    people = demand_points(ready.city.population)
    reach = reach_straight(lon, lat, people.lon, people.lat, radius_m=ready.plan.circle.radius_m)
    some = np.diff(reach.start) > 0
    if some.sum() > MOST_CANDIDATES:
        raise UsageError(Problem("siting.too_many_candidates", value=str(int(some.sum()))))
    return point_candidates(lon[some], lat[some], prefix=prefix)


def joined_candidates(*tables: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Candidates of several sources in one table; missing columns stay empty."""
    some = [t for t in tables if not t.empty]
    if not some:
        return point_candidates(np.empty(0), np.empty(0), prefix="N")
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), geometry="geometry", crs=CRS)

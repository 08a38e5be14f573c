"""Patches of residents who walk farther than the limit to every institution of a service 步行服务空白.

Ranked and described as gaps by straight distance are (gaps.py); cells that lie on no street are not measured and stand
in no patch (see `off_streets` in walking_coverage.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circle15.measure.circles import lonlat
from circle15.measure.gap_ground import GapGround, keep_bare
from circle15.measure.gap_patches import rank_patches
from circle15.measure.gaps import lay_out_gaps
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import GAP_MIN_RESIDENTS

if TYPE_CHECKING:
    import geopandas as gpd

    from circle15.measure.walking import WalkNetwork
    from circle15.quantities import Floats, Ints
    from circle15.schema import Population, PopulationBlocks


def find_walking_gaps(
    population: Population | PopulationBlocks,
    institutions: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    network: WalkNetwork,
    *,
    limit_m: float,
    service: str,
    min_residents: float = GAP_MIN_RESIDENTS,
    ground: GapGround | None = None,
) -> gpd.GeoDataFrame:
    """Find patches of residents farther than `limit_m` on foot (bound included) from every institution of a service.

    Returns
    -------
    The table of `gaps.find_gaps`; the candidate newly reaches most residents on foot, and `nearest_walking_m` is the
    way on foot from there to the nearest institution (infinite where none leads there).
    """
    whole = lay_out_gaps(population, places, radius_m=limit_m) if ground is None else ground
    theirs = institutions[institutions["service"] == service]
    there = network.spots(*lonlat(theirs))
    homes = network.spots(whole.lon, whole.lat)
    _, metres = network.nearest(homes, there)
    bare = keep_bare(whole, (homes.found & (metres > limit_m + DISTANCE_TOLERANCE_M)).astype(float))
    lon, lat = bare.ground.lon, bare.ground.lat
    spots, people = network.spots(lon, lat), bare.residents

    def gains(candidates: Ints) -> Floats:
        own = network.spots(lon[candidates], lat[candidates])
        i, j, _ = network.within(own, spots, limit_m)
        return np.bincount(i, people[j], minlength=len(candidates)).astype(np.float64)

    found = rank_patches(bare, gains, theirs, places, service=service, min_residents=min_residents)
    here = network.spots(found["candidate_lon"].to_numpy(), found["candidate_lat"].to_numpy())
    found["nearest_walking_m"] = network.nearest(here, there)[1]
    return found

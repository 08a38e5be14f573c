"""Sites and residents by walked distance 步行选址: the pairs in reach along the streets, and who is on no street."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circle15.errors import Problem, UsageError
from circle15.siting.demand import Reach, reach_of_pairs

if TYPE_CHECKING:
    from circle15.prepared import Prepared
    from circle15.quantities import Flags, Floats
    from circle15.siting.demand import Demand


@dataclass(frozen=True)
class Walked:
    """Who reaches whom on foot.

    Parameters
    ----------
    reach
        Points within the radius of each site along the streets, metres walked.
    off_sites
        Sites (n,) on no street: they reach nobody on foot.
    off_residents
        Residents on no street: nobody reaches them on foot.
    """

    reach: Reach
    off_sites: Flags
    off_residents: float


def walked_reach(ready: Prepared, lon: Floats, lat: Floats, demand: Demand, *, radius_m: float) -> Walked:
    """Walk from sites (n,) in degrees WGS 84 to the points of a demand, up to `radius_m` (bound included).

    Raises
    ------
    UsageError
        Where the city has no streets.
    """
    if ready.foot is None:
        raise UsageError(Problem("use.streets_missing"))
    network = ready.foot.metres
    sites, homes = network.spots(lon, lat), network.spots(demand.lon, demand.lat)
    i, j, metres = network.within(sites, homes, radius_m)
    reach = reach_of_pairs(i, j, metres, sites=len(lon), points=len(demand), radius_m=radius_m)
    return Walked(reach, ~sites.found, float(demand.residents[~homes.found].sum()))

"""Two-step floating catchments 两步移动搜寻法: how much supply each home can reach, shared with all who reach it too.

2SFCA (Luo & Wang 2003): supply over the people in its catchment, summed over what each home reaches. E2SFCA (Luo & Qi
2009) weights both steps by zones of distance. Bounds of catchments and zones are included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from circle15.quantities import Floats, Ints

WHOLE: tuple[tuple[float, float], ...] = ((1.0, 1.0),)
"""One zone: plain 2SFCA."""
ZONES: tuple[tuple[float, float], ...] = ((1 / 3, 1.0), (2 / 3, 0.68), (1.0, 0.22))
"""Thirds of the catchment and their weights (Luo & Qi 2009, slow decay, for 10, 20 and 30 minutes)."""


def two_step(
    home: Ints,
    site: Ints,
    cost: Floats,
    *,
    residents: Floats,
    supply: Floats,
    catchment: float,
    zones: Sequence[tuple[float, float]] = WHOLE,
) -> Floats:
    """Supply per resident that each home (n,) can reach.

    Parameters
    ----------
    home, site, cost
        (p,) pairs of homes and sites and what lies between them; pairs not told are out of reach.
    residents, supply
        (n,) people at each home, (k,) supply at each site.
    catchment
        Largest cost, bound included; NaN and infinite costs are out of reach.
    zones
        (share of the catchment up to which, bound included; weight), rising: one zone of weight 1 is plain 2SFCA.

    Returns
    -------
    (n,) supply per resident; 0 where nothing is reached. Supply that nobody reaches counts nowhere.
    """
    weight = _weights(np.nan_to_num(cost, nan=np.inf, posinf=np.inf), catchment, zones)
    demand = np.bincount(site, weight * residents[home], minlength=len(supply))
    ratio = np.divide(supply, demand, out=np.zeros(len(supply)), where=demand > 0)
    return np.bincount(home, weight * ratio[site], minlength=len(residents)).astype(np.float64)


def _weights(cost: Floats, catchment: float, zones: Sequence[tuple[float, float]]) -> Floats:
    out = np.zeros(len(cost))
    for share, weight in sorted(zones, reverse=True):
        out[cost <= share * catchment] = weight
    return out

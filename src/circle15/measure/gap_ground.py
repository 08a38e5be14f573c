"""Where gaps may lie 空白底数: populated cells of the districts, laid out once for many services.

Cells are polygons or points (gap_cells.py) or those of a regular grid, told as numbers (gap_grid.py); patches of them
are ranked alike (gap_patches.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from circle15.measure.gap_kernels import LEAST_SHARE
from circle15.measure.pieces import locate

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from circle15.quantities import Floats, Ints

    Points = tuple[Floats, Floats]


class GapCells(Protocol):
    """What the cells (n) of a ground are made of."""

    def take(self, chosen: Ints) -> Self:
        """Only the cells at the positions `chosen`, rising."""

    def uncovered(self, centres: Points, *, radius_m: float) -> Floats:
        """Share (n,) of each cell that no circle about `centres` (longitudes, latitudes) covers."""

    def touching(self) -> tuple[Ints, Ints]:
        """Pairs of cells that stand together, each at least one way."""

    def gains(self, share: Floats, at: Points, centres: Points, *, radius_m: float) -> Floats:
        """Residents (k,) whom a new circle about each point `at` covers and none about `centres` does.

        `share` (n,) is what `uncovered` told of the cells.
        """

    def outline(self, members: Ints) -> BaseGeometry:
        """Outline of some of the cells."""


@dataclass(frozen=True)
class GapGround:
    """Populated cells in the districts (n).

    Parameters
    ----------
    cells
        What they are made of.
    residents, area_m2
        (n,) people and ground; no ground where the population stands in points.
    lon, lat
        (n,) centre of each, degrees.
    source
        (n,) number of the cell in the population: a wide one stands in several parts.
    held
        For "district" and "township" the position (n,) in `places` of the place that holds the centre; -1: none.
    """

    cells: GapCells
    residents: Floats
    area_m2: Floats
    lon: Floats
    lat: Floats
    source: Ints
    held: dict[str, Ints]

    def take(self, chosen: Ints) -> GapGround:
        """Only the cells at the positions `chosen`, rising."""
        numbers = {k: getattr(self, k)[chosen] for k in ("residents", "area_m2", "lon", "lat", "source")}
        held = {level: place[chosen] for level, place in self.held.items()}
        return replace(self, cells=self.cells.take(chosen), held=held, **numbers)


@dataclass(frozen=True)
class BareGround:
    """Cells (n) that are not wholly covered, and the share (n,) of each that is bare."""

    ground: GapGround
    share: Floats

    @property
    def residents(self) -> Floats:
        """Uncovered people (n,)."""
        return self.share * self.ground.residents


def keep_bare(whole: GapGround, share: Floats) -> BareGround:
    """Leave out of the ground the cells of which no `share` (n,) is uncovered."""
    keep = np.flatnonzero(share > LEAST_SHARE)
    return BareGround(whole.take(keep), share[keep])


def gap_level(places: gpd.GeoDataFrame) -> str:
    """Level of the places in which gaps are looked for: districts where there are any, or the city."""
    return "district" if (places["level"] == "district").any() else "city"


def holders(lon: Floats, lat: Floats, places: gpd.GeoDataFrame, level: str) -> Ints:
    """Position (n,) in `places` of the place of a level that holds each point (on a border the first by id), or -1."""
    of_level = np.flatnonzero(places["level"] == level)
    return np.append(of_level, -1)[locate(lon, lat, places.iloc[of_level])]

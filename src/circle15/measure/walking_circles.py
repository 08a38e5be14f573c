"""Service circles on foot 步行服务圈: who else, and how many residents, within so many metres or minutes walked.

Residents are those of cells whose middle is walked to within the limit: a cell is in or out as a whole. Cells wider
than 200 m are first laid out in parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from circle15.measure.cells import pack_cells
from circle15.measure.circles import lonlat, sites_of
from circle15.measure.others import Others, Part
from circle15.measure.walking import Spots, WalkNetwork
from circle15.project.metric import PointTree, pairs_within
from circle15.quantities import DISTANCE_TOLERANCE_M
from circle15.schema import WALKING_MINUTES, Pace

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.quantities import Floats, Ints
    from circle15.schema import Population, PopulationBlocks, Streets

WIDEST_M = 200.0
FARTHEST = 3.0
"""Ways are followed up to this many times the straight reach; beyond they are told as infinite, not as unknown."""


Both = tuple[Spots, Spots]
"""Places on a network without and with slopes."""


class OnFoot:
    """One network in metres and in minutes: the same where slopes do not count.

    Parameters
    ----------
    streets, pace
        Network and how it is walked.
    """

    def __init__(self, streets: Streets, *, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.metres = WalkNetwork(streets, pace=Pace(self.pace.metres_per_s, "flat", self.pace.max_snap_m))
        self.timed = self.metres if self.pace.slope == "flat" else WalkNetwork(streets, pace=self.pace)

    def spots(self, lon: Floats, lat: Floats) -> Both:
        """Places (degrees WGS 84) taken to the streets, for metres and for minutes."""
        plain = self.metres.spots(lon, lat)
        return plain, plain if self.timed is self.metres else self.timed.spots(lon, lat)

    def ways(self, a: Both, b: Both, i: Ints, j: Ints, *, limit_m: float) -> tuple[Floats, Floats]:
        """Metres and minutes (p,) from a[i] to b[j], `i` rising; infinite beyond the limit, NaN off the streets."""
        metres = self.metres.walked_m(a[0], b[0], i, j, limit_m=limit_m)
        if self.timed is self.metres:
            return metres, self.pace.minutes(metres)
        return metres, self.pace.minutes(self.timed.walked_m(a[1], b[1], i, j, limit_m=limit_m))


@dataclass(frozen=True)
class CellsOnFoot:
    """Cells (or their parts) of one block of residents and where they meet the streets.

    row
        (c,) position of the cell in the block's table.
    residents, geometry
        (c,) people and ground of each part.
    """

    spots: Spots
    residents: Floats
    row: Ints
    geometry: NDArray[np.object_]

    def taken(self, rows: Ints) -> CellsOnFoot:
        """Some of the cells."""
        return CellsOnFoot(_rows(self.spots, rows), self.residents[rows], self.row[rows], self.geometry[rows])


def cells_on_foot(block: Population, network: WalkNetwork) -> CellsOnFoot:
    """Take the cells of a block to the streets, each from its middle (or a point inside, where that lies beside it)."""
    cells = pack_cells(block.cells, widest_m=WIDEST_M)
    lon, lat = cells.lon.copy(), cells.lat.copy()
    beside = np.flatnonzero(~shapely.intersects_xy(cells.geometry, lon, lat))
    inside = shapely.point_on_surface(cells.geometry[beside])
    lon[beside], lat[beside] = shapely.get_x(inside), shapely.get_y(inside)
    return CellsOnFoot(network.spots(lon, lat), cells.residents, cells.row, cells.geometry)


class HomesOnFoot:
    """The residents of a city taken to its streets once, for many questions.

    Parameters
    ----------
    population, foot
        Residents and the streets that they walk.
    """

    def __init__(self, population: Population | PopulationBlocks, foot: OnFoot) -> None:
        self._population, self._foot = population, foot
        self._cells: dict[WalkNetwork, list[tuple[PointTree, CellsOnFoot]]] = {}

    def within(self, lon: Floats, lat: Floats, *, radius_m: float, minutes: float | None = None) -> Floats:
        """Residents (n,) within `radius_m` on foot of places (n,) in degrees WGS 84, or within `minutes` if given."""
        network, limit_m = self._foot.metres, radius_m
        if minutes is not None:
            network, limit_m = self._foot.timed, self._foot.pace.metres(minutes)
        if network not in self._cells:
            blocks = (cells_on_foot(block, network) for block in self._population.blocks())
            self._cells[network] = [(PointTree(b.spots.lon, b.spots.lat), b) for b in blocks]
        near = (b.taken(np.unique(tree.candidates(lon, lat, limit_m)[1])) for tree, b in self._cells[network])
        return residents_on_foot(network, (lon, lat), near, limit_m=limit_m)


def walking_to(
    here: tuple[float, float],
    institutions: gpd.GeoDataFrame,
    foot: OnFoot,
    *,
    reach_m: float,
    there: Both | None = None,
) -> pd.DataFrame:
    """Ways from one place (degrees WGS 84) to every institution no farther than `reach_m` in a straight line.

    `there` are the institutions' spots, where many places are asked about.

    Returns
    -------
    DataFrame with `id`, `walking_m` and `walking_minutes`; infinite where no way of three times the reach leads there,
    NaN where the place or the institution is on no street.
    """
    lon, lat = np.array([here[0]]), np.array([here[1]])
    where = lonlat(institutions)
    _, j, _ = pairs_within(lon, lat, *where, reach_m)
    spots = foot.spots(*where) if there is None else there
    metres, minutes = foot.ways(foot.spots(lon, lat), spots, np.zeros_like(j), j, limit_m=FARTHEST * reach_m)
    ids = institutions["id"].to_numpy()[j]
    return pd.DataFrame({"id": ids, "walking_m": metres, "walking_minutes": minutes})


def add_ways(neighbours: pd.DataFrame, institutions: gpd.GeoDataFrame, foot: OnFoot, *, reach_m: float) -> pd.DataFrame:
    """Neighbours (site_id, id … of institutions among themselves) with `walking_m` and `walking_minutes`."""
    place = pd.Series(np.arange(len(institutions)), index=institutions["id"].to_numpy())
    i, j = (place.loc[neighbours[c]].to_numpy() for c in ("site_id", "id"))
    order = np.argsort(i, kind="stable")
    spots = foot.spots(*lonlat(institutions))
    ways = foot.ways(spots, spots, i[order], j[order], limit_m=FARTHEST * reach_m)
    out = neighbours.copy()
    for name, values in zip(("walking_m", "walking_minutes"), ways, strict=True):
        column = np.empty(len(neighbours))
        column[order] = values
        out[name] = column
    return out


def measure_walking_circles(
    sites: gpd.GeoDataFrame,
    institutions: gpd.GeoDataFrame,
    population: Population | PopulationBlocks,
    foot: OnFoot,
    *,
    radius_m: float,
    minutes: float = WALKING_MINUTES,
) -> pd.DataFrame:
    """Measure what is within a walk of every site.

    Parameters
    ----------
    sites, institutions
        As in `circles.measure_circles`.
    foot
        The streets.
    radius_m, minutes
        Limits, bounds included.

    Returns
    -------
    DataFrame indexed like `sites`: `snap_m` (to the street; NaN where none is near enough, and then all columns are),
    `others_walking` (same service within `radius_m` walked), `others_minutes` (within `minutes`), `nearest_walking_m`
    (infinite where no other can be reached), `residents_walking` and `residents_minutes`.
    """
    where = lonlat(sites)
    spots = foot.metres.spots(*where)
    columns = {"snap_m": spots.snap_m}
    columns |= _others(sites, institutions, foot, radius_m=radius_m, minutes=minutes)
    for name, network, limit in (
        ("residents_walking", foot.metres, radius_m),
        ("residents_minutes", foot.timed, foot.pace.metres(minutes)),
    ):
        cells = (cells_on_foot(block, network) for block in population.blocks())
        columns[name] = residents_on_foot(network, where, cells, limit_m=limit)
    table = pd.DataFrame(columns, index=sites.index)
    return table.where(pd.Series(spots.found, index=sites.index), other=np.nan)


def residents_on_foot(
    network: WalkNetwork, where: tuple[Floats, Floats], blocks: Iterable[CellsOnFoot], *, limit_m: float
) -> Floats:
    """Residents (n,) within `limit_m` on foot (bound included) of places (n,), degrees WGS 84; NaN off the streets."""
    at = network.spots(*where)
    people = np.zeros(len(where[0]))
    for cells in blocks:
        i, j, _ = network.within(at, cells.spots, limit_m)
        people += np.bincount(i, cells.residents[j], minlength=len(people))
    return np.where(at.found, people, np.nan)


def _others(
    sites: gpd.GeoDataFrame, institutions: gpd.GeoDataFrame, foot: OnFoot, *, radius_m: float, minutes: float
) -> dict[str, Floats]:
    n = len(sites)
    found = {"others_walking": np.zeros(n), "others_minutes": np.zeros(n), "nearest_walking_m": np.full(n, np.inf)}
    for part in Others(sites_of(institutions)).by_service(sites_of(sites)):
        here, there = (part.lon, part.lat), (part.kind.tree.lon, part.kind.tree.lat)
        for name, network, limit in (
            ("others_walking", foot.metres, radius_m),
            ("others_minutes", foot.timed, foot.pace.metres(minutes)),
        ):
            i, j, _ = network.within(network.spots(*here), network.spots(*there), limit)
            another = part.another(i, j)
            found[name][part.asked] = part.institutions(i[another], j[another])
        found["nearest_walking_m"][part.asked] = _nearest_other(foot.metres, part)
    return found


def _nearest_other(network: WalkNetwork, part: Part) -> Floats:
    """Metres on foot to the nearest other institution (k,).

    Few sites stand beside most institutions, so the search widens until each has found another one.
    """
    a, b = network.spots(part.lon, part.lat), network.spots(part.kind.tree.lon, part.kind.tree.lat)
    best = np.full(len(part.asked), np.inf)
    limit_m = 1000.0
    while True:
        open_ = np.flatnonzero(np.isinf(best) & a.found)
        i, j, metres = network.within(_rows(a, open_), b, limit_m)
        another = part.another(open_[i], j)
        np.minimum.at(best, open_[i[another]], metres[another])
        if limit_m > _WIDEST_SEARCH_M or not np.isinf(best[a.found]).any():
            return best
        limit_m *= 4.0


_WIDEST_SEARCH_M = 60_000.0


def _rows(spots: Spots, rows: Ints) -> Spots:
    return Spots(*(column[rows] for column in vars(spots).values()))


def reached(metres: Floats, limit: float) -> NDArray[np.bool_]:
    """Whether each way is within the limit (bound included); unknown ways are not."""
    return np.asarray(np.nan_to_num(metres, nan=np.inf, posinf=np.inf) <= limit + DISTANCE_TOLERANCE_M)

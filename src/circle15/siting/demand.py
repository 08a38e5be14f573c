"""Who is to be reached from where 需求与候选点: points with residents, and the sites in reach of each.

Residents are spread evenly over their cell. A cell that no circle's edge crosses is one point; one that is crossed is
laid out in parts no wider than `part_m`, each a point, so that the ground under several circles is told apart. What is
planned on these points is measured again by exact area (measure/coverage.py) before anybody reads it.
Pairs of a site and a point in reach are held sparse, by site: 100,000 sites × 1,000,000 points need no dense matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.errors import Problem, UsageError
from circle15.project.metric import distances_m
from circle15.quantities import DISTANCE_TOLERANCE_M, LEAST_M_PER_DEGREE, Floats, Ints, Small
from circle15.siting.cells import Cells, cells_of
from circle15.siting.pair_kernels import CLOSE_M, pairs_in_bins, row_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.schema import Population, PopulationBlocks

LOCAL_REACH_M = 20_000.0  # up to here local distances are right to a few centimetres, well inside CLOSE_M
MOST_BINS = 4_000_000
MOST_PARTS = 8
"""Most parts a side that a cell is laid out in: a coarse cell tells no more of where its residents live."""


@dataclass(frozen=True)
class Demand:
    """Points with residents 需求点 (m): degrees (EPSG:4326), people, and the row of the population's table."""

    lon: Floats
    lat: Floats
    residents: Floats
    cell: Ints

    def __len__(self) -> int:
        return len(self.lon)


@dataclass(frozen=True)
class Reach:
    """Points in reach of each site, sparse and by site.

    Parameters
    ----------
    start
        (n + 1,) the points of site s are `point[start[s]:start[s + 1]]`.
    point
        (p,) position of the point.
    distance_m
        (p,) metres, straight (to the millimetre) or walked, as the caller measured them.
    points
        Number of points m; those that no site reaches stand in no pair.
    """

    start: Ints
    point: Small
    distance_m: NDArray[np.floating[Any]]
    points: int

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def site(self) -> Ints:
        """Site (p,) of every pair."""
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.start))

    def of(self, site: int) -> Small:
        """Points in reach of one site."""
        return self.point[self.start[site] : self.start[site + 1]]

    def within(self, radius_m: float) -> Reach:
        """The pairs no farther apart than `radius_m` (bound included to 1 mm, the precision held)."""
        keep = self.distance_m <= radius_m + 1e-3
        start = np.append(0, np.cumsum(np.bincount(self.site[keep], minlength=len(self)))).astype(np.int64)
        return Reach(start, self.point[keep], self.distance_m[keep], self.points)

    def taken(self, sites: Ints) -> Reach:
        """The reach of some sites, in the order given."""
        parts = [np.arange(self.start[s], self.start[s + 1]) for s in sites]
        pick = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        start = np.append(0, np.cumsum([len(p) for p in parts])).astype(np.int64)
        return Reach(start, self.point[pick], self.distance_m[pick], self.points)

    def joined(self, other: Reach) -> Reach:
        """The reach of these sites and, after them, of those of another reach over the same points."""
        if other.points != self.points:
            raise ValueError
        return Reach(
            np.append(self.start, other.start[1:] + self.start[-1]),
            np.append(self.point, other.point),
            np.append(self.distance_m, other.distance_m),
            self.points,
        )


def demand_points(
    population: Population | PopulationBlocks,
    *,
    part_m: float = np.inf,
    edges: tuple[Floats, Floats, float] | None = None,
) -> Demand:
    """Lay out residents as points.

    Parameters
    ----------
    population
        Cells, areas or points, read block by block; a grid is taken as numbers.
    part_m
        Widest part of a cell that stands for one point (but at most `MOST_PARTS` a side); without end, every cell is
        its centre.
    edges
        Longitudes, latitudes (n,) and radius in metres of the circles that matter: cells that none of their edges
        crosses stay one point. All cells are laid out where not given.
    """
    found: list[Demand] = []
    read = 0
    for cells in cells_of(population):
        parts = np.ones((len(cells.residents), 2), dtype=np.int64)
        if np.isfinite(part_m):
            parts = _parts(cells.bounds, part_m)
            if edges is not None:
                parts[~_crossed(cells.bounds, edges)] = 1
        found.append(_points_of(cells, parts, read))
        read += len(parts)
    names = ("lon", "lat", "residents", "cell")
    none = Demand(np.empty(0), np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
    return Demand(*(np.concatenate([getattr(f, n) for f in (none, *found)]) for n in names))


def _sides_m(bounds: Floats) -> Floats:
    east = np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2)) * 1.008 * LEAST_M_PER_DEGREE
    return np.column_stack(
        [(bounds[:, 2] - bounds[:, 0]) * east, (bounds[:, 3] - bounds[:, 1]) * 1.008 * LEAST_M_PER_DEGREE]
    )


def _parts(bounds: Floats, part_m: float) -> Ints:
    """Columns and rows (n, 2) that a cell is laid out in."""
    sides = np.nan_to_num(_sides_m(bounds))
    return np.clip(np.ceil(sides / part_m - 0.05), 1, MOST_PARTS).astype(np.int64)


def _crossed(bounds: Floats, edges: tuple[Floats, Floats, float]) -> NDArray[np.bool_]:
    """Cells (n,) that the edge of a circle may cross."""
    lon, lat, radius_m = edges
    x, y = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    half_m = np.hypot(*_sides_m(bounds).T) / 2 * 1.02
    crossed = np.zeros(len(bounds), dtype=bool)
    reach = reach_straight(lon, lat, x, y, radius_m=radius_m + float(half_m.max(initial=0.0)))
    crossed[reach.point[np.abs(reach.distance_m - radius_m) <= half_m[reach.point]]] = True
    return crossed


def _points_of(cells: Cells, parts: Ints, read: int) -> Demand:
    bounds, count = cells.bounds, parts.prod(axis=1)
    cell = np.repeat(np.arange(len(count), dtype=np.int64), count)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    wide = parts[cell, 0]
    lon = bounds[cell, 0] + (nth % wide + 0.5) / wide * (bounds[cell, 2] - bounds[cell, 0])
    lat = bounds[cell, 1] + (nth // wide + 0.5) / parts[cell, 1] * (bounds[cell, 3] - bounds[cell, 1])
    inside = count[cell] == 1
    asked = np.flatnonzero(~inside)
    inside[asked] = cells.hold(cell[asked], lon[asked], lat[asked])
    held = np.bincount(cell[inside], minlength=len(count))
    bare = np.flatnonzero(held == 0)  # a thin or bent cell between all its points: one of its own stands for it
    within = shapely.point_on_surface(cells.shapes(bare))
    lon = np.append(lon[inside], shapely.get_x(within))
    lat = np.append(lat[inside], shapely.get_y(within))
    cell = np.append(cell[inside], bare)
    order = np.argsort(cell, kind="stable")
    people = cells.residents[cell] / np.maximum(held, 1)[cell]
    return Demand(lon[order], lat[order], people[order], cell[order] + read)


def reach_straight(lon: Floats, lat: Floats, point_lon: Floats, point_lat: Floats, *, radius_m: float) -> Reach:
    """Points within `radius_m` of each site in a straight line (geodesic, bound included).

    Parameters
    ----------
    lon, lat
        (n,) sites, EPSG:4326 degrees; a site without a position reaches nothing.
    point_lon, point_lat
        (m,) points.
    radius_m
        Radius; a pair nearer to it than a metre is decided by the geodesic.

    Returns
    -------
    Reach
        The points of a site in the order of the bins they lie in.
    """
    lon, lat = np.ascontiguousarray(lon, dtype=np.float64), np.ascontiguousarray(lat, dtype=np.float64)
    points = np.ascontiguousarray(point_lon, dtype=np.float64), np.ascontiguousarray(point_lat, dtype=np.float64)
    bins, grid = _bins(points, radius_m + CLOSE_M)
    start = np.zeros(len(lon) + 1, dtype=np.int64)
    nothing = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    pairs_in_bins((lon, lat), points, bins, grid, radius_m, start, nothing)
    start = np.cumsum(start)
    found = np.empty(start[-1], dtype=np.int32), np.empty(start[-1], dtype=np.float32)
    if len(found[0]):
        pairs_in_bins((lon, lat), points, bins, grid, radius_m, start, found)
    return _decided(Reach(start, *found, len(points[0])), (lon, lat), points, radius_m)


def _bins(
    points: tuple[Floats, Floats], reach_m: float
) -> tuple[tuple[Ints, Ints], tuple[float, float, float, float, int, int]]:
    lon, lat = points
    some = np.isfinite(lon) & np.isfinite(lat)
    west, east = (float(lon[some].min()), float(lon[some].max())) if some.any() else (0.0, 0.0)
    south, north = (float(lat[some].min()), float(lat[some].max())) if some.any() else (0.0, 0.0)
    high = 1.01 * reach_m / LEAST_M_PER_DEGREE
    wide = high / max(np.cos(np.radians(min(max(abs(south), abs(north)) + high, 89.0))), 1e-3)
    columns, rows = int((east - west) / wide) + 1, int((north - south) / high) + 1
    larger = max(1.0, np.sqrt(columns * rows / MOST_BINS))
    wide, high = wide * larger, high * larger
    columns, rows = int((east - west) / wide) + 1, int((north - south) / high) + 1
    of = np.full(len(lon), columns * rows, dtype=np.int64)
    of[some] = ((lat[some] - south) / high).astype(np.int64) * columns + ((lon[some] - west) / wide).astype(np.int64)
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], np.arange(columns * rows + 1))
    return (starts.astype(np.int64), order.astype(np.int64)), (west, south, wide, high, columns, rows)


def _decided(found: Reach, site: tuple[Floats, Floats], point: tuple[Floats, Floats], radius_m: float) -> Reach:
    """Decide pairs near the radius by the geodesic and leave out those beyond it."""
    close = np.abs(found.distance_m - radius_m) <= CLOSE_M + 1e-3
    if radius_m > LOCAL_REACH_M:
        close[:] = True
    at = np.flatnonzero(close)
    s, p = np.searchsorted(found.start, at, side="right") - 1, found.point[at]
    metres = distances_m(site[0][s], site[1][s], point[0][p], point[1][p])
    beyond = at[metres > radius_m + DISTANCE_TOLERANCE_M]
    distance_m = found.distance_m
    distance_m[at] = np.minimum(metres, radius_m)
    if not len(beyond):
        return found
    keep = np.ones(len(distance_m), dtype=bool)
    keep[beyond] = False
    gone = np.bincount(np.searchsorted(found.start, beyond, side="right") - 1, minlength=len(found))
    start = found.start - np.append(0, np.cumsum(gone))
    return Reach(start.astype(np.int64), found.point[keep], distance_m[keep], found.points)


def reach_of_pairs(
    site: Ints, point: Ints, distance_m: Floats, *, sites: int, points: int, radius_m: float = np.inf
) -> Reach:
    """Reach from pairs that somebody else measured, such as walking distances 步行距离.

    Parameters
    ----------
    site, point
        (p,) positions; each pair at most once.
    distance_m
        (p,) metres; those above `radius_m` are left out.

    Raises
    ------
    UsageError
        For positions out of range, distances that are no number or negative, and pairs told twice.
    """
    i, j, metres = np.asarray(site, np.int64), np.asarray(point, np.int64), np.asarray(distance_m, np.float64)
    bad = (i < 0) | (i >= sites) | (j < 0) | (j >= points) | ~(metres >= 0)
    twice = len(np.unique(i * points + j)) < len(i)
    if bad.any() or twice:
        first = int(np.flatnonzero(bad)[0]) if bad.any() else 0
        value = f"{i[first]}, {j[first]}, {metres[first]}" if len(i) else ""
        raise UsageError(Problem("siting.pairs", value=value))
    keep = metres <= radius_m + DISTANCE_TOLERANCE_M
    i, j, metres = i[keep], j[keep], metres[keep]
    order = np.lexsort((j, i))
    start = np.append(0, np.cumsum(np.bincount(i, minlength=sites))).astype(np.int64)
    return Reach(start, j[order].astype(np.int32), metres[order], points)


def merged(reach: Reach, residents: Floats) -> tuple[Reach, Floats]:
    """Put points that the same sites reach together 合并: fewer rows for a solver, the same residents for every choice.

    Distances are dropped to those of one point of each group, so use the result for coverage only. Points that no site
    reaches are left out: no choice changes what becomes of them.
    """
    rng = np.random.default_rng(15)  # fixed: fingerprints must be the same in every run
    prints = []
    for _ in range(2):
        own = rng.integers(1, 2**62, size=len(reach), dtype=np.int64)
        out = np.zeros(reach.points, dtype=np.int64)
        row_sums(reach.start, reach.point, own, out)
        prints.append(out)
    reached = np.bincount(reach.point, minlength=reach.points) > 0
    at = np.flatnonzero(reached)
    one, two = (p[at] for p in prints)
    order = np.lexsort((two, one))
    begins = np.append(True, (np.diff(one[order]) != 0) | (np.diff(two[order]) != 0))[: len(order)]
    first = order[begins]
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(begins) - 1
    weight = np.bincount(group, residents[at], minlength=len(first)).astype(np.float64)
    number = np.full(reach.points, -1, dtype=np.int32)
    number[at[first]] = np.arange(len(first), dtype=np.int32)
    keep = number[reach.point] >= 0
    start = np.append(0, np.cumsum(np.bincount(reach.site[keep], minlength=len(reach)))).astype(np.int64)
    return replace(
        reach, start=start, point=number[reach.point[keep]], distance_m=reach.distance_m[keep], points=len(first)
    ), weight

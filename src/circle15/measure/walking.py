"""Ways on foot 步行: from places to places over the streets, the way to the street counted.

A place is taken to the nearest point on any street (not to the nearest crossing), and what it is away from there is
walked too; one farther than `max_snap_m` from every street is on no street: its distances are unknown (NaN), never
short. Reach is decided place by place by distance, never by an outline. Walking distances are never below the geodesic
between both places, and equal in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from circle15.measure.pieces import first_of
from circle15.measure.street_kernels import count_within, nearest_seed, node_costs, pair_costs
from circle15.project.metric import candidate_pairs, distances_m
from circle15.quantities import DISTANCE_TOLERANCE_M, Flags
from circle15.schema import Pace

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from circle15.measure.street_kernels import Graph
    from circle15.quantities import Floats, Ints
    from circle15.schema import Streets


_E = 0.0818191908426215  # first eccentricity of WGS 84


@dataclass(frozen=True)
class Spots:
    """Where places meet the streets: one row a place (k,).

    lon, lat
        The place itself, degrees WGS 84.
    edge
        Edge that it was taken to; -1 where none is near enough.
    snap_m
        Metres from the place to the street (NaN on no street).
    from_u_m, from_v_m
        Metres along the edge from either end; together the edge's length, to rounding.
    street_lon, street_lat
        Point on the street.
    """

    lon: Floats
    lat: Floats
    edge: Ints
    snap_m: Floats
    from_u_m: Floats
    from_v_m: Floats
    street_lon: Floats
    street_lat: Floats

    @property
    def found(self) -> Flags:
        """Whether each place is on a street (k,)."""
        return self.edge >= 0


class WalkNetwork:
    """A street network made ready for measuring: costs of edges and the index to find the nearest street.

    Where slopes count (`pace.slope`), every metre it tells is a metre of the flat way that takes as long, so that
    `pace.minutes` turns it into time; ask a network without slopes for metres.

    Parameters
    ----------
    streets
        Network as read.
    pace
        How minutes follow from metres, and how far from a street a place may lie.
    """

    def __init__(self, streets: Streets, *, pace: Pace | None = None) -> None:
        self.streets = streets
        self.pace = pace or Pace()

    @cached_property
    def _lines(self) -> tuple[shapely.STRtree, NDArray[np.object_]]:
        s = self.streets
        x, y = conformal(s.shape_lon, s.shape_lat)
        owner = np.repeat(np.arange(len(s.u)), np.diff(s.shape_start))
        lines = np.asarray(shapely.linestrings(np.column_stack([x, y]), indices=owner), dtype=object)
        return shapely.STRtree(lines), lines

    @cached_property
    def graph(self) -> Graph:
        """The network as the kernels take it, metres as costs."""
        s = self.streets
        return s.start, s.other, (s.length_m * self._factor)[s.edge]

    @cached_property
    def _factor(self) -> Floats:
        """By how much each edge (m,) takes longer than on the flat; 1 where no slope counts or is known."""
        s = self.streets
        if self.pace.slope == "flat":
            return np.ones(len(s.u))
        rise = s.elevation_m[s.v] - s.elevation_m[s.u]
        slope = np.divide(rise, s.length_m, out=np.zeros(len(s.u)), where=s.length_m > 0)
        return np.where(np.isfinite(slope), tobler_factor(np.nan_to_num(slope)), 1.0)

    def spots(self, lon: ArrayLike, lat: ArrayLike) -> Spots:
        """Take places (degrees WGS 84; NaN is on no street) to the nearest point on a street."""
        x, y = (np.asarray(v, dtype=np.float64) for v in (lon, lat))
        edge = self._nearest_edge(x, y)
        found = np.flatnonzero(edge >= 0)
        columns = np.full((5, len(x)), np.nan)
        if len(found):
            columns[:, found] = self._on_edge(x[found], y[found], edge[found])
            beyond = found[columns[0, found] > self.pace.max_snap_m + DISTANCE_TOLERANCE_M]
            edge[beyond] = -1
            columns[:, beyond] = np.nan
        return Spots(x, y, edge, *columns)

    def _nearest_edge(self, lon: Floats, lat: Floats) -> Ints:
        edge = np.full(len(lon), -1, dtype=np.int64)
        known = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) < 89.0))  # noqa: PLR2004 - poles
        tree, lines = self._lines
        if not len(known) or not len(lines):
            return edge
        points = shapely.points(*conformal(lon[known], lat[known]))
        # one unit is the earth's radius times the cosine of the latitude, so the highest latitude asks for most
        reach = 1.01 * self.pace.max_snap_m / 6.33e6 / np.cos(np.radians(np.abs(lat[known]).max()))
        at, line = tree.query_nearest(points, max_distance=reach, all_matches=True)
        edge[known] = first_of(at, line, len(known))  # of those equally near, so that the answer repeats
        return edge

    def _on_edge(self, lon: Floats, lat: Floats, edge: Ints) -> Floats:
        """Rows snap_m, from_u_m, from_v_m, lon, lat of the nearest point on the given edges."""
        s, lines = self.streets, self._lines[1]
        px, py = conformal(lon, lat)
        along = shapely.line_locate_point(lines[edge], shapely.points(px, py))
        vertex = self._segment(edge, along)
        ax, ay = conformal(s.shape_lon[vertex], s.shape_lat[vertex])
        bx, by = conformal(s.shape_lon[vertex + 1], s.shape_lat[vertex + 1])
        dx, dy = bx - ax, by - ay
        square = dx * dx + dy * dy
        part = np.divide((px - ax) * dx + (py - ay) * dy, square, out=np.zeros(len(px)), where=square > 0).clip(0, 1)
        to_lon, to_lat = (c[vertex] + part * (c[vertex + 1] - c[vertex]) for c in (s.shape_lon, s.shape_lat))
        before = distances_m(s.shape_lon[vertex], s.shape_lat[vertex], to_lon, to_lat)
        after = distances_m(to_lon, to_lat, s.shape_lon[vertex + 1], s.shape_lat[vertex + 1])
        from_u = (s.shape_m[vertex] + before) * self._factor[edge]
        from_v = (s.length_m[edge] - s.shape_m[vertex + 1] + after) * self._factor[edge]
        return np.stack([distances_m(lon, lat, to_lon, to_lat), from_u, from_v, to_lon, to_lat])

    def _segment(self, edge: Ints, along: Floats) -> Ints:
        """First vertex of the segment of each edge that holds a place so far along its line."""
        s = self.streets
        first, last = s.shape_start[edge], s.shape_start[edge + 1]
        at = np.searchsorted(self._totals, self._totals[first] + along, side="right") - 1
        return np.clip(at, first, last - 2)

    @cached_property
    def _totals(self) -> Floats:
        """Running length of all lines, vertex by vertex, in the index's own units."""
        x, y = conformal(self.streets.shape_lon, self.streets.shape_lat)
        step = np.append(0.0, np.hypot(np.diff(x), np.diff(y)))
        step[self.streets.shape_start[1:-1]] = 0.0
        return np.cumsum(step)

    # ── measuring ─────────────────────────────────────────────

    def ends(self, spots: Spots) -> tuple[Ints, Floats]:
        """Nodes (k, 2) at both ends of each spot's edge and metres (k, 2) from the place to them, snap included."""
        s = self.streets
        node = np.stack([s.u[spots.edge], s.v[spots.edge]], axis=1) if len(s.u) else np.zeros((len(spots.edge), 2), int)
        metres = np.stack([spots.from_u_m, spots.from_v_m], axis=1) + spots.snap_m[:, None]
        return node.astype(np.int64), np.where(spots.found[:, None], metres, np.inf)

    def within(self, a: Spots, b: Spots, limit_m: float) -> tuple[Ints, Ints, Floats]:
        """Pairs of a and b at most `limit_m` apart on foot (bound included): i, j, metres, sorted by (i, metres, j)."""
        i, j = candidate_pairs(a.lon, a.lat, b.lon, b.lat, limit_m)
        metres = self.walked_m(a, b, i, j, limit_m=limit_m)
        near = metres <= limit_m + DISTANCE_TOLERANCE_M
        i, j, metres = i[near], j[near], metres[near]
        order = np.lexsort((j, metres, i))
        return i[order], j[order], metres[order]

    def walked_m(self, a: Spots, b: Spots, i: Ints, j: Ints, *, limit_m: float = np.inf) -> Floats:
        """Metres on foot (p,) between a[i] and b[j], `i` rising; infinite beyond the limit, NaN off the streets."""
        limit = limit_m + DISTANCE_TOLERANCE_M
        known = a.found[i] & b.found[j]
        i, j = i[known], j[known]
        start = np.searchsorted(i, np.arange(len(a.lon) + 1)).astype(np.int64)
        found = pair_costs(self.graph, self.ends(a), self.ends(b), (start, j), limit)
        same = np.flatnonzero(a.edge[i] == b.edge[j])
        p, q = i[same], j[same]
        direct = np.abs(a.from_u_m[p] - b.from_u_m[q]) + a.snap_m[p] + b.snap_m[q]
        found[same] = np.minimum(found[same], direct)
        # between two vertices a place is found to a few millimetres only; the straight line is a floor that holds
        found = np.maximum(found, distances_m(a.lon[i], a.lat[i], b.lon[j], b.lat[j]))
        out = np.full(len(known), np.nan)
        out[known] = np.where(found <= limit, found, np.inf)
        return out

    def nearest(self, a: Spots, b: Spots) -> tuple[Ints, Floats]:
        """For every place of a the nearest of b on foot: position (the lowest where two tie) and metres.

        -1 and infinite where none can be reached; -1 and NaN for places off the streets.
        """
        dist, label = nearest_seed(self.graph, *self._seeds(b), np.repeat(np.flatnonzero(b.found), 2))
        ends, own = self.ends(a)
        through = dist[ends] + own if len(dist) else np.full(own.shape, np.inf)
        # of two ways equally long the one to the lower position
        side = np.lexsort((label[ends] if len(dist) else ends, through), axis=1)[:, 0]
        rows = np.arange(len(a.lon))
        best_m = through[rows, side]
        best = np.where(np.isfinite(best_m), label[ends[rows, side]] if len(dist) else -1, -1)
        best, best_m = self._beside(a, b, best, best_m)
        reached = best >= 0
        floor = distances_m(a.lon[reached], a.lat[reached], b.lon[best[reached]], b.lat[best[reached]])
        best_m[reached] = np.maximum(best_m[reached], floor)
        return best, np.where(a.found, best_m, np.nan)

    def _beside(self, a: Spots, b: Spots, best: Ints, best_m: Floats) -> tuple[Ints, Floats]:
        """Nearest of b where one stands on the same edge and no node lies between."""
        order = np.flatnonzero(b.found)[np.argsort(b.edge[b.found], kind="stable")]
        low = np.searchsorted(b.edge[order], a.edge, side="left")
        high = np.where(a.found, np.searchsorted(b.edge[order], a.edge, side="right"), low)
        i = np.repeat(np.arange(len(a.lon)), high - low)
        if not len(i):
            return best, best_m
        step = np.arange(len(i)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        j = order[np.repeat(low, high - low) + step]
        direct = np.abs(a.from_u_m[i] - b.from_u_m[j]) + a.snap_m[i] + b.snap_m[j]
        rank = np.lexsort((j, direct, i))
        at, first = np.unique(i[rank], return_index=True)
        near_m, near = direct[rank][first], j[rank][first]
        nearer = (near_m < best_m[at]) | ((near_m == best_m[at]) & (near < best[at]))
        best, best_m = best.copy(), best_m.copy()
        best[at[nearer]], best_m[at[nearer]] = near[nearer], near_m[nearer]
        return best, best_m

    def node_counts(self, b: Spots, limit_m: float) -> Ints:
        """For every node (n,) how many places of b lie within `limit_m` on foot (bound included)."""
        nodes, metres = self._seeds(b)
        start = np.arange(0, len(nodes) + 1, 2, dtype=np.int64)
        return count_within(self.graph, start, nodes, metres, limit_m + DISTANCE_TOLERANCE_M)

    def node_metres(self, b: Spots, limit_m: float = np.inf) -> Floats:
        """For every node (n,) the metres on foot to the nearest place of b; infinite beyond the limit."""
        return node_costs(self.graph, *self._seeds(b), limit_m + DISTANCE_TOLERANCE_M)

    def _seeds(self, spots: Spots) -> tuple[Ints, Floats]:
        """Nodes (2f,) and metres (2f,) at which the ways from the places on streets begin, two a place."""
        nodes, metres = self.ends(spots)
        return nodes[spots.found].ravel(), metres[spots.found].ravel()


def conformal(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Mercator coordinates on the ellipsoid (radians): near a point all directions are stretched alike.

    So the nearest line here is the nearest on the ground (to 4 parts in 100,000 at 250 m).
    """
    sine = np.sin(np.radians(lat))
    return np.radians(lon), np.arctanh(sine) - _E * np.arctanh(_E * sine)


def tobler_factor(slope: Floats) -> Floats:
    """How much longer a slope (rise over run) takes than the flat, mean of there and back (Tobler 1993).

    The hiking function is 6 km/h · exp(-3.5 · |slope + 0.05|), 5.04 km/h on the flat.
    """
    up, down = (np.exp(3.5 * (np.abs(s + 0.05) - 0.05)) for s in (slope, -slope))
    return np.asarray((up + down) / 2.0)

"""From the lines of a source to a walk network 步行路网整理: geodesic lengths, doubles and islands left out.

Lengths are always measured anew on the ellipsoid: osmnx writes great circles on a sphere, which may fall short of the
straight line by 0.3 %, and projected graphs hold grid lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle15.project.metric import distances_m
from circle15.schema import Streets

if TYPE_CHECKING:
    from circle15.quantities import Floats, Ints


SAME_LENGTH_DECIMALS = 3  # m
SAME_MIDDLE_DECIMALS = 6  # degrees: 0.1 m


@dataclass(frozen=True)
class Lines:
    """Lines between nodes as a source tells them, degrees WGS 84.

    Parameters
    ----------
    lon, lat, elevation_m
        (n,) nodes; heights are NaN where not told.
    u, v
        (m,) positions of the end nodes of each line.
    shape_lon, shape_lat
        (s,) vertices of all lines, both ends included, from u to v.
    shape_start
        (m + 1,) first vertex of each line.
    """

    lon: Floats
    lat: Floats
    elevation_m: Floats
    u: Ints
    v: Ints
    shape_lon: Floats
    shape_lat: Floats
    shape_start: Ints


@dataclass(frozen=True)
class Islands:
    """What was left out because no way leads there: number of parts, their kilometres, kilometres before."""

    parts: int
    km: float
    whole_km: float


def build_streets(lines: Lines) -> tuple[Streets, Islands]:
    """The largest connected part (by length) of the lines, every street once, walkable both ways.

    Lines with a vertex that is no finite position are the caller's to refuse. Without any line the result is empty.
    """
    shape_m = _along(lines.shape_lon, lines.shape_lat, lines.shape_start)
    length_m = shape_m[lines.shape_start[1:] - 1] if len(lines.u) else np.empty(0)
    keep = _first_of_doubles(lines, length_m)
    kept, islands = _largest(lines, length_m, keep)
    nodes = np.unique(np.concatenate([lines.u[kept], lines.v[kept]]))
    vertices, shape_start = _runs(lines.shape_start, kept)
    u, v = (np.searchsorted(nodes, end[kept]).astype(np.int64) for end in (lines.u, lines.v))
    start, other, edge = neighbours(u, v, len(nodes))
    streets = Streets(
        lon=lines.lon[nodes],
        lat=lines.lat[nodes],
        u=u,
        v=v,
        length_m=length_m[kept],
        shape_lon=lines.shape_lon[vertices],
        shape_lat=lines.shape_lat[vertices],
        shape_m=shape_m[vertices],
        shape_start=shape_start,
        start=start,
        other=other,
        edge=edge,
        elevation_m=lines.elevation_m[nodes],
    )
    return streets, islands


def neighbours(u: Ints, v: Ints, n: int) -> tuple[Ints, Ints, Ints]:
    """For every node the run of its neighbours (n + 1,), those (2m,) and the edges that lead there (2m,).

    Within a run neighbours stand in the order of the edges; a loop stands twice.
    """
    m = len(u)
    tail, head = np.concatenate([u, v]), np.concatenate([v, u])
    edge = np.tile(np.arange(m, dtype=np.int64), 2)
    order = np.lexsort((edge, tail))
    start = np.searchsorted(tail[order], np.arange(n + 1)).astype(np.int64)
    return start, head[order], edge[order]


def cut_ways(refs: Ints, lon: Floats, lat: Floats, way_start: Ints) -> Lines:
    """Ways of a map cut where they meet.

    Parameters
    ----------
    refs, lon, lat
        (s,) node number and position of every vertex of every way.
    way_start
        (w + 1,) first vertex of each way.

    Returns
    -------
    Lines whose ends are ends of ways and nodes that ways share (a way with itself too); vertices in between only shape
    the line, so that no distance along it changes. Vertices without a position (outside the extract) break their way.
    """
    way = np.repeat(np.arange(len(way_start) - 1), np.diff(way_start))
    known = np.isfinite(lon) & np.isfinite(lat)
    way = way + np.cumsum(~known)  # what follows a gap is another way
    refs, lon, lat, way = refs[known], lon[known], lat[known], way[known]
    _, first, node, uses = np.unique(refs, return_index=True, return_inverse=True, return_counts=True)
    begins = np.append(True, way[1:] != way[:-1]) if len(way) else np.empty(0, dtype=bool)
    ends = np.append(begins[1:], True) if len(way) else begins
    cut = begins | ends | (uses[node] > 1)
    tails = np.flatnonzero(cut & ~ends)
    heads = np.flatnonzero(cut & ~begins)
    counts = heads - tails + 1
    vertices = _expand(tails, counts)
    shape_start = np.append(0, np.cumsum(counts)).astype(np.int64)
    none = np.full(len(first), np.nan)
    return Lines(
        lon[first],
        lat[first],
        none,
        node[tails].astype(np.int64),
        node[heads].astype(np.int64),
        lon[vertices],
        lat[vertices],
        shape_start,
    )


def _expand(first: Ints, counts: Ints) -> Ints:
    """Runs of `counts` numbers that begin at `first`, one after the other."""
    begin = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) - np.repeat(begin, counts) + np.repeat(first, counts)


def _runs(start: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """Members of the chosen runs, and where each run begins among them."""
    counts = start[chosen + 1] - start[chosen]
    return _expand(start[chosen], counts), np.append(0, np.cumsum(counts)).astype(np.int64)


def _along(lon: Floats, lat: Floats, start: Ints) -> Floats:
    """Metres (s,) along each line from its first vertex."""
    if not len(lon):
        return np.empty(0)
    step = np.append(0.0, distances_m(lon[:-1], lat[:-1], lon[1:], lat[1:]))
    step[start[:-1]] = 0.0
    total = np.cumsum(step)
    counts = np.diff(start)
    return np.asarray(total - np.repeat(total[start[:-1]], counts))


def _first_of_doubles(lines: Lines, length_m: Floats) -> Ints:
    """Lines kept: the first of those with equal ends, length and middle (a directed graph tells a street twice)."""
    if not len(lines.u):
        return np.empty(0, dtype=np.int64)
    counts = np.diff(lines.shape_start)
    lon, lat = (np.add.reduceat(c, lines.shape_start[:-1]) / counts for c in (lines.shape_lon, lines.shape_lat))
    low, high = np.minimum(lines.u, lines.v), np.maximum(lines.u, lines.v)
    key = np.column_stack(
        [
            low,
            high,
            np.round(length_m, SAME_LENGTH_DECIMALS),
            np.round(lon, SAME_MIDDLE_DECIMALS),
            np.round(lat, SAME_MIDDLE_DECIMALS),
        ]
    )
    order = np.lexsort((np.arange(len(key)), *key.T[::-1]))
    fresh = np.append(True, (key[order][1:] != key[order][:-1]).any(axis=1))
    return np.sort(order[fresh])


def _largest(lines: Lines, length_m: Floats, keep: Ints) -> tuple[Ints, Islands]:
    if not len(keep):
        return keep, Islands(0, 0.0, 0.0)
    n = len(lines.lon)
    links = coo_array((np.ones(len(keep)), (lines.u[keep], lines.v[keep])), shape=(n, n))
    _, part = connected_components(links, directed=False)
    own = part[lines.u[keep]]
    metres = np.bincount(own, length_m[keep])
    best = int(np.argmax(metres))
    whole_km = float(metres.sum()) / 1000
    parts = len(np.unique(own)) - 1
    return keep[own == best], Islands(parts, whole_km - float(metres[best]) / 1000, whole_km)

"""Streets of the simulated city 模拟路网: lanes where people live, roads between towns, few bridges over the river."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import osmium
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay

from sample_city.ground import TO_DEGREES
from sample_city.people import CELL_M

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from sample_city.ground import Ground
    from sample_city.people import Grid

    Floats = NDArray[np.float64]
    Pairs = NDArray[np.int64]

COARSE = 2  # cells between crossings: lanes 200 m apart
JITTER_M = 28.0
KEPT = 0.9  # of the lanes between neighbouring crossings
ROAD_STEP_M = 600.0
BRIDGE_M = 90.0  # a lane this close to a road may cross the river beside it
OVER_WATER = 40.0  # how much longer a way over the river counts when villages are joined
SEED = 815


def write_streets(ground: Ground, grid: Grid, path: Path, *, mark: str) -> None:
    """Lay the streets and write them as an OpenStreetMap extract (.osm.pbf), WGS 84; same input, same bytes."""
    rng = np.random.default_rng(SEED)
    crossings, lanes = _lanes(grid, rng)
    stops, roads = _roads(ground)
    xy = np.concatenate([crossings, stops])
    roads = roads + len(crossings)
    pairs = np.concatenate([_dry(lanes, xy, ground), _links(xy, np.concatenate([lanes, roads]), ground)])
    _write(path, xy, {"residential": pairs, "secondary": roads}, mark=mark)


def _lanes(grid: Grid, rng: np.random.Generator) -> tuple[Floats, Pairs]:
    """Crossings (n, 2) in the plane where anybody lives, and lanes between neighbouring ones."""
    rows, columns = (size // COARSE * COARSE for size in grid.residents.shape)
    lived = grid.residents[:rows, :columns].reshape(rows // COARSE, COARSE, columns // COARSE, COARSE).any((1, 3))
    i, j = np.nonzero(lived)
    number = np.full(lived.shape, -1)
    number[i, j] = np.arange(len(i))
    x = grid.transform.c + (j + 0.5) * COARSE * CELL_M
    y = grid.transform.f - (i + 0.5) * COARSE * CELL_M
    xy = np.column_stack([x, y]) + rng.uniform(-JITTER_M, JITTER_M, (len(i), 2))
    east, south = (
        np.column_stack([a.ravel(), b.ravel()])
        for a, b in (
            (number[:, :-1], number[:, 1:]),
            (number[:-1], number[1:]),
        )
    )
    pairs = np.concatenate([east, south])
    pairs = pairs[(pairs >= 0).all(axis=1)]
    return xy, pairs[rng.random(len(pairs)) < KEPT]


def _roads(ground: Ground) -> tuple[Floats, Pairs]:
    """Roads between towns as stops (n, 2) every 600 m and pairs of them; roads that cross share a stop."""
    lines = shapely.get_parts(shapely.segmentize(shapely.line_merge(ground.roads), ROAD_STEP_M))
    points, owner = shapely.get_coordinates(lines, return_index=True)
    stops, at = np.unique(points.round(1), axis=0, return_inverse=True)
    pairs = np.column_stack([at.ravel()[:-1], at.ravel()[1:]])
    return stops, pairs[owner[1:] == owner[:-1]]


def _dry(pairs: Pairs, xy: Floats, ground: Ground) -> Pairs:
    """Lanes that do not cross the river, or do so beside a road."""
    lines = shapely.linestrings(xy[pairs])
    wet = shapely.intersects(ground.river, lines)
    return pairs[~wet | (shapely.distance(ground.roads, lines) < BRIDGE_M)]


def _links(xy: Floats, pairs: Pairs, ground: Ground) -> Pairs:
    """The shortest further lanes that join all that is apart."""
    corners = Delaunay(xy).simplices
    near = np.unique(
        np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1), axis=0
    )
    length = np.hypot(*(xy[near[:, 0]] - xy[near[:, 1]]).T)
    length[shapely.intersects(ground.river, shapely.linestrings(xy[near]))] *= OVER_WATER
    held = {(a, b) for a, b in np.sort(_dry(pairs, xy, ground), axis=1).tolist()}
    there = np.array([(a, b) in held for a, b in near.tolist()])
    n = len(xy)
    # ways that exist cost next to nothing, also where they are not among the nearest neighbours
    others = np.array(sorted(held - {(a, b) for a, b in near.tolist()}), dtype=np.int64).reshape(-1, 2)
    every = np.concatenate([near, others])
    cost = np.concatenate([np.where(there, 1e-3, length), np.full(len(others), 1e-3)])
    tree = minimum_spanning_tree(coo_array((cost, every.T), shape=(n, n)).tocsr()).tocoo()
    added = tree.data > 1e-2
    return np.column_stack([tree.row[added], tree.col[added]]).astype(np.int64)


def _write(path: Path, xy: Floats, ways: dict[str, Pairs], *, mark: str) -> None:
    path.unlink(missing_ok=True)
    lon, lat = (v.round(7).tolist() for v in TO_DEGREES.transform(*xy.T))
    header = osmium.io.Header()
    header.set("generator", mark)
    with osmium.SimpleWriter(str(path), header=header) as out:
        for n, place in enumerate(zip(lon, lat, strict=True), start=1):
            out.add_node(osmium.osm.mutable.Node(id=n, version=1, location=place))
        number = 0
        for kind, pairs in ways.items():
            tags = {"highway": kind, "note": mark}
            for a, b in (pairs + 1).tolist():
                number += 1
                out.add_way(osmium.osm.mutable.Way(id=number, version=1, nodes=[a, b], tags=tags))

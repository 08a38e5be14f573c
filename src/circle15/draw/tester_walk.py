"""The walk network of the site tester 页内步行路网: nodes, edges and their bends, exact and small.

Lengths are not told: the page measures them anew from the same coordinates, as the library does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circle15.draw.tester_pack import Kind, Packer, told_once

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from circle15.schema import Pace, Streets

OSM_UNITS = 10_000_000
"""OpenStreetMap tells coordinates in whole ten-millionths of a degree: they come back bit by bit."""
FINE_UNITS = 10_000_000_000
"""Other sources are rounded to a hundredth of a millimetre."""


def pack_walk(packer: Packer, streets: Streets, pace: Pace, around: BaseGeometry) -> dict[str, Any] | None:
    """Pack the streets whose box meets that of the ground (EPSG:4326); None where there are none.

    Returns
    -------
    How the page reads them: `units` a degree, `origin` of the coordinates, pace. The arrays are `walk.x` and `walk.y`
    (nodes, then bends, in units from the origin), `walk.u` and `walk.v` (nodes at both ends of each edge), `walk.bends`
    (of each edge, from u to v) and, where slopes count, `walk.height` of the nodes. Edges keep their order, so that of
    two equally near the page takes the one that the library takes.
    """
    edges = _meeting(streets, around)
    if not len(edges):
        return None
    ends = np.stack([streets.u[edges], streets.v[edges]], axis=1).ravel()
    nodes, which = told_once(ends)  # neighbours get near numbers
    bends, counts = _bends(streets, edges)
    lon, lat = (
        np.concatenate([at[nodes], shape[bends]])
        for at, shape in ((streets.lon, streets.shape_lon), (streets.lat, streets.shape_lat))
    )
    whole = all(np.array_equal(np.rint(v * OSM_UNITS) / OSM_UNITS, v) for v in (lon, lat))
    units = OSM_UNITS if whole else FINE_UNITS
    kind: Kind = "d4" if whole else "d5"
    origin = [0.0, 0.0] if whole else [float(np.floor(v.min())) for v in (lon, lat)]
    for name, values, zero in (("x", lon, origin[0]), ("y", lat, origin[1])):
        packer.add(f"walk.{name}", np.rint((values - zero) * units), kind)
    packer.add("walk.u", which[::2], "d4")
    packer.add("walk.v", which[1::2] - which[::2], "i4")
    packer.add("walk.bends", counts, "i4")
    if pace.slope == "tobler":
        packer.add("walk.height", streets.elevation_m[nodes], "f8")
    return {
        "units": units,
        "origin": origin,
        "nodes": len(nodes),
        "metres_per_s": pace.metres_per_s,
        "slope": pace.slope,
        "max_snap_m": pace.max_snap_m,
    }


def _meeting(streets: Streets, around: BaseGeometry) -> NDArray[np.int64]:
    """Edges whose bounding box meets that of the ground."""
    west, south, east, north = around.bounds
    if not len(streets.u):
        return np.empty(0, dtype=np.int64)
    first = streets.shape_start[:-1]
    low_x, low_y = (np.minimum.reduceat(v, first) for v in (streets.shape_lon, streets.shape_lat))
    high_x, high_y = (np.maximum.reduceat(v, first) for v in (streets.shape_lon, streets.shape_lat))
    return np.flatnonzero((low_x <= east) & (high_x >= west) & (low_y <= north) & (high_y >= south))


def _bends(streets: Streets, edges: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices between both ends of the edges, in their order, and how many each edge has."""
    counts = streets.shape_start[edges + 1] - streets.shape_start[edges] - 2
    run = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(streets.shape_start[edges] + 1, counts) + run, counts

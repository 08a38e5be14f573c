"""Walk networks drawn by hand: nodes by azimuth and metres from others, so that distances can be done on paper."""

import numpy as np
from pyproj import Geod

from circle15.read.street_graph import Lines, build_streets

GEOD = Geod(ellps="WGS84")
HOME = (105.0, 37.5)


def step(start, azimuth, metres):
    """The point so far from another: (lon, lat)."""
    lon, lat, _ = GEOD.fwd(*start, azimuth, metres)
    return lon, lat


def draw(nodes, edges, heights=None):
    """Streets of named nodes {name: (lon, lat)} and edges [(a, b) or (a, via…, b)] with via points between."""
    names = list(nodes)
    at = {n: k for k, n in enumerate(names)}
    shapes = [[nodes.get(p, p) if isinstance(p, str) else p for p in e] for e in edges]
    lon, lat = (np.array([nodes[n][k] for n in names]) for k in (0, 1))
    flat = np.array([p for s in shapes for p in s]).reshape(-1, 2)
    start = np.append(0, np.cumsum([len(s) for s in shapes])).astype(np.int64)
    u, v = (np.array([at[e[k]] for e in edges], dtype=np.int64) for k in (0, -1))
    height = np.full(len(names), np.nan) if heights is None else np.array([heights[n] for n in names], dtype=float)
    return build_streets(Lines(lon, lat, height, u, v, flat[:, 0].copy(), flat[:, 1].copy(), start))


#   West bank            bridge           east bank
#
#   A ---100--- B ====== 300 ====== C ---100--- D ---- 1,000 ---- E (dead end)
#               |                   |
#              200                 200         I ---100--- J  (island, 2 km south)
#               |                   |
#               F                   G
def village():
    """The village of the drawing; returns (streets, islands) and the nodes."""
    a = HOME
    b = step(a, 90, 100)
    c = step(b, 90, 300)
    d = step(c, 90, 100)
    e = step(d, 90, 1000)
    f, g = step(b, 180, 200), step(c, 180, 200)
    i = step(a, 180, 2000)
    nodes = {"A": a, "B": b, "C": c, "D": d, "E": e, "F": f, "G": g, "I": i, "J": step(i, 90, 100)}
    edges = [("A", "B"), ("B", "C"), ("C", "D"), ("D", "E"), ("B", "F"), ("C", "G"), ("I", "J")]
    return draw(nodes, edges), nodes

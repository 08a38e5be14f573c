# ruff: noqa: PLC0415 - each entry imports what it times in its own process
"""Walking: pharmacies within 800 m on foot for every node, and reading the streets; real cities of the shared data.

Sizes: s is Monaco, city Las Palmas de Gran Canaria (2,026 km of ways), province Porto Alegre (reading only). All ways
of counting get one graph of all vertices (not only of crossings), the same source nodes, and ready-made structures;
only the counting is timed. pandana and pyrosm are never dependencies: entries that cannot be imported say so.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Contest, Entry

LIMIT_M = 800.0
SHARED = Path(os.environ.get("CIRCLE15_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CITIES = {
    "s": ("monaco/monaco.osm.pbf", "monaco/monaco_institutions.geojson"),
    "city": ("las_palmas/las_palmas.osm.pbf", "las_palmas/las_palmas_institutions.geojson"),
    "province": ("porto_alegre/poa_osm.pbf", ""),
}
Work = Callable[[], dict[str, float]]


def contests(size: str) -> list[Contest]:
    """Counting and reading at one size; none where the shared data are absent."""
    if size not in CITIES or not (SHARED / CITIES[size][0]).is_file():
        print(f"walking · {size}: no data under {SHARED}")
        return []
    pbf, institutions = CITIES[size]
    streets = {"path": str(SHARED / pbf)}
    found = [
        Contest(
            "路网读取 reading streets",
            [
                Entry("circle15", "benchmarks.walking:read_ours", streets, repeats=3),
                Entry("pyrosm: walking nodes and edges", "benchmarks.walking:read_pyrosm", streets),
                Entry("osmnx: graph_from_xml of the walkable ways", "benchmarks.walking:read_osmnx", streets),
            ],
            ours="circle15",
            against="pyrosm: walking nodes and edges",
            at_least=3.0,
            note="pbf to arrays of nodes and edges, simplified, islands left out; osmnx reads XML",
        )
    ]
    if institutions:
        told = streets | {"institutions": str(SHARED / institutions)}
        entries = [
            Entry("circle15", "benchmarks.walking:count_ours", told, repeats=5),
            Entry("networkx ego_graph per facility", "benchmarks.walking:count_ego", told),
            Entry("networkx dijkstra with cut-off", "benchmarks.walking:count_networkx", told),
            Entry("scipy dijkstra with limit", "benchmarks.walking:count_scipy", told, repeats=3),
            Entry("pandana aggregate", "benchmarks.walking:count_pandana", told),
        ]
        name = "步行800米内药店 pharmacies within 800 m on foot, every node"
        found.append(Contest(name, entries, "circle15", "networkx ego_graph per facility", 40.0))
    return found


# ── the graph that all of them count on ───────────────────────


@cache
def _graph(path: str, institutions: str) -> dict[str, Any]:
    """All vertices as nodes, edges between them with geodesic metres, and the pharmacies' nearest nodes."""
    import geopandas as gpd
    from scipy.spatial import cKDTree

    from circle15.measure.walking import conformal
    from circle15.read.street_graph import neighbours
    from circle15.read.streets import read_streets

    s = read_streets(path, cache=False).table
    inner = np.ones(len(s.shape_lon), dtype=bool)
    inner[s.shape_start[:-1]] = inner[s.shape_start[1:] - 1] = False
    node = np.empty(len(s.shape_lon), dtype=np.int64)
    node[inner] = len(s.lon) + np.arange(inner.sum())
    node[s.shape_start[:-1]], node[s.shape_start[1:] - 1] = s.u, s.v
    lon, lat = (np.concatenate([ends, shape[inner]]) for ends, shape in ((s.lon, s.shape_lon), (s.lat, s.shape_lat)))
    last = np.zeros(len(node), dtype=bool)
    last[s.shape_start[1:] - 1] = True
    first = np.flatnonzero(~last)
    u, v, metres = node[first], node[first + 1], s.shape_m[first + 1] - s.shape_m[first]
    start, other, edge = neighbours(u, v, len(lon))
    table = gpd.read_file(institutions)
    points = table[table["amenity"] == "pharmacy"].geometry.representative_point()
    tree = cKDTree(np.column_stack(conformal(lon, lat)))
    sources = tree.query(np.column_stack(conformal(points.x.to_numpy(), points.y.to_numpy())))[1]
    return {
        "lon": lon,
        "lat": lat,
        "u": u,
        "v": v,
        "metres": metres,
        "csr": (start, other, metres[edge]),
        "sources": np.asarray(sources, dtype=np.int64),
    }


def _told(counts: np.ndarray[Any, Any]) -> dict[str, float]:
    return {"nodes": len(counts), "reached": float((counts > 0).sum()), "pairs": float(counts.sum())}


def count_ours(*, path: str, institutions: str) -> Work:
    """Bounded Dijkstra, compiled."""
    from circle15.measure.street_kernels import count_within

    g = _graph(path, institutions)
    at = g["sources"]
    start, zero = np.arange(len(at) + 1), np.zeros(len(at))

    def work() -> dict[str, float]:
        return _told(count_within(g["csr"], start, at, zero, LIMIT_M))

    work()  # compiled before it is timed
    return work


def _networkx(g: dict[str, Any], kind: str) -> Any:  # noqa: ANN401 - a networkx graph
    import networkx as nx

    graph = getattr(nx, kind)()
    graph.add_nodes_from(range(len(g["lon"])))
    edges = [
        (a, b, {"length": m}) for a, b, m in zip(g["u"].tolist(), g["v"].tolist(), g["metres"].tolist(), strict=True)
    ]
    graph.add_edges_from(edges)
    if graph.is_directed():
        graph.add_edges_from([(b, a, d) for a, b, d in edges])
    return graph


def count_ego(*, path: str, institutions: str) -> Work:
    """The usual way with osmnx: an ego graph about each facility in a directed multigraph."""
    import networkx as nx

    g = _graph(path, institutions)
    graph = _networkx(g, "MultiDiGraph")

    def work() -> dict[str, float]:
        counts = np.zeros(len(g["lon"]))
        for source in g["sources"].tolist():
            counts[list(nx.ego_graph(graph, source, radius=LIMIT_M, distance="length"))] += 1
        return _told(counts)

    return work


def count_networkx(*, path: str, institutions: str) -> Work:
    """Dijkstra of networkx, cut off at the limit."""
    import networkx as nx

    g = _graph(path, institutions)
    graph = _networkx(g, "MultiGraph")

    def work() -> dict[str, float]:
        counts = np.zeros(len(g["lon"]))
        for source in g["sources"].tolist():
            near = nx.single_source_dijkstra_path_length(graph, source, cutoff=LIMIT_M, weight="length")
            counts[list(near)] += 1
        return _told(counts)

    return work


def count_scipy(*, path: str, institutions: str) -> Work:
    """Dijkstra of scipy with a limit, all sources at once."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    g = _graph(path, institutions)
    start, other, cost = g["csr"]
    n = len(g["lon"])
    # parallel edges would be summed: the shortest stands
    order = np.lexsort((cost, other, np.repeat(np.arange(n), np.diff(start))))
    row, column = np.repeat(np.arange(n), np.diff(start))[order], other[order]
    fresh = np.append(True, (row[1:] != row[:-1]) | (column[1:] != column[:-1]))
    matrix = csr_array((cost[order][fresh], (row[fresh], column[fresh])), shape=(n, n))

    def work() -> dict[str, float]:
        return _told(np.isfinite(dijkstra(matrix, indices=g["sources"], limit=LIMIT_M)).sum(axis=0))

    return work


def count_pandana(*, path: str, institutions: str) -> Work:
    """The aggregation of pandana (AGPL, only where it happens to be installed)."""
    import pandana
    import pandas as pd

    g = _graph(path, institutions)
    weights = pd.DataFrame({"metres": g["metres"]})
    network = pandana.Network(
        pd.Series(g["lon"]), pd.Series(g["lat"]), pd.Series(g["u"]), pd.Series(g["v"]), weights, twoway=True
    )
    network.set(pd.Series(g["sources"]), variable=pd.Series(np.ones(len(g["sources"]))), name="pharmacies")

    def work() -> dict[str, float]:
        found = network.aggregate(LIMIT_M, type="sum", decay="flat", name="pharmacies")
        return _told(found.to_numpy())

    return work


# ── reading ───────────────────────────────────────────────────


def read_ours(*, path: str) -> Work:
    """Into arrays, without the cache."""
    from circle15.read.streets import read_streets

    def work() -> dict[str, float]:
        found = read_streets(path, cache=False).table
        return {"nodes": len(found.lon), "edges": len(found.u), "km": float(found.length_m.sum()) / 1000}

    return work


def read_pyrosm(*, path: str) -> Work:
    """Into tables of nodes and edges, not yet a graph."""
    import pyrosm

    def work() -> dict[str, float]:
        nodes, edges = pyrosm.OSM(path).get_network(network_type="walking", nodes=True)
        return {"nodes": len(nodes), "edges": len(edges), "km": float(edges["length"].sum()) / 1000}

    return work


def read_osmnx(*, path: str) -> Work:
    """From XML that holds the walkable ways and their nodes only, which favours osmnx."""
    import osmium
    import osmnx

    from circle15.read.street_osm import closing_tag

    xml = Path(tempfile.mkdtemp()) / "walk.osm"
    highways = osmium.FileProcessor(path, osmium.osm.NODE | osmium.osm.WAY).with_locations()
    highways = highways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
    # osmnx refuses ways of which the extract does not hold every node
    ways = [
        way.id
        for way in highways.with_filter(osmium.filter.KeyFilter("highway"))
        if not closing_tag(way.tags) and all(node.location.valid() for node in way.nodes)
    ]
    with osmium.BackReferenceWriter(str(xml), ref_src=path, overwrite=True) as out:
        for way in osmium.FileProcessor(path, osmium.osm.WAY).with_filter(osmium.filter.IdFilter(ways)):
            out.add(way)

    def work() -> dict[str, float]:
        graph = osmnx.graph_from_xml(xml, bidirectional=True)
        km = sum(d for _, _, d in graph.edges(data="length")) / 2000
        return {"nodes": graph.number_of_nodes(), "edges": graph.number_of_edges(), "km": km}

    return work

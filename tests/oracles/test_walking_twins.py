"""Walking against networkx, where every place is put into the graph as a node of its own; on random and real streets."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streets_drawn import HOME, draw, step

from circle15.measure.walking import WalkNetwork
from circle15.project.metric import distances_m
from circle15.read.streets import read_streets

REAL = {
    "futian": "futian/futian.graphml",
    "monaco": "monaco/monaco.osm.pbf",
    "las_palmas": "las_palmas/las_palmas.osm.pbf",
    "porto_alegre": "porto_alegre/poa_osm.pbf",
}


def graph_of(streets):
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(len(streets.lon)))
    graph.add_weighted_edges_from(zip(streets.u.tolist(), streets.v.tolist(), streets.length_m.tolist(), strict=True))
    return graph


def with_spots(streets, *groups):
    """The graph with every spot as a node (group, k); places on one edge are joined along it in their order."""
    graph = graph_of(streets)
    on_edge = {}
    for g, spots in enumerate(groups):
        for k in np.flatnonzero(spots.found):
            on_edge.setdefault(int(spots.edge[k]), []).append((spots.from_u_m[k], g, int(k), spots))
    for edge, held in on_edge.items():
        held.sort(key=lambda h: h[:3])
        before, at = int(streets.u[edge]), 0.0
        for along, g, k, spots in held:
            graph.add_edge(before, ("foot", g, k), weight=max(along - at, 0.0))
            graph.add_edge(("foot", g, k), (g, k), weight=spots.snap_m[k])
            before, at = ("foot", g, k), along
        graph.add_edge(before, int(streets.v[edge]), weight=max(streets.length_m[edge] - at, 0.0))
    return graph


def random_town(seed, nodes=14, edges=22):
    rng = np.random.default_rng(seed)
    places = {f"n{k}": step(HOME, float(rng.uniform(0, 360)), float(rng.uniform(0, 900))) for k in range(nodes)}
    pairs = rng.integers(0, nodes, (edges, 2))
    via = [[step(places[f"n{a}"], float(rng.uniform(0, 360)), 120.0)] if rng.random() < 0.4 else [] for a, _ in pairs]
    (streets, _) = draw(places, [(f"n{a}", *v, f"n{b}") for (a, b), v in zip(pairs, via, strict=True)])
    points = [step(HOME, float(rng.uniform(0, 360)), float(rng.uniform(0, 1000))) for _ in range(12)]
    return streets, np.array(points).T


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_random_towns_agree_with_networkx(seed):
    streets, (lon, lat) = random_town(seed)
    network = WalkNetwork(streets)
    a, b = network.spots(lon[:6], lat[:6]), network.spots(lon[6:], lat[6:])
    graph = with_spots(streets, a, b)
    straight = distances_m(lon[:6, None], lat[:6, None], lon[None, 6:], lat[None, 6:])
    i, j = (n.ravel() for n in np.indices((6, 6)))
    walked = network.walked_m(a, b, i, j).reshape(6, 6)
    back = network.walked_m(b, a, i, j).reshape(6, 6).T
    best, metres = network.nearest(a, b)
    for p in range(6):
        if not a.found[p]:
            assert np.isnan(walked[p]).all()
            assert np.isnan(metres[p])
            continue
        ways = nx.single_source_dijkstra_path_length(graph, (0, p))
        twin = np.array([ways.get((1, q), np.inf) if b.found[q] else np.nan for q in range(6)])
        # what lies between two vertices is found to millimetres; see WalkNetwork.walked_m
        np.testing.assert_allclose(walked[p], np.maximum(twin, np.where(b.found, straight[p], np.nan)), atol=1e-6)
        near = np.nanmin(np.append(walked[p], np.inf))
        assert metres[p] == pytest.approx(near, abs=1e-6)
        assert best[p] == -1 or walked[p, best[p]] == pytest.approx(near, abs=1e-6)
    np.testing.assert_allclose(walked, back, atol=1e-6)
    assert (walked >= straight - 1e-6)[~np.isnan(walked)].all()


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(50, 1500), st.floats(50, 1500))
def test_reach_only_grows_with_the_limit(seed, one, other):
    streets, (lon, lat) = random_town(seed)
    network = WalkNetwork(streets)
    spots = network.spots(lon, lat)
    low, high = sorted((one, other))
    near, far = (set(zip(*(p.tolist() for p in network.within(spots, spots, m)[:2]), strict=True)) for m in (low, high))
    assert near <= far
    assert (network.node_counts(spots, low) <= network.node_counts(spots, high)).all()


@pytest.mark.parametrize("name", REAL)
def test_real_cities_agree_with_networkx(shared_data, name):
    streets = read_streets(shared_data / REAL[name], cache=False).table
    network = WalkNetwork(streets)
    rng = np.random.default_rng(15)
    sources = np.sort(rng.choice(len(streets.lon), 4, replace=False))
    graph = graph_of(streets)
    at = network.spots(streets.lon[sources], streets.lat[sources])
    assert (at.snap_m < 1e-6).all()
    counts, nearest = np.zeros(len(streets.lon), dtype=int), np.full(len(streets.lon), np.inf)
    for source in sources.tolist():
        ways = nx.single_source_dijkstra_path_length(graph, source)
        metres = np.array([ways[n] for n in range(len(streets.lon))])  # connected: every node is reached
        counts += metres <= 800 + 1e-6
        nearest = np.minimum(nearest, metres)
        straight = distances_m(streets.lon[source], streets.lat[source], streets.lon, streets.lat)
        assert (metres >= straight - 1e-6).all()
    np.testing.assert_allclose(network.node_metres(at), nearest, atol=1e-6)
    assert np.array_equal(network.node_counts(at, 800.0), counts)

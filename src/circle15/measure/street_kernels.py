"""Bounded shortest ways over a walk network: arrays in, arrays out, compiled.

`Graph` is (start, other, cost): node i's neighbours are `other[start[i]:start[i + 1]]`, each at the cost that stands in
the same place (metres or minutes, never negative). Dijkstra (1959) with a binary heap that keeps outdated entries; a
search stops at its limit, bound included, so that it costs what its reach costs and not what the city costs.
"""

from __future__ import annotations

import numpy as np

from circle15.measure.compiled import inner, kernel
from circle15.quantities import Floats, Ints

Graph = tuple[Ints, Ints, Floats]
Heap = tuple[Floats, Ints]
Room = tuple[Floats, Ints, Heap]


@inner
def _push(heap: Heap, size: int, key: float, node: int) -> int:
    keys, nodes = heap
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if keys[above] <= key:
            break
        keys[at], nodes[at] = keys[above], nodes[above]
        at = above
    keys[at], nodes[at] = key, node
    return size + 1


@inner
def _pop(heap: Heap, size: int) -> int:
    """Take the first entry off; what was last sinks to its place. Returns the new size."""
    keys, nodes = heap
    size -= 1
    key, node = keys[size], nodes[size]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and keys[below + 1] < keys[below]:
            below += 1
        if keys[below] >= key:
            break
        keys[at], nodes[at] = keys[below], nodes[below]
        at = below
    keys[at], nodes[at] = key, node
    return size


@inner
def _spread(graph: Graph, seeds: tuple[Ints, Floats], limit: float, room: Room) -> int:
    """Least cost of every node within `limit` of any seed, into `room` (infinite before); how many were touched.

    Nodes beyond the limit stay infinite. `touched` lists the others, so that the caller can wipe them again.
    """
    start, other, cost = graph
    nodes, costs = seeds
    dist, touched, heap = room
    size, count = 0, 0
    for s in range(nodes.shape[0]):
        if costs[s] <= limit and costs[s] < dist[nodes[s]]:
            if dist[nodes[s]] == np.inf:
                touched[count] = nodes[s]
                count += 1
            dist[nodes[s]] = costs[s]
            size = _push(heap, size, costs[s], nodes[s])
    while size > 0:
        here, node = heap[0][0], heap[1][0]
        size = _pop(heap, size)
        if here > dist[node]:
            continue
        for a in range(start[node], start[node + 1]):
            there = here + cost[a]
            head = other[a]
            if there <= limit and there < dist[head]:
                if dist[head] == np.inf:
                    touched[count] = head
                    count += 1
                dist[head] = there
                size = _push(heap, size, there, head)
    return count


@inner
def _room(graph: Graph, seeds: int) -> Room:
    """Working arrays: costs (infinite), touched nodes, heap (each way of each edge may enter it once)."""
    n = graph[0].shape[0] - 1
    size = graph[1].shape[0] + seeds + 1
    return np.full(n, np.inf), np.empty(n, np.int64), (np.empty(size), np.empty(size, np.int64))


@kernel
def node_costs(graph: Graph, seed_node: Ints, seed_cost: Floats, limit: float) -> Floats:
    """Least cost (n,) from any of the seeds (k,) to every node; infinite beyond `limit` (bound included)."""
    room = _room(graph, seed_node.shape[0])
    _spread(graph, (seed_node, seed_cost), limit, room)
    return room[0]


@kernel
def nearest_seed(graph: Graph, seed_node: Ints, seed_cost: Floats, seed_label: Ints) -> tuple[Floats, Ints]:
    """Least cost (n,) of every node and the label (n,) of the seed that it comes from.

    The lowest label where two tie (along ways of no length either). Infinite and -1 where no seed leads.
    """
    start, other, cost = graph
    dist, label = np.full(start.shape[0] - 1, np.inf), np.full(start.shape[0] - 1, -1)
    room = other.shape[0] + seed_node.shape[0] + 1
    heap = (np.empty(room), np.empty(room, np.int64))
    size = 0
    for s in range(seed_node.shape[0]):
        node = seed_node[s]
        if seed_cost[s] < dist[node]:
            dist[node], label[node] = seed_cost[s], seed_label[s]
            size = _push(heap, size, seed_cost[s], node)
        elif seed_cost[s] == dist[node] and seed_label[s] < label[node]:
            label[node] = seed_label[s]
    while size > 0:
        here, node = heap[0][0], heap[1][0]
        size = _pop(heap, size)
        if here > dist[node]:
            continue
        for a in range(start[node], start[node + 1]):
            there, head = here + cost[a], other[a]
            if there < dist[head]:
                dist[head], label[head] = there, label[node]
                size = _push(heap, size, there, head)
            elif there == dist[head] and there > here and label[node] < label[head]:
                label[head] = label[node]  # not yet passed on: its entry still waits in the heap
    return dist, label


@kernel
def count_within(graph: Graph, seed_start: Ints, seed_node: Ints, seed_cost: Floats, limit: float) -> Ints:
    """For every node (n,) the number of sources within `limit` (bound included).

    Source i has the seeds `seed_start[i]` to `seed_start[i + 1]`: nodes where its way begins, and the cost to there.
    """
    room = _room(graph, seed_node.shape[0])
    dist, touched, _ = room
    found = np.zeros(dist.shape[0], np.int64)
    for i in range(seed_start.shape[0] - 1):
        run = slice(seed_start[i], seed_start[i + 1])
        count = _spread(graph, (seed_node[run], seed_cost[run]), limit, room)
        for t in range(count):
            found[touched[t]] += 1
            dist[touched[t]] = np.inf
    return found


@kernel
def pair_costs(
    graph: Graph,
    origins: tuple[Ints, Floats],
    ends: tuple[Ints, Floats],
    pairs: tuple[Ints, Ints],
    limit: float,
) -> Floats:
    """Least cost (p,) of each pair of an origin and an end by way of nodes; infinite beyond `limit`.

    Parameters
    ----------
    origins, ends
        (k, 2) nodes at both ends of the edge that each stands on and (k, 2) cost from there to it; (e, 2) likewise.
    pairs
        (start, end): origin i is paired with the ends `end[start[i]:start[i + 1]]`.
    """
    nodes, costs = origins
    end_nodes, end_costs = ends
    room = _room(graph, 2)
    dist, touched, _ = room
    pair_start, pair_end = pairs
    found = np.full(pair_end.shape[0], np.inf)
    for i in range(pair_start.shape[0] - 1):
        if pair_start[i] == pair_start[i + 1]:
            continue
        count = _spread(graph, (nodes[i], costs[i]), limit, room)
        for p in range(pair_start[i], pair_start[i + 1]):
            e = pair_end[p]
            through = min(dist[end_nodes[e, 0]] + end_costs[e, 0], dist[end_nodes[e, 1]] + end_costs[e, 1])
            if through <= limit:
                found[p] = through
        for t in range(count):
            dist[touched[t]] = np.inf
    return found

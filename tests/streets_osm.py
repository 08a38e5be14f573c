"""Street maps written by hand as OpenStreetMap extracts."""

import osmium
from streets_drawn import HOME, step

#  1 --- 2 --- 3 --- 4     one way from 1 to 4, one-way; 5 hangs on 2; 6-7 is private, 8-9 an island
PLACES = {n: step(HOME, 90, 100.0 * n) for n in (1, 2, 3, 4)}
PLACES |= {5: step(PLACES[2], 0, 50), 6: step(PLACES[3], 0, 50), 7: step(PLACES[3], 0, 90)}
PLACES |= {8: step(HOME, 180, 900), 9: step(HOME, 180, 990)}
WAYS = [
    ([1, 2, 3, 4], {"highway": "residential", "oneway": "yes"}),
    ([2, 5], {"highway": "steps"}),
    ([3, 6, 7], {"highway": "service", "access": "private"}),
    ([8, 9], {"highway": "footway"}),
    ([1, 5], {"highway": "motorway"}),
    ([1, 4], {"building": "yes"}),
]


def write_osm(path, ways=WAYS, places=PLACES):
    with osmium.SimpleWriter(str(path), overwrite=True) as out:
        for n, (lon, lat) in places.items():
            out.add_node(osmium.osm.mutable.Node(id=n, version=1, location=(lon, lat)))
        for k, (refs, tags) in enumerate(ways, start=1):
            out.add_way(osmium.osm.mutable.Way(id=k, version=1, nodes=refs, tags=tags))
    return path

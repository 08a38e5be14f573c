"""A river with one bridge across the hand-drawn city: the straight circle and the walk see other residents."""

import numpy as np
from streets_osm import write_osm

from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city

# lanes about 200 m apart over the western district and beyond; the river runs between 37.514 and 37.516
LON, LAT = np.arange(105.002, 105.086, 0.002), np.arange(37.502, 37.530, 0.002)
BANK = 7  # rows south of the river
AT_DOOR, FAR = 19, 24  # columns of the bridge: at the riverside candidate (105.040), and 880 m east of it

# riverside: a whole circle, half of it beyond the river; inland: the circle is cut by the city's southern edge
RIVERSIDE, INLAND = (105.040, 37.5139), (105.036, 37.505)


def riverbanks(path, *, bridge):
    """Write the streets, with a bridge at one column."""
    places = {1000 * i + j + 1: (round(x, 6), round(y, 6)) for i, x in enumerate(LON) for j, y in enumerate(LAT)}
    tags, rows = {"highway": "residential"}, len(LAT)
    ways = [([1000 * i + j + 1 for i in range(len(LON))], tags) for j in range(rows)]
    for i in range(len(LON)):
        banks = [range(rows)] if i == bridge else [range(BANK), range(BANK, rows)]
        ways += [([1000 * i + j + 1 for j in bank], tags) for bank in banks]
    return write_osm(path, ways=ways, places=places)


def ready_of(city_file, *, plan="zhongwei", **more):
    """A city file held ready under a plan."""
    files = load_city(city_file, **more)
    return Prepared(load_plan(plan), read_city(files)[0])

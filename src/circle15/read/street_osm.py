"""Walkable ways out of an OpenStreetMap extract 开放街道地图: .osm.pbf, .osm and their compressed forms.

Which ways are walkable follows the `walk` filter of osmnx 2 (Boeing 2025): everything under `highway` but motorways,
cycleways, bus guideways, ways planned, closed or torn down, areas, private ways, service ways for private use, ways
closed to people on foot, and carriageways whose pavement is mapped apart. Barriers on a way (gates, bollards) do not
block it, and one-way streets are walked both ways; osmnx does the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import osmium

from circle15.read.faults import fail
from circle15.read.street_graph import Lines, cut_ways

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNDEFINED = 2**31 - 1  # osmium's coordinate of a node that the extract does not hold
PER_DEGREE = 1e7

# tag -> words that close a way; a word anywhere in the value counts, as in the query that osmnx sends
CLOSED_BY: Mapping[str, re.Pattern[str]] = {
    "highway": re.compile(
        "abandoned|bus_guideway|construction|cycleway|motor|no|planned|platform|proposed|raceway|razed|rest_area|services"
    ),
    "area": re.compile("yes"),
    "access": re.compile("private"),
    "service": re.compile("private"),
    "foot": re.compile("no"),
    "sidewalk": re.compile("separate"),
    "sidewalk:both": re.compile("separate"),
    "sidewalk:left": re.compile("separate"),
    "sidewalk:right": re.compile("separate"),
}


@dataclass(frozen=True)
class Ways:
    """Lines of the walkable ways, how many ways that are, and how many were left out as private."""

    lines: Lines
    ways: int
    private: int


def closing_tag(tags: Mapping[str, str]) -> str:
    """The first tag that closes a way to walkers; "" where none does."""
    for key, closed in CLOSED_BY.items():
        value = tags.get(key)
        if value is not None and closed.search(value):
            return key
    return ""


def read_osm(path: Path) -> Ways:
    """Read the walkable ways of an extract, cut where they meet. Raises InputError for a file that is none."""
    refs: list[int] = []
    east: list[int] = []
    north: list[int] = []
    start, private = [0], 0
    try:
        for way in _highways(path):
            closed = closing_tag(way.tags)
            if closed:
                private += closed in {"access", "service"}
                continue
            for node in way.nodes:
                refs.append(node.ref)
                east.append(node.x)
                north.append(node.y)
            start.append(len(refs))
    except (RuntimeError, ValueError, OSError) as fault:
        raise fail(path, "streets.broken", params={"reason": str(fault)}) from fault
    lon, lat = _degrees(east), _degrees(north)
    lines = cut_ways(np.array(refs, dtype=np.int64), lon, lat, np.array(start, dtype=np.int64))
    return Ways(lines, len(start) - 1, private)


def _highways(path: Path) -> Any:  # noqa: ANN401 - osmium publishes no types
    wanted = osmium.osm.NODE | osmium.osm.WAY
    return (
        osmium.FileProcessor(str(path), wanted)
        .with_locations()
        .with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
        .with_filter(osmium.filter.KeyFilter("highway"))
    )


def _degrees(whole: list[int]) -> NDArray[np.float64]:
    numbers = np.array(whole, dtype=np.int64)
    return np.asarray(np.where(numbers == UNDEFINED, np.nan, numbers / PER_DEGREE))

"""Streets within a walk, packed for a page 步行可达街道: for looking only, clipped to what the page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from circle15.draw.pack import array_bytes, delta

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.draw.pack import IntArray
    from circle15.draw.payload import Area

UNITS_PER_DEGREE = 100_000
"""Streets are told to a hundred-thousandth of a degree (1.1 m): finer is not seen and takes a third more room."""
_BEND_DEG = {"district": 2e-5}
_COARSE_BEND_DEG = 1e-4  # pages of more than a district are looked at from farther away


def pack_streets(
    streets: gpd.GeoDataFrame | None, area: Area, services: Sequence[str]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Streets near the area, by service, as values and a block of a page; both empty where nothing is to be drawn.

    Parameters
    ----------
    streets
        Lines (EPSG:4326) with a column `service`; None where the city has no streets.
    services
        Services of the page, in its order; lines of others are left out.

    Returns
    -------
    `streets`, the services that have lines, and the block `streets`, `line_arrays` of these services in this order.
    """
    if streets is None:
        return {}, {}
    lines = {s: _near(streets[streets["service"] == s].geometry.to_numpy(), area) for s in services}
    held = [s for s in services if len(lines[s])]
    if not held:
        return {}, {}
    return {"streets": held}, {"streets": array_bytes(line_arrays([lines[s] for s in held]))}


def line_arrays(groups: Sequence[NDArray[np.object_]]) -> list[IntArray]:
    """Groups of lines (EPSG:4326) as integer arrays.

    Returns
    -------
    list of int32 arrays
        As `polygon_arrays` with lines for rings, in hundred-thousandths of a degree: lines of each group, vertices of
        each line, deltas between the first vertices of following lines as x and y, deltas between the other vertices.
        Vertices that fall together are told once, lines that shrink to a point not at all.
    """
    xy, line = shapely.get_coordinates(np.concatenate([np.asarray(g, dtype=object) for g in groups]), return_index=True)
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    coded = np.rint(xy * UNITS_PER_DEGREE).astype(np.int32)
    keep = np.append(True, (np.diff(line) != 0) | np.any(np.diff(coded, axis=0) != 0, axis=1))[: len(line)]
    keep &= (np.bincount(line[keep], minlength=len(group)) > 1)[line]
    coded, line = coded[keep], line[keep]
    first = np.append(True, np.diff(line) != 0)[: len(line)]
    moved = np.diff(coded, axis=0)[~first[1:]].astype(np.int32)
    sizes = np.bincount(line, minlength=len(group))
    return [
        np.bincount(group[sizes > 0], minlength=len(groups)).astype(np.int32),
        sizes[sizes > 0].astype(np.int32),
        *(delta(coded[first, k]) for k in (0, 1)),
        *(moved[:, k] for k in (0, 1)),
    ]


def _near(lines: NDArray[np.object_], area: Area) -> NDArray[np.object_]:
    """Lines cut to the ground of the page, put together where two meet, small bends left out."""
    shapely.prepare(area.around)
    near = lines[shapely.intersects(area.around, lines)]
    inside = shapely.contains_properly(area.around, near)
    cut = np.where(inside, near, shapely.intersection(near, area.around))
    parts = shapely.get_parts(cut)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.LINESTRING]
    if not len(parts):
        return np.empty(0, dtype=object)
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(parts)))
    return np.asarray(shapely.simplify(merged, _BEND_DEG.get(area.level, _COARSE_BEND_DEG)), dtype=object)

"""Walk networks 步行路网: from an OpenStreetMap extract, from GraphML or GeoPackage written by osmnx, or live."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circle15.errors import InputError, Problem
from circle15.quantities import LEAST_M_PER_DEGREE
from circle15.read.faults import fail
from circle15.read.files import Reading, checked_path, sha256
from circle15.read.street_cache import cache_key, keep_streets, load_streets
from circle15.read.street_graph import Lines, build_streets
from circle15.schema import Datum, Source, Streets

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

OSM = (".pbf", ".osm")
GRAPH = (".graphml", ".gpkg")
MARGIN_M = 2_000.0
"""Streets are read this far beyond the outlines, so that the way to a neighbour across the border is known."""
ROLE = "streets"
LIVE = "live"
"""Given instead of a file: the streets are fetched through osmnx."""


def read_streets(
    path: str | os.PathLike[str],
    *,
    within: tuple[float, float, float, float] | None = None,
    margin_m: float = MARGIN_M,
    crs: str | None = None,
    datum: Datum = "wgs84",
    cache: bool = True,
) -> Reading[Streets]:
    """Read a walk network; the first reading of a file is kept for the next (see street_cache.py).

    Parameters
    ----------
    path
        .osm.pbf, .osm, or .graphml and .gpkg as osmnx writes them.
    within, margin_m
        West, south, east, north in degrees WGS 84: only streets that come within `margin_m` of this box are kept.
    crs, datum
        For GraphML and GeoPackage: a CRS for files that state none, and what its degrees mean.
    cache
        Whether to use and keep the preparation.

    Returns
    -------
    The largest connected part; warnings tell what was left out as islands and as private.

    Raises
    ------
    InputError
        Unreadable, wrong CRS, no street in the file or within the box.
    """
    file = checked_path(path, kinds=(*OSM, *GRAPH))
    box = None if within is None else _wider(within, margin_m)
    options = {"within": None if box is None else [round(b, 7) for b in box], "crs": crs, "datum": datum}
    digest = sha256(file)
    key = cache_key(digest, options)
    held = load_streets(file, key) if cache else None
    if held is None:
        lines, told = _read(file, crs=crs, datum=datum)
        streets, notes = _prepare(file, lines, told, box)
        if cache:
            keep_streets(file, key, streets, notes)
    else:
        streets, notes = held
    given = {k: v for k, v in {**options, "margin_m": margin_m if within else None}.items() if v is not None}
    source = Source(ROLE, file.name, digest, datum, given)
    return Reading(streets, (source,), tuple(_warnings(file.name, notes)))


def fetch_streets(outline: BaseGeometry, *, margin_m: float = MARGIN_M) -> Reading[Streets]:
    """Fetch the walk network about an outline (EPSG:4326) live through osmnx; a clear InputError where that fails."""
    try:
        import osmnx  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as fault:
        raise InputError(Problem("streets.osmnx_missing")) from fault
    import shapely  # noqa: PLC0415

    west, south, east, north = _wider(shapely.bounds(outline).tolist(), margin_m)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how a wide area is asked for in parts is no concern of the user
            graph = osmnx.graph_from_bbox(
                (west, south, east, north), network_type="walk", simplify=False, retain_all=True
            )
    except Exception as fault:  # whatever a network, a server or a library may throw
        reason = f"{type(fault).__name__}: {fault}".split(" (Caused by")[0][:120]
        raise InputError(Problem("streets.offline", params={"reason": reason})) from fault
    streets, notes = _prepare(Path("osmnx"), _of_graph(graph), {}, None)
    source = Source(ROLE, "osmnx", "", "wgs84", {"within": [west, south, east, north], "osmnx": osmnx.__version__})
    return Reading(streets, (source,), tuple(_warnings("osmnx", notes)))


def _of_graph(graph: Any) -> Lines:  # noqa: ANN401 - a networkx graph
    names = {name: at for at, name in enumerate(graph.nodes)}
    lon, lat, height = (
        np.array([float(d.get(k, np.nan)) for _, d in graph.nodes(data=True)]) for k in ("x", "y", "elevation")
    )
    ends = np.array([(names[a], names[b]) for a, b in graph.edges()], dtype=np.int64).reshape(-1, 2)
    u, v = ends[:, 0].copy(), ends[:, 1].copy()
    start = np.arange(0, 2 * len(u) + 1, 2, dtype=np.int64)
    return Lines(lon, lat, height, u, v, lon[ends].ravel(), lat[ends].ravel(), start)


def _read(file: Path, *, crs: str | None, datum: Datum) -> tuple[Lines, dict[str, object]]:
    suffix = file.suffix.lower()
    if suffix in OSM:
        from circle15.read.street_osm import read_osm  # noqa: PLC0415 - a heavy library for one kind of file

        ways = read_osm(file)
        return ways.lines, {"private": ways.private}
    from circle15.read.street_layers import read_graphml, read_street_geopackage  # noqa: PLC0415

    read = read_graphml if suffix == ".graphml" else read_street_geopackage
    return read(file, crs=crs, datum=datum), {}


def _prepare(
    file: Path, lines: Lines, told: Mapping[str, object], box: tuple[float, float, float, float] | None
) -> tuple[Streets, dict[str, object]]:
    if not len(lines.u):
        raise fail(file, "streets.empty")
    near = lines if box is None else _clipped(lines, box)
    if not len(near.u):
        raise fail(file, "streets.elsewhere", params={"extent": _extent(lines)})
    streets, islands = build_streets(near)
    notes = {"parts": islands.parts, "island_km": islands.km, "whole_km": islands.whole_km}
    return streets, {**told, **notes}


def _clipped(lines: Lines, box: tuple[float, float, float, float]) -> Lines:
    """Lines with a vertex inside a box."""
    west, south, east, north = box
    inside = (
        (lines.shape_lon >= west) & (lines.shape_lon <= east) & (lines.shape_lat >= south) & (lines.shape_lat <= north)
    )
    kept = np.logical_or.reduceat(inside, lines.shape_start[:-1])
    vertices = np.repeat(kept, np.diff(lines.shape_start))
    start = np.append(0, np.cumsum(np.diff(lines.shape_start)[kept])).astype(np.int64)
    return replace(
        lines,
        u=lines.u[kept],
        v=lines.v[kept],
        shape_lon=lines.shape_lon[vertices],
        shape_lat=lines.shape_lat[vertices],
        shape_start=start,
    )


def _wider(box: tuple[float, float, float, float] | list[float], margin_m: float) -> tuple[float, float, float, float]:
    west, south, east, north = (float(b) for b in box)
    up = margin_m / LEAST_M_PER_DEGREE
    steepest = min(max(abs(south), abs(north)) + up, 89.0)
    across = up / float(np.cos(np.radians(steepest)))
    return west - across, south - up, east + across, north + up


def _extent(lines: Lines) -> str:
    def span(values: NDArray[np.float64]) -> str:
        return f"{values.min():.4f}…{values.max():.4f}"

    return f"{span(lines.shape_lon)}, {span(lines.shape_lat)}"


def _warnings(name: str, notes: Mapping[str, Any]) -> list[Problem]:
    found = []
    if notes.get("parts"):
        share = notes["island_km"] / notes["whole_km"] if notes["whole_km"] else 0.0
        told = {"parts": notes["parts"], "km": f"{notes['island_km']:.1f}", "share": f"{share:.1%}"}
        found.append(Problem("streets.islands", name, params=told, severity="warning"))
    if notes.get("private"):
        found.append(Problem("streets.private", name, params={"count": notes["private"]}, severity="warning"))
    return found

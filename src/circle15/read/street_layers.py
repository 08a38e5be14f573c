"""Street graphs written by osmnx: GraphML and GeoPackage 路网文件."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from circle15.project.datum import to_wgs84
from circle15.read.faults import fail
from circle15.read.files import library_name
from circle15.read.street_graph import Lines
from circle15.read.vectors import known_crs, transform_points

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from circle15.quantities import Floats, Ints
    from circle15.schema import Datum


LON_MAX, LAT_MAX = 180.0, 90.0
_XML = "{http://graphml.graphdrawing.org/xmlns}"


@dataclass
class _Graph:
    """A graph as told: nodes by name with x, y and height, lines between them, in the graph's own CRS."""

    crs: str
    names: list[str] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    ends: list[tuple[str, str]] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)  # WKT or LineString; None for a straight line


def read_graphml(path: Path, *, crs: str | None, datum: Datum) -> Lines:
    """Read a graph that osmnx (or networkx) wrote as GraphML: nodes with x and y, edges with their geometry as WKT.

    In `crs`, else in what the graph says of itself, positions of `datum`. Raises InputError, also without either.
    """
    graph = _Graph("")
    keys: dict[str, str] = {}
    try:
        for _, element in ET.iterparse(path):  # noqa: S314 - expat refuses entities that blow up; nothing is fetched
            tag = element.tag.removeprefix(_XML)
            if tag == "key":
                keys[str(element.get("id"))] = str(element.get("attr.name"))
            elif tag in {"node", "edge"}:
                _take(graph, tag, element, _data(element, keys))
                element.clear()
            elif tag == "graph":
                graph.crs = _data(element, keys).get("crs", graph.crs)
    except (ET.ParseError, UnicodeDecodeError, OSError) as fault:
        raise fail(path, "streets.broken", params={"reason": str(fault)}) from fault
    except (KeyError, ValueError, TypeError) as fault:
        raise fail(path, "streets.no_positions", params={"reason": str(fault)}) from fault
    return _lines(path, graph, crs=crs, datum=datum)


def _data(element: ET.Element, keys: dict[str, str]) -> dict[str, str]:
    return {keys.get(str(d.get("key")), ""): d.text or "" for d in element if d.tag.removeprefix(_XML) == "data"}


def _take(graph: _Graph, tag: str, element: ET.Element, data: dict[str, str]) -> None:
    if tag == "edge":
        graph.ends.append((str(element.get("source")), str(element.get("target"))))
        graph.shapes.append(data.get("geometry") or None)
        return
    graph.names.append(str(element.get("id")))
    graph.x.append(float(data["x"]))
    graph.y.append(float(data["y"]))
    graph.height.append(float(data.get("elevation") or "nan"))


def read_street_geopackage(path: Path, *, crs: str | None, datum: Datum) -> Lines:
    """Read the layers `nodes` and `edges` of a GeoPackage that osmnx wrote; CRS and faults as in `read_graphml`."""
    try:
        held = {str(name) for name, _ in pyogrio.list_layers(library_name(path))}
        missing = sorted({"nodes", "edges"} - held)
        if missing:
            raise fail(path, "streets.layers_missing", params={"missing": ", ".join(missing)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a layer's odd columns, which are not read
            nodes = pyogrio.read_dataframe(library_name(path), layer="nodes")
            edges = pyogrio.read_dataframe(library_name(path), layer="edges")
    except (DataSourceError, DataLayerError, ValueError, OSError, RuntimeError) as fault:
        raise fail(path, "streets.broken", params={"reason": str(fault)}) from fault
    lacking = [c for c, table in (("osmid", nodes), ("u", edges), ("v", edges)) if c not in table.columns]
    if lacking or not (hasattr(nodes, "geometry") and hasattr(edges, "geometry")):
        raise fail(path, "streets.no_positions", params={"reason": ", ".join([*lacking, "geometry"])})
    return _lines(path, _of_layers(nodes, edges), crs=crs, datum=datum)


def _of_layers(nodes: gpd.GeoDataFrame, edges: gpd.GeoDataFrame) -> _Graph:
    points = nodes.geometry.to_numpy()
    heights = nodes["elevation"].astype(float) if "elevation" in nodes.columns else [np.nan] * len(nodes)
    ends = zip(edges["u"].astype(str), edges["v"].astype(str), strict=True)
    return _Graph(
        "" if nodes.crs is None else nodes.crs.to_wkt(),
        nodes["osmid"].astype(str).tolist(),
        shapely.get_x(points).tolist(),
        shapely.get_y(points).tolist(),
        list(heights),
        list(ends),
        list(edges.geometry.to_numpy()),
    )


# ── graph to lines ────────────────────────────────────────────


def _lines(path: Path, graph: _Graph, *, crs: str | None, datum: Datum) -> Lines:
    places = {name: at for at, name in enumerate(graph.names)}
    unknown = sorted({n for pair in graph.ends for n in pair if n not in places})
    if unknown:
        raise fail(path, "streets.unknown_node", params={"node": unknown[0], "count": len(unknown)})
    if not graph.ends:
        raise fail(path, "streets.empty")
    u, v = (np.array([places[e[k]] for e in graph.ends], dtype=np.int64) for k in (0, 1))
    x, y = np.array(graph.x), np.array(graph.y)
    shapes = _shapes(path, graph, x, y, (u, v))
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    start = np.searchsorted(owner, np.arange(len(shapes) + 1)).astype(np.int64)
    _refuse_odd(path, np.concatenate([x, coordinates[:, 0]]), np.concatenate([y, coordinates[:, 1]]))
    system = known_crs(path, crs or graph.crs) if crs or graph.crs else None
    if system is None:
        raise fail(path, "streets.no_crs")
    lon, lat = _degrees(path, x, y, system, datum)
    shape_lon, shape_lat = _degrees(path, coordinates[:, 0], coordinates[:, 1], system, datum)
    lines = Lines(lon, lat, np.array(graph.height, dtype=float), u, v, shape_lon, shape_lat, start)
    return _on_their_nodes(lines)


def _shapes(path: Path, graph: _Graph, x: Floats, y: Floats, ends: tuple[Ints, Ints]) -> NDArray[np.object_]:
    """A LineString for every edge; those without one run straight from node to node."""
    told = np.array(graph.shapes, dtype=object)
    words = np.array([isinstance(s, str) for s in told], dtype=bool)
    try:
        told[words] = shapely.from_wkt(told[words])
    except shapely.GEOSException as fault:
        raise fail(path, "streets.broken", params={"reason": str(fault)}) from fault
    plain = shapely.is_missing(told) | shapely.is_empty(told)
    pairs = np.stack([np.column_stack([x[e], y[e]])[plain] for e in ends], axis=1)
    told[plain] = shapely.linestrings(pairs) if len(pairs) else told[plain]
    if (shapely.get_type_id(told) != shapely.GeometryType.LINESTRING).any():
        raise fail(path, "streets.not_lines")
    return np.asarray(shapely.force_2d(told), dtype=object)


def _refuse_odd(path: Path, x: Floats, y: Floats) -> None:
    odd = int((~np.isfinite(x) | ~np.isfinite(y)).sum())
    if odd:
        raise fail(path, "streets.odd_positions", params={"count": odd})


def _degrees(path: Path, x: Floats, y: Floats, system: pyproj.CRS, datum: Datum) -> tuple[Floats, Floats]:
    """Degrees WGS 84; positions that do not fit the CRS they are said to be in are refused."""
    far = bool((np.abs(x) > LON_MAX).any() or (np.abs(y) > LAT_MAX).any())
    shown = {"extent": f"{x.min():.6g}…{x.max():.6g}, {y.min():.6g}…{y.max():.6g}", "crs": system.to_string()[:60]}
    if system.is_geographic and far:
        raise fail(path, "coordinates_projected", params=shown)
    if system.is_projected and not far:
        raise fail(path, "coordinates_degrees", params=shown)
    lon, lat = transform_points(path, x, y, system)
    return to_wgs84(lon, lat, datum)


def _on_their_nodes(lines: Lines) -> Lines:
    """Lines turned to run from u to v, their first and last vertex put onto the nodes."""
    first, last = lines.shape_start[:-1], lines.shape_start[1:] - 1

    def apart(vertex: Ints, node: Ints) -> Floats:
        return np.asarray(
            np.hypot(lines.shape_lon[vertex] - lines.lon[node], lines.shape_lat[vertex] - lines.lat[node])
        )

    turned = apart(first, lines.v) + apart(last, lines.u) < apart(first, lines.u) + apart(last, lines.v)
    at = np.arange(len(lines.shape_lon))
    edge = np.repeat(np.arange(len(lines.u)), np.diff(lines.shape_start))
    at = np.where(turned[edge], first[edge] + last[edge] - at, at)
    lon, lat = lines.shape_lon[at], lines.shape_lat[at]
    lon[first], lat[first] = lines.lon[lines.u], lines.lat[lines.u]
    lon[last], lat[last] = lines.lon[lines.v], lines.lat[lines.v]
    return replace(lines, shape_lon=lon, shape_lat=lat)

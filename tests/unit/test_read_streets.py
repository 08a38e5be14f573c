"""Reading street networks: OpenStreetMap extracts, GraphML and GeoPackage of osmnx, live; caches and faults."""

import os
import sys
import types
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import shapely
from streets_osm import PLACES, WAYS, write_osm

from circle15.errors import InputError
from circle15.project.metric import distances_m
from circle15.read import street_cache, streets
from circle15.read.street_osm import closing_tag
from circle15.read.streets import fetch_streets, read_streets
from circle15.words import LANGS, word_problem


def write_graph(path, *, crs="epsg:4326", places=PLACES, drop=None):
    graph = nx.MultiDiGraph(crs=crs)
    for n, (lon, lat) in places.items():
        graph.add_node(n, **{k: v for k, v in (("x", str(lon)), ("y", str(lat))) if k != drop})
    for refs, _ in WAYS[:2]:
        for a, b in pairwise(refs):
            line = shapely.LineString([places[a], places[b]])
            graph.add_edge(a, b, length="1.0", geometry=line.wkt)
            graph.add_edge(b, a, length="1.0")
    graph.remove_nodes_from([n for n in graph if graph.degree(n) == 0])
    nx.write_graphml(graph, path)
    return path


def only(fault):
    (problem,) = fault.value.problems
    for lang in LANGS:
        assert word_problem(problem, lang)
    return problem


@pytest.mark.parametrize("suffix", ["osm.pbf", "osm"])
def test_ways_are_cut_where_they_meet_and_only_there(tmp_path, suffix):
    reading = read_streets(write_osm(tmp_path / f"town.{suffix}"), cache=False)
    found = reading.table
    # 1-2, 2-3-4 and 2-5: node 3 shapes its street and is no node, since the private way there is left out
    assert len(found.u) == 3
    assert sorted(found.length_m.round(2)) == [50.0, 100.0, 200.0]
    assert len(found.shape_lon) == 7
    # the map holds seven decimals
    assert found.length_m.sum() == pytest.approx(350, abs=0.05)
    assert [(p.id, p.params) for p in reading.warnings] == [
        ("streets.islands", {"parts": 1, "km": "0.1", "share": "20.5%"}),
        ("streets.private", {"count": 1}),
    ]
    assert reading.source.role == "streets"


@pytest.mark.parametrize(
    ("tags", "closed"),
    [
        ({"highway": "residential", "oneway": "yes"}, ""),
        ({"highway": "footway", "barrier": "gate"}, ""),
        ({"highway": "motorway_link"}, "highway"),
        ({"highway": "cycleway", "foot": "yes"}, "highway"),
        ({"highway": "pedestrian", "area": "yes"}, "area"),
        ({"highway": "service", "access": "private"}, "access"),
        ({"highway": "service", "service": "driveway"}, ""),
        ({"highway": "track", "foot": "no"}, "foot"),
        ({"highway": "primary", "sidewalk:both": "separate"}, "sidewalk:both"),
    ],
)
def test_what_may_be_walked_is_what_osmnx_walks(tags, closed):
    assert closing_tag(tags) == closed


def test_the_filter_has_every_clause_of_osmnx():
    overpass = pytest.importorskip("osmnx")._overpass
    query = overpass._get_network_filter("walk")
    ours = {f'["{key}"!~"{pattern.pattern}"]' for key, pattern in __import__(
        "circle15.read.street_osm", fromlist=["CLOSED_BY"]).CLOSED_BY.items()}  # fmt: skip
    theirs = {part + "]" for part in query.removeprefix('["highway"]').split("]") if part}
    assert ours == theirs


def test_vertices_outside_the_extract_break_their_way(tmp_path):
    places = {n: p for n, p in PLACES.items() if n != 3}
    found = read_streets(write_osm(tmp_path / "cut.osm.pbf", places=places), cache=False).table
    assert sorted(found.length_m.round(1)) == [50.0, 100.0]


def test_graphml_and_geopackage_of_osmnx_say_the_same(tmp_path):
    osmnx = pytest.importorskip("osmnx")
    path = write_graph(tmp_path / "town.graphml")
    graph = osmnx.load_graphml(path)
    osmnx.save_graph_geopackage(graph, tmp_path / "town.gpkg", directed=True)
    one, other = (read_streets(tmp_path / f"town.{s}", cache=False).table for s in ("graphml", "gpkg"))
    assert sorted(one.length_m) == pytest.approx([50, 100, 100, 100], abs=1e-6)  # 1.0 was written; it is measured anew
    assert sorted(other.length_m) == pytest.approx(sorted(one.length_m), abs=1e-6)
    assert len(one.lon) == len(other.lon) == 5


def test_a_projected_graph_is_brought_to_degrees(tmp_path):
    osmnx = pytest.importorskip("osmnx")
    graph = osmnx.project_graph(osmnx.load_graphml(write_graph(tmp_path / "town.graphml")), to_crs="EPSG:32648")
    osmnx.save_graphml(graph, tmp_path / "flat.graphml")
    found = read_streets(tmp_path / "flat.graphml", cache=False).table
    assert sorted(found.length_m) == pytest.approx([50, 100, 100, 100], abs=1e-5)


def test_positions_that_do_not_fit_their_crs_are_refused(tmp_path):
    flat = {n: (500_000.0 + 100 * n, 4_000_000.0) for n in PLACES}
    with pytest.raises(InputError) as fault:
        read_streets(write_graph(tmp_path / "a.graphml", places=flat))
    assert only(fault).id == "coordinates_projected"
    with pytest.raises(InputError) as fault:
        read_streets(write_graph(tmp_path / "b.graphml", crs="EPSG:32648"))
    assert only(fault).id == "coordinates_degrees"
    with pytest.raises(InputError) as fault:
        read_streets(write_graph(tmp_path / "c.graphml", crs=""))
    assert only(fault).id == "streets.no_crs"
    assert len(read_streets(tmp_path / "c.graphml", crs="EPSG:4326").table.u) == 4


def test_broken_and_empty_files_are_said_in_words(tmp_path):
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"no map" * 400)
    whole = write_osm(tmp_path / "whole.osm.pbf").read_bytes()
    (tmp_path / "half.osm.pbf").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "half.graphml").write_text("<graphml><graph><node id='1'/>", encoding="utf-8")
    (tmp_path / "bare.graphml").write_text("<graphml></graphml>", encoding="utf-8")
    write_osm(tmp_path / "houses.osm.pbf", ways=WAYS[5:])
    write_graph(tmp_path / "lost.graphml", drop="y")
    (tmp_path / "zero.osm.pbf").write_bytes(b"")
    wanted = {
        "broken.osm.pbf": "streets.broken", "half.osm.pbf": "streets.broken", "half.graphml": "streets.no_positions",
        "bare.graphml": "streets.empty", "houses.osm.pbf": "streets.empty", "lost.graphml": "streets.no_positions",
        "zero.osm.pbf": "file_empty", "none.osm.pbf": "file_missing",
    }  # fmt: skip
    for name, problem_id in wanted.items():
        with pytest.raises(InputError) as fault:
            read_streets(tmp_path / name)
        assert only(fault).id == problem_id, name
    with pytest.raises(InputError) as fault:
        read_streets(tmp_path / "whole.osm.pbf", within=(10.0, 50.0, 11.0, 51.0))
    assert only(fault).id == "streets.elsewhere"


def test_only_streets_about_the_city_are_kept(tmp_path):
    path = write_osm(tmp_path / "town.osm.pbf")
    (west, south), (east, north) = PLACES[1], PLACES[2]
    whole = read_streets(path, within=(west, south, east, north), cache=False).table
    assert len(whole.u) == 3
    none = read_streets(path, within=(west, south, west, north), margin_m=1.0, cache=False).table
    assert none.length_m.round(1).tolist() == [100.0]


def test_a_preparation_is_kept_beside_the_file_and_used(tmp_path, monkeypatch):
    path = write_osm(tmp_path / "town.osm.pbf")
    before = path.read_bytes()
    first = read_streets(path)
    (kept,) = tmp_path.glob("town.osm.pbf.*.circle15.npz")
    monkeypatch.setattr(streets, "_read", lambda *_, **__: pytest.fail("read twice"))
    second = read_streets(path)
    assert second.warnings == first.warnings
    for name, array in vars(first.table).items():
        assert np.array_equal(array, getattr(second.table, name), equal_nan=True), name
    assert path.read_bytes() == before
    assert kept.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("spoil", ["cut", "other", "wrong"])
def test_a_broken_preparation_is_made_anew(tmp_path, spoil):
    path = write_osm(tmp_path / "town.osm.pbf")
    first = read_streets(path).table
    (kept,) = tmp_path.glob("*.npz")
    if spoil == "cut":
        kept.write_bytes(kept.read_bytes()[:500])
    elif spoil == "other":
        kept.write_bytes(b"PK")
    else:
        with np.load(kept) as held:
            arrays = dict(held)
        arrays["other"] = arrays["other"] + 100
        np.savez(kept, **arrays)
    assert np.array_equal(read_streets(path).table.length_m, first.length_m)


def test_a_changed_file_or_option_has_another_preparation(tmp_path):
    path = write_osm(tmp_path / "town.osm.pbf")
    read_streets(path)
    read_streets(path, within=(105.0, 37.4, 105.1, 37.6))
    write_osm(path, ways=WAYS[:1])
    assert len(read_streets(path).table.u) == 1
    assert len(list(tmp_path.glob("*.npz"))) == 3


def test_where_the_folder_cannot_be_written_the_cache_folder_serves(tmp_path, monkeypatch):
    path = write_osm(tmp_path / "town.osm.pbf")
    monkeypatch.setenv("CIRCLE15_CACHE", str(tmp_path / "cache"))
    real = street_cache.tempfile.mkstemp

    def refuse(*args, **more):
        if str(more["dir"]) == str(tmp_path):
            raise PermissionError(13, "read-only")
        return real(*args, **more)

    monkeypatch.setattr(street_cache.tempfile, "mkstemp", refuse)
    read_streets(path)
    assert not list(tmp_path.glob("*.npz"))
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 1
    monkeypatch.setattr(street_cache.tempfile, "mkstemp", lambda **_: os.open("/nowhere/at/all", os.O_RDONLY))
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert len(read_streets(path).table.u) == 3


def test_live_streets_come_from_osmnx(monkeypatch):
    graph = nx.MultiDiGraph(crs="epsg:4326")
    for n in (1, 2, 3):
        graph.add_node(n, x=PLACES[n][0], y=PLACES[n][1])
    graph.add_edges_from([(1, 2), (2, 1), (2, 3)])
    asked = {}
    fake = types.SimpleNamespace(
        graph_from_bbox=lambda box, **more: asked.update(box=box, **more) or graph, __version__="2.0"
    )
    monkeypatch.setitem(sys.modules, "osmnx", fake)
    reading = fetch_streets(shapely.box(105.0, 37.4, 105.1, 37.5))
    assert reading.table.length_m.tolist() == pytest.approx([100, 100], abs=1e-6)
    assert asked["network_type"] == "walk"
    west, _, _, north = asked["box"]
    margins = distances_m([105.0, 105.0], [37.4, 37.5], [west, 105.0], [37.4, north])
    assert (margins >= 2000).all()
    assert (margins < 2100).all()


def test_without_network_or_osmnx_it_is_said(monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError

    monkeypatch.setitem(sys.modules, "osmnx", types.SimpleNamespace(graph_from_bbox=refuse))
    with pytest.raises(InputError) as fault:
        fetch_streets(shapely.box(105.0, 37.4, 105.1, 37.5))
    assert only(fault).id == "streets.offline"
    monkeypatch.setitem(sys.modules, "osmnx", None)
    with pytest.raises(InputError) as fault:
        fetch_streets(shapely.box(105.0, 37.4, 105.1, 37.5))
    assert only(fault).id == "streets.osmnx_missing"

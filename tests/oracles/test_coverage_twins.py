"""Coverage and gaps of random towns against overlays of fine polygons in a metric plane."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.measure.coverage import measure_coverage
from circle15.measure.gaps import find_gaps
from circle15.schema import Population

PLANE = "+proj=aeqd +lat_0=37.51 +lon_0=105.02 +datum=WGS84"
# a 4096-gon lacks 4e-7 of its disc, a cell's sides bend by 0.2 mm; people/m² is below 0.01
PEOPLE = 0.02


def town(seed):
    rng = np.random.default_rng(seed)
    x, y = (v.ravel() for v in np.meshgrid(105 + np.arange(40) * 0.001, 37.5 + np.arange(20) * 0.001))
    some = rng.random(len(x)) < 0.7
    cells = shapely.box(x, y, x + 0.001, y + 0.001)[some]
    people = gpd.GeoDataFrame({"residents": rng.uniform(0, 90, len(cells))}, geometry=cells, crs="EPSG:4326")
    points = [(105 + rng.random() * 0.05, 37.49 + rng.random() * 0.03) for _ in range(int(rng.integers(1, 5)))]
    register = gpd.GeoDataFrame(
        {"id": [f"P{i}" for i in range(len(points))], "name": "", "service": "pharmacy"},
        geometry=[shapely.Point(p) for p in points],
        crs="EPSG:4326",
    )
    middle = [(105.0, 37.4), (105.0173, 37.4), (105.0231, 37.55), (105.0, 37.55)]
    west = shapely.Polygon(middle)
    east = shapely.box(105.0, 37.4, 105.2, 37.55).difference(west)
    places = gpd.GeoDataFrame(
        {"id": ["A", "B"], "name": "", "level": "district", "parent": ""}, geometry=[west, east], crs="EPSG:4326"
    )
    return Population(people, None, "grid", 100.0), register, places


def pieces(population, places):
    """Cells cut at places, in the plane, with the people of each piece."""
    table = population.cells.assign(whole_m2=population.cells.to_crs(PLANE).area).reset_index(names="cell")
    cut = gpd.overlay(table, places[["id", "geometry"]], how="intersection").to_crs(PLANE)
    return cut.assign(people=cut.residents * cut.area / cut.whole_m2)


@pytest.mark.parametrize("seed", range(4))
def test_coverage_by_overlay(seed):
    population, register, places = town(seed)
    table = measure_coverage(population, register, places, radius_m=800, services=["pharmacy"]).set_index("place_id")
    cut = pieces(population, places)
    depth = [shapely.Polygon()] * 3
    for disc in register.to_crs(PLANE).geometry.array.buffer(800, quad_segs=1024):
        rest = disc
        for k in range(3):
            depth[k], rest = shapely.union(depth[k], rest), shapely.intersection(depth[k], rest)
    for k in range(3):
        under = cut.people * shapely.area(shapely.intersection(cut.geometry.array, depth[k])) / cut.area
        expected = under.groupby(cut.id).sum()
        found = table[[f"depth_{d}" for d in range(k + 1, 4)]].sum(axis=1)
        assert found.to_numpy() == pytest.approx(expected.reindex(found.index).to_numpy(), abs=PEOPLE)
    assert table.residents.to_numpy() == pytest.approx(cut.groupby("id").people.sum().to_numpy(), abs=PEOPLE)


@pytest.mark.parametrize("seed", range(4))
def test_gaps_by_dissolving(seed):
    population, register, places = town(seed)
    gaps = find_gaps(population, register, places, radius_m=800, service="pharmacy", min_residents=50)
    discs = shapely.union_all(register.to_crs(PLANE).geometry.array.buffer(800, quad_segs=1024))
    cells = population.cells.to_crs(PLANE)
    bare = shapely.area(shapely.difference(cells.geometry.array, discs)) / cells.area
    chosen = cells.assign(uncovered=cells.residents * bare)[bare > 1e-6]
    # cells grown by 1 cm flow together where they touch
    grown = shapely.get_parts(shapely.union_all(chosen.buffer(0.01, join_style="mitre").array))
    label = shapely.STRtree(grown).query(shapely.centroid(chosen.geometry.array), predicate="intersects")[1]
    expected = chosen.uncovered.groupby(label).sum()
    expected = expected[expected >= 50].sort_values(ascending=False)
    assert gaps.residents.to_numpy() == pytest.approx(expected.to_numpy(), abs=PEOPLE)

"""Slow twins of the circle measures: loops over all pairs, and circles as geodesic polygons of 4096 sides."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from five_cities import CENTRES
from pyproj import Geod

from circle15.measure.circles import count_others, measure_circles, neighbours_within
from circle15.measure.density import measure_density
from circle15.project.metric import pairs_within
from circle15.schema import Population

GEOD = Geod(ellps="WGS84")
R = 800.0
SIDES = 4096


@pytest.fixture(params=["zhongwei", "suihua", "liuzhou"])
def town(request):
    """Thirty sites in a town of 3 km whose cells are ragged triangles and whose land has a bay and a lake."""
    lon, lat = CENTRES[request.param]
    rng = np.random.default_rng(21)
    centre = np.array([lon, lat])
    points = centre + rng.uniform(-0.015, 0.015, (30, 2)).round(3)
    corners = centre + rng.uniform(-0.02, 0.02, (80, 1, 2)) + rng.uniform(-0.004, 0.004, (80, 3, 2))
    cells = gpd.GeoDataFrame({"residents": rng.uniform(1, 500, 80)}, geometry=shapely.polygons(corners), crs=4326)
    lake = shapely.Point(lon + 0.005, lat).buffer(0.004)
    bay = shapely.Polygon([(lon - 0.02, lat - 0.02), (lon, lat + 0.001), (lon - 0.02, lat + 0.006)])
    land = shapely.box(lon - 0.018, lat - 0.018, lon + 0.018, lat + 0.018) - lake - bay
    services = rng.choice(["pharmacy", "inpatient"], 30)
    columns = {"id": [f"P{k}" for k in range(30)], "name": "n", "service": services, "position_accuracy_m": 10.0}
    register = gpd.GeoDataFrame(columns, geometry=shapely.points(points), crs=4326)
    return register, Population(cells, land, "area", 500.0)


def disc(point):
    azimuth = np.arange(SIDES) * 360.0 / SIDES
    x, y, _ = GEOD.fwd(np.full(SIDES, point.x), np.full(SIDES, point.y), azimuth, np.full(SIDES, R))
    return shapely.Polygon(np.column_stack([x, y]))


def geodesic_m2(shape):
    area = 0.0
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon":
            area += abs(GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(part))[0])
    return area


def test_residents_and_land_equal_polygon_overlays(town):
    register, population = town
    measures = measure_circles(register, register, population, radius_m=R)
    for k, point in enumerate(register.geometry):
        circle = disc(point)
        people = sum(
            residents * geodesic_m2(circle & cell) / geodesic_m2(cell)
            for residents, cell in zip(population.cells["residents"], population.cells.geometry, strict=True)
        )
        # a polygon of 4096 sides is 4e-7 short of its circle
        assert measures["residents_within"].iloc[k] == pytest.approx(people, rel=5e-5, abs=1e-3)
        assert measures["circle_land_km2"].iloc[k] * 1e6 == pytest.approx(
            geodesic_m2(circle & population.land), rel=5e-5, abs=1.0
        )


def test_others_equal_a_loop(town):
    register, population = town
    measures = measure_circles(register, register, population, radius_m=R)
    listed = neighbours_within(register, register, radius_m=R)
    for k, me in register.iterrows():
        others = []
        for n, other in register.iterrows():
            if n != k and other["service"] == me["service"]:
                others.append((GEOD.inv(me.geometry.x, me.geometry.y, other.geometry.x, other.geometry.y)[2], n))
        within = sorted(pair for pair in others if pair[0] <= R + 1e-6)
        assert measures["others_within"].iloc[k] == len(within)
        assert measures["nearest_other_m"].iloc[k] == min(others)[0]
        mine = listed[listed["site_id"] == me["id"]]
        assert mine["id"].tolist() == [f"P{n}" for _, n in within]
        assert mine["distance_m"].tolist() == [metres for metres, _ in within]


def test_place_density_equals_polygon_overlays(town):
    register, population = town
    lon, lat = register.geometry.iloc[0].coords[0]
    outline = shapely.Polygon([(lon - 0.02, lat - 0.013), (lon + 0.011, lat - 0.01), (lon + 0.004, lat + 0.017)])
    columns = {"id": ["t"], "name": ["t"], "level": ["township"], "residents": [np.nan]}
    places = gpd.GeoDataFrame(columns, geometry=[outline], crs=4326)
    people = sum(
        residents * geodesic_m2(outline & cell) / geodesic_m2(cell)
        for residents, cell in zip(population.cells["residents"], population.cells.geometry, strict=True)
    )
    expected = people / geodesic_m2(outline & population.land) * 1e6
    found = measure_density(register, population, places)
    inside = register.geometry.intersects(outline)
    assert inside.any()
    assert found["density_place_per_km2"][inside].to_numpy() == pytest.approx(expected, rel=1e-6)
    assert found["density_place_per_km2"][~inside].isna().all()


@pytest.mark.parametrize("lat", [-60.0, -35.0, 0.0, 37.5, 70.0])
def test_others_counted_are_the_pairs_that_are_told(lat):
    rng = np.random.default_rng(15)
    around = GEOD.fwd(np.full(200, 105.0), np.full(200, lat), np.linspace(0, 358.2, 200), np.full(200, 800.0))
    spread = rng.normal(size=(2, 3000)) * 0.03
    x, y = np.r_[105.0, around[0], 105.0 + spread[0]], np.r_[lat, around[1], lat + spread[1]]
    x[500:550], y[500:550] = x[450:500], y[450:500]
    i, _, _ = pairs_within(x, y, x, y, 800.0)
    found = count_others(x, y, np.zeros(len(x), dtype=np.int8), radius_m=800.0)
    assert found.tolist() == (np.bincount(i, minlength=len(x)) - 1).tolist()
    assert found[0] >= 200  # who stand at the very radius count

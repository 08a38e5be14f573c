"""Places that hold a site, and density over township and cell, by hand."""

import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from circle15.judge.limits import UNKNOWN, classify
from circle15.measure.density import land_m2, measure_density, residents_of
from circle15.measure.grid_ground import cell_densities
from circle15.measure.ground import Ground
from circle15.measure.totals import measure_totals
from circle15.policy.plan import load_plan
from circle15.project.metric import areas_m2
from circle15.schema import GridCells, Population, PopulationBlocks

X, Y = 105.0, 37.0


def box(x0, y0, x1, y1):
    """Box in hundredths of a degree from (105, 37)."""
    return shapely.box(X + x0 / 100, Y + y0 / 100, X + x1 / 100, Y + y1 / 100)


def point(x, y):
    return shapely.Point(X + x / 100, Y + y / 100)


def sites(*points, index=None):
    return gpd.GeoDataFrame({"id": [f"s{k}" for k in range(len(points))]}, geometry=list(points), crs=4326, index=index)


def places(**rows):
    """id=(level, outline) or id=(level, outline, residents)."""
    columns = {
        "id": list(rows),
        "name": [f"name of {k}" for k in rows],
        "level": [r[0] for r in rows.values()],
        "residents": [r[2] if len(r) > 2 else np.nan for r in rows.values()],
    }
    return gpd.GeoDataFrame(columns, geometry=[r[1] for r in rows.values()], crs=4326)


def population(residents, outlines, *, land=None, kind="grid"):
    cells = gpd.GeoDataFrame({"residents": np.asarray(residents, dtype=float)}, geometry=list(outlines), crs=4326)
    return Population(cells, land, kind, 1000.0)


#  two townships side by side, one cell astride their border, one wholly in the east
#      west 0..3        east 3..6
#    |        [2 . | . 4]   [5..6] |
TOWNSHIPS = {"west": ("township", box(0, 0, 3, 2)), "east": ("township", box(3, 0, 6, 2))}
CELLS = [box(2, 0, 4, 1), box(5, 0, 6, 1)]


def test_names_of_the_places_that_hold_a_site():
    outlines = places(
        t1=("township", box(0, 0, 3, 2)),
        d1=("district", box(0, 0, 5, 5)),
        c1=("city", box(0, 0, 9, 9)),
        x=("community", box(0, 0, 9, 9)),
    )
    found = measure_density(sites(point(1, 1), point(4, 4), point(8, 8), point(50, 50)), population([], []), outlines)
    assert found["township_id"].tolist() == ["t1", "", "", ""]
    assert found["district_id"].tolist() == ["d1", "d1", "", ""]
    assert found["city_id"].tolist() == ["c1", "c1", "c1", ""]
    assert found["city_name"].tolist() == ["name of c1"] * 3 + [""]


def test_a_site_on_a_border_belongs_to_the_first_by_id():
    for rows in (TOWNSHIPS, dict(reversed(TOWNSHIPS.items()))):
        found = measure_density(sites(point(3, 1)), population([], []), places(**rows))
        assert found["township_id"].tolist() == ["east"]


def test_township_density_splits_the_cell_on_the_border():
    found = measure_density(sites(point(1, 1), point(5, 1)), population([100, 40], CELLS), places(**TOWNSHIPS))
    km2 = areas_m2([box(0, 0, 3, 2)])[0] / 1e6
    assert found["density_place_per_km2"].to_numpy() == pytest.approx([50 / km2, 90 / km2], rel=1e-6)


def test_official_residents_come_first():
    rows = {"west": (*TOWNSHIPS["west"], 1234.0), "east": TOWNSHIPS["east"]}
    found = measure_density(sites(point(1, 1), point(5, 1)), population([100, 40], CELLS), places(**rows))
    km2 = areas_m2([box(0, 0, 3, 2)])[0] / 1e6
    assert found["density_place_per_km2"].to_numpy() == pytest.approx([1234 / km2, 90 / km2], rel=1e-6)


def test_water_is_left_out_of_the_township():
    land = box(0, 0, 6, 1)
    found = measure_density(sites(point(1, 0.5)), population([100, 40], CELLS, land=land), places(**TOWNSHIPS))
    assert found["density_place_per_km2"].iloc[0] == pytest.approx(
        50 / (areas_m2([box(0, 0, 3, 1)])[0] / 1e6), rel=1e-9
    )


def test_a_township_without_land_or_no_township_has_no_density():
    dry = population([100], CELLS[:1], land=box(50, 50, 60, 60))
    found = measure_density(sites(point(1, 1), point(50, 50)), dry, places(**TOWNSHIPS))
    assert found["density_place_per_km2"].isna().all()


def test_cell_density_of_a_grid_is_unknown_off_its_land_and_where_no_land_is_told():
    spots = sites(point(2.5, 0.5), point(4.5, 0.5), point(9, 9))
    km2 = areas_m2(CELLS[:1])[0] / 1e6
    for land, empty in ((box(2, 0, 6, 1), 0.0), (None, np.nan)):
        people = population([100, 40], CELLS, land=land)
        found = measure_density(spots, people, places())["density_cell_per_km2"].to_numpy()
        assert found == pytest.approx([100 / km2, empty, np.nan], nan_ok=True)
        held = Ground(people, places().assign(settings="")).density(np.asarray(spots.geometry.array, dtype=object))
        np.testing.assert_array_equal(held["density_cell_per_km2"], found)


@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_an_empty_cell_has_density_0_and_ground_without_data_none(degrees):
    # one row of cells: 9 people, nobody, no data; the last two points stand on the borders between them
    values = np.array([[9.0, 0.0, np.nan]])
    a, b = 0.01 * math.cos(math.radians(degrees)), 0.01 * math.sin(math.radians(degrees))
    grid = GridCells(values, (a, b, X, b, -a, Y))
    lon, lat = (
        (f * col + g * row + c)
        for f, g, c, col, row in (
            (a, b, X, np.array([0.5, 1.5, 2.5, 5.0, 1.0, 2.0]), 0.5),
            (b, -a, Y, np.array([0.5, 1.5, 2.5, 5.0, 1.0, 2.0]), 0.5),
        )
    )
    found = cell_densities(grid, lon, lat)
    assert found[0] > 0
    assert found.tolist() == pytest.approx([found[0], 0.0, np.nan, np.nan, found[0], 0.0], nan_ok=True)
    assert np.isnan(cell_densities(grid, np.array([np.nan]), np.array([Y]))).all()
    told = classify(
        load_plan("zhongwei").density_classes, found, np.full(6, "", dtype=object), nowhere=np.zeros(6, dtype=bool)
    )
    assert (told == UNKNOWN).tolist() == [False, False, True, True, False, False]


def test_cell_density_on_a_shared_edge_is_that_of_the_first_cell():
    both = population([10, 99], [box(0, 0, 1, 1), box(1, 0, 2, 1)])
    found = measure_density(sites(point(1, 0.5)), both, places())
    assert found["density_cell_per_km2"].iloc[0] == pytest.approx(10 / (areas_m2([box(0, 0, 1, 1)])[0] / 1e6))


def test_cell_density_of_areas_is_unknown_off_their_ground():
    area = population([100], CELLS[:1], land=box(2, 0, 6, 1), kind="area")
    found = measure_density(sites(point(3, 0.5), point(5, 0.5), point(9, 9)), area, places())
    assert found["density_cell_per_km2"].iloc[0] > 0
    assert found["density_cell_per_km2"].iloc[1] == 0.0
    assert np.isnan(found["density_cell_per_km2"].iloc[2])


def test_points_have_no_cell_density_and_count_in_townships():
    people = population([10, 20], [point(1, 1), point(5, 1)], kind="point")
    found = measure_density(sites(point(2, 1)), people, places(**TOWNSHIPS))
    assert found["density_cell_per_km2"].isna().all()
    assert found["density_place_per_km2"].iloc[0] == pytest.approx(10 / (areas_m2([box(0, 0, 3, 2)])[0] / 1e6))


def test_blocks_give_the_same_numbers_as_the_whole():
    land = [box(0, 0, 4, 2), box(4, 0, 6, 2)]
    whole = population([100, 40], CELLS, land=box(0, 0, 6, 2))
    blocks = [population([n], [c], land=g) for n, c, g in zip([100, 40], CELLS, land, strict=True)]
    where = sites(point(1, 1), point(5, 0.5), point(3.5, 0.5), point(4, 1.5))
    one = measure_density(where, whole, places(**TOWNSHIPS))
    two = measure_density(where, PopulationBlocks(blocks, cell_m=1000.0), places(**TOWNSHIPS))
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


def test_index_in_is_index_out_and_inputs_stay():
    where, ground, people = (
        sites(point(1, 1), point(9, 9), index=[7, 3]),
        places(**TOWNSHIPS),
        population([100, 40], CELLS),
    )
    before = where.copy(), ground.copy(), people.cells.copy()
    found = measure_density(where, people, ground)
    assert list(found.index) == [7, 3]
    for now, then in zip((where, ground, people.cells), before, strict=True):
        pd.testing.assert_frame_equal(now, then)


def test_no_sites_no_places_no_position():
    assert len(measure_density(sites(), population([100], CELLS[:1]), places(**TOWNSHIPS))) == 0
    found = measure_density(sites(None, shapely.Point()), population([100], CELLS[:1]), places(**TOWNSHIPS))
    assert found["township_id"].tolist() == ["", ""]
    assert found[["density_place_per_km2", "density_cell_per_km2"]].isna().all(axis=None)


def test_residents_of_places_add_up_and_land_is_cut():
    west, east = (row[1] for row in TOWNSHIPS.values())
    shares = residents_of(places(**TOWNSHIPS), population([100, 40], CELLS))
    assert shares == pytest.approx([50, 90], rel=1e-6)
    assert land_m2(np.array([west, east]), box(0, 0, 4, 2)) == pytest.approx(
        areas_m2([west, box(3, 0, 4, 2)]), rel=1e-6
    )
    assert (land_m2(np.array([west]), None) == areas_m2([west])).all()


def test_a_person_on_a_border_is_counted_once():
    shares = residents_of(places(**TOWNSHIPS), population([7], [point(3, 1)], kind="point"))
    assert shares.tolist() == [0, 7]


def test_the_township_has_the_density_that_the_totals_tell():
    rows = places(**{**TOWNSHIPS, "north": ("township", box(0, 2, 6, 3), 55.0)})
    rows = rows.assign(parent="", settings="", **{"class": ""})
    people = population([100, 40, 9], [*CELLS, box(1, 1, 5, 3)], land=box(0, 0, 5.5, 2.5))
    columns = {"id": [], "service": [], "tags": [], "beds": np.array([], dtype=float)}
    nobody = gpd.GeoDataFrame(columns, geometry=[], crs=4326)
    totals = measure_totals(rows, people, nobody, services=[])
    found = measure_density(sites(point(1, 1), point(5, 1), point(2, 2.2)), people, rows)
    assert found["density_place_per_km2"].tolist() == pytest.approx(totals["density_per_km2"].tolist(), rel=1e-12)

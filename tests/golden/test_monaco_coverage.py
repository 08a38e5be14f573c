"""Monaco: modelled residents within 800 m of a pharmacy, on real outlines and a real register."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.measure.cells import pack_cells
from circle15.measure.coverage import measure_coverage
from circle15.measure.gaps import find_gaps
from circle15.project.metric import nearest
from circle15.schema import Population


@pytest.fixture(scope="module")
def monaco(shared_data):
    folder = shared_data / "monaco"
    cells = gpd.read_file(folder / "monaco_population_100m_MODELLED.geojson").to_crs(4326)
    cells = cells.rename(columns={"population": "residents"})
    cells = cells[cells.residents > 0].reset_index(drop=True)
    register = gpd.read_file(folder / "monaco_institutions.geojson").to_crs(4326)
    register = register[register.amenity == "pharmacy"].reset_index(drop=True)
    register["id"], register["service"] = [f"P{i}" for i in range(len(register))], "pharmacy"
    register["name"] = register["name"].fillna("")
    wards = gpd.read_file(folder / "monaco_wards.geojson").to_crs(4326)
    table = gpd.pd.concat(
        [
            gpd.GeoDataFrame({"name": ["Monaco"]}, geometry=[shapely.box(*cells.total_bounds)], crs=4326),
            wards[["name", "geometry"]],
        ],
        ignore_index=True,
    )
    table["id"] = [f"M{i}" for i in range(len(table))]
    table["level"], table["parent"] = ["district"] + ["township"] * len(wards), ""
    return Population(cells[["residents", "geometry"]], None, "grid", 100.0), register, table


def test_the_modelled_residents_and_pharmacies(monaco):
    population, register, _ = monaco
    assert population.cells.residents.sum() == pytest.approx(38_058.02, abs=0.01)
    assert len(register) == 12


def test_share_covered_by_cell_centre(monaco):
    population, register, _ = monaco
    cells = pack_cells(population.cells)
    _, metres = nearest(cells.lon, cells.lat, register.geometry.x, register.geometry.y)
    people = population.cells.residents.to_numpy()
    assert people[metres <= 800].sum() / people.sum() == pytest.approx(0.8061, abs=5e-5)


def test_share_covered_by_exact_area(monaco):
    population, register, places = monaco
    row = measure_coverage(population, register, places, radius_m=800, services=["pharmacy"]).iloc[0]
    assert row.residents == pytest.approx(38_058.02, abs=0.01)
    assert row.share == pytest.approx(0.81432385, abs=1e-8)
    assert row.covered == pytest.approx(30_991.5535, abs=1e-3)
    assert [row.depth_0, row.depth_1, row.depth_2, row.depth_3] == pytest.approx(
        [7066.4665, 3974.1621, 22.2719, 26_995.1195], abs=1e-3
    )


def test_a_fine_overlay_in_a_metric_plane_agrees(monaco):
    population, register, _ = monaco
    plane = "+proj=aeqd +lat_0=43.738 +lon_0=7.424 +datum=WGS84"
    ground = population.cells.to_crs(plane)
    discs = shapely.union_all(register.to_crs(plane).geometry.array.buffer(800, quad_segs=1024))
    shared = shapely.area(shapely.intersection(ground.geometry.array, discs)) / ground.area
    # a 4096-gon lacks 4e-7 of its disc
    assert float((ground.residents * shared).sum()) == pytest.approx(30_991.5535, abs=0.05)


def test_the_wards_by_coverage(monaco):
    table = measure_coverage(*monaco, radius_m=800, services=["pharmacy"]).set_index("name")
    assert table.share["Fontvieille"] == pytest.approx(1)
    assert table.share["La Rousse"] == pytest.approx(0.002262, abs=1e-6)
    assert table.share["Larvotto"] == pytest.approx(0.323938, abs=1e-6)
    assert table.institutions["Monaco"] == 12


def test_the_gap_lies_in_the_east(monaco):
    gaps = find_gaps(*monaco, radius_m=800, service="pharmacy")
    assert len(gaps) == 1
    first = gaps.iloc[0]
    assert first.residents == pytest.approx(7064.309, abs=1e-3)
    assert (first.cells, first.district_name, first.township_name) == (35, "Monaco", "La Rousse")
    assert first.nearest_m == pytest.approx(1112.054, abs=1e-3)
    assert first.candidate_new_residents <= first.residents + 2.2
    everyone = find_gaps(*monaco, radius_m=800, service="pharmacy", min_residents=0)
    assert np.isclose(everyone.residents.sum(), 7066.4665, atol=1e-3)

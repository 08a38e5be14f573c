"""Totals of hand-drawn places."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.measure.totals import measure_totals, place_ids
from circle15.project.metric import areas_m2
from circle15.schema import Population, PopulationBlocks

WEST, EAST = shapely.box(105, 37.5, 105.01, 37.51), shapely.box(105.01, 37.5, 105.02, 37.51)
BOTH = shapely.box(105, 37.5, 105.02, 37.51)


def places(official=(np.nan, np.nan, np.nan)):
    return gpd.GeoDataFrame(
        {
            "id": ["D", "T1", "T2"],
            "name": ["县", "甲乡", "乙乡"],
            "level": ["district", "township", "township"],
            "parent": ["", "D", "D"],
            "residents": np.array(official, float),
            "settings": ["", "subdistrict", ""],
            "class": ["", "", "township_small"],
        },
        geometry=[BOTH, WEST, EAST],
        crs="EPSG:4326",
    )


def institutions(*rows):
    table = [(f"P{i}", *row) for i, row in enumerate(rows)]
    columns = ["id", "service", "tags", "beds", "x", "y"]
    frame = gpd.pd.DataFrame(table, columns=columns)
    points = [shapely.Point(x, y) for x, y in zip(frame.pop("x"), frame.pop("y"), strict=True)]
    return gpd.GeoDataFrame(frame, geometry=points, crs="EPSG:4326")


def population(land=BOTH):
    # one cell astride the border, three quarters in the east, and one in the east
    cells = [shapely.box(105.0075, 37.504, 105.0175, 37.505), shapely.box(105.011, 37.501, 105.012, 37.502)]
    return Population(
        gpd.GeoDataFrame({"residents": [400.0, 60.0]}, geometry=cells, crs="EPSG:4326"), land, "grid", 100
    )


REGISTER = institutions(
    ("pharmacy", "dual_channel;medical_aid", np.nan, 105.001, 37.501),
    ("pharmacy", "", np.nan, 105.002, 37.501),
    ("pharmacy", "dual_channel", np.nan, 105.012, 37.501),
    ("inpatient", "dual_channel", 120.0, 105.013, 37.501),
    ("inpatient", "", np.nan, 105.013, 37.502),
    ("outpatient", "", np.nan, 105.013, 37.503),
)


def measure(table=None, people=None, register=REGISTER, services=("pharmacy", "inpatient")):
    return measure_totals(
        places() if table is None else table, population() if people is None else people, register, services=services
    ).set_index("place_id")


def test_grid_residents_are_shared_by_area():
    totals = measure()
    assert totals.residents_grid.to_dict() == pytest.approx({"D": 460, "T1": 100, "T2": 360}, rel=1e-6)
    assert totals.residents.equals(totals.residents_grid)


def test_official_residents_come_first():
    totals = measure(places((np.nan, 5000, 0)))
    assert totals.residents.to_dict() == pytest.approx({"D": 460, "T1": 5000, "T2": 0}, rel=1e-6)
    assert totals.per_10k_pharmacy["T1"] == 4.0
    assert np.isnan(totals.per_10k_pharmacy["T2"])


def test_institutions_are_counted_by_service_and_place():
    totals = measure()
    assert totals.n_pharmacy.to_dict() == {"D": 3, "T1": 2, "T2": 1}
    assert totals.n_inpatient.to_dict() == {"D": 2, "T1": 0, "T2": 2}
    assert "n_outpatient" not in totals.columns
    assert totals.n_dual_channel.to_dict() == {"D": 2, "T1": 1, "T2": 1}


def test_beds_are_none_without_hospitals_and_unknown_where_none_tells():
    assert measure().beds_inpatient.to_dict() == {"D": 120, "T1": 0, "T2": 120}
    silent = measure(register=REGISTER.drop(index=3)).beds_inpatient
    assert silent["T1"] == 0
    assert np.isnan(silent["T2"])


def test_an_institution_on_the_border_stands_in_one_township():
    register = institutions(("pharmacy", "", np.nan, 105.01, 37.505))
    assert measure(register=register).n_pharmacy.to_dict() == {"D": 1, "T1": 1, "T2": 0}


def test_an_institution_where_townships_overlap_stands_in_the_first_by_id():
    """As a site that is judged there does: what counts against a cap is what is judged by it."""
    wide = shapely.box(105, 37.5, 105.0125, 37.51)
    table = places().set_geometry([BOTH, wide, EAST])
    for order in ([0, 1, 2], [2, 1, 0]):
        totals = measure(table.iloc[order])
        assert totals.n_pharmacy.to_dict() == {"D": 3, "T1": 3, "T2": 0}
        assert totals.beds_inpatient.to_dict() == {"D": 120, "T1": 0, "T2": 120}
        assert place_ids(REGISTER, table.iloc[order]).township_id.tolist() == ["T1"] * 3 + ["T2"] * 3


def test_density_rests_on_the_land_that_the_source_covers():
    totals = measure(people=population(land=shapely.box(105.005, 37, 105.02, 38)))
    km2 = areas_m2([WEST, EAST]) / 1e6
    assert totals.area_km2[["T1", "T2"]].tolist() == pytest.approx(km2)
    assert totals.land_km2[["T1", "T2"]].tolist() == pytest.approx([km2[0] / 2, km2[1]], rel=1e-6)
    assert totals.density_per_km2["T1"] == pytest.approx(100 / (km2[0] / 2), rel=1e-6)


@pytest.mark.parametrize("west", [105.01, 105.01 - 1e-9])  # in T1 nothing, or a sliver that rounding may leave
def test_no_land_at_all_has_no_density(west):
    totals = measure(places((np.nan, 5000, 0)), population(land=shapely.box(west, 37.5, 105.02, 37.51)))
    assert totals.land_km2["T1"] == 0
    assert np.isnan(totals.density_per_km2["T1"])


def test_a_source_that_knows_no_land_is_measured_on_the_whole_area():
    totals = measure(people=population(land=None))
    assert totals.land_km2.isna().all()
    assert totals.density_per_km2["T2"] == pytest.approx(360 / totals.area_km2["T2"], rel=1e-6)


def test_blocks_are_added_up():
    whole = population()
    halves = [Population(whole.cells.iloc[[i]], land, "grid", 100.0) for i, land in enumerate((WEST, EAST))]
    totals, expected = measure(people=PopulationBlocks(halves, cell_m=100)), measure()
    for column in ("residents_grid", "land_km2", "density_per_km2"):
        assert totals[column].to_numpy() == pytest.approx(expected[column].to_numpy(), rel=1e-6)


def test_an_empty_register_and_no_places():
    totals = measure(register=institutions())
    assert totals.n_pharmacy.tolist() == [0, 0, 0]
    assert totals.beds_inpatient.tolist() == [0, 0, 0]
    assert measure(places().iloc[:0]).empty

"""Defects of real registers, each found and named: Seoul, the private hospitals of China, the five cities, Shenzhen."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import numpy as np
import pytest
import shapely

from circle15.project.datum import from_wgs84, to_wgs84
from circle15.read.datum_evidence import better_datum, datum_evidence
from circle15.read.institutions import read_institutions
from circle15.read.people import check_people
from circle15.read.places import read_places
from circle15.read.population import read_population
from circle15.read.positions import examine
from circle15.schema import CRS, City

SEOUL = {"encoding": "CP949", "crs": "EPSG:5179"}


@pytest.fixture(scope="module")
def seoul(shared_data):
    columns = {"name": "요양기", "address": "주소", "place_told": "읍면동"}
    register = read_institutions(
        shared_data / "seoul" / "hospitals.shp", datum="wgs84", service="outpatient", columns=columns, **SEOUL
    ).table  # fmt: skip
    units = read_places(
        shared_data / "seoul" / "dongs.shp", level="township", columns={"id": "EMD_CD", "name": "EMD_KOR_NM"}, **SEOUL
    ).table  # fmt: skip
    return register, units


def test_seoul_shares_points_within_buildings_and_six_rows_are_in_another_unit(seoul):
    register, units = seoul
    found = examine(register, units)
    assert (found.shared.rows, found.shared.points) == (2099, 662)
    by_kind = Counter(found.suspects["kind"])
    assert by_kind == {"building": 2082, "duplicate": 8, "road": 8, "strayed": 5, "unit": 4}
    shared = found.suspects[found.suspects["kind"].isin(["building", "road", "strayed", "duplicate"])]
    assert shared["at"].nunique() == 2099  # every one of them is explained
    # six rows differ from their unit: four name another one, two name none
    unsaid = np.flatnonzero((register["place_told"] == "").to_numpy())
    assert len(unsaid) == 2
    names = register["name"].to_numpy()[found.suspects.loc[found.suspects["kind"] == "unit", "at"]]
    assert set(names) == {"이호윤한의원", "참좋은의원", "연세닥터스치과의원", "우리한의원"}
    assert better_datum(datum_evidence(register, units, "wgs84")) is None


def china(register):
    """One outline about all institutions: the register spans the country."""
    box = shapely.box(*register.total_bounds).buffer(1)
    return gpd.GeoDataFrame(
        {"id": ["0"], "name": ["全国"], "level": ["city"], "parent": [""], "residents": [np.nan]}, geometry=[box], crs=CRS
    )  # fmt: skip


def test_private_hospitals_stack_on_city_centres(shared_data):
    register = read_institutions(
        shared_data / "hospital_viz" / "hospital.csv", datum="gcj02", service="inpatient"
    ).table
    found = examine(register, china(register))
    assert (found.shared.rows, found.shared.points) == (71, 32)
    stacks = found.suspects[found.suspects["kind"] == "stack"]
    sizes = stacks.groupby("group").size().sort_values(ascending=False).tolist()
    assert sizes == [6, 4, 3]  # Shanghai, Beijing, Chengdu
    top = register.iloc[stacks[stacks["group"] == stacks["group"].value_counts().index[0]]["at"]]
    assert top["name"].str.startswith("上海").all()
    x, y = to_wgs84(121.473701, 31.230416, "gcj02")
    assert np.abs(top.geometry.get_coordinates().to_numpy() - [x[()], y[()]]).max() < 1e-9
    assert Counter(found.suspects["kind"])["duplicate"] > 10


def test_two_readings_of_the_five_cities_tell_their_datum(shared_data):
    folder = shared_data / "china_boundaries"
    columns = {"id": "adcode", "name": "name"}
    true = read_places(folder / "districts_cgcs2000.geojson", level="district", columns=columns).table
    wrong = read_places(folder / "districts_gcj02.geojson", level="district", datum="wgs84", columns=columns).table
    right = read_places(folder / "districts_gcj02.geojson", level="district", datum="gcj02", columns=columns).table
    rng = np.random.default_rng(1)
    rows = []
    for code, outline in zip(true["id"], true.geometry, strict=True):
        ring = shapely.get_coordinates(shapely.buffer(outline, -0.002))
        if len(ring):
            rows += [(f"P{code}{i:05d}", *xy) for i, xy in enumerate(ring[rng.integers(0, len(ring), 20)])]
    ids, x, y = zip(*rows, strict=True)
    register = gpd.GeoDataFrame({"id": ids, "address": "", "place_told": ""}, geometry=shapely.points(x, y), crs=CRS)
    assert len(true) == 43
    for places in (true, right):
        evidence = datum_evidence(register, places, "wgs84").set_index(["basis", "datum"])
        assert better_datum(evidence.reset_index()) is None
        assert evidence.loc[("code", "wgs84"), "share"] > 0.94
    lost = datum_evidence(register, wrong, "wgs84").set_index(["basis", "datum"])
    assert lost.loc[("code", "wgs84"), "share"] < 0.75  # 250-510 m off near the borders
    # the same register written in GCJ-02 and declared WGS 84
    shifted = register.set_geometry(shapely.points(*from_wgs84(x, y, "gcj02")), crs=CRS)
    for places in (true, right):
        best = better_datum(datum_evidence(shifted, places, "wgs84"))
        assert best is not None
        assert (best["datum"], best["basis"]) == ("gcj02", "best")


def test_shenzhen_units_are_added_up_against_their_districts(shared_data):
    folder = shared_data / "shenzhen"
    places = read_places(
        folder / "ShenZhen.shp", level="district", datum="wgs84", columns={"id": "地名", "name": "地名"}
    ).table  # fmt: skip
    held = read_population(folder / "研究单元_面.shp").table
    people = check_people(City(gpd.GeoDataFrame(), held, places))
    assert people.totals["grid"].sum() + people.outside_residents == pytest.approx(17_681_223)
    assert people.outside_residents < 0.01 * 17_681_223

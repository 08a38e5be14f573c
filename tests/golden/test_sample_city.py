"""The simulated sample city adds up to the plan's printed totals and has the features it promises."""

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
import shapely
from python_calamine import CalamineWorkbook

from circle15.policy.plan import load_plan
from circle15.read.city import load_city, read_city
from circle15.read.raster_cells import RasterPopulation
from circle15.study import assess, judge_proposed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def city(sample_city):
    return read_city(load_city(sample_city))[0]


@pytest.fixture(scope="module")
def result(city):
    return assess(load_plan("zhongwei"), replace(city, population=RasterPopulation(city.population.grid)))


@pytest.fixture(scope="module")
def places(sample_city):
    return gpd.read_file(sample_city.parent / "places.gpkg")


def test_residents_are_the_printed_ones(places):
    towns = places[places["级别"].isin(["街道", "乡镇"])]
    assert towns["常住人口"].sum() == 1_089_300
    urban = towns["标识"].str.contains("subdistrict|town_centre")
    assert towns.loc[urban, "常住人口"].sum() == 585_700
    assert towns.groupby("上级")["常住人口"].sum().to_dict() == {
        "640502": 403_041,
        "640521": 348_576,
        "640522": 337_683,
    }
    assert towns["名称"].is_unique


def test_townships_fill_their_districts_without_overlap(places):
    plane = places.to_crs("EPSG:4544")
    towns = plane[plane["级别"].isin(["街道", "乡镇"])]
    districts = plane[plane["级别"] == "县（区）"]
    assert towns.area.sum() == pytest.approx(districts.area.sum(), rel=1e-6)
    assert towns.union_all().area == pytest.approx(towns.area.sum(), rel=1e-6)
    assert 12_000e6 < districts.area.sum() < 18_500e6


def test_grid_is_100_m_and_adds_up(sample_city, city):
    with rasterio.open(sample_city.parent / "population.tif") as grid:
        assert grid.res == (100.0, 100.0)
        assert grid.crs.to_epsg() == 4544
        assert grid.nodata is not None
        assert "模拟数据" in grid.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    cells = city.population.cells
    centres = gpd.GeoDataFrame(
        cells[["residents"]], geometry=shapely.centroid(cells.geometry.to_numpy()), crs="EPSG:4326"
    )
    whole = city.places[city.places["level"] == "city"].geometry.iloc[0]
    assert centres[centres.within(whole)]["residents"].sum() == pytest.approx(1_089_300, abs=1)
    assert (~centres.within(whole)).any(), "residents beyond the border are needed for border effects"


def test_register_is_the_printed_one(city):
    counts = city.institutions["service"].value_counts()
    assert (counts["pharmacy"], counts["outpatient"], counts["inpatient"]) == (517, 108, 70)
    assert (counts["ltc_home"], counts["ltc_facility"]) == (18, 9)
    inpatient = city.institutions[city.institutions["service"] == "inpatient"]
    assert inpatient["beds"].sum() == 3614
    assert set(inpatient["level"]) == {"tertiary", "secondary", "primary", "ungraded"}
    assert city.institutions["id"].str.fullmatch(r"[PH]6405(02|21|22)\d{5}").all()
    dual = city.institutions[city.institutions["tags"].str.contains("dual_channel")]
    assert dual["id"].str[1:7].value_counts().to_dict() == {"640502": 3, "640521": 2, "640522": 2}


def test_telephones_never_come_in(sample_city, city):
    rows = CalamineWorkbook.from_path(str(sample_city.parent / "register.xlsx")).get_sheet_by_name("药店").to_python()
    assert "联系电话" in rows[0]
    assert "000-0000000" not in city.institutions.drop(columns="geometry").astype(str).to_numpy()


def test_it_says_simulated_wherever_it_shows(sample_city, city):
    assert city.simulated
    assert "模拟数据" in city.name
    assert (
        "模拟数据"
        in CalamineWorkbook.from_path(str(sample_city.parent / "register.xlsx"))
        .get_sheet_by_name("说明")
        .to_python()[0][0]
    )


def test_dense_cores_over_cap_circles_and_empty_townships(result):
    towns = result.totals[result.totals["level"] == "township"]
    streets = towns[towns["settings"].str.contains("subdistrict")]
    assert (streets["density_per_km2"] >= 3000).sum() >= 5
    assert (streets["density_per_km2"] < 3000).any()
    assert (towns["n_pharmacy"] == 0).sum() >= 3
    pharmacies = result.sites[result.sites["service"] == "pharmacy"]
    assert pharmacies["over_cap"].sum() > 50
    assert (~pharmacies["over_cap"]).sum() > 50
    assert (towns["class"] == "").sum() > streets.shape[0], "a township whose class the bureau has not filled in"


def test_one_institution_stands_beyond_the_border(result):
    outside = result.sites[result.sites["district_id"] == ""]
    assert outside["service"].tolist() == ["ltc_home"]


def test_whole_city_figures(result):
    """Golden: the figures that the README and the demo print; a change here must be explained."""
    shares = result.coverage.query("service == 'pharmacy'").set_index("name")["share"]
    assert shares["中卫市"] == pytest.approx(0.538249, abs=5e-6)
    assert shares["沙坡头区"] == pytest.approx(0.624956, abs=5e-6)
    assert shares["中宁县"] == pytest.approx(0.529709, abs=5e-6)
    assert shares["海原县"] == pytest.approx(0.443521, abs=5e-6)
    depth = result.coverage[["depth_0", "depth_1", "depth_2", "depth_3"]].sum(axis=1)
    assert (depth - result.coverage["residents"]).abs().max() < 1e-6
    assert (result.coverage["covered"] + result.coverage["depth_0"] - result.coverage["residents"]).abs().max() < 1e-6


def test_no_cell_of_a_raster_becomes_a_polygon_for_an_assessment(result):
    assert {"cells", "land"}.isdisjoint(vars(result.city.population))


def test_gaps_add_up_to_the_uncovered(city, result):
    from circle15.study import find_service_gaps

    gaps = find_service_gaps(load_plan("zhongwei"), city, service="pharmacy", min_residents=0)
    uncovered = result.coverage.query("service == 'pharmacy' and level == 'district'")["depth_0"].sum()
    assert gaps["residents"].sum() == pytest.approx(uncovered, rel=2e-3)  # cells astride the city's border
    assert gaps["residents"].round(6).is_monotonic_decreasing
    best = gaps.iloc[0]
    assert best["candidate_new_residents"] > 0


def test_districts_hold_what_the_plan_counts(result):
    districts = result.totals.query("level == 'district'").set_index("name")
    assert districts["n_dual_channel"].to_dict() == {"沙坡头区": 3, "中宁县": 2, "海原县": 2}
    assert districts["n_pharmacy"].to_dict() == {"沙坡头区": 200, "中宁县": 165, "海原县": 152}
    assert districts["n_outpatient"].sum() == 108
    assert districts["beds_inpatient"].sum() == 3614


def test_the_site_at_the_edge_of_a_circle_asks_for_a_check(sample_city, city):
    row = pd.read_csv(sample_city.parent / "proposed_sites.csv").iloc[2]
    verdict = judge_proposed(
        load_plan("zhongwei"), city, lon=row["经度"], lat=row["纬度"], datum=row["坐标系"], service=row["服务类型"]
    )
    circle = next(f for f in verdict.findings if f.ground == "circle" and f.limit is not None)
    assert circle.outcome == "review"
    assert abs(circle.evidence.borderline[0].distance_m - 800) < 10


@pytest.mark.parametrize(
    ("site", "conclusion", "broken"),
    [
        (0, "refuse", {"pharmacy.city", "pharmacy.district", "pharmacy.circle.dense"}),
        (1, "case_by_case", {"pharmacy.city", "pharmacy.district"}),
        (3, "review", set()),
        (4, "admit_all", set()),
    ],
)
def test_proposed_sites_end_as_the_plan_says(sample_city, city, site, conclusion, broken):
    row = pd.read_csv(sample_city.parent / "proposed_sites.csv").iloc[site]
    verdict = judge_proposed(
        load_plan("zhongwei"),
        city,
        lon=row["经度"],
        lat=row["纬度"],
        datum=row["坐标系"],
        service=row["服务类型"],
        attributes={} if pd.isna(row["标签"]) else {"tags": row["标签"]},
    )
    assert verdict.conclusion == conclusion
    assert {f.rule_id for f in verdict.findings if f.outcome == "breached"} == broken
    assert all(f.clause and f.quote for f in verdict.findings)


def test_messy_register_faults_are_all_named(sample_city):
    done = subprocess.run(
        [sys.executable, "-m", "circle15", "check-data", str(sample_city.parent / "messy_city.toml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    rows = {int(r) for r in re.findall(r"第 (\d+) 行", done.stdout)}
    assert rows >= {2, 3, 4, 6, 7, 8}
    for said in ("互换", "待定", "没有坐标", "重复", "理发店", "-5", "1805.19"):
        assert said in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("outlines", ["auto", "schematic"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, outlines):
    hashes = []
    for name in ("a", "b"):
        command = [sys.executable, ROOT / "data" / "make_sample.py", "--out", tmp_path / name, "--outlines", outlines]
        subprocess.run(command, check=True, capture_output=True)
        hashes.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((tmp_path / name).iterdir())})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 8

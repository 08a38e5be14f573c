"""Cities that tests share: a hand-drawn one that can be checked on paper, and the simulated sample."""

import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import settings
from machine import CHROMIUM, skip_at_home
from shapely.geometry import box

settings.register_profile("untimed", deadline=None)  # a kernel that is compiled in a test tells nothing about the test
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("CIRCLE15_SHARED_DATA", ROOT.parent / "shared" / "data"))

CITY_TOML = """\
[city]
name = "手绘市"
plan = "zhongwei"
as_of = 2026-04-30

[institutions]
file = "register.csv"
datum = "wgs84"

[[places]]
file = "places.geojson"
datum = "wgs84"

[population]
file = "population.geojson"
"""

# Three districts side by side, one township each. At 37.5° N 0.01° is 884 m east and 1,110 m north.
#
#   105.00               105.05            105.10          105.12
#     | 沙坡头区 / 甲街道     | 中宁县 / 乙乡     | 海原县 / 丙乡    |  37.50 … 37.53
#     | 3 pharmacies within  | 1 pharmacy      | none           |
#     | 300 m; 5,100/km²     | 510/km²         | 510/km²        |
REGISTER = """\
医保编码,机构名称,机构类型,地址,经度,纬度,是否双通道,定点起始日期,定点终止日期
P64050200001,甲一药房,零售药店,甲街1号,105.0200,37.5150,是,2020-01-01,
P64050200002,甲二药房,零售药店,甲街2号,105.0220,37.5150,否,2020-01-01,
P64050200003,甲三药房,零售药店,甲街3号,105.0200,37.5170,否,2020-01-01,
P64052100001,乙药房,零售药店,乙路1号,105.0800,37.5150,否,2020-01-01,
H64050200001,甲诊所,门诊,甲街4号,105.0210,37.5160,否,2020-01-01,
"""


@pytest.fixture(scope="session")
def shared_data():
    """Real data for local checks, where they are."""
    if not SHARED.is_dir():
        pytest.skip(f"real data for local checks are not here ({SHARED})")
    return SHARED


def write_toy_city(folder):
    """Write the hand-drawn city into a folder; returns its city.toml."""
    (folder / "city.toml").write_text(CITY_TOML, encoding="utf-8")
    (folder / "register.csv").write_text(REGISTER, encoding="utf-8")
    west, east, far = (box(x0, 37.50, x1, 37.53) for x0, x1 in ((105.00, 105.05), (105.05, 105.10), (105.10, 105.12)))
    places = gpd.GeoDataFrame(
        {
            "编码": ["640500", "640502", "640521", "640522", "640502001", "640521200", "640522200"],
            "名称": ["中卫市", "沙坡头区", "中宁县", "海原县", "甲街道", "乙乡", "丙乡"],
            "级别": ["city", "district", "district", "district", "township", "township", "township"],
            "上级": ["", "640500", "640500", "640500", "640502", "640521", "640522"],
            "标识": ["", "", "", "", "subdistrict", "", ""],
            "人口等级": ["", "", "", "", "", "township_small", "township_small"],
        },
        geometry=[box(105.00, 37.50, 105.12, 37.53), west, east, far, west, east, far],
        crs="EPSG:4326",
    )
    places.to_file(folder / "places.geojson", driver="GeoJSON")
    cells = [
        box(105.0 + i * 0.002, 37.5 + j * 0.002, 105.002 + i * 0.002, 37.502 + j * 0.002)
        for i in range(60)
        for j in range(15)
    ]
    # 0.002° x 0.002° is 0.0392 km²: 200 residents in the west make 5,100/km², 20 in the east 510/km²
    residents = [200.0 if i < 25 else 20.0 for i in range(60) for j in range(15)]
    gpd.GeoDataFrame({"residents": residents}, geometry=cells, crs="EPSG:4326").to_file(
        folder / "population.geojson", driver="GeoJSON"
    )
    return folder / "city.toml"


@pytest.fixture
def toy_city(tmp_path):
    """The hand-drawn city's city.toml in a folder of its own."""
    return write_toy_city(tmp_path)


@pytest.fixture(scope="session")
def lasting_toy_city(tmp_path_factory):
    """The hand-drawn city for tests that only read it."""
    return write_toy_city(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def sample_city():
    """city.toml of the simulated sample city, made by its own script where it (or its streets) is not there yet."""
    city = ROOT / "data" / "zhongwei" / "city.toml"
    if not (city.exists() and (city.parent / "streets.osm.pbf").exists()):
        subprocess.run([sys.executable, str(ROOT / "data" / "make_sample.py"), "--out", str(city.parent)], check=True)
    return city


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, one for all tests of a process."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        skip_at_home(f"no Chromium at {CHROMIUM}; set CIRCLE15_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()

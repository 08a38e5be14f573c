"""A server without a Chinese locale: every reader opens Chinese names all the same."""

import os
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import xlsxwriter
import xlwt
from rasterio import Affine
from shapely.geometry import Point, box

CODE = """
import sys
from circle15.errors import Circle15Error
from circle15.read.institutions import read_institutions
from circle15.read.places import read_places
from circle15.read.population import read_population
from circle15.words import word_error
for path in sys.argv[1:]:
    try:
        if path.endswith(".tif"):
            print(read_population(path).table.kind)
        elif path.endswith(".geojson"):
            print(len(read_places(path, level="district", datum="wgs84").table))
        else:
            print(len(read_institutions(path, datum="wgs84", service="pharmacy").table))
    except Circle15Error as fault:
        print(fault.problems[0].id)
        print(ascii(word_error(fault)), file=sys.stderr)
"""


def run(*paths):
    env = {k: v for k, v in os.environ.items() if not k.startswith("LC_")} | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", CODE, *paths], capture_output=True, env=env, check=False)
    assert b"Traceback" not in done.stderr
    return done.stdout.decode().split()


@pytest.fixture
def chinese(tmp_path):
    folder = tmp_path / "中卫市"
    folder.mkdir()
    return folder


def test_every_format_under_a_chinese_path(chinese):
    book = xlsxwriter.Workbook(str(chinese / "名册.xlsx"))
    old = xlwt.Workbook(encoding="utf-8")
    page, old_page = book.add_worksheet("药店"), old.add_sheet("药店")
    for i, row in enumerate((["id", "name", "lon", "lat"], ["P1", "甲", 105.0, 37.0])):
        page.write_row(i, 0, row)
        for j, cell in enumerate(row):
            old_page.write(i, j, cell)
    book.close()
    old.save(str(chinese / "名册.xls"))
    frame = gpd.GeoDataFrame({"id": ["P1"], "name": ["甲"]}, geometry=[Point(105, 37)], crs=4326)
    frame.to_file(chinese / "名册.gpkg")
    frame.set_geometry([box(105, 37, 106, 38)]).to_file(chinese / "区.geojson")
    grid = {"driver": "GTiff", "width": 2, "height": 2, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        chinese / "人口.tif", "w", transform=Affine(0.1, 0, 105, 0, -0.1, 38), nodata=-1, **grid
    ) as raster:
        raster.write(np.ones((1, 2, 2), dtype="float32"))
    names = ("名册.xlsx", "名册.xls", "名册.gpkg", "区.geojson", "人口.tif")
    assert run(*(chinese / name for name in names)) == ["1", "1", "1", "1", "grid"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
def test_a_name_that_is_no_utf8_is_said(tmp_path):
    name = os.fsencode(tmp_path) + b"/" + "人口".encode("gb18030") + b".tif"
    with open(name, "wb") as out:  # noqa: PTH123 - a name of bytes
        out.write(b"II*\x00" + bytes(100))
    assert run(name) == ["file_name_bytes"]

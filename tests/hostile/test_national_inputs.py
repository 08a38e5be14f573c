"""Institutions, places and rasters of a nation that are not what they should be: refused in words, or warned of."""

import json
import os
import struct
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from rasterio import Affine
from told import told

from circle15.errors import InputError
from circle15.read.faults import Faults
from circle15.read.geoparquet import read_points
from circle15.read.nation import read_nation
from circle15.read.outlines import read_outlines
from circle15.read.raster import plan_raster, read_block
from circle15.read.raster_files import files_of
from circle15.scale.inputs import read_inputs
from circle15.words import LANGS, word_problem

WEST, EAST = shapely.box(105.0, 29.9, 105.05, 30.0), shapely.box(105.05, 29.9, 105.1, 30.0)


@pytest.fixture
def register():
    """Five pharmacies between 105° and 105.1° east, 29.9° and 30° north."""
    points = [shapely.Point(105.01 + 0.02 * n, 29.95) for n in range(5)]
    return gpd.GeoDataFrame({"id": [f"H{n}" for n in range(5)], "service": "pharmacy"}, geometry=points, crs=4326)


@pytest.fixture
def counties():
    """Two counties side by side on the same ground."""
    return gpd.GeoDataFrame(
        {"id": ["1", "2"], "name": ["甲县", "乙县"], "level": "district"}, geometry=[WEST, EAST], crs=4326
    )


def write_raster(file, values=1.0, *, side=20, west=105.0, north=30.0, crs="EPSG:4326", nodata=-1):
    with rasterio.open(
        file, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32", crs=crs, nodata=nodata,
        transform=Affine(0.1 / side, 0, west, 0, -0.1 / side, north),
    ) as raster:  # fmt: skip
        raster.write(np.full((1, side, side), values, dtype="float32"))
    return file


@pytest.fixture
def raster(tmp_path):
    return write_raster(tmp_path / "人口.tif")


def faults_of(read, *given, **more):
    """Problems of a refused file, each of them in words."""
    with pytest.raises(InputError) as caught:
        read(*given, **more)
    assert all(word_problem(problem, lang) for problem in caught.value.problems for lang in LANGS)
    return [
        (p.id.removeprefix("scale."), p.column, p.row, p.value, p.params.get("count")) for p in caught.value.problems
    ]


def written(table, file):
    table.to_parquet(file)
    return file


def with_geo(table, file, change):
    """A GeoParquet file whose metadata `change` has been at."""
    plain = pq.read_table(written(table, file))
    geo = change(json.loads(plain.schema.metadata[b"geo"]))
    pq.write_table(plain.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), file)
    return file


def with_geometry(table, file, values):
    """A GeoParquet file with other values in its geometry column."""
    plain = pq.read_table(written(table, file))
    at = plain.schema.get_field_index("geometry")
    pq.write_table(plain.set_column(at, "geometry", values), file)
    return file


def test_blank_services_and_codes_are_told_by_row(register, tmp_path):
    register.loc[[2, 3], "service"] = None
    register.loc[4, "id"] = None
    blank = [("blank", "id", 5, None, 1), ("blank", "service", 3, None, 2)]
    assert faults_of(read_points, written(register, tmp_path / "i.parquet")) == blank


def test_several_points_in_one_are_no_missing_coordinate(register, tmp_path):
    register.loc[1, "geometry"] = shapely.MultiPoint([register.geometry[1]])
    assert faults_of(read_points, written(register, tmp_path / "i.parquet")) == [
        ("not_points", "geometry", 2, "MultiPoint", 1)
    ]


@pytest.mark.parametrize("system", ["OGC:CRS84", "EPSG:4490", "EPSG:4979"])
def test_degrees_under_any_of_their_names_are_taken(register, tmp_path, system):
    points = read_points(written(register.set_crs(system, allow_override=True), tmp_path / "i.parquet"))
    assert points.lon.tolist() == register.geometry.x.tolist()
    assert points.warnings == ()


def test_an_unknown_system_is_not_taken_in_silence(register, counties, tmp_path):
    unsaid = [t.set_crs(None, allow_override=True) for t in (register, counties)]
    points = read_points(written(unsaid[0], tmp_path / "i.parquet"))
    *_, warnings = read_outlines(written(unsaid[1], tmp_path / "p.parquet"))
    assert [p.id for p in (*points.warnings, *warnings)] == ["scale.system_unsaid"] * 2


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda _: [1], "geo/primary_column"),
        (lambda geo: geo | {"primary_column": None}, "geo/primary_column"),
        (lambda geo: geo | {"columns": {}}, "geo/columns/geometry"),
        (lambda geo: geo | {"columns": []}, "geo/columns/geometry"),
        *[
            (lambda geo, crs=crs: geo | {"columns": {"geometry": geo["columns"]["geometry"] | {"crs": crs}}}, "crs")
            for crs in ({}, "EPSG:4326", {"type": "x"}, [4326])
        ],
    ],
)
def test_metadata_that_are_none_are_told_of(register, tmp_path, change, part):
    with pytest.raises(InputError, check=told("scale.metadata")) as caught:
        read_points(with_geo(register, tmp_path / "i.parquet", change))
    assert caught.value.problems[0].params == {"part": part}


def test_damaged_geometries_are_told_of(register, counties, tmp_path):
    cut = pa.array([b"\x01\x01\x00", *shapely.to_wkb(register.geometry.to_numpy()[1:])], pa.binary())
    file = with_geometry(register, tmp_path / "i.parquet", cut)
    assert ("wkb", "geometry", 1, None, 1) in faults_of(read_points, file)
    cut = pa.array([shapely.to_wkb(WEST), b"\x01\x03"], pa.binary())
    assert ("wkb", "geometry", 2, None, 1) in faults_of(
        read_outlines, with_geometry(counties, tmp_path / "p.parquet", cut)
    )
    words = with_geometry(register, tmp_path / "i.parquet", pa.array(["POINT (1 2)"] * 5))
    assert [f[0] for f in faults_of(read_points, words)] == ["encoding"]


def test_a_coordinate_that_is_no_number_makes_an_outline_invalid(counties, tmp_path):
    broken = bytearray(shapely.to_wkb(EAST))
    broken[29:37] = struct.pack("<d", np.nan)  # the second point's longitude
    file = with_geometry(counties, tmp_path / "p.parquet", pa.array([shapely.to_wkb(WEST), bytes(broken)], pa.binary()))
    assert faults_of(read_outlines, file) == [("outline_invalid", "geometry", 2, "乙县", 1)]


def test_columns_of_lists_are_told_of(register, tmp_path):
    register["service"] = [["pharmacy"]] * 5
    assert faults_of(read_points, written(register, tmp_path / "i.parquet")) == [
        ("column_kind", "service", None, None, None)
    ]


BOW = shapely.Polygon([(105.0, 29.9), (105.1, 30.0), (105.1, 29.9), (105.0, 30.0)])
TWICE = shapely.MultiPolygon([shapely.box(105.0, 29.9, 105.06, 30.0), shapely.box(105.04, 29.9, 105.1, 30.0)])


@pytest.mark.parametrize(
    ("outline", "problem"),
    [
        (None, "outline_missing"),
        (shapely.Polygon(), "outline_missing"),
        (shapely.Point(105.05, 29.95), "outline_flat"),
        (shapely.Polygon([(105.0, 29.9), (105.05, 29.95), (105.0, 29.9)]), "outline_invalid"),
        (shapely.GeometryCollection([shapely.Point(105, 30)]), "outline_flat"),
        (shapely.box(-10, 20, 190, 40), "outline_beyond"),
        (shapely.box(105, 20, 106, 95), "outline_beyond"),
        (BOW, "outline_invalid"),
        (TWICE, "outline_invalid"),
    ],
)
def test_outlines_that_are_no_ground_are_refused(counties, tmp_path, outline, problem):
    counties["geometry"] = [WEST, outline]
    found = faults_of(read_outlines, written(counties, tmp_path / "p.parquet"))
    assert found == [(problem, "geometry", 2, "乙县", 1)]


def test_all_faults_of_places_at_once(counties, tmp_path):
    counties["level"] = ["district", None]
    counties["residents"] = ["1200", "abc"]
    counties["geometry"] = [BOW, None]
    ids = {f[0]: f[1:] for f in faults_of(read_outlines, written(counties, tmp_path / "p.parquet"))}
    assert ids == {
        "blank": ("level", 2, None, 1),
        "number": ("residents", 2, "abc", 1),
        "outline_missing": ("geometry", 2, "乙县", 1),
        "outline_invalid": ("geometry", 1, "甲县", 1),
    }


def test_the_ground_of_a_collection_is_taken(counties, tmp_path):
    counties["geometry"] = [shapely.GeometryCollection([WEST, shapely.LineString([(105, 29), (105, 30)])]), EAST]
    table, _, warnings = read_outlines(written(counties, tmp_path / "p.parquet"))
    assert shapely.area(table.geometry.to_numpy()).tolist() == pytest.approx([WEST.area, EAST.area])
    assert warnings == ()


def test_counties_over_each_other_are_warned_of(counties, tmp_path):
    counties["geometry"] = [WEST, shapely.box(105.03, 29.9, 105.1, 30.0)]
    *_, (warning,) = read_outlines(written(counties, tmp_path / "p.parquet"))
    assert warning.id == "scale.places_overlap"
    assert {k: warning.params[k] for k in ("a", "b", "count", "percent")} == {
        "a": "甲县", "b": "乙县", "count": 1, "percent": "40"
    }  # fmt: skip
    assert float(warning.params["km2"]) == pytest.approx(0.02 * 96.486 * 0.1 * 110.85, rel=1e-3)
    counties["geometry"] = [WEST, WEST]
    *_, (warning,) = read_outlines(written(counties, tmp_path / "p.parquet"))
    assert warning.params["percent"] == "100"
    counties["level"] = ["district", "city"]
    assert read_outlines(written(counties, tmp_path / "p.parquet"))[2] == (), "another level may lie over it"


def test_places_that_all_lie_off_the_raster_end_the_run_before_it_starts(register, counties, tmp_path):
    file = write_raster(tmp_path / "far.tif", west=80.0)
    files = (written(register, tmp_path / "i.parquet"), written(counties, tmp_path / "p.parquet"), file)
    with pytest.raises(InputError, check=told("scale.places_all_off")):
        read_inputs(*files, radius_m=800.0)


def test_a_register_read_as_a_city_names_the_first_bad_cell(register, counties, raster, tmp_path):
    places = written(counties, tmp_path / "p.parquet")
    register["beds"] = ["12", "", "many", None, "x"]
    register["position_accuracy_m"] = [10.0, -5.0, np.nan, 3.0, 1.0]
    register["valid_to"] = ["2026-12-31", None, "soon", "", "2025/1/1"]
    register["source_row"] = None
    assert faults_of(read_nation, written(register, tmp_path / "i.parquet"), places, raster) == [
        ("number", "beds", 3, "many", 2),
        ("day", "valid_to", 3, "soon", 1),
        ("number", "position_accuracy_m", 2, "-5.0", 1),
    ]
    register["beds"], register["position_accuracy_m"], register["valid_to"] = (
        ["12", "", "3", None, "0"],
        10.0,
        "2026-12-31",
    )
    city, _ = read_nation(written(register, tmp_path / "i.parquet"), places, raster)
    assert city.institutions["beds"].fillna(-1).tolist() == [12, -1, 3, -1, 0]
    assert city.institutions["source_row"].tolist() == [0] * 5
    assert set(city.institutions["valid_to"].astype(str)) == {"2026-12-31"}


@pytest.mark.parametrize("empty", ["i", "p"])
def test_a_nation_of_nobody_or_nowhere_is_refused(register, counties, raster, tmp_path, empty):
    tables = {"i": register, "p": counties}
    tables[empty] = tables[empty].iloc[:0]
    files = [written(table, tmp_path / f"{name}.parquet") for name, table in tables.items()]
    with pytest.raises(InputError, check=told("table_empty")):
        read_nation(*files, raster)


VRT = """<VRTDataset rasterXSize="20" rasterYSize="20"><SRS>EPSG:4326</SRS><GeoTransform>105,.005,0,30,0,-.005</GeoTransform>
<VRTRasterBand dataType="Float32" band="1"><NoDataValue>-1</NoDataValue><SimpleSource><SourceFilename relativeToVRT="1">{}
</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""


def test_a_virtual_raster_over_another_is_known_by_its_tiles(register, counties, raster, tmp_path):
    (tmp_path / "in.vrt").write_text(VRT.format(raster.name).replace("\n</S", "</S"), encoding="utf-8")
    (tmp_path / "out.vrt").write_text(VRT.format("in.vrt").replace("\n</S", "</S"), encoding="utf-8")
    assert [p.name for p in files_of(tmp_path / "out.vrt")] == ["in.vrt", "out.vrt", "人口.tif"]
    files = (written(register, tmp_path / "i.parquet"), written(counties, tmp_path / "p.parquet"), tmp_path / "out.vrt")
    before = read_inputs(*files, radius_m=800.0).task.key
    write_raster(raster, 3.0)
    assert read_inputs(*files, radius_m=800.0).task.key != before


def test_a_large_raster_is_known_by_when_it_was_changed(register, counties, tmp_path):
    file = write_raster(tmp_path / "large.tif", side=200)
    files = (written(register, tmp_path / "i.parquet"), written(counties, tmp_path / "p.parquet"), file)
    before = read_inputs(*files, radius_m=800.0).task
    values = np.ones((200, 200))
    values[90:110] = 7
    write_raster(file, values, side=200)
    os.utime(file, ns=(1, 1))
    after = read_inputs(*files, radius_m=800.0).task
    assert after.sources == before.sources, "the change lies between beginning and end"
    assert after.key != before.key


def test_system_and_nodata_may_be_told_beside_the_raster(register, counties, tmp_path):
    values = np.full((20, 20), 1.0)
    values[0, 0] = -9999
    files = (written(register, tmp_path / "i.parquet"), written(counties, tmp_path / "p.parquet"))
    bare = write_raster(tmp_path / "bare.tif", values, crs=None, nodata=None)
    assert [f[0] for f in faults_of(read_inputs, *files, bare, radius_m=800.0)] == ["no_crs"]
    told_of = read_inputs(*files, bare, radius_m=800.0, crs="EPSG:4326", nodata=-9999.0)
    values, _ = read_block(told_of.task.raster, told_of.task.windows[0])
    assert (np.isnan(values).sum(), np.nansum(values)) == (1, 399)
    options = told_of.task.sources[2].options
    assert (options["crs"], options["nodata"]) == ("EPSG:4326", "-9999.0")
    keys = {read_inputs(*files, bare, radius_m=800.0, crs=crs, nodata=nodata).task.key
            for crs, nodata in (("EPSG:4326", -9999.0), ("EPSG:4326", None), ("EPSG:4490", -9999.0))}  # fmt: skip
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("system", "west", "north", "warned"),
    [
        ("EPSG:4610", 105.0, 30.0, True),  # Xi'an 1980
        ("EPSG:4214", 105.0, 30.0, True),  # Beijing 1954
        ("EPSG:4214", 107.5, 37.0, False),  # within the Ordos basin, whose parameters PROJ knows
        ("EPSG:4490", 105.0, 30.0, False),
        ("EPSG:4326", 105.0, 30.0, False),
    ],
)
def test_a_datum_without_a_known_shift_is_not_taken_in_silence(tmp_path, system, west, north, warned):
    file = write_raster(tmp_path / "r.tif", west=west, north=north, crs=system)
    faults = Faults(file.name)
    plan_raster(file, faults, crs=None, within=None, margin_m=0.0, nodata=None)
    assert [p.id for p in faults.warnings] == ["raster_datum_unshifted"] * warned


LOCAL = """
import sys
from pathlib import Path
from circle15.scale.inputs import read_inputs
print(len(read_inputs(*(Path(name) for name in sys.argv[1:]), radius_m=800.0).points.lon))
"""


def test_chinese_names_without_a_chinese_locale(register, counties, raster, tmp_path):
    (tmp_path / "汇总.vrt").write_text(VRT.format(raster.name).replace("\n</S", "</S"), encoding="utf-8")
    names = [
        written(register, tmp_path / "机构.parquet"),
        written(counties, tmp_path / "区划.parquet"),
        tmp_path / "汇总.vrt",
    ]
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", LOCAL, *names], capture_output=True, text=True, env=env, check=False)
    assert (done.stderr, done.stdout) == ("", "5\n")

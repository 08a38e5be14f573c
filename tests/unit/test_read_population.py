"""Residents from rasters, areas and points small enough to count by hand."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio import Affine
from shapely.geometry import Point, Polygon, box
from told import told

from circle15.errors import InputError, UsageError
from circle15.project.metric import areas_m2
from circle15.read.faults import Faults
from circle15.read.population import read_population
from circle15.read.raster import plan_raster
from circle15.read.raster_cells import read_raster
from circle15.read.scaling import scale_population
from circle15.schema import Population, PopulationBlocks

MOLLWEIDE = "ESRI:54009"
GRID = np.array([[1.0, 2.0, -99999.0], [0.0, 4.0, np.nan]], dtype=np.float32)


def write_tif(
    path: Path,
    values: np.ndarray,
    *,
    crs: str | None = "EPSG:4326",
    origin: tuple[float, float] = (105.0, 37.6),
    cell: float = 0.001,
    nodata: float | None = -99999.0,
) -> Path:
    height, width = values.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": values.dtype, "nodata": nodata}
    with rasterio.open(
        path, "w", crs=crs, transform=Affine(cell, 0, origin[0], 0, -cell, origin[1]), **profile
    ) as raster:
        raster.write(values, 1)
    return path


def fault_ids(read: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        read()  # type: ignore[operator]
    return [p.id for p in caught.value.problems]


def test_a_worldpop_grid_cell_by_cell(tmp_path: Path) -> None:
    reading = read_population(write_tif(tmp_path / "p.tif", GRID))
    held = reading.table
    assert isinstance(held, Population)
    assert held.kind == "grid"
    assert held.cells["residents"].tolist() == [1, 2, 4]
    assert held.cells.crs.to_epsg() == 4326
    expected = [
        box(105.0, 37.599, 105.001, 37.6),
        box(105.001, 37.599, 105.002, 37.6),
        box(105.001, 37.598, 105.002, 37.599),
    ]
    for cell, square in zip(held.cells.geometry, expected, strict=True):
        assert cell.symmetric_difference(square).area < 1e-15
        assert cell.exterior.is_ccw
    # land is what is valid: the zero cell counts, nodata and NaN do not
    assert held.land is not None
    assert held.land.symmetric_difference(box(105.0, 37.598, 105.002, 37.6)).area < 1e-15
    assert held.cell_m == pytest.approx(np.sqrt(areas_m2([expected[0]])[0]), rel=1e-3)


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.float64])
def test_integer_and_float_grids_hold_the_same(tmp_path: Path, dtype: type) -> None:
    values = np.array([[1, 2], [0, 4]], dtype=dtype)
    held = read_population(write_tif(tmp_path / "p.tif", values, nodata=0)).table
    assert held.cells["residents"].tolist() == [1, 2, 4]  # type: ignore[union-attr]


def test_an_equal_area_grid_keeps_its_cell_area(tmp_path: Path) -> None:
    values = np.full((4, 5), 7.0, dtype=np.float64)
    x, y = gpd.GeoSeries([Point(105.2, 37.5)], crs=4326).to_crs(MOLLWEIDE).iloc[0].coords[0]
    path = write_tif(tmp_path / "p.tif", values, crs=MOLLWEIDE, origin=(x, y), cell=100.0, nodata=-200)
    held = read_population(path).table
    assert isinstance(held, Population)
    np.testing.assert_allclose(areas_m2(held.cells.geometry.to_numpy()), 10_000, rtol=5e-3)
    assert held.cell_m == pytest.approx(100, rel=5e-3)
    assert held.land is not None
    assert held.land.symmetric_difference(held.cells.union_all()).area < 1e-6 * held.land.area


def test_only_the_city_and_its_margin_are_read(tmp_path: Path) -> None:
    values = np.arange(1.0, 10001.0).reshape(100, 100)
    path = write_tif(tmp_path / "p.tif", values)
    whole = read_population(path).table
    city = box(105.0401, 37.5401, 105.0499, 37.5499)
    part = read_population(path, within=city, margin_m=150.0).table
    assert isinstance(whole, Population)
    assert isinstance(part, Population)
    wanted = whole.cells[whole.cells.intersects(city)]
    assert set(wanted["residents"]) <= set(part.cells["residents"])
    assert len(part.cells) == 14 * 14  # 10 cells and two more on each side
    bounds = read_population(path, within=city.bounds, margin_m=150.0).table
    assert bounds.cells["residents"].tolist() == part.cells["residents"].tolist()  # type: ignore[union-attr]


def test_a_large_raster_about_a_city_is_read_in_little_more_memory_than_its_numbers(tmp_path: Path) -> None:
    values = np.ones((1500, 800), dtype=np.float32)
    path = write_tif(tmp_path / "p.tif", values, crs="EPSG:4544", origin=(440_000, 4_200_000), cell=100.0)
    tracemalloc.start()
    try:
        held = read_population(path, within=(104.4, 36.7, 105.2, 37.7)).table
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(held, Population)
    assert held.grid is not None
    assert peak < 6 * np.asarray(held.grid.values).nbytes


def test_blocks_hold_every_cell_once_and_can_be_read_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(0, 3, (70, 90)).astype(np.float32)
    path = write_tif(tmp_path / "p.tif", values)
    whole = read_population(path).table
    faults = Faults(path.name)
    plan = plan_raster(path, faults, crs=None, within=None, margin_m=0.0, nodata=None, block=32)
    blocks = read_raster(plan, faults, max_cells=-1)
    assert isinstance(whole, Population)
    assert isinstance(blocks, PopulationBlocks)
    for _ in range(2):
        pieces = list(blocks.blocks())
        assert len(pieces) == 9
        corners = sorted(
            (round(c.bounds[0], 9), round(c.bounds[1], 9), r)
            for p in pieces
            for c, r in zip(p.cells.geometry, p.cells["residents"], strict=True)
        )
        assert corners == sorted(
            (round(c.bounds[0], 9), round(c.bounds[1], 9), r)
            for c, r in zip(whole.cells.geometry, whole.cells["residents"], strict=True)
        )
        assert sum(p.land.area for p in pieces if p.land) == pytest.approx(whole.land.area)  # type: ignore[union-attr]
    assert isinstance(read_population(path, max_cells=100).table, PopulationBlocks)


@pytest.mark.parametrize(("dtype", "nodata"), [("float32", 0.1), ("float32", 7.0), ("float64", 0.1), ("int32", -1)])
def test_a_window_of_a_grid_on_disk_is_a_window_of_the_whole(tmp_path: Path, dtype: str, nodata: float) -> None:
    """A window is cut from tiles in the file's own digits, the whole is read as doubles: cells and gaps are the same."""
    values = np.arange(520 * 600, dtype=np.float64).reshape(520, 600).astype(dtype)
    values[3, 500:530] = nodata
    values[5, 511] = 2**24 + 1  # not a number of single precision
    path = write_tif(tmp_path / "p.tif", values, nodata=None)
    grid = read_population(path, nodata=nodata, max_cells=-1).table.grid
    assert grid is not None
    part = grid.values[2:9, 490:540]
    np.testing.assert_array_equal(part, grid.values[:, :][2:9, 490:540])
    assert np.isnan(part).sum() == 30  # though the 0.1 of single precision is not the 0.1 that was asked for
    assert part[3, 21] == values[5, 511]


def test_faults_of_rasters(tmp_path: Path) -> None:
    bad = np.array([[1, -5, np.inf]], dtype=np.float64)
    assert fault_ids(lambda: read_population(write_tif(tmp_path / "a.tif", bad))) == [
        "raster_negative",
        "raster_infinite",
    ]
    bare = write_tif(tmp_path / "b.tif", GRID, crs=None)
    assert fault_ids(lambda: read_population(bare)) == ["no_crs"]
    assert len(read_population(bare, crs="EPSG:4326").table.cells) == 3  # type: ignore[union-attr]
    assert fault_ids(lambda: read_population(bare, crs="EPSG:0")) == ["crs_unknown"]
    away = write_tif(tmp_path / "c.tif", GRID)
    assert fault_ids(lambda: read_population(away, within=box(110, 30, 111, 31))) == ["raster_outside"]
    empty = write_tif(tmp_path / "d.tif", np.zeros((2, 2), dtype=np.float32))
    assert fault_ids(lambda: read_population(empty)) == ["population_none"]


@pytest.mark.parametrize(("dtype", "nodata", "shown"), [("int32", -200, "-200"), ("float32", -9999.9, "-9999.9")])
def test_undeclared_nodata_is_named_then_told(tmp_path: Path, dtype: str, nodata: float, shown: str) -> None:
    path = write_tif(tmp_path / "p.tif", np.array([[5, nodata]], dtype=dtype), nodata=None)
    with pytest.raises(InputError) as caught:
        read_population(path)
    assert caught.value.problems[0].params == {"count": 1, "example": f"(1, 0): {shown}"}
    held = read_population(path, nodata=nodata).table
    assert held.cells["residents"].tolist() == [5]  # type: ignore[union-attr]


def test_coarse_grids_are_warned_of(tmp_path: Path) -> None:
    reading = read_population(write_tif(tmp_path / "p.tif", np.ones((2, 2)), cell=0.01))
    assert [p.id for p in reading.warnings] == ["population_coarse"]


def test_areas_and_points(tmp_path: Path) -> None:
    outlines = [box(105, 37, 105.01, 37.01), box(105.01, 37, 105.05, 37.01), box(105.05, 37, 105.06, 37.01)]
    areas = gpd.GeoDataFrame({"人口": [100, 0, 50]}, geometry=outlines, crs=4326)
    areas.to_file(tmp_path / "a.gpkg")
    held = read_population(tmp_path / "a.gpkg", datum="wgs84").table
    assert isinstance(held, Population)
    assert held.kind == "area"
    assert held.cells["residents"].tolist() == [100, 50]
    assert held.land is not None
    assert held.land.equals(box(105, 37, 105.06, 37.01))
    (tmp_path / "c.csv").write_text("经度,纬度,人数\n105.1,37.1,3\n105.2,37.2,0\n105.3,37.3,5\n", encoding="utf-8")
    points = read_population(tmp_path / "c.csv", datum="wgs84").table
    assert isinstance(points, Population)
    assert points.kind == "point"
    assert points.land is None
    assert points.cells["residents"].tolist() == [3, 5]
    assert fault_ids(lambda: read_population(tmp_path / "c.csv")) == ["datum_unstated"]
    assert fault_ids(lambda: read_population(tmp_path / "a.gpkg")) == ["datum_unstated"]
    assert fault_ids(lambda: read_population(tmp_path / "c.csv", datum="wgs84", within=box(1, 1, 2, 2))) == [
        "population_outside"
    ]


def test_faults_of_areas(tmp_path: Path) -> None:
    bowtie = Polygon([(105, 37), (105.01, 37.01), (105.01, 37), (105, 37.01)])
    frame = gpd.GeoDataFrame({"pop": ["-1", "x"]}, geometry=[bowtie, box(105, 37, 106, 38)], crs=4326)
    frame.to_file(tmp_path / "a.gpkg")
    found = fault_ids(lambda: read_population(tmp_path / "a.gpkg", datum="wgs84"))
    assert found == ["number_text", "number_negative", "area_invalid"]
    frame.rename(columns={"pop": "q"}).to_file(tmp_path / "b.gpkg")
    assert fault_ids(lambda: read_population(tmp_path / "b.gpkg", datum="wgs84")) == ["column_missing"]
    told = lambda: read_population(tmp_path / "b.gpkg", datum="wgs84", residents_column="zz")  # noqa: E731
    assert fault_ids(told) == ["column_mapped_missing", "column_missing"]


def places_of(*rows: tuple[str, float, Polygon]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"id": [r[0] for r in rows], "name": [r[0] for r in rows], "level": "township", "residents": [r[1] for r in rows]},
        geometry=[r[2] for r in rows], crs=4326,
    )  # fmt: skip


def squares(count: int) -> gpd.GeoDataFrame:
    cells = [box(105 + i / 1000, 37, 105 + (i + 1) / 1000, 37.001) for i in range(count)]
    return gpd.GeoDataFrame({"residents": [10.0] * count}, geometry=cells, crs=4326)


def test_scaling_reaches_official_totals_though_a_cell_straddles_the_border() -> None:
    #  cells of 10 each: |0|1|2|3|4|5|   west = cells 0, 1 and half of 2; east = half of 2, and 3; 4 and 5 outside
    population = Population(squares(6), None, "grid", 100.0)
    west, east = box(105, 37, 105.0025, 37.001), box(105.0025, 37, 105.004, 37.001)
    scaled, table = scale_population(population, places_of(("W", 50.0, west), ("E", 10.0, east)), level="township")
    assert table["before"].tolist() == pytest.approx([25, 15, 20])
    assert table["after"].tolist() == pytest.approx([50, 10, 20])
    assert scaled.cells["residents"].tolist()[4:] == pytest.approx([10, 10])
    assert population.cells["residents"].tolist() == [10.0] * 6
    residents = scaled.cells["residents"].to_numpy()
    assert residents[0] + residents[1] + residents[2] / 2 == pytest.approx(50)


def test_scaling_by_hand_without_straddling() -> None:
    population = Population(squares(3), None, "grid", 100.0)
    places = places_of(("A", 40.0, box(105, 37, 105.002, 37.001)), ("B", np.nan, box(105.002, 37, 105.003, 37.001)))
    scaled, table = scale_population(population, places, level="township")
    assert scaled.cells["residents"].tolist() == pytest.approx([20, 20, 10])
    assert table["factor"].tolist() == pytest.approx([2, 1, 1])


def test_scaling_that_cannot_be_done_is_wrong_use() -> None:
    population = Population(squares(2), None, "grid", 100.0)
    places = places_of(("A", np.nan, box(105, 37, 106, 38)))
    with pytest.raises(UsageError, check=told("scale_no_official")):
        scale_population(population, places, level="township")
    with pytest.raises(UsageError, check=told("scale_blocks")):
        scale_population(PopulationBlocks([population], cell_m=100.0), places, level="township")


def test_a_scaled_raster_stays_a_grid_of_numbers(tmp_path: Path) -> None:
    held = read_population(write_tif(tmp_path / "people.tif", GRID)).table
    places = places_of(("W", 50.0, box(105.0, 37.598, 105.0015, 37.6)))
    scaled, _ = scale_population(held, places, level="township")
    drawn, _ = scale_population(Population(held.cells, held.land, "grid", held.cell_m), places, level="township")
    assert scaled.grid is not None
    assert np.isnan(scaled.grid.values).tolist() == [[False, False, True], [False, False, True]]
    assert scaled.cells["residents"].tolist() == drawn.cells["residents"].tolist()
    assert scaled.cells.geometry.geom_equals(drawn.cells.geometry).all()
    assert held.cells["residents"].tolist() == [1.0, 2.0, 4.0]

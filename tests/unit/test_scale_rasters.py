"""Rasters of a run say of every cell what the tables say of places, and are laid out as Cloud-Optimised GeoTIFF."""

import numpy as np
import pytest
import rasterio

from circle15.cli.app import main
from circle15.errors import OutputError
from circle15.measure.coverage import measure_coverage
from circle15.policy.plan import load_plan
from circle15.read.nation import read_nation
from circle15.scale.inputs import read_inputs
from circle15.scale.rasters import layers_of, write_rasters
from tests.unit.test_scale import command


@pytest.fixture(scope="module")
def task(nation):
    files = (nation / "institutions.parquet", nation / "places.parquet", nation / "population.vrt")
    return read_inputs(*files, radius_m=800.0, services=("pharmacy",), block=100).task


@pytest.fixture(scope="module")
def rasters(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rasters")
    steps = []
    written = write_rasters(task, load_plan("zhongwei"), folder, progress=lambda *step: steps.append(step))
    assert [p.name for p in sorted(folder.iterdir())] == sorted(p.name for p in written)
    assert steps[0] == ("rasters", 0, len(task.windows))
    return folder


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_they_are_laid_out_for_the_cloud(rasters, task):
    for layer in layers_of(task, load_plan("zhongwei")):
        with rasterio.open(rasters / f"{layer.name}.tif") as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert (raster.nodata, raster.dtypes, raster.crs.to_epsg()) == (255, ("uint8",), 4326)
            assert raster.transform.to_gdal() == pytest.approx(rasterio.open(task.raster.path).transform.to_gdal())
            assert raster.descriptions == (layer.description,)


def test_large_ones_have_overviews_and_tiles(tmp_path):
    from circle15.write.cog import Layer, cog_windows

    written, half = [], np.full((700, 1300), 7, dtype=np.uint8)
    layer = Layer("one", "one", "nearest", {"CLASS_1": "dense"})
    with cog_windows(tmp_path, [layer], shape=(1400, 1300), transform=(0.001, 0, 100, 0, -0.001, 40), system="EPSG:4326",
                     written=written) as rasters:  # fmt: skip
        rasters.put("one", 700, 0, half)
    with rasterio.open(written[0]) as raster:
        values = raster.read(1)
        assert raster.overviews(1) == [2, 4]
        assert raster.block_shapes == [(512, 512)]
        assert raster.tags()["CLASS_1"] == "dense"
    assert (values[700:] == 7).all()
    assert (values[:700] == 255).all(), "what nobody wrote holds no data"


def test_nothing_half_written_stays_behind(tmp_path, monkeypatch, task):
    from circle15.scale import rasters as module

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_of_block", fails)
    with pytest.raises(OutputError):
        write_rasters(task, load_plan("zhongwei"), tmp_path / "r")
    assert list((tmp_path / "r").iterdir()) == []


def test_cells_say_what_the_tables_say(rasters, task, nation):
    share, depth = (read(rasters / f"{name}_pharmacy.tif") for name in ("share", "depth"))
    with rasterio.open(task.raster.path) as raster:
        people = raster.read(1, masked=True)
    assert ((share == 255) == np.ma.getmaskarray(people)).all()
    known = ~np.ma.getmaskarray(people)
    assert (share[known & (depth > 0)] == 100).all()
    city, _ = read_nation(*(nation / f"{n}.parquet" for n in ("institutions", "places")), nation / "population.vrt")
    table = measure_coverage(city.population, city.institutions, city.places, radius_m=800.0, services=["pharmacy"])
    covered = float((people.filled(0.0) * np.where(share == 255, 0, share)).sum()) / 100
    assert covered == pytest.approx(table["covered"].sum(), rel=0.01)
    assert table["covered"].sum() > 0


def test_classes_follow_the_plan(rasters, task):
    plan = load_plan("zhongwei")
    codes = read(rasters / "density_class.tif")
    with rasterio.open(task.raster.path) as raster:
        people = raster.read(1, masked=True)
    km2 = 0.0925**2 * np.cos(np.radians(52.0))  # cells of 3″ at the tile's latitude, near enough for what is far off
    density = people.filled(0.0) / km2
    first = plan.density_classes[0]
    assert (codes[(density > 2 * first.min) & (codes != 255)] == 1).all()
    assert (codes[(density < first.min / 2) & (codes != 255)] != 1).all()


def test_the_command_writes_them(nation, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(command(nation, tmp_path / "out", "--service", "pharmacy", "--rasters", str(tmp_path / "r")))
    assert end.value.code == 0
    assert "share_pharmacy.tif" in capsys.readouterr().out

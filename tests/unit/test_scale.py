"""A run over blocks: same numbers as the city's tables, same bytes however it was stopped, cut or spread."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from page_payload import values_of
from rasterio.rio.main import main_group as rio
from told import told

from circle15.cli.app import main
from circle15.errors import InputError, UsageError
from circle15.measure.circles import count_others, measure_circles, neighbours_within
from circle15.measure.coverage import measure_coverage
from circle15.measure.gaps import find_gaps
from circle15.measure.pieces import locate
from circle15.measure.totals import measure_totals
from circle15.policy.plan import load_plan
from circle15.read.geoparquet import read_points
from circle15.read.outlines import read_outlines
from circle15.read.population import read_population
from circle15.scale import cluster as on_cluster
from circle15.scale.block import is_whole, load_result, read_and_measure, result_path
from circle15.scale.cluster import Cluster
from circle15.scale.inputs import read_inputs
from circle15.scale.merge import OUTLINED, add_together
from circle15.scale.results import (
    CANDIDATE,
    gaps_parts,
    gaps_table,
    institutions_in,
    institutions_parts,
    places_table,
)
from circle15.scale.run import run_blocks
from circle15.scale.standing import needs_townships
from circle15.schema import institution_codes
from circle15.words import word_problem

ROOT = Path(__file__).resolve().parents[2]

FILES = ("places.parquet", "institutions.parquet", "gaps.parquet", "nation.html", "nation_run.json")


def inputs_of(nation, **options):
    paths = (nation / "institutions.parquet", nation / "places.parquet", nation / "population.vrt")
    return read_inputs(*paths, radius_m=800.0, **options)


def command(nation, out, *more):
    files = ("institutions.parquet", "places.parquet", "population.vrt")
    named = zip(("--institutions", "--places", "--population"), files, strict=True)
    given = [word for option, name in named for word in (option, str(nation / name))]
    return ["nation", *given, "--register-datum", "wgs84", "--plan", "zhongwei", "--out", str(out), *more]


def run(nation, out, *more):
    with pytest.raises(SystemExit) as end:
        main(command(nation, out, *more))
    return end.value.code


def same_bytes(a, b):
    for name in FILES:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name
    assert sorted(p.name for p in a.iterdir()) == sorted(p.name for p in b.iterdir()) == sorted(FILES)


@pytest.fixture(scope="session")
def whole(nation, tmp_path_factory):
    """What a run that was never stopped writes, blocks of 64."""
    out = tmp_path_factory.mktemp("whole")
    assert run(nation, out, "--block", "64") == 0
    return out


@pytest.mark.parametrize("block", [100, 2048])
def test_the_tables_of_a_city_say_the_same(nation, tmp_path, block):
    inputs = inputs_of(nation, block=block, services=("pharmacy",))
    sums = add_together(inputs.task, run_blocks(inputs.task, tmp_path))
    register = gpd.read_parquet(nation / "institutions.parquet")
    register["position_accuracy_m"] = 10.0
    register["tags"], register["beds"] = "", np.nan
    people = _population(nation)
    places = inputs.task.places
    options = {"radius_m": 800.0, "services": inputs.task.services}
    covered = measure_coverage(people, register, places, **options).set_index(["place_id", "service"])
    totals = measure_totals(places, people, register, services=("pharmacy",))
    circles = measure_circles(register, register, people, radius_m=800.0)
    table = places_table(inputs, sums).set_index("id")
    for (place, service), row in covered.iterrows():
        assert table.loc[place, f"{service}_share"] == pytest.approx(row["share"], rel=1e-9)
        assert table.loc[place, f"{service}_institutions"] == row["institutions"]
        for depth in range(4):
            assert table.loc[place, f"{service}_depth_{depth}"] == pytest.approx(
                row[f"depth_{depth}"], rel=1e-6, abs=1e-6
            )
    assert table["residents"].to_numpy() == pytest.approx(totals["residents_grid"].to_numpy(), rel=1e-9)
    assert table["land_km2"].to_numpy() == pytest.approx(totals["land_km2"].to_numpy(), rel=1e-3)
    columns = columns_of(institutions_parts(inputs, sums, load_plan("zhongwei"), rows=40))
    assert columns["residents_within"] == pytest.approx(circles["residents_within"].to_numpy(), rel=1e-9, abs=1e-9)
    assert columns["circle_land_km2"] == pytest.approx(circles["circle_land_km2"].to_numpy(), rel=1e-4, abs=1e-6)
    assert (columns["others_within"] == circles["others_within"].to_numpy()).all()
    gaps = gaps_table(inputs, sums)
    for service in ("pharmacy",):
        patches = find_gaps(people, register, places, radius_m=800.0, service=service)
        mine = gaps[gaps["service"] == service]
        assert mine["residents"].to_numpy() == pytest.approx(patches["residents"].to_numpy(), rel=1e-6)
        assert mine["cells"].tolist() == patches["cells"].tolist()
        *outlined, rest = gaps_parts(inputs, sums, gaps)
        assert len(outlined) == min(OUTLINED, len(patches))
        assert "outline" not in rest
        drawn = shapely.normalize(np.concatenate([part["outline"] for part in outlined]))
        slow = shapely.set_precision(patches.geometry.to_numpy()[: len(drawn)], 1e-9)
        apart = shapely.area(shapely.symmetric_difference(shapely.set_precision(drawn, 1e-9), slow))
        assert (apart < 1e-6 * shapely.area(slow)).all()
        best = gaps[list(CANDIDATE)].to_numpy()
        assert best[: len(drawn)] == pytest.approx(patches[list(CANDIDATE)].to_numpy()[: len(drawn)], rel=1e-9)
        assert np.isnan(best[len(drawn) :]).all()


def columns_of(parts):
    parts = list(parts)
    return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}


def _population(nation):
    """The raster as a table, read as one file: the reader of cities takes no VRT."""
    with rasterio.open(nation / "population.vrt") as raster:
        values, profile = raster.read(1), raster.profile
    one = nation / "one.tif"
    if not one.exists():
        with rasterio.open(one, "w", **(profile | {"driver": "GTiff"})) as raster:
            raster.write(values, 1)
    return read_population(one).table


def test_interrupted_and_resumed(nation, whole, tmp_path):
    inputs = inputs_of(nation, block=64)

    def stop(_step, done, _total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_blocks(inputs.task, tmp_path, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == [".unfinished"]
    first = next((tmp_path / ".unfinished").rglob("*.npz"))
    before = first.stat().st_mtime_ns
    last = max((tmp_path / ".unfinished").rglob("*.npz"))
    last.write_bytes(last.read_bytes()[:100])  # a dying machine leaves half a file
    assert not is_whole(last)
    steps = []
    run_blocks(inputs.task, tmp_path, progress=lambda step, done, total: steps.append((step, done, total)))
    assert steps[0] == ("blocks", 4, 16)
    assert steps[-1] == ("blocks", 16, 16)
    assert first.stat().st_mtime_ns == before
    assert run(nation, tmp_path, "--block", "64") == 0
    same_bytes(tmp_path, whole)


def test_killed_and_resumed(nation, whole, tmp_path):
    where = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    started = subprocess.Popen(
        [sys.executable, "-m", "circle15", *command(nation, tmp_path, "--block", "64")],
        env=where, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in started.stderr:
        if line.startswith("[3/16]"):
            started.send_signal(signal.SIGKILL)
            break
    started.wait()
    started.stderr.close()
    assert not any((tmp_path / name).exists() for name in FILES)
    assert run(nation, tmp_path, "--block", "64") == 0
    same_bytes(tmp_path, whole)


def test_a_lost_worker_is_survived_and_bytes_are_equal(nation, whole, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(on_cluster, "_SHARES", 2)  # four blocks a message
    with on_cluster.local_cluster(2) as local:
        inputs = inputs_of(nation, block=64)
        victims = [w.pid for w in local.workers.values()][:1]

        def strike(_step, done, _total):
            if done >= 3 and victims:
                os.kill(victims.pop(), signal.SIGKILL)

        run_blocks(inputs.task, tmp_path, cluster=Cluster(local.scheduler_address), progress=strike)
        assert not victims
    assert run(nation, tmp_path, "--block", "64") == 0
    same_bytes(tmp_path, whole)


def test_two_runs_on_one_machine_do_not_get_in_each_others_way():
    pytest.importorskip("distributed")
    with (
        on_cluster.local_cluster(0) as one,
        on_cluster.local_cluster(0) as two,  # a port taken would warn, and so fail
    ):
        assert one.scheduler_address != two.scheduler_address


def test_no_cluster_is_said_in_words(nation, tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    monkeypatch.setattr(on_cluster, "_CONNECT_S", 0.5)
    assert run(nation, tmp_path, "--scheduler", "tcp://127.0.0.1:9", "--lang", "en") == 2
    told = capsys.readouterr().err
    assert "No scheduler answers" in told
    assert "Traceback" not in told


def test_another_version_is_said_in_words():
    class Other:
        def run(self, _function):
            return {"tcp://w": on_cluster.own_versions() | {"numpy": "1.0"}}

    with pytest.raises(UsageError, check=told("scale.cluster_version")):
        on_cluster._check_versions(Other(), "tcp://x")


def test_workers_and_scheduler_do_not_go_together(nation, tmp_path, capsys):
    assert run(nation, tmp_path, "--scheduler", "tcp://127.0.0.1:9", "--workers", "2", "--lang", "en") == 2
    assert "do not go together" in capsys.readouterr().err


def test_what_geoparquet_may_not_hold(tmp_path):
    table = gpd.GeoDataFrame(
        {"id": ["A", "A"], "service": ["pharmacy", "shop"]},
        geometry=shapely.points([[104, 36], [999, 36]]),
        crs="EPSG:4326",
    )
    table.to_parquet(tmp_path / "points.parquet")
    with pytest.raises(InputError) as fault:
        read_points(tmp_path / "points.parquet")
    assert {p.id for p in fault.value.problems} == {"scale.service", "scale.coordinate", "scale.id_twice"}
    table.to_crs("EPSG:3857").iloc[:1].to_parquet(tmp_path / "plane.parquet")
    with pytest.raises(InputError, check=told("scale.system")):
        read_points(tmp_path / "plane.parquet")
    with pytest.raises(InputError, check=told("scale.columns")):
        read_outlines(tmp_path / "points.parquet")
    (tmp_path / "no.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, check=told("file_unreadable")):
        read_points(tmp_path / "no.parquet")


def test_points_are_read_as_geopandas_reads_them(nation):
    points = read_points(nation / "institutions.parquet")
    table = gpd.read_parquet(nation / "institutions.parquet")
    assert points.lon.tolist() == table.geometry.x.tolist()
    assert points.lat.tolist() == table.geometry.y.tolist()
    assert points.services.tolist() == table["service"].tolist()


def test_results_are_geoparquet(whole):
    table = gpd.read_parquet(whole / "institutions.parquet")
    assert len(table) == 150
    assert table.crs.to_epsg() == 4326
    assert set(table["density_class"]) <= {"", *(c.id for c in load_plan("zhongwei").density_classes), "unknown"}
    assert (gpd.read_parquet(whole / "places.parquet").geometry.is_valid).all()
    gaps = gpd.read_parquet(whole / "gaps.parquet")
    assert gaps.geometry.is_valid.all()
    outlined = gaps.groupby("service").head(OUTLINED)
    assert set(outlined.geom_type) <= {"Polygon", "MultiPolygon"}
    # the fullest cell lies in the outline
    assert shapely.intersects_xy(outlined.geometry.to_numpy(), outlined["fullest_lon"], outlined["fullest_lat"]).all()
    assert set(gaps.drop(outlined.index).geom_type) <= {"Point"}


def test_counts_of_others_are_those_of_the_list():
    rng = np.random.default_rng(3)
    n = 600
    lon, lat = 105 + rng.normal(size=n) * 0.02, 36 + rng.normal(size=n) * 0.02
    lon[:2] = 179.9999, -179.9999  # 18 m apart
    lat[:2] = 10.0
    lat[5] = np.nan
    table = gpd.GeoDataFrame(
        {"id": [str(i) for i in range(n)], "name": "", "service": rng.choice(["a", "b"], n), "position_accuracy_m": 1.0},
        geometry=shapely.points(lon, lat), crs="EPSG:4326",
    )  # fmt: skip
    table.loc[:1, "service"] = "date line"
    pairs = neighbours_within(table, table, radius_m=800.0)
    expected = pd.Series(1, index=pairs["site_id"]).groupby(level=0).sum().reindex(table["id"], fill_value=0)
    assert count_others(lon, lat, table["service"].to_numpy(), radius_m=800.0).tolist() == expected.tolist()


def test_campuses_of_one_institution_count_once(nation, tmp_path):
    """A column `institution` makes sites into institutions, in circles and in places; without it the run file says so."""
    table = gpd.read_parquet(nation / "institutions.parquet")
    rng = np.random.default_rng(2)
    table["institution"] = np.where(rng.random(len(table)) < 0.6, [f"J{n % 9}" for n in range(len(table))], "")
    table.loc[5, "institution"] = None
    x, y = table.geometry.x.to_numpy().copy(), table.geometry.y.to_numpy().copy()
    x[: len(x) // 2], y[: len(x) // 2] = x[0] + rng.normal(size=len(x) // 2) * 0.006, y[0]  # they stand close
    table = table.set_geometry(shapely.points(x, y), crs="EPSG:4326")
    table.to_parquet(tmp_path / "institutions.parquet")
    files = (tmp_path / "institutions.parquet", nation / "places.parquet", nation / "population.vrt")
    inputs = read_inputs(*files, radius_m=800.0)
    pairs = neighbours_within(
        table.assign(position_accuracy_m=1.0), table.assign(position_accuracy_m=1.0), radius_m=800
    )
    expected = pairs.groupby("site_id")["institution"].nunique().reindex(table["id"], fill_value=0)
    sites = count_others(x, y, table["service"].to_numpy(), radius_m=800.0)
    assert inputs.others.tolist() == expected.tolist()
    assert (sites >= expected.to_numpy()).all()
    assert (sites > expected.to_numpy()).any()
    assert inputs_of(nation).others.sum() > 0
    codes = pd.Series(institution_codes(table))
    at = locate(x, y, inputs.task.places)
    told = codes.groupby([table["service"], at]).nunique()
    counted = institutions_in(inputs)
    for s, service in enumerate(inputs.task.services):
        for place, count in told[service].items():
            assert place < 0 or counted[place, s] == count


def test_strips_are_told_with_the_command_that_makes_tiles_of_them(nation, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    with rasterio.open(nation / "population.vrt") as raster:
        values, profile = raster.read(1), raster.profile | {"driver": "GTiff", "tiled": False}
    del profile["blockxsize"], profile["blockysize"]
    with rasterio.open("人口 striped.tif", "w", **profile) as raster:
        raster.write(values, 1)
    files = (nation / "institutions.parquet", nation / "places.parquet")

    def told(file, block):
        return [p for p in read_inputs(*files, Path(file), radius_m=800.0, block=block).warnings if "striped" in p.id]

    (problem,) = told("人口 striped.tif", 64)
    assert problem.params["times"] == 4
    assert problem.params["command"] in word_problem(problem, "zh")
    assert problem.params["command"] in word_problem(problem, "en")
    assert not told("人口 striped.tif", 240)
    program, *arguments = shlex.split(problem.params["command"])
    assert program == "rio"
    with caplog.at_level("WARNING"):
        done = CliRunner().invoke(rio, arguments)
    assert done.exit_code == 0, done.output
    assert not caplog.records
    with rasterio.open("人口 striped_tiled.tif") as raster:
        assert raster.profile["tiled"]
        assert (raster.read(1) == values).all()


def test_the_files_of_a_vrt_tell_of_strips(nation):
    """A file of the simulated nation is one tile of 120 columns."""
    assert any(p.id == "raster_striped" for p in inputs_of(nation, block=64).warnings)
    assert not any(p.id == "raster_striped" for p in inputs_of(nation, block=120).warnings)


def test_the_run_file_says_what_was_counted(whole):
    record = json.loads((whole / "nation_run.json").read_text(encoding="utf-8"))
    assert record["options"]["others_counted"] == "sites"


def test_the_page_loads_nothing(whole):
    page = (whole / "nation.html").read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert values_of(page)["simulated"] is True  # the raster says so of itself


def test_a_result_holds_only_what_its_block_touches(nation, tmp_path):
    inputs = inputs_of(nation, block=32)
    folder = run_blocks(inputs.task, tmp_path)
    reached = [len(load_result(result_path(folder, n)).get("disc", ())) for n in range(64)]
    assert max(reached) < len(inputs.task.lon)


def test_the_class_of_ground_asks_the_township(nation, tmp_path):
    inputs = inputs_of(nation, block=100, services=("pharmacy",))
    places = inputs.task.places
    towns = places[places["level"] == "district"].copy()
    towns["id"], towns["level"] = "T" + towns["id"], "township"
    towns["settings"] = ["subdistrict" if k % 2 else "" for k in range(len(towns))]
    gpd.GeoDataFrame(pd.concat([places, towns.iloc[1:]]), crs=places.crs).to_parquet(tmp_path / "places.parquet")
    plan = load_plan("zhongwei")
    assert needs_townships(inputs.task, plan)
    sums = add_together(inputs.task, run_blocks(inputs.task, tmp_path / "a"))
    without = columns_of(institutions_parts(inputs, sums, plan))
    dense = without["density_circle_per_km2"] >= 3000
    assert dense.any()
    assert set(without["density_class"][dense]) == {"dense"}
    assert set(without["density_class"][~dense]) == {"unknown"}
    inputs = read_inputs(nation / "institutions.parquet", tmp_path / "places.parquet", nation / "population.vrt",
                         radius_m=800.0, block=100, services=("pharmacy",))  # fmt: skip
    assert not needs_townships(inputs.task, plan)
    classes = columns_of(institutions_parts(inputs, sums, plan))["density_class"]
    township = locate(inputs.task.lon, inputs.task.lat, towns)
    for k, town in enumerate(towns["settings"]):
        sparse = "unknown" if k == 0 else "town_sparse" if town else ""
        assert set(classes[(township == k) & ~dense]) == {sparse}


def test_places_off_the_raster_are_told(nation, tmp_path):
    places = gpd.read_parquet(nation / "places.parquet")
    beyond = places.iloc[:1].assign(id="far", name="<远方>")
    beyond = beyond.set_geometry(beyond.translate(40, 0))
    partly = places.iloc[:1].assign(id="edge", name="边")
    partly = partly.set_geometry([shapely.box(*places.total_bounds).buffer(1)])
    file = tmp_path / "places.parquet"
    gpd.GeoDataFrame(pd.concat([places, beyond, partly]), crs=places.crs).to_parquet(file)
    inputs = read_inputs(nation / "institutions.parquet", file, nation / "population.vrt", radius_m=800.0)
    before, told = ({p.id: p.params for p in each.warnings} for each in (inputs_of(nation), inputs))
    assert "scale.places_off" not in before
    assert told["scale.places_off"] == {"count": 1, "names": "<远方>"}
    assert told["scale.places_partly_off"]["count"] == before["scale.places_partly_off"]["count"] + 1


def _raster(path, values):
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1, dtype="float32",
        crs="EPSG:4326", nodata=-1, compress="deflate", tiled=True, blockxsize=256, blockysize=256,
        transform=rasterio.Affine(1 / 1200, 0, 76.0, 0, -1 / 1200, 52.0),
    ) as raster:  # fmt: skip
        raster.write(values, 1)
    return path


def test_memory_does_not_grow_with_the_raster(nation, tmp_path):
    peaks = []
    for side in (512, 1024):  # both of more blocks than threads hold at a time
        file = _raster(tmp_path / f"{side}.tif", np.ones((side, side), dtype="float32"))
        task = read_inputs(nation / "institutions.parquet", nation / "places.parquet", file, radius_m=800.0,
                           block=128).task  # fmt: skip
        run_blocks(task, tmp_path / str(side))  # machine code is loaded, tables are made
        shutil.rmtree(tmp_path / str(side))
        tracemalloc.start()
        run_blocks(task, tmp_path / str(side))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_blocks_that_hold_nobody_cost_little(nation, tmp_path):
    values = np.full((1024, 2048), -1, dtype="float32")
    values[:, :1024] = np.random.default_rng(1).uniform(0, 9, (1024, 1024))
    file = _raster(tmp_path / "half.tif", values)
    task = read_inputs(nation / "institutions.parquet", nation / "places.parquet", file, radius_m=800.0).task

    def seconds(number):
        found = []
        for _ in range(3):
            start = time.thread_time()
            read_and_measure(task, number)
            found.append(time.thread_time() - start)
        return min(found)

    assert len(task.windows) == 2
    assert seconds(1) < 0.5 * seconds(0)

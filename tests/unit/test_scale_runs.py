"""Runs that are stopped, damaged, started twice or out of room: nothing is lost, and people are told in words."""

import os
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from told import told

from circle15.cli import words as cli_words
from circle15.cli.app import main
from circle15.cli.words import StepBar
from circle15.errors import InputError, OutputError
from circle15.policy.plan import load_plan
from circle15.scale import cluster as on_cluster
from circle15.scale.block import is_whole, load_result
from circle15.scale.cluster import measure_there
from circle15.scale.inputs import read_inputs
from circle15.scale.rasters import write_rasters
from circle15.scale.run import run_blocks
from circle15.scale.traces import alone_in
from circle15.words import word_problem
from circle15.write.files import write_whole
from circle15.write.in_use import in_use, sweep
from tests.unit.test_scale import FILES, ROOT, command, inputs_of, run, same_bytes, whole  # noqa: F401 - a fixture

LATER = 2**40


def stopped(nation, out, *, after):
    """Blocks of a run that is stopped after so many."""

    def stop(_step, done, _total):
        if done == after:
            raise KeyboardInterrupt

    task = inputs_of(nation, block=64).task
    with pytest.raises(KeyboardInterrupt):
        run_blocks(task, out, progress=stop)
    return task


def test_a_damaged_block_is_measured_again(nation, whole, tmp_path, capsys):  # noqa: F811
    stopped(nation, tmp_path, after=6)
    blocks = sorted((tmp_path / ".unfinished").rglob("*.npz"))
    rng = np.random.default_rng(0)
    for number, path in enumerate(blocks):
        held = bytearray(path.read_bytes())
        if number == 0:
            held[: len(held) // 2] = bytes(len(held) // 2)  # a power cut: the pages never reached the disk
        elif number == 1:
            held = held[:-1]
        elif number == 2:
            held[-1] ^= 1
        elif number == 3:
            held[int(rng.integers(len(held)))] ^= 4
        path.write_bytes(held)
    assert [is_whole(path) for path in blocks] == [False] * 4 + [True] * 2
    assert run(nation, tmp_path, "--block", "64") == 0
    assert "[2/16]" in capsys.readouterr().err
    same_bytes(tmp_path, whole)


def test_a_block_lost_during_the_run_is_told(tmp_path):
    with pytest.raises(OutputError, check=told("scale.block_lost")):
        load_result(tmp_path / "000000.npz")


def test_two_runs_do_not_share_a_folder(nation, tmp_path, capsys):
    with alone_in(tmp_path):
        assert run(nation, tmp_path, "--lang", "en") == 1
        assert (
            f"Another run is writing into this folder ({os.uname().nodename} {os.getpid()})" in capsys.readouterr().err
        )
        assert run(nation, tmp_path) == 1
        assert "另一次运行正在写入这个文件夹" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path):
        pass


def test_two_runs_do_not_share_a_folder_of_rasters(nation, tmp_path, capsys):
    rasters = tmp_path / "rasters"
    with alone_in(tmp_path / "other", rasters, tmp_path / "x" / ".." / "rasters"):
        assert run(nation, tmp_path / "out", "--rasters", str(rasters), "--lang", "en") == 1
        assert f"{rasters}" in (told := capsys.readouterr().err)
        assert "Another run is writing into this folder" in told
    assert [list(folder.iterdir()) for folder in tmp_path.iterdir()] == [[], [], []]


def test_a_killed_run_keeps_nobody_out_and_its_leftovers_go(nation, whole, tmp_path):  # noqa: F811
    """Killed while it writes a table: the lock, the blocks and the temporary file stay, and a run after it clears them."""
    code = (
        "import os, signal, sys\n"
        "from circle15.cli import nation\n"
        "from circle15.write.files import write_whole\n"
        "def dies(inputs, sums, folder, **more):\n"
        "    write_whole(folder / 'gaps.parquet', lambda _: os.kill(os.getpid(), signal.SIGKILL))\n"
        "nation.write_results = dies\n"
        "from circle15.cli.app import main\n"
        "main(sys.argv[1:])\n"
    )
    where = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
    done = subprocess.run(
        [sys.executable, "-c", code, *command(nation, tmp_path, "--block", "64")],
        env=where, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    (left,) = tmp_path.glob(".circle15-*.parquet")
    assert (tmp_path / ".unfinished" / "run.lock").exists()
    mine = tmp_path / ".circle15-notes.txt"
    mine.write_text("not a temporary file")
    with in_use(left):
        sweep(tmp_path, before=LATER)
        assert left.exists(), "a live process has it"
    sweep(tmp_path, before=0)
    assert left.exists(), "it may be about to be locked"
    assert run(nation, tmp_path, "--block", "64") == 0
    assert not left.exists()
    mine.unlink()
    same_bytes(tmp_path, whole)


def test_what_is_being_written_is_not_swept(tmp_path):
    def write(temporary):
        temporary.write_text("half")
        os.utime(temporary, (0, 0))
        sweep(tmp_path, before=LATER)
        assert temporary.read_text() == "half"

    write_whole(tmp_path / "a.txt", write)
    folder = tmp_path / ".circle15-abcd_123"
    folder.mkdir()
    (folder / "x.tif").touch()
    (tmp_path / ".circle15-abcd_124.tif.ovr.tmp").touch()
    (tmp_path / ".circle15-abcd_125.tif").symlink_to(tmp_path / "a.txt")
    sweep(tmp_path, before=LATER)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".circle15-abcd_125.tif", "a.txt"]


def test_blocks_of_other_inputs_are_told_and_stay(nation, tmp_path, capsys):
    stopped(nation, tmp_path, after=3)
    assert run(nation, tmp_path, "--service", "pharmacy", "--lang", "en") == 0
    assert "Blocks of 1 other runs" in capsys.readouterr().err
    assert len(list((tmp_path / ".unfinished").rglob("*.npz"))) == 3


def test_an_interrupt_says_what_is_kept(nation, tmp_path, capsys, monkeypatch):
    class Stops(StepBar):
        def show(self, step, done, total):
            super().show(step, done, total)
            if done == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr("circle15.cli.nation.StepBar", Stops)
    assert run(nation, tmp_path, "--block", "64", "--lang", "en") == 130
    told = capsys.readouterr().err
    assert f"5 of 16 blocks are finished and kept in {tmp_path / '.unfinished'}; the same command goes on" in told
    assert run(nation, tmp_path, "--block", "64") == 130
    assert "已测完的 5 块（共 16 块）" in capsys.readouterr().err


def _bad(nation, folder):
    values = np.zeros((200, 200), dtype="float32")
    values[3, 4], values[150, 160], values[30, 140], values[31, 141] = 1.0, 2.0, -2.5, np.inf
    values[32, 120:130] = -1
    file = folder / "bad.tif"
    with rasterio.open(
        file, "w", driver="GTiff", width=200, height=200, count=1, dtype="float32", crs="EPSG:4326",
        transform=rasterio.Affine(1 / 1200, 0, 76.1, 0, -1 / 1200, 51.9),
    ) as raster:  # fmt: skip
        raster.write(values, 1)
    return read_inputs(nation / "institutions.parquet", nation / "places.parquet", file, radius_m=800.0, block=100)


def test_negative_and_infinite_residents_stop_the_run_at_their_block(nation, tmp_path):
    """Of four blocks the second holds some: the first is kept, and the last is not waited for."""
    task = _bad(nation, tmp_path).task
    steps = []
    with pytest.raises(InputError, check=told("scale.negative", "scale.infinite")) as fault:
        run_blocks(task, tmp_path, progress=lambda *step: steps.append(step))
    assert steps[-1] == ("blocks", 1, 4)
    negative, infinite = fault.value.problems
    assert (negative.params["count"], negative.params["value"]) == (11, "-2.5")
    assert (negative.params["line"], negative.params["column"]) == (31, 141)
    assert float(negative.params["lon"]) == pytest.approx(76.1 + 140.5 / 1200, abs=1e-6)
    assert float(negative.params["lat"]) == pytest.approx(51.9 - 30.5 / 1200, abs=1e-6)
    assert infinite.params["count"] == 1
    assert "row 31, column 141" in word_problem(negative, "en")
    assert "第 32 行第 142 列" in word_problem(infinite, "zh")
    _, problems = measure_there(task, [0, 1])  # what a worker sends instead of results
    assert problems == fault.value.problems


def test_values_that_may_be_densities_are_told(nation, tmp_path, capsys):
    files = [str(nation / f"{name}.parquet") for name in ("institutions", "places")]
    with rasterio.open(nation / "population.vrt") as raster:
        values, profile = raster.read(1), raster.profile | {"driver": "GTiff"}
    with rasterio.open(tmp_path / "dense.tif", "w", **profile) as raster:
        raster.write(np.where(values > 0, 1500, values).astype(values.dtype), 1)
    arguments = command(nation, tmp_path / "out", "--service", "pharmacy", "--lang", "en")
    arguments[arguments.index("--population") + 1] = str(tmp_path / "dense.tif")
    assert arguments[2:5:2] == files
    with pytest.raises(SystemExit):
        main(arguments)
    told = capsys.readouterr().err
    # a cell of 3″ at 51.9° N has 0.0926 km by 0.0573 km
    density = float(told.split(" residents per km²")[0].rsplit(" ", 1)[1].replace(",", ""))
    assert density == pytest.approx(1500 / (0.09272 * 0.05736), rel=0.01)
    assert "may be densities, not counts" in told


def test_no_such_warning_for_people(nation, tmp_path, capsys):
    assert run(nation, tmp_path, "--service", "pharmacy", "--lang", "en") == 0
    assert "densities" not in capsys.readouterr().err


def test_a_raster_that_cannot_be_written_is_said_in_words(nation, tmp_path, capfd):
    """A limit on the size of files stands for the full disk: GDAL gives no reason, libtiff prints its own lines."""
    task = inputs_of(nation, services=("pharmacy",), block=64).task
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
    try:
        with pytest.raises(OutputError, check=told("output.failed")) as fault:
            write_rasters(task, load_plan("zhongwei"), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert fault.value.problems[0].params["reason"] == "File too large"
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_no_time_left_is_told_of_the_first_blocks(capsys, monkeypatch):
    """The first block takes 40 s (machine code, workers that start), each other one half a second."""
    now = 0.0
    monkeypatch.setattr(cli_words.time, "monotonic", lambda: now)
    with StepBar("en") as bar:
        bar.show("blocks", 2, 100)  # two were there already
        now = 40.0
        for done in range(3, 9):
            bar.show("blocks", done, 100)
            now += 0.5
        bar.show("rasters", 0, 100)
    first, *some, _, last, again = capsys.readouterr().err.splitlines()
    assert "left" not in first + some[0] + some[1] + some[2]
    assert "left" not in again
    assert last.endswith("about 46 s left")


def test_workers_do_not_hear_an_interrupt(capfd):
    """A terminal sends Ctrl-C to workers too, whose tracebacks nobody wants; the asking process ends them."""
    pytest.importorskip("distributed")
    with on_cluster.local_cluster(1) as local:
        (worker,) = local.workers.values()
        os.kill(worker.pid, signal.SIGINT)
        with on_cluster._distributed().Client(local) as client:
            assert client.submit(os.getpid).result(timeout=10) == worker.pid
    assert "Traceback" not in capfd.readouterr().err
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

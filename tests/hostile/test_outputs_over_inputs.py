"""No command replaces a file that it reads: refused before any work, with the option and the file, nothing written."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
import pytest
import rasterio
from told import told

from circle15.cli import main
from circle15.cli.commands import build_app
from circle15.cli.files import Fills, Reads, Writes
from circle15.errors import UsageError
from circle15.write.files import protected, write_text

SITE = ("site", "city.toml", "--service", "pharmacy", "--lon", "105.02", "--lat", "37.51", "--datum", "wgs84")
PLANNED = ("--service", "pharmacy", "--out", ".")
NATION = ("--institutions", "institutions.parquet", "--places", "places.parquet", "--population", "share_pharmacy.tif",
          "--register-datum", "wgs84", "--plan", "zhongwei")  # fmt: skip

OVER = [  # the input that would be replaced, the option that would replace it, the command line
    ("手绘市_assess.xlsx", "--out", ("assess", "city.toml", "--indicators", "手绘市_assess.xlsx", "--out", ".")),
    ("手绘市_institutions.csv", "--out", ("assess", "city.toml", "--institutions", "手绘市_institutions.csv", "--out", ".")),
    ("residents.gpkg", "--to", ("assess", "city.toml", "--population", "residents.gpkg", "--to", "./residents.gpkg")),
    ("手绘市_city.html", "--out", ("map", "city.toml", "--plan", "mini.toml", "--out", ".")),
    ("手绘市_gaps_pharmacy.csv", "--out", ("gaps", "city.toml", "--institutions", "手绘市_gaps_pharmacy.csv", *PLANNED)),
    ("手绘市_add_pharmacy.xlsx", "--out", ("add", "city.toml", "--number", "1", "--sites", "手绘市_add_pharmacy.xlsx", *PLANNED)),
    ("手绘市_retire_pharmacy.gpkg", "--out", ("retire", "city.toml", "--places", "手绘市_retire_pharmacy.gpkg", *PLANNED)),
    ("手绘市_round_run.json", "--out", ("round", "city.toml", "--sites", "register.csv", "--replay", "手绘市_round_run.json", "--out", ".")),
    ("手绘市_walk_gaps.gpkg", "--out", ("walk", "city.toml", "--streets", "手绘市_walk_gaps.gpkg", "--out", ".")),
    ("applied.json", "--out", (*SITE, "--population", "applied.json", "--out", "applied.json")),
    ("applied.xlsx", "--sheet", (*SITE, "--indicators", "applied.xlsx", "--sheet", "applied.xlsx")),
    ("applied.csv", "--out", ("site", "city.toml", "--service", "pharmacy", "--sites", "applied.csv", "--out", "APPLIED/../applied.csv")),
    ("register.xlsx", "--out", ("check-data", "city.toml", "--institutions", "register.xlsx", "--out", "register.xlsx")),
    ("register.xlsx", "--corrected", ("check-data", "city.toml", "--institutions", "register.xlsx", "--corrected", "register.xlsx")),
    ("手绘市_city.html", "--map", ("check-data", "city.toml", "--plan", "mini.toml", "--map", "手绘市_city.html")),
    ("手绘市_city.xlsx", "--out", ("check-plan", "printed.toml", "--out", "手绘市_city.xlsx")),
    ("institutions.parquet", "--out", ("nation", *NATION, "--out", ".")),
    ("share_pharmacy.tif", "--rasters", ("nation", *NATION, "--out", "elsewhere", "--rasters", ".")),
]  # fmt: skip


@pytest.fixture
def workplace(toy_city, monkeypatch) -> Path:
    """The folder of the hand-drawn city, with a plan whose text has a foolish name."""
    folder = toy_city.parent
    (folder / "APPLIED").mkdir()
    (folder / "mini.toml").write_text('[document]\ntext = "手绘市_city.html"\n', encoding="utf-8")
    (folder / "printed.figures.toml").write_text('text = "手绘市_city.xlsx"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def held_by(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(capsys, *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return int(caught.value.code or 0), shown.out + shown.err


@pytest.mark.parametrize(("held", "option", "arguments"), OVER, ids=[f"{a[0]} {o} {h}" for h, o, a in OVER])
def test_an_output_never_replaces_an_input(capsys, workplace, held: str, option: str, arguments: tuple[str, ...]) -> None:  # fmt: skip
    (workplace / held).write_bytes(b"the only copy")
    if arguments[0] == "nation":
        for name in ("institutions.parquet", "places.parquet", "share_pharmacy.tif"):
            (workplace / name).write_bytes(b"the only copy")
    before = held_by(workplace)
    code, said = run(capsys, *arguments, "--lang", "en")
    assert code == 2, said
    assert held in said
    assert f"{option} would write over a file that this command reads." in said
    assert held_by(workplace) == before


def test_every_command_that_writes_is_tried() -> None:
    commands = build_app("en").commands
    writing = {
        (name, p.opts[0]) for name, c in commands.items() for p in c.params if isinstance(p.type, Writes | Fills)
    }
    assert {(arguments[0], option) for _, option, arguments in OVER} == writing


def test_every_option_with_a_file_says_whether_it_is_read_or_written() -> None:
    for command in build_app("en").commands.values():
        for p in command.params:
            if isinstance(p, click.Option) and re.search("FILE|DIR|run.json|ID", p.metavar or "") and p.name != "district":  # fmt: skip
                marked = isinstance(p.type, Reads | Writes | Fills)
                assert marked or p.name in {"require", "forbid", "keep"}, (command.name, p.opts)


@pytest.mark.parametrize("named", [("--plan", "p.toml"), ()])
def test_a_site_never_replaces_the_plan(capsys, workplace, named: tuple[str, ...]) -> None:
    (workplace / "p.toml").write_bytes((workplace / "mini.toml").read_bytes())
    city = (workplace / "city.toml").read_text(encoding="utf-8")
    (workplace / "city.toml").write_text(re.sub(r'plan = ".*"', 'plan = "p.toml"', city), encoding="utf-8")
    before = held_by(workplace)
    code, said = run(capsys, *SITE, *named, "--out", "p.toml", "--lang", "en")
    assert code == 2, said
    assert "p.toml" in said
    assert held_by(workplace) == before


@pytest.mark.parametrize("name", ["y.parquet", "y.csv", "y.xlsx", "y.txt", "y"])
def test_one_site_is_written_as_json_only(capsys, workplace, name: str) -> None:
    code, said = run(capsys, *SITE, "--out", name, "--lang", "en")
    assert code == 2
    assert ".json" in said
    assert not (workplace / name).exists()


def test_a_long_query_is_no_file(capsys, toy_city) -> None:
    query = "sql:SELECT 1 AS " + "x" * 5000
    told = ("--institutions", query, "--database", "postgresql://u@127.0.0.1:1/db", *PLANNED, "--lang", "en")
    code, said = run(capsys, "gaps", toy_city, *told)
    assert code == 1
    assert "127.0.0.1:1" in said
    assert "could not be read or written" not in said


def test_two_outputs_are_not_one_file(capsys, workplace) -> None:
    before = held_by(workplace)
    code, said = run(capsys, "check-data", "city.toml", "--out", "r.xlsx", "--corrected", "r.xlsx", "--lang", "en")
    assert code == 2
    assert "--out and --corrected name the same file." in said
    assert held_by(workplace) == before


def test_the_tiles_of_a_virtual_raster_are_inputs_too(capsys, workplace) -> None:
    grid = {"width": 2, "height": 2, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open("depth_pharmacy.tif", "w", transform=rasterio.Affine(1, 0, 105, 0, -1, 38), **grid) as tile:
        tile.write(np.ones((1, 2, 2), dtype="float32"))
    (workplace / "all.vrt").write_text(
        '<VRTDataset rasterXSize="2" rasterYSize="2"><GeoTransform>105, 1, 0, 38, 0, -1</GeoTransform>'
        '<VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename relativeToVRT="1">depth_pharmacy.tif'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>",
        encoding="utf-8",
    )
    before = held_by(workplace)
    told = [*NATION, "--population", "all.vrt", "--rasters", ".", "--out", "o", "--lang", "en"]
    code, said = run(capsys, "nation", *told)
    assert code == 2, said
    assert "depth_pharmacy.tif" in said
    assert "--rasters would write over" in said
    assert held_by(workplace) == before


@pytest.mark.parametrize("link", [False, True])
def test_what_no_option_names_is_guarded_where_it_is_written(tmp_path, link: bool) -> None:
    held = tmp_path / "held.csv"
    held.write_text("the only copy", encoding="utf-8")
    target = tmp_path / "other.csv" if link else tmp_path / "sub" / ".." / "held.csv"
    if link:
        target.symlink_to(held)
    (tmp_path / "sub").mkdir()
    with protected([held, tmp_path / "none.csv"]), pytest.raises(UsageError, check=told("use.output_over_input")):
        write_text(target, "new")
    assert held.read_text(encoding="utf-8") == "the only copy"
    write_text(held, "after the run anything may be written")

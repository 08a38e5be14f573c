"""No option is silently without effect: it is refused with the option that it needs, or with its rival."""

from __future__ import annotations

import pytest

from circle15.cli import main
from circle15.cli.together import CLASHES, NEEDS

NATION = ("--institutions", "a.parquet", "--places", "b.parquet", "--population", "c.tif", "--register-datum", "wgs84",
          "--plan", "zhongwei")  # fmt: skip
WITH = {  # what each command takes besides, and a value of each option
    "map": (),
    "site": (),
    "add": ("--service", "pharmacy"),
    "retire": ("--service", "pharmacy"),
    "round": ("--sites", "x.csv"),
    "nation": NATION,
}
VALUES = {
    "--basemap-key": "k", "--spacing-m": "100", "--datum": "wgs84", "--least-share": "0.2", "--release": "0.5",
    "--candidates": "lattice", "--sites": "x.csv", "--seed": "7", "--lon": "105", "--lat": "37", "--name": "甲",
    "--by": "rank", "--share": "0.9", "--replay": "run.json", "--arrival-column": "日期", "--score-column": "评分", "--workers": "1",
    "--scheduler": "tcp://x:1",
}  # fmt: skip


def words_of(option: str) -> tuple[str, ...]:
    """An option as it is typed; "--by lottery" as it stands."""
    return tuple(option.split()) if " " in option else (option, VALUES[option]) if option in VALUES else (option,)


def run(capsys, *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return int(caught.value.code or 0), shown.out + shown.err


@pytest.mark.parametrize(("command", "option", "needed"), [(c, o, n) for c, own in NEEDS.items() for o, n in own.items()])  # fmt: skip
def test_an_option_without_what_it_needs_is_refused(capsys, tmp_path, command, option, needed) -> None:
    before = ("city.toml",) if command != "nation" else ()
    code, said = run(capsys, command, *before, *WITH[command], *words_of(option), "--out", tmp_path / "o", "--lang", "en")  # fmt: skip
    assert code == 2
    assert f"{option} has no effect without {needed}." in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(("command", "option", "rival"), [(c, o, r) for c, own in CLASHES.items() for o, rs in own.items() for r in rs])  # fmt: skip
def test_rivals_are_refused(capsys, command, option, rival) -> None:
    before = ("city.toml",) if command != "nation" else ()
    code, said = run(capsys, command, *before, *WITH[command], *words_of(option), *words_of(rival), "--lang", "zh")
    assert code == 2
    assert f"{option} 与 {rival} 不能同用。" in said
    assert "没有作用" not in said


def test_with_what_it_needs_an_option_is_taken(capsys, tmp_path) -> None:
    told = ("--additions", "1", "--displace", "--candidates", "lattice", "--spacing-m", "100", "--fewest", "--least-share", "0.2")  # fmt: skip
    code, said = run(capsys, "retire", tmp_path / "none.toml", *WITH["retire"], *told, "--lang", "en")
    assert code == 1, said
    assert "none.toml" in said


@pytest.mark.parametrize("command", [("gaps",), ("add", "--number", "1"), ("retire",)])
def test_the_service_is_never_guessed(capsys, lasting_toy_city, tmp_path, command) -> None:
    code, said = run(capsys, *command, lasting_toy_city, "--out", tmp_path / "o", "--lang", "zh")
    assert code == 2
    assert "缺少 --service" in said
    assert not (tmp_path / "o").exists()
    site = ("site", lasting_toy_city, "--lon", "105.02", "--lat", "37.51", "--datum", "wgs84")
    assert run(capsys, *site, "--lang", "zh")[0] == 2


CLINICS = "名称,经度,纬度,坐标系\n甲诊所,105.02,37.515,wgs84\n乙诊所,105.021,37.516,wgs84\n"


@pytest.mark.parametrize("command", ["site", "round"])
def test_a_table_without_services_is_not_a_table_of_pharmacies(capsys, lasting_toy_city, tmp_path, command) -> None:
    table = tmp_path / "applied.csv"
    table.write_text(CLINICS, encoding="utf-8")
    given = (command, lasting_toy_city, "--sites", table, "--lang", "zh")
    out = ("--out", tmp_path / "v.csv") if command == "site" else ("--out", tmp_path / "o")
    code, said = run(capsys, *given, *out)
    assert code == 1
    assert "缺少服务类型列" in said
    assert "--service" in said
    assert run(capsys, *given, *out, "--service", "outpatient")[0] == 0


def test_a_row_without_a_service_is_named(capsys, lasting_toy_city, tmp_path) -> None:
    table = tmp_path / "mixed.csv"
    table.write_text("名称,服务类型,经度,纬度,坐标系\n甲,门诊,105.02,37.515,wgs84\n乙,,105.021,37.516,wgs84\n", encoding="utf-8")  # fmt: skip
    code, said = run(capsys, "site", lasting_toy_city, "--sites", table, "--lang", "zh")
    assert code == 1
    assert "第 3 行" in said


def test_the_accuracy_told_is_that_of_rows_without_one(capsys, lasting_toy_city, tmp_path) -> None:
    table = tmp_path / "sites.csv"
    table.write_text("名称,服务类型,经度,纬度,坐标系,定位精度\n甲,门诊,105.0200012,37.5150012,wgs84,30\n乙,门诊,105.0210012,37.5160012,wgs84,\n", encoding="utf-8")  # fmt: skip
    out = tmp_path / "v.csv"
    code, said = run(capsys, "site", lasting_toy_city, "--sites", table, "--accuracy-m", "900", "--out", out)
    assert code == 0, said
    header, *rows = [line.split(",") for line in out.read_text(encoding="utf-8-sig").splitlines()]
    assert [float(r[header.index("position_accuracy_m")]) for r in rows] == pytest.approx([30.0, 900.0], abs=0.1)

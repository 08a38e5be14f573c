"""A city out of PostGIS and results back into it, against a real server; what goes wrong is said once and plainly."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
import threading

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from machine import skip_at_home
from postgis import missing, server

from circle15.cli import main
from circle15.database import address_of, connected, is_database
from circle15.errors import InputError, OutputError
from circle15.read.check import check_data
from circle15.read.city import load_city, read_city
from circle15.read.database import Query, query_of, read_beside, take_snapshot
from circle15.read.ledgers import read_indicators
from circle15.words import LANGS, word_error

SECRET = "s3cret"


@pytest.fixture(scope="module")
def database(started):
    """URL of a database with the hand-drawn city in it, and the folder of its files."""
    server, folder = started
    return server.url, folder


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A server with the hand-drawn city in it, places as polygons, the register both as points and as columns."""
    if missing():
        skip_at_home(missing())
    from conftest import write_toy_city

    folder = tmp_path_factory.mktemp("pg")
    write_toy_city(folder)
    with server() as running:
        fill(running.url, folder)
        yield running, folder


def fill(url, folder):
    places, cells = gpd.read_file(folder / "places.geojson"), gpd.read_file(folder / "population.geojson")
    register = pd.read_csv(folder / "register.csv")
    with connected(address_of(url), write=True) as c:
        c.run("CREATE EXTENSION postgis")
        c.run("CREATE SCHEMA 医保")
        c.run(
            "CREATE TABLE places (编码 text PRIMARY KEY, 名称 text, 级别 text, 上级 text, 标识 text, 人口等级 text, "
            "geom geometry(Polygon, 4490))"
        )
        c.run("CREATE TABLE cells (id serial PRIMARY KEY, residents numeric, geom geometry(Polygon, 4490))")
        c.run(
            "CREATE TABLE 医保.药店 (医保编码 text PRIMARY KEY, 机构名称 text, 机构类型 text, 地址 text, 经度 text, 纬度 text, "
            "是否双通道 boolean, 定点起始日期 date, geom geometry(Point, 4490), bare geometry)"
        )
        c.run("CREATE TABLE rates (区划代码 text, 指标 text, 期间 text, 数值 numeric)")
        c.run("INSERT INTO rates VALUES ('640502', '床位使用率', '2026-03', 0.65)")
        c.run("CREATE TABLE log (n int)")
        for r in places.itertuples(index=False):
            c.run(
                "INSERT INTO places VALUES (:a, :b, :c, :d, :e, :f, ST_GeomFromText(:g, 4490))",
                a=r.编码, b=r.名称, c=r.级别, d=r.上级, e=r.标识, f=r.人口等级, g=r.geometry.wkt,
            )  # fmt: skip
        lines = "\n".join(f"{n},{v},{shapely.to_wkb(shapely.set_srid(g, 4490), hex=True, include_srid=True)}"
                          for n, (v, g) in enumerate(zip(cells["residents"], cells.geometry, strict=True)))  # fmt: skip
        c.run("COPY cells FROM STDIN WITH (FORMAT csv)", stream=io.BytesIO(lines.encode()))
        for r in register.itertuples(index=False):
            c.run(
                "INSERT INTO 医保.药店 VALUES (:a, :b, :c, :d, CAST(:x AS text), CAST(:y AS text), :e, CAST(:f AS date), "
                "ST_SetSRID(ST_MakePoint(CAST(CAST(:x AS text) AS float8), CAST(CAST(:y AS text) AS float8)), 4490), ST_MakePoint(1, 2))",
                a=r.医保编码, b=r.机构名称, c=r.机构类型, d=r.地址, x=f"{r.经度:.4f}", y=f"{r.纬度:.4f}",
                e=r.是否双通道 == "是", f=r.定点起始日期,
            )  # fmt: skip


COLUMNS = "医保编码, 机构名称, 机构类型, 地址, 是否双通道, 定点起始日期"
TOML = """\
[city]
name = "手绘市"
plan = "zhongwei"
as_of = 2026-04-30

[database]
url = "{url}"

[institutions]
file = "{register}"
datum = "cgcs2000"

[[places]]
file = "table:places"

[population]
file = "sql:SELECT * FROM cells ORDER BY id"
"""


def city_file(folder, url, register=f"sql:SELECT {COLUMNS}, geom FROM 医保.药店 ORDER BY 医保编码"):
    path = folder / "city_db.toml"
    path.write_text(TOML.format(url=url, register=register), encoding="utf-8")
    return path


def faults(call):
    with pytest.raises((InputError, OutputError)) as caught:
        call()
    said = [word_error(caught.value, lang) for lang in LANGS]
    assert not any(SECRET in s or "Traceback" in s for s in said)
    assert SECRET not in str(caught.value)
    return [p.id for p in caught.value.problems]


@pytest.mark.parametrize(
    "register",
    [
        f"sql:SELECT {COLUMNS}, geom FROM 医保.药店 ORDER BY 医保编码 -- points",
        f"sql:SELECT {COLUMNS}, 经度, 纬度 FROM 医保.药店 ORDER BY 医保编码;",
    ],
)
def test_a_city_out_of_a_database_is_the_city_of_its_files(database, register, tmp_path):
    url, folder = database
    told, warnings = read_city(load_city(city_file(tmp_path, url, register)))
    assert SECRET not in str(warnings)
    files, _ = read_city(load_city(folder / "city.toml"))
    kept = ["id", "name", "service", "tags", "valid_from"]
    pd.testing.assert_frame_equal(
        told.institutions.sort_values("id")[kept].reset_index(drop=True),
        files.institutions.sort_values("id")[kept].reset_index(drop=True),
    )
    xy = [t.institutions.sort_values("id").geometry.get_coordinates().to_numpy() for t in (told, files)]
    assert abs(xy[0] - xy[1]).max() < 1e-9
    assert told.population.cells["residents"].sum() == files.population.cells["residents"].sum()
    assert told.institutions["source_row"].tolist() == [1, 2, 3, 4, 5]
    source = told.sources[0]
    assert source.file == "SQL"
    assert source.options["database"].startswith("postgresql://bureau@127.0.0.1")
    assert SECRET not in str(told.sources)
    again, _ = read_city(load_city(city_file(tmp_path, url, register)))
    assert [s.sha256 for s in again.sources] == [s.sha256 for s in told.sources]


def test_one_clear_message_for_each_thing_that_goes_wrong(database, tmp_path, monkeypatch):
    url, _ = database
    address = address_of(url)

    def read(query, where=url):
        return faults(lambda: take_snapshot(where, query, tmp_path, name="x"))

    assert read(Query(table="nowhere")) == ["database.table"]
    assert read(Query(table="nothing.places")) == ["database.table"]
    assert read(Query(sql="SELECT colour FROM places")) == ["database.column"]
    assert read(Query(sql="SELEC 1")) == ["database.writes"]
    assert read(Query(sql="SELECT 1 FROM")) == ["database.syntax"]
    assert read(Query(sql="SELECT * FROM places WHERE false")) == ["database.empty"]
    assert read(Query(sql="SELECT 医保编码, bare FROM 医保.药店")) == ["database.srid"]
    assert read(Query(sql="SELECT geom AS a, bare AS b FROM 医保.药店")) == ["database.geometries"]
    assert read(Query(table="places"), url.replace(SECRET, "wrong")) == ["database.password"]
    assert read(Query(table="places"), url.replace("/postgres", "/other")) == ["database.missing"]
    assert read(Query(table="places"), url.replace(f":{address.port}", ":1")) == ["database.refused"]
    assert read(Query(table="places"), "postgresql://nobody") == ["database.url"]
    monkeypatch.delenv("PGPASSWORD", raising=False)
    bare = f"postgresql://{address.user}@{address.host}:{address.port}/postgres"
    assert read(Query(table="places"), bare) == ["database.password"]
    monkeypatch.setenv("PGPASSWORD", address.password)
    assert take_snapshot(bare, Query(table="places"), tmp_path, name="y").file.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM log", "INSERT INTO log VALUES (1)", "DROP TABLE log", "TRUNCATE log",
        "WITH gone AS (INSERT INTO log VALUES (1) RETURNING n) SELECT n FROM gone",
        "SELECT 1 AS n; INSERT INTO log VALUES (1)", "SELECT 1 AS n) AS s; INSERT INTO log VALUES (1); --",
        "SELECT n FROM log; COMMIT; DROP TABLE log", "SELECT nextval('cells_id_seq') AS n",
        "SELECT * FROM (SELECT 1) a; SET TRANSACTION READ WRITE", "-- hello\nUPDATE log SET n = 1",
    ],
)  # fmt: skip
def test_a_statement_that_writes_is_refused_and_nothing_changes(database, sql, tmp_path):
    url, _ = database
    (found,) = faults(lambda: take_snapshot(url, Query(sql=sql), tmp_path, name="x"))
    assert found in {"database.writes", "database.syntax"}
    with connected(address_of(url)) as c:
        assert c.run("SELECT count(*) FROM log") == [[0]]
        assert c.run("SELECT last_value FROM cells_id_seq") == [[1]]


def test_faults_of_rows_are_named_by_table_and_row(database, tmp_path):
    url, _ = database
    rows = "VALUES ('P64050200001', '甲', '药店', '待定', '37.5'), ('P64050200002', '乙', '药店', '105.02', '37.51')"
    sql = f"sql:SELECT * FROM ({rows}) AS t(医保编码, 机构名称, 机构类型, 经度, 纬度)"
    found = check_data(load_city(city_file(tmp_path, url, sql)))
    (error,) = [p for p in found.problems if p.severity == "error"]
    assert (error.id, error.file, error.row, error.value) == ("coordinate_unclear", "SQL", 1, "待定")
    assert found.city is not None
    assert found.city.institutions["source_row"].tolist() == [2]
    unreachable = check_data(load_city(city_file(tmp_path, url.replace(SECRET, "wrong"))))
    assert [p.id for p in unreachable.problems] == ["database.password"]  # once, though three parts met it
    nowhere = load_city(city_file(tmp_path, url)).model_copy(update={"database": None})
    assert [p.id for p in check_data(nowhere).problems] == ["database.unstated"]


def test_indicators_come_from_a_table(database):
    url, _ = database
    reading = read_beside("table:rates", url, read_indicators)
    assert reading.table[["place_id", "value", "period"]].to_numpy().tolist() == [["640502", 0.65, "2026-03"]]
    assert reading.source.file == "rates"
    assert faults(lambda: read_beside("table:none", url, read_indicators)) == ["database.table"]
    assert faults(lambda: read_beside("table:rates", None, read_indicators)) == ["database.unstated"]


def run(*arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return int(ended.value.code or 0)


def test_assess_from_the_command_line_and_back_into_the_database(database, tmp_path, capsys):
    url, _ = database
    given = [
        "assess", "--database", url, "--institutions", f"sql:SELECT {COLUMNS}, geom FROM 医保.药店",
        "--places", "table:places", "--population", "table:cells", "--register-datum", "cgcs2000", "--plan", "zhongwei",
        "--out", tmp_path / "out",
    ]  # fmt: skip
    for _again in range(2):
        assert run(*given, "--to", url) == 0
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err
    record = next((tmp_path / "out").glob("*_run.json")).read_text(encoding="utf-8")
    assert SECRET not in record
    assert "postgresql://bureau@" in record
    assert json.loads(record)["inputs"][0]["options"]["sql"].startswith("SELECT")
    with connected(address_of(url)) as c:
        ((n, srid),) = c.run("SELECT count(*), min(ST_SRID(geometry)) FROM circle15_institutions")
        assert (n, srid) == (5, 4326)
        assert c.run("SELECT others_within FROM circle15_institutions WHERE id = 'P64050200001'") == [[2]]
        assert c.run("SELECT count(*) FROM circle15_places") == [[7]]
        kinds = dict(c.run("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'circle15_coverage'"))  # fmt: skip
        assert kinds["share"] == "double precision"
        assert c.run("SELECT count(*) > 0 FROM circle15_findings") == [[True]]
    assert faults(lambda: write_nowhere(url)) == ["database.table"]


@pytest.mark.parametrize("read", ["table:circle15_institutions", "sql:SELECT * FROM behind"])
def test_results_never_replace_a_table_that_is_read(database, tmp_path, capsys, read):
    url, _ = database
    with connected(address_of(url), write=True) as c:
        c.run("DROP TABLE IF EXISTS circle15_institutions")
        c.run(f"CREATE TABLE circle15_institutions AS SELECT {COLUMNS}, geom FROM 医保.药店")
        c.run("CREATE VIEW behind AS SELECT * FROM circle15_institutions")
    try:
        to = f"{url}?schema=public"
        assert run("assess", city_file(tmp_path, url, read), "--out", tmp_path / "out", "--lang", "en", "--to", to) == 2
        said = capsys.readouterr().err
        assert "--to would replace a table that this command reads." in said
        assert "public.circle15_institutions" in said
        assert SECRET not in said
        assert not (tmp_path / "out").exists()
    finally:
        with connected(address_of(url), write=True) as c:
            assert c.run("SELECT count(*) FROM behind") == [[5]]
            c.run("DROP VIEW behind")


def write_nowhere(url):
    from circle15.write.results import _to_database

    _to_database(f"{url}?schema=nowhere", {"coverage": pd.DataFrame({"a": [1]})})


def test_results_go_to_a_geopackage(toy_city, tmp_path):
    for name in ("a.gpkg", "b.gpkg"):
        assert run("assess", toy_city, "--out", tmp_path / "out", "--to", tmp_path / name) == 0
    held = sqlite3.connect(tmp_path / "a.gpkg")
    names = {r[0] for r in held.execute("SELECT table_name FROM gpkg_contents")}
    held.close()
    assert names == {"institutions", "places", "gaps", "coverage", "findings"}
    assert len(gpd.read_file(tmp_path / "a.gpkg", layer="institutions")) == 5
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert run("assess", toy_city, "--out", tmp_path / "out", "--to", tmp_path / "x.txt") == 2


@pytest.fixture
def encrypted(started):
    """URL of the server, and the file of its certificate, which no authority has signed."""
    server, _ = started
    if server.certificate is None:
        pytest.skip("openssl is not installed here")
    return server


def is_encrypted(url):
    with connected(address_of(url)) as c:
        return c.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0][0]


def test_connections_are_encrypted_unless_that_is_switched_off(encrypted):
    url, certificate = encrypted
    assert is_encrypted(url)
    assert is_encrypted(f"{url}?sslmode=require")
    assert not is_encrypted(f"{url}?sslmode=disable")
    for mode in ("verify-ca", "verify-full"):
        assert is_encrypted(f"{url}?sslmode={mode}&sslrootcert={certificate}")
    assert is_encrypted(f"{url.replace('127.0.0.1', 'localhost')}?sslmode=verify-ca&sslrootcert={certificate}")


def refused_for(url):
    """Id of the one problem of a connection, worded without the password."""
    with pytest.raises(InputError) as caught, connected(address_of(url)):
        pass
    assert all(SECRET not in word_error(caught.value, lang) for lang in LANGS)
    return [p.id for p in caught.value.problems]


def test_a_certificate_that_is_not_trusted_is_said(encrypted, tmp_path):
    url, certificate = encrypted
    for mode in ("verify-ca", "verify-full"):
        assert refused_for(f"{url}?sslmode={mode}") == ["database.certificate"]
    other_host = url.replace("127.0.0.1", "localhost")  # the certificate names the address only
    assert refused_for(f"{other_host}?sslmode=verify-full&sslrootcert={certificate}") == ["database.certificate"]
    (tmp_path / "none.pem").write_text("no certificate", encoding="ascii")
    for file in ("none.pem", "missing.pem"):
        assert refused_for(f"{url}?sslmode=verify-ca&sslrootcert={tmp_path / file}") == ["database.authority"]
    assert refused_for(f"{url}?sslmode=requird") == ["database.sslmode"]


def test_a_server_without_encryption_is_said():
    """A server that answers N to the request for encryption, as PostgreSQL does without it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            with listening.accept()[0] as asked:
                asked.recv(8)
                asked.sendall(b"N")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listening.getsockname()[1]
        assert refused_for(f"postgresql://me:{SECRET}@127.0.0.1:{port}/x?sslmode=require") == ["database.no_encryption"]
        thread.join()


def test_addresses_show_no_password():
    address = address_of("postgresql://me:geheim@10.0.0.1/gis?sslmode=require&schema=out")
    assert (address.port, address.schema, address.sslmode) == (5432, "out", "require")
    assert "geheim" not in f"{address} {address!r}"
    assert is_database("POSTGRES://x")
    assert query_of("table: public.a") == Query(table="public.a")
    assert query_of("C:/table.xlsx") is None

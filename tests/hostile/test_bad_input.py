"""Whatever the bytes, a reading ends in worded problems: never another exception, never a changed input."""

from __future__ import annotations

import builtins
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from circle15.errors import Circle15Error, InputError
from circle15.read.city import load_city
from circle15.read.institutions import read_institutions
from circle15.read.places import read_places
from circle15.read.population import read_population
from circle15.words import LANGS, word_error

READERS: dict[str, Callable[[Path], object]] = {
    "institutions": lambda p: read_institutions(p, datum="gcj02", service="pharmacy"),
    "places": lambda p: read_places(p, level="district", datum="wgs84"),
    "population": lambda p: read_population(p, datum="wgs84"),
    "city": load_city,
}
KINDS = {
    "institutions": ["xlsx", "xls", "csv", "geojson", "gpkg", "parquet", "shp"],
    "places": ["geojson", "gpkg", "parquet", "shp"],
    "population": ["tif", "csv", "geojson", "xlsx"],
    "city": ["toml"],
}
CASES = [(reader, kind) for reader, kinds in KINDS.items() for kind in kinds]
STARTS = {
    "xlsx": b"PK\x03\x04", "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "gpkg": b"SQLite format 3\x00", "parquet": b"PAR1",
    "shp": b"\x00\x00\x27\x0a", "tif": b"II*\x00", "geojson": b'{"type":', "csv": b"lon,lat\n", "toml": b"[city]\n",
}  # fmt: skip


def said(read: Callable[[], object]) -> list[str]:
    """Ids of the problems; each worded in both languages on lines that can be printed."""
    with pytest.raises(Circle15Error) as caught:
        read()
    assert caught.value.problems
    for lang in LANGS:
        text = word_error(caught.value, lang)
        assert text.strip()
        assert all(c.isprintable() for c in text.replace("\n", ""))
        assert "Traceback" not in text
    return [p.id for p in caught.value.problems]


@pytest.mark.parametrize(("reader", "kind"), CASES)
def test_missing_empty_and_folder(tmp_path: Path, reader: str, kind: str) -> None:
    read = READERS[reader]
    assert said(lambda: read(tmp_path / f"none.{kind}")) == ["file_missing"]
    (tmp_path / f"empty.{kind}").touch()
    assert said(lambda: read(tmp_path / f"empty.{kind}")) == ["file_empty"]
    (tmp_path / f"folder.{kind}").mkdir()
    assert said(lambda: read(tmp_path / f"folder.{kind}")) == ["file_is_folder"]


@pytest.mark.parametrize(("reader", "kind"), CASES)
def test_no_permission(tmp_path: Path, reader: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"locked.{kind}"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert said(lambda: READERS[reader](path)) == ["file_no_permission"]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "gpkg", "parquet", "shp", "geojson"])
@pytest.mark.parametrize("content", [b"<html><table></table></html>", b"just text", b"%PDF-1.4", b"\x00\x01\x02\x03"])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, kind: str, content: bytes) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    assert said(lambda: READERS["institutions"](path)) == ["file_wrong_kind"]


def test_a_text_called_tif_a_zip_called_csv_and_a_csv_called_toml(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("1 2 3", encoding="utf-8")
    assert said(lambda: READERS["population"](tmp_path / "a.tif")) == ["file_wrong_kind"]
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as bundle:
        bundle.writestr("x", "y")
    assert said(lambda: READERS["institutions"](tmp_path / "a.csv")) == ["file_wrong_kind"]
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as bundle:
        bundle.writestr("x", "y")
    assert said(lambda: READERS["institutions"](tmp_path / "b.xlsx")) == ["file_unreadable"]
    (tmp_path / "a.docx").write_text("x", encoding="utf-8")
    assert said(lambda: READERS["institutions"](tmp_path / "a.docx")) == ["file_kind_unknown"]


@pytest.mark.parametrize(("reader", "kind"), CASES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=300))
def test_any_bytes_end_in_words(tmp_path: Path, reader: str, kind: str, tail: bytes) -> None:
    path = tmp_path / f"a.{kind}"
    data = STARTS[kind] + tail
    path.write_bytes(data)
    if kind == "shp":
        path.with_suffix(".dbf").write_bytes(tail or b"x")
        path.with_suffix(".shx").write_bytes(tail or b"x")
    said(lambda: READERS[reader](path))
    assert path.read_bytes() == data


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0.01, 0.99), flip=st.integers(0, 255))
def test_damaged_workbooks_end_in_words_or_in_a_table(tmp_path: Path, cut: float, flip: int) -> None:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    book.add_worksheet().write_row(0, 0, ["id", "name", "lon", "lat"])
    book.close()
    data = bytearray(buffer.getvalue())
    data[int(cut * len(data))] ^= flip
    path = tmp_path / "a.xlsx"
    path.write_bytes(bytes(data[: max(int(cut * 2 * len(data)), 10)]))
    said(lambda: READERS["institutions"](path))


def test_another_encoding_is_asked_for_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "id,name,lon,lat\n1,Café Ñandú é à,105,37\n"
    path.write_bytes(text.encode("latin-1"))
    assert said(lambda: READERS["institutions"](path)) == ["encoding_unknown"]
    read = lambda encoding: read_institutions(path, datum="wgs84", service="pharmacy", encoding=encoding)  # noqa: E731
    assert read("latin-1").table["name"].tolist() == ["Café Ñandú é à"]
    assert said(lambda: read("utf-8")) == ["encoding_wrong"]
    assert said(lambda: read("no-such")) == ["encoding_name"]
    path.write_bytes(text.encode("utf-16"))
    assert said(lambda: READERS["institutions"](path)) == ["encoding_unknown"]
    assert len(read("utf-16").table) == 1


NAMES = [
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "'; DROP TABLE x;--", "{0}{name}{", "\u202eevil", "a\u0000b", "𠮷野家",
    "x" * 5000, "../../etc/passwd", "%s%n", "\\u0000",
]  # fmt: skip


def test_hostile_names_pass_through_as_data(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"id": [str(i) for i in range(len(NAMES))], "name": NAMES}, geometry=[Point(105, 37)] * len(NAMES), crs=4326
    )
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    shown = [n.replace("\u202e", "").replace("\u0000", " ") for n in NAMES]  # hidden characters never come in
    assert READERS["institutions"](path).table["name"].tolist() == shown  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_values_in_a_fault_can_be_printed(tmp_path: Path, name: str) -> None:
    feature = {"type": "Feature", "properties": {"id": "1", "name": "a", "beds": name}, "geometry": None}
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    assert set(said(lambda: READERS["institutions"](path))) == {"number_text", "geometry_missing"}


LONE = "\ud800"  # half of a character: no file can hold it, but escapes and some codecs hand it on


def test_lone_surrogates_in_names_become_the_replacement_mark_or_words(tmp_path: Path) -> None:
    feature = {
        "type": "Feature", "properties": {"id": "1", f"name{LONE}": "x", "name": f"a{LONE}", "beds": LONE},
        "geometry": {"type": "Point", "coordinates": [105, 37]},
    }  # fmt: skip
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="ascii")
    assert said(lambda: READERS["institutions"](path)) == ["number_text"]
    feature["properties"] = {"id": "1", "name": f"a{LONE}"}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="ascii")
    assert READERS["institutions"](path).table["name"].tolist() == ["a\ufffd"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("encoding", "name"), [("utf-7", b"+2AA-"), ("raw_unicode_escape", b"\\ud800")])
def test_lone_surrogates_of_a_codec_are_another_encoding(tmp_path: Path, encoding: str, name: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,name,lon,lat\n1," + name + b",105,37\n")
    assert said(lambda: read_institutions(path, datum="wgs84", service="pharmacy", encoding=encoding)) == ["encoding_wrong"]  # fmt: skip


def test_lone_surrogates_in_options_and_file_names_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,name,lon,lat\n1,a,105,37\n", encoding="ascii")

    def read(file: Path = path, **options: object) -> object:
        return read_institutions(file, datum="wgs84", service="pharmacy", **options)  # type: ignore[arg-type]

    assert said(lambda: read(columns={"name": LONE})) == ["column_mapped_missing"]
    assert said(lambda: read(encoding=LONE)) == ["encoding_wrong"]
    assert said(lambda: read(tmp_path / f"{LONE}.csv")) == ["file_unreadable"]
    assert said(lambda: load_city(tmp_path / f"{LONE}.toml")) == ["file_unreadable"]


def test_what_the_vector_library_remarks_is_passed_on_in_words(tmp_path: Path) -> None:
    ring = [[105, 37], [106, 37], [106, 38], [105, 38]]  # not closed
    geometry = {"type": "Polygon", "coordinates": [ring]}
    features = [{"type": "Feature", "properties": {"编码": "640502", "名称": "区"}, "geometry": geometry}]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        READERS["places"](path)
    assert "geometry_missing" in {p.id for p in caught.value.problems}


def test_a_file_name_that_is_hostile(tmp_path: Path) -> None:
    path = tmp_path / "{0}\u202e名 册%s.csv"
    path.write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        READERS["institutions"](path)
    assert word_error(caught.value, "zh")


def test_a_shapefile_without_its_companions(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoDataFrame({"name": ["甲"]}, geometry=[Point(105, 37)]).to_file(tmp_path / "a.shp", encoding="utf-8")
    (tmp_path / "a.dbf").unlink()
    assert said(lambda: READERS["institutions"](tmp_path / "a.shp")) == ["file_companion_missing"]


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "FeatureCollection", "features": []}',
        '{"type": "Topology"}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "a"}, "geometry": {"type": "Point", "coordinates": [1e400, 2]}}]}',
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": []}}]}',
        "{" * 5000,
    ],
)  # fmt: skip
def test_odd_geojson(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(text, encoding="utf-8")
    said(lambda: READERS["institutions"](path))
    said(lambda: READERS["places"](path))
    said(lambda: READERS["population"](path))

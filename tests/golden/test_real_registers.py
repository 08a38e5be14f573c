"""Real registers as people keep them: they load with what they need told, and are refused in words without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from circle15.errors import InputError
from circle15.read.institutions import read_institutions
from circle15.read.places import read_places
from circle15.read.population import read_population
from circle15.words import word_error

SHARED = Path(os.environ.get("CIRCLE15_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="real data for local checks are not here")
SEOUL = {"encoding": "CP949", "crs": "EPSG:5179"}


def refused(read: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        read()  # type: ignore[operator]
    assert "CP949" in word_error(caught.value, "zh") or "EPSG" in word_error(caught.value, "zh")
    return [p.id for p in caught.value.problems]


def test_seoul_is_refused_in_words_until_crs_and_encoding_are_given() -> None:
    path = SHARED / "seoul" / "hospitals.shp"
    read = lambda **k: read_institutions(path, datum="wgs84", service="outpatient", **k)  # noqa: E731
    assert refused(read) == ["encoding_unstated", "no_crs"]
    assert refused(lambda: read(encoding="CP949")) == ["no_crs"]
    assert refused(lambda: read(crs="EPSG:5179")) == ["encoding_unstated"]
    assert refused(lambda: read(encoding="CP949", crs="EPSG:4326")) == ["coordinates_projected"]


def test_seoul_register_and_units_load_once_told() -> None:
    folder = SHARED / "seoul"
    columns = {"name": "요양기", "address": "주소"}
    table = read_institutions(
        folder / "hospitals.shp", datum="wgs84", service="outpatient", columns=columns, **SEOUL
    ).table  # fmt: skip
    assert len(table) == 3299
    assert table.loc[0, "address"].startswith("서울특별시 동대문구")
    assert table.geometry.x.between(126.7, 127.3).all()
    assert table.geometry.y.between(37.4, 37.8).all()
    units = read_places(
        folder / "dongs.shp", level="township", columns={"id": "EMD_CD", "name": "EMD_KOR_NM"}, **SEOUL
    ).table  # fmt: skip
    assert len(units) == 68
    assert units["residents"].sum() == 2_236_655
    held = read_population(folder / "dongs.shp", **SEOUL).table
    assert held.cells["residents"].sum() == 2_236_655  # type: ignore[union-attr]
    # the register's own degrees agree with the transformed points
    assert table.geometry.iloc[0].x == pytest.approx(127.0253291, abs=2e-5)
    assert table.geometry.iloc[0].y == pytest.approx(37.5742265, abs=2e-5)


def test_private_hospitals_in_three_formats() -> None:
    folder = SHARED / "hospital_viz"
    read = lambda name, **k: read_institutions(folder / name, datum="gcj02", service="inpatient", **k)  # noqa: E731
    csv = read("hospital.csv").table
    shp = read("hospital.shp", crs="EPSG:4326").table
    assert len(csv) == len(shp) == 457
    assert set(shp.geometry.geom_type) == {"Point"}
    assert set(csv["name"]) == set(shp["name"])
    assert (~csv["name"].str.contains("[\ufffd\u00c0-\u00ff]")).all()
    assert refused(lambda: read("hospital.shp")) == ["no_crs"]


def test_shenzhen_units_carry_their_crs_and_chinese_names() -> None:
    reading = read_population(SHARED / "shenzhen" / "研究单元_面.shp")
    held = reading.table
    assert held.kind == "area"
    assert held.cells["residents"].sum() == 17_681_223  # type: ignore[union-attr]
    assert reading.source.options["crs"] == "EPSG:4547"
    bounds = held.cells.total_bounds  # type: ignore[union-attr]
    assert 113.7 < bounds[0] < bounds[2] < 114.7
    assert 22.3 < bounds[1] < bounds[3] < 22.9
    districts = SHARED / "shenzhen" / "ShenZhen.shp"
    with pytest.raises(InputError) as caught:
        read_places(districts, level="district", datum="wgs84")
    assert {(p.id, p.value) for p in caught.value.problems} == {("place_id_duplicate", "440307")}
    table = read_places(districts, level="district", datum="wgs84", columns={"id": "地名", "name": "地名"}).table
    assert len(table) == 10


def test_las_palmas_services_of_openstreetmap() -> None:
    path = SHARED / "las_palmas" / "las_palmas_institutions.geojson"
    other = {"dentist": None, "doctors": None, "social_facility": None}
    with pytest.raises(InputError) as caught:
        read_institutions(path, datum="wgs84")
    assert {p.value for p in caught.value.problems} == set(other)
    reading = read_institutions(path, datum="wgs84", services=other)
    counts = reading.table["service"].value_counts().to_dict()
    assert counts == {"outpatient": 88, "pharmacy": 82, "inpatient": 27, "ltc_facility": 2}
    unnamed = next(p for p in reading.warnings if p.id == "name_missing")
    assert unnamed.params["count"] == 26

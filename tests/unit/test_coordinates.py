"""Coordinates as people write them: what is read, what is refused, how far rounding may have moved a position."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circle15.project.datum import from_wgs84
from circle15.project.metric import distances_m
from circle15.read.coordinates import BLANK, DMS, NUMBER, UNREAD, read_axis, steps_of
from circle15.read.faults import Faults, word_assumption
from circle15.read.points import accuracy_of, read_positions
from circle15.read.values import Column

LON, LAT = 105.196698, 37.513274


def positions(x, y, *, datum="wgs84", crs=None, near=None):
    faults = Faults("register.xlsx")
    rows = range(2, len(x) + 2)
    system = None if crs is None else pyproj.CRS.from_user_input(crs)
    found = read_positions(
        Column(x, rows, "经度", "药店"), Column(y, rows, "纬度", "药店"), faults, datum=datum, crs=system, near=near
    )
    return found, faults


def errors(faults):
    return [(p.id, p.row) for p in faults.problems if p.severity == "error"]


@pytest.mark.parametrize(
    ("text", "value", "form", "step"),
    [
        ("105.196698", 105.196698, NUMBER, 1e-6),
        ("１０５．１９６６９８", 105.196698, NUMBER, 1e-6),
        ("105.1960", 105.196, NUMBER, 1e-4),
        ("E105.1967°", 105.1967, NUMBER, 1e-4),
        ("西经15.43", -15.43, NUMBER, 1e-2),
        ("105°11′48.1″", 105.19669444444444, DMS, 0.1 / 3600),
        ("105度11分48.1秒", 105.19669444444444, DMS, 0.1 / 3600),
        ("东经105°11'48\"", 105.19666666666667, DMS, 1 / 3600),
        ("105°11'48''E", 105.19666666666667, DMS, 1 / 3600),
        ("105 11 48.10", 105.19669444444444, DMS, 0.01 / 3600),
        ("105-11-48", 105.19666666666667, DMS, 1 / 3600),
        ("105°11.80′", 105.19666666666667, DMS, 0.01 / 60),
        ("37°31′S", -37.516666666666666, DMS, 1 / 60),
    ],
)
def test_written_forms(text, value, form, step):
    axis = read_axis([text])
    assert axis.form[0] == form
    assert axis.values[0] == pytest.approx(value, abs=1e-12)
    assert axis.step[0] == pytest.approx(step, rel=1e-9)


@pytest.mark.parametrize(
    "text", ["待定", "105°61′", "105°11′60″", "105°11.5′30″", "E105W", "105..2", "1,2", "105 11", True]
)
def test_what_is_no_coordinate_is_unread(text):
    axis = read_axis([text])
    assert axis.form[0] == UNREAD
    assert np.isnan(axis.values[0])


def test_blank_cells_and_foreign_numbers():
    axis = read_axis([None, "", float("nan"), 105, np.float32(105.5)])
    assert axis.form.tolist() == [BLANK, BLANK, BLANK, NUMBER, NUMBER]
    assert steps_of(np.array([105.0, 500100.0, 37.25, 1e308, np.nan])).tolist()[:3] == [1.0, 100.0, 0.01]


@given(st.floats(-179.9, 179.9), st.integers(0, 3))
def test_degrees_minutes_seconds_come_back(value, decimals):
    total = round(abs(value) * 3600, decimals)
    degrees, rest = divmod(total, 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if value < 0 else ''}{degrees:.0f}°{minutes:.0f}′{seconds:.{decimals}f}″"
    axis = read_axis([text])
    if seconds >= 59.9995:  # rounds up to 60, which is refused
        return
    assert axis.form[0] == DMS
    assert axis.values[0] == pytest.approx(np.copysign(total / 3600, value), abs=1e-9 + 10.0**-decimals / 7000)


def test_sexagesimal_and_exchanged_positions_are_converted_and_told():
    found, faults = positions(["105°11′48.1″", 37.513274, LON], ["37°30′47.8″", 105.196698, LAT])
    np.testing.assert_allclose(found.lon, [LON, LON, LON], atol=1e-5)
    np.testing.assert_allclose(found.lat, [LAT, LAT, LAT], atol=1e-5)
    assert errors(faults) == []
    assert {(a.what, a.count, a.row) for a in faults.assumed} == {("swapped_axes", 1, 3), ("degrees_minutes", 1, 2)}
    told = {(c.row, c.column): (c.before, c.after) for c in faults.corrected}
    assert told[3, "经度"] == ("37.513274", "105.196698")
    assert told[3, "纬度"] == ("105.196698", "37.513274")
    assert told[2, "经度"][1].startswith("105.19669")
    for lang in ("zh", "en"):
        assert all(word_assumption(a, lang) for a in faults.assumed)


def test_a_side_written_in_the_cell_tells_the_exchange_anywhere():
    found, faults = positions(["N28.1234567"], ["W15.4321012"])
    assert (found.lon[0], found.lat[0]) == (-15.4321012, 28.1234567)
    assert [a.what for a in faults.assumed] == ["swapped_axes"]


def test_metres_with_a_zone_number_are_read_in_either_order():
    to_zone = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4523", always_xy=True)  # zone 35, 105° E
    east, north = to_zone.transform(LON, LAT)
    assert 35e6 < east < 36e6
    found, faults = positions([east, north], [north, east], datum="gcj02")
    assert errors(faults) == []
    assert distances_m(found.lon, found.lat, LON, LAT).max() < 1e-3  # not shifted: a survey's metres are CGCS2000
    (told,) = faults.assumed
    assert (told.what, told.count, told.params["zone"], told.params["meridian"]) == ("zone_prefixed", 2, 35, "105")
    assert "35" in word_assumption(told, "zh")


def test_six_degree_zones_are_told_by_their_numbers():
    east, north = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4496", always_xy=True).transform(LON, LAT)  # zone 18
    assert 18e6 < east < 19e6
    found, _ = positions([east], [north])
    assert distances_m(found.lon, found.lat, LON, LAT)[0] < 1e-3


def test_metres_without_a_zone_number_need_the_city():
    east, north = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4544", always_xy=True).transform(LON, LAT)
    _, faults = positions([east], [north])
    assert errors(faults) == [("coordinate_metres", 2)]
    found, faults = positions([east], [north], near=(104.2, 36.1, 106.2, 37.9))
    assert errors(faults) == []
    assert distances_m(found.lon, found.lat, LON, LAT)[0] < 1e-3
    assert [(a.what, a.params["crs"]) for a in faults.assumed] == [("zone_inferred", "EPSG:4544")]
    _, faults = positions([east], [north], near=(73.0, 18.0, 135.0, 53.0))  # a whole country tells nothing
    assert errors(faults) == [("coordinate_metres", 2)]


def test_every_fault_names_its_row_and_a_stated_system_is_obeyed():
    _, faults = positions(["待定", "", "inf", 190.0, 12345678.0], [LAT, LAT, LAT, LAT, LAT])
    assert sorted(errors(faults)) == sorted([
        ("coordinate_unclear", 2), ("coordinate_missing", 3), ("number_not_finite", 4), ("lon_range", 5),
        ("coordinate_metres", 6),
    ])  # fmt: skip
    east, north = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True).transform(114.06, 22.54)
    found, faults = positions([east, 1e300], [north, 1e300], crs="EPSG:4547")
    assert distances_m(found.lon[:1], found.lat[:1], 114.06, 22.54)[0] < 1e-3
    assert errors(faults) == [("coordinate_outside_crs", 3)]


def test_many_exchanged_rows_make_one_warning():
    _, faults = positions([LAT] * 30, [LON] * 30)
    assert [(p.id, p.severity, p.params["count"]) for p in faults.problems] == [("coordinates_swapped", "warning", 30)]


def test_rounding_makes_an_accuracy_and_a_reason():
    lon = ["105.196698", "105.197", "105.20", "105°11′48″", "105.1967"]
    lat = ["37.513274", "37.513", "37.51", "37°30′48″", "37.5133"]
    found, _ = positions(lon, lat)
    metres, reason = accuracy_of(found, np.full(5, np.nan), default_m=10.0)
    assert reason.tolist() == ["assumed", "rounded_3", "rounded_2", "rounded_seconds", "rounded_4"]
    np.testing.assert_allclose(metres, [10.0, 80.9, 719.5, 29.7, 17.1], atol=1.0)
    metres, reason = accuracy_of(found, np.array([5.0, 5.0, 900.0, 5.0, 50.0]), default_m=10.0)
    assert reason.tolist() == ["stated", "rounded_3", "stated", "rounded_seconds", "stated"]
    assert metres[2] == 900.0


@given(st.floats(73.5, 134.5), st.floats(18.5, 53.5), st.integers(2, 4))
def test_a_rounded_position_is_within_its_accuracy(lon, lat, digits):
    found, _ = positions([f"{lon:.{digits}f}"], [f"{lat:.{digits}f}"])
    moved = distances_m([lon], [lat], found.lon, found.lat)[0]
    assert moved <= found.rounding_m[0] * 1.01


def test_dropped_noughts_are_no_rounding():
    rng = np.random.default_rng(7)
    lon, lat = (np.round(rng.uniform(low, low + 0.5, 20_000), 6) for low in (105.0, 37.3))
    found, _ = positions(lon.tolist(), lat.tolist())
    assert (found.rounding_m == 0).mean() > 0.9999
    lon[:40], lat[:40] = np.round(lon[:40], 3), np.round(lat[:40], 3)
    found, _ = positions(lon.tolist(), lat.tolist())
    assert set(found.reason[:40]) == {"rounded_3"}


def test_layers_in_a_shifted_datum_know_their_rounding():
    import shapely

    from circle15.project.datum import to_wgs84
    from circle15.read.points import layer_positions

    shown = np.array([[105.197, 37.513], [105.196698, 37.513274]])
    lon, lat = to_wgs84(shown[:, 0], shown[:, 1], "gcj02")
    points = np.array([shapely.Point(x, y) for x, y in zip(lon, lat, strict=True)], dtype=object)
    found = layer_positions(points, [1, 2], Faults("a.geojson"), datum="gcj02", crs="EPSG:4326")
    assert found.reason.tolist() == ["rounded_3", ""]
    np.testing.assert_allclose(from_wgs84(found.lon, found.lat, "gcj02")[0], shown[:, 0], atol=1e-9)


@pytest.mark.parametrize("cell", ["105." + "1" * 400, "1e305", "-1e308", "0." + "0" * 400 + "1", 1e12, 1e300])
def test_numbers_beyond_any_precision_are_read_without_a_warning(cell):
    found, faults = positions([cell], [cell])
    assert errors(faults) or np.isfinite(found.rounding_m[0])

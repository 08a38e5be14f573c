"""Drawing without a browser: packing, policy, determinism, figures, hostile names in the text of the page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import drawn_city
import numpy as np
import pandas as pd
import pytest
import shapely
from drawn_city import DISTRICT
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from page_payload import PAYLOAD, blocks_of, bytes_of, values_of
from shapely.geometry import MultiPolygon, Point, Polygon, box

from circle15.draw import pack, page, payload, summary
from circle15.draw.ground import pack_ground
from circle15.draw.index import SCRIPTS as INDEX_SCRIPTS
from circle15.draw.index import draw_index
from circle15.draw.map import SCRIPTS, draw_district
from circle15.draw.page import content_policy, fill, inline_asset
from circle15.words import catalogue
from circle15.write.summary import summary_lines


@pytest.fixture(scope="module")
def assessment():
    return drawn_city.make_assessment(institutions=60, cells_across=24)


@pytest.fixture(scope="module")
def html(assessment):
    return draw_district(assessment, DISTRICT)


@given(st.binary(max_size=40))
def test_bytes_stand_in_a_page_as_plain_signs(raw):
    text, size = pack.pack_bytes(raw)
    assert bytes_of(text, size) == raw
    assert re.fullmatch(r"[!-~]*", text)
    assert not set(text) & set("<>&\"'`\\/-")


def arrays_of(raw: bytes) -> list[np.ndarray]:
    """Slow twin of the page's reader."""
    at, arrays = 0, []
    while at < len(raw):
        size = int.from_bytes(raw[at : at + 4], "little")
        body = raw[at + 4 : at + 4 + 4 * size]
        values = [
            int.from_bytes(bytes(body[k * size + n] for k in range(4)), "little", signed=True) for n in range(size)
        ]
        arrays.append(np.array(values, dtype=np.int64))
        at += 4 + 4 * size
    return arrays


def rings_of(arrays: list[np.ndarray]) -> list[list[list[tuple[float, float]]]]:
    counts, sizes, dx0, dy0, dx, dy = arrays
    cells, ring, rest, x0, y0 = [], 0, 0, 0, 0
    for count in counts:
        rings = []
        for _ in range(count):
            x0, y0 = x0 + dx0[ring], y0 + dy0[ring]
            x, y, points = x0, y0, [(x0, y0)]
            for _ in range(sizes[ring] - 1):
                x, y, rest = x + dx[rest], y + dy[rest], rest + 1
                points.append((x, y))
            rings.append(points)
            ring += 1
        cells.append(rings)
    return cells


@given(hnp.arrays(np.int32, st.integers(0, 40)), hnp.arrays(np.int32, st.integers(0, 5)))
@settings(max_examples=60)
def test_packed_arrays_come_back(first, second):
    back = arrays_of(pack.array_bytes([first, second]))
    assert [b.tolist() for b in back] == [first.tolist(), second.tolist()]


def test_polygons_points_and_holes_come_back():
    holed = Polygon(box(0, 0, 3, 3).exterior.coords, [box(1, 1, 2, 2).exterior.coords[::-1]])
    shapes = [
        box(10, 20, 11, 21),
        Point(-5, 7),
        MultiPolygon([holed, box(5, 5, 6, 6)]),
        Polygon([(0, 0), (1, 0), (0, 1)]),
    ]
    back = rings_of(arrays_of(pack.array_bytes(pack.polygon_arrays(shapes))))
    assert [len(c) for c in back] == [1, 1, 3, 1]
    assert back[1] == [[(-5_000_000, 7_000_000)]]
    assert len(back[3][0]) == 3
    for rings, shape in zip(back, shapes, strict=True):
        if shape.area:
            areas = [Polygon(r).area / 1e12 for r in rings]
            assert shape.area == pytest.approx(areas[0] + sum(areas[1:]) - 2 * (1.0 if len(rings) == 3 else 0.0))


def test_no_cells_pack_to_empty_arrays():
    assert [len(a) for a in arrays_of(pack.array_bytes(pack.polygon_arrays([])))] == [0] * 6


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, None), (float("nan"), None), (float("inf"), None), (pd.NA, None), (3.0, 3), (0.25, 0.2), ("x", None)],
)
def test_numbers_that_are_missing_are_none(value, told):
    assert pack.number(value) == told


@given(st.text())
def test_shown_text_holds_nothing_that_hides_or_reorders(text):
    told = pack.shown(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\u061c]", told)
    assert len(told) == len(text)


def test_same_input_same_bytes(assessment, html):
    assert draw_district(assessment, DISTRICT) == html
    again = drawn_city.make_assessment(institutions=60, cells_across=24)
    assert draw_district(again, DISTRICT) == html
    pages = {DISTRICT: "a.html"}
    assert draw_index(assessment, pages=pages) == draw_index(again, pages=pages)


def test_input_is_not_changed(assessment):
    before = assessment.sites.copy(), assessment.gaps.copy(), assessment.city.places.copy()
    draw_district(assessment, DISTRICT)
    for frame, was in zip((assessment.sites, assessment.gaps, assessment.city.places), before, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(was))


def test_page_names_no_address_that_a_browser_would_ask(html):
    for attribute in re.findall(
        r"""(?:src|href|action|data)\s*=\s*["']?[^"'\s>]+""", re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    ):
        assert "//" not in attribute
    assert not re.search(r"url\((?!data:|#default)", html)
    assert "@import" not in html
    assert "sourceMappingURL" not in html
    assert not re.search(r"jsdelivr|cdnjs|unpkg|code\.jquery|netdna|openstreetmap", html)


def test_policy_allows_exactly_our_scripts(html):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    inline = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert len(inline) == 1  # the one that unpacks; a browser runs the others only by their hash
    scripts = [*inline, *json.loads(blocks_of(html)["code"])["scripts"]]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts}
    allowed = re.search(r"script-src ([^;]*);", policy)[1].split()
    assert set(allowed) == hashes
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "\r" not in html  # a browser would read it as LF and the hash would differ


def test_hostile_names_stay_out_of_the_markup():
    html = draw_district(drawn_city.make_assessment(institutions=30, cells_across=10, hostile=True), DISTRICT)
    outside = re.sub(PAYLOAD, "", html)
    assert "window.hit" in html.split("</title>")[0]  # the title, escaped
    assert "<script>window.hit" not in outside
    assert "onerror='" not in outside
    assert "${window" not in outside
    assert "evil.example" not in outside
    assert "\u202e" not in html
    assert values_of(html)["district"]["name"] == "<script>window.hit=1</script>"


def test_unknown_assets_are_refused():
    with pytest.raises(ValueError, match="no installed package"):
        inline_asset("https://cdn.example/d3.min.js")
    assert inline_asset("https://code.jquery.com/jquery-3.7.1.min.js") is None
    assert "url(images" not in inline_asset("https://cdn.example/npm/leaflet@1.9.3/dist/leaflet.css")


def test_slots_are_filled_once_and_escaped():
    assert fill("<p>{{a}}</p>{{b}}", {"a": "{{b}}<&>", "b": '"'}) == "<p>{{b}}&lt;&amp;&gt;</p>&quot;"


def test_policy_of_nothing_is_well_formed():
    assert content_policy(["a"], ["b"]).count("sha256-") == 2


def test_circles_that_no_cap_can_be_told_for_are_never_none_above_it(assessment):
    unknown = replace(assessment, sites=assessment.sites.assign(circle_limit=np.nan, over_cap=None))
    told = {line for line in summary_lines(unknown, service="pharmacy", lang="zh") if "圈内上限" in line}
    assert len(told) == 1
    assert "没有可核对" in told.pop()


def test_summary_adds_up(assessment):
    told = summary.service_summary(assessment, DISTRICT, "pharmacy")
    sites = assessment.sites.query("district_id == @DISTRICT and service == 'pharmacy'")
    row = assessment.coverage.query("place_id == @DISTRICT and service == 'pharmacy'").iloc[0]
    assert told["institutions"] == len(sites)
    assert told["over_cap"] == sites["over_cap"].sum()
    assert told["uncovered"] == round(row["residents"] - row["covered"])
    assert told["cap"] == 25
    assert told["gaps"] == 4
    townships = assessment.totals.query("level == 'township' and parent == @DISTRICT")
    assert told["without"] == list(townships.query("n_pharmacy == 0")["place_id"])


def test_a_district_without_coverage_row_or_cap_is_told_as_missing(assessment):
    bare = replace(assessment, coverage=assessment.coverage.iloc[:0], findings=())
    told = summary.service_summary(bare, DISTRICT, "pharmacy")
    assert (told["share"], told["uncovered"], told["cap"]) == (None, None, None)
    assert values_of(draw_index(bare, pages={}))["rows"]["pharmacy"][0]["share"] is None
    draw_district(bare, DISTRICT)


def test_other_bounds_are_not_taken_for_the_cap(assessment):
    findings = summary.findings_by_place(assessment)["district", DISTRICT]
    beds = replace(findings[0], rule_id="pharmacy.dual_channel.district", observed=3.0, limit=5.0)
    assert summary.count_cap([beds], "pharmacy", 61) is None
    assert summary.count_cap([beds, findings[0]], "pharmacy", 61).limit == 25
    assert summary.count_cap([replace(beds, observed=61.0, limit=70.0)], "pharmacy", 61).limit == 70


@pytest.mark.parametrize(
    ("dense", "told"),
    [
        (3000.0, [500, 1500, 3000, 6000, 12000]),
        (5000.0, [500, 1500, 3000, 5000, 12000]),
        (100.0, [100, 1500, 3000, 6000, 12000]),
    ],
)
def test_the_plan_s_threshold_is_always_a_class_break(dense, told):
    assert payload.density_breaks(dense) == told


def test_classes_count_the_district_s_own_residents(assessment):
    district = payload.find_district(assessment, DISTRICT)
    counted = pack_ground(assessment, district, payload.density_breaks(3000.0)).told
    cells = assessment.city.population.cells
    inside = shapely.covers(district.outline, shapely.centroid(cells.geometry.to_numpy()))
    assert sum(c["cells"] for c in counted["classes"]) == inside.sum()
    assert sum(c["residents"] for c in counted["classes"]) == pytest.approx(cells["residents"][inside].sum(), abs=4)


def test_a_cell_at_the_threshold_is_dense(assessment):
    """A square of 0.01 degree whose residents make 3000 per km² by the geodesic area."""
    from circle15.project.metric import areas_m2

    square = box(105.2, 37.45, 105.201, 37.451)
    residents = 3000.0 * areas_m2([square])[0] / 1e6
    cells = assessment.city.population.cells.iloc[:1].assign(residents=residents).set_geometry([square])
    city = replace(assessment.city, population=replace(assessment.city.population, cells=cells))
    area = payload.find_district(assessment, DISTRICT)
    counted = pack_ground(replace(assessment, city=city), area, [500, 1500, 3000]).told
    assert [c["cells"] for c in counted["classes"]] == [0, 0, 0, 1]


def test_population_points_are_drawn_without_density(assessment):
    cells = assessment.city.population.cells
    points = cells.set_geometry(shapely.centroid(cells.geometry.to_numpy()))
    city = replace(
        assessment.city, population=replace(assessment.city.population, cells=points, kind="point", land=None)
    )
    told = values_of(draw_district(replace(assessment, city=city), DISTRICT))
    assert told["counted"]["points"] is True
    assert all(c["cells"] == 0 for c in told["counted"]["classes"])


def test_institutions_beyond_the_border_are_shown_faded(assessment):
    sites = values_of(draw_district(assessment, DISTRICT))["sites"]
    inside = dict(zip(sites["id"], sites["inside"], strict=True))
    table = assessment.sites.set_index("id")
    own = table.query("district_id == @DISTRICT")
    assert {i for i, v in inside.items() if v} == set(own.index)
    east = drawn_city.WEST + 3 * drawn_city.STEP
    near = table.query("district_id == '640503'")
    near = near[near.geometry.x < east + 1500 / 88500]
    assert set(near.index) <= set(inside)
    assert all(table.loc[i].geometry.x < east + 1700 / 88500 for i, v in inside.items() if not v)


def test_unknown_district_is_refused(assessment):
    with pytest.raises(KeyError):
        draw_district(assessment, "nowhere")


def test_nothing_but_outlines_still_draws(assessment):
    population = replace(assessment.city.population, cells=assessment.city.population.cells.iloc[:0])
    bare = replace(
        assessment, city=replace(assessment.city, population=population), sites=assessment.sites.iloc[:0],
        gaps=assessment.gaps.iloc[:0], findings=(), provenance={},
    )  # fmt: skip
    assert values_of(draw_district(bare, DISTRICT))["counted"]["cells"] == 0
    assert values_of(draw_index(bare, pages={}))["rows"]["pharmacy"][0]["cap"] is None


def test_five_hundred_institutions_and_twenty_thousand_cells_stay_small():
    large = drawn_city.make_assessment(institutions=900, cells_across=200, turn_deg=3.0)
    html = draw_district(large, DISTRICT)
    told = values_of(html)
    assert len(told["sites"]["id"]) > 450
    assert told["counted"]["cells"] > 15_000
    assert len(html.encode()) < 300_000


def test_every_word_of_the_pages_stands_in_both_languages():
    scripts = "".join(page.read_asset(name) for name in {*SCRIPTS, *INDEX_SCRIPTS})
    used = set(re.findall(r"""\bword\("([\w.]+)"[,)]""", scripts))
    assert len(used) > 50
    for lang in ("zh", "en"):
        missing = {w for w in used if f"map.{w}" not in catalogue(lang)}
        assert not missing
    zh, en = ({k for k in catalogue(lang) if k.startswith("map.")} for lang in ("zh", "en"))
    assert zh == en


def test_a_gap_across_the_border_is_drawn_on_both_sides_and_listed_on_one(assessment):
    border = drawn_city.WEST + 3 * drawn_city.STEP
    across = box(border - 0.004, 37.42, border + 0.01, 37.43)
    gaps = assessment.gaps.set_geometry([across, *assessment.gaps.geometry.iloc[1:]]).assign(district_id="640503")
    both = replace(assessment, gaps=gaps)
    here, there = (values_of(draw_district(both, d))["gaps"] for d in (DISTRICT, "640503"))
    own = [dict(zip(np.cumsum(g["rank"]), g["own"], strict=True))[1] for g in (here, there)]
    assert own == [0, 1]
    assert summary.service_summary(both, DISTRICT, "pharmacy")["gaps"] == 0

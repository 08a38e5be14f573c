"""Bad plan files: every fault at once, each with card, field, line, value and a remedy in both languages."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circle15.errors import PlanError
from circle15.policy.plan import load_plan
from circle15.words import LANGS, word_error

SOURCE = files("circle15.plans").joinpath("zhongwei.toml").read_text(encoding="utf-8")
TEXT = files("circle15.plans").joinpath("zhongwei.txt").read_text(encoding="utf-8")
QUOTES = [
    card["quote"]
    for section in tomllib.loads(SOURCE).values()
    for card in (section if isinstance(section, list) else [section])
    if isinstance(card, dict) and "quote" in card
]
SMALL = """schema = 1
city = "中卫市"
[document]
title = "规划"
issuer = "局"
status = "draft"
text = "plan.txt"
[circle]
radius_m = 800
clause = "一"
quote = "八百米"
[[place_class]]
id = "dense"
title = "密集"
by = "density_per_km2"
min = 3000
clause = "一"
quote = "八百米"
[[place_class]]
id = "large"
title = "大镇"
place = "township"
clause = "一"
quote = "八百米"
[[rule]]
kind = "area_limit"
id = "a.b"
title = "总量"
services = ["pharmacy"]
per = "city"
max = 3
clause = "一"
quote = "三 家"
"""
RULE = """[[rule]]
kind = "{kind}"
id = "x"
title = "t"
services = ["pharmacy"]
clause = "一"
quote = "三家"
"""


@pytest.fixture
def plan_of(tmp_path):
    def write(source, text="八百\u3000米，三家", name="plan.toml"):
        (tmp_path / "plan.txt").write_text(text, encoding="utf-8")
        (tmp_path / name).write_bytes(source if isinstance(source, bytes) else source.encode())
        return tmp_path / name

    return write


def faults(path):
    with pytest.raises(PlanError) as caught:
        load_plan(path)
    for lang in LANGS:
        words = word_error(caught.value, lang)
        assert words
        assert "{" not in words.replace("{ ", "")
    return caught.value.problems


def only(path):
    found = faults(path)
    assert len(found) == 1, found
    return found[0]


def changed(old, new, source=SMALL):
    assert old in source
    return source.replace(old, new, 1)


def test_the_small_plan_is_good(plan_of):
    assert load_plan(plan_of(SMALL)).rules[0].max == 3


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("max = 3\n", "max = 3\nmaxx = 4\n", ("unknown_key", "rule a.b maxx", 25)),
        ("max = 3\n", 'max = "3"\n', ("not_number", "rule a.b max", 25)),
        ("max = 3\n", "max = true\n", ("not_number", "rule a.b max", 25)),
        ("max = 3\n", "max = -1\n", ("out_of_range", "rule a.b max", 25)),
        ("max = 3\n", "max = nan\n", ("not_number", "rule a.b max", 25)),
        ("max = 3\n", "max = inf\n", ("not_number", "rule a.b max", 25)),
        ("max = 3\n", "", ("no_limit", "rule a.b max", 25)),
        ("max = 3\n", "max = 3\nmin = 4\n", ("bounds_reversed", "rule a.b max", 25)),
        ("max = 3\n", "max = 3\nmax_current = true\n", ("two_limits", "rule a.b max_current", 25)),
        ("max = 3\n", "max_rate = 3.7\n", ("missing_key", "rule a.b rate_per", 25)),
        ("max = 3\n", 'max_by_area = { "中宁县" = 3 }\n', ("wrong_ground", "rule a.b per", 25)),
        ("max = 3\n", 'max_indicator = "beds"\n', ("unknown_id", "rule a.b max_indicator", 25)),
        ("max = 3\n", 'max = 3\nwhere = { place_class = "dens" }\n', ("unknown_id", "rule a.b where.place_class", 25)),
        ("max = 3\n", 'max = 3\nwhere = { settings = ["village"] }\n', ("not_one_of", "rule a.b where.settings.1", 25)),
        ("max = 3\n", 'max = 3\nforce = "should"\n', ("not_one_of", "rule a.b force", 25)),
        ('per = "city"', 'per = "province"', ("not_one_of", "rule a.b per", 25)),
        ('per = "city"\n', "", ("missing_key", "rule a.b per", 25)),
        ('kind = "area_limit"', 'kind = "area"', ("not_one_of", "rule a.b kind", 25)),
        ('kind = "area_limit"\n', "", ("missing_key", "rule a.b kind", 25)),
        ('services = ["pharmacy"]', "services = []", ("empty", "rule a.b services", 25)),
        ('services = ["pharmacy"]', 'services = "pharmacy"', ("not_list", "rule a.b services", 25)),
        ('services = ["pharmacy"]', 'services = ["chemist"]', ("not_one_of", "rule a.b services.1", 25)),
        ('id = "a.b"', 'id = "药店"', ("bad_id", "rule 药店 id", 25)),
        ('quote = "三 家"', 'quote = "四家"', ("quote_not_found", "rule a.b quote", 25)),
        ('quote = "三 家"', 'quote = " "', ("empty", "rule a.b quote", 25)),
        ("radius_m = 800", "radius_m = 0", ("out_of_range", "circle radius_m", 8)),
        ("radius_m = 800\n", "", ("missing_key", "circle radius_m", 8)),
        ('text = "plan.txt"', 'text = "other.txt"', ("text_missing", "document text", 3)),
        ('text = "plan.txt"', 'text = "../plan.txt"', ("text_elsewhere", "document text", 3)),
        ('text = "plan.txt"', 'text = "/etc/passwd"', ("text_elsewhere", "document text", 3)),
        (
            'status = "draft"',
            'status = "draft"\nvalid_from = 2026-01-02\nvalid_to = 2026-01-01',
            ("dates_reversed", "document valid_to", 3),
        ),
        ('status = "draft"', 'status = "draft"\nvalid_to = "2026-01-01"', ("not_date", "document valid_to", 3)),
        ("min = 3000\n", "min = 3000\nbelow = 3000\n", ("bounds_reversed", "place_class dense below", 12)),
        ("min = 3000\n", "", ("no_limit", "place_class dense min", 12)),
        ('id = "large"', 'id = "dense"', ("duplicate_id", "place_class dense id", 19)),
        ("schema = 1", "schema = 2", ("wrong_schema", "schema", None)),
        ("schema = 1", "schema = true", ("wrong_schema", "schema", None)),
        ('city = "中卫市"\n', "", ("missing_key", "city", None)),
        ('city = "中卫市"\n', "city = 3\n", ("not_text", "city", None)),
        ('city = "中卫市"\n', 'city = "中卫市"\nrules = 3\n', ("unknown_section", "rules", None)),
        ("[circle]", '[density]\nunit = "street"\n[circle]', ("not_one_of", "density unit", 8)),
    ],
)
def test_one_fault_is_named_with_card_field_and_line(plan_of, old, new, expected):
    problem = only(plan_of(changed(old, new)))
    assert (problem.id.removeprefix("plan."), problem.column, problem.row) == expected
    assert problem.file == "plan.toml"


@pytest.mark.parametrize(
    ("kind", "more", "fault"),
    [
        ("circle_limit", "max = 1.5", "not_whole_number"),
        ("circle_limit", "counts_site = 1", "not_yes_no"),
        ("circle_limit", "max = 1\nmax_rate = 1.0\nrate_per = 5000", "two_limits"),
        ("circle_limit", "max_rate = 1.0", "missing_key"),
        ("area_limit", 'per = "city"\nmax = 1\nwhere = { not_settings = ["harbour"] }', "not_one_of"),
        ("require", 'yearly = [{ start = "3-1", end = "03-31" }]', "bad_id"),
        ("prefer", "near = { services = [] }", "empty"),
        ("circle_limit", "where = 3", "not_table"),
        ("mix", "shares = { tertiary = 0.5, secondary = 0.4 }", "shares_not_one"),
        ("mix", "shares = { third = 1.0 }", "not_one_of"),
        ("target", 'measure = "m"', "no_limit"),
        ("suspend", 'scope = "city"\nany_of = [{ indicator = "u", below = "v" }]', "unknown_id"),
        ("checklist", "max = 3", "unknown_key"),
        ("checklist", 'where = { settings = ["subdistrict"], not_settings = ["subdistrict"] }', "setting_both_ways"),
        ("area_limit", 'per = "township"\nmax_by_class = { huge = 3 }', "unknown_id"),
        ("area_limit", 'per = "district"\nmax_by_area = {}', "empty"),
        ("area_limit", 'per = "district"\nmax_by_area = { "中宁县" = "三" }', "not_number"),
        ("area_limit", 'per = "city"\nmax_share = 0.2', "missing_key"),
        ("area_limit", 'per = "city"\nmax_steps = [{ up_to = 3, max = 1 }, { up_to = 2, max = 2 }]', "bounds_reversed"),
        ("area_limit", 'per = "city"\nmax_steps = [{ max = 1 }, { up_to = 2, max = 2 }]', "bounds_reversed"),
        ("circle_limit", 'where = { zones = ["core"] }', "unknown_id"),
        ("circle_limit", 'against = ["nobody"]', "unknown_id"),
        ("circle_limit", 'catalogue = ["ZW29"]', "bad_id"),
        ("checklist", "valid_from = 2026-02-01\nvalid_to = 2026-01-01", "dates_reversed"),
        ("validity", "start = 2026-02-01\nend = 2026-01-01", "dates_reversed"),
        ("require", "windows = [{ start = 2026-02-01, end = 2026-01-01 }]", "dates_reversed"),
        ("ban", "years = 0", "out_of_range"),
        ("batch_limit", "max = 1", "missing_key"),
        ("direction", 'actual = "a"\ncalculated = "b"', "unknown_id"),
        ("replace", 'ratio = 0.1\nall_of = [{ indicator = "u" }]', "unknown_id"),
        ("exempt", "lifts = []", "empty"),
    ],
)
def test_each_kind_refuses_what_it_does_not_know(plan_of, kind, more, fault):
    found = faults(plan_of(SMALL + RULE.format(kind=kind) + more + "\n"))
    assert {p.id for p in found} == {f"plan.{fault}"}, found
    assert {p.row for p in found} == {SMALL.count("\n") + 1}


@pytest.mark.parametrize("formula", ["a ** 2", "import os", "f(a)", "u * 2"])
def test_a_formula_is_plain_arithmetic(plan_of, formula):
    card = f'[[indicator]]\nid = "u"\ntitle = "t"\nunit = "share"\nformula = "{formula}"\n'
    assert only(plan_of(SMALL + card)).id == "plan.bad_formula"


def test_all_faults_at_once(plan_of):
    bad = changed("max = 3\n", "max = -1\nmaxx = 3\n")
    bad = changed("radius_m = 800", 'radius_m = "800"', bad)
    bad = changed('quote = "三 家"', 'quote = "五家"', bad)
    bad = changed("schema = 1", "schema = 9", bad)
    found = [p.id.removeprefix("plan.") for p in faults(plan_of(bad))]
    assert sorted(found) == ["not_number", "out_of_range", "quote_not_found", "unknown_key", "wrong_schema"]


def test_a_misspelt_key_is_guessed(plan_of):
    problem = only(plan_of(changed("max = 3\n", "max = 3\nclauze = 1\n")))
    assert problem.params["near"] == "clause"


@pytest.mark.parametrize(
    ("old", "new"), [("max = 3", "max = = 3"), ('title = "总量"', 'title = "总量'), ("max = 3", "max = 3\nmax = 4")]
)
def test_toml_faults_name_their_line(plan_of, old, new):
    problem = only(plan_of(changed(old, new)))
    assert problem.id == "plan.toml_syntax"
    assert problem.row is not None
    assert 25 <= problem.row <= 33


@pytest.mark.parametrize("source", ["x = [" * 5000, "a = " + "9" * 5000, "\x00", "[[rule]", "= 1"])
def test_toml_that_is_meant_to_break_the_reader(plan_of, source):
    assert only(plan_of(source)).id == "plan.toml_syntax"


def test_an_empty_file_lacks_everything(plan_of):
    found = {p.id for p in faults(plan_of(""))}
    assert found == {"plan.wrong_schema", "plan.missing_key", "plan.missing_section"}


@pytest.mark.parametrize(
    "source", ["rule = 3", "rule = [3]", "[rule]", "document = 1", "circle = []", "place_class = 'x'"]
)
def test_sections_of_the_wrong_shape(plan_of, source):
    ids = {p.id for p in faults(plan_of("schema = 1\ncity = 'x'\n" + source))}
    assert ids & {"plan.not_list", "plan.not_table"}


def test_not_utf8(plan_of):
    problem = only(plan_of(SMALL.encode("gb18030")))
    assert (problem.id, problem.row) == ("plan.not_utf8", 2)


def test_text_not_utf8(plan_of, tmp_path):
    path = plan_of(SMALL)
    (tmp_path / "plan.txt").write_bytes("八百米，三家".encode("gb18030"))
    assert (only(path).id, only(path).file) == ("plan.not_utf8", "plan.txt")


@pytest.mark.parametrize("name", ["nowhere", "/no/such.toml", "", ".", "a\x00b", "x" * 5000])
def test_a_plan_that_is_not_there(name):
    problem = only(name)
    assert problem.id == "plan.not_found"
    assert "zhongwei" in problem.params["known"]


@pytest.mark.parametrize("at", range(0, len(TEXT), 1500))
def test_a_character_lost_from_the_text_is_noticed_where_it_is_quoted(tmp_path, at):
    spaceless = [i for i, c in enumerate(TEXT) if not c.isspace()]
    lost = next(i for i in spaceless if i >= at)
    text = TEXT[:lost] + TEXT[lost + 1 :]
    quoted = [q for q in QUOTES if "".join(q.split()) not in "".join(text.split())]
    (tmp_path / "zhongwei.txt").write_text(text, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(SOURCE, encoding="utf-8")
    if quoted:
        assert sorted(p.value for p in faults(tmp_path / "plan.toml")) == sorted(quoted)
    else:
        assert load_plan(tmp_path / "plan.toml").rules


def test_every_changed_quotation_is_noticed(tmp_path):
    (tmp_path / "zhongwei.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(SOURCE.replace('quote = "', 'quote = "〇'), encoding="utf-8")
    found = faults(tmp_path / "plan.toml")
    assert {p.id for p in found} == {"plan.quote_not_found"}
    assert len(found) == len(QUOTES)


@given(st.integers(0, len(SOURCE) - 1), st.sampled_from(["", "\x00", '"', "=", "]", "9", "汉", "\n"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_one_character_changed_loads_or_is_refused_in_words(tmp_path, at, put):
    (tmp_path / "zhongwei.txt").write_text(TEXT, encoding="utf-8")
    path = tmp_path / "plan.toml"
    path.write_bytes((SOURCE[:at] + put + SOURCE[at + 1 :]).encode())
    try:
        load_plan(path)
        words = ["good"]
    except PlanError as error:
        words = [word_error(error, lang) for lang in LANGS]
    assert all(words)

"""One day holds for a whole judgement 研判日期: that of the city file, or the option's, which overrules it."""

import datetime as dt
import json

import pandas as pd
import pytest

from circle15.cli.app import main
from circle15.cli.check import content_of
from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.check import check_data
from circle15.read.city import load_city, read_city
from circle15.schema import standing_on
from circle15.study import assess, find_service_gaps, judge_proposed
from circle15.write.check_book import count_rows

EARLY, LATE = dt.date(2020, 6, 30), dt.date(2026, 4, 30)
SITE = {"lon": 105.0215, "lat": 37.5155, "datum": "wgs84", "service": "pharmacy", "position_accuracy_m": 0.0}
DATES = {"P64050200002": ("2024-01-01", ""), "P64050200003": ("2020-01-01", "2021-12-31"), "P64052100001": ("2025-01-01", "")}  # fmt: skip
PHARMACIES = {
    EARLY: ["P64050200001", "P64050200003"],
    LATE: ["P64050200001", "P64050200002", "P64052100001"],
    None: ["P64050200001", "P64050200002", "P64050200003", "P64052100001"],
}


@pytest.fixture
def dated(toy_city):
    """The hand-drawn city with pharmacies that came and went; the city file's day can be set."""
    register = toy_city.parent / "register.csv"
    rows = []
    for line in register.read_text(encoding="utf-8").splitlines():
        cells = line.split(",")
        rows.append(",".join([*cells[:7], *DATES.get(cells[0], cells[7:])]))
    register.write_text("\n".join(rows) + "\n", encoding="utf-8")
    text = toy_city.read_text(encoding="utf-8")

    def on(day):
        told = f"as_of = {day}\n" if day else ""
        toy_city.write_text(text.replace("as_of = 2026-04-30\n", told), encoding="utf-8")
        return toy_city

    return on


def pharmacies(city):
    return sorted(i for i in city.institutions["id"] if i.startswith("P"))


def run(capsys, *args):
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in args])
    out, err = capsys.readouterr()
    assert done.value.code == 0, err
    return out


@pytest.mark.parametrize("file_day", [EARLY, LATE, None])
@pytest.mark.parametrize("day", [EARLY, LATE, None])
def test_one_day_holds_and_the_other_cuts_nothing(dated, file_day, day):
    files = load_city(dated(file_day))
    city = read_city(files)[0]
    assert pharmacies(city) == PHARMACIES[None]
    ready = Prepared(load_plan(files.plan), city, as_of=day)
    held = day or file_day
    assert (ready.as_of, ready.inputs.as_of, pharmacies(ready.city)) == (held, held, PHARMACIES[held])
    whole = ready.totals[ready.totals["level"] == "city"].iloc[0]
    assert whole["n_pharmacy"] == len(PHARMACIES[held])


@pytest.mark.parametrize(("file_day", "day"), [(EARLY, LATE), (LATE, EARLY)])
def test_the_option_overrules_the_city_file_everywhere(capsys, dated, tmp_path, file_day, day):
    path, told = dated(file_day), ["--as-of", day.isoformat()]
    place = ["--lon", SITE["lon"], "--lat", SITE["lat"], "--datum", "wgs84", "--service", "pharmacy"]
    given = json.loads(run(capsys, "site", path, *place, *told, "--json"))
    assert given["as_of"] == day.isoformat()
    assert given["run"]["as_of"] == {"day": day.isoformat(), "from": "option"}
    west = sum(i.startswith("P640502") for i in PHARMACIES[day])
    assert given["measures"]["others_within"] == west
    run(capsys, "assess", path, *told, "--out", tmp_path / "a")
    record = json.loads((tmp_path / "a" / "手绘市_assess_run.json").read_text(encoding="utf-8"))
    assert record["as_of"] == {"day": day.isoformat(), "from": "option"}
    run(capsys, "gaps", path, *told, "--service", "pharmacy", "--min-residents", 1, "--out", tmp_path / "g")
    gaps = json.loads(next((tmp_path / "g").glob("*_run.json")).read_text(encoding="utf-8"))
    assert gaps["as_of"] == record["as_of"]
    checked = run(capsys, "check-data", path, *told)
    assert (day.isoformat() in checked, file_day.isoformat() in checked) == (True, False)


def test_the_day_of_the_city_file_reaches_every_judgement(dated):
    files = load_city(dated(EARLY))
    plan, city = load_plan(files.plan), read_city(files)[0]
    verdict = judge_proposed(plan, city, **SITE)
    assert verdict.as_of == EARLY.isoformat()
    assert verdict.measures["others_within"] == 2
    result = assess(plan, city)
    assert sorted(i for i in result.sites["id"] if i.startswith("P")) == PHARMACIES[EARLY]
    assert result.provenance["as_of"] == {"day": EARLY.isoformat(), "from": "city_file"}
    gaps = find_service_gaps(plan, city, service="pharmacy", min_residents=1.0)
    own = result.gaps[result.gaps["service"] == "pharmacy"].reset_index(drop=True)
    assert gaps["residents"].tolist() == own["residents"].tolist()
    later = find_service_gaps(plan, city.on(LATE), service="pharmacy", min_residents=1.0)
    assert later["residents"].sum() < gaps["residents"].sum()


def test_without_any_day_all_count_and_none_is_recorded(dated):
    files = load_city(dated(None))
    plan, city = load_plan(files.plan), read_city(files)[0]
    assert judge_proposed(plan, city, **SITE).as_of == ""
    assert assess(plan, city).provenance["as_of"] == {"day": "", "from": ""}


def test_a_check_counts_those_who_stand_on_the_day(dated):
    found = check_data(load_city(dated(EARLY)))
    rows = count_rows(content_of(found), lang="zh")
    told = rows.loc[rows["check.remark"] == "零售药店", "check.after"].tolist()
    assert (pharmacies(found.city), told) == (PHARMACIES[None], [2.0])
    assert [(c.records, c.kept) for c in found.counts] == [(5, 3)]
    assert {a.what: a.count for a in found.assumptions if a.what in {"expired", "not_started"}} == {"not_started": 2}


def test_both_days_of_an_agreement_count_whatever_the_hour():
    times = pd.to_datetime(["2026-04-30 08:00", "2026-04-29 18:00", None])
    table = pd.DataFrame({"id": ["A", "B", "C"], "valid_from": times, "valid_to": times + pd.Timedelta("1h")})
    assert standing_on(table, LATE)["id"].tolist() == ["A", "C"]
    assert standing_on(table, None) is table

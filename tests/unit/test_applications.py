"""What applications say in Chinese is understood: names, yes and no, dates, lists; misspelt names are warned of."""

import datetime as dt
import json

import pytest

from circle15.cli.app import main
from circle15.policy.asked import attribute_kinds
from circle15.policy.plan import load_plan
from circle15.read.applications import key_of, misspelt, schema_form
from circle15.read.words_in import accepted

KINDS = attribute_kinds(load_plan("zhongwei")) | attribute_kinds(load_plan("wuhu"))


@pytest.mark.parametrize(
    ("name", "written", "key", "value"),
    [
        ("非营利性", "是", "non_profit", True),
        ("non_profit", "有", "non_profit", True),
        ("是否非营利", "否", "non_profit", False),
        ("非营利", "无", "non_profit", False),
        ("non_profit", 1.0, "non_profit", True),
        ("非营利性", "待定", "non_profit", "待定"),
        ("申请日期", "2026年4月30日", "application_date", "2026-04-30"),
        ("申请日期", "2026/4/30", "application_date", "2026-04-30"),
        ("application_date", dt.date(2026, 4, 30), "application_date", "2026-04-30"),
        ("许可证日期", 20260430.0, "licence_date", "2026-04-30"),
        ("申请日期", "尽快", "application_date", "尽快"),
        ("批准文件", "规划批复；环评", "approvals", "规划批复;环评"),
        ("标签", "双通道；dialysis", "tags", "dual_channel;dialysis"),
        ("护理型床位占比", "80%", "nursing_bed_share", 0.8),
        ("床位数", 50.0, "beds", 50.0),
        ("评分", 3.0, "评分", 3.0),
    ],
)
def test_values_come_to_schema_form(name, written, key, value):
    assert schema_form({name: written}, KINDS) == {key: value}


def test_blank_cells_say_nothing():
    assert schema_form({"申请日期": None, "非营利性": "", "床位": float("nan")}, KINDS) == {}


@pytest.mark.parametrize("city", ["zhongwei", "liuzhou", "shenyang", "suihua", "wuhu"])
def test_every_attribute_that_a_plan_asks_for_has_a_chinese_name(city):
    for key in attribute_kinds(load_plan(city)):
        known = {**accepted("institution"), **accepted("application")}[key]
        assert any("\u4e00" <= c <= "\u9fff" for word in known for c in word), key
        assert key_of(known[0]) == key


def test_misspelt_names_are_warned_of_with_the_nearest():
    told = [
        (p.value, p.params["known"]) for p in misspelt(["bed", "foo", "beds", "申请日期", "申请日"], KINDS, strict=True)
    ]
    assert [value for value, _ in told] == ["bed", "foo", "申请日"]
    assert (told[0][1], told[2][1]) == ("beds", "申请日期")
    assert "application_date" in told[1][1]
    assert [p.value for p in misspelt(["评分", "bed"], KINDS, strict=False)] == ["bed"]


def test_the_command_understands_and_warns(capsys, toy_city, tmp_path):
    table = tmp_path / "sites.csv"
    table.write_text(
        "名称,经度,纬度,类型,标签,非营利性,申请日期\n甲院,105.02,37.515,医院,医疗救助,是,2026年4月30日\n",
        encoding="utf-8",
    )
    site = ["site", str(toy_city), "--service", "inpatient", "--json"]
    place = ["--lon", "105.02", "--lat", "37.515", "--datum", "wgs84"]
    answers = []
    for more in (
        ["--sites", str(table), "--datum", "wgs84"],
        [
            *place,
            "--attribute",
            "标签=医疗救助",
            "--attribute",
            "非营利性=是",
            "--attribute",
            "申请日期=2026/4/30",
            "--attribute",
            "bed=50",
        ],
        [
            *place,
            "--attribute",
            "tags=medical_aid",
            "--attribute",
            "non_profit=true",
            "--attribute",
            "application_date=2026-04-30",
        ],
        [*place, "--attribute", "标签=医疗救助", "--attribute", "非营利性=否"],
    ):
        with pytest.raises(SystemExit) as stop:
            main([*site, *more])
        out, err = capsys.readouterr()
        assert stop.value.code == 0, err
        verdict = json.loads(out)
        verdict = verdict["verdicts"][0] if "verdicts" in verdict else verdict
        answers.append(({f["rule_id"]: f["outcome"] for f in verdict["findings"]}, err))
    table_told, chinese, english, refused = (found for found, _ in answers)
    assert table_told == chinese == english != refused
    assert ("bed" in answers[1][1], "beds" in answers[1][1], "bed" in answers[2][1]) == (True, True, False)

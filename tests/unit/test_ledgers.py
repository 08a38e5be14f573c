"""Indicators and events as bureaus keep them: Chinese headings, shares, flags, and every fault named."""

import numpy as np
import pandas as pd
import pytest

from circle15.errors import InputError
from circle15.read.ledgers import read_events, read_indicators
from circle15.words import word_error

TITLES = {"bed_occupancy": "床位使用率", "fund_deficit": "基金当期赤字"}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_indicators_by_title_or_id_with_shares_and_flags(tmp_path):
    file = write(
        tmp_path / "i.csv",
        "区划代码,医保编码,指标,期间,数值,来源\n"
        ",H64050200001,床位使用率,2026-01,65%,卫健委\n"
        ",H64050200001,bed_occupancy,2026-02,0.68,卫健委\n"
        "640502,,基金当期赤字,2025,是,市局\n",
    )
    reading = read_indicators(file, titles=TITLES)
    table = reading.table
    assert table["indicator"].tolist() == ["bed_occupancy", "bed_occupancy", "fund_deficit"]
    assert np.allclose(table["value"], [0.65, 0.68, 1.0])
    assert table["period"].tolist() == ["2026-01", "2026-02", "2025"]
    assert table["institution_id"].tolist() == ["H64050200001", "H64050200001", ""]
    assert table["source_row"].tolist() == [2, 3, 4]
    assert reading.warnings == ()


def test_all_indicator_faults_at_once(tmp_path):
    file = write(
        tmp_path / "i.csv",
        "区划代码,指标,期间,数值\n,床位使用率,2026-01,0.5\n640502,床位使用率,2026-01,很高\n640502,床位使用率,2026-01,\n",
    )
    with pytest.raises(InputError) as caught:
        read_indicators(file, titles=TITLES)
    assert {p.row for p in caught.value.problems} == {2, 3, 4}
    assert "很高" in word_error(caught.value, "zh")


def test_an_indicator_the_plan_does_not_know_is_kept_and_told(tmp_path):
    file = write(tmp_path / "i.csv", "区划代码,指标,期间,数值\n640502,满意度,2026,0.9\n")
    reading = read_indicators(file, titles=TITLES)
    assert reading.table["indicator"].tolist() == ["满意度"]
    assert [w.id for w in reading.warnings] == ["ledger.indicator_unknown"]


def test_missing_columns_are_named_with_what_is_accepted(tmp_path):
    with pytest.raises(InputError) as caught:
        read_indicators(write(tmp_path / "i.csv", "区划代码,指标名,期间\n640502,床位使用率,2026\n"))
    assert [p.id for p in caught.value.problems if "column_missing" in p.id]


def test_events_in_the_bureaus_words(tmp_path):
    pd.DataFrame(
        {
            "日期": ["2026-03-01", "2026年4月2日"],
            "事项": ["主动退出", "新增"],
            "机构类型": ["药店", "零售药店"],
            "街道": ["应理街道", "应理街道"],
            "医保编码": ["P1", ""],
        }
    ).to_excel(tmp_path / "e.xlsx", index=False)
    table = read_events(tmp_path / "e.xlsx").table
    assert table["event"].tolist() == ["voluntary_exit", "entry"]
    assert table["service"].tolist() == ["pharmacy", "pharmacy"]
    assert table["place_id"].tolist() == ["应理街道", "应理街道"]
    assert table["date"].tolist() == [pd.Timestamp("2026-03-01"), pd.Timestamp("2026-04-02")]
    assert table["beds"].isna().all()


def test_all_event_faults_at_once(tmp_path):
    file = write(
        tmp_path / "e.csv",
        "日期,事项,服务类型\n2026-13-40,退出,药店\n,退出,药店\n2026-01-01,搬家,药店\n2026-01-01,退出,理发店\n",
    )
    with pytest.raises(InputError) as caught:
        read_events(file)
    assert {p.row for p in caught.value.problems} == {2, 3, 4, 5}

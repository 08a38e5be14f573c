"""Workbooks as bureaus publish them: each reads, and says what was taken for granted."""

import datetime as dt

import openpyxl
import pytest

from circle15.errors import InputError
from circle15.read.faults import word_assumption
from circle15.read.institutions import read_institutions
from circle15.words import LANGS, word_error, word_problem


def save(path, sheets, *, merged=(), hidden=(), formats=None):
    """Write sheets of rows; `merged` as (sheet, "A1:C1")."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
        page.sheet_state = "hidden" if name in hidden else "visible"
    for name, cells in merged:
        book[name].merge_cells(cells)
    for (name, cell), form in (formats or {}).items():
        book[name][cell].number_format = form
    book.save(path)
    return path


def read(path, **options):
    reading = read_institutions(path, **{"datum": "gcj02", **options})
    for lang in LANGS:
        assert all(word_assumption(a, lang) for a in reading.assumptions)
        assert all(word_problem(p, lang) for p in reading.warnings)
    return reading


def assumed(reading, what):
    return [(a.sheet, a.row, a.count) for a in reading.assumptions if a.what == what]


def test_a_published_list_with_title_two_line_header_and_footer(tmp_path):
    rows = [
        ["中卫市2025年定点零售药店名单"],
        ["填报单位：中卫市医疗保障局", None, None, None, None, "截至2025年9月30日"],
        ["序号", "机构编码", "机构名称", "位置", None, None, "协议有效期", None],
        [None, None, None, "地址", "经度", "纬度", "起", "止"],
        [1, "P64050200001", "甲药房", "鼓楼东街1号", 105.19, 37.51, "2024年1月1日", "2025年12月31日"],
        [2, "P64050200002", "乙药房", "鼓楼西街2号", 105.18, 37.52, "20240101", "长期"],
        ["合计", "2家"],
        ["填表人：张三", None, "审核人：李四", None, "联系电话：13900000001"],
    ]
    merged = [("名单", c) for c in ("A1:H1", "D3:F3", "G3:H3", "A3:A4", "B3:B4", "C3:C4")]
    reading = read(save(tmp_path / "a.xlsx", {"名单": rows}, merged=merged))
    table = reading.table
    assert table["id"].tolist() == ["P64050200001", "P64050200002"]
    assert table["address"].tolist() == ["鼓楼东街1号", "鼓楼西街2号"]
    assert table["service"].tolist() == ["pharmacy"] * 2
    assert table["source_row"].tolist() == [5, 6]
    assert table["valid_to"].dt.date.tolist()[0] == dt.date(2025, 12, 31)
    assert table["valid_to"].isna().tolist() == [False, True]
    assert assumed(reading, "title_rows") == [("名单", 1, 2)]
    assert assumed(reading, "header_joined") == [("名单", 3, 2)]
    assert assumed(reading, "total_rows") == [("名单", 7, 1)]
    assert assumed(reading, "note_rows") == [("名单", 8, 1)]
    said = str([*map(str, reading.assumptions), *map(str, reading.warnings)])
    assert not [w for w in ("张三", "李四", "13900000001") if w in said]


def test_merged_districts_groups_subtotals_and_repeated_headers(tmp_path):
    header = ["区县", "定点机构编码", "名称", "机构类型", "床位数(张)", "经度", "纬度"]
    rows = [
        header,
        [1, 2, 3, 4, 5, 6, 7],
        ["一、市本级"],
        ["沙坡头区", "H64050200001", "甲医院", "综合医院", "１２０张", 105.19, 37.51],
        [None, "H64050200002", "乙医院", "专科医院", "1,050", 105.20, 37.51],
        [None, "小计", None, None, 1170],
        header,
        ["二、县"],
        ["中宁县", "H64052100001", "丙 卫 生 院", "乡镇卫生院", "/", 105.60, 37.49],
        ["合  计", None, None, None, 1170],
        ["注：床位为核定床位。"],
    ]
    merged = [("住院", c) for c in ("A3:G3", "A4:A6", "A8:G8", "A11:G11")]
    reading = read(save(tmp_path / "a.xlsx", {"住院": rows}, merged=merged))
    assert reading.table["id"].tolist() == ["H64050200001", "H64050200002", "H64052100001"]
    assert reading.table["beds"].tolist()[:2] == [120, 1050]
    assert reading.table["beds"].isna().tolist()[2]
    assert reading.table["name"].tolist()[2] == "丙卫生院"
    assert assumed(reading, "number_row") == [("住院", 2, 1)]
    assert assumed(reading, "section_rows") == [("住院", 3, 2)]
    assert assumed(reading, "header_repeated") == [("住院", 7, 1)]
    assert assumed(reading, "total_rows") == [("住院", 6, 2)]
    assert assumed(reading, "merged_filled") == [("住院", 5, 1)]
    assert assumed(reading, "number_suffix") == [("住院", 4, 2)]
    assert assumed(reading, "spaces_inside") == [("住院", 9, 1)]
    assert [p.row for p in reading.warnings if p.id == "row_note"] == [11]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2025年9月30日", "2025-09-30"), ("20250930", "2025-09-30"), (45930, "2025-09-30"), ("45930", "2025-09-30"),
        (20250930, "2025-09-30"), ("2025.9.30", "2025-09-30"), ("2025/9/30 0:00:00", "2025-09-30"),
        ("２０２５－０９－３０", "2025-09-30"), ("2025-09-30 00:00:00.0", "2025-09-30"), ("2025年9月", "2025-09-30"),
        ("2025", "2025-12-31"), ("长期", "NaT"), ("9999-12-31", "NaT"), ("—", "NaT"), ("2025-2", "2025-02-28"),
    ],
)  # fmt: skip
def test_every_form_of_an_end_date(tmp_path, cell, day):
    header = ["机构编码", "机构名称", "经度", "纬度", "终止日期"]
    rows = [header, ["P64050200001", "甲", 105.19, 37.51, cell]]
    table = read(save(tmp_path / "a.xlsx", {"药店": rows})).table
    assert str(table["valid_to"].iloc[0])[:10] == day


@pytest.mark.parametrize("cell", ["2025-02-30", "25.9.30", "9/30/2025", "昨天", 3.5])
def test_what_is_no_date_is_named(tmp_path, cell):
    rows = [["机构编码", "机构名称", "经度", "纬度", "终止日期"], ["P64050200001", "甲", 105.19, 37.51, cell]]
    with pytest.raises(InputError) as caught:
        read(save(tmp_path / "a.xlsx", {"药店": rows}))
    assert [(p.id, p.row, p.column) for p in caught.value.problems] == [("date_unreadable", 2, "终止日期")]
    assert word_error(caught.value)


PERSONAL = {
    "LEGREP_CERTNO": "640502198001010013", "HI_RESPER_TEL": "13900000002", "BANKACCT": "6222020200112233446",
    "法定代表人": "王五", "身份证号码": "64050219800101003X", "联系电话": "0955-7000001", "开户行及账号": "某行 123456",
    "备用": "13900000003",
}  # fmt: skip


def test_personal_and_bank_columns_never_come_in(tmp_path):
    header = ["机构编码", "机构名称", "经度", "纬度", *PERSONAL]
    rows = [header, ["P64050200001", "甲", 105.19, 37.51, *PERSONAL.values()]]
    reading = read(save(tmp_path / "a.xlsx", {"药店": rows}))
    (dropped,) = [a for a in reading.assumptions if a.what == "columns_dropped"]
    assert dropped.count == len(PERSONAL)
    held = reading.table.to_csv() + str(reading.assumptions) + str(reading.warnings)
    assert not [v for v in PERSONAL.values() if v in held]
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.xlsx", columns={"name": "法定代表人"})
    assert [p.id for p in caught.value.problems] == ["column_personal"]
    assert "王五" not in word_error(caught.value)

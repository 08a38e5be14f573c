"""Workbooks as bureaus publish them: each reads, and says what was taken for granted."""

import datetime as dt

import openpyxl
import pytest

from circle15.errors import InputError
from circle15.read.city import load_city, read_city
from circle15.read.faults import word_assumption
from circle15.read.institutions import read_institutions
from circle15.schema import standing_on
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


PLATFORM = {
    "RTAL_PHAC_B": [
        ["RTAL_PHAC_CODE", "RTAL_PHAC_NAME", "LNT", "LAT", "BEGNTIME", "ENDTIME", "VALI_FLAG", "LEGREP_CERTNO", "BANKACCT"],
        ["P64050200001", "甲药房", 105.19, 37.51, "2024-01-01 00:00:00", "2026-12-31 00:00:00", "1", "1", "2"],
        ["P64050200002", "乙药房", 105.18, 37.52, "2024-01-01 00:00:00", "2026-04-29 00:00:00", "1", "1", "2"],
        ["P64050200003", "丙药房", 105.17, 37.52, "2026-05-01 08:00:00", None, "1", "1", "2"],
        ["P64050200004", "丁药房", 105.16, 37.52, "2026-04-30 08:00:00", None, "1", "1", "2"],
        ["P64050200005", "戊药房", 105.15, 37.52, "2024-01-01", None, "0", "1", "2"],
    ],
    "医院坐标": [
        ["MEDINS_CODE", "MEDINS_NAME", "LNT", "LAT"],
        ["H64050200001", "市医院", 105.20, 37.51],
        ["H64050200002", "县医院", 105.21, 37.51],
    ],
    "MEDINS_INFO_B": [
        ["MEDINS_CODE", "MEDINSLV", "ADDR", "HI_RESPER_TEL"],
        ["H64050200001", "三级甲等", "东街1号", "13900000001"],
        ["H64050200002", "二级综合医院", "西街1号", "13900000001"],
        ["H64050200009", "一级", "北街1号", "13900000001"],
    ],
    "MEDINS_DEPT_B": [
        ["FIXMEDINS_CODE", "DEPT_NO", "APRV_BED_CNT", "DR_PSNCNT", "VALI_FLAG"],
        ["H64050200001", "01", 300, 60, "1"], ["H64050200001", "02", 120, 25, "1"], ["H64050200001", "03", 50, 9, "0"],
        ["H64050200002", "01", 80, 12, "1"],
    ],
}  # fmt: skip


def test_tables_of_the_national_platform_are_joined_and_read_on_a_day(tmp_path):
    reading = read(save(tmp_path / "a.xlsx", PLATFORM), as_of=dt.date(2026, 4, 30))
    table = standing_on(reading.table, dt.date(2026, 4, 30)).set_index("id")
    assert list(table.index) == ["P64050200001", "P64050200004", "H64050200001", "H64050200002"]
    assert table["service"].tolist() == ["pharmacy", "pharmacy", "inpatient", "inpatient"]
    assert table["beds"].tolist()[2:] == [420, 80]
    assert table["physicians"].tolist()[2:] == [85, 12]
    assert table["level"].tolist()[2:] == ["tertiary", "secondary"]
    assert table["address"].tolist()[2:] == ["东街1号", "西街1号"]
    counts = {a.what: a.count for a in reading.assumptions}
    assert (counts["expired"], counts["not_started"], counts["invalid_flag"]) == (1, 1, 1)
    assert (counts["departments_summed"], counts["tables_joined"]) == (2, 2)
    (missing,) = [p for p in reading.warnings if p.id == "read.unplaced"]
    assert missing.params["ids"] == "H64050200009"
    assert [(c.sheet, c.filled, c.records, c.kept) for c in reading.counts] == [
        ("RTAL_PHAC_B", 6, 5, 2),
        ("医院坐标", 3, 2, 2),
    ]


def test_a_department_table_in_a_file_of_its_own(tmp_path):
    main = save(
        tmp_path / "a.xlsx", {"医院": [["医保编码", "机构名称", "经度", "纬度"], ["H64050200001", "甲", 105.2, 37.5]]}
    )
    rows = "FIXMEDINS_CODE,DEPT_NO,APRV_BED_CNT,DR_PSNCNT\nH64050200001,01,30,5\nH64050200001,02,12,2\n"
    (tmp_path / "dept.csv").write_text(rows, encoding="gb18030")
    reading = read(main, more=[tmp_path / "dept.csv"])
    assert reading.table[["beds", "physicians"]].iloc[0].tolist() == [42, 7]
    assert [s.file for s in reading.sources] == ["a.xlsx", "dept.csv"]


def test_branch_campuses_are_sites_of_one_institution(tmp_path):
    header = ["医保编码", "机构名称", "机构类型", "地址", "经度", "纬度"]
    rows = [
        header,
        ["H64050200001", "市人民医院", "医院", "东街1号", 105.20, 37.51],
        ["H64050200001", "市人民医院（东院区）", "医院", "新区2号", 105.25, 37.51],
        ["H64050200001", "市人民医院南分院", "医院", "南街3号", 105.20, 37.45],
        ["H64050200001", "市人民医院门诊", "门诊", "东街1号", 105.20, 37.51],
        ["H64050200002", "县医院", "医院", "西街1号", 105.10, 37.51],
    ]
    reading = read(save(tmp_path / "a.xlsx", {"名册": rows}))
    assert reading.table["id"].tolist() == [
        "H64050200001", "H64050200001-2", "H64050200001-3", "H64050200001-4", "H64050200002",
    ]  # fmt: skip
    assert reading.table["institution"].tolist() == ["H64050200001"] * 4 + ["H64050200002"]
    assert assumed(reading, "branches") == [("名册", 3, 3)]


@pytest.mark.parametrize(
    "second",
    [
        ["P64050200001", "甲药房", "零售药店", "东街1号", 105.20, 37.51],  # the same row again
        ["P64050200001", "乙药房", "零售药店", "西街1号", 105.25, 37.51],  # another pharmacy
        ["P64050200001", "甲药房", "零售药店", "西街1号", 105.25, 37.51],  # each shop has a code of its own
    ],
)
def test_a_code_that_stands_twice_by_mistake_is_an_error(tmp_path, second):
    rows = [
        ["医保编码", "机构名称", "机构类型", "地址", "经度", "纬度"],
        ["P64050200001", "甲药房", "零售药店", "东街1号", 105.20, 37.51],
        second,
    ]
    with pytest.raises(InputError) as caught:
        read(save(tmp_path / "a.xlsx", {"名册": rows}))
    assert [(p.id, p.row, p.params["first"]) for p in caught.value.problems] == [("id_duplicate", 3, "名册:2")]


def test_codes_damaged_by_excel_are_warned_of_with_a_remedy(tmp_path):
    header = ["机构代码", "机构名称", "经度", "纬度"]
    rows = [
        header,
        [640502000012345678, "甲", 105.2, 37.5],
        ["6.40502E+17", "乙", 105.3, 37.5],
        [" h64050200001 ", "丙", 105.4, 37.5],
        ["Ｐ６４０５０２００００２", "丁", 105.4, 37.6],
    ]
    reading = read(save(tmp_path / "a.xlsx", {"药店": rows}))
    (damaged,) = [p for p in reading.warnings if p.id == "read.code_damaged"]
    assert (damaged.row, damaged.column, damaged.params["count"]) == (2, "机构代码", 2)
    assert "文本" in word_problem(damaged, "zh")
    assert reading.table["id"].tolist()[2:] == ["H64050200001", "P64050200002"]


def test_levels_types_and_states_in_many_words(tmp_path):
    header = ["编码", "名称", "类型", "级别", "协议状态", "经度", "纬度", "是否门诊统筹", "是否双通道"]
    words = [
        ("综合医院（公立）", "三级甲等医院", "正常"), ("乡镇卫生院", "一级及以下", "暂停"), ("中西医结合门诊部", "未评级", "履约中"),
        ("县妇幼保健院", "二级专科医院", "已终止"), ("社区卫生服务站", "02", ""), ("零售药店(连锁)", "A级", "营业"),
    ]  # fmt: skip
    rows = [
        header,
        *([f"X{i}", f"甲{i}", t, lv, s, 105 + i / 100, 37.5, "是", "√"] for i, (t, lv, s) in enumerate(words)),
    ]
    reading = read(save(tmp_path / "a.xlsx", {"名册": rows}))
    assert reading.table["id"].tolist() == ["X0", "X1", "X2", "X4", "X5"]
    assert reading.table["service"].tolist() == ["inpatient", "inpatient", "outpatient", "outpatient", "pharmacy"]
    assert reading.table["level"].tolist() == ["tertiary", "ungraded", "ungraded", "", ""]
    assert set(reading.table["tags"]) == {"dual_channel;outpatient_pooling"}
    told = {(p.id, p.value) for p in reading.warnings}
    assert {("read.suspended", "暂停"), ("read.level_code", "02"), ("level_unknown", "A级")} <= told


@pytest.mark.parametrize("word", ["兽医院", "宠物医院", "理发店", "1"])
def test_types_that_are_none_are_listed(tmp_path, word):
    rows = [["编码", "名称", "类型", "经度", "纬度"], ["X1", "甲", word, 105, 37.5]]
    with pytest.raises(InputError) as caught:
        read(save(tmp_path / "a.xlsx", {"名册": rows}))
    assert [(p.id, p.row, p.value) for p in caught.value.problems] == [("service_unknown", 2, word)]


def test_a_period_in_one_cell_and_dates_the_wrong_way_round(tmp_path):
    header = ["编码", "名称", "经度", "纬度", "协议有效期"]
    rows = [
        header,
        ["P1", "甲", 105, 37.5, "2024-01-01至2026年12月31日"],
        ["P2", "乙", 105, 37.6, "2024.1.1-2024.12.31"],
        ["P3", "丙", 105, 37.7, "2026年1月1日至2025年1月1日"],
    ]
    reading = read(save(tmp_path / "a.xlsx", {"药店": rows}), as_of=dt.date(2026, 4, 30))
    assert standing_on(reading.table, dt.date(2026, 4, 30))["id"].tolist() == ["P1"]
    assert [(p.row, p.params["count"]) for p in reading.warnings if p.id == "read.dates_reversed"] == [(4, 1)]
    unchecked = read(tmp_path / "a.xlsx")
    assert len(unchecked.table) == 3
    assert "read.validity_unchecked" in {p.id for p in unchecked.warnings}


def test_several_services_by_groups_in_one_sheet(tmp_path):
    rows = [
        ["机构编码", "机构名称", "经度", "纬度"], ["一、定点零售药店"], ["P64050200001", "甲", 105.1, 37.5],
        ["二、定点门诊机构"], ["H64050200001", "乙", 105.2, 37.5],
    ]  # fmt: skip
    reading = read(save(tmp_path / "a.xlsx", {"名单": rows}, merged=[("名单", "A2:D2"), ("名单", "A4:D4")]))
    assert reading.table["service"].tolist() == ["pharmacy", "outpatient"]
    assert sorted((a.params["service"], a.count) for a in reading.assumptions if a.what == "sheet_service") == [
        ("outpatient", 1),
        ("pharmacy", 1),
    ]


def test_hidden_rows_are_read_and_said(tmp_path):
    path = save(
        tmp_path / "a.xlsx",
        {"药店": [["编码", "名称", "经度", "纬度"], ["P1", "甲", 105, 37.5], ["P2", "乙", 105, 37.6]]},
    )
    book = openpyxl.load_workbook(path)
    book["药店"].row_dimensions[3].hidden = True
    book.save(path)
    reading = read(path)
    assert len(reading.table) == 2
    assert assumed(reading, "rows_hidden") == [("药店", None, 1)]


def test_the_file_is_never_touched(tmp_path):
    path = save(tmp_path / "a.xlsx", PLATFORM)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_numbers_of_persons_inside_names_and_addresses_are_masked(tmp_path):
    rows = [
        ["编码", "名称", "地址", "经度", "纬度"],
        ["P1", "甲药房13900000009", "东街1号 身份证11010519491231002X", 105, 37.5],
    ]
    reading = read(save(tmp_path / "a.xlsx", {"药店": rows}))
    assert reading.table[["name", "address"]].iloc[0].tolist() == ["甲药房***", "东街1号身份证***"]
    assert [a.count for a in reading.assumptions if a.what == "personal_masked"] == [1, 1]


def test_a_city_file_names_further_tables_and_the_meaning_of_codes(toy_city):
    folder = toy_city.parent
    rows = "FIXMEDINS_CODE,DEPT_NO,APRV_BED_CNT,MEDINSLV\nH64050200001,01,30,03\nH64050200001,02,12,03\n"
    (folder / "dept.csv").write_text(rows, encoding="utf-8")
    (folder / "level.csv").write_text("FIXMEDINS_CODE,MEDINSLV\nH64050200001,03\n", encoding="utf-8")
    told = 'datum = "wgs84"\nmore = ["dept.csv", "level.csv"]\nlevels = { "03" = "primary" }\n'
    text = toy_city.read_text(encoding="utf-8").replace('datum = "wgs84"\n', told, 1)
    toy_city.write_text(text, encoding="utf-8")
    city, _ = read_city(load_city(toy_city))
    clinic = city.institutions.set_index("id").loc["H64050200001"]
    assert (clinic["beds"], clinic["level"]) == (42, "primary")

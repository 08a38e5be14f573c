"""Sheets of the messy register 杂乱名册: one planted defect of every kind that a reader must find and name.

Names, codes, persons and numbers are invented.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sample_city.register import gcj02

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sample_city.register import Institution

DATES = (44562, "2021年3月5日", "20220716", "2023.4.1", "2024年5月", "２０２２－０１－０１")
ENDS = ("长期", "2027年12月31日", "20271231", "2027年", "9999-12-31", "2028-02-29")
BEDS = ("１２张", "8", "0.002万", "/", "1,020", "15 张")
PERSON = ("样例甲", "640502198001010013", "6222020200112233446", "13900000001")
TOP = (
    "序号",
    "医保编码",
    "机构名称",
    "位置",
    "",
    "",
    "等级",
    "床位数（张）",
    "协议有效期",
    "",
    "是否门诊统筹",
    "法定代表人",
    "LEGREP_CERTNO",
    "BANKACCT",
    "联系电话",
)
BELOW = ("", "", "", "地址", "经度", "纬度", "", "", "起", "止", "", "", "", "", "")


@dataclass
class Page:
    """One sheet: its cells by row, merged ranges as (row, column, row, column) from 0, whether it is hidden."""

    title: str
    rows: list[list[Any]]
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    hidden: bool = False


def messy_pages(rows: Sequence[Institution], mark: str) -> list[Page]:
    """Sheets of outpatient and inpatient institutions, departments, and a hidden one of last year."""
    clinics = [r for r in rows if r.service == "门诊"]
    return [_clinics(clinics, mark), _hospitals(clinics, mark), _departments(), _last_year(clinics)]


def _clinics(clinics: Sequence[Institution], mark: str) -> Page:
    """Title, two-line header across merged cells, column numbers, groups, subtotals, a repeated header, notes."""
    width = len(TOP)
    rows: list[list[Any]] = [
        [f"中卫市定点门诊机构名单（{mark}）"],
        ["填报单位：样例市医疗保障局", "", "", "", "", "", "截至2026年4月30日"],
        list(TOP),
        list(BELOW),
        [i + 1 for i in range(width)],
        ["一、沙坡头区"],
    ]
    half = len(clinics) // 2
    for i, one in enumerate(clinics):
        if i == half:
            rows += [["小计", f"{half}家"], [top or below for top, below in zip(TOP, BELOW, strict=True)], ["二、其他"]]
        lon, lat = gcj02(one.xy)
        name = "　" + one.name[:2] + " " + one.name[2:] + "１２３" if i == 0 else one.name
        code = one.code.lower() + " " if i == 1 else one.code
        level = ("未定级", "一级及以下", "A级", "02")[i % 4]
        rows.append(
            [i + 1, code, name, one.address, lon, lat, level, BEDS[i % 6], DATES[i % 6], ENDS[i % 6], "是", *PERSON]
        )
    rows += [
        ["合  计", f"{len(clinics)}家"],
        ["填表人：样例乙", "", "审核人：样例丙", "", "联系电话：13900000002"],
        ["注：本表为演示数据。"],
    ]
    groups = [i for i, row in enumerate(rows) if len(row) == 1 and i > 3]
    merged = [(0, 0, 0, width - 1), (2, 3, 2, 5), (2, 8, 2, 9), *((i, 0, i, width - 1) for i in groups)]
    return Page("门诊", rows, merged)


def _hospitals(clinics: Sequence[Institution], mark: str) -> Page:
    """Branch campuses under one code, a code that a spreadsheet damaged, types and levels in other words."""
    head = ["所在区县", "机构编码", "机构名称", "机构类别", "地址", "级别", "协议状态", "经度", "纬度"]
    told = [
        ("H64050290001", "样例市人民医院", "综合医院", "三级甲等医院", "正常"),
        ("H64050290001", "样例市人民医院（东院区）", "综合医院", "三级甲等医院", "正常"),
        (640502000012345678, "样例市中医医院", "中医医院", "二级中医医院", "暂停"),
        ("H64050290003", "样例县妇幼保健院", "县级妇幼保健院", "二级", "已终止"),
    ]
    rows: list[list[Any]] = [head]
    for i, (code, name, kind, level, state) in enumerate(told):
        lon, lat = gcj02(clinics[i].xy)
        rows.append(["沙坡头区" if i == 0 else "", code, name, kind, f"样例路{i + 1}号", level, state, lon, lat])
    rows.append([f"说明：{mark}，均为虚构。"])
    return Page("住院", rows, [(1, 0, 4, 0)])


def _departments() -> Page:
    """Beds and physicians by department, as the platform's MEDINS_DEPT_B keeps them."""
    head = ["FIXMEDINS_CODE", "DEPT_NO", "APRV_BED_CNT", "DR_PSNCNT"]
    return Page("MEDINS_DEPT_B", [head, ["H64050290001", "01", 300, 60], ["H64050290001", "02", 120, 25]])


def _last_year(clinics: Sequence[Institution]) -> Page:
    lon, lat = gcj02(clinics[0].xy)
    return Page(
        "2024年旧名单", [["医保编码", "机构名称", "经度", "纬度"], ["H64050299999", "旧门诊", lon, lat]], hidden=True
    )

"""A register of 50,000 rows and 14 columns, simulated: read with all checks, against calamine's bare read."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Contest, Entry

ROWS = {"s": 5_000, "city": 50_000, "province": 50_000, "nation": 50_000}
HEADINGS = (
    "序号",
    "医保编码",
    "机构名称",
    "机构类型",
    "地址",
    "等级",
    "床位数",
    "是否双通道",
    "定点起始日期",
    "定点终止日期",
    "经度",
    "纬度",
    "定位精度(米)",
    "联系电话",
)
DAY = dt.date(2026, 4, 30)
MARK = 3.0


def register(size: str) -> Path:
    """Write the register once a machine and size; returns its path."""
    import xlsxwriter  # noqa: PLC0415 - imports are not timed

    count = ROWS[size]
    path = Path(tempfile.gettempdir()) / f"circle15-register-{count}.xlsx"
    if path.exists():
        return path
    rng = np.random.default_rng(15)
    lon, lat = rng.uniform(104.5, 106.0, count).round(6).tolist(), rng.uniform(36.5, 37.8, count).round(6).tolist()
    held = path.with_suffix(".part")
    book = xlsxwriter.Workbook(str(held))
    page, date = book.add_worksheet("药店"), book.add_format({"num_format": "yyyy-mm-dd"})
    page.write_row(0, 0, HEADINGS)
    for i in range(count):
        row = [
            i + 1,
            f"P640502{i:05d}",
            f"样例大药房第{i}分店",
            "零售药店" if i % 5 else "门诊",
            f"样例路{i % 240}号{i}",
            "一级" if i % 7 == 0 else "未定级",
            i % 90 if i % 5 == 0 else "",
            "是" if i % 9 == 0 else "否",
            None,
            "2027年12月31日" if i % 2 else "20271231",
            lon[i],
            lat[i],
            10,
            f"0955-{i:07d}",
        ]
        page.write_row(i + 1, 0, row)
        page.write_datetime(i + 1, 8, dt.datetime(2019, 1, 1) + dt.timedelta(days=i % 2400), date)  # noqa: DTZ001 - days have no zone
    book.close()
    held.replace(path)
    return path


def ours(size: str) -> Callable[[], dict[str, float]]:
    from circle15.read.institutions import read_institutions  # noqa: PLC0415 - imports are not timed

    path = register(size)
    return lambda: {"rows": float(len(read_institutions(path, datum="gcj02", as_of=DAY).table))}


def bare(size: str) -> Callable[[], dict[str, float]]:
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - imports are not timed

    path = str(register(size))

    def work() -> dict[str, float]:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        return {"rows": float(len(sheet.to_python(skip_empty_area=False)) - 1)}

    return work


def contests(size: str) -> list[Contest]:
    entries = [
        Entry("circle15", "benchmarks.registers:ours", {"size": size}, repeats=5),
        Entry("python-calamine, bare read", "benchmarks.registers:bare", {"size": size}, repeats=5),
    ]
    return [
        Contest(
            f"读取名册 register, {ROWS[size]:,} rows",
            entries,
            "circle15",
            against="python-calamine, bare read",
            at_most=MARK,
        )
    ]

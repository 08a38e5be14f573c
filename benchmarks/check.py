"""A register of 50,000 rows checked 数据核对: read with all checks, positions examined, datum weighed; simulated.

300 townships in 10 districts, addresses that name them, one row in ten on a shared point, one in a hundred in another
place than its code says. The rival is no other checker (none is known) but the bare reading of the same workbook.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import Contest, Entry

if TYPE_CHECKING:
    import geopandas as gpd

COUNT = {"s": 50_000, "city": 5_000, "province": 50_000, "nation": 50_000}
_WIDE, _HIGH = 30, 10
_STEP = 0.05
_WEST, _SOUTH = 105.0, 36.0


@cache
def _places() -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415 - imports are not timed
    from shapely.geometry import box  # noqa: PLC0415

    rows = []
    for j in range(_HIGH):
        district = f"64{j + 10:04d}"
        south = _SOUTH + j * _STEP
        outline = box(_WEST, south, _WEST + _WIDE * _STEP, south + _STEP)
        rows.append((district, f"第{j:02d}区县", "district", "", np.nan, "", "", outline))
        for i in range(_WIDE):
            west = _WEST + i * _STEP
            place = box(west, south, west + _STEP, south + _STEP)
            rows.append((f"{district}{i:03d}", f"镇{j:02d}{i:02d}街道", "township", district, np.nan, "", "", place))
    columns = ["id", "name", "level", "parent", "residents", "settings", "class", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs="EPSG:4326")


@cache
def _book(size: str) -> Path:
    """The register as a workbook, made once a process."""
    import xlsxwriter  # noqa: PLC0415 - imports are not timed

    n = COUNT[size]
    rng = np.random.default_rng(15)
    lon = np.round(rng.uniform(_WEST + 0.001, _WEST + _WIDE * _STEP - 0.001, n), 6)
    lat = np.round(rng.uniform(_SOUTH + 0.001, _SOUTH + _HIGH * _STEP - 0.001, n), 6)
    shared = rng.random(n) < 0.1
    lon[shared], lat[shared] = np.roll(lon, 1)[shared], np.roll(lat, 1)[shared]
    i, j = ((lon - _WEST) / _STEP).astype(int), ((lat - _SOUTH) / _STEP).astype(int)
    j = np.where(rng.random(n) < 0.01, (j + 3) % _HIGH, j)
    path = Path(tempfile.mkdtemp(prefix="circle15-bench-")) / "register.xlsx"
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("药店")
    for at, name in enumerate(("医保编码", "机构名称", "机构类型", "地址", "经度", "纬度")):
        sheet.write_string(0, at, name)
    for row in range(n):
        code = f"P64{j[row] + 10:04d}{row:05d}"
        address = f"第{j[row]:02d}区县镇{j[row]:02d}{i[row]:02d}街道人民路{row % 300 + 1}号"
        for at, value in enumerate((code, f"药店{row}", "零售药店", address)):
            sheet.write_string(row + 1, at, value)
        sheet.write_number(row + 1, 4, float(lon[row]))
        sheet.write_number(row + 1, 5, float(lat[row]))
    book.close()
    return path


def bare(size: str) -> Callable[[], dict[str, float]]:
    """Cells into Python values and nothing else."""
    from python_calamine import CalamineWorkbook  # noqa: PLC0415 - imports are not timed

    path = _book(size)
    return lambda: {"rows": float(len(CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python())) - 1}


def read(size: str) -> Callable[[], dict[str, float]]:
    """Read with every check of single rows."""
    from circle15.read.institutions import read_institutions  # noqa: PLC0415 - imports are not timed

    path = _book(size)
    return lambda: {"rows": float(len(read_institutions(path, datum="gcj02").table))}


def examined(size: str) -> Callable[[], dict[str, float]]:
    """Positions of a register that is read already: places, shared points, datum under three readings."""
    from circle15.read.datum_evidence import datum_evidence  # noqa: PLC0415 - imports are not timed
    from circle15.read.institutions import read_institutions  # noqa: PLC0415
    from circle15.read.positions import examine  # noqa: PLC0415

    register, places = read_institutions(_book(size), datum="gcj02").table, _places()

    def work() -> dict[str, float]:
        found = examine(register, places)
        evidence = datum_evidence(register, places, "gcj02")
        return {"findings": float(len(found.suspects)), "evidence": float(len(evidence))}

    return work


def whole(size: str) -> Callable[[], dict[str, float]]:
    """Both: from the workbook to all findings."""
    from circle15.read.datum_evidence import datum_evidence  # noqa: PLC0415 - imports are not timed
    from circle15.read.institutions import read_institutions  # noqa: PLC0415
    from circle15.read.positions import examine  # noqa: PLC0415

    path, places = _book(size), _places()

    def work() -> dict[str, float]:
        register = read_institutions(path, datum="gcj02").table
        found = examine(register, places)
        datum_evidence(register, places, "gcj02")
        return {"findings": float(len(found.suspects))}

    return work


def contests(size: str) -> list[Contest]:
    entries = [
        Entry("circle15: read, examine, weigh the datum", "benchmarks.check:whole", {"size": size}, repeats=3),
        Entry("circle15: read with checks of rows", "benchmarks.check:read", {"size": size}, repeats=3),
        Entry("circle15: examine and weigh only", "benchmarks.check:examined", {"size": size}, repeats=3),
        Entry("calamine, bare", "benchmarks.check:bare", {"size": size}, repeats=3),
    ]
    ours = "circle15: read, examine, weigh the datum"
    return [
        Contest(f"名册核对 register checked, {COUNT[size]:,}", entries, ours, against="calamine, bare", at_most=10.0)
    ]

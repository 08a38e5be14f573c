"""Register of the simulated city 名册: institutions where people live, as messy as a real list.

Coordinates are GCJ-02, as a web map's geocoder gives them. Names, codes, addresses and telephones are invented.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
from shapely import Point

from circle15.project.datum import from_wgs84
from sample_city.ground import DEGREES, PLANE, TO_DEGREES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sample_city.ground import Ground
    from sample_city.people import Grid

BEDS = 3614
HOSPITALS = {"三级甲等": 1, "三级乙等": 1, "二级甲等": 5, "二级乙等": 6, "一级": 45, "未定级": 12}
BED_SIZES = {"三级甲等": 620.0, "三级乙等": 330.0, "二级甲等": 175.0, "二级乙等": 90.0, "一级": 18.0, "未定级": 26.0}
HOME_CARE, FACILITY_CARE = 18, 9
DUAL_CHANNEL = {"640502": 3, "640521": 2, "640522": 2}
SPREAD_M = 65.0  # how far from the centre of its cell an institution may stand
CROWDING = 1.35  # above 1, institutions crowd where most people live
ACCURACIES_M, ACCURACY_ODDS = (5, 10, 20, 50), (0.15, 0.55, 0.2, 0.1)
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
SHEETS = {"药店": ("零售药店",), "门诊": ("门诊",), "住院": ("住院",), "长护": ("居家护理", "机构护理")}


@dataclass
class Institution:
    """One row of the register before it is written; plane coordinates in metres (EPSG:4544)."""

    code: str
    name: str
    service: str
    address: str
    xy: NDArray[np.float64]
    level: str = ""
    beds: int | None = None
    dual_channel: bool = False
    since: Any = ""
    until: Any = ""
    accuracy_m: int = 10


@dataclass
class Register:
    """Institutions of the simulated city, and the generator that draws them."""

    ground: Ground
    grid: Grid
    facts: dict[str, Any]
    rng: np.random.Generator
    rows: list[Institution] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    homes: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)

    def draw(self) -> list[Institution]:
        """All institutions: pharmacies and outpatient by township, hospitals and long-term care by district."""
        towns = self.ground.townships.to_dict("records")
        for at, town in enumerate(towns):
            for _ in range(town["pharmacies"]):
                self._add("P", "零售药店", at, self._chain_name("pharmacy"))
            for _ in range(town["outpatient"]):
                self._add("H", "门诊", at, self._own_name("clinics"))
        self._hospitals()
        for service, number, ending in (
            ("居家护理", HOME_CARE, "居家护理服务站"),
            ("机构护理", FACILITY_CARE, "护理院"),
        ):
            for at in self._spread_over_townships(number):
                beds = int(self.rng.integers(30, 120)) if service == "机构护理" else None
                self._add("H", service, int(at), self._one_of("brands") + ending, beds=beds)
        self._mark_dual_channel()
        self._add_mess()
        return self.rows

    def _hospitals(self) -> None:
        levels = [level for level, number in HOSPITALS.items() for _ in range(number)]
        sizes = np.array([BED_SIZES[level] for level in levels]) * self.rng.uniform(0.75, 1.25, len(levels))
        beds = np.maximum(np.floor(sizes / sizes.sum() * BEDS).astype(int), 5)
        beds[0] += BEDS - beds.sum()
        streets = np.flatnonzero(self.ground.townships["kind"] == "street")
        everywhere = self._spread_over_townships(len(levels))
        for k, level in enumerate(levels):
            at = int(streets[k % len(streets)]) if level[0] in "三二" else int(everywhere[k])
            town = self.ground.townships.iloc[at]
            name = (
                f"{town['name'][:-1]}中心卫生院"
                if level == "一级" and town["kind"] == "rural"
                else self._own_name("hospitals")
            )
            self._add("H", "住院", at, name, level=level, beds=int(beds[k]))

    def _spread_over_townships(self, number: int) -> NDArray[np.int64]:
        odds = np.sqrt(self.ground.townships["residents"].to_numpy(dtype=float))
        return np.asarray(self.rng.choice(len(odds), size=number, p=odds / odds.sum()))

    def _add(self, letter: str, service: str, at: int, name: str, **more: Any) -> None:  # noqa: ANN401 -- row fields
        town = self.ground.townships.iloc[at]
        division = str(town["parent"])
        number = self.numbers[letter + division] = self.numbers.get(letter + division, 0) + 1
        street = self._one_of("streets")
        self.rows.append(
            Institution(
                code=f"{letter}{division}{number:05d}",
                name=self._unused(name, str(town["name"])),
                service=service,
                address=f"{town['name']}{street}{int(self.rng.integers(1, 240))}号",
                xy=self._where(at),
                since=dt.date(2019, 1, 1) + dt.timedelta(days=int(self.rng.integers(0, 2400))),
                accuracy_m=int(self.rng.choice(ACCURACIES_M, p=ACCURACY_ODDS)),
                **more,
            )
        )

    def _where(self, at: int) -> NDArray[np.float64]:
        """A point in a cell of the township, likelier where more people live."""
        if at not in self.homes:
            rows, columns = np.nonzero((self.grid.label == at) & (self.grid.residents > 0))
            odds = self.grid.residents[rows, columns] ** CROWDING
            self.homes[at] = self.grid.centres(rows, columns), odds / odds.sum()
        centres, odds = self.homes[at]
        k = int(self.rng.choice(len(odds), p=odds))
        point = np.asarray(centres[k] + self.rng.uniform(-SPREAD_M, SPREAD_M, 2) * 0.7)
        inside = self.ground.townships.geometry.iloc[at].contains(Point(TO_DEGREES.transform(*point)))
        return point if inside else np.asarray(centres[k])

    def _one_of(self, words: str) -> str:
        return str(self.rng.choice(self.facts["words"][words]))

    def _chain_name(self, words: str) -> str:
        return f"{self._one_of('brands')}{self._one_of(words)}"

    def _own_name(self, words: str) -> str:
        return (
            f"{self._one_of('surnames')}氏{self._one_of(words)}"
            if words == "clinics"
            else self._one_of("brands") + self._one_of(words)
        )

    def _unused(self, name: str, town: str) -> str:
        full = (
            f"{name}{town[:-2] if town.endswith('街道') else town[:-1]}店" if "药" in name or "医药" in name else name
        )
        trial, number = full, 1
        while trial in self.used:
            number += 1
            trial = f"{full}（{number}）"
        self.used.add(trial)
        return trial

    def _mark_dual_channel(self) -> None:
        for division, number in DUAL_CHANNEL.items():
            own = [r for r in self.rows if r.service == "零售药店" and r.code[1:7] == division]
            for k in self.rng.choice(len(own), size=number, replace=False):
                own[int(k)].dual_channel = True

    def _add_mess(self) -> None:
        """Faults of real lists that a reader must live with; each is named in the README beside the data."""
        pharmacies = [r for r in self.rows if r.service == "零售药店"]
        clinics = [r for r in self.rows if r.service == "门诊"]
        for a, b in ((3, 4), (60, 61), (220, 221)):  # two in one building
            pharmacies[b].xy = pharmacies[a].xy.copy()
        pharmacies[100].name = pharmacies[99].name  # same name and address twice
        pharmacies[100].address = pharmacies[99].address
        pharmacies[150].code = "P640521" + "90001"  # division of another district
        pharmacies[20].name = (
            "　" + "".join(chr(ord(c) + 0xFEE0) if "0" <= c <= "9" else c for c in pharmacies[20].name + "24小时") + " "
        )
        clinics[5].name = clinics[5].name[:2] + " " + clinics[5].name[2:]
        pharmacies[40].since = "2021年3月5日"
        pharmacies[41].since = "20220716"
        pharmacies[43].since = ""
        home_care = next(r for r in self.rows if r.service == "居家护理")
        home_care.xy = self._beyond_the_border(home_care.xy)

    def _beyond_the_border(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """The point 400 m outside the city that lies nearest to a point inside."""
        city = gpd.GeoSeries([self.ground.city], crs=DEGREES).to_crs(PLANE).iloc[0]
        edge = city.buffer(400.0).exterior
        return np.array(edge.interpolate(edge.project(Point(xy))).coords[0])


def gcj02(xy: NDArray[np.float64]) -> tuple[float, float]:
    """Plane metres to GCJ-02 degrees, six decimals, as a web map writes them."""
    lon, lat = TO_DEGREES.transform(xy[0], xy[1])
    shifted_lon, shifted_lat = from_wgs84(np.array([lon]), np.array([lat]), "gcj02")
    return round(float(shifted_lon[0]), 6), round(float(shifted_lat[0]), 6)


def as_row(number: int, one: Institution) -> list[Any]:
    """The cells of one institution in the order of HEADINGS."""
    lon, lat = gcj02(one.xy)
    return [
        number,
        one.code,
        one.name,
        one.service,
        one.address,
        one.level,
        one.beds,
        "是" if one.dual_channel else "否",
        one.since,
        one.until,
        lon,
        lat,
        one.accuracy_m,
        "000-0000000",
    ]

"""The tables and small records that all rooms share: columns, units, CRS.

Tables are GeoDataFrames in WGS 84 longitude/latitude (EPSG:4326; CGCS2000 is the same ellipsoid to 0.1 mm and taken as
equal); the datum they came in is recorded in `City.sources`. Units stand in the column names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

Datum = Literal["wgs84", "cgcs2000", "gcj02", "bd09"]
DATUMS: tuple[Datum, ...] = ("wgs84", "cgcs2000", "gcj02", "bd09")
CRS = "EPSG:4326"

Service = Literal["inpatient", "outpatient", "pharmacy", "ltc_home", "ltc_facility"]
"""Service of a designated institution 定点服务类型: 住院、门诊、零售药店、居家护理、机构护理."""
SERVICES: tuple[Service, ...] = ("inpatient", "outpatient", "pharmacy", "ltc_home", "ltc_facility")

Level = Literal["tertiary", "secondary", "primary", "ungraded"]
"""Hospital level 医院等级: 三级、二级、一级、未定级."""
LEVELS: tuple[Level, ...] = ("tertiary", "secondary", "primary", "ungraded")

PlaceLevel = Literal["city", "district", "township", "community"]
"""市、县(区)、乡镇(街道)、社区(村); a subdistrict 街道 is a township-level place with the setting `subdistrict`."""
PLACE_LEVELS: tuple[PlaceLevel, ...] = ("city", "district", "township", "community")

Setting = Literal[
    "subdistrict", "town_centre", "resettlement", "new_large_community", "remote_township", "saturated_subdistrict"
]
"""Marks of a place that plans speak of: 街道、城关镇等城镇建成区、移民安置区、新建大型社区、偏远乡镇、饱和街道."""
SETTINGS: tuple[Setting, ...] = (
    "subdistrict",
    "town_centre",
    "resettlement",
    "new_large_community",
    "remote_township",
    "saturated_subdistrict",
)

POSITION_ACCURACY_M = 10.0
"""Assumed when a register says nothing of how a position was found (hand-held receiver or rooftop geocode)."""

# column -> pandas dtype; geometry besides. Missing numbers are NaN, missing words are "".
INSTITUTION_COLUMNS: Mapping[str, str] = {
    "id": "str",  # of the site: its institution code 医保编码 (P or H + 6-digit division + 5 digits), unique
    "institution": "str",  # code that all sites of one institution share 分院区; the id itself for most
    "name": "str",
    "service": "str",  # one of SERVICES
    "level": "str",  # one of LEVELS or ""
    "tags": "str",  # sorted, joined by ";": dual_channel;medical_aid
    "address": "str",
    "beds": "float64",
    "stations": "float64",
    "physicians": "float64",
    "valid_from": "datetime64[s]",
    "valid_to": "datetime64[s]",
    "position_accuracy_m": "float64",
    "position_reason": "str",  # why the accuracy is what it is: a word under columns.positions.reason
    "place_told": "str",  # district, township or its code as the register says, "" where it does not
    "source_sheet": "str",  # worksheet or layer it came from, "" where the source has but one
    "source_row": "int64",  # row number in the source as a user sees it
}
PLACE_COLUMNS: Mapping[str, str] = {
    "id": "str",  # GB/T 2260 code where known, unique
    "name": "str",
    "level": "str",  # one of PLACE_LEVELS
    "parent": "str",  # id of the place above, "" at the top
    "residents": "float64",  # official residents 常住人口, NaN where not given
    "settings": "str",  # sorted SETTINGS joined by ";"
    "class": "str",  # class of the place that the bureau fills in (人口等级: township_large …), "" where not given
}


def institution_codes(sites: pd.DataFrame) -> list[str]:
    """Code of the institution (家) that each site is part of 分院区同属一家: its own id where the table does not tell.

    Plans plan campuses where they stand (分院区按属地纳入定点规划: 沈阳、绥化) and limit institutions (家): beds add up
    site by site, institutions count once a circle or place, and none is the competitor of its own campuses.
    """
    ids = [str(i) for i in sites["id"].tolist()]
    if "institution" not in sites.columns:
        return ids
    codes = sites["institution"].tolist()
    return [code if isinstance(code, str) and code else i for code, i in zip(codes, ids, strict=True)]


def standing_on(institutions: gpd.GeoDataFrame, as_of: dt.date | None) -> gpd.GeoDataFrame:
    """Institutions whose agreement held on a day 在册机构 (both days included); all of them where no day is given."""
    if as_of is None:
        return institutions
    starts, ends = (institutions[column].dt.floor("D") for column in ("valid_from", "valid_to"))
    day = as_of.isoformat()
    held = institutions[(starts.isna() | (starts <= day)) & (ends.isna() | (ends >= day))]
    return held.reset_index(drop=True)


@dataclass(frozen=True)
class Source:
    """Where a table came from: file name, sha256 of its bytes, datum or CRS it was given in, date, options."""

    role: str
    file: str
    sha256: str
    datum: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Assumption:
    """Something taken for granted while a file was read 读取假设: never silent, listed by check-data.

    Parameters
    ----------
    what
        Id of the sentence under `read.assumption`; its slots are `count` and `params`.
    count
        Rows, cells, columns or sheets that it touched.
    sheet, row, column
        Where it was first met, as the user sees it; None where it concerns the file or the sheet as a whole.
    params
        Named values for the sentence (examples before and after, names of columns).
    """

    file: str
    what: str
    count: int
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Correction:
    """A cell that was read otherwise than it stands 更正: `before` as given, `after` as it would have to be written.

    `what` is the assumption behind it (`read.assumption`); row and column are those that a user sees.
    """

    file: str
    what: str
    sheet: str | None
    row: int
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class SheetCount:
    """Rows of one sheet before and after reading 读取前后行数.

    `filled` rows that are not blank, title and header included; `records` of them taken as data; `kept` in the table
    (a row may be left out as not valid on the day or as another kind of institution).
    """

    file: str
    sheet: str | None
    filled: int
    records: int
    kept: int


class GridValues(Protocol):
    """Numbers of a grid that are read where they are asked for: an array, or a raster on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, part: tuple[slice, slice], /) -> NDArray[Any]:
        """A window as an array."""


@dataclass(frozen=True)
class GridCells:
    """A regular grid as plain numbers 人口格网, beside or instead of its cells as geometries.

    Parameters
    ----------
    values
        (rows, columns) residents, float32 or float64; NaN where the source has no data.
    transform
        (a, b, c, d, e, f): x = a·column + b·row + c, y = d·column + e·row + f, of cell corners.
    system
        Reference system of x and y in any form that PROJ reads; "" for degrees of WGS 84 or CGCS2000.
    """

    values: GridValues
    transform: tuple[float, float, float, float, float, float]
    system: str = ""


@dataclass(frozen=True)
class Population:
    """Residents on the ground 人口: cells of a grid, areas, or points.

    Parameters
    ----------
    cells
        GeoDataFrame, EPSG:4326: `residents` (people in the cell) and geometry (polygon, or point when kind is "point").
        Only cells with residents > 0 are kept.
    land
        Ground that the source covers (EPSG:4326), nodata left out; None where the source cannot tell (points).
    kind
        "grid" (cells of one size), "area" (places with residents) or "point".
    cell_m
        Typical width of a cell in metres (NaN for points).
    grid
        The same cells as numbers where they come from a raster: what is measured on them is measured far faster, with
        the same result. A table that changes residents leaves it out.
    """

    cells: gpd.GeoDataFrame
    land: BaseGeometry | None
    kind: Literal["grid", "area", "point"]
    cell_m: float
    grid: GridCells | None = None

    def blocks(self) -> Iterator[Population]:
        """Itself as the only block, so that a city and a streamed raster are measured by the same code."""
        yield self


class PopulationBlocks:
    """A population too large to hold: blocks are read anew at each pass.

    Each cell stands in exactly one block. `open_blocks` is called for every pass and yields `Population` pieces;
    `grid` holds all cells as numbers that are read where they are asked for.
    """

    def __init__(self, open_blocks: Iterable[Population], *, cell_m: float, grid: GridCells | None = None) -> None:
        self._open = open_blocks
        self.cell_m = cell_m
        self.grid = grid
        self.kind: Literal["grid"] = "grid"

    def blocks(self) -> Iterator[Population]:
        """One pass over all blocks."""
        yield from self._open


@dataclass(frozen=True)
class Streets:
    """Ways that people may walk 步行路网: nodes, edges between them, and the course of each edge; arrays are read-only.

    Every edge is walked both ways and stands once. Parameters (n nodes, m edges, s vertices):

    lon, lat
        (n,) nodes, degrees WGS 84.
    u, v
        (m,) nodes at both ends of each edge; equal for a loop.
    length_m
        (m,) geodesic length along the vertices.
    shape_lon, shape_lat
        (s,) vertices of all edges, each edge from its u to its v, both ends included.
    shape_m
        (s,) metres from u along the edge to each vertex.
    shape_start
        (m + 1,) first vertex of each edge.
    start, other, edge
        (n + 1,), (2m,), (2m,) for every node the run of its neighbours and by which edge each is reached.
    elevation_m
        (n,) height of the nodes; NaN where the source does not tell.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    u: NDArray[np.int64]
    v: NDArray[np.int64]
    length_m: NDArray[np.float64]
    shape_lon: NDArray[np.float64]
    shape_lat: NDArray[np.float64]
    shape_m: NDArray[np.float64]
    shape_start: NDArray[np.int64]
    start: NDArray[np.int64]
    other: NDArray[np.int64]
    edge: NDArray[np.int64]
    elevation_m: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.setflags(write=False)

    @property
    def length_km(self) -> float:
        """Kilometres of all edges."""
        return float(self.length_m.sum()) / 1000


WALKING_M_PER_S = 1.2
"""Usual walking speed at 70 to 79 years (Bohannon & Williams Andrews 2011: 1.13 m/s women, 1.26 m/s men); 15 minutes
are 1,080 m."""
MAX_SNAP_M = 250.0
"""Farther than this from every street a place is on none (blocks are 100 to 250 m wide)."""

Mode = Literal["walk", "ebike", "car"]
MODES: tuple[Mode, ...] = ("walk", "ebike", "car")
SPEEDS_M_PER_S: Mapping[Mode, float] = {"walk": WALKING_M_PER_S, "ebike": 15 / 3.6, "car": 30 / 3.6}
"""Speed of each mode: walking as above; e-bikes 15 km/h 道路交通安全法第五十八条; cars 30 km/h on town streets without
a centre line 道路交通安全法实施条例第四十五条. Legal limits, not measurements: a plan may set its own."""


@dataclass(frozen=True)
class Pace:
    """How a way on foot is measured 步行参数.

    Parameters
    ----------
    metres_per_s
        Speed on the flat.
    slope
        "tobler" scales the speed of each edge by the heights of its ends (Tobler 1993), as the mean of the way there
        and back; edges without heights count as flat.
    max_snap_m
        How far from a street a place may lie, bound included; that way is walked too.
    """

    metres_per_s: float = WALKING_M_PER_S
    slope: Literal["flat", "tobler"] = "flat"
    max_snap_m: float = MAX_SNAP_M

    def minutes(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minutes on the flat."""
        return metres / (self.metres_per_s * 60.0)

    def metres(self, minutes: float) -> float:
        """Metres on the flat that so many minutes take."""
        return minutes * 60.0 * self.metres_per_s


@dataclass(frozen=True)
class City:
    """What one assessment looks at: institutions, residents, places, and where each came from.

    `streets` is the walk network where one was given, `pace` how it is walked; `denominators` numbers of people by
    place (place_id, name, heading, means, value, source) that rules may divide by 分母. `as_of` is the day of the
    judgement 研判日期 and `as_of_from` who told it; as read, `institutions` is the whole dated register.
    """

    institutions: gpd.GeoDataFrame
    population: Population | PopulationBlocks
    places: gpd.GeoDataFrame
    sources: tuple[Source, ...] = ()
    name: str = ""
    simulated: bool = False
    streets: Streets | None = None
    pace: Pace = Pace()
    denominators: pd.DataFrame | None = None
    as_of: dt.date | None = None
    as_of_from: Literal["", "city_file", "option"] = ""

    def on(self, day: dt.date | None = None) -> City:
        """The city with those institutions alone that stand on a day: its own, or the one given, which overrules it."""
        told = self if day in {None, self.as_of} else replace(self, as_of=day, as_of_from="option")
        return replace(told, institutions=standing_on(self.institutions, told.as_of))


class Outcome(StrEnum):
    """Outcome of one test 核对结果."""

    MET = "met"  # 符合
    BREACHED = "breached"  # 不符合
    REVIEW = "review"  # 需研判
    NO_DATA = "no_data"  # 数据不足


class Force(StrEnum):
    """How binding a clause is 约束力."""

    MUST = "must"  # 应当
    PRINCIPLE = "principle"  # 原则上
    REFERENCE = "reference"  # 参考


@dataclass(frozen=True)
class Neighbour:
    """Another institution of the same service within reach: id, name, geodesic distance in metres.

    `walking_m` and `walking_minutes` are the way on foot where streets tell it; infinite where none leads there.
    `institution` is the code that all sites of its institution share 分院区; "" where it is its only site.
    """

    id: str
    name: str
    distance_m: float
    position_accuracy_m: float = POSITION_ACCURACY_M
    would_exceed: bool = False  # its own circle would rise above its cap if the site were added
    walking_m: float | None = None
    walking_minutes: float | None = None
    institution: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a finding rests on: the neighbours counted, borderline ones, and named figures."""

    neighbours: tuple[Neighbour, ...] = ()
    borderline: tuple[Neighbour, ...] = ()
    apart: tuple[Neighbour, ...] = ()  # of another pooling area 统筹区: shown, not counted
    figures: Mapping[str, float | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # message ids under judge.note, worded when shown


@dataclass(frozen=True)
class Finding:
    """One test of one rule: 条款、原文、实测、限值、结论.

    `subject` is the id of the site or place tested; `ground` says over what was counted (circle, township, district,
    city) and `ground_name` which one. `catalogue` holds the ids that the rule carries, `kind` its kind, `effect` what
    it does beside its outcome (words under judge.effect), `note` the plan file's remark on the reading, `lifted_by` the
    rules whose exemption sets it aside.
    """

    rule_id: str
    title: str
    outcome: Outcome
    force: Force
    clause: str
    quote: str
    subject: str
    ground: str
    ground_name: str
    observed: float | None
    limit: float | None
    unit: str
    bound: Literal["max", "min", ""] = "max"
    evidence: Evidence = field(default_factory=Evidence)
    catalogue: tuple[str, ...] = ()
    kind: str = ""
    effect: str = ""
    note: str = ""
    lifted_by: tuple[str, ...] = ()

    @property
    def headroom(self) -> float | None:
        """What is left below a maximum 余量 (negative above it); None where a number is missing."""
        if self.observed is None or self.limit is None or self.bound != "max":
            return None
        return self.limit - self.observed


class Conclusion(StrEnum):
    """Result for a proposed site, worst wins 研判结论."""

    REFUSE = "refuse"  # 不予
    REFUSE_IN_PRINCIPLE = "refuse_in_principle"  # 原则上不予
    REVIEW = "review"  # 待核查、数据不足
    CASE_BY_CASE = "case_by_case"  # 一事一议
    ADMIT = "admit"  # 可纳入
    PRIORITY = "priority"  # 优先纳入
    ADMIT_ALL = "admit_all"  # 应纳尽纳


@dataclass(frozen=True)
class Collision:
    """Two clauses that do not go together on this site 条款冲突: kind (judge.collision), rules, clauses, quotations."""

    kind: str
    rules: tuple[str, ...]
    clauses: tuple[str, ...]
    quotes: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class Verdict:
    """All findings on one proposed site and what they add up to.

    `collisions` are clauses that contradict each other here, `counted` whether the site would use up totals,
    `decided_by` the rules on which the conclusion rests, `as_of` the day of the register (ISO) or "".
    """

    site_id: str
    service: str
    conclusion: Conclusion
    findings: tuple[Finding, ...]
    measures: Mapping[str, float | str]  # the site's row of circle measures: residents_within, density_circle_per_km2 …
    collisions: tuple[Collision, ...] = ()
    counted: bool = True
    decided_by: tuple[str, ...] = ()
    as_of: str = ""


@dataclass(frozen=True)
class Assessment:
    """The result of one assessment, held in tables.

    sites      institutions with their circle measures (see measure/circles.py and measure/density.py)
    findings   findings on existing institutions (circle) and on places (township, district, city)
    coverage   one row a place and service: residents, covered, share, depth_0 … depth_3 (people)
    totals     one row a place: residents, land_km2, institutions by service, institutions per 10,000 residents
    gaps       patches of uncovered residents, ranked, outline as geometry
    proposals  classes proposed for places that the plan sorts without a threshold (judge/proposals.py)
    """

    city: City
    plan_id: str
    plan_title: str
    radius_m: float
    services: tuple[str, ...]
    sites: gpd.GeoDataFrame
    findings: tuple[Finding, ...]
    coverage: pd.DataFrame
    totals: pd.DataFrame
    gaps: gpd.GeoDataFrame
    provenance: Mapping[str, object]
    proposals: pd.DataFrame | None = None

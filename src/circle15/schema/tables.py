"""Columns, words and units of the tables, and what is told of their reading 数据表."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import datetime as dt

    import geopandas as gpd
    import pandas as pd

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

AttributeKind = Literal["date", "flag", "number", "words"]
"""In which form an attribute of an application 申请属性 is asked for."""

POSITION_ACCURACY_M = 10.0
"""Assumed when a register says nothing of how a position was found (hand-held receiver or rooftop geocode)."""

GAP_MIN_RESIDENTS = 100.0
"""Patches of uncovered residents below this are in no list of gaps, unless asked for."""

WALKING_MINUTES = 15.0
"""How long a walk to a service may take 15分钟, unless told otherwise."""

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

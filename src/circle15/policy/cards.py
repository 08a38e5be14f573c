"""What a plan file is made of 规划文件的构成: citations, ground, indicators, conditions; all frozen and closed.

The kinds of rules stand in policy/rules.py.
"""

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from circle15.schema import Force, Level, Service

# a list in TOML becomes a tuple here; what stands inside stays strict
AS_TUPLE = Field(strict=False)
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*$", max_length=80)]
CatalogueId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-\d{2,3}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Words = Annotated[tuple[Text, ...], AS_TUPLE]
Settings = Annotated[tuple[Id, ...], AS_TUPLE]
"""Marks of places: schema.SETTINGS, or marks that the plan declares itself in `[[setting]]`."""
Services = Annotated[tuple[Service, ...], Field(strict=False, min_length=1)]
ForceWord = Annotated[Force, AS_TUPLE]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
DensityUnit = Literal["place", "circle", "cell"]
Ids = Annotated[tuple[Id, ...], AS_TUPLE]
Levels = Annotated[tuple[Level, ...], AS_TUPLE]
Thing = Literal["institutions", "beds", "stations", "physicians"]
Base = Literal["residents", "registered", "insured", "insured_residents", "ltc_beneficiary", "land_km2", "area_km2"]
"""What a rate is reckoned on 分母: 常住、户籍、参保、常住参保人口, 长护险待遇人数, 陆地面积, 行政面积."""
Ground = Literal["city", "district", "township", "community", "group"]


class Record(BaseModel):
    """Frozen, strict, and closed to keys it does not know: a misspelt key is a fault, never a silent default."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Cited(Record):
    """What stands in the published text: clause number 条款号, verbatim quotation 原文, and a note on the reading.

    `catalogue` holds the ids of the rules of plans/catalogue.toml that the card carries.
    """

    clause: Text
    quote: Text
    note: str = ""
    catalogue: Annotated[tuple[CatalogueId, ...], AS_TUPLE] = ()


class Document(Record):
    """The published plan 规划文件; `text` names the file beside the plan that holds its words."""

    title: Text
    issuer: Text
    number: str = ""
    status: Literal["in_force", "draft", "explanation"]
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    text: Text


class Circle(Cited):
    """The service circle 15分钟医保服务圈: straight-line radius in metres, bound included."""

    radius_m: Positive
    force: ForceWord = Force.MUST


class Density(Record):
    """Which of the three densities decides the class of a site (a reading, not printed in the plan).

    place = mean of the township or subdistrict; circle = residents over land within the radius; cell = the grid cell.
    """

    unit: DensityUnit = "place"
    note: str = ""


class PlaceClass(Cited):
    """A class of ground 地区分类: by density with bounds [min, below), or filled in by the bureau for a place."""

    id: Id
    title: Text
    by: Literal["density_per_km2"] | None = None
    min: Amount | None = None
    below: Amount | None = None
    settings: Settings = ()
    place: Literal["community", "township", "district", "group"] | None = None


class PlaceMark(Cited):
    """A mark of places that only this plan speaks of 规划自有的地区标识; the bureau gives it to places."""

    id: Id
    title: Text


class Group(Cited):
    """A named set of districts, or of townships and subdistricts 片区."""

    id: Id
    title: Text
    areas: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Counted(Record):
    """What is counted: institutions of these services, or their beds, stations or physicians 计数对象."""

    services: Services
    tags: Words = ()
    levels: Levels = ()
    of: Thing = "institutions"


class Indicator(Record):
    """A monitored figure that rules refer to 监测指标.

    `formula` reckons it from other indicators and from columns of the totals (`city_` before a name means the whole
    city); `mean_of` makes it the mean of another indicator over the institutions of the area; `count` counts in the
    register; `rank_of` is the place from the bottom among the institutions told of, as a share of them (1 of 20: 0.05).
    """

    id: Id
    title: Text
    unit: Text
    formula: str = ""
    mean_of: Id | None = None
    weight: Literal["equal", "beds"] = "equal"
    count: Counted | None = None
    rank_of: Id | None = None
    clause: str = ""
    quote: str = ""


class Fact(Cited):
    """A figure printed in the plan, kept to compare data against."""

    id: Id
    value: Annotated[float, Field(allow_inf_nan=False)]


class Where(Record):
    """On which ground a rule holds: class of ground, marks a place bears (any of them), marks it does not bear.

    `zones` are ids of groups of districts, `areas` names or ids of places of any level that hold the site.
    """

    place_class: Id | None = None
    settings: Settings = ()
    not_settings: Settings = ()
    zones: Ids = ()
    areas: Words = ()


class Attribute(Record):
    """A condition on an attribute of the application 申请属性; without any bound the plan prints none: REVIEW."""

    attribute: Id
    one_of: Words = ()
    none_of: Words = ()
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    is_true: bool | None = None
    on_or_after: dt.date | None = None
    on_or_before: dt.date | None = None


Attributes = Annotated[tuple[Attribute, ...], AS_TUPLE]


class Step(Record):
    """One step of a stepped quota 分档数量: up to this many (bound included), this number; no `up_to` means beyond."""

    up_to: Positive | None = None
    max: Amount


class Window(Record):
    """A span of dates, both included 时间段."""

    start: dt.date
    end: dt.date


DayOfYear = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]


class YearlyWindow(Record):
    """A span of days in every year, both included (03-01 to 03-31); one that runs over New Year ends in the next."""

    start: DayOfYear
    end: DayOfYear


class Trigger(Record):
    """A condition on an indicator; a bound that is a word names another indicator.

    It must hold in each of the last `periods` whole periods. Where the indicator is told by institution, `aggregate`
    says whose figure counts: any or all institutions of the area, their mean, or their mean weighted by beds.
    """

    indicator: Id
    below: float | Id | None = None
    above: float | Id | None = None
    at_most: float | Id | None = None
    at_least: float | Id | None = None
    is_true: bool | None = None
    periods: Annotated[int, Field(ge=1)] | None = None
    period: Literal["month", "quarter", "year"] | None = None
    aggregate: Literal["any", "all", "mean", "bed_weighted"] = "any"


class Reading(Record):
    """Another way to read the same words, tried beside the first 另一种读法."""

    title: Text
    any_of: Annotated[tuple[Trigger, ...], AS_TUPLE] = ()
    all_of: Annotated[tuple[Trigger, ...], AS_TUPLE] = ()


Triggers = Annotated[tuple[Trigger, ...], AS_TUPLE]


class Card(Cited):
    """What every rule carries 规则卡片.

    `tags` limits it to institutions that bear one of them, `applicant` to applications of these attributes,
    `valid_from` and `valid_to` to a span of dates; `against` names cards whose words do not agree with it.
    """

    id: Id
    title: Text
    services: Services
    force: ForceWord = Force.MUST
    where: Where = Where()
    tags: Words = ()
    applicant: Attributes = ()
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    against: Ids = ()


class ByDistance(Card):
    """Cards that look at institutions about the site 按距离的条款: how far, and by which distance.

    `radius_m` left out is the radius of the plan's circle. With `distance = "walking"` metres are walked, and `minutes`
    may stand for them; ways on foot are handed in as `walking_m` and `walking_minutes`. Unknown ways never pass.
    """

    distance: Literal["straight", "walking"] = "straight"
    radius_m: Positive | None = None
    minutes: Positive | None = None

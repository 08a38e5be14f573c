"""Rule kinds of an allocation plan 规则种类: closed, frozen records of what a plan file may say.

A kind is a shape: what is counted, over which ground, against which limit, under which condition, with which effect.
No kind knows a city; every number stands in a plan file beside its clause and verbatim quotation.
"""

import datetime as dt
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from circle15.schema import Force, Level, Service, Setting

# a list in TOML becomes a tuple here; what stands inside stays strict
_LIST = Field(strict=False)
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]*$", max_length=80)]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Words = Annotated[tuple[Text, ...], _LIST]
Settings = Annotated[tuple[Setting, ...], _LIST]
Services = Annotated[tuple[Service, ...], Field(strict=False, min_length=1)]
ForceWord = Annotated[Force, _LIST]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
DensityUnit = Literal["place", "circle", "cell"]


class Record(BaseModel):
    """Frozen, strict, and closed to keys it does not know: a misspelt key is a fault, never a silent default."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Cited(Record):
    """What stands in the published text: clause number 条款号, verbatim quotation 原文, and a note on the reading."""

    clause: Text
    quote: Text
    note: str = ""


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
    place: Literal["township", "group"] | None = None


class Group(Cited):
    """A named set of districts 片区."""

    id: Id
    title: Text
    areas: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class Indicator(Record):
    """A monitored figure that rules refer to 监测指标."""

    id: Id
    title: Text
    unit: Text
    formula: str = ""
    clause: str = ""
    quote: str = ""


class Fact(Cited):
    """A figure printed in the plan, kept to compare data against."""

    id: Id
    value: Annotated[float, Field(allow_inf_nan=False)]


class Where(Record):
    """On which ground a rule holds: class of ground, marks a place bears (any of them), marks it does not bear."""

    place_class: Id | None = None
    settings: Settings = ()
    not_settings: Settings = ()


class Trigger(Record):
    """A condition on an indicator; a bound that is a word names another indicator."""

    indicator: Id
    below: float | Id | None = None
    above: float | Id | None = None
    at_most: float | Id | None = None
    at_least: float | Id | None = None
    is_true: bool | None = None
    periods: Annotated[int, Field(ge=1)] | None = None
    period: Literal["month", "quarter", "year"] | None = None


Triggers = Annotated[tuple[Trigger, ...], _LIST]


class Card(Cited):
    """What every rule carries 规则卡片. `tags` limits it to institutions that bear one of them."""

    id: Id
    title: Text
    services: Services
    force: ForceWord = Force.MUST
    where: Where = Where()
    tags: Words = ()


class CircleLimit(Card):
    """Number of institutions of one service within the circle 服务圈上限.

    `max` left out means that the plan prints no number: each case goes to review. With `counts_site` the institution
    in the middle counts as one of `max`.
    """

    kind: Literal["circle_limit"]
    max: Count | None = None
    counts_site: bool = True
    like: Literal["service", "tag"] = "service"
    reach: Literal["radius", "overlap"] = "radius"
    distance: Literal["straight", "walking"] = "straight"
    radius_m: Positive | None = None


class AreaLimit(Card):
    """A total over a township, district or city against a limit 区域上限、下限.

    The limit is a number, a rate (`max_rate` for every `rate_per` of `rate_base`), a number a named area, a number a
    class of place, the stock of today, or an indicator. Institutions that bear a tag of `excludes` do not count.
    """

    kind: Literal["area_limit"]
    per: Literal["city", "district", "township", "community", "group"]
    of: Literal["institutions", "beds", "stations", "physicians"] = "institutions"
    counts: Literal["all", "new"] = "all"
    levels: Annotated[tuple[Level, ...], _LIST] = ()
    excludes: Words = ()
    min: Amount | None = None
    max: Amount | None = None
    max_rate: Positive | None = None
    rate_per: Positive | None = None
    rate_base: Literal["residents", "insured", "ltc_beneficiary"] = "residents"
    max_by_area: dict[Text, Amount] | None = None
    max_by_class: dict[Id, Amount] | None = None
    max_current: bool = False
    max_indicator: Id | None = None


class Mix(Card):
    """Shares by hospital level that add up to one 等级结构."""

    kind: Literal["mix"]
    of: Literal["beds", "institutions"] = "beds"
    shares: dict[Level, Share]


class Suspend(Card):
    """New designation pauses while indicators stand so 暂停新增."""

    kind: Literal["suspend"]
    any_of: Triggers = ()
    all_of: Triggers = ()
    scope: Literal["city", "district", "township", "radius"]
    radius_m: Positive | None = None
    same_level: bool = False


class Replace(Card):
    """Entries only against exits, `ratio` entries for one exit 退出置换."""

    kind: Literal["replace"]
    ratio: Positive
    any_of: Triggers = ()


class Exit(Card):
    """An agreement ends, is reviewed or reduced 退出机制."""

    kind: Literal["exit"]
    any_of: Triggers = ()
    action: Literal["terminate", "review", "reduce"] = "terminate"


class Exempt(Card):
    """Cases that other rules do not bind 特殊情形; `counted` tells whether they still use up totals."""

    kind: Literal["exempt"]
    lifts: Annotated[tuple[Literal["all", "area_limit", "circle_limit"], ...], Field(strict=False, min_length=1)]
    needs: Literal["approval", "assessment"] | None = None
    until: dt.date | None = None
    counted: bool = True


class Prefer(Card):
    """Cases that go first 优先纳入."""

    kind: Literal["prefer"]


class Target(Card):
    """A goal to be reached 目标值."""

    kind: Literal["target"]
    measure: Id
    at_least: Amount | None = None
    at_most: Amount | None = None
    by: dt.date | None = None


class Checklist(Card):
    """A clause that people check 人工核对."""

    kind: Literal["checklist"]


Rule = Annotated[
    CircleLimit | AreaLimit | Mix | Suspend | Replace | Exit | Exempt | Prefer | Target | Checklist,
    Field(discriminator="kind"),
]
RULE_RECORDS: tuple[type[Card], ...] = (
    CircleLimit, AreaLimit, Mix, Suspend, Replace, Exit, Exempt, Prefer, Target, Checklist,
)  # fmt: skip
KINDS: tuple[str, ...] = tuple(get_args(m.model_fields["kind"].annotation)[0] for m in RULE_RECORDS)

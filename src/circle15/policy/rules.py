"""Rule kinds of an allocation plan 规则种类: closed, frozen records of what a plan file may say.

A kind is a shape: what is counted, over which ground, against which limit, under which condition, with which effect.
No kind knows a city; every number stands in a plan file beside its clause and verbatim quotation.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from circle15.policy.cards import (
    AS_TUPLE,
    Amount,
    Attributes,
    Base,
    ByDistance,
    Card,
    Count,
    Counted,
    Ground,
    Id,
    Levels,
    Positive,
    Reading,
    Share,
    Step,
    Text,
    Thing,
    Triggers,
    Window,
    Words,
    YearlyWindow,
)
from circle15.schema import Level, Mode, Service


class CircleLimit(ByDistance):
    """Number of institutions within the circle 服务圈上限.

    `max` left out means that the plan prints no number: each case goes to review. With `counts_site` the institution
    in the middle counts as one of `max`. Counted are institutions of the site's service (`like = "tag"`: those that
    bear one of `tags`; `counts_services`: those of these services), without those tagged with one of `excludes`, and
    equal to the site in every column of `same`. `reach = "overlap"` counts those whose own circle meets the site's.
    With `at_radius = "outside"` a distance equal to the radius is far enough (a minimum spacing 间距).
    `max_rate` for every `rate_per` residents within the plan's circle, rounded down unless `rounding` says otherwise;
    of a card on foot residents too, here and in `max_steps`, are those within its own distance on foot.
    """

    kind: Literal["circle_limit"]
    max: Count | None = None
    max_steps: Annotated[tuple[Step, ...], AS_TUPLE] = ()
    max_rate: Positive | None = None
    rate_per: Positive | None = None
    rounding: Literal["floor", "ceil", "nearest"] = "floor"
    counts_site: bool = True
    like: Literal["service", "tag"] = "service"
    counts_services: Annotated[tuple[Service, ...], AS_TUPLE] = ()
    same: Words = ()
    excludes: Words = ()
    reach: Literal["radius", "overlap"] = "radius"
    at_radius: Literal["inside", "outside"] = "inside"

    @property
    def by_residents(self) -> bool:
        """Whether the limit goes by the residents of the circle."""
        return bool(self.max_steps) or self.max_rate is not None


class AreaLimit(Card):
    """A total over a place or a group of districts against a limit 区域上限、下限.

    The limit is a number, a rate (`max_rate` for every `rate_per` of `rate_base`), a number a named area, a number a
    class of place, steps by `steps_by`, a share of another total, the stock of today, or an indicator. Institutions
    that bear a tag of `excludes` do not count, nor those without all of `with_tags`, nor those that differ from the
    site in a column of `same` (a chain, a legal entity). `counts = "new"` counts entries of the events since the plan
    began, `"new_this_year"` those of the calendar year. With `transfers` quota moved in or out by events (quota_in,
    quota_out, in `beds` or one institution each) is added to the limit. Before the date `by` a limit is a goal and
    refuses nobody.
    """

    kind: Literal["area_limit"]
    per: Ground
    of: Thing = "institutions"
    counts: Literal["all", "new", "new_this_year"] = "all"
    levels: Levels = ()
    excludes: Words = ()
    with_tags: Words = ()
    same: Words = ()
    transfers: bool = False
    min: Amount | None = None
    max: Amount | None = None
    max_rate: Positive | None = None
    rate_per: Positive | None = None
    rate_base: Base = "residents"
    rounding: Literal["floor", "ceil", "nearest"] | None = None
    max_by_area: dict[Text, Amount] | None = None
    max_by_class: dict[Id, Amount] | None = None
    max_steps: Annotated[tuple[Step, ...], AS_TUPLE] = ()
    steps_by: Base = "residents"
    max_share: Share | None = None
    min_share: Share | None = None
    share_of: Counted | None = None
    max_current: bool = False
    max_indicator: Id | None = None
    by: dt.date | None = None


class Mix(Card):
    """Shares by hospital level that add up to one 等级结构."""

    kind: Literal["mix"]
    of: Literal["beds", "institutions"] = "beds"
    shares: dict[Level, Share]


class Suspend(ByDistance):
    """New designation pauses while indicators stand so 暂停新增; `radius` counts around each such institution.

    With the scope `radius` the readings are tried on all institutions within the radius about the applicant.
    """

    kind: Literal["suspend"]
    any_of: Triggers = ()
    all_of: Triggers = ()
    readings: Annotated[tuple[Reading, ...], AS_TUPLE] = ()
    scope: Literal["city", "district", "township", "group", "radius"]
    same_level: bool = False


class Replace(Card):
    """Entries only against exits or released beds, `ratio` entries for one exit 退出置换、释放量.

    Counted over each place of `per`, in whole entries; what is left of earlier exits is carried over within `window`
    (the plan's period, or the year before). `pause` says that the same sentence also pauses new designations.
    """

    kind: Literal["replace"]
    ratio: Positive
    any_of: Triggers = ()
    all_of: Triggers = ()
    per: Ground = "township"
    of: Literal["institutions", "beds"] = "institutions"
    window: Literal["plan", "previous_year"] = "plan"
    pause: bool = False


class Exit(Card):
    """An agreement ends, is reviewed, reduced or put right 退出机制; not for those that bear a tag of `excludes`."""

    kind: Literal["exit"]
    any_of: Triggers = ()
    all_of: Triggers = ()
    action: Literal["terminate", "review", "reduce", "rectify"] = "terminate"
    excludes: Words = ()


class Exempt(ByDistance):
    """Cases that other rules do not bind 特殊情形.

    `lifts` names the kinds of rules lifted; `counted` tells whether they still use up totals; `result` what follows.
    With `none_within` it holds only where no institution of the service stands within the circle (of `radius_m` or
    `minutes` where given), with `none_in` only where none stands in the place of that level.
    """

    kind: Literal["exempt"]
    lifts: Annotated[
        tuple[Literal["all", "area_limit", "circle_limit", "suspend", "replace", "mix"], ...],
        Field(strict=False, min_length=1),
    ]
    needs: Literal["approval", "assessment"] | None = None
    until: dt.date | None = None
    counted: bool = True
    match: Literal["all", "any"] = "all"
    none_within: bool = False
    none_in: Literal["community", "township", "district"] | None = None
    result: Literal["admit", "priority", "admit_all", "case_by_case"] = "admit"


class Prefer(ByDistance):
    """Cases that go first 优先纳入; with `ordered` the order of `tags` is the rank.

    With `near` only sites within `radius_m` or `minutes` of an institution so counted (neither printed: for people
    to check), with `none_in` only where no institution of the service stands in the place of that level.
    """

    kind: Literal["prefer"]
    match: Literal["all", "any"] = "all"
    ordered: bool = False
    near: Counted | None = None
    none_in: Literal["community", "township", "district"] | None = None


class Require(Card):
    """What an application must show, in `needs`, and when it may come in, in `windows` 申请条件、受理时间.

    `yearly` are windows of every year. `grants` names what an institution of these tags is given without applying.
    """

    kind: Literal["require"]
    needs: Attributes = ()
    windows: Annotated[tuple[Window, ...], AS_TUPLE] = ()
    yearly: Annotated[tuple[YearlyWindow, ...], AS_TUPLE] = ()
    grants: Words = ()


class Ban(Card):
    """No new application for `years` after a forced exit of the institution or whom it shares `keys` with 黑名单."""

    kind: Literal["ban"]
    years: Positive
    keys: Words = ("legal_representative",)
    events: Words = ("forced_exit",)


class BatchLimit(Card):
    """At most `max` applications that share `key`, in one batch or calendar year 同批申请数量."""

    kind: Literal["batch_limit"]
    key: Id
    max: Count | None = None
    window: Literal["batch", "year"] = "batch"


class Warn(Card):
    """Cases to be looked at with care 从严控制: shown, decides nothing."""

    kind: Literal["warn"]


class Case(Card):
    """Cases that are decided one by one 一事一议."""

    kind: Literal["case"]


class Validity(Card):
    """From when to when the plan holds 有效期."""

    kind: Literal["validity"]
    start: dt.date | None = None
    end: dt.date | None = None


class Direction(Card):
    """Calculated, target and actual value against each other 测算值、目标值、现实值.

    Actual below both by more than `tolerance` (a share of them) is short, above both surplus, else between; a value
    that equals one of them is between. A tolerance left out is read as zero and said so.
    """

    kind: Literal["direction"]
    actual: Id
    calculated: Id
    target: Id | None = None
    tolerance: Share | None = None
    scope: Ground = "district"


ON_FOOT: Mapping[str, str] = {"coverage_share": "share_walking", "response_minutes": "response_minutes"}
"""Measures of goals that the streets tell, and the column of measure/walking_coverage.py that holds each."""


class Target(Card):
    """A goal to be reached 目标值.

    With `distance = "walking"` the measures of `ON_FOOT`, coverage_share (of residents within the plan's radius on
    foot) and response_minutes (within which 95 % of residents are), are measured on the streets, by `mode` at
    `speed_m_per_s` or the mode's usual speed; the straight figure stands beside where indicators tell it.
    """

    kind: Literal["target"]
    measure: Id
    at_least: Amount | None = None
    at_most: Amount | None = None
    distance: Literal["straight", "walking"] = "straight"
    mode: Mode = "walk"
    speed_m_per_s: Positive | None = None
    by: dt.date | None = None


class Checklist(Card):
    """A clause that people check 人工核对."""

    kind: Literal["checklist"]


Rule = Annotated[
    CircleLimit
    | AreaLimit
    | Mix
    | Suspend
    | Replace
    | Exit
    | Exempt
    | Prefer
    | Require
    | Ban
    | BatchLimit
    | Warn
    | Case
    | Validity
    | Direction
    | Target
    | Checklist,
    Field(discriminator="kind"),
]
RULE_RECORDS: tuple[type[Card], ...] = (
    CircleLimit,
    AreaLimit,
    Mix,
    Suspend,
    Replace,
    Exit,
    Exempt,
    Prefer,
    Require,
    Ban,
    BatchLimit,
    Warn,
    Case,
    Validity,
    Direction,
    Target,
    Checklist,
)
KINDS: tuple[str, ...] = tuple(get_args(m.model_fields["kind"].annotation)[0] for m in RULE_RECORDS)

"""What comes out 评估结果: findings, verdicts, and the tables of an assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from circle15.schema.tables import POSITION_ACCURACY_M

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from circle15.schema.ground import City


CHECKLIST = "checklist"
"""Ground of a card 核对卡片 that people check; it is listed with every verdict and decides none."""


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

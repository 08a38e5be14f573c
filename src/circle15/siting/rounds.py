"""Rounds of applications that touch each other 批次申请: who uses which place, who is refused because of whom.

Applications are judged one after another against what then stands. The order is by the plan's preferences and a score,
by the residents newly reached, by arrival, or drawn by lot with a recorded seed; the same round with the same order is
the same round again. An application that the judge leaves open (review, case by case), or that looks like one admitted
before it, is held: it takes no place until people decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.prepared import Prepared
from circle15.schema import Conclusion, Finding, Outcome, Verdict
from circle15.siting.choose import without_minimums
from circle15.siting.cover import max_cover
from circle15.siting.demand import reach_of_pairs
from circle15.siting.doubles import Alike, find_alike
from circle15.siting.field import Field, limits_of
from circle15.siting.served import Served
from circle15.siting.standing import Standing

By = Literal["rank", "coverage", "first", "lottery"]
"""择优（优先级、评分）, 新增覆盖多者先, 先到先得, 抽签."""
ADMITTED = frozenset({Conclusion.ADMIT, Conclusion.PRIORITY, Conclusion.ADMIT_ALL})
REFUSED = frozenset({Conclusion.REFUSE, Conclusion.REFUSE_IN_PRINCIPLE})
_FIRST = {Conclusion.ADMIT_ALL: 0, Conclusion.PRIORITY: 1}


@dataclass(frozen=True)
class RoundResult:
    """A round as it went.

    Parameters
    ----------
    decisions
        One row an application in the order it was judged: order, id, name, service, places, decision (admitted, held,
        refused), conclusion and rules in the round, alone_conclusion (before the round), because_of (ids admitted
        before it without which it would not have been refused), residents_gained (with it, less without it, at its
        turn), alike (ids of those it looks like), priority, score, lon, lat.
    places
        One row a limit and place that an admitted application used: rule, place, limit, before, after, ids.
    verdicts, alone
        Verdicts in the round and before it, by id.
    by, seed
        How the order came about; the seed of the lot.
    told
        Whether a score and an arrival were told of, where the order asks for them.
    joint
        By service, the most that limits of circles and areas would let in together, in whatever order.
    alike
        What each application looks like.
    on_foot
        Whether residents are reached along the streets.
    """

    decisions: pd.DataFrame
    places: pd.DataFrame
    verdicts: Mapping[str, Verdict]
    alone: Mapping[str, Verdict]
    by: By
    seed: int | None
    told: Mapping[str, bool]
    joint: Mapping[str, int]
    alike: Mapping[str, tuple[Alike, ...]]
    on_foot: bool

    def record(self) -> dict[str, object]:
        """What replays the round: rule of order, seed, order and decisions."""
        told = self.decisions[["order", "id", "decision", "conclusion", "because_of"]].to_dict("records")
        return {"by": self.by, "seed": self.seed, "decisions": told, "joint": dict(self.joint)}


def run_round(
    ready: Prepared,
    applications: gpd.GeoDataFrame,
    *,
    by: By = "rank",
    seed: int | None = None,
    score: str | None = None,
    arrival: str | None = None,
    order: Sequence[str] | None = None,
    on_foot: bool = False,
) -> RoundResult:
    """Judge a batch of applications one after another.

    Parameters
    ----------
    applications
        id, name, service, tags, position_accuracy_m, point geometry (EPSG:4326), and whatever else applicants state;
        `replaces` is the id of an institution that leaves when the application is admitted (迁址、减一增一).
    by
        "rank": preferences of the plan first (verdict before the round), then `score` (more is better), then arrival.
        "coverage": preferences first, then always the one that newly reaches most residents. "first": by the column
        `arrival` (a date or number). "lottery": by lot. What all this leaves equal goes by the order of the table.
    seed
        Of the lot; asked for, so that the draw can be repeated before witnesses.
    order
        Ids in the order of an earlier round, which overrules `by`: the round is replayed.
    on_foot
        Residents newly reached are those within the radius along the streets (UsageError where the city has none);
        the limits of the plan stay as the plan measures them.
    """
    ids = applications["id"].astype(str).tolist()
    _check(applications, by=by, seed=seed, columns=(score, arrival), order=order)
    table = applications.reset_index(drop=True)
    measured, alike = ready.measure(table), find_alike(ready, table)
    standing, served = Standing(ready, measured), Served(ready, table, on_foot=on_foot)
    rows = {str(r["id"]): {str(k): v for k, v in r.items()} for r in table.drop(columns="geometry").to_dict("records")}
    alone = {i: _judged(standing, i, rows[i]) for i in ids}
    left = list(order) if order is not None else _order(table, alone, by=by, seed=seed, score=score, arrival=arrival)
    fresh = by == "coverage" and order is None  # whose turn it is hangs on who came in before
    verdicts: dict[str, Verdict] = {}
    admitted: list[str] = []
    decisions = []
    while left:
        gains = {i: served.gain(i, _leaves(standing, rows[i])) for i in (left if fresh else left[:1])}
        site = min(gains, key=lambda i: (*_priority(alone[i]), -round(gains[i], 6)))
        left.remove(site)
        verdict = verdicts[site] = _judged(standing, site, rows[site])
        twins = [a for a in alike[site] if a.kind == "both" and a.other in standing.ids]
        decision = "held" if twins and verdict.conclusion in ADMITTED else _decision(verdict)
        because = _because(standing, verdict, alone[site], admitted, rows[site]) if decision == "refused" else ()
        if decision == "admitted":
            served.enter(site, _leaves(standing, rows[site]))
            _enter(standing, site, rows[site])
            admitted.append(site)
        decisions.append(
            {
                "order": len(verdicts),
                **_row(rows[site], verdict, alone[site], score),
                "decision": decision,
                "because_of": ";".join(because),
                "residents_gained": gains[site],
                "alike": ";".join(a.other for a in alike[site]),
            }
        )
    joint = {s: _joint(f) for s, f in served.fields.items()}
    told = {"score": score is not None, "arrival": arrival is not None}
    return RoundResult(
        _located(pd.DataFrame(decisions), measured),
        _places(verdicts, admitted),
        verdicts,
        alone,
        by,
        seed,
        told,
        joint,
        alike,
        on_foot,
    )


def _located(decisions: pd.DataFrame, measured: gpd.GeoDataFrame) -> pd.DataFrame:
    """Decisions with the places and degrees of the applications."""
    at = measured.set_index(measured["id"].astype(str)).loc[decisions["id"]]
    places = {column: at[column].to_numpy() for column in ("district_name", "township_name")}
    return decisions.assign(**places, lon=at.geometry.x.to_numpy(), lat=at.geometry.y.to_numpy())


def _check(
    applications: gpd.GeoDataFrame,
    *,
    by: By,
    seed: int | None,
    columns: tuple[str | None, ...],
    order: Sequence[str] | None,
) -> None:
    problems = []
    ids = applications["id"].astype(str)
    if ids.duplicated().any():
        problems.append(Problem("siting.id_twice", value=", ".join(sorted(set(ids[ids.duplicated()])))))
    if by == "lottery" and order is None and (seed is None or seed < 0):
        problems.append(Problem("siting.seed_missing"))
    missing = [c for c in columns if c is not None and c not in applications.columns]
    if missing:
        problems.append(Problem("siting.round_column", value=", ".join(missing)))
    if order is not None and sorted(order) != sorted(ids):
        problems.append(Problem("siting.replay_order", value=str(len(order))))
    score, arrival = columns
    unread = [
        Problem("siting.round_value", value=str(told), params={"id": i, "column": str(column)})
        for column, read in ((score, _numbers), (arrival, _times))
        if column is not None and column in applications.columns
        for i, told, value in zip(ids, applications[column], read(applications[column]), strict=True)
        if pd.isna(value) and not pd.isna(told) and str(told).strip()
    ]
    if problems or unread:
        raise UsageError([*problems, *unread])


def _numbers(told: pd.Series) -> pd.Series:
    return pd.to_numeric(told, errors="coerce")


def _order(
    applications: gpd.GeoDataFrame,
    alone: Mapping[str, Verdict],
    *,
    by: By,
    seed: int | None,
    score: str | None,
    arrival: str | None,
) -> list[str]:
    ids: list[str] = applications["id"].astype(str).tolist()
    came = _arrivals(applications, arrival)
    if by == "coverage":
        return ids
    if by == "lottery":
        return [ids[n] for n in np.random.default_rng(seed).permutation(len(ids))]
    if by == "first":
        return [ids[n] for n in sorted(range(len(ids)), key=lambda n: (came[n], n))]
    points = (
        pd.to_numeric(applications[score], errors="coerce") if score is not None else pd.Series([np.nan] * len(ids))
    )
    worth = (-points.fillna(-np.inf)).tolist()
    return [ids[n] for n in sorted(range(len(ids)), key=lambda n: (*_priority(alone[ids[n]]), worth[n], came[n], n))]


def _arrivals(applications: gpd.GeoDataFrame, arrival: str | None) -> list[float]:
    """When each came, as a number; unknown ones last."""
    if arrival is None:
        return [0.0] * len(applications)
    return [float(v) if pd.notna(v) else np.inf for v in _times(applications[arrival])]


def _times(told: pd.Series) -> pd.Series:
    """Numbers as they are, dates as days; what is neither is unknown."""
    numbers = _numbers(told)
    days = pd.to_datetime(told.where(numbers.isna()), errors="coerce", format="mixed")
    return numbers.where(numbers.notna(), (days - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1))


def _priority(verdict: Verdict) -> tuple[int, float]:
    """Exempt for all that qualify, then priority (by the rank of an ordered preference), then the rest."""
    ranks = [float(f.evidence.figures["rank"]) for f in verdict.findings if "rank" in f.evidence.figures]
    return _FIRST.get(verdict.conclusion, 2), min(ranks, default=np.inf)


def _judged(standing: Standing, site: str, row: Mapping[str, Any]) -> Verdict:
    """The verdict on an application, the institution that it replaces having left."""
    leaves = _leaves(standing, row)
    if leaves:
        standing.remove(leaves)
    verdict = standing.judge(site, attributes=row)
    if leaves:
        standing.admit(leaves)
    return replace(verdict, site_id=site)


def _replaces(row: Mapping[str, Any]) -> str:
    named = row.get("replaces")
    return named if isinstance(named, str) else ""


def _leaves(standing: Standing, row: Mapping[str, Any]) -> str:
    named = _replaces(row)
    return named if named in standing.ids else ""


def _enter(standing: Standing, site: str, row: Mapping[str, Any]) -> None:
    leaves = _leaves(standing, row)
    if leaves:
        standing.remove(leaves)
    standing.admit(site)


def _decision(verdict: Verdict) -> str:
    if verdict.conclusion in ADMITTED:
        return "admitted"
    return "refused" if verdict.conclusion in REFUSED else "held"


def _because(
    standing: Standing, verdict: Verdict, alone: Verdict, admitted: Sequence[str], row: Mapping[str, Any]
) -> tuple[str, ...]:
    """Earlier admissions that caused the refusal: each single one that would have avoided it, else all of them."""
    if alone.conclusion in REFUSED or not admitted:
        return ()
    single = []
    for other in admitted:
        standing.remove(other)
        if _judged(standing, verdict.site_id, row).conclusion not in REFUSED:
            single.append(other)
        standing.admit(other)
    return tuple(single) if single else tuple(admitted)


def _row(row: Mapping[str, Any], verdict: Verdict, alone: Verdict, score: str | None) -> dict[str, object]:
    return {
        "id": str(row["id"]),
        "name": str(row.get("name", "")),
        "service": verdict.service,
        "conclusion": str(verdict.conclusion),
        "rules": ";".join(verdict.decided_by),
        "alone_conclusion": str(alone.conclusion),
        "priority": _priority(alone)[0],
        "score": row.get(score) if score is not None else None,
        "replaces": _replaces(row),
    }


def _places(verdicts: Mapping[str, Verdict], admitted: Sequence[str]) -> pd.DataFrame:
    """Limits over areas that admitted applications used, in the order of the round."""
    used: dict[tuple[str, str, str], dict[str, object]] = {}
    for site in admitted:
        for one in verdicts[site].findings:
            if not _is_limit(one):
                continue
            key = (verdicts[site].service, one.rule_id, one.ground_name)
            today = float(one.evidence.figures.get("today", np.nan))
            held = used.setdefault(
                key,
                {
                    "service": key[0],
                    "rule": one.rule_id,
                    "title": one.title,
                    "clause": one.clause,
                    "ground": one.ground,
                    "ground_name": one.ground_name,
                    "limit": one.limit,
                    "before": today,
                    "after": one.observed,
                    "ids": "",
                },
            )
            held["after"], held["ids"] = one.observed, ";".join(filter(None, (str(held["ids"]), site)))
    columns = ["service", "rule", "title", "clause", "ground", "ground_name", "limit", "before", "after", "ids"]
    return pd.DataFrame(list(used.values()), columns=columns)


def _is_limit(one: Finding) -> bool:
    return one.kind == "area_limit" and one.bound == "max" and one.limit is not None and one.outcome is Outcome.MET


def _joint(field: Field) -> int:
    """The most applications of a service that circles and areas would let in together."""
    new = np.flatnonzero(field.new)
    each = reach_of_pairs(new, np.arange(len(new)), np.zeros(len(new)), sites=len(field.sites), points=len(new))
    limits = limits_of(field, required=~field.new, forbidden=field.new & False)
    best = max_cover(each, np.ones(len(new)), without_minimums(limits), seconds=20.0)
    return int((best.chosen & field.new).sum())

"""Ledgers of exits and entries 退出与新增台账: swap quotas, release quantities, bans, batches."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from circle15.judge.inputs import Inputs, place_key, text
from circle15.judge.memo import once

if TYPE_CHECKING:
    from circle15.policy.rules import Ban, BatchLimit, Replace

EXITS = ("exit", "forced_exit", "voluntary_exit", "relocation_out")
ENTRIES = ("entry", "relocation_in")
APPLICATION = "application"


@dataclass(frozen=True)
class Swap:
    """A ledger as it stands: what left, what came in, how much may come in for it (whole entries, carried over)."""

    exits: float
    entries: float
    allowed: float


def place_names(totals: pd.DataFrame, place: Mapping[str, Any]) -> frozenset[str]:
    """Ids and names of a place and of every place below it."""
    return once(totals, ("names", place_key(place)), lambda: _names(totals, place))


def _names(totals: pd.DataFrame, place: Mapping[str, Any]) -> frozenset[str]:
    own = set(place.get("members") or ())
    held = {str(place["place_id"]), *own} - {""}
    parents = list(
        zip(
            totals["place_id"].astype(str),
            totals["parent"].fillna("").astype(str),
            totals["name"].astype(str),
            strict=True,
        )
    )
    grown = True
    while grown:
        below = {i for i, parent, _ in parents if parent in held} - held
        held |= below
        grown = bool(below)
    names = {name for i, _, name in parents if i in held}
    return frozenset(held | names | {str(place["name"])} - {""})


def _events(
    inputs: Inputs,
    kinds: tuple[str, ...],
    *,
    since: dt.date | None,
    until: dt.date | None,
    services: tuple[str, ...] = (),
    names: frozenset[str] | None = None,
    tags: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Events of some kinds between two days (both included), of some services, in some places."""
    events = inputs.events
    if events is None or events.empty:
        return pd.DataFrame(columns=["date", "event"])
    picked = events[events["event"].isin(kinds)]
    day = pd.to_datetime(picked["date"])
    keep = pd.Series(data=True, index=picked.index)
    if since is not None:
        keep &= day >= pd.Timestamp(since)
    if until is not None:
        keep &= day <= pd.Timestamp(until)
    if services and "service" in picked.columns:
        keep &= picked["service"].isin(services)
    if tags and "tags" in picked.columns:
        keep &= picked["tags"].fillna("").astype(str).str.split(";").map(lambda t: not set(t).isdisjoint(tags))
    if names is not None:
        keep &= picked["place_id"].astype(str).isin(names) if "place_id" in picked.columns else False
    return picked[keep]


def _sum(events: pd.DataFrame, of: str) -> float:
    if of == "institutions":
        return float(len(events))
    if events.empty:
        return 0.0
    return float(events[of].sum(skipna=False)) if of in events.columns else math.nan


def added_in(
    inputs: Inputs,
    place: Mapping[str, Any],
    totals: pd.DataFrame,
    *,
    since: dt.date | None,
    services: tuple[str, ...],
    of: str,
) -> float:
    """What came in since a day in a place; NaN without a table of events."""
    if inputs.events is None:
        return math.nan
    names = place_names(totals, place)
    found = _events(inputs, ENTRIES, since=since, until=inputs.as_of, services=services, names=names)
    return _sum(found, of)


def transferred(
    inputs: Inputs, place: Mapping[str, Any], totals: pd.DataFrame, *, services: tuple[str, ...], of: str
) -> float:
    """Quota moved to a place less that moved away 总量调剂, up to the day; nothing where no events are told."""
    names = place_names(totals, place)
    into, out = (
        _sum(_events(inputs, (kind,), since=None, until=inputs.as_of, services=services, names=names), of)
        for kind in ("quota_in", "quota_out")
    )
    return into - out


def swap(
    rule: Replace, inputs: Inputs, place: Mapping[str, Any], totals: pd.DataFrame, *, start: dt.date | None
) -> Swap:
    """The ledger of a place: over the plan's period, or exits of the year before against entries of this year."""
    names = place_names(totals, place)
    day = inputs.as_of
    if rule.window == "previous_year" and day is not None:
        left = (dt.date(day.year - 1, 1, 1), dt.date(day.year - 1, 12, 31))
        came: tuple[dt.date | None, dt.date | None] = (dt.date(day.year, 1, 1), day)
    else:
        left, came = (start or dt.date.min.replace(year=1900), day or dt.date(2200, 1, 1)), (start, day)
    who: dict[str, Any] = {"services": rule.services, "names": names, "tags": rule.tags}
    exits = _sum(_events(inputs, EXITS, since=left[0], until=left[1], **who), rule.of)
    entries = _sum(_events(inputs, ENTRIES, since=came[0], until=came[1], **who), rule.of)
    allowed = math.nan if math.isnan(exits) else float(math.floor(exits * rule.ratio + 1e-9))
    return Swap(exits, entries, allowed)


def banned_until(rule: Ban, inputs: Inputs, site: Mapping[str, Any]) -> dt.date | None:
    """The day on which the last ban on the applicant ends; None where no forced exit is on record."""
    found = _events(inputs, rule.events, since=None, until=inputs.as_of)
    latest: dt.date | None = None
    for key in rule.keys:
        own = text(site.get(key))
        if not own or key not in found.columns:
            continue
        for day in pd.to_datetime(found.loc[found[key].astype(str) == own, "date"]):
            end = (day + pd.DateOffset(months=round(rule.years * 12))).date()
            latest = end if latest is None else max(latest, end)
    return latest


def in_batch(rule: BatchLimit, inputs: Inputs, site: Mapping[str, Any]) -> float:
    """Other applications that share the key with the site, in its batch or calendar year; NaN where not told."""
    own = text(site.get(rule.key))
    events = inputs.events
    if not own or events is None or rule.key not in events.columns:
        return math.nan
    same = events[(events["event"] == APPLICATION) & (events[rule.key].astype(str) == own)]
    same = same[same["service"].isin(rule.services)] if "service" in same.columns else same
    if "id" in same.columns:
        same = same[same["id"].astype(str) != str(site.get("id", ""))]
    if rule.window == "batch":
        batch = text(site.get("batch"))
        return float((same["batch"].astype(str) == batch).sum()) if batch and "batch" in same.columns else math.nan
    if inputs.as_of is None:
        return math.nan
    return float((pd.to_datetime(same["date"]).dt.year == inputs.as_of.year).sum())

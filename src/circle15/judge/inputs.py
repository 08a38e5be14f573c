"""What a judgement may look at beside the measures 研判依据: register, indicators, events, the day; all optional."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from circle15.judge.columns import records
from circle15.judge.memo import once
from circle15.schema import institution_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circle15.policy.plan import Plan


@dataclass(frozen=True)
class Inputs:
    """Tables beside the measures; what is None is not known.

    Without a table of indicators a rule that asks them finds what an empty table would: no data. Rules that need
    another table that is not known stay cards to check.

    Parameters
    ----------
    register
        One row an institution: schema.INSTITUTION_COLUMNS without geometry, place ids by level (`city_id`,
        `district_id`, `township_id`, `community_id`; measure/totals.place_ids) and any other attributes.
    indicators
        place_id or institution_id, indicator, period (2026-04, 2026Q1, 2026 or empty), value.
    events
        date, event (exit, forced_exit, voluntary_exit, relocation_out, entry, relocation_in, application, quota_in,
        quota_out, and what else a plan speaks of: penalty, trial_failed …), and where known id, service, place_id (name
        or id of any level), beds, tags, legal_entity, legal_representative, batch.
    as_of
        The day of the judgement.
    denominators
        Numbers of people by place that rules may divide by 分母: place_id, name, heading, means (what the heading
        stands for, "" where not known), value, source. Where `indicators` tell the same of a place, they stand.
    attributes
        What the application says beside the columns of the site: ownership, licence_date, approvals …
    """

    register: pd.DataFrame | None = None
    indicators: pd.DataFrame | None = None
    events: pd.DataFrame | None = None
    as_of: dt.date | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)
    denominators: pd.DataFrame | None = None


@dataclass(frozen=True)
class Scope:
    """An area that indicators are told of: its row of totals, names, institutions and the whole city.

    Institutions are (code, beds in the area): indicators are told of an institution with all its campuses 分院区.
    """

    place: Mapping[str, Any]
    names: tuple[str, ...]
    institutions: tuple[tuple[str, float], ...] = ()
    city: Scope | None = None


def places(totals: pd.DataFrame, level: str, plan: Plan | None = None) -> list[dict[str, Any]]:
    """Rows of one level; groups are summed from their districts, and a city without outline from all of them."""
    groups = () if plan is None else plan.groups
    return once(totals, ("places", level, groups), lambda: _places(totals, level, plan))


def _places(totals: pd.DataFrame, level: str, plan: Plan | None) -> list[dict[str, Any]]:
    if level == "group":
        return list(_groups(totals, plan)) if plan is not None else []
    rows = totals[totals["level"] == level]
    if not rows.empty or level != "city":
        return records(rows)
    districts = totals[totals["level"] == "district"]
    if districts.empty:
        return []
    parent = text(districts["parent"].iloc[0]) if "parent" in districts else ""
    return [_summed(districts, place_id=parent, name="", level="city")]


def _groups(totals: pd.DataFrame, plan: Plan) -> Iterator[dict[str, Any]]:
    parts = totals[totals["level"].isin(["district", "township"])]
    for group in plan.groups:
        named = parts["name"].astype(str).isin(group.areas) | parts["place_id"].astype(str).isin(group.areas)
        if named.any():
            yield _summed(parts[named], place_id=group.id, name=group.title, level="group")


def _summed(districts: pd.DataFrame, *, place_id: str, name: str, level: str) -> dict[str, Any]:
    sums = {str(k): v for k, v in districts.select_dtypes("number").sum(skipna=False).items()}
    members = tuple(districts["place_id"].astype(str))
    return {
        "place_id": place_id,
        "name": name,
        "level": level,
        "settings": "",
        "class": "",
        "members": members,
        **sums,
    }


def place_of(plan: Plan, row: Mapping[str, Any], totals: pd.DataFrame, level: str) -> dict[str, Any] | None:
    """The place of a level that holds a site; None where none is known."""
    known = places(totals, level, plan)
    if level == "group":
        held = groups_at(plan, row)
        return next((p for p in known if p["place_id"] in held), None)
    place_id = text(row.get(f"{level}_id"))
    if level == "city" and not place_id and text(row.get("district_id")) and len(known) == 1:
        return known[0]
    by_id = once(totals, ("by id", level, plan.groups), lambda: {str(p["place_id"]): p for p in reversed(known)})
    return by_id.get(place_id) if place_id else None


def groups_at(plan: Plan, row: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of the groups that hold the district or township of a site."""
    names = (text(row.get(f"{level}_{word}")) for level in ("district", "township") for word in ("name", "id"))
    return plan.groups_of(*(n for n in names if n))


def standing_in(register: pd.DataFrame, place: Mapping[str, Any], services: Sequence[str]) -> pd.DataFrame:
    """Institutions of the register that stand in a place and are of one of some services, in its order."""
    held = register.iloc[rows_in(register, place)]
    return held[held["service"].isin(services)]


def rows_in(register: pd.DataFrame, place: Mapping[str, Any]) -> NDArray[np.int64]:
    """Rows of the register that stand in a place, rising."""
    members = place.get("members")
    if members is not None:
        columns = [c for c in ("district_id", "township_id") if c in register.columns]
        found = [_rows_by(register, c).get(str(m), _NOBODY) for c in columns for m in members]
        return np.unique(np.concatenate([_NOBODY, *found]))
    column = f"{place['level']}_id"
    told = _rows_by(register, column if column in register.columns else "district_id")
    return told.get(str(place["place_id"]), _NOBODY)


_NOBODY = np.empty(0, dtype=np.int64)


def _rows_by(register: pd.DataFrame, column: str) -> Mapping[str, NDArray[np.int64]]:
    """Rows of the register by the words of a column."""

    def told() -> dict[str, NDArray[np.int64]]:
        codes, names = pd.factorize(register[column].astype(str))
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))
        return dict(zip((str(n) for n in names), np.split(order, ends[:-1]), strict=True)) if len(names) else {}

    return once(register, ("rows", column), told)


def count_institutions(held: pd.DataFrame) -> int:
    """Institutions (家) among sites of a register: campuses 分院区 count once, for each service that they serve."""
    return len(set(zip(held["service"].astype(str), institution_codes(held), strict=True)))


def first_sites(held: pd.DataFrame) -> pd.DataFrame:
    """Of the campuses of an institution the first alone, for each service: what leaves is the institution 退出."""
    keys = list(zip(held["service"].astype(str), institution_codes(held), strict=True))
    first = {key: at for at, key in reversed(list(enumerate(keys)))}
    return held.iloc[sorted(first.values())]


def names_of(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Names under which indicators may tell of a site: its institution's code, its own id."""
    return tuple(dict.fromkeys(n for n in (text(row.get("institution")), str(row["id"])) if n))


def place_key(place: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """What tells a place from others: level, id, members of a group."""
    return str(place.get("level", "")), str(place.get("place_id", "")), tuple(place.get("members") or ())


def scope_of(
    plan: Plan, place: Mapping[str, Any], totals: pd.DataFrame, inputs: Inputs, *, services: tuple[str, ...], level: str
) -> Scope:
    """An area with its institutions of some services (of one hospital level where `level` is given)."""
    city = next(iter(places(totals, "city", plan)), None)
    above = None if city is None else Scope(city, _names(city), _institutions(city, inputs, services, level))
    return Scope(place, _names(place), _institutions(place, inputs, services, level), above)


def _names(place: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(n for n in (text(place.get("place_id")), text(place.get("name"))) if n)


def _institutions(
    place: Mapping[str, Any], inputs: Inputs, services: tuple[str, ...], level: str
) -> tuple[tuple[str, float], ...]:
    register = inputs.register
    if register is None or register.empty:
        return ()
    asked = ("scope", place_key(place), services, level)
    return once(register, asked, lambda: _told(register, place, services, level))


def _told(
    register: pd.DataFrame, place: Mapping[str, Any], services: tuple[str, ...], level: str
) -> tuple[tuple[str, float], ...]:
    held = standing_in(register, place, services)
    if level:
        held = held[held["level"].astype(str) == level]
    beds = held["beds"] if "beds" in held.columns else [math.nan] * len(held)
    found: dict[str, float] = {}
    for code, number_of_beds in zip(institution_codes(held), beds, strict=True):
        found[code] = found.get(code, 0.0) + float(number_of_beds)
    return tuple(found.items())


def text(value: object) -> str:
    """A word of a table; "" for anything that is no text."""
    return value if isinstance(value, str) else ""


def number(value: object, default: float = math.nan) -> float:
    """A number of a table; the default for anything else and for NaN."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default
    return default if math.isnan(found) else found

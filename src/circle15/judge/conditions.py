"""Conditions on a proposed site 适用条件: attributes of the application, ground, tags; unknown never counts as yes."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from circle15.judge.areas import Bid
from circle15.judge.inputs import Inputs, groups_at, number, text
from circle15.judge.memo import once
from circle15.judge.series import Series, State, bare_series
from circle15.policy.cards import Attribute, Card, Where

if TYPE_CHECKING:
    import pandas as pd

    from circle15.policy.plan import Plan

UNKNOWN_CLASS = "unknown"


@dataclass(frozen=True)
class Site:
    """A site with all that a judgement may look at.

    `near` holds other institutions with their columns of the register and distance_m, nearest first where it matters.
    """

    plan: Plan
    row: Mapping[str, Any]
    bid: Bid
    totals: pd.DataFrame
    near: Sequence[Mapping[str, Any]]
    inputs: Inputs
    series: Series | None
    density_class: str = ""

    def get(self, attribute: str) -> object:
        """An attribute of the application: as handed in, else as the site's own column; None where neither tells."""
        for held in (self.inputs.attributes, self.row):
            value = held.get(attribute)
            if value is not None and value != "" and value == value:  # noqa: PLR0124 - NaN
                return value
        return None

    @cached_property
    def figures(self) -> Series:
        """Indicators as told, or what totals and register give where none were handed in."""
        return self.series if self.series is not None else bare_series(self.plan, self.inputs)

    @property
    def tags(self) -> frozenset[str]:
        """Tags of the site."""
        return frozenset(self.bid.tags.split(";")) - {""}


def join(states: Iterable[State], *, every: bool = True) -> State:
    """All (or any) of several conditions."""
    found = set(states)
    deciding = State.NO if every else State.YES
    if deciding in found:
        return deciding
    if State.UNKNOWN in found:
        return State.UNKNOWN
    return State.YES if every else State.NO


def has_bound(attribute: Attribute) -> bool:
    """Whether the plan prints what the attribute must be."""
    given = attribute.model_dump(exclude={"attribute"}, exclude_defaults=True)
    return bool(given)


def attribute_state(attribute: Attribute, value: object) -> State:
    """Whether one attribute fits; UNKNOWN where the application does not tell it or tells it in no readable form."""
    if value is None:
        return State.UNKNOWN
    states = [State.YES]
    if attribute.one_of:
        states.append(_state(not set(_words(value)).isdisjoint(attribute.one_of)))
    if attribute.none_of:
        states.append(_state(set(_words(value)).isdisjoint(attribute.none_of)))
    if attribute.is_true is not None:
        said = truth(value)
        states.append(State.UNKNOWN if said is None else _state(said is attribute.is_true))
    states += _numbers(attribute, value)
    if attribute.on_or_after is not None or attribute.on_or_before is not None:
        states.append(_date(attribute, value))
    return join(states)


def _numbers(attribute: Attribute, value: object) -> list[State]:
    tests: dict[str, Callable[[float, float], bool]] = {
        "at_least": operator.ge,
        "at_most": operator.le,
        "above": operator.gt,
        "below": operator.lt,
    }
    states = []
    for key, fits in tests.items():
        bound = getattr(attribute, key)
        if bound is not None:
            given = number(value)
            states.append(State.UNKNOWN if math.isnan(given) else _state(fits(given, bound)))
    return states


def _date(attribute: Attribute, value: object) -> State:
    day = as_date(value)
    if day is None:
        return State.UNKNOWN
    after = attribute.on_or_after is None or day >= attribute.on_or_after
    return _state(after and (attribute.on_or_before is None or day <= attribute.on_or_before))


def as_date(value: object) -> dt.date | None:
    """A day from a date, a time or ISO words; None otherwise."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(text(value).strip()[:10])
    except ValueError:
        return None


_YES, _NO = frozenset({"true", "yes", "1", "y"}), frozenset({"false", "no", "0", "n"})


def truth(value: object) -> bool | None:
    """Yes or no; None where it is neither."""
    if isinstance(value, bool):
        return value
    words = str(value).strip().lower().removesuffix(".0")
    return True if words in _YES else False if words in _NO else None


def _words(value: object) -> list[str]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [str(v) for v in value]
    return [w.strip() for w in str(value).split(";")]


def words_of(value: object) -> frozenset[str]:
    """Words of a list or of `;`-joined text; none for nothing."""
    return frozenset(_words(value)) - {""} if value is not None else frozenset()


# ── ground ────────────────────────────────────────────────────


def where_state(where: Where, site: Site) -> State:
    """Whether a site lies on the ground of a rule."""
    row = site.row
    states = []
    if where.settings or where.not_settings:
        marks = set(text(row.get("township_settings")).split(";")) | _marks(site)
        known = bool(text(row.get("township_id")))
        fits = (not where.settings or not marks.isdisjoint(where.settings)) and marks.isdisjoint(where.not_settings)
        states.append(_state(fits) if known else State.UNKNOWN)
    if where.zones:
        held = groups_at(site.plan, row)
        known = bool(text(row.get("district_id")))
        states.append(_state(not set(held).isdisjoint(where.zones)) if known else State.UNKNOWN)
    if where.areas:
        columns = [
            f"{level}_{kind}" for level in ("community", "township", "district", "city") for kind in ("id", "name")
        ]
        names = {text(row.get(c)) for c in columns} - {""}
        states.append(_state(not names.isdisjoint(where.areas)) if names else State.UNKNOWN)
    if where.place_class is not None:
        states.append(_class(where.place_class, site))
    return join(states)


def _above(site: Site, column: str) -> list[str]:
    """Words of a column of totals at the site's community, township and district."""
    ids = {text(site.row.get(f"{level}_id")) for level in ("community", "township", "district")} - {""}
    told = words_by_place(site.totals, column)
    return [told[i] for i in sorted(ids) if i in told]


def words_by_place(totals: pd.DataFrame, column: str) -> dict[str, str]:
    """Words of a column of totals by id of the place; none where there is no such column."""
    return once(totals, ("column", column), lambda: _words_by_place(totals, column))


def _words_by_place(totals: pd.DataFrame, column: str) -> dict[str, str]:
    if column not in totals.columns:
        return {}
    return dict(zip(totals["place_id"].astype(str), (text(v) for v in totals[column]), strict=True))


def _marks(site: Site) -> set[str]:
    return {m for words in _above(site, "settings") for m in words.split(";")}


def _class(wanted: str, site: Site) -> State:
    by_density = {c.id for c in site.plan.density_classes}
    if wanted in by_density:
        return State.UNKNOWN if site.density_class in {"", UNKNOWN_CLASS} else _state(site.density_class == wanted)
    classes = set(_above(site, "class")) - {""}
    return _state(wanted in classes) if classes else State.UNKNOWN


# ── rules ─────────────────────────────────────────────────────


_ANYWHERE = Where()


def conditions(rule: Card, site: Site, *, any_kind: bool = False) -> State | None:
    """Whether tags, ground and attributes of a card fit a site, as `fits` tells."""
    return fits(site, tags=rule.tags, where=rule.where, applicant=rule.applicant, any_kind=any_kind)


def fits(
    site: Site,
    *,
    tags: Sequence[str] = (),
    where: Where = _ANYWHERE,
    applicant: Sequence[Attribute] = (),
    any_kind: bool = False,
) -> State | None:
    """Whether a site bears one of the tags, lies on the ground and has the attributes; None where nothing is asked.

    With `any_kind` tags or ground suffice. Missing tags mean that the application claims none.
    """
    kinds = []
    if tags:
        kinds.append(_state(not site.tags.isdisjoint(tags)))
    if where != _ANYWHERE:
        kinds.append(where_state(where, site))
    states = [join(kinds, every=not any_kind)] if kinds else []
    bounded = [has_bound(a) for a in applicant]
    states += [attribute_state(a, site.get(a.attribute)) for a, told in zip(applicant, bounded, strict=True) if told]
    open_ended = not all(bounded)
    if not states and not open_ended:
        return None
    if open_ended and join(states) is not State.NO:
        return State.UNKNOWN
    return join(states)


def valid_on(rule: Card, as_of: dt.date | None) -> bool:
    """Whether a card holds on a day; one without dates, or a day that is not told, always does."""
    if as_of is None:
        return True
    return (rule.valid_from is None or as_of >= rule.valid_from) and (rule.valid_to is None or as_of <= rule.valid_to)


def _state(holds: bool) -> State:  # noqa: FBT001 - the condition itself
    return State.YES if holds else State.NO

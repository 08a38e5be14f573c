"""What can be wrong in a plan file 规划自检: every fault as a Problem with card, field, line and value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from circle15.errors import Problem
from circle15.policy.cards import ByDistance, Card, Document, Group, Indicator, PlaceClass, PlaceMark, Step, Trigger
from circle15.policy.formula import names_in
from circle15.policy.rules import (
    KINDS,
    ON_FOOT,
    AreaLimit,
    CircleLimit,
    Direction,
    Exempt,
    Exit,
    Mix,
    Prefer,
    Replace,
    Require,
    Suspend,
    Target,
    Validity,
)
from circle15.schema import SETTINGS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MIN_QUOTE = 2
MIX_TOLERANCE = 1e-6
_BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}
_SHAPES = {
    "string_type": "not_text",
    "int_type": "not_whole_number",
    "int_from_float": "not_whole_number",
    "float_type": "not_number",
    "finite_number": "not_number",
    "bool_type": "not_yes_no",
    "date_type": "not_date",
    "tuple_type": "not_list",
    "dict_type": "not_table",
    "model_type": "not_table",
    "model_attributes_type": "not_table",
    "too_short": "empty",
    "string_too_short": "empty",
    "string_too_long": "bad_id",
    "string_pattern_mismatch": "bad_id",
}


@dataclass(frozen=True)
class Spot:
    """Where a table of the plan file stands: file name, section, running number, id if it has one, line."""

    file: str
    section: str
    id: str = ""
    row: int | None = None

    def problem(self, problem_id: str, field: str = "", value: object = None, **params: object) -> Problem:
        """A Problem at this spot; `column` reads `section card-id field`."""
        column = " ".join(p for p in (self.section, self.id, field) if p)
        shown = None if value is None else str(value)
        return Problem(f"plan.{problem_id}", file=self.file, row=self.row, column=column, value=shown, params=params)


def line_of(source: str, section: str, number: int | None = None) -> int | None:
    """1-based line on which the `number`-th `[[section]]` (or the table `[section]`) opens; None if written inline."""
    opening, closing = (r"\[\[", r"\]\]") if number is not None else (r"\[", r"\]")
    pattern = re.compile(rf"^[ \t]*{opening}[ \t]*{re.escape(section)}[ \t]*{closing}", re.MULTILINE)
    for at, match in enumerate(pattern.finditer(source)):
        if at == (number or 0):
            return source.count("\n", 0, match.start()) + 1
    return None


def shape_problems(error: ValidationError, spot: Spot, known: Iterable[str] = ()) -> list[Problem]:
    """Problems of one table that does not have the shape of its record."""
    found: dict[tuple[str, str], Problem] = {}
    errors = error.errors(include_url=False, include_context=True)
    for detail in errors:
        # pydantic calls a list too short once it has refused what stands in it
        if detail["type"] == "too_short" and detail["input"]:
            continue
        problem = _shape_problem(detail, spot, tuple(known))
        # a value that may be a number or a word fails twice: one fault is enough
        found.setdefault((problem.column or "", str(problem.value)), problem)
    return list(found.values())


def _shape_problem(detail: ErrorDetails, spot: Spot, known: Sequence[str]) -> Problem:
    steps = [s for s in detail["loc"] if s not in KINDS]
    field = ".".join(_step(s) for s in steps if s not in {"float", "[key]"} and not str(s).startswith("constrained-"))
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(steps[-1]), known, n=1) if len(steps) == 1 else []
        return spot.problem("unknown_key", field, near=near[0] if near else "—")
    if kind in {"missing", "union_tag_not_found"}:
        return spot.problem("missing_key", field or "kind")
    if kind == "union_tag_invalid":
        return spot.problem("not_one_of", "kind", context.get("tag"), expected=", ".join(KINDS))
    if kind in {"literal_error", "enum"}:
        expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        return spot.problem("not_one_of", field, value, expected=expected)
    if kind in _BOUNDS:
        key, sign = _BOUNDS[kind]
        return spot.problem("out_of_range", field, value, bound=f"{sign} {context.get(key)}")
    return spot.problem(_SHAPES.get(kind, "wrong_value"), field, value)


def _step(step: object) -> str:
    return str(step + 1) if isinstance(step, int) else str(step)


# ── quotations ────────────────────────────────────────────────


def squeeze(words: str) -> str:
    """Words without any white space, full-width included: quotations are compared so."""
    return "".join(words.split())


def quote_problems(tables: Iterable[tuple[Spot, Mapping[str, object]]], text: str) -> Iterator[Problem]:
    """Quotations that do not stand verbatim in the text (white space aside)."""
    whole = squeeze(text)
    for spot, table in tables:
        quote = table.get("quote")
        if (
            isinstance(quote, str)
            and quote.strip()
            and (len(squeeze(quote)) < MIN_QUOTE or squeeze(quote) not in whole)
        ):
            yield spot.problem("quote_not_found", "quote", quote)


# ── what refers to what ───────────────────────────────────────


def cross_problems(records: Sequence[tuple[Spot, BaseModel]]) -> Iterator[Problem]:
    """Faults between tables: ids given twice, ids that nothing bears, limits that contradict each other."""
    ids = {kind: {r.id for _, r in records if isinstance(r, kind)} for kind in (PlaceClass, Indicator)}
    marks = {*SETTINGS, *(r.id for _, r in records if isinstance(r, PlaceMark))}
    yield from _twice(records)
    for spot, record in records:
        if isinstance(record, Document):
            yield from _reversed(spot, record)
        if isinstance(record, PlaceClass):
            yield from _class_bounds(spot, record)
            yield from unknown_marks(spot, {"settings": record.settings}, marks)
        if isinstance(record, Indicator):
            yield from _indicator_faults(spot, record, ids[Indicator])
        if isinstance(record, Card):
            yield from _references(spot, record, ids[PlaceClass], ids[Indicator])
            yield from _card_faults(spot, record, records)
            on = record.where
            yield from unknown_marks(
                spot, {"where.settings": on.settings, "where.not_settings": on.not_settings}, marks
            )
        if isinstance(record, AreaLimit):
            yield from _area_limits(spot, record)
        if isinstance(record, Mix) and abs(sum(record.shares.values()) - 1) > MIX_TOLERANCE:
            yield spot.problem("shares_not_one", "shares", round(sum(record.shares.values()), 6))
        if isinstance(record, Target) and record.at_least is None and record.at_most is None:
            yield spot.problem("no_limit", "at_least")


def unknown_marks(spot: Spot, named: Mapping[str, Sequence[str]], known: Iterable[str]) -> Iterator[Problem]:
    """Marks of places that neither the program nor the plan knows."""
    for field, marks in named.items():
        for at, mark in enumerate(marks, start=1):
            if mark not in known:
                yield spot.problem("not_one_of", f"{field}.{at}", mark, expected=", ".join(sorted(known)))


def _indicator_faults(spot: Spot, record: Indicator, indicators: set[str]) -> Iterator[Problem]:
    for key in ("mean_of", "rank_of"):
        name = getattr(record, key)
        if name is not None and name not in indicators - {record.id}:
            yield _unknown(spot, key, name, indicators - {record.id})
    if record.formula:
        try:
            names = names_in(record.formula)
        except ValueError:
            yield spot.problem("bad_formula", "formula", record.formula)
            return
        if record.id in names:
            yield spot.problem("bad_formula", "formula", record.formula)


def _card_faults(spot: Spot, card: Card, records: Sequence[tuple[Spot, BaseModel]]) -> Iterator[Problem]:
    """Dates that run backwards, groups and cards that do not exist, steps that do not rise."""
    rules = {r.id for _, r in records if isinstance(r, Card)}
    groups = {r.id for _, r in records if isinstance(r, Group)}
    for name in card.where.zones:
        if name not in groups:
            yield _unknown(spot, "where.zones", name, groups)
    for name in card.against:
        if name not in rules - {card.id}:
            yield _unknown(spot, "against", name, rules - {card.id})
    yield from _spans(spot, card)
    if isinstance(card, (AreaLimit, CircleLimit)):
        yield from _steps(spot, card.max_steps)
    if isinstance(card, CircleLimit):
        yield from _circle_limits(spot, card)
    if isinstance(card, (ByDistance, Target)):
        yield from _distances(spot, card)


def _spans(spot: Spot, card: Card) -> Iterator[Problem]:
    spans = [("valid_to", card.valid_from, card.valid_to)]
    if isinstance(card, Validity):
        spans.append(("end", card.start, card.end))
    if isinstance(card, Require):
        spans += [(f"windows.{at}.end", w.start, w.end) for at, w in enumerate(card.windows, start=1)]
    for field, start, end in spans:
        if start is not None and end is not None and start > end:
            yield spot.problem("dates_reversed", field, end, start=start)


def _circle_limits(spot: Spot, card: CircleLimit) -> Iterator[Problem]:
    given = [k for k in ("max", "max_rate") if getattr(card, k) is not None] + (["max_steps"] if card.max_steps else [])
    for extra in given[1:]:
        yield spot.problem("two_limits", extra, first=given[0])
    if (card.max_rate is None) != (card.rate_per is None):
        yield spot.problem("missing_key", "rate_per" if card.rate_per is None else "max_rate")


def _distances(spot: Spot, card: ByDistance | Target) -> Iterator[Problem]:
    """Distances that would decide nothing: a way on foot must be honoured or refused, never passed over."""
    walking = card.distance == "walking"
    if isinstance(card, Target):
        if walking and card.measure not in ON_FOOT:
            yield spot.problem("not_on_foot", "measure", card.measure, known=", ".join(sorted(ON_FOOT)))
        given = {} if walking else {"mode": card.mode != "walk", "speed_m_per_s": card.speed_m_per_s is not None}
        wanted = 'distance = "walking"'
    else:
        if card.minutes is not None and not walking:
            yield spot.problem("distance_idle", "minutes", card.minutes, wanted='distance = "walking"')
        looks, wanted = _looks_about(card)
        fields = ("radius_m", "minutes")
        given = {} if looks else {"distance": walking} | {k: getattr(card, k) is not None for k in fields}
    for field, told in given.items():
        if told:
            yield spot.problem("distance_idle", field, getattr(card, field), wanted=wanted)


def _looks_about(card: ByDistance) -> tuple[bool, str]:
    """Whether a card looks at institutions within a distance, and what makes it do so."""
    if isinstance(card, Suspend):
        return card.scope == "radius", 'scope = "radius"'
    if isinstance(card, Exempt):
        return card.none_within, "none_within = true"
    if isinstance(card, Prefer):
        return card.near is not None, "near = { services = […] }"
    return True, ""


def _steps(spot: Spot, steps: Sequence[Step]) -> Iterator[Problem]:
    for at, (low, high) in enumerate(pairwise(steps), start=2):
        if low.up_to is None or (high.up_to is not None and high.up_to <= low.up_to):
            yield spot.problem("bounds_reversed", f"max_steps.{at}.up_to", high.up_to, low=low.up_to)


def _twice(records: Sequence[tuple[Spot, BaseModel]]) -> Iterator[Problem]:
    spots: dict[tuple[str, str], list[Spot]] = {}
    for spot, _ in records:
        if spot.id:
            spots.setdefault((spot.section, spot.id), []).append(spot)
    for same in spots.values():
        for spot in same[1:]:
            yield spot.problem("duplicate_id", "id", spot.id, first=same[0].row or "—")


def _reversed(spot: Spot, document: Document) -> Iterator[Problem]:
    if document.valid_from and document.valid_to and document.valid_from > document.valid_to:
        yield spot.problem("dates_reversed", "valid_to", document.valid_to, start=document.valid_from)


def _class_bounds(spot: Spot, record: PlaceClass) -> Iterator[Problem]:
    if record.by is not None and record.min is None and record.below is None:
        yield spot.problem("no_limit", "min")
    if record.min is not None and record.below is not None and record.min >= record.below:
        yield spot.problem("bounds_reversed", "below", record.below, low=record.min)


def _references(spot: Spot, card: Card, classes: set[str], indicators: set[str]) -> Iterator[Problem]:
    if card.where.place_class is not None and card.where.place_class not in classes:
        yield _unknown(spot, "where.place_class", card.where.place_class, classes)
    for both in sorted(set(card.where.settings) & set(card.where.not_settings)):
        yield spot.problem("setting_both_ways", "where.not_settings", both)
    if isinstance(card, AreaLimit):
        for name in card.max_by_class or {}:
            if name not in classes:
                yield _unknown(spot, "max_by_class", name, classes)
        if card.max_indicator is not None and card.max_indicator not in indicators:
            yield _unknown(spot, "max_indicator", card.max_indicator, indicators)
    yield from _indicators(spot, card, indicators)


def _indicators(spot: Spot, card: Card, indicators: set[str]) -> Iterator[Problem]:
    if isinstance(card, Direction):
        for key in ("actual", "calculated", "target"):
            name = getattr(card, key)
            if name is not None and name not in indicators:
                yield _unknown(spot, key, name, indicators)
    for field, trigger in _triggers(card):
        named = [("indicator", trigger.indicator)]
        bounds = {k: getattr(trigger, k) for k in ("below", "above", "at_most", "at_least")}
        named += [(k, v) for k, v in bounds.items() if isinstance(v, str)]
        for key, name in named:
            if name not in indicators:
                yield _unknown(spot, f"{field}.{key}", name, indicators)


def _triggers(card: Card) -> Iterator[tuple[str, Trigger]]:
    if not isinstance(card, (Suspend, Replace, Exit)):
        return
    lists = [("any_of", card.any_of), ("all_of", card.all_of)]
    if isinstance(card, Suspend):
        for at, reading in enumerate(card.readings, start=1):
            lists += [(f"readings.{at}.any_of", reading.any_of), (f"readings.{at}.all_of", reading.all_of)]
    for field, triggers in lists:
        for at, trigger in enumerate(triggers, start=1):
            yield f"{field}.{at}", trigger


def _unknown(spot: Spot, field: str, name: str, known: set[str]) -> Problem:
    return spot.problem("unknown_id", field, name, known=", ".join(sorted(known)) or "—")


_GROUNDS_OF = {
    "max_by_area": ("district", "group", "township", "community"),
    "max_by_class": ("township", "community", "district"),
}
_UPPER = ("max", "max_rate", "max_by_area", "max_by_class", "max_share", "max_indicator")


def _area_limits(spot: Spot, rule: AreaLimit) -> Iterator[Problem]:
    upper = [k for k in _UPPER if getattr(rule, k) is not None]
    upper += ["max_steps"] if rule.max_steps else []
    upper += ["max_current"] if rule.max_current else []
    if not upper and rule.min is None and rule.min_share is None:
        yield spot.problem("no_limit", "max")
    for extra in upper[1:]:
        yield spot.problem("two_limits", extra, first=upper[0])
    if rule.min is not None and rule.max is not None and rule.min > rule.max:
        yield spot.problem("bounds_reversed", "max", rule.max, low=rule.min)
    if (rule.max_rate is None) != (rule.rate_per is None):
        yield spot.problem("missing_key", "rate_per" if rule.rate_per is None else "max_rate")
    if (rule.max_share is not None or rule.min_share is not None) and rule.share_of is None:
        yield spot.problem("missing_key", "share_of")
    for field, grounds in _GROUNDS_OF.items():
        given = getattr(rule, field)
        if given is not None and rule.per not in grounds:
            yield spot.problem("wrong_ground", "per", rule.per, wanted=field, ground=grounds[0])
        if given == {}:
            yield spot.problem("empty", field)

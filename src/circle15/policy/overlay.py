"""What a bureau fills in beside a shipped plan 补充文件: numbers the plan does not print, marks of places.

An overlay never edits the plan file; every change is recorded with what stood there before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from circle15.errors import Problem
from circle15.policy.cards import Density, Id, Record, Settings, Text
from circle15.policy.faults import Spot, line_of, shape_problems, unknown_marks
from circle15.schema import SETTINGS

PROTECTED = ("id", "kind", "clause", "quote", "catalogue", "title", "services")
"""Keys of a card that an overlay cannot change: what the plan says and whom it is about."""


class Mark(Record):
    """Marks and class that a bureau gives to a place, by name or id 地点标记."""

    place: Text
    settings: Settings = ()
    place_class: Id | None = None


class Change(Record):
    """One value that an overlay put in: where, what stood there, what stands there now."""

    card: str
    field: str
    before: str
    after: str
    source: str = ""


class OverlayNote(Record):
    """An overlay as it was used: file, sha256, changes and marks."""

    file: str
    sha256: str
    changes: tuple[Change, ...] = ()
    marks: tuple[Mark, ...] = ()

    def summary(self) -> dict[str, object]:
        """What a provenance record says of the overlay."""
        return self.model_dump(mode="json")


def lay_over(
    plan: Mapping[str, Any], overlay: Mapping[str, Any], *, plan_id: str, file: str, source: str
) -> tuple[dict[str, Any], list[Change], list[Mark], list[Problem]]:
    """Plan tables with the overlay's values put in, the changes, the marks, and every fault of the overlay.

    `overlay` holds `schema`, `plan` (id of the plan it is for), `[density]`, `[[set]]` tables (`rule` or `place_class`
    names the card, `source` says where a value comes from, each other key is a value) and `[[mark]]` tables.
    """
    top = Spot(file, "")
    problems = [
        top.problem("unknown_section", key, known="schema, plan, density, set, mark")
        for key in overlay
        if key not in {"schema", "plan", "density", "set", "mark"}
    ]
    if overlay.get("schema") != 1 or isinstance(overlay.get("schema"), bool):
        problems.append(top.problem("wrong_schema", "schema", overlay.get("schema"), known=1))
    if overlay.get("plan") != plan_id:
        problems.append(top.problem("overlay_elsewhere", "plan", overlay.get("plan"), plan=plan_id))
    tables: dict[str, Any] = dict(plan)
    changes: list[Change] = []
    if "density" in overlay:
        _density(tables, overlay["density"], changes, problems, Spot(file, "density", row=line_of(source, "density")))
    for spot, table in _tables(overlay, "set", file, source, problems):
        _set(tables, table, changes, problems, spot)
    marks = []
    for spot, table in _tables(overlay, "mark", file, source, problems):
        try:
            mark = Mark.model_validate(table)
            marks.append(mark)
            problems += unknown_marks(spot, {"settings": mark.settings}, _marks_of(tables))
        except ValidationError as error:
            problems += shape_problems(error, spot, tuple(Mark.model_fields))
    return tables, changes, marks, problems


def _marks_of(plan: Mapping[str, Any]) -> set[str]:
    own = plan.get("setting", [])
    declared = own if isinstance(own, list) else []
    return {*SETTINGS, *(str(m.get("id")) for m in declared if isinstance(m, dict))}


def _tables(
    overlay: Mapping[str, Any], section: str, file: str, source: str, problems: list[Problem]
) -> Iterator[tuple[Spot, dict[str, Any]]]:
    found = overlay.get(section, [])
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        problems.append(Spot(file, section, row=line_of(source, section)).problem("not_list"))
        return
    for number, table in enumerate(found):
        named = table.get("rule") or table.get("place_class") or table.get("place")
        yield Spot(file, section, str(named or f"#{number + 1}"), line_of(source, section, number)), table


def _density(tables: dict[str, Any], given: object, changes: list[Change], problems: list[Problem], spot: Spot) -> None:
    try:
        density = Density.model_validate(given)
    except ValidationError as error:
        problems += shape_problems(error, spot, tuple(Density.model_fields))
        return
    before = tables.get("density", {}).get("unit", "place") if isinstance(tables.get("density", {}), dict) else ""
    tables["density"] = density.model_dump()
    changes.append(Change(card="density", field="unit", before=str(before), after=density.unit, source=density.note))


def _set(
    tables: dict[str, Any], table: dict[str, Any], changes: list[Change], problems: list[Problem], spot: Spot
) -> None:
    section = "place_class" if "place_class" in table and "rule" not in table else "rule"
    wanted = table.get(section)
    cards = cast("list[dict[str, Any]]", tables.get(section, []))
    at = next((i for i, c in enumerate(cards) if isinstance(c, dict) and c.get("id") == wanted), None)
    if not isinstance(wanted, str) or at is None:
        known = ", ".join(str(c.get("id")) for c in cards if isinstance(c, dict))
        problems.append(spot.problem("unknown_id", section, wanted, known=known or "—"))
        return
    card, source = dict(cards[at]), str(table.get("source", ""))
    for key, value in table.items():
        if key in {section, "source"}:
            continue
        if key in PROTECTED:
            problems.append(spot.problem("overlay_protected", key, value))
            continue
        before = str(card.get(key, ""))
        card[key] = value
        changes.append(Change(card=wanted, field=key, before=before, after=str(value), source=source))
    tables[section] = [*cards[:at], card, *cards[at + 1 :]]

"""Load and prove a plan file 规划文件: TOML beside the published text, all faults at once.

A shipped plan is named by its id (`zhongwei`); a plan of one's own by the path of its .toml file.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from circle15.errors import PlanError, Problem
from circle15.policy.cards import (
    ByDistance,
    Circle,
    Density,
    Document,
    Fact,
    Group,
    Indicator,
    PlaceClass,
    PlaceMark,
    Record,
)
from circle15.policy.faults import Spot, cross_problems, line_of, quote_problems, shape_problems
from circle15.policy.overlay import OverlayNote, lay_over
from circle15.policy.rules import RULE_RECORDS, CircleLimit, Rule

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    import pandas as pd

SCHEMA = 1
CATALOGUE = "catalogue"
_TABLES: Mapping[str, type[BaseModel]] = {"document": Document, "circle": Circle, "density": Density}
_LISTS: Mapping[str, type[BaseModel]] = {
    "place_class": PlaceClass,
    "setting": PlaceMark,
    "group": Group,
    "indicator": Indicator,
    "fact": Fact,
}
_REQUIRED = ("document", "circle")
Places = TypeVar("Places", bound="pd.DataFrame")
_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)
_RULE_KEYS = {str(get_args(m.model_fields["kind"].annotation)[0]): tuple(m.model_fields) for m in RULE_RECORDS}


class CatalogueRow(Record):
    """One rule of a published plan as catalogued: `title` says in English what it is about."""

    id: str
    city: str
    clause: str
    title: str


class Plan(Record):
    """A plan as data, proved against its text.

    `version` is the sha256 of the plan file and `text_version` that of the published text beside it.
    """

    id: str
    version: str
    text_version: str
    city: str
    document: Document
    circle: Circle
    density: Density
    place_classes: tuple[PlaceClass, ...] = ()
    settings: tuple[PlaceMark, ...] = ()
    groups: tuple[Group, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    facts: tuple[Fact, ...] = ()
    rules: tuple[Rule, ...] = ()
    overlay: OverlayNote | None = None

    @property
    def title(self) -> str:
        """Title of the published document."""
        return self.document.title

    @property
    def density_classes(self) -> tuple[PlaceClass, ...]:
        """Classes decided by density, in the order of the plan: the first that fits holds."""
        return tuple(c for c in self.place_classes if c.by is not None)

    def rule(self, rule_id: str) -> Rule:
        """The rule of an id; KeyError where there is none."""
        found = next((r for r in self.rules if r.id == rule_id), None)
        if found is None:
            raise KeyError(rule_id)
        return found

    def circle_rules(self) -> tuple[CircleLimit, ...]:
        """Rules over the circle, in the order of the plan."""
        return tuple(r for r in self.rules if isinstance(r, CircleLimit))

    def class_title(self, class_id: str) -> str:
        """The plan's own words for a class of ground; the id itself where the plan does not know it."""
        return {c.id: c.title for c in self.place_classes}.get(class_id, class_id)

    def summary(self) -> dict[str, object]:
        """What a provenance record says of the plan: id, title, hashes, radius, deciding density."""
        return {
            "id": self.id,
            "title": self.title,
            "version": self.version,
            "text_version": self.text_version,
            "radius_m": self.circle.radius_m,
            "density_unit": self.density.unit,
            "rules": len(self.rules),
            **({"overlay": self.overlay.summary()} if self.overlay is not None else {}),
        }

    def groups_of(self, *names: str) -> tuple[str, ...]:
        """Ids of the groups that hold a district or township, named by any of `names` (name or id)."""
        return tuple(g.id for g in self.groups if not set(names).isdisjoint(g.areas))

    def catalogue_ids(self) -> dict[str, tuple[str, ...]]:
        """Which cards carry which rule of plans/catalogue.toml: catalogue id to ids of rules, in the plan's order."""
        found: dict[str, list[str]] = {}
        for rule in self.rules:
            for carried in rule.catalogue:
                found.setdefault(carried, []).append(rule.id)
        return {k: tuple(v) for k, v in sorted(found.items())}

    def reach_m(self, *, metres_per_s: float) -> float:
        """How far from a site any rule looks, in metres (overlaps look twice their distance).

        Rules in minutes on foot look as far as one walks at `metres_per_s` in a straight line.
        """
        reach = [self.circle.radius_m]
        for rule in self.rules:
            if isinstance(rule, ByDistance):
                own_m = max(rule.radius_m or 0.0, (rule.minutes or 0.0) * 60.0 * metres_per_s)
                reach.append(own_m * (2 if isinstance(rule, CircleLimit) and rule.reach == "overlap" else 1))
        return max(reach)


@dataclass
class _Reading:
    """One plan file while it is read: what was understood and what was wrong."""

    file: str
    source: str
    data: Mapping[str, object]
    records: list[tuple[Spot, BaseModel]] = field(default_factory=list)
    raw: list[tuple[Spot, Mapping[str, object]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of(self, section: str) -> tuple[Any, ...]:
        return tuple(r for s, r in self.records if s.section == section)


def shipped_plans() -> tuple[str, ...]:
    """Ids of the plans that come with circle15, sorted."""
    here = files("circle15.plans").iterdir()
    names = (e.name.removesuffix(".toml") for e in here if e.name.endswith(".toml"))
    return tuple(sorted(n for n in names if n != CATALOGUE))


@cache
def rule_catalogue() -> tuple[CatalogueRow, ...]:
    """Every rule of the shipped plans, as catalogued: id, city, clause, title."""
    source = files("circle15.plans").joinpath(f"{CATALOGUE}.toml").read_text(encoding="utf-8")
    return tuple(CatalogueRow.model_validate(row) for row in tomllib.loads(source)["row"])


def load_plan(name_or_path: str | Path, *, overlay: str | Path | None = None) -> Plan:
    """Read a plan and prove it: shape, references between cards, every quotation verbatim in the text.

    Parameters
    ----------
    name_or_path
        Id of a shipped plan or path of a .toml file; its text stands beside it under the name in `document.text`.
    overlay
        Path of a .toml file in which a bureau fills in what the plan leaves open (policy/overlay.py); the plan file
        itself is never changed, and every change is told by `Plan.summary`.

    Raises
    ------
    PlanError
        With every fault of the file at once: card, field, line and value.
    """
    entry = _find(name_or_path)
    content = _bytes(entry, entry.name)
    source = _decode(content, entry.name)
    plan_id = entry.name.removesuffix(".toml")
    tables, note, faults = _overlaid(_parse(source, entry.name), overlay, plan_id)
    reading = _Reading(entry.name, source, tables, problems=faults)
    _read_scalars(reading)
    _read_tables(reading)
    _read_lists(reading)
    reading.problems += cross_problems(reading.records)
    text = _published_text(entry, reading)
    if text is not None:
        reading.problems += quote_problems(reading.raw, text)
    if reading.problems:
        raise PlanError(sorted(reading.problems, key=lambda p: p.row or 0))
    return _plan(reading, plan_id, content, text or "").model_copy(update={"overlay": note})


def _overlaid(
    tables: Mapping[str, Any], overlay: str | Path | None, plan_id: str
) -> tuple[Mapping[str, Any], OverlayNote | None, list[Problem]]:
    """Tables with the overlay put in, and what a record says of it."""
    if overlay is None:
        return tables, None, []
    path = Path(overlay)
    content = _bytes(path, path.name)
    source = _decode(content, path.name)
    laid = lay_over(tables, _parse(source, path.name), plan_id=plan_id, file=path.name, source=source)
    merged, changes, marks, problems = laid
    digest = hashlib.sha256(content).hexdigest()
    return merged, OverlayNote(file=path.name, sha256=digest, changes=tuple(changes), marks=tuple(marks)), problems


def mark_places(plan: Plan, places: Places) -> Places:
    """Places with the marks and classes of the plan's overlay added; the table given is not changed.

    Raises PlanError for a mark of a place that the city does not have.
    """
    marks = plan.overlay.marks if plan.overlay is not None else ()
    if not marks:
        return places
    file = plan.overlay.file if plan.overlay is not None else ""
    marked = places.copy()
    names, ids = marked["name"].astype(str), marked["id"].astype(str)
    problems = []
    for mark in marks:
        at = (names == mark.place) | (ids == mark.place)
        if not at.any():
            problems.append(Spot(file, "mark", mark.place).problem("unknown_place", "place", mark.place))
        held = marked.loc[at, "settings"].fillna("").astype(str)
        marked.loc[at, "settings"] = [";".join(sorted({*h.split(";"), *mark.settings} - {""})) for h in held]
        if mark.place_class is not None:
            marked.loc[at, "class"] = mark.place_class
    if problems:
        raise PlanError(problems)
    return marked


def _find(name_or_path: str | Path) -> Traversable:
    if str(name_or_path) in shipped_plans():
        return files("circle15.plans").joinpath(f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        known = ", ".join(shipped_plans())
        raise PlanError(Problem("plan.not_found", value=str(name_or_path), params={"known": known}))
    return path


def _bytes(entry: Traversable, name: str) -> bytes:
    try:
        return entry.read_bytes()
    except OSError as error:
        raise PlanError(Problem("plan.unreadable", file=name, params={"reason": error.strerror or ""})) from error


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise PlanError(Problem("plan.not_utf8", file=name, row=row)) from error


def _parse(source: str, name: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        row = int(at.group(1)) if at else source.count("\n") + 1
        lines = source.split("\n")
        shown = lines[row - 1].strip() if 0 < row <= len(lines) else None
        raise PlanError(Problem("plan.toml_syntax", file=name, row=row, value=shown or None)) from error
    except (RecursionError, ValueError) as error:
        raise PlanError(Problem("plan.toml_syntax", file=name)) from error


def _read_scalars(reading: _Reading) -> None:
    known = ("schema", "city", *_TABLES, *_LISTS, "rule")
    top = Spot(reading.file, "")
    for key in reading.data:
        if key not in known:
            reading.problems.append(top.problem("unknown_section", key, known=", ".join(known)))
    schema, city = reading.data.get("schema"), reading.data.get("city")
    if schema is None or isinstance(schema, bool) or schema != SCHEMA:
        reading.problems.append(top.problem("wrong_schema", "schema", schema, known=SCHEMA))
    if not isinstance(city, str) or not city.strip():
        reading.problems.append(top.problem("missing_key" if city is None else "not_text", "city", city))


def _read_tables(reading: _Reading) -> None:
    for section, record in _TABLES.items():
        table = reading.data.get(section)
        spot = Spot(reading.file, section, row=line_of(reading.source, section))
        if table is None:
            if section in _REQUIRED:
                reading.problems.append(spot.problem("missing_section"))
            continue
        _read(reading, spot, table, record.model_validate, tuple(record.model_fields))


def _read_lists(reading: _Reading) -> None:
    for section, record in _LISTS.items():
        for spot, table in _cards(reading, section):
            _read(reading, spot, table, record.model_validate, tuple(record.model_fields))
    for spot, table in _cards(reading, "rule"):
        kind = table.get("kind") if isinstance(table, dict) else None
        _read(reading, spot, table, _RULE.validate_python, _RULE_KEYS.get(str(kind), ()))
    if "rule" not in reading.data:
        reading.problems.append(Spot(reading.file, "rule").problem("missing_section"))


def _cards(reading: _Reading, section: str) -> Iterator[tuple[Spot, object]]:
    cards = reading.data.get(section, [])
    if not isinstance(cards, list):
        reading.problems.append(Spot(reading.file, section, row=line_of(reading.source, section)).problem("not_list"))
        return
    for number, card in enumerate(cards):
        named = card.get("id") if isinstance(card, dict) else None
        shown = named if isinstance(named, str) and named else f"#{number + 1}"
        yield Spot(reading.file, section, shown, line_of(reading.source, section, number)), card


def _read(reading: _Reading, spot: Spot, table: object, validate: Callable[[Any], Any], known: Iterable[str]) -> None:
    if isinstance(table, dict):
        reading.raw.append((spot, table))
    try:
        reading.records.append((spot, validate(table)))
    except ValidationError as error:
        reading.problems += shape_problems(error, spot, known)


def _published_text(entry: Traversable, reading: _Reading) -> str | None:
    """The published words; only a file right beside the plan is opened, so a foreign plan cannot point elsewhere."""
    document = reading.data.get("document")
    name = document.get("text") if isinstance(document, dict) else None
    if not isinstance(name, str) or not name.strip():
        return None
    spot = Spot(reading.file, "document", row=line_of(reading.source, "document"))
    if Path(name).name != name or "\\" in name or name in {".", ".."}:
        reading.problems.append(spot.problem("text_elsewhere", "text", name))
        return None
    beside = entry.parent / name if isinstance(entry, Path) else files("circle15.plans").joinpath(name)
    try:
        return beside.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        reading.problems.append(Spot(name, "").problem("not_utf8"))
    except (OSError, ValueError):
        reading.problems.append(spot.problem("text_missing", "text", name))
    return None


def _plan(reading: _Reading, plan_id: str, content: bytes, text: str) -> Plan:
    density = reading.of("density")
    return Plan(
        id=plan_id,
        version=hashlib.sha256(content).hexdigest(),
        text_version=hashlib.sha256(text.encode()).hexdigest(),
        city=str(reading.data["city"]),
        document=reading.of("document")[0],
        circle=reading.of("circle")[0],
        density=density[0] if density else Density(),
        place_classes=reading.of("place_class"),
        settings=reading.of("setting"),
        groups=reading.of("group"),
        indicators=reading.of("indicator"),
        facts=reading.of("fact"),
        rules=reading.of("rule"),
    )

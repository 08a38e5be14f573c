"""Printed figures of a plan as data 规划数字: `<plan>.figures.toml` beside the plan's text, all faults at once.

    [[given]]   printed numbers that others rest on, not checked themselves
    [[table]]   printed tables: row labels, columns of numbers, each row quoted
    [[figure]]  printed numbers to be checked, each with the formula that should give it

A reference is the id of a given or figure, `table.column` (its rows, without the total row) or
`table.column.row label`; in a figure drawn out over a table's rows, `table.column.*` is the number of that row.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from circle15.errors import PlanError, Problem
from circle15.policy.arithmetic import PI, Leaf, Rounding, Values, places
from circle15.policy.cards import Record, Text
from circle15.policy.faults import MIN_QUOTE, Spot, line_of, shape_problems, squeeze

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

R = TypeVar("R", bound=BaseModel)
SCHEMA = 1
SUFFIX = ".figures.toml"
LARGEST = Decimal(10) ** 15
FINEST_PLACES = 12


def _number(value: object) -> Decimal:
    """A TOML number as the exact decimal that was printed."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError  # noqa: TRY004 - pydantic words a ValueError, and lets a TypeError through
    number = Decimal(value)
    if not number.is_finite() or abs(number) >= LARGEST or places(number) > FINEST_PLACES:
        raise ValueError
    return number


def _numbers(value: object) -> Values:
    return tuple(_number(v) for v in value) if isinstance(value, list) else (_number(value),)


Number = Annotated[Decimal, BeforeValidator(_number)]
Numbers = Annotated[tuple[Decimal, ...], BeforeValidator(_numbers), Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Text, ...], Field(strict=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]


class Given(Record):
    """A printed number that others rest on; `factor` brings it to single units (万 is 10000)."""

    id: Name
    title: Text
    value: Numbers
    unit: str = ""
    factor: Number = Decimal(1)
    clause: Text
    quote: Text
    note: str = ""


class Column(Record):
    """One column of a printed table, row by row; a blank in print is left out of no column: give it as absent."""

    id: Name
    title: Text
    values: Numbers
    unit: str = ""
    factor: Number = Decimal(1)


class Table(Record):
    """A printed table: the labels of its rows, the label of the total row, and each row quoted."""

    id: Name
    title: Text
    clause: Text
    rows: Annotated[Names, Field(min_length=1)]
    total_row: str = ""
    quotes: Names
    column: Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]


class Figure(Record):
    """A number to be checked; without `printed` it is derived, with `needs` it names what the plan does not print.

    With `rows` (a table) it stands for one figure a row: `ids` one id each, `printed_column` the column checked.
    `alternatives` are other readings, tried when `formula` does not fit.
    """

    id: str = ""
    ids: Names = ()
    rows: str = ""
    title: Text
    clause: Text
    quote: str = ""
    unit: str = ""
    factor: Number = Decimal(1)
    printed: Numbers | None = None
    printed_column: str = ""
    labels: Names = ()
    formula: Any = None
    alternatives: Annotated[tuple[Any, ...], Field(strict=False)] = ()
    rounding: Rounding | None = None
    needs: Names = ()
    note: str = ""


@dataclass(frozen=True)
class FiguresFile:
    """A figures file that has the right shape and whose every quotation stands in the text."""

    file: str
    version: str
    title: str
    givens: tuple[Given, ...]
    tables: tuple[Table, ...]
    figures: tuple[tuple[Spot, Figure], ...]

    def leaves(self) -> dict[str, Leaf]:
        """Every printed number that a formula may name."""
        found: dict[str, Leaf] = {"pi": Leaf("pi", "π", "", (PI,), (Decimal(0),))}
        for g in self.givens:
            found[g.id] = leaf(g.id, g.title, g.unit, g.value, g.factor)
        for t in self.tables:
            body = [at for at, label in enumerate(t.rows) if label != t.total_row]
            for c in t.column:
                name = f"{t.id}.{c.id}"
                found[name] = leaf(name, c.title, c.unit, tuple(c.values[at] for at in body), c.factor)
                for label, value in zip(t.rows, c.values, strict=True):
                    title = f"{label} {c.title}"
                    found[f"{name}.{label}"] = leaf(f"{name}.{label}", title, c.unit, (value,), c.factor)
        for _, f in self.figures:
            if f.id and f.printed is not None:
                found.setdefault(f.id, leaf(f.id, f.title, f.unit, f.printed, f.factor))
        return found


def leaf(name: str, title: str, unit: str, printed: Values, factor: Decimal) -> Leaf:
    """A printed number as an operand; whole numbers are exact, others lie within half a digit."""
    halves = [Decimal(5).scaleb(-places(v) - 1) if places(v) else Decimal(0) for v in printed]
    values = tuple(v * factor for v in printed)
    return Leaf(name, title, unit, values, tuple(h * abs(factor) for h in halves), factor)


@dataclass
class _Reading:
    file: str
    source: str
    data: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)


def load_figures(path_or_id: str | Path) -> FiguresFile:
    """Read the figures of a shipped plan (by id) or of one's own: the plan file, or its `.figures.toml`.

    Raises PlanError with every fault of the file: card, field, line and value.
    """
    entry, home = _find(path_or_id)
    content, source = _content(entry)
    reading = _Reading(entry.name, source, _parse(source, entry.name))
    _check_top(reading)
    givens = list(_cards(reading, "given", Given))
    tables = list(_cards(reading, "table", Table))
    figures = list(_cards(reading, "figure", Figure))
    for spot, table in tables:
        _check_table(reading, spot, table)
    _check_ids(reading, [*givens, *tables, *figures])
    text = _text(reading, home)
    if text is not None:
        _check_quotes(reading, [*givens, *tables, *figures], text)
    if reading.problems:
        raise PlanError(sorted(reading.problems, key=lambda p: p.row or 0))
    return FiguresFile(
        file=entry.name,
        version=hashlib.sha256(content).hexdigest(),
        title=str(reading.data.get("title", "")) or entry.name.removesuffix(SUFFIX),
        givens=tuple(r for _, r in givens),
        tables=tuple(r for _, r in tables),
        figures=tuple(figures),
    )


def shipped_figures() -> tuple[str, ...]:
    """Ids of the shipped plans whose figures are declared, sorted."""
    here = files("circle15.plans").joinpath("figures").iterdir()
    return tuple(sorted(e.name.removesuffix(SUFFIX) for e in here if e.name.endswith(SUFFIX)))


def _find(path_or_id: str | Path) -> tuple[Traversable, Traversable]:
    """The figures file and the folder of its text."""
    home = files("circle15.plans")
    if str(path_or_id) in shipped_figures():
        return home.joinpath("figures", f"{path_or_id}{SUFFIX}"), home
    given = Path(path_or_id)
    try:
        beside = given if given.name.endswith(SUFFIX) else given.with_name(given.name.removesuffix(".toml") + SUFFIX)
        found = beside.is_file()
    except (OSError, ValueError):
        found, beside = False, given
    if not found:
        known = ", ".join(shipped_figures())
        raise PlanError(Problem("audit.not_found", value=str(path_or_id), params={"known": known, "suffix": SUFFIX}))
    return beside, beside.parent


def _content(entry: Traversable) -> tuple[bytes, str]:
    try:
        content = entry.read_bytes()
        return content, content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as fault:
        raise PlanError(Problem("plan.not_utf8", file=entry.name)) from fault
    except OSError as fault:
        raise PlanError(Problem("plan.unreadable", file=entry.name, params={"reason": fault.strerror or ""})) from fault


def _parse(source: str, name: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(source, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError, ArithmeticError) as fault:
        found = [int(w) for w in str(fault).partition("at line ")[2].split(",")[:1] if w.isdigit()]
        raise PlanError(Problem("plan.toml_syntax", file=name, row=found[0] if found else None)) from fault


def _check_top(reading: _Reading) -> None:
    top = Spot(reading.file, "")
    known = ("schema", "title", "text", "given", "table", "figure")
    for key in reading.data:
        if key not in known:
            reading.problems.append(top.problem("unknown_section", key, known=", ".join(known)))
    schema = reading.data.get("schema")
    if isinstance(schema, bool) or schema != SCHEMA:
        reading.problems.append(top.problem("wrong_schema", "schema", schema, known=SCHEMA))
    if not reading.data.get("figure"):
        reading.problems.append(Spot(reading.file, "figure").problem("missing_section"))


def _cards(reading: _Reading, section: str, record: type[R]) -> Iterator[tuple[Spot, R]]:
    cards = reading.data.get(section, [])
    if not isinstance(cards, list):
        reading.problems.append(Spot(reading.file, section, row=line_of(reading.source, section)).problem("not_list"))
        return
    for number, card in enumerate(cards):
        named = card.get("id") or card.get("title") if isinstance(card, dict) else None
        shown = named if isinstance(named, str) and named else f"#{number + 1}"
        spot = Spot(reading.file, section, shown, line_of(reading.source, section, number))
        try:
            yield spot, record.model_validate(card)
        except ValidationError as fault:
            reading.problems += shape_problems(fault, spot, tuple(record.model_fields))


def _check_table(reading: _Reading, spot: Spot, table: Table) -> None:
    for column in table.column:
        if len(column.values) != len(table.rows):
            counts = {"rows": len(table.rows), "found": len(column.values)}
            reading.problems.append(fault(spot, "column_length", f"column.{column.id}", **counts))
    if table.total_row and table.total_row not in table.rows:
        reading.problems.append(spot.problem("unknown_id", "total_row", table.total_row, known=", ".join(table.rows)))
    if len(set(table.rows)) < len(table.rows):
        reading.problems.append(fault(spot, "row_twice", "rows"))


def _check_ids(reading: _Reading, records: list[tuple[Spot, Any]]) -> None:
    first: dict[str, Spot] = {}
    for spot, record in records:
        for name in (record.id, *getattr(record, "ids", ())):
            if name in first:
                reading.problems.append(spot.problem("duplicate_id", "id", name, first=first[name].row or "—"))
            elif name:
                first[name] = spot


def _text(reading: _Reading, home: Traversable) -> str | None:
    """The published words; only a file right beside is opened, so a foreign file cannot point elsewhere."""
    name, top = reading.data.get("text"), Spot(reading.file, "")
    if not isinstance(name, str) or not name.strip():
        reading.problems.append(top.problem("missing_key", "text"))
        return None
    if Path(name).name != name or "\\" in name or name in {".", ".."}:
        reading.problems.append(top.problem("text_elsewhere", "text", name))
        return None
    try:
        return home.joinpath(name).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        reading.problems.append(Spot(name, "").problem("not_utf8"))
    except (OSError, ValueError):
        reading.problems.append(top.problem("text_missing", "text", name))
    return None


def _check_quotes(reading: _Reading, records: list[tuple[Spot, Any]], text: str) -> None:
    whole = squeeze(text)
    for spot, record in records:
        quotes = record.quotes if isinstance(record, Table) else (record.quote,) if record.quote else ()
        for quote in quotes:
            if len(squeeze(quote)) < MIN_QUOTE or squeeze(quote) not in whole:
                reading.problems.append(spot.problem("quote_not_found", "quote", quote))
        for value, words in _printed(record):
            if not any(_stands_in(value, w) for w in words):
                reading.problems.append(fault(spot, "number_not_quoted", "quote", value))


def _printed(record: Given | Table | Figure) -> Iterator[tuple[Decimal, tuple[str, ...]]]:
    """Every declared number with the quotations in which it must stand."""
    if isinstance(record, Given):
        yield from ((v, (record.quote,)) for v in record.value)
    elif isinstance(record, Table):
        yield from ((v, record.quotes) for c in record.column for v in c.values)
    elif record.printed is not None:
        yield from ((v, (record.quote,)) for v in record.printed)


def _stands_in(value: Decimal, words: str) -> bool:
    """Whether a number stands in the words on its own, not as a piece of a longer number."""
    forms = "|".join(re.escape(f) for f in (f"{value:f}", f"{value:,f}"))
    return re.search(rf"(?<![\d.])(?:{forms})(?!\d|\.\d)", words) is not None


def fault(spot: Spot, problem_id: str, field_name: str, value: object = None, **params: object) -> Problem:
    """A Problem of this room at a spot."""
    found = spot.problem(problem_id, field_name, value, **params)
    return Problem(
        f"audit.{problem_id}", file=found.file, row=found.row, column=found.column, value=found.value, params=params
    )

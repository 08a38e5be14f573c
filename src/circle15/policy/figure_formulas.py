"""Formulas of a figures file, read from TOML tables into the closed set of operations 算式的读入."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from circle15.errors import Problem
from circle15.policy.arithmetic import CLAIMS, OPERANDS, Expr, Leaf, Node, NotComputableError, evaluate
from circle15.policy.faults import Spot
from circle15.policy.figures import Figure, FiguresFile, Table, fault

_KEYS = {"op", "of", "per"}
_DEEPEST = 12
# constants of the calendar; powers of ten are bases of rates; every other number needs its quotation
_CONSTANTS = {4, 12, 365}


@dataclass(frozen=True)
class _Bad(Exception):  # noqa: N818 - never leaves this module
    """One fault while a formula is read."""

    id: str
    value: object = None
    params: Mapping[str, object] = field(default_factory=dict)


class FormulaReader:
    """Reads the formulas of one figures file; faults are gathered in `problems`."""

    def __init__(self, file: FiguresFile) -> None:
        self._leaves = file.leaves()
        self._tables = {t.id: t for t in file.tables}
        self.problems: list[Problem] = []

    def check(self, spot: Spot, figure: Figure) -> None:
        """What a figure card must state: an id or a table's rows, a formula or what is missing for one."""
        if bool(figure.id) == bool(figure.rows):
            self.problems.append(fault(spot, "id_or_rows", "id"))
        if figure.formula is None and not figure.needs:
            self.problems.append(fault(spot, "no_formula", "formula"))
        if figure.printed is not None and not figure.quote:
            self.problems.append(spot.problem("missing_key", "quote"))
        if figure.rows:
            self._check_rows(spot, figure)

    def _check_rows(self, spot: Spot, figure: Figure) -> None:
        table = self._tables.get(figure.rows)
        if table is None:
            known = ", ".join(sorted(self._tables)) or "—"
            self.problems.append(spot.problem("unknown_id", "rows", figure.rows, known=known))
            return
        columns = {c.id for c in table.column}
        if figure.printed_column and figure.printed_column not in columns:
            known = ", ".join(sorted(columns))
            self.problems.append(spot.problem("unknown_id", "printed_column", figure.printed_column, known=known))
        rows = _body(table)
        if rows != len(figure.ids):
            self.problems.append(fault(spot, "ids_for_rows", "ids", rows=rows, found=len(figure.ids)))

    def formulas(self, spot: Spot, figure: Figure, *, row: str = "") -> tuple[Expr, ...]:
        """The formula of a figure and its alternatives; faults are noted and give fewer formulas."""
        found: list[Expr] = []
        given = [] if figure.formula is None else [("formula", figure.formula)]
        given += [(f"alternatives.{at}", raw) for at, raw in enumerate(figure.alternatives, start=1)]
        for name, raw in given:
            try:
                expr = self._read(raw, row, 0)
                _check_length(figure, expr)
                found.append(expr)
            except _Bad as bad:
                self.problems.append(fault(spot, bad.id, name, bad.value, **bad.params))
        return tuple(found)

    def _read(self, raw: object, row: str, depth: int) -> Expr:
        if depth > _DEEPEST:
            raise _Bad(id="too_deep", params={"most": _DEEPEST})
        if isinstance(raw, str):
            return self._leaf(raw, row)
        if isinstance(raw, int | Decimal) and not isinstance(raw, bool):
            return _constant(Decimal(raw))
        if isinstance(raw, Mapping) and "ref" in raw:
            return self._scaled(raw, row)
        if isinstance(raw, Mapping):
            return self._node(raw, row, depth)
        raise _Bad(id="not_formula", value=raw)

    def _leaf(self, name: str, row: str) -> Leaf:
        wanted = f"{name.removesuffix('*')}{row}" if name.endswith(".*") and row else name
        if wanted not in self._leaves:
            raise _Bad(
                id="unknown_reference", value=name, params={"known": ", ".join(_near(wanted, self._leaves)) or "—"}
            )
        return self._leaves[wanted]

    def _scaled(self, raw: Mapping[str, object], row: str) -> Leaf:
        """A printed number in another unit: `{ref = "residents", in = 1000}` is thousands of residents."""
        unknown = set(raw) - {"ref", "in"}
        if unknown:
            raise _Bad(id="formula_key", value=min(unknown), params={"known": "ref, in"})
        leaf, unit = self._leaf(str(raw["ref"]), row), raw.get("in", 1)
        if isinstance(unit, bool) or not isinstance(unit, int | Decimal) or not Decimal(unit) > 0:
            raise _Bad(id="not_positive", value=unit)
        by = Decimal(unit)
        scaled, half = tuple(v / by for v in leaf.values), tuple(h / by for h in leaf.half)
        return replace(leaf, values=scaled, half=half, factor=leaf.factor / by)

    def _node(self, raw: Mapping[str, object], row: str, depth: int) -> Node:
        op, operands = raw.get("op"), raw.get("of")
        if not isinstance(op, str) or op not in OPERANDS:
            raise _Bad(id="unknown_operation", value=op, params={"known": ", ".join(OPERANDS)})
        unknown = set(raw) - _KEYS
        if unknown or ("per" in raw and op != "rate"):
            raise _Bad(
                id="formula_key", value=min(unknown or {"per"}), params={"known": "op, of" + ", per" * (op == "rate")}
            )
        fewest, most = OPERANDS[op]
        if not isinstance(operands, list) or not fewest <= len(operands) <= most:
            raise _Bad(id="operand_count", value=op, params={"fewest": fewest, "most": most})
        if op == "common_shares" and len(operands) % 2:
            raise _Bad(id="operand_count", value=op, params={"fewest": fewest, "most": most})
        per = raw.get("per", 1)
        if isinstance(per, bool) or not isinstance(per, int | Decimal) or not Decimal(per) > 0:
            raise _Bad(id="not_positive", value=per)
        if op == "rate" and "per" not in raw:
            raise _Bad(id="rate_without_per", value=op)
        return Node(op, tuple(self._read(o, row, depth + 1) for o in operands), Decimal(per))


def _constant(value: Decimal) -> Leaf:
    ten = value > 0 and value.normalize().as_tuple().digits == (1,)
    if not ten and value not in _CONSTANTS:
        raise _Bad(id="number_without_quote", value=value)
    return Leaf("", "", "", (value,), (Decimal(0),))


def _check_length(figure: Figure, expr: Expr) -> None:
    """A formula must give as many numbers as are printed."""
    if figure.printed is None or (isinstance(expr, Node) and expr.op in CLAIMS):
        return
    try:
        found = len(evaluate(expr))
    except NotComputableError:
        return
    if found != len(figure.printed):
        raise _Bad(id="printed_length", params={"printed": len(figure.printed), "found": found})


def _body(table: Table) -> int:
    return sum(label != table.total_row for label in table.rows)


def _near(name: str, known: Mapping[str, Leaf]) -> list[str]:
    """Ids that may have been meant: those of the same table, or all that are not table cells."""
    table = name.partition(".")[0] + "."
    same = [k for k in known if k.startswith(table)] if "." in name else []
    return (same or [k for k in known if "." not in k])[:40]

"""Arithmetic of printed figures 规划数字的算式: a closed set of operations over exact decimals, shown as it is worked.

A formula is data (TOML tables); nothing is ever handed to an interpreter. Operations:

    sum             a + b + …; a list adds up its entries
    difference      a − b − …
    product         a × b × …; a list is multiplied entry by entry
    ratio           a ÷ b
    rate            a ÷ b × per                      每千人、每万人
    share           a ÷ b, in per cent
    percent_change  (a − b) ÷ b, in per cent
    months          balance ÷ (a year's expenditure ÷ 12)   可支付月数
    allocate        total by shares or weights, one entry each
    each            several formulas, one entry each
    same            the same quantity printed or implied more than once
    common_base     one denominator behind several rates, within what their rounding leaves open
    common_shares   one list of shares behind several allocations: total, parts, total, parts …
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Literal

Rounding = Literal["nearest", "floor", "ceil", "largest_remainder"]
ROUNDINGS: tuple[Rounding, ...] = ("nearest", "floor", "ceil", "largest_remainder")
CLAIMS = ("same", "common_base", "common_shares")
PI = Decimal("3.14159265358979")
_MONTHS = Decimal(12)
_HUNDRED = Decimal(100)
_MODES = {"nearest": ROUND_HALF_UP, "floor": ROUND_FLOOR, "ceil": ROUND_CEILING}
# operation -> fewest and most operands
OPERANDS: Mapping[str, tuple[int, int]] = {
    "sum": (1, 60),
    "difference": (2, 10),
    "product": (2, 10),
    "ratio": (2, 2),
    "rate": (2, 2),
    "share": (2, 2),
    "percent_change": (2, 2),
    "months": (2, 2),
    "allocate": (2, 60),
    "each": (1, 60),
    "same": (2, 10),
    "common_base": (2, 20),
    "common_shares": (4, 20),
}

Values = tuple[Decimal, ...]


@dataclass(frozen=True)
class Leaf:
    """A printed number (or a list of them), or a constant.

    `half` is how far the true value may lie from the printed one by its own rounding, in the same measure as
    `values`; whole numbers are taken as exact counts. `name` is empty for constants.
    """

    name: str
    title: str
    unit: str
    values: Values
    half: Values
    factor: Decimal = Decimal(1)  # printed number x factor = value: 万人 in persons is 10000


@dataclass(frozen=True)
class Node:
    """One operation over its operands."""

    op: str
    of: tuple[Expr, ...]
    per: Decimal = Decimal(1)


Expr = Leaf | Node


class NotComputableError(Exception):
    """A division by zero, or lists of different length."""


def evaluate(expr: Expr) -> Values:
    """Values of a formula, unrounded. Raises NotComputableError."""
    if isinstance(expr, Leaf):
        return expr.values
    try:
        return _WORK[expr.op](expr, [evaluate(o) for o in expr.of])
    except DecimalException as fault:
        raise NotComputableError from fault


def span(expr: Expr) -> tuple[Values, Values]:
    """Lowest and highest values when every printed number may be off by its own rounding (to first order).

    The entries of a list move together, so that the coefficients of an allocation count as printed.
    """
    middle = evaluate(expr)
    reach = [Decimal(0)] * len(middle)
    for path, leaf in leaves(expr):
        if any(leaf.half):
            moved = tuple(v + h for v, h in zip(leaf.values, leaf.half, strict=True))
            there = evaluate(put(expr, path, replace(leaf, values=moved)))
            reach = [r + abs(t - m) for r, t, m in zip(reach, there, middle, strict=True)]
    return (
        tuple(m - r for m, r in zip(middle, reach, strict=True)),
        tuple(m + r for m, r in zip(middle, reach, strict=True)),
    )


def leaves(expr: Expr, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Leaf]]:
    """Every leaf with the way to it."""
    if isinstance(expr, Leaf):
        yield path, expr
        return
    for at, operand in enumerate(expr.of):
        yield from leaves(operand, (*path, at))


def rates(expr: Expr, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Node]]:
    """Every rate with the way to it."""
    if isinstance(expr, Node):
        if expr.op == "rate":
            yield path, expr
        for at, operand in enumerate(expr.of):
            yield from rates(operand, (*path, at))


def put(expr: Expr, path: Sequence[int], new: Expr) -> Expr:
    """The formula with the part at `path` replaced."""
    if not path:
        return new
    if isinstance(expr, Leaf):
        raise TypeError(path)
    head, *rest = path
    return replace(expr, of=tuple(put(o, rest, new) if at == head else o for at, o in enumerate(expr.of)))


# ── the operations ────────────────────────────────────────────


def _spread(operands: Sequence[Values]) -> list[tuple[Decimal, ...]]:
    """Operands entry by entry; a single number goes with every entry of a list."""
    long = max(len(o) for o in operands)
    if any(len(o) not in (1, long) for o in operands):
        raise NotComputableError
    return [tuple(o[at] if len(o) > 1 else o[0] for o in operands) for at in range(long)]


def _sum(_: Node, operands: Sequence[Values]) -> Values:
    return (sum((v for o in operands for v in o), Decimal(0)),)


def _difference(_: Node, operands: Sequence[Values]) -> Values:
    return tuple(first - sum(rest, Decimal(0)) for first, *rest in _spread(operands))


def _product(_: Node, operands: Sequence[Values]) -> Values:
    found = []
    for entries in _spread(operands):
        one = Decimal(1)
        for entry in entries:
            one *= entry
        found.append(one)
    return tuple(found)


def _quotient(node: Node, operands: Sequence[Values]) -> Values:
    factor = {"rate": node.per, "share": _HUNDRED, "months": _MONTHS}.get(node.op, Decimal(1))
    return tuple(a * factor / b for a, b in _spread(operands))


def _percent_change(_: Node, operands: Sequence[Values]) -> Values:
    return tuple((a - b) / b * _HUNDRED for a, b in _spread(operands))


def _allocate(_: Node, operands: Sequence[Values]) -> Values:
    total, *parts = operands
    weights = [v for p in parts for v in p]
    return tuple(total[0] * w / sum(weights, Decimal(0)) for w in weights)


def _each(_: Node, operands: Sequence[Values]) -> Values:
    return tuple(v for o in operands for v in o)


def _common_base(node: Node, _: Sequence[Values]) -> Values:
    """Lowest and highest denominator that all rates share; the lowest is above the highest where none does."""
    spans = [span(o) for o in node.of]
    return (max(low[0] for low, _ in spans), min(high[0] for _, high in spans))


def _common_shares(node: Node, operands: Sequence[Values]) -> Values:
    """Lowest and highest share of each part, pair by pair; lowest above highest where no share fits all totals."""
    del node
    half = Decimal("0.5")
    totals, parts = [o[0] for o in operands[::2]], operands[1::2]
    bounds: list[Decimal] = []
    for entries in _spread(parts):
        bounds.append(max((p - half) / t for p, t in zip(entries, totals, strict=True)))
        bounds.append(min((p + half) / t for p, t in zip(entries, totals, strict=True)))
    return tuple(bounds)


_WORK: Mapping[str, Callable[[Node, Sequence[Values]], Values]] = {
    "sum": _sum,
    "difference": _difference,
    "product": _product,
    "ratio": _quotient,
    "rate": _quotient,
    "share": _quotient,
    "months": _quotient,
    "percent_change": _percent_change,
    "allocate": _allocate,
    "each": _each,
    "same": _each,
    "common_base": _common_base,
    "common_shares": _common_shares,
}


# ── rounding ──────────────────────────────────────────────────


def places(value: Decimal) -> int:
    """Digits that a printed number has after the point."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(values: Sequence[Decimal], digits: Sequence[int], rounding: Rounding) -> Values:
    """Values rounded to as many digits as each is printed with.

    `largest_remainder` keeps the total: all are cut, then the largest remainders are raised until the sum is reached.
    """
    if rounding != "largest_remainder":
        return tuple(v.quantize(Decimal(1).scaleb(-d), _MODES[rounding]) for v, d in zip(values, digits, strict=True))
    unit = Decimal(1).scaleb(-max(digits))
    cut = [v.quantize(unit, ROUND_FLOOR) for v in values]
    short = int(((sum(values, Decimal(0)) - sum(cut, Decimal(0))) / unit).to_integral_value(ROUND_HALF_UP))
    order = sorted(range(len(cut)), key=lambda at: (cut[at] - values[at], at))
    for at in order[:short]:
        cut[at] += unit
    return tuple(cut)


# ── showing ───────────────────────────────────────────────────

_SIGNS = {
    "sum": " + ",
    "difference": " − ",
    "product": " × ",
    "ratio": " ÷ ",
    "same": " = ",
    "each": "; ",
    "common_base": "; ",
}
_FORMS = {"share": "{0} ÷ {1} × 100", "percent_change": "({0} − {1}) ÷ {1} × 100", "months": "{0} ÷ ({1} ÷ 12)"}


def shown(value: Decimal, digits: int = 4) -> str:
    """A number as plain digits: at most `digits` after the point, no trailing zeros."""
    text = f"{value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def listed(values: Sequence[Decimal], digits: int = 4) -> str:
    """Several numbers: 1898.1 / 1641.6 / 1590.3."""
    return " / ".join(shown(v, digits) for v in values)


def worked(expr: Expr, *, unit: Decimal = Decimal(1)) -> str:
    """The left side of the arithmetic, with numbers: `4.84 × 1089.3`.

    `unit` is the factor in which all printed numbers are shown (`shared_factor`): 万人 stays 万人.
    """
    if isinstance(expr, Leaf):
        values = [v / unit if expr.name else v for v in expr.values]
        return shown(values[0]) if len(values) == 1 else f"({', '.join(shown(v) for v in values)})"
    if expr.op == "rate":
        return _rate(expr, unit)
    parts = [_inner(o, unit) for o in expr.of]
    if expr.op == "allocate":
        return _allocation(expr, parts)
    if expr.op == "common_shares":
        return "; ".join(f"{p} ÷ {t}" for t, p in zip(parts[::2], parts[1::2], strict=True))
    if expr.op in _FORMS:
        return _FORMS[expr.op].format(*parts)
    if len(parts) == 1 and expr.op == "sum" and isinstance(expr.of[0], Leaf):
        parts = [shown(v / unit) for v in expr.of[0].values]
    return _SIGNS[expr.op].join(parts)


def shared_factor(expr: Expr, wanted: Decimal) -> Decimal:
    """The factor in which a formula reads best: that of all its printed numbers where the result allows it."""
    factors = {leaf.factor for _, leaf in leaves(expr) if leaf.name}
    if len(factors) != 1:
        return Decimal(1)
    (factor,) = factors
    pure = isinstance(expr, Node) and expr.op in {"share", "percent_change", "months"}
    linear = isinstance(expr, Node) and expr.op in {"sum", "difference", "each", "same"} and factor == wanted
    return factor if pure or linear else Decimal(1)


def _rate(expr: Node, unit: Decimal) -> str:
    base = expr.of[1]
    below = f"({_inner(base, unit)} ÷ {shown(expr.per)})"
    if isinstance(base, Leaf) and len(base.values) == 1:
        below = shown(base.values[0] / unit / expr.per)
    return f"{_inner(expr.of[0], unit)} ÷ {below}"


def _allocation(expr: Node, parts: Sequence[str]) -> str:
    weights = sum((v for o in expr.of[1:] for v in evaluate(o)), Decimal(0))
    whole = "" if weights == 1 else f" ÷ {shown(weights)}"
    return f"{parts[0]} × {' : '.join(parts[1:])}{whole}"


def _inner(expr: Expr, unit: Decimal) -> str:
    if isinstance(expr, Node) and expr.op == "common_base":
        return f"({shown(evaluate(expr)[0], 1)}–{shown(evaluate(expr)[1], 1)})"
    text = worked(expr, unit=unit)
    return f"({text})" if isinstance(expr, Node) and expr.op in {"sum", "difference"} and len(expr.of) > 1 else text

"""Other readings of a printed number 可能的解释: what would make a figure come out that its own formula does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, DecimalException

from circle15.policy.arithmetic import (
    ROUNDINGS,
    Expr,
    Leaf,
    Node,
    NotComputableError,
    Rounding,
    Values,
    evaluate,
    leaves,
    listed,
    places,
    put,
    rates,
    rounded,
    shown,
)
from circle15.policy.figures import Figure

_PERS = tuple(Decimal(10) ** power for power in range(7))
_HALF = Decimal("0.5")
_TOTAL_AND_SHARES = 2
_PROVED = Decimal("1e-9")


@dataclass(frozen=True)
class Reading:
    """Another reading that explains a printed number: message id under `audit.reading`, and its slots."""

    id: str
    slots: Mapping[str, str] = field(default_factory=dict)


def fits(computed: Values, printed: Values) -> tuple[Rounding, ...]:
    """The ways of rounding by which `computed` gives `printed`, digit for digit."""
    digits = [places(p) for p in printed]
    usable = ROUNDINGS if len(printed) > 1 else ROUNDINGS[:3]
    try:
        return tuple(r for r in usable if rounded(computed, digits, r) == tuple(printed))
    except DecimalException as fault:
        raise NotComputableError from fault


def half_digit(value: Decimal) -> Decimal:
    """Half a unit of the last digit that a number is printed with."""
    return _HALF.scaleb(-places(value))


def _open_shares(printed: Values, total: Decimal, shares: Leaf) -> bool:
    """Whether shares that only round to the printed ones would give the printed parts.

    An allocation takes its coefficients as printed; this is told as another reading, and changes no verdict.
    """
    low = [max((p - _HALF) / total, w - h) for p, w, h in zip(printed, shares.values, shares.half, strict=True)]
    high = [min((p + _HALF) / total, w + h) for p, w, h in zip(printed, shares.values, shares.half, strict=True)]
    meet = all(a <= b for a, b in zip(low, high, strict=True))
    return meet and sum(low, Decimal(0)) <= 1 <= sum(high, Decimal(0))


def _gives(figure: Figure, formula: Expr) -> Decimal | None:
    """The computed number when a formula gives the printed one; None when it does not."""
    try:
        computed = tuple(v / figure.factor for v in evaluate(formula))
        return computed[0] if figure.printed and "nearest" in fits(computed, figure.printed) else None
    except NotComputableError:
        return None


def other_bases(figure: Figure, formula: Expr) -> Iterator[Reading]:
    """Rates on another base that give the printed number."""
    if not figure.printed or not figure.printed[0]:
        return
    for path, node in rates(formula):
        for per in _PERS:
            computed = _gives(figure, put(formula, path, replace(node, per=per))) if per != node.per else None
            if computed is not None:
                slots = {"per": shown(per), "declared": shown(node.per), "computed": shown(computed)}
                yield Reading("per", slots)


def other_operands(figure: Figure, formula: Expr, known: Sequence[Leaf]) -> Iterator[Reading]:
    """Other printed numbers of the same unit that give the printed figure in the place of one operand."""
    said = set()
    for path, leaf in leaves(formula):
        for other in known:
            same = other.values == leaf.values or other.name == figure.id
            if not leaf.name or other.unit != leaf.unit or same or len(leaf.values) != 1:
                continue
            moved = replace(leaf, values=tuple(v / other.factor * leaf.factor for v in other.values))
            computed = _gives(figure, put(formula, path, moved))
            if computed is not None and (leaf.name, other.values) not in said:
                said.add((leaf.name, other.values))
                yield Reading("operand", _swap_slots(leaf, other, computed))


def _swap_slots(leaf: Leaf, other: Leaf, computed: Decimal) -> dict[str, str]:
    return {
        "instead": other.title,
        "value": shown(other.values[0] / other.factor),
        "of": leaf.title,
        "unit": other.unit,
        "computed": shown(computed),
    }


def needed(figure: Figure, formula: Expr) -> Iterator[Reading]:
    """What one operand would have to be, the others as printed."""
    printed = (figure.printed or ())[0]
    ends = (printed - half_digit(printed), printed + half_digit(printed))
    for path, leaf in leaves(formula):
        if not leaf.name or leaf.name == "pi" or len(leaf.values) != 1:
            continue
        solved = [solve(formula, path, leaf, end * figure.factor) for end in ends]
        if None not in solved:
            low, high = sorted(s / leaf.factor for s in solved if s is not None)
            digits = 2 if abs(high) >= 1 and high - low > Decimal("0.01") else 4
            slots = {"of": leaf.title, "printed": shown(leaf.values[0] / leaf.factor), "unit": leaf.unit}
            yield Reading("needed", {**slots, "low": shown(low, digits), "high": shown(high, digits)})


def solve(formula: Expr, path: Sequence[int], leaf: Leaf, target: Decimal) -> Decimal | None:
    """The value of one operand that makes the formula give `target`; None where no single one does.

    A formula that names an operand once is (a·x + b) / (c·x + d) in it, which three trials determine; the result is
    proved by working the formula with it.
    """
    x = leaf.values[0] or Decimal(1)
    try:
        f1, f2, f3 = (
            evaluate(put(formula, path, replace(leaf, values=(x * times,))))[0] - target for times in (1, 2, 3)
        )
        c, d = f1 + f3 - 2 * f2, 4 * f2 - f1 - 3 * f3
        a = f2 * (2 * c + d) - f1 * (c + d)
        root = x * (a - f1 * (c + d)) / a
        proved = evaluate(put(formula, path, replace(leaf, values=(root,))))[0]
    except (NotComputableError, DecimalException):
        return None
    return root if abs(proved - target) <= abs(target) * _PROVED else None


def uneven(figure: Figure, formula: Expr, computed: Values) -> Iterator[Reading]:
    """For a list: the shares that the printed parts have, and the part farthest from its computed number."""
    printed = figure.printed or ()
    total = sum(printed, Decimal(0))
    if total > 0 and sum(computed, Decimal(0)) > 0:
        yield Reading("printed_shares", {"shares": listed([p / total for p in printed], 3)})
    if isinstance(formula, Node) and formula.op == "allocate" and len(formula.of) == _TOTAL_AND_SHARES:
        shares = formula.of[1]
        if isinstance(shares, Leaf) and _open_shares(printed, evaluate(formula.of[0])[0], shares):
            yield Reading("shares_rounded")
    apart = [abs(p / c - 1) if c else Decimal(0) for p, c in zip(printed, computed, strict=True)]
    at = apart.index(max(apart))
    label = figure.labels[at] if at < len(figure.labels) else str(at + 1)
    yield Reading("worst", {"label": label, "printed": shown(printed[at]), "computed": shown(computed[at])})

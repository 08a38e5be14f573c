"""Arithmetic that plans print 公式: sums of named figures, agglomeration, fundable beds, three values compared.

Formulas are read as data: + - * /, brackets, min, max, floor, ceil and round over names and numbers, nothing else.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from enum import StrEnum

_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "floor": lambda x: math.floor(x + 1e-9),
    "ceil": lambda x: math.ceil(x - 1e-9),
    "round": lambda x: math.floor(x + 0.5),
}
_OF_ONE = frozenset({"floor", "ceil", "round"})
LONGEST_FORMULA = 500
_THOUSAND = 1000.0


class Stand(StrEnum):
    """How the actual value stands to the calculated and the target value 现实值的位置."""

    SHORT = "short"  # 资源短缺
    SURPLUS = "surplus"  # 资源过剩
    BETWEEN = "between"  # 介于二者之间


def names_in(formula: str) -> tuple[str, ...]:
    """Names that a formula uses, sorted. Raises ValueError where it is not plain arithmetic."""
    tree = _tree(formula)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return tuple(sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}))


def reckon(formula: str, values: Mapping[str, float]) -> float:
    """Value of a formula; NaN where a name is missing or a divisor is zero.

    Raises ValueError where the formula is not plain arithmetic.
    """
    return _value(_tree(formula), values)


def _tree(formula: str) -> ast.expr:
    if len(formula) > LONGEST_FORMULA:
        raise ValueError(formula[:40])
    try:
        tree = ast.parse(formula, mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(formula) from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            plain = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        elif isinstance(node, ast.BinOp):
            plain = type(node.op) in _OPERATIONS
        elif isinstance(node, ast.UnaryOp):
            plain = isinstance(node.op, ast.USub)
        elif isinstance(node, ast.Call):
            plain = _plain_call(node)
        else:
            plain = isinstance(node, (ast.Name, ast.operator, ast.unaryop, ast.expr_context))
        if not plain:
            raise ValueError(formula)
    return tree


def _plain_call(node: ast.Call) -> bool:
    named = node.func.id if isinstance(node.func, ast.Name) else ""
    given = len(node.args)
    return named in _FUNCTIONS and not node.keywords and (given == 1 if named in _OF_ONE else given > 1)


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    if isinstance(node, ast.Name):
        return float(values.get(node.id, math.nan))
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, values)
    if isinstance(node, ast.Call):
        return _called(node, [_value(arg, values) for arg in node.args])
    if isinstance(node, ast.BinOp):
        return _joined(node, _value(node.left, values), _value(node.right, values))
    return float(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) else math.nan


def _called(node: ast.Call, given: list[float]) -> float:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    # min and max of NaN would depend on the order, and nothing rounds infinity
    return float(_FUNCTIONS[name](*given)) if all(math.isfinite(v) for v in given) else math.nan


def _joined(node: ast.BinOp, left: float, right: float) -> float:
    if isinstance(node.op, ast.Div) and right == 0:
        return math.nan
    try:
        return _OPERATIONS[type(node.op)](left, right)
    except OverflowError:
        return math.nan


def agglomeration_gap(
    *, resources: float, people: float, area_km2: float, all_resources: float, all_people: float, all_area_km2: float
) -> float:
    """HRAD - PAD 资源集聚度与人口集聚度差值: above 0 more resources than people call for, below 0 fewer.

    HRAD = (resources/area)/(all resources/all area), PAD the same of people; "all" is the region above. The sign does
    not depend on any area, the size does (ChinaXiv-202208.00089). NaN where a figure is missing or nothing stands below
    a line.
    """
    given = (resources, people, area_km2, all_resources, all_people, all_area_km2)
    if any(math.isnan(v) for v in given) or min(area_km2, all_resources, all_people, all_area_km2) <= 0:
        return math.nan
    hrad = (resources / area_km2) / (all_resources / all_area_km2)
    pad = (people / area_km2) / (all_people / all_area_km2)
    return hrad - pad


def fundable_cost(*, income: float, reserve_rate: float, reimbursement_rate: float) -> float:
    """Cost that the fund can cover 医保筹资可覆盖的医药费用 = income x (1 - reserve rate) / reimbursement rate."""
    return income * (1 - reserve_rate) / reimbursement_rate if reimbursement_rate > 0 else math.nan


def fundable_beds_per_1000(*, cost: float, cost_per_bed: float, insured: float) -> float:
    """Beds per 1,000 insured that the fund bears 可承担的医保千人床位数 = cost x 1000 / (cost per bed x insured)."""
    below = cost_per_bed * insured
    return cost * _THOUSAND / below if below > 0 else math.nan


def stand(*, actual: float, calculated: float, target: float | None = None, tolerance: float = 0.0) -> Stand | None:
    """Where the actual value stands; None where a value is missing. `tolerance` is a share of the values compared."""
    bounds = [calculated] if target is None else [calculated, target]
    if any(math.isnan(v) for v in (actual, *bounds)):
        return None
    if all(actual < b - abs(b) * tolerance for b in bounds):
        return Stand.SHORT
    if all(actual > b + abs(b) * tolerance for b in bounds):
        return Stand.SURPLUS
    return Stand.BETWEEN

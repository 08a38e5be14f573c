"""Audit of a plan 规划自检: every printed figure worked out again from the plan's own other figures.

Nothing here knows a city, and a figures file states no verdict: it states what is printed and by which formula it
should come out. Where it does not, other readings are tried: another base of a rate, another printed number in the
place of one operand, the value that one operand would need to have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from circle15.errors import PlanError
from circle15.policy.arithmetic import (
    CLAIMS,
    ROUNDINGS,
    Expr,
    Leaf,
    Node,
    NotComputableError,
    Rounding,
    Values,
    evaluate,
    listed,
    places,
    shared_factor,
    shown,
    span,
    worked,
)
from circle15.policy.explain import Reading, fits, half_digit, needed, other_bases, other_operands, uneven
from circle15.policy.faults import Spot
from circle15.policy.figure_formulas import FormulaReader
from circle15.policy.figures import Figure, FiguresFile, Table, load_figures

_MOST_READINGS = 4
_HALF = Decimal("0.5")


class FigureVerdict(StrEnum):
    """What the audit says of one figure."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    CANNOT_BE_CHECKED = "cannot_be_checked"
    DERIVED = "derived"  # not printed: worked out for the reader


class FigureFinding(StrEnum):
    """Why: the kind of agreement or disagreement."""

    EXACT = "exact"  # the printed digits come out
    ROUNDING = "rounding"  # only when the inputs are allowed their own rounding, or by cutting or raising
    MISMATCH = "mismatch"
    UNIT = "unit"  # the digits come out on another base (per 1,000 instead of per 10,000)
    CONTRADICTION = "contradiction"  # the plan says the same thing twice, differently
    INPUTS_NOT_PRINTED = "inputs_not_printed"
    NOT_COMPUTABLE = "not_computable"
    DERIVED = "derived"


@dataclass(frozen=True)
class FigureCheck:
    """One figure worked out again.

    `printed` and `computed` are in the figure's printed unit (万人 stays 万人); `arithmetic` is the worked line
    without words (`4.84 × 1089.3 = 5272.2`); `differences` is computed less printed.
    """

    id: str
    title: str
    clause: str
    quote: str
    unit: str
    verdict: FigureVerdict
    finding: FigureFinding
    printed: Values
    computed: Values
    differences: Values
    arithmetic: str
    labels: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    needs: tuple[str, ...] = ()
    note: str = ""


def audit_plan(path_or_id: str | Path) -> tuple[FigureCheck, ...]:
    """Work out every declared figure of a plan again, in the order of its figures file.

    Parameters
    ----------
    path_or_id
        Id of a shipped plan; or a plan of one's own, also a draft: its `.figures.toml`, or the plan file beside it.

    Raises
    ------
    PlanError
        The figures file is malformed: every fault with card, field, line and value.
    """
    return audit_figures(load_figures(path_or_id))


def audit_figures(file: FiguresFile) -> tuple[FigureCheck, ...]:
    """`audit_plan` over a figures file that has been read."""
    reader = FormulaReader(file)
    jobs = [job for spot, figure in file.figures for job in _jobs(file, reader, spot, figure)]
    if reader.problems:
        raise PlanError(sorted(reader.problems, key=lambda p: p.row or 0))
    known = list({leaf.name: leaf for leaf in file.leaves().values() if len(leaf.values) == 1}.values())
    return tuple(_check(job, known) for job in jobs)


@dataclass(frozen=True)
class _Job:
    """One figure with its formulas read."""

    figure: Figure
    formulas: tuple[Expr, ...]


def _jobs(file: FiguresFile, reader: FormulaReader, spot: Spot, figure: Figure) -> Iterator[_Job]:
    reader.check(spot, figure)
    if not figure.rows:
        yield _Job(figure, reader.formulas(spot, figure))
        return
    table = {t.id: t for t in file.tables}.get(figure.rows)
    if table is None:
        return
    body = [label for label in table.rows if label != table.total_row]
    for label, row_id in zip(body, figure.ids, strict=False):
        yield _Job(_of_row(figure, table, label, row_id), reader.formulas(spot, figure, row=label))


def _of_row(figure: Figure, table: Table, label: str, row_id: str) -> Figure:
    """The figure of one row of a table: its own id, number and quotation."""
    column = {c.id: c for c in table.column}.get(figure.printed_column)
    at = table.rows.index(label)
    printed = (column.values[at],) if column is not None else None
    quote = next((q for q in table.quotes if label in q), figure.quote)
    changed: dict[str, object] = {"id": row_id, "title": f"{label} {figure.title}", "printed": printed, "quote": quote}
    if column is not None:
        changed |= {"unit": column.unit, "factor": column.factor}
    return figure.model_copy(update=changed)


# ── one figure ────────────────────────────────────────────────


def _check(job: _Job, known: Sequence[Leaf]) -> FigureCheck:
    figure = job.figure
    if figure.needs or not job.formulas:
        return _result(figure, FigureFinding.INPUTS_NOT_PRINTED, arithmetic=_tried(job))
    try:
        first = _compare(figure, job.formulas[0])
        for formula in job.formulas[1:] if first.verdict is FigureVerdict.INCONSISTENT else ():
            other = _compare(figure, formula)
            if other.verdict is not FigureVerdict.INCONSISTENT:
                return replace(other, readings=(Reading("alternative", {"first": first.arithmetic}), *other.readings))
    except NotComputableError:
        return _result(figure, FigureFinding.NOT_COMPUTABLE, arithmetic=worked(job.formulas[0]))
    if first.verdict is not FigureVerdict.INCONSISTENT or _claim(job.formulas[0]):
        return first
    return _explained(figure, job.formulas, first, known)


def _tried(job: _Job) -> str:
    """What can be worked out although inputs are missing (the implied count behind a printed rate)."""
    try:
        return _line(job.formulas[0], evaluate(job.formulas[0]), 2) if job.formulas else ""
    except NotComputableError:
        return ""


def _claim(expr: Expr) -> bool:
    return isinstance(expr, Node) and expr.op in CLAIMS


def _compare(figure: Figure, formula: Expr) -> FigureCheck:
    if isinstance(formula, Node) and formula.op in CLAIMS:
        return _compare_claim(figure, formula)
    computed = tuple(v / figure.factor for v in evaluate(formula))
    if figure.printed is None:
        return _result(
            figure, FigureFinding.DERIVED, computed=computed, arithmetic=_line(formula, computed, 4, figure.factor)
        )
    if len(computed) != len(figure.printed):
        raise NotComputableError
    arithmetic = _line(formula, computed, max(places(p) for p in figure.printed) + 1, figure.factor)
    fitting = fits(computed, figure.printed)
    wanted: Sequence[Rounding] = _wanted(figure, formula)
    readings: tuple[Reading, ...] = ()
    if any(r in fitting for r in wanted):
        finding = FigureFinding.EXACT
        if isinstance(formula, Node) and formula.op == "allocate":
            readings = (Reading("roundings", {"fitting": ";".join(fitting)}),)
    elif _within_inputs(figure, formula):
        finding, readings = FigureFinding.ROUNDING, (Reading("inputs_rounded"),)
    elif "floor" in fitting or "ceil" in fitting:
        finding, readings = FigureFinding.ROUNDING, (Reading("roundings", {"fitting": ";".join(fitting)}),)
    else:
        finding = FigureFinding.MISMATCH
    return _result(figure, finding, computed=computed, arithmetic=arithmetic, readings=readings)


def _wanted(figure: Figure, formula: Expr) -> Sequence[Rounding]:
    if figure.rounding is not None:
        return (figure.rounding,)
    return ROUNDINGS if isinstance(formula, Node) and formula.op == "allocate" else ("nearest",)


def _within_inputs(figure: Figure, formula: Expr) -> bool:
    """Whether the printed numbers come out when each input may be off by its own rounding."""
    low, high = span(formula)
    printed = figure.printed or ()
    return all(
        a / figure.factor - half_digit(p) <= p <= b / figure.factor + half_digit(p)
        for a, b, p in zip(low, high, printed, strict=True)
    ) and any(a != b for a, b in zip(low, high, strict=True))


def _compare_claim(figure: Figure, formula: Node) -> FigureCheck:
    values = tuple(v / figure.factor for v in evaluate(formula)) if formula.op != "common_shares" else evaluate(formula)
    if formula.op == "same":
        agree = _agree(formula)
        arithmetic = "; ".join(_line(o, evaluate(o), 2) for o in formula.of)
        apart = () if agree else (max(values) - min(values),)
        finding = FigureFinding.EXACT if agree else FigureFinding.CONTRADICTION
        return _result(figure, finding, computed=values, arithmetic=arithmetic, differences=apart)
    agree = all(low <= high for low, high in zip(values[::2], values[1::2], strict=True))
    finding = FigureFinding.EXACT if agree else FigureFinding.CONTRADICTION
    if formula.op == "common_base":
        arithmetic = "; ".join(f"{worked(o)} = {shown(evaluate(o)[0] / figure.factor, 2)}" for o in formula.of)
        reading = Reading("common_base" if agree else "no_common_base", _bounds(values, 2))
        return _result(figure, finding, computed=values, arithmetic=arithmetic, readings=(reading,))
    readings = tuple(_share_spans(figure, formula))
    return _result(figure, finding, computed=values, arithmetic=worked(formula), readings=readings)


def _agree(formula: Node) -> bool:
    """Whether all say the same, each within its own rounding and that of its inputs."""
    spans = [span(o) for o in formula.of]
    return max(low[0] for low, _ in spans) <= min(high[0] for _, high in spans)


def _bounds(values: Sequence[Decimal], digits: int) -> dict[str, str]:
    return {"low": shown(values[0], digits), "high": shown(values[1], digits)}


def _share_spans(figure: Figure, formula: Node) -> Iterator[Reading]:
    """The shares that each allocation leaves open for each part; those of one part must overlap."""
    operands = [evaluate(o) for o in formula.of]
    totals, parts = [o[0] for o in operands[::2]], operands[1::2]
    for at in range(len(parts[0])):
        spans = [((p[at] - _HALF) / t, (p[at] + _HALF) / t) for p, t in zip(parts, totals, strict=True)]
        apart = max(low for low, _ in spans) > min(high for _, high in spans)
        label = figure.labels[at] if at < len(figure.labels) else str(at + 1)
        text = ", ".join(f"{shown(low)}–{shown(high)}" for low, high in spans)
        yield Reading("shares_apart" if apart else "shares_meet", {"label": label, "spans": text})


def _line(formula: Expr, computed: Values, digits: int, factor: Decimal = Decimal(1)) -> str:
    if isinstance(formula, Leaf):
        return listed(computed, digits)
    if formula.op == "each" and len(formula.of) == len(computed):
        return "; ".join(_line(o, (v,), digits, factor) for o, v in zip(formula.of, computed, strict=True))
    return f"{worked(formula, unit=shared_factor(formula, factor))} = {listed(computed, digits)}"


_VERDICTS = {
    FigureFinding.EXACT: FigureVerdict.CONSISTENT,
    FigureFinding.ROUNDING: FigureVerdict.CONSISTENT,
    FigureFinding.MISMATCH: FigureVerdict.INCONSISTENT,
    FigureFinding.UNIT: FigureVerdict.INCONSISTENT,
    FigureFinding.CONTRADICTION: FigureVerdict.INCONSISTENT,
    FigureFinding.INPUTS_NOT_PRINTED: FigureVerdict.CANNOT_BE_CHECKED,
    FigureFinding.NOT_COMPUTABLE: FigureVerdict.CANNOT_BE_CHECKED,
    FigureFinding.DERIVED: FigureVerdict.DERIVED,
}


def _result(
    figure: Figure,
    finding: FigureFinding,
    *,
    computed: Values = (),
    arithmetic: str = "",
    readings: tuple[Reading, ...] = (),
    differences: Values | None = None,
) -> FigureCheck:
    printed = figure.printed or ()
    if differences is None:
        same = len(printed) == len(computed)
        differences = tuple(c - p for c, p in zip(computed, printed, strict=True)) if same else ()
    return FigureCheck(
        id=figure.id,
        title=figure.title,
        clause=figure.clause,
        quote=figure.quote,
        unit=figure.unit,
        verdict=_VERDICTS[finding],
        finding=finding,
        printed=printed,
        computed=computed,
        differences=differences,
        arithmetic=arithmetic,
        labels=figure.labels,
        readings=readings,
        needs=figure.needs,
        note=figure.note,
    )


def _explained(figure: Figure, formulas: Sequence[Expr], first: FigureCheck, known: Sequence[Leaf]) -> FigureCheck:
    """A mismatch with what would explain it."""
    formula, printed = formulas[0], first.printed
    readings: list[Reading] = []
    for other in formulas[1:]:
        computed = tuple(v / figure.factor for v in evaluate(other))
        readings.append(Reading("also_not", {"arithmetic": _line(other, computed, places(printed[0]) + 1)}))
    if len(printed) > 1:
        readings += uneven(figure, formula, first.computed)
        return replace(first, readings=tuple(readings))
    unit = list(other_bases(figure, formula))
    if unit:
        return replace(first, finding=FigureFinding.UNIT, readings=(*unit, *readings))
    readings += list(other_operands(figure, formula, known))[:_MOST_READINGS]
    readings += list(needed(figure, formula))[:_MOST_READINGS]
    return replace(first, readings=tuple(readings))

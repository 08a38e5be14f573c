"""The solver 求解: a mixed-integer program handed to HiGHS, with what it proved.

HiGHS keeps a best answer and a bound that no answer can pass; their distance is the gap, and both are told with every
plan. One thread and no clock decide, unless the time limit is met: then the answer is the best so far and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from circle15.quantities import Floats, Ints, Small

if TYPE_CHECKING:
    from highspy import HighsLp
    from numpy.typing import NDArray

Status = Literal["optimal", "gap", "time", "infeasible"]
Watch = Callable[[float, float, float], None]
"""Called as (seconds, best so far or NaN, bound or NaN) while the solver runs."""

RELATIVE_GAP = 1e-6
EXACT = 1e-9


@dataclass(frozen=True)
class Solved:
    """What came of a program: values of the columns, objective, proven bound, relative gap, status, seconds.

    `gap` is |bound − objective| / max(|objective|, 1e-9); infinite where no answer was found, and `values` is empty.
    """

    values: Floats
    objective: float
    bound: float
    gap: float
    status: Status
    seconds: float

    @property
    def found(self) -> bool:
        """Whether there is an answer at all."""
        return len(self.values) > 0


class Relaxed:
    """A program without whole numbers, asked again and again for other values of its first columns."""

    def __init__(self, model: HighsLp) -> None:
        from highspy import Highs, HighsVarType  # noqa: PLC0415 - see Program.solve

        model.integrality_ = [HighsVarType.kContinuous] * model.num_col_
        self._highs = Highs()  # type: ignore[no-untyped-call]
        self._highs.silent()
        self._highs.setOptionValue("threads", 1)
        self._highs.passModel(model)

    def maximise(self, value: Floats) -> tuple[float, Floats]:
        """Most that the first columns (n,) can be worth in all, and how much of each."""
        scale = max(float(np.abs(value).max(initial=0.0)), EXACT)  # tolerances of the solver are absolute
        at = np.arange(len(value), dtype=np.int32)
        self._highs.changeColsCost(len(at), at, value / scale)
        self._highs.solve()
        share = np.array(self._highs.getSolution().col_value, dtype=np.float64)[: len(value)]
        return float(self._highs.getInfo().objective_function_value) * scale, share


@dataclass
class Program:
    """A program under construction: columns with bounds, cost and whether they are whole; rows with bounds."""

    cost: list[Floats] = field(default_factory=list)
    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    whole: list[NDArray[np.bool_]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0
    _row: list[Ints] = field(default_factory=list)
    _column: list[Ints] = field(default_factory=list)
    _value: list[Floats] = field(default_factory=list)
    _low: list[Floats] = field(default_factory=list)
    _high: list[Floats] = field(default_factory=list)

    def add_columns(
        self,
        n: int,
        *,
        cost: Floats | float = 0.0,
        lower: Floats | float = 0.0,
        upper: Floats | float = 1.0,
        whole: bool = False,
    ) -> Ints:
        """Add `n` columns; returns their numbers."""
        for held, value in ((self.cost, cost), (self.lower, lower), (self.upper, upper)):
            held.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (n,)).copy())
        self.whole.append(np.full(n, whole))
        self.columns += n
        return np.arange(self.columns - n, self.columns, dtype=np.int64)

    def add_rows(
        self,
        row: Ints | Small,
        column: Ints,
        value: Floats | float,
        *,
        low: Floats | float,
        high: Floats | float,
        n: int,
    ) -> Ints:
        """Add `n` rows from triplets (row counted from 0 among the new ones); returns their numbers."""
        self._row.append(np.asarray(row, dtype=np.int64) + self.rows)
        self._column.append(np.asarray(column, dtype=np.int64))
        self._value.append(np.broadcast_to(np.asarray(value, dtype=np.float64), (len(row),)).copy())
        for held, bound in ((self._low, low), (self._high, high)):
            held.append(np.broadcast_to(np.asarray(bound, dtype=np.float64), (n,)).copy())
        self.rows += n
        return np.arange(self.rows - n, self.rows, dtype=np.int64)

    def add_row(self, column: Ints, value: Floats | float, *, low: float = -np.inf, high: float = np.inf) -> None:
        """Add one row."""
        self.add_rows(np.zeros(len(column), dtype=np.int64), column, value, low=low, high=high, n=1)

    def solve(
        self,
        *,
        maximise: bool,
        gap: float = RELATIVE_GAP,
        seconds: float = np.inf,
        start: Floats | None = None,
        watch: Watch | None = None,
        guess: bool = True,
    ) -> Solved:
        """Solve to a relative gap or until the time is up; Ctrl-C stops it and comes out as KeyboardInterrupt.

        Parameters
        ----------
        start
            Values (columns,) of an answer that is known to hold; the solver begins from it.
        watch
            Told of the progress about once a second.
        guess
            Whether the solver looks for better answers by heuristics of its own.
        """
        from highspy import Highs, HighsModelStatus  # noqa: PLC0415 - heavy, and only where something is solved

        began = time.monotonic()
        highs = Highs()  # type: ignore[no-untyped-call]
        highs.silent()
        for name, value in (("threads", 1), ("random_seed", 15), ("mip_rel_gap", gap), ("mip_abs_gap", EXACT)):
            highs.setOptionValue(name, value)
        if not guess:
            highs.setOptionValue("mip_heuristic_effort", 0.0)
        if np.isfinite(seconds):
            highs.setOptionValue("time_limit", float(max(seconds, 0.01)))
        highs.passModel(self._model(maximise=maximise))
        if start is not None:
            highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), np.asarray(start, dtype=np.float64))
        if watch is not None:
            highs.cbMipLogging += lambda event: watch(
                time.monotonic() - began, float(event.data_out.mip_primal_bound), float(event.data_out.mip_dual_bound)
            )
        highs.HandleKeyboardInterrupt = True
        highs.solve()
        status = highs.getModelStatus()
        info, seconds_used = highs.getInfo(), time.monotonic() - began
        if status == HighsModelStatus.kInterrupt:
            raise KeyboardInterrupt
        none = Solved(np.empty(0), np.nan, np.nan, np.inf, "infeasible", seconds_used)
        if status in {HighsModelStatus.kInfeasible, HighsModelStatus.kUnboundedOrInfeasible}:
            return none
        values = np.array(highs.getSolution().col_value, dtype=np.float64)
        if info.primal_solution_status != 2 or not len(values):  # noqa: PLR2004 - 2 is feasible
            return Solved(np.empty(0), np.nan, float(info.mip_dual_bound), np.inf, "time", seconds_used)
        objective = float(info.objective_function_value)
        bound = float(info.mip_dual_bound) if np.concatenate(self.whole).any() else objective
        apart = abs(bound - objective) / max(abs(objective), EXACT)
        told: Status = "optimal" if apart <= RELATIVE_GAP else "gap"
        if status == HighsModelStatus.kTimeLimit:
            told = "time"
        return Solved(values, objective, bound, apart, told, seconds_used)

    def relaxed(self) -> Relaxed:
        """The program without whole numbers, to be maximised for other costs."""
        return Relaxed(self._model(maximise=True))

    def _model(self, *, maximise: bool) -> HighsLp:
        from highspy import HighsLp, HighsVarType, MatrixFormat, ObjSense  # noqa: PLC0415 - see solve
        from scipy.sparse import coo_array  # noqa: PLC0415

        triplets = [np.concatenate(p) if p else np.empty(0) for p in (self._value, self._row, self._column)]
        shape = (self.rows, self.columns)
        matrix = coo_array((triplets[0], (triplets[1].astype(int), triplets[2].astype(int))), shape=shape).tocsr()
        lp = HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.sense_ = ObjSense.kMaximize if maximise else ObjSense.kMinimize
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = (
            np.concatenate(p) if p else np.empty(0) for p in (self.cost, self.lower, self.upper)
        )
        lp.row_lower_, lp.row_upper_ = (np.concatenate(p) if p else np.empty(0) for p in (self._low, self._high))
        lp.a_matrix_.format_ = MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
        lp.a_matrix_.value_ = matrix.data
        kinds = (HighsVarType.kContinuous, HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(w)] for part in self.whole for w in part]
        return lp

"""Ties broken by data 同等条件下的取舍: scores decide between institutions that serve residents alike, and are named.

A tie is an exchange of two institutions in each other's circle after which no fewer residents are covered (to
`TIE_RESIDENTS`) and all limits hold. Then the scores go before nearness; nothing else is decided by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle15.errors import Problem, UsageError
from circle15.siting.limits import broken, rules_of, state_of
from circle15.siting.search_kernels import gain_of, may_add, place

if TYPE_CHECKING:
    from circle15.quantities import Flags, Ints
    from circle15.siting.field import Field
    from circle15.siting.limits import Limits

TIE_RESIDENTS = 0.5
BETTER_LOW = frozenset({"violation", "violations", "complaints"})
"""Columns where less is better; in all others more is."""


@dataclass(frozen=True)
class Scores:
    """Data of institutions: `table` has id and the columns named in `columns`, the deciding one first."""

    table: pd.DataFrame
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Tie:
    """An exchange that data decided: who stays, who leaves, by which column and values."""

    stays: str
    leaves: str
    column: str
    stays_value: float
    leaves_value: float


def scores_of(table: pd.DataFrame, columns: Sequence[str]) -> Scores:
    """Scores from a table with `id`; UsageError for columns that it does not have or that hold no numbers."""
    missing = [c for c in ("id", *columns) if c not in table.columns]
    if missing:
        raise UsageError(Problem("siting.score_column", value=", ".join(missing)))
    numbers = table.assign(**{c: pd.to_numeric(table[c], errors="coerce") for c in columns})
    return Scores(numbers, tuple(columns))


def rank_of(field: Field, scores: Scores | None) -> Ints:
    """Order (n,) of the sites by the scores, best first from 0; unknown scores come last, then the id decides."""
    values = _values(field, scores)
    keys = [field.ids, *reversed([-values[c] for c in values.columns])]
    rank = np.empty(len(field.sites), dtype=np.int64)
    rank[np.lexsort([np.asarray(k) for k in keys])] = np.arange(len(field.sites))
    return rank


def break_ties(field: Field, limits: Limits, chosen: Flags, scores: Scores | None) -> tuple[Flags, tuple[Tie, ...]]:
    """Exchange institutions that serve alike so that those with better scores stay, limits holding."""
    if scores is None:
        return chosen, ()
    values = _values(field, scores)
    rules, pairs = rules_of(limits), (field.reach.start, field.reach.point)
    state = state_of(limits, field.reach, chosen)
    ties: list[Tie] = []
    people = field.demand.residents
    for out in sorted(np.flatnonzero(~chosen & ~field.new), key=lambda s: int(rank_of(field, scores)[s])):
        for stays in _near_chosen(field, int(out), state[0], limits):
            column = _decides(values, int(out), stays)
            if column is None:
                continue
            loss = gain_of(stays, 1, pairs, people, state[1])
            place(stays, -1, pairs, state, rules)
            alike = gain_of(int(out), 0, pairs, people, state[1]) >= loss - TIE_RESIDENTS
            if alike and may_add(int(out), state, rules):
                place(int(out), 1, pairs, state, rules)
                if not broken(limits, state[0]):
                    told = values[column].to_numpy() * (-1.0 if column in BETTER_LOW else 1.0)
                    ties.append(Tie(field.ids[int(out)], field.ids[stays], column, told[int(out)], told[stays]))
                    break
                place(int(out), -1, pairs, state, rules)
            place(stays, 1, pairs, state, rules)
    return state[0].copy(), tuple(ties)


def _near_chosen(field: Field, site: int, chosen: Flags, limits: Limits) -> list[int]:
    near = field.near[field.near_start[site] : field.near_start[site + 1]]
    return [int(s) for s in np.sort(near) if chosen[s] and not limits.required[s] and not field.new[s]]


def _decides(values: pd.DataFrame, better: int, worse: int) -> str | None:
    """The first column that tells two sites apart, where it favours `better`."""
    for column in values.columns:
        a, b = values[column].iloc[better], values[column].iloc[worse]
        if a != b:
            return str(column) if a > b else None
    return None


def _values(field: Field, scores: Scores | None) -> pd.DataFrame:
    """Scores by site, turned so that more is better; unknown is worst."""
    if scores is None:
        return pd.DataFrame(index=range(len(field.sites)))
    table = scores.table.drop_duplicates("id").set_index(scores.table.drop_duplicates("id")["id"].astype(str))
    found = table.reindex(list(field.ids))[list(scores.columns)].reset_index(drop=True)
    for column in scores.columns:
        found[column] = found[column] * (-1.0 if column in BETTER_LOW else 1.0)
    return found.fillna(-np.inf)

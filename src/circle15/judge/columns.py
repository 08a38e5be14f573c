"""Tables of sites as the rules read them 核对用表: a DataFrame of many rows, or plain columns of a few.

One proposed site is a table of one row; plain columns spare it the cost of a DataFrame for every question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

Table = pd.DataFrame | Mapping[str, Sequence[Any]]


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Plain columns of rows; what a row does not tell is None."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, each by the names of its columns."""
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def height(table: Table) -> int:
    """Number of rows."""
    return len(table) if isinstance(table, pd.DataFrame) else len(next(iter(table.values()), ()))


def values(table: Table, column: str, default: object) -> list[Any]:
    """Values of a column (n,); `default` throughout where the table does not hold it."""
    if column not in table:
        return [default] * height(table)
    return table[column].tolist() if isinstance(table, pd.DataFrame) else list(table[column])


def numbers(table: Table, column: str) -> NDArray[np.float64]:
    """Numbers of a column (n,); NaN where they are missing."""
    if column not in table:
        return np.full(height(table), np.nan)
    if isinstance(table, pd.DataFrame):
        return table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([np.nan if v is None else v for v in table[column]], dtype=np.float64)


def words(table: Table, column: str) -> NDArray[np.object_]:
    """Words of a column (n,); "" where they are missing."""
    if isinstance(table, pd.DataFrame) and column in table and isinstance(table[column].dtype, pd.StringDtype):
        return table[column].fillna("").to_numpy(dtype=object)
    told = values(table, column, "")
    return np.array(["" if v is None or v != v else str(v) for v in told], dtype=object)  # noqa: PLR0124 - NaN


def taken(table: Table, rows: NDArray[np.intp]) -> Table:
    """Some rows of a table by position."""
    if isinstance(table, pd.DataFrame):
        return table.iloc[rows]
    return {name: [column[at] for at in rows] for name, column in table.items()}

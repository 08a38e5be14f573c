"""Who is designated on a day 有效期: beginning and end of the agreement, marks of validity, both days included."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from circle15.read.dates import dates
from circle15.read.faults import Faults, positions_of
from circle15.read.tables import RawTable
from circle15.read.values import Column
from circle15.read.vocabulary import column_of

Days = npt.NDArray[np.datetime64]
_BETWEEN = re.compile(r"\s*(?:\u81f3|\u5230|~|\uff5e|\u2014+|\u2013|--)\s*")
_HYPHEN = re.compile(r"([0-9]{4}[./\u5e74][0-9]{1,2}[./\u6708][0-9]{1,2}\u65e5?)\s*-\s*([0-9]{4}.*)")


def validity_of(raw: RawTable, matched: Mapping[str, str], faults: Faults) -> tuple[Days, Days]:
    """First and last days of each row (n,), NaT where not told; a column "A 至 B" tells both."""
    nothing = np.full(len(raw.rows), np.datetime64("NaT"), dtype="datetime64[s]")
    told: dict[str, Column] = {n: column_of(raw, matched[n]) for n in ("valid_from", "valid_to") if n in matched}
    if "valid_period" in matched and not told:
        period = column_of(raw, matched["valid_period"])
        both = [_split(c) for c in period.cells]
        for at, name in enumerate(("valid_from", "valid_to")):
            told[name] = Column([b[at] for b in both], period.rows, period.name, period.sheet)
    first = dates(told["valid_from"], faults) if "valid_from" in told else nothing
    last = dates(told["valid_to"], faults, ends=True) if "valid_to" in told else nothing
    reversed_rows = positions_of(last.astype("datetime64[D]") < first.astype("datetime64[D]"))
    if reversed_rows:
        row = raw.rows[reversed_rows[0]]
        faults.warn("read.dates_reversed", sheet=raw.sheet, row=row, count=len(reversed_rows))
    return first, last


def _split(cell: object) -> tuple[object, object]:
    if not isinstance(cell, str):
        return cell, None
    found = _HYPHEN.fullmatch(cell.strip())
    if found:
        return found[1], found[2]
    parts = _BETWEEN.split(cell.strip(), maxsplit=1)
    return (parts[0], parts[1]) if len(parts) > 1 else (cell, None)


def marked_valid(table: gpd.GeoDataFrame, faults: Faults) -> gpd.GeoDataFrame:
    """Rows that are not marked as invalid, said with their number."""
    flagged = table["_valid"].to_numpy(dtype=bool)
    if not flagged.all():
        faults.warn("institutions_invalid", count=int((~flagged).sum()))
        faults.assume("invalid_flag", count=int((~flagged).sum()))
    return table[flagged].reset_index(drop=True)


def tell_standing(table: gpd.GeoDataFrame, as_of: dt.date | None, faults: Faults) -> None:
    """Say how many rows do not stand on a day, or that none was told; `schema.standing_on` leaves them out later."""
    first, last = (table[n].to_numpy().astype("datetime64[D]") for n in ("valid_from", "valid_to"))
    if as_of is None:
        dated = int((~np.isnat(last)).sum())
        if dated:
            faults.warn("read.validity_unchecked", count=dated)
            faults.assume("validity_unchecked", count=dated)
        return
    day = np.datetime64(as_of, "D")
    early, late = first > day, ~(first > day) & (last < day)
    faults.assume("not_started", count=int(early.sum()), as_of=as_of.isoformat())
    faults.assume("expired", count=int(late.sum()), as_of=as_of.isoformat())
    if (early | late).any():
        faults.warn("institutions_expired", count=int((early | late).sum()), as_of=as_of.isoformat())

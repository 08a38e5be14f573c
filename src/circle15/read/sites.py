"""Tables of proposed sites 拟新增点表: the columns of a register, a datum a row if given, and what applicants state.

Read by the same code as registers: names of columns and services, degrees out of range, rows named in every fault.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from circle15.errors import Problem, UsageError
from circle15.read.faults import Faults
from circle15.read.files import CSV, EXCEL, checked_path
from circle15.read.institutions import read_institutions
from circle15.read.tables import RawTable, read_tables
from circle15.read.values import is_blank
from circle15.read.words_in import match_columns, plain, text_list
from circle15.schema import DATUMS, POSITION_ACCURACY_M, Datum, Source

_OWN = ("name", "level", "tags", "address", "beds", "stations", "physicians")


@dataclass(frozen=True)
class ProposedSite:
    """One row: degrees in its own datum, and what the application says (`attributes`: register columns and others)."""

    row: int
    name: str
    service: str
    lon: float
    lat: float
    datum: Datum
    position_accuracy_m: float
    attributes: Mapping[str, object] = field(default_factory=dict)


def read_sites(
    path: str | os.PathLike[str],
    *,
    datum: Datum | None = None,
    service: str | None = None,
    accuracy_m: float = POSITION_ACCURACY_M,
    encoding: str | None = None,
) -> tuple[tuple[ProposedSite, ...], Source, tuple[Problem, ...]]:
    """Read proposed sites from .xlsx, .xls or .csv.

    Parameters
    ----------
    datum
        Of rows that state none; a column of datums overrules it row by row.
    service
        Of rows that state none; without it, each such row is a fault.
    accuracy_m
        Position accuracy of rows that state none.

    Returns
    -------
    Sites in the order of the file, the file's record, and warnings.

    Raises
    ------
    InputError
        With every fault: sheet, row, column, value; also a row without any datum.
    UsageError
        An unknown datum or service among the options.
    """
    if datum is not None and datum not in DATUMS:
        raise UsageError(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    file = checked_path(path, kinds=(*EXCEL, *CSV))
    # degrees stay as given here: each row is brought to WGS 84 by its own datum when it is judged
    reading = read_institutions(file, datum="wgs84", service=service, default_accuracy_m=accuracy_m, encoding=encoding)
    faults = Faults(file.name)
    raws = [r for r in read_tables(file, Faults(file.name), kind="institution", encoding=encoding) if _placed(r)]
    told = _told(raws)
    sites = []
    for record in reading.table.assign(lon=reading.table.geometry.x, lat=reading.table.geometry.y).to_dict("records"):
        row, sheet, words, more = next(t for t in told if t[0] == record["source_row"])
        own = {k: record[k] for k in _OWN if not is_blank(record[k])}
        sites.append(
            ProposedSite(
                row=row,
                name=str(record["name"]),
                service=str(record["service"]),
                lon=float(record["lon"]),
                lat=float(record["lat"]),
                datum=_datum(words, datum, faults, sheet=sheet, row=row),
                position_accuracy_m=float(record["position_accuracy_m"]),
                attributes={**more, **own},
            )
        )
    faults.raise_errors()
    source = reading.sources[0]
    record_of = Source("sites", source.file, source.sha256, datum or "", {})
    made = ("ids_made",)  # applicants have no institution code yet
    return tuple(sites), record_of, tuple(w for w in reading.warnings if w.id not in made)


def _placed(raw: RawTable) -> bool:
    return {"lon", "lat"} <= set(match_columns(raw.columns, "institution", None))


def _told(raws: list[RawTable]) -> Iterator[tuple[int, str | None, str, dict[str, object]]]:
    """Row number, sheet, word for the datum and further columns of every row, in the order of the file."""
    spelled = {plain(w) for w in text_list("site_datum_columns")}
    for raw in raws:
        known = set(match_columns(raw.columns, "institution", None).values())
        datums = [c for c in raw.columns if plain(c) in spelled]
        others = [c for c in raw.columns if c not in known and c not in datums]
        for row, cells in zip(raw.rows, raw.frame.to_dict("records"), strict=True):
            word = str(cells[datums[0]]).strip() if datums and not is_blank(cells[datums[0]]) else ""
            yield row, raw.sheet, word, {c: cells[c] for c in others if not is_blank(cells[c])}


def _datum(word: str, default: Datum | None, faults: Faults, *, sheet: str | None, row: int) -> Datum:
    known = {d: d for d in DATUMS}.get(cast("Datum", plain(word)))
    if known is not None:
        return known
    if word:
        faults.error("site_datum_unknown", sheet=sheet, row=row, value=word, known=", ".join(DATUMS))
    elif default is None:
        faults.error("site_datum_missing", sheet=sheet, row=row, known=", ".join(DATUMS))
    return default or "wgs84"

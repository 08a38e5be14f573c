"""Denominators beside the official residents 分母: insured 参保人数, registered 户籍人口 …, joined to places.

A table of places with any columns of numbers; each row is joined by code, else by name. What could not be joined, what
came twice, where code and name name two places, and places without a row are named, each with its row.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from circle15.errors import Problem
from circle15.read.addresses import PlaceNames
from circle15.read.faults import Faults
from circle15.read.files import CSV, EXCEL, Reading, checked_path, source_of
from circle15.read.tables import RawTable, read_tables
from circle15.read.values import Column, is_blank, numbers, texts
from circle15.read.words_in import match_columns, meaning

_KEYS = ("id", "name", "level", "parent")


@dataclass(frozen=True)
class _Rows:
    """Rows of one sheet: the place of each (-1 for none), numbers by column."""

    place: npt.NDArray[np.int64]
    numbers: dict[str, npt.NDArray[np.float64]]


def read_denominators(
    path: str | os.PathLike[str], places: gpd.GeoDataFrame, *, encoding: str | None = None
) -> Reading[pd.DataFrame]:
    """Read denominators of places.

    Parameters
    ----------
    path
        .xlsx, .xls or .csv with a code or a name of each place and columns of numbers.
    places
        The city's places.

    Returns
    -------
    Reading
        One row a place that the table names: place_id, name, level, official (residents), and the columns of numbers
        under their own headings. Warnings name every row that does not match.

    Raises
    ------
    InputError
        For a table without code and name, and for numbers that cannot be read.
    """
    file = checked_path(path, kinds=(*EXCEL, *CSV))
    faults = Faults(file.name)
    raws = read_tables(file, faults, kind="place", encoding=encoding)
    names = PlaceNames(places)
    found = pd.concat([_joined(raw, places, names, faults) for raw in raws], ignore_index=True)
    faults.raise_errors()
    twice = found[found["place_id"].duplicated()]
    for place, row, sheet in zip(twice["name"], twice["_row"], twice["_sheet"], strict=True):
        _warn(faults, "denominator_twice", sheet=sheet or None, row=int(row), value=place)
    kept = found[~found["place_id"].duplicated()].drop(columns=["_row", "_sheet"]).reset_index(drop=True)
    for level in sorted(set(kept["level"])):
        of_level = places[places["level"] == level]
        for name in of_level.loc[~of_level["id"].isin(set(kept["place_id"])), "name"]:
            _warn(faults, "denominator_missing", value=name)
    return Reading(kept, (source_of("denominators", file, datum="", options={}),), faults.warnings)


def denominator_rows(reading: Reading[pd.DataFrame]) -> pd.DataFrame:
    """The numbers one a row: place_id, name, heading, means (insured, registered … or ""), value, source (the file)."""
    held = reading.table.drop(columns=[c for c in ("level", "official") if c in reading.table.columns])
    rows = held.melt(id_vars=["place_id", "name"], var_name="heading", value_name="value").dropna(subset=["value"])
    means = [meaning("denominator", str(h)) or "" for h in rows["heading"]]
    return rows.assign(means=means, source=reading.source.file).reset_index(drop=True)


def _warn(faults: Faults, what: str, **where: object) -> None:
    sheet, row = where.get("sheet"), where.get("row")
    params = {k: v for k, v in where.items() if k not in {"sheet", "row", "value"}}
    faults.problems.append(
        Problem(
            f"check.{what}",
            faults.file,
            None if sheet is None else str(sheet),
            row if isinstance(row, int) else None,
            None,
            str(where.get("value", "")),
            params,
            "warning",
        )
    )


def _joined(raw: RawTable, places: gpd.GeoDataFrame, names: PlaceNames, faults: Faults) -> pd.DataFrame:
    matched = match_columns(raw.columns, "place", None)
    if not {"id", "name"} & set(matched):
        faults.error("check.denominator_keys", sheet=raw.sheet, found=", ".join(raw.columns))
        return pd.DataFrame(columns=["place_id", "name", "level", "official", "_row", "_sheet"])
    rows = _rows(raw, matched, names, faults)
    keep = np.flatnonzero(rows.place >= 0)
    own = places.iloc[rows.place[keep]]
    table = pd.DataFrame(
        {
            "place_id": own["id"].to_numpy(),
            "name": own["name"].to_numpy(),
            "level": own["level"].to_numpy(),
            "official": own["residents"].to_numpy(),
            "_row": np.asarray(raw.rows)[keep],
            "_sheet": raw.sheet or "",
        }
    )
    return table.assign(**{name: values[keep] for name, values in rows.numbers.items()})


def _rows(raw: RawTable, matched: dict[str, str], names: PlaceNames, faults: Faults) -> _Rows:
    told = {k: _words(raw, matched[k]) if k in matched else [""] * len(raw.rows) for k in ("id", "name")}
    by_code, by_name = names.of_words(told["id"]), names.of_words(told["name"])
    place = np.where(by_code >= 0, by_code, by_name)
    for i, row in enumerate(raw.rows):
        shown = " ".join(t for t in (told["id"][i], told["name"][i]) if t)
        if place[i] < 0:
            _warn(faults, "denominator_unknown", sheet=raw.sheet, row=row, value=shown)
        elif by_code[i] >= 0 and by_name[i] >= 0 and by_code[i] != by_name[i]:
            _warn(faults, "denominator_disagrees", sheet=raw.sheet, row=row, value=shown)
    keys = {matched[k] for k in _KEYS if k in matched}
    values = {}
    for name in raw.columns:
        cells = raw.frame[name].tolist()
        if name not in keys and _counts(cells):
            values[name] = numbers(Column(cells, raw.rows, name, raw.sheet), faults, minimum=0.0)
    return _Rows(place, values)


def _words(raw: RawTable, name: str) -> list[str]:
    return texts(Column(raw.frame[name].tolist(), raw.rows, name, raw.sheet))


def _counts(cells: list[object]) -> bool:
    """Whether a column holds numbers: at least half of what is not blank."""
    given = [c for c in cells if not is_blank(c)]
    read = numbers(Column(given, range(len(given)), ""), Faults(""))
    return bool(given) and int(np.isfinite(read).sum()) * 2 >= len(given)

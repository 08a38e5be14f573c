"""Registers of designated institutions 定点医药机构名册: any table or vector file to one table in WGS 84.

Reading.table   GeoDataFrame, EPSG:4326, columns schema.INSTITUTION_COLUMNS and point geometry, RangeIndex
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from circle15.errors import Problem, UsageError
from circle15.read.faults import Faults, fail, listed, positions_of
from circle15.read.files import CSV, EXCEL, VECTOR, Reading, checked_path, source_of
from circle15.read.points import Positions, accuracy_of, layer_positions, read_positions
from circle15.read.tables import RawTable, read_tables
from circle15.read.values import Column, dates, numbers, texts
from circle15.read.vectors import known_crs, read_layer
from circle15.read.words_in import accepted, match_columns, meaning, meaning_inside, plain, spellings
from circle15.read.zones import Bounds
from circle15.schema import CRS, DATUMS, INSTITUTION_COLUMNS, POSITION_ACCURACY_M, SERVICES, Datum

_NUMBERS = ("beds", "stations", "physicians", "position_accuracy_m")
_FLAGS = ("dual_channel", "medical_aid")


@dataclass(frozen=True)
class _Options:
    """Choices of one reading that every sheet shares."""

    columns: Mapping[str, str] | None
    service: str | None
    services: Mapping[str, str | None]
    default_accuracy_m: float
    near: Bounds | None = None


def read_institutions(
    path: str | os.PathLike[str],
    *,
    datum: Datum,
    crs: str | None = None,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    service: str | None = None,
    services: Mapping[str, str | None] | None = None,
    as_of: dt.date | None = None,
    default_accuracy_m: float = POSITION_ACCURACY_M,
    near: Bounds | None = None,
    skip_faulty_rows: bool = False,
) -> Reading[gpd.GeoDataFrame]:
    """Read a register of institutions.

    Parameters
    ----------
    path
        .xlsx, .xls, .csv (UTF-8 or GB18030, others by `encoding`), .geojson, .gpkg, .parquet or .shp.
    datum
        What longitude and latitude mean; required, recorded, and brought to WGS 84.
    crs
        For coordinates in another system than degrees, or a vector file that states none.
    columns
        Schema column -> column in the file, before the alias table (`{"name": "机构"}`).
    sheet, layer
        One worksheet or layer; all worksheets with coordinates are read otherwise.
    service
        Service of every row where the file has no such column; a worksheet's name may tell it too.
    services
        Word in the file -> service; None drops the rows with that word (reported).
    as_of
        Rows not valid on this day are dropped (reported); both ends of the validity are included.
    default_accuracy_m
        Accuracy of positions where the file does not tell.
    near
        West, south, east, north of the city in degrees: tell the zone of metres without zone number.
    skip_faulty_rows
        Leave rows with errors out and go on, so that the rest can be checked; the errors stand among the warnings.

    Raises
    ------
    InputError
        With every fault found: file, sheet, Excel row, column and value.
    UsageError
        An unknown datum or service among the options.
    """
    _check_options(datum, service, services)
    file = checked_path(path, kinds=(*EXCEL, *CSV, *VECTOR))
    faults = Faults(file.name)
    told = dict(services or {})
    options = _Options(columns, service, {plain(k): v for k, v in told.items()}, default_accuracy_m, near)
    if file.suffix.lower() in VECTOR:
        system: str | None
        pieces, system = _from_vector(file, faults, options, datum=datum, crs=crs, encoding=encoding, layer=layer)
    else:
        raws = read_tables(file, faults, kind="institution", columns=columns, sheet=sheet, encoding=encoding)
        pieces, system = _from_tables(file, raws, faults, options, datum=datum, crs=crs), crs
    table = pd.concat(pieces, ignore_index=True) if pieces else None
    if table is not None:
        _check_ids(table, faults)
    if skip_faulty_rows and table is not None:
        table = _without_faulty_rows(table, faults)
    else:
        faults.raise_errors()
    if table is None or len(table) == 0:
        raise fail(file, "table_empty")
    kept = _valid_on(table, as_of, faults)
    source = source_of(
        "institutions", file, datum=datum,
        options={
            "crs": system, "columns": dict(columns or {}), "sheet": sheet, "encoding": encoding, "layer": layer,
            "service": service, "services": told, "as_of": as_of.isoformat() if as_of else None,
        },
    )  # fmt: skip
    return Reading(
        _as_schema(kept),
        (source,),
        tuple(faults.problems) if skip_faulty_rows else faults.warnings,
        tuple(faults.assumed),
        tuple(faults.counts),
        tuple(faults.corrected),
    )


def _check_options(datum: str, service: str | None, services: Mapping[str, str | None] | None) -> None:
    problems = []
    if datum not in DATUMS:
        problems.append(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    problems.extend(
        Problem("service_option", value=str(given), params={"known": ", ".join(SERVICES)})
        for given in (service, *(services or {}).values())
        if given is not None and given not in SERVICES
    )
    if problems:
        raise UsageError(problems)


def _from_vector(
    file: Path,
    faults: Faults,
    options: _Options,
    *,
    datum: Datum,
    crs: str | None,
    encoding: str | None,
    layer: str | None,
) -> tuple[list[gpd.GeoDataFrame], str]:
    read = read_layer(file, faults, datum=datum, crs=crs, encoding=encoding, layer=layer)
    rows = tuple(range(1, len(read.frame) + 1))
    attributes = pd.DataFrame(read.frame.drop(columns="geometry")).astype(object)
    attributes.columns = pd.Index([str(c) for c in attributes.columns], dtype=object)
    raw = RawTable(None, attributes, rows)
    matched = _matched(raw, faults, options, needed=())
    points = layer_positions(read.frame.geometry.to_numpy(), rows, faults, datum=datum, crs=read.crs)
    return [_records(raw, matched, points, faults, options)], read.crs


def _from_tables(
    file: Path,
    raws: Sequence[RawTable],
    faults: Faults,
    options: _Options,
    *,
    datum: Datum,
    crs: str | None,
) -> list[gpd.GeoDataFrame]:
    usable = [raw for raw in raws if {"lon", "lat"} <= set(match_columns(raw.columns, "institution", options.columns))]
    for raw in raws:
        if raw not in usable and usable:
            faults.warn("sheet_skipped", sheet=raw.sheet)
    if not usable:
        usable = [max(raws, key=lambda r: len(match_columns(r.columns, "institution", options.columns)))]
    pieces = []
    for raw in usable:
        matched = _matched(raw, faults, options, needed=("lon", "lat"))
        if {"lon", "lat"} <= set(matched):
            positions = _positions(file, raw, matched, faults, options, datum=datum, crs=crs)
            pieces.append(_records(raw, matched, positions, faults, options))
    return pieces


def _matched(raw: RawTable, faults: Faults, options: _Options, *, needed: Sequence[str]) -> dict[str, str]:
    known = accepted("institution")
    found = listed(raw.columns, limit=40)
    for target, name in (options.columns or {}).items():
        if target not in known:
            faults.error("column_target", sheet=raw.sheet, value=target, known=", ".join(known))
        elif name not in raw.columns:
            faults.error("column_mapped_missing", sheet=raw.sheet, column=name, target=target, found=found)
    matched = match_columns(raw.columns, "institution", options.columns)
    for target in needed:
        if target not in matched:
            faults.error(
                "column_missing", sheet=raw.sheet, target=target, accepted=listed(known[target], limit=8), found=found
            )
    if "service" not in matched and options.service is None and _sheet_service(raw) is None:
        faults.error(
            "column_missing_service", sheet=raw.sheet, accepted=listed(known["service"], limit=8), found=found,
            services=", ".join(SERVICES),
        )  # fmt: skip
    return matched


def _sheet_service(raw: RawTable) -> str | None:
    return None if raw.sheet is None else meaning_inside("service", raw.sheet)


def _positions(
    file: Path,
    raw: RawTable,
    matched: Mapping[str, str],
    faults: Faults,
    options: _Options,
    *,
    datum: Datum,
    crs: str | None,
) -> Positions:
    system = None if crs is None else known_crs(file, crs)
    x, y = _column(raw, matched["lon"]), _column(raw, matched["lat"])
    return read_positions(x, y, faults, datum=datum, crs=system, near=options.near)


def _column(raw: RawTable, name: str) -> Column:
    return Column(raw.frame[name].tolist(), raw.rows, name, raw.sheet)


def _records(
    raw: RawTable, matched: Mapping[str, str], positions: Positions, faults: Faults, options: _Options
) -> gpd.GeoDataFrame:
    """Build one table in schema columns, with two columns more: `_drop` (rows to leave out) and `_sheet`."""
    count = len(raw.rows)
    data: dict[str, Any] = {}
    for name in ("id", "name", "address", "place_told"):
        data[name] = texts(_column(raw, matched[name])) if name in matched else [""] * count
    data["id"] = _ids(raw, matched, data["id"], faults)
    if unnamed := [row for row, name in zip(raw.rows, data["name"], strict=True) if not name]:
        faults.warn("name_missing", sheet=raw.sheet, count=len(unnamed), rows=listed(unnamed))
    data["service"] = _services(raw, matched, faults, options)
    data["level"] = _levels(raw, matched, faults)
    data["tags"] = _tags(raw, matched, faults)
    for name in _NUMBERS:
        column = _column(raw, matched[name]) if name in matched else None
        data[name] = np.full(count, np.nan) if column is None else numbers(column, faults, minimum=0.0)
    data["position_accuracy_m"], data["position_reason"] = accuracy_of(
        positions, data["position_accuracy_m"], default_m=options.default_accuracy_m
    )
    for name in ("valid_from", "valid_to"):
        nothing = np.full(count, np.datetime64("NaT"), dtype="datetime64[s]")
        data[name] = dates(_column(raw, matched[name]), faults) if name in matched else nothing
    data["source_row"] = np.array(raw.rows, dtype=np.int64)
    data["_valid"] = _flags(raw, matched, "valid", faults, default=True)
    data["_sheet"] = [raw.sheet or ""] * count
    frame = gpd.GeoDataFrame(data, geometry=shapely.points(positions.lon, positions.lat), crs=CRS)
    dropped = [word is None for word in data["service"]]
    return frame[~np.array(dropped, dtype=bool)] if count else frame


def _ids(raw: RawTable, matched: Mapping[str, str], given: Sequence[str], faults: Faults) -> list[str]:
    if "id" not in matched:
        faults.warn("ids_made", sheet=raw.sheet, found=listed(raw.columns, limit=40))
        faults.assume("ids_made", count=len(raw.rows), sheet=raw.sheet)
        prefix = f"{raw.sheet}-" if raw.sheet else ""
        return [f"{prefix}R{row:06d}" for row in raw.rows]
    for row, value in zip(raw.rows, given, strict=True):
        if not value:
            faults.error("value_missing", sheet=raw.sheet, row=row, column=matched["id"])
    return list(given)


def _services(raw: RawTable, matched: Mapping[str, str], faults: Faults, options: _Options) -> list[str | None]:
    """Service of each row; None where the row is to be dropped; "" where it is a fault."""
    fixed = options.service or _sheet_service(raw) or ""
    if "service" not in matched:
        return [fixed] * len(raw.rows)
    found: list[str | None] = []
    dropped: Counter[str] = Counter()
    for row, word in zip(raw.rows, texts(_column(raw, matched["service"])), strict=True):
        key = plain(word)
        known = options.services[key] if key in options.services else meaning("service", word)
        if key in options.services and known is None:
            dropped[word] += 1
            found.append(None)
            continue
        known = known or (fixed if not word else "")
        if not known:
            problem = "service_unknown" if word else "value_missing"
            params = {"known": spellings("service")} if word else {}
            faults.error(problem, sheet=raw.sheet, row=row, column=matched["service"], value=word or None, **params)
        found.append(known)
    for word, count in dropped.items():
        faults.warn("service_dropped", sheet=raw.sheet, column=matched["service"], value=word, count=count)
    return found


def _levels(raw: RawTable, matched: Mapping[str, str], faults: Faults) -> list[str]:
    if "level" not in matched:
        return [""] * len(raw.rows)
    found, unknown = [], Counter[str]()
    for word in texts(_column(raw, matched["level"])):
        known = meaning("level", word) if word else ""
        if known is None:
            unknown[word] += 1
        found.append(known or "")
    for word, count in unknown.items():
        faults.warn(
            "level_unknown", sheet=raw.sheet, column=matched["level"], value=word, count=count,
            known=spellings("level"),
        )  # fmt: skip
    return found


def _tags(raw: RawTable, matched: Mapping[str, str], faults: Faults) -> list[str]:
    tags: list[set[str]] = [set() for _ in raw.rows]
    if "tags" in matched:
        for held, text in zip(tags, texts(_column(raw, matched["tags"])), strict=True):
            words = (
                text.replace(",", ";").replace("\uff0c", ";").replace("\uff1b", ";").replace("\u3001", ";").split(";")
            )
            held.update(meaning("tag", word) or word.strip() for word in words if word.strip())
    for tag in _FLAGS:
        for held, yes in zip(tags, _flags(raw, matched, tag, faults, default=False), strict=True):
            if yes:
                held.add(tag)
    return [";".join(sorted(held)) for held in tags]


def _flags(
    raw: RawTable, matched: Mapping[str, str], name: str, faults: Faults, *, default: bool
) -> npt.NDArray[np.bool_]:
    """Yes or no for each row; blank is the default, a word that is neither is an error."""
    found = np.full(len(raw.rows), default, dtype=bool)
    if name not in matched:
        return found
    for i, word in enumerate(texts(_column(raw, matched[name]))):
        if not word:
            continue
        known = meaning("flag", word)
        if known is None and (name not in _FLAGS or meaning("tag", word) != name):
            faults.error(
                "flag_unknown", sheet=raw.sheet, row=raw.rows[i], column=matched[name], value=word,
                known=spellings("flag"),
            )  # fmt: skip
        else:
            found[i] = known != "no"
    return found


def _check_ids(table: gpd.GeoDataFrame, faults: Faults) -> None:
    """Every row whose id stands in an earlier row already is an error, naming that row."""
    ids = table["id"]
    repeated = ids.duplicated().to_numpy() & (ids != "").to_numpy()
    if not repeated.any():
        return
    first = dict(zip(ids[::-1], zip(table["_sheet"][::-1], table["source_row"][::-1], strict=True), strict=True))
    for i in positions_of(repeated):
        sheet, row = first[ids.iloc[i]]
        faults.error(
            "id_duplicate", sheet=table["_sheet"].iloc[i] or None, row=int(table["source_row"].iloc[i]),
            value=ids.iloc[i], first=f"{sheet}:{row}" if sheet else row,
        )  # fmt: skip


def _without_faulty_rows(table: gpd.GeoDataFrame, faults: Faults) -> gpd.GeoDataFrame:
    """Rows that no error names; errors are raised where one names no row or none is left."""
    errors = [p for p in faults.problems if p.severity == "error"]
    faulty = {(p.sheet or "", p.row) for p in errors}
    keep = [place not in faulty for place in zip(table["_sheet"], table["source_row"], strict=True)]
    if not any(keep) or any(p.row is None for p in errors):
        faults.raise_errors()
    return cast("gpd.GeoDataFrame", table[np.array(keep, dtype=bool)])


def _valid_on(table: gpd.GeoDataFrame, as_of: dt.date | None, faults: Faults) -> gpd.GeoDataFrame:
    flagged = table["_valid"].to_numpy(dtype=bool)
    if not flagged.all():
        faults.warn("institutions_invalid", count=int((~flagged).sum()))
    keep = flagged
    if as_of is not None:
        day = np.datetime64(as_of, "s")
        late = table["valid_from"].to_numpy() > day
        early = table["valid_to"].to_numpy().astype("datetime64[D]") < np.datetime64(as_of, "D")
        outside = flagged & (late | early)
        if outside.any():
            faults.warn("institutions_expired", count=int(outside.sum()), as_of=as_of.isoformat())
        keep = flagged & ~outside
    return table[keep].reset_index(drop=True)


def _as_schema(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return cast("gpd.GeoDataFrame", table[[*INSTITUTION_COLUMNS, "geometry"]].astype(dict(INSTITUTION_COLUMNS)))

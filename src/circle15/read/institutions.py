"""Registers of designated institutions 定点医药机构名册: any table or vector file to one table in WGS 84.

Reading.table   GeoDataFrame, EPSG:4326, columns schema.INSTITUTION_COLUMNS and point geometry, RangeIndex
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle15.errors import Problem, UsageError
from circle15.read.branches import codes, settle_sites
from circle15.read.faults import Faults, fail, listed
from circle15.read.files import CSV, EXCEL, VECTOR, Reading, checked_path, collection_paused, source_of
from circle15.read.joined import join_tables
from circle15.read.personal import all_masked, is_personal
from circle15.read.points import Positions, accuracy_of, layer_positions, read_positions
from circle15.read.tables import RawTable, read_tables, without_personal
from circle15.read.validity import marked_valid, tell_standing, validity_of
from circle15.read.values import numbers, texts
from circle15.read.vectors import known_crs, read_layer
from circle15.read.vocabulary import Told, column_of, flags_of, hinted_service, levels_of, services_of, tags_of
from circle15.read.words_in import accepted, match_columns, meaning, plain
from circle15.read.zones import Bounds
from circle15.schema import (
    CRS,
    DATUMS,
    INSTITUTION_COLUMNS,
    LEVELS,
    POSITION_ACCURACY_M,
    SERVICES,
    Datum,
    SheetCount,
    standing_on,
)

_NUMBERS = ("beds", "stations", "physicians", "position_accuracy_m")
_FREE_TEXT = ("name", "address", "place_told")

Columns = Mapping[str, str] | None


@collection_paused()
def read_institutions(
    path: str | os.PathLike[str],
    *,
    datum: Datum,
    crs: str | None = None,
    columns: Columns = None,
    sheet: str | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    service: str | None = None,
    services: Mapping[str, str | None] | None = None,
    levels: Mapping[str, str] | None = None,
    more: Sequence[str | os.PathLike[str]] = (),
    as_of: dt.date | None = None,
    default_accuracy_m: float = POSITION_ACCURACY_M,
    near: Bounds | None = None,
    packed_dms: bool = False,
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
        Service of every row where the file has no such column; a worksheet's name, its title or the file's name may
        tell it too.
    services
        Word in the file -> service; None drops the rows with that word (reported).
    levels
        Word or code in the file -> level.
    more
        Further tables (.xlsx, .xls, .csv) joined by institution code, as the platform's department table.
    as_of
        Rows not valid on this day are reported and not counted, both ends of the validity included; they stay in the
        table, from which `schema.standing_on` leaves them out.
    default_accuracy_m
        Accuracy of positions where the file does not tell.
    near
        West, south, east, north of the city in degrees: tell the zone of metres without zone number.
    packed_dms
        Numbers of tables are degrees, minutes and seconds in one: 105.1108 for 105°11′08″ (see read/packed.py).
    skip_faulty_rows
        Leave rows with errors out and go on, so that the rest can be checked; the errors stand among the warnings.

    Returns
    -------
    Reading
        With every assumption made and the rows of each sheet before and after.

    Raises
    ------
    InputError
        With every fault found: file, sheet, Excel row, column and value.
    UsageError
        An unknown datum, service or level among the options.
    """
    _check_options(datum, service, services, levels)
    file = checked_path(path, kinds=(*EXCEL, *CSV, *VECTOR))
    faults = Faults(file.name)
    words = dict(services or {})
    told = Told(
        service, {plain(k): v for k, v in words.items()}, {plain(k): v for k, v in (levels or {}).items()}, file.stem
    )
    if file.suffix.lower() in VECTOR:
        system: str | None
        raw, points, system = _vector(
            file, faults, datum=datum, crs=crs, encoding=encoding, layer=layer, columns=columns
        )
        raws, positions = [raw], [points]
    else:
        raws = read_tables(file, faults, kind="institution", columns=columns, sheet=sheet, encoding=encoding)
        raws += [raw for extra in more for raw in _more(extra, faults, columns=columns, encoding=encoding)]
        raws, positions = _placed(
            file, raws, faults, told, columns=columns, datum=datum, crs=crs, near=near, packed_dms=packed_dms
        )
        system = crs
    pieces = [
        _records(r, p, faults, told, columns=columns, accuracy_m=default_accuracy_m)
        for r, p in zip(raws, positions, strict=True)
    ]
    table = settle_sites(pd.concat(pieces, ignore_index=True), faults) if pieces else None
    if skip_faulty_rows and table is not None:
        table = _without_faulty_rows(table, faults)
    else:
        faults.raise_errors()
    if table is None or len(table) == 0:
        raise fail(file, "table_empty")
    kept = marked_valid(table, faults)
    tell_standing(kept, as_of, faults)
    _count(raws, standing_on(kept, as_of), faults)
    source = source_of(
        "institutions",
        file,
        datum=datum,
        options={
            "crs": system,
            "columns": dict(columns or {}),
            "sheet": sheet,
            "encoding": encoding,
            "layer": layer,
            "service": service,
            "services": words,
            "levels": dict(levels or {}),
            "as_of": as_of.isoformat() if as_of else None,
            "packed_dms": packed_dms or None,
        },
    )
    joined = [source_of("institutions", Path(extra), datum="", options={}) for extra in more]
    return Reading(
        _as_schema(kept),
        (source, *joined),
        tuple(faults.problems) if skip_faulty_rows else faults.warnings,
        tuple(faults.assumed),
        tuple(faults.counts),
        tuple(faults.corrected),
    )


def _more(path: str | os.PathLike[str], faults: Faults, *, columns: Columns, encoding: str | None) -> list[RawTable]:
    """Tables of a further file; its name stands in place of the sheet's."""
    file = checked_path(path, kinds=(*EXCEL, *CSV))
    own = Faults(file.name)
    raws = read_tables(file, own, kind="institution", columns=columns, encoding=encoding)
    faults.problems += own.problems
    faults.assumed += own.assumed
    return [replace(raw, sheet=f"{file.name}/{raw.sheet}" if raw.sheet else file.name) for raw in raws]


def _check_options(
    datum: str, service: str | None, services: Mapping[str, str | None] | None, levels: Mapping[str, str] | None
) -> None:
    problems = []
    if datum not in DATUMS:
        problems.append(Problem("unknown_datum", value=str(datum), params={"known": ", ".join(DATUMS)}))
    problems.extend(
        Problem("service_option", value=str(given), params={"known": ", ".join(SERVICES)})
        for given in (service, *(services or {}).values())
        if given is not None and given not in SERVICES
    )
    problems.extend(
        Problem("use.unknown_level", value=str(given), params={"known": ", ".join(LEVELS)})
        for given in (levels or {}).values()
        if given not in LEVELS
    )
    if problems:
        raise UsageError(problems)


def _vector(
    file: Path,
    faults: Faults,
    *,
    datum: Datum,
    crs: str | None,
    encoding: str | None,
    layer: str | None,
    columns: Columns,
) -> tuple[RawTable, Positions, str]:
    read = read_layer(file, faults, datum=datum, crs=crs, encoding=encoding, layer=layer)
    rows = tuple(range(1, len(read.frame) + 1))
    attributes = pd.DataFrame(read.frame.drop(columns="geometry")).astype(object)
    attributes.columns = pd.Index([str(c) for c in attributes.columns], dtype=object)
    attributes = attributes.map(lambda cell: str(cell) if isinstance(cell, (list, dict, np.ndarray)) else cell)
    attributes = without_personal(attributes, faults, kind="institution", columns=columns, sheet=None)
    raw = RawTable(None, attributes, rows, filled=len(rows))
    return raw, layer_positions(read.frame.geometry.to_numpy(), rows, faults, datum=datum, crs=read.crs), read.crs


def _placed(
    file: Path,
    raws: Sequence[RawTable],
    faults: Faults,
    told: Told,
    *,
    columns: Columns,
    datum: Datum,
    crs: str | None,
    near: Bounds | None,
    packed_dms: bool,
) -> tuple[list[RawTable], list[Positions]]:
    """Tables with coordinates, joined with those without; where there is none the best one is told what it lacks."""
    placed, unused = join_tables(raws, faults, columns=columns)
    for raw in unused if placed else ():
        if match_columns(raw.columns, "institution", columns):  # notes and legends go without a word
            faults.warn("sheet_skipped", sheet=raw.sheet)
        faults.assume("sheet_skipped", count=1, sheet=raw.sheet)
    if not placed:
        best = max(raws, key=lambda r: len(match_columns(r.columns, "institution", columns)))
        _matched(best, faults, told, columns=columns, needed=("lon", "lat"))
    system = None if crs is None else known_crs(file, crs)
    positions = []
    for raw in placed:
        matched = _matched(raw, faults, told, columns=columns, needed=())
        x, y = column_of(raw, matched["lon"]), column_of(raw, matched["lat"])
        positions.append(read_positions(x, y, faults, datum=datum, crs=system, near=near, packed_dms=packed_dms))
    return placed, positions


def _matched(raw: RawTable, faults: Faults, told: Told, *, columns: Columns, needed: Sequence[str]) -> dict[str, str]:
    known = accepted("institution")
    found = listed(raw.columns, limit=40)
    for target, name in (columns or {}).items():
        if target not in known:
            faults.error("column_target", sheet=raw.sheet, value=target, known=", ".join(known))
        elif name not in raw.columns and not is_personal(name):
            faults.error("column_mapped_missing", sheet=raw.sheet, column=name, target=target, found=found)
    matched = match_columns(raw.columns, "institution", columns)
    for target in needed:
        if target not in matched:
            faults.column_missing(target, known[target], raw.columns, sheet=raw.sheet)
    if "service" not in matched and told.service is None and hinted_service(raw, told) is None and not raw.sections:
        faults.error(
            "column_missing_service",
            sheet=raw.sheet,
            accepted=listed(known["service"], limit=8),
            found=found,
            services=", ".join(SERVICES),
        )
    return matched


def _records(
    raw: RawTable, positions: Positions, faults: Faults, told: Told, *, columns: Columns, accuracy_m: float
) -> gpd.GeoDataFrame:
    """Build one table in schema columns, and `_valid`, `_sheet` and `_branch`."""
    matched = match_columns(raw.columns, "institution", columns)
    count = len(raw.rows)
    data: dict[str, Any] = {"id": _ids(raw, matched, faults)}
    for name in _FREE_TEXT:
        data[name] = _free_text(raw, matched, name, faults)
    if unnamed := [row for row, name in zip(raw.rows, data["name"], strict=True) if not name]:
        faults.warn("name_missing", sheet=raw.sheet, count=len(unnamed), rows=listed(unnamed))
    data["service"] = services_of(raw, matched, faults, told)
    data["level"] = levels_of(raw, matched, faults, told)
    data["tags"] = tags_of(raw, matched, faults)
    for name in _NUMBERS:
        column = column_of(raw, matched[name]) if name in matched else None
        data[name] = np.full(count, np.nan) if column is None else numbers(column, faults, minimum=0.0)
    unstated = int(np.isnan(data["position_accuracy_m"]).sum())
    faults.assume("accuracy_assumed", count=unstated, sheet=raw.sheet, metres=f"{accuracy_m:g}")
    data["position_accuracy_m"], data["position_reason"] = accuracy_of(
        positions, data["position_accuracy_m"], default_m=accuracy_m
    )
    data["valid_from"], data["valid_to"] = validity_of(raw, matched, faults)
    data["source_row"] = np.array(raw.rows, dtype=np.int64)
    data["_valid"] = flags_of(raw, matched, "valid", faults, default=True)
    data["_sheet"] = [raw.sheet or ""] * count
    data["_branch"] = _branches(raw, matched)
    frame = gpd.GeoDataFrame(data, geometry=shapely.points(positions.lon, positions.lat), crs=CRS)
    dropped = [word is None for word in data["service"]]
    return frame[~np.array(dropped, dtype=bool)] if any(dropped) else frame


def _free_text(raw: RawTable, matched: Mapping[str, str], name: str, faults: Faults) -> list[str]:
    """Names or addresses; personal numbers written into them are masked."""
    if name not in matched:
        return [""] * len(raw.rows)
    given = texts(column_of(raw, matched[name]), faults)
    found = all_masked(given)
    changed = sum(a != b for a, b in zip(given, found, strict=True)) if found is not given else 0
    faults.assume("personal_masked", count=changed, sheet=raw.sheet, column=matched[name])
    return found


def _ids(raw: RawTable, matched: Mapping[str, str], faults: Faults) -> list[str]:
    if "id" not in matched:
        faults.warn("ids_made", sheet=raw.sheet, found=listed(raw.columns, limit=40))
        faults.assume("ids_made", count=len(raw.rows), sheet=raw.sheet)
        prefix = f"{raw.sheet}-" if raw.sheet else ""
        return [f"{prefix}R{row:06d}" for row in raw.rows]
    given = codes(column_of(raw, matched["id"]), faults)
    for row, value in zip(raw.rows, given, strict=True):
        if not value:
            faults.error("value_missing", sheet=raw.sheet, row=row, column=matched["id"])
    return given


def _branches(raw: RawTable, matched: Mapping[str, str]) -> list[str]:
    """What a column of branches says of each row, "" for the main site."""
    if "branch" not in matched:
        return [""] * len(raw.rows)
    words = texts(column_of(raw, matched["branch"]))
    return ["" if meaning("flag", w) == "no" else w for w in words]


def _count(raws: Sequence[RawTable], kept: gpd.GeoDataFrame, faults: Faults) -> None:
    for raw in raws:
        held = int((kept["_sheet"] == (raw.sheet or "")).sum())
        faults.counts.append(SheetCount(faults.file, raw.sheet, raw.filled, len(raw.rows), held))


def _as_schema(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    held = table.assign(source_sheet=table["_sheet"])[[*INSTITUTION_COLUMNS, "geometry"]]
    return cast("gpd.GeoDataFrame", held.astype(dict(INSTITUTION_COLUMNS)))


def _without_faulty_rows(table: gpd.GeoDataFrame, faults: Faults) -> gpd.GeoDataFrame:
    """Rows that no error names; errors are raised where one names no row or none is left."""
    errors = [p for p in faults.problems if p.severity == "error"]
    faulty = {(p.sheet or "", p.row) for p in errors}
    keep = [place not in faulty for place in zip(table["_sheet"], table["source_row"], strict=True)]
    if not any(keep) or any(p.row is None for p in errors):
        faults.raise_errors()
    return cast("gpd.GeoDataFrame", table[np.array(keep, dtype=bool)])

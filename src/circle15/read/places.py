"""Outlines of city, districts, townships and communities 市、县(区)、乡镇(街道)、社区.

Reading.table   GeoDataFrame, EPSG:4326, columns schema.PLACE_COLUMNS and (multi)polygon geometry, RangeIndex
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from circle15.errors import Circle15Error, Problem
from circle15.project.metric import areas_m2
from circle15.quantities import M2_PER_KM2
from circle15.read.faults import Faults, listed, positions_of, raise_errors
from circle15.read.files import VECTOR, Reading, checked_path, source_of
from circle15.read.place_shapes import check_overlaps, resolved_parents
from circle15.read.values import Column, numbers, texts
from circle15.read.vectors import read_layer
from circle15.read.words_in import accepted, match_columns, meaning, spellings, text_list
from circle15.schema import CRS, PLACE_COLUMNS, SETTINGS, Datum, PlaceLevel, Source

_POLYGON, _MULTIPOLYGON = 3, 6
_OWN_MARK = re.compile(r"^[a-z][a-z0-9_.]*$")
"""A mark that a plan declares itself is given by its id; the plan file says which there are."""


@dataclass(frozen=True)
class PlaceFile:
    """One file of outlines and how it is told; see `read_places`."""

    path: str | os.PathLike[str]
    level: PlaceLevel | None = None
    datum: Datum | None = None
    crs: str | None = None
    columns: Mapping[str, str] | None = None
    encoding: str | None = None
    layer: str | None = None
    repair: bool = False
    assume_wgs84: bool = False


def read_places(
    path: str | os.PathLike[str] | Mapping[PlaceLevel, str | os.PathLike[str]],
    *,
    level: PlaceLevel | None = None,
    datum: Datum | None = None,
    crs: str | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    layer: str | None = None,
    repair: bool = False,
) -> Reading[gpd.GeoDataFrame]:
    """Read outlines from one vector file, or from one file a level.

    Parameters
    ----------
    path
        A file (with a level column, or of the one `level`), or level -> file.
    datum
        What degrees mean; may be left out where the file's CRS, or `crs`, says it (not for plain WGS 84).
    columns
        Schema column -> column in the file, before the alias table.
    repair
        Mend invalid outlines with shapely.make_valid and report the change of area; otherwise they are errors.

    Raises
    ------
    InputError
        With every fault found: missing CRS, unknown level words, invalid or overlapping outlines, doubled ids ….
    """
    if isinstance(path, Mapping):
        files = [PlaceFile(p, lev, datum, crs, columns, encoding, layer, repair) for lev, p in path.items()]
    else:
        files = [PlaceFile(path, level, datum, crs, columns, encoding, layer, repair)]
    return read_place_files(files)


def read_place_files(files: Sequence[PlaceFile]) -> Reading[gpd.GeoDataFrame]:
    """Read several files of outlines into one table; faults of all of them are raised together."""
    pieces: list[gpd.GeoDataFrame] = []
    sources: list[Source] = []
    problems: list[Problem] = []
    for told in files:
        faults = Faults(Path(told.path).name)
        try:
            piece, source = _read_one(told, faults)
        except Circle15Error as fault:
            problems.extend(fault.problems)
        else:
            pieces.append(piece)
            sources.append(source)
        problems.extend(faults.problems)
    raise_errors(problems)
    table = pd.concat(pieces, ignore_index=True)
    together = Faults(", ".join(dict.fromkeys(s.file for s in sources)))
    _check_ids(table, together)
    check_overlaps(table, together)
    together.raise_errors()
    table["parent"] = resolved_parents(table, together)
    together.raise_errors()
    kept = cast("gpd.GeoDataFrame", table[[*PLACE_COLUMNS, "geometry"]].astype(dict(PLACE_COLUMNS)))
    warnings = tuple(p for p in (*problems, *together.problems) if p.severity == "warning")
    return Reading(kept, tuple(sources), warnings)


def _read_one(told: PlaceFile, faults: Faults) -> tuple[gpd.GeoDataFrame, Source]:
    file = checked_path(told.path, kinds=VECTOR)
    read = read_layer(
        file,
        faults,
        datum=told.datum,
        crs=told.crs,
        encoding=told.encoding,
        layer=told.layer,
        assume_wgs84=told.assume_wgs84,
    )
    attributes = pd.DataFrame(read.frame.drop(columns="geometry")).astype(object)
    attributes.columns = pd.Index([str(c) for c in attributes.columns], dtype=object)
    rows = range(1, len(attributes) + 1)
    matched = _matched(attributes, told, faults)

    def column(name: str) -> Column:
        return Column(attributes[matched[name]].tolist(), rows, matched[name])

    count = len(attributes)
    words = {k: texts(column(k)) if k in matched else [""] * count for k in ("id", "name", "parent", "class")}
    data: dict[str, Any] = dict(words)
    data["level"], data["settings"] = _levels(
        told, column if "level" in matched else None, words["name"], faults, count
    )
    if "settings" in matched:
        data["settings"] = _settings(column("settings"), data["settings"], faults)
    data["id"] = _ids(words, data["level"], faults, given="id" in matched)
    nothing = np.full(count, np.nan)
    data["residents"] = numbers(column("residents"), faults, minimum=0.0) if "residents" in matched else nothing
    geometry = _outlines(read.frame.geometry.to_numpy(), words["name"], faults, repair=told.repair)
    options = {
        "level": told.level,
        "crs": read.crs,
        "columns": dict(told.columns or {}),
        "encoding": told.encoding,
        "layer": told.layer,
        "repair": told.repair or None,
    }
    return gpd.GeoDataFrame(data, geometry=geometry, crs=CRS), source_of(
        "places", file, datum=read.datum, options=options
    )


def _matched(attributes: pd.DataFrame, told: PlaceFile, faults: Faults) -> dict[str, str]:
    found = [str(c) for c in attributes.columns]
    known = accepted("place")
    shown = listed(found, limit=40)
    for target, name in (told.columns or {}).items():
        if target not in known:
            faults.error("column_target", value=target, known=", ".join(known))
        elif name not in found:
            faults.error("column_mapped_missing", column=name, target=target, found=shown)
    matched = match_columns(found, "place", told.columns)
    if "name" not in matched:
        faults.column_missing("name", known["name"], found)
    if "level" not in matched and told.level is None:
        faults.error("place_level_missing", accepted=listed(known["level"], limit=8), found=shown)
    return matched


def _levels(
    told: PlaceFile,
    column: Callable[[str], Column] | None,
    names: Sequence[str],
    faults: Faults,
    count: int,
) -> tuple[list[str], list[str]]:
    """Level of each place, and its settings as far as the level word or the name tells (a name in "街道")."""
    words = texts(column("level")) if told.level is None and column is not None else [""] * count
    levels, settings = [], []
    for i, (word, name) in enumerate(zip(words, names, strict=True)):
        known = told.level or (meaning("place_level", word) if word else None)
        if known is None and (column is not None or told.level is not None):
            problem = "place_level_unknown" if word else "value_missing"
            faults.error(problem, row=i + 1, column="level", value=word or None, known=spellings("place_level"))
        street = known == "township" and (
            meaning("setting", word) == "subdistrict" or name.endswith(text_list("subdistrict_endings"))
        )
        levels.append(known or "")
        settings.append("subdistrict" if street else "")
    return levels, settings


def _settings(column: Column, held: Sequence[str], faults: Faults) -> list[str]:
    result = []
    for i, (text, before) in enumerate(zip(texts(column), held, strict=True)):
        marks = {before} - {""}
        for word in text.replace("\uff1b", ";").replace("\u3001", ";").replace(",", ";").split(";"):
            if not word.strip():
                continue
            known = meaning("setting", word) or (word.strip() if _OWN_MARK.match(word.strip()) else None)
            if known is None:
                faults.error("setting_unknown", row=i + 1, column=column.name, value=word, known=", ".join(SETTINGS))
            else:
                marks.add(known)
        result.append(";".join(sorted(marks)))
    return result


def _ids(words: Mapping[str, list[str]], levels: Sequence[str], faults: Faults, *, given: bool) -> list[str]:
    if not given:
        faults.warn("place_ids_made")
        return [f"{level}-{i:04d}" for i, level in enumerate(levels, start=1)]
    for i, value in enumerate(words["id"], start=1):
        if not value:
            faults.error("value_missing", row=i, column="id", value=words["name"][i - 1] or None)
    return words["id"]


def _outlines(geometries: npt.NDArray[Any], names: Sequence[str], faults: Faults, *, repair: bool) -> npt.NDArray[Any]:
    """Polygons that are valid; the others noted, or mended where asked."""
    missing = np.asarray(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    kinds = shapely.get_type_id(geometries)
    flat = ~missing & ~np.isin(kinds, (_POLYGON, _MULTIPOLYGON))
    for i in positions_of(missing):
        faults.error("geometry_missing", row=i + 1, value=names[i] or None)
    for i in positions_of(flat):
        faults.error("geometry_not_polygon", row=i + 1, value=names[i] or None, kind=geometries[i].geom_type)
    outlines = geometries.copy()
    for i in positions_of(~missing & ~flat & ~shapely.is_valid(geometries)):
        reason = shapely.is_valid_reason(geometries[i])
        if not repair:
            faults.error("place_invalid", row=i + 1, value=names[i] or None, reason=reason)
            continue
        outlines[i] = _mended(geometries[i])
        before, after = areas_m2([geometries[i]])[0], areas_m2([outlines[i]])[0]
        faults.warn(
            "place_repaired",
            row=i + 1,
            value=names[i] or None,
            reason=reason,
            before=f"{before / M2_PER_KM2:.4f}",
            after=f"{after / M2_PER_KM2:.4f}",
        )
    return outlines


def _mended(outline: Any) -> Any:  # noqa: ANN401 - any geometry
    """make_valid with lines and points that fall out left aside."""
    parts = shapely.get_parts(shapely.make_valid(outline, method="structure", keep_collapsed=False))
    return shapely.union_all([p for p in parts if shapely.get_dimensions(p) == 2])  # noqa: PLR2004 - areas


def _check_ids(table: gpd.GeoDataFrame, faults: Faults) -> None:
    first = table.drop_duplicates("id").set_index("id")["name"]
    for i in positions_of(table["id"].duplicated().to_numpy()):
        code = table["id"].iloc[i]
        faults.error("place_id_duplicate", value=code, name=table["name"].iloc[i], other=first[code])

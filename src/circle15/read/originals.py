"""The tables of a register as they stand 原表: for a corrected copy; personal columns left out as on every reading."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from circle15.read.city_parts import CityFiles
from circle15.read.faults import Faults, fail
from circle15.read.files import CSV, EXCEL, checked_path
from circle15.read.tables import read_tables


def original_tables(config: CityFiles) -> tuple[Path, list[tuple[str, pd.DataFrame, tuple[int, ...]]]]:
    """The register's file, and its sheets as (name or "", cells, row numbers).

    Raises
    ------
    InputError
        For a register that is no table (a vector file has no cells to correct).
    """
    part = config.institutions
    path = config.folder / part.file
    if path.suffix.lower() not in (*EXCEL, *CSV):
        raise fail(path, "corrected_no_table")
    file = checked_path(path, kinds=(*EXCEL, *CSV))
    faults, columns = Faults(file.name), part.columns or None
    raws = read_tables(file, faults, kind="institution", columns=columns, sheet=part.sheet, encoding=part.encoding)
    return file, [(raw.sheet or "", raw.frame, tuple(raw.rows)) for raw in raws]

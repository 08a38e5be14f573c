"""Results of an assessment into a GeoPackage or back to PostGIS 成果入库: the same tables under the same names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from circle15.database import Relation, address_of, connected, is_database, quoted, quoted_column, server_of
from circle15.errors import Problem, UsageError
from circle15.schema import CRS, Assessment
from circle15.words import Lang
from circle15.write.files import write_whole
from circle15.write.gis import repeatable
from circle15.write.summary import findings_table

PREFIX = "circle15_"
TABLES = ("institutions", "places", "gaps", "coverage", "findings")
_TYPES = {"i": "bigint", "u": "bigint", "f": "double precision", "b": "boolean", "M": "timestamp"}


def result_tables(assessment: Assessment, *, lang: Lang) -> dict[str, pd.DataFrame]:
    """Tables by name: institutions, places (with totals) and gaps with geometry; coverage and findings without."""
    places = assessment.city.places
    held = [c for c in ("name", "level", "parent", "settings", "class") if c in assessment.totals]
    totals = assessment.totals.drop(columns=held)
    joined = places.merge(
        totals, left_on="id", right_on="place_id", how="left", suffixes=("", "_measured"), validate="1:1"
    )
    found = (
        assessment.sites,
        gpd.GeoDataFrame(joined.drop(columns="place_id"), geometry="geometry", crs=places.crs),
        assessment.gaps,
        assessment.coverage,
        findings_table(assessment.findings, lang=lang),
    )
    return dict(zip(TABLES, found, strict=True))


def write_results(target: str, assessment: Assessment, *, lang: Lang) -> str:
    """Write the tables to a database URL or a .gpkg file; the same target again is written anew.

    In a database the tables are called circle15_institutions … and stand in the schema that the URL names
    (`?schema=…`, public otherwise); all of them change in one transaction or none does.

    Returns
    -------
    str
        Where they are, without any password.

    Raises
    ------
    UsageError
        For a target that is neither.
    OutputError
        Where it cannot be written.
    """
    check_target(target)
    tables = result_tables(assessment, lang=lang)
    return _to_database(target, tables) if is_database(target) else str(_to_geopackage(Path(target), tables))


def check_target(target: str) -> None:
    """Refuse what is neither a database (InputError) nor a .gpkg (UsageError); what was typed may hold a password."""
    if is_database(target):
        address_of(target)
    elif Path(target).suffix.lower() != ".gpkg":
        raise UsageError(Problem("use.results_target"))


def relations_written(url: str) -> set[Relation]:
    """Tables that `write_results` makes anew in a database. Raises InputError where it cannot be reached."""
    address = address_of(url)
    with connected(address) as connection:
        server = server_of(connection)
    return {Relation(server, address.schema, f"{PREFIX}{name}") for name in TABLES}


def _to_geopackage(path: Path, tables: dict[str, pd.DataFrame]) -> Path:
    def fill(temporary: Path) -> None:
        temporary.unlink()  # the driver makes a new file, it does not fill an empty one
        with repeatable():
            for name, table in tables.items():
                pyogrio.write_dataframe(_flat(table), temporary, driver="GPKG", layer=name)

    return write_whole(path, fill)


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose words are plain text; what is no number, word or day becomes text."""
    made = table.copy()
    for name in made.columns:
        if name != "geometry" and made[name].dtype.kind not in _TYPES:
            made[name] = [_text(v) for v in made[name]]
    return made


def _text(value: object) -> str | None:
    missing = value is None or value != value or value is pd.NaT  # noqa: PLR0124 - NaN is not itself
    return None if missing else str(value).replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _to_database(url: str, tables: dict[str, pd.DataFrame]) -> str:
    address = address_of(url)
    with connected(address, write=True) as connection:
        for name, table in tables.items():
            _put(connection, f"{address.schema}.{PREFIX}{name}", _flat(table))
    return f"{address} ({address.schema}.{PREFIX}*)"


def _put(connection: Any, name: str, table: pd.DataFrame) -> None:  # noqa: ANN401 - pg8000 is untyped
    """Make one table anew and fill it."""
    where = quoted(name)
    columns = [str(c) for c in table.columns]
    kinds = [_TYPES.get(table[c].dtype.kind, "text") for c in columns]
    kinds = [f"geometry(Geometry,{CRS[5:]})" if c == "geometry" else k for c, k in zip(columns, kinds, strict=True)]
    told = ", ".join(f"{quoted_column(c)} {k}" for c, k in zip(columns, kinds, strict=True))
    connection.run(f"DROP TABLE IF EXISTS {where}")
    connection.run(f"CREATE TABLE {where} ({told})")
    connection.run(f"COPY {where} FROM STDIN WITH (FORMAT csv)", stream=io.BytesIO(_csv(table).encode("utf-8")))
    if "geometry" in columns:
        connection.run(f"CREATE INDEX ON {where} USING gist (geometry)")


def _csv(table: pd.DataFrame) -> str:
    """Rows as COPY reads them: nothing for NULL, quotes about every text, geometry as EWKB in hexadecimal digits."""
    made: dict[str, list[object]] = {}
    for name in table.columns:
        values = table[name]
        if name == "geometry":
            shapes = shapely.set_srid(np.asarray(values.array, dtype=object), int(CRS[5:]))
            made[name] = list(shapely.to_wkb(shapes, hex=True, include_srid=True))
        else:
            made[name] = [None if pd.isna(v) else v for v in values.tolist()]
    return "".join(",".join(map(_field, row)) + "\n" for row in zip(*made.values(), strict=True))


def _field(value: object) -> str:
    if value is None:
        return ""
    return '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)

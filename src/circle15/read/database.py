"""Tables of a PostGIS database as files for one reading 数据库读取: a read-only snapshot, then the readers of files.

A result with a geometry column becomes GeoParquet in the CRS that its SRID names, one without becomes CSV; so every
check of the file readers holds for a database too. Row numbers are those of the result, from 1.
"""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from circle15.database import Address, Relation, address_of, connected, quoted, quoted_column, server_of
from circle15.errors import InputError, Problem
from circle15.schema import Source

if TYPE_CHECKING:
    from circle15.read.files import Reading
    from circle15.schema import Assumption, Correction, SheetCount

TABLE, SQL = "table:", "sql:"
_USUAL = ("geom", "geometry", "wkb_geometry", "the_geom")
_SRID = "circle15_srid"
_READS = re.compile(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(select|with|table|values)\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Query:
    """What to read: a table ("schema.table") or a statement that only reads."""

    table: str = ""
    sql: str = ""

    @property
    def shown(self) -> str:
        """Name for people."""
        return self.table or "SQL"

    def source(self) -> str:
        """The statement as part of another one. Raises InputError for one that does not read."""
        if self.table:
            return f"SELECT * FROM {quoted(self.table)}"  # noqa: S608 - quoted
        if not _READS.match(self.sql):
            raise InputError(
                Problem("database.writes", value=self.sql, params={"place": "", "reason": "", "state": ""})
            )
        return self.sql.strip().rstrip(";")


def query_of(text: str) -> Query | None:
    """`table:NAME` or `sql:SELECT …` as a query; None for anything else (a file)."""
    if text.lower().startswith(TABLE):
        return Query(table=text[len(TABLE) :].strip())
    return Query(sql=text[len(SQL) :].strip()) if text.lower().startswith(SQL) else None


def name_of(url: str) -> str:
    """Name of a database, for a city that has no other. Raises InputError for an address that cannot be read."""
    return address_of(url).name


def stood(part: str | os.PathLike[str]) -> str:
    """Where a part given as an option stands: `table:…` and `sql:…` as they are, files by their whole path."""
    return str(part) if query_of(str(part)) is not None else str(Path(part).absolute())


@dataclass(frozen=True)
class Snapshot:
    """A file made of a query's result; `shift` is what a reader's row numbers are ahead of those of the result."""

    file: Path
    query: Query
    address: Address
    shift: int


def take_snapshot(url: str, query: Query, folder: Path, *, name: str) -> Snapshot:
    """Read a query into a file of the folder.

    Raises
    ------
    InputError
        Connection refused, wrong password, missing table or column, a statement that writes, no SRID, no rows.
    """
    address = address_of(url)
    source = query.source()
    with connected(address) as connection:
        columns, kinds = _columns(connection, source)
        shape = _geometry(columns, kinds, query)
        chosen = [quoted_column(c) for c in columns if c != shape]
        if shape is not None:
            column = quoted_column(shape)
            chosen += [f"ST_AsBinary(ST_Force2D({column}::geometry))", f"ST_SRID({column}::geometry) AS {_SRID}"]
        order = _order(connection, query)
        statement = connection.prepare(f"SELECT {', '.join(chosen)} FROM ({source}\n) AS source{order}")  # noqa: S608
        rows = statement.run()
    plain = [c for c in columns if c != shape]
    if not rows:
        raise InputError(Problem("database.empty", file=query.shown, params={"place": str(address)}))
    if shape is None:
        return Snapshot(_as_csv(folder / f"{name}.csv", plain, rows), query, address, 1)
    return Snapshot(_as_parquet(folder / f"{name}.parquet", plain, rows, query, address), query, address, 0)


def relations_read(url: str, queries: Iterable[Query]) -> set[Relation]:
    """Tables that queries read, those behind views among them, as the server plans to. Raises InputError."""
    with connected(address_of(url)) as connection:
        server = server_of(connection)
        found: set[Relation] = set()
        for query in queries:
            told = connection.prepare(f"EXPLAIN (VERBOSE, FORMAT JSON) {query.source()}").run()
            found |= {Relation(server, *table) for table in _scanned(told[0][0])}
    return found


def _scanned(plan: object) -> Iterator[tuple[str, str]]:
    """Schema and name of every table in the nested nodes of a query's plan."""
    if isinstance(plan, list):
        for node in plan:
            yield from _scanned(node)
    elif isinstance(plan, dict):
        if "Relation Name" in plan:
            yield plan["Schema"], plan["Relation Name"]
        yield from _scanned(list(plan.values()))


def _columns(connection: Any, source: str) -> tuple[list[str], list[int]]:  # noqa: ANN401 - pg8000 is untyped
    """Names and types of the result; the statement is prepared, so that it can only be one."""
    statement = connection.prepare(f"SELECT * FROM ({source}\n) AS source LIMIT 0")  # noqa: S608 - the user's own SQL
    statement.run()
    names = [c["name"] for c in statement.columns]
    known = {row[0] for row in connection.run("SELECT oid FROM pg_type WHERE typname IN ('geometry', 'geography')")}
    return names, [1 if c["type_oid"] in known else 0 for c in statement.columns]


def _geometry(columns: Sequence[str], kinds: Sequence[int], query: Query) -> str | None:
    found = [c for c, k in zip(columns, kinds, strict=True) if k]
    if len(found) > 1:
        usual = [c for c in found if c.lower() in _USUAL]
        if len(usual) != 1:
            raise InputError(Problem("database.geometries", file=query.shown, params={"found": ", ".join(found)}))
        return usual[0]
    return found[0] if found else None


def _order(connection: Any, query: Query) -> str:  # noqa: ANN401 - pg8000 is untyped
    """Rows of a table by its primary key, so that the same table gives the same bytes."""
    if not query.table:
        return ""
    keys = connection.run(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) "
        "WHERE i.indrelid = CAST(:name AS regclass) AND i.indisprimary ORDER BY a.attnum",
        name=quoted(query.table),
    )
    return " ORDER BY " + ", ".join(quoted_column(k[0]) for k in keys) if keys else ""


def _plain(value: object) -> object:
    """A value as a table holds it: numbers, text, days; anything else as text."""
    if value is None or isinstance(value, str | float | int):
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    return str(value)


def _as_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([("" if v is None else _plain(v)) for v in row] for row in rows)
    return path


def _as_parquet(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]], query: Query, address: Address
) -> Path:
    srids = {row[-1] for row in rows if row[-2] is not None}
    if len(srids) != 1 or 0 in srids:
        told = {"place": str(address), "found": ", ".join(str(s) for s in sorted(srids)) or "-"}
        raise InputError(Problem("database.srid", file=query.shown, params=told))
    data = {c: [_plain(row[i]) for row in rows] for i, c in enumerate(columns)}
    frame = pd.DataFrame({c: pd.Series(v, dtype=_dtype(v)) for c, v in data.items()})
    shapes = shapely.from_wkb([None if row[-2] is None else bytes(row[-2]) for row in rows])
    gpd.GeoDataFrame(frame, geometry=shapes, crs=f"EPSG:{srids.pop()}").to_parquet(path)
    return path


def _dtype(values: Sequence[object]) -> str:
    given = [v for v in values if v is not None]
    if given and all(isinstance(v, bool) for v in given):
        return "boolean"
    if given and all(isinstance(v, int) and not isinstance(v, bool) for v in given):
        return "Int64"
    if given and all(isinstance(v, int | float) and not isinstance(v, bool) for v in given):
        return "float64"
    return "str"


@contextmanager
def snapshots(url: str, queries: dict[str, Query]) -> Iterator[tuple[dict[str, Snapshot], list[Problem]]]:
    """Files of several queries by name, gone when done; faults of all of them are told together."""
    taken: dict[str, Snapshot] = {}
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory(prefix="circle15-") as folder:
        for name, query in queries.items():
            try:
                taken[name] = take_snapshot(url, query, Path(folder), name=name)
            except InputError as fault:
                problems += [replace(p, file=p.file or query.shown) for p in fault.problems]
        yield taken, _once(problems)


_OF_ALL = ("database.refused", "database.password", "database.missing", "database.url", "database.lost")


def _once(problems: Sequence[Problem]) -> list[Problem]:
    """A fault of the connection once, though every part of a city meets it."""
    kept: list[Problem] = []
    for problem in problems:
        if problem.id not in _OF_ALL:
            kept.append(problem)
        elif problem.id not in {p.id for p in kept}:
            kept.append(replace(problem, file=None))
    return kept


def read_beside(
    given: str, url: str | None, read: Callable[[str | Path], Reading[pd.DataFrame]]
) -> Reading[pd.DataFrame]:
    """Read a table beside the register: a file, or `table:…` or `sql:…` of a database.

    Raises InputError for the faults of either.
    """
    query = query_of(given)
    if query is None:
        return read(given)
    if url is None:
        raise InputError(Problem("database.unstated", value=given))
    with snapshots(url, {"beside": query}) as (taken, problems):
        if problems:
            raise InputError(problems)
        names = Renamer(taken)
        try:
            reading = read(taken["beside"].file)
        except InputError as fault:
            raise InputError([names.problem(p) for p in fault.problems]) from fault
    return replace(
        reading,
        sources=tuple(names.source(s) for s in reading.sources),
        warnings=tuple(names.problem(p) for p in reading.warnings),
    )


class Renamer:
    """Puts the names and row numbers of a database in place of those of its snapshots."""

    def __init__(self, taken: dict[str, Snapshot]) -> None:
        self._by_file = {s.file.name: s for s in taken.values()}

    def problem(self, problem: Problem) -> Problem:
        """A problem as of the table it concerns."""
        held = self._by_file.get(problem.file or "")
        if held is None:
            return problem
        row = None if problem.row is None else problem.row - held.shift
        return replace(problem, file=held.query.shown, row=row)

    def record(self, record: Assumption | Correction | SheetCount) -> Any:  # noqa: ANN401 - the kind that came in
        """An assumption, correction or count as of the table it concerns."""
        held = self._by_file.get(record.file)
        if held is None:
            return record
        row = getattr(record, "row", None)
        more = {} if row is None else {"row": row - held.shift}
        return replace(record, file=held.query.shown, **more)

    def source(self, source: Source) -> Source:
        """A source with the database (no password) and its statement."""
        held = self._by_file.get(source.file)
        if held is None:
            return source
        told = {"table": held.query.table} if held.query.table else {"sql": held.query.sql}
        options = {**source.options, "database": str(held.address), **told}
        return replace(source, file=held.query.shown, options=options)

    def row_shift(self, file: str) -> int:
        """What row numbers of a file are ahead of the result's."""
        held = self._by_file.get(file)
        return 0 if held is None else held.shift

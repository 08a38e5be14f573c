"""PostgreSQL with PostGIS 空间数据库: connections by URL, faults in words, passwords never in them.

`postgresql://user:password@host:port/database`, with `?sslmode=require` where the server asks for it and `?schema=…`
for where results go. A password is better kept in the environment variable PGPASSWORD than in a URL.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from circle15.errors import InputError, OutputError, Problem

PREFIXES = ("postgresql://", "postgres://")
_PORT = 5432
_PATIENCE_S = 10
_STATEMENT_S = 600
_SHOWN_REASON = 300
_BY_STATE = {
    "28P01": "database.password", "28000": "database.password", "3D000": "database.missing",
    "42P01": "database.table", "3F000": "database.table", "42703": "database.column", "42501": "database.permission",
    "25006": "database.writes", "42601": "database.syntax", "57014": "database.slow", "42883": "database.function",
    "0A000": "database.writes",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    """Where a database is; `str()` of it never shows the password."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(default="", repr=False)
    sslmode: str = ""
    schema: str = "public"

    def __str__(self) -> str:
        """Address without password."""
        user = f"{self.user}@" if self.user else ""
        return f"postgresql://{user}{self.host}:{self.port}/{self.name}"


def is_database(text: str) -> bool:
    """Whether a text is the URL of a database."""
    return text.lower().startswith(PREFIXES)


def address_of(url: str) -> Address:
    """Take a URL apart; missing parts come from PGUSER, PGPASSWORD and PGDATABASE. Raises InputError."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError as fault:
        raise InputError(Problem("database.url")) from fault
    name = unquote(parts.path.strip("/")) or os.environ.get("PGDATABASE", "")
    user = unquote(parts.username or "") or os.environ.get("PGUSER", "")
    if "@" in name or not is_database(url) or not parts.hostname or not name or not user:
        raise InputError(Problem("database.url"))
    asked = parse_qs(parts.query)
    password = unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD", "")
    return Address(
        parts.hostname, port, name, user, password, asked.get("sslmode", [""])[0], asked.get("schema", ["public"])[0]
    )  # fmt: skip


@contextmanager
def connected(address: Address, *, write: bool = False) -> Iterator[Any]:
    """Open a connection with one transaction: read-only, or for writing and then committed where nothing failed.

    Raises InputError (OutputError where writing) for every fault of the database, with one clear message.
    """
    # imported late: most runs use no database
    from pg8000.exceptions import DatabaseError, InterfaceError  # noqa: PLC0415
    from pg8000.native import Connection  # noqa: PLC0415

    kind = OutputError if write else InputError
    try:
        connection = Connection(
            address.user, host=address.host, port=address.port, database=address.name,
            password=address.password, ssl_context=_ssl(address.sslmode), timeout=_PATIENCE_S,
            application_name="circle15",
        )  # fmt: skip
    except DatabaseError as fault:
        raise kind(_problem(address, fault)) from None
    except (InterfaceError, OSError) as fault:
        told = {"place": str(address), "reason": _clean(address, str(fault))}
        wanted = "database.password" if "password" in str(fault).lower() else "database.refused"
        raise kind(Problem(wanted, params=told)) from None
    try:
        connection._usock.settimeout(None)  # noqa: SLF001 - its patience is for connecting, a query may take longer
        connection.run("BEGIN TRANSACTION READ WRITE" if write else "BEGIN TRANSACTION READ ONLY")
        connection.run(f"SET LOCAL statement_timeout = '{_STATEMENT_S}s'")
        yield connection
        connection.run("COMMIT" if write else "ROLLBACK")
    except DatabaseError as fault:
        raise kind(_problem(address, fault)) from None
    except (InterfaceError, OSError) as fault:
        told = {"place": str(address), "reason": _clean(address, str(fault))}
        raise kind(Problem("database.lost", params=told)) from None
    finally:
        with suppress(InterfaceError, OSError):
            connection.close()


def quoted(name: str) -> str:
    """A table's name ("schema.table" or "table") as SQL takes it, whatever characters it has."""
    return ".".join('"' + part.replace('"', '""').replace("\x00", "") + '"' for part in name.split(".", 1))


def _ssl(mode: str) -> ssl.SSLContext | None:
    if mode in {"require", "verify-ca", "verify-full"}:
        context = ssl.create_default_context()
        if mode != "verify-full":
            context.check_hostname = False
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        return context
    return None


def _problem(address: Address, fault: Exception) -> Problem:
    told = fault.args[0] if fault.args and isinstance(fault.args[0], dict) else {}
    state, reason = str(told.get("C", "")), str(told.get("M", "") or fault)
    known = _BY_STATE.get(state, "database.failed")
    if state == "42883" and "st_" not in reason.lower():
        known = "database.failed"
    if state == "0A000" and "data-modifying" not in reason.lower():
        known = "database.failed"
    return Problem(known, params={"place": str(address), "reason": _clean(address, reason), "state": state})


def _clean(address: Address, text: str) -> str:
    """What a server or the network said, on one line and without the password."""
    safe = " ".join(text.split())
    if address.password:
        safe = safe.replace(address.password, "***")
    return safe[:_SHOWN_REASON]

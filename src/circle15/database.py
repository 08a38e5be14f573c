"""PostgreSQL with PostGIS 空间数据库: connections by URL, faults in words, passwords never in them.

`postgresql://user:password@host:port/database`, with `?sslmode=…` as in libpq (without it: encrypted where the server
can; `require` encrypts; `verify-ca` and `verify-full` also check its certificate against the system's authorities or
`&sslrootcert=FILE`) and `?schema=…` for where results go. A password is better kept in the environment variable
PGPASSWORD than in a URL.
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
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PORT = 5432
_PATIENCE_S = 10
_STATEMENT_S = 600
_SHOWN_REASON = 300
_BY_STATE = {
    "28P01": "database.password",
    "28000": "database.password",
    "3D000": "database.missing",
    "42P01": "database.table",
    "3F000": "database.table",
    "42703": "database.column",
    "42501": "database.permission",
    "25006": "database.writes",
    "42601": "database.syntax",
    "57014": "database.slow",
    "42883": "database.function",
    "0A000": "database.writes",
}


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
    sslrootcert: str = ""

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
    asked = {key: told[0] for key, told in parse_qs(parts.query).items()}
    mode = asked.get("sslmode", "")
    if mode and mode not in SSL_MODES:
        raise InputError(Problem("database.sslmode", value=mode, params={"known": ", ".join(SSL_MODES)}))
    password = unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD", "")
    schema, authority = asked.get("schema", "public"), asked.get("sslrootcert", "")
    return Address(parts.hostname, port, name, user, password, mode, schema, authority)


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
            address.user,
            host=address.host,
            port=address.port,
            database=address.name,
            password=address.password,
            ssl_context=_ssl(address),
            timeout=_PATIENCE_S,
            application_name="circle15",
        )
    except DatabaseError as fault:
        raise kind(_problem(address, fault)) from None
    except (InterfaceError, OSError, ValueError) as fault:
        told = {"place": str(address), "reason": _clean(address, str(fault))}
        raise kind(Problem(_kind_of(fault), params=told)) from None
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


@dataclass(frozen=True)
class Relation:
    """A table of a server, the same whatever address, schema path or view it is reached by."""

    server: str
    schema: str
    name: str


def server_of(connection: Any) -> str:  # noqa: ANN401 - pg8000 is untyped
    """What tells one database from every other: when its server started, and the database's number there."""
    started = "SELECT pg_postmaster_start_time()::text, oid::text FROM pg_database WHERE datname = current_database()"
    return " ".join(connection.run(started)[0])


def quoted(name: str) -> str:
    """A table's name ("schema.table" or "table") as SQL takes it, whatever characters it has."""
    return ".".join('"' + part.replace('"', '""').replace("\x00", "") + '"' for part in name.split(".", 1))


def quoted_column(name: str) -> str:
    """A column's name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _ssl(address: Address) -> ssl.SSLContext | bool | None:
    """What pg8000 takes: a context that must be used, False for none, None for encryption where the server can."""
    if address.sslmode in {"require", "verify-ca", "verify-full"}:
        context = ssl.create_default_context(cafile=address.sslrootcert or None)
        context.check_hostname = address.sslmode == "verify-full"
        if address.sslmode == "require":
            context.verify_mode = ssl.CERT_NONE
        return context
    return False if address.sslmode == "disable" else None


def _kind_of(fault: Exception) -> str:
    """Problem of a connection that did not come about."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return "database.certificate"
    if isinstance(fault, (FileNotFoundError, PermissionError)) or type(fault) is ssl.SSLError:
        return "database.authority"  # the file of authorities is not there, or holds none
    said = str(fault).lower()
    if "refuses ssl" in said:
        return "database.no_encryption"
    return "database.password" if "password" in said else "database.refused"


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

"""A PostgreSQL with PostGIS that the tests start themselves, from the system's packages, for as long as they run."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

USER, PASSWORD = "bureau", "s3cret-密码"
_HOMES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"), Path("/usr/local/bin"))


def missing() -> str:
    """What is missing for a database, "" where nothing is."""
    if _tool("initdb") is None:
        return "PostgreSQL is not installed here (postgresql-15)"
    share = subprocess.run([_tool("pg_config") or "true", "--sharedir"], capture_output=True, text=True, check=False)
    homes = [Path(share.stdout.strip() or "/nowhere"), *Path("/usr/share/postgresql").glob("*")]
    if not any((home / "extension" / "postgis.control").exists() for home in homes):
        return "PostGIS is not installed here (postgresql-15-postgis-3)"
    if os.geteuid() == 0 and _other() is None:
        return "PostgreSQL refuses to run as root, and there is no other user to run it"
    return ""


def _tool(name: str) -> str | None:
    return next((str(home / name) for home in _HOMES if (home / name).exists()), None)


def _other() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Server(NamedTuple):
    """URL of a database, with user and password, and the file of the server's own certificate (None without openssl).

    The certificate names the address 127.0.0.1 and no host.
    """

    url: str
    certificate: Path | None


@contextmanager
def server() -> Iterator[Server]:
    """A server in a folder of its own."""
    user = _other() if os.geteuid() == 0 else None
    more = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="circle15-pg-"))
    folder.chmod(0o755)
    home = folder / "pg"
    home.mkdir()
    (folder / "pw").write_text(PASSWORD, encoding="utf-8")
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
        (folder / "pw").chmod(0o644)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = lambda *call: subprocess.run(call, check=True, capture_output=True, cwd="/", **more)  # noqa: E731
    run(
        _tool("initdb"), "-D", str(home / "data"), "-U", USER, "-A", "scram-sha-256", "--pwfile", str(folder / "pw"),
        "-E", "UTF8", "--locale=C", "--no-sync",
    )  # fmt: skip
    settings = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=16MB"
    certificate, openssl = None, shutil.which("openssl")
    if openssl is not None:
        certificate, key = home / "server.crt", home / "server.key"
        run(
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
            "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=circle15 test",
            "-addext", "subjectAltName=IP:127.0.0.1",
        )  # fmt: skip
        settings += f" -c ssl=on -c ssl_cert_file={certificate} -c ssl_key_file={key}"
    control, data = _tool("pg_ctl"), str(home / "data")
    run(control, "-D", data, "-o", settings, "-l", str(home / "log"), "-w", "start")
    try:
        yield Server(f"postgresql://{USER}:s3cret-%E5%AF%86%E7%A0%81@127.0.0.1:{port}/postgres", certificate)
    finally:
        run(control, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

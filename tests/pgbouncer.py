"""Starts a PgBouncer on a port of 127.0.0.1, in front of a server of the tests.

Tried are what RECOLLECT_TEST_PGBOUNCER names (paths joined by the platform's separator), the
one on PATH, and Debian's. On Debian and Ubuntu: apt-get install pgbouncer.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from recollect.db.target import parse_url

MISSING = "no pgbouncer here; on Debian: apt-get install pgbouncer"


def programs() -> list[str]:
    """All PgBouncer programs on this machine, each once."""
    named = os.environ.get("RECOLLECT_TEST_PGBOUNCER", "").split(os.pathsep)
    found = [*named, shutil.which("pgbouncer"), "/usr/sbin/pgbouncer"]
    existing = [os.path.realpath(path) for path in found if path and Path(path).exists()]
    return list(dict.fromkeys(existing))


def version(program: str) -> tuple[int, int]:
    """Major and minor. Prepared statements through a transaction pool came with 1.21."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    numbers = re.search(r"(\d+)\.(\d+)", said)
    assert numbers is not None
    return int(numbers[1]), int(numbers[2])


@contextmanager
def pgbouncer(
    program: str,
    url: str,
    options: Mapping[str, str | int] | None = None,
    *,
    certificate: Path | None = None,
) -> Generator[str]:
    """The URL of the same database through PgBouncer; everybody becomes the URL's user there.

    options:      lines of its configuration; three server connections in transaction mode unless
                  they say otherwise.
    certificate:  require TLS with this certificate; its key has the same name and ends in .key.
    """
    arguments = parse_url(url).connect_args
    host, port = arguments["host"][0], arguments["port"][0]
    settings: dict[str, Any] = {
        "listen_addr": "127.0.0.1",
        "listen_port": _free_port(),
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": 3,
        "max_client_conn": 200,
        "ignore_startup_parameters": "",
        **(options or {}),
    }
    login = f"user={arguments['user']}"
    if "password" in arguments:
        login += f" password={arguments['password']}"
    with tempfile.TemporaryDirectory(prefix="pgb") as folder:
        if certificate is not None:
            settings["client_tls_sslmode"] = "require"
            for name, source in (("cert", certificate), ("key", certificate.with_suffix(".key"))):
                settings[f"client_tls_{name}_file"] = shutil.copy(source, folder)
        lines = ["[databases]", f"* = host={host} port={port} {login}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        configuration = Path(folder) / "pgbouncer.ini"
        configuration.write_text("\n".join(lines), encoding="utf-8")
        account = _account(host)
        if account:  # PgBouncer refuses to run as root
            for path in (Path(folder), *Path(folder).iterdir()):
                os.chown(path, account["user"], account["group"])
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process: subprocess.Popen[Any] = subprocess.Popen(
                [program, str(configuration)], stdout=output, stderr=output, cwd="/", **account
            )
        try:
            _wait_until_it_listens(process, settings["listen_port"], log)
            parts = urlsplit(url)
            place = f"{arguments['user']}@127.0.0.1:{settings['listen_port']}"
            yield urlunsplit(parts._replace(netloc=place, query=""))
        finally:
            process.kill()  # since 1.23 it takes a SIGTERM for a wish to wait until clients leave
            process.wait(10)


def _account(host: str) -> dict[str, Any]:
    """Who to be in place of root: the owner of the server's socket folder."""
    if os.geteuid() != 0:
        return {}
    owner = Path(host).stat() if host.startswith("/") else None
    uid, gid = (owner.st_uid, owner.st_gid) if owner and owner.st_uid else (65534, 65534)
    return {"user": uid, "group": gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_it_listens(process: subprocess.Popen[Any], port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pgbouncer did not start: {log.read_text()}") from None
            time.sleep(0.02)
        else:
            return

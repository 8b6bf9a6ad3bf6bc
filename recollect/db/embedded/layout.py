"""Where the embedded server keeps its things: one private folder, `postgres`, in Recollect's home.

    <home>/postgres/              0700; whoever owns it is the account that the server runs as
        boot.lock                 held while somebody starts, attaches to, or stops the server
        clients.lock              held, shared, by every client for as long as it lives
        supervisor.lock           held by the supervisor for its life
        server.lock               held by PostgreSQL and all its processes, for their lives
        server.json               what runs, for people and for `recollect db status`
        failure.txt               why the last start failed
        stop.request              somebody asks the supervisor to stop the server
        postgres.log, supervisor.log
        data-18/                  the cluster, named by its major version
        run/                      0700; the socket

The kernel drops a lock when its holder dies, however it dies; no process id is ever trusted.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

PORT = 5432
"""Only a part of the socket's file name: nothing listens on a port, except on Windows."""


class Layout:
    """Names of everything in the server's folder. Nothing is touched until it is used."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.boot_lock = base / "boot.lock"
        self.clients_lock = base / "clients.lock"
        self.supervisor_lock = base / "supervisor.lock"
        self.server_lock = base / "server.lock"
        self.record = base / "server.json"
        self.failure = base / "failure.txt"
        self.stop_request = base / "stop.request"
        self.log = base / "postgres.log"
        self.supervisor_log = base / "supervisor.log"
        self.alias = base / "socket-alias"
        self.password = base / "password"
        self.run = base / "run"

    @classmethod
    def of_home(cls, home: Path) -> Layout:
        """The layout inside Recollect's home folder."""
        return cls(Path(os.path.abspath(home.expanduser())) / "postgres")  # noqa: PTH100 - keeps symlinks

    def data(self, major: int) -> Path:
        """The cluster's folder for this major version."""
        return self.base / f"data-{major}"

    def majors(self) -> list[int]:
        """Major versions of the clusters that exist here, newest first."""
        found = (re.fullmatch(r"data-(\d+)", entry.name) for entry in self.base.glob("data-*"))
        return sorted((int(match[1]) for match in found if match), reverse=True)

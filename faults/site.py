"""What is broken: a PostgreSQL of its own, a PgBouncer, two TCP proxies and `recollect serve`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Self

import asyncpg

from recollect.db.database import Database
from recollect.db.embedded import EmbeddedError, EmbeddedPostgres, status, stop
from recollect.db.migrate import migrate
from recollect.db.target import parse_url
from recollect.history.store import Recollect
from recollect.identity.access_tokens import AccessTokens
from recollect.identity.caller import SCOPES
from recollect.settings import Settings
from tests.pgbouncer import pgbouncer, programs
from tests.tcp_proxy import TcpProxy, tcp_proxy

USERS = ("ann", "ben")
STATEMENT_TIMEOUT = 2
"""Seconds, and so much shorter than usual that clients notice half-open connections soon."""


def conversations(user: str) -> list[str]:
    """The ids of a user's conversations; the last one is branched."""
    return [f"{user}-{name}" for name in ("busy", "calm", "quiet", "branches")]


def environment(**settings: str) -> dict[str, str]:
    """Settings for a process of Recollect, and none of the machine's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECOLLECT_")}
    kept.pop("DATABASE_URL", None)
    return kept | {
        "RECOLLECT_CONFIG": os.devnull,
        "RECOLLECT_STATEMENT_TIMEOUT": str(STATEMENT_TIMEOUT),
        "RECOLLECT_CONNECT_TIMEOUT": "5",
        **settings,
    }


class Site:
    """Everything between the clients and the disk.

    url:      of the database, direct, as the superuser. folder: where everything is.
    pooled:   the same through PgBouncer, None where there is none on this machine.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)  # PgBouncer and root's PostgreSQL run under another account
        self.folder = folder
        self.home = folder / "home"
        self.url = ""
        self.pooled: str | None = None
        self.serve: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, str] = {}
        self._postgres = EmbeddedPostgres(self.home, grace_seconds=5)
        self._stack = AsyncExitStack()
        self._pooler = ExitStack()
        self._pooler_port = free_port()
        self._serve_port = free_port()

    async def __aenter__(self) -> Self:
        await self.revive()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()
        self._pooler.close()
        self.kill_serve()
        self._postgres.release()
        await asyncio.to_thread(stop, self.home)

    async def revive(self) -> None:
        """PostgreSQL, started if it does not run."""
        self.url = await asyncio.to_thread(self._postgres.ensure)

    def postmaster(self) -> int:
        found = status(self.home).postmaster_pid
        assert found is not None, "PostgreSQL does not run"
        return found

    async def end_postgres(self, how: signal.Signals) -> None:
        """Send a signal to the postmaster, wait until it has gone, and bring it back."""
        pid = self.postmaster()
        os.kill(pid, how)
        while True:
            if not alive(pid):
                break
            await asyncio.sleep(0.02)
        await self.revive()

    async def admin(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of the superuser; tried until there is one."""
        while True:
            try:
                return await asyncpg.connect(**parse_url(self.url).connect_args, timeout=10)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.1)
                try:
                    await self.revive()
                except EmbeddedError:
                    continue

    async def furnish(self) -> None:
        """The schema, conversations and access tokens."""
        await asyncio.to_thread(migrate, parse_url(self.url))
        self.tokens = await furnish(self.url)

    async def start_ways(self) -> None:
        """The proxies and the pooler; `start_serve` brings the server."""
        self.db_proxy: TcpProxy = await self._stack.enter_async_context(tcp_proxy(self.url))
        serving = f"http://127.0.0.1:{self._serve_port}"
        self.http_proxy: TcpProxy = await self._stack.enter_async_context(tcp_proxy(serving))
        self.address = f"http://127.0.0.1:{self.http_proxy.port}"
        if programs():
            await self.start_pooler()

    async def start_pooler(self) -> None:
        options = {"listen_port": self._pooler_port, "default_pool_size": 8, "server_login_retry": 1}
        started = pgbouncer(programs()[0], self.url, options)
        self.pooled = await asyncio.to_thread(self._pooler.enter_context, started)

    async def stop_pooler(self) -> None:
        await asyncio.to_thread(self._pooler.close)

    async def start_serve(self) -> None:
        """`recollect serve` with two workers; returns when it accepts."""
        self.serve = self._spawn_serve()
        while not listens(self._serve_port):
            if self.serve.poll() is not None:
                raise RuntimeError((self.folder / "serve.log").read_text(encoding="utf-8")[-2000:])
            await asyncio.sleep(0.05)

    def _spawn_serve(self) -> subprocess.Popen[bytes]:
        arguments = ["serve", "--port", str(self._serve_port), "--workers", "2"]
        settings = environment(
            RECOLLECT_DATABASE_URL=self.url,
            RECOLLECT_ACCESS_TOKENS="true",
            RECOLLECT_PUBLIC_URL=self.address,
            RECOLLECT_REQUESTS_PER_MINUTE="0",
            RECOLLECT_TOKENS_PER_MINUTE="0",
            RECOLLECT_POOL_SIZE="4",
        )
        with (self.folder / "serve.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "recollect", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=settings,
            )

    def kill_serve(self) -> None:
        """Kill the server and its workers, all at once. Returns when the last of them has let go of the
        port: what is dying still seems to listen."""
        if self.serve is None:
            return
        workers = self.workers()
        self.serve.kill()
        for pid in workers:
            kill(pid)
        self.serve.wait()
        deadline = time.monotonic() + 30
        while listens(self._serve_port):
            if time.monotonic() > deadline:
                raise RuntimeError("a worker of a killed server goes on")
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """The worker processes of `recollect serve`, found as its children."""
        assert self.serve is not None
        listed = subprocess.run(
            ["ps", "-axwwo", "pid=,ppid=,command="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        return [
            int(pid)
            for pid, parent, command in rows
            if int(parent) == self.serve.pid and "spawn_main" in command
        ]

    async def some_workers(self) -> list[int]:
        """At least one: they may have been killed just now."""
        while True:
            if workers := self.workers():
                return workers
            await asyncio.sleep(0.1)

    async def recollect(self, *arguments: str) -> str:
        """Run the command line to its end; what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "recollect",
            *arguments,
            env=environment(RECOLLECT_DATABASE_URL=self.url),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"recollect {arguments[0]} ended with {process.returncode}: {err.decode()}")
        return out.decode()


async def furnish(url: str) -> dict[str, str]:
    """Make the conversations of each user, and an access token, which is returned by user."""
    tokens: dict[str, str] = {}
    async with Recollect.open(Settings.model_validate({"database_url": url})) as store:

        async def database() -> Database:
            return store.database

        for user in USERS:
            for id in conversations(user):
                await store.for_user(user).create(id=id)
            tokens[user], _ = await AccessTokens(database).create(user, "faults", list(SCOPES), 1)
    return tokens


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True

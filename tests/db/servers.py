"""PostgreSQL servers of a test's own: roles belong to a whole server, so tests that make, spoil or
drop them must not share one with the others."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from recollect.db.embedded import EmbeddedPostgres, stop
from recollect.db.embedded.account import choose_account, is_root
from recollect.db.target import parse_url
from tests.folders import server_folder

T = TypeVar("T")

OLDEST = Path("/usr/lib/postgresql/15/bin")
MISSING_OLDEST = "no PostgreSQL 15 here; on Debian 12: apt-get install postgresql-15"


def as_role(url: str, role: str) -> str:
    """The same server and database as another role; no server of the tests asks for a password."""
    place = urlsplit(url)
    return urlunsplit(place._replace(netloc=f"{quote(role)}@{place.netloc.rpartition('@')[2]}"))


def query(url: str, sql: str, *args: object) -> list[asyncpg.Record]:
    """The rows of one statement, on a connection of its own."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    return asyncio.run(run())


def with_sqlalchemy(url: str, work: Callable[[Connection], T]) -> T:
    """What `work` returns, on SQLAlchemy's connection in a transaction that is committed."""

    async def run() -> T:
        async def connect() -> asyncpg.Connection[asyncpg.Record]:
            return await asyncpg.connect(**parse_url(url).connect_args)

        engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
        async with engine.begin() as connection:
            result = await connection.run_sync(work)
        await engine.dispose()
        return result

    return asyncio.run(run())


@contextmanager
def newest_server() -> Generator[str]:
    """A superuser's URL on a new server of the bundled version."""
    with server_folder() as folder:
        server = EmbeddedPostgres(folder / "home", grace_seconds=1)
        try:
            yield server.ensure()
        finally:
            server.release()
            stop(folder / "home")


@contextmanager
def oldest_server() -> Generator[str]:
    """A superuser's URL on a new server of Debian's PostgreSQL 15."""
    account: dict[str, Any] = {}
    with server_folder() as folder:
        if is_root():
            chosen = choose_account()
            account = {"user": chosen.uid, "group": chosen.gid, "extra_groups": []}
            subprocess.run(["chown", f"{chosen.uid}:{chosen.gid}", folder], check=True)
        command = [
            OLDEST / "initdb",
            "-D",
            folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "--locale=C.UTF-8",
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **account)
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", str(folder)]
        process = subprocess.Popen(
            [OLDEST / "postgres", "-D", folder / "data", *options],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )
        try:
            url = f"postgresql://postgres@/postgres?host={quote(str(folder))}"
            wait_until(lambda: answers(url))
            yield url
        finally:
            process.terminate()
            process.wait(30)


def answers(url: str) -> bool:
    try:
        query(url, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Poll; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)

"""Through PgBouncer in transaction mode: found out, and safe on shared server connections."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from recollect.db.database import Database
from recollect.db.target import Pooler, parse_url
from recollect.history.chaos import wreak
from recollect.models.errors import Unavailable
from recollect.settings import Settings
from tests.pgbouncer import MISSING, pgbouncer, programs, version
from tests.tcp_proxy import tcp_proxy

pytestmark = pytest.mark.skipif(not programs(), reason=MISSING)

SETUPS: dict[str, tuple[str, dict[str, int]]] = {
    f"{'.'.join(map(str, version(program)))} {options}": (program, options)
    for program in programs()
    for options in (
        [{"max_prepared_statements": 0}, {"max_prepared_statements": 200}]
        if version(program) >= (1, 21)
        else [{}]
    )
}
"""Every PgBouncer here, with and without its support of prepared statements if it has one."""


@pytest.fixture(params=SETUPS or ["none"])
def pooled(request: pytest.FixtureRequest, database_url: str) -> Generator[str]:
    program, options = SETUPS[str(request.param)]
    with pgbouncer(program, database_url, options) as url:
        yield url


@asynccontextmanager
async def database(url: str, pooler: Pooler = "auto", **options: Any) -> AsyncGenerator[Database]:
    limits: dict[str, Any] = {"pool_size": 8, "connect_timeout": 10, "statement_timeout": 10, "max_idle": 60}
    limits |= options
    db = await Database.open(parse_url(url, pooler), **limits)
    try:
        yield db
    finally:
        await db.close()


async def prepared(db: Database) -> int:
    """How many named statements the server connections hold that answer us."""
    names: set[str] = set()
    for _ in range(6):
        rows = await db.call(
            "SELECT pg_backend_pid(), name FROM pg_prepared_statements WHERE name <> ''", repeatable=True
        )
        names.update(f"{row[0]} {row[1]}" for row in rows)
    return len(names)


async def test_the_pooler_is_found_out(pooled: str, database_url: str) -> None:
    async with database(database_url) as direct:
        assert await prepared(direct) >= 1
    async with database(pooled) as db:
        await asyncio.gather(*(db.call("SELECT $1::int", n, repeatable=True) for n in range(50)))
        assert await prepared(db) == 0


async def test_a_call_through_the_pooler_is_one_round_trip(pooled: str) -> None:
    async with tcp_proxy(pooled) as proxy, database(proxy.url) as db:
        await db.call("SELECT $1::int", 0, repeatable=True)
        proxy.round_trips = 0
        for number in range(10):
            assert await db.call("SELECT $1::int", number, repeatable=True) == [(number,)]
        assert proxy.round_trips == 10
        async with db.read("alice") as tx:
            await tx.fetch("SELECT $1::int", 1)
        assert proxy.round_trips == 13


@pytest.mark.parametrize("pooler", ["auto", "transaction"])
async def test_tasks_of_many_users_do_not_meet(pooled: str, pooler: Pooler) -> None:
    async with database(pooled, pooler) as db:

        async def one(number: int) -> None:
            async with (db.read if number % 2 else db.write)(f"user {number}") as tx:
                row = await tx.fetchrow(
                    "SELECT current_user::text, current_setting('recollect.user_id'), $1::int", number
                )
                assert row is not None
                assert tuple(row) == ("recollect_app", f"user {number}", number)
            rows = await db.call(
                "SELECT current_user = session_user, current_setting('recollect.user_id', true)",
                repeatable=True,
            )
            assert rows[0][0]
            assert not rows[0][1]

        await asyncio.gather(*(one(number) for number in range(200)))


async def test_several_processes_share_its_server_connections(pooled: str) -> None:
    root = Path(__file__).parents[2]
    command = ("-m", "tests.db.pool_worker", pooled)
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            user,
            "10",
            cwd=root,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for user in ("alice", "bob", "carol")
    ]
    said = [(await worker.communicate())[0].decode() for worker in workers]
    assert said == ["80\n"] * 3


async def test_a_cancelled_transaction_leaves_no_user_behind(pooled: str) -> None:
    async with database(pooled, pool_size=2) as db:

        async def work() -> None:
            async with db.write("alice") as tx:
                await tx.fetch("SELECT pg_sleep(0.01)")

        await work()
        for step in range(20):
            tasks = [asyncio.create_task(work()) for _ in range(2)]
            await asyncio.sleep(0.001 * step)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            async with db.system() as tx:
                row = await tx.fetchrow(
                    "SELECT current_user = session_user, current_setting('recollect.user_id', true)"
                )
            assert row is not None
            assert row[0]
            assert not row[1]


async def test_its_killed_server_connections_are_replaced(pooled: str, database_url: str) -> None:
    admin = await asyncpg.connect(**parse_url(database_url).connect_args)
    try:
        async with database(pooled) as db:
            for number in range(5):
                await db.call("SELECT $1::int", number, repeatable=False)
                await admin.fetch(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND backend_type = 'client backend'"
                )
                assert await db.call("SELECT $1::int", number, repeatable=True) == [(number,)]
    finally:
        await admin.close()


@pytest.mark.parametrize("full", [{"default_pool_size": 1, "query_wait_timeout": 1}, {"max_client_conn": 1}])
async def test_a_pooler_without_a_free_connection_is_told_as_such(
    database_url: str, full: dict[str, int]
) -> None:
    with pgbouncer(programs()[0], database_url, full) as url:
        other = await asyncpg.connect(**parse_url(url).connect_args, statement_cache_size=0)
        await other.execute("BEGIN")
        async with database(url, connect_timeout=3) as db:
            with pytest.raises(Unavailable, match=r"its pooler.* free connection"):
                await db.call("SELECT 1", repeatable=True)
        other.terminate()


async def test_a_slow_statement_ends_at_the_time_limit(pooled: str) -> None:
    async with database(pooled, statement_timeout=0.2) as db:
        with pytest.raises(Unavailable, match="RECOLLECT_STATEMENT_TIMEOUT"):
            await db.call("SELECT pg_sleep(10)", repeatable=True)
        assert await db.call("SELECT 1", repeatable=True) == [(1,)]


async def test_json_arrays_and_large_values_pass(pooled: str) -> None:
    value = json.dumps({"text": "x" * 3_000_000, "snow": "☃"})
    async with database(pooled) as db:
        rows = await db.call(
            "SELECT $1::text, $2::text[], $3::bytea", value, [None, "a"], b"\0", repeatable=True
        )
        assert tuple(rows[0]) == (value, [None, "a"], b"\0")


async def test_chaos_kills_its_own_connections_through_the_pooler_too(
    pooled: str, settings: Settings
) -> None:
    chaos = await wreak(parse_url(pooled), settings, "alice", 2)
    assert chaos.sound
    assert chaos.stored > 0
    assert chaos.killed > 0

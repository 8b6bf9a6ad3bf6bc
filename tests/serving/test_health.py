"""What an orchestrator asks: does it live, and can it do its work?"""

from __future__ import annotations

import asyncio
import functools
import time

import asyncpg
import pytest

from recollect.db.target import parse_url
from recollect.serving.health import LASTING
from tests.conftest import run_sql
from tests.mcp_server.http_process import HttpProcess
from tests.serving.conftest import Start, rest, says
from tests.tcp_proxy import tcp_proxy


async def becomes(server: HttpProcess, status: int, state: str) -> None:
    """Wait until the server says so: an answer stands for a second."""
    limit = time.monotonic() + LASTING + 20
    while (answer := server.ask("GET", "/readyz")).status != status:
        assert time.monotonic() < limit, answer
        await asyncio.sleep(0.1)
    assert answer.json == {"status": state}
    assert server.ask("GET", "/healthz").json == {"status": "live"}


async def test_a_migrated_database_is_ready(serve: Start) -> None:
    server = serve()
    await becomes(server, 200, "ready")
    assert "not ready" not in server.log()


async def test_a_database_without_our_schema_needs_its_operator(
    serve: Start, empty_database_url: str
) -> None:
    server = serve(RECOLLECT_DATABASE_URL=empty_database_url)
    await becomes(server, 503, "not-ready")
    assert "run `recollect migrate`" in server.log()


async def test_a_database_that_cannot_be_reached_may_come_back(serve: Start) -> None:
    server = serve(
        RECOLLECT_DATABASE_URL="postgresql://u:s3cret@127.0.0.1:1/db", RECOLLECT_CONNECT_TIMEOUT="1"
    )
    await becomes(server, 503, "unavailable")
    assert "s3cret" not in server.log()


async def test_of_a_database_that_goes_away_the_log_says_what_is_wrong(
    serve: Start, database_url: str
) -> None:
    async with tcp_proxy(database_url) as proxy:
        server = serve(RECOLLECT_DATABASE_URL=proxy.url, RECOLLECT_CONNECT_TIMEOUT="60")
        await asyncio.to_thread(asyncio.run, becomes(server, 200, "ready"))
        await proxy.stop()
        await becomes(server, 503, "unavailable")
    assert "nothing answers there; is it running" in server.log()


async def test_where_all_connections_are_busy_the_log_says_so(serve: Start, database_url: str) -> None:
    server = serve(RECOLLECT_POOL_SIZE="1")
    await becomes(server, 200, "ready")
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    await connection.execute("BEGIN; LOCK TABLE recollect.message IN ACCESS EXCLUSIVE MODE")
    turn = functools.partial(rest, server, "POST", "/me/turns", says("hello"), Idempotency_Key="k")
    waiting = asyncio.create_task(asyncio.to_thread(turn))
    await asyncio.to_thread(asyncio.run, becomes(server, 503, "unavailable"))
    assert "all 1 connections of this process are in use" in server.log()
    await connection.close()
    assert (await waiting).status == 201


@pytest.mark.parametrize(
    ("broken", "mended", "told"),
    [
        (
            "ALTER TABLE recollect.message NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE recollect.message FORCE ROW LEVEL SECURITY",
            "Row security is not enforced on message",
        ),
        (
            "UPDATE recollect.schema_version SET version_num = '0000'",
            "UPDATE recollect.schema_version SET version_num = (SELECT max(version_num) FROM kept)",
            "recollect migrate",
        ),
    ],
)
async def test_what_breaks_while_it_runs_is_noticed_and_so_is_its_mending(
    serve: Start, database_url: str, broken: str, mended: str, told: str
) -> None:
    keep = "CREATE TABLE kept AS SELECT version_num FROM recollect.schema_version"
    await asyncio.to_thread(run_sql, database_url, keep)
    server = serve()
    await becomes(server, 200, "ready")
    await asyncio.to_thread(run_sql, database_url, broken)
    await becomes(server, 503, "not-ready")
    assert told in server.log()
    await asyncio.to_thread(run_sql, database_url, mended)
    await becomes(server, 200, "ready")

"""Making pgvector, or saying who has to."""

from __future__ import annotations

import asyncio

import asyncpg

from recollect.db import pgvector
from recollect.db.pgvector import Pgvector
from recollect.db.target import parse_url
from tests.conftest import run_sql
from tests.db.conftest import new_database
from tests.db.servers import query


def make(url: str, role: str | None = None) -> Pgvector:
    async def run() -> Pgvector:
        connection = await asyncpg.connect(**parse_url(url).connect_args)
        try:
            if role is not None:
                await connection.execute(f"SET ROLE {role}")
            return await pgvector.make(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_it_is_made_once_and_who_may_not_is_told_who_may(database_url: str) -> None:
    refused = make(database_url, "recollect_app")
    assert refused == Pgvector(None, "As an administrator, in this database: CREATE EXTENSION vector;")
    made = make(database_url)
    assert made.version is not None
    assert made.fix is None
    assert make(database_url) == make(database_url, "recollect_app") == made
    assert len(query(database_url, "SELECT FROM pg_extension WHERE extname = 'vector'")) == 1


def test_where_the_application_may_not_use_it_the_right_is_named(database_url: str) -> None:
    run_sql(database_url, 'CREATE SCHEMA "its own"', 'CREATE EXTENSION vector SCHEMA "its own"')
    found = make(database_url)
    assert found.fix == 'As its owner: GRANT USAGE ON SCHEMA "its own" TO recollect_app;'


def test_a_server_without_it_is_told_apart(oldest_only: str) -> None:
    url = new_database(oldest_only)
    assert make(url) == Pgvector(None, "Install pgvector on the database's server, then: recollect migrate")

"""One database a module: every test has users of its own in it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from itertools import count

import asyncpg
import pytest

from recollect.history.store import Recollect
from recollect.settings import Settings
from tests.conftest import on_database, run_sql
from tests.isolation.people import Pair, acquaint

_numbers = count(1)


@pytest.fixture(scope="module")
def shared_url(cluster: str, template: str) -> Generator[str]:
    """A migrated database for all tests of a module, as a superuser: who could bypass everything."""
    name = f"shared_{uuid.uuid4().hex[:12]}"
    run_sql(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield on_database(cluster, name)
    run_sql(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def shared_store(shared_url: str) -> AsyncGenerator[Recollect]:
    async with Recollect.open(Settings.model_validate({"database_url": shared_url})) as store:
        yield store


@pytest.fixture(scope="module")
async def admin(shared_url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """A superuser who looks at the tables themselves."""
    connection = await asyncpg.connect(shared_url, statement_cache_size=0)
    yield connection
    await connection.close()


@pytest.fixture
def meet(shared_store: Recollect) -> Callable[[], Awaitable[Pair]]:
    """Makes a new alice and a new bob."""
    return lambda: acquaint(shared_store, next(_numbers))


@pytest.fixture
async def pair(meet: Callable[[], Awaitable[Pair]]) -> Pair:
    return await meet()

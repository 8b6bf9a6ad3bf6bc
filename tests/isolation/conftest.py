"""One database a module: every test has users of its own in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import count

import asyncpg
import pytest

from recollect.history.store import Recollect
from tests.isolation.people import Pair, acquaint

_numbers = count(1)


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

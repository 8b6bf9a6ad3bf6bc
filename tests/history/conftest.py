"""What several files about the history use."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import asyncpg
import pytest

from recollect.db.target import parse_url


@pytest.fixture
async def admin(database_url: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    """A connection of who owns the database, beside the store's."""
    connection = await asyncpg.connect(**parse_url(database_url).connect_args)
    yield connection
    await connection.close()

"""What statements read, in pages and rows: the server's own counters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from recollect.db.database import Database
from recollect.db.target import parse_url
from recollect.history.history import History
from recollect.settings import Settings


class Read(NamedTuple):
    """What the tables and indexes of the schema gave since the last look: pages of 8 kB, and rows."""

    pages: int
    rows: int


LOOK = """SELECT
    (SELECT sum(coalesce(heap_blks_hit, 0) + coalesce(heap_blks_read, 0)
            + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0)
            + coalesce(toast_blks_hit, 0) + coalesce(toast_blks_read, 0)
            + coalesce(tidx_blks_hit, 0) + coalesce(tidx_blks_read, 0))::int
        FROM pg_statio_all_tables WHERE schemaname = 'recollect'),
    (SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int
        FROM pg_stat_all_tables WHERE schemaname = 'recollect')"""


@dataclass
class Meter:
    """Verbs of one connection, and how much each reads."""

    db: Database
    admin: asyncpg.Connection[asyncpg.Record]
    settings: Settings

    def of(self, user: str) -> History:
        return History(self.db, user, self.settings)

    async def read_by(self, call: Callable[[], Awaitable[object]]) -> Read:
        before = await self._look()
        await call()
        after = await self._look()
        return Read(after.pages - before.pages, after.rows - before.rows)

    async def _look(self) -> Read:
        # The counters of a connection become visible to others when it says so.
        await self.db.call("SELECT pg_stat_force_next_flush()", repeatable=True)
        row = await self.admin.fetchrow(LOOK)
        assert row is not None
        return Read(*row)


@asynccontextmanager
async def metered(url: str) -> AsyncGenerator[Meter]:
    """A meter of the database that a superuser's URL names."""
    db = await Database.open(
        parse_url(url), pool_size=1, connect_timeout=10, statement_timeout=10, max_idle=60
    )
    admin = await asyncpg.connect(url)
    yield Meter(db, admin, Settings.model_validate({}))
    await admin.close()
    await db.close()

"""Who asks at a stop, and what else is counted there."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg

from benchmarks.growth.databases import GrowingDatabase
from benchmarks.growth.people import Guest
from benchmarks.growth.texts import Texts
from benchmarks.growth.verbs import (
    AT_WORK,
    EMPTY,
    LARGEST,
    LARGEST_PARTITIONED,
    PARTITIONED,
    RETURNING,
    Asking,
    Verb,
    process_of,
    verbs_of,
    verbs_of_largest,
    verbs_of_many,
)
from recollect.history.store import Recollect
from recollect.settings import Settings

RETURNING_SHARE, LARGEST_SHARE = 0.2, 0.4
"""Of the calls of others: each user comes back only once, and the largest takes long."""

TABLE_READS = """
SELECT coalesce(sum(heap_blks_read + heap_blks_hit), 0)::bigint FROM pg_statio_all_tables
WHERE relid = 'recollect.message'::regclass
"""


@dataclass(frozen=True, slots=True)
class Visitors:
    """alone: the user of the empty database. came: those of average size who came with the last part of
    the load. queries: of what all of these said."""

    alone: Guest
    came: Sequence[Guest]
    queries: Sequence[str]
    largest: str
    texts: Texts

    def at_work(self, rounds: int) -> Sequence[Guest]:
        """One for each round, if they are enough."""
        return self.came[: min(rounds, len(self.came) // 2)]

    def returning(self, rounds: int) -> Sequence[Guest]:
        return self.came[len(self.at_work(rounds)) :]


@asynccontextmanager
async def opened(
    visitors: Visitors,
    rounds: int,
    empty: GrowingDatabase,
    full: GrowingDatabase,
    partitioned: GrowingDatabase | None,
) -> AsyncGenerator[Callable[[int], dict[str, Asking]]]:
    """Gives who asks in a round, by name; each database has one connection for all who ask it."""
    async with AsyncExitStack() as stack:
        alone_store, store = [
            await stack.enter_async_context(store_of(database)) for database in (empty, full)
        ]
        alone = Asking(
            verbs_of(alone_store.for_user(visitors.alone.user), visitors.alone, visitors.queries),
            await process_of(alone_store),
        )
        process = await process_of(store)
        back = verbs_of_many(store, visitors.returning(rounds), visitors.queries)
        steady = {
            EMPTY: alone,
            RETURNING: Asking(back, process, RETURNING_SHARE, warms_up=False),
            LARGEST: await _largest(visitors, store, process),
        }
        others = {AT_WORK: store}
        if partitioned is not None:
            others[PARTITIONED] = await stack.enter_async_context(store_of(partitioned))
            steady[LARGEST_PARTITIONED] = await _largest(
                visitors, others[PARTITIONED], await process_of(others[PARTITIONED])
            )
        processes = {name: await process_of(its) for name, its in others.items()}

        def asking(number: int) -> dict[str, Asking]:
            workers = visitors.at_work(rounds)
            one = workers[number % len(workers)]
            return steady | {
                name: Asking(verbs_of(its.for_user(one.user), one, visitors.queries), processes[name])
                for name, its in others.items()
            }

        yield asking


@asynccontextmanager
async def store_of(database: GrowingDatabase) -> AsyncGenerator[Recollect]:
    """One connection, and the same one to the end: its process is watched. What takes long, takes long."""
    patient = {"pool_size": 1, "connection_max_idle": 3_600, "statement_timeout": 3_600}
    settings = Settings.model_validate({"database_url": database.url, **patient})
    async with Recollect.open(settings) as store:
        yield store


async def said_by(connection: asyncpg.Connection[asyncpg.Record], user: str) -> list[str]:
    """Texts of a user's messages."""
    rows = await connection.fetch("SELECT text FROM recollect.message WHERE user_id = $1 ORDER BY 1", user)
    return [row["text"] for row in rows]


def queries_of(said: Sequence[str], texts: Texts, count: int = 200) -> list[str]:
    """Words of messages, as one looks for them."""
    chance = random.Random("queries")
    return [texts.query(chance, text) for text in chance.choices(said, k=count)]


async def pages_of_a_context(visitors: Visitors, full: GrowingDatabase, rounds: int) -> float:
    """How many pages of the table of messages a context reads, on average."""
    async with store_of(full) as store:
        workers = visitors.at_work(rounds)
        before = await _table_reads(store, full)
        for guest in workers:
            await verbs_of(store.for_user(guest.user), guest, visitors.queries)["context"]()
        return (await _table_reads(store, full) - before) / len(workers)


async def log_of_an_append(visitors: Visitors, full: GrowingDatabase, rounds: int) -> float:
    """Bytes of write-ahead log an append, each of another user and just after a checkpoint: the pages
    that it changes are all in the log."""
    await full.connection.execute("CHECKPOINT")
    async with store_of(full) as store:
        workers = visitors.at_work(rounds)  # who comes back later has to find nothing in memory
        begin = await full.connection.fetchval("SELECT pg_current_wal_insert_lsn()")
        for guest in workers:
            await verbs_of(store.for_user(guest.user), guest, visitors.queries)["append"]()
        written = await full.connection.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", begin)
        return float(written) / len(workers)


async def _largest(visitors: Visitors, store: Recollect, process: int) -> Asking:
    verbs: dict[str, Verb] = await verbs_of_largest(store.for_user(visitors.largest), visitors.texts)
    return Asking(verbs, process, LARGEST_SHARE)


async def _table_reads(store: Recollect, full: GrowingDatabase) -> int:
    # The counters of a connection become visible to others when it says so.
    await store.database.call("SELECT pg_stat_force_next_flush()", repeatable=True)
    return await full.connection.fetchval(TABLE_READS)

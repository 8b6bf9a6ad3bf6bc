"""The databases of a run on one server, and what is done to them beside the verbs."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.growth.stream import CONVERSATION_COLUMNS, MESSAGE_COLUMNS, Rows
from recollect.db.migrate import migrate
from recollect.db.schema import POLICIES, RIGHTS
from recollect.db.target import parse_url

SEARCH_INDEX = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS a ON a.oid = c.relam
WHERE i.indrelid = 'recollect.message'::regclass AND a.amname = 'gin'
"""

SEARCH_BYTES = f"""
SELECT sum(pg_relation_size(p.relid))::bigint
FROM ({SEARCH_INDEX}) AS found CROSS JOIN LATERAL (
    SELECT found.name::regclass AS relid UNION SELECT relid FROM pg_partition_tree(found.name::regclass)
) AS p
"""

PARTITIONED = (
    "CREATE TABLE recollect.parted (LIKE recollect.message INCLUDING ALL) PARTITION BY HASH (user_id)",
    "DROP TABLE recollect.message",
    "ALTER TABLE recollect.parted RENAME TO message",
    "ALTER TABLE recollect.message ADD FOREIGN KEY (user_id, conversation_id) "
    "REFERENCES recollect.conversation (user_id, id) ON DELETE CASCADE",
    "ALTER TABLE recollect.message ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
)


class GrowingDatabase:
    """A migrated database, with one connection for all that is no verb."""

    def __init__(self, url: str, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.url = url
        self.connection = connection
        self._search_index: str | None = None

    @classmethod
    async def make(cls, server: str, name: str, *, partitions: int = 0) -> GrowingDatabase:
        """Made and migrated; partitions: of the table of messages, by the hash of the user."""
        connection = await asyncpg.connect(**parse_url(server).connect_args)
        try:
            await connection.execute(f"CREATE DATABASE growth_{name}")
        finally:
            await connection.close()
        url = urlunsplit(urlsplit(server)._replace(path=f"/growth_{name}"))
        await asyncio.to_thread(migrate, parse_url(url))
        database = cls(url, await asyncpg.connect(**parse_url(url).connect_args, command_timeout=None))
        if partitions:
            await database.partition(partitions)
        return database

    async def close(self) -> None:
        await self.connection.close()

    async def clear(self) -> None:
        """Give its disk back."""
        await self.connection.execute("TRUNCATE recollect.conversation CASCADE")

    async def store(self, rows: Rows) -> None:
        """All of a piece, by COPY."""
        async with self.connection.transaction():
            for table, columns, records in (
                ("conversation", CONVERSATION_COLUMNS, rows.conversations),
                ("message", MESSAGE_COLUMNS, rows.messages),
            ):
                await self.connection.copy_records_to_table(
                    table, schema_name="recollect", columns=columns, records=records
                )

    async def drop_search_index(self) -> None:
        """It is made again by `make_search_index`, as it was."""
        found = await self.connection.fetchrow(SEARCH_INDEX)
        if found is None:
            raise RuntimeError("there is no search index to drop")
        self._search_index = found["definition"].replace(" ON ONLY ", " ON ")
        await self.connection.execute(f"DROP INDEX {found['name']}")

    async def search_bytes(self) -> int:
        """The size of the search index, of all partitions together."""
        return await self.connection.fetchval(SEARCH_BYTES)

    async def make_search_index(self, *, parallel: bool) -> None:
        """parallel: by a process for each processor, which sort into files beside the index first."""
        if self._search_index is None:
            return
        workers = (os.cpu_count() or 1) - 1 if parallel else 0  # beside the process that asks them
        async with self.connection.transaction():
            await self.connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
            await self.connection.execute(f"SET LOCAL max_parallel_maintenance_workers = {workers}")
            await self.connection.execute(self._search_index)
        self._search_index = None

    async def settle(self) -> None:
        """Do what autovacuum does sooner or later, now."""
        await self.connection.execute("VACUUM (ANALYZE)")
        await self.connection.execute("CHECKPOINT")

    async def partition(self, count: int) -> None:
        """Replace the table of messages, still empty, by one with partitions by the hash of the user. A
        prototype: the names of its indexes differ from the product's."""
        create, *rest = PARTITIONED
        async with self.connection.transaction():
            await self.connection.execute(create)
            for number in range(count):
                await self.connection.execute(
                    f"CREATE TABLE recollect.message_{number} PARTITION OF recollect.parted "
                    f"FOR VALUES WITH (MODULUS {count}, REMAINDER {number})"
                )
            for statement in rest:
                await self.connection.execute(statement)
            for policy in POLICIES:
                if policy.table == "message":
                    check = f" WITH CHECK ({policy.check})" if policy.check else ""
                    await self.connection.execute(
                        f"CREATE POLICY {policy.name} ON recollect.message FOR {policy.command} "
                        f"TO {policy.role} USING ({policy.using}){check}"
                    )
            for role, table, rights in RIGHTS:
                if table == "message":
                    await self.connection.execute(f"GRANT {rights} ON recollect.message TO {role}")

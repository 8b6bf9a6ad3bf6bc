"""The least that storing a conversation can cost: bare asyncpg on two small tables.

No users, no row security, no idempotency keys, no branches, and of indexes only the primary
keys. A message has the columns that a message of Recollect has, so that reading one costs what
reading those columns has to cost.
"""

from __future__ import annotations

import asyncpg

MESSAGE_TOKENS = 110
"""Of the messages that are measured."""

SCHEMA = """
CREATE SCHEMA benchmark;
CREATE TABLE benchmark.conversation (id text COLLATE "C" PRIMARY KEY, last_seq integer NOT NULL);
CREATE TABLE benchmark.message (
    created_at timestamptz NOT NULL DEFAULT now(), occurred_at timestamptz,
    seq integer NOT NULL, parent_seq integer NOT NULL, token_count integer NOT NULL,
    conversation_id text COLLATE "C" NOT NULL, role text NOT NULL, author text, text text NOT NULL,
    parts json, key text, metadata json,
    PRIMARY KEY (conversation_id, seq)
);
"""

FILL = """
WITH made AS (
    INSERT INTO benchmark.conversation (id, last_seq) VALUES ($1, $2)
)
INSERT INTO benchmark.message (conversation_id, seq, parent_seq, role, text, token_count)
SELECT $1, seq, seq - 1, 'user', $3, $4 FROM generate_series(1, $2) AS seq
"""

PLACE = "UPDATE benchmark.conversation SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq"

INSERT = """
INSERT INTO benchmark.message
    (conversation_id, seq, parent_seq, role, author, text, parts, token_count, key, metadata, occurred_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

APPEND = """
WITH place AS (
    UPDATE benchmark.conversation SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq
)
INSERT INTO benchmark.message
    (conversation_id, seq, parent_seq, role, author, text, parts, token_count, key, metadata, occurred_at)
SELECT $1, last_seq, last_seq - 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM place
RETURNING seq
"""
"""Both in one statement, and one round trip."""

SELECT = """
SELECT seq, parent_seq, role, author, text, parts, token_count, key, metadata, created_at, occurred_at
FROM benchmark.message WHERE conversation_id = $1 ORDER BY seq DESC LIMIT $2
"""


class Baseline:
    """The bare store. Its tables live in the same database as Recollect's, in another schema."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def create_tables(self) -> None:
        await self._connection.execute(SCHEMA)

    async def fill(self, id: str, size: int, text: str, token_count: int) -> None:
        """A conversation of `size` equal messages."""
        await self._connection.execute(FILL, id, size, text, token_count)

    async def settle(self) -> None:
        """Do for all tables of the database, Recollect's too, what autovacuum does sooner or later:
        without statistics plans are guesses, and change in the middle of a measurement."""
        await self._connection.execute("VACUUM (ANALYZE)")

    async def append(self, id: str, text: str, token_count: int) -> int:
        """One UPDATE and one INSERT in a transaction; gives the seq."""
        async with self._connection.transaction():
            seq = await self._connection.fetchval(PLACE, id)
            await self._connection.execute(
                INSERT, id, seq, seq - 1, "user", None, text, None, token_count, None, None, None
            )
        return seq

    async def append_at_once(self, id: str, text: str, token_count: int) -> int:
        """The same in one statement; gives the seq."""
        return await self._connection.fetchval(
            APPEND, id, "user", None, text, None, token_count, None, None, None
        )

    async def last(self, id: str, count: int) -> list[asyncpg.Record]:
        """One SELECT."""
        return await self._connection.fetch(SELECT, id, count)

"""The floor: bare asyncpg on an ideal table, without users, keys, branches or row security."""

from __future__ import annotations

import asyncpg
from peer import Item, Peer, serve

SCHEMA = """
CREATE TABLE conversation (id text COLLATE "C" PRIMARY KEY, last_seq integer NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE message (conversation_id text COLLATE "C" NOT NULL, seq integer NOT NULL, role text NOT NULL,
    text text NOT NULL, call text, PRIMARY KEY (conversation_id, seq));
CREATE INDEX ON conversation (updated_at DESC);
"""

APPEND = """
WITH place AS (
    INSERT INTO conversation (id, last_seq) VALUES ($1, cardinality($2::text[]))
    ON CONFLICT (id) DO UPDATE SET last_seq = conversation.last_seq + cardinality($2), updated_at = now()
    RETURNING last_seq
)
INSERT INTO message (conversation_id, seq, role, text, call)
SELECT $1, last_seq - cardinality($2) + i, ($2)[i], ($3::text[])[i], ($4::text[])[i]
FROM place, generate_series(1, cardinality($2)) AS i
"""


class Floor(Peer):
    users = False

    async def open(self, url: str) -> None:
        self.pool = await asyncpg.create_pool(url, min_size=1, max_size=10)
        await self.pool.execute(SCHEMA)

    async def append(self, id: str, items: list[Item], key: str | None = None) -> None:
        await self.pool.execute(APPEND, id, *map(list, zip(*items, strict=True)))

    async def last(self, id: str, count: int) -> list[Item]:
        rows = await self.pool.fetch(
            "SELECT role, text, call FROM message WHERE conversation_id = $1 ORDER BY seq DESC LIMIT $2",
            id,
            count,
        )
        return [tuple(row) for row in reversed(rows)]

    async def whole(self, id: str) -> list[Item]:
        return await self.last(id, 1_000_000)

    async def context(self, id: str, tokens: int) -> list[Item]:
        return await self.last(id, tokens // 100)

    async def list(self, count: int) -> int:
        return len(
            await self.pool.fetch("SELECT * FROM conversation ORDER BY updated_at DESC LIMIT $1", count)
        )

    async def erase(self) -> None:
        await self.pool.execute("DELETE FROM message; DELETE FROM conversation")


if __name__ == "__main__":
    serve(Floor())

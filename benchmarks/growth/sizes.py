"""What the rows and their indexes take on the disk."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

SEARCH = "message_search_idx"

# Tables with their maps and what they keep out of line; of a partitioned one, all partitions together.
RELATIONS = f"""
SELECT t.relname::text AS name, sum(pg_table_size(p.relid))::bigint AS bytes
FROM pg_class AS t CROSS JOIN LATERAL (
    SELECT t.oid AS relid UNION SELECT relid FROM pg_partition_tree(t.oid)
) AS p
WHERE t.relnamespace = 'recollect'::regnamespace AND t.relname IN ('conversation', 'message')
GROUP BY t.relname
UNION ALL
SELECT CASE a.amname WHEN 'gin' THEN '{SEARCH}' ELSE i.relname::text END,
       sum(pg_relation_size(p.relid))::bigint
FROM pg_class AS t
JOIN pg_index AS x ON x.indrelid = t.oid
JOIN pg_class AS i ON i.oid = x.indexrelid
JOIN pg_am AS a ON a.oid = i.relam
CROSS JOIN LATERAL (SELECT i.oid AS relid UNION SELECT relid FROM pg_partition_tree(i.oid)) AS p
WHERE t.relnamespace = 'recollect'::regnamespace AND t.relname IN ('conversation', 'message')
GROUP BY i.relname, a.amname
"""

# What a row consists of, from a sample; the text is one byte larger there than it is.
ROW = """
SELECT avg(pg_column_size(m.*))::float8 AS row, avg(pg_column_size(text))::float8 AS text,
       avg(pg_column_size(user_id) + pg_column_size(conversation_id))::float8 AS names,
       avg(coalesce(pg_column_size(key) + pg_column_size(fingerprint), 0))::float8 AS keys
FROM (SELECT * FROM recollect.message LIMIT 10000) AS m
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """relations: bytes, by table and index. row: bytes of a row on average, and of its parts."""

    messages: int
    conversations: int
    text_bytes: int
    relations: dict[str, int]
    row: dict[str, float]

    @classmethod
    async def look(
        cls, connection: asyncpg.Connection[asyncpg.Record], text_bytes: int, messages: int
    ) -> Sizes:
        conversations = await connection.fetchval("SELECT count(*) FROM recollect.conversation")
        row = await connection.fetchrow(ROW)
        if row is None:
            raise RuntimeError("an aggregate gave no row")
        relations = {one["name"]: one["bytes"] for one in await connection.fetch(RELATIONS)}
        return cls(messages, conversations, text_bytes, relations, dict(row))

    @property
    def all_bytes(self) -> int:
        return sum(self.relations.values())

    @property
    def search_bytes(self) -> int:
        return self.relations.get(SEARCH, 0)

    @property
    def without_search(self) -> float:
        """Bytes a byte of text, of tables and indexes but the one of search."""
        return (self.all_bytes - self.search_bytes) / self.text_bytes

    @property
    def with_search(self) -> float:
        return self.all_bytes / self.text_bytes

    def each(self, name: str) -> float:
        """Bytes a message of a table or an index."""
        return self.relations[name] / self.messages

"""Statements of an import: many conversations and messages at once, each in its given place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from recollect.db.database import ReadTx, WriteTx
from recollect.db.sql import load
from recollect.models.conversation import Summary

_CONVERSATIONS = load("import_conversations")
_MESSAGES = load("import_messages")
_PRESENT = load("import_present")
_COUNTS = load("import_counts")
_HEADER = load("import_header")


class ConversationRow(NamedTuple):
    """A conversation to insert, in the order of `import_conversations`."""

    id: str
    title: str | None
    instructions: str | None
    metadata: str
    pinned: bool
    archived_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime | None
    updated_at: datetime | None
    last_seq: int
    head_seq: int
    head_tokens: int
    message_count: int
    linear: bool
    forked_from: str | None
    forked_seq: int | None


class MessageRow(NamedTuple):
    """A message to insert, in the order of `import_messages`. created_at None: now."""

    conversation_id: str
    seq: int
    parent_seq: int
    role: str
    author: str | None
    text: str
    parts: str | None
    token_count: int
    path_tokens: int
    metadata: str | None
    occurred_at: datetime | None
    created_at: datetime | None
    key: str | None
    fingerprint: bytes | None
    terms: str | None
    language: int | None


class Present(NamedTuple):
    """A conversation that is here already."""

    id: str
    last_seq: int
    head_seq: int
    head_tokens: int
    message_count: int
    linear: bool
    deleted_at: datetime | None
    updated_at: datetime
    created_at: datetime


class PlacedMessage(NamedTuple):
    """A message that is here already, without its content."""

    seq: int
    key: str | None
    fingerprint: bytes | None
    path_tokens: int


async def insert_conversations(
    tx: WriteTx, user_id: str, rows: Sequence[ConversationRow]
) -> dict[str, datetime]:
    """Insert those that are not here yet; their ids, and when they were made."""
    if not rows:
        return {}
    ordered = sorted(rows, key=lambda row: row.id.encode())
    inserted = await tx.fetch_each(_CONVERSATIONS, [(user_id, *row) for row in ordered])
    return {row["id"]: row["created_at"] for row in inserted}


async def present(tx: ReadTx, user_id: str, ids: Sequence[str], *, lock: bool) -> dict[str, Present]:
    """Those of the conversations that are here. lock: keep appends out until the transaction ends."""
    if not ids:
        return {}
    rows = await tx.fetch(f"{_PRESENT} FOR UPDATE" if lock else _PRESENT, user_id, list(ids))
    return {row["id"]: Present._make(row) for row in rows}


async def keep_some(tx: WriteTx, user_id: str) -> bool:
    """Keep whoever removes everything of the user waiting until the transaction ends, so that what it brings
    goes too. Returns whether there is anything."""
    kept = await tx.fetch(
        """SELECT id FROM recollect.conversation WHERE user_id = $1
        ORDER BY id LIMIT 1 FOR KEY SHARE""",
        user_id,
    )
    if kept:
        return True
    # One that went while its lock was waited for gives no row, though there may be others.
    return bool(await tx.fetch("SELECT id FROM recollect.conversation WHERE user_id = $1 LIMIT 1", user_id))


async def placed(tx: ReadTx, user_id: str, id: str) -> list[PlacedMessage]:
    """The messages of a conversation by seq."""
    rows = await tx.fetch(
        """SELECT seq, key, fingerprint, path_tokens FROM recollect.message
        WHERE user_id = $1 AND conversation_id = $2
        ORDER BY seq""",
        user_id,
        id,
    )
    return [PlacedMessage._make(row) for row in rows]


async def stored(tx: ReadTx, user_id: str, id: str, low: int, high: int) -> list[MessageRow]:
    """The messages of a conversation with low <= seq <= high, as they would be inserted, but for what
    follows from their text."""
    rows: list[asyncpg.Record] = await tx.fetch(
        """SELECT conversation_id, seq, parent_seq, role, author, text, parts::text AS parts, token_count,
               path_tokens, metadata::text AS metadata, occurred_at, created_at, key, fingerprint,
               NULL::text AS terms, NULL::smallint AS language
        FROM recollect.message
        WHERE user_id = $1 AND conversation_id = $2 AND seq >= $3 AND seq <= $4
        ORDER BY seq""",
        user_id,
        id,
        low,
        high,
    )
    return [MessageRow._make(row) for row in rows]


async def insert_messages(tx: WriteTx, user_id: str, rows: Sequence[MessageRow]) -> None:
    if rows:
        await tx.execute(_MESSAGES, user_id, *map(list, zip(*rows, strict=True)))


class Counts(NamedTuple):
    """Where a conversation ends, in the order of `import_counts`. updated_at: where it is later."""

    id: str
    last_seq: int
    head_seq: int
    head_tokens: int
    message_count: int
    linear: bool
    updated_at: datetime | None
    title: str | None
    new_title: str | None


async def set_counts(tx: WriteTx, user_id: str, counts: Counts) -> None:
    """Where a conversation ends now, and a title that was found since."""
    await tx.execute(_COUNTS, user_id, *counts)


async def set_header(tx: WriteTx, user_id: str, row: ConversationRow) -> None:
    """Everything of a conversation but when it was made and whether it is in the trash."""
    await tx.execute(
        _HEADER,
        user_id,
        row.id,
        row.title,
        row.instructions,
        row.metadata,
        row.pinned,
        row.archived_at,
        row.updated_at,
        row.last_seq,
        row.head_seq,
        row.head_tokens,
        row.message_count,
        row.linear,
    )


async def summarised(tx: ReadTx, user_id: str, id: str) -> set[int]:
    """Up to which messages a conversation has summaries."""
    rows = await tx.fetch(
        "SELECT upto_seq FROM recollect.summary WHERE user_id = $1 AND conversation_id = $2", user_id, id
    )
    return {row["upto_seq"] for row in rows}


async def insert_summaries(tx: WriteTx, user_id: str, id: str, summaries: Sequence[Summary]) -> None:
    """Insert those whose message has no summary yet."""
    if summaries:
        await tx.execute(
            """INSERT INTO recollect.summary
                (user_id, conversation_id, upto_seq, token_count, content, created_at)
            SELECT c.user_id, c.id, n.upto_seq, n.token_count, n.content, n.created_at
            FROM recollect.conversation AS c
            CROSS JOIN unnest($3::integer[], $4::integer[], $5::text[], $6::timestamptz[])
                AS n (upto_seq, token_count, content, created_at)
            WHERE c.user_id = $1 AND c.id = $2
            ON CONFLICT (user_id, conversation_id, upto_seq) DO NOTHING""",
            user_id,
            id,
            [summary.upto_seq for summary in summaries],
            [summary.token_count for summary in summaries],
            [summary.content for summary in summaries],
            [summary.created_at for summary in summaries],
        )

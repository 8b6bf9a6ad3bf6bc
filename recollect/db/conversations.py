"""Statements about conversations. Each runs in a transaction that is already scoped to its user;
the user is in every WHERE too, so that the indexes serve and a missing scope still finds nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from recollect.db.database import ReadTx, WriteTx
from recollect.db.sql import load
from recollect.models.conversation import Conversation, Erased

_INSERT = load("insert_conversation")
_GET = load("get_conversation")
_LIST = load("list_conversations")
_UPDATE = load("update_conversation")
_TRASH = load("trash_conversation")


@dataclass(slots=True, frozen=True)
class Filter:
    """Which conversations a list shows. None means that the property does not matter."""

    pinned: bool | None
    archived: bool | None
    trash: bool
    title: str | None
    metadata: str | None


async def insert(
    tx: WriteTx, user_id: str, id: str, title: str | None, instructions: str | None, metadata: str
) -> Conversation | None:
    """The new conversation, or None if the id is taken."""
    row = await tx.fetchrow(
        _INSERT,
        user_id,
        id,
        title,
        instructions,
        metadata,
    )
    return None if row is None else conversation_of(row)


async def get(tx: ReadTx, user_id: str, id: str) -> Conversation | None:
    row = await tx.fetchrow(_GET, user_id, id)
    return None if row is None else conversation_of(row)


async def page(
    tx: ReadTx, user_id: str, shown: Filter, before: tuple[datetime, str] | None, limit: int
) -> list[Conversation]:
    """At most `limit` conversations, most recently active first, after the place `before`."""
    at, id = before or (None, None)
    rows = await tx.fetch(
        _LIST,
        user_id,
        shown.trash,
        shown.pinned,
        shown.archived,
        shown.title,
        shown.metadata,
        at,
        id,
        limit,
    )
    return [conversation_of(row) for row in rows]


async def update(tx: WriteTx, user_id: str, id: str, changes: Mapping[str, Any]) -> Conversation | None:
    """Apply `changes` (title, instructions, metadata, pinned, archived) to a conversation that is
    not in the trash. What is not among them stays; None clears title and instructions."""
    row = await tx.fetchrow(
        _UPDATE,
        user_id,
        id,
        "title" in changes,
        changes.get("title"),
        "instructions" in changes,
        changes.get("instructions"),
        changes.get("metadata"),
        changes.get("pinned"),
        changes.get("archived"),
    )
    return None if row is None else conversation_of(row)


async def set_trashed(tx: WriteTx, user_id: str, id: str, trashed: bool) -> Conversation | None:
    """Put a conversation into the trash or take it out; a second time changes nothing."""
    row = await tx.fetchrow(
        _TRASH,
        user_id,
        id,
        trashed,
    )
    return None if row is None else conversation_of(row)


async def remove(tx: WriteTx, user_id: str, id: str | None) -> Erased:
    """Really remove one conversation, or with None all of the user's, and count the rows."""
    # Messages first and by their own statements: the count is what was removed, and a cascade
    # would look them up conversation by conversation.
    counts = [
        int((await tx.execute(statement, user_id, id)).rpartition(" ")[2])
        for statement in (
            "DELETE FROM recollect.message WHERE user_id = $1 AND ($2::text IS NULL OR conversation_id = $2)",
            "DELETE FROM recollect.summary WHERE user_id = $1 AND ($2::text IS NULL OR conversation_id = $2)",
            "DELETE FROM recollect.conversation WHERE user_id = $1 AND ($2::text IS NULL OR id = $2)",
        )
    ]
    return Erased(conversations=counts[2], messages=counts[0], summaries=counts[1])


async def changed(tx: ReadTx, user_id: str, seconds: float, limit: int) -> dict[str, datetime]:
    """The conversations that changed in the last `seconds`, by whichever process, and when: at most
    `limit`, the latest ones."""
    rows = await tx.fetch(
        """SELECT id, updated_at FROM recollect.conversation
        WHERE user_id = $1 AND updated_at > now() - make_interval(secs => $2)
        ORDER BY updated_at DESC LIMIT $3""",
        user_id,
        seconds,
        limit,
    )
    return {row["id"]: row["updated_at"] for row in rows}


async def lock(tx: WriteTx, user_id: str, id: str | None) -> bool:
    """Keep appends out of one conversation, or all of the user's, until the transaction ends.
    Returns whether there is any."""
    rows = await tx.fetch(
        """SELECT id FROM recollect.conversation
        WHERE user_id = $1 AND ($2::text IS NULL OR id = $2)
        ORDER BY id FOR UPDATE""",
        user_id,
        id,
    )
    return bool(rows)


def conversation_of(row: asyncpg.Record) -> Conversation:
    stored: str = row["metadata"]
    metadata: Any = {} if stored == "{}" else json.loads(stored)
    return Conversation(**{**row, "metadata": metadata})

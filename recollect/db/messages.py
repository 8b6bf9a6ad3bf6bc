"""Statements about messages: calls of the functions in `recollect/db/sql`, one round trip each."""

from __future__ import annotations

from dataclasses import dataclass

from recollect.db.database import Database
from recollect.models.batch import Batch
from recollect.models.message import Message

MAX_SEQ = 2**31 - 1


@dataclass(slots=True)
class AppendOutcome:
    """One row of `append_v1`; see its comment for the meaning."""

    outcome: str
    first_seq: int | None
    last_seq: int | None
    head: int | None
    branched: bool


@dataclass(slots=True)
class Run:
    """A run of messages with the conversation's head and highest seq."""

    messages: list[Message]
    head_seq: int
    last_seq: int


@dataclass(slots=True)
class Window:
    """The newest messages of the current path, newest first, and what stands before them."""

    instructions: str | None
    head_seq: int
    message_count: int
    messages: list[Message]


async def append(
    db: Database,
    user_id: str,
    conversation_id: str,
    batch: Batch,
    *,
    key: str | None,
    expected_head: int | None,
    branch: bool,
) -> AppendOutcome:
    rows = await db.call(
        "SELECT * FROM recollect.append_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        user_id,
        conversation_id,
        batch.roles,
        batch.authors,
        batch.texts,
        batch.parts,
        batch.token_counts,
        batch.metadata,
        batch.occurred_at,
        key,
        batch.fingerprint,
        expected_head,
        branch,
        repeatable=key is not None,
    )
    return AppendOutcome(*rows[0])


async def run(
    db: Database,
    user_id: str,
    conversation_id: str,
    *,
    after: int,
    before: int,
    limit: int,
    newest: bool,
    max_chars: int | None,
) -> Run | None:
    """Messages with after < seq < before: the first `limit` ascending, or with `newest` the last
    ones descending. None if there is no such conversation."""
    rows = await db.call(
        "SELECT * FROM recollect.messages_v1($1, $2, $3, $4, $5, $6, $7)",
        user_id,
        conversation_id,
        after,
        before,
        limit,
        newest,
        max_chars,
        repeatable=True,
    )
    if not rows:
        return None
    head = rows[0]
    return Run([Message._make(row) for row in rows[1:]], head["parent_seq"], head["token_count"])


async def window(
    db: Database, user_id: str, conversation_id: str, *, max_tokens: int, max_rows: int
) -> Window | None:
    """What may fit into a context of `max_tokens`. None if there is no such conversation."""
    rows = await db.call(
        "SELECT * FROM recollect.window_v1($1, $2, $3, $4)",
        user_id,
        conversation_id,
        max_tokens,
        max_rows,
        repeatable=True,
    )
    if not rows:
        return None
    head = rows[0]
    return Window(
        instructions=head["text"],
        head_seq=head["parent_seq"],
        message_count=head["token_count"],
        messages=[Message._make(row) for row in rows[1:]],
    )

"""Statements about messages: calls of the functions in `recollect/db/sql`, one round trip each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg

from recollect.db.database import Database
from recollect.models.batch import Batch
from recollect.models.message import Message

MAX_SEQ = 2**31 - 1


@dataclass(slots=True)
class AppendOutcome:
    """One row of `append_v2`; see its comment for the meaning."""

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
class StoredSummary:
    """A summary of everything up to a message, and the tokens of the path up to there."""

    upto_seq: int
    content: str
    token_count: int
    path_tokens: int


class Limits(NamedTuple):
    """How much a window may hold: the arguments of `window_v2` of these names, in its order."""

    max_tokens: int
    part_tokens: int
    user_part_tokens: int
    overhead: int
    cut_chars: int
    max_rows: int


@dataclass(slots=True)
class Window:
    """The newest messages of a path, newest first, and what stands before them.

    tip:          the message that the path ends with.
    length:       how many messages the path has.
    path_tokens:  of each of `messages`, the tokens of the path up to and with it.
    summary:      the newest of a message on the path.

    Messages that are too large for any window come with the start of their text, and with the
    number of all its characters as `stored_metadata`; no other has metadata here.
    """

    instructions: str | None
    tip: int
    head_seq: int
    last_seq: int
    length: int
    messages: list[Message]
    path_tokens: list[int]
    summary: StoredSummary | None = None
    trashed: bool = False


async def append(
    db: Database,
    user_id: str,
    conversation_id: str,
    batch: Batch,
    *,
    key: str | None,
    expected_head: int | None = None,
    branch: bool = False,
    after: int | None = None,
) -> AppendOutcome:
    async with db.turns.of(user_id, conversation_id):
        rows = await _found(
            db,
            "SELECT * FROM recollect.append_v2("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            user_id,
            conversation_id,
            *_columns(batch, key),
            expected_head,
            branch,
            after,
            batch.terms,
            batch.languages,
            repeatable=key is not None,
        )
    return _counted(db, AppendOutcome(*rows[0]), batch)


async def open_turn(
    db: Database, user_id: str, conversation_id: str, batch: Batch, *, key: str, limits: Limits
) -> tuple[AppendOutcome, Window | None]:
    """Append, and read what may fit into a context that ends with what was appended: functions that
    write let those that are called after them see it, so one statement does both. Citus hands a
    statement to the user's node only if it calls one function: there it is one after the other."""
    if db.distributed:
        done = await append(db, user_id, conversation_id, batch, key=key)
        return done, await window(
            db, user_id, conversation_id, upto=done.last_seq, summary=None, limits=limits
        )
    async with db.turns.of(user_id, conversation_id):
        rows = await db.call(
            "SELECT * FROM recollect.append_v2("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, false, NULL, $12, $13) AS done "
            "LEFT JOIN LATERAL recollect.window_v2("
            "$1, $2, done.last_seq, NULL, $14, $15, $16, $17, $18, $19) ON true",
            user_id,
            conversation_id,
            *_columns(batch, key),
            batch.terms,
            batch.languages,
            *limits,
            repeatable=True,
        )
    outcome, found = _split(rows, 5)
    return _counted(db, AppendOutcome(*outcome), batch), found


async def open_conversation(
    db: Database,
    user_id: str,
    conversation_id: str,
    batch: Batch,
    *,
    key: str,
    title: str | None,
    instructions: str | None,
    limits: Limits,
) -> tuple[AppendOutcome, bool, Window | None]:
    """`open_turn` of a conversation that is made unless it is there; whether it was made now."""
    opening = (
        user_id,
        conversation_id,
        title,
        instructions,
        *_columns(batch, key),
        batch.terms,
        batch.languages,
    )
    if db.distributed:
        rows = await db.call(
            "SELECT * FROM recollect.open_v1("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            *opening,
            repeatable=True,
        )
        *outcome, created = rows[0]
        done = AppendOutcome(*outcome)
        found = await window(db, user_id, conversation_id, upto=done.last_seq, summary=None, limits=limits)
        return _counted(db, done, batch), created, found
    rows = await db.call(
        "SELECT * FROM recollect.open_v1("
        "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) AS done "
        "LEFT JOIN LATERAL recollect.window_v2("
        "$1, $2, done.last_seq, NULL, $16, $17, $18, $19, $20, $21) ON true",
        *opening,
        *limits,
        repeatable=True,
    )
    (*outcome, created), found = _split(rows, 6)
    return _counted(db, AppendOutcome(*outcome), batch), created, found


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
    rows = await _found(
        db,
        "SELECT * FROM recollect.messages_v2($1, $2, $3, $4, $5, $6, $7)",
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
    db: Database,
    user_id: str,
    conversation_id: str,
    *,
    upto: int | None,
    summary: int | None,
    limits: Limits,
) -> Window | None:
    """What may fit into a context; see `window_v2` for the arguments. None if there is no such
    conversation."""
    rows = await _found(
        db,
        "SELECT * FROM recollect.window_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        user_id,
        conversation_id,
        upto,
        summary,
        *limits,
        repeatable=True,
    )
    return _window(rows) if rows else None


async def _found(db: Database, query: str, *args: object, repeatable: bool) -> list[asyncpg.Record]:
    """What a function says of one conversation. On Citus what is missing is asked for once more: a call that
    is under way while its user's rows move to another node goes on without the user there, and finds
    nothing."""
    rows = await db.call(query, *args, repeatable=repeatable)
    if db.distributed and (not rows or rows[0][0] == "missing"):
        rows = await db.call(query, *args, repeatable=repeatable)
    return rows


def _columns(batch: Batch, key: str | None) -> tuple[object, ...]:
    """The arguments from p_roles to p_fingerprint, which all functions that append take in this order."""
    return (
        batch.roles,
        batch.authors,
        batch.texts,
        batch.parts,
        batch.token_counts,
        batch.metadata,
        batch.occurred_at,
        key,
        batch.fingerprint,
    )


def _split(rows: list[asyncpg.Record], width: int) -> tuple[tuple[Any, ...], Window | None]:
    """What an append gave, and the window that was read after it: None where its columns are empty."""
    done = rows[0][:width]
    return done, None if rows[0][width] is None else _window([row[width:] for row in rows])


def _window(rows: Sequence[asyncpg.Record | tuple[Any, ...]]) -> Window:
    _, tip, _, _, instructions, _, length, head, _, _, trashed_at, last_seq = rows[0]
    found = Window(
        instructions=instructions,
        tip=tip,
        head_seq=int(head),
        last_seq=last_seq,
        length=length,
        messages=[],
        path_tokens=[],
        trashed=trashed_at is not None,
    )
    first = 1
    if len(rows) > 1 and rows[1][0] == -1:
        _, upto, _, _, content, _, tokens, _, _, _, _, path_tokens = rows[1]
        found.summary = StoredSummary(upto, content, tokens, path_tokens or 0)
        first = 2
    found.messages = [Message._make(row[:-1]) for row in rows[first:]]
    found.path_tokens = [row[-1] for row in rows[first:]]
    return found


def _counted(db: Database, done: AppendOutcome, batch: Batch) -> AppendOutcome:
    db.counts.appends["branched" if done.branched and done.outcome == "appended" else done.outcome] += 1
    if done.outcome == "appended":
        db.counts.messages += len(batch.roles)
    return done

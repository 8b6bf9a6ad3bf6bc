"""What the verbs that append have in common: sending it, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from recollect.db import failures, messages
from recollect.history.scope import in_trash, not_found
from recollect.models.errors import InvalidArgument, KeyReused
from recollect.models.message import Appended

MAX_KEY_CHARS = 200

Answer = TypeVar("Answer")


async def once_more(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send an append; a second time where the same append came twice at once and the other one was
    first: its result is there now."""
    try:
        return await send()
    except asyncpg.UniqueViolationError as error:
        if failures.broken_constraint(error) != "message_key_idx":
            raise
        return await send()


def appended_or_refused(id: str, done: messages.AppendOutcome, key: str | None) -> Appended:
    """The result of an append. Raises what it says in place of a result."""
    if done.outcome == "key_reused":
        raise KeyReused(
            f"key: {key!r} was used here before for other content (seq {done.first_seq}). "
            "Use a new key for a new message; for a retry send the same content again"
        )
    if done.outcome == "no_parent":
        raise InvalidArgument(
            "after_seq", f"this conversation has no such message; its last one is {done.last_seq}"
        )
    if done.first_seq is None or done.last_seq is None:
        raise in_trash(id) if done.outcome == "trashed" else not_found(id)
    head = done.last_seq if done.head is None else done.head
    return Appended(id, done.first_seq, done.last_seq, head, done.branched, done.outcome == "replayed")

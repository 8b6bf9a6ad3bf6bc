"""Statements about branches, copies and summaries, in transactions that are scoped to their user."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from recollect.db.conversations import conversation_of
from recollect.db.database import ReadTx, WriteTx
from recollect.db.sql import load
from recollect.models.conversation import Conversation, Summary

_STARTS = load("branch_starts")
_PREVIEWS = load("message_previews")
_SWITCH = load("switch_head")
_DELETE_SUMMARY = load("delete_summary")
_INSERT_SUMMARY = load("insert_summary")
_SUMMARIES = load("list_summaries")
_TOKENS = load("stored_tokens")


class Preview(NamedTuple):
    role: str
    text: str
    created_at: datetime


async def starts(tx: ReadTx, user_id: str, id: str, last_seq: int) -> list[tuple[int, int]]:
    """(seq, parent) of the messages up to `last_seq` that do not follow the one before them, by seq."""
    return [(row["seq"], row["parent_seq"]) for row in await tx.fetch(_STARTS, user_id, id, last_seq)]


async def previews(tx: ReadTx, user_id: str, id: str, seqs: list[int], chars: int) -> dict[int, Preview]:
    """The first characters of some messages, by seq."""
    if not seqs:
        return {}
    rows = await tx.fetch(_PREVIEWS, user_id, id, seqs, chars)
    return {row["seq"]: Preview(row["role"], row["text"], row["created_at"]) for row in rows}


async def switch_head(tx: WriteTx, user_id: str, id: str, seq: int) -> Conversation | None:
    """The conversation with its new head; None if it, or the message, is not there or in the trash."""
    row = await tx.fetchrow(_SWITCH, user_id, id, seq)
    return None if row is None else conversation_of(row)


async def fork(
    tx: WriteTx, user_id: str, id: str, upto: int | None, copy: str, title: str | None
) -> tuple[str, int]:
    """The outcome of `fork_v1`, and up to where it copied."""
    row = await tx.fetchrow(
        "SELECT outcome, upto FROM recollect.fork_v1($1, $2, $3, $4, $5)", user_id, id, upto, copy, title
    )
    if row is None:
        raise RuntimeError("a function without a set gave no row")
    return row["outcome"], row["upto"] or 0


async def tokens(tx: ReadTx, user_id: str, id: str) -> int:
    """Tokens of the path to a conversation's head and of its summaries; 0 where there is none."""
    row = await tx.fetchrow(_TOKENS, user_id, id)
    return 0 if row is None else int(row["tokens"])


async def replace_summary(
    tx: WriteTx, user_id: str, id: str, upto_seq: int, tokens: int, content: str
) -> Summary | None:
    """The stored summary; None if there is no such message. Another one of the same message goes; one
    that says the same stays."""
    await tx.execute(_DELETE_SUMMARY, user_id, id, upto_seq, content)
    row = await tx.fetchrow(_INSERT_SUMMARY, user_id, id, upto_seq, content, tokens)
    if row is None:
        kept = await summaries(tx, user_id, id, min(upto_seq + 1, 2**31 - 1), 1)
        return kept[0] if kept and kept[0].upto_seq == upto_seq else None
    return summary_of(row)


async def summaries(tx: ReadTx, user_id: str, id: str, before: int, limit: int) -> list[Summary]:
    """Summaries of a conversation, of points before a message, newest point first."""
    return [summary_of(row) for row in await tx.fetch(_SUMMARIES, user_id, id, before, limit)]


def summary_of(row: asyncpg.Record) -> Summary:
    return Summary(row["upto_seq"], row["content"], row["token_count"], row["created_at"])

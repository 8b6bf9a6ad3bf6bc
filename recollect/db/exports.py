"""Everything of one user in the order of an export, out of one snapshot, a page at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

from recollect.db import branches
from recollect.db import conversations as statements
from recollect.db.database import ReadTx
from recollect.db.sql import load
from recollect.models.conversation import Conversation, Summary
from recollect.models.message import Message

_CONVERSATIONS = load("export_conversations")
_MESSAGES = load("export_messages")
_SUMMARIES = load("export_summaries")

PAGE_CONVERSATIONS = 200
PAGE_MESSAGES = 500
PAGE_BYTES = 8_000_000
PAGE_SUMMARIES = 20

LAST_ID = "\U0010ffff" * 200
"""No id comes after it."""


class StoredMessage(NamedTuple):
    """A message, and the fingerprint of the append that its key names."""

    message: Message
    fingerprint: bytes | None


class Exported(NamedTuple):
    """A conversation with what belongs to it.

    starts:     of a conversation with branches, (seq, parent) of where they begin.
    messages:   by seq; to be iterated to the end before summaries and the next conversation.
    summaries:  by the message that they end with.
    """

    conversation: Conversation
    starts: list[tuple[int, int]]
    messages: AsyncGenerator[StoredMessage]
    summaries: AsyncGenerator[Summary]


async def conversations(
    tx: ReadTx, user_id: str, only: str | None, after_seq: int = 0, after_summary: int = 0
) -> AsyncGenerator[Exported]:
    """All conversations of a user by id, or the one that `only` names, with messages above a seq and
    summaries of points after another."""
    last = LAST_ID if only is None else only
    reader = _Messages(tx, user_id, ("" if only is None else only, after_seq), last)
    after = ""
    while True:
        if only is None:
            rows = await tx.fetch(_CONVERSATIONS, user_id, after, last, PAGE_CONVERSATIONS)
            page = [statements.conversation_of(row) for row in rows]
        else:
            page = await _one(tx, user_id, only)
        for found in page:
            starts = [] if found.linear else await branches.starts(tx, user_id, found.id, found.last_seq)
            summaries = _summaries(tx, user_id, found.id, after_summary)
            yield Exported(found, starts, reader.of(found.id), summaries)
        if only is not None or len(page) < PAGE_CONVERSATIONS:
            return
        after = page[-1].id


async def _one(tx: ReadTx, user_id: str, id: str) -> list[Conversation]:
    found = await statements.get(tx, user_id, id)
    return [] if found is None else [found]


async def _summaries(tx: ReadTx, user_id: str, id: str, after: int) -> AsyncGenerator[Summary]:
    while True:
        rows = await tx.fetch(_SUMMARIES, user_id, id, after, PAGE_SUMMARIES)
        for row in rows:
            yield branches.summary_of(row)
        if len(rows) < PAGE_SUMMARIES:
            return
        after = rows[-1]["upto_seq"]


class _Messages:
    """All messages in one stream of pages, handed out conversation by conversation: most have few."""

    def __init__(self, tx: ReadTx, user_id: str, after: tuple[str, int], last: str) -> None:
        self._tx = tx
        self._user = user_id
        self._last = last
        self._place = after
        self._page: list[tuple[str, StoredMessage]] = []
        self._at = 0
        self._ended = False

    async def of(self, id: str) -> AsyncGenerator[StoredMessage]:
        while True:
            if self._at == len(self._page):
                if self._ended:
                    return
                await self._read()
                continue
            owner, stored = self._page[self._at]
            if owner != id:
                return
            self._at += 1
            yield stored

    async def _read(self) -> None:
        rows = await self._tx.fetch(
            _MESSAGES, self._user, *self._place, self._last, PAGE_MESSAGES, PAGE_BYTES
        )
        self._page = [
            (row["conversation_id"], StoredMessage(Message._make(row[2:]), row["fingerprint"]))
            for row in rows
        ]
        self._at = 0
        self._ended = not rows
        if rows:
            self._place = (rows[-1]["conversation_id"], rows[-1]["seq"])

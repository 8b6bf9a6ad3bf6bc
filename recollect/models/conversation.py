"""A conversation as callers see it, a page of them, and the receipt of an erasure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Conversation:
    """A conversation without its messages.

    id:             unique per user: made by the server (`c_` and 13 base32 characters) or chosen
                    by the caller (1 to 200 characters).
    instructions:   the system text that stands before every context window.
    metadata:       a JSON object, at most 64 kB by default; lists can be filtered by it.
    head_seq:       the seq of the current leaf, 0 when empty; `expected_head` compares with it.
    last_seq:       the highest seq given so far; message_count: how many messages there are.
    linear:         no message was ever branched off, and the head is the newest message.
    forked_from, forked_seq:  the conversation that this one is a copy of, up to that message.
    archived_at, deleted_at:  when it was archived, put into the trash; None if it was not.
    updated_at:     last append or change; lists are ordered by it.
    """

    id: str
    title: str | None
    instructions: str | None
    metadata: dict[str, Any]
    pinned: bool
    archived_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime
    last_seq: int
    head_seq: int
    message_count: int
    linear: bool
    forked_from: str | None
    forked_seq: int | None


@dataclass(slots=True)
class ConversationPage:
    """Conversations, most recently active first.

    next_cursor:  opaque; pass it as `cursor` for the next page. None on the last page.

    A conversation that changes while you page moves to the front: it is never repeated on a
    later page, and one that does not change is never skipped.
    """

    conversations: list[Conversation]
    next_cursor: str | None


@dataclass(slots=True)
class Erased:
    """The receipt of a purge or an erasure: how many rows were really removed."""

    conversations: int
    messages: int
    summaries: int


@dataclass(slots=True)
class Branch:
    """One way to go on from a message that several messages follow.

    seq:         the message that this branch begins with; parent_seq: the one that it follows (0: none).
    head_seq:    the newest message that can be reached through it: switch the head to it to go on there.
    current:     the conversation's head lies on it.
    role, text, created_at:  of its first message; text has at most 200 characters.
    """

    seq: int
    parent_seq: int
    head_seq: int
    current: bool
    role: str
    text: str
    created_at: datetime


@dataclass(slots=True)
class BranchPage:
    """Alternatives, by the message that they follow and their seq.

    more_before:  earlier ones exist: ask with `before=` the seq of the first one shown.
    """

    branches: list[Branch]
    more_before: bool


@dataclass(slots=True)
class Summary:
    """What an agent wrote of everything up to message `upto_seq`."""

    upto_seq: int
    content: str
    token_count: int
    created_at: datetime


@dataclass(slots=True)
class SummaryPage:
    """Summaries of a conversation, newest point first.

    more_before:  summaries of earlier points exist: ask with `before=` the last `upto_seq` shown.
    """

    summaries: list[Summary]
    more_before: bool

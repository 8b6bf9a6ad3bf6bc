"""Exact answers for programs: compact JSON, inside the text of a result.

NUL, lone surrogates and large integers come back as they were stored. Each answer is an object;
only the slices of `read_message` are pieces of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recollect.history.tokens import estimate
from recollect.mcp_server.answer import compact_json, without_nulls
from recollect.mcp_server.render import MAX_CHARS, MAX_TOKENS, more
from recollect.models.message import ContextWindow, Message, MessagePage, Turn


def fields_of(message: Message) -> dict[str, Any]:
    """A message as `append_messages` takes it, and what the log knows about it."""
    return without_nulls(
        seq=message.seq,
        parent_seq=None if message.parent_seq == message.seq - 1 else message.parent_seq,
        role=message.role,
        author=message.author,
        content=message.content,
        metadata=message.metadata or None,
        key=message.key,
        token_count=message.token_count,
        created_at=message.created_at.isoformat(),
        occurred_at=None if message.occurred_at is None else message.occurred_at.isoformat(),
    )


def message(message: Message) -> str:
    """One message as JSON; one that no page can hold is named by its size."""
    whole = compact_json(fields_of(message))
    if len(whole) <= MAX_CHARS and estimate(whole) <= MAX_TOKENS:
        return whole
    return compact_json(
        {
            "seq": message.seq,
            "role": message.role,
            "left_out": f"{len(whole)} characters; read_message(seq={message.seq}, format=json) has them",
        }
    )


def page(page: MessagePage, shown: Mapping[int, str]) -> str:
    """Some messages of a page, as JSON, by seq."""
    more_before, more_after = more(page, shown)
    tail = {
        "conversation_id": page.conversation_id,
        "head": page.head,
        "last_seq": page.last_seq,
        "more_before": more_before,
        "more_after": more_after,
    }
    return f'{{"messages":[{",".join(shown.values())}],{compact_json(tail)[1:]}'


def slice_of(message: Message, offset: int, limit: int, max_tokens: int | None) -> str:
    """A slice of a message's JSON, of at most so many tokens. A message that fits is its JSON; a longer
    one comes in an object {slice, offset, total_chars, next_offset?}, whose slices, joined, are the JSON."""
    whole = compact_json(fields_of(message))
    piece = whole[offset : offset + limit]
    if len(piece) == len(whole) and (max_tokens is None or estimate(whole) <= max_tokens):
        return whole
    # A slice is a string within JSON, where quotes and backslashes double.
    while max_tokens is not None and (tokens := estimate(compact_json(piece))) > max_tokens:
        piece = piece[: len(piece) * max_tokens // tokens]
    end = offset + len(piece)
    return compact_json(
        without_nulls(
            offset=offset,
            total_chars=len(whole),
            next_offset=end if end < len(whole) else None,
            slice=piece,
        )
    )


def window(window: ContextWindow) -> str:
    """What changes with every turn comes after the messages, so that prompt caches stay warm."""
    return compact_json(_window_fields(window))


def turn(turn: Turn) -> str:
    """The window, and what the call stored."""
    appended = turn.appended
    return compact_json(
        _window_fields(turn.context)
        | without_nulls(
            stored=[appended.first_seq, appended.last_seq],
            created=turn.created or None,
            replayed=appended.replayed or None,
            added=turn.added,
        )
    )


def _window_fields(window: ContextWindow) -> dict[str, Any]:
    return without_nulls(
        messages=window.messages,
        system=window.system,
        conversation_id=window.conversation_id,
        head=window.head,
        current_head=window.current_head if window.current_head != window.head else None,
        tokens=window.tokens,
        first_seq=window.first_seq,
        last_seq=window.last_seq,
        omitted=window.omitted,
        outside_upto=window.outside_upto or None,
        tokens_outside=window.tokens_outside or None,
        summary_upto=window.summary_upto or None,
        repairs=window.repairs or None,
        lost=window.lost or None,
        receipt=window.receipt,
    )

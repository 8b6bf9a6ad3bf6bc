"""Exact answers for programs: compact JSON, inside the text of a result.

NUL, lone surrogates and large integers come back as they were stored. Each answer is an object;
only the slices of `read_message` are pieces of one.
"""

from __future__ import annotations

from collections.abc import Mapping

from recollect.history.tokens import estimate
from recollect.mcp_server.render import MAX_CHARS, MAX_TOKENS, cut_to, more
from recollect.models.as_json import compact_json, message_fields, window_fields, without_nulls
from recollect.models.message import ContextWindow, Message, MessagePage, Turn

FETCH_CHARS = 2 * MAX_CHARS
"""Of a message that is longer no more is read: no page can hold it. Twice, since a message whose parts are
left behind has more than four bytes a character, and an escape takes up to six."""


def message(message: Message) -> str:
    """One message as JSON; one that no page can hold is named by its size, as far as that was read."""
    size = f"more than {MAX_CHARS}"
    if not message.parts_left_behind and len(message.text) <= FETCH_CHARS:
        whole = compact_json(message_fields(message))
        if len(whole) <= MAX_CHARS and estimate(whole) <= MAX_TOKENS:
            return whole
        size = str(len(whole))
    return compact_json(
        {
            "seq": message.seq,
            "role": message.role,
            "left_out": f"{size} characters; read_message(seq={message.seq}, format=json) has them",
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
    whole = compact_json(message_fields(message))
    piece = whole[offset : offset + limit]
    if len(piece) == len(whole) and (max_tokens is None or estimate(whole) <= max_tokens):
        return whole
    # A slice is a string within JSON, where quotes and backslashes double.
    if max_tokens is not None:
        piece = cut_to(piece, max_tokens, lambda piece: estimate(compact_json(piece)))
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
    """A context in a provider's format."""
    return compact_json(window_fields(window))


def turn(turn: Turn) -> str:
    """The window, and what the call stored."""
    appended = turn.appended
    return compact_json(
        window_fields(turn.context)
        | without_nulls(
            stored=[appended.first_seq, appended.last_seq],
            created=turn.created or None,
            replayed=appended.replayed or None,
            added=turn.added,
            diverged=turn.diverged or None,
        )
    )

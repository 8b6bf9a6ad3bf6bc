"""Messages as they come back from the store, without one: split into columns and joined again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from recollect.models.message import Message, NewMessage
from recollect.models.parts import dump_json, split_content

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def stored(messages: Sequence[NewMessage], first_seq: int = 1) -> list[Message]:
    found: list[Message] = []
    for seq, message in enumerate(messages, first_seq):
        text, parts = split_content("content", message.content)
        metadata = dump_json("metadata", message.metadata) if message.metadata else None
        found.append(
            Message(seq, seq - 1, message.role, message.author, text, parts, 0, None, metadata, NOW, None)
        )
    return found

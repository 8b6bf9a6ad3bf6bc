"""How tools answer where a program may read the answer too."""

from __future__ import annotations

from datetime import datetime

from mcp.types import CallToolResult, TextContent

from recollect.models.as_json import JsonObject, compact_json, without_nulls
from recollect.models.conversation import Conversation

MAX_METADATA_CHARS = 4_000
"""Most characters of metadata that an acknowledgement repeats; a conversation may have 64 kB."""


def acknowledge(fields: JsonObject) -> CallToolResult:
    """The same compact JSON as text and as structured content: clients show a model one or the other."""
    return CallToolResult(
        content=[TextContent(type="text", text=compact_json(fields))],
        structured_content=fields,
    )


def conversation_fields(conversation: Conversation) -> JsonObject:
    """A conversation's state, without what is unset."""
    chars = len(compact_json(conversation.metadata))
    short = chars <= MAX_METADATA_CHARS
    return without_nulls(
        conversation_id=conversation.id,
        title=conversation.title,
        head=conversation.head_seq,
        messages=conversation.message_count,
        metadata=(conversation.metadata or None) if short else None,
        metadata_left_out=None
        if short
        else f"{chars} characters; export_conversation(format=jsonl) has them",
        pinned=conversation.pinned or None,
        archived=_iso(conversation.archived_at),
        trashed=_iso(conversation.deleted_at),
        updated=_iso(conversation.updated_at),
    )


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")

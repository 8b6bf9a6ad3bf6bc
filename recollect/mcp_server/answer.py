"""How tools answer where a program may read the answer too."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from mcp.types import CallToolResult, TextContent

from recollect.models.conversation import Conversation

JsonObject = dict[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")


def compact_json(value: object) -> str:
    """JSON without blanks. Characters stand as they are, which costs a model a fraction of the tokens
    of their escapes; only lone surrogates, which no transport carries, are escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_nulls(**fields: Any) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def acknowledge(fields: JsonObject) -> CallToolResult:
    """The same compact JSON as text and as structured content: clients show a model one or the other."""
    return CallToolResult(
        content=[TextContent(type="text", text=compact_json(fields))],
        structured_content=fields,
    )


def conversation_fields(conversation: Conversation) -> JsonObject:
    """A conversation's state, without what is unset."""
    return without_nulls(
        conversation_id=conversation.id,
        title=conversation.title,
        head=conversation.head_seq,
        messages=conversation.message_count,
        metadata=conversation.metadata or None,
        pinned=conversation.pinned or None,
        archived=_iso(conversation.archived_at),
        trashed=_iso(conversation.deleted_at),
        updated=_iso(conversation.updated_at),
    )


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")

"""The tool append_messages."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.history.payloads import PayloadFormat
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import new_messages
from recollect.mcp_server.strict_tool import ADDS, IN_EVERY_TURN, Definition
from recollect.mcp_server.tools.append_message import acknowledge_append
from recollect.mcp_server.tools.parameters import (
    AfterSeq,
    ConversationId,
    ExpectedHead,
    Key,
    Messages,
    OnConflict,
)


async def append_messages(
    history: History,
    conversation_id: ConversationId,
    messages: Annotated[
        Messages,
        Field(
            description="1-500, oldest first: {role, content as in append_message, author?, metadata?, "
            "token_count?, occurred_at? (ISO 8601 with zone)}, or see format."
        ),
    ],
    key: Key = None,
    expected_head: ExpectedHead = None,
    on_conflict: OnConflict = "reject",
    after_seq: AfterSeq = None,
    format: Annotated[
        PayloadFormat, Field(description="Whose shape messages have; auto finds out.")
    ] = "auto",
) -> CallToolResult:
    """Store several messages at once, side by side: all of them or none. Use it at the end of a
    turn for your answer with its tool calls and results. Takes a provider's messages or items as
    they are. Returns the same as append_message."""
    appended = await history.append(
        conversation_id,
        new_messages(messages, format),
        key=key,
        expected_head=expected_head,
        on_conflict=on_conflict,
        after_seq=after_seq,
    )
    return acknowledge_append(appended)


DEFINITION = Definition(append_messages, ADDS, IN_EVERY_TURN)

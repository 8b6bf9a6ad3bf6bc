"""The tool append_messages."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.backend import History
from recollect.mcp_server.given import new_messages
from recollect.mcp_server.strict_tool import ADDS, Definition
from recollect.mcp_server.tools.append_message import acknowledge_append
from recollect.mcp_server.tools.parameters import ConversationId, ExpectedHead, Key, Messages, OnConflict


async def append_messages(
    history: History,
    conversation_id: ConversationId,
    messages: Annotated[
        Messages, Field(description="1-500 messages, oldest first; content as in append_message.")
    ],
    key: Key = None,
    expected_head: ExpectedHead = None,
    on_conflict: OnConflict = "reject",
) -> CallToolResult:
    """Store several messages at once, side by side: all of them or none. Use it at the end of a
    turn for your answer with its tool calls and results. Returns the same as append_message."""
    appended = await history.append(
        conversation_id,
        new_messages(messages),
        key=key,
        expected_head=expected_head,
        on_conflict=on_conflict,
    )
    return acknowledge_append(appended)


DEFINITION = Definition(append_messages, ADDS)

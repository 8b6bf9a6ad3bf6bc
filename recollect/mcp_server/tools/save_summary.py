"""The tool save_summary."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import CHANGES, Definition
from recollect.mcp_server.tools.parameters import ConversationId


async def save_summary(
    history: History,
    conversation_id: ConversationId,
    upto_seq: Annotated[int, Field(ge=1, description="It covers all messages up to this one.")],
    content: Annotated[str, Field(description="At most 100000 characters; a few hundred words serve best.")],
) -> CallToolResult:
    """Keep a summary that you wrote of a conversation's older messages; load_context says when one
    helps, and shows the newest before the messages that fit. The messages stay as they are. A second
    one for the same upto_seq replaces the first. Returns {conversation_id, upto_seq, tokens}."""
    saved = await history.save_summary(conversation_id, upto_seq, content)
    return acknowledge(
        {"conversation_id": conversation_id, "upto_seq": saved.upto_seq, "tokens": saved.token_count}
    )


DEFINITION = Definition(save_summary, CHANGES)

"""The tool fork_conversation."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge, conversation_fields
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import ADDS, Definition
from recollect.mcp_server.tools.parameters import ConversationId


async def fork_conversation(
    history: History,
    conversation_id: ConversationId,
    at_seq: Annotated[int | None, Field(ge=1, description="Last message to copy. Default: the head.")] = None,
    title: Annotated[str | None, Field(description="Default: the same.")] = None,
    new_id: Annotated[str | None, Field(description="Of the copy. Default: a short new one.")] = None,
) -> CallToolResult:
    """Copy a conversation up to a message into a new one, to try something without touching it.
    Messages of the copy count from 1. Returns the copy's state."""
    return acknowledge(
        conversation_fields(await history.fork(conversation_id, at_seq=at_seq, new_id=new_id, title=title))
    )


DEFINITION = Definition(fork_conversation, ADDS)

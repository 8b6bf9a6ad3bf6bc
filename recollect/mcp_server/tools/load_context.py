"""The tool load_context."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recollect.history.formats import Format
from recollect.mcp_server import exact, render
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import LARGE_RESULT, READS, Definition
from recollect.mcp_server.tools.parameters import ConversationId


async def load_context(
    history: History,
    conversation_id: ConversationId,
    max_tokens: Annotated[
        int, Field(ge=100, le=100_000, description="Budget, instructions included.")
    ] = 8_000,
    format: Annotated[
        Format,
        Field(description="text for you; the others are JSON for programs: a provider's messages."),
    ] = "text",
) -> str:
    """Remember a conversation: call it at the start of every turn. Returns its instructions and as
    many of the newest messages as fit the budget, tool calls with their results, then the head to
    pass as expected_head, and what is not shown. The same head gives the same text."""
    window = await history.context(conversation_id, max_tokens=max_tokens, format=format)
    return render.window(window) if format == "text" else exact.window(window)


DEFINITION = Definition(load_context, READS, LARGE_RESULT)

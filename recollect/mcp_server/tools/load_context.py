"""The tool load_context."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recollect.mcp_server import exact, render
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import LARGE_RESULT, READS, Definition
from recollect.mcp_server.tools.parameters import (
    ConversationId,
    MaxTokens,
    OutputFormat,
    Query,
    check_text_budget,
)


async def load_context(
    history: History,
    conversation_id: ConversationId,
    max_tokens: MaxTokens = 8_000,
    format: OutputFormat = "text",
    upto_seq: Annotated[int | None, Field(ge=1, description="As of this message. Default: the head.")] = None,
    receipt: Annotated[
        str | None, Field(description="Of an earlier answer: the same again, whatever came since.")
    ] = None,
    query: Query = None,
) -> str:
    """Remember a conversation: call it at the start of a turn, unless open_turn did. Returns its
    instructions, a summary where not all fits, and as many of the newest messages as fit the budget,
    tool calls with their results, then the head to pass as expected_head. The same head gives the
    same text."""
    check_text_budget(max_tokens, format)
    window = await history.context(
        conversation_id, max_tokens=max_tokens, format=format, upto_seq=upto_seq, receipt=receipt, query=query
    )
    if receipt is not None:
        check_text_budget(window.tokens, window.format)
    return render.window(window) if window.format == "text" else exact.window(window)


DEFINITION = Definition(load_context, READS, LARGE_RESULT)

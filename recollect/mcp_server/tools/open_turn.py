"""The tool open_turn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recollect.mcp_server import exact, render
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import new_message
from recollect.mcp_server.strict_tool import ADDS, IN_EVERY_TURN, LARGE_RESULT, Definition
from recollect.mcp_server.tools.parameters import (
    Content,
    MaxTokens,
    OutputFormat,
    Query,
    Role,
    check_text_budget,
)
from recollect.models.errors import InvalidArgument


async def open_turn(
    history: History,
    content: Annotated[Content, Field(description="What the user said; as in append_message.")],
    key: Annotated[
        str,
        Field(description="Any string new for each message, as a UUID. Retry with the same: stored once."),
    ],
    conversation_id: Annotated[
        str | None, Field(description="Left out: a new conversation begins, with title and instructions.")
    ] = None,
    max_tokens: MaxTokens = 8_000,
    format: OutputFormat = "text",
    known_head: Annotated[
        int | None, Field(ge=0, description="The head you know: the answer says what was added since.")
    ] = None,
    query: Query = None,
    role: Role = "user",
    title: Annotated[str | None, Field(description="Of a new conversation.")] = None,
    instructions: Annotated[
        str | None, Field(description="Of a new conversation: system text before every context.")
    ] = None,
) -> str:
    """Begin a turn with one call: stores what the user said and returns what load_context returns, so
    that you can answer. Then append_messages with expected_head ends the turn."""
    check_text_budget(max_tokens, format)
    try:
        turn = await history.open_turn(
            new_message({"role": role, "content": content}),
            key=key,
            id=conversation_id,
            max_tokens=max_tokens,
            format=format,
            known_head=known_head,
            title=title,
            instructions=instructions,
            query=query,
        )
    except InvalidArgument as error:  # named as in a list of messages, which this call has not
        raise InvalidArgument(error.argument.removeprefix("messages[0]."), error.problem) from error
    return render.turn(turn) if format == "text" else exact.turn(turn)


DEFINITION = Definition(open_turn, ADDS, LARGE_RESULT | IN_EVERY_TURN)

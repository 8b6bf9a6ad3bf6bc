"""The tool read_message."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recollect.mcp_server import exact, render
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import LARGE_RESULT, READS, Definition
from recollect.mcp_server.tools.parameters import ConversationId

DEFAULT_CHARS = 20_000
MAX_CHARS = 300_000


async def read_message(
    history: History,
    conversation_id: ConversationId,
    seq: Annotated[int, Field(ge=1, description="The message's number.")],
    offset: Annotated[int, Field(ge=0, description="First character to show.")] = 0,
    limit: Annotated[
        int | None,
        Field(ge=1, le=MAX_CHARS, description="Most characters. Default: 20000, or about 9,000 tokens."),
    ] = None,
    format: Annotated[
        Literal["text", "json"], Field(description="json: the exact message; join its slices, then parse.")
    ] = "text",
) -> str:
    """Read one message in full, in slices if it is large, such as one that was shown cut. The
    answer says the offset of the next slice."""
    most = render.MAX_TOKENS if limit is None else None
    if format == "json":
        whole = await history.read_message(conversation_id, seq, limit=1)
        return exact.slice_of(whole.message, offset, limit or DEFAULT_CHARS, most)
    part = await history.read_message(conversation_id, seq, offset=offset, limit=limit or DEFAULT_CHARS)
    return render.slice_of(part, most)


DEFINITION = Definition(read_message, READS, LARGE_RESULT)

"""The tool create_conversation."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import json_object
from recollect.mcp_server.strict_tool import ADDS, Definition
from recollect.mcp_server.tools.parameters import JsonMetadata
from recollect.models.as_json import without_nulls


async def create_conversation(
    history: History,
    title: Annotated[str | None, Field(description="At most 500 characters.")] = None,
    instructions: Annotated[
        str | None, Field(description="System text put before every loaded context.")
    ] = None,
    metadata: Annotated[
        JsonMetadata, Field(description="At most 64 kB; lists can be filtered by it.")
    ] = None,
    conversation_id: Annotated[
        str | None, Field(description="An id of your own, 1-200 characters. Default: a short new one.")
    ] = None,
) -> CallToolResult:
    """Start a conversation that is kept until it is deleted. Call once, then carry only
    conversation_id from turn to turn. Returns {conversation_id, head: 0}."""
    made = await history.create(
        id=conversation_id,
        title=title,
        instructions=instructions,
        metadata=None if metadata is None else json_object("metadata", metadata),
    )
    return acknowledge(without_nulls(conversation_id=made.id, head=made.head_seq, title=made.title))


DEFINITION = Definition(create_conversation, ADDS)

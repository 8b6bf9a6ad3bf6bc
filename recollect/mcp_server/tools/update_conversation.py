"""The tool update_conversation."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge, conversation_fields
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import json_object
from recollect.mcp_server.strict_tool import CHANGES, Definition
from recollect.mcp_server.tools.parameters import ConversationId, JsonMetadata


async def update_conversation(
    history: History,
    conversation_id: ConversationId,
    title: Annotated[str | None, Field(description="New title; empty removes it.")] = None,
    instructions: Annotated[str | None, Field(description="New instructions; empty removes them.")] = None,
    metadata: Annotated[JsonMetadata, Field(description="Replaces the whole object.")] = None,
    pinned: bool | None = None,
    archived: Annotated[bool | None, Field(description="Archived ones leave the default list.")] = None,
    head: Annotated[
        int | None, Field(ge=1, description="Go on from this message: another branch, see list_messages.")
    ] = None,
    restore: Annotated[bool, Field(description="true: take it out of the trash.")] = False,
) -> CallToolResult:
    """Change what you give of a conversation: title, instructions, metadata, pinned, archived, its
    head, or bring it back from the trash. Returns its state. Messages are never changed."""
    changes: dict[str, Any] = {
        name: value
        for name, value in (
            ("title", title),
            ("instructions", instructions),
            ("metadata", None if metadata is None else json_object("metadata", metadata)),
            ("pinned", pinned),
            ("archived", archived),
        )
        if value is not None
    }
    for clearable in ("title", "instructions"):
        if changes.get(clearable) == "":
            changes[clearable] = None
    changed = await history.update(conversation_id, **changes, head=head, restore=restore)
    return acknowledge(conversation_fields(changed))


DEFINITION = Definition(update_conversation, CHANGES)

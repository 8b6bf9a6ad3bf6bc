"""The tool delete_conversation."""

from __future__ import annotations

from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field

from recollect.mcp_server.answer import acknowledge
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import DESTROYS, Definition
from recollect.mcp_server.tools.parameters import ConversationId
from recollect.models.errors import InvalidArgument


async def delete_conversation(
    history: History,
    conversation_id: ConversationId,
    permanent: Annotated[
        bool, Field(description="true: really remove it and all messages, no undo.")
    ] = False,
    confirm: Annotated[
        str | None, Field(description="Needed with permanent: its exact title, or its id.")
    ] = None,
) -> CallToolResult:
    """Put a conversation into the trash; update_conversation(restore=true) brings it back. The
    trash is kept until permanent=true removes a conversation, in the trash or not. Returns what
    was removed. Ask the user before permanent."""
    if confirm and not permanent:
        raise InvalidArgument("confirm", "is for permanent=true; leave it out to put it into the trash")
    if not permanent:
        trashed = await history.delete(conversation_id)
        return acknowledge(
            {"conversation_id": trashed.id, "trashed": True, "messages": trashed.message_count}
        )
    conversation = await history.get(conversation_id)
    if confirm is None or confirm not in (conversation.id, conversation.title):
        raise InvalidArgument(
            "confirm",
            "must be the conversation's exact title or id, since permanent=true cannot be undone. "
            "Ask the user first; without permanent it goes to the trash",
        )
    erased = await history.purge(conversation_id)
    return acknowledge(
        {
            "conversation_id": conversation.id,
            "removed": {"messages": erased.messages, "summaries": erased.summaries},
        }
    )


DEFINITION = Definition(delete_conversation, DESTROYS)

"""The tools, one file each. `DEFINITIONS` is the whole surface, in the order clients see."""

from __future__ import annotations

from recollect.mcp_server.strict_tool import Definition
from recollect.mcp_server.tools import (
    append_message,
    append_messages,
    create_conversation,
    delete_conversation,
    list_conversations,
    list_messages,
    load_context,
    read_message,
    update_conversation,
)

DEFINITIONS: tuple[Definition, ...] = (
    create_conversation.DEFINITION,
    load_context.DEFINITION,
    append_message.DEFINITION,
    append_messages.DEFINITION,
    list_conversations.DEFINITION,
    list_messages.DEFINITION,
    read_message.DEFINITION,
    update_conversation.DEFINITION,
    delete_conversation.DEFINITION,
)

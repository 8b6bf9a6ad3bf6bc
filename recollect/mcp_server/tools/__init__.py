"""The tools, one file each. `DEFINITIONS` is the whole surface, in the order clients see."""

from __future__ import annotations

from recollect.mcp_server.strict_tool import Definition
from recollect.mcp_server.tools import (
    append_message,
    append_messages,
    create_conversation,
    delete_conversation,
    export_conversation,
    fork_conversation,
    list_conversations,
    list_messages,
    load_context,
    open_turn,
    read_message,
    save_summary,
    search_messages,
    update_conversation,
)

DEFINITIONS: tuple[Definition, ...] = (
    create_conversation.DEFINITION,
    open_turn.DEFINITION,
    append_messages.DEFINITION,
    append_message.DEFINITION,
    load_context.DEFINITION,
    save_summary.DEFINITION,
    list_conversations.DEFINITION,
    search_messages.DEFINITION,
    list_messages.DEFINITION,
    read_message.DEFINITION,
    update_conversation.DEFINITION,
    fork_conversation.DEFINITION,
    export_conversation.DEFINITION,
    delete_conversation.DEFINITION,
)

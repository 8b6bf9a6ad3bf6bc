"""The tool list_conversations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from pydantic import Field

from recollect.mcp_server import render
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import json_object
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.mcp_server.tools.parameters import JsonMetadata
from recollect.models.conversation import ConversationPage


async def list_conversations(
    history: History,
    title: Annotated[str | None, Field(description="Only titles containing this, any case.")] = None,
    metadata: Annotated[JsonMetadata, Field(description="Only those whose metadata contain this.")] = None,
    pinned: Annotated[bool | None, Field(description="Only pinned (true) or not pinned ones.")] = None,
    archived: Annotated[bool, Field(description="true: only archived ones.")] = False,
    trash: Annotated[bool, Field(description="true: only those in the trash.")] = False,
    limit: Annotated[int, Field(ge=1, le=50, description="Conversations per page.")] = 20,
    cursor: Annotated[str | None, Field(description="From the previous page, with the same filters.")] = None,
) -> str:
    """Find a conversation: id, title, message count, head and last activity, latest first.
    Archived and trashed ones are left out unless asked for."""
    listed = partial(
        history.list,
        cursor=cursor,
        pinned=pinned,
        archived=None if trash and not archived else archived,  # in the trash both are shown
        trash=trash,
        title=title or None,
        metadata=None if metadata is None else json_object("metadata", metadata),
    )
    return await what_fits(listed, limit)


async def what_fits(listed: Callable[..., Awaitable[ConversationPage]], limit: int) -> str:
    """At most so many conversations, and no more than one answer holds."""
    page = await listed(limit=limit)
    lines = render.conversation_lines(page)
    fitting = render.how_many_fit(lines)
    if fitting < len(lines):  # the same list again, so that its cursor leads on from what is shown
        page = await listed(limit=fitting)
        lines = render.conversation_lines(page)
    return render.conversations(page, lines)


DEFINITION = Definition(list_conversations, READS)

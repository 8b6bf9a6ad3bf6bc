"""The tool list_conversations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recollect.mcp_server import render
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import json_object
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.mcp_server.tools.parameters import JsonMetadata


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
    return render.conversations(
        await history.list(
            limit=limit,
            cursor=cursor,
            pinned=pinned,
            archived=None if trash else archived,
            trash=trash,
            title=title or None,
            metadata=None if metadata is None else json_object("metadata", metadata),
        )
    )


DEFINITION = Definition(list_conversations, READS)

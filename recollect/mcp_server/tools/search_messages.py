"""The tool search_messages."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from recollect.history.incoming import moment
from recollect.mcp_server import found
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.models.message import Role


async def search_messages(
    history: History,
    query: Annotated[str, Field(description='A question, or words, "exact phrase", -without, begin*.')],
    conversation_id: Annotated[str | None, Field(description="Only in it.")] = None,
    exclude: Annotated[str | None, Field(description="Not in this one.")] = None,
    role: str | None = None,
    since: Annotated[str | None, Field(description="ISO date or time.")] = None,
    until: Annotated[str | None, Field(description="Before it.")] = None,
    limit: Annotated[int, Field(description="To 50.")] = 10,
    context: Annotated[int, Field(description="Messages around each hit, to 3.")] = 0,
    cursor: Annotated[str | None, Field(description="Of the last page.")] = None,
) -> str:
    """Find what was said in any conversation: any of the words, in any form, best first, with snippets."""
    begin = None if since is None else moment("since", since)
    end = None if until is None else moment("until", until)
    while True:
        page = await history.search(
            query,
            conversation_id=conversation_id,
            role=cast("Role | None", role),  # refused by name where it is none; to list them costs tokens
            since=begin,
            until=end,
            limit=limit,
            cursor=cursor,
            context=context,
            exclude=exclude,
        )
        fitting = found.how_many_fit(page)
        if fitting >= len(page.hits):
            return found.page(page, conversation_id)
        limit = fitting  # the same search, so that its cursor leads on from what is shown


DEFINITION = Definition(search_messages, READS)

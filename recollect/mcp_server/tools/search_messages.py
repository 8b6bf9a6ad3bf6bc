"""The tool search_messages."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from recollect.mcp_server import found
from recollect.mcp_server.backend import History
from recollect.mcp_server.given import moment
from recollect.mcp_server.strict_tool import READS, Definition
from recollect.mcp_server.tools.parameters import Role


async def search_messages(
    history: History,
    query: Annotated[
        str, Field(description='A question or words. "exact phrase", -without, begin*. Any language.')
    ],
    conversation_id: Annotated[str | None, Field(description="Only in it. Default: all.")] = None,
    exclude: Annotated[str | None, Field(description="Not in this conversation.")] = None,
    role: Role | None = None,
    since: Annotated[str | None, Field(description="ISO date or time.")] = None,
    until: Annotated[str | None, Field(description="Before it.")] = None,
    limit: Annotated[int, Field(description="Most hits, to 50.")] = 10,
    context: Annotated[int, Field(description="Show up to 3 messages around each hit.")] = 0,
    cursor: Annotated[str | None, Field(description="Of the last page.")] = None,
) -> str:
    """Find what was said in any conversation: messages that hold any of the words, in any form, best
    first, with a snippet. The trash is left out."""
    begin = None if since is None else moment("since", since)
    end = None if until is None else moment("until", until)
    while True:
        page = await history.search(
            query,
            conversation_id=conversation_id,
            role=role,
            since=begin,
            until=end,
            limit=limit,
            cursor=cursor,
            context=context,
            exclude=exclude,
        )
        fitting = found.how_many_fit(page)
        if fitting >= len(page.hits):
            return found.page(page)
        limit = fitting  # the same search, so that its cursor leads on from what is shown


DEFINITION = Definition(search_messages, READS)

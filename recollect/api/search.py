"""The operation that searches."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from recollect.api import shapes
from recollect.api.answer import Answer
from recollect.api.conversations import ALL
from recollect.api.operation import Operation
from recollect.api.parameters import Mine
from recollect.api.schemas import Hits
from recollect.history.incoming import moment
from recollect.history.query import MAX_QUERY_CHARS
from recollect.history.scope import MAX_ID_CHARS
from recollect.history.search_verbs import MAX_HITS, MAX_NEIGHBOURS
from recollect.identity.caller import READ
from recollect.models.message import Role

_TIME = "An ISO 8601 date or time; UTC where it has no zone."


async def search_messages(
    history: Mine,
    query: Annotated[
        str,
        Query(
            min_length=1,
            max_length=MAX_QUERY_CHARS,
            description='A question or words, of which any is enough; "exactly this", -without, begin*.',
            examples=["what did Maria decide about the visa?"],
        ),
    ],
    conversation_id: Annotated[
        str | None, Query(min_length=1, max_length=MAX_ID_CHARS, description="Only in this one.")
    ] = None,
    exclude: Annotated[
        str | None, Query(min_length=1, max_length=MAX_ID_CHARS, description="Not in this conversation.")
    ] = None,
    role: Annotated[Role | None, Query(description="Only what this role said.")] = None,
    since: Annotated[
        str | None, Query(description=f"Only from then on. {_TIME}", examples=["2026-11-01"])
    ] = None,
    until: Annotated[
        str | None, Query(description=f"Only before then. {_TIME}", examples=["2026-12-01T00:00:00Z"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_HITS, description="Hits per page.")] = 10,
    context: Annotated[
        int, Query(ge=0, le=MAX_NEIGHBOURS, description="Show so many messages before and after each hit.")
    ] = 0,
    cursor: Annotated[
        str | None, Query(description="next_cursor of the page before, with the same query and filters.")
    ] = None,
) -> Answer:
    """Find messages in all conversations but those in the trash, best first. docs/search.md has the rules
    of queries. A query of nothing but words that are everywhere, such as `the`, is refused."""
    page = await history.search(
        query,
        conversation_id=conversation_id,
        exclude=exclude,
        role=role,
        since=None if since is None else moment("since", since),
        until=None if until is None else moment("until", until),
        limit=limit,
        context=context,
        cursor=cursor,
    )
    return Answer(shapes.hits(page))


OPERATIONS = (Operation("GET", ALL.replace("/conversations", "/search"), search_messages, (READ,), Hits),)

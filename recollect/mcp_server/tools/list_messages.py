"""The tool list_messages."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from recollect.mcp_server import exact, render
from recollect.mcp_server.backend import History
from recollect.mcp_server.strict_tool import LARGE_RESULT, READS, Definition
from recollect.mcp_server.tools.parameters import ConversationId
from recollect.models.errors import InvalidArgument
from recollect.models.message import Message

CONCISE_CHARS = 600
CONCISE_FETCH = 2_000
"""Characters fetched of a message that is shown cut: those with larger parts come without parts."""

FULL_CHARS = 12_000


async def list_messages(
    history: History,
    conversation_id: ConversationId,
    before: Annotated[int | None, Field(ge=1, description="Only seqs below this.")] = None,
    after: Annotated[int | None, Field(ge=0, description="Only seqs above this.")] = None,
    around: Annotated[int | None, Field(ge=1, description="Messages around this seq.")] = None,
    limit: Annotated[int, Field(ge=1, le=200, description="Most messages.")] = 50,
    order: Annotated[Literal["asc", "desc"], Field(description="By seq.")] = "asc",
    detail: Annotated[
        Literal["concise", "full"],
        Field(description="concise cuts each text at 600 characters, full at 12000."),
    ] = "concise",
    format: Annotated[
        Literal["text", "json"], Field(description="json: exact content, nothing cut.")
    ] = "text",
    branches: Annotated[
        bool, Field(description="true: instead, where it went several ways (with after: after that message).")
    ] = False,
) -> str:
    """Page through a conversation's log; default: its newest messages. For your own next turn use
    load_context instead. One answer holds at most about 9,000 tokens and says which call shows
    the rest."""
    if branches:
        for name, given in (
            ("around", around is not None),
            ("order", order != "asc"),
            ("detail", detail != "concise"),
            ("format", format != "text"),
        ):
            if given:
                raise InvalidArgument(name, "is not for branches=true; leave it out")
        return await _branches(history, conversation_id, before, after, limit)
    cut_at = CONCISE_CHARS if detail == "concise" else FULL_CHARS
    fetched = CONCISE_FETCH if detail == "concise" else FULL_CHARS
    if format == "json":
        fetched = exact.FETCH_CHARS
    page = await history.list_messages(
        conversation_id,
        before=before,
        after=after,
        around=around,
        limit=limit,
        order=order,
        max_chars=fetched,
    )
    # What matters most comes first, and the page holds as much of that as fits.
    ranked = sorted(page.messages, key=lambda message: _distance(message, after, around))
    if format == "json":
        return exact.page(page, render.what_fits(page, ranked, exact.message))
    return render.page(page, render.what_fits(page, ranked, lambda message: render.block(message, cut_at)))


async def _branches(
    history: History, conversation_id: str, before: int | None, after: int | None, limit: int
) -> str:
    try:
        page = await history.branches(conversation_id, at_seq=after, before=before, limit=limit)
    except InvalidArgument as error:  # named as this tool names it
        raise InvalidArgument(
            "after" if error.argument == "at_seq" else error.argument, error.problem
        ) from error
    return render.branches(conversation_id, page, after, before)


def _distance(message: Message, after: int | None, around: int | None) -> int:
    """How far a message is from where the caller asked to start."""
    if around is not None:
        return abs(message.seq - around)
    return message.seq if after is not None else -message.seq


DEFINITION = Definition(list_messages, READS, LARGE_RESULT)

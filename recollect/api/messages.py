"""The operations on the messages of a conversation."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query, Request

from recollect.api import shapes
from recollect.api.answer import Answer
from recollect.api.bodies import Append
from recollect.api.conversations import ONE
from recollect.api.operation import Operation
from recollect.api.parameters import ConversationId, ExpectedHead, Key, Mine
from recollect.api.paths import below
from recollect.api.schemas import MAX_SEQ, Appended, Context, Message, Messages, MessageSlice
from recollect.history.formats import Format
from recollect.history.payloads import messages_of_request
from recollect.identity.caller import READ, WRITE
from recollect.models.as_json import appended_fields, message_fields, window_fields
from recollect.models.errors import InvalidArgument

LIST_CHARS = 50_000
"""Most characters of a message in a list, unless the caller says otherwise."""

PAGE_CHARS = 10_000_000
"""Most characters of all the messages of a list."""

SLICE_CHARS = 20_000

Seq = Annotated[int, Path(ge=1, le=MAX_SEQ, description="The message's number.", examples=[1])]


async def list_messages(
    history: Mine,
    conversation_id: ConversationId,
    before: Annotated[int | None, Query(ge=1, le=MAX_SEQ, description="Only seqs below this.")] = None,
    after: Annotated[int | None, Query(ge=0, le=MAX_SEQ, description="Only seqs above this.")] = None,
    around: Annotated[
        int | None, Query(ge=1, le=MAX_SEQ, description="Messages around this seq; alone.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most messages.")] = 50,
    order: Annotated[Literal["asc", "desc"], Query(description="Of the messages in the answer.")] = "asc",
    max_chars: Annotated[
        int,
        Query(ge=1, le=1_000_000, description="Messages with more are shown cut; read those one by one."),
    ] = LIST_CHARS,
) -> Answer:
    """Page through a conversation's log, on branches too. Without before, after and around: its newest
    messages. limit times max_chars is at most 10,000,000."""
    if limit * max_chars > PAGE_CHARS:
        raise InvalidArgument(
            "max_chars",
            f"is too much for {limit} messages: at most {PAGE_CHARS // limit}, or ask for fewer messages",
        )
    page = await history.list_messages(
        conversation_id,
        before=before,
        after=after,
        around=around,
        limit=limit,
        order=order,
        max_chars=max_chars,
    )
    return Answer(shapes.messages(page, max_chars), head=page.head)


async def append_messages(
    request: Request,
    history: Mine,
    conversation_id: ConversationId,
    body: Append,
    key: Key,
    expected_head: ExpectedHead,
) -> Answer:
    """Append messages at the end of a conversation: all of them or none, side by side. 201: they are
    stored. 200: this Idempotency-Key stored them before."""
    appended = await history.append(
        conversation_id,
        messages_of_request(body.messages, body.format),
        key=key,
        expected_head=expected_head,
        on_conflict=body.on_conflict,
        after_seq=body.after_seq,
    )
    return Answer(
        appended_fields(appended),
        200 if appended.replayed else 201,
        head=appended.head,
        location=below(request, str(appended.first_seq)),
    )


async def read_message(
    history: Mine,
    conversation_id: ConversationId,
    seq: Seq,
    offset: Annotated[int | None, Query(ge=0, le=MAX_SEQ, description="First character of a slice.")] = None,
    limit: Annotated[
        int | None,
        Query(ge=1, le=1_000_000, description=f"Characters of a slice. Default: {SLICE_CHARS}."),
    ] = None,
) -> Answer:
    """Read one message with its exact content; with offset or limit, a slice of its text instead."""
    part = await history.read_message(
        conversation_id, seq, offset=offset or 0, limit=SLICE_CHARS if limit is None else limit
    )
    whole = offset is None and limit is None
    return Answer(message_fields(part.message) if whole else shapes.slice_of(part))


async def load_context(
    history: Mine,
    conversation_id: ConversationId,
    max_tokens: Annotated[
        int, Query(ge=1, le=2_000_000, description="Budget, instructions included.")
    ] = 8_000,
    format: Annotated[
        Format, Query(description="text: a transcript. The others: a provider's messages.")
    ] = "text",
    upto_seq: Annotated[
        int | None,
        Query(ge=1, le=MAX_SEQ, description="As of this message, on any branch. Default: the head."),
    ] = None,
    receipt: Annotated[
        str | None,
        Query(
            description="Of a context of this conversation: the same again, byte for byte. Budget, format "
            "and upto_seq are in it."
        ),
    ] = None,
    query: Annotated[
        str | None,
        Query(
            description="What was asked: older messages that answer it, of any conversation, stand at the "
            "end. docs/search.md has the rules."
        ),
    ] = None,
) -> Answer:
    """What a model should see next: the instructions, the newest summary where not all fits, and as many
    of the newest messages as fit the budget, tool calls with their results. The same head gives the same
    answer."""
    window = await history.context(
        conversation_id, max_tokens=max_tokens, format=format, upto_seq=upto_seq, receipt=receipt, query=query
    )
    return Answer(window_fields(window), head=window.current_head)


MESSAGES = ONE + "/messages"
REPLAYED = {200: "This Idempotency-Key stored them before."}

OPERATIONS = (
    Operation("GET", MESSAGES, list_messages, (READ,), Messages),
    Operation("POST", MESSAGES, append_messages, (WRITE,), Appended, 201, REPLAYED),
    Operation("GET", MESSAGES + "/{seq}", read_message, (READ,), Message | MessageSlice),
    Operation("GET", ONE + "/context", load_context, (READ,), Context),
)

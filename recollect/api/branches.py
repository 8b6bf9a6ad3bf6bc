"""The operations on branches, copies and summaries of a conversation."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request

from recollect.api import shapes
from recollect.api.answer import Answer
from recollect.api.bodies import NewFork, NewHead, NewSummary
from recollect.api.conversations import ONE
from recollect.api.operation import Operation
from recollect.api.parameters import ConversationId, Mine
from recollect.api.paths import address_of
from recollect.api.schemas import MAX_SEQ, Branches, Conversation, Summaries, Summary
from recollect.identity.caller import READ, WRITE


async def list_branches(
    history: Mine,
    conversation_id: ConversationId,
    at_seq: Annotated[
        int | None,
        Query(ge=0, le=MAX_SEQ, description="Only those that follow this message; 0: at the start."),
    ] = None,
    before: Annotated[
        int | None, Query(ge=0, le=MAX_SEQ, description="Only those listed before the one with this seq.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most branches.")] = 100,
) -> Answer:
    """List the alternatives: every message that is not the only one to follow its parent, by parent and
    seq; the last ones. more_before: the first seq shown, as before, gives those that come before it."""
    page = await history.branches(conversation_id, at_seq=at_seq, before=before, limit=limit)
    return Answer(
        {"branches": [shapes.branch(one) for one in page.branches], "more_before": page.more_before}
    )


async def switch_head(history: Mine, conversation_id: ConversationId, head: NewHead) -> Answer:
    """Make a message the conversation's head: contexts end with it, and the next append goes on from
    there."""
    changed = await history.switch_head(conversation_id, head.seq)
    return Answer(shapes.conversation(changed), head=changed.head_seq)


async def fork_conversation(
    request: Request, history: Mine, conversation_id: ConversationId, fork: NewFork
) -> Answer:
    """Copy the path up to a message into a new conversation: its messages, numbered from 1, the
    instructions, metadata and summaries. Idempotency keys stay behind."""
    made = await history.fork(conversation_id, at_seq=fork.at_seq, new_id=fork.new_id, title=fork.title)
    location = address_of(request, made.id)
    return Answer(shapes.conversation(made), 201, head=made.head_seq, location=location)


async def save_summary(history: Mine, conversation_id: ConversationId, summary: NewSummary) -> Answer:
    """Keep what an agent wrote of everything up to a message. Contexts begin with the newest one once
    they cannot show everything; the messages stay as they are. Another one of the same message replaces
    it."""
    saved = await history.save_summary(conversation_id, summary.upto_seq, summary.content)
    return Answer(shapes.summary(saved), 201)


async def list_summaries(
    history: Mine,
    conversation_id: ConversationId,
    before: Annotated[
        int | None, Query(ge=0, le=MAX_SEQ, description="Only those of points before this message.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most summaries.")] = 20,
) -> Answer:
    """List the summaries of a conversation, newest point first. more_before: the last upto_seq shown, as
    before, gives those of earlier points."""
    page = await history.list_summaries(conversation_id, before=before, limit=limit)
    return Answer(
        {"summaries": [shapes.summary(one) for one in page.summaries], "more_before": page.more_before}
    )


OPERATIONS = (
    Operation("GET", ONE + "/branches", list_branches, (READ,), Branches),
    Operation("PUT", ONE + "/head", switch_head, (WRITE,), Conversation),
    Operation("POST", ONE + "/fork", fork_conversation, (WRITE,), Conversation, 201),
    Operation("POST", ONE + "/summaries", save_summary, (WRITE,), Summary, 201),
    Operation("GET", ONE + "/summaries", list_summaries, (READ,), Summaries),
)

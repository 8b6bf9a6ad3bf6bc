"""The shapes of answers, as the OpenAPI document shows them, and what they share with those of bodies.

Answers are written by `recollect.api.shapes`; these models only describe them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recollect.models.message import Role

MAX_SEQ = 2**31 - 1
TIME = "2026-11-25T10:04:00.000000+00:00"


def examples(*examples: dict[str, Any], **schema: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={**schema, "examples": list(examples)})


class Part(BaseModel):
    """A typed piece of a message. It may carry any further field, and comes back exactly."""

    model_config = ConfigDict(extra="allow")

    type: Literal[
        "text",
        "reasoning",
        "tool_call",
        "tool_result",
        "image",
        "audio",
        "file",
        "resource",
        "refusal",
        "other",
    ]


class Conversation(BaseModel):
    """A conversation without its messages."""

    model_config = examples(
        {
            "id": "c_7h2k9m4p1q3rx",
            "title": "Trip to Porto",
            "instructions": None,
            "metadata": {"project": "porto"},
            "pinned": False,
            "archived_at": None,
            "deleted_at": None,
            "created_at": TIME,
            "updated_at": TIME,
            "head": 4,
            "last_seq": 4,
            "message_count": 4,
            "linear": True,
            "forked_from": None,
            "forked_seq": None,
        }
    )

    id: str
    title: str | None
    instructions: str | None
    metadata: dict[str, Any]
    pinned: bool
    archived_at: datetime | None
    deleted_at: Annotated[datetime | None, Field(description="When it was put into the trash.")]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="Last append or change; lists are ordered by it.")]
    head: Annotated[int, Field(description="The seq of the current leaf, 0 when empty; also the ETag.")]
    last_seq: Annotated[int, Field(description="The highest seq given so far.")]
    message_count: int
    linear: Annotated[
        bool, Field(description="No message was ever branched off, and the head is the newest message.")
    ]
    forked_from: Annotated[str | None, Field(description="The conversation that this one is a copy of.")]
    forked_seq: Annotated[int | None, Field(description="The last message that was copied.")]


class Conversations(BaseModel):
    """A page of conversations, most recently active first."""

    conversations: list[Conversation]
    next_cursor: Annotated[
        str | None, Field(description="Pass it as `cursor`, with the same filters. null on the last page.")
    ]


class StoredMessage(BaseModel):
    """What the log knows about a message. What is unset is left out."""

    seq: Annotated[int, Field(description="Its place in the conversation: 1, 2, 3 … without gaps, final.")]
    parent_seq: Annotated[
        int | None, Field(description="The message it follows, where that is not seq - 1: on a branch.")
    ] = None
    role: Role
    author: str | None = None
    metadata: dict[str, Any] | None = None
    key: Annotated[str | None, Field(description="The Idempotency-Key it came with.")] = None
    token_count: int
    created_at: datetime
    occurred_at: datetime | None = None


class Message(StoredMessage):
    """A stored message with its exact content."""

    model_config = examples(
        {
            "seq": 1,
            "role": "user",
            "content": "Is it raining in Porto?",
            "token_count": 11,
            "created_at": TIME,
        }
    )

    content: str | list[Part]


class CutMessage(StoredMessage):
    """A message that is too large for a list; its own address has its exact content."""

    text: Annotated[str, Field(description="The start of what a person reads of it.")]
    cut: Literal[True]


class MessageSlice(StoredMessage):
    """A slice of what a person reads of a message."""

    text: Annotated[str, Field(description="The characters from `offset` on.")]
    offset: int
    total_chars: int
    next_offset: Annotated[int | None, Field(description="Where the next slice starts; null: none.")]


class Messages(BaseModel):
    """A run of messages."""

    messages: list[Message | CutMessage]
    conversation_id: str
    head: int
    last_seq: int
    more_before: Annotated[bool, Field(description="There are earlier ones: before= the lowest seq here.")]
    more_after: Annotated[bool, Field(description="There are later ones: after= the highest seq here.")]


class Appended(BaseModel):
    """Where the messages are. A retry with the same Idempotency-Key gets the same."""

    model_config = examples({"conversation_id": "c_7h2k9m4p1q3rx", "first_seq": 5, "last_seq": 6, "head": 6})

    conversation_id: str
    first_seq: int
    last_seq: int
    head: Annotated[int, Field(description="The head right after this append, for the next If-Match.")]
    branched: Annotated[bool, Field(description="The head had moved; the messages are on a branch.")] = False
    replayed: Annotated[bool, Field(description="The key was known; nothing was written now.")] = False


class Place(BaseModel):
    """A message of a conversation."""

    conversation_id: str
    seq: int


class Context(BaseModel):
    """What fits of a conversation into a model's window."""

    model_config = examples(
        {
            "messages": [{"role": "user", "content": "Is it raining in Porto?"}],
            "conversation_id": "c_7h2k9m4p1q3rx",
            "head": 1,
            "tokens": 11,
            "first_seq": 1,
            "last_seq": 1,
            "omitted": 0,
            "receipt": "w1.e1.openai.8000.1-1.0.4c1d0e.8f14e45fceea167a",
        }
    )

    messages: Annotated[list[dict[str, Any]], Field(description="In the provider's format; empty for text.")]
    system: Annotated[
        str | dict[str, Any] | list[dict[str, Any]] | None,
        Field(description="What Anthropic and Gemini keep apart from the messages."),
    ] = None
    text: Annotated[str | None, Field(description="The transcript, for format=text.")] = None
    conversation_id: str
    head: Annotated[int, Field(description="The message this ends with, for the next If-Match.")]
    current_head: Annotated[
        int | None, Field(description="The conversation's head, where it is another one.")
    ] = None
    tokens: Annotated[int, Field(description="Estimated tokens of all this, at most max_tokens.")]
    first_seq: int
    last_seq: int
    omitted: Annotated[int, Field(description="How many messages of the path are not shown.")]
    outside: Annotated[
        int | None, Field(description="How many messages of the path stand before the first that is shown.")
    ] = None
    outside_upto: Annotated[
        int | None, Field(description="The message before the first that is shown, where there are any.")
    ] = None
    tokens_outside: Annotated[
        int | None, Field(description="How many tokens before it stand in no summary.")
    ] = None
    summary_upto: Annotated[
        int | None, Field(description="How far the summary goes that stands in front.")
    ] = None
    trashed: Annotated[bool, Field(description="The conversation is in the trash.")] = False
    instructions_left_out: Annotated[
        bool, Field(description="It has instructions, which do not fit into max_tokens.")
    ] = False
    receipt: Annotated[str, Field(description="Gives the same window again later, byte for byte.")]
    repairs: Annotated[
        list[str] | None, Field(description="What was left out or made up to keep the window valid.")
    ] = None
    lost: Annotated[list[str] | None, Field(description="What has no counterpart in this format.")] = None
    recalled: Annotated[
        list[Place] | None,
        Field(description="The messages that the query recalled, best first; they stand at the end."),
    ] = None


class Range(BaseModel):
    first_seq: int
    last_seq: int


class Turn(BaseModel):
    """A turn that was opened. A retry with the same Idempotency-Key gets the same."""

    conversation_id: str
    created: Annotated[bool, Field(description="The conversation began with this turn.")] = False
    appended: Appended
    context: Context
    added: Annotated[
        Range | None, Field(description="What others added between known_head and this turn.")
    ] = None
    diverged: Annotated[
        bool,
        Field(
            description="known_head is no message that this turn follows: of another branch, or conversation."
        ),
    ] = False


class Branch(BaseModel):
    """One way to go on from a message that several messages follow."""

    model_config = examples(
        {
            "seq": 5,
            "parent_seq": 3,
            "head": 8,
            "current": True,
            "role": "user",
            "text": "What about Lisbon?",
            "created_at": TIME,
        }
    )

    seq: Annotated[int, Field(description="The message that it begins with.")]
    parent_seq: Annotated[int, Field(description="The message that it follows; 0: none.")]
    head: Annotated[int, Field(description="Its newest message: make it the head to go on there.")]
    current: Annotated[bool, Field(description="The conversation's head lies on it.")]
    role: Role
    text: Annotated[str, Field(description="The first 200 characters.")]
    created_at: datetime


class Branches(BaseModel):
    """The alternatives, by parent and seq; none in a linear conversation."""

    branches: list[Branch]
    more_before: bool


class Summary(BaseModel):
    """What an agent wrote of everything up to a message."""

    model_config = examples(
        {
            "upto_seq": 40,
            "content": "They plan a week in Porto in May.",
            "token_count": 14,
            "created_at": TIME,
        }
    )

    upto_seq: int
    content: str
    token_count: int
    created_at: datetime


class Summaries(BaseModel):
    """The summaries of a conversation, newest point first."""

    summaries: list[Summary]
    more_before: bool


class Neighbour(BaseModel):
    """A message right before or after a hit."""

    seq: int
    role: Role
    author: str | None = None
    at: datetime
    text: Annotated[str, Field(description="Its first 300 characters.")]


class Hit(BaseModel):
    """A message that was found. What is unset is left out."""

    model_config = examples(
        {
            "conversation_id": "c_7h2k9m4p1q3rx",
            "title": "Trip to Porto",
            "seq": 6,
            "role": "user",
            "at": TIME,
            "snippet": "… so Maria will apply for the visa in Lisbon, not here …",
            "marks": [[5, 10], [30, 34]],
            "score": 7.31,
        }
    )

    conversation_id: str
    title: Annotated[str | None, Field(description="Of its conversation.")] = None
    seq: int
    parent_seq: Annotated[
        int | None, Field(description="The message it follows, where that is not seq - 1: on a branch.")
    ] = None
    role: Role
    author: str | None = None
    at: Annotated[datetime, Field(description="When it was said, else when it was stored.")]
    snippet: Annotated[
        str, Field(description="The part of its text that answers best; … where something is left out.")
    ]
    marks: Annotated[
        list[tuple[int, int]],
        Field(description="Where words of the query begin and end in it, in Unicode characters."),
    ]
    score: Annotated[float, Field(description="Higher is better; comparable within one search.")]
    neighbours: Annotated[
        list[Neighbour] | None, Field(description="The messages around it, by seq, where `context` asks so.")
    ] = None


class Hits(BaseModel):
    """A page of messages that were found, best first."""

    hits: list[Hit]
    next_cursor: Annotated[
        str | None,
        Field(description="Pass it as `cursor`, with the same query and filters. null on the last page."),
    ]


class Erased(BaseModel):
    """How many rows were really removed."""

    model_config = examples({"conversations": 1, "messages": 42, "summaries": 0})

    conversations: int
    messages: int
    summaries: int


class WrongArgument(BaseModel):
    argument: str
    problem: str


class Problem(BaseModel):
    """What went wrong, and what to do next (RFC 9457)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:recollect:problem:invalid-argument",
                    "title": "An argument is not acceptable",
                    "status": 422,
                    "detail": "messages[0].role: must be one of system, developer, user, assistant, tool",
                    "argument": "messages[0].role",
                }
            ]
        },
    )

    type: Annotated[str, Field(description="What to branch on; docs/rest.md lists them.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What is wrong here, and the next step.")]
    argument: Annotated[str | None, Field(description="The argument that is not acceptable.")] = None
    errors: list[WrongArgument] | None = None
    scopes: Annotated[list[str] | None, Field(description="What the token would need.")] = None
    head: Annotated[int | None, Field(description="The present head, where it moved.")] = None
    added: Annotated[
        list[Message | CutMessage] | None, Field(description="What was appended meanwhile, at most 20.")
    ] = None

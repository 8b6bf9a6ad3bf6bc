"""The shapes of requests and answers, as the OpenAPI document shows them.

Bodies are validated by these models. What stands in messages and metadata is not: any JSON may
be there, lone surrogates included, and one code checks it for all doors. Answers are written by
`recollect.api.shapes`; these models only describe them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from recollect.history.branch_verbs import MAX_SUMMARY_CHARS
from recollect.history.formats import Format
from recollect.history.incoming import MAX_INSTRUCTIONS_CHARS
from recollect.history.payloads import PayloadFormat
from recollect.history.scope import MAX_ID_CHARS
from recollect.models.message import Role

MAX_SEQ = 2**31 - 1
NO_NUL = r"^[^\u0000]*$"

JsonObject = Annotated[dict[str, Any], SkipValidation]

TIME = "2026-11-25T10:04:00.000000+00:00"

PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "Let me look."},
    {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Porto"}},
]


def _examples(*examples: dict[str, Any], **schema: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={**schema, "examples": list(examples)})


class Body(BaseModel):
    """A request's body: nothing but these fields, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, body: object) -> object:
        """7.0 is an integer of JSON, as its schemas say; some clients write it so."""
        if not isinstance(body, dict):
            return body
        return {
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in cast("dict[str, object]", body).items()
        }


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


Content = Annotated[
    str | Annotated[list[Part], Field(min_length=1)],
    Field(description="Text, kept exactly; or parts.", examples=["Is it raining in Porto?", PARTS]),
]


class NewMessage(Body):
    """A message to append."""

    model_config = _examples({"role": "user", "content": "Is it raining in Porto?"})

    role: Role
    content: Content
    author: Annotated[
        str | None,
        Field(
            min_length=1, max_length=200, pattern=NO_NUL, description="Who spoke, where a role has several."
        ),
    ] = None
    metadata: Annotated[JsonObject | None, Field(description="Comes back exactly; is not searched.")] = None
    token_count: Annotated[
        int | None, Field(ge=0, le=2**31 - 1, description="The provider's own count, where it is known.")
    ] = None
    occurred_at: Annotated[
        datetime | None, Field(description="When it was said, where that is not now; with a time zone.")
    ] = None


class NewConversation(Body):
    """A conversation to start."""

    model_config = _examples({"title": "Trip to Porto", "metadata": {"project": "porto"}})

    id: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_ID_CHARS,
            pattern=NO_NUL,
            description="An id of your own, unique for this user. Default: a short new one.",
        ),
    ] = None
    title: Annotated[
        str | None, Field(min_length=1, pattern=NO_NUL, description="At most 500 characters by default.")
    ] = None
    instructions: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_INSTRUCTIONS_CHARS,
            pattern=NO_NUL,
            description="System text that stands before every context.",
        ),
    ] = None
    metadata: Annotated[
        JsonObject | None,
        Field(description="A JSON object of at most 64 kB by default; lists can be filtered by it."),
    ] = None


class Changes(Body):
    """What to change of a conversation. What is not there stays as it is."""

    model_config = _examples({"title": "Porto in May", "pinned": True}, minProperties=1)

    title: Annotated[str | None, Field(min_length=1, pattern=NO_NUL, description="null removes it.")] = None
    instructions: Annotated[
        str | None,
        Field(
            min_length=1, max_length=MAX_INSTRUCTIONS_CHARS, pattern=NO_NUL, description="null removes them."
        ),
    ] = None
    metadata: Annotated[JsonObject, Field(description="Replaces the whole object.")] = {}
    pinned: bool = False
    archived: Annotated[bool, Field(description="Archived ones leave the default list.")] = False


class Append(Body):
    """Messages to append: all of them or none, side by side."""

    model_config = _examples(
        {"messages": [{"role": "user", "content": "Is it raining in Porto?"}]},
        {
            "messages": [
                {"role": "assistant", "content": PARTS},
                {
                    "role": "tool",
                    "content": [{"type": "tool_result", "call_id": "call_1", "content": "Sunny."}],
                },
            ],
            "on_conflict": "branch",
        },
    )

    messages: Annotated[
        list[NewMessage] | list[JsonObject] | JsonObject,
        SkipValidation,
        Field(
            description="Oldest first; at most 500 by default. With another format than recollect: a "
            "provider's list of messages or items, or its request with the list in it."
        ),
    ]
    format: Annotated[
        PayloadFormat, Field(description="Of the messages. auto: looks for what only one of them can have.")
    ] = "recollect"
    after_seq: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_SEQ,
            description="Hang the messages under this one (0: at the start) instead of under the head, "
            "which moves to them: an edit of what followed, or another answer.",
        ),
    ] = None
    on_conflict: Annotated[
        Literal["reject", "branch"],
        Field(
            description="What to do if the head is not the one in If-Match. branch: store the messages under "
            "the one in If-Match, and leave the conversation's head where it is."
        ),
    ] = "reject"


class NewTurn(Body):
    """What was said, and how to show what a model should see."""

    model_config = _examples(
        {
            "messages": [{"role": "user", "content": "And tomorrow?"}],
            "known_head": 4,
            "max_tokens": 8000,
            "format": "openai",
        }
    )

    messages: Annotated[
        list[NewMessage],
        SkipValidation,
        Field(description="Usually the user's one message.", json_schema_extra={"minItems": 1}),
    ]
    max_tokens: Annotated[
        int, Field(ge=1, le=2_000_000, description="Budget of the context, instructions included.")
    ] = 8_000
    format: Annotated[Format, Field(description="Of the context, as in load_context.")] = "text"
    known_head: Annotated[
        int | None,
        Field(ge=0, le=MAX_SEQ, description="The head you know; `added` says what others added after it."),
    ] = None
    query: Annotated[
        str | None, Field(description="What to recall, as in load_context; usually what was said.")
    ] = None


class FirstTurn(NewTurn):
    """The first turn of a new conversation."""

    model_config = _examples(
        {"messages": [{"role": "user", "content": "Is it raining in Porto?"}], "title": "Trip to Porto"}
    )

    title: Annotated[
        str | None, Field(min_length=1, pattern=NO_NUL, description="At most 500 characters by default.")
    ] = None
    instructions: Annotated[
        str | None, Field(min_length=1, max_length=MAX_INSTRUCTIONS_CHARS, pattern=NO_NUL)
    ] = None


class NewHead(Body):
    """The message that contexts end with from now on."""

    model_config = _examples({"seq": 7})

    seq: Annotated[int, Field(ge=1, le=MAX_SEQ)]


class NewFork(Body):
    """A copy to make."""

    model_config = _examples({"at_seq": 4, "title": "What if we went to Lisbon?"}, {})

    at_seq: Annotated[
        int | None,
        Field(ge=1, le=MAX_SEQ, description="The last message to copy, on any branch. Default: the head."),
    ] = None
    new_id: Annotated[
        str | None,
        Field(min_length=1, max_length=MAX_ID_CHARS, pattern=NO_NUL, description="Default: a short new one."),
    ] = None
    title: Annotated[
        str | None, Field(min_length=1, pattern=NO_NUL, description="Default: the original's.")
    ] = None


class NewSummary(Body):
    """What you wrote of everything up to a message."""

    model_config = _examples({"upto_seq": 40, "content": "They plan a week in Porto in May."})

    upto_seq: Annotated[int, Field(ge=1, le=MAX_SEQ)]
    content: Annotated[str, Field(min_length=1, max_length=MAX_SUMMARY_CHARS, pattern=NO_NUL)]


class Conversation(BaseModel):
    """A conversation without its messages."""

    model_config = _examples(
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

    model_config = _examples(
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

    model_config = _examples({"conversation_id": "c_7h2k9m4p1q3rx", "first_seq": 5, "last_seq": 6, "head": 6})

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

    model_config = _examples(
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


class Branch(BaseModel):
    """One way to go on from a message that several messages follow."""

    model_config = _examples(
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


class Summary(BaseModel):
    """What an agent wrote of everything up to a message."""

    model_config = _examples(
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


class Neighbour(BaseModel):
    """A message right before or after a hit."""

    seq: int
    role: Role
    author: str | None = None
    at: datetime
    text: Annotated[str, Field(description="Its first 300 characters.")]


class Hit(BaseModel):
    """A message that was found. What is unset is left out."""

    model_config = _examples(
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

    model_config = _examples({"conversations": 1, "messages": 42, "summaries": 0})

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

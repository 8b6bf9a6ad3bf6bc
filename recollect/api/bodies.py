"""The shapes of what is sent.

Bodies are validated by these models. What stands in messages and metadata is not: any JSON may
be there, lone surrogates included, and one code checks it for all doors.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, model_validator

from recollect.api.schemas import MAX_SEQ, Part, examples
from recollect.history.branch_verbs import MAX_SUMMARY_CHARS
from recollect.history.formats import Format
from recollect.history.incoming import MAX_INSTRUCTIONS_CHARS
from recollect.history.payloads import PayloadFormat
from recollect.history.scope import MAX_ID_CHARS
from recollect.models.message import Role

NO_NUL = r"^[^\u0000]*$"

JsonObject = Annotated[dict[str, Any], SkipValidation]

PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "Let me look."},
    {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Porto"}},
]

Content = Annotated[
    str | Annotated[list[Part], Field(min_length=1)],
    Field(description="Text, kept exactly; or parts.", examples=["Is it raining in Porto?", PARTS]),
]


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


class NewMessage(Body):
    """A message to append."""

    model_config = examples({"role": "user", "content": "Is it raining in Porto?"})

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

    model_config = examples({"title": "Trip to Porto", "metadata": {"project": "porto"}})

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

    # Without defaults in the schema: clients that are made from it would send them, and clear what is there.

    model_config = examples({"title": "Porto in May", "pinned": True}, minProperties=1)

    title: Annotated[str | None, Field(min_length=1, pattern=NO_NUL, description="null removes it.")] = None
    instructions: Annotated[
        str | None,
        Field(
            min_length=1, max_length=MAX_INSTRUCTIONS_CHARS, pattern=NO_NUL, description="null removes them."
        ),
    ] = None
    metadata: Annotated[JsonObject, Field(default_factory=dict, description="Replaces the whole object.")]
    pinned: Annotated[bool, Field(default_factory=bool)]
    archived: Annotated[
        bool, Field(default_factory=bool, description="Archived ones leave the default list.")
    ]


class Append(Body):
    """Messages to append: all of them or none, side by side."""

    model_config = examples(
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

    model_config = examples(
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

    model_config = examples(
        {"messages": [{"role": "user", "content": "Is it raining in Porto?"}], "title": "Trip to Porto"}
    )

    known_head: Annotated[
        int | None, Field(ge=0, le=0, description="A conversation that begins has no head but 0.")
    ] = None
    title: Annotated[
        str | None, Field(min_length=1, pattern=NO_NUL, description="At most 500 characters by default.")
    ] = None
    instructions: Annotated[
        str | None, Field(min_length=1, max_length=MAX_INSTRUCTIONS_CHARS, pattern=NO_NUL)
    ] = None


class NewHead(Body):
    """The message that contexts end with from now on."""

    model_config = examples({"seq": 7})

    seq: Annotated[int, Field(ge=1, le=MAX_SEQ)]


class NewFork(Body):
    """A copy to make."""

    model_config = examples({"at_seq": 4, "title": "What if we went to Lisbon?"}, {})

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

    model_config = examples({"upto_seq": 40, "content": "They plan a week in Porto in May."})

    upto_seq: Annotated[int, Field(ge=1, le=MAX_SEQ)]
    content: Annotated[str, Field(min_length=1, max_length=MAX_SUMMARY_CHARS, pattern=NO_NUL)]

"""The arguments that several tools share, described once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from recollect.history.formats import Format
from recollect.models.errors import InvalidArgument

ConversationId = Annotated[str, Field(description="As given by create_conversation.")]

Key = Annotated[
    str | None,
    Field(description="Idempotency key, unique per append. Retry with the same key: stored once."),
]

ExpectedHead = Annotated[
    int | None,
    Field(description="The head you know. If it moved, nothing is stored and you see what was added."),
]

OnConflict = Annotated[
    Literal["reject", "branch"], Field(description="branch: store under expected_head although it moved.")
]

AfterSeq = Annotated[
    int | None,
    Field(
        ge=0,
        description="Store under this message, not the head (an edit, another answer); the head moves there.",
    ),
]

MaxTokens = Annotated[
    int, Field(ge=100, le=500_000, description="Budget, instructions included; at most 60000 as text.")
]

Query = Annotated[str | None, Field(description="Also recall older messages about this.")]

MAX_TEXT_TOKENS = 60_000
"""Clients hide an answer of more than 500,000 characters; a token of prose has up to eight."""


def check_text_budget(max_tokens: int, format: str) -> None:
    """Refuse a text that the client would not show. Raises: InvalidArgument."""
    if format == "text" and max_tokens > MAX_TEXT_TOKENS:
        raise InvalidArgument(
            "max_tokens", f"is at most {MAX_TEXT_TOKENS} with format=text; more would not be shown to you"
        )


OutputFormat = Annotated[
    Format, Field(description="text for you; the others are JSON for programs: a provider's messages.")
]

Role = Literal["system", "developer", "user", "assistant", "tool"]

JsonMetadata = Annotated[Any, WithJsonSchema({"type": "object"})]
"""A JSON object, or a string of JSON, as some models send."""

_PARTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]}

Content = Annotated[Any, WithJsonSchema(_PARTS)]

Messages = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
                    "content": {},
                },
            },
        }
    ),
]

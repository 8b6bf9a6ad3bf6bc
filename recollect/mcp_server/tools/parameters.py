"""The arguments that several tools share, described once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

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
                    "content": _PARTS,
                    "author": {"type": "string"},
                    "metadata": {"type": "object"},
                    "token_count": {"type": "integer"},
                    "occurred_at": {"type": "string", "description": "ISO 8601 with zone"},
                },
                "required": ["role", "content"],
                "additionalProperties": False,
            },
        }
    ),
]

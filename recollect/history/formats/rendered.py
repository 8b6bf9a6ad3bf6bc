"""What a provider's format holds of a conversation, and the message as its renderer sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from recollect.models.message import Part, Role

JsonObject = dict[str, Any]

Provider = Literal["openai", "openai_responses", "anthropic", "gemini", "vercel"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
"""The formats of providers: each has `incoming(payload)` and `outgoing(messages)`."""


@dataclass(slots=True)
class Rendered:
    """Messages in a provider's format.

    messages:  the provider's list: messages, items (OpenAI Responses) or contents (Gemini).
    system:    what the provider keeps apart from the list: Anthropic's `system` (a string or a
               list of text blocks), Gemini's `systemInstruction` (a content, or a string if it came
               in as one). None elsewhere, and where there are no instructions.
    lost:      what has no counterpart in this format, and what was added, dropped or merged so
               that the provider accepts the list; one line each, starting with `#seq`.
    waiting:   calls, each by its message's seq and its id, that go out without the result that was given for
               them: whoever gets the messages goes on with them.
    """

    messages: list[JsonObject]
    system: str | JsonObject | list[JsonObject] | None = None
    lost: list[str] = field(default_factory=list[str])
    waiting: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


@dataclass(slots=True)
class Said:
    """One message on its way out, or in: `seq` is 0 for one that is not stored yet."""

    role: Role
    parts: list[Part]
    author: str | None = None
    seq: int = 0

    def lose(self, lost: list[str], what: str) -> None:
        line = f"#{self.seq}: {what}"
        if line not in lost[-8:]:  # twenty images of one message need no twenty equal lines
            lost.append(line)

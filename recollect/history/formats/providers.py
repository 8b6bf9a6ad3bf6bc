"""The formats of providers under their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from recollect.history.formats import anthropic, gemini, openai, openai_responses, vercel
from recollect.history.formats.rendered import Provider, Rendered
from recollect.models.message import Message, NewMessage


class Outgoing(Protocol):
    def __call__(self, messages: Sequence[Message], *, exact: bool = False) -> Rendered: ...


INCOMING: dict[Provider, Callable[[object, str], list[NewMessage]]] = {
    "openai": openai.incoming,
    "openai_responses": openai_responses.incoming,
    "anthropic": anthropic.incoming,
    "gemini": gemini.incoming,
    "vercel": vercel.incoming,
}
"""(payload, the name of the argument that it came in) -> the messages to append."""

OUTGOING: dict[Provider, Outgoing] = {
    "openai": openai.outgoing,
    "openai_responses": openai_responses.outgoing,
    "anthropic": anthropic.outgoing,
    "gemini": gemini.outgoing,
    "vercel": vercel.outgoing,
}

"""A message: what a caller appends (`NewMessage`) and what the log gives back (`Message`)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

Role = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")

Part = dict[str, Any]
"""One typed piece of a message, a JSON object with a `type`; see `recollect.models.parts`."""


@dataclass(slots=True)
class NewMessage:
    """A message to append.

    role:         system, developer, user, assistant or tool.
    content:      a string, or a list of parts. A string is one text part.
    author:       who spoke, where a role has several (at most 200 characters).
    metadata:     any JSON object; comes back exactly, is not searched.
    token_count:  the provider's own count, where known; else Recollect estimates one. At least one token for
                  128 characters of text.
    occurred_at:  when it was said, where that is not now (imports); timezone-aware.
    """

    role: Role
    content: str | list[Part]
    author: str | None = None
    metadata: dict[str, Any] | None = None
    token_count: int | None = None
    occurred_at: datetime | None = None


class Message(NamedTuple):
    """A stored message. A named tuple, since a page of fifty is made from rows in microseconds.

    seq:          its place in the conversation: 1, 2, 3 … without gaps, final.
    parent_seq:   the message it follows (0 for none); other than seq - 1 only on a branch.
    text:         what a person reads: NUL and lone surrogates show as U+FFFD. Exact content
                  is in `parts`.
    token_count:  tokens of the whole message, the caller's count or our estimate.
    created_at:   when it was stored; occurred_at: when it was said, if the caller told.
    """

    seq: int
    parent_seq: int
    role: Role
    author: str | None
    text: str
    stored_parts: str | None
    token_count: int
    key: str | None
    stored_metadata: str | None
    created_at: datetime
    occurred_at: datetime | None

    @property
    def parts(self) -> list[Part]:
        """The exact content, as it was appended; empty where a concise list left it behind."""
        if self.stored_parts is None:
            return [{"type": "text", "text": self.text}]
        parts: list[Part] = json.loads(self.stored_parts)
        for part in parts:
            # The one text that equals the readable text is stored once, in `text`.
            if part["type"] in ("text", "refusal") and "text" not in part:
                part["text"] = self.text
            elif part["type"] == "tool_result" and "content" not in part:
                part["content"] = self.text
        return parts

    @property
    def parts_left_behind(self) -> bool:
        """A concise list left the exact parts behind: there is more than the text."""
        return self.stored_parts == "[]"

    @property
    def content(self) -> str | list[Part]:
        """The content in the shape that `NewMessage` takes: a string if it is one plain text."""
        return self.text if self.stored_parts is None else self.parts

    @property
    def metadata(self) -> dict[str, Any]:
        return json.loads(self.stored_metadata) if self.stored_metadata else {}


@dataclass(slots=True)
class MessagePage:
    """A run of messages.

    messages:     in the order asked for (ascending by seq unless said otherwise).
    head:         the seq of the conversation's current leaf (0 if empty).
    last_seq:     the highest seq of the conversation; equals head while it is linear.
    more_before:  earlier messages exist: ask with `before=` the lowest seq shown.
    more_after:   later messages exist: ask with `after=` the highest seq shown.
    """

    conversation_id: str
    messages: list[Message]
    head: int
    last_seq: int
    more_before: bool
    more_after: bool


@dataclass(slots=True)
class Appended:
    """What an append did. A retry with the same key returns the same values.

    first_seq, last_seq:  the place of the messages, without gaps.
    head:                 the conversation's head right after this append.
    branched:             the head had moved and the messages hang under the head that the
                          caller knew (`on_conflict="branch"`); the head stays where it was.
    replayed:             the key was known: nothing was written now.
    """

    conversation_id: str
    first_seq: int
    last_seq: int
    head: int
    branched: bool = False
    replayed: bool = False


@dataclass(slots=True)
class MessageSlice:
    """A piece of one message's text, for messages too large to show whole.

    text:         the characters from `offset` on, at most the limit asked for.
    total_chars:  the length of the whole text.
    next_offset:  where the next slice starts; None when this was the last.
    """

    conversation_id: str
    message: Message
    text: str
    offset: int
    total_chars: int
    next_offset: int | None


class RecalledMessage(NamedTuple):
    """The place of a message that a context recalled."""

    conversation_id: str
    seq: int


@dataclass(slots=True)
class ContextWindow:
    """What fits of a conversation into a model's window, rendered.

    messages:   the provider's list: Chat Completions messages, Responses items, Anthropic
                messages, Gemini contents or UI messages. Empty for "text".
    system:     what the provider keeps apart from the list: Anthropic's `system`, Gemini's
                `systemInstruction`. None elsewhere.
    text:       for format "text": the rendered transcript. Empty for the others.
    head:       the message that this window ends with; pass it as `expected_head` when appending.
    current_head:  the conversation's head; another one where the window is of an earlier message.
    tokens:     estimated tokens of what was rendered, at most `max_tokens`.
    first_seq, last_seq:  the range shown (0, 0 when nothing was shown).
    omitted:    how many messages of the path are not shown.
    outside, outside_upto, tokens_outside:  how many messages come before the first that is shown;
                the last of them (0: none); how many tokens of them stand in no summary. Many: a
                summary would help, see `save_summary`.
    summary_upto:  the message up to which the summary goes that stands in front; 0: none does.
    trashed:    the conversation is in the trash: nothing can be appended until it is restored.
    instructions_left_out:  it has instructions, of which the budget holds not even the beginning.
    receipt:    reproduces this window later, byte for byte; see `History.context`.
    repairs:    what was synthesised or dropped to keep the window valid, one line each.
    lost:       what has no counterpart in this format, one line each.
    recalled:   with `query`, the older messages that answer it, best first; they stand at the end.
    """

    conversation_id: str
    format: str
    head: int
    current_head: int
    tokens: int
    first_seq: int
    last_seq: int
    omitted: int
    outside: int = 0
    outside_upto: int = 0
    tokens_outside: int = 0
    summary_upto: int = 0
    trashed: bool = False
    receipt: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    system: str | dict[str, Any] | list[dict[str, Any]] | None = None
    text: str = ""
    repairs: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    recalled: list[RecalledMessage] = field(default_factory=list[RecalledMessage])
    instructions_left_out: bool = False


@dataclass(slots=True)
class Turn:
    """A turn that was opened: what the user said is stored, and this is what a model should see.

    created:   the conversation was made for it; also true for a retry of that call.
    appended:  the place of what was said; `replayed` for a retry.
    added:     the range in which messages lie that the path got between the head that the caller
               knew and what was said now; None when there is none. In a conversation with branches
               it may hold messages of others too.
    diverged:  the head that the caller knew is no message that this turn follows, as far as the window
               reaches: somebody switched the head, or it is of another branch or conversation. What
               the window shows is what holds; `added` is None.
    """

    conversation_id: str
    created: bool
    appended: Appended
    context: ContextWindow
    added: tuple[int, int] | None = None
    diverged: bool = False

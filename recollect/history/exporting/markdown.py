"""Readable Markdown. A message's own words stand as they are, since most of them are Markdown; a code
block that it left open is closed, so that it cannot swallow what follows."""

from __future__ import annotations

import re

from recollect.db.exports import Exported, StoredMessage
from recollect.history.exporting import shown
from recollect.models.conversation import Summary
from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

_FENCES = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_TICKS = re.compile("`+")


class Markdown:
    def __init__(self) -> None:
        self._marks: shown.Marks | None = None

    def begin(self) -> str:
        return ""

    def conversation(self, exported: Exported) -> str:
        self._marks = shown.Marks(exported)
        found = exported.conversation
        about = f"{found.message_count} messages, {shown.minute(found.created_at)} to "
        lines = [
            f"# {shown.title_of(exported)}",
            f"`{shown.one_line(found.id)}`: {about}{shown.minute(found.updated_at)}",
        ]
        if found.instructions:
            lines += ["**Instructions**", fenced(found.instructions)]
        return "\n\n".join(lines) + "\n\n"

    def message(self, stored: StoredMessage) -> str:
        message = stored.message
        aside = " · another branch" if self._marks is not None and self._marks.aside(message.seq) else ""
        after = "" if message.parent_seq == message.seq - 1 else f" · follows #{message.parent_seq}"
        heading = f"## #{message.seq} {shown.who(message)} · {shown.said_at(message)}{after}{aside}"
        return f"{heading}\n\n{_body(message)}\n\n"

    def summary(self, summary: Summary) -> str:
        return f"## Summary up to #{summary.upto_seq}\n\n{_closed(summary.content)}\n\n"

    def close(self) -> str:
        return "---\n\n"

    def end(self) -> str:
        return ""


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{readable(text)}\n{fence}"


def _body(message: Message) -> str:
    if message.stored_parts is None:
        return _closed(message.text)
    return "\n\n".join(_part(part) for part in message.parts)


def _part(part: Part) -> str:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return _closed(part_text(part))
    if kind == "reasoning":
        words = part.get("text")
        return (
            f"*Reasoning*\n\n{fenced(words)}"
            if isinstance(words, str) and words
            else "*Reasoning, not shown*"
        )
    if kind == "tool_call":
        return f"**Call** of `{shown.one_line(part['name'])}`\n\n{fenced(shown.arguments(part))}"
    if kind == "tool_result":
        failed = " (failed)" if part.get("is_error") else ""
        return f"**Result**{failed}\n\n{fenced(part_text(part))}"
    return f"*({shown.label(part)})*"


def _closed(text: str) -> str:
    """Text with its last code block closed."""
    text = readable(text)
    open_fence = ""
    for found in _FENCES.finditer(text):
        fence = found[1]
        if not open_fence:
            open_fence = fence
        elif fence[0] == open_fence[0] and len(fence) >= len(open_fence):
            open_fence = ""
    return f"{text}\n{open_fence}" if open_fence else text

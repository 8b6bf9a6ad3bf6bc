"""Readable Markdown. A message's own words stand as they are, since most of them are Markdown; but a code
block that it left open is closed, and a line that would begin HTML is shown as it was written, so that
neither can swallow what follows; nor can a heading pose as another message."""

from __future__ import annotations

import re

from recollect.db.exports import Exported, StoredMessage
from recollect.history.exporting import shown
from recollect.models.conversation import Summary
from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

_LINES = re.compile(
    r"(?:^|(?<=\r)) {0,3}(?:(?P<fence>`{3,}|~{3,})(?P<behind>[^\r\n]*)"
    r"|<(?![A-Za-z][A-Za-z0-9+.-]*:)(?=[A-Za-z/!?])"
    r"|#(?=#{0,5}[ \t]+(?:#\d|Summary up to #))"
    r"|#\d[^\r\n]*(?:\r\n?|\n) {0,3}[-=](?=[-=]*[ \t]*(?:[\r\n]|\Z)))",
    re.MULTILINE,
)
"""Lines with a fence and what stands behind it, those that begin HTML, not <https://links>, and headings that
pose as ours, of either kind. Alone, \\r ends a line too."""

_TICKS = re.compile("`+")


class Markdown:
    def __init__(self) -> None:
        self._marks: shown.Marks | None = None

    def begin(self) -> str:
        return ""

    def conversation(self, exported: Exported) -> str:
        self._marks = shown.Marks(exported)
        found = exported.conversation
        lines = [
            f"# {_heading(shown.title_of(exported))}",
            f"{_code(shown.one_line(found.id))}: {shown.about(exported)}",
        ]
        if found.instructions:
            lines += ["**Instructions**", fenced(found.instructions)]
        return "\n\n".join(lines) + "\n\n"

    def message(self, stored: StoredMessage) -> str:
        message = stored.message
        aside = " · another branch" if self._marks is not None and self._marks.aside(message.seq) else ""
        after = "" if message.parent_seq == message.seq - 1 else f" · follows #{message.parent_seq}"
        heading = f"## #{message.seq} {_heading(shown.who(message))} · {shown.said_at(message)}{after}{aside}"
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
        return f"**Call** of {_code(shown.one_line(part['name']))}\n\n{fenced(shown.arguments(part))}"
    if kind == "tool_result":
        failed = " (failed)" if part.get("is_error") else ""
        return f"**Result**{failed}\n\n{fenced(part_text(part))}"
    label = f"*({_heading(shown.label(part))})*"
    held = shown.held(part)
    return f"{label}\n\n{fenced(held)}" if held else label


def _closed(text: str) -> str:
    """Text with its last code block closed, and without HTML that begins a line or headings like ours."""
    text = readable(text)
    open_fence = ""
    shown: list[str] = []
    end = 0
    for found in _LINES.finditer(text):
        fence, behind = found["fence"], found["behind"]
        if fence is None:
            if not open_fence:
                shown += [text[end : found.end() - 1], "\\"]
                end = found.end() - 1
        elif not open_fence:
            # Three backticks and more of them on the same line are code within a line.
            open_fence = "" if fence[0] == "`" and "`" in behind else fence
        elif fence[0] == open_fence[0] and len(fence) >= len(open_fence) and not behind.strip():
            open_fence = ""
    text = "".join([*shown, text[end:]])
    return f"{text}\n{open_fence}" if open_fence else text


def _heading(text: str) -> str:
    """A name within a line of ours, whatever it holds."""
    return text.replace("\\", "\\\\").replace("<", "\\<").replace("`", "\\`")


def _code(text: str) -> str:
    """Code within a line."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {text} {ticks}" if longest else f"`{text}`"

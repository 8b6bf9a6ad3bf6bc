"""Plain text for an agent that reads a tool's result: compact, and fenced as data.

Every message starts with a line such as `[#12 user 2026-11-23 10:04]`. A line of stored text
that looks like one of our own lines gets a backslash in front, so that no stored text can pose
as another message, or as the end of the data. The rendering depends on the messages alone:
the same messages give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

# The start of a line, for whatever reader: after any line break that Unicode knows, past blanks
# and invisible characters. Then what our own lines start with, quoted already or not.
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_INVISIBLE = r"\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_MARKS = ("[#", "→ ", "← ", "<conversation", "</conversation")
_POSING = re.compile(
    rf"((?:^|[{_BREAKS}])(?:[^\S{_BREAKS}]|[{_INVISIBLE}])*+)(?=\\*(?:\[#|→ |← |</?conversation))"
)


def fenced(attributes: str, body: str) -> str:
    """`body` between the lines that mark stored data. `attributes` are ours, never stored text."""
    return f"<conversation {attributes}>\n{body}\n</conversation>"


def quoted(text: str) -> str:
    """Any text, readable, with a backslash before lines that pose as ours."""
    return _marked(readable(text))


def render(messages: Iterable[Message]) -> str:
    return "\n".join(render_message(message) for message in messages)


def render_message(message: Message, text: str | None = None) -> str:
    """One message; with `text`, that instead of its own words (a stub of a huge message)."""
    return f"{header(message)}\n{quoted(text) if text is not None else _body(message)}"


def header(message: Message) -> str:
    who = message.role if message.author is None else f"{message.role} {json.dumps(message.author)}"
    branch = "" if message.parent_seq == message.seq - 1 else f" after #{message.parent_seq}"
    at = message.occurred_at or message.created_at
    return f"[#{message.seq} {who} {str(at)[:16]}{branch}]"  # str: half the time of isoformat


def _marked(text: str) -> str:
    """Text out of the database, which is readable."""
    # Most texts hold none of the marks; to find that out costs far less than to go through the lines.
    if "[#" in text or "→ " in text or "← " in text or "conversation" in text:
        return _POSING.sub(r"\1\\", text)
    return text


def _body(message: Message) -> str:
    if message.stored_parts is None:
        return _marked(message.text)
    return "\n".join(_part(message, part) for part in message.parts)


def _part(message: Message, part: Part) -> str:
    kind = part["type"]
    if kind == "tool_call":
        arguments = part["arguments"]
        shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        return f"→ {one_line(part['name'])} (call {one_line(part['id'])}) {one_line(shown)}"
    if kind == "tool_result":
        failed = " failed" if part.get("is_error") else ""
        return f"← call {one_line(part['call_id'])}{failed}:\n{quoted(part_text(part))}"
    if kind in ("text", "refusal"):
        return quoted(part_text(part))
    if kind == "reasoning":
        return f"→ (reasoning, not shown; read_message seq={message.seq} has it)"
    name = next(
        (part[field] for field in ("name", "filename", "uri", "url") if isinstance(part.get(field), str)), ""
    )
    if len(name) > 200:  # a data: URL is no name
        name = name[:40] + "…"
    return f"→ ({kind} {one_line(name)}; read_message seq={message.seq} has it)".replace(" ;", ";")


def one_line(text: str) -> str:
    """Stored text within one of our own lines."""
    return " ".join(readable(text).split())

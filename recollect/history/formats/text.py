"""Plain text for an agent that reads a tool's result: compact, and fenced as data.

Every message starts with a line such as `[#12 user 2026-11-23 10:04]`. A line of stored text
that looks like one of our own lines gets a backslash in front, so that no stored text can pose
as another message, or as the end of the data. The rendering depends on the messages alone:
the same messages give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime

from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

RESULT_OF = "result_of"
"""The field of words that are a result which answers no open call: the id of its call. Windows make them."""

HEADER_TOKENS = 14
"""What the line in front of each message costs, without the author."""

LINE_TOKENS = 22
"""What the line for a part without words costs, without its name."""

# The start of a line, for whatever reader: after any line break that Unicode knows, past blanks
# and invisible characters. Then what our own lines start with, quoted already or not.
_BREAKS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
# Invisible is what Unicode calls default ignorable, control characters, and blanks that are letters to it.
_INVISIBLE = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)

_OURS = r"\[#|→ |← |</?(?:conversation|instructions)"
_POSING = re.compile(rf"((?:^|[{_BREAKS}])(?:[^\S{_BREAKS}]|[{_INVISIBLE}])*+)(?=\\*(?:{_OURS}))")

_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:|-]{1,64}")

_WORDS = {"text": "text", "refusal": "text", "tool_result": "content"}
"""The field of a part that holds words, which a stub may stand for."""


def fenced(attributes: str, body: str) -> str:
    """`body` between the lines that mark stored data. `attributes` are ours, never stored text."""
    return f"<conversation {attributes}>\n{body}\n</conversation>"


def instructed(instructions: str) -> str:
    """A conversation's instructions, between lines that say what they are."""
    return (
        "Instructions of this conversation, to be followed unless your own say otherwise:\n"
        f"<instructions>\n{quoted(instructions)}\n</instructions>"
    )


def quoted(text: str) -> str:
    """Any text, readable, with a backslash before lines that pose as ours."""
    return _marked(readable(text))


def backslashes(text: str) -> int:
    """How many `quoted` adds: what a text takes more when it is shown."""
    return len(_POSING.findall(text)) if _may_pose(text) else 0


def any_may_pose(texts: Sequence[str]) -> bool:
    """Whether `quoted` may change one of them. Most conversations hold no line that poses as ours: to look
    once through all of them is what makes a window cheap."""
    return _may_pose("\n".join(texts))


def render_each(messages: Sequence[Message], *, plain: bool = False) -> list[str]:
    """Every message, rendered. plain: `any_may_pose` says no of their texts, which makes it cheaper."""
    rendered: list[str] = []
    for message in messages:
        seq, parent, role, author, text, parts, _, _, _, created_at, occurred_at = message
        if plain and parts is None and author is None and occurred_at is None and parent == seq - 1:
            rendered.append(f"[#{seq} {role} {minute(created_at)}]\n{text}")
        else:
            rendered.append(render_message(message))
    return rendered


def render_message(message: Message, text: str | None = None) -> str:
    """One message; with `text`, that instead of its own words (a stub of a huge message): its calls,
    and which call it answers, stay."""
    return f"{header(message)}\n{_body(message) if text is None else _stub(message, text)}"


def _may_pose(text: str) -> bool:
    """Whether a line of a text may look like one of ours; far cheaper than to go through the lines. To look
    for one character takes a tenth of what it takes to look for more, and a loop would take the rest."""
    return (
        ("<" in text and ("conversation" in text or "instructions" in text))
        or ("#" in text and "[#" in text)
        or ("→" in text and "→ " in text)
        or ("←" in text and "← " in text)
    )


def header(message: Message) -> str:
    who = message.role if message.author is None else f"{message.role} {in_line(message.author)}"
    branch = "" if message.parent_seq == message.seq - 1 else f" after #{message.parent_seq}"
    at = message.occurred_at or message.created_at
    return f"[#{message.seq} {who} {minute(at)}{branch}]"


_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # `dumps` makes one each time

_MINUTES = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]
_DAYS: dict[int, str] = {}


def minute(at: datetime) -> str:
    """`2026-11-23 10:04`; a fifth of the time that isoformat takes, for the most frequent of all lines."""
    ordinal = at.toordinal()
    day = _DAYS.get(ordinal)
    if day is None:
        day = _DAYS[ordinal] = date.fromordinal(ordinal).isoformat()
    return f"{day} {_MINUTES[at.hour * 60 + at.minute]}"


def in_line(value: object) -> str:
    """A stored value as JSON within one of our own lines: readable in any script, and without what
    could end the line or is invisible, which is escaped."""
    written = _as_json(value)
    if written.isprintable():
        return written
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in written)


def _marked(text: str) -> str:
    """Text out of the database, which is readable."""
    if _may_pose(text):
        return _POSING.sub(r"\1\\", text)
    return text


def identifier(id: str) -> str:
    """An id that somebody chose, within one of our own lines: as it is where it looks like one, else as JSON
    that can end neither the line nor a tag."""
    if _PLAIN_ID.fullmatch(id):
        return id
    return in_line(id).replace("<", "\\u003c").replace(">", "\\u003e")


def _body(message: Message) -> str:
    if message.stored_parts is None:
        return _marked(message.text)
    return "\n".join(_part(message, part) for part in message.parts)


def _stub(message: Message, words: str) -> str:
    if message.stored_parts is None or message.parts_left_behind:
        return quoted(words)
    shown: list[str] = []
    for part in message.parts:
        field = _WORDS.get(part["type"])
        shown.append(_part(message, part if field is None else part | {field: words}))
        words = words if field is None else "…"
    return "\n".join(shown)


def _part(message: Message, part: Part) -> str:
    kind = part["type"]
    if kind == "tool_call":
        arguments = part["arguments"]
        shown = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        return f"→ {one_line(part['name'])} (call {one_line(part['id'])}) {one_line(shown)}"
    answered = answered_by(part)
    if answered is not None:
        failed = " failed" if part.get("is_error") else ""
        return f"← call {one_line(answered)}{failed}:\n{quoted(part_text(part))}"
    if kind in ("text", "refusal"):
        return quoted(part_text(part))
    if kind == "reasoning":
        return f"→ (reasoning, not shown; read_message seq={message.seq} format=json has it)"
    name = named(part)
    what = f"{kind} {name}" if name else kind
    return f"→ ({what}; read_message seq={message.seq} format=json has it)"


def answered_by(part: Part) -> str | None:
    """The id of the call whose result a part is, in words or as such."""
    if part["type"] == "tool_result":
        return part["call_id"]
    call = part.get(RESULT_OF) if part["type"] == "text" else None
    return call if isinstance(call, str) else None


def named(part: Part) -> str:
    """What is shown of a part without words of its own; nothing where it has no name."""
    name = next(
        (part[field] for field in ("name", "filename", "uri", "url") if isinstance(part.get(field), str)), ""
    )
    return one_line(name if len(name) <= 200 else name[:40] + "…")  # a data: URL is no name


def counted(count: int, thing: str) -> str:
    """Such as "1 message" and "1200 messages"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def one_line(text: str) -> str:
    """Stored text within one of our own lines."""
    return " ".join(readable(text).split())

"""What a person reads of a conversation, whatever the markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from recollect.db.exports import Exported
from recollect.history.formats import text
from recollect.history.tree import Path, Tree
from recollect.models.message import Message, Part
from recollect.models.parts import readable

UNTITLED = "Untitled conversation"


class Marks:
    """Which messages lie on the path that ends with the conversation's head."""

    def __init__(self, exported: Exported) -> None:
        found = exported.conversation
        tree = Tree(exported.starts, found.last_seq)
        self._path = None if found.linear else Path(tree, found.head_seq)

    def aside(self, seq: int) -> bool:
        """Whether a message is on another branch."""
        return self._path is not None and seq not in self._path


def title_of(exported: Exported) -> str:
    return " ".join((exported.conversation.title or UNTITLED).split())


def about(exported: Exported) -> str:
    """How many messages, and from when to when."""
    found = exported.conversation
    messages = text.counted(found.message_count, "message")
    return f"{messages}, {minute(found.created_at)} to {minute(found.updated_at)}"


def who(message: Message) -> str:
    """The role, and the author's name where there is one."""
    name = "" if message.author is None else f" ({one_line(message.author)})"
    return message.role + name


def minute(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def said_at(message: Message) -> str:
    return minute(message.occurred_at or message.created_at)


def one_line(text: str) -> str:
    return " ".join(readable(text).split())


def arguments(part: Part) -> str:
    """A call's arguments: the string that the provider sent, or JSON that a person can read."""
    given: object = part["arguments"]
    return readable(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, indent=2))


def label(part: Part) -> str:
    """The words for a part that cannot be shown: its type, and what it is called."""
    names = (part.get(name) for name in ("name", "filename", "uri", "url", "file_id", "format"))
    name = next((name for name in names if isinstance(name, str) and name), "")
    return f"{part['type']} {one_line(name)[:200]}".strip()


def held(part: Part) -> str | None:
    """The text of a file whose bytes are text."""
    words = part.get("text") if part["type"] == "file" else None
    return words if isinstance(words, str) and words else None

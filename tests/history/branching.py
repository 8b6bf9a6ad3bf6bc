"""A conversation to branch, and what is told of its branches."""

from __future__ import annotations

from typing import Any

from recollect.history.history import History
from recollect.models.message import NewMessage


def user(text: str) -> NewMessage:
    return NewMessage("user", text)


def assistant(text: str) -> NewMessage:
    return NewMessage("assistant", text)


async def four_messages(history: History) -> str:
    """A new conversation: 1 user, 2 assistant, 3 user, 4 assistant."""
    id = (await history.create()).id
    await history.append(id, [user("q1"), assistant("a1"), user("q2"), assistant("a2")])
    return id


async def context(history: History, c: str, **arguments: Any) -> list[str]:
    window = await history.context(c, format="openai", **arguments)
    return [str(each["content"]) for each in window.messages]


async def branches(history: History, c: str, **arguments: Any) -> list[tuple[int, int, int, bool]]:
    return [
        (each.seq, each.parent_seq, each.head_seq, each.current)
        for each in (await history.branches(c, **arguments)).branches
    ]

"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from recollect.models.message import Role


@dataclass(slots=True)
class Neighbour:
    """A message right before or after a hit. text: at most 300 characters of it."""

    seq: int
    role: Role
    author: str | None
    at: datetime
    text: str


@dataclass(slots=True)
class SearchHit:
    """A message that a search found.

    title:       of its conversation.
    at:          when it was said: the time the caller gave, else when it was stored.
    snippet:     the part of its text that answers the query best, at most 300 characters, with `…`
                 where something is left out.
    marks:       where the words of the query stand in the snippet: (begin, end) in characters.
    score:       higher is better; comparable within one search.
    neighbours:  the messages around it, by seq, where `context` asked for them.
    """

    conversation_id: str
    title: str | None
    seq: int
    parent_seq: int
    role: Role
    author: str | None
    at: datetime
    snippet: str
    marks: list[tuple[int, int]]
    score: float
    neighbours: list[Neighbour] = field(default_factory=list[Neighbour])


@dataclass(slots=True)
class SearchPage:
    """Hits, best first. next_cursor: pass it as `cursor` for the next page; None on the last one."""

    hits: list[SearchHit]
    next_cursor: str | None

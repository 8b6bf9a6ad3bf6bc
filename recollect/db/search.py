"""The statements of a search."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from recollect.db.database import Database
from recollect.db.sql import load
from recollect.models.message import Role
from recollect.models.search import Neighbour

_AROUND = load("messages_around")

_WORDS = (
    "SELECT * FROM recollect.search_v2("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
)
_FUSED = (
    "SELECT * FROM recollect.search_fused_v2("
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
)


@dataclass(slots=True, frozen=True)
class Clauses:
    """What the index is asked; see `search_queries_v2`."""

    kinds: list[str]
    words: list[str]
    patterns: list[str | None]
    language: int | None
    asked: bool
    mark: str


@dataclass(slots=True, frozen=True)
class Where:
    """Which messages may be found. None: any."""

    conversation_id: str | None
    exclude: str | None
    role: str | None
    since: datetime | None
    until: datetime | None


ANYWHERE = Where(None, None, None, None, None)


@dataclass(slots=True, frozen=True)
class Meaning:
    """What a query is about: a vector of length 1, and the model that made it."""

    model: str
    vector: list[float]


class Found(NamedTuple):
    """A row of `search_v2`: `excerpt` begins at the character `begins` of the text, counted from 1."""

    conversation_id: str
    title: str | None
    seq: int
    parent_seq: int
    role: Role
    author: str | None
    at: datetime
    score: float
    begins: int
    excerpt: str
    chars: int


async def search(
    db: Database,
    user_id: str,
    clauses: Clauses,
    where: Where,
    *,
    limit: int,
    after: tuple[float, str, int] | None,
    chars: int,
) -> list[Found] | None:
    """The best messages, best first; None if the query has no word that is indexed."""
    arguments = _arguments(clauses, where, limit, after, chars)
    rows = await db.call(_WORDS, user_id, *arguments, repeatable=True)
    return None if rows[0]["outcome"] == "common" else _found(rows)


class NoPgvector(Exception):
    """The database has no pgvector (any more), so nothing was searched."""


async def search_fused(
    db: Database,
    user_id: str,
    clauses: Clauses,
    meaning: Meaning,
    where: Where,
    *,
    limit: int,
    after: tuple[float, str, int] | None,
    chars: int,
) -> list[Found] | None:
    """The same by words and meaning. Its scores are not those of `search`. Raises: NoPgvector."""
    arguments = _arguments(clauses, where, limit, after, chars)
    rows = await db.call(_FUSED, user_id, *arguments, meaning.model, meaning.vector, repeatable=True)
    if rows[0]["outcome"] == "no_pgvector":
        raise NoPgvector
    return None if rows[0]["outcome"] == "common" else _found(rows)


def _arguments(
    clauses: Clauses, where: Where, limit: int, after: tuple[float, str, int] | None, chars: int
) -> tuple[object, ...]:
    """What both functions take after the user, in their order."""
    return (
        clauses.kinds,
        clauses.words,
        clauses.patterns,
        clauses.language,
        clauses.asked,
        where.conversation_id,
        where.exclude,
        where.role,
        where.since,
        where.until,
        limit,
        *(after or (None, None, None)),
        clauses.mark,
        chars,
    )


def _found(rows: list[Any]) -> list[Found]:
    return [Found(*row[1:]) for row in rows if row["seq"] is not None]


async def around(
    db: Database, user_id: str, places: list[tuple[str, int]], distance: int, chars: int
) -> dict[tuple[str, int], list[Neighbour]]:
    """The messages at most `distance` before and after some others, by (conversation, seq) of those."""
    found: dict[tuple[str, int], list[Neighbour]] = {place: [] for place in places}
    async with db.read(user_id) as tx:
        for row in await tx.fetch(
            _AROUND, user_id, [id for id, _ in places], [seq for _, seq in places], distance, chars
        ):
            place = row["conversation_id"], row["of_seq"]
            found[place].append(Neighbour(row["seq"], row["role"], row["author"], row["at"], row["text"]))
    return found

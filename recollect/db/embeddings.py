"""Statements about embeddings: which messages lack one, and storing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from recollect.db.database import Database
from recollect.db.sql import load

_LACKING = load("embeddings_lacking")
_PLACES = load("embeddings_lacking_places")
_TEXTS = load("embeddings_lacking_texts")
_OUTDATED = load("embeddings_outdated")
_INSERT = load("embeddings_insert")

Vector = list[float]

Place = tuple[str, int]

START: Place = ("", 0)


class Unembedded(NamedTuple):
    """A message without a vector: the beginning of its text."""

    conversation_id: str
    seq: int
    created_at: datetime
    text: str


async def has_pgvector(db: Database) -> bool:
    """Whether this database has pgvector, where users' statements may use it."""
    async with db.system() as tx:
        return await tx.fetchval(
            "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector' "
            "AND has_schema_privilege('recollect_app', extnamespace, 'USAGE'))"
        )


async def lacking(
    db: Database, user_id: str, conversation_id: str, first: int, model: str, *, chars: int, limit: int
) -> list[Unembedded]:
    """Messages of a conversation from `first` on that lack a vector of `model`."""
    async with db.read(user_id) as tx:
        rows = await tx.fetch(_LACKING, user_id, conversation_id, first, model, chars, limit)
    return [Unembedded(*row) for row in rows]


async def lacking_places(db: Database, user_id: str, after: Place, model: str, limit: int) -> list[Place]:
    """Where messages of all the user's conversations lack one, in the order of their places."""
    async with db.read(user_id) as tx:
        rows = await tx.fetch(_PLACES, user_id, *after, model, limit)
    return [(row["conversation_id"], row["seq"]) for row in rows]


async def texts(
    db: Database, user_id: str, places: Sequence[Place], model: str, chars: int
) -> list[Unembedded]:
    """The messages at these places that lack one still."""
    async with db.read(user_id) as tx:
        rows = await tx.fetch(
            _TEXTS, user_id, [id for id, _ in places], [seq for _, seq in places], model, chars
        )
    return [Unembedded(*row) for row in rows]


async def store(
    db: Database, user_id: str, messages: Sequence[Unembedded], vectors: Sequence[Vector], model: str
) -> None:
    """Store a vector for each message, instead of those of other models; an empty one says that the
    model takes no part of it. Those of messages that are gone meanwhile are dropped."""
    ids, seqs = [each.conversation_id for each in messages], [each.seq for each in messages]
    in_order = sorted(zip(ids, seqs, strict=True), key=lambda place: (place[0].encode(), place[1]))
    ends = list(accumulate(map(len, vectors)))
    async with db.write(user_id) as tx:
        await tx.fetch_each(_OUTDATED, [(user_id, *place, model) for place in in_order])
        await tx.execute(
            _INSERT,
            user_id,
            ids,
            seqs,
            [each.created_at for each in messages],
            [number for vector in vectors for number in vector],
            [end - len(vector) + 1 for end, vector in zip(ends, vectors, strict=True)],
            ends,
            model,
        )

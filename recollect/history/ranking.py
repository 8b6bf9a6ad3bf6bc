"""Ranking the messages that answer a query: by its words, and by what it is about where that is known."""

from __future__ import annotations

from typing import NamedTuple

from recollect.db import search
from recollect.db.database import Database
from recollect.db.search import Found, NoPgvector, Where
from recollect.history.meanings import Meanings
from recollect.history.query import Query


class Place(NamedTuple):
    """Where a page ended. before: how many hits there were up to here, where the ranking was one by
    meaning; None: it was one by words."""

    score: float
    conversation_id: str
    seq: int
    before: int | None


class Ranked(NamedTuple):
    """The best messages, best first. by_meaning: also by meaning, whose scores are others."""

    found: list[Found]
    by_meaning: bool


async def ranked(
    db: Database,
    user_id: str,
    meanings: Meanings | None,
    query: Query,
    where: Where,
    *,
    limit: int,
    after: Place | None,
    chars: int,
) -> Ranked | None:
    """At most `limit` messages behind `after`; None if the query has no word that is indexed. One round
    trip, and a question to the provider of embeddings where there is one. A list goes on as it began;
    if that cannot be, because the provider fails, with as many of the other ranking left out."""
    begins = after is None or after.before is not None
    meaning = await meanings.of_query(user_id, query.positive) if meanings is not None and begins else None
    if meaning is not None:
        try:
            found = await search.search_fused(
                db, user_id, query.clauses, meaning, where,
                limit=limit, after=None if after is None else after[:3], chars=chars,
            )  # fmt: skip
        except NoPgvector:
            pass
        else:
            return None if found is None else Ranked(found, True)
    before = (after.before or 0) if after is not None else 0
    found = await search.search(
        db, user_id, query.clauses, where,
        limit=before + limit, after=None if after is None or before else after[:3], chars=chars,
    )  # fmt: skip
    return None if found is None else Ranked(found[before:], False)

"""Search in everything a user and their agents ever said."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from functools import partial
from typing import get_args

from recollect.db import search
from recollect.history import cursor as cursors
from recollect.history.incoming import check_int, check_moment, check_text
from recollect.history.query import parse
from recollect.history.ranking import Place, Ranked, ranked
from recollect.history.scope import MAX_ID_CHARS, Scope
from recollect.history.snippet import EXCERPT_CHARS, SNIPPET_CHARS, snippet
from recollect.models.errors import InvalidArgument
from recollect.models.message import ROLES, Role
from recollect.models.search import SearchHit, SearchPage

MAX_HITS = 50
MAX_NEIGHBOURS = 3

COMMON = "holds only words that are everywhere, such as 'the' and 'what'; add a name or a rarer word"


class SearchVerbs(Scope):
    """How one user finds again what was said."""

    async def search(
        self,
        query: str,
        *,
        conversation_id: str | None = None,
        role: Role | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 10,
        cursor: str | None = None,
        context: int = 0,
        exclude: str | None = None,
    ) -> SearchPage:
        """Messages that answer a query, best first, in one round trip, and three more with `context`.
        The trash is not searched. Where there is a replica, as it is there.

        query:            words and questions in any language: any of the words, the rarer the better,
                          in whatever form. "in quotes": exactly this. -word: not this. wor*: a
                          beginning, of at least 3 letters. At most 10,000 characters; the first 40
                          different words count.
        conversation_id:  only in this one; exclude: not in this one.
        since, until:     from this time on, and before that one; with a time zone.
        limit:            1 to 50.
        cursor:           `next_cursor` of the page before, with the same query and filters.
        context:          show so many messages before and after each hit, 0 to 3.

        Raises: InvalidArgument (also for a query of nothing but words such as "the").
        """
        parsed = parse(query)
        for name, id in (("conversation_id", conversation_id), ("exclude", exclude)):
            if id is not None:
                check_text(name, id, MAX_ID_CHARS)
        if role is not None and role not in get_args(Role):
            raise InvalidArgument("role", f"must be one of {', '.join(ROLES)}")
        for name, at in (("since", since), ("until", until)):
            if at is not None:
                check_moment(name, at)
        if conversation_id is not None and conversation_id == exclude:
            raise InvalidArgument("exclude", "is the conversation to search: leave one of them out")
        if since is not None and until is not None and since >= until:
            raise InvalidArgument("until", "is not after since: swap them, or leave one out")
        check_int("limit", limit, 1, MAX_HITS)
        check_int("context", context, 0, MAX_NEIGHBOURS)
        where = search.Where(conversation_id, exclude, role, since, until)
        filters = (query, *(None if part is None else str(part) for part in astuple(where)))
        after = None if cursor is None else Place(*cursors.decode_ranked(filters, cursor))
        ask = partial(
            ranked,
            user_id=self._user,
            meanings=self._meanings,
            query=parsed,
            where=where,
            limit=limit + 1,
            after=after,
            chars=EXCERPT_CHARS,
        )
        best = await self._db.anywhere(ask)
        if best is None:
            raise InvalidArgument("query", COMMON)
        hits: list[SearchHit] = []
        for row in best.found[:limit]:
            shown, marks = snippet(
                row.excerpt,
                parsed,
                more_before=row.begins > 1,
                more_after=row.begins - 1 + len(row.excerpt) < row.chars,
            )
            hits.append(
                SearchHit(
                    row.conversation_id, row.title, row.seq, row.parent_seq, row.role, row.author, row.at,
                    shown, marks, row.score,
                )
            )  # fmt: skip
        if context and hits:
            places = [(hit.conversation_id, hit.seq) for hit in hits]
            look = partial(
                search.around, user_id=self._user, places=places, distance=context, chars=SNIPPET_CHARS
            )
            around = await self._db.anywhere(look)
            for hit in hits:
                hit.neighbours = around[hit.conversation_id, hit.seq]
        return SearchPage(hits, _next(filters, best, after, hits) if len(best.found) > limit else None)


def _next(filters: tuple[str | None, ...], best: Ranked, after: Place | None, hits: list[SearchHit]) -> str:
    """The cursor of the page behind these hits."""
    last = hits[-1]
    before = len(hits) + (0 if after is None else after.before or 0)
    return cursors.encode_ranked(
        filters, last.score, last.conversation_id, last.seq, before if best.by_meaning else None
    )

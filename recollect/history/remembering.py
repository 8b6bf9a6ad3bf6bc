"""What contexts and turns have in common with a search: a window, and behind it what a query recalls."""

from __future__ import annotations

from typing import cast

from recollect.db import messages, search
from recollect.history import recall
from recollect.history.formats import Format
from recollect.history.query import MAX_QUERY_CHARS, Query, parse
from recollect.history.scope import Scope
from recollect.history.snippet import EXCERPT_CHARS
from recollect.history.tokens import SAFETY
from recollect.history.window import FAMILIES, Plan, build_window, plan
from recollect.models.errors import InvalidArgument
from recollect.models.message import ContextWindow


class Remembering(Scope):
    """Builds windows that recall what a query asks for."""

    async def _remember(
        self, id: str, found: messages.Window, planned: Plan, asked: Query | None, max_tokens: int
    ) -> ContextWindow:
        """The window of `planned`, and in what it leaves of `max_tokens` what was asked for."""
        window = build_window(id, found, planned)
        if asked is None:
            return window
        chosen = await self._recalled(asked, window, max_tokens)
        if chosen is None:
            return window
        window = build_window(id, found, planned, chosen.text)
        window.recalled = chosen.messages
        window.tokens = min(max_tokens, window.tokens + _in_budget(chosen.tokens, planned.format))
        return window

    async def _recalled(self, asked: Query, window: ContextWindow, max_tokens: int) -> recall.Recalled | None:
        rows = await search.search(
            self._db,
            self._user,
            asked.clauses,
            search.ANYWHERE,
            limit=recall.MAX_HITS,
            after=None,
            chars=EXCERPT_CHARS,
        )
        new = [row for row in rows or () if recall.is_new(row, window)]
        if not new:
            return None
        best = [(row.conversation_id, row.seq) for row in new[: recall.WITH_NEIGHBOURS]]
        around = await search.around(self._db, self._user, best, 1, recall.NEIGHBOUR_CHARS)
        room = (max_tokens - window.tokens) * 1_000 // _in_budget(1_000, cast("Format", window.format))
        return recall.choose(new, around, asked, window, room)


def plan_to_recall(max_tokens: int, format: Format, query: str | None) -> tuple[Plan, Query | None]:
    """How the window's share of a budget is shared out, and what to recall in the rest. There is nothing
    to recall, and the window gets all, without a query and with one of which there is nothing to look
    up, such as `Thanks!`.

    Raises: InvalidArgument.
    """
    planned = plan(max_tokens, format)
    if query is None:
        return planned, None
    try:
        asked = parse(query[:MAX_QUERY_CHARS])
    except InvalidArgument:
        return planned, None
    return plan(max_tokens - max_tokens // recall.SHARE, format), asked


def _in_budget(tokens: int, format: Format) -> int:
    """Estimated tokens in those of the format's provider."""
    return -int(-tokens * SAFETY[FAMILIES.get(format, "openai")] // 1)

"""The verbs that give a model what it should see next: the context, and a turn that begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from recollect.db import messages, search
from recollect.history import recall
from recollect.history import receipt as receipts
from recollect.history.appending import MAX_KEY_CHARS, appended_or_refused, once_more
from recollect.history.budget import MAX_ROWS, Plan, in_providers_tokens, plan
from recollect.history.formats import Format
from recollect.history.incoming import check_instructions, check_int, check_text, check_title, prepare
from recollect.history.query import MAX_QUERY_CHARS, Query, parse
from recollect.history.ranking import ranked
from recollect.history.scope import MAX_ID_CHARS, Scope, id_from_key, not_found, users_table
from recollect.history.snippet import EXCERPT_CHARS
from recollect.history.window import build_window
from recollect.models.batch import Batch
from recollect.models.errors import InvalidArgument, KeyReused, NotFound, NotReproducible
from recollect.models.message import ContextWindow, NewMessage, Turn


class ContextVerbs(Scope):
    """What one user's agents see of a conversation."""

    async def context(
        self,
        id: str,
        *,
        max_tokens: int = 8_000,
        format: Format = "text",
        upto_seq: int | None = None,
        receipt: str | None = None,
        query: str | None = None,
    ) -> ContextWindow:
        """What a model should see next: the conversation's instructions, the newest summary where not
        all fits, and as much of the end of the current path as fits, tool calls never without their
        results, in one round trip. docs/context.md has the rules.

        max_tokens:  1 to 2,000,000, instructions included.
        format:      "text", a transcript for an agent that reads a tool result; "openai" (Chat
                     Completions), "openai_responses", "anthropic", "gemini", "vercel".
        upto_seq:    as of this message, on whatever branch it is; default: the head.
        receipt:     of a window that this conversation gave: the same again, byte for byte. Budget,
                     format and `upto_seq` are in it.
        query:       recall older messages that answer it, of any conversation, in half of the budget
                     and what the window leaves over, behind the window. The receipt leaves them out.

        The same head gives the same bytes, and while the conversation grows the beginning stays
        until the window has to move.

        Raises: InvalidArgument, NotFound, NotReproducible.
        """
        check_text("id", id, MAX_ID_CHARS)
        if receipt is not None:
            if query is not None:
                raise InvalidArgument("query", "cannot be combined with receipt, which recalls nothing")
            if upto_seq is not None:
                raise InvalidArgument(
                    "upto_seq", "cannot be combined with receipt, which says up to where it goes"
                )
            return await self._reproduced(id, receipt, format)
        if upto_seq is not None:
            check_int("upto_seq", upto_seq, 1, messages.MAX_SEQ)
        planned, asked = _plan(max_tokens, format, query)
        found = await self._read(id, planned, upto_seq)
        return await self._remember(id, found, planned, asked, max_tokens)

    async def open_turn(
        self,
        message: NewMessage | Sequence[NewMessage],
        *,
        key: str,
        id: str | None = None,
        max_tokens: int = 8_000,
        format: Format = "text",
        known_head: int | None = None,
        title: str | None = None,
        instructions: str | None = None,
        query: str | None = None,
    ) -> Turn:
        """Store what was said and load what a model should see, in one round trip: the first half of
        a stateless turn; `append` with the context's head as `expected_head` is the other.

        key:         idempotency key, 1 to 200 characters. A retry gives the same answer, also if the
                     conversation went on meanwhile. Without `id` it has to be unique to this user,
                     such as a UUID: it decides which conversation a retry finds.
        id:          the conversation. Without it a new one begins, with `title` and `instructions`.
        known_head:  the head that you know; `Turn.added` says what others added after it, and
                     `Turn.diverged` that this turn does not follow it.
        max_tokens, format, query:  as of `context`.

        Raises: InvalidArgument, NotFound, Conflict (in the trash), KeyReused, NotReady (a user whom
        the linked users table lacks), Unavailable.
        """
        check_text("key", key, MAX_KEY_CHARS)
        planned, asked = _plan(max_tokens, format, query)
        if known_head is not None:
            check_int("known_head", known_head, 0, messages.MAX_SEQ)
            if known_head and id is None:  # who knows a head has forgotten the id
                raise InvalidArgument(
                    "known_head", "is of a conversation that is there: pass its id too, or leave this out"
                )
        batch = prepare([message] if isinstance(message, NewMessage) else message, key, self._settings)
        created = False
        if id is None:
            id = id_from_key(self._user, key)
            done, created, found = await self._begin(id, batch, key, title, instructions, planned)
        elif title is not None or instructions is not None:
            raise InvalidArgument(
                "title" if title is not None else "instructions",
                "is for a conversation that begins with this turn; update changes one that is there",
            )
        else:
            check_text("id", id, MAX_ID_CHARS)
            send = partial(messages.open_turn, key=key, limits=_limits(planned))
            done, found = await once_more(partial(send, self._db, self._user, id, batch))
        appended = self._landed(appended_or_refused(id, done, key), batch)
        if found is None:
            raise not_found(id)
        diverged = known_head is not None and _is_elsewhere(found, known_head, appended.first_seq)
        added = None if known_head is None or diverged else _added(found, known_head, appended.first_seq)
        window = await self._remember(id, found, planned, asked, max_tokens)
        return Turn(id, created, appended, window, added, diverged)

    async def _begin(
        self, id: str, batch: Batch, key: str, title: str | None, instructions: str | None, planned: Plan
    ) -> tuple[messages.AppendOutcome, bool, messages.Window | None]:
        """Begin a conversation, unless an earlier call with this key did; whether one of them did."""
        title = None if title is None else check_title(title, self._settings)
        instructions = None if instructions is None else check_instructions(instructions)
        begin = partial(
            messages.open_conversation,
            self._db,
            self._user,
            id,
            batch,
            key=key,
            title=title,
            instructions=instructions,
            limits=_limits(planned),
        )
        with users_table():
            done, created, found = await once_more(begin)
        if done.outcome == "key_reused":
            raise KeyReused(
                f"key: {key!r} began conversation {id!r} with other words. Take a new key, such as a UUID, "
                "for a new conversation, or name the one that this belongs to"
            )
        return done, created or (done.outcome == "replayed" and done.first_seq == 1), found

    async def _read(
        self, id: str, planned: Plan, upto: int | None, summary: int | None = None
    ) -> messages.Window:
        found = await messages.window(
            self._db,
            self._user,
            id,
            upto=upto,
            summary=summary,
            limits=_limits(planned),
        )
        if found is None:
            raise not_found(id)
        if found.tip > found.last_seq:
            raise InvalidArgument(
                "upto_seq", f"this conversation has no message {upto}; its last one is {found.last_seq}"
            )
        return found

    async def _reproduced(self, id: str, receipt: str, format: Format) -> ContextWindow:
        wanted = receipts.read(receipt)
        if format not in ("text", wanted.format):  # which is what is said where nothing is said
            raise InvalidArgument("format", f"is {wanted.format} in this receipt; leave it out")
        try:
            planned = plan(wanted.max_tokens, wanted.format)
        except InvalidArgument as error:
            raise receipts.refused() from error
        try:
            found = await self._read(id, planned, wanted.tip, wanted.summary_upto)
        except NotFound as error:
            raise NotReproducible(
                f"receipt: there is no conversation {id!r}; if it was purged, its messages are gone for good"
            ) from error
        except InvalidArgument as error:  # it is shorter now than the path was
            raise _other_window(receipts.OTHER_MESSAGES) from error
        window = build_window(id, found, planned).window
        problem = receipts.difference(wanted, receipts.read(window.receipt))
        if problem is not None:
            raise _other_window(problem)
        return window

    async def _remember(
        self, id: str, found: messages.Window, planned: Plan, asked: Query | None, max_tokens: int
    ) -> ContextWindow:
        """The window of `planned`, and in what it leaves of `max_tokens` what was asked for."""
        shown = build_window(id, found, planned)
        window = shown.window
        if asked is None:
            return window
        chosen = await self._recalled(asked, window, max_tokens)
        if chosen is None:
            return window
        window = shown.recalling(chosen.text)
        window.recalled = chosen.messages
        window.tokens = min(max_tokens, window.tokens + in_providers_tokens(chosen.tokens, planned.format))
        return window

    async def _recalled(self, asked: Query, window: ContextWindow, max_tokens: int) -> recall.Recalled | None:
        best = await ranked(
            self._db,
            self._user,
            self._meanings,
            asked,
            search.ANYWHERE,
            limit=recall.MAX_HITS,
            after=None,
            chars=EXCERPT_CHARS,
        )
        new = [row for row in (() if best is None else best.found) if recall.is_new(row, window)]
        if not new:
            return None
        first = [(row.conversation_id, row.seq) for row in new[: recall.WITH_NEIGHBOURS]]
        around = await search.around(self._db, self._user, first, 1, recall.NEIGHBOUR_CHARS)
        room = (
            (max_tokens - window.tokens) * 1_000 // in_providers_tokens(1_000, cast("Format", window.format))
        )
        return recall.choose(new, around, asked, window, room)


def _plan(max_tokens: int, format: Format, query: str | None) -> tuple[Plan, Query | None]:
    """How the window's share of a budget is shared out, and what to recall in the rest. There is nothing
    to recall, and the window gets all, without a query and with one of which there is nothing to look
    up, such as `Thanks!`.

    Raises: InvalidArgument.
    """
    planned = plan(max_tokens, format)
    if query is None:
        return planned, None
    if not isinstance(cast("object", query), str):
        raise InvalidArgument("query", "must be a string")
    try:
        asked = parse(query[:MAX_QUERY_CHARS])
    except InvalidArgument:
        return planned, None
    return plan(max_tokens - max_tokens // recall.SHARE, format), asked


def _limits(planned: Plan) -> messages.Limits:
    return messages.Limits(
        planned.budget, planned.part, planned.user_part, planned.overhead, planned.cut_chars, MAX_ROWS
    )


def _other_window(problem: str) -> NotReproducible:
    return NotReproducible(
        f"receipt: this window cannot be made again: {problem}. Load the context without receipt"
    )


def _is_elsewhere(found: messages.Window, known: int, first: int) -> bool:
    """Whether a head that was known is not on the path that came before this, as far as it was read."""
    return known >= first or any(message.parent_seq < known < message.seq for message in found.messages)


def _added(found: messages.Window, known: int, first: int) -> tuple[int, int] | None:
    """The first and the last message of the path between a head that was known and what came now."""
    seqs = [message.seq for message in found.messages if known < message.seq < first]
    before = found.messages[-1].parent_seq  # the path goes on with it, where the budget reached no further
    last = seqs[0] if seqs else min(before, first - 1)
    if last <= known:
        return None
    return (seqs[-1] if seqs and before <= known else known + 1, last)

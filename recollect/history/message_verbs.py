"""The verbs about messages: append, read, and what fits a window."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

import asyncpg

from recollect.db import messages
from recollect.history import receipt as receipts
from recollect.history.formats import Format
from recollect.history.incoming import check_instructions, check_int, check_text, check_title, prepare
from recollect.history.remembering import Remembering, plan_to_recall
from recollect.history.scope import (
    MAX_ID_CHARS,
    MAX_PAGE,
    id_from_key,
    in_trash,
    not_found,
    users_table,
)
from recollect.history.window import MAX_ROWS, Plan, build_window, plan
from recollect.models.batch import Batch
from recollect.models.errors import HeadMoved, InvalidArgument, KeyReused, NotFound, NotReproducible
from recollect.models.message import Appended, ContextWindow, MessagePage, MessageSlice, NewMessage, Turn

MAX_KEY_CHARS = 200
MAX_ADDED_SHOWN = 20

Answer = TypeVar("Answer")


class MessageVerbs(Remembering):
    """What one user can do with the messages of a conversation."""

    async def append(
        self,
        id: str,
        new: NewMessage | Sequence[NewMessage],
        *,
        key: str | None = None,
        expected_head: int | None = None,
        on_conflict: Literal["reject", "branch"] = "reject",
        after_seq: int | None = None,
    ) -> Appended:
        """Append messages: all of them or none, side by side, in one round trip.

        new:            one or many; `messages_from` makes them of a provider's.

        key:            idempotency key of this append, 1 to 200 characters. A retry with the same
                        key and content returns the first result; with other content it is refused.
        expected_head:  the head that you know. If it moved: `reject` raises HeadMoved with what
                        was added, `branch` hangs the messages under the head that you know and
                        leaves the conversation's head where it is.
        after_seq:      hang the messages under this message (0: at the start) instead of under the
                        head, which moves to them: an edit of what followed, or another answer.
                        What is there already stays; `branches` and `switch_head` find it again.

        Limits: 500 messages an append, 10 MB a message (settings).

        Raises: InvalidArgument, NotFound, Conflict (in the trash), HeadMoved, KeyReused,
        OutcomeUnknown (connection lost after sending, without a key), Unavailable.
        """
        check_text("id", id, MAX_ID_CHARS)
        if key is not None:
            check_text("key", key, MAX_KEY_CHARS)
        for name, seq in (("expected_head", expected_head), ("after_seq", after_seq)):
            if seq is not None:
                check_int(name, seq, 0, messages.MAX_SEQ)
        if on_conflict not in ("reject", "branch"):
            raise InvalidArgument("on_conflict", "must be reject or branch")
        if on_conflict == "branch" and (expected_head is None or after_seq is not None):
            raise InvalidArgument(
                "expected_head",
                "is needed with on_conflict=branch: the head to branch from"
                if expected_head is None
                else "decides with on_conflict=branch where to branch from; leave after_seq out",
            )
        batch = prepare([new] if isinstance(new, NewMessage) else new, key, self._settings)
        done = await _once_more(
            partial(
                messages.append,
                self._db,
                self._user,
                id,
                batch,
                key=key,
                expected_head=expected_head,
                branch=on_conflict == "branch",
                after=after_seq,
            )
        )
        if done.outcome == "moved":
            raise await self._head_moved(id, expected_head or 0, done.head or 0)
        return self._landed(_appended(id, done, key), batch)

    async def list_messages(
        self,
        id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        around: int | None = None,
        limit: int = 50,
        order: Literal["asc", "desc"] = "asc",
        max_chars: int | None = None,
    ) -> MessagePage:
        """A run of the log by seq, in one round trip: every message, on branches too.

        before, after:  only seqs below, above; with neither, the newest `limit` messages.
        around:         the messages around this seq, half of them before it.
        limit:          1 to 500.
        order:          of the messages in the answer. It does not choose which: `before` gives
                        the last ones below it, `after` the first ones above it.
        max_chars:      concise: text cut to that many characters plus one, parts of longer
                        messages left behind; `read_message` gives the rest.

        Raises: InvalidArgument, NotFound.
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("limit", limit, 1, MAX_PAGE)
        if order not in ("asc", "desc"):
            raise InvalidArgument("order", "must be asc or desc")
        if max_chars is not None:
            check_int("max_chars", max_chars, 1, 1_000_000)
        for name, seq in (("before", before), ("after", after), ("around", around)):
            if seq is not None:
                check_int(name, seq, 0, messages.MAX_SEQ)
        if around is not None:
            if before is not None or after is not None:
                raise InvalidArgument("around", "cannot be combined with before or after")
            after = max(0, around - limit // 2 - 1)
        newest = after is None
        run = await messages.run(
            self._db,
            self._user,
            id,
            after=after or 0,
            before=messages.MAX_SEQ if before is None else before,
            limit=limit,
            newest=newest,
            max_chars=max_chars,
        )
        if run is None:
            raise not_found(id)
        found = run.messages
        if newest == (order == "asc"):
            found.reverse()
        low, high = (min(found[0].seq, found[-1].seq), max(found[0].seq, found[-1].seq)) if found else (0, 0)
        if not found:  # an empty run: what is before it, and what after?
            low = high = min(run.last_seq, (before or 1) - 1 if newest else after or 0)
            return MessagePage(id, found, run.head_seq, run.last_seq, low > 0, high < run.last_seq)
        return MessagePage(id, found, run.head_seq, run.last_seq, low > 1, high < run.last_seq)

    async def read_message(self, id: str, seq: int, *, offset: int = 0, limit: int = 20_000) -> MessageSlice:
        """One message with a slice of its text, for messages too large to show whole.

        offset, limit:  in characters; limit from 1 to 1,000,000.

        Raises: InvalidArgument, NotFound.
        """
        check_int("seq", seq, 1, messages.MAX_SEQ)
        check_int("offset", offset, 0, messages.MAX_SEQ)
        check_int("limit", limit, 1, 1_000_000)
        page = await self.list_messages(id, after=seq - 1, before=min(seq + 1, messages.MAX_SEQ), limit=1)
        if not page.messages:
            raise NotFound(f"seq: this conversation has no message {seq}; its last one is {page.last_seq}")
        message = page.messages[0]
        end = offset + limit
        total = len(message.text)
        return MessageSlice(
            id, message, message.text[offset:end], offset, total, end if end < total else None
        )

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
        receipt:     of a window that this conversation gave: the same again, byte for byte. The
                     other arguments are in it.
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
            return await self._reproduced(id, receipt)
        if upto_seq is not None:
            check_int("upto_seq", upto_seq, 1, messages.MAX_SEQ)
        planned, asked = plan_to_recall(max_tokens, format, query)
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
        known_head:  the head that you know; `Turn.added` says what others added after it.
        max_tokens, format, query:  as of `context`.

        Raises: InvalidArgument, NotFound, Conflict (in the trash), KeyReused, NotReady (a user whom
        the linked users table lacks), Unavailable.
        """
        check_text("key", key, MAX_KEY_CHARS)
        planned, asked = plan_to_recall(max_tokens, format, query)
        if known_head is not None:
            check_int("known_head", known_head, 0, messages.MAX_SEQ)
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
            done, found = await _once_more(partial(send, self._db, self._user, id, batch))
        appended = self._landed(_appended(id, done, key), batch)
        if found is None:
            raise not_found(id)
        added = None if known_head is None else _added(found, known_head, appended.first_seq)
        window = await self._remember(id, found, planned, asked, max_tokens)
        return Turn(id, created, appended, window, added)

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
            done, created, found = await _once_more(begin)
        if done.outcome == "key_reused":
            raise KeyReused(
                f"key: {key!r} began conversation {id!r} with other words. Take a new key, such as a UUID, "
                "for a new conversation, or name the one that this belongs to"
            )
        return done, created or (done.outcome == "replayed" and done.first_seq == 1), found

    def _landed(self, appended: Appended, batch: Batch) -> Appended:
        if not appended.replayed:
            self._wrote(self._user, sum(batch.token_counts))
        return appended

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

    async def _reproduced(self, id: str, receipt: str) -> ContextWindow:
        wanted = receipts.read(receipt)
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
        window = build_window(id, found, planned)
        problem = receipts.difference(wanted, receipts.read(window.receipt))
        if problem is not None:
            raise _other_window(problem)
        return window

    async def _head_moved(self, id: str, expected: int, head: int) -> HeadMoved:
        if expected > head:
            return HeadMoved(
                f"expected_head: {expected} is not the head of this conversation; its head is {head}. "
                f"Load the context again and append with expected_head={head}",
                head=head,
                added=[],
            )
        added = (
            await self.list_messages(id, after=expected, limit=MAX_ADDED_SHOWN, max_chars=2_000)
        ).messages
        return HeadMoved(
            f"expected_head: the conversation grew from {expected} to {head} since you read it. Take into "
            f"account what was added and append with expected_head={head}, or use on_conflict=branch",
            head=head,
            added=added,
        )


def _limits(planned: Plan) -> messages.Limits:
    return messages.Limits(
        planned.budget, planned.part, planned.user_part, planned.overhead, planned.cut_chars, MAX_ROWS
    )


def _other_window(problem: str) -> NotReproducible:
    return NotReproducible(
        f"receipt: this window cannot be made again: {problem}. Load the context without receipt"
    )


async def _once_more(send: Callable[[], Awaitable[Answer]]) -> Answer:
    """Send an append; a second time where the same append came twice at once and the other one was
    first: its result is there now."""
    try:
        return await send()
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "message_key_idx":
            raise
        return await send()


def _added(found: messages.Window, known: int, first: int) -> tuple[int, int] | None:
    """The first and the last message of the path between a head that was known and what came now."""
    seqs = [message.seq for message in found.messages if known < message.seq < first]
    if not seqs:
        return None
    reached = len(found.messages) == found.length or found.messages[-1].seq <= known
    return (seqs[-1] if reached else known + 1, seqs[0])


def _appended(id: str, done: messages.AppendOutcome, key: str | None) -> Appended:
    """The result of an append. Raises what it says in place of a result."""
    if done.outcome == "key_reused":
        raise KeyReused(
            f"key: {key!r} was used here before for other content (seq {done.first_seq}). "
            "Use a new key for a new message; for a retry send the same content again"
        )
    if done.outcome == "no_parent":
        raise InvalidArgument(
            "after_seq", f"this conversation has no such message; its last one is {done.last_seq}"
        )
    if done.first_seq is None or done.last_seq is None:
        raise in_trash(id) if done.outcome == "trashed" else not_found(id)
    head = done.last_seq if done.head is None else done.head
    return Appended(id, done.first_seq, done.last_seq, head, done.branched, done.outcome == "replayed")

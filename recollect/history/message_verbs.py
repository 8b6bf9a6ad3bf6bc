"""The verbs about messages: append and read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from recollect.db import branches, messages
from recollect.history.appending import MAX_KEY_CHARS, appended_or_refused, once_more
from recollect.history.incoming import check_int, check_text, prepare
from recollect.history.scope import MAX_ID_CHARS, MAX_PAGE, Scope, not_found
from recollect.history.tree import Path, Tree
from recollect.models.errors import HeadMoved, InvalidArgument, NotFound
from recollect.models.message import Appended, Message, MessagePage, MessageSlice, NewMessage

MAX_ADDED_SHOWN = 20
MAX_ADDED_CHARS = 2_000
OTHER_BRANCH = "the head that you know, {}, is on another branch than the present one, {}"


class MessageVerbs(Scope):
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
        send = partial(
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
        done = await once_more(send)
        if done.outcome == "moved" and key is not None:
            # Where the same append came twice at once, the other one may be what moved the head.
            done = await once_more(send)
        if done.outcome == "moved":
            raise await self._head_moved(id, expected_head or 0, done.head or 0)
        return self._landed(appended_or_refused(id, done, key), batch)

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

    async def _head_moved(self, id: str, expected: int, head: int) -> HeadMoved:
        if expected > head:
            return HeadMoved(
                f"expected_head: {expected} is not the head of this conversation; its head is {head}. "
                f"Load the context again and append with expected_head={head}",
                head=head,
                added=[],
            )
        added, straight = await self._added_since(id, expected, head)
        how = "the conversation grew from {} to {} since you read it" if straight else OTHER_BRANCH
        return HeadMoved(
            f"expected_head: {how.format(expected, head)}. Take into account what was added and append with "
            f"expected_head={head}, or use on_conflict=branch",
            head=head,
            added=added,
        )

    async def _added_since(self, id: str, expected: int, head: int) -> tuple[list[Message], bool]:
        """The first messages on the path to `head` that are not on the path to `expected`, and whether
        that one goes on with this one. In a linear conversation that is one read."""
        read = partial(self.list_messages, id, limit=MAX_ADDED_SHOWN, max_chars=MAX_ADDED_CHARS)
        page = await read(after=expected, before=min(head + 1, messages.MAX_SEQ))
        if head - expected <= MAX_ADDED_SHOWN:  # else the page does not hold all of it
            seqs = [(message.seq, message.parent_seq) for message in page.messages]
            if seqs == [(seq, seq - 1) for seq in range(expected + 1, head + 1)]:
                return page.messages, True
        async with self._db.read(self._user) as tx:
            tree = Tree(await branches.starts(tx, self._user, id, page.last_seq), page.last_seq)
        added: list[Message] = []
        for low, high in tree.leaving(expected, head):
            if len(added) < MAX_ADDED_SHOWN:
                added += (await read(after=low - 1, before=min(high + 1, messages.MAX_SEQ))).messages
        # Every path begins at 0.
        return added[:MAX_ADDED_SHOWN], expected == 0 or expected in Path(tree, head)

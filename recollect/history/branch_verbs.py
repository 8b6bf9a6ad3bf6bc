"""The verbs about branches and summaries: other ways a conversation went, copies, compactions."""

from __future__ import annotations

from recollect.db import branches, conversations
from recollect.db.messages import MAX_SEQ
from recollect.history.incoming import check_int, check_text, check_title
from recollect.history.scope import (
    MAX_ID_CHARS,
    Scope,
    no_message,
    not_found,
    random_id,
    unchangeable,
    users_table,
)
from recollect.history.tokens import estimate
from recollect.history.tree import Path, Tree
from recollect.models.conversation import Branch, BranchPage, Conversation, Summary, SummaryPage
from recollect.models.errors import AlreadyExists

MAX_SUMMARY_CHARS = 100_000
PREVIEW_CHARS = 200
MAX_BRANCHES = 500
MAX_SUMMARIES = 100


class BranchVerbs(Scope):
    """What one user can do with the branches of a conversation."""

    async def branches(
        self, id: str, *, at_seq: int | None = None, before: int | None = None, limit: int = 100
    ) -> BranchPage:
        """The alternatives: every message that is not the only one to follow its parent, by parent
        and seq; the last `limit` of them. None in a linear conversation.

        at_seq:  only those that follow this message; 0: those that a conversation begins with.
        before:  only those that come before this message in that order.
        limit:   1 to 500.

        Costs as many index entries as the conversation has branches, and a row for each of those
        that are shown. Raises: InvalidArgument, NotFound.
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("limit", limit, 1, MAX_BRANCHES)
        for name, seq in (("at_seq", at_seq), ("before", before)):
            if seq is not None:
                check_int(name, seq, 0, MAX_SEQ)
        async with self._db.read(self._user) as tx:
            conversation = await conversations.get(tx, self._user, id)
            if conversation is None:
                raise not_found(id)
            # Each statement sees what is there by then: what came after the first one is not of this answer.
            starts = await branches.starts(tx, self._user, id, conversation.last_seq)
            tree = Tree(starts, conversation.last_seq)
            found = [
                seq
                for parent in sorted({parent for _, parent in starts})
                if (at_seq is None or parent == at_seq) and len(tree.following(parent)) > 1
                for seq in tree.following(parent)
            ]
            if before is not None:
                place = (tree.parent(before), before)
                found = [seq for seq in found if (tree.parent(seq), seq) < place]
            shown = found[-limit:]
            previews = await branches.previews(tx, self._user, id, shown, PREVIEW_CHARS)
            if len(previews) < len(shown):  # purged in between
                raise not_found(id)
        on_path = Path(tree, conversation.head_seq)
        alternatives = [
            Branch(
                seq,
                tree.parent(seq),
                tree.newest(seq),
                seq in on_path,
                previews[seq].role,
                previews[seq].text,
                previews[seq].created_at,
            )
            for seq in shown
        ]
        return BranchPage(alternatives, more_before=len(found) > len(shown))

    async def switch_head(self, id: str, seq: int) -> Conversation:
        """Make message `seq` the conversation's head: contexts end with it, and the next append goes
        on from there. Nothing else changes.

        Raises: InvalidArgument, NotFound (of the conversation, or of such a message), Conflict (in
        the trash).
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("seq", seq, 1, MAX_SEQ)
        async with self._db.write(self._user) as tx:
            changed = await branches.switch_head(tx, self._user, id, seq)
            if changed is not None:
                return changed
            raise unchangeable(id, await conversations.get(tx, self._user, id), "seq")

    async def fork(
        self, id: str, *, at_seq: int | None = None, new_id: str | None = None, title: str | None = None
    ) -> Conversation:
        """Copy the path up to a message into a new conversation that stands for itself: messages
        numbered from 1, instructions, metadata, and the summaries on that path. Keys stay behind.

        at_seq:  the last message to copy, on whatever branch; default: the head.
        new_id:  of the copy; default: a short random one. title: of the copy; default: the same.

        Raises: InvalidArgument, NotFound, AlreadyExists, NotReady (a user whom the linked users table lacks).
        """
        check_text("id", id, MAX_ID_CHARS)
        if at_seq is not None:
            check_int("at_seq", at_seq, 1, MAX_SEQ)
        copy = random_id() if new_id is None else check_text("new_id", new_id, MAX_ID_CHARS)
        title = None if title is None else check_title(title, self._settings)
        with users_table():
            async with self._db.write(self._user) as tx:
                outcome, upto = await branches.fork(tx, self._user, id, at_seq, copy, title)
                made = await conversations.get(tx, self._user, copy) if outcome == "forked" else None
                written = 0 if made is None else await branches.tokens(tx, self._user, copy)
        if made is not None:
            self._wrote(self._user, written)
            self._told(copy, 1)
            return made
        if outcome == "taken":
            raise AlreadyExists(f"new_id: a conversation {copy!r} exists already; choose another id")
        raise not_found(id) if outcome == "missing" else no_message("at_seq", upto)

    async def save_summary(self, id: str, upto_seq: int, content: str) -> Summary:
        """Keep what an agent wrote of everything up to message `upto_seq`. Contexts on paths through
        that message begin with the newest such summary once they cannot show everything; the
        messages stay as they are. Another summary of the same message replaces it.

        content:  1 to 100,000 characters.

        Raises: InvalidArgument, NotFound, Conflict (in the trash).
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("upto_seq", upto_seq, 1, MAX_SEQ)
        check_text("content", content, MAX_SUMMARY_CHARS)
        async with self._db.write(self._user) as tx:
            # Under the lock no purge and no other summary of this message comes in between.
            await conversations.lock(tx, self._user, id)
            present = await conversations.get(tx, self._user, id)
            if present is None or present.deleted_at is not None:
                raise unchangeable(id, present, "upto_seq")
            saved = await branches.replace_summary(tx, self._user, id, upto_seq, estimate(content), content)
        if saved is None:
            raise no_message("upto_seq", present.last_seq)
        self._wrote(self._user, saved.token_count)
        return saved

    async def list_summaries(self, id: str, *, before: int | None = None, limit: int = 20) -> SummaryPage:
        """The summaries of a conversation, newest point first.

        before:  only those of points before this message.
        limit:   1 to 100.

        Raises: InvalidArgument, NotFound.
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("limit", limit, 1, MAX_SUMMARIES)
        before = MAX_SEQ if before is None else check_int("before", before, 0, MAX_SEQ)
        async with self._db.read(self._user) as tx:
            found = await branches.summaries(tx, self._user, id, before, limit + 1)
            if not found and await conversations.get(tx, self._user, id) is None:
                raise not_found(id)
        return SummaryPage(found[:limit], more_before=len(found) > limit)

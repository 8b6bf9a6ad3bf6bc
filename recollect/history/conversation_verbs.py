"""The verbs about conversations: create, find, change, trash, remove."""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime
from functools import partial
from typing import Any, Final

from recollect.db import access_tokens, branches, conversations
from recollect.db.database import Database
from recollect.db.messages import MAX_SEQ
from recollect.history import cursor as cursors
from recollect.history.incoming import (
    check_flag,
    check_instructions,
    check_int,
    check_metadata,
    check_moment,
    check_text,
    check_title,
)
from recollect.history.scope import (
    MAX_ID_CHARS,
    MAX_PAGE,
    Scope,
    not_found,
    random_id,
    unchangeable,
    users_table,
)
from recollect.models.conversation import Conversation, ConversationPage, Erased
from recollect.models.errors import AlreadyExists, InvalidArgument
from recollect.models.parts import check_storable_json


class Unset:
    """The type of `UNSET`: an argument that was not given, where None means "clear it"."""


UNSET: Final = Unset()


class ConversationVerbs(Scope):
    """What one user can do with conversations as a whole."""

    async def create(
        self,
        *,
        id: str | None = None,
        title: str | None = None,
        instructions: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Conversation:
        """Start a conversation.

        id:            1 to 200 characters of your choice; left out, a short random one is made.
        title:         at most 500 characters (setting `max_title_chars`).
        instructions:  system text for every context window, at most 200,000 characters.
        metadata:      a JSON object of at most 64 kB (setting `max_metadata_bytes`).

        Raises: InvalidArgument, AlreadyExists, NotReady (a user whom the linked users table lacks).
        """
        if id is not None:
            check_text("id", id, MAX_ID_CHARS)
        title = None if title is None else check_title(title, self._settings)
        instructions = None if instructions is None else check_instructions(instructions)
        stored = self._conversation_metadata({} if metadata is None else metadata)
        with users_table():
            async with self._db.write(self._user) as tx:
                for new in (id,) if id is not None else (random_id(), random_id()):
                    made = await conversations.insert(tx, self._user, new, title, instructions, stored)
                    if made is not None:
                        return made
                present = None if id is None else await conversations.get(tx, self._user, id)
        if present is not None and present.deleted_at is not None:
            raise AlreadyExists(
                f"id: a conversation {id!r} is in the trash; restore it, or choose another id"
            )
        raise AlreadyExists(f"id: a conversation {id!r} exists already; go on with it, or choose another id")

    async def get(self, id: str) -> Conversation:
        """One conversation, also one in the trash. Raises: NotFound."""
        check_text("id", id, MAX_ID_CHARS)
        async with self._db.read(self._user) as tx:
            found = await conversations.get(tx, self._user, id)
        if found is None:
            raise not_found(id)
        return found

    async def list(
        self,
        *,
        limit: int = 20,
        cursor: str | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trash: bool = False,
        title: str | None = None,
        metadata: dict[str, Any] | None = None,
        fresh: bool = False,
    ) -> ConversationPage:
        """Conversations, most recently active first.

        limit:     1 to 500.
        cursor:    `next_cursor` of the page before, with the same filters.
        pinned, archived:  only those that are (true) or are not (false); None: both.
        trash:     those in the trash instead of the others.
        title:     only titles that contain this, whatever the case.
        metadata:  only those whose metadata contain this object.
        fresh:     as they are now; else, where there is a replica, as it knows them.

        Raises: InvalidArgument.
        """
        check_int("limit", limit, 1, MAX_PAGE)
        check_flag("trash", trash)
        for name, flag in (("pinned", pinned), ("archived", archived)):
            if flag is not None:
                check_flag(name, flag)
        if title is not None:
            check_text("title", title, self._settings.max_title_chars)
        wanted = None if metadata is None else self._conversation_metadata(metadata)
        shown = conversations.Filter(pinned, archived, trash, title, wanted)
        if fresh:
            return await self._page(self._db, shown, cursor, limit)
        return await self._db.anywhere(partial(self._page, shown=shown, cursor=cursor, limit=limit))

    async def _page(
        self, db: Database, shown: conversations.Filter, cursor: str | None, limit: int
    ) -> ConversationPage:
        filters = astuple(shown)
        before = None if cursor is None else cursors.decode(filters, cursor)
        async with db.read(self._user) as tx:
            found = await conversations.page(tx, self._user, shown, before, limit + 1)
        more = len(found) > limit
        last = found[limit - 1] if more else None
        return ConversationPage(
            conversations=found[:limit],
            next_cursor=None if last is None else cursors.encode(filters, last.updated_at, last.id),
        )

    async def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        instructions: str | Unset | None = UNSET,
        metadata: dict[str, Any] | Unset = UNSET,
        pinned: bool | None = None,
        archived: bool | None = None,
        head: int | None = None,
        restore: bool = False,
    ) -> Conversation:
        """Change what is given, all of it or nothing; None clears title or instructions, metadata are
        replaced whole.

        head, restore:  what `switch_head` and `restore` do, together with the rest.

        Raises: InvalidArgument (also when nothing is given), NotFound (of the conversation, or of such a
        message), Conflict (in the trash).
        """
        check_text("id", id, MAX_ID_CHARS)
        changes: dict[str, Any] = {}
        if not isinstance(title, Unset):
            changes["title"] = None if title is None else check_title(title, self._settings)
        if not isinstance(instructions, Unset):
            changes["instructions"] = None if instructions is None else check_instructions(instructions)
        if not isinstance(metadata, Unset):
            changes["metadata"] = self._conversation_metadata(metadata)
        for name, flag in (("pinned", pinned), ("archived", archived)):
            if flag is not None:
                changes[name] = check_flag(name, flag)
        check_flag("restore", restore)
        if head is not None:
            check_int("head", head, 1, MAX_SEQ)
        if not changes and head is None and not restore:
            raise InvalidArgument(
                "title",
                "nothing to change was given; give title, instructions, metadata, pinned, archived, head or "
                "restore",
            )
        async with self._db.write(self._user) as tx:
            changed: Conversation | None = None
            if restore:
                changed = await conversations.set_trashed(tx, self._user, id, False)
            if head is not None:
                changed = await branches.switch_head(tx, self._user, id, head)
            if changes and (head is None or changed is not None):
                changed = await conversations.update(tx, self._user, id, changes)
            if changed is not None:
                return changed
            raise unchangeable(id, await conversations.get(tx, self._user, id), "head")

    async def delete(self, id: str) -> Conversation:
        """Put a conversation into the trash, from which `restore` brings it back; nothing is
        ever removed from the trash but by `purge`. A second time changes nothing. Raises: NotFound."""
        return await self._trash(id, True)

    async def restore(self, id: str) -> Conversation:
        """Take a conversation out of the trash. Raises: NotFound."""
        return await self._trash(id, False)

    async def purge(self, id: str) -> Erased:
        """Really remove a conversation and all its messages, in the trash or not. There is no undo.

        Raises: NotFound.
        """
        check_text("id", id, MAX_ID_CHARS)
        async with self._db.write(self._user) as tx:
            if not await conversations.lock(tx, self._user, id):
                raise not_found(id)
            return await conversations.remove(tx, self._user, id)

    async def erase_user(self) -> Erased:
        """Really remove everything of this user, personal access tokens too. There is no undo. A
        second time removes nothing."""
        async with self._db.write(self._user) as tx:
            await access_tokens.remove_all(tx, self._user)
            await conversations.lock(tx, self._user, None)
            return await conversations.remove(tx, self._user, None)

    async def stale(self, before: datetime, *, trash_only: bool = False) -> list[Conversation]:
        """Conversations without activity since a moment, oldest last; those in the trash count from
        when they were put there. Pinned ones are not among them. Changes nothing.

        before:  with a time zone. Raises: InvalidArgument.
        """
        check_moment("before", before)
        found: list[Conversation] = []
        for trash in (True,) if trash_only else (True, False):
            shown = conversations.Filter(None, None, trash, None, None)
            cursor: str | None = None
            while True:
                # Not from a replica: what is named here gets removed.
                page = await self._page(self._db, shown, cursor, MAX_PAGE)
                found += [one for one in page.conversations if _is_stale(one, before, trash_only)]
                cursor = page.next_cursor
                if cursor is None:
                    break
        return found

    async def purge_stale(self, id: str, before: datetime, *, trash_only: bool = False) -> Erased:
        """`purge`, if `stale` would still name the conversation when its lock is held; else nothing.

        before:  with a time zone. Raises: InvalidArgument.
        """
        check_text("id", id, MAX_ID_CHARS)
        check_moment("before", before)
        async with self._db.write(self._user) as tx:
            await conversations.lock(tx, self._user, id)
            found = await conversations.get(tx, self._user, id)
            if found is None or not _is_stale(found, before, trash_only):
                return Erased(0, 0, 0)
            return await conversations.remove(tx, self._user, id)

    async def _trash(self, id: str, trashed: bool) -> Conversation:
        check_text("id", id, MAX_ID_CHARS)
        async with self._db.write(self._user) as tx:
            changed = await conversations.set_trashed(tx, self._user, id, trashed)
        if changed is None:
            raise not_found(id)
        return changed

    def _conversation_metadata(self, metadata: object) -> str:
        stored = check_metadata("metadata", metadata, self._settings)
        if "\\u0000" in stored or "\\ud" in stored:
            check_storable_json("metadata", metadata)
        return stored


def _is_stale(found: Conversation, before: datetime, trash_only: bool) -> bool:
    if found.pinned or (trash_only and found.deleted_at is None):
        return False
    return (found.deleted_at or found.updated_at) < before

"""The verb that takes in conversations of other programs, and of our own export."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from datetime import datetime

from recollect.db import imports, notifications
from recollect.db.database import ReadTx, WriteTx
from recollect.db.imports import MessageRow, Present
from recollect.history.importing.piece import Group, Piece, Progress, groups
from recollect.history.importing.place import conversation_row, counts_of, look_at, place, title_of
from recollect.history.importing.restore import (
    is_later,
    restored_header,
    restored_rows,
    restored_summaries,
)
from recollect.history.incoming import check_metadata
from recollect.history.scope import Scope, users_table
from recollect.models.conversation import Conversation
from recollect.models.errors import Conflict, InvalidArgument
from recollect.models.imported import ConversationReport, Found, ImportReport
from recollect.models.parts import check_storable_json

UNTOUCHED = ("failed", "trashed")
"""Outcomes of conversations to which nothing more is added."""


class ImportVerbs(Scope):
    """What one user can bring along."""

    async def import_conversations(
        self, stream: Iterable[Found], *, dry_run: bool = False
    ) -> AsyncGenerator[ImportReport]:
        """Take in conversations, as `recollect.history.importing.read` finds them in files; a report
        for each as soon as it is stored.

        A conversation's id follows from its source and its id there, a message's key from its id
        there: importing again adds what is new and changes nothing else, and an import that was
        killed goes on when it is started again. What is in the trash here stays as it is. Original
        times are kept. About 500 messages are written at a time, each time all or nothing; streams of
        changes are told of each, in whichever process.

        dry_run:  write nothing; the reports say what would happen.

        `stream` is read in a thread. Raises: Unavailable, NotReady (a user whom the linked users
        table lacks), Conflict (everything of the user was removed meanwhile: then nothing more is stored).
        """
        source = groups(stream, self._settings)
        stored = False
        ahead = _read_ahead(source)
        try:
            while (group := await asyncio.shield(ahead)) is not None:
                # The next is read while the database writes this one.
                ahead = _read_ahead(source)
                for told in group.told:
                    yield told
                if group.pieces:
                    with users_table():
                        await self._import(group, dry_run, after_others=stored)
                    stored = stored or (not dry_run and any(map(_brought, group.pieces)))
                for piece in group.pieces:
                    if piece.last:
                        yield _report(piece)
        finally:
            if self._meanings is not None and not dry_run:
                self._meanings.brought(self._user)
            # A thread cannot be stopped; it ends with its group.
            await asyncio.wait((ahead,))
            if not ahead.cancelled():
                ahead.exception()  # whoever stopped this does not ask for it

    async def _import(self, group: Group, dry_run: bool, *, after_others: bool) -> None:
        """Write a group. after_others: this import stored something before; if nothing is left of the user,
        they were erased, and it is not for an import to bring them back."""
        if dry_run:
            async with self._db.read(self._user) as tx:
                await self._place(tx, None, group)
        else:
            async with self._db.write(self._user) as tx:
                if after_others and not await imports.keep_some(tx, self._user):
                    raise Conflict(
                        "everything of this user was removed while it was imported; the rest was not"
                    )
                await self._place(tx, tx, group)
                changed = [piece.progress.id for piece in group.pieces if _brought(piece)]
                await notifications.tell_of(tx, self._user, changed)

    async def _place(self, tx: ReadTx, write: WriteTx | None, group: Group) -> None:
        """Place the messages of a group and, with `write`, store them."""
        pieces = {
            piece.progress.id: piece for piece in group.pieces if piece.progress.outcome not in UNTOUCHED
        }
        here = await imports.present(tx, self._user, list(pieces), lock=write is not None)
        fresh = [piece for id, piece in pieces.items() if piece.first and id not in here]
        rows = await self._make(write, fresh)
        late = [piece.progress for piece in fresh if piece.progress.outcome != "created"]
        for progress in late:  # somebody else made it at this moment
            progress.begin_again()
        here |= await imports.present(
            tx, self._user, [progress.id for progress in late], lock=write is not None
        )
        for id, piece in pieces.items():
            if piece.first and id in here:
                piece.progress.made_at = here[id].created_at
            if id in here and here[id].created_at == piece.progress.made_at:
                rows += await self._grow(tx, write, piece, here[id])
            elif not piece.first and write is None:
                restored_rows(piece, []) if piece.progress.found.stored else place(piece)
            elif not piece.first:
                piece.progress.outcome = "failed"
                piece.progress.found.notes.fail("the conversation was removed while it was imported")
        if write is not None:
            await imports.insert_messages(write, self._user, rows)
        for piece in pieces.values():
            touched = piece.progress.outcome not in UNTOUCHED
            if touched and piece.last and piece.progress.found.summaries:
                await self._summaries(tx, write, piece.progress)

    async def _make(self, write: WriteTx | None, fresh: list[Piece]) -> list[MessageRow]:
        """Make conversations that are not here; the rows of those that were really made."""
        placed: dict[str, list[MessageRow]] = {}
        headers: list[imports.ConversationRow] = []
        for piece in fresh:
            progress, stored = piece.progress, piece.progress.found.stored
            if stored is None:
                placed[progress.id] = place(piece)
                headers.append(conversation_row(progress, self._settings))
            else:
                placed[progress.id] = restored_rows(piece, [])
                metadata = self._stored_metadata(piece, stored)
                headers.append(restored_header(progress, stored, metadata, last=piece.last))
        made: Mapping[str, datetime | None] = dict.fromkeys(placed)
        if write is not None:
            made = await imports.insert_conversations(write, self._user, headers)
        for piece in fresh:
            if piece.progress.id in made:
                piece.progress.outcome = "created"
                piece.progress.made_at = made[piece.progress.id]
        return [row for id, rows in placed.items() if id in made for row in rows]

    async def _grow(
        self, tx: ReadTx, write: WriteTx | None, piece: Piece, present: Present
    ) -> list[MessageRow]:
        """The rows to add to a conversation that is here; its own row follows them."""
        progress, stored = piece.progress, piece.progress.found.stored
        if present.deleted_at is not None and progress.outcome != "created":
            progress.outcome = "trashed"
            return []
        if piece.first or (write is not None and progress.last_seq != present.last_seq):
            known = [] if stored else await imports.placed(tx, self._user, progress.id)
            look_at(progress, present, known)
            progress.title = title_of(progress, self._settings)
        if stored is None:
            rows = place(piece)
            # The last piece may be empty, and is where the head is known.
            if write is not None and (rows or (piece.last and progress.added)):
                await imports.set_counts(write, self._user, counts_of(progress, self._settings))
        else:
            rows = await self._grow_restored(tx, write, piece, present, stored)
        if progress.added and progress.outcome == "unchanged":
            progress.outcome = "added"
        return rows

    async def _grow_restored(
        self, tx: ReadTx, write: WriteTx | None, piece: Piece, present: Present, stored: Conversation
    ) -> list[MessageRow]:
        progress = piece.progress
        seqs = [one.said.stored.seq for one in piece.messages if one.said.stored is not None]
        here: list[MessageRow] = []
        if seqs and seqs[0] <= present.last_seq:
            here = await imports.stored(tx, self._user, progress.id, seqs[0], seqs[-1])
        rows = restored_rows(piece, here)
        later = piece.last and (progress.added > 0 or is_later(stored, present))
        later = later and (progress.outcome == "created" or not progress.found.brief)
        if progress.outcome == "failed":
            return []
        if later and write is not None:
            metadata = self._stored_metadata(piece, stored)
            header = restored_header(progress, stored, metadata, last=True)
            await imports.set_header(write, self._user, header)
        elif rows and write is not None:
            await imports.set_counts(write, self._user, counts_of(progress, self._settings))
        if later and progress.outcome == "unchanged":
            progress.outcome = "added"
        return rows

    async def _summaries(self, tx: ReadTx, write: WriteTx | None, progress: Progress) -> None:
        here = await imports.summarised(tx, self._user, progress.id)
        fresh = [summary for summary in restored_summaries(progress) if summary.upto_seq not in here]
        if fresh and progress.outcome == "unchanged":
            progress.outcome = "added"  # one that was written without a message after it
        if write is not None:
            await imports.insert_summaries(write, self._user, progress.id, fresh)

    def _stored_metadata(self, piece: Piece, stored: Conversation) -> str:
        try:
            metadata = check_metadata("metadata", stored.metadata, self._settings)
            check_storable_json("metadata", stored.metadata)
        except InvalidArgument as error:
            piece.progress.found.notes.fail(f"the conversation's metadata: {error.problem}")
            return "{}"
        return metadata


def _brought(piece: Piece) -> bool:
    return piece.progress.outcome in ("created", "added")


def _read_ahead(source: Iterator[Group]) -> asyncio.Task[Group | None]:
    return asyncio.create_task(asyncio.to_thread(next, source, None))


def _report(piece: Piece) -> ConversationReport:
    progress, found = piece.progress, piece.progress.found
    return ConversationReport(
        source=found.source,
        source_id=found.source_id,
        conversation_id=progress.id,
        title=found.title,
        outcome=progress.outcome,
        messages=progress.messages,
        added=progress.added,
        notes=found.notes,
    )

"""The verbs that give a user's conversations away, to be read or to be taken elsewhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from recollect.db import exports
from recollect.db.database import ReadTx
from recollect.db.exports import Exported
from recollect.db.messages import MAX_SEQ
from recollect.history.exporting import EVERYTHING, EXPORT_FORMATS, WRITERS, ExportFormat
from recollect.history.exporting.archive import README, Archive, file_name
from recollect.history.exporting.document import JsonLines
from recollect.history.exporting.writer import Writer
from recollect.history.incoming import check_int, check_text
from recollect.history.scope import MAX_ID_CHARS, Scope, not_found
from recollect.models.conversation import Conversation
from recollect.models.errors import InvalidArgument

PageFormat = Literal["jsonl", "markdown"]


@dataclass(slots=True)
class ExportPage:
    """A piece of the export of one conversation.

    begin:  what stands before the messages; empty but on the first page.
    brief:  the same without instructions, and without metadata either: there may be more of both than a
            page holds.
    items:  (place, text) of each message, then of each summary. The place of a message is its seq, that
            of a summary the message that it ends with, below zero.
    end:    what stands after all of them; empty where more follow.
    """

    begin: str
    brief: tuple[str, ...]
    items: list[tuple[int, str]]
    end: str
    conversation: Conversation

    @property
    def more(self) -> bool:
        """Whether more follows: the next page is `after` the last place of this one."""
        return not self.end


class ExportVerbs(Scope):
    """What one user can take along."""

    async def export(self, *, format: ExportFormat = "jsonl", id: str | None = None) -> AsyncGenerator[str]:
        """All conversations, or the one with this id, as text in pieces, all out of one moment.

        format:  "jsonl" and "json" hold everything exactly, the trash included; `import_conversations`
                 reads them back. "markdown" and "html" are to be read: every message, branches marked.
                 "openai" and "anthropic" are JSON lines for other programs: of each conversation the
                 path that ends with its head. Those four leave out the trash, unless `id` is in it.

        Memory does not grow with what is exported, but for one conversation with "openai" and
        "anthropic". Raises: InvalidArgument, NotFound, Unavailable.
        """
        if format not in EXPORT_FORMATS:
            raise InvalidArgument("format", f"must be one of {', '.join(EXPORT_FORMATS)}")
        if id is not None:
            check_text("id", id, MAX_ID_CHARS)
        async with self._db.snapshot(self._user) as tx:
            async for piece in self._text(tx, WRITERS[format](), id, trash=format in EVERYTHING):
                yield piece

    async def export_page(
        self, id: str, *, format: PageFormat = "jsonl", after: int = 0, max_chars: int
    ) -> ExportPage:
        """A piece of the export of one conversation: what comes behind the place `after`, at least one
        message or summary and no more than `max_chars` characters hold. Messages never change, so that
        pages which are read while the conversation grows fit together.

        after:  0 for the first page, then the last place of the page before.

        Raises: InvalidArgument, NotFound.
        """
        check_text("id", id, MAX_ID_CHARS)
        check_int("after", after, -MAX_SEQ, MAX_SEQ)
        if format not in get_args(PageFormat):
            raise InvalidArgument("format", f"must be one of {', '.join(get_args(PageFormat))}")
        writer = WRITERS[format]()
        places = (after, 0) if after >= 0 else (MAX_SEQ, -after)
        async with self._db.snapshot(self._user) as tx:
            async for exported in exports.conversations(tx, self._user, id, *places):
                page = ExportPage("", (), [], "", exported.conversation)
                before = writer.begin() + writer.conversation(exported)
                if not after:
                    page.begin, page.brief = before, _brief(exported, format)
                length = 0
                async for place, text in _items(exported, writer):
                    length += len(text)
                    if page.items and length > max_chars:
                        return page
                    page.items.append((place, text))
                page.end = writer.close()
                if isinstance(writer, JsonLines):
                    writer.is_last_page(exported.conversation.message_count if after >= 0 else None)
                page.end += writer.end()
                return page
        raise not_found(id)

    async def export_zip(self) -> AsyncGenerator[bytes]:
        """Everything of this user in one zip, in pieces, all out of one moment: `recollect.jsonl`,
        `conversations.html`, and a Markdown file for each conversation. The trash is in the first
        alone. Raises: Unavailable."""
        archive = Archive()
        async with self._db.snapshot(self._user) as tx:
            members: list[tuple[str, AsyncIterator[str]]] = [
                ("README.txt", _pieces(README)),
                ("recollect.jsonl", self._text(tx, WRITERS["jsonl"](), None, trash=True)),
                ("conversations.html", self._text(tx, WRITERS["html"](), None, trash=False)),
            ]
            for name, text in members:
                async for piece in archive.add(name, text):
                    yield piece
            number = 0
            async for exported in exports.conversations(tx, self._user, None):
                if exported.conversation.deleted_at is not None:
                    async for _ in _conversation(exported, None):
                        pass
                    continue
                number += 1
                text = _conversation(exported, WRITERS["markdown"]())
                async for piece in archive.add(file_name(number, exported), text):
                    yield piece
        yield archive.close()

    async def _text(self, tx: ReadTx, writer: Writer, id: str | None, *, trash: bool) -> AsyncGenerator[str]:
        found = False
        async for exported in exports.conversations(tx, self._user, id):
            if not found:
                yield writer.begin()
            found = True
            shown = trash or id is not None or exported.conversation.deleted_at is None
            async for piece in _conversation(exported, writer if shown else None):
                yield piece
        if not found:
            if id is not None:
                raise not_found(id)
            yield writer.begin()
        yield writer.end()


async def _conversation(exported: Exported, writer: Writer | None) -> AsyncGenerator[str]:
    """The text of one conversation; none without a writer."""
    if writer is None:
        async for _ in exported.messages:
            pass
        return
    yield writer.conversation(exported)
    async for _, text in _items(exported, writer):
        yield text
    yield writer.close()


def _brief(exported: Exported, format: PageFormat) -> tuple[str, ...]:
    """What stands before the messages, without what may be long."""
    first = replace(exported.conversation, instructions=None)
    begins: list[str] = []
    for conversation in (first, replace(first, metadata={})):
        writer = WRITERS[format]()
        begins.append(writer.begin() + writer.conversation(exported._replace(conversation=conversation)))
    return tuple(begins)


async def _items(exported: Exported, writer: Writer) -> AsyncGenerator[tuple[int, str]]:
    """The text of each message and each summary, with its place in an `ExportPage`."""
    async for stored in exported.messages:
        yield stored.message.seq, writer.message(stored)
    async for summary in exported.summaries:
        yield -summary.upto_seq, writer.summary(summary)


async def _pieces(text: str) -> AsyncGenerator[str]:
    yield text

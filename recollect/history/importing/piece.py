"""What is written at once: runs of messages of some conversations, checked and measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from recollect.db.imports import MessageRow
from recollect.history.incoming import Row, row_of
from recollect.history.scope import MAX_ID_CHARS, id_of
from recollect.models.errors import InvalidArgument
from recollect.models.imported import (
    Found,
    ImportedConversation,
    ImportedMessage,
    Outcome,
    Problem,
    Skipped,
)
from recollect.models.message import NewMessage
from recollect.models.parts import readable, storable
from recollect.models.terms import terms_of
from recollect.settings import Settings

GROUP_MESSAGES = 500
GROUP_BYTES = 8_000_000
"""A group is written when it holds so much."""

KEY_PREFIX = "import:"

MOST = 2**31 - 1
"""Where `path_tokens` stops."""


class Checked(NamedTuple):
    """A message that can be stored: its key, and its columns. Those for the search are made here, in the
    thread that reads, since they take as long as the rest."""

    said: ImportedMessage
    key: str | None
    row: Row
    terms: str | None
    language: int | None

    def placed(
        self,
        id: str,
        seq: int,
        parent_seq: int,
        parent_tokens: int,
        created_at: datetime | None,
        fingerprint: bytes | None,
    ) -> MessageRow:
        """The message in its place in the conversation `id`, under one whose `path_tokens` are given."""
        row = self.row
        return MessageRow(
            id, seq, parent_seq, row.role, row.author, row.text, row.parts, row.token_count,
            min(parent_tokens + row.token_count, MOST), row.metadata, row.occurred_at, created_at, self.key,
            fingerprint, self.terms, self.language,
        )  # fmt: skip


@dataclass(slots=True)
class Progress:
    """How far the import of one conversation is.

    title:     as it was known when the conversation was made.
    made_at:   when the conversation was made that the first messages went to: another one may have its id by
               the time of the next.
    lost:      what messages that cannot be stored followed: what follows them hangs there.
    places:    of each message by its id: its seq and `path_tokens`.
    digests:   of each message by its id: its `fingerprint`.
    known:     of each message that is here already by its key.
    seqs:      of all messages that an import brought.
    last_seq, head_seq, head_tokens, message_count, linear:  of the conversation as it is stored.
    followed:  the head is a message that an import brought, so that the source decides where it is.
    """

    found: ImportedConversation
    id: str = ""
    title: str | None = None
    made_at: datetime | None = None
    outcome: Outcome = "unchanged"
    lost: dict[str, str | None] = field(default_factory=dict[str, str | None])
    places: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    digests: dict[str, bytes] = field(default_factory=dict[str, bytes])
    known: dict[str, tuple[int, bytes | None, int]] = field(
        default_factory=dict[str, tuple[int, bytes | None, int]]
    )
    last_seq: int = 0
    head_seq: int = 0
    head_tokens: int = 0
    message_count: int = 0
    linear: bool = True
    followed: bool = True
    messages: int = 0
    added: int = 0

    def begin_again(self) -> None:
        """Forget what was placed: somebody else made the conversation at the same moment."""
        self.places, self.digests = {}, {}
        self.last_seq, self.head_seq, self.head_tokens = 0, 0, 0
        self.message_count, self.linear, self.followed, self.messages, self.added = 0, True, True, 0, 0


@dataclass(slots=True)
class Piece:
    """A run of messages of one conversation. first, last: it begins and ends the conversation."""

    progress: Progress
    messages: list[Checked]
    first: bool
    last: bool


@dataclass(slots=True)
class Group:
    """What is written in one transaction; no conversation is in it twice. told: what else was met, which
    may be all that a file holds."""

    pieces: list[Piece] = field(default_factory=list[Piece])
    told: list[Problem | Skipped] = field(default_factory=list[Problem | Skipped])


def groups(stream: Iterable[Found], settings: Settings) -> Iterator[Group]:
    """The conversations of a stream in groups of about 500 messages, in their order."""
    group = Group()
    ids: set[str] = set()
    messages = size = 0
    for found in stream:
        if not isinstance(found, ImportedConversation):
            group.told.append(found)
            if len(group.told) == GROUP_MESSAGES:
                yield group
                group, messages, size = Group(), 0, 0
                ids.clear()
            continue
        for piece, bytes in _pieces(found, settings):
            full = messages + len(piece.messages) > GROUP_MESSAGES or size + bytes > GROUP_BYTES
            if group.pieces and (full or piece.progress.id in ids or len(ids) >= GROUP_MESSAGES):
                yield group
                group, messages, size = Group(), 0, 0
                ids.clear()
            group.pieces.append(piece)
            ids.add(piece.progress.id)
            messages += len(piece.messages)
            size += bytes
    yield group


def _pieces(found: ImportedConversation, settings: Settings) -> Iterator[tuple[Piece, int]]:
    """A conversation's messages in runs, each with its size in bytes."""
    progress = Progress(found)
    messages = iter(found.messages)
    first = True
    kept: Checked | None = None
    ended = False
    while not ended:
        run: list[Checked] = [] if kept is None else [kept]
        size = 0 if kept is None else _size(kept)
        kept = None
        while kept is None:  # until one is too many: so the last piece holds the last message
            said = next(messages, None)
            if said is None:
                ended = True
                break
            checked = _checked(said, progress, settings)
            if checked is None:
                parent = progress.lost.get(said.parent or "", said.parent)  # not through all that are lost
                progress.lost[said.id] = parent
            elif run and (len(run) == GROUP_MESSAGES or size + _size(checked) > GROUP_BYTES):
                kept = checked
            else:
                run.append(checked)
                size += _size(checked)
        progress.id = progress.id or conversation_id(found)
        yield Piece(progress, run, first, ended), size
        first = False


def conversation_id(found: ImportedConversation) -> str:
    """Of our own export, the id that it had; else made of the source and the id there."""
    return found.stored.id if found.stored is not None else id_of(f"{found.source}\0{found.source_id}")


def fingerprint(row: Row) -> bytes:
    """A hash of what was said, without what sources add and change later."""
    digest = hashlib.blake2b(digest_size=16)
    for column in (row.role, row.author, row.text, row.parts):
        digest.update(b"\0" if column is None else column.encode() + b"\1")
    return digest.digest()


def _checked(said: ImportedMessage, progress: Progress, settings: Settings) -> Checked | None:
    """The message with its columns; what can be mended without loss of words is mended and noted."""
    notes = progress.found.notes
    new = said.message
    if new.author is not None and (not 0 < len(new.author) <= 200 or not storable(new.author)):
        new = replace(new, author=readable(new.author)[:200] or None)
        notes.converted["names of authors that cannot be stored as they are, cut"] += 1
    try:
        row = row_of("message", new, settings)
    except InvalidArgument as error:
        row = _without_metadata(error, new, progress, settings)
        if row is None:
            argument = error.argument.removeprefix("message.")
            notes.fail(f"message {readable(said.id)[:80]}: {argument}: {error.problem}")
            return None
    key = _key(said.id) if said.stored is None else said.stored.key
    return Checked(said, key, row, *terms_of(row.text, row.author))


def _without_metadata(
    error: InvalidArgument, new: NewMessage, progress: Progress, settings: Settings
) -> Row | None:
    """The columns of a message whose metadata cannot be stored, but for its model; None where it is
    something else that cannot."""
    if not error.argument.startswith("message.metadata"):
        return None
    model = new.metadata.get("model") if new.metadata else None
    fewer = replace(new, metadata={"model": model} if isinstance(model, str) and len(model) < 200 else None)
    progress.found.notes.left_out[f"metadata of a message, which {error.problem}"] += 1
    return row_of("message", fewer, settings)


def _size(checked: Checked) -> int:
    row = checked.row
    return len(row.text) + len(row.parts or "") + len(row.metadata or "")


def _key(id: str) -> str:
    key = KEY_PREFIX + id
    if len(key) <= MAX_ID_CHARS and storable(key):
        return key
    return KEY_PREFIX + hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

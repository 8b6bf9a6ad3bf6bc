"""Where the messages of an import go: each under the one it follows, what is here already stays."""

from __future__ import annotations

from datetime import UTC, datetime

from recollect.db.imports import ConversationRow, Counts, MessageRow, PlacedMessage, Present
from recollect.history.importing.piece import KEY_PREFIX, Piece, Progress, fingerprint
from recollect.history.incoming import MAX_INSTRUCTIONS_CHARS, check_metadata
from recollect.models.errors import InvalidArgument
from recollect.models.parts import check_storable_json, readable
from recollect.settings import Settings


def look_at(progress: Progress, present: Present, placed: list[PlacedMessage]) -> None:
    """Take in what is here of a conversation already."""
    progress.last_seq = present.last_seq
    progress.head_seq = present.head_seq
    progress.head_tokens = present.head_tokens
    progress.message_count = present.message_count
    progress.linear = present.linear
    progress.followed = present.head_seq == 0
    for message in placed:
        if message.key is not None and message.key.startswith(KEY_PREFIX):
            progress.known[message.key] = (message.seq, message.fingerprint, message.path_tokens)
            progress.followed = progress.followed or message.seq == present.head_seq


def place(piece: Piece) -> list[MessageRow]:
    """The rows to insert, each with its seq. Counts and head of `piece.progress` move on."""
    progress = piece.progress
    rows: list[MessageRow] = []
    for checked in piece.messages:
        said, key, row = checked.said, checked.key, checked.row
        digest = fingerprint(row)
        if said.id in progress.places:
            if progress.digests[said.id] == digest:
                progress.found.notes.left_out["messages that come twice"] += 1
            else:
                problem = f"message {readable(said.id)[:80]}: comes twice; the first one stays"
                progress.found.notes.fail(problem)
            continue
        progress.digests[said.id] = digest
        progress.messages += 1
        known = progress.known.get(key or "")
        if known is not None:
            seq, before, tokens = known
            progress.places[said.id] = (seq, tokens)
            if before != digest:
                note = "messages that read otherwise than when they were imported; they stay as they were"
                progress.found.notes.converted[note] += 1
            continue
        parent = said.parent
        while parent in progress.lost:
            parent = progress.lost[parent]
        parent_seq, parent_tokens = (0, 0) if parent is None else progress.places.get(parent, (0, 0))
        seq = progress.last_seq + 1
        placed = checked.placed(progress.id, seq, parent_seq, parent_tokens, None, digest)
        progress.linear = progress.linear and parent_seq == progress.last_seq
        progress.places[said.id] = (seq, placed.path_tokens)
        progress.last_seq = seq
        progress.message_count += 1
        progress.added += 1
        if progress.followed:
            progress.head_seq, progress.head_tokens = seq, placed.path_tokens
        rows.append(placed)
    if piece.last and progress.added:
        _set_head(progress)
    return rows


def _set_head(progress: Progress) -> None:
    """The source's head becomes ours, unless somebody went on here meanwhile."""
    head = progress.found.head
    while head in progress.lost:
        head = progress.lost[head]
    if not progress.followed:
        progress.found.notes.converted["the conversation went on here: it stays where it is"] += 1
    elif head is not None and head in progress.places:
        progress.head_seq, progress.head_tokens = progress.places[head]
    progress.linear = progress.linear and progress.head_seq == progress.last_seq


def conversation_row(progress: Progress, settings: Settings) -> ConversationRow:
    """A conversation that is new, as it is after the rows placed so far."""
    found = progress.found
    progress.title = title_of(progress, settings)
    updated_at = found.updated_at or found.created_at
    return ConversationRow(
        id=progress.id,
        title=progress.title,
        instructions=_instructions(progress),
        metadata=_metadata(progress, settings),
        pinned=found.pinned,
        archived_at=(updated_at or datetime.now(UTC)) if found.archived else None,
        deleted_at=None,
        created_at=found.created_at or updated_at,
        updated_at=updated_at,
        last_seq=progress.last_seq,
        head_seq=progress.head_seq,
        head_tokens=progress.head_tokens,
        message_count=progress.message_count,
        linear=progress.linear,
        forked_from=None,
        forked_seq=None,
    )


def counts_of(progress: Progress, settings: Settings) -> Counts:
    """Where a conversation that is here already ends, after the rows placed so far."""
    return Counts(
        progress.id,
        progress.last_seq,
        progress.head_seq,
        progress.head_tokens,
        progress.message_count,
        progress.linear,
        progress.found.updated_at,
        progress.title,
        title_of(progress, settings),
    )


def title_of(progress: Progress, settings: Settings) -> str | None:
    title = readable(progress.found.title or "")
    if len(title) > settings.max_title_chars:
        note = f"a title longer than {settings.max_title_chars} characters, cut"
        progress.found.notes.converted[note] = 1
    return title[: settings.max_title_chars] or None


def _instructions(progress: Progress) -> str | None:
    instructions = readable(progress.found.instructions or "")
    if len(instructions) > MAX_INSTRUCTIONS_CHARS:
        note = f"instructions longer than {MAX_INSTRUCTIONS_CHARS} characters, cut"
        progress.found.notes.converted[note] = 1
    return instructions[:MAX_INSTRUCTIONS_CHARS] or None


def _metadata(progress: Progress, settings: Settings) -> str:
    """What the source said of the conversation, and where it comes from."""
    found = progress.found
    origin = {"source": found.source, "id": readable(found.source_id)[:1000]}
    try:
        stored = check_metadata("metadata", {"origin": origin | found.metadata}, settings)
        if "\\u0000" in stored or "\\ud" in stored:
            check_storable_json("metadata", found.metadata)
    except InvalidArgument as error:
        found.notes.left_out[f"metadata of the conversation, which {error.problem}"] += 1
        stored = check_metadata("metadata", {"origin": origin}, settings)
    return stored

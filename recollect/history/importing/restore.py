"""Messages of our own export: stored again as they were, seq and keys included."""

from __future__ import annotations

import json

from recollect.db.imports import ConversationRow, MessageRow, Present
from recollect.history.importing.piece import Checked, Piece, Progress
from recollect.models.conversation import Conversation, Summary
from recollect.models.imported import Stored


def restored_rows(piece: Piece, here: list[MessageRow]) -> list[MessageRow]:
    """The rows to insert. What is here has to be the same; else nothing of the piece is.

    here:  the stored messages within the seqs of the piece.
    """
    progress = piece.progress
    present = {row.seq: row for row in here}
    began_with = progress.last_seq
    rows: list[MessageRow] = []
    for checked in piece.messages:
        if checked.said.stored is None:
            raise RuntimeError("an export of ours has a message without its place")
        row = _row(checked, checked.said.stored, progress)
        progress.messages += 1
        progress.places[checked.said.id] = (row.seq, row.path_tokens)
        stored = present.get(row.seq)
        if stored is not None and _said(stored) != _said(row):
            progress.outcome = "failed"
            progress.found.notes.fail(f"message {row.seq} here is another one than that of the export")
            return []
        if stored is None and row.seq > began_with:
            rows.append(row)
            progress.linear = progress.linear and row.parent_seq == row.seq - 1 == progress.last_seq
            progress.last_seq = progress.head_seq = row.seq
            progress.head_tokens = row.path_tokens
            progress.message_count += 1
            progress.added += 1
        elif stored is None:
            progress.found.notes.left_out["messages that were removed here"] += 1
    return rows


def restored_header(
    progress: Progress, stored: Conversation, metadata: str, *, last: bool
) -> ConversationRow:
    """The conversation as the export has it; in the middle of its messages, and where some could not
    be read, as far as they go."""
    place = progress.places.get(str(stored.head_seq), (0, 0))
    whole = last and progress.last_seq == stored.last_seq and place[0] == stored.head_seq
    derived = progress.linear and stored.head_seq == stored.last_seq
    return ConversationRow(
        id=stored.id,
        title=stored.title,
        instructions=stored.instructions,
        metadata=metadata,
        pinned=stored.pinned,
        archived_at=stored.archived_at,
        deleted_at=stored.deleted_at,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        last_seq=progress.last_seq,
        head_seq=place[0] if whole else progress.head_seq,
        head_tokens=place[1] if whole else progress.head_tokens,
        message_count=progress.message_count,
        linear=stored.linear and derived if whole else progress.linear,
        forked_from=stored.forked_from,
        forked_seq=stored.forked_seq,
    )


def restored_summaries(progress: Progress) -> list[Summary]:
    """Those whose messages are here; the others are told."""
    kept: list[Summary] = []
    for summary in progress.found.summaries:
        if str(summary.upto_seq) in progress.places:
            kept.append(summary)
        else:
            progress.found.notes.fail(f"the summary up to message {summary.upto_seq}, which is missing")
    return kept


def is_later(stored: Conversation, present: Present) -> bool:
    """Whether the export has a later state of a conversation than is here."""
    return stored.updated_at > present.updated_at and stored.last_seq >= present.last_seq


def _row(checked: Checked, place: Stored, progress: Progress) -> MessageRow:
    parent = place.parent_seq
    if parent and str(parent) not in progress.places:
        parent = int(next(reversed(progress.places), "0"))
        progress.found.notes.converted[
            "messages whose parent could not be read, hung under the one before"
        ] += 1
    tokens = progress.places[str(parent)][1] if parent else 0
    return checked.placed(progress.id, place.seq, parent, tokens, place.created_at, place.fingerprint)


def _said(row: MessageRow) -> tuple[object, ...]:
    metadata = json.loads(row.metadata) if row.metadata else None
    return (row.parent_seq, row.role, row.author, row.text, row.parts, metadata, row.occurred_at, row.key)

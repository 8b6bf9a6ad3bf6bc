"""What callers see, as JSON: the shapes in which both doors, MCP and REST, give exact content.

NUL, lone surrogates and large integers come back as they were stored. What is unset is left out.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from recollect.models.imported import ConversationReport, ImportReport, ImportTotals, Problem
from recollect.models.message import Appended, ContextWindow, Message, Turn

JsonObject = dict[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff]")
_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # `json.dumps` makes one a call


def compact_json(value: object) -> str:
    """JSON without blanks. Characters stand as they are, which costs a model a fraction of the tokens
    of their escapes; only lone surrogates, which no transport carries, are escaped."""
    text = _compact(value)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def without_nulls(**fields: Any) -> JsonObject:
    return {name: value for name, value in fields.items() if value is not None}


def message_fields(message: Message) -> JsonObject:
    """A message as an append takes it, and what the log knows about it."""
    return _message(message, content=message.content)


def message_without_content(message: Message) -> JsonObject:
    """What the log knows about a message whose content goes another way."""
    return _message(message)


def appended_fields(appended: Appended) -> JsonObject:
    """Where the messages are, and the head for the next append."""
    return without_nulls(
        conversation_id=appended.conversation_id,
        first_seq=appended.first_seq,
        last_seq=appended.last_seq,
        head=appended.head,
        branched=appended.branched or None,
        replayed=appended.replayed or None,
    )


def window_fields(window: ContextWindow) -> JsonObject:
    """What changes with every turn comes after the messages, so that prompt caches stay warm."""
    return without_nulls(
        messages=window.messages,
        system=window.system,
        text=window.text or None,
        conversation_id=window.conversation_id,
        head=window.head,
        current_head=None if window.current_head == window.head else window.current_head,
        tokens=window.tokens,
        first_seq=window.first_seq,
        last_seq=window.last_seq,
        omitted=window.omitted,
        outside=window.outside or None,
        outside_upto=window.outside_upto or None,
        tokens_outside=window.tokens_outside or None,
        summary_upto=window.summary_upto or None,
        trashed=window.trashed or None,
        instructions_left_out=window.instructions_left_out or None,
        repairs=window.repairs or None,
        lost=window.lost or None,
        recalled=[place._asdict() for place in window.recalled] or None,
        receipt=window.receipt,
    )


def turn_fields(turn: Turn) -> JsonObject:
    """A turn that was opened: where what was said is, and what a model should see."""
    added = None if turn.added is None else {"first_seq": turn.added[0], "last_seq": turn.added[1]}
    return without_nulls(
        conversation_id=turn.conversation_id,
        created=turn.created or None,
        appended=appended_fields(turn.appended),
        context=window_fields(turn.context),
        added=added,
        diverged=turn.diverged or None,
    )


def _message(message: Message, **content: Any) -> JsonObject:
    return without_nulls(
        seq=message.seq,
        parent_seq=None if message.parent_seq == message.seq - 1 else message.parent_seq,
        role=message.role,
        author=message.author,
        **content,
        metadata=message.metadata or None,
        key=message.key,
        token_count=message.token_count,
        created_at=message.created_at.isoformat(),
        occurred_at=iso(message.occurred_at),
    )


def iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def import_fields(report: ImportReport) -> JsonObject:
    """A report of an import, under what it is: `conversation`, `problem` or `skipped`."""
    if not isinstance(report, ConversationReport):
        if isinstance(report, Problem):
            return {"problem": {"where": report.where, "problem": report.problem}}
        return {"skipped": {"where": report.where, "what": report.what}}
    notes = report.notes
    return {
        "conversation": {
            "id": report.conversation_id,
            "title": report.title,
            "source": report.source,
            "source_id": report.source_id,
            "outcome": report.outcome,
            "messages": report.messages,
            "added": report.added,
            "converted": notes.converted,
            "left_out": notes.left_out,
            "problems": notes.problems,
            "more_problems": notes.more_problems,
        }
    }


def totals_fields(totals: ImportTotals, *, dry_run: bool) -> JsonObject:
    """The end of the reports of an import."""
    return {
        "summary": {
            "outcomes": totals.outcomes,
            "messages": totals.messages,
            "added": totals.added,
            "problems": totals.problems,
            "dry_run": dry_run,
        }
    }

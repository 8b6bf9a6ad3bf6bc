"""The lossless formats: JSON lines, and the same as one JSON object. ASCII throughout, so that NUL and
lone surrogates come back. `recollect.history.importing.own` reads them.

    {"recollect_export": 1}
    {"conversation": {"id": …, "title"?, "instructions"?, "metadata", "pinned"?, "archived_at"?,
                      "deleted_at"?, "created_at", "updated_at", "last_seq", "head_seq",
                      "message_count", "linear", "forked_from"?, "forked_seq"?}}
    {"message": {"seq", "parent_seq"?, "role", "author"?, "content", "metadata"?, "token_count",
                 "occurred_at"?, "created_at", "key"?, "fingerprint"?}}
    {"summary": {"upto_seq", "content", "token_count", "created_at"}}
    {"end": {"conversations": 1, "messages": 1, "summaries": 1}}

Conversations by id, each followed by its messages by seq and its summaries. `parent_seq` is left
out where it is seq - 1; times are ISO 8601 in UTC with microseconds.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from recollect.db.exports import Exported, StoredMessage
from recollect.models.conversation import Conversation, Summary

VERSION = 1


def conversation_fields(found: Conversation) -> dict[str, Any]:
    return _without_nulls(
        id=found.id,
        title=found.title,
        instructions=found.instructions,
        metadata=found.metadata,
        pinned=found.pinned or None,
        archived_at=_iso(found.archived_at),
        deleted_at=_iso(found.deleted_at),
        created_at=_iso(found.created_at),
        updated_at=_iso(found.updated_at),
        last_seq=found.last_seq,
        head_seq=found.head_seq,
        message_count=found.message_count,
        linear=found.linear,
        forked_from=found.forked_from,
        forked_seq=found.forked_seq,
    )


def message_fields(stored: StoredMessage) -> dict[str, Any]:
    message, fingerprint = stored
    return _without_nulls(
        seq=message.seq,
        parent_seq=None if message.parent_seq == message.seq - 1 else message.parent_seq,
        role=message.role,
        author=message.author,
        content=message.content,
        metadata=message.metadata or None,
        token_count=message.token_count,
        occurred_at=_iso(message.occurred_at),
        created_at=_iso(message.created_at),
        key=message.key,
        fingerprint=None if fingerprint is None else fingerprint.hex(),
    )


def summary_fields(summary: Summary) -> dict[str, Any]:
    return {
        "upto_seq": summary.upto_seq,
        "content": summary.content,
        "token_count": summary.token_count,
        "created_at": _iso(summary.created_at),
    }


class JsonLines:
    """One JSON object a line."""

    def __init__(self) -> None:
        self._counts = {"conversations": 0, "messages": 0, "summaries": 0}

    def begin(self) -> str:
        return _line({"recollect_export": VERSION})

    def conversation(self, exported: Exported) -> str:
        self._counts["conversations"] += 1
        return _line({"conversation": conversation_fields(exported.conversation)})

    def message(self, stored: StoredMessage) -> str:
        self._counts["messages"] += 1
        return _line({"message": message_fields(stored)})

    def summary(self, summary: Summary) -> str:
        self._counts["summaries"] += 1
        return _line({"summary": summary_fields(summary)})

    def close(self) -> str:
        return ""

    def is_last_page(self, messages: int | None) -> None:
        """Of several, which hold so many messages together. Where that is not known any more, since the
        messages ended on an earlier page, the last line says how many conversations there are, no more."""
        if messages is None:
            self._counts = {"conversations": self._counts["conversations"]}
        else:
            self._counts["messages"] = messages

    def end(self) -> str:
        return _line({"end": self._counts})


class JsonDocument:
    """One JSON object: {"recollect_export": 1, "conversations": [{…, "messages": […], "summaries": […]}]}."""

    def __init__(self) -> None:
        self._conversations = self._messages = self._summaries = 0

    def begin(self) -> str:
        return f'{{"recollect_export":{VERSION},"conversations":['

    def conversation(self, exported: Exported) -> str:
        comma = "," if self._conversations else ""
        self._conversations += 1
        self._messages = self._summaries = 0
        return f'{comma}\n{_json(conversation_fields(exported.conversation))[:-1]},"messages":['

    def message(self, stored: StoredMessage) -> str:
        self._messages += 1
        return f"{',' if self._messages > 1 else ''}\n{_json(message_fields(stored))}"

    def summary(self, summary: Summary) -> str:
        self._summaries += 1
        before = "," if self._summaries > 1 else '],"summaries":['
        return f"{before}\n{_json(summary_fields(summary))}"

    def close(self) -> str:
        return "]}"

    def end(self) -> str:
        return "]}\n"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _line(value: object) -> str:
    return _json(value) + "\n"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="microseconds")


def _without_nulls(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

"""LibreChat's export of one conversation: `messages`, nested by `children` or with `parentMessageId`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.tree import ById, Kept, depth_first
from recollect.history.importing.values import items, kept, obj, text, time
from recollect.models.imported import ImportedConversation, ImportedMessage, Notes
from recollect.models.message import NewMessage, Part, Role

SOURCE = "librechat"


def matches(value: JsonObject) -> bool:
    return isinstance(value.get("conversationId"), str) and isinstance(
        value.get("messages", value.get("messagesTree")), list
    )


def read(value: JsonObject) -> ImportedConversation:
    options = obj(value, "options")
    found = ImportedConversation(
        SOURCE,
        str(value["conversationId"]),
        (),
        title=text(value, "title"),
        instructions=text(options, "promptPrefix", "system"),
        created_at=time(value.get("createdAt")),
        updated_at=time(value.get("updatedAt")) or time(value.get("exportAt")),
        metadata=kept(endpoint=text(value, "endpoint"), model=text(options, "model")),
    )
    parents: dict[str, str | None] = {}
    by_id = ById(found.notes)
    _flatten(items(value, "messages") or items(value, "messagesTree"), parents, by_id, found.notes)
    kept_ones = Kept(parents)
    read: dict[str, ImportedMessage] = {}
    for id in depth_first(parents, found.notes):
        new = _message(id, by_id.messages[id], found.notes)
        if new is not None:
            read[id] = ImportedMessage(id, kept_ones.nearest(parents[id]), new)
        kept_ones.tell(id, kept=new is not None)
    found.messages = read.values()
    found.head = _newest(found.messages)
    said_at = [said.message.occurred_at for said in read.values() if said.message.occurred_at is not None]
    # The export of one conversation says when its messages were written, but not when it was.
    found.created_at = found.created_at or min(said_at, default=None)
    found.updated_at = found.updated_at or max(said_at, default=None)
    return found


def _newest(messages: Iterable[ImportedMessage]) -> str | None:
    """Where a conversation went on: the export does not say it, but the times of its messages do."""
    told = [(said.message.occurred_at, number, said.id) for number, said in enumerate(messages)]
    dated = [(at, number, id) for at, number, id in told if at is not None]
    return max(dated)[2] if dated and len(dated) == len(told) else None


def _flatten(listed: list[Any], parents: dict[str, str | None], by_id: ById, notes: Notes) -> None:
    waiting: list[tuple[Any, str | None]] = [(said, None) for said in reversed(listed)]
    while waiting:
        said, holder = waiting.pop()
        if not isinstance(said, dict):
            notes.fail(f"a message that is no object: {str(said)[:40]}")
            continue
        value = cast("JsonObject", said)
        id = by_id.put(text(value, "messageId") or f"message-{len(by_id.messages)}", value)
        parents[id] = text(value, "parentMessageId") or holder
        waiting.extend((child, id) for child in reversed(items(value, "children")))


def _message(id: str, said: JsonObject, notes: Notes) -> NewMessage | None:
    parts: list[Part] = []
    for index, block in enumerate(items(said, "content")):
        if isinstance(block, dict):
            parts += _block(cast("JsonObject", block), f"{id}:{index}", notes)
    words = text(said, "text")
    if words and not any(part["type"] == "text" for part in parts):
        parts.append({"type": "text", "text": words})
    for file in [*items(said, "files"), *items(said, "attachments")]:
        if isinstance(file, dict):
            value = cast("JsonObject", file)
            notes.converted["files, kept as references"] += 1
            kind = "image" if str(value.get("type")).startswith("image") else "file"
            parts.append(
                {
                    "type": kind,
                    **kept(
                        name=text(value, "filename"),
                        file_id=text(value, "file_id"),
                        path=text(value, "filepath"),
                        media_type=text(value, "type"),
                        provider=SOURCE,
                    ),
                }
            )
    if not parts:
        notes.left_out["messages without content"] += 1
        return None
    plain = len(parts) == 1 and parts[0].keys() == {"type", "text"}
    return NewMessage(
        role=_role(said),
        content=parts[0]["text"] if plain else parts,
        metadata=kept(
            model=text(said, "model"),
            sender=text(said, "sender"),
            endpoint=text(said, "endpoint"),
            error=said.get("error") is True,
            unfinished=said.get("unfinished") is True,
        ),
        occurred_at=time(said.get("createdAt")),
    )


def _role(said: JsonObject) -> Role:
    by_user = said.get("isCreatedByUser", said.get("sender") == "User")
    return "user" if by_user is True else "assistant"


def _block(block: JsonObject, made_id: str, notes: Notes) -> list[Part]:
    kind = text(block, "type") or ""
    if kind in ("text", "think"):
        inner: object = block.get(kind)
        words = text(cast("JsonObject", inner), "value") if isinstance(inner, dict) else text(block, kind)
        name = "text" if kind == "text" else "reasoning"
        return [{"type": name, "text": words}] if words else []
    if kind == "tool_call":
        call = obj(block, "tool_call")
        id = text(call, "id") or made_id
        given: Any = call.get("args")
        parts: list[Part] = [
            {
                "type": "tool_call",
                "id": id,
                "name": text(call, "name") or "tool",
                "arguments": given if isinstance(given, (dict, str)) else {},
            }
        ]
        if isinstance(call.get("output"), str):
            parts.append({"type": "tool_result", "call_id": id, "content": call["output"]})
        return parts
    notes.converted[f"content of the type {kind[:60]!r}, kept as it was"] += 1
    return [{"type": "other", "format": SOURCE, "value": block}]


FORMAT = ImportFormat("LibreChat's conversation export", matches, one_each(matches, read, "messages"))

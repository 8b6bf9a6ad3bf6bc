"""Claude's export: `conversations.json`, each conversation with `chat_messages`.

Messages are a tree by `parent_message_uuid`; the list runs through all branches by time. Older
exports have no parents: there the list is the conversation.
"""

from __future__ import annotations

from typing import cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.blocks import attachments, block_parts
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.tree import ById, Kept, depth_first
from recollect.history.importing.values import items, kept, text, time
from recollect.models.imported import ImportedConversation, ImportedMessage
from recollect.models.message import NewMessage, Role

SOURCE = "claude"
ROLES: dict[object, Role] = {"human": "user", "user": "user", "assistant": "assistant", "system": "system"}


def matches(value: JsonObject) -> bool:
    return isinstance(value.get("chat_messages"), list)


def read(value: JsonObject) -> ImportedConversation:
    found = ImportedConversation(
        SOURCE,
        text(value, "uuid") or f"{value.get('created_at')} {value.get('name')}",
        (),
        title=text(value, "name"),
        created_at=time(value.get("created_at")),
        updated_at=time(value.get("updated_at")),
        pinned=value.get("is_starred") is True,
        metadata=kept(
            model=text(value, "model"), project=text(value, "project_uuid"), summary=text(value, "summary")
        ),
    )
    by_id = ById(found.notes)
    for number, message in enumerate(items(value, "chat_messages")):
        if isinstance(message, dict):
            said = cast("JsonObject", message)
            by_id.put(text(said, "uuid") or f"message-{number}", said)
        else:
            found.notes.fail(f"message {number} is no object")
    messages = by_id.messages
    parents = _parents(messages)
    kept_ones = Kept(parents)
    read: dict[str, ImportedMessage] = {}
    for id in depth_first(parents, found.notes):
        new = _message(id, messages[id], found)
        if new is not None:
            read[id] = ImportedMessage(id, kept_ones.nearest(parents[id]), new)
        kept_ones.tell(id, kept=new is not None)
    found.messages = read.values()
    # Where the export does not say it, the conversation went on where the newest message is.
    leaf = text(value, "current_leaf_message_uuid") or next(reversed(messages), None)
    found.head = kept_ones.nearest(leaf)
    return found


def _parents(messages: dict[str, JsonObject]) -> dict[str, str | None]:
    if any("parent_message_uuid" in message for message in messages.values()):
        return {id: text(message, "parent_message_uuid") for id, message in messages.items()}
    return dict(zip(messages, [None, *messages], strict=False))


def _message(id: str, said: JsonObject, found: ImportedConversation) -> NewMessage | None:
    role = ROLES.get(text(said, "sender") or "")
    if role is None:
        role = "assistant"
        found.notes.converted[
            f"messages of the sender {str(said.get('sender'))[:40]!r}, kept as the assistant's"
        ] += 1
    parts = block_parts(said.get("content"), SOURCE, id, found.notes)
    words = text(said, "text")
    if words and not any(part["type"] == "text" for part in parts):
        parts.append({"type": "text", "text": words})
    files = attachments(said)
    if count := sum(part["type"] != "text" for part in files):
        note = "attachments, kept as files with the text that was taken out of them"
        found.notes.converted[note] += count
    parts += files
    if not parts:
        found.notes.left_out["messages without content"] += 1
        return None
    plain = len(parts) == 1 and parts[0].keys() == {"type", "text"}
    updated = said.get("updated_at")
    return NewMessage(
        role=role,
        content=parts[0]["text"] if plain else parts,
        metadata=kept(
            model=text(said, "model"),
            updated_at=updated if updated != said.get("created_at") else None,
            stop_reason=text(said, "stop_reason"),
        ),
        occurred_at=time(said.get("created_at")),
    )


FORMAT = ImportFormat("Claude's conversations.json", matches, one_each(matches, read, "chat_messages"))

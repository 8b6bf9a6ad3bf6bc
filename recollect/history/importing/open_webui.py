"""Open WebUI's export of chats: a list whose entries hold a `chat` with its `history`, a tree."""

from __future__ import annotations

from typing import cast

from recollect.history.formats import media
from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.tree import Kept, depth_first
from recollect.history.importing.values import items, kept, obj, text, time
from recollect.models.imported import ImportedConversation, ImportedMessage, Notes
from recollect.models.message import ROLES, NewMessage, Part

SOURCE = "open-webui"


def matches(value: JsonObject) -> bool:
    chat = obj(value, "chat")
    return isinstance(obj(chat, "history").get("messages"), dict) or isinstance(chat.get("messages"), list)


def read(value: JsonObject) -> ImportedConversation:
    chat = obj(value, "chat")
    found = ImportedConversation(
        SOURCE,
        text(value, "id") or text(chat, "id") or f"{value.get('created_at')} {value.get('title')}",
        (),
        title=text(value, "title") or text(chat, "title"),
        instructions=text(chat, "system") or text(obj(chat, "params"), "system"),
        created_at=time(value.get("created_at")) or time(chat.get("timestamp")),
        updated_at=time(value.get("updated_at")),
        archived=value.get("archived") is True,
        pinned=value.get("pinned") is True,
        metadata=kept(
            models=items(chat, "models"),
            folder=text(value, "folder_id"),
            tags=items(obj(value, "meta"), "tags"),
        ),
    )
    history = obj(obj(chat, "history"), "messages")
    messages = {id: cast("JsonObject", said) for id, said in history.items() if isinstance(said, dict)}
    if len(messages) < len(history):
        found.notes.fail(f"{len(history) - len(messages)} messages that are no objects")
    parents = {id: text(said, "parentId") for id, said in messages.items()}
    if not messages:  # the oldest chats have a list alone
        listed = [cast("JsonObject", said) for said in items(chat, "messages") if isinstance(said, dict)]
        messages = {text(said, "id") or f"message-{number}": said for number, said in enumerate(listed)}
        parents = dict(zip(messages, [None, *messages], strict=False))
    kept_ones = Kept(parents)
    read: dict[str, ImportedMessage] = {}
    for id in depth_first(parents, found.notes):
        new = _message(messages[id], found.notes)
        if new is not None:
            read[id] = ImportedMessage(id, kept_ones.nearest(parents[id]), new)
        kept_ones.tell(id, kept=new is not None)
    found.messages = read.values()
    found.head = kept_ones.nearest(text(obj(chat, "history"), "currentId"))
    return found


def _message(said: JsonObject, notes: Notes) -> NewMessage | None:
    role = said.get("role")
    if role not in ROLES:
        notes.converted[f"messages of the role {str(role)[:40]!r}, kept as the assistant's"] += 1
        role = "assistant"
    parts: list[Part] = []
    content = said.get("content")
    if isinstance(content, str) and content:
        parts.append({"type": "text", "text": content})
    elif isinstance(content, list):
        for block in cast("list[object]", content):
            words = text(cast("JsonObject", block), "text") if isinstance(block, dict) else None
            if words:
                parts.append({"type": "text", "text": words})
            elif isinstance(block, dict):
                parts.append({"type": "other", "format": SOURCE, "value": block})
    if not parts:
        parts += _output(items(said, "output"))
    merged = text(obj(said, "merged"), "content")
    if merged:
        notes.converted["answers merged out of several models', kept as text"] += 1
        parts.append({"type": "text", "text": merged, "merged": True})
    for file in items(said, "files"):
        if isinstance(file, dict):
            parts += _file(cast("JsonObject", file))
            notes.converted["files, kept as references or with their bytes, and their text"] += 1
    error = said.get("error")
    shown = text(obj(said, "error"), "content", "message") or (error if isinstance(error, str) else None)
    if error and not parts:
        notes.converted["errors in place of an answer, kept as text"] += 1
        parts.append({"type": "text", "text": shown or "(an error without words)"})
    if not parts:
        notes.left_out["messages without content"] += 1
        return None
    plain = len(parts) == 1 and parts[0].keys() == {"type", "text"}
    return NewMessage(
        role=role,
        content=parts[0]["text"] if plain else parts,
        metadata=kept(
            model=text(said, "model") or (text(said, "modelName")),
            sources=items(said, "sources"),
            error=shown if error else None,
            usage=obj(said, "usage") or obj(said, "info"),
            rating=obj(said, "annotation").get("rating"),
        ),
        occurred_at=time(said.get("timestamp")),
    )


def _output(listed: list[object]) -> list[Part]:
    """What stands in the items of an answer whose `content` is empty, as newer versions keep them."""
    parts: list[Part] = []
    for item in listed:
        if not isinstance(item, dict):
            continue
        value = cast("JsonObject", item)
        words = "".join(
            text(cast("JsonObject", block), "text") or ""
            for block in items(value, "content")
            if isinstance(block, dict)
        )
        if not words:
            parts.append({"type": "other", "format": SOURCE, "value": value})
        elif value.get("type") == "reasoning":
            parts.append({"type": "reasoning", "text": words})
        else:
            parts.append({"type": "text", "text": words})
    return parts


def _file(file: JsonObject) -> list[Part]:
    """A file, and behind it the text that was taken out of it, to be read and found like what was said."""
    kind = "image" if file.get("type") == "image" else "file"
    url = text(file, "url")
    where = {} if url is None else media.located(url)
    inner = obj(file, "file")
    part: Part = {
        "type": kind,
        **where,
        **kept(name=text(file, "name") or text(inner, "filename"), file_id=text(file, "id"), provider=SOURCE),
    }
    extracted = text(obj(inner, "data"), "content")
    return [part] if extracted is None else [part, {"type": "text", "text": extracted}]


FORMAT = ImportFormat("Open WebUI's chats", matches, one_each(matches, read, "a chat"))

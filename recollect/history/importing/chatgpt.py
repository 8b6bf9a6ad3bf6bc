"""ChatGPT's export: `conversations.json`, or `conversations-000.json` and on, in a zip.

Each conversation is a `mapping` of nodes with `parent` and `message`, and a `current_node`. A call
of a tool is an assistant's message to a `recipient`; what the tool said follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.chatgpt_content import content_parts
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.tree import Kept, depth_first
from recollect.history.importing.values import items, kept, obj, text, time
from recollect.models.imported import ImportedConversation, ImportedMessage
from recollect.models.message import ROLES, NewMessage, Part

SOURCE = "chatgpt"
EVERYBODY = (None, "", "all")
INSTRUCTIONS = ("user_profile", "user_instructions")
OLD_INSTRUCTIONS = ("about_user_message", "about_model_message")


def matches(value: JsonObject) -> bool:
    return isinstance(value.get("mapping"), dict)


def read(value: JsonObject) -> ImportedConversation:
    found = ImportedConversation(
        SOURCE,
        text(value, "conversation_id", "id") or f"{value.get('create_time')} {value.get('title')}",
        (),
        title=text(value, "title"),
        created_at=time(value.get("create_time")),
        updated_at=time(value.get("update_time")),
        archived=value.get("is_archived") is True,
        pinned=value.get("is_starred") is True or value.get("pinned_time") is not None,
        metadata=kept(
            model=text(value, "default_model_slug"),
            gizmo_id=text(value, "gizmo_id"),
            project=text(value, "conversation_template_id"),
            memory_scope=text(value, "memory_scope"),
        ),
    )
    mapping = obj(value, "mapping")
    nodes: dict[str, JsonObject] = {
        id: cast("JsonObject", node) for id, node in mapping.items() if isinstance(node, dict)
    }
    if len(nodes) < len(mapping):
        found.notes.fail(f"{len(mapping) - len(nodes)} nodes that are no objects")
    parents = _parents(nodes)
    kept_ones = Kept(parents)
    read: dict[str, ImportedMessage] = {}
    for id in depth_first(parents, found.notes):
        message = _message(nodes[id], kept_ones, read, found)
        if message is not None:
            read[id] = ImportedMessage(id, kept_ones.nearest(parents[id]), message)
        kept_ones.tell(id, kept=message is not None)
    found.messages = read.values()
    found.head = kept_ones.nearest(text(value, "current_node"))
    return found


def _parents(nodes: dict[str, JsonObject]) -> dict[str, str | None]:
    """The parent of each node, or who has it among its children where it names none; siblings in the
    order that their parent gives them."""
    place: dict[str, int] = {}
    holder: dict[str, str] = {}
    for id, node in nodes.items():
        for number, child in enumerate(items(node, "children")):
            if isinstance(child, str):
                place[child], holder[child] = number, id
    # Siblings keep the order of this dict; elsewhere it does not matter.
    ordered = sorted(nodes, key=lambda id: place.get(id, 0))
    return {id: text(nodes[id], "parent") or holder.get(id) for id in ordered}


def _message(
    node: JsonObject,
    kept_ones: Kept,
    read: dict[str, ImportedMessage],
    found: ImportedConversation,
) -> NewMessage | None:
    said = obj(node, "message")
    notes = found.notes
    if not said:
        notes.left_out["empty nodes"] += 1
        return None
    content = obj(said, "content")
    kind = text(content, "content_type") or "text"
    metadata = obj(said, "metadata")
    if kind == "user_editable_context":
        _instructions(content, INSTRUCTIONS, found)
        return None
    if context := obj(metadata, "user_context_message_data"):  # as exports had them until 2024
        _instructions(context, OLD_INSTRUCTIONS, found)
    author = obj(said, "author")
    role = author.get("role")
    parts = content_parts(content, kind, notes)
    if not parts:
        notes.left_out["messages without content"] += 1
        return None
    name = text(author, "name")
    recipient = said.get("recipient")
    if role == "assistant" and recipient not in EVERYBODY:
        parts = _call(parts, str(recipient), text(node, "id") or text(said, "id") or "", content)
        notes.converted["messages to a tool, kept as calls"] += 1
    elif role == "tool":
        parts = _results(parts, read.get(kept_ones.nearest(text(node, "parent")) or ""))
    if role not in ROLES:
        notes.converted[f"messages of the role {str(role)[:40]!r}, kept as the assistant's"] += 1
        role = "assistant"
    plain = len(parts) == 1 and parts[0].keys() == {"type", "text"} and parts[0]["type"] == "text"
    return NewMessage(
        role=role,
        content=parts[0]["text"] if plain else parts,
        author=name[:200] if name else None,
        metadata=kept(
            model=text(metadata, "model_slug", "default_model_slug"),
            status=said.get("status") if said.get("status") != "finished_successfully" else None,
            channel=said.get("channel"),
            weight=said.get("weight") if said.get("weight") not in (1, 1.0) else None,
            chatgpt=metadata,
        ),
        occurred_at=time(said.get("create_time")),
    )


def _instructions(content: JsonObject, names: Sequence[str], found: ImportedConversation) -> None:
    """The custom instructions, which stand in a hidden message: what a model saw before everything."""
    words = [word for name in names if (word := text(content, name))]
    if words:
        found.instructions = "\n\n".join(words)
        found.notes.converted["custom instructions, kept as the conversation's instructions"] += 1
    else:
        found.notes.left_out["empty custom instructions"] += 1


def _call(parts: list[Part], recipient: str, id: str, content: JsonObject) -> list[Part]:
    """A message to a tool as a call, before it what is no words."""
    words = "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    call: Part = {"type": "tool_call", "id": id, "name": recipient, "arguments": words}
    language = text(content, "language")
    named = {"language": language} if language and language != "unknown" else {}
    return [*(part for part in parts if not isinstance(part.get("text"), str)), {**call, **named}]


def _results(parts: list[Part], before: ImportedMessage | None) -> list[Part]:
    """What a tool said, as the result of the call right before it; a second message of the same tool
    stays what it is, since a call has one result."""
    call: dict[str, Any] = {}
    if before is not None and before.message.role == "assistant" and isinstance(before.message.content, list):
        call = before.message.content[-1]
    if call.get("type") != "tool_call":
        return parts
    only = parts[0] if len(parts) == 1 else {}
    plain = only.get("type") == "text" and only.keys() == {"type", "text"}
    return [{"type": "tool_result", "call_id": call["id"], "content": only["text"] if plain else parts}]


FORMAT = ImportFormat("ChatGPT's conversations.json", matches, one_each(matches, read, "a mapping"))

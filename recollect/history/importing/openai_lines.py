"""JSON lines of {"messages": [...]}, as for OpenAI's fine-tuning, and as `recollect export` writes them."""

from __future__ import annotations

import hashlib
import json
from typing import cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.format import ImportFormat, one_each
from recollect.history.importing.values import kept, text, time
from recollect.history.payloads import messages_from
from recollect.models.errors import InvalidArgument
from recollect.models.imported import ImportedConversation, ImportedMessage
from recollect.models.message import NewMessage

SOURCE = "messages"


def matches(value: JsonObject) -> bool:
    messages: object = value.get("messages")
    if not isinstance(messages, list) or not messages:
        return False
    first: object = cast("list[object]", messages)[0]
    return isinstance(first, dict) and isinstance(cast("JsonObject", first).get("role"), str)


def read(value: JsonObject) -> ImportedConversation:
    id = text(value, "id", "conversation_id", "custom_id")
    if id is None:  # the same line is the same conversation, wherever it stands
        exact = json.dumps(value, sort_keys=True).encode()
        id = hashlib.blake2b(exact, digest_size=16).hexdigest()
    found = ImportedConversation(
        SOURCE,
        id,
        (),
        title=text(value, "title"),
        created_at=time(value.get("created_at")),
        updated_at=time(value.get("updated_at")),
        metadata=kept(model=text(value, "model")),
    )
    read = _messages(value, found)
    found.messages = [
        ImportedMessage(str(number), str(number - 1) if number > 1 else None, new)
        for number, new in enumerate(read, 1)
    ]
    return found


def _messages(value: JsonObject, found: ImportedConversation) -> list[NewMessage]:
    """All messages, or those that are well-formed where some are not."""
    asked = {name: value[name] for name in ("system", "messages") if name in value}
    payload: object = asked if "system" in asked else value["messages"]
    try:
        return messages_from(payload)
    except InvalidArgument:
        read: list[NewMessage] = []
        for number, entry in enumerate(cast("list[object]", value["messages"]), 1):
            try:
                read += messages_from([entry])
            except InvalidArgument as error:
                found.notes.fail(f"message {number}: {error.argument}: {error.problem}")
        return read


FORMAT = ImportFormat('JSON lines of {"messages": […]}', matches, one_each(matches, read, "messages"))

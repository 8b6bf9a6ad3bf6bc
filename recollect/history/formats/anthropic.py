"""Anthropic Messages: alternating user and assistant messages; the system prompt stands apart.

Reference: platform.claude.com/docs/en/api/messages. Reading is here, writing in `anthropic_out`.
"""

from __future__ import annotations

from typing import Any, cast

from recollect.history.formats import media
from recollect.history.formats.anthropic_out import STYLES, outgoing, render
from recollect.history.formats.native import remembered
from recollect.history.formats.payload import blocks, entries, entry, inner, other, refuse_role, word
from recollect.history.formats.rendered import JsonObject, Said
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage, Part

__all__ = ["incoming", "outgoing"]


def incoming(payload: object, argument: str = "messages") -> list[NewMessage]:
    """Anthropic messages as messages to append, one for one.

    payload:  the list, or an object with `messages` and perhaps `system`, which becomes a system
              message in front. Other fields of a request are settings, not history.

    Raises: InvalidArgument that names the place, such as `messages[2].content[0].type`.
    """
    found: list[NewMessage] = []
    if isinstance(payload, dict):
        request = cast("JsonObject", payload)
        if "system" in request:
            said = Said("system", _parts(request["system"], "system"))
            apart = {"system": request["system"]}
            found.append(remembered(said, [apart], "anthropic", render, STYLES))
        if "messages" not in request and not found:
            problem = "is an object without messages; give a list, an answer as one of them"
            raise InvalidArgument(argument, problem)
        payload = request.get("messages", [])
    for value, where in entries(payload, argument):
        found.append(remembered(_heard(value, where), [value], "anthropic", render, STYLES))
    return found


def _heard(value: JsonObject, where: str) -> Said:
    role = value.get("role")
    if role not in ("user", "assistant", "system"):
        raise refuse_role(value, where, ("user", "assistant", "system"))
    if "content" not in value and role != "system":  # a system message may change settings alone
        raise InvalidArgument(f"{where}.content", "is missing")
    parts = _parts(value.get("content", []), f"{where}.content")
    results = [part for part in parts if part["type"] == "tool_result"]
    return Said("tool" if role == "user" and results and len(results) == len(parts) else role, parts)


def _parts(content: object, where: str) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_part(block, at) for block, at in blocks(content, where)]


def _part(block: JsonObject, where: str) -> Part:
    kind = block["type"]
    if kind == "text":
        return {"type": "text", "text": word(block, "text", where)}
    if kind == "thinking":
        signature = word(block, "signature", where)
        text = word(block, "thinking", where)
        return {"type": "reasoning", "text": text, "signature": signature, "provider": "anthropic"}
    if kind == "redacted_thinking":
        return {"type": "reasoning", "encrypted": word(block, "data", where), "provider": "anthropic"}
    if kind == "tool_use":
        arguments = entry(block.get("input"), f"{where}.input")
        return {
            "type": "tool_call",
            "id": word(block, "id", where),
            "name": word(block, "name", where),
            "arguments": arguments,
        }
    if kind == "tool_result":
        return _result(block, where)
    if kind in ("image", "document"):
        found = _source(entry(block.get("source"), f"{where}.source"))
        if found is not None:
            title = block.get("title")
            named = {"name": title} if kind == "document" and isinstance(title, str) else {}
            return {"type": "image" if kind == "image" else "file", **found, **named}
    return other("anthropic", block)


def _result(block: JsonObject, where: str) -> Part:
    content = block.get("content")
    part: Part = {
        "type": "tool_result",
        "call_id": word(block, "tool_use_id", where),
        "content": ""
        if content is None
        else content
        if isinstance(content, str)
        else _parts(content, f"{where}.content"),
    }
    if isinstance(block.get("is_error"), bool):
        part["is_error"] = block["is_error"]
    return part


def _source(source: JsonObject) -> Part | None:
    kind: Any = source.get("type")
    data, url, file_id = (inner(source, name) for name in ("data", "url", "file_id"))
    media_type = source.get("media_type")
    if kind == "base64" and isinstance(data, str) and isinstance(media_type, str):
        return {"data": data, "media_type": media_type}
    if kind == "text" and isinstance(data, str):
        return {"text": data, "media_type": "text/plain"}
    if kind == "url" and isinstance(url, str):
        return media.located(url)
    if kind == "file" and isinstance(file_id, str):
        return {"file_id": file_id, "provider": "anthropic"}
    return None

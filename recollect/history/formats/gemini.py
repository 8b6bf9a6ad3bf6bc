"""Gemini contents: user and model contents made of parts; the system instruction stands apart.

Reference: ai.google.dev/api/caching#Content. Field names come in camelCase (REST) or snake_case
(the Python SDK), and go out as they came. Reading is here, writing in `gemini_out`.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, cast

from recollect.history.formats import media
from recollect.history.formats.gemini_out import STYLES, outgoing, render
from recollect.history.formats.native import remembered
from recollect.history.formats.payload import entries, entry, objects, other
from recollect.history.formats.rendered import JsonObject, Said
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage, Part

__all__ = ["incoming", "outgoing"]


def incoming(payload: object, argument: str = "contents") -> list[NewMessage]:
    """Gemini contents as messages to append, one for one.

    payload:  the list, or an object with `contents` and perhaps `systemInstruction`, which becomes
              a system message in front. Other fields of a request are settings, not history.

    Raises: InvalidArgument that names the place, such as `contents[2].parts[0]`.
    """
    found: list[NewMessage] = []
    if isinstance(payload, dict):
        request = cast("JsonObject", payload)
        system: object = field(request, "systemInstruction")
        if system is not None:
            where = "systemInstruction"
            words: list[Part] = (
                [{"type": "text", "text": system}]
                if isinstance(system, str)
                else _parts(entry(system, where), where)
            )
            said = Said("system", words)
            found.append(remembered(said, [{"system": system}], "gemini", render, STYLES))
        if "contents" not in request and not found:
            problem = "is an object without contents; give a list, an answer as one of them"
            raise InvalidArgument(argument, problem)
        payload = request.get("contents", [])
    for value, where in entries(payload, argument):
        found.append(remembered(_heard(value, where), [value], "gemini", render, STYLES))
    return found


def field(value: JsonObject, name: str) -> Any:
    """A field under its name in camelCase or in snake_case."""
    found = value.get(name)
    return value.get(snake(name)) if found is None else found


def snake(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)


def _heard(value: JsonObject, where: str) -> Said:
    role = value.get("role")
    if role is not None and not isinstance(role, str):
        raise InvalidArgument(f"{where}.role", "must be user or model")
    if "content" in value and "parts" not in value:  # another provider's words, which would get lost
        raise InvalidArgument(f"{where}.parts", "is missing")
    parts = _parts(value, where)
    if role == "model":
        return Said("assistant", parts)
    results = [part for part in parts if part["type"] == "tool_result"]
    return Said("tool" if results and len(results) == len(parts) else "user", parts)


def _parts(value: JsonObject, where: str) -> list[Part]:
    if value.get("parts") is None:
        return []
    calls: Counter[str] = Counter()
    results: Counter[str] = Counter()
    found: list[Part] = []
    for block, at in entries(value["parts"], f"{where}.parts"):
        call, result = field(block, "functionCall"), field(block, "functionResponse")
        if call is not None:
            found.append(_call(entry(call, f"{at}.functionCall"), calls))
        elif result is not None:
            found.append(_result(entry(result, f"{at}.functionResponse"), results))
        else:
            found.append(_part(block))
    return found


def _part(block: JsonObject) -> Part:
    text, signature = block.get("text"), field(block, "thoughtSignature")
    if isinstance(text, str) and block.get("thought") is True:
        signed = {"signature": signature} if isinstance(signature, str) else {}
        return {"type": "reasoning", "text": text, "provider": "gemini", **signed}
    if isinstance(text, str):
        return {"type": "text", "text": text}
    inline, file = field(block, "inlineData"), field(block, "fileData")
    found = _media(inline if isinstance(inline, dict) else file)
    return other("gemini", block) if found is None else found


def _media(value: Any) -> Part | None:
    if not isinstance(value, dict):
        return None
    held = cast("JsonObject", value)
    data, uri, media_type = held.get("data"), field(held, "fileUri"), field(held, "mimeType")
    name = field(held, "displayName")
    part: Part = {"type": media.kind(media_type)}
    if isinstance(data, str):
        part["data"] = data
    elif isinstance(uri, str):
        part |= {"url": uri} if _is_public(uri) else {"file_id": uri, "provider": "gemini"}
    else:
        return None
    if isinstance(media_type, str):
        part["media_type"] = media_type
    return part if not isinstance(name, str) else {**part, "name": name}


def _is_public(uri: str) -> bool:
    """Whether others than Google can open a file's address."""
    return uri.startswith(("https://", "http://")) and "//generativelanguage.googleapis.com/" not in uri


def _call(call: JsonObject, before: Counter[str]) -> Part:
    arguments = call.get("args")
    return {
        "type": "tool_call",
        **_named(call, "id", before),
        "arguments": cast("JsonObject", arguments) if isinstance(arguments, dict) else {},
    }


def _result(result: JsonObject, before: Counter[str]) -> Part:
    part: Part = {"type": "tool_result", **_named(result, "call_id", before)}
    response = result.get("response")
    answer = cast("JsonObject", response) if isinstance(response, dict) else {}
    key = next(iter(answer), "")
    if len(answer) == 1 and key in ("output", "error") and isinstance(answer[key], str):
        content: Any = answer[key]
        part |= {"is_error": True} if key == "error" else {}
    else:
        content = json.dumps(answer, ensure_ascii=False)
        part["media_type"] = "application/json"
    shown = [found for piece in objects(result.get("parts")) if (found := _part(piece))["type"] != "other"]
    return part | {"content": [{"type": "text", "text": content}, *shown] if shown else content}


def _named(value: JsonObject, field: str, before: Counter[str]) -> Part:
    """The name and the id of a call; without an id, its place among those of its name stands for it."""
    given, name = value.get("id"), value.get("name")
    named = name if isinstance(name, str) else ""
    made = f"{named}~{before[named]}"
    before[named] += 1
    return {field: given if isinstance(given, str) and given else made, "name": named}

"""OpenAI Chat Completions messages.

Reference: platform.openai.com/docs/api-reference/chat/create. Parts without a counterpart are
named in a text part, so that the model knows that something was there.
"""

from __future__ import annotations

import json
from typing import Any

from recollect.models.message import Message, Part
from recollect.models.parts import part_text, readable

JsonObject = dict[str, Any]


def render_message(message: Message, text: str | None = None) -> list[JsonObject]:
    """One stored message as one or, for several tool results, more Chat Completions messages.

    text:  stands for the words of the message (a stub of a huge one); its calls stay.
    """
    parts = message.parts
    results = [part for part in parts if part["type"] == "tool_result"]
    if message.role == "tool":
        return [
            {
                "role": "tool",
                "tool_call_id": readable(part["call_id"]),
                "content": readable(part_text(part) if text is None else text),
            }
            for part in results
        ]
    if message.role == "assistant":
        return [_assistant(parts, text)]
    content = [_content(part) for part in parts] if text is None else [_text(text)]
    plain = len(content) == 1 and content[0]["type"] == "text"
    return [{"role": message.role, "content": content[0]["text"] if plain else content}]


def missing_result(call_id: str) -> JsonObject:
    """Stands for a result that was never recorded; without one the API refuses the call."""
    return {
        "role": "tool",
        "tool_call_id": readable(call_id),
        "content": "No result was recorded for this call.",
    }


def _assistant(parts: list[Part], text: str | None) -> JsonObject:
    calls = [
        {"id": readable(part["id"]), "type": "function", "function": _function(part)}
        for part in parts
        if part["type"] == "tool_call"
    ]
    words = (
        text if text is not None else "\n\n".join(part["text"] for part in parts if part["type"] == "text")
    )
    refusal = "\n\n".join(part["text"] for part in parts if part["type"] == "refusal") if text is None else ""
    message: JsonObject = {
        "role": "assistant",
        "content": readable(words) if words or not (calls or refusal) else None,
    }
    if refusal:
        message["refusal"] = readable(refusal)
    if calls:
        message["tool_calls"] = calls
    return message


def _function(part: Part) -> JsonObject:
    arguments = part["arguments"]
    return {
        "name": readable(part["name"]),
        "arguments": readable(arguments if isinstance(arguments, str) else json.dumps(arguments)),
    }


def _content(part: Part) -> JsonObject:
    if part["type"] in ("text", "refusal", "tool_result"):
        return _text(part_text(part))
    url = part.get("url")
    if part["type"] == "image" and isinstance(url, str):
        return {"type": "image_url", "image_url": {"url": readable(url)}}
    return _text(f"({part['type']} part, not shown)")


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": readable(text)}

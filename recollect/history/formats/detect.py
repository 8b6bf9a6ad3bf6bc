"""Which format a payload is written in."""

from __future__ import annotations

from typing import Literal, cast

from recollect.history.formats.payload import objects
from recollect.history.formats.rendered import JsonObject, Provider

_OWN_BLOCKS = ("tool_call", "reasoning", "resource", "audio", "other")
_OWN_FIELDS = ("author", "metadata", "token_count", "occurred_at")
_ANTHROPIC_BLOCKS = (
    "tool_use",
    "thinking",
    "redacted_thinking",
    "document",
    "search_result",
    "container_upload",
    "compaction",
    "fallback",
    "mcp_tool_listing",
    "tool_addition",
    "tool_removal",
)
_RESPONSES_BLOCKS = ("input_text", "output_text", "input_image", "input_file")
_CHAT_BLOCKS = ("image_url", "input_audio", "refusal")
_CHAT_FIELDS = ("tool_calls", "tool_call_id", "function_call", "refusal", "name", "audio")


def detect(payload: object) -> Provider | Literal["recollect"]:
    """The format of a payload: of a provider, or "recollect" for {role, content} with our own parts.

    The first entry that only one format can have decides. Without one, as in a list of
    {"role": …, "content": "…"}, which most providers share, it is "openai".
    """
    if isinstance(payload, dict):
        if "contents" in payload or "systemInstruction" in payload or "system_instruction" in payload:
            return "gemini"
        if "messages" not in payload:
            return "openai"
        for entry in objects(cast("JsonObject", payload)["messages"]):
            found = _of_entry(entry)
            if found is not None:
                return found
        return "anthropic"
    for entry in objects(payload):
        found = _of_entry(entry)
        if found is not None:
            return found
    return "openai"


def _of_entry(entry: JsonObject) -> Provider | Literal["recollect"] | None:
    if "parts" in entry:
        blocks = objects(entry["parts"])
        typed = any(isinstance(block.get("type"), str) for block in blocks)
        return "vercel" if typed or (not blocks and "id" in entry) else "gemini"
    if "role" not in entry:
        return "openai_responses" if "type" in entry or "id" in entry else "gemini" if not entry else None
    if "type" in entry:
        return "anthropic" if "stop_reason" in entry else "openai_responses"  # an answer, or an item
    if entry["role"] in ("tool", "function") and "tool_call_id" in entry:
        return "openai"
    for block in objects(entry.get("content")):
        found = _of_block(block)
        if found is not None:
            return found
    if any(field in entry for field in _CHAT_FIELDS) or entry["role"] == "function":
        return "openai"
    return "recollect" if any(field in entry for field in _OWN_FIELDS) else None


def _of_block(block: JsonObject) -> Provider | Literal["recollect"] | None:
    kind = block.get("type")
    if not isinstance(kind, str):
        return None
    if kind == "tool_result":
        return "anthropic" if "tool_use_id" in block else "recollect"
    if kind == "image":
        return "anthropic" if "source" in block else "recollect"
    if kind == "file":
        return "openai" if "file" in block else "recollect"
    if kind == "refusal":
        return "openai" if "refusal" in block else "recollect"
    if kind in _OWN_BLOCKS:
        return "recollect"
    if kind in _RESPONSES_BLOCKS:
        return "openai_responses"
    if kind in _CHAT_BLOCKS:
        return "openai"
    server_side = kind.endswith(("_tool_result", "_tool_use"))
    cited = kind == "text" and "citations" in block
    return "anthropic" if server_side or cited or kind in _ANTHROPIC_BLOCKS else None

"""OpenAI Responses items: what stands in `input`, and comes back in `output`.

Reference: platform.openai.com/docs/api-reference/responses/create. Reading is here, writing in
`openai_responses_out`. A run of items that the model made (reasoning, messages, calls, work of
hosted tools) is one assistant message; every other item is a message of its own.
"""

from __future__ import annotations

import json
from typing import Any, cast

from recollect.history.formats import media
from recollect.history.formats.native import remembered
from recollect.history.formats.openai_responses_out import STYLES, outgoing, render
from recollect.history.formats.payload import blocks, entries, inner, objects, other, refuse_role, word
from recollect.history.formats.rendered import JsonObject, Said
from recollect.history.formats.speech import CLIENT_CALLS
from recollect.models.errors import InvalidArgument
from recollect.models.message import NewMessage, Part, Role

__all__ = ["incoming", "outgoing"]

_ROLES = ("user", "assistant", "system", "developer")
_ANSWERS = {
    "function_call_output": None,
    "custom_tool_call_output": "custom",
    **{f"{kind}_output": kind for kind in CLIENT_CALLS},
}
"""The types of items that answer a call, and the `kind` of that call."""

_USERS_ITEMS = (
    "mcp_approval_response",
    "additional_tools",
    "compaction_trigger",
    "configuration_update",
)


def incoming(payload: object, argument: str = "input") -> list[NewMessage]:
    """Responses items as messages to append.

    Raises: InvalidArgument that names the place, such as `input[2].content[0].type`.
    """
    found: list[NewMessage] = []
    run: list[JsonObject] = []
    parts: list[Part] = []

    def close_run() -> None:
        if run:
            said = Said("assistant", parts.copy())
            found.append(remembered(said, run.copy(), "openai_responses", render, STYLES))
            run.clear()
            parts.clear()

    for item, where in entries(payload, argument):
        role, heard = _heard(item, where)
        if role == "assistant":
            run.append(item)
            parts.extend(heard)
        else:
            close_run()
            found.append(remembered(Said(role, heard), [item], "openai_responses", render, STYLES))
    close_run()
    return found


def _heard(item: JsonObject, where: str) -> tuple[Role, list[Part]]:
    kind = item.get("type")
    if kind == "message" or (kind is None and "role" in item):
        role = item.get("role")
        if role not in _ROLES:
            raise refuse_role(item, where, _ROLES)
        return role, _message(item, where)
    if kind is None and isinstance(item.get("id"), str):  # a reference to an item
        return "assistant", [other("openai_responses", item)]
    kind = word(item, "type", where)
    if kind in _ANSWERS:
        return "tool", [_answer(item, _ANSWERS[kind], where)]
    if kind in _USERS_ITEMS:
        return "user", [other("openai_responses", item)]
    if kind in ("function_call", "custom_tool_call"):
        custom = kind == "custom_tool_call"
        part: Part = {
            "type": "tool_call",
            "id": word(item, "call_id", where),
            "name": word(item, "name", where),
            "arguments": word(item, "input" if custom else "arguments", where),
        }
        return "assistant", [{**part, "kind": "custom"} if custom else part]
    if kind in CLIENT_CALLS:
        action: object = item.get(CLIENT_CALLS[kind])
        arguments: JsonObject = cast("JsonObject", action) if isinstance(action, dict) else {}
        call: Part = {"type": "tool_call", "id": word(item, "call_id", where), "kind": kind}
        return "assistant", [{**call, "name": kind.removesuffix("_call"), "arguments": arguments}]
    if kind == "reasoning" and isinstance(item.get("id"), str):
        return "assistant", [_reasoning(item)]
    return "assistant", [other("openai_responses", item)]


def _message(item: JsonObject, where: str) -> list[Part]:
    content = item.get("content")
    if "content" not in item:
        raise InvalidArgument(f"{where}.content", "is missing")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    found = [_part(block, at) for block, at in blocks(content, f"{where}.content")]
    # An empty message is a part too: were it none, what is kept of its run could only be all of it.
    found = found or [{"type": "text", "text": ""}]
    if item["role"] == "assistant":
        found[1:] = [{**part, "continues": True} for part in found[1:]]
    return found


def _part(block: JsonObject, where: str) -> Part:
    kind = block["type"]
    if kind in ("input_text", "output_text"):
        return {"type": "text", "text": word(block, "text", where)}
    if kind == "refusal":
        return {"type": "refusal", "text": word(block, "refusal", where)}
    if kind in ("input_image", "computer_screenshot"):
        found = _held(block, "image_url")
        return {"type": "image", **found} if found else {**other("openai_responses", block), "block": True}
    if kind == "input_file":
        found = _held(block, "file_url")
        data, name = block.get("file_data"), block.get("filename")
        if isinstance(data, str):
            found |= media.located(data) if data.startswith("data:") else {"data": data}
        return {"type": "file", **found, **({"name": name} if isinstance(name, str) else {})}
    return {**other("openai_responses", block), "block": True}


def _held(block: JsonObject, field: str) -> Part:
    url, file_id = block.get(field), block.get("file_id")
    if isinstance(file_id, str):
        return {"file_id": file_id, "provider": "openai"}
    return media.located(url) if isinstance(url, str) else {}


def _answer(item: JsonObject, kind: str | None, where: str) -> Part:
    # A local shell's output has the call's id as its own; a function's may have lost it.
    named = item.get("id") if kind == "local_shell_call" else item.get("call_id")
    output: Any = item.get("output")
    part: Part = {"type": "tool_result", "call_id": named if isinstance(named, str) else ""}
    if kind is not None:
        part["kind"] = kind
    if isinstance(output, str):
        part["content"] = output
    elif inner(output, "type") == "computer_screenshot":
        part["content"] = [_part(output, f"{where}.output")]
    elif kind in CLIENT_CALLS:
        part |= {"content": json.dumps(output, ensure_ascii=False), "media_type": "application/json"}
    else:
        part["content"] = [_part(block, at) for block, at in blocks(output, f"{where}.output")]
    if kind == "apply_patch_call" and item.get("status") == "failed":
        part["is_error"] = True
    return part


def _reasoning(item: JsonObject) -> Part:
    part: Part = {"type": "reasoning", "provider": "openai", "id": item["id"]}
    summary, content = _texts(item.get("summary")), _texts(item.get("content"))
    if summary or content:
        part["text"] = "\n\n".join(summary or content)
    if content and not summary:
        part["raw"] = True
    if isinstance(item.get("encrypted_content"), str):
        part["encrypted"] = item["encrypted_content"]
    return part


def _texts(pieces: object) -> list[str]:
    return [piece["text"] for piece in objects(pieces) if isinstance(piece.get("text"), str)]

"""Vercel AI SDK UI messages: parts, with a tool's result inside the part of its call.

Reference: ai-sdk.dev/docs/reference/ai-sdk-core/ui-message. One UI message is one message; an
assistant's holds its calls and their results, and all the steps of a turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from recollect.history.formats import media, speech
from recollect.history.formats.native import recalled, remembered
from recollect.history.formats.payload import blocks, entries, inner, objects, other, refuse_role, word
from recollect.history.formats.rendered import JsonObject, Rendered, Said
from recollect.history.formats.waiting import Waiting
from recollect.models.errors import InvalidArgument
from recollect.models.message import Message, NewMessage, Part
from recollect.models.parts import part_text

STYLES = ("usual",)

_ROLES = ("system", "user", "assistant")
_ANY = re.compile(r".+", re.DOTALL)
LIMITS = speech.Limits(_ANY, 1_000, _ANY, 1_000)


def incoming(payload: object, argument: str = "messages") -> list[NewMessage]:
    """UI messages as messages to append, one for one.

    Raises: InvalidArgument that names the place, such as `messages[2].parts[0].type`.
    """
    found: list[NewMessage] = []
    for value, where in entries(payload, argument):
        role = value.get("role")
        if role not in _ROLES:
            raise refuse_role(value, where, _ROLES)
        if "parts" not in value:
            raise InvalidArgument(f"{where}.parts", "is missing")
        heard = blocks(value["parts"], f"{where}.parts")
        said = Said(role, [part for block, at in heard for part in _parts(block, at)])
        found.append(remembered(said, [value], "vercel", _render, STYLES))
    return found


def outgoing(messages: Sequence[Message], *, exact: bool = False) -> Rendered:
    """Messages as UI messages. Results in messages of their own go into the part of their call.

    exact:  what came in in this format goes out as it was, even if the SDK would refuse it.
    """
    lost: list[str] = []
    said = speech.heard(messages, "vercel", lost, exact=exact)
    if not exact:
        speech.fit(said, LIMITS, lost)
    said = _folded(said, lost)
    rendered: list[JsonObject] = []
    waiting: list[tuple[int, str]] = []
    for message in said:
        for value in recalled(message, "vercel", _render, STYLES, lost):
            if exact:
                rendered.append(value)
                continue
            waiting += _settle(value, message, lost, last=message is said[-1])
            if value.get("parts"):
                # Instructions are no stored message, but the SDK wants an id for every one.
                rendered.append(value if value.get("id") else {**value, "id": f"msg_{message.seq}"})
            else:
                message.lose(lost, "an empty message")
    return Rendered(rendered, lost=lost, waiting=waiting)


def _parts(block: JsonObject, where: str) -> list[Part]:
    kind = block["type"]
    if kind in ("text", "reasoning"):
        return [{"type": kind, "text": word(block, "text", where)}]
    if kind == "file":
        url = word(block, "url", where)
        media_type, name = block.get("mediaType"), block.get("filename")
        part: Part = {"type": media.kind(media_type)}
        if isinstance(media_type, str):
            part["media_type"] = media_type
        if isinstance(name, str):
            part["name"] = name
        # A data: URL repeats the type; where the two differ, mediaType is what the SDK goes by.
        return [{**media.located(url), **part}]
    if kind == "dynamic-tool" or kind.startswith("tool-"):
        return _tool(block, where)
    return [other("vercel", block)]


def _tool(block: JsonObject, where: str) -> list[Part]:
    dynamic = block["type"] == "dynamic-tool"
    given = block.get("input")
    call: Part = {
        "type": "tool_call",
        "id": word(block, "toolCallId", where),
        "name": word(block, "toolName", where) if dynamic else block["type"].removeprefix("tool-"),
        "arguments": given if isinstance(given, (dict, str)) else json.dumps(given, ensure_ascii=False),
    }
    if dynamic:
        call["dynamic"] = True
    state, output = word(block, "state", where), block.get("output")
    result: Part = {"type": "tool_result", "call_id": call["id"]}
    if state == "output-error":
        result |= {"content": word(block, "errorText", where), "is_error": True}
    elif state == "output-denied":
        result |= {"content": "The user did not allow this call.", "is_error": True}
    elif state == "output-available" and isinstance(output, str):
        result["content"] = output
    elif state == "output-available":
        result |= {"content": json.dumps(output, ensure_ascii=False), "media_type": "application/json"}
    else:
        return [call]
    return [call, result]


def _folded(said: list[Said], lost: list[str]) -> list[Said]:
    """Move results into the assistant's message that holds their call."""
    found: list[Said] = []
    callers: dict[str, Said] = {}
    for message in said:
        calls = [part["id"] for part in message.parts if part["type"] == "tool_call"]
        if calls or message.role == "assistant":
            callers |= dict.fromkeys(calls, message)
            found.append(message)
            continue
        left: list[Part] = []
        for part in message.parts:
            if part["type"] != "tool_result":
                left.append(part)
            elif (caller := callers.get(part["call_id"])) is not None:
                caller.parts.append(part)
            else:
                message.lose(lost, "a result without its call")
        if left:
            message.parts = left
            found.append(message)
    return found


def _results(said: Said) -> Waiting[Part]:
    """The results in a message by the id of their call, which several may have."""
    results = Waiting[Part]()
    for part in said.parts:
        if part["type"] == "tool_result":
            results.add(part["call_id"], part)
    return results


def _settle(value: JsonObject, said: Said, lost: list[str], *, last: bool) -> list[tuple[int, str]]:
    """Give a result to the parts of calls that came in without one, as while they waited for an approval:
    what is kept of them says that they wait. Gives those that stay as they are: where the last message holds
    the user's answer to an approval, the SDK runs the tool, or says that it was denied."""
    results = _results(said)
    waiting: list[tuple[int, str]] = []
    for block in objects(value.get("parts")):
        call = str(block.get("toolCallId"))
        result = results.take(call)
        if result is None or str(block.get("state")).startswith("output-"):
            continue
        if last and speech.is_note(result) and block.get("state") == "approval-responded":
            block.pop("output", None)
            waiting.append((said.seq, call))
            continue
        if inner(block.pop("approval", None), "approved") is False:
            said.lose(lost, "that the user did not allow a call")
        block.setdefault("input", {})
        block |= _outcome(said, result, lost)
    return waiting


def _render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    results = _results(said)
    shown: list[JsonObject] = []
    for part in said.parts:
        if part["type"] == "tool_call":
            shown.append(_call(said, part, results.take(part["id"]), lost))
        elif part["type"] != "tool_result":
            block = _block(said, part, lost)
            shown += [] if block is None else [block]
    if results:
        said.lose(lost, "a result without its call")
    role = {"developer": "system", "tool": "user"}.get(said.role, said.role)
    # Not stored yet, a message has no id of ours: whatever it came with is kept.
    return [{"id": f"msg_{said.seq}" if said.seq else None, "role": role, "parts": shown}]


def _block(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return {"type": "text", "text": part["text"]}
    if kind == "other" and part["format"] == "vercel":
        return part["value"]
    if kind == "reasoning" and isinstance(part.get("text"), str):
        return {"type": "reasoning", "text": part["text"]}
    if kind in ("reasoning", "other"):
        said.lose(lost, "reasoning in a sealed form" if kind == "reasoning" else "a part of another format")
        return None
    url = media.data_url(part) or media.link(part)
    if kind in ("image", "audio", "file") and url is not None and said.role != "system":
        block = {"type": "file", "mediaType": media.media_type(part), "url": url}
        name = media.name(part)
        return block if name is None else {**block, "filename": name}
    said.lose(lost, f"{kind} part")
    what = f"resource {part['uri']}" if kind == "resource" else f"{kind} part"
    return {"type": "text", "text": f"({what}, not shown)"}


def _call(said: Said, part: Part, result: Part | None, lost: list[str]) -> JsonObject:
    kind = {"type": f"tool-{part['name']}"}
    if part.get("dynamic"):
        kind = {"type": "dynamic-tool", "toolName": part["name"]}
    given: Any = part["arguments"]
    if isinstance(given, str) and isinstance(value := speech.parsed(given), (dict, list)):
        given = cast("object", value)
    block: JsonObject = {**kind, "toolCallId": part["id"], "state": "input-available", "input": given}
    return block if result is None else block | _outcome(said, result, lost)


def _outcome(said: Said, result: Part, lost: list[str]) -> JsonObject:
    content: Any = result["content"]
    if isinstance(content, list):
        pieces = cast("list[Part]", content)
        if any(piece["type"] not in ("text", "refusal") for piece in pieces):
            said.lose(lost, "parts of a result that are no text")
        content = "\n".join(filter(None, map(part_text, pieces)))
    if result.get("is_error"):
        return {"state": "output-error", "errorText": content}
    if result.get("media_type") == "application/json":
        content = _output(content)
    return {"state": "output-available", "output": content}


def _output(content: str) -> Any:
    """JSON as it came in; text that only begins like it, as after a cut, stays text."""
    return None if content == "null" else content if (value := speech.parsed(content)) is None else value

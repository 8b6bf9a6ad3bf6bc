"""Messages as items that OpenAI's Responses API accepts; see `openai_responses`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from recollect.history.formats import hosted, media, speech
from recollect.history.formats.native import recalled
from recollect.history.formats.payload import objects
from recollect.history.formats.rendered import JsonObject, Rendered, Said
from recollect.models.message import Message, Part
from recollect.models.parts import part_text

STYLES = ("plain", "blocks", "typed", "typed blocks")
"""Content as a string where it is text alone, or always as blocks; messages with `type` or without."""

LIMITS = speech.Limits(re.compile(r"[^\x00-\x1f]+"), 64, re.compile(r"[a-zA-Z0-9_-]+"), 64)


def outgoing(messages: Sequence[Message], *, exact: bool = False) -> Rendered:
    """Messages as Responses items, such as the API accepts.

    exact:  what came in in this format goes out as it was, even if the API would refuse it.
    """
    lost: list[str] = []
    said = speech.heard(messages, "openai_responses", lost, exact=exact)
    if not exact:
        speech.match_kinds(said)
        speech.fit(said, LIMITS, lost)
        media.fit(said, media.USUAL_IMAGES, lost)
    found = [
        (message, item)
        for message in said
        for item in recalled(message, "openai_responses", render, STYLES, lost)
    ]
    if exact:
        return Rendered([item for _, item in found], lost=lost)
    said_last = max((at for at, (_, item) in enumerate(found) if item.get("role") == "user"), default=-1)
    dropped = set(hosted.halves([(item, at) for at, (_, item) in enumerate(found)], said_last))
    rendered: list[JsonObject] = []
    followed = False
    for at, (message, item) in reversed(list(enumerate(found))):
        if at in dropped:
            message.lose(lost, f"{item['type']}, whose other half is not shown")
            continue
        if item.get("type") in (None, "message") and "role" in item and not item.get("content"):
            message.lose(lost, "an empty message")
        elif item.get("type") == "reasoning" and not followed:
            message.lose(lost, "reasoning that nothing followed")
        else:
            rendered.append(_without_parsed(item))
            followed = _is_models(item)
    return Rendered(rendered[::-1], lost=lost)


def _without_parsed(item: JsonObject) -> JsonObject:
    """An item as the API takes it back: its SDK adds what it parsed, and leaves that out of requests."""
    for holder, field in (
        (item, "parsed_arguments"),
        *((block, "parsed") for block in objects(item.get("content"))),
    ):
        if holder.get("type") in ("function_call", "output_text"):
            holder.pop(field, None)
    return item


def _is_models(item: JsonObject) -> bool:
    """Whether the model made an item: reasoning has to be followed by the item that it led to."""
    if "role" in item:
        return item["role"] == "assistant"
    return not str(item.get("type")).endswith(("_call_output", "_response"))


def render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    """One message as items."""
    items: list[JsonObject] = []
    for run in speech.runs(said):
        if run.role == "tool":
            items += [_answer(run, part, lost) for part in run.parts]
        else:
            items += _items(run, style, lost)
    return items


def _items(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    items: list[JsonObject] = []
    open_message: JsonObject | None = None
    for part in said.parts:
        item, block = _item(said, part, lost), None
        if item is None:
            block = _block(said, part, style, lost)
        if item is not None:
            items.append(item)
            if said.role == "assistant":
                open_message = None
        elif block is not None:
            together = part.get("continues") if said.role == "assistant" else True
            if open_message is None or not together:
                open_message = {"role": said.role, "content": []}
                if "typed" in style:
                    open_message["type"] = "message"
                items.append(open_message)
            open_message["content"].append(block)
    for item in items:
        content: Any = item.get("content")
        if "role" in item and "blocks" not in style and isinstance(content, list):
            item["content"] = _plain(cast("list[JsonObject]", content))
    return items


def _plain(content: list[JsonObject]) -> str | list[JsonObject]:
    """The text of a message's only block, as a string."""
    only = content[0] if len(content) == 1 else {}
    return (
        only["text"]
        if only.keys() == {"type", "text"} and str(only["type"]).endswith("put_text")
        else content
    )


def _item(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    """The item that a part is by itself; None for a part of a message, or for one that is lost."""
    kind = part["type"]
    if kind == "other" and part["format"] == "openai_responses" and not part.get("block"):
        return part["value"]
    if kind == "tool_call":
        return _call(part)
    if kind == "reasoning" and part.get("provider") == "openai" and isinstance(part.get("id"), str):
        return _reasoning(part)
    return None


def _call(part: Part) -> JsonObject:
    kind = part.get("kind")
    if kind in speech.CLIENT_CALLS:
        return {"type": kind, "call_id": part["id"], speech.CLIENT_CALLS[kind]: speech.arguments_object(part)}
    words = speech.arguments_text(part)
    if kind == "custom":
        return {"type": "custom_tool_call", "call_id": part["id"], "name": part["name"], "input": words}
    return {"type": "function_call", "call_id": part["id"], "name": part["name"], "arguments": words}


def _reasoning(part: Part) -> JsonObject:
    item: JsonObject = {"type": "reasoning", "id": part["id"], "summary": []}
    if isinstance(part.get("text"), str):
        if part.get("raw"):
            item["content"] = [{"type": "reasoning_text", "text": part["text"]}]
        else:
            item["summary"] = [{"type": "summary_text", "text": part["text"]}]
    if isinstance(part.get("encrypted"), str):
        item["encrypted_content"] = part["encrypted"]
    return item


def _answer(said: Said, part: Part, lost: list[str]) -> JsonObject:
    kind, content = part.get("kind"), part["content"]
    named: JsonObject = {"call_id": part["call_id"]}
    if kind in speech.CLIENT_CALLS:
        if kind == "local_shell_call":
            named = {"id": part["call_id"]}
        return {"type": f"{kind}_output", **named, "output": _structured(said, part, lost)}
    if part.get("is_error"):
        said.lose(lost, "that a tool failed (the words of its result are shown)")
    output: Any = content
    if isinstance(content, list):
        inside = Said("user", cast("list[Part]", content), seq=said.seq)
        found = (_block(inside, piece, "blocks", lost) for piece in inside.parts)
        output = [block for block in found if block is not None]
    return {
        "type": "custom_tool_call_output" if kind == "custom" else "function_call_output",
        **named,
        "output": output,
    }


def _structured(said: Said, part: Part, lost: list[str]) -> Any:
    content: str | list[Part] = part["content"]
    if isinstance(content, list):
        first = _block(Said("user", [], seq=said.seq), content[0], "blocks", lost) if content else None
        if first is not None and first["type"] == "input_image":
            del first["detail"]
            first["type"] = "computer_screenshot"
        return first
    return speech.parsed(content) if part.get("media_type") == "application/json" else content


def _block(said: Said, part: Part, style: str, lost: list[str]) -> JsonObject | None:
    kind = part["type"]
    models = said.role == "assistant"
    if kind == "other" and part["format"] == "openai_responses":
        return part["value"]
    if kind in ("reasoning", "other"):
        if not speech.is_step(part):
            said.lose(lost, "reasoning of another provider" if kind == "reasoning" else "a part of another")
        return None
    if kind == "refusal" and models and "blocks" in style:
        return {"type": "refusal", "refusal": part["text"]}
    if kind in ("text", "refusal", "tool_result"):
        return {"type": "output_text" if models else "input_text", "text": part_text(part)}
    shown = None if models else _media(part)
    if shown is not None:
        return shown
    said.lose(lost, f"{kind} part")
    what = f"resource {part['uri']}" if kind == "resource" else f"{kind} part"
    return {"type": "output_text" if models else "input_text", "text": f"({what}, not shown)"}


def _media(part: Part) -> JsonObject | None:
    data, url, held = media.data_url(part), media.link(part), media.held(part, "openai")
    if part["type"] == "image":
        source = {"image_url": data or url} if data or url else {"file_id": held} if held else None
        return None if source is None else {"type": "input_image", "detail": "auto", **source}
    if part["type"] != "file":
        return None
    name = media.name(part)
    if data is not None:
        return {"type": "input_file", "filename": "file" if name is None else name, "file_data": data}
    source = {"file_id": held} if held else {"file_url": url} if url else None
    return None if source is None else {"type": "input_file", **source}

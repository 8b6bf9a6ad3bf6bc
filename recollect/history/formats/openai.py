"""OpenAI Chat Completions messages.

Reference: platform.openai.com/docs/api-reference/chat/create. Parts without a counterpart are
named in a text part, so that the model knows that something was there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from recollect.history.formats import media, speech
from recollect.history.formats.native import recalled, remembered
from recollect.history.formats.payload import blocks, entries, entry, inner, objects, other, refuse_role, word
from recollect.history.formats.rendered import JsonObject, Rendered, Said
from recollect.models.errors import InvalidArgument
from recollect.models.message import Message, NewMessage, Part
from recollect.models.parts import part_text

STYLES = ("plain", "blocks")
"""Content as a string where it is text alone, or as a list of blocks throughout."""

LIMITS = speech.Limits(
    id=re.compile(r"[^\x00-\x1f]+"),
    id_length=40,
    name=re.compile(r"[a-zA-Z0-9_-]+"),
    name_length=64,
    keeps_made=lambda part: part.get("kind") == "function",
)

_REASONING = ("reasoning_content", "reasoning")
"""Where other servers that speak this format put reasoning in words. Some want it back."""

_ROLES = ("developer", "system", "user", "assistant", "tool", "function")
_AUTHOR = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def incoming(payload: object, argument: str = "messages") -> list[NewMessage]:
    """Chat Completions messages as messages to append, one for one.

    Raises: InvalidArgument that names the place, such as `messages[2].content[0].type`.
    """
    found: list[NewMessage] = []
    for value, where in entries(payload, argument):
        said = _heard(value, where)
        found.append(remembered(said, [value], "openai", _render, STYLES))
    return found


def outgoing(messages: Sequence[Message], *, exact: bool = False) -> Rendered:
    """Messages as Chat Completions messages, such as the API accepts.

    exact:  what came in in this format goes out as it was, even if the API would refuse it.
    """
    lost: list[str] = []
    said = speech.heard(messages, "openai", lost, exact=exact)
    if not exact:
        speech.match_kinds(said)
        speech.fit(said, LIMITS, lost)
        media.fit(said, media.USUAL_IMAGES, lost)
    rendered: list[JsonObject] = []
    for message in said:
        for value in recalled(message, "openai", _render, STYLES, lost):
            if exact:
                rendered.append(value)
            elif _empty(value := _accepted(value)):
                message.lose(lost, "an empty message")
            else:
                rendered.append(value)
    return Rendered(rendered, lost=lost)


def _accepted(value: JsonObject) -> JsonObject:
    """An answer as the API takes it back, which is less than it gave: of no calls not even the list, of
    audio the id alone."""
    if "tool_calls" in value and not value["tool_calls"]:
        value = {name: item for name, item in value.items() if name != "tool_calls"}
    audio = inner(value, "audio", "id")
    if audio is not None:
        value = {**value, "audio": {"id": audio}}
    for block in objects(value.get("content")):
        if block.get("type") == "file" and inner(block, "file", "file_data") is not None:
            block["file"].setdefault("filename", "file")  # the API asks for a file_id where there is none
    return value


def _empty(value: JsonObject) -> bool:
    if value.get("role") in ("tool", "function"):
        return False
    return not any(value.get(name) for name in ("content", "tool_calls", "function_call", "refusal", "audio"))


def _heard(value: JsonObject, where: str) -> Said:
    role = value.get("role")
    content = value.get("content")
    if role in ("tool", "function"):
        call: Part = {"type": "tool_result"}
        if role == "function":
            call |= {"call_id": f"{word(value, 'name', where)}~0", "kind": "function"}
        else:
            call["call_id"] = word(value, "tool_call_id", where)
        shown = content if isinstance(content, str) else _parts(content, f"{where}.content")
        return Said("tool", [{**call, "content": shown}])
    if role not in ("developer", "system", "user", "assistant"):
        raise refuse_role(value, where, _ROLES)
    said = Said(role, _parts(content, f"{where}.content"))
    name = value.get("name")
    if isinstance(name, str) and _AUTHOR.fullmatch(name):
        said.author = name
    if role == "assistant":
        said.parts = _reasoning(value) + said.parts
        refusal = value.get("refusal")
        if isinstance(refusal, str):
            said.parts.append({"type": "refusal", "text": refusal})
        audio = inner(value, "audio", "id")
        if isinstance(audio, str):
            said.parts.append({"type": "audio", "file_id": audio, "provider": "openai"})
        said.parts += _calls(value, where)
    elif "content" not in value:
        raise InvalidArgument(f"{where}.content", "is missing")
    return said


def _reasoning(value: JsonObject) -> list[Part]:
    for field in _REASONING:
        words = value.get(field)
        if isinstance(words, str) and words:
            return [{"type": "reasoning", "text": words, "field": field}]
    return []


def _parts(content: object, where: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_part(block, at) for block, at in blocks(content, where)]


def _part(block: JsonObject, where: str) -> Part:
    kind = block["type"]
    if kind in ("text", "refusal"):
        return {"type": kind, "text": word(block, kind, where)}
    url = inner(block, "image_url", "url")
    if kind == "image_url" and isinstance(url, str):
        return {"type": "image", **media.located(url)}
    data = inner(block, "input_audio", "data")
    if kind == "input_audio" and isinstance(data, str):
        mp3 = inner(block, "input_audio", "format") == "mp3"
        return {"type": "audio", "data": data, "media_type": "audio/mpeg" if mp3 else "audio/wav"}
    if kind == "file":
        return {"type": "file", **_file(entry(block.get("file"), f"{where}.file"))}
    return other("openai", block)


def _file(file: JsonObject) -> Part:
    found: Part = {}
    data, file_id, name = (file.get(field) for field in ("file_data", "file_id", "filename"))
    if isinstance(data, str):
        found |= media.located(data) if data.startswith("data:") else {"data": data}
    if isinstance(file_id, str):
        found |= {"file_id": file_id, "provider": "openai"}
    if isinstance(name, str):
        found["name"] = name
    return found


def _calls(value: JsonObject, where: str) -> list[Part]:
    found: list[Part] = []
    listed = value.get("tool_calls")
    for call, at in entries(listed, f"{where}.tool_calls") if listed is not None else ():
        kind = "custom" if call.get("type") == "custom" else "function"
        called = entry(call.get(kind), f"{at}.{kind}")
        part: Part = {
            "type": "tool_call",
            "id": word(call, "id", at),
            "name": word(called, "name", f"{at}.{kind}"),
            "arguments": word(called, "input" if kind == "custom" else "arguments", f"{at}.{kind}"),
        }
        found.append(part if kind == "function" else {**part, "kind": "custom"})
    if value.get("function_call") is not None:  # what tool_calls were before there were several
        at = f"{where}.function_call"
        called = entry(value["function_call"], at)
        name, arguments = word(called, "name", at), word(called, "arguments", at)
        found.append(
            {"type": "tool_call", "id": f"{name}~0", "name": name, "arguments": arguments, "kind": "function"}
        )
    return found


def _render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    rendered: list[JsonObject] = []
    for run in speech.runs(said):
        if run.role == "tool":
            rendered += [_result(run, part, style, lost) for part in run.parts]
            continue
        value: JsonObject = {"role": run.role}
        if run.author is not None:
            if _AUTHOR.fullmatch(run.author):
                value["name"] = run.author
            else:
                run.lose(lost, "the author, whose name has characters that are not accepted here")
        value |= _assistant(run, style, lost) if run.role == "assistant" else _content(run, style, lost)
        rendered.append(value)
    return rendered


def _result(said: Said, part: Part, style: str, lost: list[str]) -> JsonObject:
    if part.get("is_error"):
        said.lose(lost, "that a tool failed (the words of its result are shown)")
    content: Any = part["content"]
    if isinstance(content, list):
        shown = [_text(said, inside, lost) for inside in part["content"]]
        content = shown if style == "blocks" else "\n".join(block["text"] for block in shown)
    if part.get("kind") == "function" and speech.MADE_ID.fullmatch(part["call_id"]):
        return {"role": "function", "name": part["call_id"].rpartition("~")[0], "content": content}
    return {"role": "tool", "tool_call_id": part["call_id"], "content": content}


def _content(said: Said, style: str, lost: list[str]) -> JsonObject:
    shown = [block for part in said.parts if (block := _block(said, part, lost)) is not None]
    plain = style == "plain" and len(shown) == 1 and shown[0].get("type") == "text"
    return {"content": shown[0]["text"] if plain else shown}


def _assistant(said: Said, style: str, lost: list[str]) -> JsonObject:
    words: list[JsonObject] = []
    value: JsonObject = {"content": None}
    calls: list[JsonObject] = []
    refusals: list[str] = []
    for part in said.parts:
        if part["type"] == "tool_call":
            if part.get("kind") == "function" and speech.MADE_ID.fullmatch(part["id"]):
                value["function_call"] = {"name": part["name"], "arguments": speech.arguments_text(part)}
            else:
                calls.append(_call(part))
        elif part["type"] == "refusal" and style == "plain":
            refusals.append(part["text"])
            value["refusal"] = ""  # its place among the fields
        elif part["type"] == "refusal":
            words.append({"type": "refusal", "refusal": part["text"]})
        elif part["type"] == "audio" and (held := media.held(part, "openai")) is not None:
            value["audio"] = {"id": held}
        elif part["type"] == "other" and part.get("format") == "openai":
            words.append(part["value"])
        elif part["type"] == "reasoning" and part.get("field") in _REASONING:
            value[part["field"]] = part.get("text", "")
        elif part["type"] not in ("reasoning", "other"):
            words.append(_text(said, part, lost))
        elif not speech.is_step(part):
            said.lose(lost, _what(part))
    if refusals:
        value["refusal"] = "\n\n".join(filter(None, refusals))
    if calls:
        value["tool_calls"] = calls
    if words and style == "plain" and all(block.get("type") == "text" for block in words):
        value["content"] = "\n\n".join(block["text"] for block in words)
    elif words:
        value["content"] = words
    return value


def _call(part: Part) -> JsonObject:
    arguments = speech.arguments_text(part)
    if part.get("kind") == "custom":
        return {"id": part["id"], "type": "custom", "custom": {"name": part["name"], "input": arguments}}
    return {"id": part["id"], "type": "function", "function": {"name": part["name"], "arguments": arguments}}


def _block(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    kind = part["type"]
    if kind == "other" and part.get("format") == "openai":
        return part["value"]
    if kind in ("reasoning", "other"):
        said.lose(lost, _what(part))
        return None
    if said.role in ("system", "developer"):
        return _text(said, part, lost)
    data, url, held = media.data(part), media.data_url(part) or media.link(part), media.held(part, "openai")
    if kind == "image" and url is not None:
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "audio" and data is not None and (format := _AUDIO.get(media.media_type(part))) is not None:
        return {"type": "input_audio", "input_audio": {"data": data, "format": format}}
    if kind == "file" and (data is not None or held is not None):
        named = {"filename": name} if (name := media.name(part)) is not None else {}
        where = {"file_data": url} if data is not None else {}
        return {"type": "file", "file": where | ({"file_id": held} if held is not None else {}) | named}
    return _text(said, part, lost)


def _text(said: Said, part: Part, lost: list[str]) -> JsonObject:
    """Text, or words that say what is not shown."""
    if part["type"] in ("text", "refusal", "tool_result"):
        return {"type": "text", "text": part_text(part)}
    said.lose(lost, _what(part))
    if part["type"] == "resource":
        return {"type": "text", "text": f"(resource {part['uri']}, not shown)"}
    return {"type": "text", "text": f"({part['type']} part, not shown)"}


def _what(part: Part) -> str:
    if part["type"] == "other":
        return "a part that only another format has"
    return f"{part['type']}"

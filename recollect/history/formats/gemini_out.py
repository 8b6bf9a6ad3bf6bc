"""Messages as Gemini's API accepts them; see `gemini`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, cast

from recollect.history.formats import media, speech
from recollect.history.formats.native import recalled
from recollect.history.formats.payload import inner, objects
from recollect.history.formats.rendered import JsonObject, Rendered, Said
from recollect.history.formats.waiting import Waiting
from recollect.models.message import Message, Part
from recollect.models.parts import part_text

OPENING = "(The conversation goes on.)"
"""The user's words put in front of the model's: the list has to begin with the user."""

STYLES = ("camel", "snake", "text", "snake text")
"""The spelling of field names; `text`: a system instruction that is a mere string."""

_SIGNATURE = re.compile(r"/0/parts/(\d{1,9})/thought(?:Signature|_signature)", re.ASCII)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]*")
LIMITS = speech.Limits(re.compile(r"[^\x00-\x1f]+"), 256, _NAME, 64, keeps_made=lambda _: True)

IMAGES = ("image/png", "image/jpeg", "image/webp", "image/heic", "image/heif")

_SNAKE = {
    "functionCall": "function_call",
    "functionResponse": "function_response",
    "thoughtSignature": "thought_signature",
    "inlineData": "inline_data",
    "fileData": "file_data",
    "mimeType": "mime_type",
    "fileUri": "file_uri",
    "displayName": "display_name",
}


def outgoing(messages: Sequence[Message], *, exact: bool = False) -> Rendered:
    """Messages as Gemini contents and `systemInstruction`, such as the API accepts.

    exact:  what came in in this format goes out as it was: nothing merged, dropped or put in front.
    """
    lost: list[str] = []
    said = speech.heard(messages, "gemini", lost, exact=exact)
    if not exact:
        speech.fit(said, LIMITS, lost)
        media.fit(said, IMAGES, lost)
    speech.name_results(said)
    system: list[Any] = []
    found: list[tuple[Said, JsonObject]] = []
    for message in said:
        for value in recalled(message, "gemini", render, STYLES, lost):
            if "system" not in value:
                found.append((message, value))
                continue
            system.append(value["system"])
            if found:
                message.lose(lost, "the place of instructions among the messages")
    if not exact:
        system = [value for value in map(_without_blanks, system) if value]
    rendered = [value for _, value in found] if exact else _accepted(found, lost)
    return Rendered(rendered, _joined(system), lost)


def _accepted(found: list[tuple[Said, JsonObject]], lost: list[str]) -> list[JsonObject]:
    rendered: list[JsonObject] = []
    joined: JsonObject | None = None
    for message, value in found:
        parts = [part for part in objects(value.get("parts")) if not _is_blank(part)]
        role = "model" if value.get("role") == "model" else "user"
        if not parts:
            message.lose(lost, "an empty message")
        elif rendered and rendered[-1].get("role", "user") == role:
            if joined is None or rendered[-1] is not joined:
                joined = rendered[-1] = {"role": role, "parts": [*rendered[-1]["parts"]]}
            joined["parts"] += parts
        else:
            if not rendered and role == "model":
                message.lose(lost, "a short user message was put in front, since the user has to begin")
                rendered.append({"role": "user", "parts": [{"text": OPENING}]})
            same = parts == value.get("parts") and value.get("role", "user") == role
            rendered.append(value if same else {"role": role, "parts": parts})
    ids = _ids(found)
    for before, after in pairwise(rendered):
        parts = _answers_first(before["parts"], after["parts"], ids)
        if parts != after["parts"]:
            after["parts"] = parts
    return rendered


def _ids(found: list[tuple[Said, JsonObject]]) -> dict[int, str]:
    """The ids that calls and results have here, by what is rendered of them. Gemini never sees those that
    were made; without them a note in place of one result would pass for that of another call of its name."""
    ids: dict[int, str] = {}
    for _, values in groupby(found, key=lambda each: id(each[0])):
        entries = list(values)
        message = entries[0][0]
        called = iter([part["id"] for part in message.parts if part["type"] == "tool_call"])
        answered = iter([part["call_id"] for part in message.parts if part["type"] == "tool_result"])
        for part in (part for _, value in entries for part in objects(value.get("parts"))):
            for name, left in (("functionCall", called), ("functionResponse", answered)):
                if (shown := _get(part, name)) is not None:
                    ids[id(shown)] = next(left, "")
    return ids


def _answers_first(calls: list[JsonObject], parts: list[JsonObject], ids: dict[int, str]) -> list[JsonObject]:
    """Results first, in the order of their calls: that is how those without ids find their calls."""
    called = [call for part in calls if (call := _get(part, "functionCall"))]
    free = Waiting[int]()
    for place, call in enumerate(called):
        free.add(_ident(call, ids), place)
    places: dict[int, int] = {}
    for index, part in enumerate(parts):
        response = _get(part, "functionResponse")
        place = free.take(_ident(response or {}, ids))
        places[index] = len(called) + (not response) if place is None else place
    return [parts[index] for index in sorted(places, key=lambda index: (places[index], index))]


def _ident(call: JsonObject, ids: dict[int, str]) -> str:
    return json.dumps([call.get("id"), ids.get(id(call)), call.get("name")])


def _get(part: JsonObject, name: str) -> JsonObject | None:
    found = part.get(name) or part.get(_SNAKE[name])
    return cast("JsonObject", found) if isinstance(found, dict) else None


def _is_blank(part: JsonObject) -> bool:
    """A part without content. An empty text that carries a signature has to go back."""
    filled = any(value not in (None, "", False) for name, value in part.items() if name != "thought")
    return not filled


def _without_blanks(system: Any) -> Any:
    """A system instruction without empty parts, which the API refuses; nothing where no part is left."""
    if isinstance(system, str):
        return system
    parts = objects(system.get("parts"))
    kept = [part for part in parts if not _is_blank(part)]
    return None if not kept else system if len(kept) == len(parts) else {**system, "parts": kept}


def _joined(system: list[Any]) -> str | JsonObject | None:
    if len(system) < 2:
        return system[0] if system else None
    parts: list[JsonObject] = []
    for value in system:
        parts += [{"text": value}] if isinstance(value, str) else objects(value.get("parts"))
    return {"parts": parts}


def render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    """One message as contents; `{"system": …}` stands for the instruction that is kept apart."""
    if said.role in ("system", "developer"):
        parts = _parts(said, lost)
        mere = "text" in style and len(parts) == 1 and parts[0].keys() == {"text"}
        return [{"system": parts[0]["text"] if mere else {"parts": parts}}]
    pieces = speech.runs(said) if said.role == "assistant" else [said]
    rendered = [
        {"role": "model" if piece.role == "assistant" else "user", "parts": _parts(piece, lost)}
        for piece in pieces
    ]
    return _snaked(rendered) if "snake" in style else rendered


def _snaked(value: Any) -> Any:
    if isinstance(value, list):
        return [_snaked(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("JsonObject", value)
    # What a program put into arguments and responses is its own.
    return {
        _SNAKE.get(name, name): item if name in ("args", "response") else _snaked(item)
        for name, item in fields.items()
    }


def _parts(said: Said, lost: list[str]) -> list[JsonObject]:
    return [shown for part in said.parts if (shown := _part(said, part, lost)) is not None]


def _part(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return {"text": part["text"]}
    if kind == "other":
        if part["format"] == "gemini":
            return part["value"]
        if not speech.is_step(part):
            said.lose(lost, "a part that only another format has")
        return None
    if kind == "reasoning":
        return _thought(said, part, lost)
    if kind == "tool_call":
        made = speech.MADE_ID.fullmatch(part["id"])
        call = {"name": part["name"], "args": speech.arguments_object(part)}
        return {"functionCall": call if made else {"id": part["id"], **call}, **_signed(part)}
    if kind == "tool_result":
        return {"functionResponse": _response(said, part, lost)}
    shown = _media(part)
    if shown is not None and said.role not in ("system", "developer"):
        return shown
    said.lose(lost, f"{kind} part")
    what = f"resource {part['uri']}" if kind == "resource" else f"{kind} part"
    return {"text": f"({what}, not shown)"}


def _thought(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    text = part.get("text")
    if not isinstance(text, str) or not text:
        if part.get("provider") == "gemini":
            return {"text": "", "thought": True}
        said.lose(lost, "reasoning that only its own provider can read")
        return None
    return {"text": text, "thought": True, **_signed(part)}


def _signed(part: Part) -> JsonObject:
    signed = part.get("provider") == "gemini" and isinstance(part.get("signature"), str)
    return {"thoughtSignature": part["signature"]} if signed else {}


def with_signatures(parts: list[Part]) -> list[Part]:
    """The parts of a message, in which calls hold the signatures that `native` keeps for Gemini."""
    kept: Any = inner(parts[0], "native", "gemini", "set")
    signed = parts.copy()
    for pointer, value in cast("JsonObject", kept).items() if isinstance(kept, dict) else ():
        found = _SIGNATURE.fullmatch(pointer)
        place = int(found[1]) if found else len(parts)
        if place < len(parts) and parts[place]["type"] == "tool_call" and isinstance(value, str):
            signed[place] = {**parts[place], "signature": value, "provider": "gemini"}
    return signed


def _media(part: Part) -> JsonObject | None:
    if part["type"] not in ("image", "audio", "file"):
        return None
    name = media.name(part)
    named = {} if name is None else {"displayName": name}
    data, uri = media.data(part), media.held(part, "gemini") or media.link(part)
    if data is not None:
        return {"inlineData": {"mimeType": media.media_type(part), "data": data, **named}}
    if uri is not None:
        return {"fileData": {"fileUri": uri, "mimeType": media.media_type(part), **named}}
    return None


def _response(said: Said, part: Part, lost: list[str]) -> JsonObject:
    content: Any = part["content"]
    inside = cast("list[Part]", content) if isinstance(content, list) else []
    text = "\n".join(filter(None, map(part_text, inside))) if isinstance(content, list) else content
    answer = speech.parsed(text) if part.get("media_type") == "application/json" else None
    if not isinstance(answer, dict):
        answer = {"error" if part.get("is_error") else "output": text}
    made = speech.MADE_ID.fullmatch(part["call_id"])
    response: JsonObject = {} if made else {"id": part["call_id"]}
    response |= {"name": part.get("name", ""), "response": answer}
    shown: list[JsonObject] = []
    for piece in inside:
        found = _media(piece)
        if found is not None:
            shown.append(found)
        elif piece["type"] not in ("text", "refusal"):
            said.lose(lost, f"{piece['type']} part in a result")
    return response | {"parts": shown} if shown else response

"""Messages as Anthropic's API accepts them; see `anthropic`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from recollect.history.formats import hosted, media, speech
from recollect.history.formats.native import recalled
from recollect.history.formats.payload import objects
from recollect.history.formats.rendered import JsonObject, Rendered, Said
from recollect.models.message import Message, Part

LIMITS = speech.Limits(re.compile(r"[a-zA-Z0-9_-]+"), 64, re.compile(r"[a-zA-Z0-9_-]+"), 128)

OPENING = "(The conversation goes on.)"
"""The user's message put in front of an assistant's: the list has to begin with the user."""

FAILED = "(It failed without words.)"
"""What stands in a failed result that has no content: the API wants some."""

MOST_MARKS = 4
"""As many of a request's blocks may have `cache_control`."""

STYLES = ("plain", "blocks", "inline", "inline blocks")
"""Content as a string where it is one text, or always as blocks; inline: a system message that stands
in the list, as newer models allow, and not apart."""


@dataclass(slots=True)
class _Turn:
    """Neighbouring messages of one role. `value`: the one it was made of, if there was one."""

    role: str
    blocks: list[JsonObject]
    last: Said
    value: JsonObject | None


def outgoing(messages: Sequence[Message], *, exact: bool = False) -> Rendered:
    """Messages as Anthropic messages and `system`, such as the API accepts.

    exact:  what came in in this format goes out as it was: nothing merged, dropped or put in front.
    """
    lost: list[str] = []
    said = speech.heard(messages, "anthropic", lost, exact=exact)
    if not exact:
        speech.fit(said, LIMITS, lost)
    system: list[Any] = []
    found: list[tuple[Said, JsonObject]] = []
    for message in said:
        for value in recalled(message, "anthropic", render, STYLES, lost):
            if "role" in value:
                found.append((message, value))
                continue
            system.append(value.get("system"))
            if found:
                message.lose(lost, "the place of instructions among the messages")
    if not exact:
        _leave_marks(system, found, lost)
    rendered = [value for _, value in found] if exact else _accepted(found, lost)
    return Rendered(rendered, _joined(system, exact=exact), lost)


def _leave_marks(system: list[Any], found: list[tuple[Said, JsonObject]], lost: list[str]) -> None:
    """No more cache marks than a request may have: the last ones, and before them those of the system prompt.
    Each turn of an agent that marks what it sends last brings one more."""
    front = [block for content in system for block in objects(content) if "cache_control" in block]
    marked: list[tuple[Said, JsonObject]] = []
    for message, value in found:
        for block in objects(value.get("content")):
            inside = objects(block.get("content")) if block.get("type") == "tool_result" else []
            marked += [(message, each) for each in (*inside, block) if "cache_control" in each]
    kept = front[-MOST_MARKS:]
    for block in front[: len(front) - len(kept)]:
        del block["cache_control"]
    for message, block in marked[: max(0, len(marked) + len(kept) - MOST_MARKS)]:
        del block["cache_control"]
        message.lose(lost, "a cache mark, of which a request may have four")


def _accepted(found: list[tuple[Said, JsonObject]], lost: list[str]) -> list[JsonObject]:
    turns = [_turn(message, value, lost) for message, value in _whole(found, lost)]
    turns = _merged([turn for turn in turns if turn.blocks])
    for turn in turns:
        while turn.role == "assistant" and turn.blocks and _is_thinking(turn.blocks[-1]):
            turn.blocks.pop()
            turn.value = None
            turn.last.lose(lost, "reasoning that nothing followed")
    turns = _merged([turn for turn in turns if turn.blocks])
    rendered = [turn.value or {"role": turn.role, "content": turn.blocks} for turn in turns]
    first = next((turn for turn in turns if turn.role != "system"), None)
    if first is not None and first.role == "assistant":
        first.last.lose(lost, "a short user message was put in front, since the user has to begin")
        rendered.insert(turns.index(first), {"role": "user", "content": OPENING})
    return rendered


def _whole(found: list[tuple[Said, JsonObject]], lost: list[str]) -> list[tuple[Said, JsonObject]]:
    """Without the calls and outcomes of Anthropic's own tools whose other half is not there."""
    shown = [objects(value.get("content")) for _, value in found]
    said = [at for at, (_, value) in enumerate(found) if value.get("role") == "user"]
    words = [at for at in said if not any(block.get("type") == "tool_result" for block in shown[at])]
    entries = [(block, at) for at, blocks in enumerate(shown) for block in blocks]
    dropped: dict[int, set[int]] = {}
    for index in reversed(hosted.halves(entries, max(words, default=-1))):
        block, at = entries[index]
        found[at][0].lose(lost, f"{block['type']}, whose other half is not shown")
        dropped.setdefault(at, set()).add(id(block))
    whole = found.copy()
    for at, halves in dropped.items():
        message, value = found[at]
        whole[at] = (message, {**value, "content": [block for block in shown[at] if id(block) not in halves]})
    return whole


def _turn(message: Said, value: JsonObject, lost: list[str]) -> _Turn:
    content: Any = value.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    kept = [_told(message, _without_blanks(block), lost) for block in objects(content) if _accepts(block)]
    if "output_config" in value:  # a system message that changes settings
        return _Turn("system", kept or [{}], message, value)
    if not kept:
        message.lose(lost, "an empty message")
    # An answer as the API gave it has fields, such as its id and usage, that the API does not take back.
    taken_back = kept == content and value.get("type") != "message"
    return _Turn(str(value.get("role")), kept, message, value if taken_back else None)


def _merged(turns: list[_Turn]) -> list[_Turn]:
    found: list[_Turn] = []
    for turn in turns:
        if found and found[-1].role == turn.role != "system":
            before = found[-1]
            before.blocks += turn.blocks
            before.last, before.value = turn.last, None
        else:
            found.append(turn)
    for turn in found:
        if turn.role == "user" and turn.blocks != (ordered := _results_first(turn.blocks)):
            turn.blocks, turn.value = ordered, None
    return found


def _results_first(blocks: list[JsonObject]) -> list[JsonObject]:
    return sorted(blocks, key=lambda block: block.get("type") != "tool_result")


def _accepts(block: JsonObject) -> bool:
    if block.get("type") == "text":
        return bool(str(block.get("text")).strip())
    return block.get("type") != "thinking" or bool(block.get("signature"))


def _without_blanks(block: JsonObject) -> JsonObject:
    content: Any = block.get("content")
    if block.get("type") != "tool_result" or not isinstance(content, list):
        return block
    kept = [item for item in objects(cast("object", content)) if _accepts(item)]
    return block if kept == content else {**block, "content": kept}


def _told(message: Said, block: JsonObject, lost: list[str]) -> JsonObject:
    """With words in a result that failed without any, as a command does that only ends with a status."""
    content: Any = block.get("content")
    blank = not (content.strip() if isinstance(content, str) else content)
    if block.get("type") != "tool_result" or block.get("is_error") is not True or not blank:
        return block
    message.lose(lost, "a note was put into a result that failed without words")
    return {**block, "content": FAILED}


def _is_thinking(block: JsonObject) -> bool:
    return block.get("type") in ("thinking", "redacted_thinking")


def _joined(system: list[Any], *, exact: bool) -> str | list[JsonObject] | None:
    """One `system` of all: a string if it was one, else blocks."""
    if len(system) == 1 and (exact or (isinstance(system[0], str) and system[0].strip())):
        return system[0]
    blocks: list[JsonObject] = []
    for content in system:
        blocks += [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    return [block for block in blocks if _accepts(block)] or None


def render(said: Said, style: str, lost: list[str]) -> list[JsonObject]:
    """One message as Anthropic messages; `{"system": …}` stands for the prompt that is kept apart."""
    if said.role in ("system", "developer"):
        content = _content(said, "blocks" if "blocks" in style else "plain", lost)
        return [{"role": "system", "content": content} if "inline" in style else {"system": content}]
    pieces = speech.runs(said) if said.role == "assistant" else [said]
    return [
        {
            "role": "assistant" if piece.role == "assistant" else "user",
            "content": _content(piece, "blocks" if "blocks" in style else "plain", lost),
        }
        for piece in pieces
    ]


def _content(said: Said, style: str, lost: list[str]) -> str | list[JsonObject]:
    shown = [block for part in said.parts if (block := _block(said, part, lost)) is not None]
    if style == "plain" and len(shown) == 1 and shown[0].keys() == {"type", "text"}:
        return shown[0]["text"]
    return shown


def _block(said: Said, part: Part, lost: list[str]) -> JsonObject | None:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return {"type": "text", "text": part["text"]}
    if kind == "other" and part["format"] == "anthropic":
        return part["value"]
    if kind == "reasoning" and part.get("provider") == "anthropic":
        return _thinking(part)
    if kind in ("reasoning", "other"):
        if not speech.is_step(part):
            said.lose(lost, "reasoning of another provider" if kind == "reasoning" else "a part of another")
        return None
    if kind == "tool_call":
        arguments = speech.arguments_object(part)
        return {"type": "tool_use", "id": part["id"], "name": part["name"], "input": arguments}
    if kind == "tool_result":
        return _result(said, part, lost)
    source = None if said.role in ("assistant", "system", "developer") else _source(part)
    if source is not None:
        title = media.name(part) if kind == "file" else None
        named = {} if title is None else {"title": title}
        return {"type": "image" if kind == "image" else "document", "source": source, **named}
    said.lose(lost, f"{kind} part")
    shown = f"resource {part['uri']}" if kind == "resource" else f"{kind} part"
    return {"type": "text", "text": f"({shown}, not shown)"}


def _thinking(part: Part) -> JsonObject:
    if "signature" not in part and isinstance(part.get("encrypted"), str):
        return {"type": "redacted_thinking", "data": part["encrypted"]}
    return {"type": "thinking", "thinking": part.get("text", ""), "signature": part.get("signature", "")}


def _result(said: Said, part: Part, lost: list[str]) -> JsonObject:
    content: Any = part["content"]
    if isinstance(content, list):
        inside = Said("tool", part["content"], seq=said.seq)
        content = _content(inside, "blocks", lost)
    block: JsonObject = {"type": "tool_result", "tool_use_id": part["call_id"], "content": content}
    return block | {"is_error": part["is_error"]} if isinstance(part.get("is_error"), bool) else block


def _source(part: Part) -> JsonObject | None:
    data, url, held = media.data(part), media.link(part), media.held(part, "anthropic")
    media_type = media.media_type(part)
    image, file = part["type"] == "image", part["type"] == "file"
    if held is not None and (image or file):
        return {"type": "file", "file_id": held}
    if file and (text := media.text(part)) is not None:
        return {"type": "text", "media_type": "text/plain", "data": text}
    pdf = file and media_type == "application/pdf"
    if data is not None and (pdf or (image and media_type in media.USUAL_IMAGES)):
        return {"type": "base64", "media_type": media_type, "data": data}
    if url is not None and (image or pdf or (file and media_type == media.UNKNOWN)):
        return {"type": "url", "url": url}
    return None

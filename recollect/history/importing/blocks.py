"""Content blocks of Anthropic's shape as exports have them: fields may be missing, blocks may be of a
product and not of the API. The API's own blocks are read by `recollect.history.formats.anthropic`."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any, cast

from recollect.history.formats.rendered import JsonObject
from recollect.history.importing.values import items, kept, obj, text
from recollect.models.imported import Notes
from recollect.models.message import Part

PLUMBING = ("token_budget", "flag")
"""Blocks that say nothing."""


def block_parts(content: object, source: str, id: str, notes: Notes) -> list[Part]:
    """The parts of a message's content.

    source:  whose blocks they are, for those that have no counterpart.
    id:      of the message; calls without an id get one of it.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    parts: list[Part] = []
    open_calls = _OpenCalls()
    for index, block in enumerate(cast("list[object]", content) if isinstance(content, list) else ()):
        if not isinstance(block, dict):
            notes.fail(f"message {id}: block {index} is no object")
            continue
        part = _part(cast("JsonObject", block), source, f"{id}:{index}", open_calls, notes)
        if part is not None:
            parts.append(part)
    return parts


class _OpenCalls:
    """The calls of one message that have no result yet, in their order."""

    def __init__(self) -> None:
        self._made = 0
        self._ids: OrderedDict[int, str] = OrderedDict()
        self._of_id: dict[str, list[tuple[int, str]]] = {}
        self._of_name: dict[str, OrderedDict[int, str]] = {}

    def add(self, call: Part) -> None:
        id, name = call["id"], call["name"]
        self._made += 1
        self._ids[self._made] = self._of_name.setdefault(name, OrderedDict())[self._made] = id
        self._of_id.setdefault(id, []).append((self._made, name))

    def first(self, name: str | None) -> str | None:
        """The id of the first call of this tool; of the first of all where there is none."""
        calls = self._of_name.get(name or "") or self._ids
        return next(iter(calls.values()), None)

    def answer(self, id: str) -> None:
        for place, name in self._of_id.pop(id, ()):
            del self._ids[place], self._of_name[name][place]


def _part(block: JsonObject, source: str, made_id: str, open_calls: _OpenCalls, notes: Notes) -> Part | None:
    kind = text(block, "type") or ""
    if kind == "text":
        words = text(block, "text")
        return {"type": "text", "text": words, **kept(citations=block.get("citations"))} if words else None
    if kind == "thinking":
        words = text(block, "thinking") or ""
        rest = kept(summaries=block.get("summaries"), signature=text(block, "signature"))
        return (
            {"type": "reasoning", "text": words, "provider": "anthropic", **rest} if words or rest else None
        )
    if kind == "tool_use":
        given: Any = block.get("input")
        call: Part = {
            "type": "tool_call",
            "id": text(block, "id") or made_id,
            "name": text(block, "name") or "tool",
            "arguments": given if isinstance(given, (dict, str)) else {},
        }
        open_calls.add(call)
        return call
    if kind == "tool_result":
        return _result(block, source, made_id, open_calls, notes)
    if kind == "image" and (data := text(obj(block, "source"), "data")):
        return {"type": "image", "data": data, **kept(media_type=text(obj(block, "source"), "media_type"))}
    if kind == "voice_note":
        words = "\n".join(filter(None, [text(block, "title"), text(block, "text")]))
        return {"type": "text", "text": words, "transcription": True} if words else None
    if kind == "knowledge":  # what a search of Claude's found
        words = "\n".join(filter(None, [text(block, name) for name in ("title", "url", "text")]))
        return {"type": "text", "text": words, **kept(metadata=block.get("metadata"))} if words else None
    if kind in PLUMBING:
        notes.left_out[f"blocks of the type {kind!r}"] += 1
        return None
    notes.converted[f"blocks of the type {kind[:60]!r}, kept as they were"] += 1
    return {"type": "other", "format": source, "value": block}


def _result(block: JsonObject, source: str, made_id: str, open_calls: _OpenCalls, notes: Notes) -> Part:
    content: Any = block.get("content")
    inside = content if isinstance(content, str) else block_parts(content, source, made_id, notes)
    call_id = text(block, "tool_use_id")
    if call_id is None:
        call_id = open_calls.first(text(block, "name")) or made_id
    open_calls.answer(call_id)
    rest = kept(is_error=block.get("is_error") is True, name=text(block, "name"))
    if isinstance(inside, list) and len(inside) == 1 and inside[0].keys() == {"type", "text"}:
        inside = inside[0]["text"]
    return {"type": "tool_result", "call_id": call_id, "content": inside, **rest}


def attachments(message: JsonObject) -> list[Part]:
    """Files that a message of Claude's export names. The text that was extracted from one follows it as a
    part of its own, so that it is read and found like what was said."""
    files: list[Part] = []
    words: list[str | None] = []
    for name, id_field in (("attachments", "id"), ("files", "file_uuid"), ("files_v2", "file_uuid")):
        # One list repeats files of another; in the same list, two of one name are two files.
        before = _Files(files)
        for value in items(message, name):
            if not isinstance(value, dict):
                continue
            file = cast("JsonObject", value)
            part: Part = {
                "type": "image" if file.get("file_kind") == "image" else "file",
                **kept(
                    name=text(file, "file_name"),
                    size=file.get("file_size"),
                    kind=text(file, "file_type"),
                    file_id=text(file, id_field),
                    provider="claude",
                ),
            }
            known = before.take(part)
            if known is None:
                files.append(part)
                words.append(text(file, "extracted_content"))
            else:
                known.update(known | part)
    parts: list[Part] = []
    for part, extracted in zip(files, words, strict=True):
        parts += [part] if extracted is None else [part, {"type": "text", "text": extracted}]
    return parts


class _Files:
    """Files that another list may repeat, once: with the same id, or the same name where one has none."""

    def __init__(self, files: list[Part]) -> None:
        self._left = dict(enumerate(files))
        self._of_id: dict[str, deque[int]] = {}
        self._of_name: dict[str, deque[int]] = {}
        self._of_name_alone: dict[str, deque[int]] = {}
        for place, file in self._left.items():
            id, name = file.get("file_id"), file.get("name")
            if id:
                self._of_id.setdefault(id, deque()).append(place)
            if name:
                self._of_name.setdefault(name, deque()).append(place)
            if name and not id:
                self._of_name_alone.setdefault(name, deque()).append(place)

    def take(self, part: Part) -> Part | None:
        """The first that is the same file."""
        id, name = part.get("file_id"), part.get("name")
        of_name = self._of_name_alone if id else self._of_name
        places = [*self._first(self._of_id.get(id or "")), *self._first(of_name.get(name or ""))]
        return self._left.pop(min(places)) if places else None

    def _first(self, places: deque[int] | None) -> list[int]:
        while places and places[0] not in self._left:
            places.popleft()
        return [places[0]] if places else []

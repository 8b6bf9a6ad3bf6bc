"""What the parts of a message do not say of what a provider sent, so that it comes back equal.

A message that came in is rendered again from its parts. Where the result differs, the difference
is kept in the first part:

    "native": {"anthropic": {"style": "blocks",
                             "set": {"/0/content/0/cache_control": {"type": "ephemeral"}},
                             "unset": ["/0/content/1/is_error"]}}

style:  which of the format's spellings the renderer has to use; absent for the usual one.
set:    JSON Pointers (RFC 6901) into the rendered list, and the values that stand there.
unset:  pointers to what the renderer writes and the provider did not.

An ordinary message has no difference and keeps nothing. The stored difference belongs to the
renderer that it was made with: see docs/decisions/history-formats-native-difference.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from recollect.history.formats.payload import objects
from recollect.history.formats.rendered import JsonObject, Provider, Said
from recollect.models.message import NewMessage

Render = Callable[[Said, str, list[str]], list[JsonObject]]
"""(message, style, lost) -> its part of the provider's list."""

MAX_POINTER_CHARS = 10_000_000
"""Most that all pointers of one difference may take, which is more than a message holds: a name of a megabyte
stands in each pointer to what lies below it."""


def remembered(
    said: Said, original: list[JsonObject], provider: Provider, render: Render, styles: tuple[str, ...]
) -> NewMessage:
    """The message to store, from its parts and from the entries that it came in as."""
    if not said.parts:  # a message has at least one part
        said.parts = [{"type": "text", "text": ""}]
    notes: list[JsonObject] = []
    for style in styles:
        note = _difference(render(said, style, []), original)
        if style != styles[0]:
            note["style"] = style
        notes.append(note)
        if note.keys() <= {"style"}:
            break
    note = min(notes, key=lambda note: len(json.dumps(note)))
    if note:
        said.parts[0] = {**said.parts[0], "native": {provider: note}}
    only = said.parts[0]
    plain = len(said.parts) == 1 and only.keys() == {"type", "text"} and only["type"] == "text"
    return NewMessage(role=said.role, content=only["text"] if plain else said.parts, author=said.author)


def recalled(
    said: Said, provider: Provider, render: Render, styles: tuple[str, ...], lost: list[str]
) -> list[JsonObject]:
    """The entries of one message: rendered, and changed by what is kept of this provider."""
    kept = said.parts[0].get("native")
    note: object = cast("JsonObject", kept).get(provider) if isinstance(kept, dict) else None
    if not isinstance(note, dict):
        return render(said, styles[0], lost)
    fields = cast("JsonObject", note)
    style = fields.get("style")
    return _applied(render(said, style if style in styles else styles[0], lost), fields)


def list_foreign(said: Said, provider: Provider, lost: list[str]) -> None:
    """Name in `lost` the fields that are kept of other providers."""
    kept = said.parts[0].get("native")
    if not isinstance(kept, dict):
        return
    for other, note in cast("dict[str, object]", kept).items():
        changed = cast("JsonObject", note).get("set") if isinstance(note, dict) else None
        if other != provider and isinstance(changed, dict):
            said_by = cast("dict[str, object]", changed).items()
            names = {pointer.rpartition("/")[2] for pointer, value in said_by if value is not None}
            if names:
                said.lose(lost, f"fields that only {other} has: {', '.join(sorted(names))}")


@dataclass(slots=True)
class _Difference:
    """What has to change in a rendered list to make it the original, and `at`, the names on the way to where
    the two are being compared."""

    changed: JsonObject = field(default_factory=dict[str, Any])
    surplus: list[str] = field(default_factory=list[str])
    at: list[str] = field(default_factory=list[str])
    chars: int = 0

    def pointer(self, *names: str) -> str:
        """To where this is, or to something below. Raises: _TooLarge."""
        pointer = "".join([f"/{_escaped(name)}" for name in (*self.at, *names)])
        self.chars += len(pointer)
        if self.chars > MAX_POINTER_CHARS:
            raise _TooLarge
        return pointer


class _TooLarge(Exception):
    """A difference is larger than what it is a difference to."""


def _difference(rendered: list[JsonObject], original: list[JsonObject]) -> JsonObject:
    found = _Difference()
    try:
        _compare(rendered, original, found)
    except _TooLarge:
        return {"set": {"": original}}
    note: JsonObject = {}
    if found.changed:
        note["set"] = found.changed
    if found.surplus:
        note["unset"] = found.surplus
    return note


def _compare(rendered: Any, original: Any, found: _Difference) -> None:
    if isinstance(rendered, dict) and isinstance(original, dict):
        ours, theirs = cast("JsonObject", rendered), cast("JsonObject", original)
        found.surplus.extend(found.pointer(name) for name in ours if name not in theirs)
        for name, value in theirs.items():
            if name in ours:
                found.at.append(name)
                _compare(ours[name], value, found)
                found.at.pop()
            else:
                found.changed[found.pointer(name)] = value
    elif isinstance(rendered, list) and isinstance(original, list):
        _compare_items(cast("list[Any]", rendered), cast("list[Any]", original), found)
    elif type(cast("object", rendered)) is not type(original) or rendered != original:  # True is not 1
        found.changed[found.pointer()] = original


def _compare_items(rendered: list[Any], original: list[Any], found: _Difference) -> None:
    if len(rendered) != len(original):
        found.changed[found.pointer()] = original
        return
    for index, (ours, theirs) in enumerate(zip(rendered, original, strict=True)):
        found.at.append(str(index))
        _compare(ours, theirs, found)
        found.at.pop()


def _applied(rendered: list[JsonObject], note: JsonObject) -> list[JsonObject]:
    """Pointers that lead nowhere, as after a part was cut, are passed over."""
    root: list[Any] = [rendered]
    surplus, changed = note.get("unset"), note.get("set")
    for pointer in cast("list[object]", surplus) if isinstance(surplus, list) else ():
        holder, name = _holder(root, pointer)
        if isinstance(holder, dict):
            cast("JsonObject", holder).pop(name, None)
    for pointer, value in cast("JsonObject", changed).items() if isinstance(changed, dict) else ():
        holder, name = _holder(root, pointer)
        if isinstance(holder, dict):
            holder[name] = value
        elif isinstance(holder, list) and _index(name, cast("list[Any]", holder)) is not None:
            holder[int(name)] = value
    return objects(root[0])


def _holder(root: list[Any], pointer: object) -> tuple[Any, str]:
    """What holds the place that `pointer` names, and its name there."""
    names = ["0", *str(pointer).split("/")[1:]]
    holder: Any = root
    for name in names[:-1]:
        name = _unescaped(name)
        if isinstance(holder, dict):
            holder = cast("JsonObject", holder).get(name)
        elif isinstance(holder, list):
            items = cast("list[Any]", holder)
            index = _index(name, items)
            holder = None if index is None else items[index]
    return holder, _unescaped(names[-1])


def _index(name: str, holder: list[Any]) -> int | None:
    return int(name) if name.isdecimal() and int(name) < len(holder) else None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")

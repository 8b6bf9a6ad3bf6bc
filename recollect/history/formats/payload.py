"""Looking into what a caller hands over in a provider's format; errors name the place."""

from __future__ import annotations

from typing import Any, cast

from recollect.history.formats.rendered import JsonObject, Provider
from recollect.models.errors import InvalidArgument
from recollect.models.message import Part
from recollect.models.parts import check_json


def entries(payload: object, argument: str) -> list[tuple[JsonObject, str]]:
    """The objects of a list, each with its place. Raises: InvalidArgument."""
    if not isinstance(payload, list):
        step = _step(cast("JsonObject", payload)) if isinstance(payload, dict) else ""
        raise InvalidArgument(argument, f"must be a list of objects{step}")
    check_json(argument, cast("object", payload))
    return [
        (entry(value, f"{argument}[{index}]"), f"{argument}[{index}]")
        for index, value in enumerate(cast("list[object]", payload))
    ]


def _step(payload: JsonObject) -> str:
    """Where in a request or an answer the list is that is wanted."""
    if "role" in payload:
        return "; put this message into one"
    for field, inside in (("choices", "message"), ("candidates", "content")):
        if field in payload:
            return f"; of an answer give the {inside} of its {field}[0] in one"
    name = next((name for name in ("messages", "input", "output") if name in payload), None)
    return "" if name is None else f"; give the one that is called {name}"


def entry(value: object, where: str) -> JsonObject:
    """An object. Raises: InvalidArgument."""
    if not isinstance(value, dict):
        raise InvalidArgument(where, "must be an object")
    return cast("JsonObject", value)


def word(value: JsonObject, name: str, where: str) -> str:
    """A field that must be a string. Raises: InvalidArgument."""
    found = value.get(name)
    if not isinstance(found, str):
        raise InvalidArgument(f"{where}.{name}", "must be a string" if name in value else "is missing")
    return found


def refuse_role(value: JsonObject, where: str, roles: tuple[str, ...]) -> InvalidArgument:
    if "role" not in value:
        return InvalidArgument(f"{where}.role", "is missing")
    return InvalidArgument(f"{where}.role", f"must be one of {', '.join(roles)}")


def blocks(content: object, where: str) -> list[tuple[JsonObject, str]]:
    """The blocks of a content list, each with a `type`, and its place. Raises: InvalidArgument."""
    if not isinstance(content, list):
        raise InvalidArgument(where, "must be a string or a list of blocks")
    found: list[tuple[JsonObject, str]] = []
    for index, value in enumerate(cast("list[object]", content)):
        at = f"{where}[{index}]"
        block = entry(value, at)
        word(block, "type", at)
        found.append((block, at))
    return found


def other(provider: Provider, value: JsonObject) -> Part:
    """A block or an item that only its provider has."""
    return {"type": "other", "format": provider, "value": value}


def objects(value: object) -> list[JsonObject]:
    """The objects of a list; nothing where there is no list."""
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("JsonObject", item) for item in found if isinstance(item, dict)]


def inner(value: Any, *names: str) -> Any:
    """What lies at a path of fields; None where the path breaks off."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = cast("JsonObject", value).get(name)
    return value

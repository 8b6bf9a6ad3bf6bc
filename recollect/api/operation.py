"""An operation before it belongs to an application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.responses import Response

BEARER = "bearer"


class Operation(NamedTuple):
    """run:     its name is the operation's id, and its docstring what people read about it.
    scopes:  what the token has to allow. Several are alternatives: which one is needed depends on
             the arguments, and `run` itself asks for it.
    answer:  the shape of the answer, as the OpenAPI document shows it; a string: its media type, or several
             with commas between.
    again:   what a status other than the usual one means, with the same shape.
    takes:   media types of a body that `run` reads by itself.
    example: of an answer that is text.
    """

    method: str
    path: str
    run: Callable[..., Awaitable[Response]]
    scopes: tuple[str, ...]
    answer: Any
    status: int = 200
    again: Mapping[int, str] = MappingProxyType({})
    takes: tuple[str, ...] = ()
    example: str | None = None

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """What it answers when all goes well."""
        if isinstance(self.answer, str):
            return {self.status: {"content": {one: self._text(one) for one in self.answer.split(", ")}}}
        more = {status: {"model": self.answer, "description": what} for status, what in self.again.items()}
        return {self.status: {"model": self.answer}, **more}

    def more(self) -> dict[str, Any]:
        """What FastAPI does not know of it."""
        known: dict[str, Any] = {"security": [{BEARER: [scope]} for scope in self.scopes]}
        if self.takes:
            file: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
            known["requestBody"] = {"required": True, "content": dict.fromkeys(self.takes, file)}
        return known

    def _text(self, media_type: str) -> dict[str, Any]:
        if media_type == "application/json":
            return {"schema": {"type": "object"}}
        binary = {"format": "binary"} if media_type == "application/zip" else {}
        example = {} if self.example is None else {"example": self.example}
        return {"schema": {"type": "string", **binary}, **example}

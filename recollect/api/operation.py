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
    answer:  the shape of the answer, as the OpenAPI document shows it; a string: its media type.
    again:   what a status other than the usual one means, with the same shape.
    """

    method: str
    path: str
    run: Callable[..., Awaitable[Response]]
    scopes: tuple[str, ...]
    answer: Any
    status: int = 200
    again: Mapping[int, str] = MappingProxyType({})

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """What it answers when all goes well."""
        if isinstance(self.answer, str):
            return {self.status: {"content": {self.answer: {"schema": {"type": "string"}}}}}
        more = {status: {"model": self.answer, "description": what} for status, what in self.again.items()}
        return {self.status: {"model": self.answer}, **more}

    def security(self) -> list[dict[str, list[str]]]:
        return [{BEARER: [scope]} for scope in self.scopes]

"""Addresses whose segments hold anything: `auth0|7`, `a/b`, blanks, any script.

Servers decode a path before it is routed, and an encoded slash then looks like a real one. Here
routes are matched against the path as it was sent, and each segment is decoded by itself.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class Segment(Convertor[str]):
    """A segment of a path, decoded. Bytes that are no UTF-8 become lone surrogates, which no id has."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value, errors="surrogateescape")

    def to_string(self, value: str) -> str:
        return encoded(value)


register_url_convertor("segment", Segment())


class RawPaths:
    """Shows an application the path as it was sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes | None = scope.get("raw_path")
            sent = quote(scope["path"]) if raw is None else raw.decode("latin-1")
            scope = {**scope, "path": sent}
        await self._app(scope, receive, send)


def encoded(segment: str) -> str:
    """A segment as it stands in an address."""
    return quote(segment, safe="")


def address_of(request: Request, conversation_id: str) -> str:
    """The address of a conversation of the caller, as the request wrote the user."""
    _, api, user, *_ = request.scope["path"].split("/")
    return f"/{api}/{user}/conversations/{encoded(conversation_id)}"


def below(request: Request, segment: str) -> str:
    """The address of something that was made by this request, below its own address."""
    return f"{request.scope['path'].rstrip('/')}/{encoded(segment)}"

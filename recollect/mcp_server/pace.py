"""A body has to come at some pace. Whoever has a token could otherwise hold, with a byte now and then, a
connection, what came so far and a place among the imports for ever."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recollect.mcp_server.guard import Refuse, in_plain_text

PATIENCE = 60.0
"""Seconds that a body may let us wait, from its beginning or after what came at the pace."""

PACE = 16 * 1024
"""Bytes that earn a second more, up to `PATIENCE`. An import of 2 GB that keeps to it takes 36 hours, one of
a usual size over a bad telephone line passes."""


class Paced:
    """408 for a body that comes more slowly. What waits for our own work is not counted.

    refuse:  gives the answer.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse = in_plain_text) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _has_body(Headers(scope=scope)):
            await _Request(self._refuse, scope, receive, send).serve(self._app)
        else:
            await self._app(scope, receive, send)


class _Request:
    """One request with a body."""

    def __init__(self, refuse: Refuse, scope: Scope, receive: Receive, send: Send) -> None:
        self._refuse = refuse
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = PATIENCE
        self._whole = False
        self._answered = False
        self._given_up = False

    async def serve(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive_in_time, self._send_unless_given_up)
        except ClientDisconnect:
            if not self._given_up:
                raise

    async def _receive_in_time(self) -> Message:
        if self._whole:
            return await self._receive()
        if self._given_up:
            return {"type": "http.disconnect"}
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                message = await self._receive()
        except TimeoutError:
            await self._give_up()
            return {"type": "http.disconnect"}
        earned = len(message.get("body", b"")) / PACE
        self._left = min(PATIENCE, self._left - (time.monotonic() - began) + earned)
        self._whole = not message.get("more_body", False)
        return message

    async def _send_unless_given_up(self, message: Message) -> None:
        if not self._given_up:
            self._answered = True
            await self._send(message)

    async def _give_up(self) -> None:
        self._given_up = True
        if not self._answered:
            refusal = self._refuse(self._scope, 408, "The request comes too slowly; send it again")
            await refusal(self._scope, self._receive, self._send_last)

    async def _send_last(self, message: Message) -> None:
        """What is sent before the connection is closed."""
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await self._send(message)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

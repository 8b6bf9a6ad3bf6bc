"""An answer is in memory until its client has taken it, and counts as the user's until then."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recollect.identity.caller import IN_SCOPE
from recollect.identity.limits import Limits

LARGE = 64 * 1024
"""Bytes. Less than that the system takes for a client at once."""


class Taken:
    """Sends what is large and waits until it was taken, but for the last of it."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: dict[str, Any] = {}

        async def send_until_taken(message: Message) -> None:
            size = len(message.get("body", b""))
            if size < LARGE or "user_id" not in caller:
                await send(message)
                return
            with self._limits.keeping(caller["user_id"], size):
                await send({**message, "more_body": True})
                # The server waits, before it sends more, until its client took what is there.
                await send({**message, "body": b""})

        await self._app({**scope, IN_SCOPE: caller}, receive, send_until_taken)

"""Refusals of the SDK's transport without what they repeat of the request.

It answers a message that it cannot read with a validator's report, in which stands what was sent.
"""

from __future__ import annotations

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Quiet:
    """Around a transport: of an error's message with status 400, only what stands before the report."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        body = b""

        async def send_quietly(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and message["status"] == 400:
                start = message
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                quiet = _without_report(body)
                headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                headers.append((b"content-length", str(len(quiet)).encode()))
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": quiet})

        await self._app(scope, receive, send_quietly)


def _without_report(body: bytes) -> bytes:
    try:
        answer = json.loads(body)
        said: str = answer["error"]["message"]
    except (ValueError, TypeError, KeyError):
        return body
    kept, separator, _ = said.partition(": ")
    if "\n" not in said or not separator:
        return body
    answer["error"]["message"] = f"{kept}: this is no message of the protocol"
    return json.dumps(answer, separators=(",", ":")).encode()

"""Header values without the blanks around them, which are no part of them (RFC 9110, section 5.5).

httptools leaves those at the end, and the SDK compares Mcp-Name with the request's body.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_BLANKS = b" \t"


class TrimmedHeaders:
    """Passes every request on with its header values trimmed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and any(value[-1:] in (b" ", b"\t") for _, value in scope["headers"]):
            trimmed = [(name, value.strip(_BLANKS)) for name, value in scope["headers"]]
            scope = {**scope, "headers": trimmed}
        await self._app(scope, receive, send)

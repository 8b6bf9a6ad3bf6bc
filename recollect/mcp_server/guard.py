"""Refuses what a web page may have sent that has no business here, whatever the route.

A page that gives its own name the address of this machine (DNS rebinding) sends that name as Host;
a page that merely sends requests here names itself as Origin.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from recollect.mcp_server.address import Address

Refuse = Callable[[Scope, int, str], ASGIApp]
"""Gives the answer to a request that is refused, by its status and the reason, a sentence without
its full stop."""


def in_plain_text(_scope: Scope, status: int, reason: str) -> ASGIApp:
    """What every client can show."""
    return PlainTextResponse(f"{reason}.\n", status)


class Guard:
    """421 for a Host that is not this server, 403 for an Origin that is another site."""

    def __init__(self, app: ASGIApp, address: Address, refuse: Refuse = in_plain_text) -> None:
        self._app = app
        self._address = address
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or hosts[0] not in self._address.hosts:
            return self._refuse(scope, 421, "The Host header does not name this server")
        if not self._address.origins.issuperset(_values(scope, b"origin")):
            return self._refuse(scope, 403, "Requests from this site (Origin) are not accepted")
        return None


def _values(scope: Scope, header: bytes) -> list[str]:
    """All values of a header, in lower case."""
    return [value.decode("latin-1").lower() for name, value in scope["headers"] if name == header]

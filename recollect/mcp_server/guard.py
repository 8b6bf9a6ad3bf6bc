"""Refuses what a web page may have sent that has no business here, whatever the route.

A page that gives its own name the address of this machine (DNS rebinding) sends that name as Host;
a page that merely sends requests here names itself as Origin.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from recollect.mcp_server.address import Address


class Guard:
    """421 for a Host that is not this server, 403 for an Origin that is another site."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._app = app
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._address.hosts:
            return PlainTextResponse("The Host header does not name this server.\n", 421)
        origins = headers.getlist("origin")
        if any(origin.lower() not in self._address.origins for origin in origins):
            return PlainTextResponse("Requests from this site (Origin) are not accepted.\n", 403)
        return None

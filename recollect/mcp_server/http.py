"""MCP over HTTP: Streamable HTTP at /mcp, and the older SSE transport at /sse, in one application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcp.server.sse import SseServerTransport
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from recollect.identity.authenticator import Authenticator
from recollect.identity.limits import Limits
from recollect.mcp_server.address import MCP_PATH, SSE_PATH, Address
from recollect.mcp_server.bearer import Bearer
from recollect.mcp_server.guard import Guard, Refuse, in_plain_text
from recollect.mcp_server.metadata import metadata_routes
from recollect.mcp_server.pace import Paced
from recollect.mcp_server.quiet import Quiet
from recollect.mcp_server.server import RecollectServer
from recollect.mcp_server.sse import SseMessages, SseStream
from recollect.mcp_server.taken import Taken
from recollect.settings import MAX_REQUEST_BYTES

MESSAGES_PATH = "/messages/"

# What a page of an allowed origin may read besides the body.
_EXPOSED = (
    "Content-Disposition",
    "ETag",
    "Location",
    "Mcp-Session-Id",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)

# The Guard checks these for every route, so that the transports need not.
_UNCHECKED = TransportSecuritySettings(enable_dns_rebinding_protection=False)


@dataclass(frozen=True, slots=True)
class Door:
    """Who may come in, and how often.

    authenticator:  tells callers by their tokens.
    authorization_servers:  who gives out tokens, for clients that have none.
    """

    authenticator: Authenticator
    limits: Limits
    authorization_servers: Sequence[str] = ()


def create_http_app(
    server: RecollectServer,
    address: Address,
    *,
    door: Door | None = None,
    beside: Sequence[BaseRoute] = (),
    refuse: Refuse = in_plain_text,
    stateless: bool = True,
    json_response: bool = True,
) -> Starlette:
    """An ASGI application that serves `server` at /mcp and /sse.

    address:        how clients call it; requests for other hosts or from other origins are refused.
    door:           who may come in; None: everybody who can connect is the one user.
    beside:         more routes, which check tokens themselves.
    refuse:         gives the answer to a foreign Host or Origin.
    stateless:      keep nothing between the requests of older clients either.
    json_response:  answer with plain JSON. False: with a stream, for tools that report progress
                    or ask the client something.
    """

    def protected(app: ASGIApp, path: str) -> ASGIApp:
        if door is None:
            return app
        metadata_url = address.metadata_url(path)
        return Bearer(
            app, door.authenticator, door.limits, metadata_url=metadata_url, max_body=MAX_REQUEST_BYTES
        )

    server.streamable_http_app(
        stateless_http=stateless,
        json_response=json_response,
        transport_security=_UNCHECKED,
        max_request_body_size=MAX_REQUEST_BYTES,
    )
    streamable: ASGIApp = Quiet(StreamableHTTPASGIApp(server.session_manager))
    if stateless:
        streamable = PostOnly(streamable)
    sse = SseServerTransport(MESSAGES_PATH, _UNCHECKED, MAX_REQUEST_BYTES)
    return Starlette(
        routes=[
            Route(MCP_PATH, endpoint=protected(streamable, MCP_PATH)),
            Route(SSE_PATH, endpoint=protected(SseStream(server, sse), SSE_PATH), methods=["GET"]),
            Mount(MESSAGES_PATH, app=protected(SseMessages(sse), SSE_PATH)),
            *([] if door is None else metadata_routes(address, door.authorization_servers)),
            *beside,
        ],
        middleware=[
            Middleware(Guard, address=address, refuse=refuse),
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(address.origins),
                allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["*"],
                expose_headers=_EXPOSED,
                max_age=3600,
            ),
            *([] if door is None else [Middleware(Taken, limits=door.limits)]),
            Middleware(Paced, refuse=refuse),
        ],
        # The lifespan of an application inside another never runs: this is streamable's.
        lifespan=lambda _app: server.session_manager.run(),
    )


class PostOnly:
    """Around a transport without sessions: there is nothing that a stream of GET could ever carry, and the
    SDK would keep it open for whoever asks, as many as they like."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            refusal = PlainTextResponse("There is nothing but POST here.\n", 405, {"Allow": "POST"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

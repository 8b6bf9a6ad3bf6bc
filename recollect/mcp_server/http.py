"""MCP over HTTP: Streamable HTTP at /mcp, and the older SSE transport at /sse, in one application.

There are no tokens yet, so whoever can connect is the one user: only loopback addresses are
served, and requests that a web page sent (a foreign Origin, or a Host that a name server made up)
are refused.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio
import uvicorn
from mcp.server.sse import SseServerTransport
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import lazy_backend
from recollect.mcp_server.ending import Ending
from recollect.mcp_server.server import RecollectServer
from recollect.models.errors import InvalidArgument, NotReady
from recollect.settings import Settings

MAX_BODY = 64 * 1024 * 1024
"""Largest request in bytes: a message of 10 MB of which every character is escaped, and its frame."""

PATIENCE = 4.0
"""Seconds after which a server that was told to end is gone, whatever hangs."""

_GRACE = 2
"""Seconds that requests under way get to finish."""


def create_http_app(
    server: RecollectServer,
    *,
    host: str,
    port: int,
    stateless: bool = True,
    json_response: bool = True,
) -> Starlette:
    """An ASGI application that serves `server` at /mcp and /sse, for clients on this machine.

    host, port:     where it will listen; requests for other hosts or from other origins are refused.
    stateless:      keep nothing between the requests of older clients either.
    json_response:  answer with plain JSON. False: with a stream, for tools that report progress
                    or ask the client something.
    """
    names = dict.fromkeys(("127.0.0.1", "localhost", "[::1]", f"[{host}]" if ":" in host else host))
    authorities = [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=authorities,
        allowed_origins=[f"http://{authority}" for authority in authorities],
    )
    streamable = server.streamable_http_app(
        streamable_http_path="/mcp",
        stateless_http=stateless,
        json_response=json_response,
        transport_security=security,
        max_request_body_size=MAX_BODY,
    )
    sse = SseServerTransport("/messages/", security_settings=security, max_request_body_size=MAX_BODY)
    return Starlette(
        routes=[
            *streamable.routes,
            Route("/sse", endpoint=SseEndpoint(server, sse), methods=["GET"]),
            Mount("/messages/", app=sse.handle_post_message),
        ],
        # The SDK's SSE transport refuses too, but with an exception that fills the log.
        middleware=[Middleware(Guard, security=security)],
        # The lifespan of an application inside another never runs: this is streamable's.
        lifespan=lambda _app: server.session_manager.run(),
    )


async def serve(settings: Settings, host: str, port: int, listening: Callable[[str], None]) -> int:
    """Serve until a signal; gives the exit code.

    port:       0 lets the system choose.
    listening:  called with the server's address, such as `http://127.0.0.1:8765`, once it accepts.

    Raises: InvalidArgument for a host that is not this machine's loopback, NotReady for a port
    that is taken.
    """
    ending = Ending(PATIENCE)
    ending.watch_signals()
    with _bound(host, port) as bound:
        actual_port: int = bound.getsockname()[1]
        async with lazy_backend(settings) as backend:
            server = create_server(backend, identity=lambda: settings.user_id)
            app = create_http_app(server, host=host, port=actual_port)
            http = _Server(
                uvicorn.Config(
                    app,
                    log_config=None,
                    access_log=False,
                    ws="none",
                    proxy_headers=False,
                    server_header=False,
                    lifespan="on",
                    timeout_graceful_shutdown=_GRACE,
                )
            )

            async def accept() -> None:
                await http.serve([bound])
                ending.begin()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(accept)
                backend.warm()
                listening(f"http://{f'[{host}]' if ':' in host else host}:{actual_port}")
                await ending.wait()
                # As uvicorn's own handler: SSE streams, which have no end, are told through it too.
                http.handle_exit(signal.SIGTERM, None)
    return ending.code


class SseEndpoint:
    """The stream of an older client. The SDK's own endpoint answers a second time when it ends."""

    def __init__(self, server: RecollectServer, transport: SseServerTransport) -> None:
        self._server = server
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._transport.connect_sse(scope, receive, send) as (read, write):
            await self._server.serve_streams(read, write)


class Guard:
    """Refuses what a web page may have sent, whatever the route: 421 for the Host, 403 for the Origin."""

    def __init__(self, app: ASGIApp, security: TransportSecuritySettings) -> None:
        self._app = app
        self._check = TransportSecurityMiddleware(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._check.validate_request(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which raise the signal again after a clean end."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextmanager
def _bound(host: str, port: int) -> Generator[socket.socket]:
    if not _is_loopback(host):
        raise InvalidArgument(
            "host",
            "must be of this machine alone (127.0.0.1, ::1 or localhost): there are no tokens yet, so "
            "everybody who could connect would see and change every conversation",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise NotReady(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another one with --port or "
            "RECOLLECT_PORT, or end the program that uses it"
        ) from error
    with bound:
        yield bound


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

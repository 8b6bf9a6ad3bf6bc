"""The process of `recollect serve`: from settings to a server that listens, and its end.

Without tokens whoever can connect is the one user, so only addresses that nobody else can reach
are served.
"""

from __future__ import annotations

import asyncio
import math
import signal
import socket
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from recollect.identity.access_tokens import AccessTokens
from recollect.identity.authenticator import TokenAuthenticator
from recollect.identity.issuers import Issuers
from recollect.identity.limits import Limits
from recollect.mcp_server.address import Address, is_loopback
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import LazyBackend, lazy_backend
from recollect.mcp_server.bearer import current_caller, permitted
from recollect.mcp_server.ending import Ending
from recollect.mcp_server.http import Door, create_http_app
from recollect.models.errors import InvalidArgument, NotReady
from recollect.settings import Settings

MARGIN = 2.0
"""Seconds after the drain timeout at which a server that was told to end is gone, whatever hangs."""


MakeApp = Callable[[Settings, LazyBackend, Address, Limits], ASGIApp]


async def serve(
    settings: Settings,
    bound: socket.socket,
    address: Address,
    make_app: MakeApp,
    listening: Callable[[], None],
    *,
    parent: int | None = None,
) -> int:
    """Serve one socket until a signal; gives the exit code.

    address:    how clients call what listens there.
    make_app:   makes the application; `create_app` or what an assembly of more doors has.
    listening:  called once it accepts.
    parent:     the process without which this one is to end too.
    """
    ending = Ending(settings.drain_timeout + MARGIN)
    ending.watch_signals()
    if parent is not None:
        ending.watch_parent(parent)
    limits = Limits(settings)
    async with lazy_backend(settings, wrote=limits.wrote) as backend:
        http = _Server(
            uvicorn.Config(
                make_app(settings, backend, address, limits),
                http="h11" if settings.loop == "asyncio" else "auto",
                log_config=None,
                access_log=False,
                ws="none",
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                server_header=False,
                lifespan="on",
                timeout_graceful_shutdown=math.ceil(settings.drain_timeout),
            ),
            listening,
        )

        async def accept() -> None:
            await http.serve([bound])
            ending.begin()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(accept)
            backend.warm()
            await ending.wait()
            # As uvicorn's own handler: SSE streams, which have no end, are told through it too.
            http.handle_exit(signal.SIGTERM, None)
    return ending.code


def run(settings: Settings, serving: Coroutine[Any, Any, int]) -> int:
    """Run `serve` on the event loop of the settings."""
    with asyncio.Runner(loop_factory=_loop_factory(settings)) as runner:
        return runner.run(serving)


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if settings.loop == "auto" and find_spec("uvloop") is not None:
        return import_module("uvloop").new_event_loop
    return None


def create_app(settings: Settings, backend: LazyBackend, address: Address, limits: Limits) -> Starlette:
    """The application: for the users of the accepted tokens, or without tokens for the one user.

    limits:  for all that `backend` writes too.
    """
    if not takes_tokens(settings):
        return create_http_app(create_server(backend, identity=lambda: settings.user_id), address)
    door = Door(
        create_authenticator(settings, backend, address),
        limits,
        [issuer.issuer for issuer in settings.issuers if issuer.secret is None],
    )
    server = create_server(backend, identity=lambda: current_caller().user_id, middleware=[permitted])
    return create_http_app(server, address, door=door)


def create_authenticator(settings: Settings, backend: LazyBackend, address: Address) -> TokenAuthenticator:
    """Who accepts the tokens that the settings allow."""
    tokens = AccessTokens(backend.database) if settings.access_tokens else None
    return TokenAuthenticator(Issuers(settings.issuers, address.resources()), tokens)


def takes_tokens(settings: Settings) -> bool:
    """Whether each request needs a token; otherwise there is one user."""
    return bool(settings.issuers) or settings.access_tokens


class _Server(uvicorn.Server):
    """uvicorn that says when it accepts, without its signal handlers, which raise the signal again
    after a clean end."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@contextmanager
def bound(settings: Settings, host: str, port: int) -> Generator[tuple[socket.socket, Address]]:
    """A socket that listens, and how clients call what is there.

    port:  0 lets the system choose.

    Raises: InvalidArgument for an address that others can reach where there are no tokens, or
    that has no name; NotReady for a port that is taken.
    """
    if not takes_tokens(settings) and not is_loopback(host):
        raise InvalidArgument(
            "host",
            "must be of this machine alone (127.0.0.1, ::1 or localhost) while there are no tokens, since "
            "everybody who could connect would see and change every conversation; RECOLLECT_ISSUERS or "
            "RECOLLECT_ACCESS_TOKENS says whose tokens to accept",
        )
    Address.of(settings, host, port)  # what is wrong with it is said before anything is opened
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise NotReady(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another one with --port or "
            "RECOLLECT_PORT, or end the program that uses it"
        ) from error
    with listener:
        yield listener, Address.of(settings, host, listener.getsockname()[1])

"""The process of `recollect serve`: from settings to a server that listens, and its end.

Without tokens whoever can connect is the one user, so only addresses that nobody else can reach
are served.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import anyio
import uvicorn
from starlette.types import ASGIApp

from recollect.mcp_server.address import Address, is_loopback
from recollect.mcp_server.assembly import Assembly, assembled, takes_tokens
from recollect.mcp_server.ending import Ending
from recollect.models.errors import InvalidSetting, NotReady
from recollect.serving.trimmed import TrimmedHeaders
from recollect.settings import Settings

MARGIN = 2.0
"""Seconds after the drain timeout at which a server that was told to end is gone, whatever hangs."""

STALLED_MS = 120_000
"""So long a client may take nothing of what is sent to it, or not be heard of meanwhile, until the
connection is gone. Who only stops reading would keep it for ever otherwise, with all that waits in it."""

MakeApp = Callable[[Assembly], ASGIApp]


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
    make_app:   makes the application out of its parts, such as `recollect.serving.app.create_app`.
    listening:  called once it accepts.
    parent:     the process without which this one is to end too.
    """
    ending = Ending(settings.drain_timeout + MARGIN)
    ending.watch_signals()
    if parent is not None:
        ending.watch_parent(parent)
    async with assembled(settings, address) as parts:
        http = _Server(
            uvicorn.Config(
                TrimmedHeaders(make_app(parts)),
                http=_parser(settings),
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

        # What was loaded until here stays. To go through it at every full collection takes 0.1 s or more,
        # in which nobody is answered.
        gc.freeze()
        ended = asyncio.Event()

        async def accept() -> None:
            await http.serve([bound])
            ending.begin()
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(accept)
            tasks.start_soon(parts.feed.run)
            parts.backend.warm()
            await ending.wait()
            parts.listening.close()
            # As uvicorn's own handler: SSE streams, which have no end, are told through it too.
            http.handle_exit(signal.SIGTERM, None)
            await ended.wait()
            tasks.cancel_scope.cancel()
    return ending.code


def run(settings: Settings, serving: Coroutine[Any, Any, int]) -> int:
    """Run `serve` on the event loop of the settings."""
    with asyncio.Runner(loop_factory=_loop_factory(settings)) as runner:
        return runner.run(serving)


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    if settings.loop == "auto" and find_spec("uvloop") is not None:
        return import_module("uvloop").new_event_loop
    return None


def _parser(settings: Settings) -> type[asyncio.Protocol] | Literal["h11"]:
    if settings.loop == "auto" and find_spec("httptools") is not None:
        from recollect.serving.heads import LimitedHeads  # imported here: httptools may not be installed

        return LimitedHeads
    return "h11"


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

    Raises: InvalidSetting for an address that others can reach where there are no tokens, or
    that has no name; NotReady for a port that is taken.
    """
    if not takes_tokens(settings) and not is_loopback(host):
        raise InvalidSetting(
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
        # Python adds to the reason what it attempted.
        reason = (error.strerror or "").partition(" (while")[0]
        raise NotReady(
            f"port {port} on {host} cannot be used ({reason}); choose another one with --port or "
            "RECOLLECT_PORT, or end the program that uses it"
        ) from error
    if sys.platform == "linux":  # connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    with listener:
        yield listener, Address.of(settings, host, listener.getsockname()[1])

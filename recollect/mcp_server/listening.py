"""Streams of changes (`subscriptions/listen`, and those of other doors): how long, and how they end.

A stream outlives the look at its token, so it ends with the token, and after a quarter of an hour
in any case: a token that was revoked meanwhile is not accepted again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Any, cast

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, SubscriptionsListenResult

from recollect.mcp_server.boundary import explain
from recollect.mcp_server.feed import Feed
from recollect.mcp_server.resources import CONVERSATIONS, id_of
from recollect.models.errors import RecollectError

LONGEST_SECONDS = 900.0

QUIET_SECONDS = 15.0
"""After so long without a change a stream of another door shows that it is still there."""

MOST_WAITING = 1_000
"""Changes that wait for a slow reader; then the stream ends, and whoever comes again looks anew."""

MOST_RESOURCES = 1_000
"""Resources that one stream names. They stay in memory with it, eight times as large as they were sent."""

METHOD = "subscriptions/listen"


class Listening:
    """Middleware of the MCP server, around its streams.

    expires_at:  when the present request's token ends, in seconds since 1970.
    """

    def __init__(self, feed: Feed, expires_at: Callable[[], float]) -> None:
        self._feed = feed
        self._expires_at = expires_at
        self._streams: set[anyio.CancelScope] = set()
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._closed = False

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != METHOD:
            return await call_next(ctx)
        if _named(ctx.params) > MOST_RESOURCES:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"A stream may name {MOST_RESOURCES} resources; {CONVERSATIONS} tells of all",
            )
        seconds = min(LONGEST_SECONDS, self._expires_at() - time.time())
        with anyio.move_on_after(0 if self._closed else seconds) as stream:
            self._streams.add(stream)
            try:
                async with self._feed.joined():
                    return await call_next(ctx)
            except RecollectError as error:
                raise MCPError(code=INTERNAL_ERROR, message=explain(error)) from error
            finally:
                self._streams.discard(stream)
        # Its orderly end: the client knows that it may ask again.
        return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

    async def changes(self, user_id: str, expires_at: float) -> AsyncGenerator[str | None]:
        """The ids of a user's conversations as they change; None once it listens, and whenever nothing
        has changed for a while.

        expires_at:  when the stream ends, if it does not end before.

        Raises: TooManyRequests, Unavailable, NotReady.
        """
        ends = time.monotonic() + min(LONGEST_SECONDS, expires_at - time.time())
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            async with self._feed.joined(user_id):
                unsubscribe = self._feed.subscribe_as(user_id, partial(_pass_on, queue))
                try:
                    yield None
                    while not self._closed and (left := ends - time.monotonic()) > 0:
                        try:
                            async with asyncio.timeout(min(left, QUIET_SECONDS)):
                                change = await queue.get()
                        except TimeoutError:
                            change = None
                        if self._closed or queue.qsize() >= MOST_WAITING:
                            return
                        yield change
                finally:
                    unsubscribe()
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """End all streams; each client is told."""
        self._closed = True
        for queue in self._queues:
            queue.put_nowait(None)
        for stream in list(self._streams):
            stream.cancel()


def _named(params: Mapping[str, Any] | None) -> int:
    """How many resources a stream asks for. What else may stand there the SDK refuses."""
    asked: object = (params or {}).get("notifications")
    uris: object = (
        cast("dict[str, object]", asked).get("resourceSubscriptions") if isinstance(asked, dict) else None
    )
    return len(cast("list[object]", uris)) if isinstance(uris, list) else 0


def _pass_on(queue: asyncio.Queue[str | None], event: ServerEvent) -> None:
    if queue.qsize() > MOST_WAITING:  # it ends as soon as its reader takes one
        return
    if isinstance(event, ResourceUpdated) and (id := id_of(event.uri)) is not None:
        queue.put_nowait(id)

"""Streams of changes (`subscriptions/listen`): how many, how long, and how they end.

A stream outlives the look at its token, so it ends with the token, and after a quarter of an hour
in any case: a token that was revoked meanwhile is not accepted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, SubscriptionsListenResult

from recollect.mcp_server.boundary import explain
from recollect.mcp_server.feed import Feed
from recollect.models.errors import RecollectError

LONGEST_SECONDS = 900.0

METHOD = "subscriptions/listen"


class Listening:
    """Middleware of the MCP server, around its streams.

    expires_at:  when the present request's token ends, in seconds since 1970.
    """

    def __init__(self, feed: Feed, expires_at: Callable[[], float]) -> None:
        self._feed = feed
        self._expires_at = expires_at
        self._streams: set[anyio.CancelScope] = set()
        self._closed = False

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != METHOD:
            return await call_next(ctx)
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

    def close(self) -> None:
        """End all streams; each client is told."""
        self._closed = True
        for stream in list(self._streams):
            stream.cancel()

"""The two halves of the older transport, around the SDK's: a stream of answers, and what is posted to it."""

from __future__ import annotations

from collections import Counter

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.sse import SseServerTransport
from mcp.types import jsonrpc_message_adapter
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from recollect.mcp_server.body import TooLarge, read_again, read_body
from recollect.mcp_server.challenge import too_large, too_many
from recollect.mcp_server.server import RecollectServer
from recollect.models.errors import TooManyRequests
from recollect.settings import MAX_REQUEST_BYTES

MOST_SESSIONS = 64
"""Streams one user may have open in one process. They have no end of their own."""

RETRY_SECONDS = 15


class SseStream:
    """The stream of an older client. The SDK's own endpoint answers a second time when it ends."""

    def __init__(self, server: RecollectServer, transport: SseServerTransport) -> None:
        self._server = server
        self._transport = transport
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":  # whoever only looks takes no session
            await Response(media_type="text/event-stream")(scope, receive, send)
            return
        user = scope.get("user")
        if not isinstance(user, AuthenticatedUser):  # without tokens there is one user, on this machine
            await self._serve(scope, receive, send)
            return
        name = user.access_token.subject or ""
        if self._open[name] >= MOST_SESSIONS:
            error = TooManyRequests("too many sessions were opened", RETRY_SECONDS)
            await too_many(error)(scope, receive, send)
            return
        self._open[name] += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._open[name] -= 1
            self._open += Counter()  # forgets those who have none

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._transport.connect_sse(scope, receive, send) as (read, write):
            await self._server.serve_streams(read, write)


class SseMessages:
    """What an older client sends. The SDK writes a message that it cannot read into the log, with
    all that it says; here it is refused before."""

    def __init__(self, transport: SseServerTransport) -> None:
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            try:
                body = await read_body(receive, MAX_REQUEST_BYTES)
                jsonrpc_message_adapter.validate_json(body, by_name=False)
            except ClientDisconnect:
                return
            except TooLarge as error:
                await too_large(error)(scope, receive, send)
                return
            except ValidationError:
                await PlainTextResponse("The request is no JSON-RPC message.\n", 400)(scope, receive, send)
                return
            receive = read_again(body, receive)
        await self._transport.handle_post_message(scope, receive, send)

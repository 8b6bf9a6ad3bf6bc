"""Lets through who has a token that allows what the request asks for, and remembers whose it is.

The scopes, and how much was written, are looked at twice: here, where a refusal can still be an HTTP
status that tells a client how to get more (step-up) or when to come again, and where the request is
executed (`Permitted`). What is read here for that is a first glance; the second look is the one that
counts.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any, cast

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_REQUEST
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from recollect.identity.authenticator import Authenticator
from recollect.identity.authorization import bearer_token
from recollect.identity.caller import IN_SCOPE, Caller
from recollect.identity.limits import Hold, Limits
from recollect.mcp_server import challenge
from recollect.mcp_server.body import TooLarge, read_again, read_body
from recollect.mcp_server.scopes import depends_on_arguments, needed
from recollect.models.errors import Forbidden, NotReady, TooManyRequests, Unauthenticated, Unavailable
from recollect.models.json_values import MAX_VALUES, too_many_values

logger = logging.getLogger(__name__)

_caller: ContextVar[Caller] = ContextVar("caller")


def current_caller() -> Caller:
    """The caller of the request that is being executed."""
    return _caller.get()


class Permitted:
    """Middleware of the MCP server: nothing is executed that the token, or what is left of the user's
    minute, does not allow."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        caller = current_caller()
        scopes = needed(ctx.method, ctx.params)
        try:
            caller.require(*scopes)
            self._limits.admit_scopes(caller.user_id, scopes)
        except (Forbidden, TooManyRequests) as error:
            raise MCPError(code=INVALID_REQUEST, message=str(error)) from error
        return await call_next(ctx)


class Bearer:
    """Around a transport: 401 without a good token, 403 without the scopes of the request, 429 for
    a user who asks for too much.

    metadata_url:  where a client without a token learns who gives them out.
    max_body:      largest body in bytes; larger ones are refused with 413.
    """

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, limits: Limits, *, metadata_url: str, max_body: int
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._limits = limits
        self._metadata_url = metadata_url
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with ExitStack() as until_answered:
            await self._answer(until_answered, scope, receive, send)

    async def _answer(self, until_answered: ExitStack, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            token = bearer_token(headers)
            caller = await self._authenticator.authenticate(token)
            scope.get(IN_SCOPE, {})["user_id"] = caller.user_id
            self._limits.admit(caller.user_id)
            if scope["method"] == "POST":
                hold = until_answered.enter_context(self._limits.holding(caller.user_id))
                receive = await self._checked(caller, headers, receive, hold)
                await self._authenticator.confirm(token)
        except Unauthenticated as error:
            sent = "authorization" in headers
            refusal = challenge.unauthenticated(error, self._metadata_url, sent=sent)
        except Forbidden as error:
            refusal = challenge.forbidden(error, self._metadata_url)
        except TooManyRequests as error:
            refusal = challenge.too_many(error)
        except (Unavailable, NotReady) as error:
            logger.warning("a token could not be checked: %s", error)
            refusal = challenge.unavailable(error)
        except ClientDisconnect:
            return
        except TooLarge as error:
            refusal = challenge.too_large(error)
        else:
            await self._serve(caller, scope, receive, send)
            return
        await refusal(scope, receive, send)

    async def _checked(self, caller: Caller, headers: Headers, receive: Receive, hold: Hold) -> Receive:
        """Read the body, refuse what the caller may not, and give the body to be read again."""
        body = await read_body(receive, self._max_body, hold)
        if too_many_values(body):
            raise TooLarge(f"{MAX_VALUES} JSON values")
        request = _glance(headers, body)
        if request is not None:
            scopes = needed(*request)
            caller.require(*scopes)
            self._limits.admit_scopes(caller.user_id, scopes)
        return read_again(body, receive)

    async def _serve(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        # The SDK binds a session to this principal; the token itself is not handed on.
        principal = AccessToken(
            token="", client_id=caller.client, scopes=sorted(caller.scopes), subject=caller.user_id
        )
        token = _caller.set(caller)
        try:
            await self._app({**scope, "user": AuthenticatedUser(principal)}, receive, send)
        finally:
            _caller.reset(token)


def _glance(headers: Headers, body: bytes) -> tuple[str, object] | None:
    """Method and params of a request, as far as its scopes depend on them; None if it is no request.
    Newer clients repeat them in headers, which spares looking into a body of megabytes."""
    method, name = headers.get("mcp-method"), headers.get("mcp-name", "")
    if method is not None and not (method == "tools/call" and depends_on_arguments(name)):
        return method, {"name": name}
    try:
        message: object = from_json(body)
    except ValueError:
        return None  # the transport says what is wrong with it
    if not isinstance(message, dict):
        return None
    fields = cast("dict[str, Any]", message)
    return (str(fields["method"]), fields.get("params")) if "method" in fields else None

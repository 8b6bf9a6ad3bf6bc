"""A route as this server registers it: it knows who calls before it reads, and it reads strictly.

FastAPI reads the body first, takes arguments that nobody declared, and reads JSON as Python does.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from recollect.api import problems
from recollect.api.operation import BEARER
from recollect.api.strict_json import MAX_NAME_CHARS, Malformed, parse
from recollect.api.transfers import Transfers
from recollect.history.history import History
from recollect.identity.authenticator import Authenticator
from recollect.identity.authorization import bearer_token
from recollect.identity.caller import IN_SCOPE, Caller
from recollect.identity.limits import Hold, Limits
from recollect.models.errors import (
    InvalidArgument,
    InvalidSetting,
    NotFound,
    NotReady,
    RecollectError,
    Unavailable,
)
from recollect.models.json_values import MAX_VALUES, too_many_values

logger = logging.getLogger(__name__)

MOST_OF_NOTHING = 1_000
"""Bytes of blanks around {} where no body is read."""

ME = "me"
"""Stands for the caller in an address."""

CONDITIONS = ("if-match", "idempotency-key")
"""Headers that promise something: a route that cannot keep the promise refuses them."""

CONDITIONS_OF_WRITES = ("if-none-match", "if-unmodified-since")
"""Headers that no route can keep: they only spare a read its answer, but keep a write from happening."""

Reach = Callable[[str], Awaitable[History]]
"""Gives a user's history; may raise RecollectError."""


Changes = Callable[[Caller], AsyncGenerator[str | None]]


@dataclass(frozen=True)
class Door:
    """What all routes of one application share.

    reach:          gives a user's history.
    authenticator:  tells who holds a token.
    changes:        gives the ids of a caller's conversations as they change, None in between; first None.
    limits:         how much a user may ask for; None: as much as one likes.
    metadata_url:   where a client without a token learns who gives them out; None: nowhere.
    max_body:       largest request in bytes, but for a file to import.
    max_import:     largest file to import, in bytes.
    imports, exports:  those that are under way.
    """

    reach: Reach
    authenticator: Authenticator
    changes: Changes
    limits: Limits | None
    metadata_url: str | None
    max_body: int
    max_import: int
    imports: Transfers = field(default_factory=lambda: Transfers("imports", of_user=1, in_all=4))
    exports: Transfers = field(default_factory=lambda: Transfers("exports", of_user=2, in_all=4))


class StrictRequest(Request):
    """A request whose body was read already, and whose caller is known."""

    caller: Caller
    admitted: bool = False
    sent: bytes = b""
    parsed: Any = None

    async def body(self) -> bytes:
        return self.sent

    async def json(self) -> Any:
        return self.parsed


class StrictRoute(APIRoute):
    """Runs one operation, and turns whatever goes wrong into a problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run = super().get_route_handler()
        scopes = _scopes(self)
        reads_itself = "requestBody" in (self.openapi_extra or {})

        async def handle(request: Request) -> Response:
            door: Door = request.app.state.door
            strict = StrictRequest(request.scope, request.receive)
            # For whoever measures: the route, never what its address was.
            request.scope.get("recollect.seen", {})["route"] = self.path_format
            until_answered = ExitStack()
            try:
                await self._admit(strict, door, scopes)
                self._check_names(strict)
                if self.body_field is not None:
                    hold = until_answered.enter_context(_holding(strict, door))
                    strict.sent = await _read(strict, door.max_body, hold)
                    await door.authenticator.confirm(bearer_token(strict.headers))
                    strict.parsed = parse(strict.sent)
                elif not reads_itself:
                    await _read_nothing(strict)
                return await run(strict)
            except RecollectError as error:
                if isinstance(error, (NotReady, InvalidSetting)):
                    logger.warning("not ready: %s", error)
                    error = error if strict.admitted else NotReady("Not ready; the log says why")
                elif isinstance(error, Unavailable):
                    logger.warning("unavailable: %s", error)
                return _refused(error, strict, door)
            except RequestValidationError as error:
                return problems.of_arguments(error)
            except HTTPException as error:
                return problems.of_http(error)
            except ClientDisconnect:  # no defect, whoever may read it
                return _refused(Malformed("body", "is not whole; send it again"), strict, door)
            except Exception:  # the door's one boundary
                logger.exception("%s failed", self.name)
                return problems.of_defect()
            finally:
                until_answered.close()

        return handle

    async def _admit(self, request: StrictRequest, door: Door, scopes: tuple[str, ...]) -> None:
        """Find out who calls, and whether the address and the token allow this.

        Raises: Unauthenticated, TooManyRequests, NotFound, Forbidden, Unavailable, NotReady.
        """
        request.caller = caller = await door.authenticator.authenticate(bearer_token(request.headers))
        request.scope.get(IN_SCOPE, {})["user_id"] = caller.user_id
        if door.limits is not None:
            door.limits.admit(caller.user_id)
        if request.path_params["user_id"] not in (ME, caller.user_id):
            raise NotFound(f"user_id: there is no such user for this token; {ME!r} stands for its own")
        caller.require(*scopes)
        if door.limits is not None:
            door.limits.admit_scopes(caller.user_id, scopes)
        request.admitted = True

    def _check_names(self, request: Request) -> None:
        """Refuse what this route does not know, and what is said twice. Raises: InvalidArgument."""
        known = dict.fromkeys(_aliases(self.dependant, "query_params"))
        given = [name for name, _ in request.query_params.multi_items()]
        for name in given:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise InvalidArgument(name[:MAX_NAME_CHARS], f"is not a parameter of this address; {takes}")
            if given.count(name) > 1:
                raise InvalidArgument(name, "is given more than once")
        headers = {name.lower() for name in _aliases(self.dependant, "header_params")}
        for name in CONDITIONS:
            values = request.headers.getlist(name)
            if values and name not in headers:
                raise InvalidArgument(name.title(), "cannot be kept here: it is for appends; leave it out")
            if len(values) > 1:
                raise InvalidArgument(name.title(), "is given more than once")
        for name in CONDITIONS_OF_WRITES:
            if name in request.headers and request.method != "GET":
                raise InvalidArgument(
                    name.title(), "cannot be kept here (an append keeps If-Match); leave it out"
                )


def _refused(error: RecollectError, request: Request, door: Door) -> Response:
    return problems.of_error(
        error,
        in_path="conversation_id" in request.path_params,
        sent="authorization" in request.headers,
        metadata_url=door.metadata_url,
    )


def _holding(request: StrictRequest, door: Door) -> AbstractContextManager[Hold]:
    """Around a request that is kept in memory: the caller may have so many bytes of them."""
    return (
        nullcontext(lambda size: None) if door.limits is None else door.limits.holding(request.caller.user_id)
    )


async def _read(request: Request, limit: int, hold: Hold) -> bytes:
    """The body. Raises: HTTPException for one that is too large, holds too much, or is not called JSON;
    TooManyRequests."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "The body has to be JSON: send Content-Type: application/json")
    too_large = HTTPException(413, f"A request may have {limit} bytes; send less at once")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large
        hold(len(chunk))
        chunks.append(chunk)
    body = b"".join(chunks)
    if too_many_values(body):
        raise HTTPException(413, f"A request may hold {MAX_VALUES} JSON values; send less at once")
    return body


async def _read_nothing(request: StrictRequest) -> None:
    """Refuse a body that would be passed over: who sends {"permanent": true} means it. Some clients send {}
    for nothing. Raises: InvalidArgument."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return
    sent, size = b"", 0
    async for chunk in request.stream():
        sent, size = (sent + chunk).strip(), size + len(chunk)
        if size > MOST_OF_NOTHING or sent not in (b"", b"{", b"{}"):
            raise InvalidArgument("body", "is not read here; what this takes stands in its address")


def _scopes(route: APIRoute) -> tuple[str, ...]:
    """The scopes that a route takes, as its entry in the OpenAPI document says; none where there are
    alternatives, among which the operation itself chooses."""
    alternatives: list[dict[str, list[str]]] = (route.openapi_extra or {})["security"]
    return tuple(alternatives[0][BEARER]) if len(alternatives) == 1 else ()


def _aliases(dependant: Dependant, kind: str) -> Iterator[str]:
    """The names of the parameters of one kind, those of dependencies included."""
    for parameter in cast("list[Any]", getattr(dependant, kind)):
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _aliases(inner, kind)

"""Around everything that is served: an id for each request, a span, how long it took, a line in the log.

What is kept of a request is the route that took it, never its address, query or headers.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recollect.mcp_server.tracing import spans_are_kept
from recollect.serving.logs import REQUEST_ID

logger = logging.getLogger("recollect.requests")
tracer = trace.get_tracer("recollect")

_GIVEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_FIXED = frozenset(("/mcp", "/sse", "/healthz", "/readyz", "/metrics", "/api/openapi.json"))
_BELOW = {"/messages/": "/messages/", "/.well-known/": "/.well-known/…"}

Record = Callable[[str, str, int, float], None]
"""Takes method, route, status and seconds of a request."""


class Observed:
    """An application that is looked at from outside.

    record:  is told what each request took; None: nobody is.
    """

    def __init__(self, app: ASGIApp, record: Record | None) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id = _id_of(scope)
        seen: dict[str, Any] = {"status": 499}  # nothing was answered: the client went away
        scope = {**scope, "recollect.seen": seen}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", id.encode())]}
            await send(message)

        token = REQUEST_ID.set(id)
        began = time.perf_counter()
        try:
            with _span_of(scope) as span:
                try:
                    await self._app(scope, receive, send_with_id)
                finally:
                    self._end(scope, seen, span, time.perf_counter() - began)
        finally:
            REQUEST_ID.reset(token)

    def _end(self, scope: Scope, seen: dict[str, Any], span: Span, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route: str = seen.get("route") or _route_of(scope["path"])
        status: int = seen["status"]
        if span.is_recording():
            span.update_name(f"{method} {route}")
            span.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            )
            if status >= 500:
                span.set_status(StatusCode.ERROR)
        if self._record is not None:
            self._record(method, route, status, seconds)
        fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        logger.info("request", extra={"fields": fields})


def _span_of(scope: Scope) -> AbstractContextManager[Span]:
    if not spans_are_kept():
        return nullcontext(INVALID_SPAN)
    return tracer.start_as_current_span(
        "HTTP",
        context=propagate.extract(Headers(scope=scope)),
        kind=SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    )


def _id_of(scope: Scope) -> str:
    """The id that a proxy gave, where it looks like one; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            return given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
    return secrets.token_hex(8)


def _route_of(path: str) -> str:
    """The route of a path that is no operation of the API."""
    if path in _FIXED:
        return path
    return next((name for start, name in _BELOW.items() if path.startswith(start)), "other")

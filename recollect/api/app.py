"""The REST API, put together. `OPERATIONS` is the whole surface."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from recollect.api import branches, conversations, events, exports, imports, messages, problems, search, turns
from recollect.api.document import document
from recollect.api.heads import Heads
from recollect.api.operation import Operation
from recollect.api.paths import RawPaths
from recollect.api.route import Changes, Door, Reach, StrictRoute
from recollect.identity.authenticator import Authenticator
from recollect.identity.limits import Limits
from recollect.settings import MAX_REQUEST_BYTES

OPERATIONS: tuple[Operation, ...] = (
    *conversations.OPERATIONS,
    *messages.OPERATIONS,
    *turns.OPERATIONS,
    *branches.OPERATIONS,
    *search.OPERATIONS,
    *events.OPERATIONS,
    *exports.OPERATIONS,
    *imports.OPERATIONS,
)

MAX_IMPORT = 2 * 1024 * 1024 * 1024


def create_api(
    reach: Reach,
    authenticator: Authenticator,
    changes: Changes,
    *,
    limits: Limits | None = None,
    metadata_url: str | None = None,
    max_body: int = MAX_REQUEST_BYTES,
    max_import: int = MAX_IMPORT,
) -> FastAPI:
    """The ASGI application that answers below `/api/`.

    reach:          gives a user's history.
    authenticator:  tells who holds a token.
    changes:        gives the ids of a caller's conversations as they change, None in between; first None.
    limits:         how much a user may ask for; None: as much as one likes.
    metadata_url:   where a client without a token learns who gives them out; None: nowhere.
    max_body:       largest request in bytes, but for a file to import.
    max_import:     largest file to import, in bytes.
    """
    app = FastAPI(
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load their programs from another site
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _on_http_error},
        # FastAPI's own spans carry the query, in which there are titles and metadata.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.door = Door(reach, authenticator, changes, limits, metadata_url, max_body, max_import)
    app.router.route_class = StrictRoute
    for operation in OPERATIONS:
        app.router.add_api_route(
            operation.path,
            operation.run,
            methods=[operation.method],
            status_code=operation.status,
            operation_id=operation.run.__name__,
            response_model=None,
            responses=operation.responses(),
            openapi_extra=operation.more(),
        )
    app.add_middleware(RawPaths)
    app.add_middleware(Heads)
    app.openapi = cache(lambda: document(app))
    return app


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What is answered before a route is found. An address names all the methods that it takes."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 405:
        allowed = sorted(_methods(request))
        error = HTTPException(405, error.detail, {"Allow": ", ".join(allowed)})
    return problems.of_http(error)


def _methods(request: Request) -> set[str]:
    found: set[str] = set()
    routes: list[Any] = request.app.routes
    for route in routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found | ({"HEAD"} if "GET" in found else set())

"""Whether the process lives (/healthz), and whether it can do its work (/readyz)."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from recollect.mcp_server.backend import LazyBackend
from recollect.models.errors import NotReady, RecollectError

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that the database may take to say that it is ready."""

LASTING = 1.0
"""Seconds for which an answer stands: whoever asks often does not make the database work."""

READY = "ready"
NOT_READY = "not-ready"
UNAVAILABLE = "unavailable"


def health_routes(backend: LazyBackend) -> list[Route]:
    readiness = Readiness(backend)

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"}, headers={"Cache-Control": "no-store"})

    async def ready(_request: Request) -> Response:
        state = await readiness.state()
        status = 200 if state == READY else 503
        return JSONResponse({"status": state}, status, headers={"Cache-Control": "no-store"})

    return [Route("/healthz", live, methods=["GET"]), Route("/readyz", ready, methods=["GET"])]


class Readiness:
    """Asks the database: is it reached, migrated, with its roles and row security as they have to be?

    The answer names the kind of problem; the log says what to do, once for each change.
    """

    def __init__(self, backend: LazyBackend) -> None:
        self._backend = backend
        self._lock = asyncio.Lock()
        self._known = ""
        self._until = 0.0

    async def state(self) -> str:
        """`ready`, `unavailable` (it may pass), or `not-ready` (it needs an operator)."""
        async with self._lock:
            if time.monotonic() >= self._until:
                state, problem = await self._look()
                if problem and state != self._known:
                    logger.warning("not ready: %s", problem)
                self._known = state
                self._until = time.monotonic() + LASTING
            return self._known

    async def _look(self) -> tuple[str, str]:
        try:
            async with asyncio.timeout(PATIENCE):
                store = await self._backend.store()
                await store.check_ready()
        except TimeoutError:
            return UNAVAILABLE, self._silence()
        except RecollectError as error:
            return NOT_READY if isinstance(error, NotReady) else UNAVAILABLE, str(error)
        return READY, ""

    def _silence(self) -> str:
        """What the log says of a database that gave no answer in time."""
        problem = f"the database did not answer within {PATIENCE:g} seconds"
        store = self._backend.opened()
        if store is None:
            return problem
        use = store.pool_use()
        if use.free == 0 and use.open >= use.size:
            return (
                f"{problem}, and all {use.size} connections of this process are in use: raise "
                "RECOLLECT_POOL_SIZE, or see in pg_stat_activity what they wait for"
            )
        return str(store.database.unreachable(PATIENCE) or problem)

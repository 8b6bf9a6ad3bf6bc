"""What `recollect serve` serves, put together: /mcp and /sse, /api, /healthz, /readyz, /metrics."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Scope

from recollect.identity.one_user import OneUser
from recollect.mcp_server.address import API_PATH
from recollect.mcp_server.assembly import Assembly
from recollect.mcp_server.guard import in_plain_text
from recollect.serving.health import health_routes
from recollect.serving.observed import Observed
from recollect.serving.siblings import Place


def create_app(parts: Assembly, place: Place | None = None) -> ASGIApp:
    """The application made of a process's parts.

    place:  of this process among the others of its server; None: it is alone.
    """
    beside: list[BaseRoute] = list(health_routes(parts.backend))
    if not has_extra():
        return Observed(parts.app(beside), None)
    if not parts.settings.metrics:
        return Observed(parts.app([*beside, _rest(parts)], refuse=_refuse), None)
    from recollect.serving.metrics import Metrics  # imported here: it is not there without the extra

    metrics = Metrics(parts.backend.opened, place)
    app = parts.app([*beside, metrics.route(), _rest(parts)], [metrics.time_tools], _refuse)
    return Observed(app, metrics.request)


def has_extra() -> bool:
    """Whether `recollect[server]` is installed, without which there is neither REST nor metrics."""
    return all(find_spec(name) is not None for name in ("fastapi", "prometheus_client"))


def _refuse(scope: Scope, status: int, reason: str) -> ASGIApp:
    """A foreign Host or Origin is a problem below /api/ as everything there."""
    from recollect.api.problems import of_http  # imported here: it is not there without the extra

    below = scope["path"].startswith(f"{API_PATH}/")
    return of_http(HTTPException(status, reason)) if below else in_plain_text(scope, status, reason)


def _rest(parts: Assembly) -> BaseRoute:
    """The API takes whatever no other route takes, so that this too is answered with a problem."""
    from recollect.api.app import create_api  # imported here: it is not there without the extra

    tokens = parts.authenticator
    api = create_api(
        parts.backend.history,
        tokens or OneUser(parts.settings.user_id),
        lambda caller: parts.listening.changes(caller.user_id, caller.expires_at),
        limits=None if tokens is None else parts.limits,
        metadata_url=None if tokens is None else parts.address.metadata_url(API_PATH),
        max_import=parts.settings.max_import_bytes,
    )
    return Mount("", app=api)

"""What `recollect serve` serves, put together: /mcp and /sse, /api, /healthz, /readyz, /metrics."""

from __future__ import annotations

from importlib.util import find_spec

from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from recollect.identity.access_tokens import AccessTokens
from recollect.identity.authenticator import Authenticator, TokenAuthenticator
from recollect.identity.issuers import Issuers
from recollect.identity.limits import Limits
from recollect.identity.one_user import OneUser
from recollect.mcp_server.address import API_PATH, Address
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import LazyBackend
from recollect.mcp_server.bearer import current_caller, permitted
from recollect.mcp_server.http import Door, create_http_app
from recollect.serving.health import health_routes
from recollect.serving.observed import Observed
from recollect.settings import Settings


def create_app(settings: Settings, backend: LazyBackend, address: Address, limits: Limits) -> ASGIApp:
    """The application: for the users of the accepted tokens, or without tokens for the one user.

    limits:  for all that `backend` writes too.
    """
    tokens = _authenticator(settings, backend, address)
    metrics = None
    if has_extra() and settings.metrics:
        # Imported here, since it is not there without the extra.
        from recollect.serving.metrics import Metrics

        metrics = Metrics(backend.opened)
    server = create_server(
        backend,
        identity=(lambda: settings.user_id) if tokens is None else (lambda: current_caller().user_id),
        middleware=[
            *([] if metrics is None else [metrics.time_tools]),
            *([] if tokens is None else [permitted]),
        ],
    )
    beside: list[BaseRoute] = [*health_routes(backend), *([] if metrics is None else [metrics.route()])]
    if has_extra():
        beside.append(_rest(settings, backend, address, tokens, limits))
    issuers = [issuer.issuer for issuer in settings.issuers if issuer.secret is None]
    door = None if tokens is None else Door(tokens, limits, issuers)
    app = create_http_app(server, address, door=door, beside=beside)
    return Observed(app, None if metrics is None else metrics.request)


def takes_tokens(settings: Settings) -> bool:
    """Whether each request needs a token; otherwise there is one user."""
    return bool(settings.issuers) or settings.access_tokens


def has_extra() -> bool:
    """Whether `recollect[server]` is installed, without which there is neither REST nor metrics."""
    return all(find_spec(name) is not None for name in ("fastapi", "prometheus_client"))


def _authenticator(settings: Settings, backend: LazyBackend, address: Address) -> Authenticator | None:
    if not takes_tokens(settings):
        return None
    tokens = AccessTokens(backend.database) if settings.access_tokens else None
    return TokenAuthenticator(Issuers(settings.issuers, address.resources()), tokens)


def _rest(
    settings: Settings,
    backend: LazyBackend,
    address: Address,
    tokens: Authenticator | None,
    limits: Limits,
) -> BaseRoute:
    """The API takes whatever no other route takes, so that this too is answered with a problem."""
    from recollect.api.app import create_api  # imported here: it is not there without the extra

    api = create_api(
        backend.history,
        tokens or OneUser(settings.user_id),
        limits=None if tokens is None else limits,
        metadata_url=None if tokens is None else address.metadata_url(API_PATH),
    )
    return Mount("", app=api)

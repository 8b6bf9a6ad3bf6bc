"""What one process serves from, put together from the settings."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server.context import ServerMiddleware
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from recollect.identity.access_tokens import AccessTokens
from recollect.identity.authenticator import Authenticator, TokenAuthenticator
from recollect.identity.issuers import Issuers
from recollect.identity.limits import Limits
from recollect.mcp_server.address import Address
from recollect.mcp_server.app import create_server
from recollect.mcp_server.backend import LazyBackend, lazy_backend
from recollect.mcp_server.bearer import Permitted, current_caller
from recollect.mcp_server.feed import Feed
from recollect.mcp_server.guard import Refuse, in_plain_text
from recollect.mcp_server.http import Door, create_http_app
from recollect.mcp_server.listening import Listening
from recollect.settings import Settings


@dataclass(frozen=True, slots=True)
class Assembly:
    """The parts that the doors of one process share.

    address:        how clients call this server.
    authenticator:  who holds a token; None: there are no tokens, and one user.
    limits:         for all that the users ask for, through whichever door.
    feed, listening:  who is told of changes.
    """

    settings: Settings
    address: Address
    backend: LazyBackend
    authenticator: Authenticator | None
    limits: Limits
    feed: Feed
    listening: Listening

    def app(
        self,
        beside: Sequence[BaseRoute] = (),
        middleware: Sequence[ServerMiddleware[Any]] = (),
        refuse: Refuse = in_plain_text,
    ) -> Starlette:
        """The application: MCP, and the routes of other doors `beside` it, which look at tokens
        themselves. Requests with a foreign Host or Origin reach neither.

        middleware:  what MCP requests pass before anything else.
        refuse:      gives the answer to a foreign Host or Origin.
        """
        if self.authenticator is None:
            server = create_server(
                self.backend,
                identity=self._one_user,
                middleware=[*middleware, self.listening],
                subscriptions=self.feed,
            )
            return create_http_app(server, self.address, beside=beside, refuse=refuse)
        server = create_server(
            self.backend,
            identity=_user_of_token,
            middleware=[*middleware, Permitted(self.limits), self.listening],
            subscriptions=self.feed,
        )
        issuers = [issuer.issuer for issuer in self.settings.issuers if issuer.secret is None]
        door = Door(self.authenticator, self.limits, issuers)
        return create_http_app(server, self.address, door=door, beside=beside, refuse=refuse)

    def _one_user(self) -> str:
        return self.settings.user_id


@asynccontextmanager
async def assembled(settings: Settings, address: Address) -> AsyncGenerator[Assembly]:
    """The parts, until the block ends. The store is opened when it is first needed."""
    limits = Limits(settings)
    tokens = takes_tokens(settings)
    identity: Callable[[], str] = _user_of_token if tokens else lambda: settings.user_id

    def wrote(user_id: str, count: int) -> None:
        limits.wrote(user_id, count)
        feed.wrote(user_id)

    async with lazy_backend(settings, wrote=wrote) as backend:
        feed = Feed(identity, backend.database)
        yield Assembly(
            settings,
            address,
            backend,
            _authenticator(settings, backend, address) if tokens else None,
            limits,
            feed,
            Listening(feed, _end_of_token if tokens else lambda: math.inf),
        )


def takes_tokens(settings: Settings) -> bool:
    """Whether each request needs a token; otherwise there is one user."""
    return bool(settings.issuers) or settings.access_tokens


def _authenticator(settings: Settings, backend: LazyBackend, address: Address) -> Authenticator:
    tokens = AccessTokens(backend.database) if settings.access_tokens else None
    return TokenAuthenticator(Issuers(settings.issuers, address.resources()), tokens)


def _user_of_token() -> str:
    return current_caller().user_id


def _end_of_token() -> float:
    return current_caller().expires_at

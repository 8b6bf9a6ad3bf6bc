"""From the token of a request to its caller."""

from __future__ import annotations

from typing import Protocol

from recollect.identity.caller import Caller
from recollect.identity.issuers import Issuers
from recollect.models.errors import Unauthenticated


class Authenticator(Protocol):
    """Tells who holds a token."""

    async def authenticate(self, token: str | None) -> Caller:
        """The caller whose token this is.

        token:  what stands after `Bearer` in the Authorization header; None without one.

        Raises: Unauthenticated (no token, or one that is not accepted), Unavailable (whether it
        is good cannot be found out right now).
        """
        ...


class TokenAuthenticator:
    """Accepts the JWTs of issuers."""

    def __init__(self, issuers: Issuers) -> None:
        self._issuers = issuers

    async def authenticate(self, token: str | None) -> Caller:
        """See `Authenticator`."""
        if token is None:
            raise Unauthenticated("there is no token; send one as Authorization: Bearer …")
        return await self._issuers.caller(token)

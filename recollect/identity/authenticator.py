"""From the token of a request to its caller."""

from __future__ import annotations

from typing import Protocol

from recollect.identity.access_tokens import PREFIX, AccessTokens
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

    async def confirm(self, token: str | None) -> None:
        """Look again whether a token was revoked since it was accepted: the body of a request may come for
        hours.

        Raises: Unauthenticated, Unavailable.
        """
        ...


class TokenAuthenticator:
    """Accepts the JWTs of issuers and, where there are any, personal access tokens."""

    def __init__(self, issuers: Issuers, access_tokens: AccessTokens | None = None) -> None:
        self._issuers = issuers
        self._access_tokens = access_tokens

    async def authenticate(self, token: str | None) -> Caller:
        """See `Authenticator`."""
        if token is None:
            raise Unauthenticated("there is no token; send one as Authorization: Bearer TOKEN")
        if self._access_tokens is not None and token.startswith(PREFIX):
            return await self._access_tokens.caller(token)
        return await self._issuers.caller(token)

    async def confirm(self, token: str | None) -> None:
        """See `Authenticator`. JWTs are not revoked; one that expired meanwhile was good for its request."""
        if self._access_tokens is not None and token is not None and token.startswith(PREFIX):
            await self._access_tokens.caller(token)

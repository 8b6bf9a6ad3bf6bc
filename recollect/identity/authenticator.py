"""From the token of a request to its caller."""

from __future__ import annotations

from typing import Protocol

from recollect.identity.caller import Caller


class Authenticator(Protocol):
    """Tells who holds a token."""

    async def authenticate(self, token: str | None) -> Caller:
        """The caller whose token this is.

        token:  what stands after `Bearer` in the Authorization header; None without one.

        Raises: Unauthenticated (no token, or one that is not accepted), Unavailable (whether it
        is good cannot be found out right now).
        """
        ...

"""A server without tokens: whoever can connect is its one user."""

from __future__ import annotations

from recollect.identity.caller import SCOPES, Caller


class OneUser:
    """An authenticator for whom everybody is the same user, who may do everything."""

    def __init__(self, user_id: str) -> None:
        self._caller = Caller(user_id, frozenset(SCOPES), "local")

    async def authenticate(self, token: str | None) -> Caller:
        """See `Authenticator`. A token is not looked at."""
        return self._caller

    async def confirm(self, token: str | None) -> None:
        """See `Authenticator`."""

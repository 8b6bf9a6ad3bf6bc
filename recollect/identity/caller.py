"""The caller of one request: whose history it is about, and what the token allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from recollect.models.errors import Forbidden

READ = "history:read"
WRITE = "history:write"
ERASE = "history:erase"

SCOPES = (READ, WRITE, ERASE)

IN_SCOPE = "recollect.caller"
"""Where in a request's ASGI scope a dictionary may be, in which a door says the `user_id` of its caller."""

# Whoever writes is told what others wrote meanwhile, so a token that may write may read.
_INCLUDED = {WRITE: {READ}}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a token names.

    user_id:  whose history: the key of everything that is stored.
    scopes:   what the token allows, of `SCOPES`.
    client:   the program that holds the token, as its issuer names it. Not a secret.
    expires_at:  when the token ends, in seconds since 1970. What lasts longer than a request has to
              end with it.
    """

    user_id: str
    scopes: frozenset[str]
    client: str
    expires_at: float = math.inf

    def require(self, *scopes: str) -> None:
        """Refuse what the token does not allow.

        scopes:  all that the operation needs. `history:write` includes `history:read`.

        Raises: Forbidden.
        """
        allowed = self.scopes.union(*(_INCLUDED.get(scope, ()) for scope in self.scopes))
        if not allowed.issuperset(scopes):
            raise Forbidden(scopes)

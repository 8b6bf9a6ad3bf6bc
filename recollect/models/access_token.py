"""A personal access token as its owner sees it: never the token itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True, frozen=True)
class AccessToken:
    """What is known of a token.

    id:            12 hexadecimal digits that name it; useless without the token.
    scopes:        what it allows.
    last_used_at:  to the minute or so; None: never used.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None

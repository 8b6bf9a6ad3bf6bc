"""Personal access tokens, for people without an identity provider.

A token is `rct_`, its user, a dot and 32 random bytes. Only its SHA-256 is stored: the secret has
256 random bits, so a slow hash would protect nothing more. The user in it says among whose rows
to look; it proves nothing, the hash of the whole does.
"""

from __future__ import annotations

import binascii
import logging
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from recollect.db import access_tokens
from recollect.db.database import MAX_USER_ID_CHARS, Database
from recollect.history.scope import users_table
from recollect.identity.caller import SCOPES, Caller
from recollect.models.access_token import AccessToken
from recollect.models.errors import InvalidArgument, NotFound, RecollectError, Unauthenticated
from recollect.models.parts import check_storable, storable

logger = logging.getLogger(__name__)

PREFIX = "rct_"

SECRET_BYTES = 32
MAX_CHARS = len(PREFIX) + 4 * MAX_USER_ID_CHARS * 4 // 3 + 50
MAX_NAME_CHARS = 100
MOST_DAYS = 3650

CHECK_SECONDS = 10.0
"""How long a token that was good is not looked up again: so long one that was revoked still works."""

USE_SECONDS = 60.0
"""How exactly it is known when a token was used last."""

MOST_REMEMBERED = 10_000

NOT_KNOWN = "the token is not known here; it may have been revoked"


@dataclass(slots=True)
class _Seen:
    """A token that was found to be good. looked: monotonic seconds."""

    caller: Caller
    expires_at: datetime
    looked: float


class AccessTokens:
    """The personal access tokens in a database.

    database:  gives the database, once it is open.
    """

    def __init__(self, database: Callable[[], Awaitable[Database]]) -> None:
        self._database = database
        self._seen: dict[bytes, _Seen] = {}

    async def create(
        self, user_id: str, name: str, scopes: Sequence[str], days: int
    ) -> tuple[str, AccessToken]:
        """Make a token: the token itself, which is shown this once, and what is known of it.

        name:    what it is for, 1 to 100 characters.
        scopes:  at least one of `SCOPES`.
        days:    how long it works, 1 to 3,650.

        Raises: InvalidArgument, NotReady (a user whom the linked users table lacks).
        """
        check_user(user_id)
        if not 0 < len(name) <= MAX_NAME_CHARS:
            raise InvalidArgument("name", f"must have 1 to {MAX_NAME_CHARS} characters")
        check_storable("name", name)
        if not scopes or not set(scopes) <= set(SCOPES):
            raise InvalidArgument("scopes", f"must be some of {', '.join(SCOPES)}")
        if not 1 <= days <= MOST_DAYS:
            raise InvalidArgument("days", f"must be 1 to {MOST_DAYS}")
        token = _make(user_id)
        expires_at = datetime.now(UTC) + timedelta(days=days)
        database = await self._database()
        with users_table():
            async with database.write(user_id) as tx:
                made = await access_tokens.insert(
                    tx, user_id, name, _hash(token), sorted(set(scopes)), expires_at
                )
        return token, made

    async def list(self, user_id: str) -> list[AccessToken]:
        """All tokens of a user, the newest first. Raises: InvalidArgument."""
        check_user(user_id)
        async with (await self._database()).read(user_id) as tx:
            return await access_tokens.of_user(tx, user_id)

    async def revoke(self, user_id: str, id: str) -> None:
        """Remove a token. It stops working at once here, in other processes within 10 seconds.

        Raises: InvalidArgument, NotFound.
        """
        check_user(user_id)
        check_storable("id", id)
        async with (await self._database()).write(user_id) as tx:
            removed = await access_tokens.remove(tx, user_id, id)
        self._seen.clear()
        if not removed:
            raise NotFound(f"id: {user_id!r} has no token {id!r}; `recollect token list` shows the ids")

    async def caller(self, token: str) -> Caller:
        """The caller whose token this is. Raises: Unauthenticated, Unavailable, NotReady."""
        user_id = _user_of(token)
        if user_id is None:
            raise Unauthenticated(NOT_KNOWN)
        hash = _hash(token)
        seen = self._seen.get(hash)
        if seen is None or time.monotonic() - seen.looked > CHECK_SECONDS:
            seen = await self._look(user_id, hash)
        if seen.expires_at <= datetime.now(UTC):
            raise Unauthenticated("the token has expired; make a new one with `recollect token create`")
        return seen.caller

    async def _look(self, user_id: str, hash: bytes) -> _Seen:
        self._seen.pop(hash, None)
        database = await self._database()
        async with database.read(user_id) as tx:
            found = await access_tokens.find(tx, user_id, hash)
        if found is None:
            raise Unauthenticated(NOT_KNOWN)
        caller = Caller(user_id, frozenset(found.scopes), f"token {found.id}", found.expires_at.timestamp())
        seen = _Seen(caller, found.expires_at, time.monotonic())
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        self._seen[hash] = seen
        used = found.last_used_at
        if used is None or datetime.now(UTC) - used > timedelta(seconds=USE_SECONDS):
            await _note_use(database, user_id, hash)
        return seen


def check_user(user_id: str) -> None:
    """Refuse what cannot be a user id. Raises: InvalidArgument."""
    if not 0 < len(user_id) <= MAX_USER_ID_CHARS:
        raise InvalidArgument("user", f"must have 1 to {MAX_USER_ID_CHARS} characters")
    check_storable("user", user_id)


async def _note_use(database: Database, user_id: str, hash: bytes) -> None:
    """Nobody is turned away because it cannot be noted, as on a disk that is full."""
    try:
        async with database.write(user_id) as tx:
            await access_tokens.note_use(tx, user_id, hash)
    except RecollectError as error:
        logger.warning("the use of a token could not be noted: %s", error)


def _make(user_id: str) -> str:
    return f"{PREFIX}{_encoded(user_id.encode())}.{_encoded(secrets.token_bytes(SECRET_BYTES))}"


def _user_of(token: str) -> str | None:
    """Whose token it claims to be; None for what is no token."""
    user, dot, secret = token.removeprefix(PREFIX).partition(".")
    if not token.startswith(PREFIX) or not dot or not secret or len(token) > MAX_CHARS:
        return None
    try:
        user_id = urlsafe_b64decode(user + "=" * (-len(user) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return user_id if 0 < len(user_id) <= MAX_USER_ID_CHARS and storable(user_id) else None


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()

"""Whose history a verb works on, and the answers that several verbs give."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from hashlib import blake2b

import asyncpg

from recollect.db import failures
from recollect.db.database import Database
from recollect.db.link import CONSTRAINTS as LINK_CONSTRAINTS
from recollect.history.meanings import Meanings
from recollect.models.batch import Batch
from recollect.models.conversation import Conversation
from recollect.models.errors import Conflict, NotFound, NotReady, RecollectError
from recollect.models.message import Appended
from recollect.settings import Settings

MAX_PAGE = 500
MAX_ID_CHARS = 200

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_ID_BITS = 65


Wrote = Callable[[str, int], None]
"""Told the user and the estimated tokens of what was written, once it is."""


class Scope:
    """One user, the database, and the limits that are settings."""

    def __init__(
        self,
        db: Database,
        user_id: str,
        settings: Settings,
        wrote: Wrote = lambda user_id, tokens: None,
        meanings: Meanings | None = None,
    ) -> None:
        self._db = db
        self._user = user_id
        self._settings = settings
        self._wrote = wrote
        self._meanings = meanings

    @property
    def user_id(self) -> str:
        return self._user

    def _landed(self, appended: Appended, batch: Batch) -> Appended:
        if not appended.replayed:
            self._wrote(self._user, sum(batch.token_counts))
            self._told(appended.conversation_id, appended.first_seq)
        return appended

    def _told(self, conversation_id: str, first: int) -> None:
        """Messages from `first` on are new."""
        if self._meanings is not None:
            self._meanings.appended(self._user, conversation_id, first)


def not_found(id: str) -> NotFound:
    """The same for what does not exist and for what is another user's."""
    return NotFound(
        f"conversation_id: there is no conversation {id!r}. List conversations to find the right id"
    )


def in_trash(id: str) -> Conflict:
    return Conflict(f"conversation_id: {id!r} is in the trash and does not change; restore it first")


def unchangeable(id: str, present: Conversation | None, argument: str) -> RecollectError:
    """Why a conversation, as it is there, did not change as asked: it lacks what `argument` names, if nothing
    else."""
    if present is None:
        return not_found(id)
    return in_trash(id) if present.deleted_at is not None else no_message(argument, present.last_seq)


def no_message(argument: str, last_seq: int) -> NotFound:
    return NotFound(f"{argument}: this conversation has no such message; its last one is {last_seq}")


def random_id() -> str:
    """A short random id: models copy it more reliably than a UUID."""
    return _id(secrets.randbits(_ID_BITS))


def id_from_key(user_id: str, key: str) -> str:
    """The id of the conversation that a user begins with an idempotency key."""
    return id_of(f"{user_id}\0{key}")


def id_of(seed: str) -> str:
    """An id that follows from a text, in the shape of a random one."""
    digest = blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return _id(int.from_bytes(digest) >> (128 - _ID_BITS))


def _id(number: int) -> str:
    return "c_" + "".join(_ID_ALPHABET[number >> shift & 31] for shift in range(0, _ID_BITS, 5))


@contextmanager
def users_table() -> Generator[None]:
    """Around what makes a conversation or a token: says so where the linked users table lacks the user."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        if failures.broken_constraint(error) not in LINK_CONSTRAINTS:
            raise
        raise NotReady(
            "this user is not in the application's users table that conversations are linked to; "
            "create the user there first"
        ) from error

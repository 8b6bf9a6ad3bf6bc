"""Whose history a verb works on, and the answers that several verbs give."""

from __future__ import annotations

from recollect.db.database import Database
from recollect.models.errors import Conflict, NotFound
from recollect.settings import Settings

MAX_PAGE = 500
MAX_ID_CHARS = 200


class Scope:
    """One user, the database, and the limits that are settings."""

    def __init__(self, db: Database, user_id: str, settings: Settings) -> None:
        self._db = db
        self._user = user_id
        self._settings = settings

    @property
    def user_id(self) -> str:
        return self._user


def not_found(id: str) -> NotFound:
    """The same for what does not exist and for what is another user's."""
    return NotFound(
        f"conversation_id: there is no conversation {id!r}. List conversations to find the right id"
    )


def in_trash(id: str) -> Conflict:
    return Conflict(f"conversation_id: {id!r} is in the trash and does not change; restore it first")

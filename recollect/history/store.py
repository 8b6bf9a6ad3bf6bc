"""Opening the store: from settings to a history for a user."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from recollect.db.activity import Counts, PoolUse
from recollect.db.connect import connect
from recollect.db.database import Database
from recollect.db.inspect import check_ready
from recollect.history.history import History
from recollect.history.incoming import check_text
from recollect.history.meanings import Meanings
from recollect.history.scope import Wrote
from recollect.models.errors import NotReady
from recollect.settings import Settings


class Recollect:
    """An open store: a pool of connections to one database. Share one per process.

    async with Recollect.open() as store:
        history = store.for_user("alice")
        conversation = await history.create(title="Trip to Porto")
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        wrote: Wrote = lambda user_id, tokens: None,
        meanings: Meanings | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._wrote = wrote
        self._meanings = meanings

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | None = None, *, wrote: Wrote = lambda user_id, tokens: None
    ) -> AsyncGenerator[Recollect]:
        """Open the store, and close it when the block ends.

        Without a database URL this starts or joins the embedded PostgreSQL and migrates it. A
        database of yours is never migrated by itself: an old one raises NotReady, which names
        the command.

        settings:  default: from the environment and the configuration file.
        wrote:     told the user and the estimated tokens of what each append, summary and copy stored.

        Raises: NotReady, Unavailable, InvalidSetting (a malformed URL).
        """
        chosen = settings or Settings()
        async with connect(chosen) as db:
            if chosen.embeddings_url is None:
                yield cls(db, chosen, wrote)
                return
            # Imported here: without embeddings nobody pays for an HTTP client.
            from recollect.history.semantic.semantic import open_semantic

            async with open_semantic(db, chosen) as semantic:
                yield cls(db, chosen, wrote, semantic)

    @property
    def database(self) -> Database:
        """The database beneath, for what is nobody's history, such as tokens."""
        return self._db

    def for_user(self, user_id: str) -> History:
        """The history of one user. The id is yours: any text of 1 to 255 characters.

        Raises: InvalidArgument.
        """
        return History(
            self._db, check_text("user_id", user_id, 255), self._settings, self._wrote, self._meanings
        )

    async def embed(self, user_id: str) -> int:
        """Give all messages of a user that lack one an embedding, and wait for it; how many got one. It
        happens by itself to users who come back; this is for who wants it done.

        Raises: NotReady (no embeddings are configured, or the database lacks pgvector), Unavailable (the
        provider fails; what was made stays).
        """
        if self._meanings is None:
            raise NotReady(
                "There are no embeddings: RECOLLECT_EMBEDDINGS_URL is not set, or the database lacks "
                "pgvector. `recollect doctor` says which."
            )
        return await self._meanings.complete(check_text("user_id", user_id, 255))

    async def check_ready(self) -> None:
        """Ask the database whether it still is what this code needs: reached, migrated, and with its
        users kept apart. One round trip.

        Raises: NotReady, Unavailable.
        """
        async with self._db.system() as connection:
            await check_ready(connection)

    @property
    def counts(self) -> Counts:
        """What this store did since it was opened, as numbers."""
        return self._db.counts

    def pool_use(self) -> PoolUse:
        """How many connections there are right now, and how many callers wait for one."""
        return self._db.pool_use()

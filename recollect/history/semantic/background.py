"""Giving messages their vectors, behind everything else: no append waits for it, none fails with it.

What is to be done is in memory, and what lacks a vector is in the database. So nothing has to be written
down: of each user whom this process meets first, it looks through all messages once. That completes old
and imported ones, and what a process left that was killed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Sequence

import asyncpg

from recollect.db import embeddings
from recollect.db.database import Database
from recollect.db.embeddings import START, Place, Unembedded, Vector
from recollect.history.semantic.provider import NoVectors, Provider, Refused
from recollect.models.errors import RecollectError, Unavailable

logger = logging.getLogger(__name__)

BATCH = 32
"""Messages of one request."""

PAGE = 512
"""Places that a look through a user's messages takes at once."""

MAX_CHARS = 2_000
"""Of a message, so many characters go to the model: about what small ones read."""

MIN_CHARS = 200
"""What a model refuses of no more than so many characters, it never takes."""

SECONDS = 30.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0
"""Seconds for a request, and between attempts while the provider fails: twice as long each time."""

MOST_NOTED = 10_000
"""Users and conversations that are remembered. Who is forgotten is looked through again when met."""


class Background:
    """What is to be embedded, and the task that does it."""

    def __init__(self, db: Database, provider: Provider, model: str) -> None:
        self._db = db
        self._provider = provider
        self._model = model
        self._met: OrderedDict[str, None] = OrderedDict()
        self._appended: dict[tuple[str, str], int] = {}
        self._unseen: dict[str, Place] = {}
        self._wake = asyncio.Event()

    def meet(self, user_id: str) -> None:
        """Look through this user's messages, unless that was done."""
        if user_id in self._met:
            self._met.move_to_end(user_id)
            return
        if len(self._met) >= MOST_NOTED:
            self._unseen.pop(self._met.popitem(last=False)[0], None)
        self._met[user_id] = None
        self.look_through(user_id)

    def look_through(self, user_id: str) -> None:
        """Embed all messages of this user that lack a vector, such as imported ones."""
        self._unseen[user_id] = START
        self._wake.set()

    def note(self, user_id: str, conversation_id: str, first: int) -> None:
        """Messages from `first` on were appended."""
        self.meet(user_id)
        if len(self._appended) >= MOST_NOTED:  # the provider has failed for long
            self._appended.clear()
            self._met.clear()
            self.meet(user_id)
        place = user_id, conversation_id
        self._appended[place] = min(first, self._appended.get(place, first))
        self._wake.set()

    async def run(self) -> None:
        """Embed until it is cancelled."""
        pause = FIRST_PAUSE
        while True:
            await self._wake.wait()
            try:
                await self.step()
            except (NoVectors, RecollectError, asyncpg.PostgresError) as error:
                said = str(error) if isinstance(error, NoVectors) else type(error).__name__
                logger.warning("no embeddings were made, next attempt in %.0f seconds: %s", pause, said)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = FIRST_PAUSE

    async def step(self) -> bool:
        """Do a part of what there is to do; whether there was anything. Raises what stood against it;
        then it is still to be done."""
        if self._appended:
            await self._of_conversation(*next(iter(self._appended)))
        elif self._unseen:
            await self._of_user(next(iter(self._unseen)))
        else:
            self._wake.clear()
            return False
        return True

    async def _of_conversation(self, user_id: str, id: str) -> None:
        first = self._appended.pop((user_id, id))
        complete = False
        try:
            found = await embeddings.lacking(
                self._db, user_id, id, first, self._model, chars=MAX_CHARS, limit=BATCH
            )
            await self._embed(user_id, found)
            complete = len(found) < BATCH
        finally:
            if not complete:
                self.note(user_id, id, first)

    async def _of_user(self, user_id: str) -> None:
        start = self._unseen.pop(user_id)
        rest: Place | None = start
        try:
            rest, _ = await self._page(user_id, start)
        finally:
            if rest is not None:
                self._unseen.setdefault(user_id, rest)

    async def complete(self, user_id: str) -> int:
        """Embed all messages of a user that lack a vector, now; how many were. Raises: Unavailable."""
        rest: Place | None = START
        total = 0
        while rest is not None:
            try:
                rest, made = await self._page(user_id, rest)
            except NoVectors as error:
                raise Unavailable(
                    f"The provider of embeddings (RECOLLECT_EMBEDDINGS_URL) does not do its part: {error}. "
                    f"{total} messages were embedded; try again to go on."
                ) from error
            total += made
        return total

    async def _page(self, user_id: str, start: Place) -> tuple[Place | None, int]:
        """Embed what lacks a vector behind a place; where it goes on, and how many were embedded."""
        places = await embeddings.lacking_places(self._db, user_id, start, self._model, PAGE)
        rest = places[-1] if len(places) == PAGE else None
        # Other processes look through the same user's; in another order they seldom do the same.
        random.shuffle(places)
        made = 0
        for begin in range(0, len(places), BATCH):
            some = places[begin : begin + BATCH]
            found = await embeddings.texts(self._db, user_id, some, self._model, MAX_CHARS)
            await self._embed(user_id, found)
            made += len(found)
        return rest, made

    async def _embed(self, user_id: str, messages: Sequence[Unembedded]) -> None:
        if messages:
            vectors = await self._vectors([message.text for message in messages])
            await embeddings.store(self._db, user_id, messages, vectors, self._model)

    async def _vectors(self, texts: list[str]) -> list[Vector]:
        """A vector for each; an empty one where there is nothing to embed, or the model takes none of it."""
        told = [text for text in texts if text.strip()]
        made = iter(await self._taken(told) if told else [])
        return [next(made) if text.strip() else [] for text in texts]

    async def _taken(self, texts: list[str]) -> list[Vector]:
        """What is refused is sent again in parts, to find out which text it was, and then shortened."""
        try:
            return await self._provider.vectors(texts, SECONDS)
        except Refused:
            half = len(texts) // 2
            if half:
                return [*await self._taken(texts[:half]), *await self._taken(texts[half:])]
            if len(texts[0]) > MIN_CHARS:
                return await self._taken([texts[0][: len(texts[0]) // 2]])
            # A provider that refuses everything has another problem, which may pass.
            await self._provider.vectors(["a"], SECONDS)
            return [[]]

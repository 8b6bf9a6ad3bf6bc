"""What a store has beside its database where embeddings are configured."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from recollect.db import embeddings
from recollect.db.database import Database
from recollect.db.search import Meaning
from recollect.history.meanings import Meanings
from recollect.history.semantic.background import Background
from recollect.history.semantic.provider import Provider
from recollect.history.semantic.questions import Questions
from recollect.settings import Settings

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_semantic(db: Database, settings: Settings) -> AsyncGenerator[Semantic | None]:
    """Embeddings of this database's messages, made until the block ends. None where the database lacks
    pgvector: then everything is as without embeddings."""
    if not await embeddings.has_pgvector(db):
        logger.warning("embeddings are configured, but the database lacks pgvector; see `recollect doctor`")
        yield None
        return
    provider = Provider(settings)
    model = model_name(settings)
    background = Background(db, provider, model)
    task = asyncio.create_task(background.run())
    task.add_done_callback(_log_failure)
    try:
        yield Semantic(Questions(provider, model), background)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await provider.close()


class Semantic(Meanings):
    """The vectors of messages and queries."""

    def __init__(self, questions: Questions, background: Background) -> None:
        self._questions = questions
        self._background = background

    def appended(self, user_id: str, conversation_id: str, first: int) -> None:
        self._background.note(user_id, conversation_id, first)

    def brought(self, user_id: str) -> None:
        self._background.look_through(user_id)

    async def complete(self, user_id: str) -> int:
        return await self._background.complete(user_id)

    async def of_query(self, user_id: str, text: str) -> Meaning | None:
        self._background.meet(user_id)
        return await self._questions.meaning(text)


def model_name(settings: Settings) -> str:
    """The model as its vectors are marked: those of other dimensions are not comparable."""
    asked = settings.embeddings_dimensions
    return f"{settings.embeddings_model}" + ("" if asked is None else f" {asked}")


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        # Its text may hold what somebody said.
        logger.error("no more embeddings are made by this process: %s", type(error).__name__)

"""What a query is about: its vector, soon or not at all."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict

from recollect.db.search import Meaning
from recollect.history.semantic.provider import NoVectors, Provider

logger = logging.getLogger(__name__)

SECONDS = 2.0
"""How long a search waits for the provider."""

REST_SECONDS = 30.0
"""After a failure no search waits for so long."""

MAX_CHARS = 2_000
MOST_KEPT = 256
"""Vectors that are kept, so that the next page of a search is one of the same list."""


class Questions:
    """Asks for the vectors of queries, and goes without while the provider fails."""

    def __init__(self, provider: Provider, model: str) -> None:
        self._provider = provider
        self._model = model
        self._kept: OrderedDict[str, Meaning] = OrderedDict()
        self._rests_until = -1.0

    async def meaning(self, text: str) -> Meaning | None:
        """None while there is none to be had."""
        text = text[:MAX_CHARS]
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        if not text or time.monotonic() < self._rests_until:
            return None
        try:
            (vector,) = await self._provider.vectors([text], SECONDS)
        except NoVectors as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            logger.warning("searching by words alone for %.0f seconds: %s", REST_SECONDS, error)
            return None
        self._kept[text] = Meaning(self._model, vector)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[text]

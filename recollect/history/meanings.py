"""What the verbs need of embeddings, where they are configured; `recollect.history.semantic` has it."""

from __future__ import annotations

from typing import Protocol

from recollect.db.search import Meaning


class Meanings(Protocol):
    """Vectors of messages and queries. But for `complete`, nothing waits for a message's or raises."""

    def appended(self, user_id: str, conversation_id: str, first: int) -> None:
        """Messages from `first` on are new in a conversation."""
        ...

    def brought(self, user_id: str) -> None:
        """A user's history got messages by other ways, such as an import."""
        ...

    async def complete(self, user_id: str) -> int:
        """Make what a user's messages lack, now; how many were made. Raises: Unavailable."""
        ...

    async def of_query(self, user_id: str, text: str) -> Meaning | None:
        """What a query of this user is about; None while that cannot be found out."""
        ...

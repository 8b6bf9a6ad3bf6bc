"""What a format's module gives: text for each step of an export."""

from __future__ import annotations

from typing import Protocol

from recollect.db.exports import Exported, StoredMessage
from recollect.models.conversation import Summary


class Writer(Protocol):
    """Makes the text of an export, step by step; nothing of one conversation outlives it."""

    def begin(self) -> str:
        """What stands before all conversations."""
        ...

    def conversation(self, exported: Exported) -> str: ...

    def message(self, stored: StoredMessage) -> str:
        """Messages come by seq."""
        ...

    def summary(self, summary: Summary) -> str:
        """Summaries come after the messages, by seq."""
        ...

    def close(self) -> str:
        """What ends the conversation."""
        ...

    def end(self) -> str:
        """What stands after all conversations."""
        ...

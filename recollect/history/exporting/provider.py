"""JSON lines in a provider's shape, one conversation a line: the path that ends with its head, as the
provider's API accepts it. What has no counterpart there is listed in `lost`."""

from __future__ import annotations

import json
from typing import Any, Literal

from recollect.db.exports import Exported, StoredMessage
from recollect.history.exchanges import split_units
from recollect.history.exporting.shown import Marks
from recollect.history.formats.providers import OUTGOING
from recollect.history.window import EPOCH, NO_RESULT
from recollect.models.conversation import Summary
from recollect.models.message import Message, Role


class Provider:
    def __init__(self, provider: Literal["openai", "anthropic"]) -> None:
        self._provider: Literal["openai", "anthropic"] = provider
        self._exported: Exported | None = None
        self._marks: Marks | None = None
        self._path: list[Message] = []

    def begin(self) -> str:
        return ""

    def conversation(self, exported: Exported) -> str:
        self._exported = exported
        self._marks = Marks(exported)
        self._path = []
        return ""

    def message(self, stored: StoredMessage) -> str:
        if self._marks is not None and not self._marks.aside(stored.message.seq):
            self._path.append(stored.message)
        return ""

    def summary(self, summary: Summary) -> str:
        return ""

    def close(self) -> str:
        if self._exported is None:
            return ""
        found = self._exported.conversation
        lost: list[str] = []
        messages = [] if found.instructions is None else [_made(0, "system", found.instructions, None)]
        for unit in split_units(self._path, lost):
            for message in unit.messages:
                messages.append(message)
                if calls := unit.unanswered.get(message.seq):
                    results = [{"type": "tool_result", "call_id": id, "content": NO_RESULT} for id in calls]
                    messages.append(_made(message.seq, "tool", "", json.dumps(results)))
        rendered = OUTGOING[self._provider](messages)
        line: dict[str, Any] = {"id": found.id, "title": found.title, "system": rendered.system}
        line["messages"] = rendered.messages
        line["lost"] = [*lost, *rendered.lost]
        return json.dumps({name: value for name, value in line.items() if value not in (None, [])}) + "\n"

    def end(self) -> str:
        return ""


def _made(seq: int, role: Role, words: str, parts: str | None) -> Message:
    return Message(seq, seq, role, None, words, parts, 0, None, None, EPOCH, None)

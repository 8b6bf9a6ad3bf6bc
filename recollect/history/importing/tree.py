"""A tree out of messages that name the ones they follow."""

from __future__ import annotations

from collections.abc import Mapping

from recollect.history.formats.rendered import JsonObject
from recollect.models.imported import Notes

NOBODY = "00000000-0000-"
"""How the id begins that stands for no parent."""


class ById:
    """Messages by their ids. Of two different ones with one id both are kept."""

    def __init__(self, notes: Notes) -> None:
        self.messages: dict[str, JsonObject] = {}
        self._notes = notes
        self._numbers: dict[str, int] = {}

    def put(self, id: str, said: JsonObject) -> str:
        """Take in a message, and say under which id."""
        if self.messages.get(id) == said:
            self._notes.left_out["messages that come twice"] += 1
            return id
        own, number = id, self._numbers.get(id, 1)
        while own in self.messages:
            number += 1
            own = f"{id}-{number}"
        if own != id:
            self._notes.converted["different messages with one id, kept as two"] += 1
            self._numbers[id] = number
        self.messages[own] = said
        return own


def depth_first(parents: Mapping[str, str | None], notes: Notes) -> list[str]:
    """All ids, each after its parent, and along a branch before the next one begins: so that of most
    messages the one before is the parent. Siblings keep their order.

    A parent that is not there makes a beginning, and is told; a circle is cut open.
    """
    children: dict[str | None, list[str]] = {}
    for id, parent in parents.items():
        if parent is not None and parent not in parents and not parent.startswith(NOBODY):
            notes.converted["messages whose parent is missing, kept as beginnings"] += 1
        children.setdefault(parent if parent in parents else None, []).append(id)
    order: list[str] = []
    seen: set[str] = set()

    def visit(start: str) -> None:
        waiting = [start]
        while waiting:
            id = waiting.pop()
            if id not in seen:
                seen.add(id)
                order.append(id)
                waiting.extend(reversed(children.get(id, ())))

    for root in children.get(None, ()):
        visit(root)
    for id in parents:
        if id not in seen:
            notes.converted["messages that follow each other in a circle: the circle was cut"] += 1
            visit(id)
    return order


class Kept:
    """Which of the messages of a tree are kept, told in the order of `depth_first`."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._nearest: dict[str, str | None] = {}

    def tell(self, id: str, *, kept: bool) -> None:
        self._nearest[id] = id if kept else self.nearest(self._parents[id])

    def nearest(self, id: str | None) -> str | None:
        """`id`, or the closest of those before it that is kept."""
        seen: set[str] = set()
        while id is not None and id not in self._nearest:  # only in a circle, where it is cut
            if id in seen:
                return None
            seen.add(id)
            id = self._parents.get(id)
        return None if id is None else self._nearest[id]
